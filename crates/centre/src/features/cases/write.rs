//! Opening a case, and what the sector's team does with it as such.

use super::{
    asks::{Assessing, Holding, Linking, Merging, Opening, Parting, StatusChange, WithReason, Wording},
    shapes::CaseDetail,
    told::{Circle, changed, tell},
};
use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    named::names_no_other,
    refusal::Refusal,
    wire::Text,
};
use axum::{Json, extract::State};
use phitak_model::FacilityCode;
use phitak_store::{
    Assessment, BulletinText, CaseId, NewCase, NewMoment, Scope, StoryId, UserId,
    case_parts::{CaseWords, FACILITIES_MAX},
    evidence::Hold,
};

/// The event from which the first clocks count.
const NOTICED: &str = "noticed";

/// Codes that a person names, each a hospital of the sector.
async fn facilities_of(centre: &Centre, scope: &Scope, named: &[String]) -> Result<Vec<FacilityCode>, Refusal> {
    if named.len() as u64 > FACILITIES_MAX {
        return Err(Refusal::invalid(format!("a case has at most {FACILITIES_MAX} hospitals")));
    }
    let codes: Vec<String> = named.iter().map(|code| code.trim().to_owned()).collect();
    let known = centre.store.facilities_named(scope, &codes).await?;
    if let Some(strange) = codes.iter().find(|code| !known.iter().any(|facility| facility.code.as_str() == *code)) {
        return Err(Refusal::invalid(format!("there is no hospital {strange:?}")));
    }
    Ok(known.into_iter().map(|facility| facility.code).collect())
}

/// What several hospitals read names none of them, and what one reads names no other.
async fn told_of(centre: &Centre, scope: &Scope, told: &Text, own: &[String]) -> Result<BulletinText, Refusal> {
    let own = if let [one] = own { Some(one.as_str()) } else { None };
    names_no_other(&centre.store.all_facilities(scope).await?, own, &[&told.th, &told.en])?;
    Ok(told.into())
}

pub(super) async fn open(
    State(centre): State<Centre>,
    caller: Caller,
    Body(opening): Body<Opening>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (scope, now) = (caller.scope(), centre.clock.now());
    let facilities = facilities_of(&centre, scope, &opening.facilities).await?;
    let told = told_of(&centre, scope, &opening.told, &opening.facilities).await?;
    let moments = opening.noticed_at.map_or_else(Vec::new, |at| {
        let moment = |facility: &FacilityCode| NewMoment {
            facility: facility.clone(),
            event: NOTICED.to_owned(),
            at: at.0,
            reason: None,
            clocks: centre.law.clocks_of(NOTICED, at.0),
        };
        facilities.iter().map(moment).collect()
    });
    let user = &caller.signed_in().user;
    let new = NewCase {
        title: opening.title,
        told,
        source: opening.source.into(),
        caller: opening.caller,
        called_at: opening.called_at.map(|at| at.0),
        facilities,
        stories: opening.stories.into_iter().map(StoryId).collect(),
        moments,
        assignee: Some((user.id, user.name.clone())),
    };
    let case = centre.store.open_case(scope, new, caller.audit(now)?).await?;
    changed(&centre, scope, case.id, Circle::All).await
}

pub(super) async fn status(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(standing): Body<StatusChange>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    centre.store.set_case_status(scope, id, standing.status.into(), standing.reason.as_deref(), audit).await?;
    changed(&centre, scope, id, Circle::All).await
}

pub(super) async fn assess(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(assessing): Body<Assessing>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let assessment = Assessment { level: assessing.level.map(Into::into), categories: assessing.categories };
    centre.store.assess_case(scope, id, &assessment, &assessing.reason, audit).await?;
    changed(&centre, scope, id, Circle::Team).await
}

pub(super) async fn words(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(wording): Body<Wording>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let case = centre.store.case(scope, id).await?;
    let told = match &wording.told {
        Some(told) => Some(told_of(&centre, scope, told, &case.facilities).await?),
        None => None,
    };
    let assignee = match wording.assignee.as_deref().map(str::trim) {
        None => None,
        Some("") => Some(None),
        Some(login) => Some(Some(of_the_team(&centre, login).await?)),
    };
    let is_told = told.is_some();
    centre.store.edit_case(scope, id, CaseWords { title: wording.title, told, assignee }, audit).await?;
    // A title and who looks after it are the team's.
    let circle = if is_told { Circle::All } else { Circle::Team };
    changed(&centre, scope, id, circle).await
}

/// An account of the sector's own team.
async fn of_the_team(centre: &Centre, login: &str) -> Result<(UserId, String), Refusal> {
    use phitak_store::Role;
    let user = centre.store.user_by_login(login).await?;
    let user = user.filter(|user| matches!(user.role, Role::Administrator | Role::Analyst));
    let user = user.ok_or_else(|| Refusal::invalid(format!("nobody of the team signs in as {login:?}")))?;
    Ok((user.id, user.name))
}

pub(super) async fn parts(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(parting): Body<Parting>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let facilities = facilities_of(&centre, scope, &parting.facilities).await?;
    let stories: Vec<StoryId> = parting.stories.into_iter().map(StoryId).collect();
    // Words that one hospital read may name it: not once another reads them.
    let told = centre.store.case(scope, id).await?.told;
    let known = centre.store.all_facilities(scope).await?;
    if !facilities.is_empty() {
        names_no_other(&known, None, &[&told.th, &told.en])?;
    }
    centre.store.add_case_parts(scope, id, (&facilities, &stories), audit).await?;
    changed(&centre, scope, id, Circle::All).await
}

pub(super) async fn merge(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(merging): Body<Merging>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let into = CaseId(merging.into);
    let told = centre.store.case(scope, into).await?.told;
    names_no_other(&centre.store.all_facilities(scope).await?, None, &[&told.th, &told.en])?;
    centre.store.merge_case(scope, id, into, &merging.reason, audit).await?;
    tell(&centre, scope, into, Circle::All).await;
    changed(&centre, scope, id, Circle::All).await
}

pub(super) async fn take_out(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(with): Body<WithReason>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    centre.store.take_case_out(scope, id, &with.reason, audit).await?;
    changed(&centre, scope, id, Circle::All).await
}

pub(super) async fn link(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(linking): Body<Linking>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    centre.store.link_cases(scope, id, CaseId(linking.other), &linking.reason, audit).await?;
    changed(&centre, scope, id, Circle::Team).await
}

pub(super) async fn hold(
    State(centre): State<Centre>,
    caller: Caller,
    Named(id): Named<i64>,
    Body(holding): Body<Holding>,
) -> Result<Json<CaseDetail>, Refusal> {
    let (id, scope, audit) = (CaseId(id), caller.scope(), caller.audit(centre.clock.now())?);
    let hold = if holding.hold { Hold::Begin } else { Hold::End };
    centre.store.hold_case(scope, id, hold, &holding.reason, audit).await?;
    changed(&centre, scope, id, Circle::Team).await
}
