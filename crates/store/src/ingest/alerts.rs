//! Alerts as rows, under the numbers by which their sensors know them.

use super::{Ingest, ROWS_PER_INSERT, Source, TouchedStory, signed, storable, stories, tallies::summed};
use crate::{
    address::Address,
    alert_body::{self, StoryWords},
    bulk::{self, Target},
    error::StoreError,
    rows::alert,
};
use phitak_model::Alert;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Value};
use std::collections::BTreeMap;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// An alert of a round, with which of the round's sources brought it and its number there.
#[derive(Clone, Copy, Debug)]
pub struct ArrivedAlert<'a> {
    pub source: usize,
    pub seq: u64,
    pub alert: &'a Alert,
}

impl Ingest {
    /// Whether these alerts, which are said to be stored, are the ones that are stored under their numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn holds(&self, source: &Source, alerts: &[(u64, Alert)]) -> Result<bool, StoreError> {
        for part in alerts.chunks(ROWS_PER_INSERT) {
            let known: Vec<(i64, Address, Address, Option<i32>)> = alert::Entity::find()
                .select_only()
                .columns([alert::Column::Seq, alert::Column::SrcIp, alert::Column::DestIp, alert::Column::SrcPort])
                .filter(alert::Column::SpoolId.eq(source.spool_id))
                .filter(alert::Column::Seq.is_in(part.iter().map(|(seq, _)| signed(*seq))))
                .into_tuple()
                .all(&self.tx)
                .await?;
            let known: BTreeMap<i64, _> =
                known.into_iter().map(|(seq, src, dest, port)| (seq, (src, dest, port))).collect();
            let is_known = |(seq, alert): &(u64, Alert)| {
                known.get(&signed(*seq)).is_some_and(|(src, dest, port)| {
                    (src.0, dest.0) == (alert.src_ip, alert.dest_ip) && *port == alert.src_port.map(i32::from)
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
    pub async fn add_alerts(
        &mut self,
        sources: &[&Source],
        alerts: &[ArrivedAlert<'_>],
    ) -> Result<Vec<TouchedStory>, StoreError> {
        if alerts.is_empty() {
            return Ok(Vec::new());
        }
        let taken = stories::take(&self.tx, &self.suppressing, sources, alerts, self.now).await?;
        let mut rows = Vec::with_capacity(alerts.len());
        let mut by_place: BTreeMap<&str, i64> = BTreeMap::new();
        for (arrived, story) in alerts.iter().zip(&taken.story_of) {
            let Some((source, story)) = sources.get(arrived.source).zip(taken.stories.get(*story)) else { continue };
            let words = StoryWords { signature: &story.signature, category: &story.category };
            rows.push(row(source, arrived, story.id, alert_body::write(arrived.alert, words)?, self.now.micros()));
            *by_place.entry(source.facility().as_str()).or_default() += 1;
        }
        bulk::insert(&self.tx, Target { table: "alerts", columns: &COLUMNS, on_conflict: "" }, rows).await?;
        self.count_hour(&by_place).await?;
        Ok(taken.touched)
    }

    async fn count_hour(&self, by_place: &BTreeMap<&str, i64>) -> Result<(), StoreError> {
        const TABLE: &str = "alert_hours";
        let hour = self.now.micros().div_euclid(MICROS_PER_HOUR);
        let rows = by_place.iter().map(|(facility, alerts)| vec![(*facility).into(), hour.into(), (*alerts).into()]);
        let on_conflict = format!("ON CONFLICT (facility, hour) DO UPDATE SET {}", summed(TABLE));
        let columns = &["facility", "hour", "alerts"];
        bulk::insert(&self.tx, Target { table: TABLE, columns, on_conflict: &on_conflict }, rows.collect()).await
    }
}

const COLUMNS: [&str; 13] = [
    "spool_id",
    "seq",
    "story_id",
    "facility",
    "at",
    "arrived_at",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "app_proto",
    "body",
];

/// The values of [`COLUMNS`].
fn row(source: &Source, arrived: &ArrivedAlert<'_>, story: i64, body: Vec<u8>, now: i64) -> Vec<Value> {
    let alert = arrived.alert;
    vec![
        source.spool_id.into(),
        signed(arrived.seq).into(),
        story.into(),
        source.facility().as_str().into(),
        alert.at.micros().into(),
        now.into(),
        Address(alert.src_ip).into(),
        alert.src_port.map(i32::from).into(),
        Address(alert.dest_ip).into(),
        alert.dest_port.map(i32::from).into(),
        storable(&alert.proto).into(),
        alert.app_proto.as_deref().map(storable).into(),
        body.into(),
    ]
}
