//! A slab of flows with a hash index and a wheel of time-outs.

use super::{
    key::FlowKey,
    share::{Share, Shares},
    wheel::{Wheel, is_wrong},
};
use phitak_model::{Direction, Timestamp};
use std::cmp::Reverse;

/// Flows held at once, unless told otherwise.
pub const FLOWS_MAX_DEFAULT: usize = 262_144;
/// Flows looked at when one has to go.
const EVICTION_CANDIDATES: usize = 64;
/// No slot has this number.
const EMPTY: u64 = u64::MAX;

/// A slot's number with the upper half of its key's hash, which tells most other keys without a look at the slot.
fn tagged(hash: u64, slot: u32) -> u64 {
    hash >> 32 << 32 | u64::from(slot)
}

/// A flow's place in its table, good until the flow is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowIndex(u32);

/// One conversation.
#[derive(Debug)]
pub struct Flow<S> {
    pub key: FlowKey,
    /// The client is the key's higher end.
    pub client_is_high: bool,
    pub started_at: Timestamp,
    pub last_at: Timestamp,
    /// Per direction (index 0 to server).
    pub packets: [u64; 2],
    pub bytes: [u64; 2],
    /// Idle seconds after which it ends.
    pub timeout_secs: u32,
    /// Counts the flows of a table from 1.
    pub serial: u64,
    hash: u64,
    share: Share,
    pub state: S,
}

impl<S> Flow<S> {
    #[must_use]
    pub fn client(&self) -> (std::net::IpAddr, u16) {
        if self.client_is_high { self.key.high() } else { self.key.low() }
    }

    #[must_use]
    pub fn server(&self) -> (std::net::IpAddr, u16) {
        if self.client_is_high { self.key.low() } else { self.key.high() }
    }

    /// The way of a packet whose source is the key's higher end or not.
    #[must_use]
    pub fn direction(&self, src_is_high: bool) -> Direction {
        if src_is_high == self.client_is_high { Direction::ToServer } else { Direction::ToClient }
    }

    /// What was the client is the server.
    pub fn turn(&mut self) {
        self.client_is_high = !self.client_is_high;
        self.packets.reverse();
        self.bytes.reverse();
    }

    fn deadline_secs(&self) -> i64 {
        self.last_at.secs().saturating_add(i64::from(self.timeout_secs))
    }
}

pub struct FlowTable<S> {
    slots: Vec<Option<Flow<S>>>,
    free: Vec<u32>,
    /// Open addressing with linear probing; tagged slots, or [`EMPTY`].
    index: Vec<u64>,
    wheel: Wheel,
    hand: usize,
    shares: Shares,
    made: u64,
    flows_max: usize,
    seed: u64,
}

impl<S> FlowTable<S> {
    #[must_use]
    pub fn new(flows_max: usize, seed: u64) -> Self {
        let flows_max = flows_max.clamp(1, 1 << 24);
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: vec![EMPTY; 1024],
            wheel: Wheel::new(),
            hand: 0,
            shares: Shares::new(),
            made: 0,
            flows_max,
            seed,
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flows made so far.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.flows_max
    }

    #[must_use]
    pub fn find(&self, key: &FlowKey) -> Option<FlowIndex> {
        self.place(key, key.hash(self.seed)).map(|(_, slot)| FlowIndex(slot))
    }

