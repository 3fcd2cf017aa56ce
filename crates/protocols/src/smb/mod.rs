//! SMB 1, 2 and 3: dialects, log-ins, shares and files with their content.
//!
//! Source: [MS-CIFS], [MS-SMB2]; RFC 1002 §4.3.1 for the framing on ports 139 and 445.

mod names;
mod ntlmssp;
mod pipe;
mod session;
mod transaction;
mod version1;
mod version2;

use crate::session::{Guess, Protocol};
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

static DECL: ProtocolDecl = ProtocolDecl {
    name: "smb",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: transaction::BUFFERS,
    fields: transaction::FIELDS,
    events: &[
        "internal_error",
        "record_overflow",
        "malformed_data",
        "malformed_ntlmssp_request",
        "malformed_ntlmssp_response",
        "duplicate_negotiate",
        "negotiate_malformed_dialects",
        "file_overlap",
        "request_to_client",
        "response_to_server",
        "too_many_transactions",
    ],
};

pub(crate) static SMB: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "MS-SMB2, MS-CIFS",
    ports: &[445, 139],
    only_on_ports: false,
    guess,
    open: |_, settings| Box::new(session::SmbSession::new(settings)),
    sample: &[
        (
            Direction::ToServer,
            b"\x00\x00\x00\x2f\xffSMB\x72\x00\x00\x00\x00\x18\x01\x28\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
              \xff\xff\xff\xfe\x00\x00\x00\x00\x00\x0c\x00\x02NT LM 0.12\x00",
        ),
        (
            Direction::ToClient,
            b"\x00\x00\x00\x25\xffSMB\x72\x00\x00\x00\x00\x98\x01\x28\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
              \xff\xff\xff\xfe\x00\x00\x00\x00\x01\x00\x00\x00\x00",
        ),
        (
            Direction::ToServer,
            b"\x00\x00\x00\x68\xfeSMB\x40\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\
              \x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
              \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
              \x24\x00\x02\x00\x01\x00\x00\x00\x00\x00\x00\x000123456789abcdef\x00\x00\x00\x00\x00\x00\x00\x00\
              \x02\x02\x00\x03",
        ),
    ],
};

/// NetBIOS framing and one of SMB's signatures; a NetBIOS session request counts too.
fn guess(bytes: &[u8], _: Direction, _: Transport) -> Guess {
    match *bytes {
        [0, _, _, _, signature @ (0xfc..=0xff), b'S', b'M', b'B', ..] if signature != 0 => Guess::Yes,
        [0x81, 0, 0, 0x44, 0x20, ..] | [0x82, 0, 0, 0, ..] => Guess::Yes,
        [] | [0 | 0x81 | 0x82] => Guess::More,
        [0x81 | 0x82, 0, ref rest @ ..] if rest.len() < 3 => Guess::More,
        [0, _] | [0, _, _] | [0, _, _, _] => Guess::More,
        [0, _, _, _, 0xfc..=0xff, ref rest @ ..] if b"SMB".starts_with(rest) => Guess::More,
        _ => Guess::No,
    }
}
