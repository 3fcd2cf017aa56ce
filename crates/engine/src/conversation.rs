//! What the worker knows about one flow beyond its key and counters.

use crate::app::AppLayer;
use phitak_detect::FlowState;
use phitak_model::{Direction, Mac};
use phitak_packet::tcp::TcpSession;

/// EVE's `flow.state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    New,
    Established,
    Closed,
    Bypassed,
}

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Closed => "closed",
            Self::Bypassed => "bypassed",
        }
    }
}

/// EVE's `flow.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    TimedOut,
    Shutdown,
    /// The table was full.
    Forced,
    /// Another session began on the same ports.
    Reused,
}

impl EndReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timeout",
            Self::Shutdown => "shutdown",
            Self::Forced => "forced",
            Self::Reused => "tcp_reuse",
        }
    }
}

/// What rules decided about the whole flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    #[default]
    None,
    Pass,
    Drop,
}

#[derive(Default)]
pub(crate) struct Conversation {
    pub id: u64,
    /// The number of the frame that began it.
    pub born: u64,
    pub phase: Phase,
    pub verdict: Verdict,
    pub alerted: bool,
    /// Packets were seen in this direction.
    pub seen: [bool; 2],
    /// Link addresses of client and server.
    pub macs: [Option<Mac>; 2],
    /// ICMP type and code of the first packet of each direction.
    pub icmp: [Option<(u8, u8)>; 2],
    pub tcp: Option<Box<TcpSession>>,
    pub app: Option<Box<AppLayer>>,
    pub detect: FlowState,
    /// What is encrypted, or was let go, is not looked at any more.
    pub payload_done: [bool; 2],
    /// Per direction: the stream offset up to which the detector was shown bytes.
    pub shown_to: [u64; 2],
    /// A rule turned the records of its transactions off.
    pub unrecorded: bool,
    /// Bits of the facts that were told.
    pub told: u8,
}

impl Conversation {
    pub(crate) fn saw(&mut self, direction: Direction) {
        if let Some(seen) = self.seen.get_mut(direction.index()) {
            *seen = true;
        }
    }

    pub(crate) fn seen_both(&self) -> bool {
        self.seen == [true, true]
    }

    /// What was the client is the server.
    pub(crate) fn turn(&mut self) {
        self.seen.reverse();
        self.macs.reverse();
        self.icmp.reverse();
        self.payload_done.reverse();
        self.shown_to.reverse();
        if let Some(tcp) = &mut self.tcp {
            tcp.turn();
        }
    }
}
