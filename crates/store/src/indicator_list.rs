//! The list of indicators and rules as sensors get it: signed parts that never change, and how far each sensor has come.

use crate::{
    database::Store,
    error::StoreError,
    indicators::{LISTED, OUT, WAITS},
    rows::{indicator as row, indicator_part as part_row, sensor, sensor_indicators},
    rule_list,
    scope::Scope,
    words::model_words::severity_of,
};
use phitak_model::{Indicator, IndicatorKind, IndicatorValue, ListedRule, SensorId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use std::collections::BTreeMap;

/// Ids that one statement names.
const IDS_PER_QUERY: usize = 500;

/// A part as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPart {
    pub generation: u64,
    pub part: u64,
    pub at: Timestamp,
    /// Hexadecimal, as the signature.
    pub hash: String,
    pub signature: String,
    pub lines: String,
}

/// What waits to come into the list, or out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToList {
    Add(Indicator),
    Remove(u32),
    AddRule(ListedRule),
    RemoveRule(u32),
}

/// A part's place in all lists that ever were, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPlace {
    pub generation: u64,
    pub part: u64,
}

/// What stands in the parts of a new generation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent<'a> {
    /// In order.
    pub indicators: &'a [u32],
    pub rules: &'a [ListedRule],
}

/// How far a sensor has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorList {
    pub generation: u64,
    pub part: u64,
    pub entries: u64,
    pub at: Timestamp,
}

impl ToList {
    /// Which indicator changes, and where it stands then.
    fn indicator(&self) -> Option<(i64, i32)> {
        match self {
            Self::Add(indicator) => Some((indicator.id.into(), LISTED)),
            Self::Remove(id) => Some(((*id).into(), OUT)),
            Self::AddRule(_) | Self::RemoveRule(_) => None,
        }
    }
}

/// Those that are over but stand in the list.
fn is_to_go(now: Timestamp) -> Condition {
    let over = Condition::any().add(row::Column::EndedAt.is_not_null()).add(row::Column::ExpiresAt.lte(now.micros()));
    Condition::all().add(row::Column::Listing.eq(LISTED)).add(over)
}

impl Store {
    /// The newest part.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn last_part(&self) -> Result<Option<ListedPart>, StoreError> {
        let row = part_row::Entity::find()
            .order_by_desc(part_row::Column::Generation)
            .order_by_desc(part_row::Column::Part)
            .one(self.reader())
            .await?;
        Ok(row.map(ListedPart::of))
    }

    /// Parts of a generation after this one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn parts_after(&self, generation: u64, part: u64, limit: u64) -> Result<Vec<ListedPart>, StoreError> {
        let rows = part_row::Entity::find()
            .filter(part_row::Column::Generation.eq(number(generation)))
            .filter(part_row::Column::Part.gt(number(part)))
            .order_by_asc(part_row::Column::Part)
            .limit(limit)
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(ListedPart::of).collect())
    }

    /// One part, to compare.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn part(&self, generation: u64, part: u64) -> Result<Option<ListedPart>, StoreError> {
        let row = part_row::Entity::find_by_id((number(generation), number(part))).one(self.reader()).await?;
        Ok(row.map(ListedPart::of))
    }

    /// What has changed since the last part: at most so many. Rules first, which are few; of each kind, those that go first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn changes_to_list(&self, now: Timestamp, limit: u64) -> Result<Vec<ToList>, StoreError> {
        let mut changes = rule_list::changes(self.reader(), now, limit).await?;
        let gone: Vec<i64> = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .filter(is_to_go(now))
            .order_by_asc(row::Column::Id)
            .limit(limit.saturating_sub(changes.len() as u64))
            .into_tuple()
            .all(self.reader())
            .await?;
        changes.extend(gone.into_iter().filter_map(|id| u32::try_from(id).ok()).map(ToList::Remove));
        let left = limit.saturating_sub(changes.len() as u64);
        let new = row::Entity::find()
            .filter(row::Column::Listing.eq(WAITS))
            .filter(row::Column::EndedAt.is_null())
            .filter(row::Column::ExpiresAt.gt(now.micros()))
            .order_by_asc(row::Column::Id)
            .limit(left)
            .all(self.reader())
            .await?;
        for row in new {
            changes.push(ToList::Add(indicator(row)?));
        }
        Ok(changes)
    }

    /// Keeps a part with these changes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_part(&self, part: &ListedPart, changes: &[ToList]) -> Result<(), StoreError> {
        let tx = self.write().await?;
        insert(&tx, part).await?;
        rule_list::mark(&tx, changes, part.place()).await?;
        for listing in [LISTED, OUT] {
            let moved = changes.iter().filter_map(ToList::indicator).filter(|(_, to)| *to == listing);
            let ids: Vec<i64> = moved.map(|(id, _)| id).collect();
            mark(&tx, &ids, listing).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Begins a new generation, whose parts hold what `sent` names, in place of those before. What was added, ended or withdrawn
    /// since the parts were made waits for the next one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_generation(&self, parts: &[ListedPart], sent: &Sent<'_>) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let place = parts.last().map(ListedPart::place).unwrap_or_default();
        rule_list::begin_generation(&tx, sent.rules, place).await?;
        part_row::Entity::delete_many().exec(&tx).await?;
        for part in parts {
            insert(&tx, part).await?;
        }
        // Few are in another state than before: only those are written.
        for (from, to) in [(WAITS, LISTED), (LISTED, OUT)] {
            let ids: Vec<i64> = row::Entity::find()
                .select_only()
                .column(row::Column::Id)
                .filter(row::Column::Listing.eq(from))
                .into_tuple()
                .all(&tx)
                .await?;
            let is_sent = |id: &i64| u32::try_from(*id).is_ok_and(|id| sent.indicators.binary_search(&id).is_ok());
            let moved: Vec<i64> = ids.into_iter().filter(|id| is_sent(id) == (to == LISTED)).collect();
            mark(&tx, &moved, to).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// All that is looked for now, after this id: for a new generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn active_after(&self, id: u32, now: Timestamp, limit: u64) -> Result<Vec<Indicator>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::Id.gt(i64::from(id)))
            .filter(row::Column::EndedAt.is_null())
            .filter(row::Column::ExpiresAt.gt(now.micros()))
            .order_by_asc(row::Column::Id)
            .limit(limit)
            .all(self.reader())
            .await?;
        rows.into_iter().map(indicator).collect()
    }

    /// Indicators in the list, and those that came out of it since a row began: both are lines of it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listed(&self) -> Result<u64, StoreError> {
        Ok(row::Entity::find().filter(row::Column::Listing.eq(LISTED)).count(self.reader()).await?)
    }

    /// How far the sensors of these facilities have come.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sensor_lists(
        &self,
        scope: &Scope,
        facilities: &[String],
    ) -> Result<BTreeMap<String, SensorList>, StoreError> {
        if facilities.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = sensor_indicators::Entity::find()
            .filter(scope.admits(sensor_indicators::Column::Facility))
            .filter(sensor_indicators::Column::Facility.is_in(facilities.iter().map(String::as_str)))
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(|row| (row.sensor.clone(), SensorList::of(&row))).collect())
    }

    /// Of the sensors in scope that were heard since a moment: how many there are, and how many of them have this part.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sensors_up_to_date(
        &self,
        scope: &Scope,
        heard_since: Timestamp,
        generation: u64,
        part: u64,
    ) -> Result<(u64, u64), StoreError> {
        let heard = sensor::Entity::find()
            .filter(scope.admits(sensor::Column::Facility))
            .filter(sensor::Column::RevokedAt.is_null())
            .filter(sensor::Column::LastSeenAt.gte(heard_since.micros()));
        let all = heard.clone().count(self.reader()).await?;
        let with_it = sensor_indicators::Entity::find()
            .select_only()
            .column(sensor_indicators::Column::Sensor)
            .filter(sensor_indicators::Column::Generation.eq(number(generation)))
            .filter(sensor_indicators::Column::Part.gte(number(part)));
        let with_it = sea_orm::QueryTrait::into_query(with_it);
        let current = heard.filter(sensor::Column::Id.in_subquery(with_it)).count(self.reader()).await?;
        Ok((all, current))
    }
}

