use super::*;
use crate::{
    policy::{self, Kind},
    wire::{Batch, Item, Record},
};
use phitak_model::{Fact, Health, Loss, Observation};
use proptest::prelude::*;
use std::fs;

const REPLAY: ReplayId = ReplayId([9; 16]);

/// In memory where there is such a place: thousands of openings sync to the disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

fn item(kind: Kind, number: u64) -> Item {
    let at = Timestamp::from_secs(1_790_000_000 + number as i64);
    match kind {
        Kind::Observation => {
            let fact = Fact::Named { name: format!("host-{number}"), source: "dhcp".into() };
            Item::Observation(Observation {
                first_at: at,
                last_at: at,
                count: 1,
                host: [10, 0, 0, 1].into(),
                mac: None,
                fact,
            })
        }
        Kind::Health => Item::Health(Health { at, packets: number, ..Health::default() }),
        Kind::Alert => {
            let json = serde_json::json!({"alert": {
                "at": at, "gid": 1, "signature_id": number, "rev": 1, "signature": "s".repeat(90), "category": "c",
                "severity": phitak_model::Severity::High, "action": "allowed", "proto": "TCP", "src_ip": "10.0.0.1",
                "src_port": 1, "dest_ip": "10.0.0.2", "dest_port": 2, "app_proto": null, "flow_id": number,
                "packet": number, "attack": [], "evidence": null, "fields": [],
            }});
            serde_json::from_value(json).expect("an alert")
        }
    }
}

fn cursor(number: u64) -> Cursor {
    Cursor { replay: REPLAY, packet: number, call: 0 }
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, SPOOL_BYTES_MIN).expect("opens")
}

fn append(spool: &mut Spool, kind: Kind, number: u64) -> Appended {
    spool.append(&policy::clear(&item(kind, number)).expect("clears"), Some(cursor(number)))
}

fn next(spool: &mut Spool) -> Option<Outgoing> {
    let (_, up_to) = spool.begin_sync().expect("syncs");
    spool.next_batch(up_to, BATCH_RECORDS_MAX).expect("reads")
}

fn records(outgoing: &Outgoing) -> Vec<Record> {
    Batch::decode(&outgoing.body).expect("a batch").records
}

/// Everything that waits, acknowledged batch by batch.
fn drain(spool: &mut Spool) -> Vec<Record> {
    let mut all = Vec::new();
    while let Some(outgoing) = next(spool) {
        all.extend(records(&outgoing));
        spool.acknowledge(&outgoing).expect("acknowledged");
    }
    all
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = entries.filter(|path| segment::seq_of_name(path).is_some()).collect();
    paths.sort();
    paths
}

fn lost(spool: &Spool, cause: LossCause) -> u64 {
    spool.ledger().entries().iter().filter(|entry| entry.cause == cause).map(|entry| entry.count).sum()
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = folder();
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, to.path().join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    to
}

fn kind_of(number: u64) -> Kind {
    [Kind::Alert, Kind::Observation, Kind::Observation, Kind::Health][number as usize % 4]
}

#[test]
fn records_come_out_in_order_and_go_when_acknowledged() {
    let folder = folder();
    let mut spool = open(folder.path());
    for number in 1..=900 {
        assert_eq!(append(&mut spool, kind_of(number), number), Appended::Kept { seq: number });
    }
    let id = spool.id();
    let first = next(&mut spool).expect("a batch");
    spool.release();
    assert_eq!(records(&next(&mut spool).expect("a batch")), records(&first), "what was not acknowledged comes again");
    drop(spool);
    let mut spool = open(folder.path());
    assert_eq!(spool.id(), id);
    let drained = drain(&mut spool);
    let expected: Vec<_> =
        (1..=900).map(|number| Record { seq: number, item: item(kind_of(number), number) }).collect();
    assert_eq!(drained, expected);
    assert_eq!((spool.waiting_bytes(), spool.acknowledged()), (0, 900));
    drop(spool);
    let mut spool = open(folder.path());
    assert_eq!(next(&mut spool).map(|batch| batch.records), None);
    assert_eq!(spool.cursor(), Some(cursor(900)), "the cursor outlives the records");
    assert_eq!(append(&mut spool, Kind::Alert, 901), Appended::Kept { seq: 901 });
    assert_eq!(segments(folder.path()).len(), 1);
    assert_eq!(spool.ledger().entries(), []);
}

#[test]
fn a_spool_is_one_process_at_a_time() {
    let folder = folder();
    let _spool = open(folder.path());
    assert!(matches!(Spool::open(folder.path(), SPOOL_BYTES_MIN), Err(SpoolError::InUse(_))));
}

