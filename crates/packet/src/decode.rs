//! Frames to packets: every layer from the link to the transport, tunnels and fragments included.
//!
//! Packets found inside another (tunnels, rebuilt datagrams) are given before the one that carried them. A header that
//! does not parse makes its packet `invalid` with an event; nothing is dropped in silence.

mod icmp;
mod ipv4;
mod ipv6;
mod link;
mod transport;
mod tunnel;

pub(crate) use link::ether_type;

use crate::{
    capture::Frame,
    defrag::{Defrag, DefragSettings},
    events::DecoderEvent,
    link::LinkType,
    packet::{Checksums, DecoderEvents, Layer4, Packet, PacketSource, VLAN_TAGS_MAX},
};

/// What of a frame is looked into. Defaults are Suricata's.
#[derive(Clone, Debug)]
pub struct DecoderSettings {
    /// `decoder.max-layers`
    pub layers_max: u8,
    pub teredo_enabled: bool,
    pub teredo_ports: Ports,
    pub vxlan_enabled: bool,
    pub vxlan_ports: Ports,
    pub geneve_enabled: bool,
    pub geneve_ports: Ports,
    pub gre_in_udp_enabled: bool,
    pub gre_in_udp_ports: Ports,
    pub gtp_enabled: bool,
    pub gtp_ports: Ports,
    pub defrag: DefragSettings,
    /// `-k`: whether IP, TCP, UDP and ICMP checksums are validated.
    pub checksums: bool,
}

/// At most this many ports can be given for one kind of tunnel.
pub const TUNNEL_PORTS_MAX: usize = 4;

/// A few UDP ports, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    Any,
    These(Vec<u16>),
}

impl Ports {
    fn has(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::These(ports) => ports.contains(&port),
        }
    }
}

impl Default for DecoderSettings {
    fn default() -> Self {
        Self {
            layers_max: 16,
            teredo_enabled: true,
            teredo_ports: Ports::These(vec![3544]),
            vxlan_enabled: true,
            vxlan_ports: Ports::These(vec![4789]),
            geneve_enabled: true,
            geneve_ports: Ports::These(vec![6081]),
            gre_in_udp_enabled: true,
            gre_in_udp_ports: Ports::These(vec![4754]),
            // Only mobile operators have it.
            gtp_enabled: false,
            gtp_ports: Ports::These(vec![2152]),
            defrag: DefragSettings::default(),
            checksums: true,
        }
    }
}

/// What the decoder has seen so far, for `stats`.
#[derive(Clone, Debug, Default)]
pub struct DecoderCounters {
    pub packets: u64,
    pub bytes: u64,
    pub invalid: u64,
    pub ethernet: u64,
    pub vlan: u64,
    pub ipv4: u64,
    pub ipv6: u64,
    pub tcp: u64,
    pub udp: u64,
    pub icmpv4: u64,
    pub icmpv6: u64,
    pub sctp: u64,
    pub arp: u64,
    pub tunnels: u64,
    pub fragments: u64,
    pub reassembled: u64,
}

impl DecoderCounters {
    /// Adds what another decoder has seen.
    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.packets, other.packets),
            (&mut self.bytes, other.bytes),
            (&mut self.invalid, other.invalid),
            (&mut self.ethernet, other.ethernet),
            (&mut self.vlan, other.vlan),
            (&mut self.ipv4, other.ipv4),
            (&mut self.ipv6, other.ipv6),
            (&mut self.tcp, other.tcp),
            (&mut self.udp, other.udp),
            (&mut self.icmpv4, other.icmpv4),
            (&mut self.icmpv6, other.icmpv6),
            (&mut self.sctp, other.sctp),
            (&mut self.arp, other.arp),
            (&mut self.tunnels, other.tunnels),
            (&mut self.fragments, other.fragments),
            (&mut self.reassembled, other.reassembled),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Takes each packet as it is decoded.
