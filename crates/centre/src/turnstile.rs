//! Counts attempts to sign in, and closes for a while after too many that failed.
//!
//! An attempt counts before it is judged and is taken back when it was right, so that many at once find no gap. One
//! address soon waits for one login; that others cannot sign in there takes many addresses.

use phitak_model::Timestamp;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// Failures of one login from one address before it must wait.
pub const FAILURES_PER_LOGIN_AT_ADDRESS_MAX: u32 = 5;
/// Failures of one login from all addresses.
pub const FAILURES_PER_LOGIN_MAX: u32 = 60;
/// Failures from one address. A hospital's people share one.
pub const FAILURES_PER_ADDRESS_MAX: u32 = 30;
/// How long failures count, and so the longest wait.
pub const FAILURES_WINDOW_SECS: i64 = 15 * 60;
/// Tallies that are remembered; the oldest go first.
pub const REMEMBERED_MAX: usize = 10_000;
/// Longest login that is remembered, in bytes; longer ones are counted together.
const LOGIN_BYTES_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    LoginAt(String, IpAddr),
    Login(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    failures: u32,
    since: Timestamp,
}

impl Tally {
    fn secs_left(&self, now: Timestamp) -> i64 {
        FAILURES_WINDOW_SECS.saturating_sub(now.micros_since(self.since) / 1_000_000)
    }
}

/// Shared by all sign-ins.
#[derive(Debug, Default)]
pub struct Turnstile {
    tallies: Mutex<BTreeMap<Key, Tally>>,
}

impl Turnstile {
    /// Counts an attempt as failed until [`Turnstile::passed`] says otherwise.
    ///
    /// # Errors
    /// The seconds to wait when it may not be made; it then counts for nothing.
    pub fn enter(&self, login: Option<&str>, address: IpAddr, now: Timestamp) -> Result<(), i64> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = keys(login, address)
            .filter_map(|(key, most)| {
                let tally = tallies.get(&key)?;
                let left = tally.secs_left(now);
                (tally.failures >= most && left > 0).then_some(left)
            })
            .max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        for (key, _) in keys(login, address) {
            let tally = tallies.entry(key).or_insert(Tally { failures: 0, since: now });
            if tally.secs_left(now) <= 0 {
                *tally = Tally { failures: 0, since: now };
            }
            tally.failures = tally.failures.saturating_add(1);
        }
        while tallies.len() > REMEMBERED_MAX {
            let oldest = tallies.iter().min_by_key(|(_, tally)| tally.since).map(|(key, _)| key.clone());
            match oldest {
                Some(key) => tallies.remove(&key),
                None => break,
            };
        }
        Ok(())
    }

    /// The attempt was not judged to its end: it does not count, and forgives nothing either.
    pub fn taken_back(&self, login: Option<&str>, address: IpAddr) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(login, address) {
            if let Some(tally) = tallies.get_mut(&key) {
                tally.failures = tally.failures.saturating_sub(1);
            }
        }
    }

    /// The attempt was right, or was not judged: it does not count. A login that was right is forgiven where it was.
    pub fn passed(&self, login: Option<&str>, address: IpAddr) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(login, address) {
            if matches!(key, Key::LoginAt(..)) {
                tallies.remove(&key);
            } else if let Some(tally) = tallies.get_mut(&key) {
                tally.failures = tally.failures.saturating_sub(1);
            }
        }
    }
}

fn keys(login: Option<&str>, address: IpAddr) -> impl Iterator<Item = (Key, u32)> {
    let address = block(address);
    let of_login = login.map(|login| {
        let login = if login.len() > LOGIN_BYTES_MAX { String::new() } else { login.to_owned() };
        [
            (Key::LoginAt(login.clone(), address), FAILURES_PER_LOGIN_AT_ADDRESS_MAX),
            (Key::Login(login), FAILURES_PER_LOGIN_MAX),
        ]
    });
    of_login.into_iter().flatten().chain([(Key::Address(address), FAILURES_PER_ADDRESS_MAX)])
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

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_login_waits_where_it_failed_and_is_free_elsewhere_and_after_the_window() {
        let turnstile = Turnstile::default();
        for n in 0..FAILURES_PER_LOGIN_AT_ADDRESS_MAX {
            assert_eq!(turnstile.enter(Some("anan"), address(1), at(i64::from(n))), Ok(()));
        }
        assert_eq!(turnstile.enter(Some("anan"), address(1), at(100)), Err(FAILURES_WINDOW_SECS - 100));
        assert_eq!(turnstile.enter(Some("anan"), address(2), at(100)), Ok(()));
        assert_eq!(turnstile.enter(Some("malee"), address(1), at(100)), Ok(()));
        assert_eq!(turnstile.enter(Some("anan"), address(1), at(FAILURES_WINDOW_SECS)), Ok(()));
    }

    #[test]
    fn what_was_right_does_not_count() {
        let turnstile = Turnstile::default();
        for _ in 0..10 * FAILURES_PER_LOGIN_MAX {
            assert_eq!(turnstile.enter(Some("anan"), address(1), at(0)), Ok(()));
            turnstile.passed(Some("anan"), address(1));
        }
    }

    #[test]
    fn what_was_taken_back_forgives_no_earlier_failure() {
        let turnstile = Turnstile::default();
        for _ in 0..FAILURES_PER_LOGIN_AT_ADDRESS_MAX {
            assert_eq!(turnstile.enter(Some("anan"), address(1), at(0)), Ok(()));
            assert_eq!(turnstile.enter(Some("malee"), address(2), at(0)), Ok(()));
            turnstile.taken_back(Some("malee"), address(2));
        }
        assert!(turnstile.enter(Some("anan"), address(1), at(1)).is_err());
        turnstile.taken_back(Some("anan"), address(1));
        assert_eq!(turnstile.enter(Some("anan"), address(1), at(1)), Ok(()));
        assert!(turnstile.enter(Some("anan"), address(1), at(1)).is_err(), "only one was taken back");
        assert_eq!(turnstile.enter(Some("malee"), address(2), at(1)), Ok(()));
    }

    #[test]
    fn a_login_waits_everywhere_only_after_many_failures_from_many_addresses() {
        let turnstile = Turnstile::default();
        for n in 0..FAILURES_PER_LOGIN_MAX {
            assert_eq!(turnstile.enter(Some("anan"), address(n as u8), at(0)), Ok(()));
        }
        assert!(turnstile.enter(Some("anan"), address(200), at(1)).is_err());
    }

    #[test]
    fn an_address_waits_whatever_login_it_tries_and_an_ipv6_subscriber_is_one() {
        let turnstile = Turnstile::default();
        let six = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        for n in 0..FAILURES_PER_ADDRESS_MAX {
            assert_eq!(turnstile.enter(Some(&format!("user{n}")), six(n as u16), at(0)), Ok(()));
        }
        assert!(turnstile.enter(Some("new"), six(999), at(1)).is_err());
        assert!(turnstile.enter(None, six(999), at(1)).is_err());
        assert!(turnstile.enter(None, IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]), at(1)).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let turnstile = Turnstile::default();
        for n in 0..REMEMBERED_MAX as u32 + 50 {
            let _ = turnstile.enter(None, IpAddr::from(n.to_be_bytes()), at(i64::from(n)));
        }
        assert_eq!(turnstile.tallies.lock().expect("whole").len(), REMEMBERED_MAX);
    }
}
