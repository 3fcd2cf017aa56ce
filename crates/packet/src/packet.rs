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
    pub const IPV6: u8 = 41;
    pub const IPIP: u8 = 4;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const ICMPV6: u8 = 58;
    pub const SCTP: u8 = 132;
}

/// A packet of one IP layer (tunnels give one packet for each layer), or a frame without IP.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    pub at: Timestamp,
    /// The frame's number in its capture, from 1 (EVE's `pcap_cnt`).
    pub number: u64,
    /// Bytes of this packet with its link header: what flow counters count.
    pub wire_length: u32,
    /// The captured bytes of this layer, from its link header on; of the inner packet for a tunnel.
    pub frame: &'a [u8],
    pub src_mac: Option<Mac>,
    pub dst_mac: Option<Mac>,
    /// The type behind the Ethernet header and its VLAN tags; 0 where there is none.
    pub ether_type: u16,
    /// Outermost first.
    pub vlan: [u16; VLAN_TAGS_MAX],
    pub vlan_count: u8,
    /// Decoded out of a tunnel or rebuilt from fragments: EVE's `pkt_src`.
    pub source: PacketSource,
    /// `None` for a frame without IP (ARP and others): decoder events may still be there.
    pub ip: Option<Ip<'a>>,
    pub layer4: Layer4<'a>,
    /// What stands behind the last header understood.
    pub payload: &'a [u8],
    /// Decoder events, as indices into [`crate::events::DECODER_EVENTS`]; few, so kept inline.
    pub events: DecoderEvents,
    /// A header did not parse: only rules for decoder events look at it.
    pub invalid: bool,
    /// What the checksums say, where they are looked at.
    pub checksums: Checksums,
}

/// What checksum validation found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    pub ip_bad: bool,
    /// TCP, UDP or ICMP.
    pub layer4: Checksum,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// There is none, or it was not looked at.
    #[default]
    Unknown,
    Right,
    Wrong,
    /// The sender left it to its network card ([`Packet::layer4_checksum_is_left_to_hardware`]).
    LeftToHardware,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketSource {
    Wire,
    /// The tunnel's name as in EVE: `"gre tunnel"`, `"vxlan encapsulation"`…
    Tunnel(&'static str),
    Defragmented,
    /// Made by the engine when a flow ends, so that what is left is inspected (`"stream (flow timeout)"`).
    FlowEnd,
    /// Made by the engine when a stream has to be inspected before its next packet.
    StreamFlush,
}

impl PacketSource {
    /// The value of EVE's `pkt_src`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wire => "wire/pcap",
            Self::Tunnel(name) => name,
            Self::Defragmented => "defrag",
            Self::FlowEnd => "stream (flow timeout)",
            Self::StreamFlush => "stream (detect/log)",
        }
    }
}

impl<'a> Packet<'a> {
    /// The source port of TCP, UDP and SCTP, else 0.
    #[must_use]
    pub fn src_port(&self) -> u16 {
        match &self.layer4 {
            Layer4::Tcp(tcp) => tcp.src_port,
            Layer4::Udp(udp) => udp.src_port,
            Layer4::Sctp { src_port, .. } => *src_port,
            Layer4::Icmp(_) | Layer4::Other => 0,
        }
    }

    /// The destination port of TCP, UDP and SCTP, else 0.
    #[must_use]
    pub fn dst_port(&self) -> u16 {
        match &self.layer4 {
            Layer4::Tcp(tcp) => tcp.dst_port,
            Layer4::Udp(udp) => udp.dst_port,
            Layer4::Sctp { dst_port, .. } => *dst_port,
            Layer4::Icmp(_) | Layer4::Other => 0,
        }
    }

    #[must_use]
    pub fn tcp(&self) -> Option<&Tcp<'a>> {
        match &self.layer4 {
            Layer4::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    #[must_use]
    pub fn vlans(&self) -> &[u16] {
        self.vlan.get(..usize::from(self.vlan_count)).unwrap_or_default()
    }

    /// A fragment of a datagram (first ones too): its payload is inspected once it is rebuilt.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.ip.as_ref().is_some_and(|ip| ip.more_fragments || ip.fragment_offset != 0)
    }

