//! ClientHello and ServerHello, taken apart.
//!
//! Source: RFC 8446 §4.1, RFC 5246 §7.4.1, RFC 6066 §3 (SNI), RFC 7301 (ALPN), RFC 5077 (tickets); the SSL 2.0 draft §2.5 for its hellos.
//! What is left of a hello that ends too early is kept: a cut hello still names its host.

use super::event::Event;
use crate::bytes::Reader;
use phitak_model::TlsVersion;

/// Most names, protocols and numbers kept of one list; a message itself is bounded by the handshake buffer.
const LIST_MAX: usize = 512;

pub(crate) const EXTENSION_SNI: u16 = 0;
pub(crate) const EXTENSION_ALPN: u16 = 16;
const EXTENSION_GROUPS: u16 = 10;
const EXTENSION_POINTS: u16 = 11;
const EXTENSION_SIGNATURES: u16 = 13;
const EXTENSION_TICKET: u16 = 35;
const EXTENSION_VERSIONS: u16 = 43;

#[derive(Debug, Default)]
pub(crate) struct Hello {
    /// The version field of the message.
    pub(crate) version: u16,
    pub(crate) random: Vec<u8>,
    pub(crate) session_id: Vec<u8>,
    /// Offered by a client; one, chosen, by a server.
    pub(crate) ciphers: Vec<u16>,
    pub(crate) extensions: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) points: Vec<u8>,
    pub(crate) signatures: Vec<u16>,
    /// From the extension: a client's list, a server's choice.
    pub(crate) versions: Vec<u16>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) sni: Option<Vec<u8>>,
    /// The client brought a session ticket (RFC 5077 §3.2), not only the wish for one.
    pub(crate) has_ticket: bool,
}

impl Hello {
    /// The body of a ClientHello message.
    pub(crate) fn client(body: &[u8], raise: &mut dyn FnMut(Event)) -> Self {
        let mut hello = Self::default();
        if hello.read_client(body, raise).is_none() {
            raise(Event::InvalidHandshakeMessage);
        }
        hello
    }

    fn read_client(&mut self, body: &[u8], raise: &mut dyn FnMut(Event)) -> Option<()> {
        let mut reader = Reader::new(body);
        self.version = reader.u16()?;
        self.random = reader.take(32)?.to_vec();
        let length = usize::from(reader.u8()?);
        self.session_id = reader.take(length)?.to_vec();
        let length = usize::from(reader.u16()?);
        self.ciphers = numbers(reader.take(length)?);
        let length = usize::from(reader.u8()?);
        reader.take(length)?;
        self.read_extensions(reader, true, raise)
    }

    /// The body of a ServerHello message.
    pub(crate) fn server(body: &[u8], raise: &mut dyn FnMut(Event)) -> Self {
        let mut hello = Self::default();
        if hello.read_server(body, raise).is_none() {
            raise(Event::InvalidHandshakeMessage);
        }
        hello
    }

    fn read_server(&mut self, body: &[u8], raise: &mut dyn FnMut(Event)) -> Option<()> {
        let mut reader = Reader::new(body);
        self.version = reader.u16()?;
        self.random = reader.take(32)?.to_vec();
        let length = usize::from(reader.u8()?);
        self.session_id = reader.take(length)?.to_vec();
        self.ciphers = vec![reader.u16()?];
        reader.u8()?;
        self.read_extensions(reader, false, raise)
    }

    fn read_extensions(&mut self, mut reader: Reader<'_>, is_client: bool, raise: &mut dyn FnMut(Event)) -> Option<()> {
        if reader.is_empty() {
            return Some(());
        }
        let length = usize::from(reader.u16()?);
        let mut list = Reader::new(reader.take_up_to(length));
        while !list.is_empty() && self.extensions.len() < LIST_MAX {
            let kind = list.u16()?;
            let length = usize::from(list.u16()?);
            let data = list.take(length)?;
            self.extensions.push(kind);
            let inner = |width: usize| data.get(width..).unwrap_or_default();
            match kind {
                EXTENSION_SNI if is_client => self.read_sni(data, raise),
                EXTENSION_ALPN => self.alpn = names(inner(2)),
                EXTENSION_GROUPS => self.groups = numbers(inner(2)),
                EXTENSION_POINTS => self.points = inner(1).iter().copied().take(LIST_MAX).collect(),
                EXTENSION_SIGNATURES => self.signatures = numbers(inner(2)),
                EXTENSION_TICKET if is_client => self.has_ticket = !data.is_empty(),
                EXTENSION_VERSIONS if is_client => self.versions = numbers(inner(1)),
                EXTENSION_VERSIONS => self.versions = numbers(data),
                _ => {}
            }
        }
        Some(())
    }

    /// RFC 6066 §3: one name of type 0 is all that may be there.
    fn read_sni(&mut self, data: &[u8], raise: &mut dyn FnMut(Event)) {
        if self.sni.is_some() {
            raise(Event::MultipleSniExtensions);
            return;
        }
        if data.is_empty() {
            return;
        }
        let mut reader = Reader::new(data);
        let mut read = || {
            reader.u16()?;
            let kind = reader.u8()?;
            let length = usize::from(reader.u16()?);
            Some((kind, length, reader.take(length)))
        };
        match read() {
            Some((0, length, Some(name))) if length > 0 && length <= 255 => self.sni = Some(name.to_vec()),
            Some((0, ..)) | None => raise(Event::InvalidSniLength),
            Some(_) => raise(Event::InvalidSniType),
        }
    }

    /// An SSL 2.0 CLIENT-HELLO, from its message type on. Ciphers of newer versions are told by their first zero byte.
    pub(crate) fn ssl2_client(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        reader.u8()?;
        let version = reader.u16()?;
        let ciphers = usize::from(reader.u16()?);
        let session = usize::from(reader.u16()?);
        let challenge = usize::from(reader.u16()?);
        let specs = reader.take(ciphers)?;
        let session_id = reader.take(session)?.to_vec();
        let random = reader.take(challenge)?.to_vec();
        let ciphers = specs
            .chunks_exact(3)
            .filter_map(|spec| match spec {
                [0, high, low] => Some(u16::from_be_bytes([*high, *low])),
                _ => None,
            })
            .take(LIST_MAX)
            .collect();
        Some(Self { version, ciphers, session_id, random, ..Self::default() })
    }

    /// The version that counts: the extension's when there is one.
    pub(crate) fn chosen_version(&self) -> u16 {
        self.versions.first().copied().unwrap_or(self.version)
    }
}

/// The version that a server chose, in words.
pub(super) fn served(number: u16) -> Option<TlsVersion> {
    Some(match number {
        0x0002 => TlsVersion::Ssl2,
        0x0300 => TlsVersion::Ssl3,
        0x0301 => TlsVersion::Tls10,
        0x0302 => TlsVersion::Tls11,
        0x0303 => TlsVersion::Tls12,
        // Drafts of 1.3 have numbers of their own.
        0x0304 | 0x7f00..=0x7fff => TlsVersion::Tls13,
        _ => return None,
    })
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks::<2>().0.iter().take(LIST_MAX).map(|pair| u16::from_be_bytes(*pair)).collect()
}

fn names(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(length) = reader.u8() {
        let Some(name) = reader.take(usize::from(length)) else { break };
        if out.len() < LIST_MAX {
            out.push(name.to_vec());
        }
    }
    out
}
