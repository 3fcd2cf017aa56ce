//! A facility's counters, brought up to date inside the write that changed what they count.

use crate::{bulk, error::StoreError};
use phitak_model::Severity;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use std::collections::BTreeMap;

/// Facilities whose counters one statement brings up to date.
const FACILITIES_PER_RECOUNT: usize = bulk::LIST_MAX;

/// Which of a facility's counters a write may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Changed {
    pub stories: bool,
    pub findings: bool,
    pub hosts: bool,
    pub heard: bool,
}

impl Changed {
    const NOTHING: Self = Self { stories: false, findings: false, hosts: false, heard: false };
    pub(crate) const STORIES: Self = Self { stories: true, ..Self::NOTHING };
    pub(crate) const FINDINGS: Self = Self { findings: true, ..Self::NOTHING };
    pub(crate) const HEARD: Self = Self { heard: true, ..Self::NOTHING };

    /// The assignments that bring these counters up to date.
    fn assignments(self) -> Vec<String> {
        const STORIES: &str = "(stories_open, stories_call, stories_act) = (SELECT COUNT(*), \
            COALESCE(SUM(CASE WHEN {call} THEN 1 ELSE 0 END), 0), \
            COALESCE(SUM(CASE WHEN s.severity >= {medium} AND NOT ({call}) THEN 1 ELSE 0 END), 0) \
            FROM story_facilities f JOIN stories s ON s.id = f.story_id WHERE f.facility = facilities.code \
            AND s.status IN ('new', 'acknowledged') AND (s.closed_up_to IS NULL OR f.arrived_at > s.closed_up_to))";
        const CALL: &str = "s.severity >= {high} AND (s.status = 'new' OR s.acknowledged_up_to IS NULL \
            OR f.first_arrived_at > s.acknowledged_up_to)";
        const FINDINGS: &str = "(findings_open, findings_claimed, findings_verified) = (SELECT \
            COALESCE(SUM(CASE WHEN n.state IN ('open', 'reopened') THEN 1 ELSE 0 END), 0), \
            COALESCE(SUM(CASE WHEN n.state = 'claimed' THEN 1 ELSE 0 END), 0), \
            COALESCE(SUM(CASE WHEN n.state = 'verified' THEN 1 ELSE 0 END), 0) \
            FROM findings n WHERE n.facility = facilities.code)";
        const HOSTS: &str = "hosts = (SELECT COUNT(*) FROM hosts h WHERE h.facility = facilities.code)";
        const HEARD: &str = "heard_at = (SELECT MAX(last_seen_at) FROM sensors n WHERE n.facility = facilities.code \
            AND n.revoked_at IS NULL)";
        let rank = |severity| crate::words::model_words::severity_rank(severity).to_string();
        [(self.stories, STORIES), (self.findings, FINDINGS), (self.hosts, HOSTS), (self.heard, HEARD)]
            .into_iter()
            .filter(|(is_changed, _)| *is_changed)
            .map(|(_, words)| {
                words
                    .replace("{call}", CALL)
                    .replace("{high}", &rank(Severity::High))
                    .replace("{medium}", &rank(Severity::Medium))
            })
            .collect()
    }
}

/// Brings facilities' counters up to date, inside the write that changed what they count.
pub(crate) async fn recount(db: &impl ConnectionTrait, changed: &BTreeMap<String, Changed>) -> Result<(), StoreError> {
    let mut alike: BTreeMap<Changed, Vec<&str>> = BTreeMap::new();
    for (facility, changed) in changed {
        alike.entry(*changed).or_default().push(facility);
    }
    for (changed, facilities) in alike {
        recount_alike(db, &facilities, changed).await?;
    }
    Ok(())
}

/// [`recount`] of the same counters at each of these facilities.
pub(crate) async fn recount_alike(
    db: &impl ConnectionTrait,
    facilities: &[&str],
    changed: Changed,
) -> Result<(), StoreError> {
    let assignments = changed.assignments().join(", ");
    if assignments.is_empty() {
        return Ok(());
    }
    for part in facilities.chunks(FACILITIES_PER_RECOUNT) {
        let (places, values) = in_list(db.get_database_backend(), &bulk::padded(part));
        let sql = format!("UPDATE facilities SET {assignments} WHERE code IN ({places})");
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

/// Placeholders for these words, with the words.
fn in_list(backend: DbBackend, words: &[&str]) -> (String, Vec<Value>) {
    let place = |n: usize| match backend {
        DbBackend::Postgres => format!("${n}"),
        _ => "?".to_owned(),
    };
    let places: Vec<String> = (1..=words.len()).map(place).collect();
    (places.join(", "), words.iter().map(|word| Value::from(*word)).collect())
}
