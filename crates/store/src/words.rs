//! Words that stand in the tables: each enumeration with its stable text.

use serde::{Deserialize, Serialize};

/// An enumeration that is stored as text.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use words;

words!(
    /// What an account may do.
    Role {
        /// Everything, with accounts, enrolment and the audit.
        Administrator = "administrator",
        /// The sector's queue.
        Analyst = "analyst",
        /// Reads one health region.
        RegionOfficer = "region_officer",
        /// One hospital's own page.
        Hospital = "hospital",
    }
);

words!(
    /// Where a story stands with the analysts.
    StoryStatus {
        /// Nobody has looked at it yet, or it came back after it was closed.
        New = "new",
        /// An analyst is on it.
        Acknowledged = "acknowledged",
        /// Done, with a verdict.
        Closed = "closed",
        /// What a suppression keeps out of the queue: open nowhere, told to nobody, counted as always.
        Suppressed = "suppressed",
    }
);

impl StoryStatus {
    /// Those with which a story may be open somewhere.
    pub(crate) const OPEN: [Self; 2] = [Self::New, Self::Acknowledged];
}

words!(
    /// What a closed story turned out to be.
    Verdict {
        True = "true",
        Benign = "benign",
        False = "false",
        Duplicate = "duplicate",
    }
);

words!(
    /// What an analyst does with a story.
    TriageAction {
        Acknowledge = "acknowledge",
        Close = "close",
        Reopen = "reopen",
    }
);

words!(
    /// Where an early warning stands.
    BulletinState {
        /// Being written: only the sector's team sees it.
        Draft = "draft",
        /// Sent, and asked after.
        Published = "published",
        /// Over; nobody is asked any more.
        Closed = "closed",
    }
);

words!(
    /// How far a text may be passed on (FIRST's Traffic Light Protocol 2.0).
    Tlp {
        Clear = "clear",
        Green = "green",
        Amber = "amber",
        AmberStrict = "amber_strict",
        Red = "red",
    }
);

words!(
    /// Why a hospital gets a warning.
    RecipientSource {
        /// The check found it concerned.
        Found = "found",
        /// A person added it, with a reason.
        Hand = "hand",
        /// It went to everyone.
        Everyone = "everyone",
    }
);

words!(
    /// How far a hospital has come with a warning.
    RecipientState {
        /// Nobody there has answered yet.
        Sent = "sent",
        /// รับทราบ: somebody there knows.
        Acknowledged = "acknowledged",
        /// ทำแล้ว: the hospital says so; later traffic must show it.
        Done = "done",
        NotOurs = "not_ours",
        Cannot = "cannot",
        NeedHelp = "need_help",
        /// The centre's own judgement: the check finds nothing any more.
        Verified = "verified",
        /// The check still found it after ทำแล้ว.
        Reopened = "reopened",
    }
);

impl RecipientState {
    /// Whether the hospital has something to do: answer, or work.
    #[must_use]
    pub fn waits_for_hospital(self) -> bool {
        matches!(self, Self::Sent | Self::Acknowledged | Self::Reopened)
    }

    /// The states of [`Self::waits_for_hospital`].
    pub(crate) const WAITING: [Self; 3] = [Self::Sent, Self::Acknowledged, Self::Reopened];
}

words!(
    /// What a hospital answers to a warning, each one a button on its page.
    BulletinAnswer {
        /// รับทราบ
        Acknowledged = "acknowledged",
        /// ทำแล้ว
        Done = "done",
        /// ไม่ใช่ของเรา
        NotOurs = "not_ours",
        /// ทำไม่ได้ เพราะ…
        Cannot = "cannot",
        /// ต้องการความช่วยเหลือ
        NeedHelp = "need_help",
    }
);

words!(
    /// What the check says of a hospital that answered ทำแล้ว.
    CheckOutcome {
        /// It still finds what the warning is about.
        Found = "found",
        /// It finds nothing, and the sensor was watching long enough.
        Clear = "clear",
        /// Cannot tell: the sensor is silent, or there is none.
        NotWatching = "not_watching",
        /// Cannot tell: the sensor has not watched long enough since the answer.
        TooSoon = "too_soon",
        /// Cannot tell: the machines in question have not been seen since.
        NotSeen = "not_seen",
    }
);

/// The model's words as they stand in the tables.
pub(crate) mod model_words {
    use crate::error::StoreError;
    use phitak_model::{Confidence, FindingState, Response, Severity};

    /// 0 (low) to 3 (critical): comparable in SQL.
    pub(crate) fn severity_rank(severity: Severity) -> i32 {
        match severity {
            Severity::Low => 0,
            Severity::Medium => 1,
            Severity::High => 2,
            Severity::Critical => 3,
        }
    }

    pub(crate) fn severity_of(rank: i32) -> Severity {
        match rank {
            i32::MIN..=0 => Severity::Low,
            1 => Severity::Medium,
            2 => Severity::High,
            3.. => Severity::Critical,
        }
    }

    pub(crate) fn state_word(state: FindingState) -> &'static str {
        match state {
            FindingState::Open => "open",
            FindingState::Claimed => "claimed",
            FindingState::Verified => "verified",
            FindingState::Reopened => "reopened",
        }
    }

    pub(crate) fn state_of(word: &str) -> Result<FindingState, StoreError> {
        [FindingState::Open, FindingState::Claimed, FindingState::Verified, FindingState::Reopened]
            .into_iter()
            .find(|state| state_word(*state) == word)
            .ok_or_else(|| StoreError::Damaged { table: "findings", what: word.to_owned() })
    }

    pub(crate) fn response_word(response: Response) -> &'static str {
        match response {
            Response::Done => "done",
            Response::NeedHelp => "need_help",
            Response::NotOurs => "not_ours",
            Response::Cannot => "cannot",
        }
    }

    pub(crate) fn response_of(word: &str) -> Result<Response, StoreError> {
        [Response::Done, Response::NeedHelp, Response::NotOurs, Response::Cannot]
            .into_iter()
            .find(|response| response_word(*response) == word)
            .ok_or_else(|| StoreError::Damaged { table: "findings", what: word.to_owned() })
    }

    pub(crate) fn confidence_rank(confidence: Confidence) -> i32 {
        match confidence {
            Confidence::Low => 0,
            Confidence::Medium => 1,
            Confidence::High => 2,
        }
    }

    pub(crate) fn confidence_of(rank: i32) -> Confidence {
        match rank {
            i32::MIN..=0 => Confidence::Low,
            1 => Confidence::Medium,
            2.. => Confidence::High,
        }
    }
}
