//! What a story at a hospital counts for on the hospital's own row: open, to be called about, to be acted on.
//!
//! The same words stand in SQL in `recount::Changed`: ingest adds differences by these, other writes count anew by
//! those, and a test holds the two against each other.

use crate::{
    bulk,
    error::StoreError,
    rows::{facility, story},
    words::{StoryStatus, model_words::severity_rank},
};
use phitak_model::Severity;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Value,
    sea_query::{Expr, ExprTrait},
};
use std::collections::BTreeMap;

/// A story's judgement so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub severity: i32,
    pub is_closed: bool,
    pub is_hidden: bool,
    pub is_new: bool,
    pub acknowledged_up_to: Option<i64>,
    pub closed_up_to: Option<i64>,
}

impl Judged {
    pub(crate) fn of(story: &story::Model) -> Self {
        Self {
            severity: story.severity,
            is_closed: story.status == StoryStatus::Closed.as_str(),
            is_hidden: story.status == StoryStatus::Suppressed.as_str(),
            is_new: story.status == StoryStatus::New.as_str(),
            acknowledged_up_to: story.acknowledged_up_to,
            closed_up_to: story.closed_up_to,
        }
    }

    /// A story that nobody has judged.
    pub(crate) fn unseen(severity: i32) -> Self {
        Self {
            severity,
            is_closed: false,
            is_hidden: false,
            is_new: true,
            acknowledged_up_to: None,
            closed_up_to: None,
        }
    }

    /// One of what a suppression hides.
    pub(crate) fn hidden(severity: i32) -> Self {
        Self { is_hidden: true, is_new: false, ..Self::unseen(severity) }
    }

    /// After something came to it.
    pub(crate) fn returned(self) -> Self {
        if self.is_closed { Self { is_closed: false, is_new: true, acknowledged_up_to: None, ..self } } else { self }
    }

    /// What it counts for where its alerts arrived from the first moment to the last.
    pub(crate) fn bearing(self, first_arrived_at: i64, arrived_at: i64) -> Bearing {
        let is_open = !self.is_closed && !self.is_hidden && self.closed_up_to.is_none_or(|up_to| arrived_at > up_to);
        let is_unseen = self.is_new || self.acknowledged_up_to.is_none_or(|up_to| first_arrived_at > up_to);
        let calls = is_open && self.severity >= severity_rank(Severity::High) && is_unseen;
        let acts = is_open && self.severity >= severity_rank(Severity::Medium) && !calls;
        Bearing { open: i32::from(is_open), call: i32::from(calls), act: i32::from(acts) }
    }
}

/// What is added to a hospital's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bearing {
    open: i32,
    call: i32,
    act: i32,
}

impl Bearing {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            open: self.open.saturating_add(other.open),
            call: self.call.saturating_add(other.call),
            act: self.act.saturating_add(other.act),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(Self { open: -other.open, call: -other.call, act: -other.act })
    }
}

/// When the alerts of these stories (numbers) arrived first and last at these hospitals (codes), where there are some.
pub(crate) async fn spans(
    db: &impl ConnectionTrait,
    pairs: Vec<Vec<Value>>,
) -> Result<BTreeMap<(i64, String), (i64, i64)>, StoreError> {
    let find = (
        "SELECT f.story_id, f.facility, f.first_arrived_at, f.arrived_at FROM",
        "AS v CROSS JOIN story_facilities f WHERE f.story_id = v.column1 AND f.facility = v.column2",
    );
    let mut spans = BTreeMap::new();
    for row in bulk::query(db, find, pairs).await? {
        let pair = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        spans.insert(pair, (row.try_get_by_index(2)?, row.try_get_by_index(3)?));
    }
    Ok(spans)
}

/// Adds differences to the counters of hospitals.
pub(crate) async fn add(db: &impl ConnectionTrait, differences: &BTreeMap<&str, Bearing>) -> Result<(), StoreError> {
    let mut alike: BTreeMap<Bearing, Vec<&str>> = BTreeMap::new();
    for (facility, difference) in differences {
        if *difference != Bearing::default() {
            alike.entry(*difference).or_default().push(facility);
        }
    }
    for (Bearing { open, call, act }, facilities) in alike {
        let plus = |column, number: i32| Expr::col(column).add(number);
        let facilities = facility::Column::Code.is_in(bulk::padded(&facilities));
        facility::Entity::update_many()
            .col_expr(facility::Column::StoriesOpen, plus(facility::Column::StoriesOpen, open))
            .col_expr(facility::Column::StoriesCall, plus(facility::Column::StoriesCall, call))
            .col_expr(facility::Column::StoriesAct, plus(facility::Column::StoriesAct, act))
            .filter(facilities)
            .exec(db)
            .await?;
    }
    Ok(())
}
