//! One host as passive watching knows it: address, link address, names, what it speaks.

use crate::label::shown;
use phitak_model::{Database, Fact, Mac, Observation, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Most names kept of one host; the ones heard longest ago go first.
pub const NAMES_MAX: usize = 8;
/// Most services and uses kept of one host; the ones seen longest ago go first.
pub const SPOKEN_MAX: usize = 64;

/// Everything in it is made of sets, earliest and latest moments: the same observation twice changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    pub address: IpAddr,
    /// The link address seen latest.
    pub mac: Option<Mac>,
    mac_at: Timestamp,
    /// Latest first.
    pub names: Vec<Name>,
    /// By protocol, role and port.
    pub speaks: Vec<Spoken>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
}

/// What a host called itself, and where it was heard (`dhcp`, `nbns`, `tls`…).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    pub name: String,
    pub source: String,
    pub last_at: Timestamp,
}

/// A protocol that a host speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    pub protocol: String,
    pub role: Role,
    /// The host's own port, when it is the server.
    pub port: Option<u16>,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Server,
    Client,
}

impl Host {
    #[must_use]
    pub fn new(observation: &Observation) -> Self {
        let mut host = Self {
            address: observation.host,
            mac: observation.mac,
            mac_at: observation.last_at,
            names: Vec::new(),
            speaks: Vec::new(),
            first_seen: observation.first_at,
            last_seen: observation.last_at,
        };
        host.take(observation);
        host
    }

    /// Takes in an observation of this address; says whether anything but `last_seen` is new.
    pub fn take(&mut self, observation: &Observation) -> bool {
        if observation.host != self.address {
            return false;
        }
        let before = (self.mac, self.names.len(), self.speaks.len(), self.first_seen);
        self.first_seen = self.first_seen.min(observation.first_at);
        self.last_seen = self.last_seen.max(observation.last_at);
        if observation.mac.is_some() && (self.mac.is_none() || observation.last_at > self.mac_at) {
            self.mac = observation.mac;
            self.mac_at = observation.last_at;
        }
        let named = match &observation.fact {
            Fact::Named { name, source } => self.take_name(name, source, observation.last_at),
            _ => false,
        };
        if let Some((protocol, role, port)) = spoken(&observation.fact) {
            self.take_spoken(protocol, role, port, observation);
        }
        named || before != (self.mac, self.names.len(), self.speaks.len(), self.first_seen)
    }

    /// The best name to show: the latest that the host gave itself.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.names.first().map(|name| name.name.as_str())
    }

    fn take_name(&mut self, name: &str, source: &str, at: Timestamp) -> bool {
        let (name, source) = (shown(name.trim()), shown(source));
        if name.is_empty() {
            return false;
        }
        let first = self.name().map(str::to_owned);
        match self.names.iter_mut().find(|known| known.name == name && known.source == source) {
            Some(known) => known.last_at = known.last_at.max(at),
            None => self.names.push(Name { name, source, last_at: at }),
        }
        self.names.sort_by(|a, b| {
            b.last_at.cmp(&a.last_at).then_with(|| a.name.cmp(&b.name)).then_with(|| a.source.cmp(&b.source))
        });
        self.names.truncate(NAMES_MAX);
        first.as_deref() != self.name()
    }

    fn take_spoken(&mut self, protocol: &str, role: Role, port: Option<u16>, observation: &Observation) {
        let protocol = shown(protocol);
        let known = self.speaks.iter_mut().find(|s| s.protocol == protocol && s.role == role && s.port == port);
        match known {
            Some(known) => {
                known.first_at = known.first_at.min(observation.first_at);
                known.last_at = known.last_at.max(observation.last_at);
                return;
            }
            None => self.speaks.push(Spoken {
                protocol,
                role,
                port,
                first_at: observation.first_at,
                last_at: observation.last_at,
            }),
        }
        if self.speaks.len() > SPOKEN_MAX {
            let oldest = self.speaks.iter().enumerate().min_by_key(|(_, s)| (s.last_at, &s.protocol, s.role, s.port));
            if let Some(index) = oldest.map(|(index, _)| index) {
                self.speaks.remove(index);
            }
        }
        self.speaks.sort_by(|a, b| (&a.protocol, a.role, a.port).cmp(&(&b.protocol, b.role, b.port)));
    }
}

