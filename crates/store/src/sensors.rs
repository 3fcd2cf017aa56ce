//! Sensors: enrolled by a one-time code, known by their certificates, heard or silent.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    facilities,
    ids::EnrolmentId,
    page::{Page, PageAsk},
    recount::{self, Changed},
    rows::{certificate, enrolment, loss, sensor as row},
    scope::Scope,
};
use phitak_model::{FacilityCode, SensorId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use std::collections::BTreeMap;

/// Most sensors of one facility: a sensor's number has at most four digits.
pub const SENSORS_PER_FACILITY_MAX: u32 = 9_999;
/// Latest losses that are shown of a sensor.
pub const LOSSES_SHOWN_MAX: u64 = 50;

/// A sensor as it last spoke of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensor {
    pub id: SensorId,
    pub facility: FacilityCode,
    pub enrolled_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
    /// Since when without a silence.
    pub watching_since_at: Option<Timestamp>,
    pub version: Option<String>,
    pub packets: u64,
    pub rules_loaded: u32,
    pub rules_failed: u32,
}

/// What one sensor did not see or keep, or what the centre missed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossRecord {
    pub sensor: String,
    pub cause: String,
    pub count: u64,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// A one-time code as the centre keeps it: never the code itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentRecord {
    pub id: EnrolmentId,
    pub facility: FacilityCode,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub sensor: Option<String>,
}

/// What redeeming a code came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// The sensor's id: new, or the same again for the same key.
    Sensor(SensorId),
    Wrong,
    Used,
    Expired,
}

impl TryFrom<row::Model> for Sensor {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let id = SensorId::new(&row.id)
            .map_err(|error| StoreError::Damaged { table: "sensors", what: error.to_string() })?;
        Ok(Self {
            facility: id.facility(),
            id,
            enrolled_at: Timestamp::from_micros(row.enrolled_at),
            last_seen_at: row.last_seen_at.map(Timestamp::from_micros),
            watching_since_at: row.watching_since_at.map(Timestamp::from_micros),
            version: row.version,
            packets: u64::try_from(row.packets).unwrap_or(0),
            rules_loaded: u32::try_from(row.rules_loaded).unwrap_or(0),
            rules_failed: u32::try_from(row.rules_failed).unwrap_or(0),
        })
    }
}

