//! The audit's chain: each line carries the SHA-256 over the hash of the line before it and its own fields, so that a line
//! that is edited, removed, inserted or put elsewhere is found.
//!
//! Two rows stand outside the lines: the *head* (number and hash of the last line written, so that a missing end is found
//! too) and the *anchor* (those of the last line that was forgotten, from which the first kept line follows). Whoever may
//! write all of the database can compute a new chain: against that, a hash noted elsewhere helps ([`Store::verify_audit`]
//! says whether it still stands in the chain).

use crate::{
    database::Store,
    error::StoreError,
    rows::{audit as row, audit_chain as mark},
};
use phitak_model::Timestamp;
use sea_orm::{
    AccessMode, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend,
    EntityTrait, IsolationLevel, QueryFilter, QueryOrder, QuerySelect, TransactionOptions, TransactionTrait,
    sea_query::Expr,
};
use sha2::{Digest, Sha256};

/// Lines in memory while the chain is verified.
pub const LINES_PER_STEP: u64 = 1_000;
/// Most lines that one round forgets.
pub const LINES_FORGOTTEN_MAX: u64 = 5_000;
/// What the first line of all follows from.
pub(crate) const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
pub(crate) const HEAD: &str = "head";
pub(crate) const ANCHOR: &str = "anchor";
/// Before the fields of every line, so that a later form cannot be taken for this one.
const FORM: &[u8] = b"phitak audit line 1\n";

/// The fields of a line that its hash covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub at: i64,
    pub user_id: Option<i64>,
    pub who: &'a str,
    pub action: &'a str,
    pub object: &'a str,
    pub facility: Option<&'a str>,
    pub detail: &'a str,
}

/// What became of verifying the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    Whole {
        lines: u64,
        /// Number and hash of the last line; 0 and the beginning when there is none.
        last: (i64, String),
        /// The last line that was forgotten, when there is one.
        forgotten_up_to: Option<i64>,
        /// Whether the hash that was asked for stands in the chain.
        holds: bool,
    },
    /// The first line that does not follow, and what that means.
    Broken { line: i64, at: Option<Timestamp>, what: &'static str },
}

const CHANGED: &str = "it does not follow from the line before it: it was edited, or a line before it was removed, inserted or put elsewhere";
const ENDS_EARLY: &str = "it is the last one, and the centre wrote others after it: the end was removed or changed";
const BEFORE_ANCHOR: &str = "it stands before the lines that were forgotten: it was inserted";
const NO_MARKS: &str = "the chain's own marks are missing";

/// The hash of a line: SHA-256 over the form's name, the hash before it, and each field; numbers as eight bytes, the
/// highest first; texts with their length before them; what may be missing with a byte that says so.
pub(crate) fn hash(before: &str, fields: &Fields<'_>) -> String {
    let mut digest = Sha256::new();
    digest.update(FORM);
    let text = |digest: &mut Sha256, text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    };
    text(&mut digest, before);
    digest.update(fields.at.to_be_bytes());
    digest.update([u8::from(fields.user_id.is_some())]);
    digest.update(fields.user_id.unwrap_or(0).to_be_bytes());
    text(&mut digest, fields.who);
    text(&mut digest, fields.action);
    text(&mut digest, fields.object);
    digest.update([u8::from(fields.facility.is_some())]);
    text(&mut digest, fields.facility.unwrap_or_default());
    text(&mut digest, fields.detail);
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash from which the next line follows. Held until the transaction ends, so that of two writers the second waits
/// (SQLite has one writer anyway).
pub(crate) async fn take_head(db: &impl ConnectionTrait) -> Result<String, StoreError> {
    let head = mark::Entity::find_by_id(HEAD).lock_exclusive().one(db).await?;
    head.map(|head| head.hash).ok_or_else(|| StoreError::Damaged { table: "audit_chain", what: NO_MARKS.to_owned() })
}

pub(crate) async fn set_head(db: &impl ConnectionTrait, line: i64, hash: String) -> Result<(), StoreError> {
    set_mark(db, HEAD, line, hash).await
}

pub(crate) async fn set_mark(db: &impl ConnectionTrait, name: &str, line: i64, hash: String) -> Result<(), StoreError> {
    mark::Entity::update_many()
        .col_expr(mark::Column::Line, Expr::value(line))
        .col_expr(mark::Column::Hash, Expr::value(hash))
        .filter(mark::Column::Name.eq(name))
        .exec(db)
        .await?;
    Ok(())
}

impl Store {
    /// Number and hash of the last line, to be noted elsewhere.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the chain has no head, [`StoreError::Database`].
    pub async fn audit_head(&self) -> Result<(i64, String), StoreError> {
        let head = mark::Entity::find_by_id(HEAD).one(self.reader()).await?;
        head.map(|head| (head.line, head.hash))
            .ok_or_else(|| StoreError::Damaged { table: "audit_chain", what: NO_MARKS.to_owned() })
    }

