//! NTP: that a host tells the time or asks for it.
//!
//! A transaction is one message. Source: RFC 5905 §7.3, RFC 9327 (control messages).

use crate::{
    queue::Queue,
    quiet::{declare, transactions_of},
    session::{Context, Guess, Outcome, Protocol, Session},
};
use phitak_model::{
    Direction, Transport,
    inspect::{BufferView, FieldValue, ProtocolDecl, Transaction},
    json::Writer,
};

/// RFC 5905 §7.3: without extensions.
const MESSAGE_BYTES_MIN: usize = 48;
/// RFC 9327 §2: without data.
const CONTROL_BYTES_MIN: usize = 12;
const MODE_CONTROL: u8 = 6;
/// Messages held at once.
const HELD_MAX: usize = 16;
const COMPLETE: u8 = 1;

static DECL: ProtocolDecl = declare("ntp");

pub(crate) static NTP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Udp],
    source: "RFC 5905",
    ports: &[123],
    // A few bits are all that tells a message.
    only_on_ports: true,
    guess,
    open: |_, _| Box::new(NtpSession { queue: Queue::new(HELD_MAX) }),
    sample: &[(Direction::ToServer, &[0x23; MESSAGE_BYTES_MIN]), (Direction::ToClient, &[0x24; MESSAGE_BYTES_MIN])],
};

/// Versions 1 to 4, and the modes of hosts that speak with each other.
fn guess(bytes: &[u8], _: Direction, _: Transport) -> Guess {
    let Some(first) = bytes.first() else { return Guess::No };
    let is_version = matches!(first >> 3 & 7, 1..=4);
    let bytes_min = match first & 7 {
        1..=5 => MESSAGE_BYTES_MIN,
        MODE_CONTROL => CONTROL_BYTES_MIN,
        _ => return Guess::No,
    };
    if is_version && bytes.len() >= bytes_min { Guess::Yes } else { Guess::No }
}

#[derive(Debug)]
struct Message;

impl Transaction for Message {
    fn progress(&self, _: Direction) -> u8 {
        COMPLETE
    }

    fn buffer<'a>(&'a self, _: u8, _: Direction, _: u32, _: &'a mut Vec<u8>) -> Option<BufferView<'a>> {
        None
    }

    fn field(&self, _: u8, _: Direction, _: u32) -> Option<FieldValue<'_>> {
        None
    }

    fn events(&self) -> &[u8] {
        &[]
    }

    fn loggable(&self) -> bool {
        false
    }

    fn write_eve(&self, _: &mut Writer) {}
}

#[derive(Debug)]
struct NtpSession {
    queue: Queue<Message>,
}

transactions_of!(NtpSession, queue);

impl Session for NtpSession {
    fn feed(&mut self, direction: Direction, data: &[u8], _: &mut Context) -> Outcome {
        if guess(data, direction, Transport::Udp) == Guess::Yes {
            self.queue.push(Message);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_mode_and_length_tell() {
        let told = |bytes: &[u8]| guess(bytes, Direction::ToServer, Transport::Udp);
        let message = |first: u8, length: usize| [&[first], vec![0; length].as_slice()].concat();
        assert_eq!(told(&message(0x1b, 47)), Guess::Yes);
        assert_eq!(told(&message(0x1b, 46)), Guess::No);
        assert_eq!(told(&message(0x16, 11)), Guess::Yes);
        assert_eq!(told(&message(0x3b, 47)), Guess::No);
        assert_eq!(told(&message(0x18, 47)), Guess::No);
    }
}
