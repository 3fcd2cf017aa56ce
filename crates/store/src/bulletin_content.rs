//! What stands in an early warning: its words, its check, and their limits.

use crate::{
    error::StoreError,
    ids::StoryId,
    words::{Tlp, model_words::severity_rank},
};
use phitak_model::Severity;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 160;
/// Longest paragraph, in characters.
pub const PARAGRAPH_CHARS_MAX: usize = 1_200;
/// Most steps.
pub const STEPS_MAX: usize = 10;
/// Longest step, in characters.
pub const STEP_CHARS_MAX: usize = 600;
/// Most addresses of one check.
pub const ADDRESSES_MAX: usize = 50;
/// Longest name of a protocol or a kind of weakness, in characters.
pub const NAME_CHARS_MAX: usize = 40;
/// Longest time until it should be done: 30 days.
pub const DUE_HOURS_MAX: u32 = 720;

/// A text for people: Thai first, English where somebody wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulletinText {
    pub th: String,
    pub en: String,
}

/// What a warning asks of the data: whom it concerns, and later whether it still does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Check {
    /// Somebody there spoke with one of these addresses.
    Indicators { addresses: Vec<IpAddr> },
    /// A machine has this weakness, by its id in the inventory's registry.
    Weakness { weakness: String },
    /// A machine serves this protocol, on this port, or both.
    Service { protocol: Option<String>, port: Option<u16> },
}

/// Everything that is written, before and after it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulletinContent {
    pub title: BulletinText,
    /// What happened.
    pub what: BulletinText,
    /// Why it matters for patients and work.
    pub why: BulletinText,
    /// In order; the way that costs nothing first.
    pub steps: Vec<BulletinText>,
    /// How to go back.
    pub undo: BulletinText,
    /// Who does it.
    pub who: BulletinText,
    pub tlp: Tlp,
    pub severity: Severity,
    /// From sending until it should be done.
    pub due_hours: u32,
    pub check: Check,
    /// The campaign from which it was drafted.
    pub story: Option<StoryId>,
}

impl BulletinText {
    #[must_use]
    pub fn new(th: impl Into<String>, en: impl Into<String>) -> Self {
        Self { th: th.into(), en: en.into() }
    }

    fn is_empty(&self) -> bool {
        self.th.is_empty() && self.en.is_empty()
    }

    fn checked(&mut self, what: &str, chars_max: usize) -> Result<(), StoreError> {
        for text in [&mut self.th, &mut self.en] {
            *text = text.trim().to_owned();
            if text.chars().count() > chars_max {
                return Err(StoreError::invalid(format!("{what} has at most {chars_max} characters")));
            }
            if text.chars().any(|letter| letter.is_control() && letter != '\n') {
                return Err(StoreError::invalid(format!("{what} has characters that cannot be shown")));
            }
        }
        Ok(())
    }
}

impl Check {
    /// The check in its one form: addresses sorted, each once; names without spaces around them.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the rule that is broken.
    pub fn checked(self) -> Result<Self, StoreError> {
        match self {
            Self::Indicators { addresses } => {
                let mut addresses: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
                addresses.sort_unstable();
                addresses.dedup();
                if addresses.is_empty() || addresses.len() > ADDRESSES_MAX {
                    return Err(StoreError::invalid(format!("a check has 1 to {ADDRESSES_MAX} addresses")));
                }
                if let Some(own) = addresses.iter().find(|address| !is_public(**address)) {
                    let why = "names a machine inside some hospital, or none: it can warn nobody else";
                    return Err(StoreError::invalid(format!("the address {own} {why}")));
                }
                Ok(Self::Indicators { addresses })
            }
            Self::Weakness { weakness } => Ok(Self::Weakness { weakness: name(&weakness)? }),
            Self::Service { protocol, port } => {
                let protocol = protocol.as_deref().map(name).transpose()?;
                if (protocol.is_none() && port.is_none()) || port == Some(0) {
                    return Err(StoreError::invalid("a check for a service names its protocol, its port, or both"));
                }
                Ok(Self::Service { protocol, port })
            }
        }
    }
}

