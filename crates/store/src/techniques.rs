//! Techniques of attackers that stories show, in a time of arrival.

use crate::{
    database::Store,
    error::StoreError,
    rows::story,
    scope::Scope,
    stories::{ArrivedWithin, StoryFilter, places, sum, unsigned},
    story_window::Window,
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Condition, Expr, ExprTrait, Func, Order, Query, SelectStatement},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most groups of stories by techniques and hospital that are added up.
pub const GROUPS_MAX: u64 = 100_000;
/// Most techniques that are told of: sensors may claim any number's.
pub const TECHNIQUES_MAX: usize = 2_000;

/// What was seen of one technique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenTechnique {
    pub alerts: u64,
    pub stories: u64,
    pub facilities: u64,
}

/// All that was seen, by technique; what shows several of its sub-techniques counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenTechniques {
    pub by_id: BTreeMap<String, SeenTechnique>,
    /// False when there was more than [`GROUPS_MAX`] or [`TECHNIQUES_MAX`].
    pub is_whole: bool,
}

/// Stories of the same techniques at a hospital.
struct Group {
    /// Without their sub-techniques.
    attack: BTreeSet<String>,
    facility: String,
    alerts: u64,
}

impl Store {
    /// What stories brought by technique, in all time or within one; hidden stories too.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn techniques_seen(
        &self,
        scope: &Scope,
        window: Option<ArrivedWithin>,
    ) -> Result<SeenTechniques, StoreError> {
        let filter = StoryFilter { window, ..StoryFilter::default() };
        let groups = self.groups(&by_facility(scope, &filter)).await?;
        let mut seen = SeenTechniques { is_whole: (groups.len() as u64) < GROUPS_MAX, ..SeenTechniques::default() };
        let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for group in &groups {
            for id in &group.attack {
                let own = seen.by_id.entry(id.clone()).or_default();
                own.alerts = own.alerts.saturating_add(group.alerts);
                places.entry(id).or_default().insert(&group.facility);
            }
        }
        for (id, own) in &mut seen.by_id {
            own.facilities = places.get(id.as_str()).map_or(0, |places| places.len() as u64);
        }
        for row in self.reader().query_all(&stories(scope, &filter)).await? {
            let attack = techniques_of(&row.try_get::<String>("", "attack")?)?;
            let number = unsigned(row.try_get("", "number")?);
            for id in attack {
                let own = seen.by_id.entry(id).or_default();
                own.stories = own.stories.saturating_add(number);
            }
        }
        Ok(seen.up_to(TECHNIQUES_MAX))
    }

    async fn groups(&self, select: &SelectStatement) -> Result<Vec<Group>, StoreError> {
        let mut groups = Vec::new();
        for row in self.reader().query_all(select).await? {
            groups.push(Group {
                attack: techniques_of(&row.try_get::<String>("", "attack")?)?,
                facility: row.try_get("", "facility")?,
                alerts: unsigned(row.try_get("", "number")?),
            });
        }
        Ok(groups)
    }
}

impl SeenTechniques {
    /// Those that were seen most.
    fn up_to(mut self, most: usize) -> Self {
        if self.by_id.len() <= most {
            return self;
        }
        let mut all: Vec<(String, SeenTechnique)> = std::mem::take(&mut self.by_id).into_iter().collect();
        all.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.alerts));
        all.truncate(most);
        Self { by_id: all.into_iter().collect(), is_whole: false }
    }
}

/// The techniques in a column; a word of another form is none.
fn techniques_of(attack: &str) -> Result<BTreeSet<String>, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged { table: "stories", what: error.to_string() };
    let words: Vec<String> = serde_json::from_str(attack).map_err(damaged)?;
    Ok(words.iter().filter(|word| is_technique(word)).map(|id| technique_of(id).to_owned()).collect())
}

/// A technique without its sub-technique.
#[must_use]
pub fn technique_of(id: &str) -> &str {
    id.split_once('.').map_or(id, |(technique, _)| technique)
}

