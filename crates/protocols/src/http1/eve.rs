//! A transaction as EVE's `http` object, extended form.

use super::transaction::HttpTransaction;
use phitak_model::json::Writer;

pub(super) fn write(transaction: &HttpTransaction, out: &mut Writer) {
    let field = |name: &str| transaction.request.get(name);
    let answer = |name: &str| transaction.response.get(name);
    out.key("http");
    out.begin_object();
    if let Some(host) = &transaction.host {
        out.member_bytes("hostname", host);
    }
    if let Some(port) = transaction.port {
        out.member_number("http_port", u64::from(port));
    }
    if transaction.request_unseen {
        out.member_str("url", super::UNSEEN_TARGET);
    } else if !transaction.target().is_empty() {
        out.member_bytes("url", transaction.target());
    }
    if let Some(agent) = field("User-Agent") {
        out.member_bytes("http_user_agent", agent);
    }
    if let Some(forwarded) = field("X-Forwarded-For") {
        out.member_bytes("xff", forwarded);
    }
    if let Some(kind) = answer("Content-Type") {
        let end = memchr::memchr(b';', kind).unwrap_or(kind.len());
        out.member_bytes("http_content_type", kind.get(..end).unwrap_or_default());
    }
    if let Some(range) = answer("Content-Range") {
        content_range(range, out);
    }
    if let Some(referer) = field("Referer") {
        out.member_bytes("http_refer", referer);
    }
    if !transaction.method().is_empty() {
        out.member_bytes("http_method", transaction.method());
    }
    let protocol = transaction.request.text(transaction.request_protocol);
    if !protocol.is_empty() {
        out.member_bytes("protocol", protocol);
    }
    if let Some(status) = transaction.status {
        out.member_number("status", u64::from(status));
        if (300..400).contains(&status)
            && let Some(location) = answer("Location")
        {
            out.member_bytes("redirect", location);
        }
    } else {
        let text = transaction.response.text(transaction.status_text);
        if !text.is_empty() {
            out.member_bytes("status_string", text);
        }
    }
    out.member_number("length", transaction.response_body.wire_bytes);
    out.end_object();
}

/// RFC 9110 §14.4: `bytes first-last/size`.
fn content_range(raw: &[u8], out: &mut Writer) {
    out.key("content_range");
    out.begin_object();
    out.member_bytes("raw", raw);
    let text = std::str::from_utf8(raw).unwrap_or_default().trim();
    if let Some((range, size)) = text.strip_prefix("bytes").and_then(|rest| rest.trim().split_once('/')) {
        if let Some((first, last)) = range.split_once('-')
            && let (Ok(first), Ok(last)) = (first.trim().parse::<u64>(), last.trim().parse::<u64>())
        {
            out.member_number("start", first);
            out.member_number("end", last);
        }
        if let Ok(size) = size.trim().parse::<u64>() {
            out.member_number("size", size);
        }
    }
    out.end_object();
}
