//! A story that has become a campaign, and the early warning that can be drafted from it: what was seen, what to do, and
//! nothing of where it was seen first.

use crate::{bulletin_texts, care_texts, centre::Centre, refusal::Refusal, wire::Text};
use phitak_model::{Severity, Timestamp};
use phitak_store::{
    BulletinContent, BulletinText, Check, Scope, Story, StoryFilter, StoryId, Tlp,
    alerts::AlertBrief,
    bulletin_content::{
        ADDRESSES_MAX, NAME_CHARS_MAX, PARAGRAPH_CHARS_MAX, STEP_CHARS_MAX, TITLE_CHARS_MAX, is_public,
    },
    facilities::IMPORT_FACILITIES_MAX,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// A story at so many hospitals …
pub const HOSPITALS_MIN: usize = 3;
/// … within so long is a campaign.
pub const WINDOW_SECS: i64 = 24 * 3_600;
/// An address outside that only one hospital spoke with may be that hospital's own: it is not named to others.
const ADDRESS_HOSPITALS_MIN: usize = 2;
/// Latest alerts in which the addresses and the service are looked for.
const ALERTS_LOOKED_AT: u64 = 1_000;

/// What a story looks like as a campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Where it was seen within [`WINDOW_SECS`] before its latest alert.
    pub hospitals: usize,
    /// None when it is no campaign, or when nothing in it can be asked of other hospitals.
    pub draft: Option<BulletinContent>,
}

/// A story as a campaign.
///
/// # Errors
/// When it is not in the scope.
pub async fn of_story(centre: &Centre, scope: &Scope, id: StoryId) -> Result<Campaign, Refusal> {
    let store = &centre.store;
    let story = store.story(scope, id).await?;
    let places = store.story_at(scope, &StoryFilter::default(), &[id], IMPORT_FACILITIES_MAX as u64).await?;
    let latest = places.iter().map(|place| place.last_at).max().unwrap_or(story.last_at);
    let since: Timestamp = latest.plus_secs(-WINDOW_SECS);
    let hospitals = places.iter().filter(|place| place.last_at >= since).count();
    if hospitals < HOSPITALS_MIN || story.severity < Severity::High {
        return Ok(Campaign { hospitals, draft: None });
    }
    let alerts = store.latest_alerts(scope, id, ALERTS_LOOKED_AT).await?;
    let draft = check_of(&alerts).map(|check| content(centre, &story, check));
    Ok(Campaign { hospitals, draft })
}

/// The addresses outside that several hospitals spoke with; without any, what was attacked.
fn check_of(alerts: &[AlertBrief]) -> Option<Check> {
    let mut hospitals: BTreeMap<IpAddr, BTreeSet<&str>> = BTreeMap::new();
    for alert in alerts {
        for address in [&alert.src_ip, &alert.dest_ip].into_iter().filter_map(|text| text.parse::<IpAddr>().ok()) {
            if is_public(address) {
                hospitals.entry(address.to_canonical()).or_default().insert(&alert.facility);
            }
        }
    }
    let mut shared: Vec<(IpAddr, usize)> = hospitals
        .into_iter()
        .map(|(address, hospitals)| (address, hospitals.len()))
        .filter(|(_, hospitals)| *hospitals >= ADDRESS_HOSPITALS_MIN)
        .collect();
    shared.sort_by_key(|(address, hospitals)| (std::cmp::Reverse(*hospitals), *address));
    shared.truncate(ADDRESSES_MAX);
    if !shared.is_empty() {
        return Some(Check::Indicators { addresses: shared.into_iter().map(|(address, _)| address).collect() });
    }
    let mut served: BTreeMap<(Option<&str>, Option<u16>), BTreeSet<&str>> = BTreeMap::new();
    for alert in alerts {
        let inside = alert.dest_ip.parse().is_ok_and(|address: IpAddr| !is_public(address));
        let good = |name: &&str| {
            name.len() <= NAME_CHARS_MAX
                && *name != "failed"
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
        };
        let protocol = alert.app_proto.as_deref().filter(good);
        if inside && (protocol.is_some() || alert.dest_port.is_some_and(|port| port > 0)) {
            served.entry((protocol, alert.dest_port)).or_default().insert(&alert.facility);
        }
    }
    let most = served.into_iter().max_by_key(|(_, hospitals)| hospitals.len());
    most.map(|((protocol, port), _)| Check::Service { protocol: protocol.map(str::to_owned), port })
}

fn content(centre: &Centre, story: &Story, check: Check) -> BulletinContent {
    let words = centre.texts.of(story.signature_id, &story.signature);
    let is_general = words.title == Text::same(&story.signature);
    let title = if is_general { bulletin_texts::unnamed_attack() } else { words.title };
    let mut steps = vec![within(&words.step, STEP_CHARS_MAX)];
    if matches!(check, Check::Indicators { .. }) {
        steps.insert(0, within(&bulletin_texts::block_addresses(), STEP_CHARS_MAX));
    }
    let elsewhere = bulletin_texts::seen_elsewhere();
    let what = Text::new(format!("{} {}", words.what.th, elsewhere.th), format!("{} {}", words.what.en, elsewhere.en));
    BulletinContent {
        title: within(&bulletin_texts::warning_of(&title), TITLE_CHARS_MAX),
        what: within(&what, PARAGRAPH_CHARS_MAX),
        why: within(&words.why, PARAGRAPH_CHARS_MAX),
        steps,
        undo: within(&care_texts::story_undo(words.acts_on), PARAGRAPH_CHARS_MAX),
        who: within(&bulletin_texts::who(), TITLE_CHARS_MAX),
        tlp: Tlp::Amber,
        severity: story.severity,
        due_hours: if story.severity == Severity::Critical { 4 } else { 24 },
        check,
        story: Some(story.id),
    }
}

fn within(text: &Text, chars_max: usize) -> BulletinText {
    let cut = |text: &str| text.chars().take(chars_max).collect::<String>();
    BulletinText::new(cut(&text.th), cut(&text.en))
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_store::AlertId;

    fn alert(facility: &str, src: &str, dest: &str) -> AlertBrief {
        AlertBrief {
            id: AlertId(1),
            story: StoryId(1),
            facility: facility.to_owned(),
            sensor: format!("{facility}-1"),
            at: Timestamp::from_secs(0),
            arrived_at: Timestamp::from_secs(0),
            src_ip: src.to_owned(),
            src_port: Some(50_000),
            dest_ip: dest.to_owned(),
            dest_port: Some(3_389),
            proto: "TCP".to_owned(),
            app_proto: Some("rdp".to_owned()),
        }
    }

    #[test]
    fn only_addresses_that_several_hospitals_share_are_named() {
        let alerts = [
            alert("10001", "203.0.113.5", "198.51.100.1"),
            alert("10002", "203.0.113.5", "10.0.0.2"),
            alert("10003", "203.0.113.6", "10.0.0.3"),
        ];
        let shared = Check::Indicators { addresses: vec!["203.0.113.5".parse().expect("an address")] };
        assert_eq!(check_of(&alerts), Some(shared), "198.51.100.1 may be the first hospital's own");
    }

    #[test]
    fn without_a_shared_address_the_attacked_service_is_asked_for() {
        let alerts = [alert("10001", "203.0.113.5", "10.0.0.1"), alert("10002", "203.0.113.6", "10.0.0.2")];
        let service = Check::Service { protocol: Some("rdp".to_owned()), port: Some(3_389) };
        assert_eq!(check_of(&alerts), Some(service));
        assert_eq!(check_of(&[]), None);
    }
}
