//! Thailand's 77 provinces: code, names and health region (เขตสุขภาพ). Public facts; the codes are those of the
//! Department of Provincial Administration, and region 13 is Bangkok.

/// How many provinces there are, Bangkok counted.
pub const PROVINCES_COUNT: usize = 77;

/// One province.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Province {
    /// Two digits, as text.
    pub code: &'static str,
    pub name_th: &'static str,
    pub name_en: &'static str,
    /// 1 to 13.
    pub region: u8,
}

/// The province of this code.
#[must_use]
pub fn by_code(code: &str) -> Option<&'static Province> {
    PROVINCES.binary_search_by(|province| province.code.cmp(code)).ok().and_then(|at| PROVINCES.get(at))
}

const fn province(code: &'static str, name_th: &'static str, name_en: &'static str, region: u8) -> Province {
    Province { code, name_th, name_en, region }
}

/// In the order of their codes.
pub static PROVINCES: [Province; PROVINCES_COUNT] = [
    province("10", "กรุงเทพมหานคร", "Bangkok", 13),
    province("11", "สมุทรปราการ", "Samut Prakan", 6),
    province("12", "นนทบุรี", "Nonthaburi", 4),
    province("13", "ปทุมธานี", "Pathum Thani", 4),
    province("14", "พระนครศรีอยุธยา", "Phra Nakhon Si Ayutthaya", 4),
    province("15", "อ่างทอง", "Ang Thong", 4),
    province("16", "ลพบุรี", "Lop Buri", 4),
    province("17", "สิงห์บุรี", "Sing Buri", 4),
    province("18", "ชัยนาท", "Chai Nat", 3),
    province("19", "สระบุรี", "Saraburi", 4),
    province("20", "ชลบุรี", "Chon Buri", 6),
    province("21", "ระยอง", "Rayong", 6),
    province("22", "จันทบุรี", "Chanthaburi", 6),
    province("23", "ตราด", "Trat", 6),
    province("24", "ฉะเชิงเทรา", "Chachoengsao", 6),
    province("25", "ปราจีนบุรี", "Prachin Buri", 6),
    province("26", "นครนายก", "Nakhon Nayok", 4),
    province("27", "สระแก้ว", "Sa Kaeo", 6),
    province("30", "นครราชสีมา", "Nakhon Ratchasima", 9),
    province("31", "บุรีรัมย์", "Buri Ram", 9),
    province("32", "สุรินทร์", "Surin", 9),
    province("33", "ศรีสะเกษ", "Si Sa Ket", 10),
    province("34", "อุบลราชธานี", "Ubon Ratchathani", 10),
    province("35", "ยโสธร", "Yasothon", 10),
    province("36", "ชัยภูมิ", "Chaiyaphum", 9),
    province("37", "อำนาจเจริญ", "Amnat Charoen", 10),
    province("38", "บึงกาฬ", "Bueng Kan", 8),
    province("39", "หนองบัวลำภู", "Nong Bua Lam Phu", 8),
    province("40", "ขอนแก่น", "Khon Kaen", 7),
    province("41", "อุดรธานี", "Udon Thani", 8),
    province("42", "เลย", "Loei", 8),
    province("43", "หนองคาย", "Nong Khai", 8),
    province("44", "มหาสารคาม", "Maha Sarakham", 7),
    province("45", "ร้อยเอ็ด", "Roi Et", 7),
    province("46", "กาฬสินธุ์", "Kalasin", 7),
    province("47", "สกลนคร", "Sakon Nakhon", 8),
    province("48", "นครพนม", "Nakhon Phanom", 8),
    province("49", "มุกดาหาร", "Mukdahan", 10),
    province("50", "เชียงใหม่", "Chiang Mai", 1),
    province("51", "ลำพูน", "Lamphun", 1),
    province("52", "ลำปาง", "Lampang", 1),
    province("53", "อุตรดิตถ์", "Uttaradit", 2),
    province("54", "แพร่", "Phrae", 1),
    province("55", "น่าน", "Nan", 1),
    province("56", "พะเยา", "Phayao", 1),
    province("57", "เชียงราย", "Chiang Rai", 1),
    province("58", "แม่ฮ่องสอน", "Mae Hong Son", 1),
    province("60", "นครสวรรค์", "Nakhon Sawan", 3),
    province("61", "อุทัยธานี", "Uthai Thani", 3),
    province("62", "กำแพงเพชร", "Kamphaeng Phet", 3),
    province("63", "ตาก", "Tak", 2),
    province("64", "สุโขทัย", "Sukhothai", 2),
    province("65", "พิษณุโลก", "Phitsanulok", 2),
    province("66", "พิจิตร", "Phichit", 3),
    province("67", "เพชรบูรณ์", "Phetchabun", 2),
    province("70", "ราชบุรี", "Ratchaburi", 5),
    province("71", "กาญจนบุรี", "Kanchanaburi", 5),
    province("72", "สุพรรณบุรี", "Suphan Buri", 5),
    province("73", "นครปฐม", "Nakhon Pathom", 5),
    province("74", "สมุทรสาคร", "Samut Sakhon", 5),
    province("75", "สมุทรสงคราม", "Samut Songkhram", 5),
    province("76", "เพชรบุรี", "Phetchaburi", 5),
    province("77", "ประจวบคีรีขันธ์", "Prachuap Khiri Khan", 5),
    province("80", "นครศรีธรรมราช", "Nakhon Si Thammarat", 11),
    province("81", "กระบี่", "Krabi", 11),
    province("82", "พังงา", "Phangnga", 11),
    province("83", "ภูเก็ต", "Phuket", 11),
    province("84", "สุราษฎร์ธานี", "Surat Thani", 11),
    province("85", "ระนอง", "Ranong", 11),
    province("86", "ชุมพร", "Chumphon", 11),
    province("90", "สงขลา", "Songkhla", 12),
    province("91", "สตูล", "Satun", 12),
    province("92", "ตรัง", "Trang", 12),
    province("93", "พัทลุง", "Phatthalung", 12),
    province("94", "ปัตตานี", "Pattani", 12),
    province("95", "ยะลา", "Yala", 12),
    province("96", "นราธิวาส", "Narathiwat", 12),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_province_is_found_by_its_code_and_lies_in_a_region() {
        for province in &PROVINCES {
            assert_eq!(by_code(province.code), Some(province));
            assert!((1..=13).contains(&province.region), "{province:?}");
        }
        assert_eq!(by_code("99"), None);
        assert_eq!(by_code("10").map(|bangkok| bangkok.region), Some(13));
        let regions: std::collections::BTreeSet<u8> = PROVINCES.iter().map(|province| province.region).collect();
        assert_eq!(regions.len(), 13, "no region is empty");
    }
}
