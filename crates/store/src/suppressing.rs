//! Suppressions as ingest asks them: read from the table once for each change, asked in memory for each alert.

use crate::{error::StoreError, rows::suppression as row, words::model_words::severity_rank};
use phitak_model::{Alert, Network, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, SimpleExpr},
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
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
    /// What is more severe is shown.
    severity: i32,
    reach: Reach,
    expires_at: i64,
}

/// All that hide something now, by generator and signature.
#[derive(Debug, Default)]
pub(crate) struct Suppressing {
    by_signature: HashMap<(u32, u32), Vec<One>>,
}

/// The one that ingest asks. It is looked at and changed by those who hold the only write, so one after the other.
#[derive(Debug, Default)]
pub(crate) struct SuppressingNow {
    /// `None` while nobody has read what the last change left.
    known: RwLock<Option<Arc<Suppressing>>>,
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
        let severity = severity_rank(alert.severity);
        let covers = |one: &&One| {
            severity <= one.severity && one.expires_at > now.micros() && one.reach.covers(alert, facility, region)
        };
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
            let one = One { id: row.id, severity: row.severity, reach: Reach::of(&row)?, expires_at: row.expires_at };
            by_signature.entry(key).or_default().push(one);
        }
        by_signature.values_mut().for_each(|all| all.sort_by_key(|one| one.id));
        Ok(Self { by_signature })
    }
}

impl SuppressingNow {
    /// To be said before a change is committed: if the one who commits is gone the moment after, the next write still
    /// reads anew.
    pub(crate) fn doubt(&self) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// As the table says in a write that has begun.
    pub(crate) async fn read_in(&self, tx: &DatabaseTransaction) -> Result<Arc<Suppressing>, StoreError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let read = Arc::new(Suppressing::read(tx).await?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(read.clone());
        Ok(read)
    }
}

/// What hides a story, for conditions beside better ones: by its own index SQLite would go through all that nothing hides.
pub(crate) fn hider() -> SimpleExpr {
    Expr::cust(r#"+"stories"."suppression_id""#)
}
