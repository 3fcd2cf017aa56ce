//! What a million indicators cost: to put together, to hold, to ask, and in the way of each packet. Run by
//! `cargo xtask bench indicators`.

use mimalloc::MiMalloc;
use phitak_engine::{Config, Engine, FileDigests, Frame, Indicators, IndicatorsBuilder, LinkType, Loaded, Sink, load};
use phitak_model::{
    Alert, Indicator, IndicatorKind, IndicatorValue, Observation, Severity, Timestamp,
    indicator::{INDICATOR_GID, INDICATORS_MAX},
};
use std::{collections::BTreeMap, fmt::Write as _, fs, process::ExitCode, sync::Arc, time::Instant};

/// The sensor's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ENTRIES: u32 = INDICATORS_MAX as u32;
/// Questions and answers of DNS in each measurement; one of so many questions asks for a listed name.
const QUESTIONS: u32 = 200_000;
const LISTED_EVERY: u32 = 1_000;
const ROUNDS: usize = 5;
/// What the set may take beside its sensor.
const MEMORY_MIB_MAX: f64 = 100.0;
const BUILD_SECS_MAX: f64 = 5.0;
/// A packet of DNS before a million indicators may cost so many times as much as before none.
const RATIO_MAX: f64 = 1.5;
const PAGE_BYTES: f64 = 4096.0;

/// A number that looks like chance, the same for the same seed (SplitMix64).
fn dice(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn kind(id: u32) -> IndicatorKind {
    IndicatorKind::ALL[id as usize % IndicatorKind::ALL.len()]
}

/// The value of this number, as a list writes it. Those of different numbers differ.
fn value(id: u32) -> String {
    let (one, two) = (dice(id.into()), dice(u64::from(id) << 32));
    let digits = |words: u64| {
        let mut out = format!("{id:08x}");
        (0..words).for_each(|n| write!(out, "{:016x}", dice(one ^ n)).expect("text"));
        out
    };
    match kind(id) {
        // Those of single machines, and of IPv6 one of two.
        IndicatorKind::Address if two & 1 == 0 => {
            let [a, b, c, d] = (0x2000_0000 | id).to_be_bytes();
            format!("{a}.{b}.{c}.{d}")
        }
        IndicatorKind::Address => format!("2a00:{:x}:{:x}::{:x}", id >> 16, id & 0xffff, two >> 48),
        IndicatorKind::Domain => format!("h{:x}.b{id:x}.example", one >> 44),
        IndicatorKind::Url => format!("h{:x}.u{id:x}.example/get/{:x}", one >> 44, two >> 32),
        IndicatorKind::Sha256 => digits(4)[..64].to_owned(),
        IndicatorKind::Sha1 => digits(3)[..40].to_owned(),
        IndicatorKind::Md5 | IndicatorKind::Ja3 => digits(2)[..32].to_owned(),
        IndicatorKind::Ja4 => format!("t13d1516h2_{}_{:012x}", &digits(1)[..12], one >> 16),
    }
}

fn indicator(id: u32) -> Indicator {
    Indicator {
        id,
        value: IndicatorValue::parse(kind(id), &value(id)).expect("a value"),
        severity: Severity::High,
        expires_at: Timestamp::from_secs(4_000_000_000),
        text: format!("words {}", id % 100),
    }
}

/// What the set answers when it is asked for this value.
fn asked(set: &Indicators, value: &IndicatorValue) -> Option<u32> {
    let now = Timestamp::from_secs(1_700_000_000);
    let file = |digests| set.file(digests, now);
    let hex = |digest: &[u8; 16]| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let hit = match value {
        IndicatorValue::Address(address, _) => set.address(*address, now),
        IndicatorValue::Domain(name) => set.domain(name.as_bytes(), now),
        IndicatorValue::Url(url) => {
            let (host, path) = url.split_at(url.find('/')?);
            set.url(host.as_bytes(), path.as_bytes(), now)
        }
        IndicatorValue::Sha256(digest) => file(FileDigests { sha256: Some(digest), ..FileDigests::default() }),
        IndicatorValue::Sha1(digest) => file(FileDigests { sha1: Some(digest), ..FileDigests::default() }),
        IndicatorValue::Md5(digest) => file(FileDigests { md5: Some(digest), ..FileDigests::default() }),
        IndicatorValue::Ja3(digest) => set.ja3(hex(digest).as_bytes(), now),
        IndicatorValue::Ja4(text) => set.ja4(text.as_bytes(), now),
    };
    hit.map(|hit| hit.id)
}

/// Bytes that this program holds.
fn resident_mib() -> f64 {
    let pages =
        fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * PAGE_BYTES / f64::from(1 << 20)
}

fn built() -> (Indicators, f64, f64) {
    let before = resident_mib();
    let mut builder = IndicatorsBuilder::default();
    let mut seconds = 0.0;
    // Read in portions, as lists are: what a portion takes is given back before it is measured.
    for first in (0..ENTRIES).step_by(10_000) {
        let portion: Vec<Indicator> = (first..first + 10_000).map(indicator).collect();
        let started = Instant::now();
        portion.iter().for_each(|one| builder.add(one));
        seconds += started.elapsed().as_secs_f64();
    }
    let started = Instant::now();
    let set = builder.build(1);
    seconds += started.elapsed().as_secs_f64();
    (set, seconds, resident_mib() - before)
}

/// Each listed value is found under its own number, and none that is not listed.
fn ask_all(set: &Indicators) -> bool {
    let mut right = true;
    for (number, one) in (0u32..).zip(IndicatorKind::ALL) {
        let kinds = IndicatorKind::ALL.len();
        let of = |first: u32, count: usize| -> Vec<(u32, IndicatorValue)> {
            (first + number..).step_by(kinds).take(count).map(|id| (id, indicator(id).value)).collect()
        };
        let (listed, strange) = (of(0, ENTRIES as usize / kinds), of(ENTRIES, 100_000));
        let started = Instant::now();
        let found = listed.iter().filter(|(id, value)| asked(set, value) == Some(*id)).count();
        let hit_ns = started.elapsed().as_nanos() as f64 / listed.len() as f64;
        let started = Instant::now();
        let wrong = strange.iter().filter(|(_, value)| asked(set, value).is_some()).count();
        let miss_ns = started.elapsed().as_nanos() as f64 / strange.len() as f64;
        println!("{:<8} {hit_ns:>5.0} ns where it is listed, {miss_ns:>5.0} ns where it is not", one.as_str());
        if (found, wrong) != (listed.len(), 0) {
            println!("✗ of {} listed {found} were found, and {wrong} that are not listed", listed.len());
            right = false;
        }
    }
    right
}

#[derive(Default)]
struct Counted {
    hits: u32,
    records: u32,
}

impl Sink for Counted {
    fn record(&mut self, kind: &'static str, _: &[u8]) {
        self.records += u32::from(kind == "dns");
    }

    fn alert(&mut self, alert: Alert) {
        self.hits += u32::from(alert.gid == INDICATOR_GID);
    }

    fn observation(&mut self, _: Observation) {}
}

/// A question for a name, from a client of this number.
fn question(number: u32, name: &str) -> Vec<u8> {
    let mut dns = (number as u16).to_be_bytes().to_vec();
    dns.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        dns.push(label.len() as u8);
        dns.extend(label.as_bytes());
    }
    dns.extend([0, 0, 1, 0, 1]);
    let mut frame = vec![0; 42];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[16..18].copy_from_slice(&((28 + dns.len()) as u16).to_be_bytes());
    frame[22..24].copy_from_slice(&[64, 17]);
    frame[26..30].copy_from_slice(&(0x0a00_0000 + number / 16 % 4_096).to_be_bytes());
    frame[30..34].copy_from_slice(&[10, 1, 0, 53]);
    frame[34..36].copy_from_slice(&(20_000 + (number % 16) as u16).to_be_bytes());
    frame[36..38].copy_from_slice(&53u16.to_be_bytes());
    frame[38..40].copy_from_slice(&((8 + dns.len()) as u16).to_be_bytes());
    frame.extend(dns);
    frame
}

