//! Whether a packet costs more when there are more flows: the same packets over ten thousand and over a million flows that
//! all live at once. Run by `cargo xtask bench flows`.

use phitak_engine::{Config, Engine, Frame, LinkType, Loaded, Sink, load};
use phitak_model::{Alert, Observation, Timestamp};
use std::{collections::BTreeMap, process::ExitCode, time::Instant};

const FEW: u32 = 10_000;
const MANY: u32 = 1_000_000;
/// Turns in each measurement: a flow picked by chance exchanges [`PACKETS_A_TURN`] packets.
const TURNS: u32 = 1_000_000;
const PACKETS_A_TURN: u32 = 8;
const PAYLOAD_BYTES: usize = 200;
const ROUNDS: usize = 5;
/// A packet among many flows may cost so many times as much as one among few.
const RATIO_MAX: f64 = 1.3;

const SYN: u8 = 2;
const ACK: u8 = 16;

#[derive(Default)]
struct Counted {
    records: u64,
}

impl Sink for Counted {
    fn record(&mut self, kind: &'static str, _line: &[u8]) {
        self.records += u64::from(kind == "flow");
    }

    fn alert(&mut self, _alert: Alert) {}

    fn observation(&mut self, _observation: Observation) {}
}

/// An engine in the middle of its traffic.
struct Town {
    engine: Engine,
    sink: Counted,
    frames: u64,
    /// For each flow: bytes that client and server have sent.
    sent: Vec<[u32; 2]>,
    frame: Vec<u8>,
}

impl Town {
    /// Opens all flows by their handshakes.
    fn new(flows: u32) -> Self {
        let mut config = Config::default();
        config.decoder.checksums = false;
        config.flow.flows_max = flows as usize + 1;
        let Loaded { rules, .. } = load(&[], &config, BTreeMap::new(), None);
        let engine = Engine::new(config, rules);
        let frame = vec![0; 54 + PAYLOAD_BYTES];
        let mut town = Self { engine, sink: Counted::default(), frames: 0, sent: vec![[1, 1]; flows as usize], frame };
        for flow in 0..flows {
            town.segment(flow, true, SYN, 0);
            town.segment(flow, false, SYN | ACK, 0);
            town.segment(flow, true, ACK, 0);
        }
        town
    }

    fn segment(&mut self, flow: u32, from_client: bool, flags: u8, payload: usize) {
        let Self { engine, sink, frames, sent, frame } = self;
        let Some(sent) = sent.get_mut(flow as usize) else { return };
        let length = 54 + payload;
        let client = (0x0a00_0000 + flow / 16).to_be_bytes();
        let server = [192, 0, 2, 1];
        let client_port = (20_000 + flow % 16) as u16;
        let (ends, ports) = if from_client {
            ([client, server], [client_port, 9_000])
        } else {
            ([server, client], [9_000, client_port])
        };
        let [own, other] = if from_client { *sent } else { [sent[1], sent[0]] };
        let opening = u32::from(flags & SYN != 0);
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14..18].copy_from_slice(&[0x45, 0, 0, (40 + payload) as u8]);
        frame[22..24].copy_from_slice(&[64, 6]);
        frame[26..30].copy_from_slice(&ends[0]);
        frame[30..34].copy_from_slice(&ends[1]);
        frame[34..36].copy_from_slice(&ports[0].to_be_bytes());
        frame[36..38].copy_from_slice(&ports[1].to_be_bytes());
        frame[38..42].copy_from_slice(&(own - opening).to_be_bytes());
        let ack = if flags & ACK != 0 { other } else { 0 };
        frame[42..46].copy_from_slice(&ack.to_be_bytes());
        frame[46..50].copy_from_slice(&[0x50, flags, 0x20, 0]);
        sent[usize::from(!from_client)] = own + payload as u32;
        *frames += 1;
        let at = Timestamp::from_micros(1_700_000_000_000_000 + *frames as i64);
        let whole = u32::try_from(length).unwrap_or(0);
        let bytes = frame.get(..length).unwrap_or_default();
        engine.frame(&Frame { number: *frames, at, link: LinkType::Ethernet, wire_length: whole, bytes }, sink);
    }

    /// One measurement: nanoseconds for each packet.
    fn measure(&mut self, seed: u64) -> f64 {
        let mut dice = seed;
        let flows = self.sent.len() as u64;
        let started = Instant::now();
        for _ in 0..TURNS {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let flow = ((dice >> 33) % flows) as u32;
            for packet in 0..PACKETS_A_TURN {
                let (from_client, payload) =
                    [(true, PAYLOAD_BYTES), (false, 0), (false, PAYLOAD_BYTES), (true, 0)][packet as usize % 4];
                self.segment(flow, from_client, ACK, payload);
            }
        }
        started.elapsed().as_nanos() as f64 / f64::from(TURNS * PACKETS_A_TURN)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> ExitCode {
    let (mut few, mut many) = (Town::new(FEW), Town::new(MANY));
    let (mut times_few, mut times_many) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u64 {
        times_few.push(few.measure(round));
        times_many.push(many.measure(round));
    }
    let (a, b) = (median(times_few.clone()), median(times_many.clone()));
    println!("{FEW} flows: {a:.0} ns a packet {times_few:.0?}");
    println!("{MANY} flows: {b:.0} ns a packet {times_many:.0?}");
    println!("ratio {:.2} (at most {RATIO_MAX})", b / a);
    for (mut town, flows) in [(few, u64::from(FEW)), (many, u64::from(MANY))] {
        town.engine.finish(&mut town.sink);
        let (seen, records) = (town.engine.flows(), town.sink.records);
        if (seen, records) != (flows, flows) {
            println!("✗ of {flows} flows {seen} were seen and {records} recorded");
            return ExitCode::FAILURE;
        }
    }
    if b / a <= RATIO_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
