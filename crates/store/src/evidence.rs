//! Files kept as evidence of a case: what each is, by its SHA-256. The bytes are the centre's own to keep; a row stands only
//! for bytes that are whole and on the disk.

use crate::{
    audit::AuditLine,
    case_entries::{NewEntry, add_entry},
    case_rows::{case, evidence as row},
    cases::{at_facility, number_of, of_id, reason, text_of, to_write, touched},
    custody::{Handling, NewLine, add_line},
    database::Store,
    error::StoreError,
    ids::{CaseId, EvidenceId},
    scope::Scope,
    stories::{sum, unsigned},
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

/// Most files of a case.
pub const FILES_MAX: u64 = 500;
/// Longest name that somebody gave a file, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// Longest note, in characters.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Files of one step of a verification.
const FILES_PER_STEP: u64 = 500;

/// What becomes of a legal hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Begin,
    End,
}

/// A file that is on the disk and becomes evidence.
#[derive(Clone, Debug)]
pub struct NewEvidence {
    /// None: only the sector's team sees it.
    pub facility: Option<FacilityCode>,
    /// 64 hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
    /// What the file was called where it came from: shown, never used as a path.
    pub name: String,
    pub note: String,
}

/// A file kept as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub id: EvidenceId,
    pub case: CaseId,
    pub facility: Option<String>,
    pub sha256: String,
    pub bytes: u64,
    pub name: String,
    pub note: String,
    pub stored_at: Timestamp,
    pub stored_by: String,
}

impl From<row::Model> for Evidence {
    fn from(row: row::Model) -> Self {
        Self {
            id: EvidenceId(row.id),
            case: CaseId(row.case_id),
            facility: row.facility,
            sha256: row.sha256,
            bytes: unsigned(row.bytes),
            name: row.name,
            note: row.note,
            stored_at: Timestamp::from_micros(row.stored_at),
            stored_by: row.stored_by,
        }
    }
}

/// A name to show: without control characters, on one line, and not too long. What a path would mean is nothing here.
#[must_use]
pub fn shown_name(name: &str) -> String {
    let shown: String = name.trim().chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect();
    if shown.is_empty() { "file".to_owned() } else { shown }
}

impl Store {
    /// Whether a file may be added here: asked before any of it is taken.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Conflict`] when the case is full or merged.
    pub async fn may_add_evidence(
        &self,
        scope: &Scope,
        id: CaseId,
        facility: Option<&FacilityCode>,
    ) -> Result<(), StoreError> {
        match facility {
            Some(facility) => at_facility(self.reader(), scope, id, facility).await?,
            None if scope.is_whole_sector() => to_write(self.reader(), scope, id).await?,
            None => return Err(StoreError::NotFound),
        };
        let there = row::Entity::find().filter(row::Column::CaseId.eq(id.0)).count(self.reader()).await?;
        if there >= FILES_MAX {
            return Err(StoreError::conflict(format!("a case has at most {FILES_MAX} files")));
        }
        Ok(())
    }

