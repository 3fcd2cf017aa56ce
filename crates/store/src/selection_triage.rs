//! One judgement over a frozen selection, and taking it back: each in a few statements, whatever the number of stories.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    ids::{SelectionId, UserId},
    recount::{self, Changed},
    rows::{selection as row, story_facility},
    selections::SELECTION_KEPT_SECS,
    triage::REASON_CHARS_MAX,
    words::{StoryStatus, TriageAction, Verdict},
};
use phitak_model::{FacilityCode, HealthRegion, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Statement, Value, sea_query::Expr,
};

/// What an analyst does with all of a selection.
#[derive(Clone, Debug)]
pub struct SelectionJudgement {
    pub action: TriageAction,
    pub verdict: Option<Verdict>,
    pub reason: Option<String>,
    /// Who takes them, when acknowledged: the caller, or a colleague.
    pub assignee: (UserId, String),
    pub by: (UserId, String),
}

/// What became of a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionOutcome {
    /// Stories that were changed.
    pub changed: u64,
    /// Stories that somebody else changed meanwhile, or that are gone: left as they are.
    pub left: u64,
    /// The hospitals that it concerns.
    pub places: Vec<(FacilityCode, HealthRegion)>,
}

/// The stories of a selection that stand as they stood when they were frozen.
const UNTOUCHED: &str = "SELECT x.story_id FROM selected_stories x JOIN stories s ON s.id = x.story_id \
    WHERE x.selection_id = {id} AND +s.suppression_id = 0 AND s.status = x.status \
    AND COALESCE(s.verdict, '') = COALESCE(x.verdict, '') AND COALESCE(s.assignee_id, 0) = COALESCE(x.assignee_id, 0) \
    AND COALESCE(s.acknowledged_up_to, 0) = COALESCE(x.acknowledged_up_to, 0) \
    AND COALESCE(s.closed_up_to, 0) = COALESCE(x.closed_up_to, 0)";

/// The stories that a judgement changed.
const CHANGED: &str = "SELECT x.story_id FROM selected_stories x WHERE x.selection_id = {id} AND x.is_changed = 1";

