//! ATT&CK: what the shipped rules look for, what was seen, and what nobody looks for.

use crate::{
    ask::Asked,
    attack::{self, Attack},
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
    route::{Reach, Route, Who},
    story_ask::Since,
    wire::Text,
};
use axum::{Json, extract::State};
use phitak_store::{Role, techniques::SeenTechnique};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{IntoParams, ToSchema};

/// Techniques outside the list that are told of.
const UNKNOWN_MAX: usize = 100;
/// Those who look after several hospitals.
const OVERSEERS: Who = Who::Roles(&[Role::Administrator, Role::Analyst, Role::RegionOfficer]);

#[derive(Debug, Serialize, ToSchema)]
pub struct AttackMatrix {
    /// The date as of which the list of techniques is
    pub version: String,
    pub source: String,
    pub copyright: String,
    /// In the matrix's order
    pub tactics: Vec<AttackTactic>,
    /// Techniques of the list; those with a shipped rule; those that were seen; those with neither
    pub techniques: u64,
    pub covered: u64,
    pub seen: u64,
    pub blind: u64,
    /// Techniques of rules or stories that the list does not know, at most 100, those seen most first
    pub unknown: Vec<AttackTechnique>,
    /// False when more was seen than was added up
    pub whole: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AttackTactic {
    pub id: String,
    pub name: Text,
    pub techniques: Vec<AttackTechnique>,
}

/// A technique with all its sub-techniques.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackTechnique {
    pub id: String,
    /// MITRE's own, in English
    pub name: String,
    /// Shipped rules that look for it
    pub rules: u64,
    /// Of the time that was asked for, at the caller's hospitals
    pub alerts: u64,
    pub stories: u64,
    /// At how many hospitals
    pub facilities: u64,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AttackQuery {
    /// By arrival at the centre; `7d` without it
    #[param(inline)]
    pub since: Option<Since>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/attack")
            .summary("MITRE ATT&CK: techniques with the shipped rules for them and what was seen of them")
            .allow(OVERSEERS, Reach::Tenant)
            .query::<AttackQuery>()
            .answers::<AttackMatrix>()
            .to(matrix),
    ]
}

async fn matrix(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<AttackQuery>,
) -> Result<Json<AttackMatrix>, Refusal> {
    let list = attack::shipped().ok_or_else(Refusal::unavailable)?;
    let window = query.since.unwrap_or(Since::Week).window(centre.clock.now());
    let seen = centre.store.techniques_seen(caller.scope(), window).await?;
    let matrix = matrix_of(list, &seen.by_id);
    Ok(Json(AttackMatrix { whole: matrix.whole && seen.is_whole, ..matrix }))
}

fn matrix_of(list: &Attack, seen: &BTreeMap<String, SeenTechnique>) -> AttackMatrix {
    let rules = attack::rules_by_technique();
    let cell = |id: &str, name: &str| {
        let of_it = seen.get(id).cloned().unwrap_or_default();
        AttackTechnique {
            id: id.to_owned(),
            name: name.to_owned(),
            rules: rules.get(id).map_or(0, |sids| sids.len() as u64),
            alerts: of_it.alerts,
            stories: of_it.stories,
            facilities: of_it.facilities,
        }
    };
    let cells: BTreeMap<&str, AttackTechnique> =
        list.techniques.iter().map(|own| (own.id.as_str(), cell(&own.id, &own.name))).collect();
    let tactics = list.tactics.iter().map(|tactic| {
        let of_it = list.techniques.iter().filter(|technique| technique.tactics.contains(&tactic.id));
        let techniques = of_it.filter_map(|technique| cells.get(technique.id.as_str()).cloned()).collect();
        AttackTactic { id: tactic.id.clone(), name: tactic.name.clone(), techniques }
    });
    let said: BTreeSet<&str> = rules.keys().chain(seen.keys()).map(String::as_str).collect();
    let mut unknown: Vec<AttackTechnique> =
        said.into_iter().filter(|id| !cells.contains_key(id)).map(|id| cell(id, "")).collect();
    unknown.sort_by_key(|cell| std::cmp::Reverse(cell.alerts));
    let whole = unknown.len() <= UNKNOWN_MAX;
    unknown.truncate(UNKNOWN_MAX);
    let count = |wanted: fn(&AttackTechnique) -> bool| cells.values().filter(|cell| wanted(cell)).count() as u64;
    AttackMatrix {
        version: list.version.clone(),
        source: list.source.clone(),
        copyright: list.copyright.clone(),
        techniques: cells.len() as u64,
        covered: count(|cell| cell.rules > 0),
        seen: count(|cell| cell.alerts > 0),
        blind: count(|cell| cell.rules == 0 && cell.alerts == 0),
        tactics: tactics.collect(),
        unknown,
        whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_that_the_list_does_not_know_are_told_up_to_a_limit_those_seen_most_first() {
        let list = attack::shipped().expect("reads");
        let seen = |number: usize| {
            let one =
                |n: usize| (format!("T{:04}", 9_000 + n), SeenTechnique { alerts: n as u64, ..Default::default() });
            (1..=number).map(one).collect::<BTreeMap<_, _>>()
        };
        let full = matrix_of(list, &seen(UNKNOWN_MAX));
        assert_eq!((full.unknown.len(), full.whole), (UNKNOWN_MAX, true));
        let over = matrix_of(list, &seen(UNKNOWN_MAX + 1));
        assert_eq!((over.unknown.len(), over.whole), (UNKNOWN_MAX, false));
        assert_eq!(over.unknown[0].alerts, UNKNOWN_MAX as u64 + 1);
    }
}
