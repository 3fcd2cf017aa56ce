//! A DNS message, taken apart: header, questions and records with their names written out.
//!
//! Source: RFC 1035 §4; RFC 2782 (SRV), RFC 4255 (SSHFP), RFC 6891 (OPT). Names are text with dots and without the
//! root's; a name longer than [`NAME_BYTES_MAX`] is cut there and marked.

/// Most bytes of a written-out name that are kept (RFC 1035 §2.3.4 allows 255 on the wire).
pub(crate) const NAME_BYTES_MAX: usize = 1025;
/// Most labels and pointers of one name.
const NAME_STEPS_MAX: usize = 255;
/// Most bytes of names and data of one message: compression can blow 64 KiB up to megabytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;

pub(crate) const HEADER_BYTES: usize = 12;

/// A stretch of [`Message`]'s text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    length: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Name {
    pub(crate) span: Span,
    pub(crate) truncated: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) kind: u16,
    class: u16,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) name: Name,
    pub(crate) kind: u16,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
    /// False for the second and later strings of a TXT record.
    pub(crate) first: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Data {
    /// 4 or 16 bytes.
    Address(Span),
    Name(Name),
    /// One character-string; a TXT record of several has the first here and the others in records that follow.
    Text(Span),
    Soa {
        primary: Name,
        mailbox: Name,
        numbers: [u32; 5],
    },
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Name,
    },
    Sshfp {
        algorithm: u8,
        kind: u8,
        fingerprint: Span,
    },
    /// EDNS options as on the wire.
    Opt(Span),
    Other(Span),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Malformed,
    InfiniteLoop,
    TooManyLabels,
    InvalidAuthorities,
    InvalidAdditionals,
}

#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) questions: Vec<Question>,
    /// Answers, authorities and additionals, in this order.
    records: Vec<Record>,
    /// Where authorities and additionals begin in `records`.
    authorities_at: usize,
    additionals_at: usize,
    text: Vec<u8>,
    /// What kept the message from being understood in whole, in order, each once.
    pub(crate) troubles: Vec<Trouble>,
    /// A name was cut; reading went on.
    pub(crate) name_too_long: bool,
}

impl Message {
    /// Takes a whole message apart, as far as it can be understood. `None` when there is no header.
    pub(crate) fn parse(wire: &[u8]) -> Option<Self> {
        let count = |at| u16_at(wire, at);
        let (id, flags) = (count(0)?, count(2)?);
        let (questions, answers, authorities, additionals) = (count(4)?, count(6)?, count(8)?, count(10)?);
        let mut message = Self { id, flags, ..Self::default() };
        message.text.reserve(wire.len());
        let mut at = HEADER_BYTES;
        for _ in 0..questions {
            let Some(question) = message.question(wire, &mut at) else {
                message.trouble(Trouble::Malformed);
                break;
            };
            message.questions.push(question);
        }
        if message.troubles.is_empty() {
            message.section(wire, &mut at, answers, Trouble::Malformed);
        }
        message.authorities_at = message.records.len();
        if message.troubles.is_empty() {
            message.section(wire, &mut at, authorities, Trouble::InvalidAuthorities);
        }
        message.additionals_at = message.records.len();
        if message.troubles.is_empty() {
            message.section(wire, &mut at, additionals, Trouble::InvalidAdditionals);
        }
        Some(message)
    }

    /// Its first question names a host in letters that hosts have: a message even when what follows is damaged.
    pub(crate) fn asks(&self) -> bool {
        if self.opcode() > 6 || self.questions.len() > 4 {
            return false;
        }
        let Some(question) = self.questions.first().filter(|question| (1..=260).contains(&question.kind)) else {
            return false;
        };
        let name = self.text(question.name.span);
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        name.len() >= 4 && name.contains(&b'.') && name.iter().all(is_letter)
    }

    pub(crate) fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Understood in whole, and asking within a class that there is (RFC 6895 §3.2; multicast DNS has a bit of its own):
    /// other protocols' datagrams can have the same shape by chance.
    pub(crate) fn is_sound(&self) -> bool {
        let known = |question: &Question| matches!(question.class & 0x7fff, 1 | 3 | 4 | 254 | 255);
        self.troubles.is_empty() && self.questions.iter().all(known)
    }

    pub(crate) fn opcode(&self) -> u8 {
        ((self.flags >> 11) & 0xf) as u8
    }

    pub(crate) fn rcode(&self) -> u16 {
        self.flags & 0xf
    }

    pub(crate) fn answers(&self) -> &[Record] {
        self.records.get(..self.authorities_at).unwrap_or_default()
    }

    pub(crate) fn authorities(&self) -> &[Record] {
        self.records.get(self.authorities_at..self.additionals_at).unwrap_or_default()
    }

    pub(crate) fn additionals(&self) -> &[Record] {
        self.records.get(self.additionals_at..).unwrap_or_default()
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn text(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.text.get(start..start.saturating_add(span.length as usize)).unwrap_or_default()
    }

    fn trouble(&mut self, trouble: Trouble) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }

    fn section(&mut self, wire: &[u8], at: &mut usize, count: u16, otherwise: Trouble) {
        for _ in 0..count {
            if self.record(wire, at).is_none() {
                self.trouble(otherwise);
                return;
            }
        }
    }

