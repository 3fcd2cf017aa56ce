//! SIP, with the session descriptions (SDP) that it carries: who calls whom, with what.
//!
//! A message is one transaction.
//! Source: RFC 3261 §7 and §18 (messages over TCP and UDP), RFC 8866 (SDP).

mod eve;
mod message;
mod sdp;
mod session;

use crate::session::{Guess, Protocol};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

static DECL: ProtocolDecl = ProtocolDecl {
    name: "sip",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: message::BUFFERS,
    fields: &[],
    events: &["incomplete_data", "invalid_data"],
};

pub(crate) static SIP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp, Transport::Udp],
    source: "RFC 3261",
    ports: &[5060, 5061],
    only_on_ports: false,
    guess,
    open: |transport, _| Box::new(session::SipSession::new(transport)),
    sample: &[
        (
            Direction::ToServer,
            b"INVITE sip:ward3@hospital.example SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.9:5060\r\nf: <sip:nurse@hospital.example>\r\n\
              To: <sip:ward3@hospital.example>\r\nUser-Agent: phone/1\r\nContent-Type: application/sdp\r\nl: 100\r\n\r\n\
              v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=call\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n",
        ),
        (
            Direction::ToClient,
            b"SIP/2.0 100 Trying\r\nVia: SIP/2.0/TCP 10.0.0.9:5060\r\nContent-Length: 0\r\n\r\n\
              SIP/2.0 200 OK\r\nTo: <sip:ward3@hospital.example>;tag=1\r\nContent-Length: 0\r\n\r\n",
        ),
    ],
};

const METHODS: &[&str] = &[
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];
const RESPONSE: &[u8] = b"SIP/2.0 ";

/// Either side may ask: a phone is called as well as it calls.
fn guess(bytes: &[u8], _: Direction, transport: Transport) -> Guess {
    if bytes.starts_with(RESPONSE) {
        return Guess::Yes;
    }
    let may_begin = |start: &[u8]| start.starts_with(bytes);
    let asks = METHODS.iter().any(|method| {
        bytes.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
    });
    match (memchr::memchr(b'\n', bytes), transport) {
        (Some(end), _) if asks => {
            let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
            if line.ends_with(b" SIP/2.0") { Guess::Yes } else { Guess::No }
        }
        (None, Transport::Tcp) if asks || may_begin(RESPONSE) || METHODS.iter().any(|m| may_begin(m.as_bytes())) => {
            Guess::More
        }
        _ => Guess::No,
    }
}