pub type Emit<'e> = &'e mut dyn FnMut(&Packet<'_>);

/// Frames in, packets out; keeps the fragments that wait for others.
pub struct Decoder {
    settings: DecoderSettings,
    defrag: Defrag,
    pub counters: DecoderCounters,
}

impl Decoder {
    #[must_use]
    pub fn new(settings: DecoderSettings) -> Self {
        let defrag = Defrag::new(settings.defrag.clone());
        Self { settings, defrag, counters: DecoderCounters::default() }
    }

    /// Decodes a frame; `emit` gets at least the frame's own packet.
    pub fn decode(&mut self, frame: &Frame<'_>, emit: Emit<'_>) {
        self.counters.packets += 1;
        self.counters.bytes += frame.bytes.len() as u64;
        let mut packet = Packet {
            at: frame.at,
            number: frame.number,
            wire_length: u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX),
            frame: frame.bytes,
            src_mac: None,
            dst_mac: None,
            ether_type: 0,
            vlan: [0; VLAN_TAGS_MAX],
            vlan_count: 0,
            source: PacketSource::Wire,
            ip: None,
            layer4: Layer4::Other,
            payload: &[],
            events: DecoderEvents::default(),
            invalid: false,
            checksums: Checksums::default(),
        };
        let mut layers = 0;
        self.link(frame.link, frame.bytes, &mut packet, &mut layers, emit);
        self.finish(&mut packet, emit);
    }

    fn finish(&mut self, packet: &mut Packet<'_>, emit: Emit<'_>) {
        if packet.invalid {
            self.counters.invalid += 1;
        } else if self.settings.checksums && packet.ip.is_some() {
            packet.checksums =
                Checksums { ip_bad: packet.ip_checksum_good() == Some(false), layer4: packet.layer4_checksum() };
        }
        emit(packet);
    }

    fn link<'a>(&mut self, link: LinkType, bytes: &'a [u8], packet: &mut Packet<'a>, layers: &mut u8, emit: Emit<'_>) {
        match link {
            LinkType::Ethernet => self.ethernet(bytes, packet, layers, emit),
            LinkType::Raw => self.raw(bytes, packet, layers, emit),
            LinkType::Null => self.loopback(bytes, packet, layers, emit),
            LinkType::Loop => self.loopback(bytes, packet, layers, emit),
            LinkType::Ppp => self.ppp(bytes, packet, layers, emit),
            LinkType::CiscoHdlc => self.cisco_hdlc(bytes, packet, layers, emit),
            LinkType::LinuxSll => self.linux_sll(bytes, packet, layers, emit),
            LinkType::LinuxSll2 => self.linux_sll2(bytes, packet, layers, emit),
        }
    }

    /// Counts one more layer; false when there are too many.
    fn deeper(&self, packet: &mut Packet<'_>, layers: &mut u8) -> bool {
        *layers = layers.saturating_add(1);
        if *layers >= self.settings.layers_max {
            refuse(packet, DecoderEvent::TooManyLayers);
            return false;
        }
        true
    }

    /// A packet inside another one: it inherits time, number, MACs and VLANs.
    fn inner<'a>(
        &mut self,
        carrier: &Packet<'_>,
        source: PacketSource,
        bytes: &'a [u8],
        mut layers: u8,
        emit: Emit<'_>,
        decode: Step,
    ) {
        self.counters.tunnels += u64::from(source != PacketSource::Defragmented);
        let mut packet: Packet<'a> = Packet {
            at: carrier.at,
            number: carrier.number,
            wire_length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            frame: bytes,
            src_mac: carrier.src_mac,
            dst_mac: carrier.dst_mac,
            ether_type: carrier.ether_type,
            vlan: carrier.vlan,
            vlan_count: carrier.vlan_count,
            source,
            ip: None,
            layer4: Layer4::Other,
            payload: &[],
            events: DecoderEvents::default(),
            invalid: false,
            checksums: Checksums::default(),
        };
        match decode {
            Step::Ethernet => self.ethernet(bytes, &mut packet, &mut layers, emit),
            Step::Ipv4 => self.ipv4(bytes, &mut packet, &mut layers, emit),
            Step::Ipv6 => self.ipv6(bytes, &mut packet, &mut layers, emit),
            Step::Vlan => self.vlan(bytes, &mut packet, &mut layers, emit),
            Step::Ppp => self.ppp(bytes, &mut packet, &mut layers, emit),
        }
        self.finish(&mut packet, emit);
    }
}

/// What an inner packet begins with.
#[derive(Clone, Copy)]
enum Step {
    Ethernet,
    Ipv4,
    Ipv6,
    Vlan,
    Ppp,
}

/// Marks a packet whose header does not parse.
fn refuse(packet: &mut Packet<'_>, event: DecoderEvent) {
    packet.events.raise(event);
    packet.invalid = true;
}
