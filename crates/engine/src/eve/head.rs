//! What all records begin with.

use super::Records;
use crate::conversation::Conversation;
use phitak_model::{
    Direction::{self, ToServer},
    Timestamp, decimal,
};
use phitak_packet::{Layer4, Packet, flow::Flow, packet::ip_proto};

/// Whose addresses stand as source and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// As in the packet.
    Packet,
    /// Client to server.
    Flow,
    /// Whoever sends in this direction.
    Sender(Direction),
}

/// Which packet a record stands for.
pub(super) struct Head<'a> {
    pub kind: &'a str,
    pub at: Timestamp,
    pub packet: Option<&'a Packet<'a>>,
    pub flow: Option<&'a Flow<Conversation>>,
    pub ends: Ends,
}

/// EVE's name of an IP protocol; `None` for one that goes by its number.
pub(crate) fn protocol_name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        0 => "HOPOPT",
        ip_proto::ICMP => "ICMP",
        ip_proto::IGMP => "IGMP",
        ip_proto::IPIP => "IPv4",
        ip_proto::TCP => "TCP",
        8 => "EGP",
        ip_proto::UDP => "UDP",
        33 => "DCCP",
        ip_proto::IPV6 => "IPv6",
        43 => "IPv6-Route",
        44 => "IPv6-Frag",
        46 => "RSVP",
        ip_proto::GRE => "GRE",
        ip_proto::ESP => "ESP",
        51 => "AH",
        ip_proto::ICMPV6 => "IPv6-ICMP",
        59 => "IPv6-NoNxt",
        60 => "IPv6-Opts",
        88 => "EIGRP",
        89 => "OSPFIGP",
        94 => "IPIP",
        98 => "ENCAP",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TP",
        ip_proto::SCTP => "SCTP",
        135 => "Mobility-Header",
        136 => "UDPLite",
        _ => return None,
    })
}

impl Records {
    /// Opens a record's object and writes the members that all have.
    pub(super) fn begin(&mut self, head: &Head<'_>) {
        let Self { out, stamp, .. } = self;
        out.clear();
        out.begin_object();
        out.key("timestamp");
        stamp.write(head.at, out);
        if let Some(flow) = head.flow {
            out.member_number("flow_id", flow.state.id);
        }
        if let Some(packet) = head.packet.filter(|packet| packet.number > 0) {
            out.member_number("pcap_cnt", packet.number);
        }
        out.member_str("event_type", head.kind);
        self.vlan(head);
        self.ends(head);
        if let Some(packet) = head.packet {
            if let Layer4::Icmp(icmp) = &packet.layer4 {
                self.out.member_number("icmp_type", icmp.kind.into());
                self.out.member_number("icmp_code", icmp.code.into());
            }
            self.out.member_str("pkt_src", packet.source.as_str());
        }
    }

    fn vlan(&mut self, head: &Head<'_>) {
        let of_flow;
        let ids = match (head.packet, head.flow) {
            (Some(packet), _) => packet.vlans(),
            (None, Some(flow)) => {
                of_flow = flow.key.vlan();
                let count = of_flow.iter().take_while(|id| **id != 0).count();
                of_flow.get(..count).unwrap_or_default()
            }
            (None, None) => &[],
        };
        if ids.is_empty() {
            return;
        }
        self.out.key("vlan");
        self.out.begin_array();
        for id in ids {
            self.out.number(u64::from(*id));
        }
        self.out.end_array();
    }

    fn ends(&mut self, head: &Head<'_>) {
        let of_packet = |packet: &Packet<'_>| {
            let ip = packet.ip.as_ref()?;
            Some(((ip.src, packet.src_port()), (ip.dst, packet.dst_port()), ip.protocol))
        };
        let of_flow = |flow: &Flow<Conversation>, direction: Direction| {
            let (client, server, protocol) = (flow.client(), flow.server(), flow.key.protocol());
            if direction == ToServer { (client, server, protocol) } else { (server, client, protocol) }
        };
        let ends = match (head.ends, head.flow, head.packet) {
            (Ends::Flow, Some(flow), _) => Some(of_flow(flow, ToServer)),
            (Ends::Sender(direction), Some(flow), _) => Some(of_flow(flow, direction)),
            (_, _, Some(packet)) => of_packet(packet),
            (_, Some(flow), None) => Some(of_flow(flow, ToServer)),
            (_, None, None) => None,
        };
        let Some((src, dst, protocol)) = ends else { return };
        let ports = matches!(protocol, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP);
        let Self { out, text, .. } = self;
        for (name, port_name, (host, port)) in [("src_ip", "src_port", src), ("dest_ip", "dest_port", dst)] {
            text.clear();
            decimal::push_address(text, host);
            out.member_plain(name, text);
            if ports {
                out.member_number(port_name, port.into());
            }
        }
        match protocol_name(protocol) {
            Some(name) => out.member_str("proto", name),
            None => {
                text.clear();
                decimal::push_padded(text, protocol.into(), 3);
                out.member_plain("proto", text);
            }
        }
        out.member_number("ip_v", if src.0.is_ipv4() { 4 } else { 6 });
    }
}
