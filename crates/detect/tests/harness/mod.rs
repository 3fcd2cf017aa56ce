//! A made-up protocol and a made-up flow, so that tests speak in rules, packets and values.

#![allow(dead_code, reason = "each test file uses its part")]

use phitak_detect::{
    AppView, Catalogue, Compiled, Detector, FlowState, FlowView, Input, Match, Outcome, Settings, StreamView, compile,
};
use phitak_model::{
    Direction, Timestamp,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction, Transactions},
    json::Writer,
};
use phitak_packet::packet::{
    Checksums, DecoderEvents, Icmp, Ip, Layer4, Packet, PacketSource, Tcp, Udp, VLAN_TAGS_MAX, ip_proto,
};
use phitak_rules::{Context, Diagnostic};
use std::{net::IpAddr, ops::Range, sync::Arc};

const fn buffer(name: &'static str, to_server: bool, to_client: bool, stage: u8, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client, stage: [stage, stage], shape }
}

pub static MADE: ProtocolDecl = ProtocolDecl {
    name: "made",
    stages_to_server: &["request_started", "request_line", "request_headers", "request_body", "request_complete"],
    stages_to_client: &["response_started", "response_line", "response_headers", "response_body", "response_complete"],
    buffers: &[
        buffer("made.line", true, false, 1, Shape::Single),
        buffer("made.host", true, false, 2, Shape::Single),
        buffer("made.name", true, false, 2, Shape::Multi),
        buffer("made.header", true, true, 2, Shape::Single),
        buffer("made.body", true, true, 3, Shape::Stream),
        buffer("made.code", false, true, 1, Shape::Single),
    ],
    fields: &[FieldDecl { name: "made.version", stage: [1, 1] }, FieldDecl { name: "made.numbers", stage: [2, 2] }],
    events: &["odd", "broken"],
};

pub const LINE: u8 = 0;
pub const HOST: u8 = 1;
pub const NAME: u8 = 2;
pub const HEADER: u8 = 3;
pub const BODY: u8 = 4;
pub const CODE: u8 = 5;

/// A second protocol, for rules about detection.
pub static OTHER: ProtocolDecl = ProtocolDecl {
    name: "other",
    stages_to_server: &["done"],
    stages_to_client: &["done"],
    buffers: &[],
    fields: &[],
    events: &[],
};

pub static DECODER_EVENTS: &[&str] = &["ipv4.pkt_too_small", "tcp.pkt_too_small"];
pub static STREAM_EVENTS: &[&str] = &["3whs_ack_in_wrong_dir", "reassembly_overlap_different_data"];
pub static FLOW_EVENTS: &[&str] = &["applayer_proto_detection_skipped"];

#[derive(Clone, Default)]
pub struct MadeTransaction {
    pub progress: [u8; 2],
    /// (buffer, direction, value), several of one buffer for a multi-buffer.
    pub values: Vec<(u8, Direction, Vec<u8>)>,
    /// Whether bodies are complete, and where what is shown of them begins.
    pub body_complete: bool,
    pub body_offset: u64,
    pub version: Option<u64>,
    pub numbers: Vec<u64>,
    pub events: Vec<u8>,
}

impl Transaction for MadeTransaction {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress[direction.index()]
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let of = self.values.iter().filter(|(b, d, _)| (*b, *d) == (number, direction));
        let (_, _, bytes) = of.into_iter().nth(instance as usize)?;
        if number == BODY {
            return Some(BufferView { bytes, offset: self.body_offset, complete: self.body_complete });
        }
        Some(BufferView::whole(bytes))
    }

    fn field(&self, number: u8, _: Direction, instance: u32) -> Option<FieldValue<'_>> {
        match number {
            0 if instance == 0 => self.version.map(FieldValue::Number),
            1 => self.numbers.get(instance as usize).copied().map(FieldValue::Number),
            _ => None,
        }
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        false
    }

    fn write_eve(&self, _: &mut Writer) {}
}

#[derive(Clone, Default)]
pub struct MadeTransactions(pub Vec<MadeTransaction>);

impl Transactions for MadeTransactions {
    fn live(&self) -> Range<u64> {
        0..self.0.len() as u64
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.0.get(id as usize).map(|t| t as &dyn Transaction)
    }
}

