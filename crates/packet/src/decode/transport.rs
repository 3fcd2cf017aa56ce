//! What IP carries: TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260), and the ways to tunnels.

use super::{Decoder, Emit, refuse};
use crate::{
    bytes::be16,
    events::DecoderEvent,
    packet::{Layer4, Packet, Tcp, Udp, ip_proto},
};

const TCP_BYTES_MIN: usize = 20;
const UDP_BYTES: usize = 8;
const SCTP_BYTES: usize = 12;

impl Decoder {
    pub(super) fn transport<'a>(
        &mut self,
        protocol: u8,
        bytes: &'a [u8],
        packet: &mut Packet<'a>,
        layers: &mut u8,
        emit: Emit<'_>,
    ) {
        if !self.deeper(packet, layers) {
            return;
        }
        match protocol {
            ip_proto::TCP => {
                self.counters.tcp += 1;
                match tcp(bytes, packet) {
                    Ok(header) => {
                        packet.payload = bytes.get(header.header.len()..).unwrap_or_default();
                        packet.layer4 = Layer4::Tcp(header);
                    }
                    Err(event) => refuse(packet, event),
                }
            }
            ip_proto::UDP => {
                self.counters.udp += 1;
                self.udp(bytes, packet, *layers, emit);
            }
            ip_proto::ICMP => {
                self.counters.icmpv4 += 1;
                super::icmp::icmpv4(bytes, packet);
            }
            ip_proto::ICMPV6 => {
                self.counters.icmpv6 += 1;
                super::icmp::icmpv6(bytes, packet);
            }
            ip_proto::SCTP => {
                self.counters.sctp += 1;
                sctp(bytes, packet);
            }
            ip_proto::GRE => self.gre(bytes, packet, *layers, emit),
            ip_proto::ESP if bytes.len() < 8 => refuse(packet, DecoderEvent::EspPktTooSmall),
            ip_proto::ESP => packet.payload = bytes.get(8..).unwrap_or_default(),
            _ if packet.ip.as_ref().is_some_and(|ip| ip.src.is_ipv6()) && protocol != 59 => {
                packet.events.raise(DecoderEvent::Ipv6UnknownNextHeader);
            }
            _ => {}
        }
    }

    fn udp<'a>(&mut self, bytes: &'a [u8], packet: &mut Packet<'a>, layers: u8, emit: Emit<'_>) {
        let Some(header) = bytes.get(..UDP_BYTES) else {
            return refuse(packet, DecoderEvent::UdpPktTooSmall);
        };
        let length = usize::from(be16(header, 4).unwrap_or(0));
        if length < UDP_BYTES {
            return refuse(packet, DecoderEvent::UdpLenInvalid);
        }
        let Some(payload) = bytes.get(UDP_BYTES..length) else {
            return refuse(packet, DecoderEvent::UdpPktTooSmall);
        };
        let (src_port, dst_port) = (be16(header, 0).unwrap_or(0), be16(header, 2).unwrap_or(0));
        packet.layer4 = Layer4::Udp(Udp { src_port, dst_port, header });
        packet.payload = payload;
        self.udp_tunnel(src_port, dst_port, payload, packet, layers, emit);
    }
}

fn tcp<'a>(bytes: &'a [u8], packet: &mut Packet<'_>) -> Result<Tcp<'a>, DecoderEvent> {
    let Some(fixed) = bytes.first_chunk::<TCP_BYTES_MIN>() else {
        return Err(DecoderEvent::TcpPktTooSmall);
    };
    let header_bytes = usize::from(fixed[12] >> 4) * 4;
    let Some(header) = bytes.get(..header_bytes) else {
        return Err(DecoderEvent::TcpHlenTooSmall);
    };
    let Some(options) = header.get(TCP_BYTES_MIN..) else {
        return Err(DecoderEvent::TcpInvalidOptlen);
    };
    let mut tcp = Tcp {
        src_port: u16::from_be_bytes([fixed[0], fixed[1]]),
        dst_port: u16::from_be_bytes([fixed[2], fixed[3]]),
        seq: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ack: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        flags: fixed[13],
        window: u16::from_be_bytes([fixed[14], fixed[15]]),
        urgent: u16::from_be_bytes([fixed[18], fixed[19]]),
        timestamp: None,
        window_scale: None,
        mss: None,
        sack_permitted: false,
        fast_open: None,
        header,
    };
    if !options.is_empty() {
        tcp_options(options, &mut tcp, packet);
    }
    Ok(tcp)
}

fn tcp_options<'a>(mut rest: &'a [u8], tcp: &mut Tcp<'a>, packet: &mut Packet<'_>) {
    let mut sack_seen = false;
    while let Some((kind, after)) = rest.split_first() {
        match kind {
            0 => return,
            1 => {
                rest = after;
                continue;
            }
            _ => {}
        }
        let length = after.first().map_or(0, |b| usize::from(*b));
        let Some(option) = rest.get(..length).and_then(|option| option.get(2..)) else {
            return packet.events.raise(DecoderEvent::TcpOptInvalidLen);
        };
        let repeated = match (*kind, option) {
            (2, [a, b]) => tcp.mss.replace(u16::from_be_bytes([*a, *b])).is_some(),
            // Shifts beyond 14 count as 14 (RFC 7323 §2.3).
            (3, [shift]) => tcp.window_scale.replace((*shift).min(14)).is_some(),
            (4, []) => std::mem::replace(&mut tcp.sack_permitted, true),
            (5, blocks) if !blocks.is_empty() && blocks.len().is_multiple_of(8) => {
                std::mem::replace(&mut sack_seen, true)
            }
            (8, &[a, b, c, d, e, f, g, h]) => {
                let pair = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
                tcp.timestamp.replace(pair).is_some()
            }
            (34, cookie) if cookie.is_empty() || (4..=16).contains(&cookie.len()) => {
                tcp.fast_open.replace(cookie).is_some()
            }
            // The experimental form of fast open (RFC 7413 §4.1.1 and its predecessor).
            (253 | 254, [0xf9, 0x89, cookie @ ..]) => tcp.fast_open.replace(cookie).is_some(),
            (2..=5 | 8, _) => {
                packet.events.raise(DecoderEvent::TcpOptInvalidLen);
                false
            }
            _ => false,
        };
        if repeated {
            packet.events.raise(DecoderEvent::TcpOptDuplicate);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
}

fn sctp<'a>(bytes: &'a [u8], packet: &mut Packet<'a>) {
    let Some(header) = bytes.get(..SCTP_BYTES) else {
        return refuse(packet, DecoderEvent::SctpPktTooSmall);
    };
    packet.layer4 =
        Layer4::Sctp { src_port: be16(header, 0).unwrap_or(0), dst_port: be16(header, 2).unwrap_or(0), header };
    packet.payload = bytes.get(SCTP_BYTES..).unwrap_or_default();
}
