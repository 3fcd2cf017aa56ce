//! Opening the database: SQLite in a file now; the queries are those of any SQL database that sea-orm speaks.

use crate::{error::StoreError, migration::Migrator};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait;
use std::{path::Path, time::Duration};

/// Connections that read at the same time.
pub const READERS_MAX: u32 = 8;
/// How long a write waits for another program's (`phitak-centre` at the command line).
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// How long a request waits for a free connection.
const ACQUIRE_WAIT: Duration = Duration::from_secs(15);
/// Pages kept in memory for each connection, in KiB.
const CACHE_KIB: i64 = 8 * 1024;

/// The centre's tables.
///
/// One connection writes, so that writes queue instead of failing; several read, and cannot write.
#[derive(Clone, Debug)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
}

impl Store {
    /// Opens `centre.db` in this folder, or creates it, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the file cannot be opened or a migration fails.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let file = folder.join("centre.db");
        let file = file.to_str().ok_or_else(|| StoreError::invalid("the data folder's path is not UTF-8"))?;
        let url = format!("sqlite://{}?mode=rwc", percent_encoded(file));
        let writer = Database::connect(options(&url, Access::Write)).await?;
        Migrator::up(&writer, None).await?;
        let reader = Database::connect(options(&url, Access::Read)).await?;
        Ok(Self { reader, writer })
    }

    /// Finishes what is being written and closes the file.
    ///
    /// # Errors
    /// [`StoreError::Database`] when closing fails.
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.close().await?;
        self.writer.close().await?;
        Ok(())
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a write; dropping it without `commit` takes everything back.
    pub(crate) async fn write(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.writer.begin_with_options(options).await?)
    }
}

enum Access {
    Read,
    Write,
}

fn options(url: &str, access: Access) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    let (connections, query_only) = match access {
        Access::Read => (READERS_MAX, "1"),
        Access::Write => (1, "0"),
    };
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_WAIT)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // An acknowledged batch is gone from its sensor: it must outlive a power cut here.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(BUSY_WAIT)
                .pragma("cache_size", (-CACHE_KIB).to_string())
                .pragma("temp_store", "2")
                .pragma("query_only", query_only)
        });
    options
}

/// A path as it may stand in a URL.
fn percent_encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