/// What a fact says about the protocols that its host speaks.
fn spoken(fact: &Fact) -> Option<(&str, Role, Option<u16>)> {
    match fact {
        Fact::Alive | Fact::Named { .. } | Fact::Refused { .. } => None,
        Fact::Serves { port, protocol } => Some((protocol, Role::Server, Some(*port))),
        Fact::Uses { protocol } => Some((protocol, Role::Client, None)),
        Fact::SmbDialect { port, .. } => Some(("smb", Role::Server, Some(*port))),
        Fact::TelnetLogin { port } => Some(("telnet", Role::Server, Some(*port))),
        Fact::FtpLogin { port, .. } => Some(("ftp", Role::Server, Some(*port))),
        Fact::TlsServed { port, .. } | Fact::Certificate { port, .. } => Some(("tls", Role::Server, Some(*port))),
        Fact::DatabaseLogin { port, database, .. } => Some((database_protocol(*database), Role::Server, Some(*port))),
    }
}

fn database_protocol(database: Database) -> &'static str {
    match database {
        Database::Mysql => "mysql",
        Database::Postgresql => "pgsql",
        Database::Mssql => "tds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: i64, fact: Fact) -> Observation {
        Observation {
            first_at: Timestamp::from_secs(at),
            last_at: Timestamp::from_secs(at + 10),
            count: 2,
            host: IpAddr::from([192, 168, 1, 20]),
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            fact,
        }
    }

    fn named(at: i64, name: &str) -> Observation {
        seen(at, Fact::Named { name: name.to_owned(), source: "dhcp".to_owned() })
    }

    #[test]
    fn a_host_gathers_what_it_speaks_and_the_same_twice_changes_nothing() {
        let mut host = Host::new(&seen(100, Fact::Alive));
        assert!(host.take(&seen(50, Fact::SmbDialect { port: 445, dialect: "3.1.1".to_owned() })));
        assert!(host.take(&seen(70, Fact::Uses { protocol: "dns".to_owned() })));
        assert!(host.take(&named(80, "PHARM-02")));
        let kept = host.clone();
        assert!(!host.take(&named(80, "PHARM-02")));
        assert!(!host.take(&seen(50, Fact::SmbDialect { port: 445, dialect: "3.1.1".to_owned() })));
        assert_eq!(host, kept);
        assert_eq!(host.name(), Some("PHARM-02"));
        assert_eq!((host.first_seen, host.last_seen), (Timestamp::from_secs(50), Timestamp::from_secs(110)));
        let spoken: Vec<_> = host.speaks.iter().map(|s| (s.protocol.as_str(), s.role, s.port)).collect();
        assert_eq!(spoken, [("dns", Role::Client, None), ("smb", Role::Server, Some(445))]);
    }

    #[test]
    fn names_and_services_stop_at_their_limits_and_the_newest_stay() {
        let mut host = Host::new(&seen(0, Fact::Alive));
        for n in 0..200_u16 {
            host.take(&named(i64::from(n), &format!("NAME-{n}")));
            host.take(&seen(i64::from(n), Fact::Serves { port: n, protocol: "http".to_owned() }));
        }
        assert_eq!((host.names.len(), host.speaks.len()), (NAMES_MAX, SPOKEN_MAX));
        assert_eq!(host.name(), Some("NAME-199"));
        assert!(host.speaks.iter().all(|s| s.port >= Some(136)));
    }

    #[test]
    fn another_host_and_an_empty_name_are_not_taken() {
        let mut host = Host::new(&seen(0, Fact::Alive));
        let other = Observation { host: IpAddr::from([10, 0, 0, 1]), ..seen(5, Fact::Alive) };
        assert!(!host.take(&other));
        assert!(!host.take(&named(5, "\u{0}\r\n ")));
        assert_eq!(host.name(), None);
    }
}
