//! EVE's `smtp` and `email` objects.

use super::{
    mail::Mail,
    settings::{OPTIONAL, Shown},
};
use crate::mime::Mime;
use md5::{Digest as _, Md5};
use phitak_model::json::Writer;
use std::fmt::Write as _;

pub(super) fn write(mail: &Mail, out: &mut Writer) {
    out.key("smtp");
    out.begin_object();
    if !mail.helo.is_empty() {
        out.member_bytes("helo", &mail.helo);
    }
    if let Some(from) = &mail.from {
        out.member_bytes("mail_from", from);
    }
    list(out, "rcpt_to", mail.to.iter().map(Vec::as_slice));
    out.end_object();
    if let Some(message) = mail.message.as_deref() {
        email(mail, message, out);
    }
    if !mail.server_name.is_empty() {
        out.member_bytes("server_name", &mail.server_name);
    }
}

fn email(mail: &Mail, message: &Mime, out: &mut Writer) {
    out.key("email");
    out.begin_object();
    if let Some(from) = message.field("from") {
        out.member_bytes("from", from);
    }
    for name in ["to", "cc"] {
        if let Some(value) = message.field(name) {
            list(out, name, addresses(value));
        }
    }
    out.member_str("status", "PARSE_DONE");
    list(out, "attachment", message.attachments().iter().map(Vec::as_slice));
    // The last link comes first, as Suricata lists them.
    list(out, "url", message.links().iter().rev().map(Vec::as_slice));
    for (name, field, shown) in OPTIONAL {
        if !mail.settings.shows(name) {
            continue;
        }
        match (shown, message.field(field)) {
            (_, None) => {}
            (Shown::Text, Some(value)) => out.member_bytes(name, value),
            (Shown::List, Some(value)) => list(out, name, addresses(value)),
            (Shown::Each, Some(_)) => list(out, name, message.fields(field)),
        }
    }
    if let Some(subject) = message.field("subject").filter(|_| mail.settings.subject_md5) {
        let mut text = String::new();
        for byte in Md5::digest(subject) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        out.member_str("subject_md5", &text);
    }
    if let Some(digest) = message.body_digest().filter(|_| mail.settings.body_md5) {
        out.member_str("body_md5", digest);
    }
    out.end_object();
}

/// A list of addresses; commas in quoted names do not part them.
fn addresses(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    value
        .split(move |byte| {
            is_quoted ^= *byte == b'"';
            *byte == b',' && !is_quoted
        })
        .map(<[u8]>::trim_ascii)
        .filter(|address| !address.is_empty())
}

fn list<'a>(out: &mut Writer, name: &str, values: impl Iterator<Item = &'a [u8]>) {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return;
    }
    out.key(name);
    out.begin_array();
    values.for_each(|value| out.bytes(value));
    out.end_array();
}
