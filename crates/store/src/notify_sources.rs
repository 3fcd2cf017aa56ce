//! What has to be told is found in the tables, not heard of: whatever dies when, the next look finds what is not told yet.
//!
//! Each finding has a *subject*, the same words however often it is found; a matter of that subject is there once.

use crate::{
    database::Store,
    duty::word_of,
    error::StoreError,
    ids::{BulletinId, MatterId, StoryId},
    matters::{NewMatter, of_facility},
    notify_channels::{BEGUN, STORIES, mark_of},
    notify_rows::matter,
    notify_words::{MatterKind, MatterState},
    scope::ScopeReach,
    words::{
        BulletinState, RecipientState, StoryStatus,
        model_words::{severity_of, severity_rank},
    },
};
use phitak_model::{FacilityCode, Severity, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult, QuerySelect, Statement, sea_query::Expr,
};

/// Most matters that one look finds of a kind; the next look goes on.
pub const FOUND_PER_LOOK: usize = 500;
/// An alert's arrival is stamped before it is stored: stories are looked at again for so long.
const OVERLAP_SECS: i64 = 600;

/// What one look found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub matters: Vec<NewMatter>,
    /// Up to which arrival stories have been looked at.
    pub stories_up_to: Option<Timestamp>,
}

impl Store {
    /// What happened and is not told yet; nothing while no channel was ever switched on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn untold(&self, silent_before: Timestamp, now: Timestamp) -> Result<Found, StoreError> {
        let Some(begun) = mark_of(self.reader(), BEGUN).await? else { return Ok(Found::default()) };
        let looked = mark_of(self.reader(), STORIES).await?.unwrap_or(begun);
        let stories = self.untold_stories(std::cmp::max(begun, looked)).await?;
        let whole = stories.len() < FOUND_PER_LOOK;
        let stories_up_to = whole.then(|| now.plus_secs(-OVERLAP_SECS)).filter(|at| at.micros() > looked);
        let mut matters = stories;
        matters.extend(self.untold_bulletins(begun).await?);
        let silence_micros = now.micros_since(silent_before);
        matters.extend(self.untold_silences(silent_before, begun.saturating_sub(silence_micros)).await?);
        Ok(Found { matters, stories_up_to })
    }

    /// What calls for people at hospitals: high and critical stories, once each at each hospital, and again when one that
    /// was closed comes back.
    async fn untold_stories(&self, since: i64) -> Result<Vec<NewMatter>, StoreError> {
        let subject = "'story/' || s.id || '/' || f.facility || '/' || COALESCE(s.closed_up_to, 0)";
        let (high, open) = (severity_rank(Severity::High), open_words());
        let sql = format!(
            "SELECT {subject} AS subject, s.id AS story_id, s.severity AS severity, f.facility AS facility, \
             f.arrived_at AS caused_at FROM stories s JOIN story_facilities f ON f.story_id = s.id \
             WHERE s.arrived_at >= {since} AND f.arrived_at >= {since} AND s.severity >= {high} \
             AND s.status IN ({open}) AND (s.closed_up_to IS NULL OR f.arrived_at > s.closed_up_to) \
             AND NOT EXISTS (SELECT 1 FROM matters m WHERE m.subject = {subject}) \
             ORDER BY f.arrived_at, s.id, f.facility LIMIT {FOUND_PER_LOOK}"
        );
        let rows = self.rows_of(sql).await?;
        rows.iter()
            .map(|row| {
                let mut new = found(row, MatterKind::Story)?;
                new.story = Some(StoryId(row.try_get("", "story_id")?));
                Ok(new)
            })
            .collect()
    }

    /// Early warnings that a hospital has not answered: when it was sent, and at each level that the chase has reached.
    async fn untold_bulletins(&self, begun: i64) -> Result<Vec<NewMatter>, StoreError> {
        let subject = "'bulletin/' || b.id || '/' || r.facility || '/' || l.level";
        let (published, sent) = (BulletinState::Published.as_str(), RecipientState::Sent.as_str());
        let sql = format!(
            "SELECT {subject} AS subject, b.id AS bulletin_id, b.severity AS severity, r.facility AS facility, \
             r.sent_at AS caused_at, l.level AS level, f.region AS region FROM bulletin_recipients r \
             JOIN bulletins b ON b.id = r.bulletin_id JOIN facilities f ON f.code = r.facility \
             JOIN (SELECT 0 AS level UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) l \
             ON l.level <= r.chase_level WHERE r.state = '{sent}' AND b.state = '{published}' AND r.sent_at >= {begun} \
             AND NOT EXISTS (SELECT 1 FROM matters m WHERE m.subject = {subject}) \
             ORDER BY r.sent_at, b.id, r.facility, l.level LIMIT {FOUND_PER_LOOK}"
        );
        let rows = self.rows_of(sql).await?;
        rows.iter()
            .map(|row| {
                let level: i32 = row.try_get("", "level")?;
                let kind = if level == 0 { MatterKind::Bulletin } else { MatterKind::Chase };
                let mut new = found(row, kind)?;
                new.bulletin = Some(BulletinId(row.try_get("", "bulletin_id")?));
                new.place = match level {
                    0 | 1 => new.place,
                    2 => format!("region/{}", row.try_get::<i32>("", "region")?),
                    _ => word_of(&ScopeReach::Sector),
                };
                Ok(new)
            })
            .collect()
    }

    /// Sensors that are not heard any more, each silence once.
    async fn untold_silences(&self, silent_before: Timestamp, heard_since: i64) -> Result<Vec<NewMatter>, StoreError> {
        let subject = "'silence/' || n.id || '/' || n.last_seen_at";
        let medium = severity_rank(Severity::Medium);
        let sql = format!(
            "SELECT {subject} AS subject, n.id AS sensor, {medium} AS severity, n.facility AS facility, \
             n.last_seen_at AS caused_at FROM sensors n WHERE n.revoked_at IS NULL \
             AND n.last_seen_at < {} AND n.last_seen_at >= {heard_since} \
             AND NOT EXISTS (SELECT 1 FROM matters m WHERE m.subject = {subject}) \
             ORDER BY n.last_seen_at, n.id LIMIT {FOUND_PER_LOOK}",
            silent_before.micros()
        );
        let rows = self.rows_of(sql).await?;
        rows.iter()
            .map(|row| {
                let mut new = found(row, MatterKind::Silence)?;
                new.sensor = Some(row.try_get("", "sensor")?);
                Ok(new)
            })
            .collect()
    }

    /// Open matters whose cause is over, or was answered on the pages: what they become.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settled_elsewhere(&self) -> Result<Vec<(MatterId, MatterState)>, StoreError> {
        let acknowledged = StoryStatus::Acknowledged.as_str();
        let (open, sent) = (open_words(), RecipientState::Sent.as_str());
        let published = BulletinState::Published.as_str();
        let story = format!(
            "kind = 'story' AND NOT EXISTS (SELECT 1 FROM stories s WHERE s.id = matters.story_id \
             AND s.status IN ({open}) AND (s.status <> '{acknowledged}' OR COALESCE(s.acknowledged_up_to, 0) < caused_at))"
        );
        let bulletin = format!(
            "kind IN ('bulletin', 'chase') AND NOT EXISTS (SELECT 1 FROM bulletin_recipients r \
             JOIN bulletins b ON b.id = r.bulletin_id WHERE r.bulletin_id = matters.bulletin_id \
             AND r.facility = matters.facility AND r.state = '{sent}' AND b.state = '{published}')"
        );
        let silence = "kind = 'silence' AND NOT EXISTS (SELECT 1 FROM sensors n WHERE n.id = matters.sensor \
             AND n.revoked_at IS NULL AND n.last_seen_at <= caused_at)";
        let mut settled = Vec::new();
        for (cause, state) in [
            (story.as_str(), MatterState::Over),
            (bulletin.as_str(), MatterState::Answered),
            (silence, MatterState::Over),
        ] {
            let ids: Vec<i64> = matter::Entity::find()
                .select_only()
                .column(matter::Column::Id)
                .filter(matter::Column::State.is_in([MatterState::Open.as_str(), MatterState::Unanswered.as_str()]))
                .filter(Expr::cust(cause.to_owned()))
                .limit(FOUND_PER_LOOK as u64)
                .into_tuple()
                .all(self.reader())
                .await?;
            settled.extend(ids.into_iter().map(|id| (MatterId(id), state)));
        }
        Ok(settled)
    }

    async fn rows_of(&self, sql: String) -> Result<Vec<QueryResult>, StoreError> {
        let db = self.reader();
        Ok(db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?)
    }
}

/// The statuses of stories that call for somebody, as a list in SQL.
fn open_words() -> String {
    StoryStatus::OPEN.map(|status| format!("'{}'", status.as_str())).join(", ")
}

/// What every finding has; it is told at its hospital.
fn found(row: &QueryResult, kind: MatterKind) -> Result<NewMatter, StoreError> {
    let facility: String = row.try_get("", "facility")?;
    let facility = FacilityCode::new(&facility)
        .map_err(|error| StoreError::Damaged { table: "facilities", what: error.to_string() })?;
    Ok(NewMatter {
        subject: row.try_get("", "subject")?,
        severity: severity_of(row.try_get("", "severity")?),
        caused_at: Timestamp::from_micros(row.try_get("", "caused_at")?),
        ..of_facility(kind, facility)
    })
}
