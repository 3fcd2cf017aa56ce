//! From words to a filter's tree.

use super::{Node, Way, protocol_number};
use std::net::{IpAddr, Ipv4Addr};

/// Deepest nesting, so that a hostile expression cannot exhaust the stack.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("the filter ends where {0} was expected")]
    Ends(&'static str),
    #[error("{word:?} in the filter is not {wanted}")]
    Word { word: String, wanted: &'static str },
    #[error("the filter is nested too deeply")]
    TooDeep,
}

struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
    depth: usize,
    /// What the last primitive was, for `port 22 or 53`.
    last: Option<(Kind, Way, Option<u8>)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Host,
    Net,
    Port,
    PortRange,
}

pub(super) fn parse(expression: &str) -> Result<Option<Node>, FilterError> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('!', " ! ");
    let spaced = spaced.replace("&&", " and ").replace("||", " or ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.is_empty() {
        return Ok(None);
    }
    let mut words = Words { words, at: 0, depth: 0, last: None };
    let node = words.or()?;
    match words.next() {
        None => Ok(Some(node)),
        Some(word) => Err(FilterError::Word { word: word.to_owned(), wanted: "and, or, or the end" }),
    }
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, wanted: &'static str) -> Result<&'a str, FilterError> {
        self.next().ok_or(FilterError::Ends(wanted))
    }

    fn or(&mut self) -> Result<Node, FilterError> {
        let mut node = self.and()?;
        while self.accept("or") {
            node = Node::Or(Box::new(node), Box::new(self.and()?));
        }
        Ok(node)
    }

    fn and(&mut self) -> Result<Node, FilterError> {
        let mut node = self.not()?;
        while self.accept("and") {
            node = Node::And(Box::new(node), Box::new(self.not()?));
        }
        Ok(node)
    }

    fn not(&mut self) -> Result<Node, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(FilterError::TooDeep);
        }
        let node = if self.accept("not") || self.accept("!") {
            Node::Not(Box::new(self.not()?))
        } else if self.accept("(") {
            let node = self.or()?;
            match self.need("a closing parenthesis")? {
                ")" => node,
                word => return Err(FilterError::Word { word: word.to_owned(), wanted: "a closing parenthesis" }),
            }
        } else {
            self.primitive()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn primitive(&mut self) -> Result<Node, FilterError> {
        let first = self.need("a word such as host, net, port or tcp")?;
        match first {
            "arp" => return Ok(Node::Arp),
            "vlan" => {
                let id = self.peek().and_then(|word| word.parse().ok());
                self.at += usize::from(id.is_some());
                return Ok(Node::Vlan(id));
            }
            "greater" => return Ok(Node::LongerOrEqual(self.number()?)),
            "less" => return Ok(Node::ShorterOrEqual(self.number()?)),
            "ip" | "ip6" => return self.version(if first == "ip" { 4 } else { 6 }),
            _ => {}
        }
        let protocol = protocol_number(first);
        let (way, kind) = match protocol {
            Some(number) => match self.peek() {
                Some("src" | "dst" | "port" | "portrange") => {
                    let word = self.need("port")?;
                    self.qualifiers(word)?
                }
                _ => {
                    let version = matches!(first, "icmp").then_some(4).or(matches!(first, "icmp6").then_some(6));
                    return Ok(Node::Protocol(number, version));
                }
            },
            None if self.last.is_some() && is_value(first) => {
                let Some((kind, way, protocol)) = self.last else { return Err(FilterError::Ends("a value")) };
                return value(kind, way, protocol, first);
            }
            None => self.qualifiers(first)?,
        };
        self.last = Some((kind, way, protocol));
        let word = self.need("a value")?;
        value(kind, way, protocol, word)
    }

    fn number(&mut self) -> Result<u32, FilterError> {
        let word = self.need("a number")?;
        word.parse().map_err(|_| FilterError::Word { word: word.to_owned(), wanted: "a number" })
    }

    /// `ip`, `ip6`, `ip proto 6`, `ip host …`.
    fn version(&mut self, version: u8) -> Result<Node, FilterError> {
        if self.accept("proto") {
            let word = self.need("a protocol")?;
            let number = protocol_number(word.trim_start_matches('\\')).or_else(|| word.parse().ok());
            let number = number.ok_or_else(|| FilterError::Word { word: word.to_owned(), wanted: "an IP protocol" })?;
            return Ok(Node::Protocol(number, Some(version)));
        }
        match self.peek() {
            Some("host" | "net" | "src" | "dst") => {
                Ok(Node::And(Box::new(Node::Version(version)), Box::new(self.primitive()?)))
            }
            _ => Ok(Node::Version(version)),
        }
    }

    /// The direction and kind of a primitive whose first word was taken.
    fn qualifiers(&mut self, first: &'a str) -> Result<(Way, Kind), FilterError> {
        let mut word = first;
        let mut way = Way::Either;
        if matches!(word, "src" | "dst") {
            way = if word == "src" { Way::Src } else { Way::Dst };
            let joined = match (self.peek(), self.words.get(self.at + 1).copied()) {
                (Some(join @ ("and" | "or")), Some(other @ ("src" | "dst"))) if other != word => Some(join),
                _ => None,
            };
            if let Some(join) = joined {
                way = if join == "and" { Way::Both } else { Way::Either };
                self.at += 2;
            }
            word = self.peek().ok_or(FilterError::Ends("host, net or port"))?;
            // `src 10.0.0.1` means a host.
            if is_value(word) {
                return Ok((way, Kind::Host));
            }
            self.at += 1;
        }
        let kind = match word {
            "host" => Kind::Host,
            "net" => Kind::Net,
            "port" => Kind::Port,
            "portrange" => Kind::PortRange,
            _ => {
                let wanted =
                    "a word of a filter (host, net, port, portrange, tcp, udp, icmp, ip, ip6, arp, vlan, and, or, not)";
                return Err(FilterError::Word { word: word.to_owned(), wanted });
            }
        };
        Ok((way, kind))
    }
}

