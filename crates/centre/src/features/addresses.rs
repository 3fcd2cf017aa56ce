//! One address: in which stories and at which hospitals it was seen, at either end of alerts.

use crate::{
    ask::Named,
    centre::Centre,
    guard::Caller,
    names::Names,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN},
    wire::{Moment, Severity, StoryStatus, Text},
};
use axum::{Json, extract::State};
use phitak_model::Timestamp;
use phitak_store::{StoryFilter, StoryId, addresses::Sighting};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use utoipa::ToSchema;

/// Stories and hospitals that are shown, the latest first.
const SHOWN_MAX: usize = 100;

#[derive(Debug, Serialize, ToSchema)]
pub struct AddressHistory {
    pub address: String,
    /// Hospitals that the caller may see, like all that follows; an address that was seen only elsewhere is unknown
    pub facilities: u64,
    pub alerts: u64,
    /// Packet time of the first and the last alert
    pub first_at: Moment,
    pub last_at: Moment,
    /// False when there is more than could be read: the sums are lower bounds then
    pub whole: bool,
    /// At most 100, the latest seen first
    pub stories: Vec<AddressStory>,
    /// At most 100, the latest seen first
    pub places: Vec<AddressPlace>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AddressStory {
    pub story_id: i64,
    pub title: Text,
    pub severity: Severity,
    pub status: StoryStatus,
    pub facilities: u64,
    /// Alerts in whose packets the address was the sender, and the receiver
    pub as_source: u64,
    pub as_destination: u64,
    pub first_at: Moment,
    pub last_at: Moment,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AddressPlace {
    pub code: String,
    pub name: Text,
    /// What the machine of this address calls itself there
    pub host_name: Option<String>,
    pub alerts: u64,
    pub first_at: Moment,
    pub last_at: Moment,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/addresses/{address}")
            .summary("An address with the stories and hospitals in which it was seen")
            .allow(SIGNED_IN, Reach::Tenant)
            .answers::<AddressHistory>()
            .to(detail),
    ]
}

/// Sightings taken together.
#[derive(Default)]
struct Tally {
    facilities: BTreeSet<String>,
    as_source: u64,
    as_destination: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
}

impl Tally {
    fn take(&mut self, sighting: &Sighting) {
        self.facilities.insert(sighting.facility.clone());
        let side = if sighting.is_source { &mut self.as_source } else { &mut self.as_destination };
        *side = side.saturating_add(sighting.alerts);
        self.first_at = Some(self.first_at.map_or(sighting.first_at, |at| std::cmp::min(at, sighting.first_at)));
        self.last_at = std::cmp::max(self.last_at, Some(sighting.last_at));
    }

    fn alerts(&self) -> u64 {
        self.as_source.saturating_add(self.as_destination)
    }

    fn span(&self) -> (Moment, Moment) {
        let or_zero = |at: Option<Timestamp>| Moment(at.unwrap_or(Timestamp::from_micros(0)));
        (or_zero(self.first_at), or_zero(self.last_at))
    }
}

async fn detail(
    State(centre): State<Centre>,
    caller: Caller,
    Named(address): Named<String>,
) -> Result<Json<AddressHistory>, Refusal> {
    let address: IpAddr =
        address.parse().map_err(|_| Refusal::bad_request("an address is like 10.20.0.5 or 2001:db8::5"))?;
    let (store, scope) = (&centre.store, caller.scope());
    let sightings = store.sightings(scope, address).await?;
    if sightings.all.is_empty() {
        return Err(Refusal::not_found());
    }
    let mut all = Tally::default();
    let mut by_story: BTreeMap<StoryId, Tally> = BTreeMap::new();
    let mut by_place: BTreeMap<&str, Tally> = BTreeMap::new();
    for sighting in &sightings.all {
        all.take(sighting);
        by_story.entry(sighting.story).or_default().take(sighting);
        by_place.entry(&sighting.facility).or_default().take(sighting);
    }
    let stories = latest(by_story);
    let ids: Vec<StoryId> = stories.iter().map(|(id, _)| *id).collect();
    let known = store.stories_by_id(scope, &StoryFilter::default(), &ids).await?;
    let places = latest(by_place);
    let names = Names::load(store, scope, places.iter().map(|(code, _)| (*code).to_owned())).await?;
    let text = address.to_string();
    let hosts: Vec<(&str, &str)> = places.iter().map(|(code, _)| (*code, text.as_str())).collect();
    let host_names = store.names_of_hosts(scope, &hosts).await?;
    let (first_at, last_at) = all.span();
    Ok(Json(AddressHistory {
        facilities: all.facilities.len() as u64,
        alerts: all.alerts(),
        first_at,
        last_at,
        whole: sightings.is_whole,
        stories: stories
            .iter()
            .filter_map(|(id, tally)| {
                let story = known.iter().find(|story| story.id == *id)?;
                let (first_at, last_at) = tally.span();
                Some(AddressStory {
                    story_id: id.0,
                    title: centre.texts.of(story.signature_id, &story.signature).title,
                    severity: story.severity.into(),
                    status: story.status.into(),
                    facilities: tally.facilities.len() as u64,
                    as_source: tally.as_source,
                    as_destination: tally.as_destination,
                    first_at,
                    last_at,
                })
            })
            .collect(),
        places: places
            .iter()
            .zip(host_names)
            .map(|((code, tally), host_name)| {
                let (first_at, last_at) = tally.span();
                let name = names.name(code);
                AddressPlace { code: name.code, name: name.name, host_name, alerts: tally.alerts(), first_at, last_at }
            })
            .collect(),
        address: text,
    }))
}

/// The latest seen first, as many as are shown.
fn latest<K: Ord>(tallies: BTreeMap<K, Tally>) -> Vec<(K, Tally)> {
    let mut tallies: Vec<(K, Tally)> = tallies.into_iter().collect();
    tallies.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.last_at));
    tallies.truncate(SHOWN_MAX);
    tallies
}
