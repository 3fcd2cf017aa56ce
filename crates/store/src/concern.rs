//! What stands in the data about a warning's check: sightings of addresses, weaknesses of a kind, machines that serve.

use crate::{
    address::Address,
    alert_days::{DAYS_MAX, seen_on},
    database::Store,
    error::StoreError,
    ids::FindingId,
    page::holds_part,
    rows::{alert, finding, host},
    scope::Scope,
    words::model_words::state_of,
};
use phitak_model::{FacilityCode, FindingState, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Order, Query},
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Most pairs of an address and a machine that one question takes.
pub const SIGHTINGS_MAX: u64 = 20_000;
/// Most findings that one question takes.
pub const FINDINGS_MAX: u64 = 20_000;
/// Machines of one step of a question about services.
pub const HOSTS_PER_STEP: u64 = 1_000;
/// Reasons of one hospital that are kept; the rest is counted.
pub const REASONS_MAX: usize = 20;

/// One thing in the data that makes a warning concern a hospital.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// A machine of the hospital and an address that the check names, in alerts.
    Sighting {
        address: String,
        host: String,
        name: Option<String>,
        alerts: u64,
        first_at: Timestamp,
        last_at: Timestamp,
    },
    /// A weakness that is not seen to be mended.
    Finding { finding: FindingId, host: String, name: Option<String>, first_at: Timestamp, last_at: Timestamp },
    /// A machine that serves what the check names.
    Service {
        host: String,
        name: Option<String>,
        protocol: String,
        port: Option<u16>,
        first_at: Timestamp,
        last_at: Timestamp,
    },
}

/// The reasons of one hospital: those that are shown, and how many more there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasons {
    pub shown: Vec<Reason>,
    pub more: u64,
}

/// Which alerts count.
#[derive(Clone, Debug, Default)]
pub struct SightingFilter<'a> {
    /// Only this hospital's.
    pub facility: Option<&'a FacilityCode>,
    /// Only those whose packets came after this.
    pub seen_after: Timestamp,
    /// Only those that reached the centre after this, too.
    pub arrived_after: Option<Timestamp>,
}

/// An address in alerts of a hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub facility: String,
    pub address: String,
    /// The other end.
    pub host: String,
    pub alerts: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// A weakness of the kind in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingOfKind {
    pub id: FindingId,
    pub facility: String,
    pub host: String,
    pub state: FindingState,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// A machine whose stored description has the part in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSaying {
    pub row: i64,
    pub facility: String,
    pub body: String,
}

#[derive(Debug, FromQueryResult)]
struct SightingRow {
    facility: String,
    address: Address,
    host: Address,
    alerts: i64,
    first_at: i64,
    last_at: i64,
}

impl Reason {
    /// When it was seen last.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        match self {
            Self::Sighting { last_at, .. } | Self::Finding { last_at, .. } | Self::Service { last_at, .. } => *last_at,
        }
    }

    /// The hospital's machine, with the name that it gave itself.
    #[must_use]
    pub fn host(&self) -> (&str, Option<&str>) {
        match self {
            Self::Sighting { host, name, .. } | Self::Finding { host, name, .. } | Self::Service { host, name, .. } => {
                (host, name.as_deref())
            }
        }
    }
}

