//! What belongs to a case: its hospitals, the stories from which it came, other cases, and the case it was merged into.

use crate::{
    audit::AuditLine,
    bulletin_content::BulletinText,
    case_entries::{NewEntry, add_entry},
    case_rows::{case as row, case_facility, case_link, case_story},
    case_words::CaseStatus,
    cases::{Case, TITLE_CHARS_MAX, number_of, of_id, reason, text_of, to_write, told_of, touched},
    database::Store,
    error::StoreError,
    facilities,
    ids::{CaseId, StoryId, UserId},
    scope::Scope,
    stories::Story,
    words::model_words::{severity_of, severity_rank},
};
use phitak_model::{FacilityCode, Severity, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::BTreeSet;

/// Most hospitals of a case.
pub const FACILITIES_MAX: u64 = 200;
/// Most stories of a case.
pub const STORIES_MAX: u64 = 100;
/// Most links of a case to others.
pub const LINKS_MAX: u64 = 100;

/// A story of a case, as it stood when it was added: the case outlives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseStory {
    pub story: StoryId,
    pub signature_id: u32,
    pub signature: String,
    pub severity: Severity,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub added_at: Timestamp,
}

/// A case that another is linked with, or was merged from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseLink {
    pub other: CaseId,
    pub number: String,
    pub title: String,
    pub status: CaseStatus,
    pub reason: String,
}

/// What is changed of a case's words and person; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct CaseWords {
    pub title: Option<String>,
    pub told: Option<BulletinText>,
    /// `Some(None)` takes the person away.
    pub assignee: Option<Option<(UserId, String)>>,
}

pub(crate) async fn facilities_of(
    db: &impl ConnectionTrait,
    scope: &Scope,
    id: CaseId,
) -> Result<Vec<String>, StoreError> {
    Ok(case_facility::Entity::find()
        .select_only()
        .column(case_facility::Column::Facility)
        .filter(case_facility::Column::CaseId.eq(id.0))
        .filter(scope.admits(case_facility::Column::Facility))
        .order_by_asc(case_facility::Column::Facility)
        .into_tuple()
        .all(db)
        .await?)
}

/// Adds those that are not there yet.
pub(crate) async fn add_facilities(
    db: &impl ConnectionTrait,
    scope: &Scope,
    id: CaseId,
    codes: &[FacilityCode],
    audit: &AuditLine,
) -> Result<(), StoreError> {
    let mut there: BTreeSet<String> = facilities_of(db, scope, id).await?.into_iter().collect();
    for code in codes {
        if !there.insert(code.to_string()) {
            continue;
        }
        if there.len() as u64 > FACILITIES_MAX {
            return Err(StoreError::invalid(format!("a case has at most {FACILITIES_MAX} hospitals")));
        }
        facilities::of_code(db, code).await?;
        case_facility::Entity::insert(case_facility::ActiveModel {
            case_id: Set(id.0),
            facility: Set(code.to_string()),
            added_at: Set(audit.at.micros()),
            next_due_at: Set(None),
        })
        .exec_without_returning(db)
        .await?;
        let entry = NewEntry {
            facility: Some(code.as_str()),
            action: "facility_added",
            shared: true,
            ..NewEntry::event(audit)
        };
        add_entry(db, id, entry).await?;
    }
    Ok(())
}

/// Adds those that are not there yet, with what is known of them now.
pub(crate) async fn add_stories(
    db: &impl ConnectionTrait,
    id: CaseId,
    stories: &[Story],
    audit: &AuditLine,
) -> Result<(), StoreError> {
    let there = case_story::Entity::find().filter(case_story::Column::CaseId.eq(id.0)).all(db).await?;
    let mut known: BTreeSet<i64> = there.into_iter().map(|story| story.story_id).collect();
    for story in stories {
        if !known.insert(story.id.0) {
            continue;
        }
        if known.len() as u64 > STORIES_MAX {
            return Err(StoreError::invalid(format!("a case has at most {STORIES_MAX} stories")));
        }
        case_story::Entity::insert(case_story::ActiveModel {
            case_id: Set(id.0),
            story_id: Set(story.id.0),
            signature_id: Set(i64::from(story.signature_id)),
            signature: Set(story.signature.clone()),
            severity: Set(severity_rank(story.severity)),
            first_at: Set(story.first_at.micros()),
            last_at: Set(story.last_at.micros()),
            added_at: Set(audit.at.micros()),
        })
        .exec_without_returning(db)
        .await?;
        let entry = NewEntry { action: "story_added", source: Some(&story.signature), ..NewEntry::event(audit) };
        add_entry(db, id, entry).await?;
    }
    Ok(())
}