/// A name as protocols and weaknesses have it: small letters, digits, `_`, `-` and `.`.
fn name(text: &str) -> Result<String, StoreError> {
    let text = text.trim().to_ascii_lowercase();
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
    if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.bytes().all(good) {
        return Err(StoreError::invalid(format!(
            "a name has 1 to {NAME_CHARS_MAX} of a-z, 0-9, dot, dash, underscore"
        )));
    }
    Ok(text)
}

/// Whether an address can belong to somebody outside: the same private address means another machine in each hospital.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            !(four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_unspecified()
                || four.is_multicast()
                || four.is_broadcast())
        }
        IpAddr::V6(six) => {
            !(six.is_unique_local()
                || six.is_loopback()
                || six.is_unicast_link_local()
                || six.is_unspecified()
                || six.is_multicast())
        }
    }
}

impl BulletinContent {
    /// The content within its limits; a draft may still lack words.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the rule that is broken.
    pub fn checked(mut self) -> Result<Self, StoreError> {
        self.title.checked("the title", TITLE_CHARS_MAX)?;
        if self.title.is_empty() {
            return Err(StoreError::invalid("a warning has a title"));
        }
        if [&self.title.th, &self.title.en].iter().any(|title| title.contains('\n')) {
            return Err(StoreError::invalid("the title stands on one line"));
        }
        self.what.checked("what happened", PARAGRAPH_CHARS_MAX)?;
        self.why.checked("why it matters", PARAGRAPH_CHARS_MAX)?;
        self.undo.checked("how to go back", PARAGRAPH_CHARS_MAX)?;
        self.who.checked("who does it", TITLE_CHARS_MAX)?;
        for step in &mut self.steps {
            step.checked("a step", STEP_CHARS_MAX)?;
        }
        self.steps.retain(|step| !step.is_empty());
        if self.steps.len() > STEPS_MAX {
            return Err(StoreError::invalid(format!("a warning has at most {STEPS_MAX} steps")));
        }
        if !(1..=DUE_HOURS_MAX).contains(&self.due_hours) {
            return Err(StoreError::invalid(format!("it is due within 1 to {DUE_HOURS_MAX} hours")));
        }
        self.check = self.check.checked()?;
        Ok(self)
    }

    /// What still lacks before it can be sent: a nurse's colleague must know what happened, why, and what to do, in Thai.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the first thing that lacks.
    pub fn is_whole(&self) -> Result<(), StoreError> {
        let lacks = [
            (self.title.th.is_empty(), "the title in Thai"),
            (self.what.th.is_empty(), "what happened, in Thai"),
            (self.why.th.is_empty(), "why it matters, in Thai"),
            (self.steps.is_empty(), "at least one step"),
            (self.steps.iter().any(|step| step.th.is_empty()), "each step in Thai"),
        ];
        match lacks.iter().find(|(lacks, _)| *lacks) {
            Some((_, what)) => Err(StoreError::invalid(format!("it cannot be sent without {what}"))),
            None => Ok(()),
        }
    }

