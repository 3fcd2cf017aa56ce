//! One address and all that was ever alerted about it, at either end, in the caller's scope.

use crate::{
    address::Address,
    alert_days::{DAYS_MAX, seen_on},
    database::Store,
    error::StoreError,
    ids::StoryId,
    rows::alert as row,
    scope::Scope,
};
use phitak_model::Timestamp;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use std::net::IpAddr;

/// Most pairs of hospital and story that are read for one end; beyond it the answer says that it is not whole.
pub const SIGHTINGS_MAX: usize = 20_000;

/// An address in the alerts of one story at one hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub facility: String,
    pub story: StoryId,
    /// Whether the address was where the packets came from.
    pub is_source: bool,
    pub alerts: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// All sightings of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    pub all: Vec<Sighting>,
    /// False when there are more than [`SIGHTINGS_MAX`] at one end, or too many days to look at each.
    pub is_whole: bool,
}

impl Store {
    /// Where and in which stories an address was seen.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn history_of_address(&self, scope: &Scope, address: IpAddr) -> Result<Sightings, StoreError> {
        let mut days = self.days_seen(i64::MIN, i64::MAX).await?;
        let mut sightings = Sightings { all: Vec::new(), is_whole: days.len() <= DAYS_MAX };
        days.truncate(DAYS_MAX);
        for (column, is_source) in [(row::Column::SrcIp, true), (row::Column::DestIp, false)] {
            let select = Query::select()
                .columns([row::Column::Facility, row::Column::StoryId])
                .expr_as(Expr::cust("COUNT(*)"), "number")
                .expr_as(Func::min(Expr::col(row::Column::At)), "first_at")
                .expr_as(Func::max(Expr::col(row::Column::At)), "last_at")
                .from(row::Entity)
                .and_where(seen_on().is_in(days.iter().copied()))
                .and_where(Expr::col(column).eq(Address(address)))
                .cond_where(scope.admits(row::Column::Facility))
                .group_by_columns([row::Column::Facility, row::Column::StoryId])
                .limit(SIGHTINGS_MAX as u64 + 1)
                .to_owned();
            let mut found = Vec::new();
            for row in self.reader().query_all(&select).await? {
                found.push(Sighting {
                    facility: row.try_get("", "facility")?,
                    story: StoryId(row.try_get("", "story_id")?),
                    is_source,
                    alerts: crate::stories::unsigned(row.try_get("", "number")?),
                    first_at: Timestamp::from_micros(row.try_get("", "first_at")?),
                    last_at: Timestamp::from_micros(row.try_get("", "last_at")?),
                });
            }
            sightings.is_whole &= found.len() <= SIGHTINGS_MAX;
            found.truncate(SIGHTINGS_MAX);
            sightings.all.append(&mut found);
        }
        Ok(sightings)
    }
}