impl Store {
    /// These stories, each there and in scope.
    pub(crate) async fn stories_for_case(&self, scope: &Scope, ids: &[StoryId]) -> Result<Vec<Story>, StoreError> {
        let unique: BTreeSet<StoryId> = ids.iter().copied().collect();
        if unique.len() as u64 > STORIES_MAX {
            return Err(StoreError::invalid(format!("a case has at most {STORIES_MAX} stories")));
        }
        let unique: Vec<StoryId> = unique.into_iter().collect();
        let stories = self.stories_by_id(scope, &Default::default(), &unique).await?;
        if stories.len() != unique.len() {
            return Err(StoreError::NotFound);
        }
        Ok(stories)
    }

    /// Adds hospitals and stories to a case.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for one that is not there, [`StoreError::Invalid`] past the limits.
    pub async fn add_case_parts(
        &self,
        scope: &Scope,
        id: CaseId,
        parts: (&[FacilityCode], &[StoryId]),
        audit: AuditLine,
    ) -> Result<Case, StoreError> {
        let stories = self.stories_for_case(scope, parts.1).await?;
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        add_facilities(&tx, scope, id, parts.0, &audit).await?;
        add_stories(&tx, id, &stories, &audit).await?;
        touched(&tx, id, audit.at).await?;
        let told = format!("{} hospitals, {} stories named", parts.0.len(), stories.len());
        audit.about(format!("case {}", number_of(case.year, case.number)), None).saying(told).store(&tx).await?;
        tx.commit().await?;
        self.case(scope, id).await
    }

    /// Changes a case's words, or who looks after it.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a text that is empty or too long.
    pub async fn edit_case(
        &self,
        scope: &Scope,
        id: CaseId,
        words: CaseWords,
        audit: AuditLine,
    ) -> Result<Case, StoreError> {
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let label = number_of(case.year, case.number);
        let mut changed = case.into_active_model();
        let mut said = Vec::new();
        if let Some(title) = words.title {
            let title = text_of(&title, "a title", TITLE_CHARS_MAX)?;
            let entry = NewEntry { action: "title", text: Some(&title), ..NewEntry::event(&audit) };
            add_entry(&tx, id, entry).await?;
            changed.title = Set(title);
            said.push("title".to_owned());
        }
        if let Some(told) = words.told {
            let told = told_of(&told)?;
            let entry = NewEntry { action: "told", text: Some(&told.th), ..NewEntry::event(&audit) };
            add_entry(&tx, id, entry).await?;
            (changed.told_th, changed.told_en) = (Set(told.th), Set(told.en));
            said.push("words for the hospitals".to_owned());
        }
        if let Some(assignee) = words.assignee {
            let name = assignee.as_ref().map(|(_, name)| name.as_str());
            let entry = NewEntry { action: "assignee", text: name, ..NewEntry::event(&audit) };
            add_entry(&tx, id, entry).await?;
            said.push(format!("assignee {}", name.unwrap_or("nobody")));
            changed.assignee_id = Set(assignee.as_ref().map(|(id, _)| id.0));
            changed.assignee_name = Set(assignee.map(|(_, name)| name));
        }
        row::Entity::update(changed).exec(&tx).await?;
        touched(&tx, id, audit.at).await?;
        audit.about(format!("case {label}"), None).saying(said.join(", ")).store(&tx).await?;
        tx.commit().await?;
        self.case(scope, id).await
    }

