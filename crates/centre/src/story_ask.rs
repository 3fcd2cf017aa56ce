//! Which stories are asked for, in the API's words: the queue's filter, wherever it is taken.

use crate::{
    ask::{region, words},
    refusal::Refusal,
};
use phitak_model::Timestamp;
use phitak_store::{StoryFilter, StoryStatus, stories::ArrivedWithin, techniques::is_technique};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const DAY_SECS: i64 = 86_400;
const OPEN: [StoryStatus; 2] = [StoryStatus::New, StoryStatus::Acknowledged];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Since {
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "all")]
    All,
}

/// The queue's filter.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoryAsk {
    /// One or more of `new`, `acknowledged`, `closed`, `suppressed`, with commas; without it the first two
    #[serde(default)]
    pub status: Option<String>,
    /// One or more of `low`, `medium`, `high`, `critical`, with commas
    #[serde(default)]
    pub severity: Option<String>,
    #[serde(default)]
    pub region: Option<u8>,
    /// A facility's code
    #[serde(default)]
    pub facility: Option<String>,
    /// A signature's id
    #[serde(default)]
    pub signature: Option<u32>,
    /// By arrival at the centre; `24h` without it
    #[serde(default)]
    pub since: Option<Since>,
    /// A technique of MITRE ATT&CK, with its sub-techniques: `T1021` or `T1021.002`
    #[serde(default)]
    pub technique: Option<String>,
    /// Part of the signature's text or its id
    #[serde(default)]
    pub q: Option<String>,
}

impl StoryAsk {
    /// # Errors
    /// Names the first word that is none of the known ones.
    pub fn filter(self, now: Timestamp) -> Result<StoryFilter, Refusal> {
        let statuses = words(self.status.as_deref(), StoryStatus::parse)?;
        Ok(StoryFilter {
            statuses: if statuses.is_empty() { OPEN.to_vec() } else { statuses },
            severities: words(self.severity.as_deref(), phitak_model::Severity::parse)?,
            region: region(self.region)?,
            facility: self.facility,
            signature_id: self.signature,
            technique: technique(self.technique)?,
            window: self.since.unwrap_or(Since::Day).window(now),
            part: self.q,
        })
    }
}

fn technique(text: Option<String>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if !is_technique(&text) => Err(Refusal::bad_request("a technique is like T1021 or T1021.002")),
        text => Ok(text),
    }
}

impl Since {
    pub(crate) fn window(self, now: Timestamp) -> Option<ArrivedWithin> {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::All => return None,
        };
        Some(ArrivedWithin { since: now.plus_secs(-days * DAY_SECS), now })
    }
}
