//! Time-based one-time codes (RFC 6238 over RFC 4226) as authenticator apps make them: HMAC-SHA-1, six digits, thirty
//! seconds.

use crate::secret;
use phitak_model::Timestamp;
use rand::RngCore;
use ring::hmac;

/// Bytes of a secret: as many as the hash gives, RFC 4226 section 4.
pub const SECRET_BYTES: usize = 20;
/// How long a code is shown.
pub const STEP_SECS: i64 = 30;
/// Steps before and after the present one that are accepted: clocks differ and people type slowly.
pub const STEPS_AROUND: i64 = 1;
const DIGITS: usize = 6;
const TEN_TO_DIGITS: u32 = 1_000_000;
/// RFC 4648 section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What the app and the centre share.
pub type Secret = [u8; SECRET_BYTES];

/// A new secret.
#[must_use]
pub fn draw() -> Secret {
    let mut bytes = [0_u8; SECRET_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// The step of a moment.
#[must_use]
pub fn step_of(now: Timestamp) -> i64 {
    now.micros().div_euclid(STEP_SECS * 1_000_000)
}

/// The code of a step.
#[must_use]
pub fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    // Dynamic truncation, RFC 4226 section 5.3: the last four bits say where the number begins.
    let at = usize::from(bytes.last().copied().unwrap_or(0) & 0xf);
    let part = bytes.iter().skip(at).take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:0width$}", (part & 0x7fff_ffff) % TEN_TO_DIGITS, width = DIGITS)
}

/// The step near now to which the code belongs. Every step is looked at, whether an earlier one fits or not.
#[must_use]
pub fn step_of_code(secret: &[u8], given: &str, now: Timestamp) -> Option<i64> {
    let here = step_of(now);
    let steps = here.saturating_sub(STEPS_AROUND)..=here.saturating_add(STEPS_AROUND);
    steps.fold(None, |found, step| if secret::same(&code(secret, step), given) { Some(step) } else { found })
}

/// A secret as people type it.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5));
    let (mut kept, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        kept = kept << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(kept >> bits));
            kept &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        text.push(letter(kept << (5 - bits)));
    }
    text
}

fn letter(five_bits: u32) -> char {
    char::from(BASE32[(five_bits & 0x1f) as usize])
}

/// What the QR code says: the key URI that authenticator apps read. A login needs no escaping.
#[must_use]
pub fn uri(login: &str, secret: &[u8]) -> String {
    format!(
        "otpauth://totp/Phitak:{login}?secret={}&issuer=Phitak&algorithm=SHA1&digits={DIGITS}&period={STEP_SECS}",
        base32(secret)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        let secret = b"12345678901234567890";
        for (secs, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_secs(secs);
            assert_eq!(code(secret, step_of(now)), expected, "{secs}");
            assert_eq!(step_of_code(secret, expected, now), Some(secs / 30), "{secs}");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648_section_10() {
        let vectors =
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")];
        for (plain, expected) in vectors {
            assert_eq!(base32(plain.as_bytes()), expected);
        }
        assert_eq!(base32(&draw()).len(), 32);
    }

    #[test]
    fn a_code_fits_one_step_around_now_and_no_further() {
        let secret = draw();
        let at = |step: i64| Timestamp::from_secs(step * STEP_SECS + 7);
        let given = code(&secret, 1_000);
        for step in 999..=1_001 {
            assert_eq!(step_of_code(&secret, &given, at(step)), Some(1_000));
        }
        // Codes of six digits may be the same by chance; these two steps' are not tried elsewhere.
        for wrong in ["", "1", "abcdef", "1234567", "๑๒๓๔๕๖"] {
            assert_eq!(step_of_code(&secret, wrong, at(1_000)), None);
        }
        let far = [990, 1_010].map(|step| step_of_code(&secret, &given, at(step)));
        assert!(far.iter().all(|step| *step != Some(1_000)));
    }
}
