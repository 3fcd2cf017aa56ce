//! In SQLite the rows in which alerts are counted lie in the order of their keys, without a second tree that leads from
//! the key to the row: each count that goes up touches fewer pages. PostgreSQL has no such tables.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::prelude::*;

pub(super) struct ClusteredCounts;

impl MigrationName for ClusteredCounts {
    fn name(&self) -> &str {
        "m0009_clustered_counts"
    }
}

const TABLES: [&str; 4] = ["story_facilities", "story_hours", "story_days", "alert_hours"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for ClusteredCounts {
    /// Cut off between two tables it must leave what was there.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if db.get_database_backend() == DbBackend::Sqlite {
            for table in TABLES {
                cluster(db, table).await?;
            }
        }
        Ok(())
    }
}

/// Makes a table anew as it is described, but in the order of its key.
async fn cluster(db: &impl ConnectionTrait, table: &str) -> Result<(), DbErr> {
    let (tables, indices) = (described(db, "table", table).await?, described(db, "index", table).await?);
    let whole = tables.first().ok_or_else(|| DbErr::Custom(format!("there is no table {table}")))?;
    let old = format!("{table}_by_rowid");
    db.execute_unprepared(&format!("ALTER TABLE {table} RENAME TO {old}")).await?;
    db.execute_unprepared(&format!("{whole} WITHOUT ROWID")).await?;
    db.execute_unprepared(&format!("INSERT INTO {table} SELECT * FROM {old}")).await?;
    db.execute_unprepared(&format!("DROP TABLE {old}")).await?;
    for index in indices {
        db.execute_unprepared(&index).await?;
    }
    Ok(())
}

/// The statements that make a table, or its indices.
async fn described(db: &impl ConnectionTrait, kind: &str, table: &str) -> Result<Vec<String>, DbErr> {
    let sql =
        format!("SELECT sql FROM sqlite_master WHERE type = '{kind}' AND tbl_name = '{table}' AND sql IS NOT NULL");
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