    /// Walks the whole chain as it was at one moment, [`LINES_PER_STEP`] lines in memory at a time.
    ///
    /// # Errors
    /// [`StoreError::Database`]; a broken chain is an answer.
    pub async fn verify_audit(&self, noted: Option<&str>) -> Result<Chain, StoreError> {
        let tx = one_moment(self.reader()).await?;
        let chain = walk(&tx, noted).await?;
        tx.rollback().await?;
        Ok(chain)
    }

    /// Forgets the lines up to the last one that is older than `before`, at most [`LINES_FORGOTTEN_MAX`] of them, and keeps
    /// the anchor from which the next one follows. A line that stands before an old one is old, whatever its clock said.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        let tx = self.write().await?;
        let last_old: Option<i64> = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .filter(row::Column::At.lt(before.micros()))
            .order_by_desc(row::Column::Id)
            .limit(1)
            .into_tuple()
            .one(&tx)
            .await?;
        let Some(last_old) = last_old else { return Ok(0) };
        let last: Vec<(i64, String)> = row::Entity::find()
            .select_only()
            .columns([row::Column::Id, row::Column::Hash])
            .filter(row::Column::Id.lte(last_old))
            .order_by_asc(row::Column::Id)
            .limit(LINES_FORGOTTEN_MAX)
            .into_tuple()
            .all(&tx)
            .await?;
        let Some((id, hash)) = last.into_iter().next_back() else { return Ok(0) };
        set_mark(&tx, ANCHOR, id, hash).await?;
        let gone = row::Entity::delete_many().filter(row::Column::Id.lte(id)).exec(&tx).await?;
        tx.commit().await?;
        Ok(gone.rows_affected)
    }
}

/// A read of everything as it is at one moment.
pub(crate) async fn one_moment(reader: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let postgres = reader.get_database_backend() == DbBackend::Postgres;
    let options = TransactionOptions {
        isolation_level: postgres.then_some(IsolationLevel::RepeatableRead),
        access_mode: postgres.then_some(AccessMode::ReadOnly),
        ..TransactionOptions::default()
    };
    Ok(reader.begin_with_options(options).await?)
}

async fn walk(tx: &DatabaseTransaction, noted: Option<&str>) -> Result<Chain, StoreError> {
    let marks = mark::Entity::find().all(tx).await?;
    let of = |name: &str| marks.iter().find(|mark| mark.name == name);
    let (Some(head), Some(anchor)) = (of(HEAD), of(ANCHOR)) else {
        return Ok(Chain::Broken { line: 0, at: None, what: NO_MARKS });
    };
    let (mut lines, mut after, mut before) = (0_u64, i64::MIN, anchor.hash.clone());
    let mut holds = noted == Some(anchor.hash.as_str());
    let (mut last, mut last_at) = (anchor.line, None);
    loop {
        let step = row::Entity::find()
            .filter(row::Column::Id.gt(after))
            .order_by_asc(row::Column::Id)
            .limit(LINES_PER_STEP)
            .all(tx)
            .await?;
        let Some(end) = step.last() else { break };
        after = end.id;
        for line in &step {
            let at = Some(Timestamp::from_micros(line.at));
            if line.id <= anchor.line {
                return Ok(Chain::Broken { line: line.id, at, what: BEFORE_ANCHOR });
            }
            if hash(&before, &fields(line)) != line.hash {
                return Ok(Chain::Broken { line: line.id, at, what: CHANGED });
            }
            holds |= noted == Some(line.hash.as_str());
            before.clone_from(&line.hash);
            (last, last_at) = (line.id, at);
            lines += 1;
        }
    }
    if (last, &before) != (head.line, &head.hash) {
        return Ok(Chain::Broken { line: last, at: last_at, what: ENDS_EARLY });
    }
    let forgotten_up_to = Some(anchor.line).filter(|line| *line != 0);
    Ok(Chain::Whole { lines, last: (last, before), forgotten_up_to, holds })
}

fn fields(line: &row::Model) -> Fields<'_> {
    Fields {
        at: line.at,
        user_id: line.user_id,
        who: &line.who,
        action: &line.action,
        object: &line.object,
        facility: line.facility.as_deref(),
        detail: &line.detail,
    }
}

/// The empty chain's marks.
pub(crate) fn first_marks() -> [mark::ActiveModel; 2] {
    [HEAD, ANCHOR].map(|name| mark::ActiveModel {
        name: Set(name.to_owned()),
        line: Set(0),
        hash: Set(BEGINNING.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lines_share_a_canonical_form() {
        let line =
            Fields { at: 1, user_id: Some(0), who: "ab", action: "c", object: "", facility: Some(""), detail: "d" };
        let others = [
            Fields { at: 2, ..line },
            Fields { user_id: None, ..line },
            Fields { who: "a", action: "bc", ..line },
            Fields { facility: None, ..line },
            Fields { object: "d", detail: "", ..line },
        ];
        let known = hash(BEGINNING, &line);
        assert_eq!(known.len(), 64);
        assert_eq!(known, hash(BEGINNING, &line));
        for other in others {
            assert_ne!(known, hash(BEGINNING, &other), "{other:?}");
        }
        assert_ne!(known, hash(&known, &line));
    }
}
