//! Which first bytes are DNS.

use super::message::{HEADER_BYTES, Message};
use crate::session::Guess;
use phitak_model::{Direction, Transport};

/// As [`guess`]; and a client asks, a server answers.
pub(super) fn unicast(bytes: &[u8], direction: Direction, transport: Transport) -> Guess {
    let flags_at = if transport == Transport::Tcp { 4 } else { 2 };
    match bytes.get(flags_at).map(|flags| flags & 0x80 != 0) {
        Some(is_response) if is_response != (direction == Direction::ToClient) => Guess::No,
        _ => guess(bytes, direction, transport),
    }
}

/// A whole datagram that is a DNS message, or the beginning of one on TCP.
pub(super) fn guess(bytes: &[u8], _: Direction, transport: Transport) -> Guess {
    match transport {
        Transport::Udp => {
            let whole = looks_like_message(bytes);
            if Message::parse(bytes).is_some_and(|m| (whole && m.is_sound()) || m.asks()) {
                Guess::Yes
            } else {
                Guess::No
            }
        }
        Transport::Tcp => {
            let Some((length, message)) = bytes.split_first_chunk::<2>() else { return Guess::More };
            let length = usize::from(u16::from_be_bytes(*length));
            if length < HEADER_BYTES + 5 {
                return Guess::No;
            }
            if message.len() < HEADER_BYTES {
                return Guess::More;
            }
            match message.get(..length) {
                Some(whole) if looks_like_message(whole) => {
                    if Message::parse(whole).is_some_and(|m| m.is_sound()) {
                        Guess::Yes
                    } else {
                        Guess::No
                    }
                }
                None if looks_like_message(message) => Guess::More,
                _ => Guess::No,
            }
        }
    }
}

/// Cheap checks of the header: known opcode, reserved bit clear, few questions, and something asked or said.
fn looks_like_message(bytes: &[u8]) -> bool {
    let Some(&[_, _, flags, _, q1, q0, an1, an0, ns1, ns0, ar1, ar0]) = bytes.first_chunk::<HEADER_BYTES>() else {
        return false;
    };
    let count = |high, low| usize::from(u16::from_be_bytes([high, low]));
    let opcode = (flags >> 3) & 0xf;
    let (questions, records) = (count(q1, q0), count(an1, an0) + count(ns1, ns0) + count(ar1, ar0));
    // NetBIOS names (RFC 1002) have the same header; their 32-byte first label of half-bytes tells them apart.
    let netbios = bytes
        .get(12..45)
        .is_some_and(|name| name.first() == Some(&32) && name.iter().skip(1).all(|byte| (b'A'..=b'P').contains(byte)));
    opcode < 7
        && !netbios
        && questions + records > 0
        && (questions > 0 || flags & 0x80 != 0)
        && questions.saturating_mul(5).saturating_add(records.saturating_mul(11)) <= bytes.len().max(512)
}
