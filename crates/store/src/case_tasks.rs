//! What is to be done in a case, by whom and by when: written by hand, or by a playbook whose version each task keeps.

use crate::{
    audit::AuditLine,
    bulletin_content::BulletinText,
    case_entries::{NewEntry, add_entry},
    case_rows::{case_facility, case_task as row},
    case_words::TaskState,
    cases::{number_of, of_id, reason, text_of, to_write, touched},
    database::Store,
    error::StoreError,
    ids::{CaseId, TaskId},
    scope::Scope,
};
use phitak_model::{FacilityCode, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder,
};

/// Most tasks of a case.
pub const TASKS_MAX: u64 = 1_000;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 400;
/// Longest name of who does it, in characters.
pub const WHO_CHARS_MAX: usize = 120;

/// A task that is being added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// None for the centre's own.
    pub facility: Option<FacilityCode>,
    pub title: BulletinText,
    pub who: Option<String>,
    pub due_at: Option<Timestamp>,
    /// The playbook, its version and the step in it.
    pub from: Option<(String, String, String)>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    pub facility: Option<String>,
    pub title: BulletinText,
    pub who: Option<String>,
    pub due_at: Option<Timestamp>,
    pub state: TaskState,
    pub playbook: Option<(String, String)>,
    pub created_at: Timestamp,
    pub settled_at: Option<Timestamp>,
    pub settled_by: Option<String>,
    pub note: Option<String>,
}

/// What became of a task.
#[derive(Clone, Debug)]
pub struct TaskSettling {
    pub state: TaskState,
    /// Needed when it is not needed any more.
    pub note: Option<String>,
}

impl TryFrom<row::Model> for Task {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged { table: "case_tasks", what: row.state.clone() };
        Ok(Self {
            id: TaskId(row.id),
            state: TaskState::parse(&row.state).ok_or_else(damaged)?,
            facility: row.facility,
            title: BulletinText::new(row.title_th, row.title_en),
            who: row.who,
            due_at: row.due_at.map(Timestamp::from_micros),
            playbook: row.playbook.zip(row.playbook_version),
            created_at: Timestamp::from_micros(row.created_at),
            settled_at: row.settled_at.map(Timestamp::from_micros),
            settled_by: row.settled_by,
            note: row.note,
        })
    }
}

