//! What a message says: that there is something, and where to look. Never what, never where it happened: a message passes
//! through others' hands.

use phitak_model::{Severity, Timestamp, thai};
use phitak_store::MatterKind;

/// What a message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub about: About,
    /// Where to answer, or to look.
    pub link: String,
    /// When it was put into the outbox.
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Matter {
        kind: MatterKind,
        severity: Severity,
    },
    /// Several, told together.
    Several(usize),
    /// That the channel works.
    Test,
}

impl Message {
    /// One line in Thai, without the link.
    #[must_use]
    pub fn line_th(&self) -> String {
        match self.about {
            About::Matter { severity: Severity::High | Severity::Critical, .. } => {
                "มีเรื่องด่วนในระบบพิทักษ์ กรุณาเปิดดู".to_owned()
            }
            About::Matter { .. } => "มีเรื่องในระบบพิทักษ์ กรุณาเปิดดู".to_owned(),
            About::Several(number) => format!("มี {number} เรื่องในระบบพิทักษ์ กรุณาเปิดดู"),
            About::Test => "ข้อความทดสอบจากระบบพิทักษ์ ไม่ต้องทำอะไร".to_owned(),
        }
    }

    /// The same in English.
    #[must_use]
    pub fn line_en(&self) -> String {
        match self.about {
            About::Matter { severity: Severity::High | Severity::Critical, .. } => {
                "Something urgent is in Phitak. Please open it.".to_owned()
            }
            About::Matter { .. } => "Something is in Phitak. Please open it.".to_owned(),
            About::Several(number) => format!("{number} things are in Phitak. Please open it."),
            About::Test => "A test message from Phitak. Nothing needs to be done.".to_owned(),
        }
    }

    /// For channels that count letters: Thai and the link.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{} {}", self.line_th(), self.link)
    }

    /// For channels with room: both languages, when, and the link.
    #[must_use]
    pub fn whole(&self) -> String {
        let answering = match self.about {
            About::Test => "",
            _ => {
                "\nเปิดลิงก์แล้วกดปุ่ม “รับทราบ” ระบบจะไม่แจ้งคนถัดไป ลิงก์ใช้ได้ครั้งเดียวภายใน 7 วัน ไม่ต้องใช้รหัสผ่าน\n\
                  The link says that you know, so that the next person is not told. It works once, for 7 days, without a password."
            }
        };
        format!(
            "{}\n{}\n\n{}\n{answering}\n\nแจ้งเมื่อ {}\n",
            self.line_th(),
            self.line_en(),
            self.link,
            thai::date_time(self.at)
        )
    }

    /// The matter's word and severity, for programs.
    #[must_use]
    pub fn kind_word(&self) -> &'static str {
        match self.about {
            About::Matter { kind, .. } => kind.as_str(),
            About::Several(_) => "several",
            About::Test => "test",
        }
    }

    #[must_use]
    pub fn severity_word(&self) -> Option<&'static str> {
        match self.about {
            About::Matter { severity, .. } => Some(severity.as_str()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_thai_first_and_says_neither_what_nor_where() {
        let message = Message {
            about: About::Matter { kind: MatterKind::Story, severity: Severity::Critical },
            link: "https://phitak.example/acknowledge/x".to_owned(),
            at: Timestamp::parse("2026-11-24T02:14:00Z").expect("a moment"),
        };
        assert_eq!(message.short(), "มีเรื่องด่วนในระบบพิทักษ์ กรุณาเปิดดู https://phitak.example/acknowledge/x");
        let whole = message.whole();
        assert!(whole.starts_with("มีเรื่องด่วนในระบบพิทักษ์") && whole.contains("แจ้งเมื่อ 24 พ.ย. 2569 09:14 น."), "{whole}");
        let calm = Message { about: About::Several(3), ..message };
        assert_eq!(calm.line_th(), "มี 3 เรื่องในระบบพิทักษ์ กรุณาเปิดดู");
    }
}
