//! A network: an address, or all addresses that begin alike (CIDR, RFC 4632). Private ones too: what an analyst names when
//! speaking of machines.

use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// All addresses of one family whose first bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    /// With nothing set past the prefix.
    first: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(&'static str);

const NO_ADDRESS: NetworkError = NetworkError("write an address such as 10.1.2.3, or a network such as 10.1.0.0/16");
const NO_PREFIX: NetworkError = NetworkError("after the slash stands a length: 0 to 32, or to 128 for IPv6");

/// The bits before an IPv4 address that is written as IPv6 (RFC 4291, section 2.5.5.2).
const IPV4_BEGINS_AT: u8 = 96;

impl Network {
    /// Whether an address lies in it. An IPv4 address that is written as IPv6 is the IPv4 one.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// `10.1.2.3` or `10.1.0.0/16`; bits past the prefix are dropped.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| NO_ADDRESS)?;
        let Some(prefix) = prefix else {
            let first = address.to_canonical();
            return Ok(Self { first, prefix: width(first) });
        };
        let digits = prefix.len() <= 3 && prefix.bytes().all(|digit| digit.is_ascii_digit());
        let prefix: u8 = prefix.parse().ok().filter(|length| digits && *length <= width(address)).ok_or(NO_PREFIX)?;
        let (address, prefix) = canonical(address, prefix);
        Ok(Self { first: masked(address, prefix), prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == width(self.first) { self.first.fmt(f) } else { write!(f, "{}/{}", self.first, self.prefix) }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

/// A network of IPv4 addresses that are written as IPv6 is the IPv4 one.
fn canonical(address: IpAddr, prefix: u8) -> (IpAddr, u8) {
    match (address, address.to_canonical(), prefix.checked_sub(IPV4_BEGINS_AT)) {
        (IpAddr::V6(_), four @ IpAddr::V4(_), Some(rest)) => (four, rest),
        _ => (address, prefix),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::from((u32::from(four) & mask).to_be_bytes())
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::from((u128::from(six) & mask).to_be_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    #[test]
    fn a_network_holds_its_own_addresses_and_no_other() {
        for (text, inside, outside) in [
            ("10.1.0.0/16", "10.1.255.1", "10.2.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.1.2.3", "::ffff:10.1.2.3", "::a01:203"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::/0", "fe80::1", "10.0.0.1"),
            ("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("::ffff:10.1.2.3/128", "10.1.2.3", "10.1.2.4"),
            ("::ffff:10.1.2.3/112", "::ffff:10.1.255.1", "10.2.0.0"),
            ("::ffff:0:0/96", "203.0.113.9", "2001:db8::1"),
            ("10.1.2.3/32", "10.1.2.3", "::ffff:10.1.2.4"),
        ] {
            let network = network(text);
            assert!(network.contains(inside.parse().expect("an address")), "{text} {inside}");
            assert!(!network.contains(outside.parse().expect("an address")), "{text} {outside}");
        }
    }

    #[test]
    fn a_network_is_written_one_way() {
        for (text, written) in [
            ("10.1.2.3/16", "10.1.0.0/16"),
            (" 10.1.2.3/32 ", "10.1.2.3"),
            ("2001:DB8::1/128", "2001:db8::1"),
            ("1.2.3.4/0", "0.0.0.0/0"),
            ("::ffff:10.1.2.3/128", "10.1.2.3"),
            ("::ffff:10.1.2.3/120", "10.1.2.0/24"),
            ("::ffff:1.2.3.4/96", "0.0.0.0/0"),
            ("::ffff:1.2.3.4/95", "::fffe:0:0/95"),
        ] {
            assert_eq!(network(text).to_string(), written);
            assert_eq!(network(written), network(text));
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "x",
            "10.1.2",
            "10.1.2.3/33",
            "10.1.2.3/",
            "10.1.2.3/+8",
            "::/129",
            "10.0.0.0/0008",
            "/8",
            "1.2.3.4/8/8",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
