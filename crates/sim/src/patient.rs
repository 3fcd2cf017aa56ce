//! Invented patients. Their national numbers fail the check digit, so that they are nobody's; a few pass it on purpose
//! and begin with 9, which is given to no one: they prove that a real one would not leave the hospital.

use crate::scene::Scene;
use phitak_model::thai;

/// One patient in so many has a number that passes the check digit.
const VALID_ONE_IN: u64 = 12;

#[derive(Clone, Debug)]
pub struct Patient {
    /// The hospital's own number (HN).
    pub hn: String,
    pub national_id: String,
    pub first_th: &'static str,
    pub last_th: &'static str,
    pub first_en: &'static str,
    pub last_en: &'static str,
    /// `YYYYMMDD`.
    pub born: String,
    pub sex: char,
}

const FIRST: [(&str, &str, char); 8] = [
    ("ทดสอบหนึ่ง", "TESTNUENG", 'F'),
    ("สมมุติ", "SOMMUT", 'M'),
    ("ตัวอย่าง", "TUAYANG", 'F'),
    ("จำลอง", "CHAMLONG", 'M'),
    ("ทดลอง", "THOTLONG", 'M'),
    ("นามแฝง", "NAMFAENG", 'F'),
    ("ฝึกหัด", "FUEKHAT", 'F'),
    ("ซ้อมแผน", "SOMPHAEN", 'M'),
];

const LAST: [(&str, &str); 6] = [
    ("ไม่มีจริง", "MAIMICHING"),
    ("ในนิทาน", "NAINITHAN"),
    ("เรื่องแต่ง", "RUEANGTAENG"),
    ("บนกระดาษ", "BONKRADAT"),
    ("ในฝัน", "NAIFAN"),
    ("ชั่วคราว", "CHUAKHRAO"),
];

/// The next patient of this scene. A number that passes the check digit is noted in the truth.
pub fn next(scene: &mut Scene<'_>) -> Patient {
    let number = scene.next_patient();
    let dice = &mut scene.dice;
    let (first_th, first_en, sex) = *dice.pick(&FIRST);
    let (last_th, last_en) = *dice.pick(&LAST);
    let valid = dice.one_in(VALID_ONE_IN);
    let national_id = national_id(&format!("9{:011}", dice.below(100_000_000_000)), valid);
    let born = format!("{}{:02}{:02}", dice.between(1940, 2020), dice.between(1, 12), dice.between(1, 28));
    if valid {
        scene.truth.valid_national_ids.push(national_id.clone());
    }
    Patient { hn: format!("{:09}", 690_000_000 + number), national_id, first_th, last_th, first_en, last_en, born, sex }
}

/// Twelve digits with a right or a wrong thirteenth.
fn national_id(twelve: &str, valid: bool) -> String {
    let right = (0..10).find(|digit| thai::is_national_id(format!("{twelve}{digit}").as_bytes())).unwrap_or(0);
    let digit = if valid { right } else { (right + 5) % 10 };
    format!("{twelve}{digit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_valid_only_on_purpose() {
        assert!(thai::is_national_id(national_id("900000000001", true).as_bytes()));
        assert!(!thai::is_national_id(national_id("900000000001", false).as_bytes()));
    }
}
