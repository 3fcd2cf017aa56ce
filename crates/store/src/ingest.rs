//! One batch from one sensor, stored whole or not at all, together with the last number of its spool: that makes
//! delivery exactly once in effect.

use crate::{
    database::Store,
    error::StoreError,
    facilities::{self, region_of},
    finding_write::{FindingValues, save_finding},
    ids::{FindingId, StoryId},
    rows::{alert, alert_hour, finding, host, loss, sensor, spool},
    sensors, story_intake,
};
use phitak_model::{Alert, FacilityCode, Health, HealthRegion, SensorId, Severity, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, OnConflict},
};
use std::collections::BTreeMap;

/// Most hosts kept of one facility: beyond that somebody invents addresses.
pub const HOSTS_PER_FACILITY_MAX: usize = 20_000;
/// Losses kept of one sensor; the oldest go first.
pub const LOSSES_PER_SENSOR_MAX: u64 = 1_000;
/// The cause of a loss that the centre itself counts: numbers missing between batches.
pub const SEQUENCE_GAP: &str = "sequence_gap";
/// The cause under which moments in the future are noted.
pub const CLOCK_AHEAD: &str = "clock_ahead";
/// Rows of one insert statement: SQLite takes at most 32,766 values.
const ROWS_PER_INSERT: usize = 500;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A batch that is being stored. Dropping it without [`Ingest::commit`] takes everything back.
pub struct Ingest {
    tx: DatabaseTransaction,
    sensor: SensorId,
    facility: FacilityCode,
    region: HealthRegion,
    hosts_known: usize,
    spool: spool::Model,
    now: Timestamp,
    silent_before: Timestamp,
}

/// A story that got new alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TouchedStory {
    pub id: StoryId,
    pub severity: Severity,
    pub last_at: Timestamp,
}

/// A host as it is stored: what is searched, and the whole as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostValues {
    pub address: String,
    pub name: Option<String>,
    pub mac: Option<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub body: String,
}

impl Store {
    /// Begins to store a batch.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the sensor is unknown or revoked, [`StoreError::Database`].
    pub async fn begin_ingest(
        &self,
        sensor: &SensorId,
        spool: &str,
        now: Timestamp,
        silent_before: Timestamp,
    ) -> Result<Ingest, StoreError> {
        let tx = self.write().await?;
        let known = sensor::Entity::find_by_id(sensor.as_str()).one(&tx).await?;
        if known.is_none_or(|row| row.revoked_at.is_some()) {
            return Err(StoreError::NotFound);
        }
        let facility = facilities::of_code(&tx, &sensor.facility()).await?;
        let spool = spool_row(&tx, sensor, spool, now).await?;
        let region = region_of(facility.region).map_err(|what| StoreError::Damaged { table: "facilities", what })?;
        let hosts_known = usize::try_from(facility.hosts).unwrap_or(0);
        Ok(Ingest {
            tx,
            sensor: sensor.clone(),
            facility: sensor.facility(),
            region,
            hosts_known,
            spool,
            now,
            silent_before,
        })
    }
}

async fn spool_row(
    db: &impl ConnectionTrait,
    sensor: &SensorId,
    name: &str,
    now: Timestamp,
) -> Result<spool::Model, StoreError> {
    let find = || {
        spool::Entity::find()
            .filter(spool::Column::Sensor.eq(sensor.as_str()))
            .filter(spool::Column::Spool.eq(name))
            .one(db)
    };
    if let Some(row) = find().await? {
        return Ok(row);
    }
    spool::Entity::insert(spool::ActiveModel {
        sensor: Set(sensor.as_str().to_owned()),
        spool: Set(name.to_owned()),
        last_seq: Set(0),
        begun_at: Set(now.micros()),
        ..Default::default()
    })
    .exec(db)
    .await?;
    find().await?.ok_or(StoreError::NotFound)
}