    fn question(&mut self, wire: &[u8], at: &mut usize) -> Option<Question> {
        let name = self.name(wire, at)?;
        let kind = u16_at(wire, *at)?;
        let class = u16_at(wire, at.checked_add(2)?)?;
        *at = at.checked_add(4)?;
        Some(Question { name, kind, class })
    }

    fn record(&mut self, wire: &[u8], at: &mut usize) -> Option<()> {
        let name = self.name(wire, at)?;
        let kind = u16_at(wire, *at)?;
        let ttl = u32_at(wire, at.checked_add(4)?)?;
        let length = usize::from(u16_at(wire, at.checked_add(8)?)?);
        let start = at.checked_add(10)?;
        let end = start.checked_add(length)?;
        let data = wire.get(start..end)?;
        *at = end;
        let push = |message: &mut Self, data, first| message.records.push(Record { name, kind, ttl, data, first });
        if kind == super::record_type::TXT {
            let (mut rest, mut first) = (data, true);
            while let Some((length, tail)) = rest.split_first() {
                let text = tail.get(..usize::from(*length))?;
                rest = tail.get(usize::from(*length)..)?;
                let text = self.keep(text)?;
                push(self, Data::Text(text), first);
                first = false;
            }
            return Some(());
        }
        // Data that does not fit its type is kept as it is: the record itself was well formed.
        let understood = self.data(wire, kind, start, end);
        let data = match understood {
            Some(data) => data,
            None => Data::Other(self.keep(data)?),
        };
        push(self, data, true);
        Some(())
    }

    fn data(&mut self, wire: &[u8], kind: u16, start: usize, end: usize) -> Option<Data> {
        use super::record_type as rr;
        // Names may point back into the message, but must not run past their record.
        let inside = wire.get(..end)?;
        let mut at = start;
        Some(match kind {
            rr::A | rr::AAAA => {
                let bytes = inside.get(start..)?;
                if bytes.len() != if kind == rr::A { 4 } else { 16 } {
                    return None;
                }
                Data::Address(self.keep(bytes)?)
            }
            rr::CNAME | rr::NS | rr::PTR | rr::DNAME => Data::Name(self.name(inside, &mut at)?),
            rr::MX => {
                at = at.checked_add(2)?;
                Data::Name(self.name(inside, &mut at)?)
            }
            rr::SOA => {
                let primary = self.name(inside, &mut at)?;
                let mailbox = self.name(inside, &mut at)?;
                let mut numbers = [0; 5];
                for number in &mut numbers {
                    *number = u32_at(inside, at)?;
                    at = at.checked_add(4)?;
                }
                Data::Soa { primary, mailbox, numbers }
            }
            rr::SRV => {
                let priority = u16_at(inside, at)?;
                let weight = u16_at(inside, at.checked_add(2)?)?;
                let port = u16_at(inside, at.checked_add(4)?)?;
                at = at.checked_add(6)?;
                Data::Srv { priority, weight, port, target: self.name(inside, &mut at)? }
            }
            rr::SSHFP => {
                let bytes = inside.get(start..)?;
                let [algorithm, kind, fingerprint @ ..] = bytes else { return None };
                Data::Sshfp { algorithm: *algorithm, kind: *kind, fingerprint: self.keep(fingerprint)? }
            }
            rr::OPT => Data::Opt(self.keep(inside.get(start..)?)?),
            _ => Data::Other(self.keep(inside.get(start..)?)?),
        })
    }

    /// Reads the name at `at` and moves past it.
    fn name(&mut self, wire: &[u8], at: &mut usize) -> Option<Name> {
        let start = self.text.len();
        let mut position = *at;
        let mut after = None;
        let mut truncated = false;
        let mut steps = 0;
        loop {
            steps += 1;
            if steps > NAME_STEPS_MAX {
                self.trouble(if after.is_some() { Trouble::InfiniteLoop } else { Trouble::TooManyLabels });
                return None;
            }
            let length = *wire.get(position)?;
            position = position.checked_add(1)?;
            match length {
                0 => break,
                1..=0x3f => {
                    let end = position.checked_add(usize::from(length))?;
                    let label = wire.get(position..end)?;
                    position = end;
                    let used = self.text.len().saturating_sub(start);
                    if used.saturating_add(label.len()) >= NAME_BYTES_MAX {
                        truncated = true;
                        self.name_too_long = true;
                    } else if !truncated {
                        if used > 0 {
                            self.text.push(b'.');
                        }
                        self.text.extend_from_slice(label);
                    }
                }
                0xc0..=0xff => {
                    let low = *wire.get(position)?;
                    position = position.checked_add(1)?;
                    after.get_or_insert(position);
                    position = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                }
                _ => return None,
            }
        }
        *at = after.unwrap_or(position);
        Some(Name { span: self.span(start)?, truncated })
    }

    fn keep(&mut self, bytes: &[u8]) -> Option<Span> {
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        self.span(start)
    }

    fn span(&mut self, start: usize) -> Option<Span> {
        if self.text.len() > TEXT_BYTES_MAX {
            self.text.truncate(start);
            return None;
        }
        let length = u32::try_from(self.text.len().checked_sub(start)?).ok()?;
        Some(Span { start: u32::try_from(start).ok()?, length })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}
