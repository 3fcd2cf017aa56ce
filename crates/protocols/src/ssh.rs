//! SSH up to its keys: banners, and the fingerprint of what each side offers (HASSH).
//!
//! A connection is one transaction.
//! Source: RFC 4253 §4.2 (banner), §6 (packets), §7.1 (key exchange); HASSH (Salesforce, 2018).

use crate::{
    bytes::Reader,
    frames::{Frame, Frames},
    lines::{Line, Lines},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use md5::{Digest as _, Md5};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, ProtocolDecl, Shape, Transaction, Transactions},
    json::Writer,
};
use std::{fmt::Write as _, ops::Range};

/// RFC 4253 §4.2 allows 255.
const BANNER_BYTES_MAX: usize = 256;
/// Lines before a server's banner.
const LINES_BEFORE_MAX: u8 = 32;
/// RFC 4253 §6.1: 35,000; lists of algorithms are far smaller.
const PACKET_BYTES_MAX: u64 = 35_004;
const PACKET_BYTES_KEPT: usize = 16 * 1024;
const KEX_INIT: u8 = 20;
const NEW_KEYS: u8 = 21;

const BANNER: u8 = 1;
const KEXINIT: u8 = 2;
const FINISHED: u8 = 3;

const fn buffer(name: &'static str, to_server: bool, to_client: bool, stage: u8) -> BufferDecl {
    BufferDecl { name, to_server, to_client, stage: [stage, stage], shape: Shape::Single }
}

static BUFFERS: &[BufferDecl] = &[
    buffer("ssh.proto", true, true, BANNER),
    buffer("ssh.software", true, true, BANNER),
    buffer("ssh.hassh", true, false, KEXINIT),
    buffer("ssh.hassh.string", true, false, KEXINIT),
    buffer("ssh.hassh.server", false, true, KEXINIT),
    buffer("ssh.hassh.server.string", false, true, KEXINIT),
];

static DECL: ProtocolDecl = ProtocolDecl {
    name: "ssh",
    stages_to_server: &["request_in_progress", "request_banner_done", "request_kexinit_done", "request_finished"],
    stages_to_client: &["response_in_progress", "response_banner_done", "response_kexinit_done", "response_finished"],
    buffers: BUFFERS,
    fields: &[FieldDecl { name: "ssh.protoversion", stage: [BANNER, BANNER] }],
    events: &["invalid_banner", "long_banner", "invalid_record", "long_kex_record"],
};

const INVALID_BANNER: u8 = 0;
const LONG_BANNER: u8 = 1;
const INVALID_RECORD: u8 = 2;

pub(crate) static SSH: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 4253",
    ports: &[22, 2222],
    only_on_ports: false,
    guess: |bytes, _, _| {
        let head = bytes.get(..4).unwrap_or(bytes);
        match (b"SSH-".starts_with(head), head.len()) {
            (true, 4) => Guess::Yes,
            (true, _) => Guess::More,
            _ => Guess::No,
        }
    },
    open: |_, _| Box::new(SshSession::new()),
    sample: &[
        (Direction::ToClient, b"SSH-2.0-OpenSSH_9.6 Debian\r\n"),
        (Direction::ToServer, b"SSH-2.0-PuTTY_Release_0.80\r\n"),
        (
            Direction::ToServer,
            b"\x00\x00\x00\x55\x04\x140123456789abcdef\x00\x00\x00\x01k\x00\x00\x00\x01h\x00\x00\x00\x02e1\x00\x00\x00\x02e2\
              \x00\x00\x00\x02m1\x00\x00\x00\x02m2\x00\x00\x00\x04none\x00\x00\x00\x04zlib\x00\x00\x00\x00\x00\x00\x00\x00\
              \x00\x00\x00\x00\x00pppp",
        ),
        (Direction::ToClient, b"\x00\x00\x00\x0c\x0a\x15pppppppppp"),
        (Direction::ToServer, b"\x00\x00\x00\x0c\x0a\x15pppppppppp"),
    ],
};

/// What one side has told.
#[derive(Debug, Default)]
struct End {
    proto: Vec<u8>,
    software: Vec<u8>,
    hassh: String,
    hassh_string: String,
    progress: u8,
}

#[derive(Debug, Default)]
struct Connection {
    /// Client, server.
    ends: [End; 2],
    events: Vec<u8>,
}

impl Connection {
    fn end(&self, direction: Direction) -> &End {
        let [client, server] = &self.ends;
        if direction == Direction::ToServer { client } else { server }
    }

    fn end_mut(&mut self, direction: Direction) -> &mut End {
        let [client, server] = &mut self.ends;
        if direction == Direction::ToServer { client } else { server }
    }

    fn raise(&mut self, event: u8) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }
}

impl Transaction for Connection {
    fn progress(&self, direction: Direction) -> u8 {
        self.end(direction).progress
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let decl = BUFFERS.get(usize::from(number))?;
        let offered = if direction == Direction::ToServer { decl.to_server } else { decl.to_client };
        let end = self.end(direction);
        if !offered || instance > 0 || end.progress < *decl.stage.get(direction.index())? {
            return None;
        }
        let bytes = match number {
            0 => end.proto.as_slice(),
            1 => end.software.as_slice(),
            2 | 4 => end.hassh.as_bytes(),
            3 | 5 => end.hassh_string.as_bytes(),
            _ => return None,
        };
        (!bytes.is_empty()).then(|| BufferView::whole(bytes))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        let proto = std::str::from_utf8(&self.end(direction).proto).ok().filter(|proto| !proto.is_empty())?;
        ((number, instance) == (0, 0)).then_some(FieldValue::Text(proto))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.ends.iter().all(|end| end.progress >= KEXINIT)
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("ssh");
        out.begin_object();
        for (key, end) in ["client", "server"].iter().zip(&self.ends) {
            if end.proto.is_empty() {
                continue;
            }
            out.key(key);
            out.begin_object();
            out.member_bytes("proto_version", &end.proto);
            if !end.software.is_empty() {
                out.member_bytes("software_version", &end.software);
            }
            if !end.hassh.is_empty() {
                out.key("hassh");
                out.begin_object();
                out.member_str("hash", &end.hassh);
                out.member_str("string", &end.hassh_string);
                out.end_object();
            }
            out.end_object();
        }
        out.end_object();
    }
}