#[test]
fn a_kill_at_any_byte_leaves_the_whole_records_before_it() {
    let folder = folder();
    let mut spool = open(folder.path());
    let mut ends = vec![segment::HEADER_BYTES as u64];
    for number in 1..=7 {
        append(&mut spool, kind_of(number), number);
        ends.push(spool.segments.back().expect("a segment").bytes);
    }
    drop(spool);
    let path = segments(folder.path()).pop().expect("a segment");
    let length = fs::metadata(&path).expect("a file").len();
    for cut in segment::HEADER_BYTES as u64..length {
        let folder = copy(folder.path());
        let file = OpenOptions::new().write(true).open(folder.path().join(path.file_name().expect("a name")));
        file.expect("opens").set_len(cut).expect("cut");
        let mut spool = open(folder.path());
        let whole = ends.iter().filter(|end| **end <= cut).count() as u64 - 1;
        assert_eq!(spool.cursor(), (whole > 0).then(|| cursor(whole)), "cut at {cut}");
        assert_eq!(append(&mut spool, Kind::Alert, 100), Appended::Kept { seq: whole + 1 }, "cut at {cut}");
        let seqs: Vec<u64> = drain(&mut spool).iter().map(|record| record.seq).collect();
        assert_eq!(seqs, (1..=whole + 1).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(spool.ledger().entries(), [], "a cut write was never promised");
    }
}

#[test]
fn a_flipped_byte_costs_one_record_is_counted_and_no_number_comes_again() {
    let folder = folder();
    let mut spool = open(folder.path());
    for number in 1..=6 {
        append(&mut spool, kind_of(number), number);
    }
    drop(spool);
    let path = segments(folder.path()).pop().expect("a segment");
    let length = fs::metadata(&path).expect("a file").len() as usize;
    for at in 0..length {
        let folder = copy(folder.path());
        let path = folder.path().join(path.file_name().expect("a name"));
        let mut bytes = fs::read(&path).expect("read");
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).expect("written");
        let mut spool = open(folder.path());
        let in_header = at < segment::HEADER_BYTES;
        let drained = drain(&mut spool);
        assert_eq!(drained.len(), if in_header { 6 } else { 5 }, "byte {at}");
        let damaged = lost(&spool, LossCause::SpoolDamaged);
        // The last frame's length may be bent so that it looks like a cut write.
        let looks_cut = drained.last().is_some_and(|record| record.seq == 5);
        assert!(in_header || looks_cut || damaged == 1, "byte {at}: {damaged}");
        let Appended::Kept { seq } = append(&mut spool, Kind::Alert, 100) else { panic!("kept") };
        assert!(seq > 6 || (looks_cut && seq == 6), "byte {at}: {seq}");
        let set_aside = folder.path().join("damaged").exists();
        assert!(set_aside || looks_cut, "byte {at}");
    }
}

#[test]
fn a_damaged_segment_in_the_middle_is_counted_and_the_rest_goes_on() {
    let folder = folder();
    let mut spool = open(folder.path());
    for number in 1..=900 {
        append(&mut spool, kind_of(number), number);
    }
    drop(spool);
    let paths = segments(folder.path());
    assert!(paths.len() > 3, "{}", paths.len());
    let mut bytes = fs::read(&paths[1]).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 3000].fill(0);
    fs::write(&paths[1], bytes).expect("written");
    let mut spool = open(folder.path());
    let drained = drain(&mut spool).len() as u64;
    let damaged = lost(&spool, LossCause::SpoolDamaged);
    assert!((3..40).contains(&damaged), "{damaged}");
    assert_eq!(drained + damaged, 900);
    assert_eq!(append(&mut spool, Kind::Alert, 901), Appended::Kept { seq: 901 });
}

#[test]
fn damage_that_comes_while_the_spool_is_open_is_found_at_sending() {
    let folder = folder();
    let mut spool = open(folder.path());
    for number in 1..=20 {
        append(&mut spool, Kind::Alert, number);
    }
    let path = segments(folder.path()).pop().expect("a segment");
    let mut bytes = fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, bytes).expect("written");
    assert_eq!(drain(&mut spool).len(), 19);
    assert_eq!(lost(&spool, LossCause::SpoolDamaged), 1);
    append(&mut spool, Kind::Alert, 21);
    assert_eq!(drain(&mut spool).last().map(|record| record.seq), Some(21));
}

#[test]
fn a_full_spool_drops_the_oldest_observations_first_and_counts_each() {
    let folder = folder();
    let mut spool = open(folder.path());
    let appended = 6000;
    for number in 1..=appended {
        let kind = if number % 20 == 0 { Kind::Alert } else { Kind::Observation };
        assert!(matches!(append(&mut spool, kind, number), Appended::Kept { .. }), "{number}");
        let held: u64 = segments(folder.path()).iter().map(|path| fs::metadata(path).expect("a file").len()).sum();
        assert!(number % 500 != 0 || held <= SPOOL_BYTES_MIN, "{held}");
    }
    let drained = drain(&mut spool);
    let alerts = drained.iter().filter(|record| matches!(record.item, Item::Alert(_))).count() as u64;
    assert_eq!(alerts, appended / 20, "no alert is lost");
    assert_eq!(lost(&spool, LossCause::SpoolFull) + drained.len() as u64, appended);
    let newest = drained.iter().rev().take(50).map(|record| record.seq);
    assert!(newest.eq((appended - 49..=appended).rev()), "the newest stay");
}

