//! Setting channels up, and trying them.

use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    notify::{
        channel::{CHANNELS, Channel, Settings, Words, by_kind},
        dispatch::{owner, send_test},
    },
    refusal::Refusal,
    wire::{Moment, Text},
};
use axum::{Json, extract::State};
use phitak_store::{AuditLine, ChannelRecord, ChannelSetup, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelList {
    pub items: Vec<ChannelView>,
    /// Since when something is told: since the first channel was switched on
    pub telling_since: Option<Moment>,
    /// Whether channels may be on the centre's own machine
    pub loopback: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelView {
    pub kind: String,
    pub name: Text,
    pub enabled: bool,
    pub fields: Vec<ChannelField>,
    /// By the names of the fields
    pub values: BTreeMap<String, String>,
    /// Null for a channel without a secret
    pub secret_label: Option<Text>,
    /// The secret itself is never shown
    pub has_secret: bool,
    /// What a person's address is
    pub address_label: Text,
    pub may_stand_alone: bool,
    pub changed_at: Option<Moment>,
    pub changed_by: Option<String>,
    /// Whether other channels are used in its place
    pub failing: bool,
    pub failing_since: Option<Moment>,
    pub last_error: Option<String>,
    pub last_sent_at: Option<Moment>,
    /// Messages that wait for it
    pub waiting: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelField {
    pub name: String,
    pub label: Text,
    pub hint: Text,
    pub default: String,
    pub required: bool,
    pub long: bool,
    /// Empty for any text
    pub choices: Vec<ChannelChoice>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelChoice {
    pub value: String,
    pub label: Text,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSetting {
    pub enabled: bool,
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// A new one; the earlier one stays where none is given
    #[serde(default)]
    pub secret: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelTest {
    /// To whom
    pub address: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TestOutcome {
    pub taken: bool,
    /// Why not
    pub detail: Option<String>,
}

pub(super) fn text((th, en): Words) -> Text {
    Text::new(th, en)
}

pub(super) async fn list(State(centre): State<Centre>, _: Caller) -> Result<Json<ChannelList>, Refusal> {
    let records = centre.store.channels().await?;
    let waiting = centre.store.outbox_by_channel().await?;
    let items = CHANNELS.iter().map(|channel| {
        let record = records.iter().find(|record| record.kind == channel.kind());
        ChannelView::of(*channel, record, waiting.get(channel.kind()).copied().unwrap_or(0))
    });
    Ok(Json(ChannelList {
        items: items.collect(),
        telling_since: centre.store.telling_since().await?.map(Moment),
        loopback: centre.settings.outward.loopback,
    }))
}

pub(super) async fn save(
    State(centre): State<Centre>,
    caller: Caller,
    Named(kind): Named<String>,
    Body(setting): Body<ChannelSetting>,
) -> Result<Json<ChannelView>, Refusal> {
    let channel = by_kind(&kind).ok_or_else(Refusal::not_found)?;
    let before = known(&centre, &kind).await?;
    let sealed = before.as_ref().and_then(|record| record.secret.as_deref());
    let kept = sealed.and_then(|sealed| centre.telling.seal.open(&owner(&kind), sealed));
    let kept = kept.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let given = setting.secret.filter(|secret| !secret.is_empty());
    let settings =
        Settings { fields: channel.fields(), values: &setting.values, secret: given.as_deref().unwrap_or(&kept) };
    settings.check_shape().map_err(Refusal::invalid)?;
    channel.check(&settings, &centre.telling.outward).map_err(Refusal::invalid)?;
    if given.is_some() && channel.secret().is_none() {
        return Err(Refusal::invalid("this channel has no secret"));
    }
    let setup = ChannelSetup {
        enabled: setting.enabled,
        settings: setting.values.clone(),
        secret: given.map(|secret| centre.telling.seal.seal(&owner(&kind), secret.as_bytes())),
    };
    centre.store.set_channel(&kind, setup, caller.audit(centre.clock.now())?).await?;
    centre.telling.outbox_bell.notify_waiters();
    let waiting = centre.store.outbox_by_channel().await?.get(&kind).copied().unwrap_or(0);
    Ok(Json(ChannelView::of(channel, known(&centre, &kind).await?.as_ref(), waiting)))
}

pub(super) async fn test(
    State(centre): State<Centre>,
    caller: Caller,
    Named(kind): Named<String>,
    Body(ask): Body<ChannelTest>,
) -> Result<Json<TestOutcome>, Refusal> {
    let channel = by_kind(&kind).ok_or_else(Refusal::not_found)?;
    let sent = match known(&centre, &kind).await? {
        Some(record) => send_test(&centre, channel, &record, &ask.address).await.map_err(|error| error.to_string()),
        None => Err("the channel is not set up yet".to_owned()),
    };
    let detail = sent.err();
    let said = detail.clone().unwrap_or_else(|| "taken".to_owned());
    let line = AuditLine { object: format!("channel {kind}"), detail: said, ..caller.audit(centre.clock.now())? };
    centre.store.note(line).await?;
    Ok(Json(TestOutcome { taken: detail.is_none(), detail }))
}

async fn known(centre: &Centre, kind: &str) -> Result<Option<ChannelRecord>, Refusal> {
    match centre.store.channel(kind).await {
        Ok(record) => Ok(Some(record)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl ChannelView {
    fn of(channel: &dyn Channel, record: Option<&ChannelRecord>, waiting: u64) -> Self {
        let fields = channel.fields().iter().map(|field| ChannelField {
            name: field.name.to_owned(),
            label: text(field.label),
            hint: text(field.hint),
            default: field.default.to_owned(),
            required: field.required,
            long: field.long,
            choices: field
                .choices
                .iter()
                .map(|(value, label)| ChannelChoice { value: (*value).to_owned(), label: text(*label) })
                .collect(),
        });
        Self {
            kind: channel.kind().to_owned(),
            name: text(channel.name()),
            enabled: record.is_some_and(|record| record.enabled),
            fields: fields.collect(),
            values: record.map(|record| record.settings.clone()).unwrap_or_default(),
            secret_label: channel.secret().map(text),
            has_secret: record.is_some_and(|record| record.secret.is_some()),
            address_label: text(channel.address()),
            may_stand_alone: channel.may_stand_alone(),
            changed_at: record.map(|record| record.changed_at.into()),
            changed_by: record.map(|record| record.changed_by.clone()),
            failing: record.is_some_and(ChannelRecord::is_failing),
            failing_since: record.and_then(|record| record.failing_since).map(Moment),
            last_error: record.and_then(|record| record.last_error.clone()),
            last_sent_at: record.and_then(|record| record.last_sent_at).map(Moment),
            waiting,
        }
    }
}
