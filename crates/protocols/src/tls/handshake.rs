//! What a TLS connection's handshake has shown so far: its one transaction.

use super::{certificate::Certificate, eve, event::Event, fingerprint, hello::Hello};
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const CERTIFICATE: u8 = 11;
pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(super) const SERVER_HELLO_DONE: u8 = 14;
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;

pub(super) const STAGES_TO_SERVER: &[&str] =
    &["client_in_progress", "client_hello_done", "client_cert_done", "client_handshake_done", "client_finished"];
pub(super) const STAGES_TO_CLIENT: &[&str] = &[
    "server_in_progress",
    "server_hello",
    "server_cert_done",
    "server_hello_done",
    "server_handshake_done",
    "server_finished",
];

const HELLO: u8 = 1;
const CERT: u8 = 2;
const SERVER_DONE: u8 = 3;
/// Keys have changed: index 0 to server.
const KEYS_CHANGED: [u8; 2] = [3, 4];
const FINISHED: [u8; 2] = [4, 5];

const fn buffer(name: &'static str, to_server: bool, to_client: bool, stage: u8, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client, stage: [stage, stage], shape }
}

use Shape::{Multi, Single};

/// Their numbers are used below.
pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("tls.sni", true, false, HELLO, Single),
    buffer("tls.alpn", true, true, HELLO, Multi),
    buffer("tls.random", true, true, HELLO, Single),
    buffer("tls.random_time", true, true, HELLO, Single),
    buffer("tls.random_bytes", true, true, HELLO, Single),
    buffer("ja3.hash", true, false, HELLO, Single),
    buffer("ja3.string", true, false, HELLO, Single),
    buffer("ja3s.hash", false, true, HELLO, Single),
    buffer("ja3s.string", false, true, HELLO, Single),
    buffer("ja4.hash", true, false, HELLO, Single),
    buffer("tls.cert_subject", true, true, CERT, Single),
    buffer("tls.cert_issuer", true, true, CERT, Single),
    buffer("tls.cert_serial", true, true, CERT, Single),
    buffer("tls.cert_fingerprint", true, true, CERT, Single),
    buffer("tls.subjectaltname", true, true, CERT, Multi),
    buffer("tls.certs", true, true, CERT, Multi),
];

pub(super) const FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "tls.version", stage: [HELLO, HELLO] },
    FieldDecl { name: "ssl_state", stage: [0, 0] },
    FieldDecl { name: "tls.cert_chain_len", stage: [CERT, CERT] },
    FieldDecl { name: "tls_cert_notbefore", stage: [CERT, CERT] },
    FieldDecl { name: "tls_cert_notafter", stage: [CERT, CERT] },
];

/// Bits of `ssl_state`.
const STATE_CLIENT_HELLO: u8 = 1;
const STATE_SERVER_HELLO: u8 = 2;
const STATE_CLIENT_KEYS: u8 = 4;
const STATE_SERVER_KEYS: u8 = 8;
const STATE_UNKNOWN: u8 = 16;

#[derive(Debug, Default)]
pub(super) struct Handshake {
    pub(super) client: Option<Hello>,
    pub(super) server: Option<Hello>,
    pub(super) ja3: String,
    pub(super) ja3_hash: String,
    pub(super) ja3s: String,
    pub(super) ja3s_hash: String,
    pub(super) ja4: String,
    /// By the direction in which they came: a client's are index 0.
    chains: [Vec<Vec<u8>>; 2],
    certificates: [Option<Certificate>; 2],
    state: u8,
    progress: [u8; 2],
    pub(super) resumed: bool,
    /// Some of it went by unseen.
    missed: bool,
    /// The protocol that asked for TLS (STARTTLS).
    pub(super) begun_as: Option<&'static str>,
    /// What came in its course was no TLS: its events tell of it, and there is nothing to record.
    broken: bool,
    events: Vec<u8>,
}

impl Handshake {
    pub(super) fn raise(&mut self, event: Event) {
        let number = event as u8;
        if !self.events.contains(&number) {
            self.events.push(number);
        }
    }

    fn advance(&mut self, direction: Direction, stage: u8) {
        if let Some(progress) = self.progress.get_mut(direction.index()) {
            *progress = stage.max(*progress);
        }
    }

