//! What a protocol is to the engine: how it is recognised, and a session that is fed bytes or gaps.

use phitak_model::{
    Direction, Fact, Timestamp, Transport,
    inspect::{ProtocolDecl, Transactions},
};

/// A protocol's entry in the registry.
pub struct Protocol {
    pub decl: &'static ProtocolDecl,
    pub transports: &'static [Transport],
    /// Where its format is defined: RFC and section, or the vendor's document.
    pub source: &'static str,
    /// Ports on which the guess is tried first: a hint, never a proof.
    pub ports: &'static [u16],
    /// Tried on these ports only: its beginning tells too little to be looked for elsewhere.
    pub only_on_ports: bool,
    /// Looks at the first bytes of one side.
    pub guess: fn(&[u8], Direction, Transport) -> Guess,
    pub open: fn(Transport, &Settings) -> Box<dyn Session>,
    /// A readable sample for law tests and fuzz seeds: turns of (direction, bytes) over `transports[0]`.
    pub sample: &'static [(Direction, &'static [u8])],
}

/// What a sensor's settings say about protocols: Suricata's `app-layer.protocols.*` by their full names, as given by
/// `--set`, and which digests files get. Sessions copy what they need when they open.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: std::collections::BTreeMap<String, String>,
    /// Digests for [`FileEnd`] and for rules. None by default: they cost as much as all the rest of a download.
    pub digests: Digests,
    pub(crate) http: crate::http1::HttpSettings,
}

/// Which digests of files are computed (Suricata's `force-hash`; rules with `filemd5`, `filesha1`, `filesha256`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub md5: bool,
    pub sha1: bool,
    pub sha256: bool,
}

impl Settings {
    /// Keeps a setting. The answer tells whether a protocol here knows the name and could read the value.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        self.values.insert(name.to_owned(), value.to_owned());
        match name.strip_prefix("app-layer.protocols.http.") {
            Some(rest) => self.http.set(rest, value),
            None => KNOWN.contains(&name),
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The number of a setting such as `app-layer.protocols.ftp.max-tx`, or `otherwise`.
    #[must_use]
    pub fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.get(name).and_then(size).unwrap_or(otherwise)
    }
}

/// Settings that sessions ask for by name.
const KNOWN: &[&str] = &["app-layer.protocols.ftp.max-tx", "app-layer.protocols.smb.max-tx"];

/// A number of bytes as Suricata writes it: `100kb`, `1mb`, `4096`.
#[must_use]
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match text.get(digits.len()..)?.trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    Yes,
    No,
    /// Cannot tell from so few bytes.
    More,
}

/// What the session wants next for this direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Continue,
    /// Nothing more is of use (encrypted from here, or by agreement): the flow may be let go.
    Done,
    /// Not this protocol after all, or beyond repair: raw inspection goes on, parsing stops.
    Failed,
    /// The stream continues as another protocol (CONNECT, STARTTLS, Upgrade); the bytes from `consumed` on belong to
    /// it. `None`: detect it anew. The engine then asks [`Session::left`] once for each direction.
    Upgrade {
        protocol: Option<&'static str>,
        consumed: usize,
    },
}

/// What a session may write to while it is fed.
#[derive(Debug, Default)]
pub struct Context {
    pub now: Timestamp,
    pub client_port: u16,
    pub server_port: u16,
    /// The client's address where the engine tells it: an FTP client that asks for data to be sent elsewhere.
    pub client_ip: Option<std::net::IpAddr>,
    /// Facts about the two ends, taken by the engine after each call: (whose, fact).
    pub facts: Vec<(Direction, Fact)>,
}

impl Context {
    /// A fact about the server side.
    pub fn server_fact(&mut self, fact: Fact) {
        self.facts.push((Direction::ToClient, fact));
    }

    /// A fact about the client side.
    pub fn client_fact(&mut self, fact: Fact) {
        self.facts.push((Direction::ToServer, fact));
    }
}

/// One flow's parser. It tells facts that only the protocol knows; that a host serves or uses a protocol
/// ([`Fact::Serves`], [`Fact::Uses`]) is the engine's to tell, from detection. Bytes of each direction come in order, in any split; datagrams come whole. A session keeps its own
/// incomplete input, within a bound, and never rescans from the start.
pub trait Session: Transactions + Send {
    fn feed(&mut self, direction: Direction, data: &[u8], context: &mut Context) -> Outcome;

    /// `length` bytes are missing here.
    fn gap(&mut self, direction: Direction, length: u64, context: &mut Context) -> Outcome;

    /// This direction has ended (FIN, reset, time-out, depth): what is incomplete is closed.
    fn end(&mut self, direction: Direction, context: &mut Context);

    /// The engine has inspected and recorded everything of this transaction; its memory can go. Ids are released in
    /// order.
    fn release(&mut self, id: u64);

    /// After an [`Outcome::Upgrade`]: bytes of this direction that were fed before and belong to the new protocol. They
    /// come before what is fed from now on.
    fn left(&mut self, direction: Direction) -> Vec<u8> {
        let _ = direction;
        Vec::new()
    }

    /// Told once, before any bytes: the flow began as this protocol and was upgraded to this session's (STARTTLS).
    fn follows(&mut self, protocol: &'static str) {
        let _ = protocol;
    }

    /// Files that ended since the last call, for `fileinfo` records.
    fn files(&mut self) -> Vec<FileEnd> {
        Vec::new()
    }

    /// The lower-case name to put into `app_proto` when it differs from the declaration's (`ftp-data`, `http2`).
    fn name(&self) -> Option<&'static str> {
        None
    }
}

/// A file that has passed in whole or in part: EVE's `fileinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEnd {
    pub transaction: u64,
    pub direction: Direction,
    pub name: Vec<u8>,
    pub size: u64,
    pub gaps: bool,
    pub state: FileState,
    pub md5: Option<[u8; 16]>,
    pub sha1: Option<[u8; 20]>,
    pub sha256: Option<[u8; 32]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Passed in whole.
    Closed,
    /// Cut off: by the flow's end, a gap, or a limit on what is looked at.
    Truncated,
    /// The protocol gave up on it.
    Error,
}
