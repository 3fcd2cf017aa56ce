//! A stream as EVE's `http` object of version 2.

use super::{
    names,
    stream::{Line, Side, Stream},
};
use phitak_model::{Direction, json::Writer};

pub(super) fn write(stream: &Stream, out: &mut Writer) {
    let [request, response] = &stream.sides;
    out.key("http");
    out.begin_object();
    out.member_str("version", "2");
    headers("request_headers", request, out);
    headers("response_headers", response, out);
    for (key, value) in [
        ("http_method", request.get(":method")),
        ("hostname", stream.host()),
        ("url", request.get(":path")),
        ("http_user_agent", request.get("user-agent")),
        ("http_refer", request.get("referer")),
    ] {
        if let Some(value) = value {
            out.member_bytes(key, value);
        }
    }
    if let Some(kind) = response.get("content-type") {
        let end = memchr::memchr(b';', kind).unwrap_or(kind.len());
        out.member_bytes("http_content_type", kind.get(..end).unwrap_or_default());
    }
    let length = response.get("content-length").or_else(|| request.get("content-length"));
    if let Some(length) = length.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()) {
        out.member_number("length", length);
    }
    if let Some(status) = stream.status() {
        out.member_number("status", u64::from(status));
    }
    out.key("http2");
    out.begin_object();
    out.member_number("stream_id", u64::from(stream.id));
    for (key, direction) in [("request", Direction::ToServer), ("response", Direction::ToClient)] {
        out.key(key);
        out.begin_object();
        numbers(stream.side(direction), out);
        out.end_object();
    }
    out.end_object();
    out.end_object();
}

fn headers(key: &str, side: &Side, out: &mut Writer) {
    if side.lines.is_empty() {
        return;
    }
    out.key(key);
    out.begin_array();
    for line in &side.lines {
        out.begin_object();
        match line {
            Line::Field(field) => {
                out.member_bytes("name", &field.name);
                out.member_bytes("value", &field.value);
            }
            Line::SizeUpdate(size) => out.member_number("table_size_update", *size),
            Line::Fault(fault) => out.member_str("error", fault),
        }
        out.end_object();
    }
    out.end_array();
}

fn numbers(side: &Side, out: &mut Writer) {
    if !side.settings.is_empty() {
        out.key("settings");
        out.begin_array();
        for (id, value) in &side.settings {
            out.begin_object();
            out.member_str("settings_id", &names::setting(*id));
            out.member_number("settings_value", u64::from(*value));
            out.end_object();
        }
        out.end_array();
    }
    if let Some(code) = side.errors.first() {
        out.member_str("error_code", &names::error(u32::try_from(*code).unwrap_or(u32::MAX)));
    }
    if let Some(priority) = side.priorities.first() {
        out.member_number("priority", *priority);
    }
    if side.errors.len() > 1 {
        out.member_str("has_multiple", "error_code");
    } else if side.priorities.len() > 1 {
        out.member_str("has_multiple", "priority");
    }
}
