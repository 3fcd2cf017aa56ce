//! A copy of the tables at one moment, taken while the centre runs, and what is looked at before a copy is trusted.
//!
//! Only for tables in SQLite's file: a PostgreSQL server has its own `pg_dump`.

use crate::{audit::AuditLine, database::Store, error::StoreError, rows::session};
use sea_orm::{
    DbErr, EntityTrait, RuntimeErr,
    sqlx::{self, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions},
};
use std::{path::Path, sync::Arc, time::Duration};

/// The file of the tables in a centre's folder.
pub const DATABASE: &str = "centre.db";
/// How long a copy waits for a write to end.
const BUSY_WAIT: Duration = Duration::from_secs(30);

/// Copies the tables of this folder as they are at one moment. The centre goes on writing meanwhile. `into` is empty or
/// not there.
///
/// # Errors
/// [`StoreError::Database`] when the tables cannot be read or the copy not written.
pub async fn copy_into(folder: &Path, into: &Path) -> Result<(), StoreError> {
    let into = into.to_str().ok_or_else(|| StoreError::invalid("the path of the copy is not UTF-8"))?;
    let mut db = connect(&folder.join(DATABASE)).await?;
    // One statement, one read transaction: SQLite's own online copy, without the space that deleted rows left.
    sqlx::query("VACUUM INTO ?").bind(into).execute(&mut db).await.map_err(refused)?;
    db.close().await.map_err(refused)
}

/// What SQLite finds wrong in a file: None when every page, index and row is in order.
///
/// # Errors
/// [`StoreError::Database`] when the file is no database at all.
pub async fn fault_in(file: &Path) -> Result<Option<String>, StoreError> {
    let mut db = connect(file).await?;
    let said: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut db).await.map_err(refused)?;
    db.close().await.map_err(refused)?;
    Ok(Some(said).filter(|said| said != "ok"))
}

/// The SHA-256 of each file of evidence that a copy of the tables names.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn evidence_in(file: &Path) -> Result<Vec<String>, StoreError> {
    let mut db = connect(file).await?;
    // A copy from before there were cases has no such table.
    let tables = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'evidence'";
    let there: i64 = sqlx::query_scalar(tables).fetch_one(&mut db).await.map_err(refused)?;
    let mut names = Vec::new();
    if there > 0 {
        let all = "SELECT DISTINCT sha256 FROM evidence ORDER BY sha256";
        names = sqlx::query_scalar(all).fetch_all(&mut db).await.map_err(refused)?;
    }
    db.close().await.map_err(refused)?;
    Ok(names)
}

impl Store {
    /// What a restored centre begins with: nobody is signed in, since sessions that were ended after the copy would live
    /// again; and a line of the audit.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_restored(&self, audit: AuditLine, made_at: &str) -> Result<(), StoreError> {
        let tx = self.write().await?;
        session::Entity::delete_many().exec(&tx).await?;
        audit.about("centre", None).saying(format!("from the backup of {made_at}")).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn connect(file: &Path) -> Result<SqliteConnection, StoreError> {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(BUSY_WAIT)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(refused)
}

fn refused(error: sqlx::Error) -> StoreError {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error))).into()
}
