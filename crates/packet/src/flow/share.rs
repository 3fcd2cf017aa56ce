//! How many flows each client has, so that one host's flood does not push out the flows of all others.

use std::net::IpAddr;

/// Counters; a power of two. Hosts that share one are counted together.
const PLACES: usize = 1 << 16;
/// A client with more than this part of the table has too much of it.
const PART_MAX: usize = 16;

/// Flows by client.
#[derive(Debug)]
pub(super) struct Shares {
    counts: Vec<u32>,
    /// The client that had the most flows when last one was made.
    heaviest: Share,
}

/// A client's place among the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u16);

impl Shares {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; PLACES], heaviest: Share(0) }
    }

    /// A client has one flow more.
    pub(super) fn join(&mut self, client: IpAddr, seed: u64) -> Share {
        let bits = match client {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let folded = seed ^ bits as u64 ^ ((bits >> 64) as u64).rotate_left(32);
        let share = Share((folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16);
        if let Some(count) = self.counts.get_mut(usize::from(share.0)) {
            *count = count.saturating_add(1);
        }
        if self.count(share) > self.count(self.heaviest) {
            self.heaviest = share;
        }
        share
    }

    /// And one less.
    pub(super) fn leave(&mut self, share: Share) {
        if let Some(count) = self.counts.get_mut(usize::from(share.0)) {
            *count = count.saturating_sub(1);
        }
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// The client that has too much of a table of this size.
    pub(super) fn too_much(&self, flows_max: usize) -> Option<Share> {
        (self.count(self.heaviest) as usize > (flows_max / PART_MAX).max(1)).then_some(self.heaviest)
    }

    /// How much a flow's client has, in powers of two.
    pub(super) fn weight(&self, share: Share) -> u32 {
        self.count(share).checked_ilog2().unwrap_or(0)
    }

    fn count(&self, share: Share) -> u32 {
        self.counts.get(usize::from(share.0)).copied().unwrap_or(0)
    }
}
