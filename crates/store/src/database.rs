//! Opening the database: SQLite in a file, or PostgreSQL by its URL. The queries are the same.

use crate::{error::StoreError, migration::Migrator, suppressing::SuppressingNow};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
    sqlx::{
        Connection, Sqlite,
        pool::PoolOptions,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use sea_orm_migration::MigratorTrait;
use std::{path::Path, sync::Arc, time::Duration};

/// Connections that read at the same time.
pub const READERS_MAX: u32 = 8;
/// How long a write waits for another program's (`phitak-centre` at the command line).
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// How long a request waits for a free connection.
const ACQUIRE_WAIT: Duration = Duration::from_secs(15);
/// Pages kept in memory for each connection that reads, in KiB.
const READER_CACHE_KIB: i64 = 8 * 1024;
/// And for the one that writes: the indices' newest pages.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// And for the one that only shows whether the database lives.
const PULSE_CACHE_KIB: i64 = 64;
/// Pages of the write-ahead log (4 KiB each) after which they are moved into the file: seldom enough that a page which
/// changes with each round is moved once for many.
const CHECKPOINT_PAGES: u32 = 16_384;
/// Statements that stay prepared on each connection.
const STATEMENTS_KEPT: usize = 256;
/// PostgreSQL's advisory lock that every write holds: the bytes of `phitak` in a number.
const WRITE_LOCK: i64 = 0x7068_6974_616b;

/// The centre's tables.
///
/// One connection writes, so that writes queue instead of failing; several read, and cannot write. Where another program
/// (`phitak-centre` at the command line) writes too, each waits for the other: SQLite by its lock, PostgreSQL by
/// [`WRITE_LOCK`].
#[derive(Clone, Debug)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// Asked for nothing but a sign of life: others that keep the readers busy do not keep it from answering.
    pulse: DatabaseConnection,
    suppressing: Arc<SuppressingNow>,
}

impl Store {
    /// Opens `centre.db` in this folder, or creates it, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the file cannot be opened or a migration fails.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let file = folder.join("centre.db");
        let file = file.to_str().ok_or_else(|| StoreError::invalid("the data folder's path is not UTF-8"))?;
        Self::connect(&format!("sqlite://{}?mode=rwc", percent_encoded(file))).await
    }

    /// Connects to a PostgreSQL database that exists, and brings its tables up to date. TLS, certificates and time-outs are
    /// the URL's, as libpq names them (`?sslmode=verify-full`).
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the URL is of another kind, [`StoreError::Database`] when it cannot be reached or a
    /// migration fails.
    pub async fn open_url(url: &str) -> Result<Self, StoreError> {
        if !["postgres://", "postgresql://"].iter().any(|kind| url.starts_with(kind)) {
            return Err(StoreError::invalid("the database's URL begins with postgres://"));
        }
        Self::connect(url).await
    }

    async fn connect(url: &str) -> Result<Self, StoreError> {
        let writer = Database::connect(options(url, Access::Write)).await?;
        Migrator::up(&writer, None).await?;
        let reader = Database::connect(options(url, Access::Read)).await?;
        let pulse = Database::connect(options(url, Access::Pulse)).await?;
        Ok(Self { reader, writer, pulse, suppressing: Arc::default() })
    }

    /// Finishes what is being written and closes the file.
    ///
    /// # Errors
    /// [`StoreError::Database`] when closing fails.
    pub async fn close(self) -> Result<(), StoreError> {
        self.pulse.close().await?;
        self.reader.close().await?;
        self.writer.close().await?;
        Ok(())
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    pub(crate) fn pulse(&self) -> &DatabaseConnection {
        &self.pulse
    }

    /// What hides alerts now.
    pub(crate) fn suppressing(&self) -> &SuppressingNow {
        &self.suppressing
    }

    /// Begins a write; dropping it without `commit` takes everything back.
    pub(crate) async fn write(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = self.writer.begin_with_options(options).await?;
        if tx.get_database_backend() == DbBackend::Postgres {
            tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({WRITE_LOCK})")).await?;
        }
        Ok(tx)
    }
}

enum Access {
    Read,
    Write,
    Pulse,
}

fn options(url: &str, access: Access) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    let (connections, query_only, cache_kib) = match access {
        Access::Read => (READERS_MAX, "1", READER_CACHE_KIB),
        Access::Write => (1, "0", WRITER_CACHE_KIB),
        Access::Pulse => (1, "1", PULSE_CACHE_KIB),
    };
    let read_only = if matches!(access, Access::Write) { "off" } else { "on" };
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
                .pragma("cache_size", (-cache_kib).to_string())
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
                .pragma("temp_store", "2")
                .pragma("query_only", query_only)
                .statement_cache_capacity(STATEMENTS_KEPT)
        })
        .map_sqlx_sqlite_pool_opts(whole_transactions_only)
        .map_sqlx_postgres_opts(move |postgres| {
            postgres.options([("default_transaction_read_only", read_only)]).statement_cache_capacity(STATEMENTS_KEPT)
        });
    options
}

/// Closes a connection that comes back within a transaction.
///
/// When there is no room SQLite takes the whole transaction back by itself, and the `ROLLBACK` that follows fails. The driver
/// then takes the next transaction for a part of one that is still open: what it commits is kept nowhere.
fn whole_transactions_only(pool: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // Answered after the rollback that a dropped transaction sends.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
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
