//! SMTP's settings by Suricata's names, and what its records show.

use crate::mime::{LinkSettings, MimeSettings};
use crate::session::Settings;

/// Header fields that `outputs.*.smtp` may ask for: the record's name, the field's, and how its value is shown.
pub(super) const OPTIONAL: &[(&str, &str, Shown)] = &[
    ("bcc", "bcc", Shown::List),
    ("content_md5", "content-md5", Shown::Text),
    ("date", "date", Shown::Text),
    ("importance", "importance", Shown::Text),
    ("in_reply_to", "in-reply-to", Shown::Text),
    ("message_id", "message-id", Shown::Text),
    ("organization", "organization", Shown::Text),
    ("priority", "priority", Shown::Text),
    ("received", "received", Shown::Each),
    ("references", "references", Shown::Text),
    ("reply_to", "reply-to", Shown::Text),
    ("sensitivity", "sensitivity", Shown::Text),
    ("subject", "subject", Shown::Text),
    ("user_agent", "user-agent", Shown::Text),
    ("x_mailer", "x-mailer", Shown::Text),
    ("x_originating_ip", "x-originating-ip", Shown::Text),
];
/// What `extended: yes` adds.
const EXTENDED: &[&str] = &["bcc", "message_id", "subject", "user_agent", "x_mailer"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Text,
    /// Split at commas.
    List,
    /// All fields of the name.
    Each,
}

/// What `outputs.*.smtp` says of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct SmtpSettings {
    fields: Vec<&'static str>,
    pub(super) subject_md5: bool,
    pub(super) body_md5: bool,
}

impl SmtpSettings {
    pub(super) fn shows(&self, name: &str) -> bool {
        self.fields.contains(&name)
    }

    /// `extended`, `custom`, `md5`; lists may be given by element (`custom.0`).
    pub(crate) fn set(&mut self, name: &str, value: &str) -> bool {
        let words = || words(value).map(|word| word.replace('-', "_"));
        match name.split('.').next().unwrap_or(name) {
            "extended" if is_yes(value) => self.fields.extend(EXTENDED),
            "extended" | "enabled" => {}
            "custom" => {
                let known = |word: String| OPTIONAL.iter().find(|(known, ..)| *known == word).map(|(known, ..)| *known);
                self.fields.extend(words().filter_map(known));
            }
            "md5" => {
                self.subject_md5 |= words().any(|word| word == "subject");
                self.body_md5 |= words().any(|word| word == "body");
            }
            _ => return false,
        }
        true
    }
}

/// How messages are looked at (`app-layer.protocols.smtp.mime.*`).
pub(super) fn mime(settings: &Settings) -> MimeSettings {
    let get = |name: &str| settings.get(&format!("app-layer.protocols.smtp.mime.{name}"));
    let mut links = LinkSettings::default();
    if let Some(schemes) = get("extract-urls-schemes") {
        let scheme = |name: &str| format!("{name}{}", if name == "mailto" { ":" } else { "://" }).into_bytes();
        links.schemes = words(schemes).map(scheme).collect();
    }
    if get("extract-urls").is_some_and(|value| !is_yes(value)) {
        links.schemes.clear();
    }
    links.with_scheme = get("log-url-scheme").is_some_and(is_yes);
    MimeSettings { links, body_md5: get("body-md5").map_or(settings.mail_body_md5, is_yes), digests: settings.digests }
}

/// Whether messages are looked into at all (`mime.decode-mime`).
pub(super) fn decodes(settings: &Settings) -> bool {
    settings.get("app-layer.protocols.smtp.mime.decode-mime").is_none_or(is_yes)
}

fn is_yes(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "yes" | "true" | "on" | "1")
}

/// `[a, b]`, `a,b` or `a`
fn words(value: &str) -> impl Iterator<Item = &str> {
    let value = value.trim().trim_start_matches('[').trim_end_matches(']');
    value.split(',').map(|word| word.trim().trim_matches('"')).filter(|word| !word.is_empty())
}