impl Ingest {
    /// The spool's last number that is stored: what a batch repeats up to it is to be ignored.
    #[must_use]
    pub fn committed(&self) -> u64 {
        u64::try_from(self.spool.last_seq).unwrap_or(0)
    }

    #[must_use]
    pub fn facility(&self) -> &FacilityCode {
        &self.facility
    }

    #[must_use]
    pub fn region(&self) -> HealthRegion {
        self.region
    }

    /// Whether these alerts, which are said to be stored, are the ones that are stored under their numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn holds(&self, alerts: &[(u64, Alert)]) -> Result<bool, StoreError> {
        for part in alerts.chunks(ROWS_PER_INSERT) {
            let known: Vec<(i64, String, String, Option<i32>)> = alert::Entity::find()
                .select_only()
                .columns([alert::Column::Seq, alert::Column::SrcIp, alert::Column::DestIp, alert::Column::SrcPort])
                .filter(alert::Column::SpoolId.eq(self.spool.id))
                .filter(alert::Column::Seq.is_in(part.iter().map(|(seq, _)| signed(*seq))))
                .into_tuple()
                .all(&self.tx)
                .await?;
            let is_known = |(seq, alert): &(u64, Alert)| {
                known.iter().any(|(known_seq, src, dest, port)| {
                    *known_seq == signed(*seq)
                        && *src == alert.src_ip.to_string()
                        && *dest == alert.dest_ip.to_string()
                        && *port == alert.src_port.map(i32::from)
                })
            };
            if !part.iter().all(is_known) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Stores alerts with their numbers, and takes them into their stories.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_alerts(&mut self, alerts: &[(u64, Alert)]) -> Result<Vec<TouchedStory>, StoreError> {
        let mut by_signature: BTreeMap<_, Vec<&(u64, Alert)>> = BTreeMap::new();
        for entry in alerts {
            let alert = &entry.1;
            let story = (alert.gid, alert.signature_id, alert.severity, alert.signature.as_str());
            by_signature.entry(story).or_default().push(entry);
        }
        let mut touched = Vec::with_capacity(by_signature.len());
        let mut rows = Vec::with_capacity(alerts.len());
        for group in by_signature.values() {
            let of_group: Vec<&Alert> = group.iter().map(|(_, alert)| alert).collect();
            let Some(story) =
                story_intake::take_alerts(&self.tx, &of_group, &self.facility, self.region, self.now).await?
            else {
                continue;
            };
            for (seq, alert) in group {
                rows.push(self.alert_row(*seq, alert, story.id)?);
            }
            touched.push(story);
        }
        for chunk in chunks(rows) {
            alert::Entity::insert_many(chunk).exec_without_returning(&self.tx).await?;
        }
        if !alerts.is_empty() {
            self.count_hour(alerts.len()).await?;
        }
        Ok(touched)
    }

    fn alert_row(&self, seq: u64, alert: &Alert, story: StoryId) -> Result<alert::ActiveModel, StoreError> {
        let body = serde_json::to_string(alert).map_err(|error| StoreError::invalid(error.to_string()))?;
        Ok(alert::ActiveModel {
            spool_id: Set(self.spool.id),
            seq: Set(signed(seq)),
            sensor: Set(self.sensor.as_str().to_owned()),
            facility: Set(self.facility.as_str().to_owned()),
            story_id: Set(story.0),
            at: Set(alert.at.micros()),
            arrived_at: Set(self.now.micros()),
            src_ip: Set(alert.src_ip.to_string()),
            src_port: Set(alert.src_port.map(i32::from)),
            dest_ip: Set(alert.dest_ip.to_string()),
            dest_port: Set(alert.dest_port.map(i32::from)),
            proto: Set(alert.proto.clone()),
            app_proto: Set(alert.app_proto.clone()),
            body: Set(body),
            ..Default::default()
        })
    }

    async fn count_hour(&self, alerts: usize) -> Result<(), StoreError> {
        alert_hour::Entity::insert(alert_hour::ActiveModel {
            facility: Set(self.facility.as_str().to_owned()),
            hour: Set(self.now.micros().div_euclid(MICROS_PER_HOUR)),
            alerts: Set(i64::try_from(alerts).unwrap_or(i64::MAX)),
        })
        .on_conflict(
            OnConflict::columns([alert_hour::Column::Facility, alert_hour::Column::Hour])
                .value(alert_hour::Column::Alerts, Expr::cust("alert_hours.alerts + excluded.alerts"))
                .to_owned(),
        )
        .exec_without_returning(&self.tx)
        .await?;
        Ok(())
    }

    /// The stored hosts of these addresses, as JSON.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn hosts(&self, addresses: &[String]) -> Result<Vec<String>, StoreError> {
        let mut bodies = Vec::new();
        for part in addresses.chunks(ROWS_PER_INSERT) {
            let rows = host::Entity::find()
                .filter(host::Column::Facility.eq(self.facility.as_str()))
                .filter(host::Column::Address.is_in(part.iter().map(String::as_str)))
                .order_by_asc(host::Column::Address)
                .all(&self.tx)
                .await?;
            bodies.extend(rows.into_iter().map(|row| row.body));
        }
        Ok(bodies)
    }

