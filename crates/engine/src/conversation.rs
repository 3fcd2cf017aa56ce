//! What the worker knows about one flow beyond its key and counters.

use crate::{app::AppLayer, desk::listed::ListedState};
use phitak_detect::{FlowState, OpenAlert};
use phitak_model::{Direction, Mac};
use phitak_packet::{packet::Checksum, tcp::TcpSession};
use std::sync::Arc;

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

/// What the checksums of one sender's TCP segments have shown so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SenderSums {
    #[default]
    Unseen,
    /// Each was wrong: the sender leaves them to its network card, or nobody but the sensor takes its segments.
    Wrong,
    /// One at least was right: wrong ones are damaged, or meant for the sensor alone.
    Right,
}

#[derive(Default)]
pub(crate) struct Conversation {
    pub id: u64,
    /// The number of the frame that began it.
    pub born: u64,
    pub phase: Phase,
    pub verdict: Verdict,
    pub alerted: bool,
    /// As long as no alert is certain: those that may become one.
    pub open_alerts: Vec<Arc<OpenAlert>>,
    /// Packets were seen in this direction.
    pub seen: [bool; 2],
    /// Link addresses of client and server.
    pub macs: [Option<Mac>; 2],
    /// Per direction: what its checksums have shown.
    pub sums: [SenderSums; 2],
    /// ICMP type and code of the first packet of each direction.
    pub icmp: [Option<(u8, u8)>; 2],
    pub tcp: Option<Box<TcpSession>>,
    pub app: Option<Box<AppLayer>>,
    pub detect: FlowState,
    /// What the rules of the centre's list remember of it, from the first packet on that they were shown.
    pub listed: Option<Box<ListedState>>,
    /// What is encrypted, or was let go, is not looked at any more.
    pub payload_done: [bool; 2],
    /// Per direction: the stream offset up to which the detector was shown bytes.
    pub shown_to: [u64; 2],
    /// A rule turned the records of its transactions off.
    pub unrecorded: bool,
    /// Bits of the facts that were told.
    pub told: u8,
    /// The turn of indicators with which its ends were looked at last.
    pub watched: u32,
    /// One of its ends was told as known to be an attacker's.
    pub ends_known_bad: bool,
}

impl Conversation {
    pub(crate) fn saw(&mut self, direction: Direction) {
        if let Some(seen) = self.seen.get_mut(direction.index()) {
            *seen = true;
        }
    }

    /// Notes the checksum of a segment. Whether it may be taken; `believing` those who offload.
    pub(crate) fn takes_sum(&mut self, direction: Direction, sum: Checksum, believing: bool) -> bool {
        let Some(sums) = self.sums.get_mut(direction.index()) else { return true };
        match (sum, *sums) {
            (Checksum::Unknown | Checksum::LeftToHardware, _) => true,
            (Checksum::Right, _) => {
                *sums = SenderSums::Right;
                true
            }
            (Checksum::Wrong, SenderSums::Right) => false,
            (Checksum::Wrong, _) => {
                *sums = SenderSums::Wrong;
                believing
            }
        }
    }

    /// All that was taken so far came from one side, with wrong checksums, and was not answered: with the first right one
    /// the real conversation begins.
    pub(crate) fn begins_with_right_sum(&self, direction: Direction, sum: Checksum) -> bool {
        let unanswered = self.seen.get(direction.opposite().index()) == Some(&false);
        sum == Checksum::Right && unanswered && self.sums.get(direction.index()) == Some(&SenderSums::Wrong)
    }

    pub(crate) fn seen_both(&self) -> bool {
        self.seen == [true, true]
    }

    /// What was the client is the server.
    pub(crate) fn turn(&mut self) {
        self.seen.reverse();
        self.macs.reverse();
        self.sums.reverse();
        self.icmp.reverse();
        self.payload_done.reverse();
        self.shown_to.reverse();
        if let Some(tcp) = &mut self.tcp {
            tcp.turn();
        }
    }
}
