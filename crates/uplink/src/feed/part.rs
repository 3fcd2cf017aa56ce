//! One part of a list: lines with their place, hash and signature.

use super::{FeedAsk, FeedError, FeedPosition, Heading, PAGE_BYTES_MAX, PART_BYTES_MAX};
use crate::{
    authority::{Authority, AuthorityError},
    code::hex,
};
use phitak_model::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{BufRead, Read};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Most bytes of the line before a part's lines.
const HEAD_BYTES_MAX: usize = 512;
/// What a signature is for: the same key signs certificates, which begin with another byte.
const PURPOSE: &[u8] = b"phitak indicator list 1\0";

/// Signed lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub position: FeedPosition,
    pub at: Timestamp,
    /// Of everything in this generation up to the end of this part.
    pub hash: [u8; 32],
    pub signature: Vec<u8>,
    pub lines: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    position: FeedPosition,
    bytes: usize,
    at: Timestamp,
    hash: String,
    signature: String,
}

/// The centre's key, as a sensor holds it: checks signatures.
#[derive(Clone)]
pub struct FeedKey(Vec<u8>);

impl Part {
    /// Signs lines as the part after the one with this hash.
    ///
    /// # Errors
    /// [`AuthorityError`] when the key cannot sign.
    pub fn sign(authority: &Authority, heading: Heading, lines: String) -> Result<Self, AuthorityError> {
        let hash = hash_of(&heading, &lines);
        let signature = authority.sign(&message(heading.position, &hash))?;
        Ok(Self { position: heading.position, at: heading.at, hash, signature, lines })
    }

    /// Head line, then lines.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let head = Head {
            position: self.position,
            bytes: self.lines.len(),
            at: self.at,
            hash: hex(&self.hash),
            signature: hex(&self.signature),
        };
        let mut bytes = serde_json::to_vec(&head).expect("a head is plain data");
        bytes.push(b'\n');
        bytes.extend_from_slice(self.lines.as_bytes());
        bytes
    }

    /// The next part, or none at the end. Nothing is checked yet but the form.
    ///
    /// # Errors
    /// [`FeedError::Form`], [`FeedError::Disk`].
    pub fn read(from: &mut impl BufRead) -> Result<Option<Self>, FeedError> {
        let form = |what: &str| FeedError::Form(what.to_owned());
        let mut head = Vec::new();
        from.by_ref().take(HEAD_BYTES_MAX as u64).read_until(b'\n', &mut head)?;
        if head.is_empty() {
            return Ok(None);
        }
        let line = head.strip_suffix(b"\n").ok_or_else(|| form("no head"))?;
        let head: Head = serde_json::from_slice(line).map_err(|error| FeedError::Form(error.to_string()))?;
        if head.bytes > PART_BYTES_MAX {
            return Err(form("a part is too large"));
        }
        let mut lines = Vec::with_capacity(head.bytes);
        from.by_ref().take(head.bytes as u64).read_to_end(&mut lines)?;
        if lines.len() != head.bytes {
            return Err(form("a part is cut"));
        }
        Ok(Some(Self {
            position: head.position,
            at: head.at,
            hash: unhex(&head.hash).and_then(|hash| hash.try_into().ok()).ok_or_else(|| form("no hash"))?,
            signature: unhex(&head.signature).ok_or_else(|| form("no signature"))?,
            lines: String::from_utf8(lines).map_err(|_| form("lines are no text"))?,
        }))
    }

    /// All parts of an answer.
    ///
    /// # Errors
    /// [`FeedError::Form`] when one does not have the form of a part.
    pub fn decode_all(mut bytes: &[u8]) -> Result<Vec<Self>, FeedError> {
        if bytes.len() > PAGE_BYTES_MAX {
            return Err(FeedError::TooLarge);
        }
        let mut parts = Vec::new();
        while let Some(part) = Self::read(&mut bytes)? {
            parts.push(part);
        }
        Ok(parts)
    }

    /// Checks hash and signature as the part that follows the one with the hash `before`.
    ///
    /// # Errors
    /// [`FeedError::Signature`].
    pub fn check(&self, before: [u8; 32], key: &FeedKey) -> Result<(), FeedError> {
        if self.is_whole(before) && key.has_signed(self.position, &self.hash, &self.signature) {
            return Ok(());
        }
        Err(FeedError::Signature(self.position))
    }

    /// Whether its hash is that of its lines after the part with the hash `before`. Without the signature that proves nothing.
    pub(crate) fn is_whole(&self, before: [u8; 32]) -> bool {
        let heading = Heading { position: self.position, at: self.at, before };
        hash_of(&heading, &self.lines) == self.hash
    }

    /// What a sensor that has it says of it.
    #[must_use]
    pub fn ask(&self) -> FeedAsk {
        FeedAsk { position: self.position, hash: hex(&self.hash), signature: hex(&self.signature), bytes_max: 0 }
    }
}

