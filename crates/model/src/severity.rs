//! How urgent a thing is, on one scale for alerts, stories and findings.

use serde::{Deserialize, Serialize};

/// Ordered: `Low < Medium < High < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// From Suricata's rule priority: 1 is most urgent. Only a rule that says `signature_severity Critical` in its
    /// metadata reaches [`Severity::Critical`].
    #[must_use]
    pub fn from_priority(priority: u32) -> Self {
        match priority {
            0 | 1 => Self::High,
            2 => Self::Medium,
            _ => Self::Low,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "low" | "informational" => Some(Self::Low),
            "medium" | "minor" => Some(Self::Medium),
            "high" | "major" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}
