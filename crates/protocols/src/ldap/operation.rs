//! One message: its number, and its operation taken apart.
//!
//! Source: RFC 4511 §4.

use super::names;
use crate::ber::{Ber, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, number};
use phitak_model::{Direction, json::Writer};

/// Entries of one list (attributes, values, changes) that are kept.
const LIST_MAX: usize = 256;

pub(super) const BIND_RESPONSE: u8 = 1;
pub(super) const UNBIND_REQUEST: u8 = 2;
pub(super) const SEARCH_RESULT_ENTRY: u8 = 4;
pub(super) const ABANDON_REQUEST: u8 = 16;
pub(super) const SEARCH_RESULT_REFERENCE: u8 = 19;
pub(super) const EXTENDED_REQUEST: u8 = 23;
pub(super) const EXTENDED_RESPONSE: u8 = 24;
pub(super) const INTERMEDIATE_RESPONSE: u8 = 25;

/// A value as records show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(Vec<u8>),
    Name(&'static str),
    Number(u64),
    Flag(bool),
    List(Vec<Value>),
    Object(Vec<(&'static str, Value)>),
}

impl Value {
    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Text(bytes) => out.bytes(bytes),
            Self::Name(name) => out.string(name),
            Self::Number(number) => out.number(*number),
            Self::Flag(flag) => out.boolean(*flag),
            Self::List(values) => {
                out.begin_array();
                values.iter().for_each(|value| value.write(out));
                out.end_array();
            }
            Self::Object(members) => {
                out.begin_object();
                for (key, value) in members {
                    out.key(key);
                    value.write(out);
                }
                out.end_object();
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Operation {
    pub(super) code: u8,
    /// Members of the record's object of this operation.
    pub(super) members: Vec<(&'static str, Value)>,
    /// The entry that it is about.
    pub(super) dn: Option<Vec<u8>>,
    pub(super) result: Option<u64>,
    pub(super) message: Option<Vec<u8>>,
    /// Names of attributes.
    pub(super) attributes: Vec<Vec<u8>>,
    /// The number of an extended operation.
    pub(super) name: Option<Vec<u8>>,
    /// Bytes on the wire.
    pub(super) size: usize,
}

/// A message that was understood as far as `operation` tells; `is_whole` when that is all of it.
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) operation: Operation,
    pub(super) is_whole: bool,
}

/// Whether an operation with this tag is sent in this direction.
pub(super) fn comes_from(tag: u8, direction: Direction) -> bool {
    match direction {
        Direction::ToServer => {
            matches!(tag, 0x60 | 0x42 | 0x63 | 0x66 | 0x68 | 0x4a | 0x6c | 0x6e | 0x50 | 0x77)
        }
        Direction::ToClient => {
            matches!(tag, 0x61 | 0x64 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x73 | 0x78 | 0x79)
        }
    }
}

impl Message {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut message = Ber::new(bytes).inside(SEQUENCE)?;
        let id = message.number(INTEGER)?;
        let (tag, content) = message.value()?;
        // Application tags: constructed or primitive.
        if tag & 0xc0 != 0x40 {
            return None;
        }
        let mut operation = Operation { code: tag & 0x1f, size: bytes.len(), ..Operation::default() };
        let is_whole = operation.read(content).is_some();
        Some(Self { id, operation, is_whole })
    }

    pub(super) fn is_request(&self) -> bool {
        matches!(self.operation.code, 0 | 2 | 3 | 6 | 8 | 10 | 12 | 14 | 16 | 23)
    }
}

impl Operation {
    fn add(&mut self, key: &'static str, value: Value) {
        self.members.push((key, value));
    }

    fn add_text(&mut self, key: &'static str, text: &[u8]) {
        self.add(key, Value::Text(text.to_vec()));
    }

    /// The entry that the operation is about.
    fn add_dn(&mut self, key: &'static str, dn: &[u8]) {
        self.add_text(key, dn);
        self.dn = Some(dn.to_vec());
    }

    fn read(&mut self, content: &[u8]) -> Option<()> {
        let mut ber = Ber::new(content);
        match self.code {
            0 => self.bind(ber),
            UNBIND_REQUEST => Some(()),
            3 => self.search(ber),
            SEARCH_RESULT_ENTRY => {
                self.add_dn("base_object", ber.take(OCTET_STRING)?);
                self.attribute_list("type", ber)
            }
            6 => self.modify(ber),
            8 => {
                self.add_dn("entry", ber.take(OCTET_STRING)?);
                self.attribute_list("name", ber)
            }
            10 => {
                self.add_dn("dn", content);
                Some(())
            }
            12 => self.rename(ber),
            14 => {
                self.add_dn("entry", ber.take(OCTET_STRING)?);
                let mut assertion = ber.inside(SEQUENCE)?;
                let (name, value) = (assertion.take(OCTET_STRING)?, assertion.take(OCTET_STRING)?);
                self.attributes.push(name.to_vec());
                let members = vec![("description", text(name)), ("value", text(value))];
                self.add("attribute_value_assertion", Value::Object(members));
                Some(())
            }
            ABANDON_REQUEST => {
                self.add("message_id", Value::Number(number(content)?));
                Some(())
            }
            SEARCH_RESULT_REFERENCE => {
                let uris = std::iter::from_fn(|| ber.take(OCTET_STRING)).take(LIST_MAX).map(text).collect();
                self.add("uris", Value::List(uris));
                Some(())
            }
            EXTENDED_REQUEST => {
                let name = ber.take(0x80)?;
                self.add_text("name", name);
                self.name = Some(name.to_vec());
                self.optional("value", 0x81, &mut ber);
                Some(())
            }
            INTERMEDIATE_RESPONSE => {
                self.optional("name", 0x80, &mut ber);
                self.optional("value", 0x81, &mut ber);
                Some(())
            }
            _ => self.answer(ber),
        }
    }

    fn optional(&mut self, key: &'static str, tag: u8, ber: &mut Ber<'_>) {
        if let Some(content) = ber.take(tag) {
            self.add_text(key, content);
        }
    }

    /// RFC 4511 §4.2: of a simple bind the password stays untold.
    fn bind(&mut self, mut ber: Ber<'_>) -> Option<()> {
        self.add("version", Value::Number(ber.number(INTEGER)?));
        self.add_dn("name", ber.take(OCTET_STRING)?);
        if let Some(mut sasl) = ber.inside(0xa3) {
            let mechanism = sasl.take(OCTET_STRING)?;
            self.add("sasl", Value::Object(vec![("mechanism", text(mechanism))]));
            return Some(());
        }
        ber.value().map(|_| ())
    }

    fn search(&mut self, mut ber: Ber<'_>) -> Option<()> {
        self.add_dn("base_object", ber.take(OCTET_STRING)?);
        self.add("scope", Value::Number(ber.number(ENUMERATED)?));
        self.add("deref_alias", Value::Number(ber.number(ENUMERATED)?));
        self.add("size_limit", Value::Number(ber.number(INTEGER)?));
        self.add("time_limit", Value::Number(ber.number(INTEGER)?));
        self.add("types_only", Value::Flag(ber.boolean()?));
        ber.value()?;
        let mut wanted = ber.inside(SEQUENCE)?;
        self.attributes = std::iter::from_fn(|| wanted.take(OCTET_STRING)).take(LIST_MAX).map(<[u8]>::to_vec).collect();
        if !self.attributes.is_empty() {
            self.add("attributes", Value::List(self.attributes.iter().map(|name| text(name)).collect()));
        }
        Some(())
    }

    fn modify(&mut self, mut ber: Ber<'_>) -> Option<()> {
        self.add_dn("object", ber.take(OCTET_STRING)?);
        let mut changes = Vec::new();
        let mut list = ber.inside(SEQUENCE)?;
        let mut is_whole = true;
        while list.peek().is_some() && changes.len() < LIST_MAX {
            let change = list.inside(SEQUENCE).and_then(|mut change| {
                let kind = match change.number(ENUMERATED)? {
                    0 => "add",
                    1 => "delete",
                    2 => "replace",
                    3 => "increment",
                    _ => "unknown",
                };
                let (name, values) = attribute(&mut change)?;
                Some((kind, name, values))
            });
            let Some((kind, name, values)) = change else {
                is_whole = false;
                break;
            };
            self.attributes.push(name.clone());
            let modification = vec![("attribute_type", Value::Text(name)), ("attribute_values", Value::List(values))];
            changes.push(Value::Object(vec![
                ("operation", Value::Name(kind)),
                ("modification", Value::Object(modification)),
            ]));
        }
        self.add("changes", Value::List(changes));
        is_whole.then_some(())
    }

    fn rename(&mut self, mut ber: Ber<'_>) -> Option<()> {
        self.add_dn("entry", ber.take(OCTET_STRING)?);
        self.add_text("new_rdn", ber.take(OCTET_STRING)?);
        self.add("delete_old_rdn", Value::Flag(ber.boolean()?));
        self.optional("new_superior", 0x80, &mut ber);
        Some(())
    }

    /// Attributes with their values.
    fn attribute_list(&mut self, key: &'static str, mut ber: Ber<'_>) -> Option<()> {
        let mut list = ber.inside(SEQUENCE)?;
        let mut shown = Vec::new();
        let mut is_whole = true;
        while list.peek().is_some() && shown.len() < LIST_MAX {
            let Some((name, values)) = attribute(&mut list) else {
                is_whole = false;
                break;
            };
            self.attributes.push(name.clone());
            let mut members = vec![(key, Value::Text(name))];
            if !values.is_empty() {
                members.push(("values", Value::List(values)));
            }
            shown.push(Value::Object(members));
        }
        if !shown.is_empty() {
            self.add("attributes", Value::List(shown));
        }
        is_whole.then_some(())
    }

    /// RFC 4511 §4.1.9: LDAPResult, and what some operations add to it.
    fn answer(&mut self, mut ber: Ber<'_>) -> Option<()> {
        let code = ber.number(ENUMERATED)?;
        self.result = Some(code);
        let shown = names::result(code).map_or(Value::Text(format!("unknown({code})").into_bytes()), Value::Name);
        self.add("result_code", shown);
        self.add_dn("matched_dn", ber.take(OCTET_STRING)?);
        let message = ber.take(OCTET_STRING)?;
        self.add_text("message", message);
        self.message = Some(message.to_vec());
        // Referrals.
        ber.take(0xa3);
        if self.code == BIND_RESPONSE {
            ber.take(0x87);
        } else if self.code == EXTENDED_RESPONSE {
            self.optional("name", 0x8a, &mut ber);
            self.optional("value", 0x8b, &mut ber);
        }
        Some(())
    }
}

fn text(bytes: &[u8]) -> Value {
    Value::Text(bytes.to_vec())
}

fn attribute(list: &mut Ber<'_>) -> Option<(Vec<u8>, Vec<Value>)> {
    let mut attribute = list.inside(SEQUENCE)?;
    let name = attribute.take(OCTET_STRING)?.to_vec();
    let mut set = attribute.inside(SET)?;
    let values = std::iter::from_fn(|| set.take(OCTET_STRING)).take(LIST_MAX).map(text).collect();
    Some((name, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let message = Message::parse(bytes).expect("a message");
        let mut out = Writer::new();
        Value::Object(message.operation.members).write(&mut out);
        format!("{} {} {}", message.id, message.is_whole, String::from_utf8_lossy(out.as_bytes()))
    }

    #[test]
    fn a_password_is_never_shown() {
        let bind = b"\x30\x1c\x02\x01\x01\x60\x17\x02\x01\x03\x04\x08cn=nurse\x80\x08password";
        assert_eq!(shown(bind), r#"1 true {"version":3,"name":"cn=nurse"}"#);
        let sasl = b"\x30\x17\x02\x01\x02\x60\x12\x02\x01\x03\x04\x00\xa3\x0b\x04\x06GSSAPI\x04\x01x";
        assert_eq!(shown(sasl), r#"2 true {"version":3,"name":"","sasl":{"mechanism":"GSSAPI"}}"#);
    }

    #[test]
    fn changes_and_answers_are_told() {
        let modify = b"\x30\x24\x02\x01\x03\x66\x1f\x04\x04cn=a\x30\x17\x30\x15\x0a\x01\x02\x30\x10\x04\x05phone\x31\x07\x04\x05\x31\x32\x33\x34\x35";
        assert_eq!(
            shown(modify),
            r#"3 true {"object":"cn=a","changes":[{"operation":"replace","modification":{"attribute_type":"phone","attribute_values":["12345"]}}]}"#
        );
        let answer = b"\x30\x0e\x02\x01\x03\x67\x09\x0a\x01\x20\x04\x02ab\x04\x00";
        assert_eq!(shown(answer), r#"3 true {"result_code":"no_such_object","matched_dn":"ab","message":""}"#);
    }

    #[test]
    fn a_cut_operation_keeps_what_was_understood() {
        let search = b"\x30\x10\x02\x01\x02\x63\x0b\x04\x06dc=his\x0a\x01\x02";
        assert_eq!(shown(search), r#"2 false {"base_object":"dc=his","scope":2}"#);
    }
}