    /// The stories of a case. Only the sector may ask: a story can name several hospitals.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn case_stories(&self, id: CaseId) -> Result<Vec<CaseStory>, StoreError> {
        let rows = case_story::Entity::find()
            .filter(case_story::Column::CaseId.eq(id.0))
            .order_by_asc(case_story::Column::StoryId)
            .all(self.reader())
            .await?;
        let story = |row: case_story::Model| CaseStory {
            story: StoryId(row.story_id),
            signature_id: u32::try_from(row.signature_id).unwrap_or(0),
            signature: row.signature,
            severity: severity_of(row.severity),
            first_at: Timestamp::from_micros(row.first_at),
            last_at: Timestamp::from_micros(row.last_at),
            added_at: Timestamp::from_micros(row.added_at),
        };
        Ok(rows.into_iter().map(story).collect())
    }

    /// The latest case in which a story is, merged ones left out. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn cases_of_story(&self, story: StoryId) -> Result<Vec<(CaseId, String)>, StoreError> {
        let ids: Vec<i64> = case_story::Entity::find()
            .select_only()
            .column(case_story::Column::CaseId)
            .filter(case_story::Column::StoryId.eq(story.0))
            .order_by_desc(case_story::Column::CaseId)
            .limit(LINKS_MAX)
            .into_tuple()
            .all(self.reader())
            .await?;
        let rows = row::Entity::find()
            .filter(row::Column::Id.is_in(ids))
            .filter(row::Column::MergedInto.is_null())
            .order_by_desc(row::Column::Id)
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(|row| (CaseId(row.id), number_of(row.year, row.number))).collect())
    }

    /// Links two cases, seen from both.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when they are linked; [`StoreError::Invalid`] for one case with itself, or too many links.
    pub async fn link_cases(
        &self,
        scope: &Scope,
        id: CaseId,
        other: CaseId,
        why: &str,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let why = reason(why)?;
        if id == other {
            return Err(StoreError::invalid("a case is not linked with itself"));
        }
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let far = of_id(&tx, scope, other).await?;
        if case_link::Entity::find_by_id((id.0, other.0)).one(&tx).await?.is_some() {
            return Err(StoreError::conflict("they are linked already"));
        }
        for (one, two, label) in
            [(id, other, number_of(far.year, far.number)), (other, id, number_of(case.year, case.number))]
        {
            let there = case_link::Entity::find().filter(case_link::Column::CaseId.eq(one.0)).count(&tx).await?;
            if there >= LINKS_MAX {
                return Err(StoreError::invalid(format!("a case has at most {LINKS_MAX} links")));
            }
            let link = case_link::ActiveModel {
                case_id: Set(one.0),
                other_id: Set(two.0),
                at: Set(audit.at.micros()),
                who: Set(audit.who.clone()),
                reason: Set(why.clone()),
            };
            case_link::Entity::insert(link).exec_without_returning(&tx).await?;
            let entry =
                NewEntry { action: "linked", source: Some(&label), text: Some(&why), ..NewEntry::event(&audit) };
            add_entry(&tx, one, entry).await?;
        }
        touched(&tx, id, audit.at).await?;
        audit.about(format!("case {}", number_of(case.year, case.number)), None).saying(why).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Cases that this one is linked with, and those that were merged into it. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn case_links(&self, id: CaseId) -> Result<(Vec<CaseLink>, Vec<CaseLink>), StoreError> {
        let links = case_link::Entity::find().filter(case_link::Column::CaseId.eq(id.0)).all(self.reader()).await?;
        let ids: Vec<i64> = links.iter().map(|link| link.other_id).collect();
        let any = Condition::any().add(row::Column::Id.is_in(ids)).add(row::Column::MergedInto.eq(id.0));
        let rows = row::Entity::find().filter(any).order_by_asc(row::Column::Id).all(self.reader()).await?;
        let (mut linked, mut merged) = (Vec::new(), Vec::new());
        for case in rows {
            let status = CaseStatus::parse(&case.status)
                .ok_or_else(|| StoreError::Damaged { table: "cases", what: case.status.clone() })?;
            let mut link = CaseLink {
                other: CaseId(case.id),
                number: number_of(case.year, case.number),
                title: case.title,
                status,
                reason: case.close_reason.unwrap_or_default(),
            };
            if case.merged_into == Some(id.0) {
                merged.push(link);
            } else if let Some(known) = links.iter().find(|known| known.other_id == case.id) {
                link.reason.clone_from(&known.reason);
                linked.push(link);
            }
        }
        Ok((linked, merged))
    }
}
