//! A case: one incident, at one or several hospitals, from the first call to its closing.
//!
//! The title, the assignee, comments and who of the team did what are the sector's own. A hospital sees the words that are
//! meant for it, its own tasks, deadlines, notes and files, and nothing of any other hospital.

use crate::{
    audit::AuditLine,
    bulletin_content::BulletinText,
    case_clocks, case_due,
    case_entries::{NewEntry, add_entry},
    case_moments::{self, NewMoment},
    case_parts,
    case_rows::{case as row, case_facility},
    case_words::{CaseSource, CaseStatus, ClockState, ThreatLevel},
    database::Store,
    error::StoreError,
    ids::{CaseId, StoryId, UserId},
    scope::Scope,
    triage::REASON_CHARS_MAX,
};
use phitak_model::{
    FacilityCode, Timestamp,
    thai::{BANGKOK_OFFSET_SECS, BUDDHIST_ERA_OFFSET_YEARS},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

/// Longest title, and longest sentence for the hospitals, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest name of a caller, in characters.
pub const CALLER_CHARS_MAX: usize = 200;
/// The categories of the notification of 2023 are 0 to 9.
pub const CATEGORY_MAX: u8 = 9;

/// A case as the caller may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub id: CaseId,
    /// Such as `2569-0001`.
    pub number: String,
    pub title: String,
    /// What the hospitals read.
    pub told: BulletinText,
    pub status: CaseStatus,
    pub level: ThreatLevel,
    /// Of the notification of 2023: 0 to 9, rising.
    pub categories: Vec<u8>,
    pub assignee: Option<(UserId, String)>,
    pub source: CaseSource,
    pub caller: Option<String>,
    pub called_at: Option<Timestamp>,
    pub opened_at: Timestamp,
    pub opened_by: String,
    pub changed_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub close_reason: Option<String>,
    pub merged_into: Option<CaseId>,
    /// Nothing of it is removed with age.
    pub legal_hold: bool,
    /// Codes of its hospitals in scope, rising.
    pub facilities: Vec<String>,
}

/// A case that is being opened.
#[derive(Clone, Debug)]
pub struct NewCase {
    pub title: String,
    pub told: BulletinText,
    pub source: CaseSource,
    pub caller: Option<String>,
    pub called_at: Option<Timestamp>,
    pub facilities: Vec<FacilityCode>,
    pub stories: Vec<StoryId>,
    /// What started the law's clocks already.
    pub moments: Vec<NewMoment>,
    pub assignee: Option<(UserId, String)>,
}

/// A person's judgement of a case; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Assessment {
    pub level: Option<ThreatLevel>,
    pub categories: Option<Vec<u8>>,
}

/// `2569-0001`.
pub(crate) fn number_of(year: i32, number: i64) -> String {
    format!("{year}-{number:04}")
}

/// The Buddhist year in which this moment lies in Bangkok.
pub(crate) fn buddhist_year(at: Timestamp) -> i32 {
    i32::try_from(at.civil(BANGKOK_OFFSET_SECS).year + BUDDHIST_ERA_OFFSET_YEARS).unwrap_or(0)
}

/// A text without spaces around it, within 1 and `chars_max` characters, on any number of lines.
pub(crate) fn text_of(text: &str, what: &str, chars_max: usize) -> Result<String, StoreError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max {
        return Err(StoreError::invalid(format!("{what} has 1 to {chars_max} characters")));
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err(StoreError::invalid(format!("{what} holds a control character")));
    }
    Ok(text.to_owned())
}

pub(crate) fn reason(text: &str) -> Result<String, StoreError> {
    text_of(text, "a reason", REASON_CHARS_MAX)
}

/// What the scope lets through: every case for the sector, else those of one of its hospitals.
pub(crate) fn visible(scope: &Scope) -> Condition {
    if scope.is_whole_sector() {
        return Condition::all();
    }
    let of_scope = case_facility::Entity::find()
        .select_only()
        .column(case_facility::Column::CaseId)
        .filter(scope.admits(case_facility::Column::Facility));
    Condition::all().add(row::Column::Id.in_subquery(of_scope.into_query()))
}

