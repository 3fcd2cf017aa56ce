//! The log of messages.

use super::channels::text;
use crate::{
    ask::{Asked, page, words},
    centre::Centre,
    guard::Caller,
    names::Names,
    notify::channel::by_kind,
    refusal::Refusal,
    wire::{FacilityName, Moment, Severity, Text},
};
use axum::{Json, extract::State};
use phitak_store::{
    ChannelRecord, DeliveryState,
    delivery_log::{DeliveryFilter, DeliveryRecord},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Letters at the end of an address that are shown.
const ADDRESS_SHOWN: usize = 4;

#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryPage {
    pub items: Vec<DeliveryView>,
    pub next_cursor: Option<String>,
    /// Channels that fail: others are used in their place
    pub failing: Vec<FailingChannel>,
    /// Whether anything is told at all
    pub telling: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FailingChannel {
    pub kind: String,
    pub name: Text,
    pub since: Option<Moment>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    pub id: i64,
    pub channel: Text,
    /// Whom it told
    pub name: String,
    /// Its last letters
    pub address: String,
    /// `waiting`, `sending`, `sent`, `replaced`, `withdrawn`, `failed`
    pub state: String,
    pub created_at: Moment,
    /// When it is sent, or sent again, while it waits
    pub due_at: Option<Moment>,
    pub sent_at: Option<Moment>,
    pub attempts: u32,
    pub last_error: Option<String>,
    pub matter: MatterView,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct MatterView {
    pub id: i64,
    /// `story`, `bulletin`, `chase`, `silence`
    pub kind: String,
    pub severity: Severity,
    pub facility: Option<FacilityName>,
    pub story_id: Option<i64>,
    pub bulletin_id: Option<i64>,
    /// `open`, `answered`, `over`, `unanswered`
    pub state: String,
    pub ended_at: Option<Moment>,
    /// Null outside the sector's own team, and when it was answered on the pages
    pub answered_by: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    /// One or more states, with commas
    pub state: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

pub(super) async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<DeliveryQuery>,
) -> Result<Json<DeliveryPage>, Refusal> {
    let (store, scope) = (&centre.store, caller.scope());
    let filter = DeliveryFilter { states: words(query.state.as_deref(), DeliveryState::parse)? };
    let found = store.delivery_log(scope, &filter, &page(query.cursor, query.limit)).await?;
    let codes = found.items.iter().filter_map(|record| record.matter.facility.as_ref().map(ToString::to_string));
    let names = Names::load(store, scope, codes).await?;
    let records = store.channels().await?;
    let failing = records.iter().filter(|record| record.enabled && record.is_failing()).map(FailingChannel::of);
    let team = scope.is_whole_sector();
    Ok(Json(DeliveryPage {
        items: found.items.iter().map(|record| DeliveryView::of(record, &names, team)).collect(),
        next_cursor: found.next_cursor,
        failing: failing.collect(),
        telling: records.iter().any(|record| record.enabled),
    }))
}

fn name_of(kind: &str) -> Text {
    by_kind(kind).map_or_else(|| Text::same(kind), |channel| text(channel.name()))
}

impl FailingChannel {
    fn of(record: &ChannelRecord) -> Self {
        Self { kind: record.kind.clone(), name: name_of(&record.kind), since: record.failing_since.map(Moment) }
    }
}

impl DeliveryView {
    fn of(record: &DeliveryRecord, names: &Names, may_name_people: bool) -> Self {
        let (delivery, matter) = (&record.delivery, &record.matter);
        let waits = matches!(delivery.state, DeliveryState::Waiting | DeliveryState::Sending);
        Self {
            id: delivery.id.0,
            channel: name_of(&delivery.channel),
            name: record.name.clone(),
            address: masked(&delivery.address),
            state: delivery.state.as_str().to_owned(),
            created_at: delivery.created_at.into(),
            due_at: waits.then_some(Moment(delivery.due_at)),
            sent_at: delivery.sent_at.map(Moment),
            attempts: delivery.attempts,
            last_error: delivery.last_error.clone(),
            matter: MatterView {
                id: matter.id.0,
                kind: matter.kind.as_str().to_owned(),
                severity: matter.severity.into(),
                facility: matter.facility.as_ref().map(|code| names.name(code.as_str())),
                story_id: matter.story.map(|id| id.0),
                bulletin_id: matter.bulletin.map(|id| id.0),
                state: matter.state.as_str().to_owned(),
                ended_at: matter.ended_at.map(Moment),
                answered_by: matter.answered_by.clone().filter(|_| may_name_people),
            },
        }
    }
}

/// `…5678`: enough for whoever knows it.
fn masked(address: &str) -> String {
    let letters = address.chars().count();
    let shown = std::cmp::min(ADDRESS_SHOWN, letters / 2);
    let tail: String = address.chars().skip(letters - shown).collect();
    format!("…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_its_end_is_shown() {
        assert_eq!(masked("0812345678"), "…5678");
        assert_eq!(masked("abc"), "…c");
        assert_eq!(masked(""), "…");
        assert_eq!(masked("ก@ขคงจ.ไทย"), "….ไทย");
    }
}
