//! Indicators made ready to be looked for: a value that the engine swaps between two packets.
//!
//! Who asks names what it has (an address, a name, a digest); which protocol it comes from is not known here. Everything lies
//! in a few sorted arrays and one stretch of text, so that a million of them stay within some tens of megabytes.

mod build;
mod texts;

pub use build::IndicatorsBuilder;

use phitak_model::{IndicatorKind, Severity, Timestamp, indicator::DOMAIN_BYTES_MAX};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};
use texts::Texts;

/// Names above a name that are asked for: no real one has more labels.
const LABELS_MAX: usize = 40;

/// All that is looked for.
#[derive(Debug, Default)]
pub struct Indicators {
    /// Tells one set from the next.
    pub version: u64,
    notes: Vec<Note>,
    words: Vec<Arc<str>>,
    /// By the length of the prefix, the longest first: first addresses with their notes.
    v4: BTreeMap<std::cmp::Reverse<u8>, Vec<(u32, u32)>>,
    v6: BTreeMap<std::cmp::Reverse<u8>, Vec<(u128, u32)>>,
    domains: Texts,
    urls: Texts,
    ja4: Texts,
    sha256: Vec<([u8; 32], u32)>,
    sha1: Vec<([u8; 20], u32)>,
    md5: Vec<([u8; 16], u32)>,
    ja3: Vec<([u8; 16], u32)>,
}

/// What is kept of each beside its value.
#[derive(Clone, Copy, Debug)]
struct Note {
    id: u32,
    /// Seconds since 1970: good until 2106.
    expires_secs: u32,
    word: u32,
    kind: IndicatorKind,
    severity: Severity,
}

/// An indicator that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndicatorHit {
    pub id: u32,
    pub kind: IndicatorKind,
    pub severity: Severity,
    /// Its plain words.
    pub text: Arc<str>,
}

/// Digests of one kind, asked for all at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileDigests<'a> {
    pub sha256: Option<&'a [u8; 32]>,
    pub sha1: Option<&'a [u8; 20]>,
    pub md5: Option<&'a [u8; 16]>,
}

impl Indicators {
    #[must_use]
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Whether anything of this kind is looked for: what nobody asks for need not be computed.
    #[must_use]
    pub fn has(&self, kind: IndicatorKind) -> bool {
        match kind {
            IndicatorKind::Address => !(self.v4.is_empty() && self.v6.is_empty()),
            IndicatorKind::Domain => !self.domains.is_empty(),
            IndicatorKind::Url => !self.urls.is_empty(),
            IndicatorKind::Sha256 => !self.sha256.is_empty(),
            IndicatorKind::Sha1 => !self.sha1.is_empty(),
            IndicatorKind::Md5 => !self.md5.is_empty(),
            IndicatorKind::Ja3 => !self.ja3.is_empty(),
            IndicatorKind::Ja4 => !self.ja4.is_empty(),
        }
    }

    /// The narrowest network that an address lies in.
    #[must_use]
    pub fn address(&self, address: IpAddr, now: Timestamp) -> Option<IndicatorHit> {
        match address.to_canonical() {
            IpAddr::V4(four) => {
                let number = u32::from(four);
                self.v4.iter().find_map(|(length, all)| {
                    let first = number & u32::MAX.checked_shl(32u32.saturating_sub(length.0.into())).unwrap_or(0);
                    self.live(find(all, &first)?, now)
                })
            }
            IpAddr::V6(six) => {
                let number = u128::from(six);
                self.v6.iter().find_map(|(length, all)| {
                    let first = number & u128::MAX.checked_shl(128u32.saturating_sub(length.0.into())).unwrap_or(0);
                    self.live(find(all, &first)?, now)
                })
            }
        }
    }

    /// A name, or the nearest one above it.
    #[must_use]
    pub fn domain(&self, name: &[u8], now: Timestamp) -> Option<IndicatorHit> {
        if self.domains.is_empty() {
            return None;
        }
        let name = name.strip_suffix(b".").unwrap_or(name);
        let mut small = [0u8; DOMAIN_BYTES_MAX];
        let small = small.get_mut(..name.len())?;
        small.copy_from_slice(name);
        small.make_ascii_lowercase();
        let mut rest: &[u8] = small;
        for _ in 0..LABELS_MAX {
            if let Some(hit) = self.domains.find(rest).and_then(|note| self.live(note, now)) {
                return Some(hit);
            }
            let dot = rest.iter().position(|b| *b == b'.')?;
            rest = rest.get(dot + 1..)?;
        }
        None
    }

    /// A host as the client named it, and the path that it asked for.
    #[must_use]
    pub fn url(&self, host: &[u8], target: &[u8], now: Timestamp) -> Option<IndicatorHit> {
        if self.urls.is_empty() {
            return None;
        }
        let path = target.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default();
        let host = host.strip_suffix(b".").unwrap_or(host);
        let mut whole = Vec::with_capacity(host.len() + path.len());
        whole.extend(host.iter().map(u8::to_ascii_lowercase));
        whole.extend_from_slice(path);
        self.live(self.urls.find(&whole)?, now)
    }

    /// A file by any of its digests.
    #[must_use]
    pub fn file(&self, digests: FileDigests<'_>, now: Timestamp) -> Option<IndicatorHit> {
        let sha256 = digests.sha256.and_then(|digest| find(&self.sha256, digest));
        let sha1 = || digests.sha1.and_then(|digest| find(&self.sha1, digest));
        let md5 = || digests.md5.and_then(|digest| find(&self.md5, digest));
        self.live(sha256.or_else(sha1).or_else(md5)?, now)
    }

    /// A JA3 as its 32 hexadecimal digits.
    #[must_use]
    pub fn ja3(&self, digits: &[u8], now: Timestamp) -> Option<IndicatorHit> {
        if self.ja3.is_empty() || digits.len() != 32 {
            return None;
        }
        let text = std::str::from_utf8(digits).ok()?;
        let number = u128::from_str_radix(text, 16).ok()?;
        self.live(find(&self.ja3, &number.to_be_bytes())?, now)
    }

    #[must_use]
    pub fn ja4(&self, text: &[u8], now: Timestamp) -> Option<IndicatorHit> {
        self.live(self.ja4.find(text)?, now)
    }

    fn live(&self, note: u32, now: Timestamp) -> Option<IndicatorHit> {
        let note = self.notes.get(usize::try_from(note).ok()?)?;
        if now.secs() >= i64::from(note.expires_secs) {
            return None;
        }
        let text = self.words.get(usize::try_from(note.word).ok()?).cloned().unwrap_or_else(|| Arc::from(""));
        Some(IndicatorHit { id: note.id, kind: note.kind, severity: note.severity, text })
    }
}

fn find<K: Ord>(all: &[(K, u32)], key: &K) -> Option<u32> {
    let at = all.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
    all.get(at).map(|(_, note)| *note)
}

#[cfg(test)]
mod tests;