/// The case's row, when the scope lets it through.
pub(crate) async fn of_id(db: &impl ConnectionTrait, scope: &Scope, id: CaseId) -> Result<row::Model, StoreError> {
    row::Entity::find_by_id(id.0).filter(visible(scope)).one(db).await?.ok_or(StoreError::NotFound)
}

/// The same for a write: a case that was merged into another is read only.
pub(crate) async fn to_write(db: &impl ConnectionTrait, scope: &Scope, id: CaseId) -> Result<row::Model, StoreError> {
    let case = of_id(db, scope, id).await?;
    if case.merged_into.is_some() {
        return Err(StoreError::conflict("it was merged into another case: write there, or take it out again"));
    }
    Ok(case)
}

/// The case's row, when this hospital is in the scope and in the case.
pub(crate) async fn at_facility(
    db: &impl ConnectionTrait,
    scope: &Scope,
    id: CaseId,
    facility: &FacilityCode,
) -> Result<row::Model, StoreError> {
    let case = to_write(db, scope, id).await?;
    case_facility::Entity::find_by_id((id.0, facility.as_str().to_owned()))
        .filter(scope.admits(case_facility::Column::Facility))
        .one(db)
        .await?
        .ok_or(StoreError::NotFound)?;
    Ok(case)
}

/// Ends a write: the case has changed, and so may what is due next.
pub(crate) async fn touched(db: &impl ConnectionTrait, id: CaseId, at: Timestamp) -> Result<(), StoreError> {
    let changed = row::ActiveModel { id: Set(id.0), changed_at: Set(at.micros()), ..Default::default() };
    row::Entity::update(changed).exec(db).await?;
    case_due::recount_due(db, id).await
}

impl Case {
    pub(crate) fn of(row: row::Model, facilities: Vec<String>) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Damaged { table: "cases", what: what.to_owned() };
        let moment = |at: Option<i64>| at.map(Timestamp::from_micros);
        Ok(Self {
            id: CaseId(row.id),
            number: number_of(row.year, row.number),
            status: CaseStatus::parse(&row.status).ok_or_else(|| damaged(&row.status))?,
            level: ThreatLevel::parse(&row.level).ok_or_else(|| damaged(&row.level))?,
            categories: serde_json::from_str(&row.categories).map_err(|_| damaged(&row.categories))?,
            source: CaseSource::parse(&row.source).ok_or_else(|| damaged(&row.source))?,
            title: row.title,
            told: BulletinText::new(row.told_th, row.told_en),
            assignee: row.assignee_id.map(UserId).zip(row.assignee_name),
            caller: row.caller,
            called_at: moment(row.called_at),
            opened_at: Timestamp::from_micros(row.opened_at),
            opened_by: row.opened_by,
            changed_at: Timestamp::from_micros(row.changed_at),
            closed_at: moment(row.closed_at),
            close_reason: row.close_reason,
            merged_into: row.merged_into.map(CaseId),
            legal_hold: row.legal_hold != 0,
            facilities,
        })
    }
}

/// Who called, and when: needed when nothing else tells of the case.
fn call_of(new: &NewCase, now: Timestamp) -> Result<(Option<String>, Option<i64>), StoreError> {
    match new.source {
        CaseSource::Story if new.stories.is_empty() => Err(StoreError::invalid("no story is named")),
        CaseSource::Story => Ok((None, None)),
        CaseSource::Phone => {
            let caller = text_of(new.caller.as_deref().unwrap_or_default(), "who called", CALLER_CHARS_MAX)?;
            let called_at = new.called_at.ok_or_else(|| StoreError::invalid("when the call came is needed"))?;
            case_moments::not_in_the_future(called_at, now)?;
            Ok((Some(caller), Some(called_at.micros())))
        }
    }
}

