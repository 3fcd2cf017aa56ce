//! What Thai law says of incidents, from `content/law/*.toml`, built into the program: the categories 0 to 9, the five levels,
//! the events from which is counted, and the deadlines. Rules are dated data: which of them binds follows from the day, in
//! Bangkok, on which the event happened.

use crate::wire::Text;
use phitak_model::{Timestamp, thai::BANGKOK_OFFSET_SECS};
use phitak_store::NewClock;
use rust_embed::RustEmbed;
use serde::{Deserialize, de::DeserializeOwned};

#[derive(RustEmbed)]
#[folder = "../../content/law"]
struct LawFiles;

const HOUR_SECS: i64 = 3_600;
/// Longest time that a rule gives, in hours: a year.
const HOURS_MAX: u32 = 8_760;

/// A category of the notification of 2023.
#[derive(Clone, Debug, Deserialize)]
pub struct Category {
    pub number: u8,
    pub reportable: bool,
    pub name: Text,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Categories {
    /// The day since which they hold.
    pub version: String,
    pub source: Text,
    #[serde(rename = "category")]
    pub all: Vec<Category>,
}

/// A level of section 60.
#[derive(Clone, Debug, Deserialize)]
pub struct Level {
    pub id: String,
    pub name: Text,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Levels {
    pub version: String,
    pub source: Text,
    #[serde(rename = "level")]
    pub all: Vec<Level>,
}

/// Something that starts clocks.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    pub id: String,
    pub name: Text,
    pub hint: Text,
}

/// A deadline of the law.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    /// Days in Bangkok, both included; without an end while it holds.
    pub in_force: String,
    pub until: Option<String>,
    pub event: String,
    #[serde(default)]
    pub at_once: bool,
    #[serde(default)]
    pub hours: u32,
    /// It binds only when the rule of this name was not kept in time.
    pub unless_kept: Option<String>,
    pub title: Text,
    pub to: Text,
    pub note: Text,
    /// Law and section.
    pub source: Text,
}

#[derive(Clone, Debug, Deserialize)]
struct Clocks {
    event: Vec<Event>,
    rule: Vec<Rule>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct CaseLaw {
    pub categories: Categories,
    pub levels: Levels,
    pub events: Vec<Event>,
    pub rules: Vec<Rule>,
}

/// The day of a moment in Bangkok, as `2026-11-30`.
fn day_of(at: Timestamp) -> String {
    let civil = at.civil(BANGKOK_OFFSET_SECS);
    format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day)
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && Timestamp::parse(&format!("{text}T00:00:00+07:00")).is_ok()
}

impl Rule {
    /// The name by which a clock keeps it, with its version: `pdpa-72h@2022-12-15`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}@{}", self.id, self.in_force)
    }

    /// Whether it holds for something that happened at this moment.
    #[must_use]
    pub fn binds(&self, at: Timestamp) -> bool {
        let day = day_of(at);
        self.in_force <= day && self.until.as_ref().is_none_or(|until| day <= *until)
    }

    /// Counted from the moment itself; at once is that moment.
    #[must_use]
    pub fn due_at(&self, from: Timestamp) -> Timestamp {
        from.plus_secs(i64::from(self.hours).saturating_mul(HOUR_SECS))
    }
}

impl CaseLaw {
    /// What is built into the program.
    ///
    /// # Errors
    /// Names the file and what is wrong in it, which a test excludes.
    pub fn shipped() -> Result<Self, String> {
        let clocks: Clocks = read("clocks.toml")?;
        let law = Self {
            categories: read("categories.toml")?,
            levels: read("levels.toml")?,
            events: clocks.event,
            rules: clocks.rule,
        };
        law.checked()
    }

    fn checked(self) -> Result<Self, String> {
        for rule in &self.rules {
            let refused = |what: &str| Err(format!("clocks.toml: rule {}: {what}", rule.id));
            if !is_day(&rule.in_force) || rule.until.as_deref().is_some_and(|until| !is_day(until)) {
                return refused("in_force and until are days, such as 2023-05-10");
            }
            if rule.at_once == (rule.hours > 0) || rule.hours > HOURS_MAX {
                return refused("it gives hours, at most a year, or says at once");
            }
            if !self.events.iter().any(|event| event.id == rule.event) {
                return refused("its event is not there");
            }
            let same = |other: &&Rule| rule.unless_kept.as_ref() == Some(&other.id);
            if rule.unless_kept.is_some() && !self.rules.iter().any(|other| same(&other)) {
                return refused("the rule that it waits for is not there");
            }
        }
        Ok(self)
    }

    #[must_use]
    pub fn event(&self, id: &str) -> Option<&Event> {
        self.events.iter().find(|event| event.id == id)
    }

    /// The rule that a clock was started under.
    #[must_use]
    pub fn rule(&self, key: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.key() == key)
    }

    /// What an event that happened then starts.
    #[must_use]
    pub fn clocks_of(&self, event: &str, at: Timestamp) -> Vec<NewClock> {
        let rules = self.rules.iter().filter(|rule| rule.event == event && rule.binds(at));
        rules
            .map(|rule| NewClock {
                rule: rule.key(),
                due_at: rule.due_at(at),
                at_once: rule.at_once,
                unless_kept: rule.unless_kept.clone(),
            })
            .collect()
    }
}

fn read<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    let file = LawFiles::get(name).ok_or_else(|| format!("{name} is not there"))?;
    let content = std::str::from_utf8(&file.data).map_err(|error| format!("{name}: {error}"))?;
    toml::from_str(content).map_err(|error| format!("{name}: {error}"))
}
