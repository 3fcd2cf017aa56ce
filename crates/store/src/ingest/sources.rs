//! Whose batches a round holds: sensors that may send, their facilities, and how far their spools are stored.

use super::{Ingest, ROWS_PER_INSERT, signed};
use crate::{
    error::StoreError,
    facilities::region_of,
    rows::{facility, sensor, spool},
};
use phitak_model::{FacilityCode, HealthRegion, SensorId, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use std::collections::BTreeMap;

/// A sensor's spool in a round.
#[derive(Clone, Debug)]
pub struct Source {
    sensor: SensorId,
    facility: FacilityCode,
    region: HealthRegion,
    pub(super) hosts_known: usize,
    pub(super) spool_id: i64,
    last_seq: i64,
}

impl Source {
    #[must_use]
    pub fn sensor(&self) -> &SensorId {
        &self.sensor
    }

    #[must_use]
    pub fn facility(&self) -> &FacilityCode {
        &self.facility
    }

    #[must_use]
    pub fn region(&self) -> HealthRegion {
        self.region
    }

    /// The spool's last number that is stored: what a batch repeats up to it is to be ignored.
    #[must_use]
    pub fn committed(&self) -> u64 {
        u64::try_from(self.last_seq).unwrap_or(0)
    }
}

impl Ingest {
    /// Opens these sensors' spools, new ones too, in their order; `None` for a sensor that is unknown or revoked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open(&mut self, asked: &[(&SensorId, String)]) -> Result<Vec<Option<Source>>, StoreError> {
        let ids = || asked.iter().map(|(sensor, _)| sensor.as_str());
        let sensors = sensor::Entity::find()
            .filter(sensor::Column::Id.is_in(ids()))
            .filter(sensor::Column::RevokedAt.is_null())
            .all(&self.tx)
            .await?;
        let welcome: BTreeMap<&str, &str> =
            sensors.iter().map(|row| (row.id.as_str(), row.facility.as_str())).collect();
        let facilities = facility::Entity::find()
            .filter(facility::Column::Code.is_in(welcome.values().copied()))
            .all(&self.tx)
            .await?;
        let facilities: BTreeMap<&str, &facility::Model> =
            facilities.iter().map(|row| (row.code.as_str(), row)).collect();
        let wanted: Vec<&(&SensorId, String)> =
            asked.iter().filter(|(sensor, _)| welcome.contains_key(sensor.as_str())).collect();
        let spools = spools(&self.tx, &wanted, self.now).await?;
        let source = |(sensor, spool): &(&SensorId, String)| {
            let Some(place) = welcome.get(sensor.as_str()).and_then(|code| facilities.get(code)) else {
                return Ok(None);
            };
            let Some(row) = spools.iter().find(|row| row.sensor == sensor.as_str() && row.spool == *spool) else {
                return Err(StoreError::NotFound);
            };
            Ok(Some(Source {
                sensor: (*sensor).clone(),
                facility: sensor.facility(),
                region: region_of(place.region).map_err(|what| StoreError::Damaged { table: "facilities", what })?,
                hosts_known: usize::try_from(place.hosts).unwrap_or(0),
                spool_id: row.id,
                last_seq: row.last_seq,
            }))
        };
        asked.iter().map(source).collect()
    }
}

async fn spools(
    db: &impl ConnectionTrait,
    wanted: &[&(&SensorId, String)],
    now: Timestamp,
) -> Result<Vec<spool::Model>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let names = wanted.iter().fold(Condition::any(), |any, (sensor, spool)| {
        any.add(spool::Column::Sensor.eq(sensor.as_str()).and(spool::Column::Spool.eq(spool.as_str())))
    });
    let find = || spool::Entity::find().filter(names.clone()).all(db);
    let known = find().await?;
    let is_known =
        |sensor: &SensorId, spool: &str| known.iter().any(|row| row.sensor == sensor.as_str() && row.spool == spool);
    let new: Vec<spool::ActiveModel> = wanted
        .iter()
        .filter(|(sensor, spool)| !is_known(sensor, spool))
        .map(|(sensor, spool)| spool::ActiveModel {
            sensor: Set(sensor.as_str().to_owned()),
            spool: Set(spool.clone()),
            last_seq: Set(0),
            begun_at: Set(now.micros()),
            ..Default::default()
        })
        .collect();
    if new.is_empty() {
        return Ok(known);
    }
    spool::Entity::insert_many(new).exec_without_returning(db).await?;
    Ok(find().await?)
}

/// Moves the spools to their last numbers, and the sensors' last contact to now; a silence before it begins a new watch.
pub(super) async fn remember(
    db: &impl ConnectionTrait,
    sources: &[(&Source, u64)],
    now: Timestamp,
    silent_before: Timestamp,
) -> Result<(), StoreError> {
    for (source, last_seq) in sources {
        spool::Entity::update_many()
            .col_expr(spool::Column::LastSeq, Expr::value(std::cmp::max(signed(*last_seq), source.last_seq)))
            .filter(spool::Column::Id.eq(source.spool_id))
            .exec(db)
            .await?;
    }
    for part in sources.chunks(ROWS_PER_INSERT) {
        let sensors = || part.iter().map(|(source, _)| source.sensor.as_str());
        let silent = Condition::any()
            .add(sensor::Column::LastSeenAt.is_null())
            .add(sensor::Column::LastSeenAt.lt(silent_before.micros()));
        sensor::Entity::update_many()
            .col_expr(sensor::Column::WatchingSinceAt, Expr::value(now.micros()))
            .filter(sensor::Column::Id.is_in(sensors()))
            .filter(silent)
            .exec(db)
            .await?;
        sensor::Entity::update_many()
            .col_expr(sensor::Column::LastSeenAt, Expr::value(now.micros()))
            .filter(sensor::Column::Id.is_in(sensors()))
            .exec(db)
            .await?;
    }
    Ok(())
}
