//! The list of indicators and rules that sensors fetch: made of what is kept, signed part by part, and given out.
//!
//! One task makes parts ([`watch`]); what it has made stands in the tables, so that a restart goes on where it was. The newest
//! parts are at hand in memory, because every sensor asks for them at the same moment.

use crate::{centre::Centre, protected, rule_texts::RuleText};
use phitak_model::{IndicatorValue, Timestamp};
use phitak_store::{
    AuditLine, BulletinContent, ListedPart, NewIndicator, Scope, Sent, StoreError, Tlp, ToList,
    indicators::addresses_of,
};
use phitak_uplink::feed::{
    Change, FeedAsk, FeedKey, FeedPosition, Heading, PAGE_BYTES_MAX, Part, line::Lines, part::unhex,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

/// How often is looked for what nobody told of: sent warnings, and what has expired.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Changes that one part takes.
const CHANGES_PER_PART: u64 = 2_000;
/// Parts that one look makes; the next one goes on.
const PARTS_PER_LOOK: usize = 50;
/// Warnings that one look takes over.
const BULLETINS_PER_LOOK: u64 = 20;
/// Parts that are read from the tables for one answer.
const PARTS_PER_ANSWER: u64 = 16;
/// Encoded parts that stay in memory.
const AT_HAND_BYTES_MAX: usize = 8 << 20;
/// Parts of a generation after which is looked whether a new one would be much shorter.
const PARTS_BEFORE_RENEWAL: u64 = 500;
/// How long the addresses of a warning are looked for.
const BULLETIN_LIFE_DAYS: i64 = 30;
const DAY_SECS: i64 = 86_400;

/// What is at hand of the list.
#[derive(Default)]
pub struct IndicatorFeed {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    is_loaded: bool,
    head: FeedPosition,
    hash: [u8; 32],
    /// The newest, the oldest of them first.
    at_hand: VecDeque<(FeedPosition, Arc<Vec<u8>>)>,
    at_hand_bytes: usize,
    /// A sensor has shown a part of a later list than this one: the next generation has to be later still.
    renew_above: Option<u64>,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum FeedTrouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a part of the list could not be signed: {0}")]
    Sign(#[from] phitak_uplink::authority::AuthorityError),
    #[error("the list in the tables is damaged")]
    Damaged,
}

impl IndicatorFeed {
    /// How far the list goes.
    #[must_use]
    pub fn head(&self) -> FeedPosition {
        self.lock().head
    }

    /// Something was added or ended: the list is to follow now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, part: &Part) {
        let mut state = self.lock();
        let encoded = Arc::new(part.encode());
        if state.head.generation != part.position.generation {
            state.at_hand.clear();
            state.at_hand_bytes = 0;
        }
        (state.head, state.hash, state.is_loaded) = (part.position, part.hash, true);
        state.at_hand_bytes = state.at_hand_bytes.saturating_add(encoded.len());
        state.at_hand.push_back((part.position, encoded));
        while state.at_hand_bytes > AT_HAND_BYTES_MAX && state.at_hand.len() > 1 {
            let Some((_, oldest)) = state.at_hand.pop_front() else { break };
            state.at_hand_bytes = state.at_hand_bytes.saturating_sub(oldest.len());
        }
    }
}

/// Keeps the list up to date; ends with the centre.
pub async fn watch(centre: Centre) {
    let mut stopping = centre.stopping.subscribe();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = ticks.tick() => {}
            () = centre.feed.wake.notified() => {}
        }
        if let Err(error) = publish(&centre).await {
            tracing::error!(%error, "the list of indicators could not be brought up to date");
        }
    }
}

/// Looks once: takes sent warnings over, then makes the parts that lack. Only one at a time may run.
///
/// # Errors
/// [`FeedTrouble`].
pub async fn publish(centre: &Centre) -> Result<(), FeedTrouble> {
    load(centre).await?;
    take_bulletins(centre).await?;
    let renew_above = centre.feed.lock().renew_above.take();
    let head = centre.feed.head();
    if let Some(above) = renew_above {
        tracing::warn!(above, "sensors hold a later list than this centre: a new one begins");
        return renew(centre, above.max(head.generation).saturating_add(1)).await;
    }
    let mut made = 0;
    while made < PARTS_PER_LOOK && add_part(centre).await? {
        made += 1;
    }
    if made == PARTS_PER_LOOK {
        centre.feed.wake();
    }
    let head = centre.feed.head();
    if head.part >= PARTS_BEFORE_RENEWAL {
        let listed = centre.store.listed().await?;
        // Much shorter, or it is not worth that every sensor fetches it anew.
        if head.part > (listed / (CHANGES_PER_PART / 4)).saturating_mul(4).saturating_add(PARTS_BEFORE_RENEWAL - 1) {
            return renew(centre, head.generation.saturating_add(1)).await;
        }
    }
    Ok(())
}

