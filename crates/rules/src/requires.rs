//! `requires`: rules that are left out, without being wrong, when this engine lacks what they need.

use crate::text::{Fault, Text};

/// The Suricata version whose rule language this is.
pub const SURICATA_VERSION: (u32, u32, u32) = (8, 0, 6);

/// `Ok(None)` when all is met, `Ok(Some(why))` when not.
pub(crate) fn unmet(text: Text<'_>, knows_keyword: &dyn Fn(&str) -> bool) -> Result<Option<String>, Fault> {
    let mut saw_version = false;
    for part in text.split(',') {
        let (word, rest) = part.word();
        match word.text {
            "version" if saw_version => return Err(part.fault("requires names a version twice")),
            "version" => {
                saw_version = true;
                if !version_met(rest)? {
                    let (a, b, c) = SURICATA_VERSION;
                    return Ok(Some(format!("it requires version {}; this engine speaks {a}.{b}.{c}", rest.text)));
                }
            }
            // Optional parts of Suricata that exist here.
            "feature" if matches!(rest.text, "output::file-store" | "true_rust") => {}
            "feature" => return Ok(Some(format!("it requires the feature {}", rest.text))),
            "keyword" if knows_keyword(rest.text) => {}
            "keyword" => return Ok(Some(format!("it requires the keyword {}", rest.text))),
            "" => return Err(part.fault("requires has an empty part")),
            _ => return Ok(Some(format!("it requires {}, which is not known here", part.text))),
        }
    }
    Ok(None)
}

/// Alternatives by `|`, each a list of comparisons that all hold.
fn version_met(text: Text<'_>) -> Result<bool, Fault> {
    let mut met = false;
    for alternative in text.split('|') {
        let mut all = true;
        let mut rest = alternative.trim();
        if rest.is_empty() {
            return Err(rest.fault("a version comparison is missing"));
        }
        while !rest.is_empty() {
            let sign = [">=", "<=", ">", "<"].iter().find(|s| rest.text.starts_with(**s));
            let Some(sign) = sign else {
                return Err(rest.fault("a version is compared by >=, <=, > or <").hint("version >= 8.0.0"));
            };
            let (number, after) = rest.from(sign.len()).word();
            let wanted = version(number)?;
            all &= match *sign {
                ">=" => SURICATA_VERSION >= wanted,
                "<=" => SURICATA_VERSION <= wanted,
                ">" => SURICATA_VERSION > wanted,
                _ => SURICATA_VERSION < wanted,
            };
            rest = after;
        }
        met |= all;
    }
    Ok(met)
}

fn version(text: Text<'_>) -> Result<(u32, u32, u32), Fault> {
    let mut parts = [0; 3];
    let pieces = text.split('.');
    if pieces.len() > parts.len() {
        return Err(text.fault(format!("{:?} is not a version", text.text)));
    }
    for (slot, piece) in parts.iter_mut().zip(pieces) {
        *slot = piece.number()?;
    }
    let [a, b, c] = parts;
    Ok((a, b, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, met: bool) {
        let found = unmet(Text::new(text, 0), &|k| k == "content").expect(text);
        assert_eq!(found.is_none(), met, "{text}: {found:?}");
    }

    #[test]
    fn versions_keywords_and_features_are_weighed() {
        check("version >= 8", true);
        check("version >= 8.0.5", true);
        check("version >= 9.0.0", false);
        check("version >= 7.0.4 < 8", false);
        check("version >= 7.0.10 < 8 | >= 8.0.5 < 9", true);
        check("keyword content", true);
        check("keyword geoip", false);
        check("feature lua", false);
        check("weather sunny", false);
        assert!(unmet(Text::new("version 8", 0), &|_| true).is_err());
    }
}