impl FeedKey {
    /// The key of the centre's CA certificate (DER). None when it holds no such key.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        Some(Self(certificate.public_key().subject_public_key.data.to_vec()))
    }

    /// The same, from PEM.
    #[must_use]
    pub fn of_pem(pem: &str) -> Option<Self> {
        Self::of(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
    }

    /// Whether the centre has really given out this part, as a sensor claims.
    #[must_use]
    pub fn vouches_for(&self, ask: &FeedAsk) -> bool {
        let (hash, signature) = (unhex(&ask.hash), unhex(&ask.signature));
        let hash: Option<[u8; 32]> = hash.and_then(|hash| hash.try_into().ok());
        hash.zip(signature).is_some_and(|(hash, signature)| self.has_signed(ask.position, &hash, &signature))
    }

    fn has_signed(&self, position: FeedPosition, hash: &[u8; 32], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0).verify(&message(position, hash), signature).is_ok()
    }
}

fn message(position: FeedPosition, hash: &[u8; 32]) -> Vec<u8> {
    let numbers = [position.generation.to_be_bytes(), position.part.to_be_bytes()].concat();
    [PURPOSE, &numbers, hash].concat()
}

fn hash_of(heading: &Heading, lines: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(PURPOSE);
    hash.update(heading.before);
    hash.update(heading.position.generation.to_be_bytes());
    hash.update(heading.position.part.to_be_bytes());
    hash.update(heading.at.micros().to_be_bytes());
    hash.update(lines.as_bytes());
    hash.finalize().into()
}

/// Hexadecimal digits to bytes.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn authority() -> Authority {
        Authority::create(AT).expect("a CA")
    }

    fn heading(part: u64, before: [u8; 32]) -> Heading {
        Heading { position: FeedPosition { generation: 1, part }, at: AT, before }
    }

    #[test]
    fn parts_follow_each_other_and_read_back() {
        let authority = authority();
        let key = FeedKey::of(authority.certificate()).expect("a key");
        let first = Part::sign(&authority, heading(1, [0; 32]), "-\t1\n".to_owned()).expect("signed");
        let second = Part::sign(&authority, heading(2, first.hash), "-\t2\n".to_owned()).expect("signed");
        let bytes = [first.encode(), second.encode()].concat();
        assert_eq!(Part::decode_all(&bytes).expect("reads"), [first.clone(), second.clone()]);
        first.check([0; 32], &key).expect("good");
        second.check(first.hash, &key).expect("good");
        assert!(second.check([0; 32], &key).is_err(), "a part in between is missing");
        assert!(key.vouches_for(&second.ask()));
    }

    #[test]
    fn nothing_of_a_part_can_be_changed_and_no_other_key_signs_it() {
        let authority = authority();
        let key = FeedKey::of(authority.certificate()).expect("a key");
        let part = Part::sign(&authority, heading(3, [7; 32]), "-\t1\n".to_owned()).expect("signed");
        let changes: [fn(&mut Part); 6] = [
            |part| part.position.generation += 1,
            |part| part.position.part += 1,
            |part| part.at = part.at.plus_micros(1),
            |part| part.hash[0] ^= 1,
            |part| part.signature[9] ^= 1,
            |part| part.lines.push_str("-\t9\n"),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = part.clone();
            change(&mut changed);
            assert!(changed.check([7; 32], &key).is_err(), "change {number}");
        }
        let other = FeedKey::of(self::authority().certificate()).expect("a key");
        assert!(part.check([7; 32], &other).is_err());
        assert!(!other.vouches_for(&part.ask()));
        assert!(!key.vouches_for(&FeedAsk { position: part.position.next(), ..part.ask() }));
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let part = Part::sign(&authority(), heading(1, [0; 32]), "-\t1\n".to_owned()).expect("signed");
        let bytes = part.encode();
        for end in 1..bytes.len() {
            assert!(Part::decode_all(&bytes[..end]).is_err(), "cut at {end}");
        }
        for bad in ["\n", "{}\n", "[1]\n-\t1\n", "no line feed"] {
            assert!(Part::decode_all(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Part::decode_all(&vec![b' '; PAGE_BYTES_MAX + 1]).is_err());
    }
}
