//! A rule's head: action, protocol, addresses, ports and arrow.

use crate::{
    address::{self, Addresses},
    context::Context,
    port::{self, Ports},
    rule::{Action, Arrow, RuleProtocol},
    text::{Fault, Text, nearest},
};
use std::{collections::HashMap, sync::Arc};

/// Suricata's application protocols; `http`, `dns` and `tls` stand for families.
const APP_PROTOCOLS: &[(&str, &[&str])] = &[
    ("bittorrent-dht", &["bittorrent-dht"]),
    ("dcerpc", &["dcerpc", "smb"]),
    ("dhcp", &["dhcp"]),
    ("dnp3", &["dnp3"]),
    ("dns", &["dns", "doh2"]),
    ("doh2", &["doh2"]),
    ("enip", &["enip"]),
    ("ftp", &["ftp"]),
    ("ftp-data", &["ftp-data"]),
    ("http", &["http", "http2"]),
    ("http1", &["http"]),
    ("http2", &["http2"]),
    ("ike", &["ike"]),
    ("ikev2", &["ike"]),
    ("imap", &["imap"]),
    ("krb5", &["krb5"]),
    ("ldap", &["ldap"]),
    ("llmnr", &["llmnr"]),
    ("mdns", &["mdns"]),
    ("modbus", &["modbus"]),
    ("mqtt", &["mqtt"]),
    ("nfs", &["nfs"]),
    ("ntp", &["ntp"]),
    ("pgsql", &["pgsql"]),
    ("pop3", &["pop3"]),
    ("quic", &["quic"]),
    ("rdp", &["rdp"]),
    ("rfb", &["rfb"]),
    ("sip", &["sip"]),
    ("smb", &["smb"]),
    ("smtp", &["smtp"]),
    ("snmp", &["snmp"]),
    ("ssh", &["ssh"]),
    ("ssl", &["tls"]),
    ("telnet", &["telnet"]),
    ("tftp", &["tftp"]),
    ("tls", &["tls"]),
    ("websocket", &["websocket"]),
];

const TRANSPORTS: &[(&str, RuleProtocol)] = &[
    ("icmp", RuleProtocol::Icmp),
    ("icmp4", RuleProtocol::Icmpv4),
    ("icmp6", RuleProtocol::Icmpv6),
    ("icmpv4", RuleProtocol::Icmpv4),
    ("icmpv6", RuleProtocol::Icmpv6),
    ("ip", RuleProtocol::Ip),
    ("ip4", RuleProtocol::Ipv4),
    ("ip6", RuleProtocol::Ipv6),
    ("ipv4", RuleProtocol::Ipv4),
    ("ipv6", RuleProtocol::Ipv6),
    ("pkthdr", RuleProtocol::PacketHeader),
    ("sctp", RuleProtocol::Sctp),
    ("tcp", RuleProtocol::Tcp),
    ("tcp-pkt", RuleProtocol::TcpPacket),
    ("tcp-stream", RuleProtocol::TcpStream),
    ("udp", RuleProtocol::Udp),
];

const ACTIONS: &[(&str, Action)] = &[
    ("alert", Action::Alert),
    ("config", Action::Config),
    ("drop", Action::Drop),
    ("pass", Action::Pass),
    ("reject", Action::Reject),
    ("rejectboth", Action::Reject),
    ("rejectdst", Action::Reject),
    ("rejectsrc", Action::Reject),
];

#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub action: Action,
    pub protocol: RuleProtocol,
    pub hook: Option<String>,
    pub source: Arc<Addresses>,
    pub source_ports: Arc<Ports>,
    pub arrow: Arrow,
    pub destination: Arc<Addresses>,
    pub destination_ports: Arc<Ports>,
}

/// Lists that were read already: thousands of rules share a few.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    addresses: HashMap<String, Arc<Addresses>>,
    ports: HashMap<String, Arc<Ports>>,
    heads: HashMap<String, Head>,
}

/// The declared names that Suricata's name of an application protocol stands for; empty for one that it does not know.
#[must_use]
pub fn protocol_family(name: &str) -> &'static [&'static str] {
    APP_PROTOCOLS.iter().find(|(n, _)| *n == name).map_or(&[], |(_, names)| names)
}

/// Declared names of the protocol that a rule names.
pub(crate) fn app_names(written: &str, context: &Context) -> Option<Vec<String>> {
    let lower = written.to_ascii_lowercase();
    if let Some((_, names)) = APP_PROTOCOLS.iter().find(|(name, _)| *name == lower) {
        return Some(names.iter().map(|n| (*n).to_owned()).collect());
    }
    context.protocols.contains(&lower).then(|| vec![lower])
}

pub(crate) fn app_protocol_hint(written: &str, context: &Context) -> Option<String> {
    let known = APP_PROTOCOLS.iter().map(|(name, _)| *name).chain(TRANSPORTS.iter().map(|(name, _)| *name));
    nearest(written, known.chain(context.protocols.iter().map(String::as_str)))
        .map(|near| format!("did you mean {near}?"))
}

pub(crate) fn parse(text: Text<'_>, context: &Context, lists: &mut Lists) -> Result<Head, Fault> {
    if let Some(head) = lists.heads.get(text.text) {
        return Ok(head.clone());
    }
    let head = read(text, context, lists)?;
    lists.heads.insert(text.text.to_owned(), head.clone());
    Ok(head)
}

fn read(text: Text<'_>, context: &Context, lists: &mut Lists) -> Result<Head, Fault> {
    let words = words(text);
    let [action_word, protocol_word, source, source_ports, arrow_word, destination, destination_ports] =
        words.as_slice()
    else {
        return Err(shape_fault(text, &words));
    };
    let (protocol, hook) = protocol(*protocol_word, context)?;
    Ok(Head {
        action: action(*action_word)?,
        protocol,
        hook,
        source: addresses(*source, context, lists)?,
        source_ports: ports(*source_ports, context, lists)?,
        arrow: arrow(*arrow_word)?,
        destination: addresses(*destination, context, lists)?,
        destination_ports: ports(*destination_ports, context, lists)?,
    })
}

