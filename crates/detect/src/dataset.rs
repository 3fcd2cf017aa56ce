//! Sets of values that buffers are looked up in: loaded with the rules, changed by rules while traffic passes.

use crate::{
    outcome::Detail,
    value_set::{Added, ValueSet},
};
use phitak_rules::{
    condition::Base64Mode,
    dataset::{DataKind, DatasetCommand, DatasetJson},
};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

/// Values of one set that are loaded.
pub(crate) const LOADED_VALUES_MAX: usize = 1 << 24;
/// Values that traffic adds to one set.
pub(crate) const ADDED_VALUES_MAX: usize = 1 << 20;
/// Bytes of all values that traffic adds to all sets, with what holding each takes.
const ADDED_BYTES_MAX: usize = 64 << 20;
/// Bytes that holding a value takes besides its own: its place in a table that is half full, and its allocation's.
const HOLDING_BYTES: usize = 64;
/// Bytes of one value.
pub(crate) const VALUE_BYTES_MAX: usize = 4096;

/// A set as it was loaded.
pub(crate) struct BaseSet {
    pub name: String,
    pub kind: DataKind,
    values: ValueSet,
    /// By the numbers of the values; empty when none has one.
    reputations: Vec<Option<u16>>,
    /// JSON texts of values by their numbers, and the member under which an alert shows them.
    objects: HashMap<u32, Box<str>>,
    context_key: Box<str>,
}

/// A worker's sets: what was loaded and what its own traffic changed.
#[derive(Default)]
pub(crate) struct Sets {
    base: Arc<[BaseSet]>,
    added: Vec<HashSet<Box<[u8]>>>,
    removed: Vec<HashSet<Box<[u8]>>>,
    /// Of all that was added, with what holding each value takes.
    added_bytes: usize,
    /// Values for which there was no room.
    turned_away: u64,
}

impl BaseSet {
    /// Reads a file of values, one a line (`value` or `value,reputation`), or of JSON.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(name: &str, kind: DataKind, file: Option<&[u8]>, json: Option<&DatasetJson>) -> Result<Self, String> {
        let mut set = Self {
            name: name.to_owned(),
            kind,
            values: ValueSet::default(),
            reputations: Vec::new(),
            objects: HashMap::new(),
            context_key: json.map_or("", |j| j.context_key.as_str()).into(),
        };
        let Some(file) = file else { return Ok(set) };
        match json {
            Some(json) => set.load_json(&String::from_utf8_lossy(file), json)?,
            None => set.load_lines(file)?,
        }
        Ok(set)
    }

    fn load_lines(&mut self, file: &[u8]) -> Result<(), String> {
        let lines = memchr::memchr_iter(b'\n', file).count() + 1;
        self.values = ValueSet::with_room_for(lines.min(LOADED_VALUES_MAX));
        let mut value = Vec::new();
        for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let (text, reputation) =
                match line.iter().rposition(|byte| *byte == b',').and_then(|at| line.split_at_checked(at)) {
                    Some((text, rest)) => (text.trim_ascii(), number(rest)),
                    None => (line, None),
                };
            value.clear();
            if written(self.kind, text, &mut value).is_none() {
                return Err(format!("line {} of the file of set {} is not a value of its type", index + 1, self.name));
            }
            let number = self.insert(&value)?;
            if reputation.is_some() {
                let index = number as usize;
                if self.reputations.len() <= index {
                    self.reputations.resize(index + 1, None);
                }
                if let Some(slot) = self.reputations.get_mut(index) {
                    *slot = reputation;
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, value: &[u8]) -> Result<u32, String> {
        match self.values.insert(value) {
            Added::Known(number) => Ok(number),
            Added::New(number) if self.values.len() <= LOADED_VALUES_MAX => Ok(number),
            Added::New(_) | Added::NoRoom => {
                Err(format!("the set {} has more than {LOADED_VALUES_MAX} values", self.name))
            }
        }
    }

    fn load_json(&mut self, text: &str, json: &DatasetJson) -> Result<(), String> {
        let wrong = |what: &str| format!("the file of set {} is not as the rule says: {what}", self.name);
        let mut objects = Vec::new();
        if json.by_line {
            for line in text.lines().filter(|l| !l.trim().is_empty()) {
                objects.push(serde_json::from_str(line).map_err(|e| wrong(&e.to_string()))?);
            }
        } else {
            let whole: serde_json::Value = serde_json::from_str(text).map_err(|e| wrong(&e.to_string()))?;
            let at = json.array_key.as_deref().map_or(Some(&whole), |key| member(&whole, key));
            match at {
                Some(serde_json::Value::Array(items)) => objects.extend(items.iter().cloned()),
                _ => return Err(wrong("there is no array at its place")),
            }
        }
        let mut found = 0usize;
        for mut object in objects {
            let value = member(&object, &json.value_key).and_then(|v| v.as_str());
            let mut bytes = Vec::new();
            if value.and_then(|v| raw(self.kind, v.as_bytes(), &mut bytes)).is_none() {
                continue;
            }
            if json.remove_key {
                remove(&mut object, &json.value_key);
            }
            let number = self.insert(&bytes)?;
            // Of several objects with one value the first counts.
            self.objects.entry(number).or_insert_with(|| object.to_string().into());
            found += 1;
        }
        if found == 0 {
            return Err(format!("no entry of the file of set {} has a usable {}", self.name, json.value_key));
        }
        Ok(())
    }
}

/// A dotted path into an object.
fn member<'v>(value: &'v serde_json::Value, path: &str) -> Option<&'v serde_json::Value> {
    path.split('.').try_fold(value, |at, key| at.get(key))
}

