//! A request's target: its parts, its normal form, and host names with ports.
//!
//! Source: RFC 9112 §3.2, RFC 3986 §3 and §5.2.4; the normal form is that of Suricata's IDS personality: `%XX` and
//! `%uXXXX` decoded, backslashes as slashes, slashes in a row as one, dot segments removed; the query is decoded too.

use super::settings::HttpSettings;

/// Parts of a target, undecoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) scheme: Option<&'a [u8]>,
    pub(crate) user: Option<&'a [u8]>,
    /// Host and port as they stand.
    pub(crate) authority: Option<&'a [u8]>,
    pub(crate) path: Option<&'a [u8]>,
    pub(crate) query: Option<&'a [u8]>,
    pub(crate) fragment: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Takes a target apart. `CONNECT` has a host and a port only.
    pub(crate) fn parse(target: &'a [u8], is_connect: bool) -> Self {
        let mut parts = Self::default();
        if is_connect && !target.starts_with(b"/") {
            parts.authority = Some(target);
            return parts;
        }
        let mut rest = target;
        if !rest.starts_with(b"/")
            && let Some((scheme, after)) = split_at_byte(rest, b':')
            && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
            && !scheme.is_empty()
        {
            parts.scheme = Some(scheme);
            rest = after;
            if let Some(after) = rest.strip_prefix(b"//") {
                let end = after.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(after.len());
                let (authority, tail) = after.split_at(end);
                rest = tail;
                match authority.iter().rposition(|byte| *byte == b'@') {
                    Some(at) => {
                        parts.user = authority.get(..at);
                        parts.authority = authority.get(at.saturating_add(1)..);
                    }
                    None => parts.authority = Some(authority),
                }
            }
        }
        if let Some((before, fragment)) = split_at_byte(rest, b'#') {
            parts.fragment = Some(fragment);
            rest = before;
        }
        if let Some((before, query)) = split_at_byte(rest, b'?') {
            parts.query = Some(query);
            rest = before;
        }
        if !rest.is_empty() {
            parts.path = Some(rest);
        }
        parts
    }

    /// The decoded path with separators made one kind and dot segments gone.
    pub(crate) fn normal_path(&self, settings: &HttpSettings) -> Vec<u8> {
        let Some(path) = self.path else { return Vec::new() };
        let mut decoded = decode(path, Decode::Path);
        if settings.double_decode_path {
            decoded = decode(&decoded, Decode::Path);
        }
        without_dot_segments(&decoded)
    }

    /// What `http.uri` shows.
    pub(crate) fn normal_form(&self, settings: &HttpSettings) -> Vec<u8> {
        let mut out = Vec::new();
        if settings.uri_include_all {
            if let Some(scheme) = self.scheme {
                out.extend_from_slice(scheme);
                out.extend_from_slice(b"://");
            }
            if let Some(user) = self.user {
                out.extend_from_slice(user);
                out.push(b'@');
            }
            out.extend_from_slice(self.authority.unwrap_or_default());
        }
        out.extend_from_slice(&self.normal_path(settings));
        if let Some(query) = self.query {
            let kind = if settings.plus_is_space_in_query { Decode::QueryWithPlus } else { Decode::Query };
            let mut decoded = decode(query, kind);
            if settings.double_decode_query {
                decoded = decode(&decoded, kind);
            }
            out.push(b'?');
            out.extend_from_slice(&decoded);
        }
        if let Some(fragment) = self.fragment {
            out.push(b'#');
            out.extend_from_slice(fragment);
        }
        out
    }
}

fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decode {
    Path,
    Query,
    QueryWithPlus,
}

/// Undoes percent signs once. What is no valid escape stays as it is.
fn decode(bytes: &[u8], kind: Decode) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let (byte, next) = match (first, after) {
            (b'%', [b'u' | b'U', a, b, c, d, tail @ ..]) => match (pair(*a, *b), pair(*c, *d)) {
                (Some(high), Some(low)) => (best_fit(high, low), tail),
                _ => (b'%', after),
            },
            (b'%', [a, b, tail @ ..]) => match pair(*a, *b) {
                Some(byte) => (byte, tail),
                None => (b'%', after),
            },
            (b'+', _) if kind == Decode::QueryWithPlus => (b' ', after),
            _ => (*first, after),
        };
        rest = next;
        let byte = if kind == Decode::Path && byte == b'\\' { b'/' } else { byte };
        if kind == Decode::Path && byte == b'/' && out.last() == Some(&b'/') {
            continue;
        }
        out.push(byte);
    }
    out
}

