//! One rule, parsed and checked: its head, what it says about itself, and what must hold for it to fire.

use crate::{
    address::Addresses,
    asn1::Asn1,
    buffer::Buffer,
    bytes::{Base64Decode, ByteExtract, ByteJump, ByteMath, ByteTest, IsDataAt},
    condition::{Condition, Effect, Transform},
    content::Content,
    dataset::{DataReputation, Dataset},
    entropy::Entropy,
    number::NumberTest,
    pairs::Pairs,
    pattern::Pattern,
    port::Ports,
    threshold::Threshold,
};
use phitak_model::Direction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a rule does when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    Alert,
    Pass,
    Drop,
    /// Drop, and answer with a reset or an ICMP error to the sender, the receiver or both.
    Reject,
    /// A `config` rule: it changes logging and never alerts.
    Config,
}

/// `target:`: which end the rule says is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    SrcIp,
    DestIp,
}

/// The protocol of a rule's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleProtocol {
    Ip,
    Ipv4,
    Ipv6,
    Tcp,
    /// `tcp-pkt`: single packets only.
    TcpPacket,
    /// `tcp-stream`: the reassembled stream only.
    TcpStream,
    Udp,
    /// ICMPv4 and ICMPv6.
    Icmp,
    Icmpv4,
    Icmpv6,
    Sctp,
    /// `pkthdr`: any frame, decoded or not.
    PacketHeader,
    /// Application protocols by the names they declare: `http` stands for HTTP/1 and HTTP/2.
    App {
        written: Arc<str>,
        names: Arc<[String]>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrow {
    /// `->`
    Forward,
    /// `<>`: either way, each packet alone.
    Both,
    /// `=>`: one transaction, request and response together.
    Transaction,
}

/// A thing with its place in the rules file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed<T> {
    pub value: T,
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
    pub action: Action,
    pub protocol: RuleProtocol,
    /// A stage at which the rule is looked at (`http1:request_complete`).
    pub hook: Option<String>,
    pub source: Arc<Addresses>,
    pub source_ports: Arc<Ports>,
    pub arrow: Arrow,
    pub destination: Arc<Addresses>,
    pub destination_ports: Arc<Ports>,
    pub meta: Meta,
    pub no_alert: bool,
    /// The author asks that the rule's non-content test be its prefilter.
    pub prefilter: bool,
    pub threshold: Option<Threshold>,
    pub detection_filter: Option<Threshold>,
    pub conditions: Vec<Placed<Condition>>,
    pub sections: Vec<Section>,
    pub effects: Vec<Placed<Effect>>,
    /// Names of variables; [`crate::content::Value::Variable`] counts them.
    pub variables: Vec<String>,
}

/// What a rule says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    pub sid: u32,
    pub gid: u32,
    pub rev: u32,
    pub message: String,
    pub class: Option<Arc<str>>,
    /// The class's description; empty without one.
    pub category: Arc<str>,
    pub priority: u32,
    pub metadata: Pairs,
    pub references: Pairs,
    pub target: Option<Target>,
}

/// Tests on one buffer, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub buffer: Buffer,
    pub transforms: Vec<Transform>,
    /// The side of a transactional rule's buffer that exists on both.
    pub direction: Option<Direction>,
    pub tests: Vec<Placed<Test>>,
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Test {
    Content(Content),
    Pattern(Pattern),
    IsDataAt(IsDataAt),
    ByteTest(ByteTest),
    ByteJump(ByteJump),
    ByteExtract(ByteExtract),
    ByteMath(ByteMath),
    BufferSize(NumberTest),
    /// The buffer does not exist; `or_else` also allows that the rest of the section holds.
    Absent {
        or_else: bool,
    },
    Dataset(Dataset),
    DataReputation(DataReputation),
    /// What follows in the next [`Buffer::Base64`] section is looked for in the decoded bytes.
    Base64Decode(Base64Decode),
    Entropy(Entropy),
    Asn1(Asn1),
}

impl Test {
    /// Whether it looks from where the last content or expression was found.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        match self {
            Self::Content(content) => content.is_relative(),
            Self::Pattern(pattern) => pattern.relative,
            Self::IsDataAt(test) => test.relative,
            Self::ByteTest(test) => test.reading.relative,
            Self::ByteJump(jump) => jump.reading.relative,
            Self::ByteExtract(extract) => extract.reading.relative,
            Self::ByteMath(math) => math.reading.relative,
            Self::Base64Decode(decode) => decode.relative,
            Self::Asn1(asn1) => asn1.relative,
            Self::BufferSize(_)
            | Self::Absent { .. }
            | Self::Dataset(_)
            | Self::DataReputation(_)
            | Self::Entropy(_) => false,
        }
    }
}