    /// Keeps what a file on the disk is, and begins its custody.
    ///
    /// # Errors
    /// As [`Store::may_add_evidence`]; [`StoreError::Invalid`] for a note that is too long.
    pub async fn add_evidence(
        &self,
        scope: &Scope,
        id: CaseId,
        new: &NewEvidence,
        audit: AuditLine,
    ) -> Result<Evidence, StoreError> {
        let note = match new.note.trim() {
            "" => String::new(),
            note => text_of(note, "a note", NOTE_CHARS_MAX)?,
        };
        self.may_add_evidence(scope, id, new.facility.as_ref()).await?;
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let name = shown_name(&new.name);
        let facility = new.facility.as_ref().map(FacilityCode::as_str);
        let inserted = row::Entity::insert(row::ActiveModel {
            case_id: Set(id.0),
            facility: Set(facility.map(str::to_owned)),
            sha256: Set(new.sha256.clone()),
            bytes: Set(i64::try_from(new.bytes).unwrap_or(i64::MAX)),
            name: Set(name.clone()),
            note: Set(note),
            stored_at: Set(audit.at.micros()),
            stored_by: Set(audit.who.clone()),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        let evidence = EvidenceId(inserted.last_insert_id);
        let detail = format!("{} bytes", new.bytes);
        let (who, sha256) = (audit.who.as_str(), new.sha256.as_str());
        let line = NewLine { evidence, sha256, at: audit.at, who, handling: Handling::Stored, detail: &detail };
        add_line(&tx, line).await?;
        let entry = NewEntry {
            facility,
            action: "evidence",
            source: Some(&name),
            text: Some(sha256),
            shared: facility.is_some(),
            ..NewEntry::event(&audit)
        };
        add_entry(&tx, id, entry).await?;
        touched(&tx, id, audit.at).await?;
        let about = format!("case {}", number_of(case.year, case.number));
        let told = format!("evidence {evidence}, {detail}, sha256 {sha256}");
        audit.about(about, new.facility.as_ref()).saying(told).store(&tx).await?;
        tx.commit().await?;
        self.evidence(scope, evidence).await
    }

    /// One file. One that belongs to no hospital is seen by the sector alone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope.
    pub async fn evidence(&self, scope: &Scope, id: EvidenceId) -> Result<Evidence, StoreError> {
        let found =
            row::Entity::find_by_id(id.0).filter(scope.admits(row::Column::Facility)).one(self.reader()).await?;
        found.map(Evidence::from).ok_or(StoreError::NotFound)
    }

    /// The files of a case in scope, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope.
    pub async fn evidence_of_case(&self, scope: &Scope, id: CaseId) -> Result<Vec<Evidence>, StoreError> {
        of_id(self.reader(), scope, id).await?;
        let rows = row::Entity::find()
            .filter(row::Column::CaseId.eq(id.0))
            .filter(scope.admits(row::Column::Facility))
            .order_by_asc(row::Column::Id)
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(Evidence::from).collect())
    }

    /// Writes down that somebody gets a copy; called before the first byte leaves.
    ///
    /// # Errors
    /// [`StoreError::Database`]: then nobody gets anything.
    pub async fn hand_evidence(&self, evidence: &Evidence, who: &str, at: Timestamp) -> Result<(), StoreError> {
        let tx = self.write().await?;
        let handling = Handling::Handed;
        let line = NewLine { evidence: evidence.id, sha256: &evidence.sha256, at, who, handling, detail: "" };
        add_line(&tx, line).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets or ends a case's legal hold: while it holds, nothing of the case is removed with age.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it stands so already; [`StoreError::Invalid`] without a reason.
    pub async fn hold_case(
        &self,
        scope: &Scope,
        id: CaseId,
        hold: Hold,
        why: &str,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let why = reason(why)?;
        let tx = self.write().await?;
        let case = of_id(&tx, scope, id).await?;
        let (held, action, handling) = match hold {
            Hold::Begin => (1, "hold_set", Handling::HeldByLaw),
            Hold::End => (0, "hold_ended", Handling::HoldEnded),
        };
        if case.legal_hold == held {
            return Err(StoreError::conflict("it stands so already"));
        }
        let label = number_of(case.year, case.number);
        let mut changed = case.into_active_model();
        changed.legal_hold = Set(held);
        case::Entity::update(changed).exec(&tx).await?;
        for file in row::Entity::find().filter(row::Column::CaseId.eq(id.0)).all(&tx).await? {
            let (evidence, who) = (EvidenceId(file.id), audit.who.as_str());
            let line = NewLine { evidence, sha256: &file.sha256, at: audit.at, who, handling, detail: &why };
            add_line(&tx, line).await?;
        }
        add_entry(&tx, id, NewEntry { action, text: Some(&why), ..NewEntry::event(&audit) }).await?;
        touched(&tx, id, audit.at).await?;
        audit.about(format!("case {label}"), None).saying(format!("{action}: {why}")).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Bytes of all evidence: a file that two cases keep counts twice.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn evidence_bytes(&self) -> Result<u64, StoreError> {
        let bytes: Option<Option<i64>> = row::Entity::find()
            .select_only()
            .column_as(sum(Expr::col(row::Column::Bytes)), "bytes")
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(unsigned(bytes.flatten().unwrap_or(0)))
    }

    /// Whether any case keeps a file of this SHA-256.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keeps_evidence(&self, sha256: &str) -> Result<bool, StoreError> {
        let number = row::Entity::find().filter(row::Column::Sha256.eq(sha256)).count(self.reader()).await?;
        Ok(number > 0)
    }

    /// The files after this one, in the order of their numbers, a bounded number: for backups and verification.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn evidence_after(&self, after: EvidenceId) -> Result<Vec<Evidence>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::Id.gt(after.0))
            .order_by_asc(row::Column::Id)
            .limit(FILES_PER_STEP)
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(Evidence::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_and_never_more() {
        assert_eq!(shown_name("../../etc/passwd"), "../../etc/passwd");
        assert_eq!(shown_name("a\0b\nc\u{7f}"), "abc");
        assert_eq!(shown_name(" \0 "), "file");
        assert_eq!(shown_name(&"ก".repeat(500)).chars().count(), NAME_CHARS_MAX);
    }
}