#[test]
fn alerts_go_last_and_never_for_an_observation() {
    let folder = folder();
    let mut spool = open(folder.path());
    let mut number = 0;
    while lost(&spool, LossCause::SpoolFull) == 0 {
        number += 1;
        append(&mut spool, Kind::Alert, number);
    }
    assert_eq!(append(&mut spool, Kind::Alert, number + 1), Appended::Kept { seq: number + 1 });
    let before = lost(&spool, LossCause::SpoolFull);
    let last = number + 2000;
    for number in number + 2..=last {
        append(&mut spool, Kind::Observation, number);
    }
    let drained = drain(&mut spool);
    let alerts = drained.iter().filter(|record| matches!(record.item, Item::Alert(_))).count() as u64;
    assert_eq!(alerts + before, number + 1, "observations displaced no alert");
    assert_eq!(drained.len() as u64 + lost(&spool, LossCause::SpoolFull), last);
}

#[test]
fn records_on_their_way_are_not_dropped() {
    let folder = folder();
    let mut spool = open(folder.path());
    for number in 1..=300 {
        append(&mut spool, Kind::Observation, number);
    }
    let outgoing = next(&mut spool).expect("a batch");
    let on_their_way = outgoing.records as u64;
    for number in 301..=6000 {
        append(&mut spool, Kind::Observation, number);
    }
    spool.acknowledge(&outgoing).expect("acknowledged");
    let rest = drain(&mut spool).len() as u64;
    assert_eq!(on_their_way + rest + lost(&spool, LossCause::SpoolFull), 6000);
    drop(spool);
    assert_eq!(open(folder.path()).waiting_bytes(), 0);
}

#[test]
fn a_refused_record_is_set_aside_once_and_the_rest_goes_on() {
    let folder = folder();
    let mut spool = open(folder.path());
    for number in 1..=5 {
        append(&mut spool, Kind::Alert, number);
    }
    spool.set_aside(3).expect("set aside");
    spool.set_aside(5).expect("set aside");
    let seqs: Vec<u64> = drain(&mut spool).iter().map(|record| record.seq).collect();
    assert_eq!(seqs, [1, 2, 4]);
    assert_eq!((spool.waiting_bytes(), lost(&spool, LossCause::Refused)), (0, 2));
    let kept = fs::read_to_string(folder.path().join("refused.jsonl")).expect("kept");
    assert_eq!(kept.lines().count(), 2);
}

#[test]
fn segments_that_vanish_are_told_and_numbers_do_not_come_again() {
    let folder = folder();
    let mut spool = open(folder.path());
    for number in 1..=5 {
        append(&mut spool, Kind::Alert, number);
    }
    let id = spool.id();
    drop(spool);
    segments(folder.path()).iter().for_each(|path| fs::remove_file(path).expect("removed"));
    let mut spool = open(folder.path());
    assert_eq!(spool.id(), id);
    assert_eq!(lost(&spool, LossCause::SpoolDamaged), 1);
    assert!(matches!(append(&mut spool, Kind::Alert, 6), Appended::Kept { seq } if seq > 1 << 31));
}

#[test]
fn the_ledger_and_lost_side_files_survive() {
    let folder = folder();
    let mut spool = open(folder.path());
    append(&mut spool, Kind::Alert, 1);
    let at = Timestamp::from_secs(5);
    spool.note_loss(LossCause::CaptureDamaged, 4, at, at);
    let id = spool.id();
    spool.begin_sync().expect("synced");
    drop(spool);
    fs::remove_file(folder.path().join("identity.txt")).expect("removed");
    fs::write(folder.path().join("acknowledged.json"), "{\"seq\":900,\"cursor\":null}\n00000000\n").expect("written");
    let mut spool = open(folder.path());
    assert_eq!(spool.id(), id, "the segments know the name");
    assert_eq!(spool.ledger().entries(), [Loss { cause: LossCause::CaptureDamaged, count: 4, from: at, until: at }]);
    assert_eq!(drain(&mut spool).len(), 1, "a bent acknowledgement acknowledges nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_stands_in_the_folder_the_spool_opens_and_takes_records(
        garbage in prop::collection::vec(any::<u8>(), 0..4000), at in any::<prop::sample::Index>(), ledger in ".{0,80}",
    ) {
        let folder = folder();
        let mut spool = open(folder.path());
        for number in 1..=8 {
            append(&mut spool, kind_of(number), number);
        }
        drop(spool);
        let path = segments(folder.path()).pop().expect("a segment");
        let mut bytes = fs::read(&path).expect("read");
        let from = at.index(bytes.len());
        bytes.splice(from.., garbage.clone());
        fs::write(&path, bytes).expect("written");
        fs::write(folder.path().join("00000000000000000500.seg"), &garbage).expect("written");
        for name in ["losses.json", "acknowledged.json", "identity.txt"] {
            fs::write(folder.path().join(name), &ledger).expect("written");
        }
        let mut spool = open(folder.path());
        let Appended::Kept { seq } = append(&mut spool, Kind::Alert, 9) else { panic!("kept") };
        prop_assert!(seq > 500 || garbage.is_empty(), "{}", seq);
        prop_assert_eq!(drain(&mut spool).last().map(|record| record.seq), Some(seq));
    }
}
