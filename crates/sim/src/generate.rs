//! From an order to a folder: `sector.json`, and for each hospital, in `hospitals/` under its code, `quiet.pcap`, `before.pcap`,
//! `after.pcap` and `truth.json`.

use crate::{
    attack,
    certificate::Authority,
    dice::Dice,
    hospital::Hospital,
    scene::{Phase, SECOND, Scene},
    sector::{Facility, Sector},
    service::SERVICES,
    truth::{HospitalTruth, Span, WeakHost},
    weakness::{self, Fate, WEAKNESSES},
};
use anyhow::Context;
use phitak_model::Timestamp;
use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

/// How long the captures are and how dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// About two minutes before, one after: what a demonstration plays.
    Small,
    /// A working day, thinner.
    Day,
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Order {
    pub seed: u64,
    pub hospitals: usize,
    pub out: PathBuf,
    /// When `before.pcap` begins.
    pub start: Timestamp,
    /// How long `before.pcap` lasts, when not as the scale says.
    pub minutes: Option<u32>,
    pub scale: Scale,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    pub hospitals: usize,
    pub packets: usize,
}

/// Sessions begin this long before the end of a capture at the latest.
const LAST_WORDS_MICROS: i64 = 6 * SECOND;
/// The shortest capture in which every attack has room.
const BEFORE_SECONDS_MIN: i64 = 100;
const QUIET_DAYS_EARLIER: i64 = 1;

/// Makes the sector.
///
/// # Errors
/// When the folder cannot be written.
pub fn generate(order: &Order) -> anyhow::Result<Made> {
    let sector = Sector::invent(order.seed, order.hospitals);
    fs::create_dir_all(&order.out).with_context(|| format!("making {}", order.out.display()))?;
    write_json(&order.out.join("sector.json"), &sector)?;
    let root = Dice::new(order.seed);
    let authority = Authority::new(&root, order.start)?;
    let mut made = Made::default();
    for (number, facility) in sector.facilities.iter().enumerate() {
        made.packets += hospital(order, &root, &authority, facility, number)?;
        made.hospitals += 1;
    }
    Ok(made)
}

fn hospital(
    order: &Order,
    root: &Dice,
    authority: &Authority,
    facility: &Facility,
    number: usize,
) -> anyhow::Result<usize> {
    let code = facility.code.as_str();
    let dice = root.split(code);
    let hospital = Hospital::invent(facility.clone(), number, &dice);
    let weak = weakness::assign(&hospital, &dice);
    let folder = order.out.join("hospitals").join(code);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let spans = Spans::of(order);
    let mut truth = HospitalTruth {
        facility: facility.code.clone(),
        seed: order.seed,
        quiet: spans.quiet,
        before: spans.before,
        after: spans.after,
        attacks: Vec::new(),
        weak_hosts: weak.iter().map(|w| weak_host(&hospital, w, &spans)).collect(),
        valid_national_ids: Vec::new(),
    };
    let mut packets = 0;
    for (phase, span, file) in [
        (Phase::Quiet, spans.quiet, "quiet.pcap"),
        (Phase::Before, spans.before, "before.pcap"),
        (Phase::After, spans.after, "after.pcap"),
    ] {
        let mut scene = Scene::new(&hospital, phase, &weak, authority, dice.split(file));
        play(&mut scene, span, order.scale);
        let (mut tape, noted) = scene.finish();
        tape.cut(span.from.micros(), span.until.micros());
        packets += tape.packets();
        let path = folder.join(file);
        let mut out = BufWriter::new(File::create(&path).with_context(|| format!("making {}", path.display()))?);
        tape.write_pcap(&mut out).with_context(|| format!("writing {}", path.display()))?;
        truth.attacks.extend(noted.attacks);
        truth.valid_national_ids.extend(noted.valid_national_ids);
    }
    write_json(&folder.join("truth.json"), &truth)?;
    Ok(packets)
}

struct Spans {
    quiet: Span,
    before: Span,
    after: Span,
}

impl Spans {
    fn of(order: &Order) -> Self {
        let usual = match order.scale {
            Scale::Small => 110,
            Scale::Day => 8 * 3600,
        };
        let before = order.minutes.map_or(usual, |m| i64::from(m) * 60).max(BEFORE_SECONDS_MIN);
        let after = (before / 2).max(60);
        let span = |from: Timestamp, seconds| Span { from, until: from.plus_secs(seconds) };
        Self {
            quiet: span(order.start.plus_secs(-QUIET_DAYS_EARLIER * 86_400), before),
            before: span(order.start, before),
            after: span(order.start.plus_secs(before), after),
        }
    }
}

fn play(scene: &mut Scene<'_>, span: Span, scale: Scale) {
    let (from, until) = (span.from.micros(), span.until.micros() - LAST_WORDS_MICROS);
    let thinner = if scale == Scale::Day { 6 } else { 1 };
    for service in &SERVICES {
        let own = scene.dice.split(service.name);
        let mut dice = std::mem::replace(&mut scene.dice, own);
        let sessions = (i64::from(service.per_minute) * (until - from) / (60 * SECOND) / thinner).max(1);
        for _ in 0..sessions {
            let at = dice.between(from, until);
            (service.play)(scene, at);
        }
        scene.dice = dice;
    }
    weak_uses(scene, from, until);
    if scene.phase == Phase::Before {
        let length = span.until.micros() - from;
        for attack in attack::chosen(scene) {
            // Not all hospitals at the same moment.
            let late = scene.hospital.number as i64 % 7 * SECOND / 3;
            attack.perform(scene, from + length * attack.begins_percent / 100 + late);
        }
    }
}

/// Every weak or mended service is used early, in the middle, and late.
fn weak_uses(scene: &mut Scene<'_>, from: i64, until: i64) {
    for weak in scene.weak {
        let host = scene.hospital.named(&weak.host);
        let entry = WEAKNESSES.iter().find(|w| w.kind == weak.kind);
        let (Some(entry), true) = (entry, scene.is_present(host)) else { continue };
        let third = (until - from) / 3;
        for part in 0..3 {
            let at = from + part * third + scene.dice.between(SECOND, third / 2);
            (entry.play)(scene, at, host);
        }
    }
}

fn weak_host(hospital: &Hospital, weak: &weakness::WeakHost, spans: &Spans) -> WeakHost {
    let host = hospital.named(&weak.host);
    WeakHost {
        kind: weak.kind,
        name: host.name.clone(),
        address: host.ip,
        mac: host.mac,
        port: weak.port,
        fate: weak.fate,
        mended_at: (weak.fate == Fate::Mended).then_some(spans.after.from),
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
