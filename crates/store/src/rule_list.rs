//! Rules on their way into the list that sensors get, and what each sensor says of them.

use crate::{
    database::Store,
    error::StoreError,
    indicator_list::ToList,
    indicators::{LISTED, OUT, WAITS},
    listed_rules::is_in_force,
    rows::{listed_rule as row, sensor_rules},
    scope::Scope,
};
use phitak_model::{ActiveRules, ListedRule, RefusedRule, SensorId, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use std::collections::BTreeMap;

/// Sensors whose refusals are counted together.
const REFUSING_SENSORS_MAX: u64 = 5_000;
/// Longest reason of a sensor's refusal that is kept, in characters.
const WHY_CHARS_MAX: usize = 300;

/// What a sensor says of the rules of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorRules {
    pub entries: u64,
    pub refused_count: u64,
    pub refused: Vec<RefusedRule>,
    pub at: Timestamp,
}

/// A rule that sensors refuse: how many of them, and the first one's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRefusal {
    pub sensors: u64,
    pub why: String,
}

fn is_to_go(now: Timestamp) -> Condition {
    let over = Condition::any().add(row::Column::EndedAt.is_not_null()).add(row::Column::ExpiresAt.lte(now.micros()));
    Condition::all().add(row::Column::Listing.eq(LISTED)).add(over)
}

fn listed(row: row::Model) -> Result<ListedRule, StoreError> {
    let damaged =
        |error: std::num::TryFromIntError| StoreError::Damaged { table: "listed_rules", what: error.to_string() };
    let sid = u32::try_from(row.sid).map_err(damaged)?;
    Ok(ListedRule { sid, expires_at: Timestamp::from_micros(row.expires_at), text: row.rule })
}