/// One packet of the flow 10.0.0.1:1000 → 10.9.9.9:80 and what it brings. Built by [`to_server`], [`to_client`] and the
/// methods.
#[derive(Clone)]
pub struct Turn {
    pub direction: Direction,
    pub transport: u8,
    pub payload: Vec<u8>,
    pub flags: u8,
    pub at_secs: i64,
    pub stream: Option<(Vec<u8>, u64)>,
    pub in_stream: bool,
    pub established: bool,
    pub transactions: Option<MadeTransactions>,
    pub protocol: Option<u16>,
    pub detection_done: bool,
    pub decoder_events: Vec<u8>,
    pub stream_events: Vec<u8>,
    pub flow_events: Vec<u8>,
    pub icmp: (u8, u8),
    pub ports: (u16, u16),
    pub addresses: (&'static str, &'static str),
    pub vlans: Vec<u16>,
    pub ended: bool,
    pub pseudo: bool,
    pub without_flow: bool,
    pub stream_bytes: [u64; 2],
    pub packets: [u64; 2],
    pub started_secs: i64,
    pub ip_header: Vec<u8>,
}

pub fn to_server() -> Turn {
    Turn {
        direction: Direction::ToServer,
        transport: ip_proto::TCP,
        payload: Vec::new(),
        flags: 0x18,
        at_secs: 1_700_000_000,
        stream: None,
        in_stream: false,
        established: true,
        transactions: None,
        protocol: None,
        detection_done: false,
        decoder_events: Vec::new(),
        stream_events: Vec::new(),
        flow_events: Vec::new(),
        icmp: (8, 0),
        ports: (1000, 80),
        addresses: ("10.0.0.1", "203.0.113.9"),
        vlans: Vec::new(),
        ended: false,
        pseudo: false,
        without_flow: false,
        stream_bytes: [0, 0],
        packets: [1, 0],
        started_secs: 1_700_000_000,
        ip_header: vec![0x45; 20],
    }
}

pub fn to_client() -> Turn {
    Turn { direction: Direction::ToClient, ..to_server() }
}

impl Turn {
    /// A payload that is not part of a stream.
    pub fn payload(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.payload = bytes.as_ref().to_vec();
        self
    }

    /// What of the stream can be inspected by now, from its beginning.
    pub fn stream(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stream = Some((bytes.as_ref().to_vec(), 0));
        self
    }

    pub fn udp(mut self) -> Self {
        self.transport = ip_proto::UDP;
        self
    }

    pub fn icmp(mut self, kind: u8, code: u8) -> Self {
        self.transport = ip_proto::ICMP;
        self.icmp = (kind, code);
        self
    }

    pub fn transactions(mut self, transactions: &[MadeTransaction]) -> Self {
        self.transactions = Some(MadeTransactions(transactions.to_vec()));
        self.protocol = Some(0);
        self.detection_done = true;
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A transaction in progress: request and response stages.
pub fn transaction(request: u8, response: u8) -> MadeTransaction {
    MadeTransaction { progress: [request, response], ..MadeTransaction::default() }
}

impl MadeTransaction {
    pub fn request(mut self, buffer: u8, value: impl AsRef<[u8]>) -> Self {
        self.values.push((buffer, Direction::ToServer, value.as_ref().to_vec()));
        self
    }

    pub fn response(mut self, buffer: u8, value: impl AsRef<[u8]>) -> Self {
        self.values.push((buffer, Direction::ToClient, value.as_ref().to_vec()));
        self
    }
}

pub fn context() -> Context {
    let mut context = Context::default();
    context.declare(&[&MADE, &OTHER]);
    context
}

static PROTOCOLS: &[&ProtocolDecl] = &[&MADE, &OTHER];

pub fn catalogue() -> Catalogue<'static> {
    Catalogue {
        protocols: PROTOCOLS,
        decoder_events: DECODER_EVENTS,
        stream_events: STREAM_EVENTS,
        flow_events: FLOW_EVENTS,
    }
}

pub fn load_with(rules: &str, settings: &Settings) -> (Compiled, Vec<Diagnostic>) {
    let parsed = phitak_rules::parse("test.rules", rules, &context());
    (compile(parsed.rules, &catalogue(), settings), parsed.diagnostics)
}

/// A detector with one flow.
pub struct Bench {
    pub detector: Detector,
    pub flow: FlowState,
    pub outcome: Outcome,
}

impl Bench {
    pub fn new(rules: &str) -> Self {
        Self::with(rules, &Settings::default())
    }