    pub(super) fn client_hello(&mut self, hello: Hello, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.raise(event));
        self.ja3 = fingerprint::ja3(&hello);
        self.ja3_hash = fingerprint::md5_hex(&self.ja3);
        self.ja4 = fingerprint::ja4(&hello, fingerprint::Carrier::Tcp);
        self.client = Some(hello);
        self.state |= STATE_CLIENT_HELLO;
        self.advance(Direction::ToServer, HELLO);
    }

    pub(super) fn server_hello(&mut self, hello: Hello, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.raise(event));
        self.ja3s = fingerprint::ja3s(&hello);
        self.ja3s_hash = fingerprint::md5_hex(&self.ja3s);
        self.server = Some(hello);
        self.state |= STATE_SERVER_HELLO;
        self.advance(Direction::ToClient, HELLO);
    }

    pub(super) fn certificates(&mut self, direction: Direction, chain: Vec<Vec<u8>>, own: Option<Certificate>) {
        let index = direction.index();
        if let (Some(chains), Some(certificate)) = (self.chains.get_mut(index), self.certificates.get_mut(index)) {
            *chains = chain;
            *certificate = own;
        }
        self.advance(direction, CERT);
    }

    /// A message that only matters for how far things are.
    pub(super) fn passed(&mut self, kind: u8) {
        match kind {
            SERVER_KEY_EXCHANGE => self.state |= STATE_SERVER_KEYS,
            CLIENT_KEY_EXCHANGE => self.state |= STATE_CLIENT_KEYS,
            SERVER_HELLO_DONE => self.advance(Direction::ToClient, SERVER_DONE),
            _ => {}
        }
    }

    pub(super) fn keys_changed(&mut self, direction: Direction) {
        let resumes = direction == Direction::ToClient
            && !self.missed
            && self.server.as_ref().is_some_and(|hello| hello.chosen_version() < 0x0304)
            && self.certificate(Direction::ToClient).is_none()
            && self.state & STATE_SERVER_KEYS == 0;
        self.resumed |= resumes;
        self.advance(direction, if direction == Direction::ToServer { KEYS_CHANGED[0] } else { KEYS_CHANGED[1] });
    }

    /// Bytes are missing that may have been of the handshake.
    pub(super) fn missed(&mut self) {
        self.missed = true;
    }

    pub(super) fn data_begins(&mut self, direction: Direction) {
        self.advance(direction, if direction == Direction::ToServer { FINISHED[0] } else { FINISHED[1] });
    }

    /// No more can be understood; what is complete by now stays.
    pub(super) fn fail(&mut self, event: Event) {
        self.raise(event);
        let [_, to_client] = self.progress;
        self.broken |= to_client < SERVER_DONE;
    }

    pub(super) fn ended(&mut self, direction: Direction) {
        self.data_begins(direction);
    }

    pub(super) fn certificate(&self, direction: Direction) -> Option<&Certificate> {
        self.certificates.get(direction.index())?.as_ref()
    }

    pub(super) fn chain(&self, direction: Direction) -> &[Vec<u8>] {
        self.chains.get(direction.index()).map(Vec::as_slice).unwrap_or_default()
    }

    fn hello(&self, direction: Direction) -> Option<&Hello> {
        match direction {
            Direction::ToServer => self.client.as_ref(),
            Direction::ToClient => self.server.as_ref(),
        }
    }

    /// The handshake tells something about the server: its certificate, a session that is taken up again, or TLS 1.3 (which
    /// hides its certificates). This is when Suricata 8 writes a record. Where the server's part was not seen, or not in
    /// whole, the name that the client asked for tells who wanted to go where, and is recorded too.
    fn says_something(&self) -> bool {
        let agreed =
            self.server.as_ref().is_some_and(|hello| matches!(hello.chosen_version(), 0x0304 | 0x7f00..=0x7fff));
        let client = self.client.as_ref();
        let has_ticket = client.is_some_and(|hello| hello.has_ticket);
        let asked = client.is_some_and(|hello| hello.sni.is_some()) && (self.server.is_none() || self.missed);
        agreed
            || has_ticket
            || asked
            || self.resumed
            || self.same_session()
            || self.certificate(Direction::ToClient).is_some()
    }

    /// The server answered with the session that the client named (RFC 5246 §7.4.1.3).
    fn same_session(&self) -> bool {
        match (&self.client, &self.server) {
            (Some(client), Some(server)) => !client.session_id.is_empty() && client.session_id == server.session_id,
            _ => false,
        }
    }

    /// What the two agreed on, or what the client offered as long as there is no answer. 0 when unknown.
    pub(super) fn version(&self) -> u16 {
        let hello = self.server.as_ref().or(self.client.as_ref());
        hello.map_or(0, |hello| if self.server.is_some() { hello.chosen_version() } else { hello.version })
    }
}

