//! Rules on their way into the list that sensors get, and what each sensor says of them.

use crate::{
    database::Store,
    error::StoreError,
    indicator_list::{ListPlace, ToList, number, unsigned},
    indicators::{LISTED, OUT, WAITS},
    listed_rules::{ListedRuleRecord, is_in_force},
    rows::{listed_rule as row, sensor, sensor_indicators, sensor_rules},
    scope::Scope,
};
use phitak_model::{ActiveRules, ListedRule, RefusedRule, SensorId, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    sea_query::{Expr, OnConflict},
};
use std::collections::BTreeMap;

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

/// How far the rules of the list have come, at the sensors that have told of them.
#[derive(Clone, Debug, Default)]
pub struct RuleReach {
    followers: Vec<Follower>,
}

#[derive(Clone, Debug)]
struct Follower {
    /// Of the newest part that it uses.
    place: ListPlace,
    refused: BTreeMap<u32, String>,
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

/// Notes that these changes stand in a part of the list.
pub(crate) async fn mark(db: &impl ConnectionTrait, changes: &[ToList], place: ListPlace) -> Result<(), StoreError> {
    for change in changes {
        let (sid, listing) = match change {
            ToList::AddRule(rule) => (rule.sid, LISTED),
            ToList::RemoveRule(sid) => (*sid, OUT),
            ToList::Add(_) | ToList::Remove(_) => continue,
        };
        moved(listing, place).filter(row::Column::Sid.eq(i64::from(sid))).exec(db).await?;
    }
    Ok(())
}

/// Rules come into the list, or out of it, by a part.
fn moved(listing: i32, place: ListPlace) -> UpdateMany<row::Entity> {
    row::Entity::update_many()
        .col_expr(row::Column::Listing, Expr::value(listing))
        .col_expr(row::Column::ListedGeneration, Expr::value(number(place.generation)))
        .col_expr(row::Column::ListedPart, Expr::value(number(place.part)))
}

/// A new generation holds these rules, and no others: one that was withdrawn meanwhile stands in it, until the next part.
pub(crate) async fn begin_generation(
    db: &impl ConnectionTrait,
    rules: &[ListedRule],
    last: ListPlace,
) -> Result<(), StoreError> {
    let sids: Vec<i64> = rules.iter().map(|rule| rule.sid.into()).collect();
    moved(OUT, last).filter(row::Column::Listing.eq(LISTED)).exec(db).await?;
    moved(LISTED, last).filter(row::Column::Sid.is_in(sids)).exec(db).await?;
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

    /// How far the rules of the list have come at the sensors in scope that were heard since a moment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rule_reach(&self, scope: &Scope, heard_since: Timestamp) -> Result<RuleReach, StoreError> {
        let lists: Vec<(String, i64, i64)> = sensor_indicators::Entity::find()
            .select_only()
            .columns([
                sensor_indicators::Column::Sensor,
                sensor_indicators::Column::Generation,
                sensor_indicators::Column::Part,
            ])
            .filter(scope.admits(sensor_indicators::Column::Facility))
            .into_tuple()
            .all(self.reader())
            .await?;
        let mut lists: BTreeMap<String, ListPlace> = lists
            .into_iter()
            .map(|(sensor, generation, part)| {
                (sensor, ListPlace { generation: unsigned(generation), part: unsigned(part) })
            })
            .collect();
        let heard = sensor::Entity::find()
            .select_only()
            .column(sensor::Column::Id)
            .filter(scope.admits(sensor::Column::Facility))
            .filter(sensor::Column::RevokedAt.is_null())
            .filter(sensor::Column::LastSeenAt.gte(heard_since.micros()));
        let told = sensor_rules::Entity::find()
            .filter(scope.admits(sensor_rules::Column::Facility))
            .filter(sensor_rules::Column::Sensor.in_subquery(sea_orm::QueryTrait::into_query(heard)))
            .order_by_asc(sensor_rules::Column::Sensor)
            .all(self.reader())
            .await?;
        let mut followers = Vec::with_capacity(told.len());
        for row in &told {
            let refused = said(row)?.refused.into_iter().map(|rule| (rule.sid, rule.why)).collect();
            followers.push(Follower { place: lists.remove(&row.sensor).unwrap_or_default(), refused });
        }
        Ok(RuleReach { followers })
    }
}

impl RuleReach {
    /// How many sensors use the rule, or have let it go when it is over; none as long as the list does not say so. A sensor names
    /// the first [`phitak_model::health::REFUSED_RULES_MAX`] that it refuses: one that refuses more may be counted.
    #[must_use]
    pub fn followed(&self, rule: &ListedRuleRecord) -> Option<u64> {
        let place = rule.place?;
        let has_it = |follower: &&Follower| follower.place >= place && !follower.refused.contains_key(&rule.sid);
        Some(self.followers.iter().filter(has_it).count() as u64)
    }

    /// How many sensors refuse a rule, and the first one's reason.
    #[must_use]
    pub fn refused(&self, sid: u32) -> (u64, Option<&str>) {
        let mut whys = self.followers.iter().filter_map(|follower| follower.refused.get(&sid)).map(String::as_str);
        let first = whys.next();
        (u64::from(first.is_some()) + whys.count() as u64, first)
    }
}

fn said(row: &sensor_rules::Model) -> Result<SensorRules, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged { table: "sensor_rules", what: error.to_string() };
    Ok(SensorRules {
        entries: unsigned(row.entries),
        refused_count: unsigned(row.refused_count),
        refused: serde_json::from_str(&row.refused).map_err(damaged)?,
        at: Timestamp::from_micros(row.at),
    })
}
