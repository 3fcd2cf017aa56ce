//! Empties the outbox: one task a channel, so that one that hangs keeps no other waiting.

use super::{
    channel::{CHANNELS, Channel, Post, SendError, Settings, by_kind},
    link,
    words::{About, Message},
};
use crate::centre::Centre;
use futures_util::future::join_all;
use phitak_model::Timestamp;
use phitak_store::{
    Attempt, ChannelRecord, Claimed, Contact, NewDelivery, StoreError, UserId, deliveries::CLAIMED_MAX,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often a channel looks into the outbox without being rung for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long one message may take.
pub const SEND_TIME_MAX: Duration = Duration::from_secs(30);
/// When one that was claimed and neither sent nor given back is sent again: its centre has died.
pub const LEASE_SECS: i64 = 60;
/// Pauses between attempts, in seconds; the last one again and again.
pub const PAUSES_SECS: [i64; 8] = [10, 30, 60, 120, 300, 600, 900, 1_800];
/// Messages that a failing channel is tried with at a time; the others go by another channel at once.
const PROBES: usize = 1;

/// Sends what is due of one channel; says how many messages were tried.
///
/// # Errors
/// [`StoreError`].
pub async fn send_due(centre: &Centre, channel: &dyn Channel) -> Result<usize, StoreError> {
    let record = match centre.store.channel(channel.kind()).await {
        Ok(record) if record.enabled => record,
        Ok(_) | Err(StoreError::NotFound) => return Ok(0),
        Err(error) => return Err(error),
    };
    let now = centre.clock.now();
    let claimed = centre.store.claim(channel.kind(), CLAIMED_MAX, now, now.plus_secs(LEASE_SECS)).await?;
    let secret = secret_of(centre, &record);
    let (record, secret) = (&record, secret.as_str());
    let sending = claimed.iter().enumerate().map(|(place, claimed)| {
        let is_tried = !record.is_failing() || place < PROBES;
        send_one(centre, channel, record, is_tried.then_some(secret), claimed)
    });
    let sent = join_all(sending).await;
    sent.into_iter().collect::<Result<Vec<_>, _>>().map(|sent| sent.len())
}

/// Tries a channel with a message that stands in no outbox.
pub async fn send_test(
    centre: &Centre,
    channel: &dyn Channel,
    record: &ChannelRecord,
    address: &str,
) -> Result<(), SendError> {
    channel.check_address(address).map_err(SendError::Address)?;
    let message =
        Message { about: About::Test, link: format!("{}/", centre.settings.public_url), at: centre.clock.now() };
    let key = crate::secret::draw().chars().take(32).collect::<String>();
    let secret = secret_of(centre, record);
    attempt(centre, channel, record, &secret, (address, &message, &key)).await
}

/// Who the sealed secret of a channel belongs to.
#[must_use]
pub fn owner(kind: &str) -> String {
    format!("channel {kind}")
}

/// Empty where there is none, or where it cannot be opened any more: the authority's key is another one.
fn secret_of(centre: &Centre, record: &ChannelRecord) -> String {
    let opened = record.secret.as_deref().and_then(|sealed| centre.telling.seal.open(&owner(&record.kind), sealed));
    opened.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

async fn send_one(
    centre: &Centre,
    channel: &dyn Channel,
    record: &ChannelRecord,
    secret: Option<&str>,
    claimed: &Claimed,
) -> Result<(), StoreError> {
    let delivery = &claimed.delivery;
    let about = if claimed.others.is_empty() {
        About::Matter { kind: claimed.matter.kind, severity: claimed.matter.severity }
    } else {
        About::Several(claimed.others.len().saturating_add(1))
    };
    let link = link::url(centre, delivery.id, delivery.created_at);
    let message = Message { about, link, at: delivery.created_at };
    let sent = match secret {
        Some(secret) => {
            Some(attempt(centre, channel, record, secret, (&delivery.address, &message, &delivery.key)).await)
        }
        None => None,
    };
    let now = centre.clock.now();
    let again_at = now.plus_secs(pause(delivery.attempts));
    let attempt = match sent {
        None => Attempt::Postponed { again_at },
        Some(Ok(())) => {
            tracing::info!(message = %delivery.id, channel = channel.kind(), "a message was taken");
            Attempt::Taken
        }
        Some(Err(SendError::Channel(error))) => {
            tracing::warn!(message = %delivery.id, channel = channel.kind(), error, "a message was not taken");
            Attempt::Failed { error, again_at }
        }
        Some(Err(SendError::Address(error))) => {
            tracing::warn!(message = %delivery.id, channel = channel.kind(), error, "an address was refused");
            Attempt::Refused { error }
        }
    };
    let stand_ins = if attempt == Attempt::Taken { Vec::new() } else { stand_ins(centre, claimed, now).await? };
    centre.store.note_attempt(claimed, &attempt, &stand_ins, now).await?;
    if !stand_ins.is_empty() {
        centre.telling.outbox_bell.notify_waiters();
    }
    Ok(())
}

async fn attempt(
    centre: &Centre,
    channel: &dyn Channel,
    record: &ChannelRecord,
    secret: &str,
    (address, message, key): (&str, &Message, &str),
) -> Result<(), SendError> {
    let settings = Settings { fields: channel.fields(), values: &record.settings, secret };
    let post = Post { settings, outward: &centre.telling.outward, address, message, key, now: centre.clock.now() };
    let sending = timeout(SEND_TIME_MAX, channel.send(post)).await;
    sending.unwrap_or_else(|_| Err(SendError::Channel("no answer in time".to_owned())))
}

fn pause(attempts: u32) -> i64 {
    let at = std::cmp::min(attempts as usize, PAUSES_SECS.len() - 1);
    PAUSES_SECS.get(at).copied().unwrap_or(60)
}

/// The same by the person's next channel that works, where one did not: nobody waits for the first to come back.
async fn stand_ins(centre: &Centre, claimed: &Claimed, now: Timestamp) -> Result<Vec<NewDelivery>, StoreError> {
    let user = claimed.delivery.user;
    let book = centre.store.contact_book(user).await?;
    let channels = usable(centre).await?;
    let failed = &claimed.delivery.channel;
    let place = book.contacts.iter().position(|contact| contact.channel == *failed);
    let after = place.map_or(0, |place| place.saturating_add(1));
    let rest = book.contacts.iter().skip(after).chain(book.contacts.iter().take(after));
    let next = rest
        .filter(|contact| contact.channel != *failed)
        .find(|contact| channels.get(&contact.channel).is_some_and(|works| *works));
    let facility = claimed.facility.clone();
    Ok(next.map(|contact| new_delivery(user, facility, contact, now)).into_iter().collect())
}

fn new_delivery(
    user: UserId,
    facility: Option<phitak_model::FacilityCode>,
    contact: &Contact,
    due_at: Timestamp,
) -> NewDelivery {
    let (channel, address) = (contact.channel.clone(), contact.address.clone());
    NewDelivery { user, facility, channel, address, due_at, gathers: false }
}

/// Channels that are switched on, each with whether it works as far as is known.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn usable(centre: &Centre) -> Result<BTreeMap<String, bool>, StoreError> {
    let records = centre.store.channels().await?;
    let known = records.into_iter().filter(|record| record.enabled && by_kind(&record.kind).is_some());
    Ok(known.map(|record| (record.kind.clone(), !record.is_failing())).collect())
}

/// Looks into the outbox again and again, for every channel; ends with the centre.
pub async fn dispatch(centre: Centre) {
    match centre.store.release_claims(centre.clock.now()).await {
        Ok(0) => {}
        Ok(messages) => tracing::warn!(messages, "messages that were being sent when the centre ended are sent again"),
        // They are sent again when their leases end.
        Err(error) => tracing::error!(%error, "messages that were being sent could not be given back"),
    }
    join_all(CHANNELS.iter().map(|channel| empty_one(centre.clone(), *channel))).await;
}

async fn empty_one(centre: Centre, channel: &'static dyn Channel) {
    let mut stopping = centre.stopping.subscribe();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
            () = centre.telling.outbox_bell.notified() => {}
        }
        // Whoever stops the centre does not wait for a channel that hangs: what was claimed is sent again.
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = empty(&centre, channel) => {}
        }
    }
}

async fn empty(centre: &Centre, channel: &dyn Channel) {
    loop {
        match send_due(centre, channel).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, channel = channel.kind(), "the outbox could not be emptied");
                return;
            }
        }
    }
}
