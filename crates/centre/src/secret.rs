//! Secrets that the centre gives out: drawn at random, shown once, kept only as their digests.

use rand::RngCore;

/// Bytes of chance in a secret.
pub const SECRET_BYTES: usize = 32;

/// A new secret: 64 hexadecimal digits.
#[must_use]
pub fn draw() -> String {
    let mut bytes = [0_u8; SECRET_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two texts are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_twice_the_same() {
        let (one, other) = (draw(), draw());
        assert_eq!(one.len(), 2 * SECRET_BYTES);
        assert!(!same(&one, &other));
        assert!(same(&one, &one.clone()));
        assert!(!same(&one, ""));
    }
}
