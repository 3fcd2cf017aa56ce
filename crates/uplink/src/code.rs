//! The one-time code that a person at the centre gives to a hospital, and with which a sensor finds exactly that centre.
//!
//! `PHK-` and eight groups of four letters of Crockford's base 32 (no I, L, O, U; reading takes those for 1, 1, 0 and
//! refuses U; case, spaces and dashes do not matter). 160 bits: a secret of 60, the first 80 of the SHA-256 of the
//! centre's CA certificate (DER), and 20 of checksum, so that a slip of the pen is told from a wrong code.

use sha2::{Digest, Sha256};
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "PHK";
const SYMBOLS: usize = 32;
const SECRET_BITS: u32 = 60;
const CHECK_BITS: u32 = 20;
/// Longest text that is looked at, with separators.
const TEXT_CHARS_MAX: usize = 96;

/// Bytes of the CA certificate's SHA-256 that a code carries.
pub const FINGERPRINT_BYTES: usize = 10;

/// A code that was typed without a slip. Whether the centre knows it is another matter.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    secret: u64,
    fingerprint: [u8; FINGERPRINT_BYTES],
}

/// Why a text is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error(
        "an enrolment code begins with PHK- and has eight groups of four letters or digits; this one has {0} letters and digits after PHK"
    )]
    Length(usize),
    #[error("{0:?} never stands in an enrolment code (its letters are 0-9 and A-Z without I, L, O, U)")]
    Letter(char),
    #[error("this enrolment code was mistyped somewhere: compare it group by group")]
    Checksum,
}

impl EnrolmentCode {
    /// A new code for the centre with this CA certificate.
    #[must_use]
    pub fn draw(rng: &mut impl rand::RngCore, ca_der: &[u8]) -> Self {
        let secret = rng.next_u64() & ((1 << SECRET_BITS) - 1);
        Self { secret, fingerprint: fingerprint(ca_der) }
    }

    /// # Errors
    /// [`CodeError`] when the text is no code or has a slip in it.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut symbols = Vec::with_capacity(SYMBOLS);
        let plain =
            text.chars().take(TEXT_CHARS_MAX).filter(|c| !matches!(c, '-' | ' ' | '\t' | '\u{2010}'..='\u{2015}'));
        let plain: Vec<char> = plain.map(|c| c.to_ascii_uppercase()).collect();
        let body = match plain.as_slice() {
            ['P', 'H', 'K', body @ ..] => body,
            other => return Err(CodeError::Length(other.len())),
        };
        for letter in body {
            symbols.push(value(*letter).ok_or(CodeError::Letter(*letter))?);
        }
        if symbols.len() != SYMBOLS {
            return Err(CodeError::Length(symbols.len()));
        }
        Self::of_symbols(&symbols).ok_or(CodeError::Checksum)
    }

    /// Whether this is the CA whose centre gave out the code.
    #[must_use]
    pub fn is_of(&self, ca_der: &[u8]) -> bool {
        fingerprint(ca_der) == self.fingerprint
    }

    /// What a centre keeps instead of the code (SHA-256, hexadecimal): who reads its database cannot enrol.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.to_string().as_bytes()))
    }

    fn of_symbols(symbols: &[u8]) -> Option<Self> {
        let number = |part: &[u8]| part.iter().fold(0u128, |sum, symbol| (sum << 5) | u128::from(*symbol));
        let (secret, rest) = symbols.split_at_checked(12)?;
        let (print, check) = rest.split_at_checked(16)?;
        let bytes = number(print).to_be_bytes();
        let code = Self { secret: number(secret) as u64, fingerprint: bytes.get(6..)?.try_into().ok()? };
        (number(check) == u128::from(code.check())).then_some(code)
    }

    fn check(&self) -> u32 {
        let mut hash = Sha256::new();
        hash.update(b"phitak enrolment code 1");
        hash.update(self.secret.to_be_bytes());
        hash.update(self.fingerprint);
        let digest = hash.finalize();
        let first = digest.iter().take(4).fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte));
        first >> (32 - CHECK_BITS)
    }
}

impl fmt::Display for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let print = self.fingerprint.iter().fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
        let parts = [(u128::from(self.secret), 12u32), (print, 16), (u128::from(self.check()), 4)];
        f.write_str(PREFIX)?;
        let mut written = 0u32;
        for (number, symbols) in parts {
            for place in (0..symbols).rev() {
                if written.is_multiple_of(4) {
                    f.write_str("-")?;
                }
                let symbol = ((number >> (5 * place)) & 31) as usize;
                write!(f, "{}", char::from(ALPHABET.get(symbol).copied().unwrap_or(b'0')))?;
                written += 1;
            }
        }
        Ok(())
    }
}

/// Never the secret: this may reach a log.
impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentCode({})", self.digest().get(..8).unwrap_or_default())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fingerprint(ca_der: &[u8]) -> [u8; FINGERPRINT_BYTES] {
    let digest = Sha256::digest(ca_der);
    let mut first = [0; FINGERPRINT_BYTES];
    first.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    first
}

fn value(letter: char) -> Option<u8> {
    let plain = match letter {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    ALPHABET.iter().position(|symbol| char::from(*symbol) == plain).map(|at| at as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn code() -> EnrolmentCode {
        EnrolmentCode::draw(&mut StdRng::seed_from_u64(7), b"a certificate")
    }

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        let text = code().to_string();
        assert_eq!(text.len(), 3 + 8 * 5);
        let typed = [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            text.replace('1', "l").replace('0', "o"),
            text.replace('-', "–"),
        ];
        for typed in typed {
            assert_eq!(EnrolmentCode::parse(&typed), Ok(code()), "{typed}");
        }
    }

    #[test]
    fn each_single_slip_is_told_from_a_wrong_code() {
        let text = code().to_string();
        for at in 4..text.len() {
            let letter = text.as_bytes()[at];
            if letter == b'-' {
                continue;
            }
            let other = if letter == b'7' { '8' } else { '7' };
            let mut slipped = text.clone();
            slipped.replace_range(at..=at, &other.to_string());
            assert_eq!(EnrolmentCode::parse(&slipped), Err(CodeError::Checksum), "{slipped}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused_with_its_reason() {
        assert_eq!(EnrolmentCode::parse(""), Err(CodeError::Length(0)));
        assert_eq!(EnrolmentCode::parse("PHK-1234"), Err(CodeError::Length(4)));
        assert_eq!(EnrolmentCode::parse("PHK-UUUU"), Err(CodeError::Letter('U')));
        assert_eq!(EnrolmentCode::parse("PHK-ก"), Err(CodeError::Letter('ก')));
    }

    #[test]
    fn a_code_names_one_centre_and_hides_its_secret() {
        let code = code();
        assert!(code.is_of(b"a certificate"));
        assert!(!code.is_of(b"another certificate"));
        assert!(!format!("{code:?}").contains(&code.to_string()[4..8]));
    }
}
