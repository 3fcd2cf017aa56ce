//! What the centre reads from a sensor and a sensor from the centre.

use crate::{mutate::mutated, random::Random};
use phitak_model::{Fact, Observation, Timestamp};
use phitak_uplink::wire::{Ack, Batch, Item, Record, SpoolId};
use std::net::IpAddr;

fn batch(random: &mut Random) -> Batch {
    let at = Timestamp::from_secs(1_790_000_000);
    let observation = Observation {
        first_at: at,
        last_at: at.plus_secs(3),
        count: 2,
        host: IpAddr::from([10, 0, 0, 1]),
        mac: None,
        fact: Fact::SmbDialect { port: 445, dialect: "NT LM 0.12".to_owned() },
    };
    let records = (1..=1 + random.below(4) as u64)
        .map(|seq| Record { seq, item: Item::Observation(observation.clone()) })
        .collect();
    Batch { spool: SpoolId([7; 16]), acknowledged: 0, records }
}

/// Damaged bodies are refused or read, and what is read is written again to the same.
pub fn run(random: &mut Random) {
    let batch = batch(random);
    let Ok(body) = batch.encode() else { return };
    assert_eq!(Batch::decode(&body).ok(), Some(batch.clone()), "an undamaged batch is not read back");
    if let Ok(read) = Batch::decode(&mutated(&body, &[], random)) {
        assert!(read.records.is_sorted_by(|a, b| a.seq < b.seq), "numbers of a batch must rise");
    }
    let ack = batch.ack().encode();
    let _ = Ack::decode(&mutated(&ack, &[&body], random));
}
