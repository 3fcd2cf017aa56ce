//! The audit's chain: what was edited, removed, inserted or put elsewhere is found; what was forgotten with age is not
//! missed.

use crate::sector::{Person, Sector};
use phitak_centre::housekeeping;
use phitak_store::{AuditLine, Chain, Store, audit_chain::LINES_PER_STEP};
use sea_orm::sqlx::{self, Row, sqlite::SqlitePool};
use std::process::Command;

/// A centre with this many lines after those of its making, and its file opened behind its back.
async fn with_lines(number: u64) -> (Sector, SqlitePool) {
    let sector = Sector::in_sqlite().await;
    for n in 0..number {
        let mut line = AuditLine::of_operator(sector.now().plus_secs(n as i64), "user.link");
        line.object = format!("user number{n}");
        line.detail = "กขค\n\u{0} and \u{7}".to_owned();
        sector.centre.store.note(line).await.expect("stores");
    }
    let file = sector.folder().join("centre.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("opens");
    (sector, pool)
}

async fn ids(pool: &SqlitePool) -> Vec<i64> {
    let rows = sqlx::query("SELECT id FROM audit ORDER BY id").fetch_all(pool).await.expect("reads");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn run(pool: &SqlitePool, sql: &'static str, values: &[i64]) {
    let mut query = sqlx::query(sql);
    for value in values {
        query = query.bind(*value);
    }
    assert!(query.execute(pool).await.expect("runs").rows_affected() > 0, "{sql}");
}

async fn broken_at(store: &Store) -> Option<i64> {
    match store.verify_audit(None).await.expect("walks") {
        Chain::Whole { .. } => None,
        Chain::Broken { line, .. } => Some(line),
    }
}

#[tokio::test]
async fn an_untouched_chain_holds_over_many_steps() {
    let (sector, pool) = with_lines(2 * LINES_PER_STEP + 10).await;
    let (head, hash) = sector.centre.store.audit_head().await.expect("a head");
    let whole = |noted: Option<&str>| {
        let (store, noted) = (sector.centre.store.clone(), noted.map(str::to_owned));
        async move { store.verify_audit(noted.as_deref()).await.expect("walks") }
    };
    let Chain::Whole { lines, last, forgotten_up_to, .. } = whole(None).await else { panic!("is whole") };
    assert_eq!((lines as usize, last, forgotten_up_to), (ids(&pool).await.len(), (head, hash.clone()), None));
    assert!(matches!(whole(Some(&hash)).await, Chain::Whole { holds: true, .. }));
    assert!(matches!(whole(Some("00ff")).await, Chain::Whole { holds: false, .. }));
    let page = sector.get(Person::Administrator, "/api/v1/audit?limit=1").await.json();
    assert_eq!(page["chain"]["hash"], hash.as_str());
    assert_eq!(page["items"][0]["detail"], "กขค\n\u{fffd} and \u{fffd}");
}

#[tokio::test]
async fn every_edited_field_is_found() {
    for edit in [
        "UPDATE audit SET at = at + 1 WHERE id = ?",
        "UPDATE audit SET user_id = 1 WHERE id = ?",
        "UPDATE audit SET who = 'somebody' WHERE id = ?",
        "UPDATE audit SET action = 'user.create' WHERE id = ?",
        "UPDATE audit SET object = object || '!' WHERE id = ?",
        "UPDATE audit SET facility = '' WHERE id = ?",
        "UPDATE audit SET detail = '' WHERE id = ?",
        "UPDATE audit SET hash = 'a' || hash WHERE id = ?",
    ] {
        let (sector, pool) = with_lines(6).await;
        let store = &sector.centre.store;
        let all = ids(&pool).await;
        let id = all[all.len() - 3];
        assert_eq!(broken_at(store).await, None);
        run(&pool, edit, &[id]).await;
        assert_eq!(broken_at(store).await, Some(id), "{edit}");
    }
}

#[tokio::test]
async fn a_removed_inserted_or_reordered_line_is_found_where_it_is() {
    let (sector, pool) = with_lines(9).await;
    let store = &sector.centre.store;
    let all = ids(&pool).await;
    let (third, fourth, last) = (all[2], all[3], all[all.len() - 1]);
    sqlx::query("CREATE TABLE kept AS SELECT * FROM audit").execute(&pool).await.expect("runs");
    let restore = async || {
        sqlx::query("DELETE FROM audit").execute(&pool).await.expect("runs");
        sqlx::query("INSERT INTO audit SELECT * FROM kept").execute(&pool).await.expect("runs");
        assert_eq!(broken_at(store).await, None);
    };
    run(&pool, "DELETE FROM audit WHERE id = ?", &[third]).await;
    assert_eq!(broken_at(store).await, Some(fourth), "removed");
    restore().await;
    run(&pool, "DELETE FROM audit WHERE id <= ?", &[third]).await;
    assert_eq!(broken_at(store).await, Some(fourth), "the beginning removed");
    restore().await;
    run(&pool, "DELETE FROM audit WHERE id = ?", &[last]).await;
    assert_eq!(broken_at(store).await, Some(all[all.len() - 2]), "the end removed");
    restore().await;
    run(&pool, "INSERT INTO audit SELECT ? + 1, at, user_id, who, action, object, facility, detail, hash FROM audit WHERE id = ?", &[last, third]).await;
    assert_eq!(broken_at(store).await, Some(last + 1), "inserted at the end");
    restore().await;
    run(
        &pool,
        "INSERT INTO audit SELECT 0, at, user_id, who, action, object, facility, detail, hash FROM audit WHERE id = ?",
        &[third],
    )
    .await;
    assert_eq!(broken_at(store).await, Some(0), "inserted at the beginning");
    restore().await;
    run(&pool, "UPDATE audit SET id = -1 WHERE id = ?", &[third]).await;
    run(&pool, "UPDATE audit SET id = ? WHERE id = ?", &[third, fourth]).await;
    run(&pool, "UPDATE audit SET id = ? WHERE id = -1", &[fourth]).await;
    assert_eq!(broken_at(store).await, Some(third), "reordered");
    restore().await;
    run(&pool, "DELETE FROM audit_chain WHERE name = 'head'", &[]).await;
    assert_eq!(broken_at(store).await, Some(0), "the mark removed");
}

#[tokio::test]
async fn what_is_forgotten_with_age_leaves_an_anchor_and_the_rest_still_holds() {
    let (sector, pool) = with_lines(20).await;
    let day = 86_400;
    let before = ids(&pool).await.len();
    let audit_days = i64::from(sector.centre.settings.retention.audit_days);
    sector.advance_secs(audit_days * day + 11);
    let late = AuditLine::of_operator(sector.now(), "user.link");
    sector.centre.store.note(late).await.expect("stores");
    housekeeping::tidy(&sector.centre).await.expect("tidies");
    let Chain::Whole { lines, forgotten_up_to, .. } = sector.centre.store.verify_audit(None).await.expect("walks")
    else {
        panic!("is whole");
    };
    let kept = ids(&pool).await;
    assert_eq!(lines as usize, kept.len());
    assert!(kept.len() < before && kept.len() >= 9, "{}", kept.len());
    assert_eq!(forgotten_up_to, Some(kept[0] - 1));
    run(&pool, "DELETE FROM audit WHERE id = ?", &[kept[0]]).await;
    assert_eq!(broken_at(&sector.centre.store).await, Some(kept[1]));
}

#[tokio::test]
async fn a_centre_of_an_earlier_release_gets_a_chain_over_the_lines_that_it_has() {
    let (sector, pool) = with_lines(2 * LINES_PER_STEP + 10).await;
    for undo in [
        "ALTER TABLE audit DROP COLUMN hash",
        "ALTER TABLE users DROP COLUMN second_factor_at",
        "DROP TABLE audit_chain",
        "DROP TABLE audit_views",
        "DROP TABLE second_factors",
        "DROP TABLE recovery_codes",
        "DROP TABLE api_tokens",
        "DELETE FROM seaql_migrations WHERE version = 'm0004_people'",
    ] {
        sqlx::query(undo).execute(&pool).await.unwrap_or_else(|error| panic!("{undo}: {error}"));
    }
    let before = ids(&pool).await;
    let store = sector.open_again().await;
    let Chain::Whole { lines, last, .. } = store.verify_audit(None).await.expect("walks") else { panic!("is whole") };
    assert_eq!((lines as usize, Some(&last.0)), (before.len(), before.last()));
    store.note(AuditLine::of_operator(sector.now(), "user.link")).await.expect("goes on");
    assert_eq!(broken_at(&store).await, None);
    run(&pool, "UPDATE audit SET who = 'nobody' WHERE id = ?", &[before[5]]).await;
    assert_eq!(broken_at(&store).await, Some(before[5]));
}

#[tokio::test]
async fn two_writers_keep_one_chain() {
    let sector = Sector::empty().await;
    let other = sector.open_again().await;
    let write = |store: Store, who: &'static str| async move {
        for n in 0..40 {
            let line = AuditLine {
                who: who.to_owned(),
                ..AuditLine::of_operator(phitak_model::Timestamp::from_secs(n), "user.link")
            };
            store.note(line).await.expect("stores");
        }
    };
    tokio::join!(write(sector.centre.store.clone(), "one"), write(other.clone(), "two"), write(other, "three"));
    let Chain::Whole { lines, .. } = sector.centre.store.verify_audit(None).await.expect("walks") else {
        panic!("is whole")
    };
    assert!(lines >= 120);
}

#[tokio::test]
async fn the_command_says_that_it_holds_or_the_first_broken_line() {
    let (sector, pool) = with_lines(5).await;
    let verify = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phitak-centre"));
        command.args(["audit", "verify", "--data"]).arg(sector.folder()).args(more);
        let done = command.output().expect("runs");
        let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        (done.status.code(), text)
    };
    let (_, hash) = sector.centre.store.audit_head().await.expect("a head");
    let (code, said) = verify(&["--contains", &hash]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the audit holds") && said.contains(&hash), "{said}");
    let (code, said) = verify(&["--contains", "abcd"]);
    assert_eq!(code, Some(1), "{said}");
    let id = ids(&pool).await[2];
    run(&pool, "UPDATE audit SET detail = 'x' WHERE id = ?", &[id]).await;
    let (code, said) = verify(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("broken at line {id} ")), "{said}");
}
