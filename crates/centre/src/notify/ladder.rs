//! Who is told of a matter, in which order, by which channels and when.

use super::{channel::by_kind, dispatch::usable};
use crate::centre::Centre;
use phitak_model::{FacilityCode, Severity, Timestamp, thai::BANGKOK_OFFSET_SECS};
use phitak_store::{
    Contact, ContactBook, Matter, MatterKind, NewDelivery, ScopeReach, Step, StoreError, User, UserId,
    duty::WAIT_MINUTES_DEFAULT,
};
use std::collections::BTreeMap;

/// How often everybody is told before the telling ends without an answer.
pub const ROUNDS_MAX: u32 = 3;
/// Messages to one person in an hour; further ones are told together.
pub const PER_PERSON_PER_HOUR: u64 = 12;
/// How long those wait for each other, in seconds.
pub const GATHERING_SECS: i64 = 900;
/// When in Thailand what is low is told, together: minutes after midnight.
pub const DIGEST_MINUTE: i64 = 8 * 60;
/// Where nobody can be told it is tried again after so long, in seconds.
const NOBODY_PAUSE_SECS: i64 = 300;
/// And for so long, in seconds.
const NOBODY_SECS_MAX: i64 = DAY_SECS;
const DAY_SECS: i64 = 86_400;

/// A person with how long is waited for their answer.
struct Rung {
    user: User,
    facility: Option<FacilityCode>,
    wait_secs: i64,
}

/// The next step of a matter.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn step(centre: &Centre, matter: &Matter, now: Timestamp) -> Result<Step, StoreError> {
    let rungs = rungs(centre, matter).await?;
    let number = u32::try_from(rungs.len()).unwrap_or(u32::MAX);
    let ended = Step { matter: matter.id, step: matter.step, deliveries: Vec::new(), next_at: None };
    let Some(rung) = rungs.get(matter.step.checked_rem(number).unwrap_or(0) as usize) else {
        // Somebody may give an address meanwhile.
        let waits = now < matter.created_at.plus_secs(NOBODY_SECS_MAX);
        return Ok(Step { next_at: waits.then(|| now.plus_secs(NOBODY_PAUSE_SECS)), ..ended });
    };
    // What can wait until the morning is told once, to the first.
    let steps = if matter.severity == Severity::Low { 1 } else { number.saturating_mul(ROUNDS_MAX) };
    if matter.step >= steps {
        return Ok(ended);
    }
    let deliveries = told(centre, matter, rung, now).await?;
    let told_at = if matter.severity == Severity::Low { next_digest(now) } else { now };
    Ok(Step { deliveries, next_at: Some(told_at.plus_secs(rung.wait_secs)), ..ended })
}

/// The roster of the matter's place, or its people where nobody stands on one; then, for what happens at a hospital, the
/// sector's roster. Only who can be reached.
async fn rungs(centre: &Centre, matter: &Matter) -> Result<Vec<Rung>, StoreError> {
    let mut rungs = rungs_of(centre, &matter.place).await?;
    // The chase of a warning has levels of its own.
    let goes_on = matches!(matter.kind, MatterKind::Story | MatterKind::Silence);
    if (goes_on || rungs.is_empty()) && matter.place != ScopeReach::Sector {
        rungs.extend(rungs_of(centre, &ScopeReach::Sector).await?);
    }
    let ids: Vec<UserId> = rungs.iter().map(|rung| rung.user.id).collect();
    let books = centre.store.contact_books(&ids).await?;
    let channels = usable(centre).await?;
    let is_reached = |rung: &Rung| {
        let contacts = books.get(&rung.user.id).map_or(&[][..], |book| book.contacts.as_slice());
        contacts.iter().any(|contact| channels.contains_key(&contact.channel))
    };
    rungs.retain(is_reached);
    Ok(rungs)
}

async fn rungs_of(centre: &Centre, place: &ScopeReach) -> Result<Vec<Rung>, StoreError> {
    let facility = match place {
        ScopeReach::Facility(code) => Some(code),
        ScopeReach::Region(_) | ScopeReach::Sector => None,
    };
    let rung = |user: User, minutes: u32| Rung {
        user,
        facility: facility.cloned(),
        wait_secs: i64::from(minutes).saturating_mul(60),
    };
    let duties = centre.store.duties(place).await?;
    if !duties.is_empty() {
        return Ok(duties.into_iter().map(|duty| rung(duty.user, duty.wait_minutes)).collect());
    }
    let people = centre.store.people_of_place(place).await?;
    Ok(people.into_iter().map(|user| rung(user, WAIT_MINUTES_DEFAULT)).collect())
}