async fn mark(db: &impl sea_orm::ConnectionTrait, ids: &[i64], listing: i32) -> Result<(), StoreError> {
    for some in ids.chunks(IDS_PER_QUERY) {
        row::Entity::update_many()
            .col_expr(row::Column::Listing, Expr::value(listing))
            .filter(row::Column::Id.is_in(some.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

async fn insert(db: &impl sea_orm::ConnectionTrait, part: &ListedPart) -> Result<(), StoreError> {
    part_row::Entity::insert(part_row::ActiveModel {
        generation: Set(number(part.generation)),
        part: Set(number(part.part)),
        at: Set(part.at.micros()),
        hash: Set(part.hash.clone()),
        signature: Set(part.signature.clone()),
        body: Set(part.lines.clone()),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Takes what a sensor says that it looks for.
pub(crate) async fn note(
    db: &impl sea_orm::ConnectionTrait,
    sensor: &SensorId,
    active: phitak_model::ActiveIndicators,
    now: Timestamp,
) -> Result<(), StoreError> {
    use sensor_indicators::Column;
    let (generation, part) = (number(active.generation), number(active.part));
    let known = sensor_indicators::Entity::find_by_id(sensor.as_str()).one(db).await?;
    if known.is_some_and(|row| row.generation == generation && row.part == part) {
        return Ok(());
    }
    sensor_indicators::Entity::insert(sensor_indicators::ActiveModel {
        sensor: Set(sensor.as_str().to_owned()),
        facility: Set(sensor.facility().as_str().to_owned()),
        generation: Set(generation),
        part: Set(part),
        entries: Set(number(active.entries)),
        at: Set(now.micros()),
    })
    .on_conflict(
        sea_orm::sea_query::OnConflict::column(Column::Sensor)
            .update_columns([Column::Generation, Column::Part, Column::Entries, Column::At])
            .to_owned(),
    )
    .exec_without_returning(db)
    .await?;
    Ok(())
}

fn indicator(row: row::Model) -> Result<Indicator, StoreError> {
    let damaged = |what: String| StoreError::Damaged { table: "indicators", what };
    let kind = IndicatorKind::parse(&row.kind).ok_or_else(|| damaged(row.kind.clone()))?;
    Ok(Indicator {
        id: u32::try_from(row.id).map_err(|error| damaged(error.to_string()))?,
        value: IndicatorValue::parse(kind, &row.value).map_err(|error| damaged(error.to_string()))?,
        severity: severity_of(row.severity),
        expires_at: Timestamp::from_micros(row.expires_at),
        text: row.words,
    })
}

impl ListedPart {
    fn place(&self) -> ListPlace {
        ListPlace { generation: self.generation, part: self.part }
    }

    fn of(row: part_row::Model) -> Self {
        Self {
            generation: unsigned(row.generation),
            part: unsigned(row.part),
            at: Timestamp::from_micros(row.at),
            hash: row.hash,
            signature: row.signature,
            lines: row.body,
        }
    }
}

impl SensorList {
    fn of(row: &sensor_indicators::Model) -> Self {
        Self {
            generation: unsigned(row.generation),
            part: unsigned(row.part),
            entries: unsigned(row.entries),
            at: Timestamp::from_micros(row.at),
        }
    }
}

pub(crate) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
