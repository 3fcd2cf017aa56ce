//! What the pages of indicators and of rules say alike: whether one is in force, and how far sensors have come with the list.

use phitak_store::IndicatorStanding;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Active,
    /// Ended by somebody, or by its time
    Over,
}

/// The list as sensors have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListState {
    pub generation: u64,
    pub part: u64,
    /// The caller's sensors that watch, and those of them that have the newest part
    pub sensors: u64,
    pub sensors_current: u64,
}

impl From<Standing> for IndicatorStanding {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Active => Self::Active,
            Standing::Over => Self::Over,
        }
    }
}
