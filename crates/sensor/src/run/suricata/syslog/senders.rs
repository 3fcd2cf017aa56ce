//! Who may send, how fast, and by how many connections.
//!
//! A sender's messages are paid for in time: each costs a share of a second, a large one several, and [`BURST`] may be owed (the
//! generic cell rate algorithm). What is over that is let go over UDP and waits over TCP, where the sender's own queue holds the rest.

use phitak_model::Network;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Messages a second of one sender.
pub(super) const RATE_MAX: u32 = 2_000;
/// A message costs one share for each so many bytes that it begins: of one sender at most 16 MB a second, for reading takes time.
const SHARE_BYTES: usize = 8 << 10;
/// So much may come at once: 4,000 messages.
const BURST: Duration = Duration::from_secs(2);
/// Senders whose pace is known at a time; one that is up to date is forgotten for another.
const SENDERS_MAX: usize = 1_024;
/// Connections at a time, of all senders and of one.
pub(super) const CONNECTIONS_MAX: usize = 64;
pub(super) const CONNECTIONS_OF_ONE_MAX: usize = 16;

pub(super) struct Senders {
    allowed: Vec<Network>,
    /// Until when a sender's messages are paid for.
    paid_until: BTreeMap<IpAddr, Instant>,
    connections: BTreeMap<IpAddr, usize>,
}

impl Senders {
    pub(super) fn new(allowed: Vec<Network>) -> Self {
        Self { allowed, paid_until: BTreeMap::new(), connections: BTreeMap::new() }
    }

    /// This machine may always send.
    pub(super) fn may_send(&self, from: IpAddr) -> bool {
        from.is_loopback() || self.allowed.iter().any(|network| network.contains(from))
    }

    /// How much too early a message is; one that is not is paid for.
    pub(super) fn pay(&mut self, from: IpAddr, bytes: usize, now: Instant) -> Duration {
        let shares = u32::try_from(bytes / SHARE_BYTES).unwrap_or(u32::MAX).saturating_add(1);
        let cost = (Duration::from_secs(1) / RATE_MAX).saturating_mul(shares).min(BURST);
        if self.paid_until.len() >= SENDERS_MAX && !self.paid_until.contains_key(&from) {
            self.paid_until.retain(|_, until| *until > now);
            if self.paid_until.len() >= SENDERS_MAX {
                return cost;
            }
        }
        let until = self.paid_until.entry(from).or_insert(now);
        *until = (*until).max(now);
        let early = until.duration_since(now).saturating_sub(BURST.saturating_sub(cost));
        if early.is_zero() {
            *until += cost;
        }
        early
    }

    /// Whether there is room for another connection of a sender; it is then counted until [`Senders::disconnect`].
    pub(super) fn connect(&mut self, from: IpAddr) -> bool {
        let all: usize = self.connections.values().sum();
        let own = self.connections.get(&from).copied().unwrap_or(0);
        if all >= CONNECTIONS_MAX || own >= CONNECTIONS_OF_ONE_MAX {
            return false;
        }
        self.connections.insert(from, own + 1);
        true
    }

    pub(super) fn disconnect(&mut self, from: IpAddr) {
        match self.connections.get_mut(&from) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                self.connections.remove(&from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    fn senders() -> Senders {
        Senders::new(vec!["10.1.0.0/16".parse().expect("a network"), "2001:db8::1".parse().expect("an address")])
    }

    #[test]
    fn this_machine_and_who_is_named_may_send_and_nobody_else() {
        let may = |text: &str| senders().may_send(text.parse::<IpAddr>().expect("an address").to_canonical());
        for yes in ["127.0.0.1", "127.9.9.9", "::1", "10.1.255.1", "::ffff:10.1.2.3", "2001:db8::1"] {
            assert!(may(yes), "{yes}");
        }
        for no in ["10.2.0.1", "192.168.1.1", "203.0.113.9", "2001:db8::2", "0.0.0.0", "::"] {
            assert!(!may(no), "{no}");
        }
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (mut senders, start) = (senders(), Instant::now());
        let mut passed = |from, now| (0..10_000).filter(|_| senders.pay(from, 500, now).is_zero()).count();
        assert_eq!(passed(ip(1), start), 4_000);
        assert_eq!(passed(ip(2), start), 4_000, "another sender");
        assert_eq!(passed(ip(1), start + Duration::from_millis(500)), 1_000);
        assert_eq!(passed(ip(1), start + Duration::from_secs(60)), 4_000);
        let early = senders.pay(ip(1), 500, start + Duration::from_secs(60));
        assert_eq!(early, Duration::from_micros(500), "one message's share");
    }

    #[test]
    fn large_messages_cost_more() {
        let (mut senders, start) = (senders(), Instant::now());
        let mut passed =
            |number, bytes| (0..10_000).filter(|_| senders.pay(ip(number), bytes, start).is_zero()).count();
        assert_eq!(passed(1, SHARE_BYTES - 1), 4_000);
        assert_eq!(passed(2, SHARE_BYTES), 2_000);
        assert_eq!(passed(3, phitak_engine::syslog::MESSAGE_BYTES_MAX), 4_000 / 33);
        assert_eq!(passed(4, usize::MAX), 1, "whatever it is, it comes some time");
    }

    #[test]
    fn many_senders_open_no_way_around() {
        let (mut senders, start) = (senders(), Instant::now());
        let passed =
            (0..3 * SENDERS_MAX as u32).filter(|number| senders.pay(ip(*number), 500, start).is_zero()).count();
        assert_eq!((passed, senders.paid_until.len()), (SENDERS_MAX, SENDERS_MAX));
        let later = start + Duration::from_secs(1);
        assert!(senders.pay(ip(1_000_000), 500, later).is_zero(), "those that are up to date make room");
    }

    #[test]
    fn connections_are_held_to_both_limits() {
        let mut senders = senders();
        let own = (0..100).filter(|_| senders.connect(ip(1))).count();
        let all = (2..100).filter(|number| senders.connect(ip(*number))).count();
        assert_eq!((own, own + all), (CONNECTIONS_OF_ONE_MAX, CONNECTIONS_MAX));
        senders.disconnect(ip(1));
        assert!(senders.connect(ip(200)) && !senders.connect(ip(201)));
        (0..CONNECTIONS_OF_ONE_MAX).for_each(|_| senders.disconnect(ip(1)));
        assert!(!senders.connections.contains_key(&ip(1)));
    }
}