fn pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

/// The byte that a Windows server takes a UTF-16 unit for: Latin-1 as it is, full-width forms as ASCII.
fn best_fit(high: u8, low: u8) -> u8 {
    match (high, low) {
        (0, low) => low,
        (0xff, 0x01..=0x5e) => low.saturating_add(0x20),
        _ => b'?',
    }
}

/// RFC 3986 §5.2.4, in one pass from left to right.
fn without_dot_segments(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let absolute = path.starts_with(b"/");
    let mut segments = path.split(|byte| *byte == b'/').peekable();
    if absolute {
        segments.next();
    }
    let mut is_first = true;
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"." | b".." => {
                if segment == b".." {
                    let cut = out.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    out.truncate(cut);
                }
                if is_last {
                    out.push(b'/');
                }
            }
            _ => {
                if absolute || !is_first {
                    out.push(b'/');
                }
                out.extend_from_slice(segment);
            }
        }
        is_first = false;
    }
    out
}

/// A host with its port, taken from a Host field or a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// In lower case and without dots at its end; an IPv6 address keeps its brackets.
    pub(crate) name: Vec<u8>,
    pub(crate) port: Option<u16>,
    pub(crate) port_invalid: bool,
    pub(crate) name_invalid: bool,
}

impl Host {
    pub(crate) fn parse(text: &[u8]) -> Self {
        let text = text.trim_ascii();
        let (name, port) = if text.starts_with(b"[") {
            match text.iter().position(|byte| *byte == b']') {
                Some(end) => {
                    let (name, tail) = text.split_at(end.saturating_add(1).min(text.len()));
                    (name, tail.strip_prefix(b":"))
                }
                None => (text, None),
            }
        } else {
            match split_at_byte(text, b':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            }
        };
        let number = port.map(|port| {
            std::str::from_utf8(port.trim_ascii())
                .ok()
                .and_then(|port| port.parse::<u16>().ok())
                .filter(|port| *port > 0)
        });
        let mut lower = name.trim_ascii().to_ascii_lowercase();
        while lower.last() == Some(&b'.') {
            lower.pop();
        }
        let name_invalid = !is_host_name(&lower);
        Self { name: lower, port: number.flatten(), port_invalid: number == Some(None), name_invalid }
    }
}

fn is_host_name(name: &[u8]) -> bool {
    if let Some(inner) = name.strip_prefix(b"[") {
        return inner.strip_suffix(b"]").is_some_and(|address| {
            std::str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        });
    }
    !name.is_empty()
        && name.len() <= 255
        && name.split(|byte| *byte == b'.').all(|label| {
            (1..=63).contains(&label.len())
                && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, expected: &str) {
        let normal = Target::parse(target.as_bytes(), false).normal_form(&HttpSettings::default());
        assert_eq!(String::from_utf8_lossy(&normal), expected, "{target}");
    }

    #[test]
    fn targets_have_one_normal_form() {
        check("/../a/b/../c/./d.html", "/a/c/d.html");
        check("/normalized%20uri", "/normalized uri");
        check("/a%2fb%5Cc\\d//e", "/a/b/c/d/e");
        check("/%u0041%uff21", "/AA");
        check("/bad%zz%4", "/bad%zz%4");
        check("http://user@Host:8080/x/..?q=%41&r=a+b#top", "/?q=A&r=a+b#top");
        check("/search?page=../../etc", "/search?page=../../etc");
        check("/a/..", "/");
        check("//two", "/two");
        check("*", "*");
    }

    #[test]
    fn hosts_are_taken_apart() {
        let host = Host::parse(b"HIS.Hospital.Example.:8080");
        assert_eq!((host.name.as_slice(), host.port), (b"his.hospital.example".as_slice(), Some(8080)));
        assert_eq!(Host::parse(b"[::1]:8000").name, b"[::1]");
        assert!(Host::parse(b"a b").name_invalid && Host::parse(b"a:99999").port_invalid);
    }
}
