//! What makes packets belong together: addresses, ports, protocol and VLAN.

use crate::packet::{Layer4, Packet, Quoted, VLAN_TAGS_MAX, ip_proto};
use std::net::IpAddr;

/// Both ends in a fixed order, so that both directions have one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    low: (IpAddr, u16),
    high: (IpAddr, u16),
    protocol: u8,
    vlan: [u16; VLAN_TAGS_MAX],
}

impl FlowKey {
    /// The key, and whether the source is the higher end. `None` for packets that make no flow.
    #[must_use]
    pub fn of(packet: &Packet<'_>, use_vlan: bool) -> Option<(Self, bool)> {
        let ip = packet.ip.as_ref()?;
        let (src_port, dst_port) = match &packet.layer4 {
            Layer4::Tcp(tcp) => (tcp.src_port, tcp.dst_port),
            Layer4::Udp(udp) => (udp.src_port, udp.dst_port),
            Layer4::Sctp { src_port, dst_port, .. } => (*src_port, *dst_port),
            Layer4::Icmp(icmp) => {
                let other = counterpart(ip.protocol, icmp.kind).unwrap_or(icmp.kind);
                (u16::from(icmp.kind), u16::from(other))
            }
            Layer4::Other if ip.protocol == ip_proto::ESP && !packet.is_fragment() => (0, 0),
            Layer4::Other => return None,
        };
        let vlan = if use_vlan { packet.vlan } else { [0; VLAN_TAGS_MAX] };
        Some(Self::new((ip.src, src_port), (ip.dst, dst_port), ip.protocol, vlan))
    }

    /// The flow that an ICMP error is about.
    #[must_use]
    pub fn quoted(quoted: &Quoted, packet: &Packet<'_>, use_vlan: bool) -> (Self, bool) {
        let vlan = if use_vlan { packet.vlan } else { [0; VLAN_TAGS_MAX] };
        Self::new((quoted.src, quoted.src_port), (quoted.dst, quoted.dst_port), quoted.protocol, vlan)
    }

    /// The key of two ends, and whether the first is the higher one.
    #[must_use]
    pub fn new(src: (IpAddr, u16), dst: (IpAddr, u16), protocol: u8, vlan: [u16; VLAN_TAGS_MAX]) -> (Self, bool) {
        let swapped = is_higher(src, dst);
        let (low, high) = if swapped { (dst, src) } else { (src, dst) };
        (Self { low, high, protocol, vlan }, swapped)
    }

    #[must_use]
    pub fn low(&self) -> (IpAddr, u16) {
        self.low
    }

    #[must_use]
    pub fn high(&self) -> (IpAddr, u16) {
        self.high
    }

    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    #[must_use]
    pub fn vlan(&self) -> [u16; VLAN_TAGS_MAX] {
        self.vlan
    }

    /// The same number for both directions and on every machine; `seed` keeps outsiders from choosing collisions.
    #[must_use]
    pub fn hash(&self, seed: u64) -> u64 {
        let ports = u64::from(self.low.1) << 16 | u64::from(self.high.1);
        let vlan = self.vlan.iter().fold(0_u64, |sum, id| sum << 12 | u64::from(*id));
        let mut hash = mix(seed ^ ports, u64::from(self.protocol) << 40 ^ vlan);
        for end in [self.low.0, self.high.0] {
            match end {
                IpAddr::V4(address) => hash = mix(hash, u64::from(address.to_bits())),
                IpAddr::V6(address) => {
                    let bits = address.to_bits();
                    hash = mix(hash, (bits >> 64) as u64);
                    hash = mix(hash, bits as u64);
                }
            }
        }
        hash
    }
}

/// Whether the first end is the higher one: by address, IPv4 before IPv6, then by port.
fn is_higher(a: (IpAddr, u16), b: (IpAddr, u16)) -> bool {
    match (a.0, b.0) {
        (IpAddr::V4(x), IpAddr::V4(y)) => (x.to_bits(), a.1) > (y.to_bits(), b.1),
        (IpAddr::V6(x), IpAddr::V6(y)) => (x.to_bits(), a.1) > (y.to_bits(), b.1),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
        (IpAddr::V6(_), IpAddr::V4(_)) => true,
    }
}

/// A 64-bit multiply-and-fold step (as in wyhash).
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93);
    (product >> 64) as u64 ^ product as u64
}

/// The ICMP type that answers this one, so that both make one flow.
fn counterpart(protocol: u8, kind: u8) -> Option<u8> {
    let pairs: &[(u8, u8)] = if protocol == ip_proto::ICMP {
        &[(8, 0), (10, 9), (13, 14), (15, 16), (17, 18)]
    } else {
        &[(128, 129), (133, 134), (135, 136), (139, 140), (144, 145), (146, 147)]
    };
    pairs.iter().find_map(|(ask, answer)| match kind {
        k if k == *ask => Some(*answer),
        k if k == *answer => Some(*ask),
        _ => None,
    })
}
