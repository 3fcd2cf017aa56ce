//! Keywords by which a rule tells of itself, and those about how often it alerts.

use super::{Builder, Taken, needed, no_value};
use crate::{
    condition::{Condition, ConfigScope, Effect, FieldCheck, FieldIndex, FieldTest, FileScope, TagHost, TagUnit},
    content,
    option::NOT_UTF8,
    rule::Target,
    text::{Fault, Text},
    threshold,
};
use phitak_model::Direction;
use std::sync::Arc;

/// Priority of rules without a class or with one that is not known.
const PRIORITY_DEFAULT: u32 = 3;
/// Most `key value` pairs of one rule's metadata.
const METADATA_MAX: usize = 128;

impl Builder<'_> {
    pub(super) fn take_meta(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        match keyword.text {
            "msg" => {
                self.once(keyword, "msg")?;
                self.meta.message = shown(&plain_text(needed(keyword, value)?)?);
            }
            "sid" => {
                self.once(keyword, "sid")?;
                let value = needed(keyword, value)?;
                self.meta.sid = match value.unquote().number()? {
                    0 => return Err(value.fault("a sid is greater than 0")),
                    sid => sid,
                };
            }
            "gid" => self.meta.gid = needed(keyword, value)?.unquote().number()?,
            "rev" => {
                self.once(keyword, "rev")?;
                self.meta.rev = needed(keyword, value)?.unquote().number()?;
            }
            "classtype" => {
                self.once(keyword, "classtype")?;
                self.meta.class = Some(needed(keyword, value)?.text.into());
            }
            "priority" => {
                let value = needed(keyword, value)?;
                self.meta.priority = match value.unquote().number()? {
                    n @ 1..=255 => n,
                    n => return Err(value.fault(format!("{n} is not a priority: 1 (most urgent) to 255"))),
                };
            }
            "metadata" => self.metadata(keyword, needed(keyword, value)?)?,
            "reference" => {
                let value = needed(keyword, value)?;
                let Some((kind, text)) = value.split_once(',') else {
                    return Err(value.fault("a reference is a kind and a text").hint("reference:cve,2021-44228"));
                };
                self.meta.references.push(&kind.trim().text.to_ascii_lowercase(), &shown(text.unquote().text));
            }
            "target" => {
                let value = needed(keyword, value)?;
                self.meta.target = Some(match value.text {
                    "src_ip" => Target::SrcIp,
                    "dest_ip" => Target::DestIp,
                    _ => return Err(value.fault("the target is src_ip or dest_ip")),
                });
            }
            "noalert" => {
                no_value(keyword, value)?;
                self.no_alert = true;
            }
            "prefilter" => {
                no_value(keyword, value)?;
                self.prefilter = true;
            }
            // Weighed before all other options.
            "requires" => {}
            // Certificates are not stored; the rule matches all the same.
            "tls_store" | "tls.store" => no_value(keyword, value)?,
            _ => return self.take_rate(keyword, value),
        }
        Ok(true)
    }

    fn take_rate(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        match keyword.text {
            "threshold" => {
                self.once(keyword, "threshold")?;
                self.threshold = Some(threshold::threshold(needed(keyword, value)?)?);
            }
            "detection_filter" => {
                self.once(keyword, "detection_filter")?;
                self.detection_filter = Some(threshold::detection_filter(needed(keyword, value)?)?);
            }
            "bypass" => {
                no_value(keyword, value)?;
                self.effect(keyword, Effect::Bypass);
                return Ok(true);
            }
            "filestore" => {
                let effect = filestore(value)?;
                // Without a word on which files are meant, there must be one.
                if effect == (Effect::StoreFile { direction: None, scope: FileScope::File }) {
                    let name = "file.size".to_owned();
                    let test = FieldTest { name, check: FieldCheck::Present, index: FieldIndex::Any, direction: None };
                    self.condition(keyword, Condition::Field(test));
                }
                self.effect(keyword, effect);
                return Ok(true);
            }
            "tag" => {
                let effect = tag(needed(keyword, value)?)?;
                self.effect(keyword, effect);
                return Ok(true);
            }
            "config" => {
                let effect = config(needed(keyword, value)?)?;
                self.effect(keyword, effect);
                return Ok(true);
            }
            _ => return Ok(false),
        }
        if self.threshold.is_some() && self.detection_filter.is_some() {
            return Err(keyword.fault("threshold and detection_filter cannot be mixed in one rule"));
        }
        Ok(true)
    }

    fn metadata(&mut self, keyword: Text<'_>, value: Text<'_>) -> Result<(), Fault> {
        for item in value.text.split(',').map(str::trim) {
            let (key, text) = item.split_once(char::is_whitespace).unwrap_or((item, ""));
            if !key.is_empty() {
                self.meta.metadata.push(key, &shown(text.trim_start()));
                self.metadata_count += 1;
            }
        }
        if self.metadata_count > METADATA_MAX {
            return Err(keyword.fault(format!("more than {METADATA_MAX} entries of metadata")));
        }
        Ok(())
    }

    pub(super) fn settle_class(&mut self) {
        let class = self.meta.class.as_deref().and_then(|name| self.context.classes.get(name));
        if let Some(class) = class {
            self.meta.category = Arc::clone(&class.description);
        }
        if self.meta.priority == 0 {
            self.meta.priority = class.map_or(PRIORITY_DEFAULT, |c| c.priority);
        }
    }
}

