//! Suppressions as ingest asks them: read from the table once for each change, asked in memory for each alert.

use crate::{error::StoreError, rows::suppression as row};
use phitak_model::{Alert, Network, Timestamp};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Most suppressions at a time.
pub const SUPPRESSIONS_MAX: usize = 1_000;
/// Most of one signature: each of its alerts is held against these alone.
pub const SUPPRESSIONS_PER_SIGNATURE_MAX: usize = 50;

/// Where and between whom a suppression hides alerts of its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub region: Option<i32>,
    pub facility: Option<String>,
    pub source: Option<Network>,
    pub destination: Option<Network>,
}

#[derive(Debug)]
struct One {
    id: i64,
    reach: Reach,
    expires_at: i64,
}

/// All that hide something now, by generator and signature.
#[derive(Debug, Default)]
pub(crate) struct Suppressing {
    by_signature: HashMap<(u32, u32), Vec<One>>,
}

/// The one that ingest asks, changed by those who set and lift.
#[derive(Debug, Default)]
pub(crate) struct SuppressingNow {
    /// With the number of the write that read it.
    now: RwLock<(u64, Arc<Suppressing>)>,
    writes: AtomicU64,
}

impl Reach {
    pub(crate) fn of(row: &row::Model) -> Result<Self, StoreError> {
        let network = |text: &Option<String>| {
            let read = text.as_deref().map(str::parse::<Network>).transpose();
            read.map_err(|error| StoreError::Damaged { table: "suppressions", what: error.to_string() })
        };
        Ok(Self {
            region: row.region,
            facility: row.facility.clone(),
            source: network(&row.source)?,
            destination: network(&row.destination)?,
        })
    }

    fn covers(&self, alert: &Alert, facility: &str, region: i32) -> bool {
        self.facility.as_deref().is_none_or(|own| own == facility)
            && self.region.is_none_or(|own| own == region)
            && self.source.is_none_or(|network| network.contains(alert.src_ip))
            && self.destination.is_none_or(|network| network.contains(alert.dest_ip))
    }
}

impl Suppressing {
    /// Which one hides this alert of a hospital; 0 when none does. Of several it is the oldest.
    pub(crate) fn of(&self, alert: &Alert, facility: &str, region: i32, now: Timestamp) -> i64 {
        if self.by_signature.is_empty() {
            return 0;
        }
        let of_signature = self.by_signature.get(&(alert.gid, alert.signature_id));
        let covers = |one: &&One| one.expires_at > now.micros() && one.reach.covers(alert, facility, region);
        of_signature.and_then(|all| all.iter().find(covers)).map_or(0, |one| one.id)
    }

    /// As the table says. Those that are past their time are still among them: the time is looked at with each alert.
    pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Self, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::EndedAt.is_null())
            .order_by_desc(row::Column::ExpiresAt)
            .limit(SUPPRESSIONS_MAX as u64)
            .all(db)
            .await?;
        let mut by_signature: HashMap<(u32, u32), Vec<One>> = HashMap::new();
        for row in rows {
            let key = (u32::try_from(row.gid).unwrap_or(0), u32::try_from(row.signature_id).unwrap_or(0));
            let one = One { id: row.id, reach: Reach::of(&row)?, expires_at: row.expires_at };
            by_signature.entry(key).or_default().push(one);
        }
        by_signature.values_mut().for_each(|all| all.sort_by_key(|one| one.id));
        Ok(Self { by_signature })
    }
}

impl SuppressingNow {
    pub(crate) fn starting_with(first: Suppressing) -> Self {
        Self { now: RwLock::new((0, Arc::new(first))), writes: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self) -> Arc<Suppressing> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// The number of a write that has begun: writes wait for each other, so numbers rise with what they read.
    pub(crate) fn number(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::SeqCst).saturating_add(1)
    }

    /// Takes over what a write read, once it is committed, unless a later one was faster.
    pub(crate) fn take(&self, number: u64, read: Suppressing) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if now.0 < number {
            *now = (number, Arc::new(read));
        }
    }
}
