//! The state machine's laws.

use super::*;
use crate::{Pace, weakness};
use phitak_model::{Fact, Observation, TlsVersion};
use proptest::prelude::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn seen(at: i64, fact: Fact) -> Observation {
    let at = Timestamp::from_secs(at);
    Observation {
        first_at: at,
        last_at: at,
        count: 1,
        host: IpAddr::from([10, 1, 2, 3]),
        mac: Some(Mac([2, 0, 0, 0, 0, 1])),
        fact,
    }
}

fn old_smb(at: i64) -> Observation {
    seen(at, Fact::SmbDialect { port: 445, dialect: "NT LM 0.12".to_owned() })
}

fn new_smb(at: i64) -> Observation {
    seen(at, Fact::SmbDialect { port: 445, dialect: "3.1.1".to_owned() })
}

fn telnet(at: i64) -> Observation {
    seen(at, Fact::TelnetLogin { port: 23 })
}

fn alive(at: i64) -> Observation {
    seen(at, Fact::Alive)
}

fn refused(at: i64, port: u16) -> Observation {
    seen(at, Fact::Refused { port })
}

fn tls(at: i64, port: u16, version: TlsVersion) -> Observation {
    seen(at, Fact::TlsServed { port, version })
}

fn feed(id: &str, before: Option<Finding>, observations: &[Observation]) -> Option<Finding> {
    let kind = weakness(id).expect("a kind");
    observations.iter().fold(before, |finding, observation| {
        let change = observe(kind, finding.as_ref(), observation, Pace::REAL);
        change.finding().cloned().or(finding)
    })
}

fn done(finding: Option<Finding>, at: i64) -> Option<Finding> {
    Some(respond(finding?, Response::Done, None, Timestamp::from_secs(at)).expect("an answer"))
}

#[track_caller]
fn check(finding: &Option<Finding>, state: FindingState) {
    assert_eq!(finding.as_ref().map(|f| f.state), Some(state), "{finding:#?}");
}

#[test]
fn a_claimed_mend_is_verified_by_a_day_of_safe_use() {
    let finding = done(feed("smb1_spoken", None, &[old_smb(0), old_smb(100)]), 200);
    check(&finding, FindingState::Claimed);
    let finding = feed("smb1_spoken", finding, &[new_smb(300), new_smb(200 + DAY)]);
    check(&finding, FindingState::Claimed);
    let finding = feed("smb1_spoken", finding, &[new_smb(300 + DAY)]);
    check(&finding, FindingState::Verified);
    let finding = finding.expect("a finding");
    assert_eq!(finding.proven, Some(Proven::SafeUse));
    assert_eq!(finding.verified_at, Some(Timestamp::from_secs(300 + DAY)));
    assert_eq!(finding.healthy_since, Some(Timestamp::from_secs(300)));
}

#[test]
fn weak_traffic_after_the_claim_reopens_and_asks_again() {
    let finding = done(feed("smb1_spoken", None, &[old_smb(0)]), 200);
    let finding = feed("smb1_spoken", finding, &[new_smb(300), old_smb(400)]);
    check(&finding, FindingState::Reopened);
    assert_eq!(finding.as_ref().and_then(|f| f.response), None);
    let again = done(finding, 500);
    check(&again, FindingState::Claimed);
    check(&feed("smb1_spoken", again, &[new_smb(600), new_smb(600 + DAY)]), FindingState::Verified);
}

#[test]
fn weak_traffic_after_verification_reopens() {
    let finding = done(feed("smb1_spoken", None, &[old_smb(0)]), 200);
    let finding = feed("smb1_spoken", finding, &[new_smb(300), new_smb(300 + DAY), old_smb(400 + DAY)]);
    check(&finding, FindingState::Reopened);
    assert_eq!(finding.and_then(|f| f.verified_at), None);
}

