//! Counts refused sign-ins by login and by address, and closes for a while after too many.

use phitak_model::Timestamp;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// Refusals of one login before it must wait.
pub const REFUSALS_PER_LOGIN_MAX: u32 = 5;
/// Refusals from one address before it must wait. A hospital's people share one.
pub const REFUSALS_PER_ADDRESS_MAX: u32 = 30;
/// How long refusals count, and so the longest wait.
pub const REFUSALS_WINDOW_SECS: i64 = 15 * 60;
/// Logins and addresses that are remembered; the ones refused longest ago go first.
pub const REMEMBERED_MAX: usize = 10_000;
/// Longest login that is remembered, in bytes; longer ones are counted together.
const LOGIN_BYTES_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Login(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    refusals: u32,
    since: Timestamp,
}

/// Shared by all sign-ins.
#[derive(Debug, Default)]
pub struct Turnstile {
    tallies: Mutex<BTreeMap<Key, Tally>>,
}

impl Turnstile {
    /// Seconds to wait before the next attempt; `None` when it may be made.
    #[must_use]
    pub fn wait_secs(&self, login: Option<&str>, address: IpAddr, now: Timestamp) -> Option<i64> {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        keys(login, address)
            .filter_map(|(key, most)| {
                let tally = tallies.get(&key)?;
                let left = REFUSALS_WINDOW_SECS.saturating_sub(now.micros_since(tally.since) / 1_000_000);
                (tally.refusals >= most && left > 0).then_some(left)
            })
            .max()
    }

    /// Counts a refusal.
    pub fn refused(&self, login: Option<&str>, address: IpAddr, now: Timestamp) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(login, address) {
            let tally = tallies.entry(key).or_insert(Tally { refusals: 0, since: now });
            if now.micros_since(tally.since) / 1_000_000 >= REFUSALS_WINDOW_SECS {
                *tally = Tally { refusals: 0, since: now };
            }
            tally.refusals = tally.refusals.saturating_add(1);
        }
        while tallies.len() > REMEMBERED_MAX {
            let oldest = tallies.iter().min_by_key(|(_, tally)| tally.since).map(|(key, _)| key.clone());
            match oldest {
                Some(key) => tallies.remove(&key),
                None => break,
            };
        }
    }

    /// Forgets a login's refusals after it succeeded.
    pub fn passed(&self, login: &str) {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).remove(&login_key(login));
    }
}

fn keys(login: Option<&str>, address: IpAddr) -> impl Iterator<Item = (Key, u32)> {
    let login = login.map(|login| (login_key(login), REFUSALS_PER_LOGIN_MAX));
    login.into_iter().chain([(Key::Address(address), REFUSALS_PER_ADDRESS_MAX)])
}

fn login_key(login: &str) -> Key {
    Key::Login(if login.len() > LOGIN_BYTES_MAX { String::new() } else { login.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_waits_after_its_limit_and_is_free_after_the_window() {
        let turnstile = Turnstile::default();
        let at = Timestamp::from_secs;
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        for n in 0..REFUSALS_PER_LOGIN_MAX {
            assert_eq!(turnstile.wait_secs(Some("anan"), address(1), at(i64::from(n))), None);
            turnstile.refused(Some("anan"), address(n as u8), at(i64::from(n)));
        }
        assert_eq!(turnstile.wait_secs(Some("anan"), address(99), at(100)), Some(REFUSALS_WINDOW_SECS - 100));
        assert_eq!(turnstile.wait_secs(Some("malee"), address(99), at(100)), None);
        assert_eq!(turnstile.wait_secs(Some("anan"), address(99), at(REFUSALS_WINDOW_SECS)), None);
        turnstile.passed("anan");
        assert_eq!(turnstile.wait_secs(Some("anan"), address(99), at(100)), None);
    }

    #[test]
    fn an_address_waits_whatever_login_it_tries() {
        let turnstile = Turnstile::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        for n in 0..REFUSALS_PER_ADDRESS_MAX {
            turnstile.refused(Some(&format!("user{n}")), address, Timestamp::from_secs(0));
        }
        assert!(turnstile.wait_secs(Some("new"), address, Timestamp::from_secs(1)).is_some());
        assert!(turnstile.wait_secs(None, address, Timestamp::from_secs(1)).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let turnstile = Turnstile::default();
        for n in 0..REMEMBERED_MAX as u32 + 50 {
            let [a, b, c, d] = n.to_be_bytes();
            turnstile.refused(None, IpAddr::from([a, b, c, d]), Timestamp::from_secs(i64::from(n)));
        }
        assert_eq!(turnstile.tallies.lock().expect("whole").len(), REMEMBERED_MAX);
    }
}