/// The rows that count stories in the time, joined to stories that show a technique: with the name of their table.
fn counted(scope: &Scope, filter: &StoryFilter) -> (SelectStatement, &'static str) {
    let (table, rows) = match Window::of(filter) {
        Some(window) => (window.table, window.rows_within(scope)),
        None => ("story_facilities", places(scope, filter)),
    };
    let mut select = Query::select();
    let story_id = Expr::col((story::Entity, story::Column::Id)).equals((table, "story_id"));
    let shows = Expr::col((story::Entity, story::Column::Attack)).ne("[]");
    select.from(table).inner_join(story::Entity, story_id).cond_where(Condition::all().add(rows).add(shows));
    (select, table)
}

fn by_facility(scope: &Scope, filter: &StoryFilter) -> SelectStatement {
    let (mut select, table) = counted(scope, filter);
    let attack = (story::Entity, story::Column::Attack);
    select
        .column(attack)
        .column((table, "facility"))
        .expr_as(sum(Expr::col((table, "alerts"))), "number")
        .group_by_col(attack)
        .group_by_col((table, "facility"))
        .order_by_expr(Expr::col("number"), Order::Desc)
        .limit(GROUPS_MAX);
    select
}

fn stories(scope: &Scope, filter: &StoryFilter) -> SelectStatement {
    let (mut select, table) = counted(scope, filter);
    let attack = (story::Entity, story::Column::Attack);
    select
        .column(attack)
        .expr_as(Func::count_distinct(Expr::col((table, "story_id"))), "number")
        .group_by_col(attack)
        .limit(GROUPS_MAX);
    select
}

/// Whether a column of techniques, as JSON, holds this one or one of its sub-techniques.
pub(crate) fn shows(technique: &str) -> Expr {
    let column = Expr::col((story::Entity, story::Column::Attack));
    // A technique's number has digits alone: nothing of it means anything to LIKE.
    let whole = format!("%\"{technique}\"%");
    let below = format!("%\"{technique}.%");
    column.clone().like(whole).or(column.like(below))
}

/// `T1021` or `T1021.002`.
#[must_use]
pub fn is_technique(text: &str) -> bool {
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix('T').map(|rest| rest.split_once('.').unwrap_or((rest, ""))) {
        Some((number, "")) => digits(number, 4) && !text.ends_with('.'),
        Some((number, below)) => digits(number, 4) && digits(below, 3),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_techniques_those_seen_most_are_told_and_that_there_were_more() {
        let by_id = |alerts: &[u64]| {
            let seen = |alerts: u64| SeenTechnique { alerts, ..SeenTechnique::default() };
            alerts.iter().map(|alerts| (format!("T{alerts:04}"), seen(*alerts))).collect::<BTreeMap<_, _>>()
        };
        let seen = |alerts: &[u64], is_whole| SeenTechniques { by_id: by_id(alerts), is_whole };
        assert_eq!(seen(&[1, 2, 3], true).up_to(3), seen(&[1, 2, 3], true));
        assert_eq!(seen(&[1, 4, 2, 3], true).up_to(3), seen(&[4, 2, 3], false));
    }

    #[test]
    fn sub_techniques_are_folded_into_their_technique_and_other_words_are_none() {
        let attack = r#"["T1021.002", "T1021.001", "T1021", "T1047", "TA0001", "x", "T1021.0022", ""]"#;
        let expected = ["T1021", "T1047"].map(str::to_owned);
        assert_eq!(techniques_of(attack).expect("reads"), BTreeSet::from(expected));
    }

    #[test]
    fn a_technique_is_known_by_its_form() {
        for (text, is) in [
            ("T1021", true),
            ("T1021.002", true),
            ("T1021.", false),
            ("T1021.02", false),
            ("T102", false),
            ("TA0001", false),
            ("t1021", false),
            ("T1021%", false),
            ("", false),
        ] {
            assert_eq!(is_technique(text), is, "{text}");
        }
    }
}
