//! What is done in which kind of incident, from `content/playbooks/*.toml`, built into the program. A playbook is versioned: the
//! tasks that it adds keep the version by which they came.

use crate::wire::Text;
use phitak_model::{FacilityCode, Timestamp};
use phitak_store::{BulletinText, NewTask};
use rust_embed::RustEmbed;
use serde::Deserialize;

#[derive(RustEmbed)]
#[folder = "../../content/playbooks"]
struct PlaybookFiles;

const HOUR_SECS: i64 = 3_600;
/// Most steps of a playbook.
pub const STEPS_MAX: usize = 40;

/// Who does a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOf {
    /// Each hospital of the case
    Hospital,
    Centre,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: String,
    pub of: StepOf,
    /// From when the playbook is applied.
    pub hours: u32,
    pub who: Option<Text>,
    pub title: Text,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    pub id: String,
    pub version: String,
    pub name: Text,
    pub about: Text,
    /// Categories that mostly fit; a person decides.
    pub categories: Vec<u8>,
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

impl Playbook {
    /// Its tasks in a case at these hospitals, from now on.
    #[must_use]
    pub fn tasks(&self, facilities: &[FacilityCode], now: Timestamp) -> Vec<NewTask> {
        let mut tasks = Vec::new();
        for step in &self.steps {
            let task = |facility: Option<FacilityCode>| NewTask {
                facility,
                title: BulletinText::new(&step.title.th, &step.title.en),
                who: step.who.as_ref().map(|who| who.th.clone()),
                due_at: Some(now.plus_secs(i64::from(step.hours).saturating_mul(HOUR_SECS))),
                from: Some((self.id.clone(), self.version.clone(), step.id.clone())),
            };
            match step.of {
                StepOf::Centre => tasks.push(task(None)),
                StepOf::Hospital => tasks.extend(facilities.iter().cloned().map(Some).map(task)),
            }
        }
        tasks
    }
}

/// All of them, by id.
#[derive(Clone, Debug)]
pub struct Playbooks(Vec<Playbook>);

impl Playbooks {
    /// Those built into the program.
    ///
    /// # Errors
    /// Names the file and what is wrong in it, which a test excludes.
    pub fn shipped() -> Result<Self, String> {
        let mut all = Vec::new();
        for name in PlaybookFiles::iter().filter(|name| name.ends_with(".toml")) {
            let file = PlaybookFiles::get(&name).ok_or_else(|| format!("{name} is not there"))?;
            let content = std::str::from_utf8(&file.data).map_err(|error| format!("{name}: {error}"))?;
            let playbook: Playbook = toml::from_str(content).map_err(|error| format!("{name}: {error}"))?;
            if name != format!("{}.toml", playbook.id) || playbook.steps.len() > STEPS_MAX {
                return Err(format!("{name}: its id is its file's name, and it has at most {STEPS_MAX} steps"));
            }
            all.push(playbook);
        }
        all.sort_by(|one, two| one.id.cmp(&two.id));
        Ok(Self(all))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Playbook> {
        self.0.iter()
    }

    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Playbook> {
        self.0.iter().find(|playbook| playbook.id == id)
    }
}
