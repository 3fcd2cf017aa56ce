//! Laws that every protocol in the registry keeps. A new protocol is held to them by its line in the registry.

use phitak_model::{
    Direction, Transport,
    inspect::{FieldValue, Transaction},
    json::Writer,
};
use phitak_protocols::{Context, Digests, Guess, Outcome, Protocol, REGISTRY, Session, Settings};
use std::fmt::Write as _;

const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];
/// Values of one multi-buffer that are looked at.
const INSTANCES: u32 = 40;

/// Numbers from a seed: the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).expect("fits")
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.digests = Digests { md5: true, sha1: true, sha256: true, magic: true };
    settings
}

fn context() -> Context {
    Context { client_port: 40_000, server_port: 8080, ..Context::default() }
}

/// Everything a transaction shows, as text.
fn picture(protocol: &Protocol, id: u64, transaction: &dyn Transaction) -> String {
    let mut out = format!("{id} {:?}", BOTH.map(|direction| transaction.progress(direction)));
    let events: Vec<&str> =
        transaction.events().iter().map(|event| protocol.decl.events[usize::from(*event)]).collect();
    let _ = writeln!(out, " {events:?} {}", transaction.loggable());
    let mut scratch = Vec::new();
    for direction in BOTH {
        for (number, decl) in protocol.decl.buffers.iter().enumerate() {
            let number = u8::try_from(number).expect("few buffers");
            for instance in 0..INSTANCES {
                let Some(view) = transaction.buffer(number, direction, instance, &mut scratch) else { break };
                let offered = if direction == Direction::ToServer { decl.to_server } else { decl.to_client };
                assert!(offered, "{} is shown {direction:?} but not declared so", decl.name);
                let stage = decl.stage[direction.index()];
                assert!(transaction.progress(direction) >= stage, "{} is shown before its stage", decl.name);
                let (offset, complete, bytes) = (view.offset, view.complete, view.bytes.escape_ascii());
                let _ = writeln!(out, "{} {direction:?} {offset} {complete} {bytes}", decl.name);
            }
        }
        for (number, decl) in protocol.decl.fields.iter().enumerate() {
            let number = u8::try_from(number).expect("few fields");
            for instance in 0..INSTANCES {
                match transaction.field(number, direction, instance) {
                    Some(FieldValue::Number(value)) => {
                        let _ = writeln!(out, "{} {direction:?} {value}", decl.name);
                    }
                    Some(FieldValue::Text(value)) => {
                        let _ = writeln!(out, "{} {direction:?} {value}", decl.name);
                    }
                    None => break,
                }
            }
        }
        let unknown = u8::try_from(protocol.decl.buffers.len()).expect("few buffers");
        assert!(transaction.buffer(unknown, direction, 0, &mut scratch).is_none(), "an undeclared buffer is shown");
    }
    let _ = writeln!(out, "{}", record(transaction));
    out
}

/// The transaction's record; checked to be JSON.
fn record(transaction: &dyn Transaction) -> String {
    let mut writer = Writer::new();
    writer.begin_object();
    transaction.write_eve(&mut writer);
    writer.end_object();
    let text = String::from_utf8(writer.as_bytes().to_vec()).expect("UTF-8");
    serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    text
}

/// Plays turns and tells everything that came out.
fn play(protocol: &Protocol, turns: &[(Direction, &[u8])]) -> String {
    let mut session = (protocol.open)(protocol.transports[0], &settings());
    let mut context = context();
    let mut stopped = false;
    for (direction, bytes) in turns {
        if !stopped {
            stopped = session.feed(*direction, bytes, &mut context) != Outcome::Continue;
        }
    }
    for direction in BOTH {
        session.end(direction, &mut context);
    }
    let mut out = String::new();
    for id in session.live() {
        out.push_str(&picture(protocol, id, session.transaction(id).expect("a live transaction")));
    }
    let _ = writeln!(out, "{:?}", session.files());
    let _ = writeln!(out, "{:?}", context.facts);
    out
}

