//! Keys of initial packets: whoever sees the client's first packet can compute them.
//!
//! Source: RFC 9001 §5 and appendix A, RFC 9369 §3.3; the drafts and Google's code for older salts.

use super::header::{Header, Version};
use phitak_model::Direction;
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
};

const SALT_V2: [u8; 20] = *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
/// Version 1 and drafts 33 and 34.
const SALT_V1: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
const SALT_DRAFT_29: [u8; 20] = *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
const SALT_DRAFT_23: [u8; 20] = *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
const SALT_DRAFT_21: [u8; 20] = *b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";
const SALT_Q050: [u8; 20] = *b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45";
const SALT_T050: [u8; 20] = *b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10";
const SALT_T051: [u8; 20] = *b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d";

/// What is sampled for header protection, and where it begins behind the header.
const SAMPLE_BYTES: usize = 16;
const SAMPLE_AT: usize = 4;

struct Half {
    packet: LessSafeKey,
    iv: [u8; 12],
    header: quic::HeaderProtectionKey,
}

/// Both sides' keys of one connection.
pub(super) struct Keys {
    halves: [Half; 2],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

fn salt(version: Version) -> Option<&'static [u8]> {
    let salt = match (version.draft(), &version.0.to_be_bytes()) {
        (Some(..21), _) => return None,
        (Some(21..=22), _) => &SALT_DRAFT_21,
        (Some(23..=28), _) => &SALT_DRAFT_23,
        (Some(29..=32), _) => &SALT_DRAFT_29,
        (None, b"Q050") => &SALT_Q050,
        (None, b"T050") => &SALT_T050,
        (None, b"T051") => &SALT_T051,
        _ if version == Version::V2 => &SALT_V2,
        _ => &SALT_V1,
    };
    Some(salt)
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label (RFC 8446 §7.1) with an empty context, handed to `made`.
fn expand<L: KeyType, T>(
    secret: &Prk,
    label: &str,
    kind: L,
    made: impl FnOnce(ring::hkdf::Okm<'_, L>) -> T,
) -> Option<T> {
    let length = u16::try_from(kind.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(label.len().checked_add(6)?).ok()?];
    let info: [&[u8]; 5] = [&length, &label_length, b"tls13 ", label.as_bytes(), &[0]];
    secret.expand(&info, kind).ok().map(made)
}

impl Half {
    fn new(initial: &Prk, side: &str, version: Version) -> Option<Self> {
        let secret = expand(initial, side, HKDF_SHA256, |okm| Prk::from(okm))?;
        let prefix = if version == Version::V2 { "quicv2" } else { "quic" };
        let packet = expand(&secret, &format!("{prefix} key"), &AES_128_GCM, |okm| UnboundKey::from(okm))?;
        let header =
            expand(&secret, &format!("{prefix} hp"), &quic::AES_128, |okm| quic::HeaderProtectionKey::from(okm))?;
        let mut iv = [0; 12];
        expand(&secret, &format!("{prefix} iv"), Bytes(12), |okm| okm.fill(&mut iv))?.ok()?;
        Some(Self { packet: LessSafeKey::new(packet), iv, header })
    }
}

impl Keys {
    /// `dcid` is the destination of the client's first packet.
    pub(super) fn new(version: Version, dcid: &[u8]) -> Option<Self> {
        let initial = Salt::new(HKDF_SHA256, salt(version)?).extract(dcid);
        Some(Self { halves: [Half::new(&initial, "client in", version)?, Half::new(&initial, "server in", version)?] })
    }

    /// The frames of an initial packet, `packet` being its bytes from the first one to its end; `None` when it was not
    /// sealed with these keys.
    pub(super) fn open(&self, direction: Direction, packet: &[u8], header: &Header<'_>) -> Option<Vec<u8>> {
        let half = self.halves.get(direction.index())?;
        let sample = header.rest.get(SAMPLE_AT..)?.get(..SAMPLE_BYTES)?;
        let [mask, masks @ ..] = half.header.new_mask(sample).ok()?;
        let mut head = packet.get(..header.length.checked_add(4)?)?.to_vec();
        let first = head.first_mut()?;
        *first ^= mask & 0x0f;
        let number_bytes = usize::from(*first & 3).saturating_add(1);
        head.truncate(header.length.checked_add(number_bytes)?);
        let mut number: u64 = 0;
        for (byte, mask) in head.get_mut(header.length..)?.iter_mut().zip(masks) {
            *byte ^= mask;
            number = number << 8 | u64::from(*byte);
        }
        let mut nonce = half.iv;
        for (byte, part) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= part;
        }
        let mut payload = header.rest.get(number_bytes..)?.to_vec();
        let opened = half.packet.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&head), &mut payload);
        let length = opened.ok()?.len();
        payload.truncate(length);
        Some(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9001 appendix A: the client's first destination, the server's answer.
    const DCID: &[u8] = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";
    const ANSWER: &str = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb3\
                          8cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84\
                          022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";

    fn unhexed(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("a digit") as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn the_client_mask_is_that_of_the_rfc() {
        let keys = Keys::new(Version::V1, DCID).expect("keys");
        let mask = keys.halves[0].header.new_mask(&unhexed("d1b1c98dd7689fb8ec11d242b123dc9b")).expect("a mask");
        assert_eq!(mask.as_slice(), unhexed("437b9aec36"));
    }

    #[test]
    fn the_answer_of_the_rfc_opens_with_its_own_keys_only() {
        let packet = unhexed(ANSWER);
        let header = Header::parse(&packet).expect("a header");
        let keys = Keys::new(Version::V1, DCID).expect("keys");
        let frames = keys.open(Direction::ToClient, &packet, &header).expect("the server's");
        assert!(frames.starts_with(&unhexed("02000000000600405a020000560303eefce7f7b37ba1d1632e966778")));
        assert_eq!(keys.open(Direction::ToServer, &packet, &header), None);
        assert_eq!(Keys::new(Version::V2, DCID).expect("keys").open(Direction::ToClient, &packet, &header), None);
        let mut broken = packet.clone();
        broken[60] ^= 1;
        let header = Header::parse(&broken).expect("a header");
        assert_eq!(keys.open(Direction::ToClient, &broken, &header), None);
    }
}
