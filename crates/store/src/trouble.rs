//! What keeps the tables from working, as far as it can be told: whether it passes by itself, and who can mend it.

use crate::{database::Store, error::StoreError};
use sea_orm::{ConnAcquireErr, ConnectionTrait, DbErr, RuntimeErr, sqlx};

/// Why the tables do not work just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The database does not answer.
    Away,
    /// It reads and does not write: its disk is full.
    Full,
    /// It reads and does not write, for another reason: a disk that fails or may not be written, a standby.
    Unwritable,
    /// No connection was free in time.
    Busy,
}

impl Trouble {
    /// Whether people can still read.
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, Self::Full | Self::Unwritable)
    }
}

impl StoreError {
    /// None where the database works and does not like what it was asked, or nobody can tell.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Database { source } => of_database(source),
            _ => None,
        }
    }
}

fn of_database(error: &DbErr) -> Option<Trouble> {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Some(Trouble::Busy),
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Some(Trouble::Away),
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(error),
        _ => None,
    }
}

fn of_driver(error: &sqlx::Error) -> Option<Trouble> {
    match error {
        sqlx::Error::Database(error) => of_code(error.code()?.as_ref()),
        sqlx::Error::PoolTimedOut => Some(Trouble::Busy),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Some(Trouble::Away),
        _ => None,
    }
}

/// SQLSTATE has five places (PostgreSQL, appendix A); SQLite's result codes are numbers of at most four.
fn of_code(code: &str) -> Option<Trouble> {
    match code {
        // Shut down, crashed, not up yet.
        "57P01" | "57P02" | "57P03" => Some(Trouble::Away),
        "53100" => Some(Trouble::Full),
        "53300" => Some(Trouble::Busy),
        // A transaction that may only read: a standby.
        "25006" => Some(Trouble::Unwritable),
        _ if code.len() == 5 => code.starts_with("08").then_some(Trouble::Away),
        _ => of_result(code.parse().ok()?),
    }
}

/// SQLite's result codes: the first one stands in the lowest byte.
fn of_result(code: u32) -> Option<Trouble> {
    /// SQLITE_IOERR_SHMSIZE: no room for the index of the write-ahead log.
    const NO_ROOM_FOR_INDEX: u32 = 4874;
    /// SQLITE_IOERR_READ and SQLITE_IOERR_SHORT_READ.
    const CANNOT_READ: [u32; 2] = [266, 522];
    match (code, code & 0xff) {
        (NO_ROOM_FOR_INDEX, _) | (_, 13) => Some(Trouble::Full),
        // SQLITE_READONLY, and what else fails of a write (SQLITE_IOERR).
        (_, 8) => Some(Trouble::Unwritable),
        (code, 10) if !CANNOT_READ.contains(&code) => Some(Trouble::Unwritable),
        // SQLITE_IOERR of a read, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB.
        (_, 10 | 11 | 14 | 26) => Some(Trouble::Away),
        _ => None,
    }
}

impl Store {
    /// Asks the database for a sign of life, on a connection of its own.
    ///
    /// # Errors
    /// [`StoreError::Database`] when there is none.
    pub async fn answers(&self) -> Result<(), StoreError> {
        // A page is read: a question that touches no table says nothing of the file.
        self.pulse().execute_unprepared("SELECT version FROM seaql_migrations LIMIT 1").await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Store;
    use sea_orm::ConnectionTrait;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        for (code, trouble) in [
            ("57P01", Some(Trouble::Away)),
            ("08006", Some(Trouble::Away)),
            ("53100", Some(Trouble::Full)),
            ("53300", Some(Trouble::Busy)),
            ("13", Some(Trouble::Full)),
            ("4874", Some(Trouble::Full)),
            ("25006", Some(Trouble::Unwritable)),
            // Read-only, a directory that is; a failed write, a failed fsync.
            ("8", Some(Trouble::Unwritable)),
            ("1544", Some(Trouble::Unwritable)),
            ("778", Some(Trouble::Unwritable)),
            ("1034", Some(Trouble::Unwritable)),
            // A failed read; a damaged file, none that opens.
            ("266", Some(Trouble::Away)),
            ("11", Some(Trouble::Away)),
            ("14", Some(Trouble::Away)),
            // A unique key that is taken, in both; a syntax error; SQLite's busy.
            ("23505", None),
            ("2067", None),
            ("42601", None),
            ("5", None),
        ] {
            assert_eq!(of_code(code), trouble, "{code}");
        }
    }

    #[tokio::test]
    async fn a_file_that_may_not_grow_is_full_and_still_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let writer = store.write().await.expect("begins");
        let error = async {
            // SQLite's own limit stands for the disk's.
            writer.execute_unprepared("PRAGMA max_page_count = 1").await?;
            writer.execute_unprepared("CREATE TABLE more (body BLOB)").await?;
            writer.execute_unprepared("INSERT INTO more VALUES (zeroblob(10000000))").await
        };
        let error = StoreError::from(error.await.expect_err("no room"));
        assert_eq!(error.trouble(), Some(Trouble::Full), "{error:?}");
        store.answers().await.expect("reads");
    }

    #[tokio::test]
    async fn what_is_committed_after_a_full_disk_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let full = store.write().await.expect("begins");
        full.execute_unprepared("PRAGMA max_page_count = 1").await.expect("a limit");
        full.execute_unprepared("CREATE TABLE kept (n INTEGER)").await.expect_err("no room");
        drop(full);
        let given_up = store.write().await.expect("begins");
        given_up.execute_unprepared("PRAGMA max_page_count = 1000000").await.expect("room again");
        drop(given_up);
        let writer = store.write().await.expect("begins");
        writer.execute_unprepared("CREATE TABLE kept (n INTEGER)").await.expect("room");
        writer.commit().await.expect("commits");
        store.reader().execute_unprepared("SELECT n FROM kept").await.expect("it is there");
    }
}
