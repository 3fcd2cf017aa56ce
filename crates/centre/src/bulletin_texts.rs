//! Words of early warnings that no analyst has to write: what can go wrong, who does it, how everybody will know.

use crate::{care_texts, wire::Text};
use phitak_store::Check;

/// What can go wrong, and how to tell who is really calling.
pub fn risk() -> Text {
    care_texts::risk(
        "ถ้าเกี่ยวกับเครื่องมือแพทย์ หรือคอมพิวเตอร์ที่ต่อกับเครื่องมือแพทย์ ห้ามปิด ห้ามถอดสาย และห้ามเปลี่ยนการตั้งค่าก่อนคุยกับช่างเครื่องมือแพทย์ งานที่ทำให้ระบบหยุด ให้ทำนอกเวลาบริการ",
        "Never touch a medical device, or a computer attached to one, before the biomedical staff have agreed. What stops a \
         system waits until outside service hours.",
    )
}

/// When the warning does not say who.
pub fn who() -> Text {
    Text::new("ผู้ดูแลคอมพิวเตอร์ของโรงพยาบาล", "The hospital's IT officer")
}

/// When the warning does not say how to go back.
pub fn undo() -> Text {
    Text::new(
        "จดค่าเดิมไว้ก่อนเปลี่ยน ถ้ามีปัญหาให้ตั้งกลับตามที่จดไว้ แล้วโทรหาเรา",
        "Write down how it was set before you change it. If anything goes wrong, set it back and call us.",
    )
}

/// How everybody will know that it is done: the check itself, in words.
pub fn proof(check: &Check) -> Text {
    match check {
        Check::Indicators { .. } => Text::new(
            "หลังกด “ทำแล้ว” เครื่องเฝ้าระวังเครือข่ายจะดูต่อเอง ถ้าครบ 1 วันแล้วไม่พบการติดต่อกับเลข IP เหล่านั้นอีก จะขึ้นว่า “ยืนยันแล้ว”",
            "After you press “Done” the sensor keeps watching. When a day has passed without contact with these addresses, it says “Verified”.",
        ),
        Check::Weakness { weakness } => phitak_assets::weakness(weakness)
            .map_or_else(care_texts::unknown_weakness, |weakness| weakness.proof.into()),
        Check::Service { .. } => Text::new(
            "หลังกด “ทำแล้ว” เครื่องเฝ้าระวังเครือข่ายจะดูต่อเอง ถ้าครบ 1 วันแล้วไม่เห็นบริการนี้อีก ทั้งที่เครื่องยังทำงานอยู่ จะขึ้นว่า “ยืนยันแล้ว”",
            "After you press “Done” the sensor keeps watching. When a day has passed in which the machine worked and did not serve this, it says “Verified”.",
        ),
    }
}

/// What a draft from a campaign says at the end of what happened. No number and no name: other hospitals are nobody's
/// business.
pub fn seen_elsewhere() -> Text {
    Text::new("พบแบบเดียวกันที่หลายโรงพยาบาลในเวลาใกล้กัน", "The same was seen at several hospitals within a short time.")
}

/// The title of a draft whose rule has no plain words: the rule's own text may name a place.
pub fn unnamed_attack() -> Text {
    Text::new("พบการโจมตีแบบเดียวกันที่หลายโรงพยาบาล", "The same attack at several hospitals")
}

pub fn warning_of(title: &Text) -> Text {
    Text::new(format!("เตือนล่วงหน้า: {}", title.th), format!("Early warning: {}", title.en))
}

/// The step that stands first when a draft names addresses.
pub fn block_addresses() -> Text {
    Text::new(
        "ให้ผู้ดูแลคอมพิวเตอร์ปิดการติดต่อกับเลข IP ใน “รายละเอียดทางเทคนิค” ที่ไฟร์วอลล์ ทั้งขาเข้าและขาออก จดค่าเดิมไว้ก่อน",
        "Have the IT officer block the addresses under “Technical details” at the firewall, inward and outward, after writing down how it was set.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_check_says_how_everybody_will_know() {
        let checks = [
            Check::Indicators { addresses: Vec::new() },
            Check::Service { protocol: None, port: Some(23) },
            Check::Weakness { weakness: "smb1_spoken".to_owned() },
        ];
        for check in checks {
            let proof = proof(&check);
            assert!(proof.th.contains("ยืนยันแล้ว") || matches!(check, Check::Weakness { .. }), "{proof:?}");
            assert!(!proof.th.is_empty() && !proof.en.is_empty() && proof != care_texts::unknown_weakness());
        }
        assert!(risk().th.contains("ช่างเครื่องมือแพทย์") && risk().th.contains("ไม่ถามรหัสผ่าน"));
    }
}
