//! Rounds: all that waits is stored in one transaction, with one write to the disk, and acknowledged after it.

use super::{delivery::Delivery, unavailable};
use crate::{
    announce::{Announcement, News},
    centre::Centre,
    inventory,
    refusal::chain,
};
use phitak_model::SensorId;
use phitak_store::{ArrivedAlert, Ingest, Source, StoreError};
use phitak_uplink::{Ack, IntakeError};
use std::collections::{BTreeSet, VecDeque};
use tokio::sync::{mpsc, oneshot};

/// Batches that wait for the next round; further senders wait with theirs.
pub(super) const WAITING_MAX: usize = 512;
/// Most batches of a round.
const BATCHES_MAX: usize = 256;
/// A round that has so many records takes no further batch.
const RECORDS_MAX: usize = 16_000;

/// A batch whose sender waits for the word that it is stored.
pub(super) struct Waiting {
    pub delivery: Delivery,
    pub answer: oneshot::Sender<Result<Ack, IntakeError>>,
}

/// What became of one batch of a stored round.
enum Outcome {
    Stored { up_to: u64, news: Vec<Announcement> },
    Unknown,
    Forked,
}

/// Stores round after round until nobody can send any more.
pub(super) async fn store_all(centre: Centre, mut queue: mpsc::Receiver<Waiting>) {
    let mut put_off = VecDeque::new();
    loop {
        let first = match put_off.pop_front() {
            Some(first) => first,
            None => match queue.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let round = gather(first, &mut queue, &mut put_off);
        store_round(&centre, round).await;
    }
}

/// What waits, at most one batch a sensor: its next one goes by what this one leaves stored.
fn gather(first: Waiting, queue: &mut mpsc::Receiver<Waiting>, put_off: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut sensors: BTreeSet<SensorId> = BTreeSet::from([first.delivery.sensor.clone()]);
    let mut records = first.delivery.records();
    let mut round = vec![first];
    let mut later = VecDeque::new();
    while round.len() < BATCHES_MAX && records < RECORDS_MAX && later.len() < BATCHES_MAX {
        let Some(next) = put_off.pop_front().or_else(|| queue.try_recv().ok()) else { break };
        if sensors.insert(next.delivery.sensor.clone()) {
            records = records.saturating_add(next.delivery.records());
            round.push(next);
        } else {
            later.push_back(next);
        }
    }
    later.append(put_off);
    *put_off = later;
    round
}

async fn store_round(centre: &Centre, round: Vec<Waiting>) {
    let deliveries: Vec<&Delivery> = round.iter().map(|waiting| &waiting.delivery).collect();
    match store(centre, &deliveries).await {
        Ok(outcomes) => answer(centre, round, outcomes),
        // No batch is to blame, and each would wait for the same.
        Err(error) if error.trouble().is_some() => {
            centre.condition.heard(&error, centre.clock.now());
            round.into_iter().for_each(|waiting| refuse(waiting, &error));
        }
        Err(error) if round.len() > 1 => {
            // One batch may be to blame: the others must not wait for it.
            tracing::warn!(error = %chain(&error), batches = round.len(), "a round failed; storing its batches one by one");
            for waiting in round {
                match store(centre, &[&waiting.delivery]).await {
                    Ok(outcomes) => answer(centre, vec![waiting], outcomes),
                    Err(error) => refuse(waiting, &error),
                }
            }
        }
        Err(error) => round.into_iter().for_each(|waiting| refuse(waiting, &error)),
    }
}

/// A sender that has gone meanwhile will send again.
fn refuse(waiting: Waiting, error: &StoreError) {
    let _ = waiting.answer.send(Err(unavailable(error)));
}

fn answer(centre: &Centre, round: Vec<Waiting>, outcomes: Vec<Outcome>) {
    centre.condition.took_in();
    for (Waiting { delivery, answer }, outcome) in round.into_iter().zip(outcomes) {
        let (sensor, spool) = (delivery.sensor, delivery.spool);
        let word = match outcome {
            Outcome::Stored { up_to, news } => {
                news.into_iter().for_each(|news| centre.announcer.tell(news));
                Ok(Ack::of(spool, up_to))
            }
            Outcome::Unknown => Err(IntakeError::Unknown(sensor)),
            Outcome::Forked => {
                tracing::warn!(%sensor, %spool, "numbers came with other records than before: it goes on under a new name");
                Err(IntakeError::Forked)
            }
        };
        let _ = answer.send(word);
    }
}

/// One transaction; an outcome for each delivery, in their order.
async fn store(centre: &Centre, deliveries: &[&Delivery]) -> Result<Vec<Outcome>, StoreError> {
    let now = centre.clock.now();
    let mut ingest = centre.store.begin_ingest(now, centre.silent_before(now)).await?;
    let asked: Vec<(&SensorId, String)> =
        deliveries.iter().map(|delivery| (&delivery.sensor, delivery.spool.to_string())).collect();
    let opened = ingest.open(&asked).await?;
    let mut outcomes = Vec::with_capacity(deliveries.len());
    let mut taken: Vec<Taken<'_>> = Vec::new();
    for (place, (delivery, source)) in deliveries.iter().zip(opened).enumerate() {
        outcomes.push(match source {
            None => Outcome::Unknown,
            Some(source) if !ingest.holds(&source, delivery.repeated(source.committed())).await? => Outcome::Forked,
            Some(source) => {
                let up_to = std::cmp::max(source.committed(), delivery.last_seq);
                taken.push(Taken { place, delivery, source, up_to });
                Outcome::Stored { up_to, news: Vec::new() }
            }
        });
    }
    let news = fill(&mut ingest, &taken, centre).await?;
    let committed: Vec<(&Source, u64)> = taken.iter().map(|taken| (&taken.source, taken.up_to)).collect();
    ingest.commit(&committed).await?;
    for (taken, all) in taken.iter().zip(news) {
        if let Some(Outcome::Stored { news, .. }) = outcomes.get_mut(taken.place) {
            let (facility, region) = (taken.source.facility(), taken.source.region());
            let announce = |news| Announcement { facility: facility.clone(), region, news };
            news.extend(all.into_iter().map(announce));
        }
    }
    Ok(outcomes)
}

/// A delivery that is being stored.
struct Taken<'a> {
    place: usize,
    delivery: &'a Delivery,
    source: Source,
    up_to: u64,
}