/// Rules that wait to go out of the list, then those that wait to come into it.
pub(crate) async fn changes(db: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<ToList>, StoreError> {
    let gone = row::Entity::find().filter(is_to_go(now)).order_by_asc(row::Column::Sid).limit(limit).all(db).await?;
    let mut changes: Vec<ToList> =
        gone.into_iter().map(|row| listed(row).map(|rule| ToList::RemoveRule(rule.sid))).collect::<Result<_, _>>()?;
    let new = row::Entity::find()
        .filter(row::Column::Listing.eq(WAITS))
        .filter(is_in_force(now))
        .order_by_asc(row::Column::Sid)
        .limit(limit.saturating_sub(changes.len() as u64))
        .all(db)
        .await?;
    for row in new {
        changes.push(ToList::AddRule(listed(row)?));
    }
    Ok(changes)
}

/// Notes that these changes stand in the list.
pub(crate) async fn mark(db: &impl ConnectionTrait, changes: &[ToList]) -> Result<(), StoreError> {
    for change in changes {
        let (sid, listing) = match change {
            ToList::AddRule(rule) => (rule.sid, LISTED),
            ToList::RemoveRule(sid) => (*sid, OUT),
            ToList::Add(_) | ToList::Remove(_) => continue,
        };
        row::Entity::update_many()
            .col_expr(row::Column::Listing, Expr::value(listing))
            .filter(row::Column::Sid.eq(i64::from(sid)))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// A new generation holds these rules, and no others: one that was withdrawn meanwhile stands in it, until the next part.
pub(crate) async fn begin_generation(db: &impl ConnectionTrait, rules: &[ListedRule]) -> Result<(), StoreError> {
    let sids: Vec<i64> = rules.iter().map(|rule| rule.sid.into()).collect();
    row::Entity::update_many()
        .col_expr(row::Column::Listing, Expr::value(OUT))
        .filter(row::Column::Listing.eq(LISTED))
        .exec(db)
        .await?;
    row::Entity::update_many()
        .col_expr(row::Column::Listing, Expr::value(LISTED))
        .filter(row::Column::Sid.is_in(sids))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes what a sensor says of the list's rules.
pub(crate) async fn note(
    db: &impl ConnectionTrait,
    sensor: &SensorId,
    active: &ActiveRules,
    now: Timestamp,
) -> Result<(), StoreError> {
    use sensor_rules::Column;
    let short = |rule: &RefusedRule| {
        let why = rule.why.chars().filter(|letter| !letter.is_control()).take(WHY_CHARS_MAX).collect();
        RefusedRule { sid: rule.sid, why }
    };
    let refused: Vec<RefusedRule> =
        active.refused.iter().take(phitak_model::health::REFUSED_RULES_MAX).map(short).collect();
    let refused = serde_json::to_string(&refused)
        .map_err(|error| StoreError::Damaged { table: "sensor_rules", what: error.to_string() })?;
    let (entries, refused_count) = (number(active.entries), number(active.refused_count));
    let known = sensor_rules::Entity::find_by_id(sensor.as_str()).one(db).await?;
    if known.is_some_and(|row| (row.entries, row.refused_count, &row.refused) == (entries, refused_count, &refused)) {
        return Ok(());
    }
    sensor_rules::Entity::insert(sensor_rules::ActiveModel {
        sensor: Set(sensor.as_str().to_owned()),
        facility: Set(sensor.facility().as_str().to_owned()),
        entries: Set(entries),
        refused_count: Set(refused_count),
        refused: Set(refused),
        at: Set(now.micros()),
    })
    .on_conflict(
        OnConflict::column(Column::Sensor)
            .update_columns([Column::Entries, Column::RefusedCount, Column::Refused, Column::At])
            .to_owned(),
    )
    .exec_without_returning(db)
    .await?;
    Ok(())
}

impl Store {
    /// All rules in force, for a new generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listed_rules_in_force(&self, now: Timestamp) -> Result<Vec<ListedRule>, StoreError> {
        let rows = row::Entity::find()
            .filter(is_in_force(now))
            .order_by_asc(row::Column::Sid)
            .limit(phitak_model::listed_rule::LISTED_RULES_MAX as u64)
            .all(self.reader())
            .await?;
        rows.into_iter().map(listed).collect()
    }

    /// What the sensors of these facilities say of the list's rules.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sensor_rules(
        &self,
        scope: &Scope,
        facilities: &[String],
    ) -> Result<BTreeMap<String, SensorRules>, StoreError> {
        if facilities.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = sensor_rules::Entity::find()
            .filter(scope.admits(sensor_rules::Column::Facility))
            .filter(sensor_rules::Column::Facility.is_in(facilities.iter().map(String::as_str)))
            .all(self.reader())
            .await?;
        rows.into_iter().map(|row| Ok((row.sensor.clone(), said(&row)?))).collect()
    }

    /// By rule: how many sensors in scope refuse it, and why.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rule_refusals(&self, scope: &Scope) -> Result<BTreeMap<u32, RuleRefusal>, StoreError> {
        let rows = sensor_rules::Entity::find()
            .filter(scope.admits(sensor_rules::Column::Facility))
            .filter(sensor_rules::Column::RefusedCount.gt(0))
            .order_by_asc(sensor_rules::Column::Sensor)
            .limit(REFUSING_SENSORS_MAX)
            .all(self.reader())
            .await?;
        let mut refusals: BTreeMap<u32, RuleRefusal> = BTreeMap::new();
        for row in &rows {
            for refused in said(row)?.refused {
                let of_rule =
                    refusals.entry(refused.sid).or_insert_with(|| RuleRefusal { sensors: 0, why: refused.why.clone() });
                of_rule.sensors = of_rule.sensors.saturating_add(1);
            }
        }
        Ok(refusals)
    }
}

fn said(row: &sensor_rules::Model) -> Result<SensorRules, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged { table: "sensor_rules", what: error.to_string() };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(SensorRules {
        entries: unsigned(row.entries),
        refused_count: unsigned(row.refused_count),
        refused: serde_json::from_str(&row.refused).map_err(damaged)?,
        at: Timestamp::from_micros(row.at),
    })
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
