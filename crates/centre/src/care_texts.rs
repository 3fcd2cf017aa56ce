//! Words of the hospital's page that belong to no rule and no weakness: stories in general, and the sensor itself.

use crate::{rule_texts::ActsOn, wire::Text};

/// Whoever is told to phone, or to wait for a call, is told how false callers give themselves away. Always these words, so
/// that they are known again.
const TRUE_CALLERS: (&str, &str) = (
    "ใช้เบอร์โทรบนหน้านี้เท่านั้น เราไม่ถามรหัสผ่าน ไม่ขอให้โอนเงิน และไม่ให้ติดตั้งโปรแกรม ถ้ามีคนโทรมาอ้างว่าเป็นเราแล้วขอสิ่งเหล่านี้ ให้วางสาย แล้วโทรหาเราเอง",
    "Use only the phone number on this page. We never ask for a password, for money or to install a program. If a caller who \
     claims to be us does, hang up and call us yourself.",
);

pub fn true_callers() -> Text {
    let (th, en) = TRUE_CALLERS;
    Text::new(th, en)
}

/// What can go wrong, and how to tell who is really calling.
pub fn risk(th: &str, en: &str) -> Text {
    let (callers_th, callers_en) = TRUE_CALLERS;
    Text::new(format!("{th} · {callers_th}"), format!("{en} {callers_en}"))
}

/// What can go wrong when a story's step is followed.
pub fn story_risk(acts_on: ActsOn) -> Text {
    match acts_on {
        ActsOn::Cable => risk(
            "ถ้าเป็นเครื่องมือแพทย์หรือคอมพิวเตอร์ที่ต่อกับเครื่องมือแพทย์ ห้ามถอดสายหรือปิดเครื่องก่อนคุยกับช่างเครื่องมือแพทย์ ถ้าไม่แน่ใจว่าเป็นเครื่องใด ถามเราก่อน เครื่องที่ถอดสาย (ถ้าใช้ Wi-Fi ให้ปิด Wi-Fi แทน) จะใช้เครือข่ายไม่ได้จนกว่าจะเสียบกลับ",
            "A machine that is unplugged (on Wi-Fi: with Wi-Fi turned off) cannot use the network until it is back. If you are \
             not sure which machine it is, ask us first. Never touch a medical device, or a computer attached to one, before \
             the biomedical staff have agreed.",
        ),
        ActsOn::Firewall => risk(
            "คนภายนอกที่ใช้ทางนี้อยู่จะเข้าไม่ได้ เช่น ผู้ขายที่ดูแลระบบจากระยะไกล หรือผู้ป่วยที่ใช้เว็บ บอกคนเหล่านั้นก่อน และจดค่าเดิมของไฟร์วอลล์ไว้",
            "Whoever uses this way from outside is shut out: a vendor who looks after a system from afar, or patients who use \
             the site. Tell them first, and write down how the firewall was set.",
        ),
        ActsOn::Server => risk(
            "การอัปเดตหรือปิดโปรแกรมอาจทำให้ระบบหยุดชั่วครู่ ดูก่อนว่ามีเครื่องมือแพทย์ใช้ระบบนี้หรือไม่ บอกหน่วยงานที่ใช้ระบบและสำรองข้อมูลก่อน ถ้ารอได้ ทำนอกเวลาบริการ ถ้าเป็นระบบของผู้ขาย ถามผู้ขายก่อน",
            "Updating a program, or turning part of it off, may stop the system for a moment. Choose a quiet time, make a \
             backup first, and ask the vendor if the system is a vendor's.",
        ),
        ActsOn::Nothing => {
            risk("ขั้นตอนนี้ไม่เปลี่ยนแปลงเครื่องใด จึงไม่รบกวนงาน", "This step changes no machine, so no work is disturbed.")
        }
    }
}

