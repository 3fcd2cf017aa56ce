//! Many rows into one table, as fast as the database takes them: a few statements whose text is always the same, so that
//! each is prepared once and only its values are new.

use crate::error::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// Rows of a statement, the largest first; what remains goes by smaller ones. SQLite takes at most 32,766 values.
const ROWS: [usize; 3] = [128, 16, 1];

/// Inserts rows, each with a value for each column.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    table: &str,
    columns: &[&str],
    mut rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    let backend = db.get_database_backend();
    for size in ROWS {
        if rows.len() < size {
            continue;
        }
        let sql = text(backend, table, columns, size);
        while rows.len() >= size {
            let later = rows.split_off(size);
            let values: Vec<Value> = std::mem::replace(&mut rows, later).into_iter().flatten().collect();
            db.execute_raw(Statement::from_sql_and_values(backend, sql.as_str(), values)).await?;
        }
    }
    Ok(())
}

fn text(backend: DbBackend, table: &str, columns: &[&str], rows: usize) -> String {
    let mut number = 0_usize;
    let mut place = || {
        number = number.saturating_add(1);
        if backend == DbBackend::Postgres { format!("${number}") } else { "?".to_owned() }
    };
    let rows: Vec<String> =
        (0..rows).map(|_| format!("({})", columns.iter().map(|_| place()).collect::<Vec<_>>().join(", "))).collect();
    format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), rows.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_own_places() {
        let of = |backend| text(backend, "t", &["a", "b"], 2);
        assert_eq!(of(DbBackend::Sqlite), "INSERT INTO t (a, b) VALUES (?, ?), (?, ?)");
        assert_eq!(of(DbBackend::Postgres), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)");
    }

    #[tokio::test]
    async fn any_number_of_rows_arrives_once_and_in_order() {
        let db =
            sea_orm::Database::connect(sea_orm::ConnectOptions::new("sqlite::memory:").max_connections(1).to_owned())
                .await
                .expect("opens");
        db.execute_unprepared("CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT)").await.expect("a table");
        let mut expected = Vec::new();
        for rows in [0_i64, 1, 15, 16, 17, 128, 143, 144, 400] {
            let numbers: Vec<i64> = (0..rows).collect();
            insert(&db, "t", &["n"], numbers.iter().map(|n| vec![(*n).into()]).collect()).await.expect("inserts");
            expected.extend(numbers);
        }
        let statement = Statement::from_string(DbBackend::Sqlite, "SELECT n FROM t ORDER BY id");
        let rows = db.query_all_raw(statement).await.expect("reads");
        let found: Vec<i64> = rows.iter().map(|row| row.try_get("", "n").expect("a number")).collect();
        assert_eq!(found, expected);
    }
}