fn remove(value: &mut serde_json::Value, path: &str) {
    let (parent, last) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = parent.split('.').filter(|k| !k.is_empty()).try_fold(value, |at, key| at.get_mut(key));
    if let Some(object) = parent.and_then(serde_json::Value::as_object_mut) {
        object.remove(last);
    }
}

/// A reputation behind its comma.
fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text.get(1..)?).ok()?.trim().parse().ok()
}

/// A value as files of lines write it: text in Base64.
fn written(kind: DataKind, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if kind != DataKind::String {
        return raw(kind, text, out);
    }
    crate::base64::decode(text, Base64Mode::Strict, out);
    (!out.is_empty()).then_some(())
}

/// A value as JSON writes it: text as it is, hashes in hexadecimal, addresses in their usual form.
fn raw(kind: DataKind, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match kind {
        DataKind::String => out.extend_from_slice(text),
        DataKind::Md5 => digits(text, 16, out)?,
        DataKind::Sha256 => digits(text, 32, out)?,
        DataKind::Ip | DataKind::Ipv4 => {
            let parsed: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
            if kind == DataKind::Ipv4 && !parsed.is_ipv4() {
                return None;
            }
            out.extend_from_slice(&address(parsed));
        }
    }
    Some(())
}

fn digits(text: &[u8], length: usize, out: &mut Vec<u8>) -> Option<()> {
    if text.len() != length * 2 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    for pair in text.chunks_exact(2) {
        let [high, low] = pair else { return None };
        out.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(())
}

/// IPv4 and IPv6 in one form.
fn address(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(a) => a.to_ipv6_mapped().octets(),
        IpAddr::V6(a) => a.octets(),
    }
}

/// The buffer as a value of this type. Addresses are put together in `room`.
fn value_of<'b>(kind: DataKind, bytes: &'b [u8], room: &'b mut [u8; 16]) -> Option<&'b [u8]> {
    match kind {
        DataKind::String => (bytes.len() <= VALUE_BYTES_MAX).then_some(bytes),
        DataKind::Md5 => (bytes.len() == 16).then_some(bytes),
        DataKind::Sha256 => (bytes.len() == 32).then_some(bytes),
        DataKind::Ip | DataKind::Ipv4 => {
            *room = match bytes.len() {
                4 => address(<[u8; 4]>::try_from(bytes).ok()?.into()),
                16 if kind == DataKind::Ip => address(<[u8; 16]>::try_from(bytes).ok()?.into()),
                _ => return None,
            };
            Some(room)
        }
    }
}

impl Sets {
    pub fn new(base: Arc<[BaseSet]>) -> Self {
        let (added, removed) = base.iter().map(|_| (HashSet::new(), HashSet::new())).unzip();
        Self { base, added, removed, added_bytes: 0, turned_away: 0 }
    }

