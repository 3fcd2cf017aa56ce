//! The history of a case: what the centre wrote when something was done, what people say, and what they add to the
//! timeline. Lines are added, never changed; one that misleads is hidden with a reason, and may be shown again.

use crate::{
    audit::AuditLine,
    case_rows::{case_entry as row, case_hidden},
    case_words::EntryKind,
    cases::{at_facility, number_of, reason, text_of, to_write, touched},
    database::Store,
    error::StoreError,
    ids::CaseId,
    scope::Scope,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

/// Most lines of a case's history.
pub const ENTRIES_MAX: u64 = 5_000;
/// Longest text of a line, in characters.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// Longest name of a source, in characters.
pub const SOURCE_CHARS_MAX: usize = 200;
/// Longest name of a line that can be hidden, in characters.
const LINE_CHARS_MAX: usize = 80;

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: i64,
    pub facility: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// When it was written down.
    pub noted_at: Timestamp,
    pub kind: EntryKind,
    pub action: String,
    pub who: String,
    pub source: Option<String>,
    pub text: String,
    pub shared: bool,
}

/// What a person says.
#[derive(Clone, Debug)]
pub struct NewNote {
    pub kind: EntryKind,
    /// Whose part of the case it is; a note has one.
    pub facility: Option<FacilityCode>,
    /// When it happened; now when it is none.
    pub at: Option<Timestamp>,
    pub source: Option<String>,
    pub text: String,
}

/// A line of a timeline that was hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenLine {
    pub line: String,
    pub at: Timestamp,
    pub who: String,
    pub reason: String,
}

/// A line as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewEntry<'a> {
    pub facility: Option<&'a str>,
    pub at: Timestamp,
    pub noted_at: Timestamp,
    pub kind: EntryKind,
    pub action: &'a str,
    pub who: &'a str,
    pub source: Option<&'a str>,
    pub text: Option<&'a str>,
    pub shared: bool,
}

impl<'a> NewEntry<'a> {
    /// Something that was done now, by whom the audit names.
    pub(crate) fn event(audit: &'a AuditLine) -> Self {
        Self {
            facility: None,
            at: audit.at,
            noted_at: audit.at,
            kind: EntryKind::Event,
            action: "",
            who: &audit.who,
            source: None,
            text: None,
            shared: false,
        }
    }
}