fn is_value(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) || word.contains(':')
}

fn value(kind: Kind, way: Way, protocol: Option<u8>, word: &str) -> Result<Node, FilterError> {
    let refuse = |wanted| FilterError::Word { word: word.to_owned(), wanted };
    match kind {
        Kind::Host => {
            let address: IpAddr = word.parse().map_err(|_| refuse("an address"))?;
            Ok(Node::Net(way, address, if address.is_ipv4() { 32 } else { 128 }))
        }
        Kind::Net => {
            let (address, bits) = net(word).ok_or_else(|| refuse("a network such as 10.0.0.0/8"))?;
            Ok(Node::Net(way, address, bits))
        }
        Kind::Port => {
            let port = port(word).ok_or_else(|| refuse("a port"))?;
            Ok(Node::Ports(way, protocol, port, port))
        }
        Kind::PortRange => {
            let (low, high) = word.split_once('-').ok_or_else(|| refuse("a range of ports such as 1000-2000"))?;
            let low = port(low).ok_or_else(|| refuse("a range of ports"))?;
            let high = port(high).ok_or_else(|| refuse("a range of ports"))?;
            Ok(Node::Ports(way, protocol, low.min(high), low.max(high)))
        }
    }
}

fn port(word: &str) -> Option<u16> {
    let named = [
        ("ftp", 21),
        ("ssh", 22),
        ("telnet", 23),
        ("smtp", 25),
        ("domain", 53),
        ("http", 80),
        ("pop3", 110),
        ("ntp", 123),
        ("snmp", 161),
        ("ldap", 389),
        ("https", 443),
    ];
    named.iter().find(|(name, _)| *name == word).map(|(_, port)| *port).or_else(|| word.parse().ok())
}

/// `10.0.0.0/8`, `10.1`, `2001:db8::/32`: missing octets of IPv4 shorten the prefix.
fn net(word: &str) -> Option<(IpAddr, u8)> {
    let (text, bits) = match word.split_once('/') {
        Some((text, bits)) => (text, Some(bits.parse::<u8>().ok()?)),
        None => (word, None),
    };
    if text.contains(':') {
        let bits = bits.unwrap_or(128);
        return (bits <= 128).then_some((text.parse().ok()?, bits));
    }
    let mut octets = [0_u8; 4];
    let mut given = 0_u8;
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > octets.len() {
        return None;
    }
    for (octet, part) in octets.iter_mut().zip(parts) {
        *octet = part.parse().ok()?;
        given += 8;
    }
    let bits = bits.unwrap_or(given);
    (bits <= 32).then_some((IpAddr::V4(Ipv4Addr::from(octets)), bits))
}
