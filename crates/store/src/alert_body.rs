//! What an alert keeps beside its columns and its story, in few bytes: postcard after one byte that says which form.
//!
//! The signature's number, words and severity are its story's; the rest of the words mostly are, and are written only
//! where they differ. Most bytes that are left are the names of EVE's fields and what clients call themselves. They repeat
//! from alert to alert and hardly within one, so they are packed (LZ4's block format) against words that are known before.

use crate::error::StoreError;
use lz4_flex::block;
use phitak_model::{Alert, Evidence};
use serde::{Deserialize, Serialize};

/// The postcard as it is.
const PLAIN: u8 = 1;
/// Its length as a varint, and then it, packed against [`WORDS`].
const PACKED: u8 = 2;
/// Part of [`PACKED`]: other words are another form.
const WORDS: &[u8] = include_bytes!("alert_words.txt");
/// Bytes of a body when it is unpacked. One that says more is damaged: an alert has 64 fields of some hundred characters,
/// and its evidence.
const UNPACKED_BYTES_MAX: usize = 1 << 20;

/// What the story of an alert says already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoryWords<'a> {
    pub signature: &'a str,
    pub category: &'a str,
}

#[derive(Serialize)]
struct Written<'a> {
    rev: u32,
    signature: Option<&'a str>,
    category: Option<&'a str>,
    action: &'a str,
    flow_id: u64,
    packet: u64,
    attack: &'a [String],
    evidence: Option<&'a Evidence>,
    fields: &'a [(String, String)],
}

/// A body as it is read.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Body {
    pub rev: u32,
    pub signature: Option<String>,
    pub category: Option<String>,
    pub action: String,
    pub flow_id: u64,
    pub packet: u64,
    pub attack: Vec<String>,
    pub evidence: Option<Evidence>,
    pub fields: Vec<(String, String)>,
}

pub(crate) fn write(alert: &Alert, story: StoryWords<'_>) -> Result<Vec<u8>, StoreError> {
    let written = Written {
        rev: alert.rev,
        signature: differs(&alert.signature, story.signature),
        category: differs(&alert.category, story.category),
        action: &alert.action,
        flow_id: alert.flow_id,
        packet: alert.packet,
        attack: &alert.attack,
        evidence: alert.evidence.as_ref(),
        fields: &alert.fields,
    };
    let invalid = |error: postcard::Error| StoreError::invalid(error.to_string());
    let plain = postcard::to_extend(&written, vec![PLAIN]).map_err(invalid)?;
    let Some((_, rest)) = plain.split_first().filter(|(_, rest)| rest.len() <= UNPACKED_BYTES_MAX) else {
        return Ok(plain);
    };
    let mut packed = postcard::to_extend(&rest.len(), vec![PACKED]).map_err(invalid)?;
    packed.extend(block::compress_with_dict(rest, WORDS));
    Ok(if packed.len() < plain.len() { packed } else { plain })
}

/// An empty body is that of an alert whose words were lost before this form.
pub(crate) fn read(bytes: &[u8]) -> Result<Body, StoreError> {
    let damaged = |what: String| StoreError::Damaged { table: "alerts", what };
    match bytes.split_first() {
        None => Ok(Body::default()),
        Some((&PLAIN, rest)) => postcard::from_bytes(rest).map_err(|error| damaged(error.to_string())),
        Some((&PACKED, rest)) => {
            let (length, rest) =
                postcard::take_from_bytes::<usize>(rest).map_err(|error| damaged(error.to_string()))?;
            if length > UNPACKED_BYTES_MAX {
                return Err(damaged(format!("a body of {length} bytes")));
            }
            let plain = block::decompress_with_dict(rest, length, WORDS).map_err(|error| damaged(error.to_string()))?;
            if plain.len() != length {
                return Err(damaged(format!("a body of {} bytes that says {length}", plain.len())));
            }
            postcard::from_bytes(&plain).map_err(|error| damaged(error.to_string()))
        }
        Some((form, _)) => Err(damaged(format!("a body of form {form}"))),
    }
}

