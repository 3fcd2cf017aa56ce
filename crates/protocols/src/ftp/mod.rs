//! FTP: the control channel with its commands, replies and log-ins, the switch to TLS, and the data connections that it
//! announces.
//!
//! Source: RFC 959, RFC 2428 (EPRT, EPSV), RFC 4217 (AUTH TLS).

mod address;
mod data;
mod guess;
mod session;
mod transaction;

use crate::session::Protocol;
use phitak_model::{Direction, Transport, inspect::ProtocolDecl};

pub(crate) use data::FTP_DATA;

/// Most bytes of a command or reply line.
const LINE_BYTES_MAX: usize = 4096;

static DECL: ProtocolDecl = ProtocolDecl {
    name: "ftp",
    stages_to_server: &["request_started", "request_complete"],
    stages_to_client: &["response_started", "response_complete"],
    buffers: transaction::BUFFERS,
    fields: transaction::FIELDS,
    events: transaction::EVENTS,
};

pub(crate) static FTP: Protocol = Protocol {
    decl: &DECL,
    transports: &[Transport::Tcp],
    source: "RFC 959",
    ports: &[21, 2121],
    only_on_ports: false,
    guess: guess::guess,
    open: |_, settings| Box::new(session::FtpSession::new(settings)),
    sample: &[
        (Direction::ToClient, b"220 (vsFTPd 3.0.3)\r\n"),
        (Direction::ToServer, b"USER lab\r\n"),
        (Direction::ToClient, b"331 Please specify the password.\r\n"),
        (Direction::ToServer, b"PASS secret\r\n"),
        (Direction::ToClient, b"230-Welcome\r\n230 Login successful.\r\n"),
        (Direction::ToServer, b"PASV\r\nRETR result.txt\r\n"),
        (Direction::ToClient, b"227 Entering Passive Mode (10,0,0,5,185,13).\r\n150 Opening\r\n226 Done\r\n"),
    ],
};