#[test]
fn no_traffic_stays_cannot_tell() {
    let finding = done(feed("old_tls_served", None, &[tls(0, 443, TlsVersion::Tls10)]), 200);
    let life: Vec<Observation> = (1..60).map(|day| alive(day * DAY)).collect();
    check(&feed("old_tls_served", finding, &life), FindingState::Claimed);
}

#[test]
fn what_was_seen_before_the_claim_neither_verifies_nor_reopens_however_late_it_comes() {
    let finding = done(feed("smb1_spoken", None, &[old_smb(0)]), 10 * DAY);
    let late = [new_smb(DAY), old_smb(2 * DAY), new_smb(5 * DAY), old_smb(10 * DAY), new_smb(10 * DAY)];
    let finding = feed("smb1_spoken", finding, &late);
    check(&finding, FindingState::Claimed);
    assert_eq!(finding.as_ref().and_then(|f| f.healthy_since), None);
    assert_eq!(finding.map(|f| f.last_seen), Some(Timestamp::from_secs(10 * DAY)));
}

#[test]
fn a_merged_observation_counts_only_from_its_end_after_the_claim() {
    let finding = done(feed("smb1_spoken", None, &[old_smb(0)]), 1_000);
    let across = Observation { first_at: Timestamp::from_secs(900), ..new_smb(1_050) };
    let finding = feed("smb1_spoken", finding, &[across, new_smb(1_049 + DAY)]);
    check(&finding, FindingState::Claimed);
    check(&feed("smb1_spoken", finding, &[new_smb(1_050 + DAY)]), FindingState::Verified);
}

#[test]
fn a_refused_port_verifies_after_an_hour_and_a_restart_does_not() {
    let finding = done(feed("telnet_login", None, &[telnet(0)]), 100);
    let finding = feed("telnet_login", finding, &[refused(200, 23), refused(230, 23), refused(9_999, 2323)]);
    check(&finding, FindingState::Claimed);
    let finding = feed("telnet_login", finding, &[refused(200 + HOUR, 23)]);
    check(&finding, FindingState::Verified);
    assert_eq!(finding.and_then(|f| f.proven), Some(Proven::Refused));
}

#[test]
fn a_week_of_life_without_a_log_in_verifies_where_silence_proves_something() {
    let finding = done(feed("telnet_login", None, &[telnet(0)]), 100);
    let week: Vec<Observation> = (1..=7).map(|day| alive(day * DAY)).collect();
    let finding = feed("telnet_login", finding, &week);
    check(&finding, FindingState::Claimed);
    let finding = feed("telnet_login", finding, &[alive(7 * DAY + 200)]);
    check(&finding, FindingState::Verified);
    assert_eq!(finding.and_then(|f| f.proven), Some(Proven::Unused));
}

#[test]
fn a_host_that_slept_through_the_week_proves_nothing() {
    let finding = done(feed("telnet_login", None, &[telnet(0)]), 100);
    check(&feed("telnet_login", finding, &[alive(200), alive(8 * DAY), alive(9 * DAY)]), FindingState::Claimed);
}

#[test]
fn every_weak_port_must_be_mended() {
    let weak = [tls(0, 443, TlsVersion::Tls10), tls(10, 8443, TlsVersion::Tls11)];
    let finding = done(feed("old_tls_served", None, &weak), 100);
    let one = [tls(200, 443, TlsVersion::Tls12), tls(200 + DAY, 443, TlsVersion::Tls13)];
    let finding = feed("old_tls_served", finding, &one);
    check(&finding, FindingState::Claimed);
    let other = [refused(300 + DAY, 8443), refused(300 + DAY + HOUR, 8443)];
    let finding = feed("old_tls_served", finding, &other);
    check(&finding, FindingState::Verified);
    assert_eq!(finding.and_then(|f| f.proven), Some(Proven::Refused));
}

