//! Indicators as the sector's team keeps them: added with a reason, ended with one, never changed in between.

use crate::{
    audit::AuditLine,
    bulk,
    bulletin_content::{BulletinContent, Check},
    database::Store,
    error::StoreError,
    ids::{BulletinId, IndicatorId, StoryId},
    indicator_hits::Hits,
    page::{Page, PageAsk, holds_part},
    rows::{bulletin, indicator as row, listed_bulletin},
    scope::Scope,
    triage::REASON_CHARS_MAX,
    words::{
        BulletinState, Tlp,
        model_words::{severity_of, severity_rank},
    },
};
use phitak_model::{
    IndicatorKind, IndicatorValue, Severity, Timestamp,
    indicator::{self, INDICATOR_GID, INDICATORS_MAX},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use std::collections::BTreeMap;

/// Most that are added at a time.
pub const ADDED_AT_ONCE_MAX: usize = 2_000;
/// Longest source, in characters.
pub const SOURCE_CHARS_MAX: usize = 120;
/// Longest life.
pub const LIFE_DAYS_MAX: i64 = 730;
const DAY_SECS: i64 = 86_400;
/// Values that one statement asks for.
const VALUES_PER_QUERY: usize = 500;

/// Where an indicator is on its way: `listing` in the table.
pub(crate) const WAITS: i32 = 0;
pub(crate) const LISTED: i32 = 1;
pub(crate) const OUT: i32 = 2;

/// An indicator as it is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIndicator {
    pub value: IndicatorValue,
    pub severity: Severity,
    pub tlp: Tlp,
    pub source: String,
    /// For the sector's team.
    pub reason: String,
    /// For hospitals.
    pub words: String,
    pub expires_at: Timestamp,
}

/// A kept one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndicatorRecord {
    pub id: IndicatorId,
    pub kind: IndicatorKind,
    pub value: String,
    pub severity: Severity,
    pub tlp: Tlp,
    pub source: String,
    pub reason: String,
    pub words: String,
    pub bulletin: Option<BulletinId>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub ended_by: Option<String>,
    pub end_reason: Option<String>,
    /// Alerts in the caller's scope, and the hospitals that they are of.
    pub hits: u64,
    pub hospitals: u64,
    /// The story of its alerts, where there is one in scope.
    pub story: Option<StoryId>,
}

/// Whether it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndicatorStanding {
    Active,
    /// Ended by a person, or by its time.
    Over,
}

/// What a list is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndicatorFilter {
    pub standing: Option<IndicatorStanding>,
    pub kind: Option<IndicatorKind>,
    /// Part of the value, or of the words.
    pub part: Option<String>,
}

impl NewIndicator {
    fn check(&self, now: Timestamp) -> Result<(), StoreError> {
        let line = |what: &str, text: &str, chars_max: usize| {
            let chars = text.trim().chars().count();
            if chars == 0 || chars > chars_max || text.chars().any(char::is_control) {
                return Err(StoreError::invalid(format!("{what} has 1 to {chars_max} characters on one line")));
            }
            Ok(())
        };
        line("the source", &self.source, SOURCE_CHARS_MAX)?;
        line("the reason", &self.reason, REASON_CHARS_MAX)?;
        indicator::text(&self.words).map_err(|error| StoreError::invalid(error.to_string()))?;
        if self.expires_at <= now || self.expires_at > now.plus_secs(LIFE_DAYS_MAX * DAY_SECS) {
            return Err(StoreError::invalid(format!("an indicator lives up to {LIFE_DAYS_MAX} days from now")));
        }
        if matches!(self.tlp, Tlp::AmberStrict | Tlp::Red) {
            let why = "TLP:AMBER+STRICT and TLP:RED stay with those who got them: they cannot go to hospitals' sensors";
            return Err(StoreError::invalid(why));
        }
        Ok(())
    }
}

fn is_active(now: Timestamp) -> Condition {
    Condition::all().add(row::Column::EndedAt.is_null()).add(row::Column::ExpiresAt.gt(now.micros()))
}

