//! What a rule asks of a packet, its flow or a transaction, besides the contents of buffers.

pub use crate::field_test::{FieldCheck, FieldIndex, FieldTest};

use crate::{content::Value, number::NumberTest};
use phitak_model::Direction;
use serde::{Deserialize, Serialize};

/// One condition. All of a rule's conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    Ttl(NumberTest),
    Tos(NumberTest),
    IpId(NumberTest),
    IpProtocol(NumberTest),
    IpOption(IpOption),
    SameAddress,
    FragmentBits(FragmentBits),
    FragmentOffset(NumberTest),
    TcpFlags(TcpFlags),
    TcpSequence(NumberTest),
    TcpAcknowledgement(NumberTest),
    TcpWindow(NumberTest),
    TcpMss(NumberTest),
    TcpWindowScale(NumberTest),
    IcmpType(NumberTest),
    IcmpCode(NumberTest),
    IcmpId(NumberTest),
    IcmpSequence(NumberTest),
    /// The MTU of an ICMPv6 "packet too big".
    IcmpMtu(NumberTest),
    PayloadSize(NumberTest),
    VlanId {
        test: NumberTest,
        layer: VlanLayer,
    },
    VlanLayers(NumberTest),
    Checksum {
        layer: ChecksumLayer,
        valid: bool,
    },
    Flow(FlowTest),
    FlowAge(NumberTest),
    FlowPackets {
        side: Side,
        test: NumberTest,
    },
    FlowBytes {
        side: Side,
        test: NumberTest,
    },
    StreamSize {
        side: Side,
        test: NumberTest,
    },
    /// Any of the names is set (or, not set: none of them).
    FlowBits {
        set: bool,
        names: Vec<String>,
    },
    FlowInt {
        name: String,
        test: FlowIntTest,
    },
    HostBits {
        set: bool,
        name: String,
        track: Track,
    },
    AppProtocol(AppProtocolTest),
    /// An event's name without its protocol; `protocol` is the part before the dot, as written.
    Event {
        source: EventSource,
        protocol: Option<String>,
        name: String,
    },
    Field(FieldTest),
    Reputation {
        side: ReputationSide,
        category: String,
        test: NumberTest,
        set: Option<bool>,
    },
    /// SUNRPC call: program, version, procedure; `None` for any.
    Rpc {
        program: u32,
        version: Option<u32>,
        procedure: Option<u32>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpOption {
    Any,
    /// The option's type octet (RFC 791).
    Kind(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BitsMode {
    /// These and no others.
    Exactly,
    /// These and perhaps others.
    AtLeast,
    AnyOf,
    NoneOf,
}

/// More fragments 1, don't fragment 2, reserved 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentBits {
    pub mode: BitsMode,
    pub bits: u8,
}

/// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpFlags {
    pub mode: BitsMode,
    pub flags: u8,
    /// Not looked at.
    pub ignored: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VlanLayer {
    Any,
    All,
    /// From the outermost (0) or, negative, from the innermost (-1).
    At(i8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumLayer {
    Ipv4,
    TcpV4,
    TcpV6,
    UdpV4,
    UdpV6,
    IcmpV4,
    IcmpV6,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowTest {
    pub direction: Option<Direction>,
    pub established: Option<bool>,
    /// Packets of a flow in any state.
    pub stateless: bool,
    pub stream: StreamChoice,
    /// Rebuilt from fragments or not.
    pub fragments: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamChoice {
    #[default]
    Both,
    OnlyStream,
    NoStream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    ToServer,
    ToClient,
    Both,
    Either,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowIntTest {
    IsSet,
    IsNotSet,
    Compare(FlowIntComparison, FlowIntOperand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowIntComparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowIntOperand {
    Number(u32),
    Name(String),
}

/// Whose bits: of the packet's source, of its destination, or of the pair in either order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Track {
    Source,
    Destination,
    Pair,
    /// Source and destination, each alone (`hostbits` with `both`).
    Both,
}

/// `app-layer-protocol`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppProtocolTest {
    pub protocol: AppProtocolName,
    pub negated: bool,
    pub of: AppProtocolOf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppProtocolName {
    /// Detection ended without success.
    Failed,
    /// Not known (yet).
    Unknown,
    /// Any of these declared names.
    AnyOf(Vec<String>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppProtocolOf {
    /// The packet's direction, as far as detection has ended there.
    #[default]
    Direction,
    ToServer,
    ToClient,
    /// The flow's protocol as a whole.
    Final,
    Original,
    Either,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventSource {
    Decoder,
    Stream,
    /// Of a protocol, or of the flow's detection when it has no protocol part.
    App,
    /// `engine-event`: decoder or stream.
    Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReputationSide {
    Any,
    Source,
    Destination,
    Both,
}

/// What a rule does when it fires, besides its action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    FlowBits {
        change: BitChange,
        names: Vec<String>,
    },
    FlowInt {
        name: String,
        change: FlowIntChange,
        operand: FlowIntOperand,
    },
    HostBits {
        change: BitChange,
        name: String,
        track: Track,
        expire_secs: u32,
    },
    Bypass,
    StoreFile {
        direction: Option<Direction>,
        scope: FileScope,
    },
    Tag {
        host: Option<TagHost>,
        count: u32,
        unit: TagUnit,
    },
    /// `config:logging disable`: no records of what matched.
    NoLogging {
        scope: ConfigScope,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BitChange {
    Set,
    Unset,
    Toggle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowIntChange {
    Set,
    Add,
    Subtract,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileScope {
    File,
    Transaction,
    Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagHost {
    Source,
    Destination,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagUnit {
    Packets,
    Seconds,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigScope {
    Packet,
    Flow,
    Transaction,
}

/// `xor`'s key and such: bytes that change a buffer before it is inspected.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transform {
    ToLowercase,
    ToUppercase,
    StripWhitespace,
    CompressWhitespace,
    DotPrefix,
    ToMd5,
    ToSha1,
    ToSha256,
    UrlDecode,
    Xor(Vec<u8>),
    /// The first capture (or the whole match) of an expression.
    Expression(String),
    FromBase64 {
        bytes: Option<Value>,
        offset: Value,
        mode: Base64Mode,
    },
    HeaderLowercase,
    StripPseudoHeaders,
    /// The registered domain and its top-level domain.
    Domain,
    TopLevelDomain,
    Gunzip {
        bytes_max: u32,
    },
    ZlibDeflate {
        bytes_max: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Base64Mode {
    /// Decodes up to the first byte that is not of the alphabet.
    Rfc4648,
    /// Skips bytes that are not of the alphabet.
    Rfc2045,
    /// Nothing unless all of it is well-formed.
    Strict,
}
