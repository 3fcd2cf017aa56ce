//! Flows that a protocol has announced and that have not come yet (FTP's data connections).

use phitak_model::Timestamp;
use phitak_protocols::Expectation;
use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};

/// Flows that are waited for at once; the oldest gives way.
const HELD_MAX: usize = 4096;
/// After so many seconds nobody comes any more.
const SECS_MAX: i64 = 30;

/// Who listens on which port, and who will come.
type Key = (IpAddr, u16, IpAddr);

#[derive(Default)]
pub(crate) struct Expectations {
    held: BTreeMap<Key, (Expectation, Timestamp)>,
    /// In the order in which they were announced.
    by_age: VecDeque<(Key, Timestamp)>,
}

impl Expectations {
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Keeps an announcement. `false` when an older one had to go for it that was not over. What is over stays until then:
    /// by the clock of one connection those of others must not go, which other workers may hold.
    pub(crate) fn add(&mut self, expectation: Expectation, now: Timestamp) -> bool {
        let is_full = self.by_age.len() >= HELD_MAX;
        let is_lost = is_full && self.by_age.front().is_some_and(|(_, at)| !is_over(*at, now));
        if is_full {
            self.drop_oldest();
        }
        let key = (expectation.server, expectation.server_port, expectation.client);
        self.held.insert(key, (expectation, now));
        self.by_age.push_back((key, now));
        !is_lost
    }

    /// The announcement of a flow between these two, which is then no longer waited for.
    pub(crate) fn take(&mut self, client: IpAddr, server: (IpAddr, u16), now: Timestamp) -> Option<Expectation> {
        let (expectation, at) = self.held.remove(&(server.0, server.1, client))?;
        (!is_over(at, now)).then_some(expectation)
    }

    fn drop_oldest(&mut self) {
        let Some((key, at)) = self.by_age.pop_front() else { return };
        // It may have been announced again since.
        if self.held.get(&key).is_some_and(|(_, announced)| *announced == at) {
            self.held.remove(&key);
        }
    }
}

fn is_over(announced_at: Timestamp, now: Timestamp) -> bool {
    now.micros_since(announced_at).saturating_abs() > SECS_MAX * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_model::Direction;
    use std::net::Ipv4Addr;

    fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    fn expectation(port: u16) -> Expectation {
        Expectation {
            protocol: "ftp-data",
            client: address(1),
            server: address(2),
            server_port: port,
            sender: Some(Direction::ToClient),
            command: "RETR",
            name: b"a".to_vec(),
        }
    }

    #[test]
    fn an_announced_flow_is_known_once_and_not_for_ever() {
        let (start, late) = (Timestamp::from_secs(100), Timestamp::from_secs(131));
        let mut expectations = Expectations::default();
        assert!(expectations.add(expectation(2000), start) && expectations.add(expectation(2001), start));
        assert!(expectations.take(address(2), (address(1), 2000), start).is_none());
        assert!(expectations.take(address(1), (address(2), 2000), start).is_some());
        assert!(expectations.take(address(1), (address(2), 2000), start).is_none());
        assert!(expectations.take(address(1), (address(2), 2001), late).is_none());
        assert!(expectations.is_empty());
    }

    #[test]
    fn an_announcement_from_the_future_keeps_no_other_one_alive() {
        let (start, late) = (Timestamp::from_secs(100), Timestamp::from_secs(131));
        let mut expectations = Expectations::default();
        expectations.add(expectation(2000), Timestamp::from_secs(1_000_000));
        expectations.add(expectation(2001), start);
        assert!(expectations.take(address(1), (address(2), 2001), late).is_none());
    }

    #[test]
    fn too_many_announcements_push_the_oldest_out() {
        let now = Timestamp::from_secs(100);
        let mut expectations = Expectations::default();
        let kept = (0..5000).filter(|port| expectations.add(expectation(*port), now)).count();
        assert_eq!((kept, expectations.held.len(), expectations.by_age.len()), (HELD_MAX, HELD_MAX, HELD_MAX));
        assert!(expectations.take(address(1), (address(2), 0), now).is_none());
        assert!(expectations.take(address(1), (address(2), 4999), now).is_some());
    }
}