/// A message: quotes off, escapes resolved.
fn plain_text(value: Text<'_>) -> Result<String, Fault> {
    let inner = value.unquote();
    if !inner.text.contains('\\') {
        return Ok(inner.text.to_owned());
    }
    if inner.text.contains('|') || !inner.text.contains('\\') {
        return Ok(inner.text.replace("\\;", ";").replace("\\\"", "\"").replace("\\\\", "\\"));
    }
    match content::bytes(inner) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(_) => Ok(inner.text.to_owned()),
    }
}

fn filestore(value: Option<Text<'_>>) -> Result<Effect, Fault> {
    let (mut direction, mut scope) = (None, FileScope::File);
    for option in value.filter(|v| !v.is_empty()).map(|v| v.split(',')).unwrap_or_default() {
        match option.text {
            "request" | "to_server" => direction = Some(Direction::ToServer),
            "response" | "to_client" => direction = Some(Direction::ToClient),
            "both" => direction = None,
            "file" => scope = FileScope::File,
            "tx" => scope = FileScope::Transaction,
            "ssn" | "flow" => scope = FileScope::Flow,
            _ => {
                return Err(option
                    .fault(format!("{:?} is not an option of filestore", option.text))
                    .hint("request, response, both; file, tx, flow"));
            }
        }
    }
    Ok(Effect::StoreFile { direction, scope })
}

fn tag(value: Text<'_>) -> Result<Effect, Fault> {
    let parts = value.split(',');
    let (kind, count, unit, side) = match parts.as_slice() {
        [kind] => (*kind, None, None, None),
        [kind, count, unit] => (*kind, Some(*count), Some(*unit), None),
        [kind, count, unit, side] => (*kind, Some(*count), Some(*unit), Some(*side)),
        _ => return Err(value.fault("tag is written session or host, count, packets or seconds or bytes")),
    };
    let host = match (kind.text, side.map(|s| s.text)) {
        ("session", None) => None,
        ("host", Some("src")) => Some(TagHost::Source),
        ("host", Some("dst")) => Some(TagHost::Destination),
        ("session" | "host", _) => {
            return Err(value.fault("a tag of a host names src or dst; one of a session names neither"));
        }
        _ => return Err(kind.fault(format!("{:?} cannot be tagged", kind.text)).hint("session or host")),
    };
    let unit = match unit.map(|u| u.text) {
        None | Some("packets") => TagUnit::Packets,
        Some("seconds") => TagUnit::Seconds,
        Some("bytes") => TagUnit::Bytes,
        Some(_) => return Err(unit.unwrap_or(value).fault("a tag counts packets, seconds or bytes")),
    };
    Ok(Effect::Tag { host, count: count.map_or(Ok(256), Text::number)?, unit })
}

fn config(value: Text<'_>) -> Result<Effect, Fault> {
    let parts = value.split(',');
    let mut scope = None;
    let mut disables = false;
    for part in &parts {
        let (word, rest) = part.word();
        match (word.text, rest.text) {
            ("logging", "disable") => disables = true,
            ("tracking", _) => return Err(part.fault("tracking cannot be configured by rules")),
            ("type", _) => {}
            ("scope", "packet") => scope = Some(ConfigScope::Packet),
            ("scope", "flow") => scope = Some(ConfigScope::Flow),
            ("scope", "tx") => scope = Some(ConfigScope::Transaction),
            _ => {
                return Err(part
                    .fault(format!("{:?} is not an option of config", part.text))
                    .hint("logging disable, type tx, scope tx"));
            }
        }
    }
    match (disables, scope) {
        (true, Some(scope)) => Ok(Effect::NoLogging { scope }),
        _ => Err(value.fault("config needs \"logging disable\" and a scope")),
    }
}

/// Words for people, in which a byte that was not UTF-8 shows as such.
fn shown(text: &str) -> String {
    text.replace(NOT_UTF8, "\u{fffd}")
}