    /// Every text in it, for a look at what it says.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.title, &self.what, &self.why, &self.undo, &self.who]
            .into_iter()
            .chain(&self.steps)
            .flat_map(|text| [text.th.as_str(), text.en.as_str()])
    }

    pub(crate) fn rank(&self) -> i32 {
        severity_rank(self.severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> BulletinContent {
        let text = |th: &str| BulletinText::new(th, "");
        BulletinContent {
            title: text("เตือน"),
            what: text("เกิด"),
            why: text("สำคัญ"),
            steps: vec![text("ทำ")],
            undo: BulletinText::default(),
            who: BulletinText::default(),
            tlp: Tlp::Amber,
            severity: Severity::High,
            due_hours: 24,
            check: Check::Service { protocol: Some(" TELNET ".to_owned()), port: None },
            story: None,
        }
    }

    #[test]
    fn content_is_taken_up_to_its_limits_and_refused_past_them() {
        let taken = |change: &dyn Fn(&mut BulletinContent)| {
            let mut content = content();
            change(&mut content);
            content.checked().is_ok()
        };
        let long = |chars: usize| BulletinText::new("ก".repeat(chars), "");
        for (chars, good) in [(TITLE_CHARS_MAX, true), (TITLE_CHARS_MAX + 1, false)] {
            assert_eq!(taken(&|c| c.title = long(chars)), good);
            assert_eq!(taken(&|c| c.who = long(chars)), good);
        }
        for (chars, good) in [(PARAGRAPH_CHARS_MAX, true), (PARAGRAPH_CHARS_MAX + 1, false)] {
            assert_eq!(taken(&|c| c.what = long(chars)), good);
            assert_eq!(taken(&|c| c.why = long(chars)), good);
            assert_eq!(taken(&|c| c.undo = long(chars)), good);
        }
        assert!(taken(&|c| c.steps = vec![long(STEP_CHARS_MAX); STEPS_MAX]));
        assert!(!taken(&|c| c.steps = vec![long(1); STEPS_MAX + 1]));
        assert!(!taken(&|c| c.steps = vec![long(STEP_CHARS_MAX + 1)]));
        assert!(taken(&|c| c.due_hours = DUE_HOURS_MAX) && !taken(&|c| c.due_hours = DUE_HOURS_MAX + 1));
        assert!(!taken(&|c| c.due_hours = 0));
        assert!(!taken(&|c| c.title = BulletinText::default()) && !taken(&|c| c.title.th = "a\nb".to_owned()));
        assert!(!taken(&|c| c.what.th = "a\u{7}".to_owned()) && taken(&|c| c.what.th = "a\nb".to_owned()));
    }

    #[test]
    fn a_check_has_one_form() {
        assert_eq!(
            content().checked().expect("good").check,
            Check::Service { protocol: Some("telnet".to_owned()), port: None }
        );
        let addresses = |texts: &[&str]| {
            let addresses = texts.iter().map(|text| text.parse().expect("an address")).collect();
            Check::Indicators { addresses }.checked()
        };
        let once = addresses(&["203.0.113.9", "::ffff:203.0.113.9", "203.0.113.7"]).expect("good");
        assert_eq!(once, addresses(&["203.0.113.7", "203.0.113.9"]).expect("good"));
        for own in ["10.1.1.1", "192.168.0.9", "127.0.0.1", "169.254.1.1", "fd00::1", "fe80::1", "::1", "0.0.0.0"] {
            assert!(addresses(&[own]).is_err(), "{own}");
        }
        assert!(addresses(&[]).is_err());
        let many: Vec<String> = (0..=ADDRESSES_MAX).map(|n| format!("203.0.113.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(addresses(&many).is_err() && addresses(many.get(1..).expect("some")).is_ok());
        assert!(Check::Service { protocol: None, port: None }.checked().is_err());
        assert!(Check::Service { protocol: None, port: Some(0) }.checked().is_err());
        assert!(Check::Service { protocol: Some("a\"b".to_owned()), port: None }.checked().is_err());
        assert!(Check::Weakness { weakness: "%".to_owned() }.checked().is_err());
    }

    #[test]
    fn nothing_is_sent_that_does_not_say_what_to_do_in_thai() {
        assert!(content().is_whole().is_ok());
        let changes: [&dyn Fn(&mut BulletinContent); 5] = [
            &|c| c.title.th.clear(),
            &|c| c.what = BulletinText::new("", "only English"),
            &|c| c.why.th.clear(),
            &|c| c.steps.clear(),
            &|c| c.steps.push(BulletinText::new("", "only English")),
        ];
        for change in changes {
            let mut content = content();
            change(&mut content);
            assert!(content.is_whole().is_err());
        }
    }
}