#[test]
fn a_host_weak_on_more_ports_than_are_followed_is_never_called_mended() {
    let weak: Vec<Observation> =
        (0..=SERVICES_MAX as u16).map(|n| tls(i64::from(n), 8_000 + n, TlsVersion::Tls10)).collect();
    let finding = done(feed("old_tls_served", None, &weak), 100);
    assert_eq!(finding.as_ref().map(|f| f.trails.len()), Some(SERVICES_MAX));
    let good: Vec<Observation> = (0..=SERVICES_MAX as u16)
        .flat_map(|n| [tls(200, 8_000 + n, TlsVersion::Tls13), tls(200 + DAY, 8_000 + n, TlsVersion::Tls13)])
        .collect();
    check(&feed("old_tls_served", finding, &good), FindingState::Claimed);
}

#[test]
fn a_mend_without_a_word_is_verified_quietly_after_a_longer_wait() {
    let finding = feed("smb1_spoken", None, &[old_smb(0), new_smb(100), new_smb(100 + 6 * DAY)]);
    check(&finding, FindingState::Open);
    let finding = feed("smb1_spoken", finding, &[new_smb(100 + 7 * DAY)]);
    check(&finding, FindingState::Verified);
    assert_eq!(finding.and_then(|f| f.claimed_at), None);
}

#[test]
fn silence_without_a_word_never_verifies() {
    let life: Vec<Observation> = (1..100).map(|day| alive(day * DAY)).collect();
    check(&feed("telnet_login", feed("telnet_login", None, &[telnet(0)]), &life), FindingState::Open);
}

#[test]
fn another_machine_at_the_address_mends_only_after_a_claim() {
    let other = |at: i64| Observation { mac: Some(Mac([2, 0, 0, 0, 0, 9])), ..new_smb(at) };
    let finding = feed("smb1_spoken", None, &[old_smb(0), other(100), other(100 + 8 * DAY)]);
    check(&finding, FindingState::Open);
    let finding = done(finding, 9 * DAY);
    check(&feed("smb1_spoken", finding, &[other(9 * DAY + 10), other(10 * DAY + 10)]), FindingState::Verified);
}

#[test]
fn a_certificate_is_judged_by_the_day_on_which_it_is_seen() {
    let ends = Timestamp::from_secs(1_000 * DAY);
    let certificate = |at: i64, ends: Timestamp| {
        seen(
            at,
            Fact::Certificate {
                port: 443,
                subject: "CN=his.example".to_owned(),
                issuer: "CN=Example".to_owned(),
                not_after: ends,
                fingerprint_sha256: "aa".to_owned(),
            },
        )
    };
    check_none(&feed("expired_certificate", None, &[certificate(999 * DAY, ends), certificate(1_000 * DAY, ends)]));
    let finding = feed("expired_certificate", None, &[certificate(1_000 * DAY + HOUR, ends)]);
    check(&finding, FindingState::Open);
    assert_eq!(finding.as_ref().map(|f| f.confidence), Some(Confidence::Medium));
    let finding = feed("expired_certificate", finding, &[certificate(1_002 * DAY, ends)]);
    assert_eq!(finding.as_ref().map(|f| f.confidence), Some(Confidence::High));
    let renewed = Timestamp::from_secs(2_000 * DAY);
    let finding = done(finding, 1_003 * DAY);
    let finding = feed(
        "expired_certificate",
        finding,
        &[certificate(1_003 * DAY + 10, renewed), certificate(1_003 * DAY + 10 + HOUR, renewed)],
    );
    check(&finding, FindingState::Verified);
}

#[track_caller]
fn check_none(finding: &Option<Finding>) {
    assert_eq!(*finding, None);
}

