//! DHCP: who asks for an address, by which name, and what it is given.
//!
//! A message is one transaction.
//! Source: RFC 2131 §2 (message), RFC 2132 (options 12, 51, 53, 54, 58, 59, 61).

use crate::{
    bytes::Reader,
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Fact, Transport,
    inspect::{BufferView, FieldDecl, FieldValue, ProtocolDecl, Transaction},
    json::Writer,
};
use std::net::Ipv4Addr;

/// Messages held at once.
const HELD_MAX: usize = 128;
/// Most options of one message that are looked at.
const OPTIONS_MAX: usize = 128;
const COOKIE: u32 = 0x6382_5363;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "dhcp",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: &[],
    fields: &[
        FieldDecl { name: "dhcp.leasetime", stage: [1, 1] },
        FieldDecl { name: "dhcp.rebinding_time", stage: [1, 1] },
        FieldDecl { name: "dhcp.renewal_time", stage: [1, 1] },
    ],
    events: &["truncated_options", "malformed_options"],
};

pub(crate) static DHCP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "RFC 2131",
    ports: &[67, 68],
    only_on_ports: true,
    guess: |bytes, _, _| {
        let cookie = bytes.get(236..240) == Some(&COOKIE.to_be_bytes());
        if cookie && matches!(bytes.first(), Some(1 | 2)) { Guess::Yes } else { Guess::No }
    },
    open: |_, _| Box::new(DhcpSession { queue: Queue::new(HELD_MAX) }),
    sample: &[(Direction::ToServer, SAMPLE)],
};

const SAMPLE: &[u8] = &{
    let mut message = [0; 240 + 14];
    let head = [1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 10, 0, 0, 9];
    let mut at = 0;
    while at < head.len() {
        message[at] = head[at];
        at += 1;
    }
    let tail = [0x63, 0x82, 0x53, 0x63, 53, 1, 3, 12, 5, b'w', b'a', b'r', b'd', b'3', 58, 1, 0, 255];
    at = 0;
    while at < tail.len() {
        message[236 + at] = tail[at];
        at += 1;
    }
    message
};

#[derive(Debug, Default)]
struct Message {
    is_request: bool,
    id: u32,
    client_ip: u32,
    assigned_ip: u32,
    client_mac: Vec<u8>,
    kind: Option<u8>,
    host: Option<String>,
    requested_ip: Option<u32>,
    server_id: Option<u32>,
    lease_time: Option<u32>,
    rebinding_time: Option<u32>,
    renewal_time: Option<u32>,
    events: Vec<u8>,
    direction: Option<Direction>,
}

impl Message {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let operation = reader.u8()?;
        reader.u8()?;
        let hardware = usize::from(reader.u8()?.min(16));
        reader.u8()?;
        let id = reader.u32()?;
        reader.u32()?;
        let client_ip = reader.u32()?;
        let assigned_ip = reader.u32()?;
        reader.take(8)?;
        let client_mac = reader.take(16)?.get(..hardware)?.to_vec();
        reader.take(64 + 128)?;
        if reader.u32()? != COOKIE {
            return None;
        }
        let mut message =
            Self { is_request: operation == 1, id, client_ip, assigned_ip, client_mac, ..Self::default() };
        if message.options(reader).is_none() {
            message.events.push(0);
        }
        Some(message)
    }

    fn options(&mut self, mut reader: Reader<'_>) -> Option<()> {
        for _ in 0..OPTIONS_MAX {
            let code = reader.u8()?;
            match code {
                0 => continue,
                255 => return Some(()),
                _ => {}
            }
            let length = usize::from(reader.u8()?);
            let value = reader.take(length)?;
            let number = || value.try_into().ok().map(u32::from_be_bytes);
            match code {
                12 => self.host = Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()),
                50 => self.requested_ip = number(),
                51 => self.lease_time = number(),
                53 => self.kind = value.first().copied(),
                54 => self.server_id = number(),
                58 => self.renewal_time = number(),
                59 => self.rebinding_time = number(),
                _ => {}
            }
        }
        Some(())
    }
}

impl Transaction for Message {
    fn progress(&self, _: Direction) -> u8 {
        1
    }

    fn buffer<'a>(&'a self, _: u8, _: Direction, _: u32, _: &'a mut Vec<u8>) -> Option<BufferView<'a>> {
        None
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 || self.direction != Some(direction) {
            return None;
        }
        let value = match number {
            0 => self.lease_time,
            1 => self.rebinding_time,
            2 => self.renewal_time,
            _ => None,
        };
        value.map(|value| FieldValue::Number(u64::from(value)))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        const KINDS: &[&str] = &["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];
        out.key("dhcp");
        out.begin_object();
        out.member_str("type", if self.is_request { "request" } else { "reply" });
        out.member_number("id", u64::from(self.id));
        let mut mac = String::new();
        for byte in &self.client_mac {
            use std::fmt::Write as _;
            let _ = write!(mac, "{}{byte:02x}", if mac.is_empty() { "" } else { ":" });
        }
        out.member_str("client_mac", &mac);
        out.member_str("assigned_ip", &Ipv4Addr::from(self.assigned_ip).to_string());
        if self.is_request {
            out.member_str("client_ip", &Ipv4Addr::from(self.client_ip).to_string());
        }
        if let Some(kind) = self.kind {
            let name = usize::from(kind).checked_sub(1).and_then(|at| KINDS.get(at)).copied().unwrap_or("unknown");
            out.member_str("dhcp_type", name);
        }
        if let Some(ip) = self.requested_ip {
            out.member_str("requested_ip", &Ipv4Addr::from(ip).to_string());
        }
        for (key, value) in [
            ("lease_time", self.lease_time),
            ("rebinding_time", self.rebinding_time),
            ("renewal_time", self.renewal_time),
        ] {
            if let Some(value) = value {
                out.member_number(key, u64::from(value));
            }
        }
        if let Some(host) = &self.host {
            out.member_str("hostname", host);
        }
        out.end_object();
    }
}

#[derive(Debug)]
struct DhcpSession {
    queue: Queue<Message>,
}

transactions_of!(DhcpSession, queue);

impl Session for DhcpSession {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome {
        let Some(mut message) = Message::parse(data) else { return Outcome::Continue };
        message.direction = Some(direction);
        // Until it has an address of its own, a client sends from none: the name would be nobody's.
        if message.is_request
            && message.client_ip != 0
            && let Some(name) = message.host.clone().filter(|name| !name.is_empty())
        {
            context.facts.push((direction, Fact::Named { name, source: "dhcp".to_owned() }));
        }
        self.queue.push(message);
        Outcome::Continue
    }

    fn gap(&mut self, _: Direction, _: u64, _: &mut Context) -> Outcome {
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}
