//! What passive watching tells about a host: facts, weak and healthy alike. Judging them is the inventory's business.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// One fact about one host, seen once or more within a short span of packet time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// Times seen between the two.
    pub count: u32,
    pub host: IpAddr,
    pub mac: Option<Mac>,
    pub fact: Fact,
}

/// A host's link-layer address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

/// What was seen. `port` is always the port of the host that the observation names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// Sent a packet of its own: it is alive.
    Alive,
    /// Called itself by this name (`source`: `dhcp`, `nbns`, `mdns`, `ntlmssp`, `tls`…).
    Named { name: String, source: String },
    /// Answered as a server of this protocol.
    Serves { port: u16, protocol: String },
    /// Spoke this protocol as a client.
    Uses { protocol: String },
    /// Refused a TCP connection to this port.
    Refused { port: u16 },
    /// Negotiated this SMB dialect as a server: `NT LM 0.12` and earlier are SMBv1, `2.02`, `2.1`, `3.0`… are later.
    SmbDialect { port: u16, dialect: String },
    /// Let somebody log in over Telnet.
    TelnetLogin { port: u16 },
    /// Answered a log-in over FTP; `tls` when the control channel was encrypted before it.
    FtpLogin { port: u16, tls: bool },
    /// Chose this version as a TLS server.
    TlsServed { port: u16, version: TlsVersion },
    /// Sent this certificate as a TLS server. `issuer` and `subject` are RFC 4514 names.
    Certificate { port: u16, subject: String, issuer: String, not_after: Timestamp, fingerprint_sha256: String },
    /// Answered a log-in to a database; `tls` when the session was encrypted before it.
    DatabaseLogin { port: u16, database: Database, tls: bool },
}

/// Versions in the order of their strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "SSLv2")]
    Ssl2,
    #[serde(rename = "SSLv3")]
    Ssl3,
    #[serde(rename = "TLS 1.0")]
    Tls10,
    #[serde(rename = "TLS 1.1")]
    Tls11,
    #[serde(rename = "TLS 1.2")]
    Tls12,
    #[serde(rename = "TLS 1.3")]
    Tls13,
}

/// Database servers whose log-in is understood on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    Mysql,
    Postgresql,
    Mssql,
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            *octet = parts
                .next()
                .filter(|part| part.len() == 2)
                .and_then(|part| u8::from_str_radix(part, 16).ok())
                .ok_or_else(|| "a MAC address is six pairs of hexadecimal digits with colons".to_owned())?;
        }
        if parts.next().is_some() {
            return Err("a MAC address has six octets".to_owned());
        }
        Ok(Self(octets))
    }
}
