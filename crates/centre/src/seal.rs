//! Secrets that the centre must be able to read again, sealed before they reach the tables: a copy of the database alone,
//! or a look into it, gives none of them away. The key is derived from the centre's own authority key and is never
//! written anywhere.

use phitak_uplink::Authority;
use rand::RngCore;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use std::fmt;

/// What a key is for: another purpose has another key.
const SECOND_FACTORS: &[u8] = b"phitak centre: second factors, 1";
const CHANNELS: &[u8] = b"phitak centre: notification channels, 1";
const LINKS: &[u8] = b"phitak centre: answering links, 1";

/// Seals and opens.
pub struct Seal {
    key: LessSafeKey,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// For second factors.
    #[must_use]
    pub fn of(authority: &Authority) -> Self {
        Self::for_purpose(authority, SECOND_FACTORS)
    }

    /// For the secrets of notification channels.
    #[must_use]
    pub fn of_channels(authority: &Authority) -> Self {
        Self::for_purpose(authority, CHANNELS)
    }

    fn for_purpose(authority: &Authority, purpose: &[u8]) -> Self {
        let bytes = derived(authority, purpose);
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes.as_ref()).expect("SHA-256 gives the 32 bytes of a key");
        Self { key: LessSafeKey::new(key) }
    }

    /// Hexadecimal: nonce, then the sealed bytes. `owner` must be the same at opening, so that no row serves another
    /// account.
    #[must_use]
    pub fn seal(&self, owner: &str, secret: &[u8]) -> String {
        let mut nonce = [0_u8; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut bytes = secret.to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut bytes)
            .expect("a few bytes can always be sealed");
        nonce.iter().chain(&bytes).chain(tag.as_ref()).map(|byte| format!("{byte:02x}")).collect()
    }

    /// None when it was sealed with another key or for another owner, or was changed.
    #[must_use]
    pub fn open(&self, owner: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = from_hex(sealed)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        self.key.open_in_place(nonce, Aad::from(owner), &mut sealed).ok().map(|plain| plain.to_vec())
    }
}

/// The key that signs answering links.
#[must_use]
pub fn link_key(authority: &Authority) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, derived(authority, LINKS).as_ref())
}

fn derived(authority: &Authority, purpose: &[u8]) -> hmac::Tag {
    let whole = hmac::Key::new(hmac::HMAC_SHA256, authority.to_pem().as_bytes());
    hmac::sign(&whole, purpose)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::Timestamp;

    #[test]
    fn only_the_same_authority_and_owner_opens_what_was_sealed_and_not_changed() {
        let authority = || Authority::create(Timestamp::from_secs(1_790_000_000)).expect("a CA");
        let first = authority();
        let seal = Seal::of(&first);
        let sealed = seal.seal("user 1", b"secret of one");
        assert_ne!(sealed, seal.seal("user 1", b"secret of one"), "never twice the same");
        let again = Seal::of(&Authority::from_pem(&first.to_pem()).expect("reads"));
        assert_eq!(again.open("user 1", &sealed).as_deref(), Some(b"secret of one".as_slice()));
        assert_eq!(seal.open("user 2", &sealed), None);
        assert_eq!(Seal::of_channels(&first).open("user 1", &sealed), None, "another purpose");
        assert_eq!(Seal::of(&authority()).open("user 1", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(seal.open("user 1", std::str::from_utf8(&changed).expect("text")), None, "{at}");
        }
        for bad in ["", "0", "zz", "00ff", "ไทย"] {
            assert_eq!(seal.open("user 1", bad), None);
        }
    }
}