pub fn story_undo(acts_on: ActsOn) -> Text {
    match acts_on {
        ActsOn::Cable => Text::new(
            "เมื่อศูนย์บอกว่าปลอดภัยแล้ว เสียบสายเครือข่ายกลับ (หรือเปิด Wi-Fi)",
            "When the centre says that it is safe, plug the network cable in again (or turn Wi-Fi on).",
        ),
        ActsOn::Firewall => Text::new(
            "เมื่อศูนย์บอกว่าปลอดภัยแล้ว ตั้งไฟร์วอลล์กลับตามที่จดไว้",
            "When the centre says that it is safe, set the firewall back to what you wrote down.",
        ),
        ActsOn::Server => Text::new(
            "ถ้าระบบทำงานผิดปกติหลังจากนั้น กลับไปใช้ชุดที่สำรองไว้ แล้วโทรหาเรา",
            "If the system does not work as before, go back to the backup and call us.",
        ),
        ActsOn::Nothing => Text::new("ไม่มีสิ่งใดต้องย้อนกลับ", "There is nothing to undo."),
    }
}

pub fn story_who() -> Text {
    Text::new("ผู้ดูแลคอมพิวเตอร์ของโรงพยาบาล ร่วมกับศูนย์", "The hospital's IT officer, together with the centre")
}

/// Minutes until the step of a story is done.
pub const STORY_MINUTES: u32 = 10;

pub fn story_proof() -> Text {
    Text::new(
        "ศูนย์เฝ้าดูต่อให้ เมื่อไม่พบอีกและตรวจแล้วว่าปลอดภัย เรื่องนี้จะหายไปจากหน้านี้เอง",
        "The centre keeps watching. When it is no longer seen and found to be safe, it leaves this page.",
    )
}

/// Everything about a sensor that does not speak.
pub struct SensorWords {
    pub kind: &'static str,
    pub title: Text,
    pub what: Text,
    pub steps: Vec<Text>,
}

pub fn sensor_silent() -> SensorWords {
    SensorWords {
        kind: "sensor_silent",
        title: Text::new("เครื่องเฝ้าระวังเครือข่ายขาดการติดต่อ", "The sensor has gone silent"),
        what: Text::new(
            "เครื่องเฝ้าระวังเครือข่าย (เครื่องเล็กของพิทักษ์ ไม่ใช่เครื่องเฝ้าระวังผู้ป่วย) ไม่ได้ส่งข้อมูลถึงศูนย์มาระยะหนึ่งแล้ว เวลาที่ติดต่อล่าสุดอยู่บนหน้านี้ ช่วงนี้เราจึงมองไม่เห็นเหตุใหม่",
            "The centre has not heard from the hospital's sensor for a while (this page shows since when). New incidents are not seen.",
        ),
        steps: vec![
            Text::new("ดูว่าเครื่องเฝ้าระวังเครือข่ายเปิดอยู่และไฟติด", "Check that the sensor is on and its light is lit."),
            Text::new(
                "ดูว่าสายเครือข่ายทุกเส้นของเครื่องเฝ้าระวังเครือข่ายเสียบแน่นทั้งสองด้าน",
                "Check that its network cables are firmly plugged in at both ends.",
            ),
            Text::new(
                "ถ้าผ่านไป 10 นาทียังไม่กลับมา ปิดเครื่องเฝ้าระวังเครือข่ายแล้วเปิดอีกครั้ง ห้ามปิดเครื่องอื่น ถ้าไม่แน่ใจว่าเป็นเครื่องใด โทรหาเราก่อน",
                "If it is not back in 10 minutes, switch it off and on.",
            ),
            Text::new("ถ้ายังไม่กลับมา โทรหาเรา", "If it still does not come back, call us."),
        ],
    }
}

pub fn sensor_never() -> SensorWords {
    SensorWords {
        kind: "sensor_never",
        title: Text::new("ยังไม่มีเครื่องเฝ้าระวังเครือข่ายที่ทำงาน", "No sensor is working yet"),
        what: Text::new(
            "ยังไม่มีเครื่องเฝ้าระวังเครือข่ายของโรงพยาบาลนี้ส่งข้อมูลถึงศูนย์ หน้านี้จึงยังบอกไม่ได้ว่าปกติหรือไม่",
            "No sensor of this hospital has reached the centre yet, so this page cannot say whether all is well.",
        ),
        steps: vec![
            Text::new("ขอรหัสลงทะเบียนจากศูนย์", "Ask the centre for an enrolment code."),
            Text::new("ติดตั้งเครื่องเฝ้าระวังเครือข่ายตามคู่มือ แล้วใส่รหัส", "Install the sensor by its guide and enter the code."),
        ],
    }
}

