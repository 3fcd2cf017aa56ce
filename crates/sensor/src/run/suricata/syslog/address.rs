//! Where to listen, and who may send.

use anyhow::{bail, ensure};
use phitak_model::Network;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

const ADDRESSES_MAX: usize = 8;
const SENDERS_MAX: usize = 64;
/// RFC 5426, section 3.3.
const UDP_PORT: u16 = 514;
/// What IANA lists for syslog over TCP (`syslog-conn`, RFC 3195). 514 over TCP belongs to another service (RFC 6587, section 3.3).
const TCP_PORT: u16 = 601;
const THIS_MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// `udp://127.0.0.1:514`; without a host this machine alone, without a port the standard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) struct Address {
    pub(super) transport: Transport,
    pub(super) at: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// What `--syslog` and `--syslog-from` ask for, checked.
#[derive(Clone, Debug)]
pub(in crate::run) struct Setup {
    pub(super) addresses: Vec<Address>,
    /// Besides this machine.
    pub(super) senders: Vec<Network>,
}

impl Setup {
    /// # Errors
    /// A sentence about what is wrong with the command line.
    pub(in crate::run) fn new(addresses: &[Address], senders: &[Network]) -> anyhow::Result<Self> {
        ensure!(addresses.len() <= ADDRESSES_MAX, "--syslog: at most {ADDRESSES_MAX} addresses");
        ensure!(senders.len() <= SENDERS_MAX, "--syslog-from: at most {SENDERS_MAX} addresses or networks");
        if let Some(open) = addresses.iter().find(|address| !address.at.ip().is_loopback())
            && senders.is_empty()
        {
            bail!(
                "--syslog {open}: other machines reach this address, and none is named that may send. Name them with \
                 --syslog-from 10.1.2.3, or listen at 127.0.0.1"
            );
        }
        Ok(Self { addresses: addresses.to_vec(), senders: senders.to_vec() })
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let (transport, port) = match scheme {
            "udp" => (Transport::Udp, UDP_PORT),
            "tcp" => (Transport::Tcp, TCP_PORT),
            "tls" => {
                return Err(
                    "syslog over TLS (RFC 5425) is not taken: let a relay on this machine take it, and send to \
                            tcp://127.0.0.1"
                        .to_owned(),
                );
            }
            _ => return Err("write udp://127.0.0.1:514 or tcp://127.0.0.1:601".to_owned()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let at = place(rest, port).ok_or_else(|| format!("{rest:?} is no address, such as 127.0.0.1:{port}"))?;
        Ok(Self { transport, at })
    }
}

fn place(text: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) if !host.contains(':') => (host, digits.parse().ok()?),
        _ => (text, port),
    };
    let ip = match host {
        "" | "localhost" => THIS_MACHINE,
        _ => host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()?,
    };
    Some(SocketAddr::new(ip, port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        write!(f, "{scheme}://{}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str) {
        let address: Address = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(address.to_string(), shown);
        assert_eq!(shown.parse(), Ok(address));
    }

    #[test]
    fn an_address_has_what_is_left_out_from_the_standard_and_this_machine() {
        check("udp://10.1.2.3:5514", "udp://10.1.2.3:5514");
        check("udp://", "udp://127.0.0.1:514");
        check("tcp", "tcp://127.0.0.1:601");
        check("tcp://:5514/", "tcp://127.0.0.1:5514");
        check("tcp://localhost", "tcp://127.0.0.1:601");
        check("udp://localhost:99", "udp://127.0.0.1:99");
        check("udp://[::1]", "udp://[::1]:514");
        check("udp://::", "udp://[::]:514");
        check("tcp://[2001:db8::1]:601", "tcp://[2001:db8::1]:601");
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_word() {
        let no_place = ["udp://10.1.2", "udp://a.example:514", "tcp://1.2.3.4:x", "tcp://1.2.3.4:65536"];
        for bad in no_place.into_iter().chain(["", "10.1.2.3:514", "http://10.1.2.3"]) {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        let tls = "tls://127.0.0.1:6514".parse::<Address>();
        assert!(tls.is_err_and(|word| word.contains("RFC 5425")));
    }

    #[test]
    fn an_open_address_needs_the_names_of_its_senders() {
        let parsed =
            |texts: &[&str]| -> Vec<Address> { texts.iter().map(|text| text.parse().expect("an address")).collect() };
        let sender: Network = "10.1.2.3".parse().expect("an address");
        let (own, open) = (parsed(&["udp://", "tcp://[::1]"]), parsed(&["udp://", "udp://0.0.0.0"]));
        assert!(Setup::new(&own, &[]).is_ok() && Setup::new(&open, &[sender]).is_ok());
        let word = Setup::new(&open, &[]).expect_err("refused").to_string();
        assert!(word.contains("udp://0.0.0.0:514") && word.contains("--syslog-from"), "{word}");
        assert!(Setup::new(&[own[0]; ADDRESSES_MAX + 1], &[]).is_err());
        assert!(Setup::new(&own, &[sender; SENDERS_MAX + 1]).is_err());
    }
}
