//! One message (RFC 4120 §5.4 to §5.9).

use super::der::{self, Values};

/// Parts of one name.
const PARTS_MAX: usize = 16;

pub(super) const AS_REQ: u8 = 10;
pub(super) const TGS_REQ: u8 = 12;
pub(super) const ERROR: u8 = 30;

/// Whether a message may begin with this byte: `[APPLICATION n]` of a number in use.
pub(super) fn is_tag(tag: u8) -> bool {
    matches!(tag, 0x6a..=0x6f | 0x74..=0x76 | 0x7e)
}

#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(super) kind: u8,
    pub(super) client: Vec<Vec<u8>>,
    pub(crate) realm: Option<Vec<u8>>,
    pub(crate) service: Vec<Vec<u8>>,
    /// Of what only the receiver can read.
    pub(super) cipher: Option<i32>,
    pub(super) ticket_cipher: Option<i32>,
    pub(super) error: Option<i32>,
}

impl Message {
    /// What was understood, and whether that was all. `None` for what is no message at all.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, bool)> {
        let (tag, content) = Values::new(bytes).next()?;
        if !is_tag(tag) {
            return None;
        }
        let mut message = Self { kind: tag & 0x1f, ..Self::default() };
        let values = Values::new(content).tagged(0x30).map(Values::new);
        let whole = values.and_then(|values| match message.kind {
            10 | 12 => message.request(values),
            11 | 13 => message.reply(values),
            14 => message.application(values),
            30 => message.refusal(values),
            _ => Some(()),
        });
        Some((message, whole.is_some()))
    }

    /// The AP-REQ of a context token (RFC 4121 §4.1) wherever it stands: what SMB and LDAP log in with.
    pub(crate) fn in_token(bytes: &[u8]) -> Option<Self> {
        const TOKEN: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00";
        let at = memchr::memmem::find(bytes, TOKEN)?;
        let (message, _) = Self::read(bytes.get(at.checked_add(TOKEN.len())?..)?)?;
        (message.kind == 14).then_some(message)
    }

    fn request(&mut self, mut values: Values<'_>) -> Option<()> {
        let body = Values::new(values.find(0xa4)?).tagged(0x30)?;
        for (tag, content) in Values::new(body) {
            match tag {
                0xa1 => self.client = name(content)?,
                0xa2 => self.realm = der::text(content),
                0xa3 => self.service = name(content)?,
                _ => {}
            }
        }
        Some(())
    }

    fn reply(&mut self, values: Values<'_>) -> Option<()> {
        for (tag, content) in values {
            match tag {
                0xa3 => self.realm = der::text(content),
                0xa4 => self.client = name(content)?,
                0xa5 => {
                    let ticket = Ticket::read(content)?;
                    self.service = ticket.service;
                    self.ticket_cipher = ticket.cipher;
                }
                0xa6 => self.cipher = cipher(content),
                _ => {}
            }
        }
        self.cipher.map(|_| ())
    }

    fn application(&mut self, mut values: Values<'_>) -> Option<()> {
        let ticket = Ticket::read(values.find(0xa3)?)?;
        self.realm = ticket.realm;
        self.service = ticket.service;
        self.ticket_cipher = ticket.cipher;
        self.cipher = cipher(values.find(0xa4)?);
        Some(())
    }

    fn refusal(&mut self, values: Values<'_>) -> Option<()> {
        for (tag, content) in values {
            match tag {
                0xa6 => self.error = der::integer(content),
                0xa7 => self.realm = der::text(content),
                0xa8 => self.client = name(content)?,
                0xaa => self.service = name(content)?,
                _ => {}
            }
        }
        self.error.map(|_| ())
    }
}

struct Ticket {
    realm: Option<Vec<u8>>,
    service: Vec<Vec<u8>>,
    cipher: Option<i32>,
}

impl Ticket {
    fn read(content: &[u8]) -> Option<Self> {
        let mut values = Values::new(Values::new(Values::new(content).tagged(0x61)?).tagged(0x30)?);
        let realm = der::text(values.find(0xa1)?);
        let service = name(values.find(0xa2)?)?;
        Some(Self { realm, service, cipher: values.find(0xa3).and_then(cipher) })
    }
}

/// The parts of a PrincipalName.
fn name(content: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut values = Values::new(Values::new(content).tagged(0x30)?);
    let parts = Values::new(values.find(0xa1)?).tagged(0x30)?;
    Some(Values::new(parts).take(PARTS_MAX).map(|(_, part)| part.to_vec()).collect())
}

/// The cipher of an EncryptedData.
fn cipher(content: &[u8]) -> Option<i32> {
    let mut values = Values::new(Values::new(content).tagged(0x30)?);
    der::integer(values.tagged(0xa0)?)
}
