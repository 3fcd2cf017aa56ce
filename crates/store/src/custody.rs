//! Who had which evidence in hand, when: a log that is only added to, each line following by SHA-256 from the one before
//! it, as the audit does. It is never forgotten, so that what it says of a file outlives the file.

use crate::{
    audit_chain, case_rows::custody as row, database::Store, error::StoreError, ids::EvidenceId,
    rows::audit_chain as mark,
};
use phitak_model::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use sha2::{Digest, Sha256};

/// The log's end among the marks of the audit's chain.
pub(crate) const MARK: &str = "custody";
/// Before the fields of every line, so that a later form cannot be taken for this one.
const FORM: &[u8] = b"phitak custody line 1\n";
/// Latest lines of one file that are shown.
pub const LINES_SHOWN_MAX: u64 = 200;

/// What was done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    Stored,
    /// Somebody got a copy.
    Handed,
    HeldByLaw,
    HoldEnded,
    /// Forgotten with age, with its case.
    Removed,
}

impl Handling {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Handed => "handed",
            Self::HeldByLaw => "held_by_law",
            Self::HoldEnded => "hold_ended",
            Self::Removed => "removed",
        }
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyLine {
    pub id: i64,
    pub evidence: EvidenceId,
    pub at: Timestamp,
    pub who: String,
    pub action: String,
    pub detail: String,
    pub hash: String,
}

/// What became of verifying the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustodyChain {
    Whole { lines: u64, last: (i64, String) },
    Broken { line: i64, at: Option<Timestamp>, what: &'static str },
}

const CHANGED: &str = "it does not follow from the line before it: it was edited, or a line before it was removed, inserted or put elsewhere";
const ENDS_EARLY: &str = "it is the last one, and the centre wrote others after it: the end was removed or changed";
const NO_MARK: &str = "the log's own mark is missing";

/// A line that is being added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewLine<'a> {
    pub evidence: EvidenceId,
    pub sha256: &'a str,
    pub at: Timestamp,
    pub who: &'a str,
    pub handling: Handling,
    pub detail: &'a str,
}

fn hash(before: &str, line: &row::Model) -> String {
    let mut digest = Sha256::new();
    digest.update(FORM);
    let text = |digest: &mut Sha256, text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    };
    text(&mut digest, before);
    digest.update(line.evidence_id.to_be_bytes());
    text(&mut digest, &line.sha256);
    digest.update(line.at.to_be_bytes());
    text(&mut digest, &line.who);
    text(&mut digest, &line.action);
    text(&mut digest, &line.detail);
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) async fn add_line(db: &impl ConnectionTrait, new: NewLine<'_>) -> Result<(), StoreError> {
    let head = mark::Entity::find_by_id(MARK).lock_exclusive().one(db).await?;
    let head = head.ok_or_else(|| StoreError::Damaged { table: "audit_chain", what: NO_MARK.to_owned() })?;
    let mut line = row::Model {
        id: 0,
        evidence_id: new.evidence.0,
        sha256: new.sha256.to_owned(),
        at: new.at.micros(),
        who: new.who.to_owned(),
        action: new.handling.as_str().to_owned(),
        detail: new.detail.to_owned(),
        hash: String::new(),
    };
    line.hash = hash(&head.hash, &line);
    let inserted = row::Entity::insert(row::ActiveModel {
        evidence_id: Set(line.evidence_id),
        sha256: Set(line.sha256),
        at: Set(line.at),
        who: Set(line.who),
        action: Set(line.action),
        detail: Set(line.detail),
        hash: Set(line.hash.clone()),
        ..Default::default()
    })
    .exec(db)
    .await?;
    audit_chain::set_mark(db, MARK, inserted.last_insert_id, line.hash).await
}

impl Store {
    /// Follows the whole log, a bounded number of lines in memory at a time.
    ///
    /// # Errors
    /// [`StoreError::Database`]; a broken log is an answer.
    pub async fn verify_custody(&self) -> Result<CustodyChain, StoreError> {
        let tx = audit_chain::one_moment(self.reader()).await?;
        let Some(end) = mark::Entity::find_by_id(MARK).one(&tx).await? else {
            return Ok(CustodyChain::Broken { line: 0, at: None, what: NO_MARK });
        };
        let (mut lines, mut before, mut last, mut last_at) = (0_u64, audit_chain::BEGINNING.to_owned(), 0_i64, None);
        loop {
            let step = row::Entity::find()
                .filter(row::Column::Id.gt(last))
                .order_by_asc(row::Column::Id)
                .limit(audit_chain::LINES_PER_STEP)
                .all(&tx)
                .await?;
            if step.is_empty() {
                break;
            }
            for line in &step {
                let at = Some(Timestamp::from_micros(line.at));
                if hash(&before, line) != line.hash {
                    return Ok(CustodyChain::Broken { line: line.id, at, what: CHANGED });
                }
                before.clone_from(&line.hash);
                (last, last_at) = (line.id, at);
                lines += 1;
            }
        }
        if (last, &before) != (end.line, &end.hash) {
            return Ok(CustodyChain::Broken { line: last, at: last_at, what: ENDS_EARLY });
        }
        Ok(CustodyChain::Whole { lines, last: (last, before) })
    }

    /// The latest lines of these files, oldest first. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn custody_of(&self, evidence: &[EvidenceId]) -> Result<Vec<CustodyLine>, StoreError> {
        let mut all = Vec::new();
        for id in evidence {
            let mut rows = row::Entity::find()
                .filter(row::Column::EvidenceId.eq(id.0))
                .order_by_desc(row::Column::Id)
                .limit(LINES_SHOWN_MAX)
                .all(self.reader())
                .await?;
            rows.reverse();
            all.extend(rows.into_iter().map(|row| CustodyLine {
                id: row.id,
                evidence: EvidenceId(row.evidence_id),
                at: Timestamp::from_micros(row.at),
                who: row.who,
                action: row.action,
                detail: row.detail,
                hash: row.hash,
            }));
        }
        Ok(all)
    }
}
