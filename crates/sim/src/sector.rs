//! The invented sector: facilities with invented names and codes in real provinces. Every name says that it is an example.

use crate::dice::Dice;
use phitak_model::{FacilityCode, HealthRegion};
use serde::Serialize;

/// Most hospitals in one sector.
pub const HOSPITALS_MAX: usize = 900;

/// Texts for people, in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    pub th: String,
    pub en: String,
}

impl Text {
    fn new(th: impl Into<String>, en: impl Into<String>) -> Self {
        Self { th: th.into(), en: en.into() }
    }
}

/// One hospital, as `sector.json` names it.
#[derive(Clone, Debug, Serialize)]
pub struct Facility {
    pub code: FacilityCode,
    pub name: Text,
    /// The two digits of the Ministry of Interior, such as `50`.
    pub province_code: &'static str,
    pub province: Text,
    pub region: HealthRegion,
}

#[derive(Clone, Debug, Serialize)]
pub struct Sector {
    pub seed: u64,
    pub facilities: Vec<Facility>,
}

struct Province {
    code: &'static str,
    region: u8,
    th: &'static str,
    en: &'static str,
}

const fn province(code: &'static str, region: u8, th: &'static str, en: &'static str) -> Province {
    Province { code, region, th, en }
}

/// In the order in which hospitals are placed: the first ones spread over regions, and two share region 1.
const PROVINCES: [Province; 26] = [
    province("50", 1, "เชียงใหม่", "Chiang Mai"),
    province("40", 7, "ขอนแก่น", "Khon Kaen"),
    province("90", 12, "สงขลา", "Songkhla"),
    province("57", 1, "เชียงราย", "Chiang Rai"),
    province("20", 6, "ชลบุรี", "Chon Buri"),
    province("10", 13, "กรุงเทพมหานคร", "Bangkok"),
    province("65", 2, "พิษณุโลก", "Phitsanulok"),
    province("60", 3, "นครสวรรค์", "Nakhon Sawan"),
    province("19", 4, "สระบุรี", "Saraburi"),
    province("70", 5, "ราชบุรี", "Ratchaburi"),
    province("41", 8, "อุดรธานี", "Udon Thani"),
    province("30", 9, "นครราชสีมา", "Nakhon Ratchasima"),
    province("34", 10, "อุบลราชธานี", "Ubon Ratchathani"),
    province("84", 11, "สุราษฎร์ธานี", "Surat Thani"),
    province("67", 2, "เพชรบูรณ์", "Phetchabun"),
    province("66", 3, "พิจิตร", "Phichit"),
    province("14", 4, "พระนครศรีอยุธยา", "Phra Nakhon Si Ayutthaya"),
    province("73", 5, "นครปฐม", "Nakhon Pathom"),
    province("22", 6, "จันทบุรี", "Chanthaburi"),
    province("44", 7, "มหาสารคาม", "Maha Sarakham"),
    province("47", 8, "สกลนคร", "Sakon Nakhon"),
    province("31", 9, "บุรีรัมย์", "Buri Ram"),
    province("35", 10, "ยโสธร", "Yasothon"),
    province("83", 11, "ภูเก็ต", "Phuket"),
    province("92", 12, "ตรัง", "Trang"),
    province("54", 1, "แพร่", "Phrae"),
];

const NAMES: [(&str, &str); 20] = [
    ("ดอกปีบ", "Dok Pip"),
    ("ใบบัวบก", "Bai Bua Bok"),
    ("นกเงือก", "Nok Ngueak"),
    ("ฟ้าใส", "Fa Sai"),
    ("รวงข้าว", "Ruang Khao"),
    ("สายน้ำใจ", "Sai Nam Chai"),
    ("กล้วยไม้ขาว", "Kluai Mai Khao"),
    ("ตะวันฉาย", "Tawan Chai"),
    ("ปลาตะเพียน", "Pla Taphian"),
    ("ลั่นทม", "Lan Thom"),
    ("จันทร์เพ็ญ", "Chan Phen"),
    ("หิ่งห้อย", "Hing Hoi"),
    ("ขนมชั้น", "Khanom Chan"),
    ("ใบตองสด", "Bai Tong Sot"),
    ("ผีเสื้อฟ้า", "Phi Suea Fa"),
    ("มะลิซ้อน", "Mali Son"),
    ("ต้นกล้า", "Ton Kla"),
    ("สายรุ้ง", "Sai Rung"),
    ("หอยสังข์", "Hoi Sang"),
    ("น้ำค้าง", "Nam Khang"),
];

impl Sector {
    /// `count` hospitals. The first hospitals of a larger sector are those of a smaller one from the same seed.
    #[must_use]
    pub fn invent(seed: u64, count: usize) -> Self {
        let mut names: Vec<usize> = (0..NAMES.len()).collect();
        Dice::new(seed).split("names").shuffle(&mut names);
        let facilities = (0..count.min(HOSPITALS_MAX)).map(|number| facility(number, &names)).collect();
        Self { seed, facilities }
    }
}

fn facility(number: usize, names: &[usize]) -> Facility {
    let place = &PROVINCES[number % PROVINCES.len()];
    let (th, en) = NAMES[names[number % names.len()]];
    let round = number / names.len() + 1;
    let name = if round == 1 {
        Text::new(format!("โรงพยาบาลตัวอย่าง{th}"), format!("{en} Example Hospital"))
    } else {
        Text::new(format!("โรงพยาบาลตัวอย่าง{th} {round}"), format!("{en} Example Hospital {round}"))
    };
    // Both shapes in use; 66… and ZZ… belong to nobody.
    let code =
        if number.is_multiple_of(2) { format!("66{:03}", number + 1) } else { format!("ZZ0066{:03}", number + 1) };
    Facility {
        code: FacilityCode::new(&code).expect("five digits, or nine capital letters and digits"),
        name,
        province_code: place.code,
        province: Text::new(place.th, place.en),
        region: HealthRegion::new(place.region).expect("the table holds regions 1 to 13"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_sector_has_unique_codes_and_names_over_several_regions() {
        let sector = Sector::invent(1, 60);
        let codes: BTreeSet<_> = sector.facilities.iter().map(|f| f.code.as_str().to_owned()).collect();
        let names: BTreeSet<_> = sector.facilities.iter().map(|f| f.name.th.clone()).collect();
        assert_eq!((codes.len(), names.len()), (60, 60));
        let regions: BTreeSet<_> = sector.facilities.iter().take(6).map(|f| f.region).collect();
        assert!(regions.len() >= 4);
        assert!(sector.facilities.iter().all(|f| f.name.th.contains("ตัวอย่าง")));
    }
}
