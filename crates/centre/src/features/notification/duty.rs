//! Rosters: who is told first, who next, and after how long.

use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    refusal::Refusal,
};
use axum::{Json, extract::State};
use phitak_model::{FacilityCode, HealthRegion};
use phitak_store::{ContactBook, ScopeReach, User, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct RosterView {
    /// In the order in which they are told
    pub duties: Vec<DutyView>,
    /// All who may stand on it
    pub candidates: Vec<RosterPerson>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DutyView {
    pub login: String,
    pub name: String,
    /// After so long without an answer the next one is told
    pub wait_minutes: u32,
    /// Words of the channels by which they can be told, and that are switched on
    pub channels: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RosterPerson {
    pub login: String,
    pub name: String,
    pub channels: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterSetting {
    /// At most 10, each once
    pub duties: Vec<DutySetting>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DutySetting {
    pub login: String,
    /// 1 to 1440
    pub wait_minutes: u32,
}

pub(super) async fn of_facility(
    State(centre): State<Centre>,
    caller: Caller,
    Named(code): Named<String>,
) -> Result<Json<RosterView>, Refusal> {
    let facility = centre.store.facility(caller.scope(), &code).await?;
    caller.views(&centre, Some(&facility.code), format!("facility {code}")).await?;
    shown(&centre, &caller, &ScopeReach::Facility(facility.code)).await
}

pub(super) async fn save_facility(
    State(centre): State<Centre>,
    caller: Caller,
    Named(code): Named<String>,
    Body(setting): Body<RosterSetting>,
) -> Result<Json<RosterView>, Refusal> {
    let code = FacilityCode::new(&code).map_err(|_| Refusal::not_found())?;
    save(&centre, &caller, &ScopeReach::Facility(code), setting).await
}

pub(super) async fn of_region(
    State(centre): State<Centre>,
    caller: Caller,
    Named(region): Named<u8>,
) -> Result<Json<RosterView>, Refusal> {
    shown(&centre, &caller, &region_of(region)?).await
}

pub(super) async fn save_region(
    State(centre): State<Centre>,
    caller: Caller,
    Named(region): Named<u8>,
    Body(setting): Body<RosterSetting>,
) -> Result<Json<RosterView>, Refusal> {
    save(&centre, &caller, &region_of(region)?, setting).await
}

pub(super) async fn of_sector(State(centre): State<Centre>, caller: Caller) -> Result<Json<RosterView>, Refusal> {
    shown(&centre, &caller, &ScopeReach::Sector).await
}

pub(super) async fn save_sector(
    State(centre): State<Centre>,
    caller: Caller,
    Body(setting): Body<RosterSetting>,
) -> Result<Json<RosterView>, Refusal> {
    save(&centre, &caller, &ScopeReach::Sector, setting).await
}

fn region_of(number: u8) -> Result<ScopeReach, Refusal> {
    HealthRegion::new(number).map(ScopeReach::Region).map_err(|_| Refusal::not_found())
}

async fn save(
    centre: &Centre,
    caller: &Caller,
    place: &ScopeReach,
    setting: RosterSetting,
) -> Result<Json<RosterView>, Refusal> {
    let duties: Vec<(String, u32)> = setting.duties.into_iter().map(|duty| (duty.login, duty.wait_minutes)).collect();
    centre.store.set_roster(caller.scope(), place, &duties, caller.audit(centre.clock.now())?).await?;
    shown(centre, caller, place).await
}

async fn shown(centre: &Centre, caller: &Caller, place: &ScopeReach) -> Result<Json<RosterView>, Refusal> {
    let roster = centre.store.roster(caller.scope(), place).await?;
    let people = roster.candidates.iter().chain(roster.duties.iter().map(|duty| &duty.user));
    let ids: Vec<UserId> = people.map(|user| user.id).collect();
    let books = centre.store.contact_books(&ids).await?;
    let records = centre.store.channels().await?;
    let on: Vec<String> = records.into_iter().filter(|record| record.enabled).map(|record| record.kind).collect();
    let channels = |user: &User| channels_of(&books, user.id, &on);
    Ok(Json(RosterView {
        duties: roster
            .duties
            .iter()
            .map(|duty| DutyView {
                login: duty.user.login.clone(),
                name: duty.user.name.clone(),
                wait_minutes: duty.wait_minutes,
                channels: channels(&duty.user),
            })
            .collect(),
        candidates: roster
            .candidates
            .iter()
            .map(|user| RosterPerson { login: user.login.clone(), name: user.name.clone(), channels: channels(user) })
            .collect(),
    }))
}

fn channels_of(books: &BTreeMap<UserId, ContactBook>, user: UserId, on: &[String]) -> Vec<String> {
    let contacts = books.get(&user).map_or(&[][..], |book| book.contacts.as_slice());
    contacts.iter().map(|contact| contact.channel.clone()).filter(|channel| on.contains(channel)).collect()
}