#[derive(Debug)]
struct Half {
    lines: Lines,
    frames: Frames,
    banner_seen: bool,
    lines_before: u8,
    closed: bool,
}

#[derive(Debug)]
struct SshSession {
    connection: Connection,
    halves: [Half; 2],
    released: bool,
}

/// Four bytes of length, which they do not count themselves.
fn length(header: &[u8]) -> Option<u64> {
    let length = u64::from(u32::from_be_bytes(header.try_into().ok()?)).saturating_add(4);
    (6..=PACKET_BYTES_MAX).contains(&length).then_some(length)
}

impl SshSession {
    fn new() -> Self {
        let half = || Half {
            lines: Lines::new(BANNER_BYTES_MAX),
            frames: Frames::new(4, PACKET_BYTES_KEPT, length),
            banner_seen: false,
            lines_before: 0,
            closed: false,
        };
        Self { connection: Connection::default(), halves: [half(), half()], released: false }
    }

    fn banner(&mut self, direction: Direction, line: &Line) {
        let Some(half) = self.halves.get_mut(direction.index()) else { return };
        let Some(rest) = line.text.strip_prefix(b"SSH-") else {
            half.lines_before = half.lines_before.saturating_add(1);
            if direction == Direction::ToServer || half.lines_before > LINES_BEFORE_MAX {
                half.closed = true;
                self.connection.raise(INVALID_BANNER);
            }
            return;
        };
        half.banner_seen = true;
        if line.truncated {
            self.connection.raise(LONG_BANNER);
        }
        let at = rest.iter().position(|byte| *byte == b'-').unwrap_or(rest.len());
        let software = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let space = software.iter().position(|byte| *byte == b' ').unwrap_or(software.len());
        let end = self.connection.end_mut(direction);
        end.proto = rest.get(..at).unwrap_or_default().to_vec();
        end.software = software.get(..space).unwrap_or_default().to_vec();
        end.progress = BANNER;
    }

    fn packet(&mut self, direction: Direction, packet: &[u8]) {
        let end = self.connection.end_mut(direction);
        match packet.get(5) {
            Some(&KEX_INIT) if end.progress < KEXINIT => {
                if let Some(text) = hassh(packet, direction) {
                    end.hassh = Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
                        let _ = write!(hex, "{byte:02x}");
                        hex
                    });
                    end.hassh_string = text;
                }
                end.progress = KEXINIT;
            }
            Some(&NEW_KEYS) => {
                end.progress = FINISHED;
                if let Some(half) = self.halves.get_mut(direction.index()) {
                    half.closed = true;
                }
            }
            _ => {}
        }
    }
}

/// Key exchange; ciphers; MACs; compression: as the client sends them, or the server.
fn hassh(packet: &[u8], direction: Direction) -> Option<String> {
    let mut reader = Reader::new(packet);
    reader.take(4 + 1 + 1 + 16)?;
    let mut lists = Vec::new();
    for _ in 0..8 {
        let length = usize::try_from(reader.u32()?).ok()?;
        lists.push(String::from_utf8_lossy(reader.take(length)?).into_owned());
    }
    let [kex, _, cipher_out, cipher_in, mac_out, mac_in, zip_out, zip_in] = lists.as_slice() else { return None };
    Some(match direction {
        Direction::ToServer => format!("{kex};{cipher_out};{mac_out};{zip_out}"),
        Direction::ToClient => format!("{kex};{cipher_in};{mac_in};{zip_in}"),
    })
}

impl Transactions for SshSession {
    fn live(&self) -> Range<u64> {
        if self.released { 1..1 } else { 0..1 }
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        (id == 0 && !self.released).then_some(&self.connection as &dyn Transaction)
    }
}

impl Session for SshSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        let mut rest = data;
        while let Some(half) = self.halves.get_mut(direction.index()).filter(|half| !half.closed) {
            if !half.banner_seen {
                let Some(line) = half.lines.next(&mut rest) else { break };
                self.banner(direction, &line);
                continue;
            }
            match half.frames.next(&mut rest) {
                Some(Frame::Message(packet)) => self.packet(direction, &packet),
                Some(Frame::More(_)) => {}
                Some(Frame::Broken) => {
                    half.closed = true;
                    self.connection.raise(INVALID_RECORD);
                }
                None => break,
            }
        }
        if self.halves.iter().all(|half| half.closed) { Outcome::Done } else { Outcome::Continue }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(half) = self.halves.get_mut(direction.index()) {
            half.lines.clear();
            half.frames.gap(length);
            half.closed |= half.frames.is_lost();
        }
        if self.halves.iter().all(|half| half.closed) { Outcome::Done } else { Outcome::Continue }
    }

    fn end(&mut self, direction: Direction, _: &mut Context) {
        self.connection.end_mut(direction).progress = FINISHED;
        if let Some(half) = self.halves.get_mut(direction.index()) {
            half.closed = true;
        }
    }

    fn release(&mut self, id: u64) {
        self.released |= id == 0;
    }
}