/// Words between white space that is not inside brackets.
fn words(text: Text<'_>) -> Vec<Text<'_>> {
    let mut words = Vec::new();
    let (mut level, mut start) = (0u32, None);
    for (index, c) in text.text.char_indices() {
        match c {
            '[' => level += 1,
            ']' => level = level.saturating_sub(1),
            _ => {}
        }
        if c.is_whitespace() && level == 0 {
            if let Some(begin) = start.take() {
                words.push(text.from(begin).to(index - begin));
            }
        } else if start.is_none() {
            start = Some(index);
        }
    }
    if let Some(begin) = start {
        words.push(text.from(begin).trim());
    }
    words
}

fn shape_fault(text: Text<'_>, words: &[Text<'_>]) -> Fault {
    // A wrong first word is more telling than a wrong number of words.
    if let Some(Err(fault)) = words.first().map(|w| action(*w)) {
        return fault;
    }
    let names = [
        "action",
        "protocol",
        "source addresses",
        "source ports",
        "arrow",
        "destination addresses",
        "destination ports",
    ];
    let end = Text::new("", text.at + text.text.trim_end().len());
    match (names.get(words.len()), words.get(names.len())) {
        (Some(missing), _) => end
            .fault(format!("{missing} missing before the options"))
            .hint("action protocol source ports -> destination ports (options)"),
        (None, Some(extra)) => {
            extra.fault(format!("{:?} stands between the destination ports and the options", extra.text))
        }
        (None, None) => text.fault("the rule's head is incomplete"),
    }
}

fn action(word: Text<'_>) -> Result<Action, Fault> {
    let found = ACTIONS.iter().find(|(name, _)| *name == word.text);
    found.map(|(_, action)| *action).ok_or_else(|| {
        let fault = word.fault(format!("{:?} is not an action", word.text));
        match nearest(word.text, ACTIONS.iter().map(|(name, _)| *name)) {
            Some(near) => fault.hint(format!("did you mean {near}?")),
            None => fault.hint("alert, pass, drop, reject, rejectsrc, rejectdst, rejectboth, config"),
        }
    })
}

fn protocol(word: Text<'_>, context: &Context) -> Result<(RuleProtocol, Option<String>), Fault> {
    let (name, hook) = match word.split_once(':') {
        Some((name, hook)) => (name, Some(hook)),
        None => (word, None),
    };
    let lower = name.text.to_ascii_lowercase();
    if let Some((_, protocol)) = TRANSPORTS.iter().find(|(n, _)| *n == lower) {
        if let Some(hook) = hook {
            return Err(
                hook.fault("hooks of packets belong to firewall mode; only application protocols have hooks here")
            );
        }
        return Ok((protocol.clone(), None));
    }
    match app_names(&lower, context) {
        Some(names) => {
            Ok((RuleProtocol::App { written: lower.into(), names: names.into() }, hook.map(|h| h.text.to_owned())))
        }
        None => {
            let fault = name.fault(format!("the protocol {:?} is not known", name.text));
            Err(match app_protocol_hint(&lower, context) {
                Some(hint) => fault.hint(hint),
                None => fault,
            })
        }
    }
}

fn arrow(word: Text<'_>) -> Result<Arrow, Fault> {
    match word.text {
        "->" => Ok(Arrow::Forward),
        "<>" => Ok(Arrow::Both),
        "=>" => Ok(Arrow::Transaction),
        "<-" => Err(word.fault("there is no arrow \"<-\"").hint("exchange the two sides and write ->")),
        _ => Err(word.fault(format!("{:?} is not an arrow", word.text)).hint("->, <> or =>")),
    }
}

fn addresses(word: Text<'_>, context: &Context, lists: &mut Lists) -> Result<Arc<Addresses>, Fault> {
    if let Some(list) = lists.addresses.get(word.text) {
        return Ok(Arc::clone(list));
    }
    let list = Arc::new(address::parse(word, &context.variables)?);
    lists.addresses.insert(word.text.to_owned(), Arc::clone(&list));
    Ok(list)
}

fn ports(word: Text<'_>, context: &Context, lists: &mut Lists) -> Result<Arc<Ports>, Fault> {
    if let Some(list) = lists.ports.get(word.text) {
        return Ok(Arc::clone(list));
    }
    let list = Arc::new(port::parse(word, &context.variables)?);
    lists.ports.insert(word.text.to_owned(), Arc::clone(&list));
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, Fault> {
        parse(Text::new(text, 0), &Context::default(), &mut Lists::default())
    }

    #[test]
    fn a_head_has_seven_parts() {
        let head =
            read("alert http1:request_complete [10.0.0.0/8, !10.1.1.1] any => $HOME_NET [80, 8080]").expect("good");
        assert_eq!(
            (head.action, head.arrow, head.hook.as_deref()),
            (Action::Alert, Arrow::Transaction, Some("request_complete"))
        );
        assert!(head.destination_ports.contains(8080));
    }

    #[test]
    fn mistakes_are_told_where_they_stand() {
        for (text, at) in [
            ("alrt tcp any any -> any any", 0),
            ("alert tpc any any -> any any", 6),
            ("alert tcp any any <- any any", 18),
            ("alert tcp any any -> any", 24),
            ("alert tcp any any -> any any any", 29),
            ("alert tcp:flow_start any any -> any any", 10),
        ] {
            assert_eq!(read(text).expect_err(text).at, at, "{text}");
        }
    }
}