fn pieces<'a>(turns: &[(Direction, &'a [u8])], mut size: impl FnMut() -> usize) -> Vec<(Direction, &'a [u8])> {
    let mut out = Vec::new();
    for (direction, bytes) in turns {
        let mut rest: &'a [u8] = bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(size().clamp(1, rest.len()));
            out.push((*direction, piece));
            rest = after;
        }
    }
    out
}

#[test]
fn the_registry_is_sorted_and_its_names_are_unique() {
    let names: Vec<&str> = REGISTRY.iter().map(|protocol| protocol.decl.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}

#[test]
fn declarations_are_complete_and_without_repetition() {
    for protocol in REGISTRY {
        let decl = protocol.decl;
        let mut names: Vec<&str> = decl.buffers.iter().map(|buffer| buffer.name).collect();
        names.extend(decl.fields.iter().map(|field| field.name));
        for list in [names, decl.events.to_vec()] {
            let mut unique = list.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), list.len(), "{}: {list:?}", decl.name);
        }
        assert!(!protocol.source.is_empty() && !protocol.transports.is_empty() && !protocol.sample.is_empty());
        assert!(!decl.stages_to_server.is_empty() && !decl.stages_to_client.is_empty());
        let stages = [decl.stages_to_server.len(), decl.stages_to_client.len()];
        for stage in decl.buffers.iter().map(|buffer| buffer.stage).chain(decl.fields.iter().map(|field| field.stage)) {
            assert!(stage.iter().zip(stages).all(|(stage, stages)| usize::from(*stage) < stages), "{}", decl.name);
        }
    }
}

#[test]
fn every_sample_is_recognised_and_its_beginnings_are_not_refused() {
    for protocol in REGISTRY {
        let (direction, bytes) = protocol.sample[0];
        let transport = protocol.transports[0];
        assert_eq!((protocol.guess)(bytes, direction, transport), Guess::Yes, "{}", protocol.decl.name);
        if transport == Transport::Tcp {
            for end in 0..bytes.len() {
                let answer = (protocol.guess)(&bytes[..end], direction, transport);
                assert_ne!(answer, Guess::No, "{} at {end}", protocol.decl.name);
            }
        }
    }
}

#[test]
fn every_sample_shows_something_and_becomes_complete() {
    for protocol in REGISTRY {
        let mut session = (protocol.open)(protocol.transports[0], &settings());
        let mut context = context();
        for (direction, bytes) in protocol.sample {
            session.feed(*direction, bytes, &mut context);
        }
        for direction in BOTH {
            session.end(direction, &mut context);
        }
        let live = session.live();
        assert!(!live.is_empty() || !context.facts.is_empty(), "{} shows nothing", protocol.decl.name);
        for id in live {
            let transaction = session.transaction(id).expect("a live transaction");
            let last = [protocol.decl.stages_to_server.len() - 1, protocol.decl.stages_to_client.len() - 1];
            let reached = BOTH.map(|direction| usize::from(transaction.progress(direction)));
            assert_eq!(reached, last, "{} {id}", protocol.decl.name);
        }
    }
}

#[test]
fn splitting_the_stream_changes_nothing() {
    let mut dice = Dice(7);
    for protocol in REGISTRY.iter().filter(|protocol| protocol.transports[0] == Transport::Tcp) {
        let whole = play(protocol, protocol.sample);
        for size in 1..=64 {
            assert_eq!(play(protocol, &pieces(protocol.sample, || size)), whole, "{} by {size}", protocol.decl.name);
        }
        for _ in 0..200 {
            let split = pieces(protocol.sample, || 1 + dice.roll(90));
            assert_eq!(play(protocol, &split), whole, "{}", protocol.decl.name);
        }
    }
}

/// Feeds turns in random pieces with gaps and releases between them, and looks at everything.
fn rough(protocol: &Protocol, turns: &[(Direction, Vec<u8>)], dice: &mut Dice) {
    let mut session = (protocol.open)(protocol.transports[dice.roll(protocol.transports.len())], &settings());
    let mut context = context();
    for (direction, bytes) in turns {
        (protocol.guess)(bytes, *direction, protocol.transports[0]);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + dice.roll(rest.len())).min(rest.len()));
            rest = after;
            if let Outcome::Upgrade { consumed, .. } = session.feed(*direction, piece, &mut context) {
                assert!(consumed <= piece.len());
                session.left(*direction);
            }
            if dice.roll(12) == 0 {
                session.gap(*direction, dice.roll(2000) as u64, &mut context);
            }
            look(protocol, session.as_mut(), dice);
        }
    }
    for direction in BOTH {
        session.end(direction, &mut context);
    }
    look(protocol, session.as_mut(), dice);
}