fn differs<'a>(own: &'a str, story: &str) -> Option<&'a str> {
    (own != story).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::{Severity, Timestamp};

    fn alert() -> Alert {
        Alert {
            at: Timestamp::from_secs(1),
            gid: 1,
            signature_id: 2_000_001,
            rev: 7,
            signature: "ET EXAMPLE words".to_owned(),
            category: "Misc activity".to_owned(),
            severity: Severity::High,
            action: "allowed".to_owned(),
            proto: "TCP".to_owned(),
            src_ip: [10, 0, 0, 1].into(),
            src_port: Some(1),
            dest_ip: [10, 0, 0, 2].into(),
            dest_port: Some(445),
            app_proto: Some("smb".to_owned()),
            flow_id: u64::MAX,
            packet: 12,
            attack: vec!["T1210".to_owned()],
            evidence: Some(Evidence {
                buffer: "payload".to_owned(),
                bytes: (0..=255).collect(),
                offset: 9,
                marks: vec![(1, 2)],
            }),
            fields: vec![("smb.command".to_owned(), "\u{0}".to_owned())],
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_storys_words_cost_nothing() {
        let alert = alert();
        let same = StoryWords { signature: &alert.signature, category: &alert.category };
        let body = write(&alert, same).expect("writes");
        // 256 of evidence; the rest is less than the story's words alone.
        assert!(body.len() < 256 + 80, "{} bytes", body.len());
        let read_back = read(&body).expect("reads");
        assert_eq!((read_back.signature, read_back.category), (None, None));
        assert_eq!((read_back.rev, read_back.flow_id, read_back.packet), (7, u64::MAX, 12));
        assert_eq!((&read_back.attack, &read_back.fields), (&alert.attack, &alert.fields));
        assert_eq!(read_back.evidence, alert.evidence);
        let other = StoryWords { signature: "shorter", category: "Misc activity" };
        let read_back = read(&write(&alert, other).expect("writes")).expect("reads");
        assert_eq!((read_back.signature.as_deref(), read_back.category), (Some("ET EXAMPLE words"), None));
    }

    #[test]
    fn known_words_cost_little_and_bodies_of_before_are_read() {
        let mut alert = alert();
        alert.evidence = None;
        alert.fields = [
            ("http.hostname", "example.org"),
            ("http.http_user_agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"),
            ("http.http_method", "POST"),
            ("http.status", "200"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let story = StoryWords { signature: &alert.signature, category: &alert.category };
        let packed = write(&alert, story).expect("writes");
        let body = read(&packed).expect("reads");
        assert_eq!((packed[0], &body.fields, &body.action), (PACKED, &alert.fields, &alert.action));
        let written = Written {
            rev: body.rev,
            signature: None,
            category: None,
            action: &body.action,
            flow_id: body.flow_id,
            packet: body.packet,
            attack: &body.attack,
            evidence: None,
            fields: &body.fields,
        };
        let plain = postcard::to_extend(&written, vec![PLAIN]).expect("writes");
        assert!(packed.len() * 2 < plain.len(), "{} of {} bytes", packed.len(), plain.len());
        assert_eq!(read(&plain).expect("reads").fields, alert.fields);
    }

    #[test]
    fn the_words_of_this_form_never_change() {
        // Whoever changes a word makes every stored body unreadable: new words are a new form, beside this one.
        assert_eq!(WORDS.len(), 2_696);
        assert_eq!(
            WORDS.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte))),
            4_050_854_768
        );
    }

    #[test]
    fn damaged_bytes_are_told_and_never_panic() {
        let body = write(&alert(), StoryWords { signature: "", category: "" }).expect("writes");
        for end in 1..body.len() {
            assert!(read(&body[..end]).is_err(), "{end}");
        }
        assert!(read(&[9, 1, 2]).is_err());
        // Says that it is larger than any, or than it is.
        assert!(read(&[PACKED, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]).is_err());
        assert!(read(&[PACKED, 100, 0x10, b'a']).is_err());
        assert_eq!(read(&[]).expect("an empty body").rev, 0);
    }
}