async fn load(centre: &Centre) -> Result<(), FeedTrouble> {
    if centre.feed.lock().is_loaded {
        return Ok(());
    }
    let words = centre.store.listed_rule_words().await?;
    centre.texts.learn(words.into_iter().map(|(sid, words)| RuleText::of_listed(sid, &words)));
    match centre.store.last_part().await? {
        Some(last) => centre.feed.take(&part_of(last).ok_or(FeedTrouble::Damaged)?),
        None => centre.feed.lock().is_loaded = true,
    }
    Ok(())
}

async fn take_bulletins(centre: &Centre) -> Result<(), FeedTrouble> {
    let now = centre.clock.now();
    for (id, content, sender) in centre.store.bulletins_to_list(BULLETINS_PER_LOOK).await? {
        let new = of_bulletin(&content, now);
        let audit =
            AuditLine { who: format!("{sender} (early warning)"), ..AuditLine::of_operator(now, "indicator.add") };
        let added = centre.store.list_bulletin(id, &new, audit).await?;
        tracing::info!(bulletin = %id, addresses = new.len(), added, "an early warning's addresses go to all sensors");
    }
    Ok(())
}

/// The indicators of a sent warning: none when it may not go to those that it was not sent to.
fn of_bulletin(content: &BulletinContent, now: Timestamp) -> Vec<NewIndicator> {
    if matches!(content.tlp, Tlp::AmberStrict | Tlp::Red) {
        return Vec::new();
    }
    let values = addresses_of(content).iter().filter_map(|address| {
        let value = IndicatorValue::parse(phitak_model::IndicatorKind::Address, &address.to_string()).ok()?;
        protected::why_not(&value).is_none().then_some(value)
    });
    values
        .map(|value| NewIndicator {
            value,
            severity: content.severity,
            tlp: content.tlp,
            source: "early warning".to_owned(),
            reason: content.title.th.clone(),
            words: content.title.th.clone(),
            expires_at: now.plus_secs(BULLETIN_LIFE_DAYS * DAY_SECS),
        })
        .collect()
}

/// Makes the next part; says whether there was anything for it.
async fn add_part(centre: &Centre) -> Result<bool, FeedTrouble> {
    let now = centre.clock.now();
    let mut changes = centre.store.changes_to_list(now, CHANGES_PER_PART).await?;
    let mut lines = Lines::default();
    let fitting = changes.iter().take_while(|change| lines.push(&change_of(change))).count();
    if fitting == 0 {
        return Ok(false);
    }
    changes.truncate(fitting);
    let (head, hash) = {
        let state = centre.feed.lock();
        (state.head, state.hash)
    };
    let before = if head.is_none() { FeedPosition { generation: 1, part: 0 } } else { head };
    let heading = Heading { position: before.next(), at: now, before: hash };
    let part = Part::sign(&centre.authority, heading, lines.into_text())?;
    centre.store.add_part(&listed(&part), &changes).await?;
    centre.feed.take(&part);
    tracing::info!(
        generation = part.position.generation,
        part = part.position.part,
        changes = fitting,
        "the list of indicators has a new part"
    );
    Ok(true)
}

/// Begins a new generation with what is still looked for.
async fn renew(centre: &Centre, generation: u64) -> Result<(), FeedTrouble> {
    let now = centre.clock.now();
    let mut parts: Vec<Part> = Vec::new();
    let rules = centre.store.listed_rules_in_force(now).await?;
    let (mut rules_in, mut sent) = (0, Vec::new());
    loop {
        let mut lines = Lines::default();
        let left = rules.iter().skip(rules_in);
        rules_in += left.take_while(|rule| lines.push(&Change::AddRule((*rule).clone()))).count();
        let mut active = Vec::new();
        if rules_in == rules.len() {
            active = centre.store.active_after(sent.last().copied().unwrap_or(0), now, CHANGES_PER_PART).await?;
        }
        for indicator in active.into_iter().map(Change::Add) {
            if !lines.push(&indicator) {
                break;
            }
            if let Change::Add(indicator) = indicator {
                sent.push(indicator.id);
            }
        }
        // A list without anything still has a part, so that sensors let go of the one before.
        if lines.is_empty() && !parts.is_empty() {
            break;
        }
        let is_last = lines.is_empty();
        let before = parts.last().map_or([0; 32], |part| part.hash);
        let position = FeedPosition { generation, part: parts.len() as u64 + 1 };
        parts.push(Part::sign(&centre.authority, Heading { position, at: now, before }, lines.into_text())?);
        if is_last {
            break;
        }
    }
    let rows: Vec<ListedPart> = parts.iter().map(listed).collect();
    let sent = Sent { indicators: &sent, rules: &rules };
    centre.store.begin_generation(&rows, &sent).await?;
    parts.iter().for_each(|part| centre.feed.take(part));
    tracing::info!(generation, parts = parts.len(), "the list of indicators begins a new generation");
    Ok(())
}