/// Nanoseconds for each packet, and what was told of them.
fn played(frames: &[Vec<u8>], set: &Arc<Indicators>) -> (f64, Counted) {
    let mut config = Config::default();
    config.decoder.checksums = false;
    let Loaded { rules, .. } = load(&[], &config, BTreeMap::new(), None);
    let (mut engine, mut counted) = (Engine::new(config, rules), Counted::default());
    engine.set_indicators(Arc::clone(set));
    let started = Instant::now();
    for (number, bytes) in (1u64..).zip(frames) {
        let at = Timestamp::from_micros(1_700_000_000_000_000 + number as i64);
        let whole = bytes.len() as u32;
        engine.frame(&Frame { number, at, link: LinkType::Ethernet, wire_length: whole, bytes }, &mut counted);
    }
    let ns = started.elapsed().as_nanos() as f64 / frames.len() as f64;
    engine.finish(&mut counted);
    (ns, counted)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> ExitCode {
    let (set, seconds, mib) = built();
    println!(
        "{} indicators: put together in {seconds:.2} s (at most {BUILD_SECS_MAX}), {mib:.0} MiB (at most {MEMORY_MIB_MAX})",
        set.len()
    );
    let mut right = set.len() == ENTRIES as usize && ask_all(&set);
    let names = (0..QUESTIONS).map(|n| match n % LISTED_EVERY {
        0 => format!("ward.{}", value(n / LISTED_EVERY * 8 + 1)),
        _ => format!("h{:x}.ward{:x}.example", dice(n.into()) >> 44, n % 5_000),
    });
    let frames: Vec<Vec<u8>> = (0..).zip(names).map(|(n, name)| question(n, &name)).collect();
    let (none, all) = (Arc::new(Indicators::default()), Arc::new(set));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (set, times, hits) in [(&none, &mut without, 0), (&all, &mut with, QUESTIONS / LISTED_EVERY)] {
            let (ns, counted) = played(&frames, set);
            times.push(ns);
            if (counted.records, counted.hits) != (QUESTIONS, hits) {
                println!(
                    "✗ of {QUESTIONS} questions {} were recorded, of {hits} indicators {} hit",
                    counted.records, counted.hits
                );
                right = false;
            }
        }
    }
    let (without, with) = (median(without), median(with));
    println!(
        "a question of DNS: {without:.0} ns before none, {with:.0} ns before a million: {:.2} (at most {RATIO_MAX})",
        with / without
    );
    let holds = right && seconds <= BUILD_SECS_MAX && mib <= MEMORY_MIB_MAX && with / without <= RATIO_MAX;
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
