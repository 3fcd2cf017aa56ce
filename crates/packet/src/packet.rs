//! One decoded packet: what rules, flows and records read. It borrows the frame that it was decoded from.

use phitak_model::{Mac, Timestamp};
use std::net::IpAddr;

/// Most VLAN tags that are looked through.
pub const VLAN_TAGS_MAX: usize = 3;

/// IANA protocol numbers that code names.
pub mod ip_proto {
    pub const ICMP: u8 = 1;
    pub const IGMP: u8 = 2;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const ICMPV6: u8 = 58;
    pub const SCTP: u8 = 132;
}

/// A packet of the innermost IP layer that was understood (tunnels give one packet for each layer).
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    pub at: Timestamp,
    /// The frame's number in its capture, from 1 (EVE's `pcap_cnt`).
    pub number: u64,
    /// Bytes of the frame on the wire.
    pub wire_length: u32,
    pub src_mac: Option<Mac>,
    pub dst_mac: Option<Mac>,
    pub vlan: [u16; VLAN_TAGS_MAX],
    pub vlan_count: u8,
    /// Decoded out of a tunnel or rebuilt from fragments: EVE's `pkt_src`.
    pub source: PacketSource,
    /// `None` for a frame without IP (ARP and others): decoder events may still be there.
    pub ip: Option<Ip<'a>>,
    pub layer4: Layer4<'a>,
    /// What stands behind the last header understood.
    pub payload: &'a [u8],
    /// Decoder events, as indices into [`crate::packet::DECODER_EVENTS`]-like tables of the decoder; few, so kept inline.
    pub events: DecoderEvents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketSource {
    Wire,
    /// The tunnel's name as in EVE: `"gre tunnel"`, `"vxlan encapsulation"`…
    Tunnel(&'static str),
    Defragmented,
    /// Made by the engine when a flow ends, so that what is left is inspected (`"stream (flow timeout)"`).
    FlowEnd,
}

#[derive(Clone, Debug)]
pub struct Ip<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// The protocol behind all extension headers.
    pub protocol: u8,
    pub ttl: u8,
    pub tos: u8,
    /// IPv4 identification; 0 for IPv6.
    pub id: u16,
    pub dont_fragment: bool,
    pub more_fragments: bool,
    /// In 8-byte units, as on the wire.
    pub fragment_offset: u16,
    /// The IP header with its options or extension headers.
    pub header: &'a [u8],
    /// Everything behind the IP header within the IP total length.
    pub payload: &'a [u8],
}

#[derive(Clone, Debug)]
pub enum Layer4<'a> {
    Tcp(Tcp<'a>),
    Udp(Udp<'a>),
    Icmp(Icmp<'a>),
    Sctp { src_port: u16, dst_port: u16, header: &'a [u8] },
    /// Another protocol, a later fragment, or a header that did not parse.
    Other,
}

#[derive(Clone, Debug)]
pub struct Tcp<'a> {
    pub src_port: u16,
    pub dst_port: u16,
    pub seq: u32,
    pub ack: u32,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub flags: u8,
    pub window: u16,
    pub urgent: u16,
    pub timestamp: Option<(u32, u32)>,
    pub window_scale: Option<u8>,
    pub mss: Option<u16>,
    pub sack_permitted: bool,
    /// The TCP header with its options.
    pub header: &'a [u8],
}

#[derive(Clone, Debug)]
pub struct Udp<'a> {
    pub src_port: u16,
    pub dst_port: u16,
    pub header: &'a [u8],
}

/// ICMPv4 and ICMPv6 alike; `Ip::protocol` tells which.
#[derive(Clone, Debug)]
pub struct Icmp<'a> {
    pub kind: u8,
    pub code: u8,
    pub id: Option<u16>,
    pub sequence: Option<u16>,
    pub header: &'a [u8],
}

/// At most this many decoder events are kept for one packet.
pub const DECODER_EVENTS_MAX: usize = 8;

/// A small set of decoder events, each the index of its name in the decoder's table.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecoderEvents {
    numbers: [u8; DECODER_EVENTS_MAX],
    count: u8,
}

impl DecoderEvents {
    /// Events beyond [`DECODER_EVENTS_MAX`] and repeats are dropped.
    pub fn push(&mut self, number: u8) {
        let count = usize::from(self.count);
        if self.as_slice().contains(&number) {
            return;
        }
        if let Some(slot) = self.numbers.get_mut(count) {
            *slot = number;
            self.count += 1;
        }
    }

    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.numbers.get(..usize::from(self.count)).unwrap_or_default()
    }
}
