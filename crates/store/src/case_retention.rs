//! When a case is forgotten: so long after it was closed, unless the law holds it. Its files lose their rows here; their bytes
//! are the centre's to remove. The custody log stays.

use crate::{
    case_rows::{
        case as row, case_clock, case_entry, case_facility, case_hidden, case_link, case_moment, case_observable,
        case_story, case_task, evidence,
    },
    custody::{Handling, NewLine, add_line},
    database::Store,
    error::StoreError,
    ids::EvidenceId,
};
use phitak_model::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

/// Most cases that one round forgets.
const CASES_PER_ROUND: u64 = 20;
/// Who removed a file with age.
const BY_THE_CENTRE: &str = "centre";

impl Store {
    /// Forgets cases closed before this moment that no legal hold keeps, a bounded number; call again while some were. A case
    /// that was merged into another stays as long as that one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_cases(&self, closed_before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let tx = self.write().await?;
        let there = row::Entity::find().select_only().column(row::Column::Id);
        let old: Vec<i64> = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .filter(row::Column::ClosedAt.lt(closed_before.micros()))
            .filter(row::Column::LegalHold.eq(0))
            .filter(
                Condition::any()
                    .add(row::Column::MergedInto.is_null())
                    .add(row::Column::MergedInto.not_in_subquery(there.into_query())),
            )
            .order_by_asc(row::Column::Id)
            .limit(CASES_PER_ROUND)
            .into_tuple()
            .all(&tx)
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        forget_parts(&tx, &old, now).await?;
        let gone = row::Entity::delete_many().filter(row::Column::Id.is_in(old)).exec(&tx).await?;
        tx.commit().await?;
        Ok(gone.rows_affected)
    }
}

async fn forget_parts(tx: &DatabaseTransaction, cases: &[i64], now: Timestamp) -> Result<(), StoreError> {
    let ids = || cases.iter().copied();
    let files = evidence::Entity::find().filter(evidence::Column::CaseId.is_in(ids())).all(tx).await?;
    for file in files {
        let (evidence, who, handling) = (EvidenceId(file.id), BY_THE_CENTRE, Handling::Removed);
        let line = NewLine { evidence, sha256: &file.sha256, at: now, who, handling, detail: "past its time" };
        add_line(tx, line).await?;
    }
    evidence::Entity::delete_many().filter(evidence::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_facility::Entity::delete_many().filter(case_facility::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_story::Entity::delete_many().filter(case_story::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_entry::Entity::delete_many().filter(case_entry::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_hidden::Entity::delete_many().filter(case_hidden::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_moment::Entity::delete_many().filter(case_moment::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_clock::Entity::delete_many().filter(case_clock::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_task::Entity::delete_many().filter(case_task::Column::CaseId.is_in(ids())).exec(tx).await?;
    case_observable::Entity::delete_many().filter(case_observable::Column::CaseId.is_in(ids())).exec(tx).await?;
    let linked =
        Condition::any().add(case_link::Column::CaseId.is_in(ids())).add(case_link::Column::OtherId.is_in(ids()));
    case_link::Entity::delete_many().filter(linked).exec(tx).await?;
    Ok(())
}