    /// How many hosts that are not stored yet there is room for.
    #[must_use]
    pub fn hosts_room(&self) -> usize {
        HOSTS_PER_FACILITY_MAX.saturating_sub(self.hosts_known)
    }

    /// Stores hosts, new or changed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_hosts(&mut self, hosts: Vec<HostValues>) -> Result<(), StoreError> {
        let rows = hosts.into_iter().map(|values| host::ActiveModel {
            facility: Set(self.facility.as_str().to_owned()),
            address: Set(values.address),
            name: Set(values.name),
            mac: Set(values.mac),
            first_seen_at: Set(values.first_seen.micros()),
            last_seen_at: Set(values.last_seen.micros()),
            body: Set(values.body),
            ..Default::default()
        });
        for chunk in chunks(rows.collect()) {
            host::Entity::insert_many(chunk)
                .on_conflict(
                    OnConflict::columns([host::Column::Facility, host::Column::Address])
                        .update_columns([
                            host::Column::Name,
                            host::Column::Mac,
                            host::Column::FirstSeenAt,
                            host::Column::LastSeenAt,
                            host::Column::Body,
                        ])
                        .to_owned(),
                )
                .exec_without_returning(&self.tx)
                .await?;
        }
        Ok(())
    }

    /// The stored findings at these addresses, as JSON.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn findings(&self, addresses: &[String]) -> Result<Vec<String>, StoreError> {
        let mut bodies = Vec::new();
        for part in addresses.chunks(ROWS_PER_INSERT) {
            let rows = finding::Entity::find()
                .filter(finding::Column::Facility.eq(self.facility.as_str()))
                .filter(finding::Column::Host.is_in(part.iter().map(String::as_str)))
                .order_by_asc(finding::Column::Id)
                .all(&self.tx)
                .await?;
            bodies.extend(rows.into_iter().map(|row| row.body));
        }
        Ok(bodies)
    }

    /// Stores a finding, new or changed; a new state goes into its history.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_finding(&mut self, values: FindingValues) -> Result<FindingId, StoreError> {
        save_finding(&self.tx, &self.facility, self.region, values, None, self.now).await
    }

    /// Takes a sensor's report about itself; an older one than the last changes nothing but its losses.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_health(&mut self, health: &Health) -> Result<(), StoreError> {
        let row = sensor::Entity::find_by_id(self.sensor.as_str()).one(&self.tx).await?.ok_or(StoreError::NotFound)?;
        if row.health_at.is_none_or(|at| at <= health.at.micros()) {
            let mut row = row.into_active_model();
            row.health_at = Set(Some(health.at.micros()));
            row.version = Set(Some(health.version.chars().take(64).collect()));
            row.packets = Set(signed(health.packets));
            row.bytes = Set(signed(health.bytes));
            row.flows = Set(signed(health.flows));
            row.rules_loaded = Set(i32::try_from(health.rules_loaded).unwrap_or(i32::MAX));
            row.rules_failed = Set(i32::try_from(health.rules_failed).unwrap_or(i32::MAX));
            row.spool_bytes = Set(signed(health.spool_bytes));
            sensor::Entity::update(row).exec(&self.tx).await?;
        }
        for loss in &health.losses {
            let cause = serde_json::to_value(loss.cause).ok();
            let cause = cause.as_ref().and_then(|value| value.as_str()).unwrap_or("unknown");
            self.note_loss(cause, loss.count, loss.from, loss.until).await?;
        }
        Ok(())
    }

    /// Notes numbers that were acknowledged once and are not here any more: the database is an older copy.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_gap(&mut self, missing: u64) -> Result<(), StoreError> {
        self.note_loss(SEQUENCE_GAP, missing, self.now, self.now).await
    }

    /// Notes records whose moment lay too far ahead: the sensor's clock is fast, and they count as of now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_clock_ahead(&mut self, records: u64) -> Result<(), StoreError> {
        self.note_loss(CLOCK_AHEAD, records, self.now, self.now).await
    }

    /// A loss that is told again, longer or larger, is one loss.
    async fn note_loss(&self, cause: &str, count: u64, from: Timestamp, until: Timestamp) -> Result<(), StoreError> {
        let larger = |column: &str| {
            Expr::cust(format!(
                "CASE WHEN excluded.{column} > losses.{column} THEN excluded.{column} ELSE losses.{column} END"
            ))
        };
        loss::Entity::insert(loss::ActiveModel {
            sensor: Set(self.sensor.as_str().to_owned()),
            facility: Set(self.facility.as_str().to_owned()),
            cause: Set(cause.to_owned()),
            count: Set(signed(count)),
            from_at: Set(from.micros()),
            until_at: Set(until.micros()),
            ..Default::default()
        })
        .on_conflict(
            OnConflict::columns([loss::Column::Sensor, loss::Column::Cause, loss::Column::FromAt])
                .value(loss::Column::Count, larger("count"))
                .value(loss::Column::UntilAt, larger("until_at"))
                .to_owned(),
        )
        .exec_without_returning(&self.tx)
        .await?;
        let oldest_kept: Option<i64> = loss::Entity::find()
            .select_only()
            .column(loss::Column::Id)
            .filter(loss::Column::Sensor.eq(self.sensor.as_str()))
            .order_by_desc(loss::Column::Id)
            .offset(LOSSES_PER_SENSOR_MAX)
            .limit(1)
            .into_tuple()
            .one(&self.tx)
            .await?;
        if let Some(id) = oldest_kept {
            loss::Entity::delete_many()
                .filter(loss::Column::Sensor.eq(self.sensor.as_str()))
                .filter(loss::Column::Id.lte(id))
                .exec(&self.tx)
                .await?;
        }
        Ok(())
    }

    /// Stores the spool's last number with everything else, at once.
    ///
    /// # Errors
    /// [`StoreError::Database`]: nothing of the batch is stored then.
    pub async fn commit(self, last_seq: u64) -> Result<(), StoreError> {
        let last = std::cmp::max(signed(last_seq), self.spool.last_seq);
        spool::Entity::update_many()
            .col_expr(spool::Column::LastSeq, Expr::value(last))
            .filter(spool::Column::Id.eq(self.spool.id))
            .exec(&self.tx)
            .await?;
        sensors::hear(&self.tx, &self.sensor, self.now, self.silent_before).await?;
        facilities::recount(&self.tx, self.facility.as_str()).await?;
        self.tx.commit().await?;
        Ok(())
    }
}

/// Rows in portions that one statement takes.
fn chunks<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = rows.by_ref().take(ROWS_PER_INSERT).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Numbers of the wire are unsigned, the database's are not; past its end they stay at its end.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
