//! XMPP: told from other protocols, and read up to its switch to TLS.
//!
//! Source: RFC 6120 §4.2 (opening a stream), §5.4 (STARTTLS).

use crate::{
    dialog::{Dialect, Dialog},
    quiet::declare,
    session::{Guess, Protocol},
};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

/// An opening that is longer is not believed.
const OPENING_BYTES_MAX: usize = 2048;
const STREAMS: &[u8] = b"http://etherx.jabber.org/streams";

static DECL: ProtocolDecl = declare("xmpp");

pub(crate) static XMPP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 6120",
    ports: &[5222, 5269],
    only_on_ports: false,
    guess,
    open: |_, _| Box::new(Dialog::new(&DIALECT)),
    sample: &[
        (
            Direction::ToServer,
            b"<?xml version='1.0'?><stream:stream to='hospital.example' version='1.0' \
            xmlns:stream='http://etherx.jabber.org/streams'>",
        ),
        (
            Direction::ToClient,
            b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>\
            <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
        ),
        (Direction::ToServer, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        (Direction::ToClient, b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    ],
};

static DIALECT: Dialect = Dialect {
    end: b'>',
    asks: |tag| is_element(tag, b"<starttls").then_some(&[]),
    answers: |tag, _| match tag.trim_ascii_start() {
        tag if is_element(tag, b"<proceed") => Some(true),
        tag if is_element(tag, b"<failure") => Some(false),
        _ => None,
    },
};

/// Whether this is the tag of an element of that name.
fn is_element(tag: &[u8], name: &[u8]) -> bool {
    let rest = tag.trim_ascii_start().strip_prefix(name);
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'/' | b'\t' | b'\r' | b'\n')))
}

/// The opening of a stream, with or without XML's declaration before it.
fn guess(bytes: &[u8], _: Direction, _: Transport) -> Guess {
    const STARTS: &[&[u8]] = &[b"<?xml ", b"<stream:stream "];
    let text = bytes.trim_ascii_start();
    let fits = STARTS.iter().any(|start| text.starts_with(start) || start.starts_with(text));
    if !fits || bytes.len() > OPENING_BYTES_MAX {
        return Guess::No;
    }
    match (memchr::memmem::find(text, b"<stream:stream "), memchr::memmem::find(text, STREAMS)) {
        (Some(opening), Some(name)) if opening < name => Guess::Yes,
        _ => Guess::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::tests::upgraded_after;
    use Direction::{ToClient, ToServer};

    #[test]
    fn tls_begins_behind_proceed_and_not_behind_failure() {
        let asked: (Direction, &[u8]) = (ToServer, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        assert_eq!(upgraded_after(&DIALECT, &[asked, (ToClient, b"<proceed/>\x16\x03")]), Some(10));
        assert_eq!(upgraded_after(&DIALECT, &[asked, (ToClient, b"<failure/></stream:stream>")]), None);
        assert_eq!(
            upgraded_after(&DIALECT, &[(ToClient, b"<stream:features><starttls/>"), (ToClient, b"<proceed/>")]),
            None
        );
    }

    #[test]
    fn other_xml_is_no_xmpp() {
        let told = |bytes: &[u8]| guess(bytes, ToServer, Transport::Tcp);
        assert_eq!(told(b"<html>"), Guess::No);
        assert_eq!(told(b"<?xml version='1.0'?><message/>"), Guess::More);
        assert_eq!(told(&[&b"<?xml "[..], &[b' '; OPENING_BYTES_MAX]].concat()), Guess::No);
    }
}