impl Store {
    /// Keeps the digest of a new code for a facility's sensor.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such facility in the scope.
    pub async fn add_enrolment_code(
        &self,
        scope: &Scope,
        facility: &FacilityCode,
        digest: &str,
        expires_at: Timestamp,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        self.facility(scope, facility.as_str()).await?;
        let tx = self.write().await?;
        enrolment::Entity::insert(enrolment::ActiveModel {
            digest: Set(digest.to_owned()),
            facility: Set(facility.as_str().to_owned()),
            created_at: Set(audit.at.micros()),
            expires_at: Set(expires_at.micros()),
            used_at: Set(None),
            key_digest: Set(None),
            sensor: Set(None),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        audit.about(format!("enrolment code for {facility}"), Some(facility)).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Codes given out, latest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn enrolment_codes(&self, scope: &Scope, ask: &PageAsk) -> Result<Page<EnrolmentRecord>, StoreError> {
        let mut find = enrolment::Entity::find().filter(scope.admits(enrolment::Column::Facility));
        let total = find.clone().count(self.reader()).await?;
        if let Some(after) = ask.after_number()? {
            find = find.filter(enrolment::Column::Id.lt(after));
        }
        let rows = find.order_by_desc(enrolment::Column::Id).limit(ask.rows() + 1).all(self.reader()).await?;
        let records = rows
            .into_iter()
            .map(|row| {
                let facility = FacilityCode::new(&row.facility)
                    .map_err(|error| StoreError::Damaged { table: "enrolment_codes", what: error.to_string() })?;
                Ok(EnrolmentRecord {
                    id: EnrolmentId(row.id),
                    facility,
                    created_at: Timestamp::from_micros(row.created_at),
                    expires_at: Timestamp::from_micros(row.expires_at),
                    used_at: row.used_at.map(Timestamp::from_micros),
                    sensor: row.sensor,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Page::of(records, ask.rows(), total, |record| record.id.to_string()))
    }

    /// Redeems a code for the key of this digest. The same code with the same key gives the same sensor until the code
    /// expires, because the first answer may have been lost.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn redeem(&self, digest: &str, key_digest: &str, now: Timestamp) -> Result<Redeemed, StoreError> {
        let tx = self.write().await?;
        let code = enrolment::Entity::find().filter(enrolment::Column::Digest.eq(digest)).one(&tx).await?;
        let Some(code) = code else { return Ok(Redeemed::Wrong) };
        if code.expires_at <= now.micros() {
            return Ok(Redeemed::Expired);
        }
        if let Some(sensor) = &code.sensor {
            let same = code.key_digest.as_deref() == Some(key_digest);
            let id = SensorId::new(sensor)
                .map_err(|error| StoreError::Damaged { table: "enrolment_codes", what: error.to_string() })?;
            return Ok(if same { Redeemed::Sensor(id) } else { Redeemed::Used });
        }
        let facility = FacilityCode::new(&code.facility)
            .map_err(|error| StoreError::Damaged { table: "enrolment_codes", what: error.to_string() })?;
        let id = next_sensor_id(&tx, &facility).await?;
        row::Entity::insert(new_row(&id, now)).exec_without_returning(&tx).await?;
        let mut used = code.into_active_model();
        used.used_at = Set(Some(now.micros()));
        used.key_digest = Set(Some(key_digest.to_owned()));
        used.sensor = Set(Some(id.to_string()));
        enrolment::Entity::update(used).exec(&tx).await?;
        AuditLine { who: format!("sensor {id}"), ..AuditLine::of_operator(now, "sensor.enrol") }
            .about(format!("sensor {id}"), Some(&facility))
            .store(&tx)
            .await?;
        tx.commit().await?;
        Ok(Redeemed::Sensor(id))
    }

    /// Remembers a certificate that was given to a sensor: only remembered ones are welcome.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn remember_certificate(
        &self,
        sensor: &SensorId,
        serial: &str,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<(), StoreError> {
        let tx = self.write().await?;
        certificate::Entity::insert(certificate::ActiveModel {
            serial: Set(serial.to_owned()),
            sensor: Set(sensor.as_str().to_owned()),
            issued_at: Set(now.micros()),
            not_after: Set(not_after.micros()),
        })
        .exec_without_returning(&tx)
        .await?;
        // A renewing sensor must not pile up rows.
        certificate::Entity::delete_many()
            .filter(certificate::Column::Sensor.eq(sensor.as_str()))
            .filter(certificate::Column::NotAfter.lt(now.micros()))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether the centre still knows this sensor with this certificate.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_welcome(&self, sensor: &SensorId, serial: &str) -> Result<bool, StoreError> {
        let known = certificate::Entity::find_by_id(serial).one(self.reader()).await?;
        if known.is_none_or(|certificate| certificate.sensor != sensor.as_str()) {
            return Ok(false);
        }
        let row = row::Entity::find_by_id(sensor.as_str()).one(self.reader()).await?;
        Ok(row.is_some_and(|row| row.revoked_at.is_none()))
    }

    /// The facility's sensors, by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sensors_of(&self, scope: &Scope, facilities: &[String]) -> Result<Vec<Sensor>, StoreError> {
        if facilities.is_empty() {
            return Ok(Vec::new());
        }
        let rows = row::Entity::find()
            .filter(scope.admits(row::Column::Facility))
            .filter(row::Column::Facility.is_in(facilities.iter().map(String::as_str)))
            .filter(row::Column::RevokedAt.is_null())
            .order_by_asc(row::Column::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Sensor::try_from).collect()
    }

    /// All sensors in scope with the moment they were heard last: for the silence watch.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sensors_heard(&self, scope: &Scope) -> Result<BTreeMap<SensorId, Timestamp>, StoreError> {
        let rows: Vec<(String, Option<i64>)> = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::LastSeenAt)
            .filter(scope.admits(row::Column::Facility))
            .filter(row::Column::RevokedAt.is_null())
            .filter(row::Column::LastSeenAt.is_not_null())
            .into_tuple()
            .all(self.reader())
            .await?;
        rows.into_iter()
            .filter_map(|(id, at)| at.map(|at| (id, at)))
            .map(|(id, at)| {
                let id = SensorId::new(&id)
                    .map_err(|error| StoreError::Damaged { table: "sensors", what: error.to_string() })?;
                Ok((id, Timestamp::from_micros(at)))
            })
            .collect()
    }

    /// The latest losses of a facility's sensors, latest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn losses_of(&self, scope: &Scope, facility: &FacilityCode) -> Result<Vec<LossRecord>, StoreError> {
        let rows = loss::Entity::find()
            .filter(scope.admits(loss::Column::Facility))
            .filter(loss::Column::Facility.eq(facility.as_str()))
            .order_by_desc(loss::Column::UntilAt)
            .limit(LOSSES_SHOWN_MAX)
            .all(self.reader())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| LossRecord {
                sensor: row.sensor,
                cause: row.cause,
                count: u64::try_from(row.count).unwrap_or(0),
                from: Timestamp::from_micros(row.from_at),
                until: Timestamp::from_micros(row.until_at),
            })
            .collect())
    }