impl Store {
    /// Adds tasks to a case. A step of a playbook that is there already at its hospital is not added again. Gives how many
    /// were added.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a hospital that is not in the case; [`StoreError::Conflict`] past [`TASKS_MAX`], or when
    /// nothing is new.
    pub async fn add_case_tasks(
        &self,
        scope: &Scope,
        id: CaseId,
        tasks: &[NewTask],
        audit: AuditLine,
    ) -> Result<usize, StoreError> {
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let there = row::Entity::find().filter(row::Column::CaseId.eq(id.0)).all(&tx).await?;
        let places = case_facility::Entity::find().filter(case_facility::Column::CaseId.eq(id.0)).all(&tx).await?;
        let mut added = 0_usize;
        for task in tasks {
            let code = task.facility.as_ref().map(FacilityCode::as_str);
            if code.is_some_and(|code| !places.iter().any(|place| place.facility == code)) {
                return Err(StoreError::NotFound);
            }
            let step = task.from.as_ref().map(|(book, _, step)| (book.as_str(), step.as_str()));
            let known = there.iter().any(|known| {
                let same = known.playbook.as_deref().zip(known.step.as_deref()) == step;
                step.is_some() && same && known.facility.as_deref() == code
            });
            if known {
                continue;
            }
            added += 1;
            if there.len() as u64 + added as u64 > TASKS_MAX {
                return Err(StoreError::conflict(format!("a case has at most {TASKS_MAX} tasks")));
            }
            insert(&tx, id, task, &audit).await?;
        }
        if added == 0 {
            return Err(StoreError::conflict("these tasks are there already"));
        }
        let from =
            tasks.first().and_then(|task| task.from.as_ref()).map(|(book, version, _)| format!("{book}@{version}"));
        let action = if from.is_some() { "playbook" } else { "task_added" };
        let title = tasks.first().map(|task| task.title.th.as_str());
        let text = if from.is_some() { None } else { title };
        let facility = tasks.first().filter(|_| from.is_none()).and_then(|task| task.facility.as_ref());
        let entry = NewEntry {
            action,
            source: from.as_deref(),
            text,
            facility: facility.map(FacilityCode::as_str),
            ..NewEntry::event(&audit)
        };
        add_entry(&tx, id, entry).await?;
        touched(&tx, id, audit.at).await?;
        let told = format!("{added} tasks {}", from.unwrap_or_default());
        audit.about(format!("case {}", number_of(case.year, case.number)), None).saying(told.trim()).store(&tx).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// The tasks of a case: all for the sector, else those of the hospitals in scope. In the order in which they were added.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope.
    pub async fn case_tasks(&self, scope: &Scope, id: CaseId) -> Result<Vec<Task>, StoreError> {
        of_id(self.reader(), scope, id).await?;
        let rows = row::Entity::find()
            .filter(row::Column::CaseId.eq(id.0))
            .filter(scope.admits(row::Column::Facility))
            .order_by_asc(row::Column::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Task::try_from).collect()
    }

    /// Says what became of a task, by the sector or by the hospital whose it is. Gives its case.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] outside the scope; [`StoreError::Invalid`] when it is dropped without a reason.
    pub async fn settle_task(
        &self,
        scope: &Scope,
        id: TaskId,
        settling: &TaskSettling,
        audit: AuditLine,
    ) -> Result<CaseId, StoreError> {
        let tx = self.write().await?;
        let task = row::Entity::find_by_id(id.0).filter(scope.admits(row::Column::Facility)).one(&tx).await?;
        let task = task.ok_or(StoreError::NotFound)?;
        let case_id = CaseId(task.case_id);
        let case = to_write(&tx, scope, case_id).await?;
        let note = settling.note.as_deref().map(str::trim).filter(|note| !note.is_empty()).map(reason).transpose()?;
        if settling.state == TaskState::Dropped && note.is_none() {
            return Err(StoreError::invalid("a task that is not needed any more needs a reason"));
        }
        let facility = task.facility.clone();
        let title = task.title_th.clone();
        let settled = settling.state != TaskState::Open;
        let mut changed = task.into_active_model();
        changed.state = Set(settling.state.as_str().to_owned());
        changed.settled_at = Set(settled.then(|| audit.at.micros()));
        changed.settled_by = Set(Some(audit.who.clone()).filter(|_| settled));
        changed.note = Set(note.clone());
        row::Entity::update(changed).exec(&tx).await?;
        let action = match settling.state {
            TaskState::Open => "task_open",
            TaskState::Done => "task_done",
            TaskState::Dropped => "task_dropped",
        };
        let entry = NewEntry {
            facility: facility.as_deref(),
            action,
            source: Some(&title),
            text: note.as_deref(),
            shared: facility.is_some(),
            ..NewEntry::event(&audit)
        };
        add_entry(&tx, case_id, entry).await?;
        touched(&tx, case_id, audit.at).await?;
        let place = facility.as_deref().and_then(|code| FacilityCode::new(code).ok());
        let told = format!("task {id} {}", settling.state.as_str());
        audit
            .about(format!("case {}", number_of(case.year, case.number)), place.as_ref())
            .saying(told)
            .store(&tx)
            .await?;
        tx.commit().await?;
        Ok(case_id)
    }

    /// How many tasks of a case are open. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open_case_tasks(&self, id: CaseId) -> Result<u64, StoreError> {
        let open = row::Entity::find()
            .filter(row::Column::CaseId.eq(id.0))
            .filter(row::Column::State.eq(TaskState::Open.as_str()));
        Ok(open.count(self.reader()).await?)
    }
}

async fn insert(db: &impl ConnectionTrait, id: CaseId, task: &NewTask, audit: &AuditLine) -> Result<(), StoreError> {
    let th = text_of(&task.title.th, "a task, in Thai,", TITLE_CHARS_MAX)?;
    let en = if task.title.en.trim().is_empty() {
        String::new()
    } else {
        text_of(&task.title.en, "a task, in English,", TITLE_CHARS_MAX)?
    };
    let named = task.who.as_deref().map(str::trim).filter(|who| !who.is_empty());
    let who = named.map(|who| text_of(who, "who does it", WHO_CHARS_MAX)).transpose()?;
    let (playbook, version, step) = match &task.from {
        Some((book, version, step)) => (Some(book.clone()), Some(version.clone()), Some(step.clone())),
        None => (None, None, None),
    };
    row::Entity::insert(row::ActiveModel {
        case_id: Set(id.0),
        facility: Set(task.facility.as_ref().map(ToString::to_string)),
        title_th: Set(th),
        title_en: Set(en),
        who: Set(who),
        due_at: Set(task.due_at.map(Timestamp::micros)),
        state: Set(TaskState::Open.as_str().to_owned()),
        playbook: Set(playbook),
        playbook_version: Set(version),
        step: Set(step),
        created_at: Set(audit.at.micros()),
        created_by: Set(audit.who.clone()),
        settled_at: Set(None),
        settled_by: Set(None),
        note: Set(None),
        ..Default::default()
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}