    pub fn with(rules: &str, settings: &Settings) -> Self {
        let (compiled, told) = load_with(rules, settings);
        assert!(told.is_empty() && compiled.diagnostics.is_empty(), "{told:?} {:?}", compiled.diagnostics);
        Self {
            detector: Detector::new(Arc::new(compiled.rules)),
            flow: FlowState::default(),
            outcome: Outcome::default(),
        }
    }

    /// Inspects one packet; the sids that are alerted.
    pub fn inspect(&mut self, turn: &Turn) -> Vec<u32> {
        let (src, dst): (IpAddr, IpAddr) =
            (turn.addresses.0.parse().expect("address"), turn.addresses.1.parse().expect("address"));
        let (client, server) = ((src, turn.ports.0), (dst, turn.ports.1));
        let (from, to) = if turn.direction == Direction::ToServer { (client, server) } else { (server, client) };
        let tcp_header = [0u8; 20];
        let layer4 = match turn.transport {
            ip_proto::TCP => Layer4::Tcp(Tcp {
                src_port: from.1,
                dst_port: to.1,
                seq: 1,
                ack: 1,
                flags: turn.flags,
                window: 1024,
                urgent: 0,
                timestamp: None,
                window_scale: None,
                mss: Some(1460),
                sack_permitted: false,
                fast_open: None,
                header: &tcp_header,
            }),
            ip_proto::UDP => Layer4::Udp(Udp { src_port: from.1, dst_port: to.1, header: &tcp_header[..8] }),
            _ => Layer4::Icmp(Icmp {
                kind: turn.icmp.0,
                code: turn.icmp.1,
                id: Some(7),
                sequence: Some(9),
                mtu: None,
                about: None,
                header: &tcp_header[..8],
            }),
        };
        let mut events = DecoderEvents::default();
        turn.decoder_events.iter().for_each(|e| events.push(*e));
        let mut vlan = [0; VLAN_TAGS_MAX];
        vlan.iter_mut().zip(&turn.vlans).for_each(|(slot, tag)| *slot = *tag);
        let packet = Packet {
            at: Timestamp::from_secs(turn.at_secs),
            number: 1,
            wire_length: 60,
            frame: &[],
            src_mac: None,
            dst_mac: None,
            ether_type: 0x0800,
            vlan,
            vlan_count: turn.vlans.len() as u8,
            source: if turn.pseudo { PacketSource::FlowEnd } else { PacketSource::Wire },
            ip: Some(Ip {
                src: from.0,
                dst: to.0,
                protocol: turn.transport,
                ttl: 64,
                tos: 0,
                id: 99,
                dont_fragment: true,
                more_fragments: false,
                fragment_offset: 0,
                header: &turn.ip_header,
                payload: &turn.payload,
            }),
            layer4,
            payload: &turn.payload,
            events,
            invalid: false,
            checksums: Checksums::default(),
        };
        let stream =
            turn.stream.as_ref().map(|(bytes, offset)| StreamView { bytes, offset: *offset, ended: turn.ended });
        let app = turn.transactions.as_ref().map(|t| AppView {
            protocol: 0,
            transactions: t,
            advanced: true,
            ended: turn.ended,
        });
        let flow = FlowView {
            direction: turn.direction,
            client,
            server,
            started_at: Timestamp::from_secs(turn.started_secs),
            established: turn.established,
            packets: turn.packets,
            bytes: [60, 0],
            stream_bytes: turn.stream_bytes,
            stream,
            app_protocol: [turn.protocol; 2],
            app_protocol_before: None,
            app_protocol_expected: None,
            detection_done: [turn.detection_done; 2],
            app,
            app_events: &turn.flow_events,
        };
        let input = Input {
            packet: &packet,
            flow: (!turn.without_flow).then_some(flow),
            stream_events: &turn.stream_events,
            payload_in_stream: turn.in_stream,
        };
        self.outcome.clear();
        let state = (!turn.without_flow).then_some(&mut self.flow);
        self.detector.inspect(&input, state, &mut self.outcome);
        self.sids()
    }

    pub fn sids(&self) -> Vec<u32> {
        let sid = |m: &Match| self.detector.rules().rule(m.rule).map_or(0, |r| r.sid);
        self.outcome.matches.iter().map(sid).collect()
    }
}

/// Runs packets through rules and compares the sids of each.
#[track_caller]
pub fn check(rules: &str, turns: &[(Turn, &[u32])]) {
    let mut bench = Bench::new(rules);
    for (index, (turn, expected)) in turns.iter().enumerate() {
        assert_eq!(bench.inspect(turn), *expected, "packet {}", index + 1);
    }
}