impl Store {
    /// Adds indicators. One whose value is looked for already is left as it is. Gives how many are new.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the rule that is broken; [`StoreError::Conflict`] when there is no room.
    pub async fn add_indicators(&self, new: &[NewIndicator], audit: AuditLine) -> Result<u64, StoreError> {
        let tx = self.write().await?;
        let added = insert(&tx, new, None, &audit).await?;
        let told = match new {
            [only] => format!("{} {} (TLP {})", only.value.kind().as_str(), only.value, only.tlp.as_str()),
            many => format!("{added} of {}", many.len()),
        };
        audit.about("indicators", None).saying(told).store(&tx).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Ends an indicator before its time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when it is over, [`StoreError::Invalid`] without a reason.
    pub async fn end_indicator(&self, id: IndicatorId, reason: &str, audit: AuditLine) -> Result<(), StoreError> {
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(StoreError::invalid(format!("ending needs a reason of 1 to {REASON_CHARS_MAX} characters")));
        }
        let tx = self.write().await?;
        let row = row::Entity::find_by_id(id.0).one(&tx).await?.ok_or(StoreError::NotFound)?;
        if row.ended_at.is_some() || row.expires_at <= audit.at.micros() {
            return Err(StoreError::conflict("it is over already"));
        }
        let told = format!("{} {}: {reason}", row.kind, row.value);
        let mut ended = row.into_active_model();
        ended.ended_at = Set(Some(audit.at.micros()));
        ended.ended_by = Set(Some(audit.who.clone()));
        ended.end_reason = Set(Some(reason.to_owned()));
        row::Entity::update(ended).exec(&tx).await?;
        audit.about(format!("indicator {id}"), None).saying(told).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Indicators, the latest first, with the hits in the caller's scope.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn indicators(
        &self,
        scope: &Scope,
        filter: &IndicatorFilter,
        now: Timestamp,
        ask: &PageAsk,
    ) -> Result<Page<IndicatorRecord>, StoreError> {
        let mut find = row::Entity::find();
        match filter.standing {
            Some(IndicatorStanding::Active) => find = find.filter(is_active(now)),
            Some(IndicatorStanding::Over) => find = find.filter(is_active(now).not()),
            None => {}
        }
        if let Some(kind) = filter.kind {
            find = find.filter(row::Column::Kind.eq(kind.as_str()));
        }
        if let Some(part) = filter.part.as_deref().map(str::trim).filter(|part| !part.is_empty()) {
            let holds =
                Condition::any().add(holds_part(row::Column::Value, part)).add(holds_part(row::Column::Words, part));
            find = find.filter(holds);
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some(before) = ask.after_number()? {
            find = find.filter(row::Column::Id.lt(before));
        }
        let rows = find.order_by_desc(row::Column::Id).limit(ask.rows() + 1).all(self.reader()).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut hits = self.hits_of(scope, INDICATOR_GID, &ids).await?;
        let records = rows
            .into_iter()
            .map(|row| {
                let own = hits.remove(&row.id).unwrap_or_default();
                record(row, own)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(records, ask.rows(), total, |record| record.id.to_string()))
    }

    /// Sent warnings whose addresses are not among the indicators yet, with who sent each.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bulletins_to_list(
        &self,
        limit: u64,
    ) -> Result<Vec<(BulletinId, BulletinContent, String)>, StoreError> {
        let listed = listed_bulletin::Entity::find().select_only().column(listed_bulletin::Column::BulletinId);
        let rows = bulletin::Entity::find()
            .filter(bulletin::Column::State.eq(BulletinState::Published.as_str()))
            .filter(bulletin::Column::Id.not_in_subquery(listed.into_query()))
            .order_by_asc(bulletin::Column::Id)
            .limit(limit)
            .all(self.reader())
            .await?;
        let whole = rows.into_iter().map(|row| {
            let damaged =
                |error: serde_json::Error| StoreError::Damaged { table: "bulletins", what: error.to_string() };
            let content = serde_json::from_str(&row.body).map_err(damaged)?;
            Ok((BulletinId(row.id), content, row.published_by.unwrap_or_default()))
        });
        whole.collect()
    }

    /// Takes the addresses of a sent warning over, once. Gives how many are new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_bulletin(
        &self,
        id: BulletinId,
        new: &[NewIndicator],
        audit: AuditLine,
    ) -> Result<u64, StoreError> {
        let tx = self.write().await?;
        if listed_bulletin::Entity::find_by_id(id.0).one(&tx).await?.is_some() {
            return Ok(0);
        }
        let added = insert(&tx, new, Some(id), &audit).await?;
        let listed = listed_bulletin::ActiveModel { bulletin_id: Set(id.0), at: Set(audit.at.micros()) };
        listed_bulletin::Entity::insert(listed).exec_without_returning(&tx).await?;
        if added > 0 {
            audit.about(format!("bulletin {id}"), None).saying(format!("{added} indicators")).store(&tx).await?;
        }
        tx.commit().await?;
        Ok(added)
    }
}

