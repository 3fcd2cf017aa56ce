//! The plain words of rules: of those that ship with Phitak, from `content/rules/*.toml`, built into the program, and of those
//! that the sector's team gave to all sensors, as it wrote them. A signature without words there gets honest general ones.

use crate::wire::Text;
use phitak_store::{BulletinText, ListedRuleWords};
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Words for one signature.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RuleText {
    pub sid: u32,
    pub title: Text,
    pub what: Text,
    pub why: Text,
    pub step: Text,
    /// What the step changes, which decides what may go wrong and how it is undone.
    #[serde(default)]
    pub acts_on: ActsOn,
}

/// What the step of a story changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActsOn {
    /// A machine may be unplugged
    Cable,
    /// Something is closed at the firewall
    Firewall,
    /// Somebody looks after a server's programs
    Server,
    /// Nothing is changed
    #[default]
    Nothing,
}

#[derive(Deserialize)]
struct RuleFile {
    #[serde(default)]
    rule: Vec<RuleText>,
}

#[derive(RustEmbed)]
#[folder = "../../content/rules"]
struct RuleFiles;

/// The shipped rules, file after file.
#[must_use]
pub fn shipped_rules() -> String {
    let mut all = String::new();
    for file in RuleFiles::iter().filter(|name| name.ends_with(".rules")).filter_map(|name| RuleFiles::get(&name)) {
        all.push_str(&String::from_utf8_lossy(&file.data));
        all.push('\n');
    }
    all
}

/// Words by signature id.
#[derive(Clone, Debug, Default)]
pub struct RuleTexts {
    by_sid: BTreeMap<u32, RuleText>,
    /// Of the team's own rules: as many as there are numbers for them.
    listed: Arc<RwLock<BTreeMap<u32, RuleText>>>,
}

impl RuleText {
    /// The words of one of the team's own rules. What is to be done is said by the warning that it belongs to, or by the team.
    #[must_use]
    pub fn of_listed(sid: u32, words: &ListedRuleWords) -> Self {
        // Where nobody wrote English, the Thai words stand: rather that than nothing.
        let both = |text: &BulletinText| {
            let en = if text.en.is_empty() { &text.th } else { &text.en };
            Text { th: text.th.clone(), en: en.clone() }
        };
        let (title, what, why) = (both(&words.title), both(&words.what), both(&words.why));
        Self { title, what, why, ..general(sid, "") }
    }
}

impl RuleTexts {
    /// Those built into the program.
    ///
    /// # Errors
    /// Names the file and the line that cannot be read.
    pub fn shipped() -> Result<Self, String> {
        let mut texts = Self::default();
        for name in RuleFiles::iter().filter(|name| name.ends_with(".toml")) {
            let file = RuleFiles::get(&name).ok_or_else(|| format!("{name} is not there"))?;
            let content = std::str::from_utf8(&file.data).map_err(|error| format!("{name}: {error}"))?;
            texts.add(content).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(texts)
    }

    /// Adds the words of one file.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn add(&mut self, content: &str) -> Result<(), String> {
        let file: RuleFile = toml::from_str(content).map_err(|error| error.to_string())?;
        for rule in file.rule {
            self.by_sid.insert(rule.sid, rule);
        }
        Ok(())
    }

    /// All words, by signature id.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = &RuleText> {
        self.by_sid.values()
    }

    /// How many signatures have words.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_sid.len()
    }

    /// The words for a signature.
    #[must_use]
    pub fn of(&self, signature_id: u32, signature: &str) -> RuleText {
        let shipped = self.by_sid.get(&signature_id).cloned();
        shipped.or_else(|| self.listed(signature_id)).unwrap_or_else(|| general(signature_id, signature))
    }

    /// Adds words of the team's own rules.
    pub fn learn(&self, texts: impl IntoIterator<Item = RuleText>) {
        let mut listed = self.listed.write().unwrap_or_else(PoisonError::into_inner);
        listed.extend(texts.into_iter().map(|text| (text.sid, text)));
    }

    fn listed(&self, sid: u32) -> Option<RuleText> {
        self.listed.read().unwrap_or_else(PoisonError::into_inner).get(&sid).cloned()
    }
}

fn general(sid: u32, signature: &str) -> RuleText {
    RuleText {
        sid,
        title: Text::same(signature),
        what: Text::new(
            "พบการสื่อสารที่ตรงกับกฎตรวจจับข้างต้น กฎนี้ยังไม่มีคำอธิบายภาษาง่าย",
            "Traffic matched the rule named above. This rule has no plain-language text yet.",
        ),
        why: Text::new(
            "ยังบอกไม่ได้ว่าเป็นเหตุจริงหรือไม่ ต้องให้นักวิเคราะห์ของศูนย์ดูหลักฐานก่อน",
            "Whether it is a real incident is not known until an analyst has looked at the evidence.",
        ),
        step: Text::new(
            "รอศูนย์ติดต่อไป อย่าปิดเครื่องที่เกี่ยวข้องและอย่าลบสิ่งใดในเครื่อง ถ้าเครื่องทำงานผิดปกติ โทรหาเรา",
            "Wait for the centre to call. Do not switch off the machines concerned or delete anything on them. If a machine \
             behaves strangely, call us.",
        ),
        acts_on: ActsOn::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_text_reads_and_is_whole() {
        let texts = RuleTexts::shipped().expect("reads");
        for text in texts.by_sid.values() {
            for words in [&text.title, &text.what, &text.why, &text.step] {
                assert!(!words.th.trim().is_empty() && !words.en.trim().is_empty(), "{}", text.sid);
            }
            assert_eq!(text.acts_on == ActsOn::Cable, text.step.en.contains("nplug"), "{}", text.sid);
            assert_eq!(text.acts_on == ActsOn::Cable, text.step.th.contains("ถอดสาย"), "{}", text.sid);
            assert_eq!(text.acts_on == ActsOn::Firewall, text.step.th.contains("ไฟร์วอลล์"), "{}", text.sid);
            assert_ne!(text.acts_on, ActsOn::Nothing, "{}", text.sid);
        }
    }

    #[test]
    fn an_unknown_signature_says_that_it_has_no_words() {
        let mut texts = RuleTexts::default();
        texts
            .add("[[rule]]\nsid = 5\ntitle.th = 'ก'\ntitle.en = 'a'\nwhat.th = 'ก'\nwhat.en = 'a'\nwhy.th = 'ก'\nwhy.en = 'a'\nstep.th = 'ก'\nstep.en = 'a'\n")
            .expect("reads");
        assert_eq!(texts.of(5, "x").title, Text::new("ก", "a"));
        let unknown = texts.of(6, "ET <script>");
        assert_eq!(unknown.title, Text::same("ET <script>"));
        assert!(unknown.what.en.contains("no plain-language text"));
        assert!(texts.add("[[rule]]\nsid = 'six'\n").is_err());
    }
}
