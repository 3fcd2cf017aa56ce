//! What may leave a hospital, applied in one place: only a [`Cleared`] item can enter the spool, and only [`clear`]
//! makes one.
//!
//! An item is written out as JSON and cut down to the fields of [`FIELDS`]; a field that somebody adds to an alert later
//! stays at the hospital until it is listed with its reason. Text and bytes lose Thai national ids ([`mask`]).

mod fields;
pub mod mask;
pub mod secret;

pub use fields::{FIELDS, LEAVES_IN_EVIDENCE, NEVER_LEAVES};

use crate::wire::{Item, RECORD_BYTES_MAX};
use mask::Cut;
use phitak_model::{Timestamp, alert::EVIDENCE_BYTES_MAX};
use serde_json::{Map, Value};

/// Longest text of one field; the rest is cut.
pub const TEXT_CHARS_MAX: usize = 512;
/// Most entries of a list in a record.
pub const LIST_ENTRIES_MAX: usize = 64;
/// Room for a record's number around its item.
const ENVELOPE_BYTES: usize = 64;
/// Longest hash that is known as one: SHA-512 in hexadecimal with colons.
const HASH_CHARS_MAX: usize = 191;

/// A field that leaves, and why.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub path: &'static str,
    pub guard: Guard,
    pub th: &'static str,
    pub en: &'static str,
}

/// What is done to a field's value before it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A number, moment, address or word of a fixed set: its type cannot carry anything else.
    Typed,
    /// Shortened, national ids masked.
    Text,
    /// As text, and everything between `=` and `&` after a question mark is cut out.
    Url,
    /// Hexadecimal digits and colons only, or nothing.
    Hash,
    /// Bytes with national ids masked, also where a cut may have halved one, and known forms of passwords.
    Bytes,
}

/// The kinds of items, in the order in which a full spool lets go of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Observation,
    Health,
    Alert,
}

/// An item that has passed the policy, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    kind: Kind,
    at: Timestamp,
    json: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("an item could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("an item is too large to leave even without its details")]
    TooLarge,
}

impl Cleared {
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }
}

/// Cuts an item down to what may leave.
///
/// # Errors
/// [`PolicyError`] when nothing sendable is left of it.
pub fn clear(item: &Item) -> Result<Cleared, PolicyError> {
    let (kind, at) = match item {
        Item::Alert(alert) => (Kind::Alert, alert.at),
        Item::Observation(observation) => (Kind::Observation, observation.last_at),
        Item::Health(health) => (Kind::Health, health.at),
    };
    let mut value = serde_json::to_value(item)?;
    if let Value::Object(map) = &mut value {
        keep_listed(map, "");
    }
    loop {
        let json = serde_json::to_vec(&value)?;
        if json.len() + ENVELOPE_BYTES <= RECORD_BYTES_MAX {
            return Ok(Cleared { kind, at, json });
        }
        if !shorten(&mut value) {
            return Err(PolicyError::TooLarge);
        }
    }
}

fn field(path: &str) -> Option<&'static Field> {
    FIELDS.binary_search_by(|field| field.path.cmp(path)).ok().and_then(|at| FIELDS.get(at))
}

fn has_below(path: &str) -> bool {
    let at = FIELDS.partition_point(|field| field.path < path);
    FIELDS
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take_while(|field| field.path.starts_with(path))
        .any(|field| field.path.as_bytes().get(path.len()) == Some(&b'.'))
}

const EVIDENCE: &str = "alert.evidence";
const NAMED_FIELDS: &str = "alert.fields";