fn look(protocol: &Protocol, session: &mut dyn Session, dice: &mut Dice) {
    for id in session.live() {
        picture(protocol, id, session.transaction(id).expect("a live transaction"));
    }
    session.files();
    let live = session.live();
    if dice.roll(4) == 0 && !live.is_empty() {
        session.release(live.start);
        assert!(session.transaction(live.start).is_none());
    }
}

#[test]
fn mutated_bytes_and_gaps_never_panic() {
    let mut dice = Dice(99);
    for protocol in REGISTRY {
        for _ in 0..600 {
            let mut turns: Vec<(Direction, Vec<u8>)> =
                protocol.sample.iter().map(|(direction, bytes)| (*direction, bytes.to_vec())).collect();
            for _ in 0..=dice.roll(8) {
                let count = turns.len();
                let (_, bytes) = &mut turns[dice.roll(count)];
                let at = dice.roll(bytes.len().max(1)).min(bytes.len());
                match dice.roll(5) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, u8::try_from(dice.roll(256)).expect("a byte")),
                    2 if at < bytes.len() => drop(bytes.remove(at)),
                    3 => {
                        let tail = bytes[at..].to_vec();
                        bytes.extend(tail);
                    }
                    _ if at < bytes.len() => bytes[at] = [0, 0xff, b'\n', b'9', 0x7f, 0x80][dice.roll(6)],
                    _ => {}
                }
            }
            if dice.roll(6) == 0 {
                let first = turns[0].clone();
                turns.push(first);
            }
            rough(protocol, &turns, &mut dice);
        }
    }
}

#[test]
fn noise_never_panics() {
    let mut dice = Dice(3);
    for protocol in REGISTRY {
        for _ in 0..200 {
            let mut noise = || -> Vec<u8> {
                let length = dice.roll(400);
                (0..length).map(|_| u8::try_from(dice.roll(256)).expect("a byte")).collect()
            };
            let turns = [(Direction::ToServer, noise()), (Direction::ToClient, noise())];
            rough(protocol, &turns, &mut dice);
        }
    }
}

/// Resident memory of this process in bytes; `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(4096)
}

#[test]
fn endless_input_takes_bounded_memory_and_linear_work() {
    const BYTES: usize = 24 << 20;
    const GROWTH_BYTES_MAX: u64 = 48 << 20;
    for protocol in REGISTRY {
        let before = resident_bytes();
        for filler in [&b"A"[..], b"\n", b"GET / HTTP/1.1\r\nA: b\r\n", b"\xff\x00\x01"] {
            let mut session = (protocol.open)(protocol.transports[0], &settings());
            let mut context = context();
            for (direction, bytes) in protocol.sample {
                session.feed(*direction, bytes, &mut context);
            }
            let block: Vec<u8> = filler.iter().copied().cycle().take(1460).collect();
            let mut fed = 0;
            while fed < BYTES / 8 {
                for direction in BOTH {
                    session.feed(direction, &block, &mut context);
                    context.facts.clear();
                    session.files();
                }
                fed += 2 * block.len();
            }
        }
        // One byte at a time, so that looking at the same bytes again and again would be felt.
        let mut session = (protocol.open)(protocol.transports[0], &settings());
        let mut context = context();
        for _ in 0..200_000 {
            for direction in BOTH {
                session.feed(direction, b"4", &mut context);
                context.facts.clear();
            }
        }
        if let (Some(before), Some(after)) = (before, resident_bytes()) {
            let growth = after.saturating_sub(before);
            assert!(growth < GROWTH_BYTES_MAX, "{} grew by {growth} bytes", protocol.decl.name);
        }
    }
}