impl Reasons {
    /// Takes one in, or counts it when there are enough.
    pub fn add(&mut self, reason: Reason) {
        if self.shown.len() < REASONS_MAX {
            self.shown.push(reason);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

impl Store {
    /// Alerts with one of these addresses at either end, by hospital, address and the other end. The second value says
    /// whether that was all ([`SIGHTINGS_MAX`]).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sightings_by_machine(
        &self,
        scope: &Scope,
        addresses: &[IpAddr],
        filter: &SightingFilter<'_>,
    ) -> Result<(Vec<Sighting>, bool), StoreError> {
        let mut found = Vec::new();
        let mut days = self.days_seen(filter.seen_after.micros(), i64::MAX).await?;
        let mut whole = days.len() <= DAYS_MAX;
        days.truncate(DAYS_MAX);
        for (address_column, host_column) in
            [(alert::Column::SrcIp, alert::Column::DestIp), (alert::Column::DestIp, alert::Column::SrcIp)]
        {
            let mut select = Query::select();
            select
                .column(alert::Column::Facility)
                .expr_as(Expr::col(address_column), "address")
                .expr_as(Expr::col(host_column), "host")
                .expr_as(Func::count(Expr::col(alert::Column::Id)), "alerts")
                .expr_as(Func::min(Expr::col(alert::Column::At)), "first_at")
                .expr_as(Func::max(Expr::col(alert::Column::At)), "last_at")
                .from(alert::Entity)
                .cond_where(scope.admits(alert::Column::Facility))
                .and_where(seen_on().is_in(days.iter().copied()))
                .and_where(Expr::col(address_column).is_in(addresses.iter().copied().map(Address)))
                .and_where(Expr::col(alert::Column::At).gt(filter.seen_after.micros()))
                .group_by_columns([alert::Column::Facility, address_column, host_column])
                .order_by(alert::Column::Facility, Order::Asc)
                .order_by(address_column, Order::Asc)
                .order_by(host_column, Order::Asc)
                .limit(SIGHTINGS_MAX + 1);
            if let Some(code) = filter.facility {
                select.and_where(Expr::col(alert::Column::Facility).eq(code.as_str()));
            }
            if let Some(after) = filter.arrived_after {
                select.and_where(Expr::col(alert::Column::ArrivedAt).gt(after.micros()));
            }
            let rows = self.reader().query_all(&select).await?;
            whole &= rows.len() as u64 <= SIGHTINGS_MAX;
            for row in rows.iter().take(SIGHTINGS_MAX as usize) {
                let row = SightingRow::from_query_result(row, "")?;
                found.push(Sighting {
                    facility: row.facility,
                    address: row.address.to_string(),
                    host: row.host.to_string(),
                    alerts: u64::try_from(row.alerts).unwrap_or(0),
                    first_at: Timestamp::from_micros(row.first_at),
                    last_at: Timestamp::from_micros(row.last_at),
                });
            }
        }
        Ok((found, whole))
    }

    /// Weaknesses of a kind, by hospital, with whether that was all ([`FINDINGS_MAX`]).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn findings_of_kind(
        &self,
        scope: &Scope,
        kind: &str,
        facility: Option<&FacilityCode>,
    ) -> Result<(Vec<FindingOfKind>, bool), StoreError> {
        let mut find = finding::Entity::find()
            .select_only()
            .columns([finding::Column::Id, finding::Column::Facility, finding::Column::Host, finding::Column::State])
            .columns([finding::Column::FirstSeenAt, finding::Column::LastSeenAt])
            .filter(scope.admits_in(finding::Column::Facility, finding::Column::Region))
            .filter(finding::Column::Kind.eq(kind));
        if let Some(code) = facility {
            find = find.filter(finding::Column::Facility.eq(code.as_str()));
        }
        let rows: Vec<(i64, String, String, String, i64, i64)> = find
            .order_by_asc(finding::Column::Facility)
            .order_by_asc(finding::Column::Id)
            .limit(FINDINGS_MAX + 1)
            .into_tuple()
            .all(self.reader())
            .await?;
        let whole = rows.len() as u64 <= FINDINGS_MAX;
        let found = rows.into_iter().take(FINDINGS_MAX as usize).map(|(id, facility, host, state, first, last)| {
            Ok(FindingOfKind {
                id: FindingId(id),
                facility,
                host,
                state: state_of(&state)?,
                first_at: Timestamp::from_micros(first),
                last_at: Timestamp::from_micros(last),
            })
        });
        Ok((found.collect::<Result<Vec<_>, StoreError>>()?, whole))
    }

    /// A step over the machines whose stored description has this part and that were seen since, in the order of their rows
    /// after `after`. At most [`HOSTS_PER_STEP`]: fewer end it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn hosts_saying(
        &self,
        scope: &Scope,
        part: &str,
        facility: Option<&FacilityCode>,
        seen_after: Timestamp,
        after: i64,
    ) -> Result<Vec<HostSaying>, StoreError> {
        let mut find = host::Entity::find()
            .select_only()
            .columns([host::Column::Id, host::Column::Facility, host::Column::Body])
            .filter(scope.admits(host::Column::Facility))
            .filter(host::Column::Id.gt(after))
            .filter(host::Column::LastSeenAt.gt(seen_after.micros()))
            .filter(holds_part(host::Column::Body, part));
        if let Some(code) = facility {
            find = find.filter(host::Column::Facility.eq(code.as_str()));
        }
        let rows: Vec<(i64, String, String)> =
            find.order_by_asc(host::Column::Id).limit(HOSTS_PER_STEP).into_tuple().all(self.reader()).await?;
        Ok(rows.into_iter().map(|(row, facility, body)| HostSaying { row, facility, body }).collect())
    }

    /// When each of these machines of a hospital was seen last.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn hosts_seen(
        &self,
        scope: &Scope,
        facility: &FacilityCode,
        addresses: &[&str],
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows: Vec<(String, i64)> = host::Entity::find()
            .select_only()
            .columns([host::Column::Address, host::Column::LastSeenAt])
            .filter(scope.admits(host::Column::Facility))
            .filter(host::Column::Facility.eq(facility.as_str()))
            .filter(host::Column::Address.is_in(addresses.iter().copied()))
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(|(address, at)| (address, Timestamp::from_micros(at))).collect())
    }
}
