//! Parsed rules as bytes, and back: what a cache keeps, so that a large rule set need not be parsed at each start.
//!
//! The bytes belong to one build of this crate: whoever stores them stores that with them. [`unpack`] takes nothing on
//! trust: what the parser would never have made is refused, so that damaged bytes cost a fresh parse and nothing else.

mod sound;

use crate::{
    address::Addresses,
    condition::{Condition, Effect},
    diagnostic::Diagnostic,
    pairs::Pairs,
    parse::Parsed,
    port::Ports,
    rule::{Action, Arrow, Meta, Placed, Rule, RuleProtocol, Section, Target},
    threshold::Threshold,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::HashMap, sync::Arc};

/// Why bytes are not packed rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    #[error("the rules cannot be read back: {0}")]
    Damaged(String),
    #[error("rule number {0} is not one that the parser would have made")]
    Unsound(usize),
}

/// All of a [`Parsed`]. What many rules share stands once, and rules name it by its place.
#[derive(Default, Serialize, Deserialize)]
struct Pack<'a> {
    words: Vec<Cow<'a, str>>,
    protocols: Vec<Protocol<'a>>,
    addresses: Vec<Cow<'a, Addresses>>,
    ports: Vec<Cow<'a, Ports>>,
    rules: Vec<PackedRule<'a>>,
    diagnostics: Cow<'a, [Diagnostic]>,
    left_out: Cow<'a, [Diagnostic]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Protocol<'a> {
    Ip,
    Ipv4,
    Ipv6,
    Tcp,
    TcpPacket,
    TcpStream,
    Udp,
    Icmp,
    Icmpv4,
    Icmpv6,
    Sctp,
    PacketHeader,
    App { written: Cow<'a, str>, names: Cow<'a, [String]> },
}

#[derive(Serialize, Deserialize)]
struct PackedRule<'a> {
    file: u32,
    line: u32,
    column: u32,
    action: Action,
    protocol: u32,
    hook: Option<Cow<'a, str>>,
    source: u32,
    source_ports: u32,
    arrow: Arrow,
    destination: u32,
    destination_ports: u32,
    sid: u32,
    gid: u32,
    rev: u32,
    message: Cow<'a, str>,
    class: Option<u32>,
    category: u32,
    priority: u32,
    metadata: Cow<'a, Pairs>,
    references: Cow<'a, Pairs>,
    target: Option<Target>,
    no_alert: bool,
    prefilter: bool,
    threshold: Option<Threshold>,
    detection_filter: Option<Threshold>,
    conditions: Cow<'a, [Placed<Condition>]>,
    sections: Cow<'a, [Section]>,
    effects: Cow<'a, [Placed<Effect>]>,
    variables: Cow<'a, [String]>,
}

/// Parsed rules as bytes.
#[must_use]
pub fn pack(parsed: &Parsed) -> Vec<u8> {
    let mut packer = Packer::default();
    for rule in &parsed.rules {
        packer.add(rule);
    }
    let pack = Pack {
        diagnostics: Cow::Borrowed(&parsed.diagnostics),
        left_out: Cow::Borrowed(&parsed.left_out),
        ..packer.pack
    };
    // Plain structures into memory: there is nothing that could fail.
    postcard::to_allocvec(&pack).unwrap_or_default()
}

/// The rules that [`pack`] was given.
///
/// # Errors
/// When the bytes are not whole, or hold what the parser would not have made.
pub fn unpack(bytes: &[u8]) -> Result<Parsed, PackError> {
    let (pack, rest): (Pack<'_>, &[u8]) =
        postcard::take_from_bytes(bytes).map_err(|error| PackError::Damaged(error.to_string()))?;
    if !rest.is_empty() {
        return Err(PackError::Damaged("bytes are left over".into()));
    }
    let shelf = Shelf {
        words: pack.words.into_iter().map(|word| Arc::from(&*word)).collect(),
        protocols: pack.protocols.into_iter().map(Protocol::unpack).collect(),
        addresses: pack.addresses.into_iter().map(|list| Arc::new(list.into_owned())).collect(),
        ports: pack.ports.into_iter().map(|list| Arc::new(list.into_owned())).collect(),
    };
    let mut rules = Vec::with_capacity(pack.rules.len());
    for (index, packed) in pack.rules.into_iter().enumerate() {
        let rule = shelf.rule(packed).filter(sound::is_sound).ok_or(PackError::Unsound(index))?;
        rules.push(rule);
    }
    Ok(Parsed { rules, diagnostics: pack.diagnostics.into_owned(), left_out: pack.left_out.into_owned() })
}

#[derive(Default)]
struct Packer<'a> {
    pack: Pack<'a>,
    words: HashMap<&'a str, u32>,
    /// By the place in memory: rules of one file share these.
    addresses: HashMap<*const Addresses, u32>,
    ports: HashMap<*const Ports, u32>,
}

