//! Dates as a Thai reader writes them: Buddhist era, Thai month names, Asia/Bangkok (UTC+7, no summer time).

use crate::time::Timestamp;

/// Asia/Bangkok's offset, in seconds; fixed since 1920.
pub const BANGKOK_OFFSET_SECS: i64 = 7 * 3600;

/// The Buddhist era runs 543 years ahead of the common era.
pub const BUDDHIST_ERA_OFFSET_YEARS: i64 = 543;

const MONTHS_SHORT: [&str; 12] =
    ["ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค."];

/// `24 พ.ย. 2569`
#[must_use]
pub fn date(at: Timestamp) -> String {
    let c = at.civil(BANGKOK_OFFSET_SECS);
    let month = MONTHS_SHORT.get(c.month as usize - 1).copied().unwrap_or_default();
    format!("{} {} {}", c.day, month, c.year + BUDDHIST_ERA_OFFSET_YEARS)
}

/// `24 พ.ย. 2569 09:14 น.`
#[must_use]
pub fn date_time(at: Timestamp) -> String {
    let c = at.civil(BANGKOK_OFFSET_SECS);
    format!("{} {:02}:{:02} น.", date(at), c.hour, c.minute)
}

/// Whether these thirteen digits are a valid Thai national identification number: the last is the check digit,
/// (11 − Σ digitᵢ·(13−i) mod 11) mod 10 over the first twelve.
#[must_use]
pub fn is_national_id(digits: &[u8]) -> bool {
    if digits.len() != 13 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = digits.iter().take(12).enumerate().map(|(i, d)| u32::from(d - b'0') * (13 - i as u32)).sum();
    let check = (11 - sum % 11) % 10;
    digits.last().is_some_and(|last| u32::from(last - b'0') == check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thai_date_has_the_buddhist_year_and_bangkok_time() {
        let at = Timestamp::parse("2026-11-24T02:14:00Z").expect("a moment");
        assert_eq!(date_time(at), "24 พ.ย. 2569 09:14 น.");
        let evening = Timestamp::parse("2026-12-31T18:00:00Z").expect("a moment");
        assert_eq!(date(evening), "1 ม.ค. 2570");
    }

    #[test]
    fn a_national_id_is_known_by_its_check_digit() {
        assert!(is_national_id(b"1101700230708"));
        assert!(!is_national_id(b"1101700230709"));
        assert!(!is_national_id(b"110170023070"));
    }
}