    /// Whether the IPv4 header's checksum is right; `None` without an IPv4 header.
    #[must_use]
    pub fn ip_checksum_good(&self) -> Option<bool> {
        let ip = self.ip.as_ref().filter(|ip| ip.src.is_ipv4())?;
        Some(crate::checksum::ones_complement(0, ip.header) == 0xffff)
    }

    /// Whether the checksum of TCP, UDP or ICMP is right; `None` without one (or UDP that says so with 0, or a fragment).
    #[must_use]
    pub fn layer4_checksum_good(&self) -> Option<bool> {
        let ip = self.ip.as_ref()?;
        if self.is_fragment() {
            return None;
        }
        match &self.layer4 {
            Layer4::Udp(udp) if udp.header.get(6..8) == Some(&[0, 0]) && ip.src.is_ipv4() => None,
            Layer4::Udp(udp) => {
                let length = udp.header.get(4..6).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
                let segment = ip.payload.get(..length).unwrap_or(ip.payload);
                Some(crate::checksum::segment(ip.src, ip.dst, ip.protocol, segment) == 0xffff)
            }
            Layer4::Tcp(_) => Some(crate::checksum::segment(ip.src, ip.dst, ip.protocol, ip.payload) == 0xffff),
            Layer4::Icmp(_) if ip.src.is_ipv4() => Some(crate::checksum::ones_complement(0, ip.payload) == 0xffff),
            Layer4::Icmp(_) => Some(crate::checksum::segment(ip.src, ip.dst, ip.protocol, ip.payload) == 0xffff),
            Layer4::Sctp { .. } | Layer4::Other => None,
        }
    }
}

impl Packet<'_> {
    pub(crate) fn layer4_checksum(&self) -> Checksum {
        match self.layer4_checksum_good() {
            None => Checksum::Unknown,
            Some(true) => Checksum::Right,
            Some(false) if self.layer4_checksum_is_left_to_hardware() => Checksum::LeftToHardware,
            Some(false) => Checksum::Wrong,
        }
    }

    /// The field holds what a sender leaves there for its network card to complete ([`crate::checksum::pseudo_header`]):
    /// the packet was captured before it was whole, and is not wrong.
    #[must_use]
    pub fn layer4_checksum_is_left_to_hardware(&self) -> bool {
        let Some(ip) = &self.ip else { return false };
        let field = match &self.layer4 {
            Layer4::Tcp(tcp) => tcp.header.get(16..18),
            Layer4::Udp(udp) => udp.header.get(6..8),
            Layer4::Icmp(_) | Layer4::Sctp { .. } | Layer4::Other => None,
        };
        let Some([high, low]) = field else { return false };
        let field = u16::from_be_bytes([*high, *low]);
        let sums = [ip.payload.len(), 0].map(|l| crate::checksum::pseudo_header(ip.src, ip.dst, ip.protocol, l));
        sums.contains(&field)
    }
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
    /// Everything behind the IP header (and its extension headers) within the IP total length.
    pub payload: &'a [u8],
}

#[derive(Clone, Debug)]
pub enum Layer4<'a> {
    Tcp(Tcp<'a>),
    Udp(Udp<'a>),
    Icmp(Icmp<'a>),
    Sctp {
        src_port: u16,
        dst_port: u16,
        header: &'a [u8],
    },
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
    /// The cookie of TCP fast open (RFC 7413); empty when one is asked for.
    pub fast_open: Option<&'a [u8]>,
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
    /// The next hop's MTU of "fragmentation needed" and "packet too big".
    pub mtu: Option<u32>,
    /// The packet that an error message is about.
    pub about: Option<Quoted>,
    pub header: &'a [u8],
}

/// The ends of a packet quoted in an ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub src_port: u16,
    pub dst_port: u16,
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
    /// Notes an event by its name.
    pub fn raise(&mut self, event: crate::events::DecoderEvent) {
        self.push(event.number());
    }

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