    /// The index position and slot of a key.
    fn place(&self, key: &FlowKey, hash: u64) -> Option<(usize, u32)> {
        let mask = self.index.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let held = *self.index.get(at)?;
            if held == EMPTY {
                return None;
            }
            let slot = held as u32;
            if held >> 32 == hash >> 32 && self.slot(slot).is_some_and(|flow| flow.key == *key) {
                return Some((at, slot));
            }
            at = (at + 1) & mask;
        }
    }

    fn slot(&self, slot: u32) -> Option<&Flow<S>> {
        self.slots.get(slot as usize)?.as_ref()
    }

    #[must_use]
    pub fn get(&self, index: FlowIndex) -> Option<&Flow<S>> {
        self.slot(index.0)
    }

    #[must_use]
    pub fn get_mut(&mut self, index: FlowIndex) -> Option<&mut Flow<S>> {
        self.slots.get_mut(index.0 as usize)?.as_mut()
    }

    /// Adds a flow whose client is the key's higher end or not. The table must not be full, and the key not in it.
    pub fn insert(
        &mut self,
        key: FlowKey,
        client_is_high: bool,
        at: Timestamp,
        timeout_secs: u32,
        state: S,
    ) -> FlowIndex {
        if (self.len() + 1) * 2 > self.index.len() {
            self.grow();
        }
        self.made = self.made.saturating_add(1);
        let hash = key.hash(self.seed);
        let serial = self.made;
        let (client, _) = if client_is_high { key.high() } else { key.low() };
        let share = self.shares.join(client, self.seed);
        let flow = Flow {
            key,
            client_is_high,
            started_at: at,
            last_at: at,
            packets: [0; 2],
            bytes: [0; 2],
            timeout_secs,
            serial,
            hash,
            share,
            state,
        };
        let deadline = flow.deadline_secs();
        let slot = if let Some(slot) = self.free.pop() {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                *place = Some(flow);
            }
            slot
        } else {
            self.slots.push(Some(flow));
            // At most 2^24 flows.
            (self.slots.len() - 1) as u32
        };
        self.link(hash, slot);
        self.wheel.add(slot, deadline);
        FlowIndex(slot)
    }

    fn link(&mut self, hash: u64, slot: u32) {
        let mask = self.index.len() - 1;
        let mut at = hash as usize & mask;
        while self.index.get(at).is_some_and(|held| *held != EMPTY) {
            at = (at + 1) & mask;
        }
        if let Some(place) = self.index.get_mut(at) {
            *place = tagged(hash, slot);
        }
    }

    fn grow(&mut self) {
        let size = self.index.len() * 2;
        self.index.clear();
        self.index.resize(size, EMPTY);
        for slot in 0..self.slots.len() {
            let hash = self.slots.get(slot).and_then(|s| s.as_ref()).map(|flow| flow.hash);
            if let Some(hash) = hash {
                self.link(hash, slot as u32);
            }
        }
    }

    /// Takes a flow out.
    pub fn remove(&mut self, index: FlowIndex) -> Option<Flow<S>> {
        let (key, hash) = self.get(index).map(|flow| (flow.key, flow.hash))?;
        if let Some((at, _)) = self.place(&key, hash) {
            self.unlink(at);
        }
        let flow = self.slots.get_mut(index.0 as usize)?.take()?;
        self.wheel.remove(index.0);
        self.free.push(index.0);
        self.shares.leave(flow.share);
        Some(flow)
    }

    /// Empties an index position and moves later entries of its cluster back over it.
    fn unlink(&mut self, mut hole: usize) {
        let mask = self.index.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let held = self.index.get(at).copied().unwrap_or(EMPTY);
            if held == EMPTY {
                break;
            }
            let home = self.slot(held as u32).map_or(0, |flow| flow.hash as usize) & mask;
            // The entry may move when its home is not strictly between the hole and itself.
            let distance_home = at.wrapping_sub(home) & mask;
            let distance_hole = at.wrapping_sub(hole) & mask;
            if distance_home >= distance_hole {
                if let Some(place) = self.index.get_mut(hole) {
                    *place = held;
                }
                hole = at;
            }
        }
        if let Some(place) = self.index.get_mut(hole) {
            *place = EMPTY;
        }
    }

    /// Whether [`FlowTable::advance`] has anything to do at this moment.
    #[inline]
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.wheel.is_due(now.secs())
    }

    /// Moves time forward and takes out flows that have been idle for too long. When time goes back by more than the wheel
    /// spans, the packets before had a wrong clock: their flows are taken out, and time goes on from there.
    pub fn advance(&mut self, now: Timestamp, expired: &mut Vec<Flow<S>>) {
        let now = now.secs();
        let passed = self.wheel.turn(now);
        for second in now - passed + 1..=now {
            let Some((mut slot, last)) = self.wheel.ends(second) else { continue };
            // Who goes round again, into this bucket perhaps, stands behind the last.
            loop {
                let is_last = slot == last;
                self.look_at(slot, now, expired);
                match self.wheel.ends(second) {
                    Some((first, _)) if !is_last => slot = first,
                    _ => break,
                }
            }
        }
    }

    /// Takes out the flow of a slot that is due, or has it looked at later.
    fn look_at(&mut self, slot: u32, now: i64, expired: &mut Vec<Flow<S>>) {
        self.wheel.remove(slot);
        let flow = self.slot(slot).filter(|flow| flow.deadline_secs() >= now && !is_wrong(flow.last_at.secs(), now));
        match flow.map(Flow::deadline_secs) {
            Some(deadline) => self.wheel.add(slot, deadline),
            None => expired.extend(self.remove(FlowIndex(slot))),
        }
    }

    /// Takes out the flow that is missed least, to make room: one of a client that has too much of the table; otherwise, of
    /// a few candidates, the one with the shortest time-out (unanswered before established), then of the client with more
    /// flows, then the longest idle.
    pub fn evict(&mut self) -> Option<Flow<S>> {
        let greedy = self.shares.too_much(self.flows_max);
        let mut worst = None;
        let mut looked = 0;
        // Who has too much is met often enough: a whole round costs no more than a few steps for each flow that it takes out.
        for _ in 0..self.slots.len() {
            if looked >= EVICTION_CANDIDATES && greedy.is_none() {
                break;
            }
            self.hand = if self.hand + 1 >= self.slots.len() { 0 } else { self.hand + 1 };
            let slot = self.hand as u32;
            let Some(flow) = self.slot(slot) else { continue };
            if greedy == Some(flow.share) {
                return self.remove(FlowIndex(slot));
            }
            looked += 1;
            let rank = (flow.timeout_secs, Reverse(self.shares.weight(flow.share)), flow.last_at);
            if looked <= EVICTION_CANDIDATES && worst.is_none_or(|(held, _)| rank < held) {
                worst = Some((rank, slot));
            }
        }
        worst.and_then(|(_, slot)| self.remove(FlowIndex(slot)))
    }

    /// Takes out the oldest flow that is left; calls in a row empty the table in the order in which flows were made.
    pub fn drain(&mut self) -> Vec<Flow<S>> {
        let mut flows: Vec<Flow<S>> = self.slots.drain(..).flatten().collect();
        flows.sort_unstable_by_key(|flow| flow.serial);
        self.free.clear();
        self.shares.clear();
        self.index.fill(EMPTY);
        self.wheel.clear();
        flows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn key(n: u32) -> FlowKey {
        let client = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n / 7));
        FlowKey::new((client, (n % 7) as u16), (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 80), 6, [0; 3]).0
    }

    #[test]
    fn both_directions_have_one_key_and_addresses_of_two_versions_never_meet() {
        let v4 = ("10.0.0.1".parse().expect("address"), 1000);
        let v6 = ("::ffff:10.0.0.1".parse().expect("address"), 1000);
        let other = ("10.0.0.2".parse().expect("address"), 53);
        let (forth, a) = FlowKey::new(v4, other, 17, [0; 3]);
        let (back, b) = FlowKey::new(other, v4, 17, [0; 3]);
        assert_eq!((forth, a), (back, !b));
        assert_ne!(FlowKey::new(v6, other, 17, [0; 3]).0, forth);
        assert_ne!(FlowKey::new(v4, other, 17, [5, 0, 0]).0, forth);
    }

    #[test]
    fn flows_are_found_until_removed_whatever_the_order() {
        let mut table: FlowTable<u32> = FlowTable::new(10_000, 7);
        let mut places = Vec::new();
        for n in 0..5_000 {
            places.push(table.insert(key(n), false, Timestamp::default(), 30, n));
        }
        for n in (0..5_000).step_by(3) {
            assert_eq!(table.remove(places[n as usize]).map(|f| f.state), Some(n));
        }
        for n in 0..5_000 {
            let found = table.find(&key(n)).and_then(|i| table.get(i)).map(|f| f.state);
            assert_eq!(found, (n % 3 != 0).then_some(n));
        }
    }

    #[test]
    fn idle_flows_leave_after_their_time_and_busy_ones_stay() {
        let mut table: FlowTable<u32> = FlowTable::new(100, 0);
        let mut gone = Vec::new();
        table.advance(Timestamp::from_secs(1000), &mut gone);
        table.insert(key(1), false, Timestamp::from_secs(1000), 30, 1);
        let busy = table.insert(key(2), false, Timestamp::from_secs(1000), 30, 2);
        table.insert(key(3), false, Timestamp::from_secs(1000), 5_000, 3);
        table.advance(Timestamp::from_secs(1030), &mut gone);
        assert!(gone.is_empty());
        table.get_mut(busy).expect("flow").last_at = Timestamp::from_secs(1029);
        table.advance(Timestamp::from_secs(1031), &mut gone);
        assert_eq!(gone.drain(..).map(|f| f.state).collect::<Vec<_>>(), [1]);
        table.advance(Timestamp::from_secs(5_900), &mut gone);
        assert_eq!(gone.drain(..).map(|f| f.state).collect::<Vec<_>>(), [2]);
        table.advance(Timestamp::from_secs(900_000), &mut gone);
        assert_eq!(gone.drain(..).map(|f| f.state).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_packet_from_the_future_does_not_stop_time() {
        let mut table: FlowTable<u32> = FlowTable::new(100, 0);
        let mut gone = Vec::new();
        table.advance(Timestamp::from_secs(1_000_000), &mut gone);
        table.insert(key(1), false, Timestamp::from_secs(1_000_000), 30, 1);
        assert!(table.is_due(Timestamp::from_secs(1_000)) && !table.is_due(Timestamp::from_secs(999_000)));
        table.advance(Timestamp::from_secs(1_000), &mut gone);
        assert_eq!(gone.drain(..).map(|f| f.state).collect::<Vec<_>>(), [1], "its clock was wrong");
        table.insert(key(2), false, Timestamp::from_secs(1_000), 30, 2);
        table.advance(Timestamp::from_secs(1_030), &mut gone);
        assert!(gone.is_empty());
        table.advance(Timestamp::from_secs(1_031), &mut gone);
        assert_eq!(gone.drain(..).map(|f| f.state).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_full_table_lets_unanswered_flows_go_first() {
        let mut table: FlowTable<u32> = FlowTable::new(3, 0);
        table.insert(key(1), false, Timestamp::from_secs(1), 600, 1);
        table.insert(key(2), false, Timestamp::from_secs(2), 60, 2);
        table.insert(key(3), false, Timestamp::from_secs(3), 60, 3);
        assert!(table.is_full());
        assert_eq!(table.evict().map(|f| f.state), Some(2));
        assert_eq!(table.drain().into_iter().map(|f| f.state).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_flood_of_one_host_pushes_out_its_own_flows_and_not_those_of_others() {
        let mut table: FlowTable<u32> = FlowTable::new(1_000, 3);
        let flow = |host: u32, port: u16| {
            let client = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + host));
            FlowKey::new((client, port), (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 80), 6, [0; 3])
        };
        // Quiet flows of a hundred hosts, some still unanswered, all idle for longer than anything of the flood.
        for host in 1..=100 {
            let (key, client_is_high) = flow(host, 1);
            table.insert(key, client_is_high, Timestamp::from_secs(1), if host % 2 == 0 { 600 } else { 60 }, host);
        }
        let mut evicted = 0;
        for port in 1..=20_000_u16 {
            if table.is_full() {
                let gone = table.evict().expect("a flow");
                assert_eq!(gone.state, 0, "a quiet host's flow went at port {port}");
                evicted += 1;
            }
            let (key, client_is_high) = flow(0xff_0000, port);
            table.insert(key, client_is_high, Timestamp::from_secs(100 + i64::from(port) / 100), 600, 0);
        }
        assert_eq!((table.len(), evicted), (1_000, 20_000 - 900));
    }
}