impl Store {
    /// Opens a case and gives it the next number of its Buddhist year.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names what lacks; [`StoreError::NotFound`] for a hospital or story that is not there.
    pub async fn open_case(&self, scope: &Scope, new: NewCase, audit: AuditLine) -> Result<Case, StoreError> {
        let title = text_of(&new.title, "a title", TITLE_CHARS_MAX)?;
        let told = told_of(&new.told)?;
        let (caller, called_at) = call_of(&new, audit.at)?;
        if new.facilities.is_empty() {
            return Err(StoreError::invalid("no hospital is named"));
        }
        let tx = self.write().await?;
        let year = buddhist_year(audit.at);
        let last: Option<i64> = row::Entity::find()
            .select_only()
            .column(row::Column::Number)
            .filter(row::Column::Year.eq(year))
            .order_by_desc(row::Column::Number)
            .limit(1)
            .into_tuple()
            .one(&tx)
            .await?;
        let number = last.unwrap_or(0).saturating_add(1);
        let inserted = row::Entity::insert(row::ActiveModel {
            year: Set(year),
            number: Set(number),
            title: Set(title),
            told_th: Set(told.th),
            told_en: Set(told.en),
            status: Set(CaseStatus::Open.as_str().to_owned()),
            level: Set(ThreatLevel::Undetermined.as_str().to_owned()),
            categories: Set("[]".to_owned()),
            assignee_id: Set(new.assignee.as_ref().map(|(id, _)| id.0)),
            assignee_name: Set(new.assignee.as_ref().map(|(_, name)| name.clone())),
            source: Set(new.source.as_str().to_owned()),
            caller: Set(caller.clone()),
            called_at: Set(called_at),
            opened_at: Set(audit.at.micros()),
            opened_by: Set(audit.who.clone()),
            changed_at: Set(audit.at.micros()),
            closed_at: Set(None),
            close_reason: Set(None),
            merged_into: Set(None),
            legal_hold: Set(0),
            next_due_at: Set(None),
            ..Default::default()
        })
        .exec(&tx)
        .await?;
        let id = CaseId(inserted.last_insert_id);
        let entry = NewEntry { action: "opened", text: caller.as_deref(), shared: true, ..NewEntry::event(&audit) };
        add_entry(&tx, id, entry).await?;
        case_parts::add_facilities(&tx, scope, id, &new.facilities, &audit).await?;
        case_parts::add_stories(&tx, id, &self.stories_for_case(scope, &new.stories).await?, &audit).await?;
        for moment in &new.moments {
            case_moments::add_moment(&tx, id, moment, &audit).await?;
        }
        case_due::recount_due(&tx, id).await?;
        audit.about(format!("case {}", number_of(year, number)), None).store(&tx).await?;
        tx.commit().await?;
        self.case(scope, id).await
    }

    /// One case, as far as it lies in the scope.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when none of its hospitals lies in the scope.
    pub async fn case(&self, scope: &Scope, id: CaseId) -> Result<Case, StoreError> {
        let row = of_id(self.reader(), scope, id).await?;
        let facilities = case_parts::facilities_of(self.reader(), scope, id).await?;
        Case::of(row, facilities)
    }

    /// Moves a case on, or back. Closing needs a reason, and every clock of the law settled.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when clocks still run, or it stands there already.
    pub async fn set_case_status(
        &self,
        scope: &Scope,
        id: CaseId,
        status: CaseStatus,
        why: Option<&str>,
        audit: AuditLine,
    ) -> Result<Case, StoreError> {
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let label = number_of(case.year, case.number);
        if case.status == status.as_str() {
            return Err(StoreError::conflict(format!("it is {} already", status.as_str())));
        }
        let closing = status == CaseStatus::Closed;
        let again = case.status == CaseStatus::Closed.as_str();
        let why = match why.map(str::trim).filter(|why| !why.is_empty()) {
            Some(why) => Some(reason(why)?),
            None if closing || again => {
                return Err(StoreError::invalid("closing a case, or opening it again, needs a reason"));
            }
            None => None,
        };
        if closing {
            let running = case_clocks::count_in_state(&tx, id, ClockState::Running).await?;
            if running > 0 {
                return Err(StoreError::conflict(format!(
                    "{running} deadlines of the law are neither done nor set aside with a reason"
                )));
            }
        }
        let mut changed = case.into_active_model();
        changed.status = Set(status.as_str().to_owned());
        changed.closed_at = Set(closing.then(|| audit.at.micros()));
        changed.close_reason = Set(why.clone().filter(|_| closing));
        row::Entity::update(changed).exec(&tx).await?;
        let entry = NewEntry { action: status.as_str(), text: why.as_deref(), shared: true, ..NewEntry::event(&audit) };
        add_entry(&tx, id, entry).await?;
        touched(&tx, id, audit.at).await?;
        let told = format!("{}: {}", status.as_str(), why.as_deref().unwrap_or("no reason given"));
        audit.about(format!("case {label}"), None).saying(told).store(&tx).await?;
        tx.commit().await?;
        self.case(scope, id).await
    }