/// Stores what is fresh of each delivery; gives what is new at each.
async fn fill(ingest: &mut Ingest, taken: &[Taken<'_>], centre: &Centre) -> Result<Vec<Vec<News>>, StoreError> {
    let sources: Vec<&Source> = taken.iter().map(|taken| &taken.source).collect();
    let alerts: Vec<ArrivedAlert<'_>> = taken
        .iter()
        .enumerate()
        .flat_map(|(source, taken)| {
            let fresh = taken.delivery.fresh(taken.source.committed()).alerts;
            fresh.iter().map(move |(seq, alert)| ArrivedAlert { source, seq: *seq, alert })
        })
        .collect();
    let mut news: Vec<Vec<News>> = taken.iter().map(|_| Vec::new()).collect();
    for touched in ingest.add_alerts(&sources, &alerts).await? {
        if let Some(news) = news.get_mut(touched.source) {
            news.push(News::Story { id: touched.id, severity: touched.severity, last_at: touched.last_at });
        }
    }
    for (taken, news) in taken.iter().zip(&mut news) {
        report(ingest, taken, centre, news).await?;
    }
    Ok(news)
}

/// A delivery's observations, and what its sensor and this centre say of what was lost.
async fn report(
    ingest: &mut Ingest,
    Taken { delivery, source, .. }: &Taken<'_>,
    centre: &Centre,
    news: &mut Vec<News>,
) -> Result<(), StoreError> {
    let fresh = delivery.fresh(source.committed());
    // What a spool leaves out by itself stands among the sensor's losses; only what this centre has forgotten is news.
    let forgotten = delivery.acknowledged.saturating_sub(source.committed());
    if forgotten > 0 {
        tracing::warn!(facility = %source.facility(), forgotten, "this centre acknowledged records that it does not have any more");
        ingest.note_gap(source, forgotten).await?;
    }
    if fresh.ahead > 0 {
        ingest.note_clock_ahead(source, fresh.ahead).await?;
    }
    let outcome = inventory::take(ingest, source, fresh.observations, centre.settings.pace).await?;
    news.extend(outcome.moved.into_iter().map(|(id, state)| News::Finding { id, state }));
    if outcome.turned_away > 0 {
        tracing::warn!(facility = %source.facility(), turned_away = outcome.turned_away, "no room for more hosts");
    }
    for (_, health) in fresh.health {
        ingest.note_health(source, health).await?;
    }
    Ok(())
}
