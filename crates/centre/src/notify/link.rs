//! Answering links: signed with the centre's own key, for one message, for a time. Nothing of a link stands in the tables,
//! so that a copy of them opens none; that it was used does.
//!
//! ```text
//!   3f2 - 6a1b3c4d - 9b…(32 digits)
//!   message, until when (seconds), signature over both
//! ```

use crate::centre::Centre;
use phitak_model::Timestamp;
use phitak_store::{DeliveryId, answering_links::LINK_SECS};
use ring::hmac;

/// Hexadecimal digits of a signature: 128 bits.
const SIGNATURE_DIGITS: usize = 32;
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 80;

/// The link of a message that was put into the outbox then.
#[must_use]
pub fn url(centre: &Centre, id: DeliveryId, created_at: Timestamp) -> String {
    let until = created_at.plus_secs(LINK_SECS).micros() / 1_000_000;
    format!("{}/acknowledge/{}", centre.settings.public_url, token(&centre.telling.link_key, id.0, until))
}

/// The message of a token that this centre has signed and that is not too old. Whether it was used is not known here.
#[must_use]
pub fn read(centre: &Centre, token: &str) -> Option<DeliveryId> {
    let (id, until) = read_signed(&centre.telling.link_key, token)?;
    (until > centre.clock.now().micros() / 1_000_000).then_some(DeliveryId(id))
}

fn token(key: &hmac::Key, id: i64, until: i64) -> String {
    format!("{id:x}-{until:x}-{}", signature(key, id, until))
}

fn signature(key: &hmac::Key, id: i64, until: i64) -> String {
    let tag = hmac::sign(key, format!("{id:x}-{until:x}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).take(SIGNATURE_DIGITS / 2).collect()
}

fn read_signed(key: &hmac::Key, token: &str) -> Option<(i64, i64)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut parts = token.split('-');
    let (id, until, given) = (parts.next()?, parts.next()?, parts.next()?);
    let (id, until) = (i64::from_str_radix(id, 16).ok()?, i64::from_str_radix(until, 16).ok()?);
    let right = crate::secret::same(given, &signature(key, id, until));
    (right && parts.next().is_none()).then_some((id, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_reads_a_link_and_no_digit_of_it_may_change() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"one");
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"other");
        let good = token(&key, 1_010, 1_790_000_000);
        assert_eq!(read_signed(&key, &good), Some((1_010, 1_790_000_000)));
        assert_eq!(read_signed(&other, &good), None);
        for at in 0..good.len() {
            let mut changed = good.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(read_signed(&key, std::str::from_utf8(&changed).expect("text")), None, "{at}");
        }
        for bad in ["", "-", "--", "1-2-3", &"f".repeat(500), "ไทย-1-2", &format!("{good}-"), &good.replace('-', "")]
        {
            assert_eq!(read_signed(&key, bad), None, "{bad}");
        }
    }
}