/// The messages to one person.
async fn told(centre: &Centre, matter: &Matter, rung: &Rung, now: Timestamp) -> Result<Vec<NewDelivery>, StoreError> {
    let book = centre.store.contact_book(rung.user.id).await?;
    let channels = usable(centre).await?;
    let is_low = matter.severity == Severity::Low;
    let mut due_at = book.quiet.map_or(now, |quiet| quiet.telling_at(matter.severity, now));
    let mut gathers = is_low;
    if is_low {
        due_at = std::cmp::max(due_at, next_digest(now));
    } else if matter.severity != Severity::Critical {
        let made = centre.store.deliveries_to(rung.user.id, now.plus_secs(-3_600)).await?;
        if made >= PER_PERSON_PER_HOUR {
            gathers = true;
            due_at = std::cmp::max(due_at, now.plus_secs(GATHERING_SECS));
        }
    }
    let contacts = chosen(&book, &channels, matter.severity);
    Ok(contacts
        .into_iter()
        .map(|contact| NewDelivery {
            user: rung.user.id,
            facility: rung.facility.clone(),
            channel: contact.channel.clone(),
            address: contact.address.clone(),
            due_at,
            gathers,
        })
        .collect())
}

/// Which of a person's addresses are used: for what is critical all; else the first that works, and the next one too
/// where the first may not stand alone. Where none works the first is tried: it may work again.
fn chosen<'a>(book: &'a ContactBook, channels: &BTreeMap<String, bool>, severity: Severity) -> Vec<&'a Contact> {
    let known: Vec<&Contact> = book.contacts.iter().filter(|contact| channels.contains_key(&contact.channel)).collect();
    if severity == Severity::Critical {
        return known;
    }
    let works = |contact: &&Contact| channels.get(&contact.channel).is_some_and(|works| *works);
    let mut working: Vec<&Contact> = known.iter().copied().filter(works).collect();
    if working.is_empty() {
        working = known;
    }
    let alone =
        working.iter().position(|contact| by_kind(&contact.channel).is_some_and(|channel| channel.may_stand_alone()));
    working.truncate(alone.map_or(working.len(), |at| at.saturating_add(1)));
    working
}

/// The next morning's hour for what is low.
fn next_digest(now: Timestamp) -> Timestamp {
    let local = now.plus_secs(BANGKOK_OFFSET_SECS).micros().div_euclid(1_000_000);
    let since_midnight = local.rem_euclid(DAY_SECS);
    let digest = DIGEST_MINUTE.saturating_mul(60);
    let until = (digest - since_midnight).rem_euclid(DAY_SECS);
    Timestamp::from_secs(local.saturating_add(until)).plus_secs(-BANGKOK_OFFSET_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(channels: &[&str]) -> ContactBook {
        let contacts =
            channels.iter().map(|channel| Contact { channel: (*channel).to_owned(), address: "x".to_owned() });
        ContactBook { contacts: contacts.collect(), quiet: None }
    }

    #[test]
    fn the_first_channel_that_works_is_used_and_line_never_alone() {
        let channels: BTreeMap<String, bool> =
            [("line", true), ("mail", true), ("sms", true), ("webhook", false)].map(|(k, w)| (k.to_owned(), w)).into();
        let used = |contacts: &[&str], severity| {
            let book = book(contacts);
            chosen(&book, &channels, severity).iter().map(|contact| contact.channel.clone()).collect::<Vec<_>>()
        };
        assert_eq!(used(&["mail", "sms"], Severity::High), ["mail"]);
        assert_eq!(used(&["webhook", "sms", "mail"], Severity::High), ["sms"], "the first one fails");
        assert_eq!(used(&["line", "mail", "sms"], Severity::High), ["line", "mail"]);
        assert_eq!(used(&["line"], Severity::High), ["line"], "better than nothing");
        assert_eq!(used(&["webhook"], Severity::Medium), ["webhook"], "it may work again");
        assert_eq!(used(&["telegram"], Severity::High), [] as [&str; 0], "it is switched off");
        assert_eq!(used(&["mail", "webhook", "sms"], Severity::Critical), ["mail", "webhook", "sms"]);
    }

    #[test]
    fn what_is_low_waits_for_the_next_morning() {
        let at = |text: &str| Timestamp::parse(text).expect("a moment");
        assert_eq!(next_digest(at("2026-11-24T02:14:00Z")), at("2026-11-25T01:00:00Z"));
        assert_eq!(next_digest(at("2026-11-24T00:59:00Z")), at("2026-11-24T01:00:00Z"));
        assert_eq!(next_digest(at("2026-11-24T18:00:00Z")), at("2026-11-25T01:00:00Z"));
    }
}