impl<'a> Packer<'a> {
    fn add(&mut self, rule: &'a Rule) {
        let meta = &rule.meta;
        let packed = PackedRule {
            file: self.word(&rule.file),
            line: rule.line,
            column: rule.column,
            action: rule.action,
            protocol: self.protocol(&rule.protocol),
            hook: rule.hook.as_deref().map(Cow::Borrowed),
            source: self.addresses(&rule.source),
            source_ports: self.ports(&rule.source_ports),
            arrow: rule.arrow,
            destination: self.addresses(&rule.destination),
            destination_ports: self.ports(&rule.destination_ports),
            sid: meta.sid,
            gid: meta.gid,
            rev: meta.rev,
            message: Cow::Borrowed(&meta.message),
            class: meta.class.as_deref().map(|class| self.word(class)),
            category: self.word(&meta.category),
            priority: meta.priority,
            metadata: Cow::Borrowed(&meta.metadata),
            references: Cow::Borrowed(&meta.references),
            target: meta.target,
            no_alert: rule.no_alert,
            prefilter: rule.prefilter,
            threshold: rule.threshold,
            detection_filter: rule.detection_filter,
            conditions: Cow::Borrowed(&rule.conditions),
            sections: Cow::Borrowed(&rule.sections),
            effects: Cow::Borrowed(&rule.effects),
            variables: Cow::Borrowed(&rule.variables),
        };
        self.pack.rules.push(packed);
    }

    fn word(&mut self, word: &'a str) -> u32 {
        let words = &mut self.pack.words;
        *self.words.entry(word).or_insert_with(|| {
            words.push(Cow::Borrowed(word));
            last(words.len())
        })
    }

    fn protocol(&mut self, protocol: &'a RuleProtocol) -> u32 {
        let protocol = Protocol::pack(protocol);
        let found = self.pack.protocols.iter().position(|known| *known == protocol);
        let place = found.unwrap_or_else(|| {
            self.pack.protocols.push(protocol);
            self.pack.protocols.len() - 1
        });
        last(place + 1)
    }

    fn addresses(&mut self, list: &'a Arc<Addresses>) -> u32 {
        let lists = &mut self.pack.addresses;
        *self.addresses.entry(Arc::as_ptr(list)).or_insert_with(|| {
            lists.push(Cow::Borrowed(list));
            last(lists.len())
        })
    }

    fn ports(&mut self, list: &'a Arc<Ports>) -> u32 {
        let lists = &mut self.pack.ports;
        *self.ports.entry(Arc::as_ptr(list)).or_insert_with(|| {
            lists.push(Cow::Borrowed(list));
            last(lists.len())
        })
    }
}

/// The index of the last of so many.
fn last(length: usize) -> u32 {
    u32::try_from(length.saturating_sub(1)).unwrap_or(u32::MAX)
}

impl<'a> Protocol<'a> {
    fn pack(protocol: &'a RuleProtocol) -> Self {
        match protocol {
            RuleProtocol::Ip => Self::Ip,
            RuleProtocol::Ipv4 => Self::Ipv4,
            RuleProtocol::Ipv6 => Self::Ipv6,
            RuleProtocol::Tcp => Self::Tcp,
            RuleProtocol::TcpPacket => Self::TcpPacket,
            RuleProtocol::TcpStream => Self::TcpStream,
            RuleProtocol::Udp => Self::Udp,
            RuleProtocol::Icmp => Self::Icmp,
            RuleProtocol::Icmpv4 => Self::Icmpv4,
            RuleProtocol::Icmpv6 => Self::Icmpv6,
            RuleProtocol::Sctp => Self::Sctp,
            RuleProtocol::PacketHeader => Self::PacketHeader,
            RuleProtocol::App { written, names } => {
                Self::App { written: Cow::Borrowed(written), names: Cow::Borrowed(names) }
            }
        }
    }

