//! Names of what can be wrong with a packet or a TCP session, as Suricata's `decode-event` and `stream-event` keywords
//! and its `anomaly` records name them (without the leading `decoder.` or `stream.`).

macro_rules! events {
    ($(#[$doc:meta])* $type:ident, $table:ident, { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $type {
            $($variant,)*
        }

        /// The names in the order of their numbers.
        pub static $table: &[&str] = &[$($name,)*];

        impl $type {
            #[must_use]
            pub fn number(self) -> u8 {
                self as u8
            }

            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

events! {
    /// A malformed or odd packet.
    DecoderEvent, DECODER_EVENTS, {
        Ipv4PktTooSmall = "ipv4.pkt_too_small",
        Ipv4HlenTooSmall = "ipv4.hlen_too_small",
        Ipv4IplenSmallerThanHlen = "ipv4.iplen_smaller_than_hlen",
        Ipv4TruncPkt = "ipv4.trunc_pkt",
        Ipv4OptInvalid = "ipv4.opt_invalid",
        Ipv4OptInvalidLen = "ipv4.opt_invalid_len",
        Ipv4OptMalformed = "ipv4.opt_malformed",
        Ipv4OptPadRequired = "ipv4.opt_pad_required",
        Ipv4OptEolRequired = "ipv4.opt_eol_required",
        Ipv4OptDuplicate = "ipv4.opt_duplicate",
        Ipv4OptUnknown = "ipv4.opt_unknown",
        Ipv4WrongIpVersion = "ipv4.wrong_ip_version",
        Ipv4Icmpv6 = "ipv4.icmpv6",
        Ipv4FragPktTooLarge = "ipv4.frag_pkt_too_large",
        Ipv4FragOverlap = "ipv4.frag_overlap",
        Ipv4FragIgnored = "ipv4.frag_ignored",
        Icmpv4PktTooSmall = "icmpv4.pkt_too_small",
        Icmpv4UnknownType = "icmpv4.unknown_type",
        Icmpv4UnknownCode = "icmpv4.unknown_code",
        Icmpv4Ipv4TruncPkt = "icmpv4.ipv4_trunc_pkt",
        Icmpv4Ipv4UnknownVer = "icmpv4.ipv4_unknown_ver",
        Icmpv6PktTooSmall = "icmpv6.pkt_too_small",
        Icmpv6UnknownType = "icmpv6.unknown_type",
        Icmpv6UnknownCode = "icmpv6.unknown_code",
        Icmpv6Ipv6TruncPkt = "icmpv6.ipv6_trunc_pkt",
        Icmpv6Ipv6UnknownVersion = "icmpv6.ipv6_unknown_version",
        Icmpv6MldMessageWithInvalidHl = "icmpv6.mld_message_with_invalid_hl",
        Icmpv6UnassignedType = "icmpv6.unassigned_type",
        Icmpv6ExperimentationType = "icmpv6.experimentation_type",
        Ipv6PktTooSmall = "ipv6.pkt_too_small",
        Ipv6TruncPkt = "ipv6.trunc_pkt",
        Ipv6TruncExthdr = "ipv6.trunc_exthdr",
        Ipv6ExthdrDuplFh = "ipv6.exthdr_dupl_fh",
        Ipv6ExthdrUselessFh = "ipv6.exthdr_useless_fh",
        Ipv6ExthdrDuplRh = "ipv6.exthdr_dupl_rh",
        Ipv6ExthdrDuplHh = "ipv6.exthdr_dupl_hh",
        Ipv6ExthdrDuplDh = "ipv6.exthdr_dupl_dh",
        Ipv6ExthdrDuplAh = "ipv6.exthdr_dupl_ah",
        Ipv6ExthdrDuplEh = "ipv6.exthdr_dupl_eh",
        Ipv6ExthdrInvalidOptlen = "ipv6.exthdr_invalid_optlen",
        Ipv6WrongIpVersion = "ipv6.wrong_ip_version",
        Ipv6ExthdrAhResNotNull = "ipv6.exthdr_ah_res_not_null",
        Ipv6HopoptsUnknownOpt = "ipv6.hopopts_unknown_opt",
        Ipv6HopoptsOnlyPadding = "ipv6.hopopts_only_padding",
        Ipv6DstoptsUnknownOpt = "ipv6.dstopts_unknown_opt",
        Ipv6DstoptsOnlyPadding = "ipv6.dstopts_only_padding",
        Ipv6RhType0 = "ipv6.rh_type_0",
        Ipv6ZeroLenPadn = "ipv6.zero_len_padn",
        Ipv6FhNonZeroReservedField = "ipv6.fh_non_zero_reserved_field",
        Ipv6DataAfterNoneHeader = "ipv6.data_after_none_header",
        Ipv6UnknownNextHeader = "ipv6.unknown_next_header",
        Ipv6Icmpv4 = "ipv6.icmpv4",
        Ipv6FragPktTooLarge = "ipv6.frag_pkt_too_large",
        Ipv6FragOverlap = "ipv6.frag_overlap",
        Ipv6FragInvalidLength = "ipv6.frag_invalid_length",
        Ipv6FragIgnored = "ipv6.frag_ignored",
        Ipv6Ipv4InIpv6TooSmall = "ipv6.ipv4_in_ipv6_too_small",
        Ipv6Ipv4InIpv6WrongVersion = "ipv6.ipv4_in_ipv6_wrong_version",
        Ipv6Ipv6InIpv6TooSmall = "ipv6.ipv6_in_ipv6_too_small",
        Ipv6Ipv6InIpv6WrongVersion = "ipv6.ipv6_in_ipv6_wrong_version",
        TcpPktTooSmall = "tcp.pkt_too_small",
        TcpHlenTooSmall = "tcp.hlen_too_small",
        TcpInvalidOptlen = "tcp.invalid_optlen",
        TcpOptInvalidLen = "tcp.opt_invalid_len",
        TcpOptDuplicate = "tcp.opt_duplicate",
        UdpPktTooSmall = "udp.pkt_too_small",
        UdpHlenTooSmall = "udp.hlen_too_small",
        UdpHlenInvalid = "udp.hlen_invalid",
        UdpLenInvalid = "udp.len_invalid",
        SllPktTooSmall = "sll.pkt_too_small",
        Sll2PktTooSmall = "sll2.pkt_too_small",
        EthernetPktTooSmall = "ethernet.pkt_too_small",
        EthernetUnknownEthertype = "ethernet.unknown_ethertype",
        PppPktTooSmall = "ppp.pkt_too_small",
        PppVjuPktTooSmall = "ppp.vju_pkt_too_small",
        PppIp4PktTooSmall = "ppp.ip4_pkt_too_small",
        PppIp6PktTooSmall = "ppp.ip6_pkt_too_small",
        PppWrongType = "ppp.wrong_type",
        PppUnsupProto = "ppp.unsup_proto",
        PppoePktTooSmall = "pppoe.pkt_too_small",
        PppoeWrongCode = "pppoe.wrong_code",
        PppoeMalformedTags = "pppoe.malformed_tags",
        GrePktTooSmall = "gre.pkt_too_small",
        GreWrongVersion = "gre.wrong_version",
        GreVersion0Recur = "gre.version0_recur",
        GreVersion0Flags = "gre.version0_flags",
        GreVersion0HdrTooBig = "gre.version0_hdr_too_big",
        GreVersion0MalformedSreHdr = "gre.version0_malformed_sre_hdr",
        GreVersion1Chksum = "gre.version1_chksum",
        GreVersion1Route = "gre.version1_route",
        GreVersion1Ssr = "gre.version1_ssr",
        GreVersion1Recur = "gre.version1_recur",
        GreVersion1Flags = "gre.version1_flags",
        GreVersion1NoKey = "gre.version1_no_key",
        GreVersion1WrongProtocol = "gre.version1_wrong_protocol",
        GreVersion1MalformedSreHdr = "gre.version1_malformed_sre_hdr",
        GreVersion1HdrTooBig = "gre.version1_hdr_too_big",
        VlanHeaderTooSmall = "vlan.header_too_small",
        VlanUnknownType = "vlan.unknown_type",
        VlanTooManyLayers = "vlan.too_many_layers",
        Ieee8021ahHeaderTooSmall = "ieee8021ah.header_too_small",
        VntagHeaderTooSmall = "vntag.header_too_small",
        VntagUnknownType = "vntag.unknown_type",
        IprawInvalidIpVersion = "ipraw.invalid_ip_version",
        LtnullPktTooSmall = "ltnull.pkt_too_small",
        LtnullUnsupportedType = "ltnull.unsupported_type",
        SctpPktTooSmall = "sctp.pkt_too_small",
        EspPktTooSmall = "esp.pkt_too_small",
        MplsHeaderTooSmall = "mpls.header_too_small",
        MplsPktTooSmall = "mpls.pkt_too_small",
        MplsBadLabelRouterAlert = "mpls.bad_label_router_alert",
        MplsBadLabelImplicitNull = "mpls.bad_label_implicit_null",
        MplsBadLabelReserved = "mpls.bad_label_reserved",
        MplsUnknownPayloadType = "mpls.unknown_payload_type",
        VxlanUnknownPayloadType = "vxlan.unknown_payload_type",
        GeneveUnknownPayloadType = "geneve.unknown_payload_type",
        ErspanHeaderTooSmall = "erspan.header_too_small",
        ErspanUnsupportedVersion = "erspan.unsupported_version",
        ErspanTooManyVlanLayers = "erspan.too_many_vlan_layers",
        DcePktTooSmall = "dce.pkt_too_small",
        ChdlcPktTooSmall = "chdlc.pkt_too_small",
        NshHeaderTooSmall = "nsh.header_too_small",
        NshUnsupportedVersion = "nsh.unsupported_version",
        NshBadHeaderLength = "nsh.bad_header_length",
        NshReservedType = "nsh.reserved_type",
        NshUnsupportedType = "nsh.unsupported_type",
        NshUnknownPayload = "nsh.unknown_payload",
        ArpPktTooSmall = "arp.pkt_too_small",
        ArpUnsupportedHardware = "arp.unsupported_hardware",
        ArpUnsupportedProtocol = "arp.unsupported_protocol",
        ArpInvalidPkt = "arp.invalid_pkt",
        ArpInvalidHardwareSize = "arp.invalid_hardware_size",
        ArpInvalidProtocolSize = "arp.invalid_protocol_size",
        ArpUnsupportedOpcode = "arp.unsupported_opcode",
        TooManyLayers = "too_many_layers",
    }
}

events! {
    /// A TCP session that does not keep to the protocol, or that cannot be followed in whole.
    StreamEvent, STREAM_EVENTS, {
        HandshakeAckInWrongDir = "3whs_ack_in_wrong_dir",
        HandshakeAsyncWrongSeq = "3whs_async_wrong_seq",
        HandshakeRightSeqWrongAckEvasion = "3whs_right_seq_wrong_ack_evasion",
        HandshakeSynackInWrongDirection = "3whs_synack_in_wrong_direction",
        HandshakeSynackResendWithDifferentAck = "3whs_synack_resend_with_different_ack",
        HandshakeSynackResendWithDiffSeq = "3whs_synack_resend_with_diff_seq",
        HandshakeSynackToserverOnSynRecv = "3whs_synack_toserver_on_syn_recv",
        HandshakeSynackWithWrongAck = "3whs_synack_with_wrong_ack",
        HandshakeSynackFlood = "3whs_synack_flood",
        HandshakeSynResendDiffSeqOnSynRecv = "3whs_syn_resend_diff_seq_on_syn_recv",
        HandshakeSynToclientOnSynRecv = "3whs_syn_toclient_on_syn_recv",
        HandshakeWrongSeqWrongAck = "3whs_wrong_seq_wrong_ack",
        HandshakeAckDataInject = "3whs_ack_data_inject",
        HandshakeSynackTfoDataIgnored = "3whs_synack_tfo_data_ignored",
        HandshakeSynFlood = "3whs_syn_flood",
        FourWaySynackWithWrongAck = "4whs_synack_with_wrong_ack",
        FourWaySynackWithWrongSyn = "4whs_synack_with_wrong_syn",
        FourWayWrongSeq = "4whs_wrong_seq",
        FourWayInvalidAck = "4whs_invalid_ack",
        ClosewaitAckOutOfWindow = "closewait_ack_out_of_window",
        ClosewaitFinOutOfWindow = "closewait_fin_out_of_window",
        ClosewaitPktBeforeLastAck = "closewait_pkt_before_last_ack",
        ClosewaitInvalidAck = "closewait_invalid_ack",
        ClosingAckWrongSeq = "closing_ack_wrong_seq",
        ClosingInvalidAck = "closing_invalid_ack",
        EstPacketOutOfWindow = "est_packet_out_of_window",
        EstPktBeforeLastAck = "est_pkt_before_last_ack",
        EstSynackResend = "est_synack_resend",
        EstSynackResendWithDifferentAck = "est_synack_resend_with_different_ack",
        EstSynackResendWithDiffSeq = "est_synack_resend_with_diff_seq",
        EstSynackToserver = "est_synack_toserver",
        EstSynResend = "est_syn_resend",
        EstSynResendDiffSeq = "est_syn_resend_diff_seq",
        EstSynToClient = "est_syn_toclient",
        EstInvalidAck = "est_invalid_ack",
        FinInvalidAck = "fin_invalid_ack",
        Fin1AckWrongSeq = "fin1_ack_wrong_seq",
        Fin1FinWrongSeq = "fin1_fin_wrong_seq",
        Fin1InvalidAck = "fin1_invalid_ack",
        Fin2AckWrongSeq = "fin2_ack_wrong_seq",
        Fin2FinWrongSeq = "fin2_fin_wrong_seq",
        Fin2InvalidAck = "fin2_invalid_ack",
        FinButNoSession = "fin_but_no_session",
        FinOutOfWindow = "fin_out_of_window",
        FinSyn = "fin_syn",
        LastackAckWrongSeq = "lastack_ack_wrong_seq",
        LastackInvalidAck = "lastack_invalid_ack",
        RstButNoSession = "rst_but_no_session",
        TimewaitAckWrongSeq = "timewait_ack_wrong_seq",
        TimewaitInvalidAck = "timewait_invalid_ack",
        ShutdownSynResend = "shutdown_syn_resend",
        PktInvalidTimestamp = "pkt_invalid_timestamp",
        PktInvalidAck = "pkt_invalid_ack",
        PktBrokenAck = "pkt_broken_ack",
        PktBadWindowUpdate = "pkt_bad_window_update",
        PktRetransmission = "pkt_retransmission",
        PktSpuriousRetransmission = "pkt_spurious_retransmission",
        RstInvalidAck = "rst_invalid_ack",
        SuspectedRstInject = "suspected_rst_inject",
        WrongThread = "wrong_thread",
        ReassemblySegmentBeforeBaseSeq = "reassembly_segment_before_base_seq",
        ReassemblyNoSegment = "reassembly_no_segment",
        ReassemblySeqGap = "reassembly_seq_gap",
        ReassemblyOverlapDifferentData = "reassembly_overlap_different_data",
        ReassemblyDepthReached = "reassembly_depth_reached",
        ReassemblyInsertMemcap = "reassembly_insert_memcap",
        ReassemblyInsertLimit = "reassembly_insert_limit",
        ReassemblyInsertInvalid = "reassembly_insert_invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_one_name_and_its_number_finds_it() {
        for table in [DECODER_EVENTS, STREAM_EVENTS] {
            let mut names = table.to_vec();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.len());
        }
        let last = DecoderEvent::TooManyLayers;
        assert_eq!(DECODER_EVENTS.get(usize::from(last.number())), Some(&last.name()));
        let last = StreamEvent::ReassemblyInsertInvalid;
        assert_eq!(STREAM_EVENTS.get(usize::from(last.number())), Some(&last.name()));
    }
}