    /// Does what the rule says with the buffer as a value; true when the rule goes on.
    pub fn apply(&mut self, set: u32, command: DatasetCommand, bytes: &[u8], details: &mut Vec<Detail>) -> bool {
        let index = set as usize;
        let (Some(base), Some(added), Some(removed)) =
            (self.base.get(index), self.added.get_mut(index), self.removed.get_mut(index))
        else {
            return false;
        };
        let mut room = [0; 16];
        let Some(value) = value_of(base.kind, bytes, &mut room) else {
            return command == DatasetCommand::IsNotSet;
        };
        let loaded = base.values.find(value);
        let there = added.contains(value) || loaded.is_some() && !removed.contains(value);
        match command {
            DatasetCommand::IsNotSet => !there,
            DatasetCommand::IsSet => {
                if let Some(object) = loaded.and_then(|number| base.objects.get(&number)).filter(|_| there) {
                    details.push(Detail::context(&base.context_key, object));
                }
                there
            }
            DatasetCommand::Set => {
                if there {
                    return false;
                }
                let bytes = self.added_bytes + HOLDING_BYTES + value.len();
                if added.len() >= ADDED_VALUES_MAX || bytes > ADDED_BYTES_MAX {
                    self.turned_away += 1;
                    return false;
                }
                removed.remove(value);
                added.insert(value.into());
                self.added_bytes = bytes;
                true
            }
            DatasetCommand::Unset => {
                if !there {
                    return false;
                }
                if added.remove(value) {
                    self.added_bytes -= HOLDING_BYTES + value.len();
                }
                if loaded.is_some() {
                    removed.insert(value.into());
                }
                true
            }
        }
    }

    /// Values for which there was no room.
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    pub fn reputation(&self, set: u32, bytes: &[u8]) -> Option<u64> {
        let base = self.base.get(set as usize)?;
        let mut room = [0; 16];
        let number = base.values.find(value_of(base.kind, bytes, &mut room)?)?;
        base.reputations.get(number as usize).copied().flatten().map(u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(base: BaseSet) -> Sets {
        Sets::new(vec![base].into())
    }

    #[test]
    fn values_come_and_go() {
        let base = BaseSet::load("s", DataKind::String, Some(b"YWJj\n"), None).expect("loads");
        let mut sets = sets(base);
        let mut details = Vec::new();
        let mut check = |command, value: &[u8], holds| assert_eq!(sets.apply(0, command, value, &mut details), holds);
        check(DatasetCommand::IsSet, b"abc", true);
        check(DatasetCommand::Set, b"abc", false);
        check(DatasetCommand::Unset, b"abc", true);
        check(DatasetCommand::IsNotSet, b"abc", true);
        check(DatasetCommand::Set, b"abc", true);
        check(DatasetCommand::IsSet, b"abc", true);
        check(DatasetCommand::IsSet, b"abcd", false);
    }

    #[test]
    fn traffic_adds_so_many_bytes_and_no_more() {
        let base = BaseSet::load("s", DataKind::String, None, None).expect("loads");
        let mut sets = sets(base);
        let mut details = Vec::new();
        let value = |number: usize| format!("{number:0width$}", width = VALUE_BYTES_MAX).into_bytes();
        let room = ADDED_BYTES_MAX / (HOLDING_BYTES + VALUE_BYTES_MAX);
        for number in 0..room {
            assert!(sets.apply(0, DatasetCommand::Set, &value(number), &mut details));
        }
        assert!(!sets.apply(0, DatasetCommand::Set, &value(room), &mut details), "all room is taken");
        assert!(sets.apply(0, DatasetCommand::Unset, &value(0), &mut details));
        assert!(sets.apply(0, DatasetCommand::Set, &value(room), &mut details), "one went, one may come");
        assert_eq!(sets.turned_away(), 1);
    }

    #[test]
    fn objects_go_with_their_values() {
        let json = DatasetJson {
            by_line: true,
            value_key: "ioc.host".into(),
            context_key: "bad".into(),
            remove_key: true,
            array_key: None,
        };
        let base = BaseSet::load("s", DataKind::String, Some(br#"{"ioc":{"host":"a.b"},"year":5}"#), Some(&json))
            .expect("loads");
        let mut details = Vec::new();
        assert!(sets(base).apply(0, DatasetCommand::IsSet, b"a.b", &mut details));
        assert_eq!(details, [Detail::context("bad", r#"{"ioc":{},"year":5}"#)]);
    }

    #[test]
    fn addresses_and_reputations_are_found() {
        let base = BaseSet::load("s", DataKind::Ip, Some(b"10.0.0.1,5\n2001:db8::1,7\n"), None).expect("loads");
        let sets = sets(base);
        assert_eq!(sets.reputation(0, &[10, 0, 0, 1]), Some(5));
        assert_eq!(sets.reputation(0, &[10, 0, 0, 2]), None);
        assert!(BaseSet::load("s", DataKind::Md5, Some(b"xyz\n"), None).is_err());
    }
}