/// The addresses that a warning's check looks for.
#[must_use]
pub fn addresses_of(content: &BulletinContent) -> &[std::net::IpAddr] {
    match &content.check {
        Check::Indicators { addresses } => addresses,
        Check::Weakness { .. } | Check::Service { .. } => &[],
    }
}

async fn insert(
    db: &impl ConnectionTrait,
    new: &[NewIndicator],
    bulletin: Option<BulletinId>,
    audit: &AuditLine,
) -> Result<u64, StoreError> {
    if new.len() > ADDED_AT_ONCE_MAX {
        return Err(StoreError::invalid(format!("at most {ADDED_AT_ONCE_MAX} indicators are added at a time")));
    }
    let now = audit.at;
    new.iter().try_for_each(|new| new.check(now))?;
    let known = known(db, new, now).await?;
    let mut fresh: BTreeMap<(&'static str, String), &NewIndicator> = BTreeMap::new();
    for new in new {
        let key = (new.value.kind().as_str(), new.value.to_string());
        if !known.contains(&(key.0.to_owned(), key.1.clone())) {
            fresh.entry(key).or_insert(new);
        }
    }
    let active = row::Entity::find().filter(is_active(now)).count(db).await?;
    if active.saturating_add(fresh.len() as u64) > INDICATORS_MAX as u64 {
        return Err(StoreError::conflict(format!("at most {INDICATORS_MAX} indicators are looked for at a time")));
    }
    let rows: Vec<Vec<sea_orm::Value>> = fresh
        .iter()
        .map(|((kind, value), new)| {
            vec![
                (*kind).into(),
                value.clone().into(),
                severity_rank(new.severity).into(),
                new.tlp.as_str().into(),
                new.source.trim().into(),
                new.reason.trim().into(),
                new.words.trim().into(),
                bulletin.map(|id| id.0).into(),
                now.micros().into(),
                audit.who.as_str().into(),
                new.expires_at.micros().into(),
                WAITS.into(),
            ]
        })
        .collect();
    let columns = [
        "kind",
        "value",
        "severity",
        "tlp",
        "source",
        "reason",
        "words",
        "bulletin_id",
        "created_at",
        "created_by",
        "expires_at",
        "listing",
    ];
    bulk::insert(db, bulk::Target { table: "indicators", columns: &columns, on_conflict: "" }, rows).await?;
    Ok(fresh.len() as u64)
}

/// Kinds and values that are looked for already.
async fn known(
    db: &impl ConnectionTrait,
    new: &[NewIndicator],
    now: Timestamp,
) -> Result<std::collections::BTreeSet<(String, String)>, StoreError> {
    let mut known = std::collections::BTreeSet::new();
    for part in new.chunks(VALUES_PER_QUERY) {
        let found: Vec<(String, String)> = row::Entity::find()
            .select_only()
            .columns([row::Column::Kind, row::Column::Value])
            .filter(is_active(now))
            .filter(row::Column::Value.is_in(part.iter().map(|new| new.value.to_string())))
            .into_tuple()
            .all(db)
            .await?;
        known.extend(found);
    }
    Ok(known)
}

fn record(row: row::Model, hits: Hits) -> Result<IndicatorRecord, StoreError> {
    let damaged = |what: &str| StoreError::Damaged { table: "indicators", what: what.to_owned() };
    let moment = |at: Option<i64>| at.map(Timestamp::from_micros);
    Ok(IndicatorRecord {
        id: IndicatorId(row.id),
        kind: IndicatorKind::parse(&row.kind).ok_or_else(|| damaged(&row.kind))?,
        severity: severity_of(row.severity),
        tlp: Tlp::parse(&row.tlp).ok_or_else(|| damaged(&row.tlp))?,
        value: row.value,
        source: row.source,
        reason: row.reason,
        words: row.words,
        bulletin: row.bulletin_id.map(BulletinId),
        created_at: Timestamp::from_micros(row.created_at),
        created_by: row.created_by,
        expires_at: Timestamp::from_micros(row.expires_at),
        ended_at: moment(row.ended_at),
        ended_by: row.ended_by,
        end_reason: row.end_reason,
        hits: hits.alerts,
        hospitals: hits.hospitals,
        story: hits.story,
    })
}
