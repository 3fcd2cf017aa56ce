//! A sector whose alerts come from a seed, and what the centre must say of them.
//!
//! Few hospitals are large and few signatures are common (weights of Zipf's law); hosts within a hospital, too.

use phitak_model::{Alert, Evidence, SensorId, Severity, Timestamp};
use phitak_store::provinces::PROVINCES;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

pub const SIGNATURES: usize = 4_000;
const HOSTS_MAX: usize = 400;
const OUTSIDE_MAX: usize = 20_000;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws places with weights 1, 1/2^s, 1/3^s…
pub struct Zipf(Vec<f64>);

impl Zipf {
    pub fn new(places: usize, s: f64) -> Self {
        let mut sum = 0.0;
        let mut upto = Vec::with_capacity(places);
        for place in 0..places {
            sum += 1.0 / ((place + 1) as f64).powf(s);
            upto.push(sum);
        }
        Self(upto)
    }

    pub fn draw(&self, dice: &mut Dice) -> usize {
        let at = dice.unit() * self.0.last().copied().unwrap_or(0.0);
        self.0.partition_point(|upto| *upto < at).min(self.0.len().saturating_sub(1))
    }

    /// This place's part of the whole.
    pub fn share(&self, place: usize) -> f64 {
        let before = place.checked_sub(1).map_or(0.0, |before| self.0[before]);
        (self.0[place] - before) / self.0.last().copied().unwrap_or(1.0)
    }
}

/// What the centre must count.
#[derive(Default)]
pub struct Truth {
    pub alerts: u64,
    pub by_facility: Vec<u64>,
    /// By hour of arrival, then by signature and facility.
    recent: BTreeMap<i64, BTreeMap<(usize, usize), u64>>,
    stories: BTreeMap<usize, BTreeSet<usize>>,
}

impl Truth {
    pub fn take(&mut self, facility: usize, signature: usize, now: Timestamp, number: u64) {
        self.alerts += number;
        if self.by_facility.len() <= facility {
            self.by_facility.resize(facility + 1, 0);
        }
        self.by_facility[facility] += number;
        self.stories.entry(signature).or_default().insert(facility);
        let hour = now.micros().div_euclid(MICROS_PER_HOUR);
        *self.recent.entry(hour).or_default().entry((signature, facility)).or_default() += number;
        while self.recent.len() > 60 {
            self.recent.pop_first();
        }
    }

    pub fn stories(&self) -> usize {
        self.stories.len()
    }

    pub fn stories_at(&self, facilities: &BTreeSet<usize>) -> usize {
        self.stories.values().filter(|at| !at.is_disjoint(facilities)).count()
    }

    /// (stories, alerts) of the day up to now, by whole hours, at these facilities.
    pub fn of_a_day(&self, now: Timestamp, facilities: Option<&BTreeSet<usize>>) -> (usize, u64) {
        let from = now.micros().div_euclid(MICROS_PER_HOUR) - 24;
        let mut stories = BTreeSet::new();
        let mut alerts = 0;
        for ((signature, facility), number) in self.recent.range(from..).flat_map(|(_, hour)| hour) {
            if facilities.is_none_or(|those| those.contains(facility)) {
                stories.insert(*signature);
                alerts += number;
            }
        }
        (stories.len(), alerts)
    }
}

/// The sector.
pub struct World {
    pub sensors: Vec<SensorId>,
    pub sizes: Zipf,
    signatures: Zipf,
    hosts: Zipf,
    outside: Zipf,
    pub dice: Dice,
    made: u64,
}

impl World {
    pub fn new(sensors: Vec<SensorId>) -> Self {
        Self {
            sizes: Zipf::new(sensors.len(), 0.9),
            sensors,
            signatures: Zipf::new(SIGNATURES, 1.1),
            hosts: Zipf::new(HOSTS_MAX, 0.8),
            outside: Zipf::new(OUTSIDE_MAX, 0.9),
            dice: Dice(7),
            made: 0,
        }
    }

    /// One alert of a hospital, with its signature's place.
    pub fn alert(&mut self, facility: usize, now: Timestamp) -> (usize, Alert) {
        let signature = self.signatures.draw(&mut self.dice);
        self.made += 1;
        let host = self.hosts.draw(&mut self.dice);
        let inside = IpAddr::from([10, (facility / 250) as u8, (facility % 250) as u8, (host % 250) as u8 + 1]);
        let outside = self.outside.draw(&mut self.dice);
        let outside = IpAddr::from([203, (outside / 65_536) as u8, (outside / 256) as u8, outside as u8]);
        let (src_ip, dest_ip) = if signature.is_multiple_of(3) { (outside, inside) } else { (inside, outside) };
        let severity = match signature % 50 {
            0 => Severity::Critical,
            1..=6 => Severity::High,
            7..=24 => Severity::Medium,
            _ => Severity::Low,
        };
        let alert = Alert {
            at: now.plus_secs(-(self.dice.below(3_000) as i64)),
            gid: 1,
            signature_id: 2_000_000 + signature as u32,
            rev: 3,
            signature: format!("EXAMPLE MALWARE Observed behaviour number {signature} of a measured sector (request)"),
            category: "A Network Trojan was detected".to_owned(),
            severity,
            action: "allowed".to_owned(),
            proto: "TCP".to_owned(),
            src_ip,
            src_port: Some(49_152 + (self.made % 16_000) as u16),
            dest_ip,
            dest_port: Some([80, 443, 445, 53, 3_389][signature % 5]),
            app_proto: Some(["http", "tls", "smb", "dns", "rdp"][signature % 5].to_owned()),
            flow_id: self.dice.next() >> 1,
            packet: self.made,
            attack: vec!["T1071.001".to_owned()],
            evidence: Some(Evidence {
                buffer: "http.uri".to_owned(),
                bytes: (0..160).map(|_| b' ' + (self.dice.next() % 90) as u8).collect(),
                offset: 0,
                marks: vec![(12, 9)],
            }),
            fields: vec![
                ("http.hostname".to_owned(), format!("host{}.example.org", self.dice.below(9_000))),
                ("http.url".to_owned(), format!("/gate/{:x}?id={}", self.dice.next(), self.dice.below(99_999))),
                ("http.http_user_agent".to_owned(), "Mozilla/5.0 (Windows NT 10.0; Win64; x64)".to_owned()),
                ("http.http_method".to_owned(), "POST".to_owned()),
                ("http.status".to_owned(), "200".to_owned()),
            ],
        };
        (signature, alert)
    }
}

/// The province of a facility's place.
pub fn province(place: usize) -> &'static str {
    PROVINCES[place % PROVINCES.len()].code
}

/// The health region of a facility's place.
pub fn region(place: usize) -> u8 {
    PROVINCES[place % PROVINCES.len()].region
}
