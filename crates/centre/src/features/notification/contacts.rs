//! A person's own addresses and quiet hours.

use super::channels::text;
use crate::{
    ask::Body,
    centre::Centre,
    guard::Caller,
    notify::channel::{CHANNELS, by_kind},
    refusal::Refusal,
    wire::{Severity, Text},
};
use axum::{Json, extract::State};
use phitak_store::{Contact, ContactBook, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct OwnContacts {
    /// The first is tried first
    pub contacts: Vec<OwnContact>,
    /// Null when there are none
    pub quiet: Option<OwnQuietHours>,
    /// What there is to choose from
    pub channels: Vec<ContactChannel>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnContact {
    /// The channel's word
    pub channel: String,
    pub address: String,
}

/// In Thailand's time; past midnight when it begins later than it ends.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnQuietHours {
    /// 0 to 1439
    pub from_minute: u32,
    /// 0 to 1439
    pub until_minute: u32,
    /// From this severity on one is told all the same; the critical is always told
    pub passes: Severity,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ContactChannel {
    pub kind: String,
    pub name: Text,
    pub address_label: Text,
    /// Whether the administrators have switched it on
    pub enabled: bool,
    pub may_stand_alone: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactSetting {
    pub contacts: Vec<OwnContact>,
    #[serde(default)]
    pub quiet: Option<OwnQuietHours>,
}

pub(super) async fn own(State(centre): State<Centre>, caller: Caller) -> Result<Json<OwnContacts>, Refusal> {
    shown(&centre, caller.signed_in().user.id).await.map(Json)
}

pub(super) async fn save(
    State(centre): State<Centre>,
    caller: Caller,
    Body(setting): Body<ContactSetting>,
) -> Result<Json<OwnContacts>, Refusal> {
    let mut contacts = Vec::with_capacity(setting.contacts.len());
    for contact in setting.contacts {
        let channel = by_kind(&contact.channel).ok_or_else(|| Refusal::invalid("there is no such channel"))?;
        let address = contact.address.trim().to_owned();
        channel.check_address(&address).map_err(Refusal::invalid)?;
        contacts.push(Contact { channel: contact.channel, address });
    }
    let quiet = setting.quiet.map(|quiet| phitak_store::QuietHours {
        from_minute: quiet.from_minute,
        until_minute: quiet.until_minute,
        passes: quiet.passes.into(),
    });
    let user = caller.signed_in().user.id;
    let book = ContactBook { contacts, quiet };
    centre.store.set_contact_book(user, &book, caller.audit(centre.clock.now())?).await?;
    shown(&centre, user).await.map(Json)
}

async fn shown(centre: &Centre, user: UserId) -> Result<OwnContacts, Refusal> {
    let book = centre.store.contact_book(user).await?;
    let records = centre.store.channels().await?;
    let is_on = |kind: &str| records.iter().any(|record| record.enabled && record.kind == kind);
    Ok(OwnContacts {
        contacts: book
            .contacts
            .into_iter()
            .map(|contact| OwnContact { channel: contact.channel, address: contact.address })
            .collect(),
        quiet: book.quiet.map(|quiet| OwnQuietHours {
            from_minute: quiet.from_minute,
            until_minute: quiet.until_minute,
            passes: quiet.passes.into(),
        }),
        channels: CHANNELS
            .iter()
            .map(|channel| ContactChannel {
                kind: channel.kind().to_owned(),
                name: text(channel.name()),
                address_label: text(channel.address()),
                enabled: is_on(channel.kind()),
                may_stand_alone: channel.may_stand_alone(),
            })
            .collect(),
    })
}