    /// Turns a sensor away from now on, on open connections too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such sensor in the scope.
    pub async fn revoke_sensor(&self, scope: &Scope, sensor: &SensorId, audit: AuditLine) -> Result<(), StoreError> {
        let facility = self.facility(scope, sensor.facility().as_str()).await?.code;
        let tx = self.write().await?;
        let row = row::Entity::find_by_id(sensor.as_str()).one(&tx).await?.ok_or(StoreError::NotFound)?;
        let mut revoked = row.into_active_model();
        revoked.revoked_at = Set(Some(audit.at.micros()));
        row::Entity::update(revoked).exec(&tx).await?;
        recount::recount_alike(&tx, &[facility.as_str()], Changed::HEARD).await?;
        audit.about(format!("sensor {sensor}"), Some(&facility)).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn next_sensor_id(db: &impl ConnectionTrait, code: &FacilityCode) -> Result<SensorId, StoreError> {
    facilities::of_code(db, code).await?;
    let rows = row::Entity::find().filter(row::Column::Facility.eq(code.as_str())).all(db).await?;
    let used: Vec<u32> =
        rows.iter().filter_map(|row| row.id.split_once('-')).filter_map(|(_, number)| number.parse().ok()).collect();
    let next = used.into_iter().max().unwrap_or(0).saturating_add(1);
    if next > SENSORS_PER_FACILITY_MAX {
        return Err(StoreError::conflict(format!("facility {code} has no number left for another sensor")));
    }
    SensorId::new(&format!("{code}-{next}")).map_err(|error| StoreError::invalid(error.to_string()))
}

fn new_row(id: &SensorId, now: Timestamp) -> row::ActiveModel {
    row::ActiveModel {
        id: Set(id.as_str().to_owned()),
        facility: Set(id.facility().as_str().to_owned()),
        enrolled_at: Set(now.micros()),
        revoked_at: Set(None),
        last_seen_at: Set(None),
        watching_since_at: Set(None),
        health_at: Set(None),
        version: Set(None),
        packets: Set(0),
        bytes: Set(0),
        flows: Set(0),
        rules_loaded: Set(0),
        rules_failed: Set(0),
        spool_bytes: Set(0),
    }
}