pub(crate) async fn add_entry(db: &impl ConnectionTrait, case: CaseId, new: NewEntry<'_>) -> Result<(), StoreError> {
    // What was done is always written down; people's own words have an end.
    if new.kind != EntryKind::Event {
        let there = row::Entity::find().filter(row::Column::CaseId.eq(case.0)).count(db).await?;
        if there >= ENTRIES_MAX {
            return Err(StoreError::conflict(format!("a case has at most {ENTRIES_MAX} lines")));
        }
    }
    row::Entity::insert(row::ActiveModel {
        case_id: Set(case.0),
        facility: Set(new.facility.map(str::to_owned)),
        at: Set(new.at.micros()),
        noted_at: Set(new.noted_at.micros()),
        kind: Set(new.kind.as_str().to_owned()),
        action: Set(new.action.to_owned()),
        who: Set(new.who.to_owned()),
        source: Set(new.source.map(str::to_owned)),
        text: Set(new.text.unwrap_or_default().to_owned()),
        shared: Set(i32::from(new.shared)),
        ..Default::default()
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

impl TryFrom<row::Model> for Entry {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged { table: "case_entries", what: row.kind.clone() };
        Ok(Self {
            id: row.id,
            kind: EntryKind::parse(&row.kind).ok_or_else(damaged)?,
            facility: row.facility,
            at: Timestamp::from_micros(row.at),
            noted_at: Timestamp::from_micros(row.noted_at),
            action: row.action,
            who: row.who,
            source: row.source,
            text: row.text,
            shared: row.shared != 0,
        })
    }
}

impl Store {
    /// Keeps what a person says. A comment stays within the sector's team; a note is between a hospital and the centre.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope or for a hospital that is not in the case; [`StoreError::Invalid`] for an
    /// empty or too long text, or a moment that is still to come.
    pub async fn add_case_note(
        &self,
        scope: &Scope,
        id: CaseId,
        note: &NewNote,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let text = text_of(&note.text, "the text", TEXT_CHARS_MAX)?;
        let named = note.source.as_deref().map(str::trim).filter(|source| !source.is_empty());
        let source = named.map(|source| text_of(source, "the source", SOURCE_CHARS_MAX)).transpose()?;
        let at = note.at.unwrap_or(audit.at);
        crate::case_moments::not_in_the_future(at, audit.at)?;
        let tx = self.write().await?;
        let case = match &note.facility {
            Some(facility) => at_facility(&tx, scope, id, facility).await?,
            None if scope.is_whole_sector() => to_write(&tx, scope, id).await?,
            None => return Err(StoreError::NotFound),
        };
        let entry = NewEntry {
            facility: note.facility.as_ref().map(FacilityCode::as_str),
            at,
            kind: note.kind,
            action: note.kind.as_str(),
            source: source.as_deref(),
            text: Some(&text),
            shared: note.kind == EntryKind::Note,
            ..NewEntry::event(&audit)
        };
        add_entry(&tx, id, entry).await?;
        touched(&tx, id, audit.at).await?;
        let about = format!("case {}", number_of(case.year, case.number));
        audit.about(about, note.facility.as_ref()).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A case's history, oldest first: all of it for the sector; else what the hospitals in scope may read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope, [`StoreError::Database`].
    pub async fn case_entries(&self, scope: &Scope, id: CaseId) -> Result<Vec<Entry>, StoreError> {
        crate::cases::of_id(self.reader(), scope, id).await?;
        let mut find = row::Entity::find().filter(row::Column::CaseId.eq(id.0));
        if !scope.is_whole_sector() {
            let own = Condition::any().add(row::Column::Facility.is_null()).add(scope.admits(row::Column::Facility));
            find = find.filter(row::Column::Shared.eq(1)).filter(own);
        }
        let mut rows = find.order_by_desc(row::Column::Id).limit(ENTRIES_MAX).all(self.reader()).await?;
        rows.reverse();
        rows.into_iter().map(Entry::try_from).collect()
    }

    /// Hides a line of a case's timeline with a reason, or shows it again. Nothing is lost: who hid it and why is kept, and
    /// so is that it was shown again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope or when it is not hidden; [`StoreError::Conflict`] when it is hidden already.
    pub async fn hide_case_line(
        &self,
        scope: &Scope,
        id: CaseId,
        line: &str,
        why: &str,
        hide: Hide,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let why = reason(why)?;
        if line.is_empty() || line.chars().count() > LINE_CHARS_MAX {
            return Err(StoreError::NotFound);
        }
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let key = (id.0, line.to_owned());
        let there = case_hidden::Entity::find_by_id(key.clone()).one(&tx).await?;
        match (hide, there.is_some()) {
            (Hide::Away, true) => return Err(StoreError::conflict("it is hidden already")),
            (Hide::Away, false) => {
                case_hidden::Entity::insert(case_hidden::ActiveModel {
                    case_id: Set(id.0),
                    line: Set(line.to_owned()),
                    at: Set(audit.at.micros()),
                    who: Set(audit.who.clone()),
                    reason: Set(why.clone()),
                })
                .exec_without_returning(&tx)
                .await?;
            }
            (Hide::ShowAgain, false) => return Err(StoreError::NotFound),
            (Hide::ShowAgain, true) => {
                case_hidden::Entity::delete_by_id(key).exec(&tx).await?;
            }
        }
        let action = if hide == Hide::Away { "line_hidden" } else { "line_shown" };
        let entry = NewEntry { action, source: Some(line), text: Some(&why), ..NewEntry::event(&audit) };
        add_entry(&tx, id, entry).await?;
        touched(&tx, id, audit.at).await?;
        let told = format!("{action} {line}: {why}");
        audit.about(format!("case {}", number_of(case.year, case.number)), None).saying(told).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The lines of a case's timeline that are hidden. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn hidden_case_lines(&self, id: CaseId) -> Result<Vec<HiddenLine>, StoreError> {
        let rows = case_hidden::Entity::find()
            .filter(case_hidden::Column::CaseId.eq(id.0))
            .order_by_asc(case_hidden::Column::Line)
            .all(self.reader())
            .await?;
        let hidden = |row: case_hidden::Model| HiddenLine {
            line: row.line,
            at: Timestamp::from_micros(row.at),
            who: row.who,
            reason: row.reason,
        };
        Ok(rows.into_iter().map(hidden).collect())
    }
}

/// What becomes of a line of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hide {
    Away,
    ShowAgain,
}
