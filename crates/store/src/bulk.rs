//! Many rows as fast as the database takes them: a few statements whose text is always the same, so that each is prepared
//! once and only its values are new.

use crate::error::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

/// Most rows of a statement. SQLite takes at most 32,766 values.
const ROWS_MAX: usize = 128;
/// Most values of a list in a query: its length, a power of two.
pub(crate) const LIST_MAX: usize = 512;

/// Where rows go, and what becomes of those that are there already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub table: &'a str,
    pub columns: &'a [&'a str],
    /// The rest of the statement: nothing, or what a conflict does.
    pub on_conflict: &'a str,
}

/// Inserts rows, each with a value for each column. Of rows that conflict, one statement takes only one: give each once.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    target: Target<'_>,
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    let backend = db.get_database_backend();
    let text = |rows| {
        let Target { table, columns, on_conflict } = target;
        format!("INSERT INTO {table} ({}) {} {on_conflict}", columns.join(", "), values(backend, rows, columns.len()))
    };
    let whole = text(ROWS_MAX);
    for part in parts(rows) {
        let sql = if part.len() == ROWS_MAX { whole.clone() } else { text(part.len()) };
        let values: Vec<Value> = part.into_iter().flatten().collect();
        db.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

/// Runs `before (VALUES (…), …) after` with each part of the rows, whose columns are named `column1`, `column2`, …
pub(crate) async fn execute(
    db: &impl ConnectionTrait,
    (before, after): (&str, &str),
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    for part in parts(rows) {
        db.execute_raw(with_values(db.get_database_backend(), (before, after), part)).await?;
    }
    Ok(())
}

/// What `before (VALUES (…), …) after` finds with each part of the rows.
pub(crate) async fn query(
    db: &impl ConnectionTrait,
    (before, after): (&str, &str),
    rows: Vec<Vec<Value>>,
) -> Result<Vec<QueryResult>, StoreError> {
    let mut found = Vec::new();
    for part in parts(rows) {
        found.extend(db.query_all_raw(with_values(db.get_database_backend(), (before, after), part)).await?);
    }
    Ok(found)
}

/// A list with its last value repeated up to a power of two: queries with lists are then few different texts.
pub(crate) fn padded<T: Clone>(list: &[T]) -> Vec<T> {
    let mut padded = list.to_vec();
    if let Some(last) = list.last() {
        padded.resize(list.len().next_power_of_two(), last.clone());
    }
    padded
}

fn with_values(backend: DbBackend, (before, after): (&str, &str), rows: Vec<Vec<Value>>) -> Statement {
    let columns = rows.first().map_or(0, Vec::len);
    let sql = format!("{before} ({}) {after}", values(backend, rows.len(), columns));
    Statement::from_sql_and_values(backend, sql, rows.into_iter().flatten())
}

/// Rows in their order, by whole statements, then by powers of two.
fn parts<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let power = rows.len().min(ROWS_MAX).checked_ilog2()?;
        Some(rows.by_ref().take(1 << power).collect())
    })
}

fn values(backend: DbBackend, rows: usize, columns: usize) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity("VALUES ".len() + rows * (4 + 7 * columns));
    text.push_str("VALUES ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            text.push_str(if column == 0 { "" } else { ", " });
            if backend == DbBackend::Postgres {
                let _ = write!(text, "${}", row * columns + column + 1);
            } else {
                text.push('?');
            }
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const T: Target<'_> = Target { table: "t", columns: &["n"], on_conflict: "" };

    #[test]
    fn each_database_gets_its_own_places() {
        let of = |backend| values(backend, 2, 2);
        assert_eq!(of(DbBackend::Sqlite), "VALUES (?, ?), (?, ?)");
        assert_eq!(of(DbBackend::Postgres), "VALUES ($1, $2), ($3, $4)");
    }

    #[test]
    fn a_list_is_as_long_as_a_power_of_two_and_holds_the_same() {
        for length in 0..40_u32 {
            let list: Vec<u32> = (0..length).collect();
            let padded = padded(&list);
            assert!(padded.is_empty() == list.is_empty() && (padded.is_empty() || padded.len().is_power_of_two()));
            assert_eq!(padded.into_iter().collect::<BTreeSet<_>>(), list.into_iter().collect::<BTreeSet<_>>());
        }
    }

    async fn table() -> sea_orm::DatabaseConnection {
        let options = sea_orm::ConnectOptions::new("sqlite::memory:").max_connections(1).to_owned();
        let db = sea_orm::Database::connect(options).await.expect("opens");
        db.execute_unprepared("CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT UNIQUE, seen BIGINT DEFAULT 1)")
            .await
            .expect("a table");
        db
    }

    async fn numbers(db: &sea_orm::DatabaseConnection, sql: &str) -> Vec<i64> {
        let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.expect("reads");
        rows.iter().map(|row| row.try_get_by_index(0).expect("a number")).collect()
    }

    fn rows(from: i64, until: i64) -> Vec<Vec<Value>> {
        (from..until).map(|n| vec![n.into()]).collect()
    }

    #[tokio::test]
    async fn any_number_of_rows_arrives_once_and_in_order() {
        let db = table().await;
        let mut end = 0;
        for number in [0_i64, 1, 2, 15, 16, 17, 127, 128, 143, 144, 400] {
            insert(&db, T, rows(end, end + number)).await.expect("inserts");
            end += number;
        }
        assert_eq!(numbers(&db, "SELECT n FROM t ORDER BY id").await, (0..end).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn rows_that_are_there_change_find_and_are_found() {
        let db = table().await;
        let again = Target { on_conflict: "ON CONFLICT (n) DO UPDATE SET seen = t.seen + 1", ..T };
        insert(&db, again, rows(0, 300)).await.expect("inserts");
        insert(&db, again, rows(100, 333)).await.expect("inserts");
        assert_eq!(numbers(&db, "SELECT n FROM t WHERE seen = 2 ORDER BY n").await, (100..300).collect::<Vec<_>>());
        let set = ("UPDATE t SET seen = 9 FROM", "AS v WHERE t.n = v.column1");
        execute(&db, set, rows(50, 260)).await.expect("changes");
        assert_eq!(numbers(&db, "SELECT n FROM t WHERE seen = 9 ORDER BY n").await, (50..260).collect::<Vec<_>>());
        let of = ("SELECT t.n FROM", "AS v CROSS JOIN t WHERE t.n = v.column1");
        let found = query(&db, of, rows(320, 900)).await.expect("reads");
        let found: BTreeSet<i64> = found.iter().map(|row| row.try_get_by_index(0).expect("a number")).collect();
        assert_eq!(found, (320..333).collect());
    }
}
