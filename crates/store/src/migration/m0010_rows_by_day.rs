//! What finds an alert, and what counts a story by time, lies by day: rows that arrive together are neighbours then. By
//! address or story first, each alert wanted pages of its own from trees as large as all that is kept.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

pub(super) struct RowsByDay;

impl MigrationName for RowsByDay {
    fn name(&self) -> &str {
        "m0010_rows_by_day"
    }
}

const OLD_INDICES: [&str; 5] = [
    "alerts_story_id_facility_id",
    "alerts_src_ip_facility_at_story_id",
    "alerts_dest_ip_facility_at_story_id",
    "story_hours_hour_story_id",
    "story_days_day_story_id",
];

/// Names and what they are made of; the days are those of `crate::alert_days`.
const NEW_INDICES: [(&str, &str); 3] = [
    ("alerts_arrived_on_story_id", r#"("arrived_at" / 86400000000), "story_id", "facility", "id""#),
    ("alerts_seen_on_src_ip", r#"("at" / 86400000000), "src_ip", "facility", "at", "story_id""#),
    ("alerts_seen_on_dest_ip", r#"("at" / 86400000000), "dest_ip", "facility", "at", "story_id""#),
];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for RowsByDay {
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
        for (name, of) in NEW_INDICES {
            db.execute_unprepared(&format!("CREATE INDEX {name} ON alerts ({of})")).await?;
        }
        for (table, unit) in [("story_hours", "hour"), ("story_days", "day")] {
            by_time(db, table, unit).await?;
        }
        Ok(())
    }
}

/// Makes a table anew whose key begins with its time.
async fn by_time(db: &impl ConnectionTrait, table: &str, unit: &str) -> Result<(), DbErr> {
    let columns = format!("{unit}, story_id, facility, alerts, first_at, last_at");
    let clustered = if db.get_database_backend() == DbBackend::Sqlite { "WITHOUT ROWID" } else { "" };
    let old = format!("{table}_by_story");
    for statement in [
        format!("ALTER TABLE {table} RENAME TO {old}"),
        format!(
            "CREATE TABLE {table} ({unit} BIGINT NOT NULL, story_id BIGINT NOT NULL, facility TEXT NOT NULL, \
             alerts BIGINT NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, \
             CONSTRAINT {table}_key PRIMARY KEY ({unit}, story_id, facility)) {clustered}"
        ),
        format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {old} ORDER BY {unit}, story_id, facility"),
        format!("DROP TABLE {old}"),
    ] {
        db.execute_unprepared(&statement).await?;
    }
    Ok(())
}