    fn unpack(self) -> RuleProtocol {
        match self {
            Self::Ip => RuleProtocol::Ip,
            Self::Ipv4 => RuleProtocol::Ipv4,
            Self::Ipv6 => RuleProtocol::Ipv6,
            Self::Tcp => RuleProtocol::Tcp,
            Self::TcpPacket => RuleProtocol::TcpPacket,
            Self::TcpStream => RuleProtocol::TcpStream,
            Self::Udp => RuleProtocol::Udp,
            Self::Icmp => RuleProtocol::Icmp,
            Self::Icmpv4 => RuleProtocol::Icmpv4,
            Self::Icmpv6 => RuleProtocol::Icmpv6,
            Self::Sctp => RuleProtocol::Sctp,
            Self::PacketHeader => RuleProtocol::PacketHeader,
            Self::App { written, names } => {
                RuleProtocol::App { written: written.into(), names: names.into_owned().into() }
            }
        }
    }
}

/// What rules share, by place.
struct Shelf {
    words: Vec<Arc<str>>,
    protocols: Vec<RuleProtocol>,
    addresses: Vec<Arc<Addresses>>,
    ports: Vec<Arc<Ports>>,
}

impl Shelf {
    /// `None` when a place does not exist.
    fn rule(&self, packed: PackedRule<'_>) -> Option<Rule> {
        Some(Rule {
            file: at(&self.words, packed.file)?,
            line: packed.line,
            column: packed.column,
            action: packed.action,
            protocol: at(&self.protocols, packed.protocol)?,
            hook: packed.hook.map(Cow::into_owned),
            source: at(&self.addresses, packed.source)?,
            source_ports: at(&self.ports, packed.source_ports)?,
            arrow: packed.arrow,
            destination: at(&self.addresses, packed.destination)?,
            destination_ports: at(&self.ports, packed.destination_ports)?,
            meta: Meta {
                sid: packed.sid,
                gid: packed.gid,
                rev: packed.rev,
                message: packed.message.into_owned(),
                class: match packed.class {
                    Some(class) => Some(at(&self.words, class)?),
                    None => None,
                },
                category: at(&self.words, packed.category)?,
                priority: packed.priority,
                metadata: packed.metadata.into_owned(),
                references: packed.references.into_owned(),
                target: packed.target,
            },
            no_alert: packed.no_alert,
            prefilter: packed.prefilter,
            threshold: packed.threshold,
            detection_filter: packed.detection_filter,
            conditions: packed.conditions.into_owned(),
            sections: packed.sections.into_owned(),
            effects: packed.effects.into_owned(),
            variables: packed.variables.into_owned(),
        })
    }
}

fn at<T: Clone>(list: &[T], place: u32) -> Option<T> {
    list.get(usize::try_from(place).ok()?).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, parse};
    use proptest::prelude::*;

    const RULES: &str = r#"
alert tcp $HOME_NET any -> [10.0.0.0/8,!10.1.1.1] [80,8000:8100] (msg:"a"; flow:established,to_server; content:"|00 ff|abc"; offset:2; depth:20; content:!"x"; distance:-3; within:9; pcre:"/^a[^b]+$/Ri"; metadata:a b, c d; reference:cve,1; classtype:trojan-activity; sid:1; rev:2;)
alert http any any => any any (http.uri; dotprefix; content:".php?"; endswith; bsize:>4; http.stat_code; content:"200"; filesize:to_client,<100kb; sid:2;)
alert udp any any <> any 53 (byte_extract:2,0,len,relative,little,align 4; byte_test:4,!&,0x80,len,string,hex; byte_math:bytes 2, offset 0, oper /, rvalue 3, result r; isdataat:!r,relative; sid:3;)
alert tls any any -> any any (tls.sni; pcrexform:"([a-z]+)$"; xor:"0a0b"; dataset:isset,d,type string,load f; threshold:type both,track by_src,count 5,seconds 60; flowbits:isset,a|b; xbits:set,x,track ip_pair,expire 5; flowint:n,+,1; sid:4;)
alert tcp any any -> any any (content:"a"; requires: keyword nothing; sid:5;)
alert tcp any any -> any any (contant:"a"; sid:6;)
"#;

    fn parsed() -> Parsed {
        parse("a.rules", RULES, &Context::default())
    }

    #[test]
    fn rules_come_back_as_they_were() {
        let before = parsed();
        assert_eq!((before.rules.len(), before.diagnostics.len(), before.left_out.len()), (4, 1, 1));
        let after = unpack(&pack(&before)).expect("whole");
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes = pack(&parsed());
        for length in 0..bytes.len() {
            assert!(unpack(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn changed_bytes_are_refused_or_make_sound_rules(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = pack(&parsed());
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Ok(parsed) = unpack(&bytes) {
                prop_assert!(parsed.rules.iter().all(sound::is_sound));
            }
        }
    }
}
