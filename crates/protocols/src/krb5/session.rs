//! Messages of one connection, or between two ports.

use super::{
    frames,
    message::{AS_REQ, ERROR, Message, TGS_REQ},
    names,
};
use crate::{
    frames::{Frame, Frames},
    queue::Queue,
    quiet::transactions_of,
    session::{Context, Outcome, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

/// Messages held at once.
const HELD_MAX: usize = 256;
const COMPLETE: u8 = 1;

const fn buffer(name: &'static str) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [COMPLETE, COMPLETE], shape: Shape::Multi }
}

const fn field(name: &'static str) -> FieldDecl {
    FieldDecl { name, stage: [COMPLETE, COMPLETE] }
}

pub(super) const BUFFERS: &[BufferDecl] = &[buffer("krb5_cname"), buffer("krb5_sname")];
pub(super) const FIELDS: &[FieldDecl] =
    &[field("krb5_msg_type"), field("krb5_err_code"), field("krb5.weak_encryption"), field("krb5.ticket_encryption")];
pub(super) const EVENTS: &[&str] = &["malformed_data", "weak_encryption"];
const MALFORMED: u8 = 0;
const WEAK: u8 = 1;

#[derive(Debug)]
struct KerberosTransaction {
    direction: Direction,
    message: Message,
    /// What an error answers.
    failed: Option<u8>,
    events: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct KerberosSession {
    transport: Transport,
    frames: [Frames; 2],
    queue: Queue<KerberosTransaction>,
    /// The last request's kind.
    asked: Option<u8>,
}

transactions_of!(KerberosSession, queue);

impl KerberosSession {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport, frames: [frames(), frames()], queue: Queue::new(HELD_MAX), asked: None }
    }

    fn message(&mut self, direction: Direction, bytes: &[u8]) {
        let (message, whole) = Message::read(bytes).unwrap_or_default();
        let mut events = Vec::new();
        if !whole {
            events.push(MALFORMED);
        }
        if message.cipher.is_some_and(names::is_weak) {
            events.push(WEAK);
        }
        let failed = self.asked.filter(|_| message.kind == ERROR);
        match message.kind {
            AS_REQ | TGS_REQ => self.asked = Some(message.kind),
            _ => {}
        }
        self.queue.push(KerberosTransaction { direction, message, failed, events });
    }
}

impl Session for KerberosSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if self.transport == Transport::Udp {
            self.message(direction, data);
            return Outcome::Continue;
        }
        let mut rest = data;
        loop {
            let Some(frames) = self.frames.get_mut(direction.index()) else { return Outcome::Continue };
            match frames.next(&mut rest) {
                Some(Frame::Message(record)) => self.message(direction, record.get(4..).unwrap_or_default()),
                Some(Frame::More(_)) => {}
                Some(Frame::Broken) => return Outcome::Failed,
                None => return Outcome::Continue,
            }
        }
    }

    fn gap(&mut self, direction: Direction, length: u64, _: &mut Context) -> Outcome {
        if let Some(frames) = self.frames.get_mut(direction.index()) {
            frames.gap(length);
        }
        Outcome::Continue
    }

    fn end(&mut self, _: Direction, _: &mut Context) {}

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

impl Transaction for KerberosTransaction {
    fn progress(&self, _: Direction) -> u8 {
        COMPLETE
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let parts = match number {
            0 => &self.message.client,
            1 => &self.message.service,
            _ => return None,
        };
        let part = parts.get(usize::try_from(instance).ok()?).filter(|_| direction == self.direction)?;
        Some(BufferView::whole(part))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 || direction != self.direction {
            return None;
        }
        let number_of = |number: i32| FieldValue::Number(u64::from(number.unsigned_abs()));
        match number {
            0 => Some(FieldValue::Number(u64::from(self.message.kind))),
            1 => self.message.error.map(number_of),
            2 => self.message.cipher.filter(|cipher| names::is_weak(*cipher)).map(|_| FieldValue::Number(1)),
            3 => self.message.ticket_cipher.map(number_of),
            _ => None,
        }
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        let message = &self.message;
        let or_empty = |parts: &[Vec<u8>]| if parts.is_empty() { b"<empty>".to_vec() } else { parts.join(&b'/') };
        out.key("krb5");
        out.begin_object();
        out.member_str("msg_type", &names::message(message.kind));
        if let Some(error) = message.error {
            let failed = self.failed.map_or_else(|| "UNKNOWN".to_owned(), names::message);
            out.member_str("failed_request", &failed);
            out.member_str("error_code", &names::error(error));
        }
        out.member_bytes("cname", &or_empty(&message.client));
        out.member_bytes("realm", message.realm.as_deref().unwrap_or(b"<empty>"));
        out.member_bytes("sname", &or_empty(&message.service));
        out.member_str("encryption", &message.cipher.map_or_else(|| "<none>".to_owned(), names::cipher));
        out.member_bool("weak_encryption", message.cipher.is_some_and(names::is_weak));
        if let Some(cipher) = message.ticket_cipher {
            out.member_str("ticket_encryption", &names::cipher(cipher));
            out.member_bool("ticket_weak_encryption", names::is_weak(cipher));
        }
        out.end_object();
    }
}