impl Store {
    /// Acknowledges, closes or reopens all of a selection that nobody has changed since it was frozen.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for another person's selection and one that is too old; [`StoreError::Conflict`] when it
    /// was handled already; [`StoreError::Invalid`] when closing lacks its verdict or the reason is too long.
    pub async fn triage_selection(
        &self,
        id: SelectionId,
        judgement: SelectionJudgement,
        audit: AuditLine,
    ) -> Result<SelectionOutcome, StoreError> {
        let SelectionJudgement { action, assignee, .. } = &judgement;
        let reason = judgement.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
            return Err(StoreError::invalid(format!("a reason has at most {REASON_CHARS_MAX} characters")));
        }
        let verdict = judgement.verdict.filter(|_| *action == TriageAction::Close);
        if *action == TriageAction::Close && (verdict.is_none() || reason.is_none()) {
            return Err(StoreError::invalid("closing many stories needs a verdict and a reason"));
        }
        let now = audit.at;
        let tx = self.write().await?;
        let own = own(&tx, id, judgement.by.0, now).await?;
        if own.acted_at.is_some() {
            return Err(StoreError::conflict("this selection was handled already: select again"));
        }
        let run = Run { tx: &tx, id };
        run.execute(
            &format!(
                "UPDATE selected_stories SET is_changed = 1 WHERE selection_id = {{id}} AND story_id IN ({UNTOUCHED})"
            ),
            [],
        )
        .await?;
        run.judge(*action, verdict, assignee, own.up_to).await?;
        let event = "INSERT INTO story_events (story_id, at, who, action, verdict, reason, up_to, assignee_name) \
            SELECT x.story_id, {1}, {2}, {3}, {4}, {5}, {6}, {7} FROM selected_stories x \
            WHERE x.selection_id = {id} AND x.is_changed = 1 ORDER BY x.story_id";
        let given = *action == TriageAction::Acknowledge && assignee.0 != judgement.by.0;
        let verdict_word = verdict.map(|verdict| verdict.as_str().to_owned());
        let values: [Value; 7] = [
            now.micros().into(),
            judgement.by.1.clone().into(),
            action.as_str().into(),
            verdict_word.clone().into(),
            reason.map(str::to_owned).into(),
            own.up_to.into(),
            given.then(|| assignee.1.clone()).into(),
        ];
        run.execute(event, values).await?;
        let outcome = run.settle(own.stories).await?;
        let mut acted = own.into_active_model();
        acted.acted_at = Set(Some(now.micros()));
        acted.action = Set(Some(action.as_str().to_owned()));
        acted.verdict = Set(verdict_word);
        acted.assignee_id = Set(Some(assignee.0.0));
        acted.changed = Set(i64::try_from(outcome.changed).unwrap_or(i64::MAX));
        row::Entity::update(acted).exec(&tx).await?;
        let told = verdict.map_or(String::new(), |verdict| format!(" as {}", verdict.as_str()));
        let whom = if given { format!(" for {}", assignee.1) } else { String::new() };
        let (changed, left) = (outcome.changed, outcome.left);
        let said = format!(
            "{}{told}{whom}: {changed} stories, {left} left as they were: {}",
            action.as_str(),
            reason.unwrap_or("no reason given")
        );
        audit.about(format!("selection {id}"), None).saying(said).store(&tx).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    /// Takes a judgement over a selection back, where nobody has judged otherwise since.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for another person's selection and one that is too old; [`StoreError::Conflict`] when
    /// there is nothing to take back.
    pub async fn undo_selection(
        &self,
        id: SelectionId,
        by: (UserId, String),
        audit: AuditLine,
    ) -> Result<SelectionOutcome, StoreError> {
        let now = audit.at;
        let tx = self.write().await?;
        let own = own(&tx, id, by.0, now).await?;
        let action = own.action.as_deref().and_then(TriageAction::parse).filter(|_| own.undone_at.is_none());
        let action = action.ok_or_else(|| StoreError::conflict("there is nothing to take back"))?;
        let run = Run { tx: &tx, id };
        let (sql, values): (&str, Vec<Value>) = match action {
            TriageAction::Acknowledge => (
                "s.status = 'acknowledged' AND s.acknowledged_up_to = {1} AND s.assignee_id = {2}",
                vec![own.up_to.into(), own.assignee_id.into()],
            ),
            // One that came back and that a colleague took since is the colleague's.
            TriageAction::Close => (
                "s.closed_up_to = {1} AND s.verdict = {2} AND s.status <> 'acknowledged'",
                vec![own.up_to.into(), own.verdict.clone().into()],
            ),
            TriageAction::Reopen => ("s.status = 'new' AND s.closed_up_to IS NULL", Vec::new()),
        };
        run.execute(
            &format!(
                "UPDATE selected_stories SET is_changed = 0 WHERE selection_id = {{id}} AND is_changed = 1 \
                 AND story_id NOT IN (SELECT s.id FROM stories s WHERE s.id IN ({CHANGED}) AND {sql})"
            ),
            values,
        )
        .await?;
        run.execute(
            // What came since to a story that was closed is seen: as where alerts are stored, it is new again.
            "UPDATE stories SET status = CASE WHEN x.status = 'closed' \
             AND stories.arrived_at > COALESCE(x.closed_up_to, 0) THEN 'new' ELSE x.status END, verdict = x.verdict, assignee_id = x.assignee_id, \
             assignee_name = x.assignee_name, acknowledged_up_to = x.acknowledged_up_to, \
             closed_up_to = x.closed_up_to FROM selected_stories x WHERE x.selection_id = {id} \
             AND x.is_changed = 1 AND stories.id = x.story_id",
            [],
        )
        .await?;
        let event = "INSERT INTO story_events (story_id, at, who, action) SELECT x.story_id, {1}, {2}, 'undo' \
            FROM selected_stories x WHERE x.selection_id = {id} AND x.is_changed = 1 ORDER BY x.story_id";
        run.execute(event, [now.micros().into(), by.1.into()]).await?;
        let outcome = run.settle(own.changed).await?;
        let mut undone = own.into_active_model();
        undone.undone_at = Set(Some(now.micros()));
        row::Entity::update(undone).exec(&tx).await?;
        let said =
            format!("{} taken back: {} stories, {} left as they were", action.as_str(), outcome.changed, outcome.left);
        audit.about(format!("selection {id}"), None).saying(said).store(&tx).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// A selection in a write.
struct Run<'a> {
    tx: &'a DatabaseTransaction,
    id: SelectionId,
}

impl Run<'_> {
    /// Runs a statement in which `{id}` is the selection's number and `{1}`, `{2}`, … are the values.
    async fn execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, StoreError> {
        let backend = self.tx.get_database_backend();
        let values: Vec<Value> = values.into_iter().collect();
        let mut sql = sql.replace("{id}", &self.id.0.to_string());
        for n in 1..=values.len() {
            // SQLite counts its places by `?1` as PostgreSQL does by `$1`.
            let place = if backend == sea_orm::DbBackend::Postgres { format!("${n}") } else { format!("?{n}") };
            sql = sql.replace(&format!("{{{n}}}"), &place);
        }
        Ok(self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?.rows_affected())
    }

