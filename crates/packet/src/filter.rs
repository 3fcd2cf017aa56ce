//! Capture filters in the manner of pcap-filter(7), for what people write most: hosts, nets, ports, protocols, VLANs, and
//! `and`, `or`, `not` with parentheses.

mod parse;

use crate::{
    capture::Frame,
    decode::{Decoder, DecoderSettings},
    packet::{Layer4, Packet, ip_proto},
};
use std::net::IpAddr;

pub use parse::FilterError;

/// A filter; the empty one lets everything through.
pub struct Filter {
    node: Option<Node>,
    decoder: Decoder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Net(Way, IpAddr, u8),
    Ports(Way, Option<u8>, u16, u16),
    /// An IP protocol number, and the IP version that must carry it.
    Protocol(u8, Option<u8>),
    Version(u8),
    Arp,
    Vlan(Option<u16>),
    LongerOrEqual(u32),
    ShorterOrEqual(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Src,
    Dst,
    Either,
    Both,
}

impl Filter {
    /// # Errors
    /// Says which word was not understood.
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        let settings = DecoderSettings {
            teredo_enabled: false,
            vxlan_enabled: false,
            geneve_enabled: false,
            checksums: false,
            ..DecoderSettings::default()
        };
        Ok(Self { node: parse::parse(expression)?, decoder: Decoder::new(settings) })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.node.is_none()
    }

    /// Whether a frame's own (outermost) packet fits.
    pub fn matches(&mut self, frame: &Frame<'_>) -> bool {
        let Some(node) = &self.node else { return true };
        let mut fits = false;
        // The frame's own packet is given last.
        self.decoder.decode(frame, &mut |packet| fits = eval(node, packet, frame));
        fits
    }
}

fn eval(node: &Node, packet: &Packet<'_>, frame: &Frame<'_>) -> bool {
    let ip = packet.ip.as_ref();
    match node {
        Node::Not(inner) => !eval(inner, packet, frame),
        Node::And(a, b) => eval(a, packet, frame) && eval(b, packet, frame),
        Node::Or(a, b) => eval(a, packet, frame) || eval(b, packet, frame),
        Node::Net(way, net, bits) => {
            ip.is_some_and(|ip| way.holds(within(ip.src, *net, *bits), within(ip.dst, *net, *bits)))
        }
        Node::Ports(way, protocol, low, high) => {
            let ported = !matches!(packet.layer4, Layer4::Icmp(_) | Layer4::Other);
            let right = protocol.is_none_or(|wanted| ip.is_some_and(|ip| ip.protocol == wanted));
            let inside = |port: u16| (*low..=*high).contains(&port);
            ported && right && way.holds(inside(packet.src_port()), inside(packet.dst_port()))
        }
        Node::Protocol(number, version) => ip.is_some_and(|ip| {
            ip.protocol == *number && version.is_none_or(|version| (version == 4) == ip.src.is_ipv4())
        }),
        Node::Version(version) => ip.is_some_and(|ip| (*version == 4) == ip.src.is_ipv4()),
        Node::Arp => packet.ether_type == 0x0806,
        Node::Vlan(id) => id.map_or(packet.vlan_count > 0, |id| packet.vlans().contains(&id)),
        Node::LongerOrEqual(length) => frame.wire_length >= *length,
        Node::ShorterOrEqual(length) => frame.wire_length <= *length,
    }
}

impl Way {
    fn holds(self, src: bool, dst: bool) -> bool {
        match self {
            Self::Src => src,
            Self::Dst => dst,
            Self::Either => src || dst,
            Self::Both => src && dst,
        }
    }
}

fn within(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    let shared =
        |a: u128, b: u128, width: u32| (a ^ b).checked_shr(width.saturating_sub(bits.into())).unwrap_or(0) == 0;
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => shared(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => shared(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

pub(crate) fn protocol_number(name: &str) -> Option<u8> {
    Some(match name {
        "icmp" => ip_proto::ICMP,
        "igmp" => ip_proto::IGMP,
        "tcp" => ip_proto::TCP,
        "udp" => ip_proto::UDP,
        "gre" => ip_proto::GRE,
        "esp" => ip_proto::ESP,
        "icmp6" => ip_proto::ICMPV6,
        "sctp" => ip_proto::SCTP,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::LinkType;

    /// A UDP packet over IPv4 without a link header.
    fn udp(src: [u8; 4], src_port: u16, dst: [u8; 4], dst_port: u16) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
        bytes.extend(src);
        bytes.extend(dst);
        bytes.extend(src_port.to_be_bytes());
        bytes.extend(dst_port.to_be_bytes());
        bytes.extend([0, 8, 0, 0]);
        bytes
    }

    fn check(expression: &str, wanted: bool) {
        let bytes = udp([10, 1, 2, 3], 40_000, [192, 168, 0, 1], 53);
        let at = phitak_model::Timestamp::default();
        let frame = Frame { number: 1, at, link: LinkType::Raw, wire_length: 28, bytes: &bytes };
        let mut filter = Filter::new(expression).expect(expression);
        assert_eq!(filter.matches(&frame), wanted, "{expression}");
    }

    #[test]
    fn filters_mean_what_pcap_filters_mean() {
        for yes in [
            "",
            "port 53",
            "udp port 53",
            "dst port 53 and src host 10.1.2.3",
            "net 10.0.0.0/8",
            "src net 10",
            "not tcp",
            "! ( tcp or icmp ) and ip",
            "portrange 50-60",
            "host 192.168.0.1 or port 22",
            "ip proto 17",
            "greater 28 and less 28",
            "host 10.1.2.3 and (port 22 or 53)",
        ] {
            check(yes, true);
        }
        for no in
            ["port 22", "tcp port 53", "src port 53", "net 11.0.0.0/8", "ip6", "arp", "vlan", "not udp", "greater 29"]
        {
            check(no, false);
        }
    }

    #[test]
    fn a_filter_that_makes_no_sense_names_the_word() {
        for (text, word) in
            [("port", ""), ("port ssh2", "ssh2"), ("host", ""), ("prot 5", "prot"), ("tcp )", ")"), ("( tcp", "")]
        {
            let error = Filter::new(text).err().expect(text);
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }
}
