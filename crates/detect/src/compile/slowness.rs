//! What a rule costs, in words: the one judgement by which a person is told of a slow rule and the centre's list refuses it.

use super::found_by::{FoundBy, SHORT_BYTES, found_by, is_on_any_port};
use phitak_rules::{Rule, RuleProtocol};
use std::fmt::Write as _;

/// Bytes of a pattern that are shown.
const SHOWN_BYTES: usize = 24;

/// Why a rule costs more than others.
#[must_use]
pub fn slowness(rule: &Rule) -> Option<String> {
    let where_from = if is_on_any_port(rule) { ", on any port" } else { "" };
    match found_by(rule) {
        FoundBy::Everything => Some(format!(
            "it has no content that must be found: it is tried on every {}{where_from}",
            if matches!(rule.protocol, RuleProtocol::App { .. }) { "transaction or packet" } else { "packet" },
        )),
        FoundBy::Literal { bytes, .. } if bytes.len() < SHORT_BYTES => Some(format!(
            "its pattern {} has only {} byte(s): much of all traffic holds it{where_from}",
            shown(&bytes),
            bytes.len()
        )),
        FoundBy::Literal { .. } | FoundBy::Addresses | FoundBy::Event => None,
    }
}

/// Bytes as rules write them, shortened.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    let mut in_bars = false;
    for byte in bytes.iter().take(SHOWN_BYTES) {
        let plain = (byte.is_ascii_graphic() || *byte == b' ') && !matches!(byte, b'|' | b'"' | b'\\' | b';');
        match (plain, in_bars) {
            (true, true) => out.push('|'),
            (false, false) => out.push('|'),
            (false, true) => out.push(' '),
            (true, false) => {}
        }
        in_bars = !plain;
        if plain {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "{byte:02x}");
        }
    }
    if in_bars {
        out.push('|');
    }
    if bytes.len() > SHOWN_BYTES {
        out.push('…');
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_rules_write_them() {
        assert_eq!(shown(b"a|\r\n b\""), "\"a|7c 0d 0a| b|22|\"");
    }
}
