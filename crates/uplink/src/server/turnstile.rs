//! Slows down whoever tries enrolment codes: a few wrong ones a minute from one address, and not many from all.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Wrong codes that one address may try within [`WINDOW`].
pub(crate) const WRONG_PER_ADDRESS_MAX: u32 = 5;
/// Wrong codes from all addresses within [`WINDOW`].
pub(crate) const WRONG_TOTAL_MAX: u32 = 100;
const WINDOW: Duration = Duration::from_secs(60);
const ADDRESSES_MAX: usize = 1024;

/// Counts wrong codes in windows of a minute. Clocks are handed in.
#[derive(Default)]
pub(crate) struct Turnstile {
    since: Option<Instant>,
    total: u32,
    by_address: BTreeMap<IpAddr, u32>,
}

impl Turnstile {
    /// Whether an address may try a code now.
    pub(crate) fn is_open(&mut self, address: IpAddr, now: Instant) -> bool {
        self.turn(now);
        let wrong = self.by_address.get(&block(address)).copied().unwrap_or(0);
        // A full table means an attack from many addresses; who is not in it waits too.
        let known = self.by_address.len() < ADDRESSES_MAX || wrong > 0;
        known && wrong < WRONG_PER_ADDRESS_MAX && self.total < WRONG_TOTAL_MAX
    }

    pub(crate) fn count_wrong(&mut self, address: IpAddr, now: Instant) {
        self.turn(now);
        self.total = self.total.saturating_add(1);
        if self.by_address.len() < ADDRESSES_MAX {
            let wrong = self.by_address.entry(block(address)).or_default();
            *wrong = wrong.saturating_add(1);
        }
    }

    fn turn(&mut self, now: Instant) {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            *self = Self { since: Some(now), ..Self::default() };
        }
    }
}

/// One subscriber has a whole IPv6 /64.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6((u128::from(six) & !u128::from(u64::MAX)).into()),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_codes_close_it_for_one_address_and_a_minute_opens_it() {
        let (mut turnstile, now) = (Turnstile::default(), Instant::now());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..WRONG_PER_ADDRESS_MAX {
            assert!(turnstile.is_open(one, now));
            turnstile.count_wrong(one, now);
        }
        assert!(!turnstile.is_open(one, now));
        assert!(turnstile.is_open(other, now));
        assert!(turnstile.is_open(one, now + WINDOW));
    }

    #[test]
    fn many_addresses_together_close_it_for_all() {
        let (mut turnstile, now) = (Turnstile::default(), Instant::now());
        for last in 0..WRONG_TOTAL_MAX {
            turnstile.count_wrong(IpAddr::from([10, 0, 0, last as u8]), now);
        }
        assert!(!turnstile.is_open(IpAddr::from([10, 9, 9, 9]), now));
    }

    #[test]
    fn one_subscriber_of_ipv6_counts_once() {
        let (mut turnstile, now) = (Turnstile::default(), Instant::now());
        for last in 0..WRONG_PER_ADDRESS_MAX as u16 {
            turnstile.count_wrong(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]), now);
        }
        assert!(!turnstile.is_open(IpAddr::from([0x2001, 0xdb8, 0, 0, 1, 2, 3, 4]), now));
        assert!(turnstile.is_open(IpAddr::from([0x2001, 0xdb8, 0, 1, 1, 2, 3, 4]), now));
    }
}
