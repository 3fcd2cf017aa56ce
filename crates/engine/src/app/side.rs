//! One side of a flow on its way to being recognised.

use crate::recognition::{GUESS_BYTES_MAX, RuledOut};

/// How far the recognition of one side has come.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub ruled_out: RuledOut,
    /// First bytes that could not be told yet.
    pub held: Vec<u8>,
    /// Bytes that went by before the protocol was known and were not held.
    pub missed: u64,
    pub datagrams: u8,
    /// The protocol of this side, when its own bytes told it.
    pub found: Option<u16>,
    pub done: bool,
    /// What it has sent so far is no protocol that is known.
    pub unknown: bool,
    /// The session was given bytes of it.
    pub fed: bool,
    /// Its data came first.
    pub first: bool,
    /// Nothing more is parsed.
    pub closed: bool,
    /// And nothing more is of use: it is encrypted.
    pub let_go: bool,
    pub ended: bool,
}

impl Side {
    pub fn hold(&mut self, bytes: &[u8], stream: bool) {
        if !stream {
            return;
        }
        if self.held.len().saturating_add(bytes.len()) > GUESS_BYTES_MAX * 4 {
            self.missed = self.missed.saturating_add(self.held.len() as u64).saturating_add(bytes.len() as u64);
            self.held.clear();
            return;
        }
        self.held.extend_from_slice(bytes);
    }
}