fn text(text: &str) -> Option<&[u8]> {
    (!text.is_empty()).then_some(text.as_bytes())
}

impl Transaction for Handshake {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress.get(direction.index()).copied().unwrap_or(0)
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let decl = BUFFERS.get(usize::from(number))?;
        let offered = if direction == Direction::ToServer { decl.to_server } else { decl.to_client };
        let instance = usize::try_from(instance).ok()?;
        let stage = *decl.stage.get(direction.index())?;
        if !offered || self.progress(direction) < stage || (instance > 0 && decl.shape == Single) {
            return None;
        }
        let certificate = self.certificate(direction);
        let bytes = match number {
            0 => self.client.as_ref()?.sni.as_deref(),
            1 => self.hello(direction)?.alpn.get(instance).map(Vec::as_slice),
            2 => Some(self.hello(direction)?.random.as_slice()).filter(|random| !random.is_empty()),
            3 => self.hello(direction)?.random.get(..4),
            4 => self.hello(direction)?.random.get(4..),
            5 => text(&self.ja3_hash),
            6 => text(&self.ja3),
            7 => text(&self.ja3s_hash),
            8 => text(&self.ja3s),
            9 => text(&self.ja4),
            10 => text(&certificate?.subject),
            11 => text(&certificate?.issuer),
            12 => text(&certificate?.serial),
            13 => text(&certificate?.fingerprint),
            14 => certificate?.alternative_names.get(instance).map(String::as_bytes),
            15 => self.chain(direction).get(instance).map(Vec::as_slice),
            _ => None,
        };
        bytes.map(BufferView::whole)
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 {
            return None;
        }
        let seconds = |moment: phitak_model::Timestamp| u64::try_from(moment.secs()).unwrap_or(0);
        let value = match number {
            0 => u64::from(match self.hello(direction)? {
                hello if direction == Direction::ToClient => hello.chosen_version(),
                hello => hello.version,
            }),
            1 => u64::from(if self.state == 0 { STATE_UNKNOWN } else { self.state }),
            2 => self.chain(direction).len() as u64,
            3 => seconds(self.certificate(direction)?.not_before),
            4 => seconds(self.certificate(direction)?.not_after),
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        let [_, to_client] = self.progress;
        !self.broken && to_client >= SERVER_DONE && self.says_something()
    }

    fn write_eve(&self, out: &mut Writer) {
        eve::write(self, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a handshake that ends with these hellos is recorded.
    fn recorded(client: Option<Hello>, server: Option<Hello>) -> bool {
        let mut handshake = Handshake::default();
        if let Some(hello) = client {
            handshake.client_hello(hello, Vec::new());
        }
        if let Some(hello) = server {
            handshake.server_hello(hello, Vec::new());
        }
        handshake.ended(Direction::ToServer);
        handshake.ended(Direction::ToClient);
        handshake.loggable()
    }

    #[test]
    fn a_handshake_is_recorded_when_it_tells_something() {
        let of_version = |version| Hello { version, ..Hello::default() };
        let with_session = |id: &[u8]| Hello { session_id: id.to_vec(), ..of_version(0x0303) };
        let named = || Hello { sni: Some(b"his.example".to_vec()), ..of_version(0x0303) };
        let with_ticket = Hello { has_ticket: true, ..of_version(0x0303) };
        let new = Hello { versions: vec![0x0304], ..of_version(0x0303) };
        assert!(!recorded(None, None));
        assert!(!recorded(Some(of_version(0x0303)), None));
        assert!(!recorded(None, Some(of_version(0x0303))));
        assert!(!recorded(Some(of_version(0x0303)), Some(of_version(0x0303))));
        assert!(!recorded(Some(with_session(b"one")), Some(with_session(b"two"))));
        assert!(recorded(Some(with_session(b"one")), Some(with_session(b"one"))));
        assert!(recorded(Some(with_ticket), None));
        assert!(recorded(Some(named()), None));
        assert!(!recorded(Some(named()), Some(of_version(0x0303))));
        let mut cut = Handshake::default();
        cut.client_hello(named(), Vec::new());
        cut.server_hello(of_version(0x0303), Vec::new());
        cut.missed();
        // What looks like a resumed session is none that was seen whole.
        cut.keys_changed(Direction::ToClient);
        cut.ended(Direction::ToClient);
        assert!(cut.loggable() && !cut.resumed);
        assert!(recorded(None, Some(new)));
    }
}
