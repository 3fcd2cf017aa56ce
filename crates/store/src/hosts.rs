//! The hosts seen in a hospital.

use crate::{
    database::Store,
    error::StoreError,
    page::{Page, PageAsk},
    rows::{finding, host as row},
    scope::Scope,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::BTreeMap;

/// A stored host; the whole of it is JSON that the inventory wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRecord {
    pub address: String,
    pub name: Option<String>,
    pub mac: Option<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub body: String,
    /// Open and reopened.
    pub findings_open: u64,
}

impl Store {
    /// A facility's hosts in the order in which they were first seen here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the facility lies outside the scope; [`StoreError::Invalid`] for a strange cursor.
    pub async fn hosts(
        &self,
        scope: &Scope,
        facility: &FacilityCode,
        ask: &PageAsk,
    ) -> Result<Page<HostRecord>, StoreError> {
        let known = self.facility(scope, facility.as_str()).await?;
        let mut find = row::Entity::find()
            .filter(scope.admits(row::Column::Facility))
            .filter(row::Column::Facility.eq(facility.as_str()));
        if let Some(after) = ask.after_number()? {
            find = find.filter(row::Column::Id.gt(after));
        }
        let rows = find.order_by_asc(row::Column::Id).limit(ask.rows() + 1).all(self.reader()).await?;
        let addresses: Vec<&str> = rows.iter().map(|row| row.address.as_str()).collect();
        let weak: Vec<String> = finding::Entity::find()
            .select_only()
            .column(finding::Column::Host)
            .filter(scope.admits_in(finding::Column::Facility, finding::Column::Region))
            .filter(finding::Column::Facility.eq(facility.as_str()))
            .filter(finding::Column::Host.is_in(addresses))
            .filter(finding::Column::State.is_in(["open", "reopened"]))
            .into_tuple()
            .all(self.reader())
            .await?;
        let page = Page::of(rows, ask.rows(), known.hosts, |row| row.id.to_string());
        Ok(page.map(|row| HostRecord {
            findings_open: weak.iter().filter(|address| **address == row.address).count() as u64,
            address: row.address,
            name: row.name,
            mac: row.mac,
            first_seen: Timestamp::from_micros(row.first_seen_at),
            last_seen: Timestamp::from_micros(row.last_seen_at),
            body: row.body,
        }))
    }

    /// The names that the hosts of these findings gave themselves, in the order of the findings.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn names_of_hosts(
        &self,
        scope: &Scope,
        hosts: &[(&str, &str)],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let mut by_facility: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (facility, address) in hosts {
            by_facility.entry(facility).or_default().push(address);
        }
        let mut names: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
        for (facility, addresses) in by_facility {
            let rows: Vec<(String, Option<String>)> = row::Entity::find()
                .select_only()
                .column(row::Column::Address)
                .column(row::Column::Name)
                .filter(scope.admits(row::Column::Facility))
                .filter(row::Column::Facility.eq(facility))
                .filter(row::Column::Address.is_in(addresses))
                .into_tuple()
                .all(self.reader())
                .await?;
            names.extend(rows.into_iter().map(|(address, name)| ((facility.to_owned(), address), name)));
        }
        Ok(hosts
            .iter()
            .map(|(facility, address)| names.get(&((*facility).to_owned(), (*address).to_owned())).cloned().flatten())
            .collect())
    }
}
