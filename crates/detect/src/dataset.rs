//! Sets of values that buffers are looked up in: loaded with the rules, changed by rules while traffic passes.

use crate::outcome::Detail;
use phitak_rules::{
    condition::Base64Mode,
    dataset::{DataKind, DatasetCommand, DatasetJson},
};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

/// Values of one set, loaded and added.
pub(crate) const SET_VALUES_MAX: usize = 1 << 20;
/// Bytes of one value.
pub(crate) const VALUE_BYTES_MAX: usize = 4096;

/// A set as it was loaded.
pub(crate) struct BaseSet {
    pub name: String,
    pub kind: DataKind,
    values: HashSet<Box<[u8]>>,
    reputations: HashMap<Box<[u8]>, u64>,
    /// JSON texts of values, and the member under which an alert shows them.
    objects: HashMap<Box<[u8]>, Box<str>>,
    context_key: Box<str>,
}

/// A worker's sets: what was loaded and what its own traffic changed.
#[derive(Default)]
pub(crate) struct Sets {
    base: Arc<[BaseSet]>,
    added: Vec<HashSet<Box<[u8]>>>,
    removed: Vec<HashSet<Box<[u8]>>>,
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
            values: HashSet::new(),
            reputations: HashMap::new(),
            objects: HashMap::new(),
            context_key: json.map_or("", |j| j.context_key.as_str()).into(),
        };
        let Some(file) = file else { return Ok(set) };
        let text = String::from_utf8_lossy(file);
        match json {
            Some(json) => set.load_json(&text, json)?,
            None => set.load_lines(&text)?,
        }
        Ok(set)
    }

    fn load_lines(&mut self, text: &str) -> Result<(), String> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (value, reputation) = match line.rsplit_once(',') {
                Some((value, reputation)) => (value.trim(), reputation.trim().parse().ok()),
                None => (line, None),
            };
            let Some(value) = written(self.kind, value) else {
                return Err(format!("line {} of the file of set {} is not a value of its type", index + 1, self.name));
            };
            if let Some(reputation) = reputation {
                self.reputations.insert(value.clone(), reputation);
            }
            self.insert(value)?;
        }
        Ok(())
    }

    fn insert(&mut self, value: Box<[u8]>) -> Result<(), String> {
        if self.values.len() >= SET_VALUES_MAX {
            return Err(format!("the set {} has more than {SET_VALUES_MAX} values", self.name));
        }
        self.values.insert(value);
        Ok(())
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
            let Some(value) = value.and_then(|v| raw(self.kind, v)) else { continue };
            if json.remove_key {
                remove(&mut object, &json.value_key);
            }
            self.objects.insert(value.clone(), object.to_string().into());
            self.insert(value)?;
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

/// A value as files of lines write it: text in Base64.
fn written(kind: DataKind, text: &str) -> Option<Box<[u8]>> {
    if kind != DataKind::String {
        return raw(kind, text);
    }
    let mut decoded = Vec::new();
    crate::base64::decode(text.as_bytes(), Base64Mode::Strict, &mut decoded);
    (!decoded.is_empty()).then(|| decoded.into())
}

/// A value as JSON writes it: text as it is, hashes in hexadecimal, addresses in their usual form.
fn raw(kind: DataKind, text: &str) -> Option<Box<[u8]>> {
    let digits = |length: usize| {
        let pairs = text.as_bytes().chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok());
        pairs.collect::<Option<Vec<u8>>>().filter(|bytes| bytes.len() == length)
    };
    match kind {
        DataKind::String => Some(text.as_bytes().into()),
        DataKind::Md5 => digits(16).map(Into::into),
        DataKind::Sha256 => digits(32).map(Into::into),
        DataKind::Ip => text.parse().ok().map(address),
        DataKind::Ipv4 => text.parse().ok().filter(IpAddr::is_ipv4).map(address),
    }
}

/// IPv4 and IPv6 in one form.
fn address(address: IpAddr) -> Box<[u8]> {
    match address {
        IpAddr::V4(a) => a.to_ipv6_mapped().octets().into(),
        IpAddr::V6(a) => a.octets().into(),
    }
}

/// The buffer as a value of this type.
fn value_of(kind: DataKind, bytes: &[u8]) -> Option<Box<[u8]>> {
    match kind {
        DataKind::String => (bytes.len() <= VALUE_BYTES_MAX).then(|| bytes.into()),
        DataKind::Md5 => (bytes.len() == 16).then(|| bytes.into()),
        DataKind::Sha256 => (bytes.len() == 32).then(|| bytes.into()),
        DataKind::Ip | DataKind::Ipv4 => match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|b| address(b.into())),
            16 if kind == DataKind::Ip => <[u8; 16]>::try_from(bytes).ok().map(|b| address(b.into())),
            _ => None,
        },
    }
}

impl Sets {
    pub fn new(base: Arc<[BaseSet]>) -> Self {
        let (added, removed) = base.iter().map(|_| (HashSet::new(), HashSet::new())).unzip();
        Self { base, added, removed }
    }

    /// Does what the rule says with the buffer as a value; true when the rule goes on.
    pub fn apply(&mut self, set: u32, command: DatasetCommand, bytes: &[u8], details: &mut Vec<Detail>) -> bool {
        let index = set as usize;
        let (Some(base), Some(added), Some(removed)) =
            (self.base.get(index), self.added.get_mut(index), self.removed.get_mut(index))
        else {
            return false;
        };
        let Some(value) = value_of(base.kind, bytes) else {
            return command == DatasetCommand::IsNotSet;
        };
        let there = added.contains(&value) || base.values.contains(&value) && !removed.contains(&value);
        match command {
            DatasetCommand::IsNotSet => !there,
            DatasetCommand::IsSet => {
                if let Some(object) = base.objects.get(&value).filter(|_| there) {
                    details.push(Detail::context(&base.context_key, object));
                }
                there
            }
            DatasetCommand::Set => {
                if there || added.len() >= SET_VALUES_MAX {
                    return false;
                }
                removed.remove(&value);
                added.insert(value);
                true
            }
            DatasetCommand::Unset => {
                if !there {
                    return false;
                }
                added.remove(&value);
                if base.values.contains(&value) {
                    removed.insert(value);
                }
                true
            }
        }
    }

    pub fn reputation(&self, set: u32, bytes: &[u8]) -> Option<u64> {
        let base = self.base.get(set as usize)?;
        base.reputations.get(&value_of(base.kind, bytes)?).copied()
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
