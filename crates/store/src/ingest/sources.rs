//! Whose batches a round holds: sensors that may send, their facilities, and how far their spools are stored.

use super::{Ingest, signed};
use crate::{
    bulk::{self, Target},
    error::StoreError,
    facilities::region_of,
    rows::{facility, sensor},
};
use phitak_model::{FacilityCode, HealthRegion, SensorId, Timestamp};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, Value, sea_query::Expr};
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
        let ids: Vec<&str> = asked.iter().map(|(sensor, _)| sensor.as_str()).collect();
        let sensors = sensor::Entity::find()
            .filter(sensor::Column::Id.is_in(bulk::padded(&ids)))
            .filter(sensor::Column::RevokedAt.is_null())
            .all(&self.tx)
            .await?;
        let welcome: BTreeMap<&str, &str> =
            sensors.iter().map(|row| (row.id.as_str(), row.facility.as_str())).collect();
        let codes: Vec<&str> = welcome.values().copied().collect();
        let facilities =
            facility::Entity::find().filter(facility::Column::Code.is_in(bulk::padded(&codes))).all(&self.tx).await?;
        let facilities: BTreeMap<&str, &facility::Model> =
            facilities.iter().map(|row| (row.code.as_str(), row)).collect();
        let wanted: Vec<&(&SensorId, String)> =
            asked.iter().filter(|(sensor, _)| welcome.contains_key(sensor.as_str())).collect();
        let spools = spools(&self.tx, &wanted, self.now).await?;
        let source = |(sensor, spool): &(&SensorId, String)| {
            let Some(place) = welcome.get(sensor.as_str()).and_then(|code| facilities.get(code)) else {
                return Ok(None);
            };
            let names = (sensor.as_str().to_owned(), spool.clone());
            let &(spool_id, last_seq) = spools.get(&names).ok_or(StoreError::NotFound)?;
            Ok(Some(Source {
                sensor: (*sensor).clone(),
                facility: sensor.facility(),
                region: region_of(place.region).map_err(|what| StoreError::Damaged { table: "facilities", what })?,
                hosts_known: usize::try_from(place.hosts).unwrap_or(0),
                spool_id,
                last_seq,
            }))
        };
        asked.iter().map(source).collect()
    }
}

/// These spools, new ones too: each one's number and how far it is stored.
async fn spools(
    db: &impl ConnectionTrait,
    wanted: &[&(&SensorId, String)],
    now: Timestamp,
) -> Result<BTreeMap<(String, String), (i64, i64)>, StoreError> {
    let mut known = known_spools(db, wanted).await?;
    let mut new: Vec<Vec<Value>> = Vec::new();
    for (sensor, spool) in wanted {
        if !known.contains_key(&(sensor.as_str().to_owned(), spool.clone())) {
            new.push(vec![sensor.as_str().into(), spool.as_str().into(), 0_i64.into(), now.micros().into()]);
        }
    }
    if !new.is_empty() {
        let columns = &["sensor", "spool", "last_seq", "begun_at"];
        bulk::insert(db, Target { table: "spools", columns, on_conflict: "" }, new).await?;
        known = known_spools(db, wanted).await?;
    }
    Ok(known)
}

async fn known_spools(
    db: &impl ConnectionTrait,
    wanted: &[&(&SensorId, String)],
) -> Result<BTreeMap<(String, String), (i64, i64)>, StoreError> {
    let mut names: Vec<Vec<Value>> = Vec::with_capacity(wanted.len());
    for (sensor, spool) in wanted {
        names.push(vec![sensor.as_str().into(), spool.as_str().into()]);
    }
    let find = (
        "SELECT s.sensor, s.spool, s.id, s.last_seq FROM",
        "AS v CROSS JOIN spools s WHERE s.sensor = v.column1 AND s.spool = v.column2",
    );
    let mut known = BTreeMap::new();
    for row in bulk::query(db, find, names).await? {
        let names = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        known.insert(names, (row.try_get_by_index(2)?, row.try_get_by_index(3)?));
    }
    Ok(known)
}

/// Moves the spools to their last numbers, and the sensors' last contact to now; a silence before it begins a new watch.
pub(super) async fn remember(
    db: &impl ConnectionTrait,
    sources: &[(&Source, u64)],
    now: Timestamp,
    silent_before: Timestamp,
) -> Result<(), StoreError> {
    let mut lasts: Vec<Vec<Value>> = Vec::with_capacity(sources.len());
    for (source, last_seq) in sources {
        lasts.push(vec![source.spool_id.into(), std::cmp::max(signed(*last_seq), source.last_seq).into()]);
    }
    let move_on = ("UPDATE spools SET last_seq = v.column2 FROM", "AS v WHERE spools.id = v.column1");
    bulk::execute(db, move_on, lasts).await?;
    for part in sources.chunks(bulk::LIST_MAX) {
        let sensors: Vec<&str> = part.iter().map(|(source, _)| source.sensor.as_str()).collect();
        let sensors = || bulk::padded(&sensors);
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
