//! What a piece of evidence is called. The value beside it comes from the wire, the label never does.

use crate::text::Text;
use serde::{Deserialize, Serialize};

/// Most characters of a value that came from the wire (certificate names can be long, and hostile).
pub const VALUE_CHARS_MAX: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    Port,
    SmbDialect,
    Login,
    TlsVersion,
    Database,
    CertificateSubject,
    CertificateIssuer,
    CertificateEnds,
    CertificateFingerprint,
    SafeUse,
    Refused,
}

impl Label {
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Port => Text::new("พอร์ต", "Port"),
            Self::SmbDialect => Text::new("รุ่นของการแชร์ไฟล์ (SMB)", "File-sharing version (SMB)"),
            Self::Login => Text::new("วิธีเข้าเครื่อง", "Log-in"),
            Self::TlsVersion => Text::new("รุ่นของการเข้ารหัส (TLS)", "TLS version"),
            Self::Database => Text::new("ฐานข้อมูล", "Database"),
            Self::CertificateSubject => Text::new("ใบรับรองออกให้", "Certificate issued to"),
            Self::CertificateIssuer => Text::new("ผู้ออกใบรับรอง", "Certificate issued by"),
            Self::CertificateEnds => Text::new("วันหมดอายุของใบรับรอง", "Certificate ends"),
            Self::CertificateFingerprint => Text::new("ลายนิ้วมือใบรับรอง (SHA-256)", "Certificate fingerprint (SHA-256)"),
            Self::SafeUse => Text::new("เห็นใช้แบบปลอดภัยแล้ว", "Seen in safe use"),
            Self::Refused => Text::new("ปฏิเสธการเชื่อมต่อ", "Refused a connection"),
        }
    }
}

/// Characters that turn or hide their neighbours: a name must look like what it is.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A value from the wire made fit to show: no control characters, nothing that turns the direction, at most [`VALUE_CHARS_MAX`] characters.
#[must_use]
pub fn shown(value: &str) -> String {
    let visible = || value.chars().filter(|c| !is_hidden(*c));
    let mut out: String = visible().take(VALUE_CHARS_MAX).collect();
    if visible().nth(VALUE_CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_value_is_cut_and_loses_its_control_characters() {
        assert_eq!(shown("CN=a\u{0}\r\n\u{1b}[31mb"), "CN=a[31mb");
        assert_eq!(shown("cod.\u{202e}exe\u{200b}"), "cod.exe");
        let long = shown(&"ก".repeat(5_000));
        assert_eq!(long.chars().count(), VALUE_CHARS_MAX + 1);
        assert!(long.ends_with('…'));
    }
}
