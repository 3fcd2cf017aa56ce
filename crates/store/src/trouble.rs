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
    /// No connection was free in time.
    Busy,
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
        // SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the index of the write-ahead log.
        "13" | "4874" => Some(Trouble::Full),
        _ if code.len() == 5 && code.starts_with("08") => Some(Trouble::Away),
        _ => None,
    }
}

impl Store {
    /// Asks the database for a sign of life, on a connection of its own.
    ///
    /// # Errors
    /// [`StoreError::Database`] when there is none.
    pub async fn answers(&self) -> Result<(), StoreError> {
        self.pulse().execute_unprepared("SELECT 1").await?;
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
