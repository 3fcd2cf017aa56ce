//! What sensors report about themselves, and what was lost on the way.

use super::{
    Ingest, Source, signed, storable,
    tallies::{Keep, kept},
};
use crate::{
    bulk::{self, Target},
    error::StoreError,
    indicator_list,
    rows::{loss, sensor},
    rule_list,
};
use phitak_model::{Health, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

/// Losses kept of one sensor; the oldest go first.
pub const LOSSES_PER_SENSOR_MAX: u64 = 1_000;
/// The cause of a loss that the centre itself counts: numbers missing between batches.
pub const SEQUENCE_GAP: &str = "sequence_gap";
/// The cause under which moments in the future are noted.
pub const CLOCK_AHEAD: &str = "clock_ahead";

impl Ingest {
    /// Takes a sensor's report about itself; an older one than the last changes nothing but its losses.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_health(&mut self, source: &Source, health: &Health) -> Result<(), StoreError> {
        let row =
            sensor::Entity::find_by_id(source.sensor().as_str()).one(&self.tx).await?.ok_or(StoreError::NotFound)?;
        if row.health_at.is_none_or(|at| at <= health.at.micros()) {
            let mut row = row.into_active_model();
            row.health_at = Set(Some(health.at.micros()));
            row.version = Set(Some(storable(&health.version).chars().take(64).collect()));
            row.packets = Set(signed(health.packets));
            row.bytes = Set(signed(health.bytes));
            row.flows = Set(signed(health.flows));
            row.rules_loaded = Set(i32::try_from(health.rules_loaded).unwrap_or(i32::MAX));
            row.rules_failed = Set(i32::try_from(health.rules_failed).unwrap_or(i32::MAX));
            row.spool_bytes = Set(signed(health.spool_bytes));
            sensor::Entity::update(row).exec(&self.tx).await?;
            if let Some(active) = health.indicators {
                indicator_list::note(&self.tx, source.sensor(), active, self.now).await?;
            }
            if let Some(active) = &health.rule_list {
                rule_list::note(&self.tx, source.sensor(), active, self.now).await?;
            }
        }
        for loss in &health.losses {
            let cause = serde_json::to_value(loss.cause).ok();
            let cause = cause.as_ref().and_then(|value| value.as_str()).unwrap_or("unknown");
            self.note_loss(source, cause, loss.count, loss.from, loss.until).await?;
        }
        Ok(())
    }

    /// Notes numbers that were acknowledged once and are not here any more: the database is an older copy.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_gap(&mut self, source: &Source, missing: u64) -> Result<(), StoreError> {
        self.note_loss(source, SEQUENCE_GAP, missing, self.now, self.now).await
    }

    /// Notes records whose moment lay too far ahead: the sensor's clock is fast, and they count as of now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_clock_ahead(&mut self, source: &Source, records: u64) -> Result<(), StoreError> {
        self.note_loss(source, CLOCK_AHEAD, records, self.now, self.now).await
    }

    /// A loss that is told again, longer or larger, is one loss.
    async fn note_loss(
        &self,
        source: &Source,
        cause: &str,
        count: u64,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        const TABLE: &str = "losses";
        let on_conflict = format!(
            "ON CONFLICT (sensor, cause, from_at) DO UPDATE SET {}, {}",
            kept(TABLE, "count", Keep::Larger),
            kept(TABLE, "until_at", Keep::Larger)
        );
        let columns = &["sensor", "facility", "cause", "count", "from_at", "until_at"];
        let row = vec![
            source.sensor().as_str().into(),
            source.facility().as_str().into(),
            cause.into(),
            signed(count).into(),
            from.micros().into(),
            until.micros().into(),
        ];
        bulk::insert(&self.tx, Target { table: TABLE, columns, on_conflict: &on_conflict }, vec![row]).await?;
        let oldest_kept: Option<i64> = loss::Entity::find()
            .select_only()
            .column(loss::Column::Id)
            .filter(loss::Column::Sensor.eq(source.sensor().as_str()))
            .order_by_desc(loss::Column::Id)
            .offset(LOSSES_PER_SENSOR_MAX)
            .limit(1)
            .into_tuple()
            .one(&self.tx)
            .await?;
        if let Some(id) = oldest_kept {
            loss::Entity::delete_many()
                .filter(loss::Column::Sensor.eq(source.sensor().as_str()))
                .filter(loss::Column::Id.lte(id))
                .exec(&self.tx)
                .await?;
        }
        Ok(())
    }
}
