//! The addresses of an alert are bytes, and the day in their indices is a number of four bytes: an entry is half as large.
//! Numbers stand before texts, since PostgreSQL leaves gaps before larger ones.

use super::tables::{
    Column::{Bytes, Id, IntOrNull, Long, Text, TextOrNull},
    Table, create,
};
use crate::address::Address;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use sea_orm_migration::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

pub(super) struct AddressBytes;

impl MigrationName for AddressBytes {
    fn name(&self) -> &str {
        "m0013_address_bytes"
    }
}

const ALERTS: Table = Table {
    name: "alerts",
    columns: &[
        ("id", Id),
        ("spool_id", Long),
        ("seq", Long),
        ("story_id", Long),
        ("at", Long),
        ("arrived_at", Long),
        ("src_port", IntOrNull),
        ("dest_port", IntOrNull),
        ("facility", Text),
        ("src_ip", Bytes),
        ("dest_ip", Bytes),
        ("proto", Text),
        ("app_proto", TextOrNull),
        ("body", Bytes),
    ],
    key: &[],
    unique: &[&["spool_id", "seq"]],
    indices: &[],
};
const COLUMNS: [&str; 14] = [
    "id",
    "spool_id",
    "seq",
    "story_id",
    "at",
    "arrived_at",
    "src_port",
    "dest_port",
    "facility",
    "src_ip",
    "dest_ip",
    "proto",
    "app_proto",
    "body",
];
const OLD: &str = "alerts_of_texts";
/// Their names are needed again.
const OLD_INDICES: [&str; 4] =
    ["alerts_spool_id_seq", "alerts_arrived_on_story_id", "alerts_seen_on_src_ip", "alerts_seen_on_dest_ip"];
/// Names and what they are made of; the days are those of `crate::alert_days`.
const INDICES: [(&str, &str); 3] = [
    ("alerts_arrived_on_story_id", r#"("arrived_at" / 86400000000), "story_id", "facility", "id""#),
    ("alerts_seen_on_src_ip", r#"(CAST("at" / 86400000000 AS INTEGER)), "src_ip", "facility", "at", "story_id""#),
    ("alerts_seen_on_dest_ip", r#"(CAST("at" / 86400000000 AS INTEGER)), "dest_ip", "facility", "at", "story_id""#),
];
const ROWS_PER_STEP: usize = 1_000;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for AddressBytes {
    /// Over many alerts this takes minutes: one that is cut off must leave what was there.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for name in OLD_INDICES {
            db.execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        db.execute_unprepared(&format!("ALTER TABLE alerts RENAME TO {OLD}")).await?;
        create(manager, &ALERTS).await?;
        copy(db).await?;
        db.execute_unprepared(&format!("DROP TABLE {OLD}")).await?;
        for (name, of) in INDICES {
            db.execute_unprepared(&format!("CREATE INDEX {name} ON alerts ({of})")).await?;
        }
        Ok(())
    }
}

async fn copy(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let columns = COLUMNS.join(", ");
    let mut after = 0_i64;
    loop {
        let sql = format!("SELECT {columns} FROM {OLD} WHERE id > {after} ORDER BY id LIMIT {ROWS_PER_STEP}");
        let rows = db.query_all_raw(Statement::from_string(backend, sql)).await?;
        let Some(last) = rows.last() else { break };
        after = last.try_get("", "id")?;
        let mut insert = Query::insert();
        insert.into_table("alerts").columns(COLUMNS);
        for row in &rows {
            insert.values(values(row)?.into_iter().map(Expr::val)).map_err(|error| DbErr::Custom(error.to_string()))?;
        }
        db.execute(&insert).await?;
    }
    if backend == DbBackend::Postgres && after > 0 {
        let next = format!("SELECT setval(pg_get_serial_sequence('alerts', 'id'), {after})");
        db.query_one_raw(Statement::from_string(backend, next)).await?;
    }
    Ok(())
}

/// An address that cannot be read any more becomes that of nobody.
fn values(row: &QueryResult) -> Result<Vec<Value>, DbErr> {
    let number = |name: &str| row.try_get::<i64>("", name).map(Value::from);
    let port = |name: &str| row.try_get::<Option<i32>>("", name).map(Value::from);
    let text = |name: &str| row.try_get::<String>("", name).map(Value::from);
    let address = |name: &str| {
        let text: String = row.try_get("", name)?;
        Ok::<_, DbErr>(Value::from(Address(text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))))
    };
    Ok(vec![
        number("id")?,
        number("spool_id")?,
        number("seq")?,
        number("story_id")?,
        number("at")?,
        number("arrived_at")?,
        port("src_port")?,
        port("dest_port")?,
        text("facility")?,
        address("src_ip")?,
        address("dest_ip")?,
        text("proto")?,
        row.try_get::<Option<String>>("", "app_proto")?.into(),
        row.try_get::<Vec<u8>>("", "body")?.into(),
    ])
}
