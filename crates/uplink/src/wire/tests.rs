use super::*;
use phitak_model::Timestamp;
use proptest::prelude::*;

const SPOOL: SpoolId = SpoolId([7; 16]);

fn batch(seqs: &[u64]) -> Batch {
    let record = |seq: &u64| Record {
        seq: *seq,
        item: Item::Health(Health { at: Timestamp::from_secs(*seq as i64), packets: *seq, ..Health::default() }),
    };
    Batch { spool: SPOOL, acknowledged: 3, records: seqs.iter().map(record).collect() }
}

fn body_of_lines(lines: &str) -> Vec<u8> {
    let crc = checksum(0, lines.as_bytes());
    let records = lines.lines().count();
    format!("{{\"phitak\":1,\"spool\":\"{SPOOL}\",\"records\":{records},\"crc32\":\"{crc:08x}\"}}\n{lines}")
        .into_bytes()
}

#[test]
fn a_batch_reads_back_as_it_was() {
    for seqs in [&[][..], &[1], &[3, 4, 9]] {
        let body = batch(seqs).encode().expect("encodes");
        assert_eq!(Batch::decode(&body).expect("decodes"), batch(seqs));
    }
}

#[test]
fn only_records_after_the_committed_one_are_fresh() {
    let fresh: Vec<u64> = batch(&[3, 4, 9]).into_fresh(4).map(|record| record.seq).collect();
    assert_eq!(fresh, [9]);
}

#[test]
fn every_flipped_or_missing_byte_is_noticed() {
    let body = batch(&[1, 2]).encode().expect("encodes");
    for at in 0..body.len() {
        let mut bent = body.clone();
        bent[at] ^= 0x20;
        assert!(Batch::decode(&bent).map_or(true, |read| read.spool != SPOOL), "byte {at} flipped");
        assert!(Batch::decode(&body[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_refusal_names_the_record_at_fault() {
    let error = Batch::decode(&body_of_lines("{\"seq\":5,\"item\":{\"letter\":{}}}\n")).expect_err("no such item");
    assert_eq!(error.seq(), Some(5));
    let error = Batch::decode(&body_of_lines("{\"seq\":0,\"item\":{\"health\":{}}}\n")).expect_err("no such health");
    assert_eq!(error.seq(), Some(0));
}

#[test]
fn another_version_is_told_from_garbage() {
    let body = b"{\"phitak\":9,\"shape\":\"unknown\"}\n";
    assert!(matches!(Batch::decode(body), Err(WireError::Version(9))));
    assert!(matches!(Batch::decode(b"GET / HTTP/1.1\r\n\r\n"), Err(WireError::Header(_))));
}

#[test]
fn limits_hold_on_both_sides() {
    let many: Vec<u64> = (1..=BATCH_RECORDS_MAX as u64 + 1).collect();
    assert!(matches!(batch(&many).encode(), Err(WireError::TooManyRecords)));
    assert!(matches!(Batch::decode(&vec![b' '; BODY_BYTES_MAX + 1]), Err(WireError::BodyTooLarge)));
    let long = Health { version: "v".repeat(RECORD_BYTES_MAX), ..Health::default() };
    let one = Batch { spool: SPOOL, acknowledged: 7, records: vec![Record { seq: 8, item: Item::Health(long) }] };
    assert_eq!(one.encode().expect_err("too large").seq(), Some(8));
}

#[test]
fn numbers_must_rise() {
    let error = batch(&[2, 2]).encode().and_then(|body| Batch::decode(&body)).expect_err("twice the same");
    assert!(matches!(error, WireError::Order { before: 2, seq: 2 }));
    let error = batch(&[0]).encode().and_then(|body| Batch::decode(&body)).expect_err("begins at 1");
    assert!(matches!(error, WireError::Order { before: 0, seq: 0 }));
}

#[test]
fn an_acknowledgement_reads_back_and_garbage_does_not() {
    let ack = batch(&[3, 9]).ack();
    assert_eq!(Ack::decode(&ack.encode()).expect("decodes"), Ack::of(SPOOL, 9));
    for garbage in [&b""[..], b"null", b"{\"spool\":\"\",\"up_to\":-1}", &[0xff; 4096]] {
        assert!(Ack::decode(garbage).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_bring_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..600), at in any::<prop::sample::Index>()) {
        let _ = (Batch::decode(&bytes), Ack::decode(&bytes));
        let mut body = batch(&[1, 2, 3]).encode().expect("encodes");
        let from = at.index(body.len());
        body.splice(from..(from + 3).min(body.len()), bytes);
        let _ = Batch::decode(&body);
    }
}