    /// As [`Store::triage`] does with one.
    async fn judge(
        &self,
        action: TriageAction,
        verdict: Option<Verdict>,
        assignee: &(UserId, String),
        up_to: i64,
    ) -> Result<(), StoreError> {
        let (new, closed) = (StoryStatus::New.as_str(), StoryStatus::Closed.as_str());
        let acknowledged = StoryStatus::Acknowledged.as_str();
        let (set, values): (String, Vec<Value>) = match action {
            TriageAction::Acknowledge => (
                format!(
                    "status = '{acknowledged}', acknowledged_up_to = {{1}}, assignee_id = {{2}}, assignee_name = {{3}}"
                ),
                vec![up_to.into(), assignee.0.0.into(), assignee.1.clone().into()],
            ),
            TriageAction::Close => (
                format!(
                    "status = CASE WHEN arrived_at > {{1}} THEN '{new}' ELSE '{closed}' END, verdict = {{2}}, \
                     closed_up_to = {{1}}, acknowledged_up_to = NULL"
                ),
                vec![up_to.into(), verdict.map(|verdict| verdict.as_str().to_owned()).into()],
            ),
            TriageAction::Reopen => (
                format!("status = '{new}', verdict = NULL, closed_up_to = NULL, acknowledged_up_to = NULL"),
                Vec::new(),
            ),
        };
        self.execute(&format!("UPDATE stories SET {set} WHERE id IN ({CHANGED})"), values).await?;
        Ok(())
    }

    /// Counts what was changed, and brings the counters of its hospitals up to date.
    async fn settle(&self, of: i64) -> Result<SelectionOutcome, StoreError> {
        let changed = CHANGED.replace("{id}", &self.id.0.to_string());
        let backend = self.tx.get_database_backend();
        let count = Statement::from_string(backend, format!("SELECT COUNT(*) AS number FROM ({changed}) AS c"));
        let count = self.tx.query_one_raw(count).await?.ok_or(StoreError::NotFound)?;
        let number: i64 = count.try_get("", "number")?;
        let found: Vec<(String, i32)> = story_facility::Entity::find()
            .select_only()
            .columns([story_facility::Column::Facility, story_facility::Column::Region])
            .distinct()
            .filter(Expr::cust(format!("story_id IN ({changed})")))
            .order_by_asc(story_facility::Column::Facility)
            .into_tuple()
            .all(self.tx)
            .await?;
        let codes: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
        recount::recount_alike(self.tx, &codes, Changed::STORIES).await?;
        let damaged = |what: String| StoreError::Damaged { table: "story_facilities", what };
        let place = |(code, region): &(String, i32)| {
            let code = FacilityCode::new(code).map_err(|error| damaged(error.to_string()))?;
            Ok((code, crate::facilities::region_of(*region).map_err(damaged)?))
        };
        Ok(SelectionOutcome {
            changed: u64::try_from(number).unwrap_or(0),
            left: u64::try_from(of.saturating_sub(number)).unwrap_or(0),
            places: found.iter().map(place).collect::<Result<_, StoreError>>()?,
        })
    }
}

/// A person's own selection, while it can be handled.
async fn own(tx: &DatabaseTransaction, id: SelectionId, by: UserId, now: Timestamp) -> Result<row::Model, StoreError> {
    row::Entity::find_by_id(id.0)
        .filter(row::Column::UserId.eq(by.0))
        .filter(row::Column::CreatedAt.gte(now.plus_secs(-SELECTION_KEPT_SECS).micros()))
        .one(tx)
        .await?
        .ok_or(StoreError::NotFound)
}