#[test]
fn answers_are_taken_as_they_are_meant() {
    let at = Timestamp::from_secs;
    let open = feed("telnet_login", None, &[telnet(0)]).expect("a finding");
    assert_eq!(respond(open.clone(), Response::Cannot, Some("  "), at(5)), Err(RespondError::ReasonNeeded));
    let long = "ก".repeat(REASON_CHARS_MAX + 1);
    assert_eq!(respond(open.clone(), Response::Cannot, Some(&long), at(5)), Err(RespondError::ReasonTooLong));
    let cannot = respond(open.clone(), Response::Cannot, Some(" ผู้ขายไม่รองรับ "), at(5)).expect("an answer");
    assert_eq!((cannot.state, cannot.response_reason.as_deref()), (FindingState::Open, Some("ผู้ขายไม่รองรับ")));

    let claimed = respond(open, Response::Done, None, at(10)).expect("an answer");
    let twice = respond(claimed.clone(), Response::Done, None, at(99)).expect("an answer");
    assert_eq!(twice, claimed);
    let help = respond(claimed.clone(), Response::NeedHelp, None, at(20)).expect("an answer");
    assert_eq!((help.state, help.claimed_at), (FindingState::Open, None));

    let verified = feed("telnet_login", Some(claimed), &[refused(20, 23), refused(20 + HOUR, 23)]).expect("a finding");
    assert_eq!(respond(verified, Response::Done, None, at(9_999)), Err(RespondError::AlreadyVerified));
}

#[test]
fn hostile_evidence_is_bounded() {
    let flood: Vec<Observation> = (0..500_i64)
        .map(|n| {
            seen(
                n * DAY,
                Fact::Certificate {
                    port: 443,
                    subject: format!("CN={n}{}", "x".repeat(10_000)),
                    issuer: "\u{1b}[2J".to_owned(),
                    not_after: Timestamp::from_secs(-DAY),
                    fingerprint_sha256: n.to_string(),
                },
            )
        })
        .collect();
    let finding = feed("expired_certificate", None, &flood).expect("a finding");
    assert_eq!(finding.traces.len(), TRACES_MAX);
    assert!(serde_json::to_string(&finding).expect("JSON").len() < 8_000);
}

/// A step of a random life: an observation of some kind at some hour, or an answer.
#[derive(Clone, Debug)]
enum Step {
    See(Observation),
    Answer(Response, i64),
}