/// The parts that follow what a sensor has, encoded.
///
/// # Errors
/// [`FeedTrouble`].
pub async fn parts_for(centre: &Centre, ask: &FeedAsk) -> Result<Vec<u8>, FeedTrouble> {
    let head = centre.feed.head();
    if head.is_none() || is_other_list(centre, ask, head).await? {
        return Ok(Vec::new());
    }
    let have = if ask.position.generation == head.generation { ask.position.part } else { 0 };
    let bytes_max = if ask.bytes_max == 0 { PAGE_BYTES_MAX } else { ask.bytes_max.min(PAGE_BYTES_MAX) };
    let mut page = Vec::new();
    for part in next_parts(centre, head.generation, have).await? {
        if !page.is_empty() && page.len().saturating_add(part.len()) > bytes_max {
            break;
        }
        page.extend_from_slice(&part);
    }
    Ok(page)
}

/// Whether a sensor holds a list that this centre has signed and does not have any more: it was restored from an older copy.
async fn is_other_list(centre: &Centre, ask: &FeedAsk, head: FeedPosition) -> Result<bool, FeedTrouble> {
    if ask.position.generation < head.generation || ask.position.is_none() {
        return Ok(false);
    }
    let own = match centre.feed.hash_at(ask.position) {
        Some(hash) => Some(hash),
        None => centre.store.part(ask.position.generation, ask.position.part).await?.map(|part| part.hash),
    };
    if own.is_some_and(|own| own == ask.hash) {
        return Ok(false);
    }
    // Without the centre's own signature anybody could have every sensor fetch everything anew.
    if FeedKey::of(centre.authority.certificate()).is_some_and(|key| key.vouches_for(ask)) {
        let mut state = centre.feed.lock();
        state.renew_above = state.renew_above.max(Some(ask.position.generation));
        drop(state);
        centre.feed.wake();
    }
    Ok(true)
}

impl IndicatorFeed {
    /// The hash of the last part, when that is asked for.
    fn hash_at(&self, position: FeedPosition) -> Option<String> {
        let state = self.lock();
        (state.head == position).then(|| state.hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Encoded parts of a generation after one, from memory when all of them are at hand.
async fn next_parts(centre: &Centre, generation: u64, have: u64) -> Result<Vec<Arc<Vec<u8>>>, FeedTrouble> {
    {
        let state = centre.feed.lock();
        let next = FeedPosition { generation, part: have.saturating_add(1) };
        if let Some(first) = state.at_hand.iter().position(|(position, _)| *position == next) {
            return Ok(state
                .at_hand
                .iter()
                .skip(first)
                .take(PARTS_PER_ANSWER as usize)
                .map(|(_, part)| part.clone())
                .collect());
        }
    }
    let rows = centre.store.parts_after(generation, have, PARTS_PER_ANSWER).await?;
    rows.into_iter().map(|row| Ok(Arc::new(part_of(row).ok_or(FeedTrouble::Damaged)?.encode()))).collect()
}

/// How the caller's sensors stand: how many were heard, and how many of them have the newest part.
///
/// # Errors
/// [`StoreError`].
pub async fn up_to_date(centre: &Centre, scope: &Scope) -> Result<(u64, u64), StoreError> {
    let head = centre.feed.head();
    let heard_since = centre.silent_before(centre.clock.now());
    centre.store.sensors_up_to_date(scope, heard_since, head.generation, head.part).await
}

fn change_of(change: &ToList) -> Change {
    match change {
        ToList::Add(indicator) => Change::Add(indicator.clone()),
        ToList::Remove(id) => Change::Remove(*id),
        ToList::AddRule(rule) => Change::AddRule(rule.clone()),
        ToList::RemoveRule(sid) => Change::RemoveRule(*sid),
    }
}

fn listed(part: &Part) -> ListedPart {
    let ask = part.ask();
    ListedPart {
        generation: part.position.generation,
        part: part.position.part,
        at: part.at,
        hash: ask.hash,
        signature: ask.signature,
        lines: part.lines.clone(),
    }
}

fn part_of(row: ListedPart) -> Option<Part> {
    Some(Part {
        position: FeedPosition { generation: row.generation, part: row.part },
        at: row.at,
        hash: unhex(&row.hash)?.try_into().ok()?,
        signature: unhex(&row.signature)?,
        lines: row.lines,
    })
}
