//! Words that stand in the tables of cases, each enumeration with its stable text.

use crate::words::words;
use serde::{Deserialize, Serialize};

words!(
    /// Where a case stands.
    CaseStatus {
        Open = "open",
        /// It does not spread any more.
        Contained = "contained",
        /// What it stopped works again.
        Recovered = "recovered",
        Closed = "closed",
    }
);

words!(
    /// The level of a threat (Cybersecurity Act 2019, section 60), with the five values of the notification of 2023. A
    /// person's decision, never computed.
    ThreatLevel {
        /// ยังไม่สามารถระบุได้
        Undetermined = "undetermined",
        /// ไม่ร้ายแรง
        NotSerious = "not_serious",
        /// ร้ายแรง
        Serious = "serious",
        /// วิกฤต (ก)
        CriticalA = "critical_a",
        /// วิกฤต (ข)
        CriticalB = "critical_b",
    }
);

words!(
    /// From what a case was opened.
    CaseSource {
        /// From one or more stories of the queue.
        Story = "story",
        /// Somebody called.
        Phone = "phone",
    }
);

words!(
    /// Where a deadline of the law stands.
    ClockState {
        Running = "running",
        Done = "done",
        /// It does not bind here, with a reason; or the one before it was kept.
        NotApplicable = "not_applicable",
    }
);

words!(
    /// Where a task stands.
    TaskState {
        Open = "open",
        Done = "done",
        /// Not needed any more, with a reason.
        Dropped = "dropped",
    }
);

words!(
    /// What an observable is.
    ObservableKind {
        Address = "address",
        Domain = "domain",
        Hash = "hash",
        Account = "account",
    }
);

words!(
    /// What a line of a case's history is.
    EntryKind {
        /// Written by the centre when something was done.
        Event = "event",
        /// Between analysts.
        Comment = "comment",
        /// Between a hospital and the centre.
        Note = "note",
        /// Added by a person: something that happened.
        Added = "added",
    }
);
