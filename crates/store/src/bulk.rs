//! Many rows as fast as the database takes them: a few statements whose text is always the same, so that each is prepared
//! once and only its values are new.

use crate::error::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value, sea_query::ArrayType};

/// Most rows of a statement in SQLite, which takes at most 32,766 values.
const ROWS_MAX: usize = 128;
/// Most rows of a statement in PostgreSQL: they are handed over as one array for each column, so that the text and its plan
/// are the same for any number, and the server has a few values to take apart and not thousands.
const POSTGRES_ROWS_MAX: usize = 1_024;
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
    let Target { table, columns, on_conflict } = target;
    let before = format!("INSERT INTO {table} ({})", columns.join(", "));
    for part in parts(backend, rows) {
        let (rows, values) = table_of(backend, part);
        db.execute_raw(Statement::from_sql_and_values(backend, format!("{before} {rows} {on_conflict}"), values))
            .await?;
    }
    Ok(())
}

/// Runs `before (VALUES (…), …) after` with each part of the rows, whose columns are named `column1`, `column2`, …
pub(crate) async fn execute(
    db: &impl ConnectionTrait,
    (before, after): (&str, &str),
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    let backend = db.get_database_backend();
    for part in parts(backend, rows) {
        db.execute_raw(with_values(backend, (before, after), part)).await?;
    }
    Ok(())
}

/// What `before (VALUES (…), …) after` finds with each part of the rows.
pub(crate) async fn query(
    db: &impl ConnectionTrait,
    (before, after): (&str, &str),
    rows: Vec<Vec<Value>>,
) -> Result<Vec<QueryResult>, StoreError> {
    let backend = db.get_database_backend();
    let mut found = Vec::new();
    for part in parts(backend, rows) {
        found.extend(db.query_all_raw(with_values(backend, (before, after), part)).await?);
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
    let (rows, values) = table_of(backend, rows);
    Statement::from_sql_and_values(backend, format!("{before} ({rows}) {after}"), values)
}

/// Rows in their order: by whole statements in PostgreSQL; by whole statements, then by powers of two in SQLite, whose texts
/// have each a number of rows.
fn parts<T>(backend: DbBackend, rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let number = match backend {
            DbBackend::Postgres => rows.len().min(POSTGRES_ROWS_MAX),
            _ => 1 << rows.len().min(ROWS_MAX).checked_ilog2()?,
        };
        (number > 0).then(|| rows.by_ref().take(number).collect())
    })
}

/// Rows as a query without a name, whose columns are `column1`, `column2`, …, and its values.
fn table_of(backend: DbBackend, rows: Vec<Vec<Value>>) -> (String, Vec<Value>) {
    match backend {
        DbBackend::Postgres => unnested(rows),
        _ => (values(rows.len(), rows.first().map_or(0, Vec::len)), rows.into_iter().flatten().collect()),
    }
}

fn values(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("VALUES {}", vec![row.as_str(); rows].join(", "))
}

/// One array for each column; a column with nulls has a second one that tells where, since arrays are written without.
fn unnested(rows: Vec<Vec<Value>>) -> (String, Vec<Value>) {
    let mut columns: Vec<Vec<Value>> = Vec::new();
    columns.resize_with(rows.first().map_or(0, Vec::len), || Vec::with_capacity(rows.len()));
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let (mut arrays, mut names, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    let mut handed = Vec::new();
    for (number, column) in (1..).zip(columns) {
        let (kind, sql_kind, filler) = kind_of(column.first());
        let nulls: Vec<Value> = column.iter().map(|value| (!value.is_some()).into()).collect();
        let has_nulls = nulls.contains(&true.into());
        let filled = column.into_iter().map(|value| if value.is_some() { value } else { filler.clone() }).collect();
        handed.push(Value::Array(kind, Some(Box::new(filled))));
        arrays.push(format!("${}::{sql_kind}[]", handed.len()));
        names.push(format!("c{number}"));
        if has_nulls {
            handed.push(Value::Array(ArrayType::Bool, Some(Box::new(nulls))));
            arrays.push(format!("${}::bool[]", handed.len()));
            names.push(format!("n{number}"));
            shown.push(format!("CASE WHEN n{number} THEN NULL ELSE c{number} END AS column{number}"));
        } else {
            shown.push(format!("c{number} AS column{number}"));
        }
    }
    let (shown, arrays, names) = (shown.join(", "), arrays.join(", "), names.join(", "));
    (format!("SELECT {shown} FROM unnest({arrays}) AS u({names})"), handed)
}

/// A column's kind by any of its values, and what stands in the place of a null.
fn kind_of(value: Option<&Value>) -> (ArrayType, &'static str, Value) {
    match value {
        Some(Value::Bool(_)) => (ArrayType::Bool, "bool", false.into()),
        Some(Value::Int(_)) => (ArrayType::Int, "int4", 0_i32.into()),
        Some(Value::BigInt(_)) => (ArrayType::BigInt, "int8", 0_i64.into()),
        Some(Value::Bytes(_)) => (ArrayType::Bytes, "bytea", Vec::<u8>::new().into()),
        _ => (ArrayType::String, "text", String::new().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const T: Target<'_> = Target { table: "t", columns: &["n"], on_conflict: "" };

    #[test]
    fn each_database_gets_its_own_places() {
        let rows = || vec![vec![1_i64.into(), "a".into()], vec![2_i64.into(), None::<String>.into()]];
        let of = |backend| table_of(backend, rows()).0;
        assert_eq!(of(DbBackend::Sqlite), "VALUES (?, ?), (?, ?)");
        assert_eq!(
            of(DbBackend::Postgres),
            "SELECT c1 AS column1, CASE WHEN n2 THEN NULL ELSE c2 END AS column2 \
             FROM unnest($1::int8[], $2::text[], $3::bool[]) AS u(c1, c2, n2)"
        );
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
