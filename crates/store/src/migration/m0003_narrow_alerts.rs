//! An alert on disk is what tells it from its story, in few bytes ([`crate::alert_body`]); what people look for has an
//! index (an address anywhere in the sector, an address in one hospital around a time), and nothing else.
//!
//! Stories are counted by hour and by day of arrival, so that a queue of the last 24 hours shows what those brought.

use super::tables::{
    Column::{Bytes, Id, IntOrNull, Long, Text, TextOrNull},
    Table, create,
};
use crate::alert_body::{self, StoryWords};
use phitak_model::Alert;
use sea_orm::{ConnectionTrait, Statement, Value};
use sea_orm_migration::prelude::*;

pub(super) struct NarrowAlerts;

impl MigrationName for NarrowAlerts {
    fn name(&self) -> &str {
        "m0003_narrow_alerts"
    }
}

const TABLES: &[Table] = &[
    Table {
        name: "alerts",
        columns: &[
            ("id", Id),
            ("spool_id", Long),
            ("seq", Long),
            ("story_id", Long),
            ("facility", Text),
            ("at", Long),
            ("arrived_at", Long),
            ("src_ip", Text),
            ("src_port", IntOrNull),
            ("dest_ip", Text),
            ("dest_port", IntOrNull),
            ("proto", Text),
            ("app_proto", TextOrNull),
            ("body", Bytes),
        ],
        key: &[],
        unique: &[&["spool_id", "seq"]],
        indices: &[
            &["story_id", "facility", "id"],
            &["src_ip", "facility", "at", "story_id"],
            &["dest_ip", "facility", "at", "story_id"],
        ],
    },
    Table {
        name: "story_hours",
        columns: &[
            ("story_id", Long),
            ("hour", Long),
            ("facility", Text),
            ("alerts", Long),
            ("first_at", Long),
            ("last_at", Long),
        ],
        key: &["story_id", "hour", "facility"],
        unique: &[],
        indices: &[&["hour", "story_id"]],
    },
    Table {
        name: "story_days",
        columns: &[
            ("story_id", Long),
            ("day", Long),
            ("facility", Text),
            ("alerts", Long),
            ("first_at", Long),
            ("last_at", Long),
        ],
        key: &["story_id", "day", "facility"],
        unique: &[],
        indices: &[&["day", "story_id"]],
    },
];

/// Indices of the old table: their names are needed again.
const OLD_INDICES: [&str; 5] = [
    "alerts_spool_id_seq",
    "alerts_story_id_id",
    "alerts_story_id_facility_id",
    "alerts_facility_src_ip_at",
    "alerts_facility_dest_ip_at",
];
const ROWS_PER_STEP: usize = 1_000;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for NarrowAlerts {
    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in OLD_INDICES {
            manager.drop_index(Index::drop().name(name).table("alerts").to_owned()).await?;
        }
        manager
            .rename_table(sea_orm_migration::prelude::Table::rename().table("alerts", "alerts_wide").to_owned())
            .await?;
        for table in TABLES {
            create(manager, table).await?;
        }
        copy(manager.get_connection()).await?;
        // A region's queue and counts are read from the index alone.
        manager
            .drop_index(Index::drop().name("story_facilities_region_arrived_at").table("story_facilities").to_owned())
            .await?;
        let mut index = Index::create();
        index.name("story_facilities_region_story_id_arrived_at").table("story_facilities");
        for column in ["region", "story_id", "arrived_at"] {
            index.col(column);
        }
        manager.create_index(index).await?;
        manager.drop_table(sea_orm_migration::prelude::Table::drop().table("alerts_wide").to_owned()).await
    }
}

async fn copy(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    for (table, unit, micros) in [("story_hours", "hour", 3_600_000_000_i64), ("story_days", "day", 86_400_000_000)] {
        db.execute_unprepared(&format!(
            "INSERT INTO {table} (story_id, {unit}, facility, alerts, first_at, last_at) \
             SELECT story_id, arrived_at / {micros}, facility, COUNT(*), MIN(at), MAX(at) FROM alerts_wide \
             GROUP BY story_id, arrived_at / {micros}, facility"
        ))
        .await?;
    }
    let mut after = 0_i64;
    loop {
        let sql = format!(
            "SELECT w.id, w.spool_id, w.seq, w.story_id, w.facility, w.at, w.arrived_at, w.src_ip, w.src_port, \
             w.dest_ip, w.dest_port, w.proto, w.app_proto, w.body, s.signature, s.category \
             FROM alerts_wide w JOIN stories s ON s.id = w.story_id WHERE w.id > {after} ORDER BY w.id LIMIT {ROWS_PER_STEP}"
        );
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get("", "id")?;
        let mut insert = Query::insert();
        insert.into_table("alerts").columns(NARROW);
        for row in &rows {
            insert.values(narrow(row)?.into_iter().map(Expr::val)).map_err(|error| DbErr::Custom(error.to_string()))?;
        }
        db.execute(&insert).await?;
    }
}

const NARROW: [&str; 14] = [
    "id",
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

/// The values of [`NARROW`].
fn narrow(row: &sea_orm::QueryResult) -> Result<Vec<Value>, DbErr> {
    let (signature, category): (String, String) = (row.try_get("", "signature")?, row.try_get("", "category")?);
    let body: String = row.try_get("", "body")?;
    let words = StoryWords { signature: &signature, category: &category };
    // A body that cannot be read any more leaves the alert with what stands in its columns.
    let body = match serde_json::from_str::<Alert>(&body) {
        Ok(alert) => alert_body::write(&alert, words).map_err(|error| DbErr::Custom(error.to_string()))?,
        Err(_) => Vec::new(),
    };
    let number = |name: &str| row.try_get::<i64>("", name).map(Value::from);
    let port = |name: &str| row.try_get::<Option<i32>>("", name).map(Value::from);
    let text = |name: &str| row.try_get::<String>("", name).map(Value::from);
    Ok(vec![
        number("id")?,
        number("spool_id")?,
        number("seq")?,
        number("story_id")?,
        text("facility")?,
        number("at")?,
        number("arrived_at")?,
        text("src_ip")?,
        port("src_port")?,
        text("dest_ip")?,
        port("dest_port")?,
        text("proto")?,
        row.try_get::<Option<String>>("", "app_proto")?.into(),
        body.into(),
    ])
}
