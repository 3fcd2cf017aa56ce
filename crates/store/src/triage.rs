//! What analysts do with a story, and its history.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    ids::{StoryId, UserId},
    recount::{self, Changed},
    rows::{story as row, story_event, story_facility},
    scope::Scope,
    stories::Story,
    words::{StoryStatus, TriageAction, Verdict},
};
use phitak_model::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 1_000;
/// Latest events of a story that are shown.
pub const EVENTS_SHOWN_MAX: u64 = 100;

/// What an analyst does with a story.
#[derive(Clone, Debug)]
pub struct Triage {
    pub action: TriageAction,
    pub verdict: Option<Verdict>,
    pub reason: Option<String>,
    pub up_to: Timestamp,
    pub by: (UserId, String),
}

/// What happened to a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryEvent {
    pub at: Timestamp,
    pub who: Option<String>,
    pub action: String,
    pub verdict: Option<Verdict>,
    pub reason: Option<String>,
    /// A colleague to whom it was given.
    pub assignee: Option<String>,
}

/// What the history says of a suppression that was set from the story.
pub(crate) const SUPPRESSED: &str = "suppress";

impl Store {
    /// Acknowledges, closes or reopens a story for what had arrived by `up_to`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Invalid`] when closing lacks its verdict or the reason
    /// is too long.
    pub async fn triage(
        &self,
        scope: &Scope,
        id: StoryId,
        triage: Triage,
        audit: AuditLine,
    ) -> Result<Story, StoreError> {
        let reason = triage.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
            return Err(StoreError::invalid(format!("a reason has at most {REASON_CHARS_MAX} characters")));
        }
        if triage.action == TriageAction::Close && triage.verdict.is_none() {
            return Err(StoreError::invalid("closing a story needs a verdict: true, benign, false or duplicate"));
        }
        self.story(scope, id).await?;
        let now = audit.at;
        let tx = self.write().await?;
        let story = row::Entity::find_by_id(id.0).one(&tx).await?.ok_or(StoreError::NotFound)?;
        if story.suppression_id != 0 {
            return Err(StoreError::conflict("a suppression hides this story: lift it, and what comes then is shown"));
        }
        let up_to = triage.up_to.min(now).micros();
        let arrived_at = story.arrived_at;
        let mut changed = story.into_active_model();
        let verdict = triage.verdict.filter(|_| triage.action == TriageAction::Close);
        match triage.action {
            TriageAction::Acknowledge => {
                changed.status = Set(StoryStatus::Acknowledged.as_str().to_owned());
                changed.acknowledged_up_to = Set(Some(up_to));
                changed.assignee_id = Set(Some(triage.by.0.0));
                changed.assignee_name = Set(Some(triage.by.1.clone()));
            }
            TriageAction::Close => {
                let status = if arrived_at > up_to { StoryStatus::New } else { StoryStatus::Closed };
                changed.status = Set(status.as_str().to_owned());
                changed.verdict = Set(verdict.map(|verdict| verdict.as_str().to_owned()));
                changed.closed_up_to = Set(Some(up_to));
                changed.acknowledged_up_to = Set(None);
            }
            TriageAction::Reopen => {
                changed.status = Set(StoryStatus::New.as_str().to_owned());
                changed.verdict = Set(None);
                changed.closed_up_to = Set(None);
                changed.acknowledged_up_to = Set(None);
            }
        }
        row::Entity::update(changed).exec(&tx).await?;
        add_event(&tx, id, now, Some(&triage.by.1), triage.action.as_str(), verdict, reason, Some(up_to)).await?;
        let facilities = facilities_of(&tx, id).await?;
        let facilities: Vec<&str> = facilities.iter().map(String::as_str).collect();
        recount::recount_alike(&tx, &facilities, Changed::STORIES).await?;
        let told = verdict.map_or(String::new(), |verdict| format!(" as {}", verdict.as_str()));
        audit
            .about(format!("story {id}"), None)
            .saying(format!("{}{told}: {}", triage.action.as_str(), reason.unwrap_or("no reason given")))
            .store(&tx)
            .await?;
        tx.commit().await?;
        self.story(scope, id).await
    }

    /// A story's history, oldest first. People and reasons are the sector's own business: the caller decides by scope.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope, [`StoreError::Database`].
    pub async fn story_events(&self, scope: &Scope, id: StoryId) -> Result<Vec<StoryEvent>, StoreError> {
        self.story(scope, id).await?;
        let whole = scope.is_whole_sector();
        let mut find = story_event::Entity::find().filter(story_event::Column::StoryId.eq(id.0));
        if !whole {
            // It may hide at another hospital, which is nobody else's business.
            find = find.filter(story_event::Column::Action.ne(SUPPRESSED));
        }
        let mut rows = find.order_by_desc(story_event::Column::Id).limit(EVENTS_SHOWN_MAX).all(self.reader()).await?;
        rows.reverse();
        Ok(rows
            .into_iter()
            .map(|row| StoryEvent {
                at: Timestamp::from_micros(row.at),
                who: row.who.filter(|_| whole),
                action: row.action,
                verdict: row.verdict.as_deref().and_then(Verdict::parse),
                reason: row.reason.filter(|_| whole),
                assignee: row.assignee_name.filter(|_| whole),
            })
            .collect())
    }
}

#[allow(clippy::too_many_arguments, reason = "the columns of one row")]
pub(crate) async fn add_event(
    db: &impl ConnectionTrait,
    story: StoryId,
    at: Timestamp,
    who: Option<&str>,
    action: &str,
    verdict: Option<Verdict>,
    reason: Option<&str>,
    up_to: Option<i64>,
) -> Result<(), StoreError> {
    story_event::Entity::insert(story_event::ActiveModel {
        story_id: Set(story.0),
        at: Set(at.micros()),
        who: Set(who.map(str::to_owned)),
        action: Set(action.to_owned()),
        verdict: Set(verdict.map(|verdict| verdict.as_str().to_owned())),
        reason: Set(reason.map(str::to_owned)),
        up_to: Set(up_to),
        ..Default::default()
    })
    .exec(db)
    .await?;
    Ok(())
}

async fn facilities_of(db: &impl ConnectionTrait, story: StoryId) -> Result<Vec<String>, StoreError> {
    Ok(story_facility::Entity::find()
        .select_only()
        .column(story_facility::Column::Facility)
        .filter(story_facility::Column::StoryId.eq(story.0))
        .order_by_asc(story_facility::Column::Facility)
        .into_tuple()
        .all(db)
        .await?)
}