impl Step {
    fn at(&self) -> Timestamp {
        match self {
            Self::See(observation) => observation.last_at,
            Self::Answer(_, at) => Timestamp::from_secs(*at),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let hour = 0_i64..400;
    prop_oneof![
        3 => hour.clone().prop_map(|h| Step::See(old_smb(h * HOUR))),
        6 => hour.clone().prop_map(|h| Step::See(new_smb(h * HOUR))),
        2 => (hour.clone(), 0_i64..90).prop_map(|(h, back)| Step::See(Observation {
            first_at: Timestamp::from_secs(h * HOUR - back),
            ..new_smb(h * HOUR)
        })),
        2 => hour.clone().prop_map(|h| Step::See(refused(h * HOUR, 445))),
        2 => hour.clone().prop_map(|h| Step::See(alive(h * HOUR))),
        1 => hour.clone().prop_map(|h| Step::Answer(Response::Done, h * HOUR + 1)),
        1 => hour.prop_map(|h| Step::Answer(Response::NeedHelp, h * HOUR + 1)),
    ]
}

fn live(steps: &[Step]) -> Vec<Option<Finding>> {
    let mut finding = None;
    steps
        .iter()
        .map(|step| {
            finding = match step {
                Step::See(observation) => feed("smb1_spoken", finding.take(), std::slice::from_ref(observation)),
                Step::Answer(answer, at) => {
                    finding.take().map(|f| respond(f.clone(), *answer, None, Timestamp::from_secs(*at)).unwrap_or(f))
                }
            };
            finding.clone()
        })
        .collect()
}

proptest! {
    #[test]
    fn duplicates_change_nothing_whenever_they_come(
        steps in prop::collection::vec(step(), 1..60),
        copies in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..30),
    ) {
        let mut once = steps;
        once.sort_by_key(Step::at);
        let mut repeated: Vec<Step> = once.clone();
        for (which, place) in copies {
            let original = which.index(repeated.len());
            let copy = repeated[original].clone();
            if matches!(copy, Step::See(_)) {
                let later = original + 1 + place.index(repeated.len() - original);
                repeated.insert(later, copy);
            }
        }
        prop_assert_eq!(live(&repeated).pop(), live(&once).pop());
    }

    #[test]
    fn a_whole_replay_changes_nothing(steps in prop::collection::vec(step(), 1..60)) {
        let mut once = steps;
        once.sort_by_key(Step::at);
        let again = once.iter().filter(|s| matches!(s, Step::See(_))).cloned();
        let twice: Vec<Step> = once.iter().cloned().chain(again).collect();
        prop_assert_eq!(live(&twice).pop(), live(&once).pop());
    }

    #[test]
    fn a_duplicate_right_away_changes_nothing_at_all(steps in prop::collection::vec(step(), 1..60)) {
        let once = live(&steps);
        let doubled: Vec<Step> = steps.iter().flat_map(|s| match s { Step::See(_) => vec![s.clone(), s.clone()], Step::Answer(..) => vec![s.clone()] }).collect();
        prop_assert_eq!(live(&doubled).pop(), once.into_iter().next_back());
    }

    #[test]
    fn states_follow_the_drawing(steps in prop::collection::vec(step(), 1..80)) {
        use FindingState::{Claimed, Open, Reopened, Verified};
        let lives = live(&steps);
        for (before, (after, step)) in std::iter::once(&None).chain(&lives).zip(lives.iter().zip(&steps)) {
            let (Some(before), Some(after)) = (before, after) else { continue };
            let allowed = match step {
                Step::See(_) => matches!((before.state, after.state), (Open | Claimed | Reopened, Verified) | (Claimed | Verified, Reopened)),
                Step::Answer(Response::Done, _) => matches!((before.state, after.state), (Open | Reopened, Claimed)),
                Step::Answer(..) => matches!((before.state, after.state), (Claimed, Open)),
            };
            prop_assert!(before.state == after.state || allowed, "{:?} -> {:?} by {:?}", before.state, after.state, step);
            prop_assert_eq!(after.state == Verified, after.verified_at.is_some() && after.proven.is_some());
            prop_assert!(after.first_seen <= after.last_seen);
            prop_assert!(after.state != Claimed || after.claimed_at.is_some());
        }
    }

    #[test]
    fn disorder_never_verifies_what_order_does_not(
        hours in prop::collection::vec((0_i64..120, any::<bool>()), 1..30),
        order in prop::collection::vec(any::<u32>(), 30),
    ) {
        let claimed = done(feed("smb1_spoken", None, &[old_smb(0)]), 1);
        let make = |(h, weak): &(i64, bool)| if *weak { old_smb(h * HOUR + 2) } else { new_smb(h * HOUR + 2) };
        let mut ordered: Vec<Observation> = hours.iter().map(make).collect();
        let mut shuffled: Vec<(u32, Observation)> = order.into_iter().zip(ordered.clone()).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        // Of two signs at one moment the weak one is the later: nothing is proven by it.
        ordered.sort_by_key(|o| (o.last_at, crate::weakness("smb1_spoken").is_some_and(|w| matches!((w.judge)(o), Some(crate::Judgement::Weak { .. })))));
        let last_weak = ordered.iter().filter(|o| matches!(&o.fact, Fact::SmbDialect { dialect, .. } if dialect.starts_with("NT"))).map(|o| o.last_at).max();
        let shuffled: Vec<Observation> = shuffled.into_iter().map(|(_, o)| o).collect();
        let in_disorder = feed("smb1_spoken", claimed.clone(), &shuffled).expect("a finding");
        let in_order = feed("smb1_spoken", claimed, &ordered).expect("a finding");
        prop_assert_eq!(in_disorder.last_seen, in_order.last_seen);
        if last_weak.is_some() {
            prop_assert!(in_disorder.state != FindingState::Claimed && in_order.state != FindingState::Claimed);
            prop_assert!(in_disorder.state != FindingState::Verified || in_order.state == FindingState::Verified);
        } else {
            prop_assert_eq!(in_disorder.state, in_order.state);
        }
    }
}
