//! Hosts and findings of a round's hospitals.

use super::{HOSTS_PER_FACILITY_MAX, Ingest, ROWS_PER_INSERT, Source, portions, storable};
use crate::{
    error::StoreError,
    finding_write::{FindingValues, save_findings},
    ids::FindingId,
    rows::{finding, host},
};
use phitak_model::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict};

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

impl Ingest {
    /// The stored hosts of these addresses, as JSON.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn hosts(&self, source: &Source, addresses: &[String]) -> Result<Vec<String>, StoreError> {
        let mut bodies = Vec::new();
        for part in addresses.chunks(ROWS_PER_INSERT) {
            let rows = host::Entity::find()
                .filter(host::Column::Facility.eq(source.facility().as_str()))
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
    pub fn hosts_room(&self, source: &Source) -> usize {
        HOSTS_PER_FACILITY_MAX.saturating_sub(source.hosts_known)
    }

    /// Stores hosts, new or changed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_hosts(&mut self, source: &Source, hosts: Vec<HostValues>) -> Result<(), StoreError> {
        if hosts.is_empty() {
            return Ok(());
        }
        self.changed_at(source).hosts = true;
        let rows = hosts.into_iter().map(|values| host::ActiveModel {
            facility: Set(source.facility().as_str().to_owned()),
            address: Set(values.address),
            name: Set(values.name.as_deref().map(storable)),
            mac: Set(values.mac),
            first_seen_at: Set(values.first_seen.micros()),
            last_seen_at: Set(values.last_seen.micros()),
            body: Set(values.body),
            ..Default::default()
        });
        for portion in portions(rows.collect()) {
            host::Entity::insert_many(portion)
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
    pub async fn findings(&self, source: &Source, addresses: &[String]) -> Result<Vec<String>, StoreError> {
        let mut bodies = Vec::new();
        for part in addresses.chunks(ROWS_PER_INSERT) {
            let rows = finding::Entity::find()
                .filter(finding::Column::Facility.eq(source.facility().as_str()))
                .filter(finding::Column::Host.is_in(part.iter().map(String::as_str)))
                .order_by_asc(finding::Column::Id)
                .all(&self.tx)
                .await?;
            bodies.extend(rows.into_iter().map(|row| row.body));
        }
        Ok(bodies)
    }

    /// Stores findings, new or changed, and gives their numbers in the same order; a new state goes into a finding's
    /// history.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_findings(
        &mut self,
        source: &Source,
        findings: Vec<FindingValues>,
    ) -> Result<Vec<FindingId>, StoreError> {
        if findings.is_empty() {
            return Ok(Vec::new());
        }
        self.changed_at(source).findings = true;
        save_findings(&self.tx, source.facility(), source.region(), findings, None, self.now).await
    }
}