pub fn sensor_why() -> Text {
    Text::new("ถ้ามีคนบุกรุกในช่วงที่มองไม่เห็น จะไม่มีใครเตือน", "If somebody breaks in while nobody can see, nobody will warn.")
}

pub fn sensor_risk() -> Text {
    risk(
        "อย่าปิดเครื่องเฝ้าระวังผู้ป่วยหรือเครื่องมือแพทย์ เครื่องเฝ้าระวังเครือข่ายดูอย่างเดียว ปิดแล้วเปิดอีกครั้งจึงไม่กระทบระบบของโรงพยาบาล",
        "The hospital's systems are not affected: the sensor only listens.",
    )
}

pub fn sensor_undo() -> Text {
    Text::new("ไม่ต้องย้อนกลับ", "Nothing to undo")
}

pub fn sensor_who() -> Text {
    Text::new("ผู้ดูแลคอมพิวเตอร์ของโรงพยาบาล", "The hospital's IT officer")
}

/// Minutes that looking after the sensor takes.
pub const SENSOR_MINUTES: u32 = 10;

pub fn sensor_proof() -> Text {
    Text::new(
        "หน้านี้จะเปลี่ยนเองภายใน 2 นาทีหลังจากเครื่องเฝ้าระวังเครือข่ายติดต่อศูนย์ได้อีกครั้ง",
        "This page changes by itself within 2 minutes of being heard again.",
    )
}

/// A weakness that this program has no words for: it was written by a newer one.
pub fn unknown_weakness() -> Text {
    Text::new("ยังไม่มีคำอธิบายสำหรับเรื่องนี้ โทรหาเรา", "There are no words for this yet. Call us.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule_texts::RuleTexts;

    /// Whether somebody is told to phone or to expect a call.
    fn tells_to_phone(text: &Text) -> bool {
        let words = |word: &str| text.en.to_lowercase().split(|c: char| !c.is_ascii_alphabetic()).any(|w| w == word);
        text.th.contains("โทร") || text.th.contains("ติดต่อไป") || words("call") || words("phone")
    }

    fn warns(texts: &[Text]) -> bool {
        let (th, en) = TRUE_CALLERS;
        texts.iter().any(|text| text.th.contains(th)) && texts.iter().any(|text| text.en.contains(en))
    }

    fn check(name: &str, texts: &[Text]) {
        assert!(
            !texts.iter().any(tells_to_phone) || warns(texts),
            "{name} tells to phone and does not warn of false callers"
        );
    }

    #[test]
    fn every_advice_that_tells_to_phone_warns_of_false_callers() {
        let rules = RuleTexts::shipped().expect("reads");
        let mut phoning = 0;
        for rule in rules.all() {
            let card = [
                rule.what.clone(),
                rule.why.clone(),
                rule.step.clone(),
                story_risk(rule.acts_on),
                story_undo(rule.acts_on),
                story_proof(),
            ];
            phoning += usize::from(tells_to_phone(&rule.step));
            check(&rule.sid.to_string(), &card);
        }
        assert!(phoning > 10);
        let unknown = rules.of(0, "a rule without words");
        assert!(tells_to_phone(&unknown.step));
        check("a rule without words", &[unknown.step, story_risk(unknown.acts_on)]);
        for sensor in [sensor_silent(), sensor_never()] {
            check(
                sensor.kind,
                &[sensor.steps, vec![sensor.what, sensor_why(), sensor_risk(), sensor_proof()]].concat(),
            );
        }
        for weakness in phitak_assets::WEAKNESSES {
            let own = [weakness.what, weakness.why, weakness.risk, weakness.undo, weakness.who, weakness.proof];
            check(weakness.id, &own.iter().chain(weakness.steps).map(|text| (*text).into()).collect::<Vec<Text>>());
        }
        check("an unknown weakness", &[unknown_weakness(), true_callers()]);
    }
}
