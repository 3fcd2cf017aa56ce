//! Capture files: every format gives the same frames, and damage is told with its place.

mod wire;

use phitak_packet::{Capture, CaptureFault, LinkType};
use wire::{Dice, block, ethernet, ipv4, pcap, udp};

fn frames() -> Vec<Vec<u8>> {
    (0..5).map(|n| ethernet(0x0800, &ipv4(17, 0, n, &udp(1000 + n, 53, b"hello")))).collect()
}

/// (number, microseconds, bytes) of every frame, and the error if there was one.
fn read(file: &[u8]) -> (Vec<(u64, i64, Vec<u8>)>, Option<String>) {
    let mut capture = match Capture::new(file) {
        Ok(capture) => capture,
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let mut all = Vec::new();
    loop {
        match capture.next_frame() {
            Ok(Some(frame)) => all.push((frame.number, frame.at.micros(), frame.bytes.to_vec())),
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(error.to_string())),
        }
    }
}

#[test]
fn both_byte_orders_and_both_resolutions_give_the_same_frames() {
    let wanted = read(&pcap(&frames(), false, false));
    assert_eq!((wanted.0.len(), wanted.1.as_deref()), (5, None));
    assert_eq!(wanted.0[3], (4, 1_000_003_000, frames()[3].clone()));
    for (big_endian, nanoseconds) in [(false, true), (true, false), (true, true)] {
        assert_eq!(read(&pcap(&frames(), big_endian, nanoseconds)), wanted);
    }
}

#[test]
fn pcapng_interfaces_have_their_own_link_type_and_clock() {
    for big in [false, true] {
        let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let header = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
        let interface = |link: u16, options: &[u8]| [&half(link)[..], &half(0), &word(65_535), options].concat();
        let nanoseconds = [&half(9)[..], &half(1), &[9, 0, 0, 0], &half(0), &half(0)].concat();
        let packet = |interface: u32, units: u64, bytes: &[u8]| {
            let length = word(bytes.len() as u32);
            [&word(interface)[..], &word((units >> 32) as u32), &word(units as u32), &length, &length, bytes].concat()
        };
        let raw = ipv4(17, 0, 1, &udp(1, 2, b"abc"));
        let file = [
            block(0x0a0d_0d0a, &header, big),
            block(1, &interface(1, &[]), big),
            block(1, &interface(101, &nanoseconds), big),
            block(6, &packet(1, 1_700_000_000_000_000_123, &raw), big),
            block(0x0bad, &[1, 2, 3, 4], big),
            block(6, &packet(0, 1_700_000_000_000_007, &frames()[0]), big),
        ]
        .concat();
        let mut capture = Capture::new(&file[..]).expect("a capture");
        let first = capture.next_frame().expect("no fault").expect("a frame");
        assert_eq!((first.number, first.link, first.at.micros()), (1, LinkType::Raw, 1_700_000_000_000_000));
        assert_eq!(first.bytes, raw);
        let second = capture.next_frame().expect("no fault").expect("a frame");
        assert_eq!((second.number, second.link, second.at.micros()), (2, LinkType::Ethernet, 1_700_000_000_000_007));
        assert!(capture.next_frame().expect("no fault").is_none());
    }
}

#[test]
fn a_cut_capture_gives_what_is_whole_and_says_where_it_ends() {
    let file = pcap(&frames(), false, false);
    let record = 16 + frames()[0].len();
    for cut in 24..file.len() {
        let (read, error) = read(&file[..cut]);
        let whole = (cut - 24) / record;
        assert_eq!(read.len(), whole, "cut at {cut}");
        match error {
            None => assert_eq!((cut - 24) % record, 0, "cut at {cut}"),
            Some(error) => {
                let place = format!("at byte {}: ", 24 + whole * record);
                assert!(error.starts_with(&place) && error.contains(&format!("packet {}", whole + 1)), "{error}");
            }
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_in_words() {
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"GIF89a", "no capture file"),
        (&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], "ends in the middle of the file header"),
    ] {
        let (_, error) = read(bytes);
        assert!(error.expect("an error").contains(word));
    }
    let mut radio = pcap(&[], false, false);
    radio[20] = 105;
    let error = Capture::new(&radio[..]).err().expect("refused");
    assert!(matches!(error.reason, CaptureFault::Unsupported(_)) && error.to_string().contains("802.11"));
}

#[test]
fn garbled_captures_neither_panic_nor_loop() {
    let file = pcap(&frames(), false, false);
    let mut dice = Dice(3);
    for _ in 0..2_000 {
        let mut garbled = file.clone();
        for _ in 0..=dice.below(8) {
            let at = dice.below(garbled.len());
            garbled[at] = dice.next() as u8;
        }
        assert!(read(&garbled).0.len() <= garbled.len());
    }
}
