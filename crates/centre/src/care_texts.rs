//! Words of the hospital's page that belong to no rule and no weakness: stories in general, and the sensor itself.

use crate::wire::Text;

/// What can go wrong when a story's step is followed.
pub fn story_risk() -> Text {
    Text::new(
        "เครื่องที่ถอดสายจะใช้งานเครือข่ายไม่ได้จนกว่าจะต่อกลับ ถ้าเป็นเครื่องที่ต่อกับผู้ป่วย ห้ามแตะต้องก่อนคุยกับงานเครื่องมือแพทย์",
        "A machine that is unplugged cannot use the network until it is plugged in again. Never touch a machine that is \
         connected to a patient before the biomedical staff have agreed.",
    )
}

pub fn story_undo() -> Text {
    Text::new(
        "ต่อสายเครือข่ายกลับ เมื่อศูนย์บอกว่าปลอดภัยแล้ว",
        "Plug the network cable in again when the centre says that it is safe.",
    )
}

pub fn story_who() -> Text {
    Text::new("ผู้ดูแลคอมพิวเตอร์ของโรงพยาบาล ร่วมกับศูนย์", "The hospital's IT officer, together with the centre")
}

/// Minutes until the step of a story is done.
pub const STORY_MINUTES: u32 = 10;

pub fn story_proof() -> Text {
    Text::new(
        "ศูนย์เฝ้าดูต่อ เมื่อไม่พบอีกและตรวจแล้วว่าปลอดภัย เรื่องนี้จะหายไปจากหน้านี้",
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
        title: Text::new("เครื่องเฝ้าระวังเงียบไป", "The monitoring box has gone silent"),
        what: Text::new(
            "ศูนย์ไม่ได้ยินจากเครื่องเฝ้าระวังของโรงพยาบาลตั้งแต่เวลาที่แสดงไว้ ช่วงนี้เราไม่เห็นเหตุใหม่",
            "The centre has not heard from the hospital's monitoring box since the time shown. New incidents are not seen.",
        ),
        steps: vec![
            Text::new("ดูว่าเครื่องเฝ้าระวังเปิดอยู่และไฟติด", "Check that the monitoring box is on and its light is lit."),
            Text::new(
                "ดูว่าสายเครือข่ายเสียบแน่นทั้งสองด้าน",
                "Check that its network cables are firmly plugged in at both ends.",
            ),
            Text::new(
                "ถ้ายังไม่กลับมาใน 10 นาที ปิดแล้วเปิดเครื่องใหม่",
                "If it is not back in 10 minutes, switch it off and on.",
            ),
            Text::new("ถ้ายังไม่กลับมา โทรหาเรา", "If it still does not come back, call us."),
        ],
    }
}

pub fn sensor_never() -> SensorWords {
    SensorWords {
        kind: "sensor_never",
        title: Text::new("ยังไม่มีเครื่องเฝ้าระวังที่ทำงาน", "No monitoring box is working yet"),
        what: Text::new(
            "โรงพยาบาลนี้ยังไม่มีเครื่องเฝ้าระวังที่ส่งข่าวถึงศูนย์ หน้านี้จึงยังบอกไม่ได้ว่าปกติหรือไม่",
            "No monitoring box of this hospital has reached the centre yet, so this page cannot say whether all is well.",
        ),
        steps: vec![
            Text::new("ขอรหัสติดตั้งจากศูนย์", "Ask the centre for an installation code."),
            Text::new("ติดตั้งเครื่องเฝ้าระวังตามคู่มือ แล้วใส่รหัส", "Install the monitoring box by its guide and enter the code."),
        ],
    }
}

pub fn sensor_why() -> Text {
    Text::new("ถ้ามีคนบุกรุกในช่วงที่มองไม่เห็น จะไม่มีใครเตือน", "If somebody breaks in while nobody can see, nobody will warn.")
}

pub fn sensor_risk() -> Text {
    Text::new(
        "ไม่กระทบระบบของโรงพยาบาล เครื่องเฝ้าระวังเพียงรับฟัง",
        "The hospital's systems are not affected: the box only listens.",
    )
}

pub fn sensor_undo() -> Text {
    Text::new("ไม่ต้องย้อนกลับ", "Nothing to undo")
}

pub fn sensor_who() -> Text {
    Text::new("ผู้ดูแลคอมพิวเตอร์ของโรงพยาบาล", "The hospital's IT officer")
}

/// Minutes that looking after the box takes.
pub const SENSOR_MINUTES: u32 = 10;

pub fn sensor_proof() -> Text {
    Text::new(
        "หน้านี้เปลี่ยนเองภายใน 2 นาทีเมื่อศูนย์ได้ยินอีกครั้ง",
        "This page changes by itself within 2 minutes of being heard again.",
    )
}

/// A weakness that this program has no words for: it was written by a newer one.
pub fn unknown_weakness() -> Text {
    Text::new("ยังไม่มีคำอธิบายสำหรับเรื่องนี้ โทรหาเรา", "There are no words for this yet. Call us.")
}