    /// Keeps a person's judgement of level and categories, with the reason; the one before stays in the history.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] without a reason, without anything judged, or for a category that is not there.
    pub async fn assess_case(
        &self,
        scope: &Scope,
        id: CaseId,
        assessment: &Assessment,
        why: &str,
        audit: AuditLine,
    ) -> Result<Case, StoreError> {
        let why = reason(why)?;
        let categories = assessment.categories.as_ref().map(|categories| categories_of(categories)).transpose()?;
        if assessment.level.is_none() && categories.is_none() {
            return Err(StoreError::invalid("neither a level nor categories are given"));
        }
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let label = number_of(case.year, case.number);
        let mut said = Vec::new();
        let mut changed = case.clone().into_active_model();
        if let Some(level) = assessment.level {
            let told = format!("{} → {}", case.level, level.as_str());
            let entry = NewEntry { action: "level", source: Some(&told), text: Some(&why), ..NewEntry::event(&audit) };
            add_entry(&tx, id, entry).await?;
            changed.level = Set(level.as_str().to_owned());
            said.push(format!("level {told}"));
        }
        if let Some(categories) = categories {
            let told = format!("{} → {categories}", case.categories);
            let entry =
                NewEntry { action: "categories", source: Some(&told), text: Some(&why), ..NewEntry::event(&audit) };
            add_entry(&tx, id, entry).await?;
            said.push(format!("categories {told}"));
            changed.categories = Set(categories);
        }
        row::Entity::update(changed).exec(&tx).await?;
        touched(&tx, id, audit.at).await?;
        audit.about(format!("case {label}"), None).saying(format!("{}: {why}", said.join("; "))).store(&tx).await?;
        tx.commit().await?;
        self.case(scope, id).await
    }
}

/// Rising, each once.
fn categories_of(categories: &[u8]) -> Result<String, StoreError> {
    if let Some(strange) = categories.iter().find(|category| **category > CATEGORY_MAX) {
        return Err(StoreError::invalid(format!("there is no category {strange}")));
    }
    let mut categories = categories.to_vec();
    categories.sort_unstable();
    categories.dedup();
    serde_json::to_string(&categories).map_err(|error| StoreError::invalid(error.to_string()))
}

pub(crate) fn told_of(told: &BulletinText) -> Result<BulletinText, StoreError> {
    let th = text_of(&told.th, "what the hospital reads, in Thai,", TITLE_CHARS_MAX)?;
    let en = if told.en.trim().is_empty() {
        String::new()
    } else {
        text_of(&told.en, "what the hospital reads, in English,", TITLE_CHARS_MAX)?
    };
    Ok(BulletinText::new(th, en))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_follows_the_buddhist_year_of_bangkok() {
        let year = |text: &str| buddhist_year(Timestamp::parse(text).expect("a moment"));
        assert_eq!(year("2026-12-31T16:59:59Z"), 2569);
        assert_eq!(year("2026-12-31T17:00:00Z"), 2570);
        assert_eq!((number_of(2569, 1), number_of(2569, 12_345)), ("2569-0001".to_owned(), "2569-12345".to_owned()));
    }

    #[test]
    fn categories_are_those_of_the_notification_each_once() {
        assert_eq!(categories_of(&[6, 4, 4]).expect("known"), "[4,6]");
        assert_eq!(categories_of(&[]).expect("none"), "[]");
        assert!(categories_of(&[10]).is_err());
    }
}