/// Cuts a value down to what is listed at and below its path; says whether anything may stay.
fn keep(value: &mut Value, path: &str) -> bool {
    if let Some(field) = field(path) {
        guard(field.guard, value);
        return true;
    }
    if !has_below(path) {
        return false;
    }
    match value {
        Value::Null => true,
        Value::Object(map) => {
            keep_listed(map, path);
            if path == EVIDENCE {
                guard_edges(map);
            }
            true
        }
        Value::Array(list) if path == NAMED_FIELDS => {
            list.retain_mut(keep_named);
            list.truncate(LIST_ENTRIES_MAX);
            true
        }
        Value::Array(list) => {
            list.truncate(LIST_ENTRIES_MAX);
            list.retain_mut(|entry| entry.is_object() && keep(entry, path));
            true
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn keep_listed(map: &mut Map<String, Value>, above: &str) {
    map.retain(|name, value| {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        keep(value, &path)
    });
}

/// `[name, value]` of an application field.
fn keep_named(entry: &mut Value) -> bool {
    let Value::Array(pair) = entry else { return false };
    let [Value::String(name), value @ Value::String(_)] = pair.as_mut_slice() else { return false };
    match field(&format!("{NAMED_FIELDS}.{name}")) {
        Some(field) => {
            guard(field.guard, value);
            true
        }
        None => false,
    }
}

fn guard(guard: Guard, value: &mut Value) {
    match value {
        Value::String(text) => match guard {
            Guard::Typed => {}
            Guard::Text | Guard::Bytes => guard_text(text),
            Guard::Url => {
                cut_hidden_values(text);
                cut_query_values(text);
                guard_text(text);
            }
            Guard::Hash => guard_hash(text),
        },
        Value::Array(list) if guard == Guard::Bytes => guard_bytes(list),
        Value::Array(list) => {
            list.truncate(LIST_ENTRIES_MAX);
            list.iter_mut().for_each(|entry| self::guard(guard, entry));
        }
        // Nothing listed as a leaf is an object.
        Value::Object(map) => map.clear(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn guard_text(text: &mut String) {
    // Masked before it is cut, so that a cut never leaves twelve digits of a number.
    mask::mask_text(text);
    secret::mask_text(text);
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
    }
}

fn guard_hash(text: &mut String) {
    if text.len() > HASH_CHARS_MAX || !text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') {
        text.clear();
    }
}

/// What names a person besides the query: `http://user:secret@host/` loses the user, `/page;key=value/` its parameters,
/// and a question mark that is percent-encoded, once or twice, ends the address.
fn cut_hidden_values(url: &mut String) {
    if let Some((scheme, rest)) = url.split_once("://") {
        let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if let Some(at) = rest.get(..host_end).and_then(|host| host.rfind('@')) {
            *url = format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default());
        }
    }
    let lower = url.to_ascii_lowercase();
    if let Some(end) = ["%3f", "%253f"].iter().filter_map(|mark| lower.find(mark)).min() {
        url.truncate(end);
    }
    let page_end = url.find(['?', '#']).unwrap_or(url.len());
    let (page, rest) = url.split_at(page_end);
    if page.contains(';') {
        let parts: Vec<&str> = page.split('/').map(|part| part.split(';').next().unwrap_or_default()).collect();
        *url = format!("{}{rest}", parts.join("/"));
    }
}

/// `/find?name=somchai&page=2#top` becomes `/find?name=&page=`: what was typed stays, which page it was leaves.
fn cut_query_values(url: &mut String) {
    let Some((page, query)) = url.split_once('?') else {
        if let Some((page, _)) = url.split_once('#') {
            *url = page.to_owned();
        }
        return;
    };
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    // A parameter without an equals sign is a value without a name.
    let names: Vec<String> =
        query.split(['&', ';']).filter_map(|pair| pair.split_once('=')).map(|(name, _)| format!("{name}=")).collect();
    *url = format!("{page}?{}", names.join("&"));
}

fn bytes_of(list: &[Value]) -> Vec<u8> {
    list.iter().map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()).unwrap_or(0)).collect()
}

fn guard_bytes(list: &mut Vec<Value>) {
    list.truncate(EVIDENCE_BYTES_MAX);
    let mut bytes = bytes_of(list);
    let ids = mask::mask_bytes(&mut bytes);
    if ids + secret::mask_secrets(&mut bytes) > 0 {
        *list = bytes.into_iter().map(Value::from).collect();
    }
}

/// Evidence is an excerpt: a number may be cut at its edges.
fn guard_edges(evidence: &mut Map<String, Value>) {
    let start = evidence.get("offset").and_then(Value::as_u64).is_none_or(|offset| offset > 0);
    if let Some(Value::Array(list)) = evidence.get_mut("bytes") {
        let mut bytes = bytes_of(list);
        let end = bytes.len() >= EVIDENCE_BYTES_MAX;
        mask::mask_edges(&mut bytes, Cut { start, end });
        *list = bytes.into_iter().map(Value::from).collect();
    }
}

/// Takes the least needed thing off a record that is too large; says whether there was one.
fn shorten(value: &mut Value) -> bool {
    let Some(alert) = value.get_mut("alert").and_then(Value::as_object_mut) else { return false };
    if let Some(Value::Array(list)) = alert.get_mut("fields")
        && list.pop().is_some()
    {
        return true;
    }
    match alert.get_mut("evidence") {
        Some(evidence) if !evidence.is_null() => {
            *evidence = Value::Null;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
