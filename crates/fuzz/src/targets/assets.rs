//! Observations as a hostile sensor could send them, through digest, hosts and findings.

use crate::{mutate::mutated, random::Random};
use phitak_assets::{Digest, DigestSettings, Finding, Inventory, Pace, WEAKNESSES, finding::observe_all};
use phitak_model::{Fact, Observation, Response, Timestamp};
use std::net::IpAddr;

pub fn run(random: &mut Random) {
    let samples: Vec<&'static str> = WEAKNESSES
        .iter()
        .flat_map(|weakness| [weakness.samples.hits, weakness.samples.healthy, weakness.samples.gone])
        .flatten()
        .copied()
        .collect();
    let settings = DigestSettings { open_max: 1 + random.below(9), ..DigestSettings::default() };
    let (mut digest, mut records) = (Digest::new(settings), Vec::new());
    for _ in 0..60 {
        if let Some(observation) = observation(&samples, random) {
            digest.add(observation, &mut |record| records.push(record));
        }
    }
    digest.flush(&mut |record| records.push(record));

    let (mut inventory, mut findings) = (Inventory::new(3), Vec::<Finding>::new());
    for record in &records {
        inventory.take(record);
        for change in observe_all(&findings, record, Pace::a_day_takes(60)) {
            let Some(changed) = change.finding().cloned() else { continue };
            findings.retain(|known| (known.host, &known.weakness) != (changed.host, &changed.weakness));
            findings.push(answered(changed, random));
        }
    }
    let text = serde_json::to_string(&findings).expect("findings are plain data");
    assert!(text.len() <= findings.len() * 64 * 1024, "findings grow without bound");
    let read: Vec<Finding> = serde_json::from_str(&text).expect("what was written is read");
    assert_eq!(read, findings);
}

fn observation(samples: &[&'static str], random: &mut Random) -> Option<Observation> {
    let others: Vec<&[u8]> = samples.iter().map(|sample| sample.as_bytes()).collect();
    let sample = random.pick(&others).copied()?;
    let text = if random.once_in(3) { mutated(sample, &others, random) } else { sample.to_vec() };
    let fact: Fact = serde_json::from_slice(&text).ok()?;
    let at = Timestamp::from_micros(if random.once_in(20) {
        random.next() as i64
    } else {
        random.below(900) as i64 * 1_000_000
    });
    let ahead = if random.once_in(9) { random.next() as i64 } else { 0 };
    Some(Observation {
        first_at: at,
        last_at: at.plus_micros(ahead),
        count: random.next() as u32,
        host: IpAddr::from([10, 0, 0, random.below(5) as u8]),
        mac: None,
        fact,
    })
}

fn answered(finding: Finding, random: &mut Random) -> Finding {
    if !random.once_in(4) {
        return finding;
    }
    let answers = [Response::Done, Response::NeedHelp, Response::NotOurs, Response::Cannot];
    let answer = random.pick(&answers).copied().unwrap_or(Response::Done);
    let at = Timestamp::from_micros(random.next() as i64);
    phitak_assets::finding::respond(finding.clone(), answer, Some("because"), at).unwrap_or(finding)
}
