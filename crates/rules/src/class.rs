//! `classification.config` and `reference.config`: what classes and kinds of references mean.

use crate::{diagnostic::Diagnostic, text::Text};
use std::{collections::BTreeMap, sync::Arc};

/// A class of rules: its text for alerts and its priority (1 is most urgent).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    pub description: Arc<str>,
    pub priority: u32,
}

/// Classes by their short names, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    classes: BTreeMap<String, Class>,
}

/// Suricata's classes as it ships them: name, description, priority.
const STOCK: &[(&str, &str, u32)] = &[
    ("attempted-admin", "Attempted Administrator Privilege Gain", 1),
    ("attempted-dos", "Attempted Denial of Service", 2),
    ("attempted-recon", "Attempted Information Leak", 2),
    ("attempted-user", "Attempted User Privilege Gain", 1),
    ("bad-unknown", "Potentially Bad Traffic", 2),
    ("coin-mining", "Crypto Currency Mining Activity Detected", 2),
    ("command-and-control", "Malware Command and Control Activity Detected", 1),
    ("credential-theft", "Successful Credential Theft Detected", 1),
    ("default-login-attempt", "Attempt to login by a default username and password", 2),
    ("denial-of-service", "Detection of a Denial of Service Attack", 2),
    ("domain-c2", "Domain Observed Used for C2 Detected", 1),
    ("exploit-kit", "Exploit Kit Activity Detected", 1),
    ("external-ip-check", "Device Retrieving External IP Address Detected", 2),
    ("icmp-event", "Generic ICMP event", 3),
    ("inappropriate-content", "Inappropriate Content was Detected", 1),
    ("misc-activity", "Misc activity", 3),
    ("misc-attack", "Misc Attack", 2),
    ("network-scan", "Detection of a Network Scan", 3),
    ("non-standard-protocol", "Detection of a non-standard protocol or event", 2),
    ("not-suspicious", "Not Suspicious Traffic", 3),
    ("policy-violation", "Potential Corporate Privacy Violation", 1),
    ("protocol-command-decode", "Generic Protocol Command Decode", 3),
    ("pup-activity", "Possibly Unwanted Program Detected", 2),
    ("rpc-portmap-decode", "Decode of an RPC Query", 2),
    ("shellcode-detect", "Executable code was detected", 1),
    ("social-engineering", "Possible Social Engineering Attempted", 2),
    ("string-detect", "A suspicious string was detected", 3),
    ("successful-admin", "Successful Administrator Privilege Gain", 1),
    ("successful-dos", "Denial of Service", 2),
    ("successful-recon-largescale", "Large Scale Information Leak", 2),
    ("successful-recon-limited", "Information Leak", 2),
    ("successful-user", "Successful User Privilege Gain", 1),
    ("suspicious-filename-detect", "A suspicious filename was detected", 2),
    ("suspicious-login", "An attempted login using a suspicious username was detected", 2),
    ("system-call-detect", "A system call was detected", 2),
    ("targeted-activity", "Targeted Malicious Activity was Detected", 1),
    ("tcp-connection", "A TCP connection was detected", 4),
    ("trojan-activity", "A Network Trojan was detected", 1),
    ("unknown", "Unknown Traffic", 3),
    ("unsuccessful-user", "Unsuccessful User Privilege Gain", 1),
    ("unusual-client-port-connection", "A client was using an unusual port", 2),
    ("web-application-activity", "access to a potentially vulnerable web application", 2),
    ("web-application-attack", "Web Application Attack", 1),
];

impl Default for Classes {
    fn default() -> Self {
        let class = |d: &str, priority| Class { description: d.into(), priority };
        Self { classes: STOCK.iter().map(|(name, d, p)| ((*name).to_owned(), class(d, *p))).collect() }
    }
}

impl Classes {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Class> {
        self.classes.get(name).or_else(|| self.classes.get(&name.to_ascii_lowercase()))
    }

    /// Adds the classes of a `classification.config`; those that exist are replaced.
    pub fn read(&mut self, file: &str, text: &str) -> Vec<Diagnostic> {
        config_lines(file, text, "classification", |value| {
            let [name, description, priority] = value.split(',')[..] else {
                return Err(value.fault("a class is a name, a description and a priority"));
            };
            if name.is_empty() {
                return Err(name.fault("the class has no name"));
            }
            let class = Class { description: description.text.into(), priority: priority.number()? };
            self.classes.insert(name.text.to_ascii_lowercase(), class);
            Ok(())
        })
    }
}

/// Kinds of references with the beginning of their addresses: `cve` → `https://cve.mitre.org/cgi-bin/cvename.cgi?name=`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    prefixes: BTreeMap<String, String>,
}

impl References {
    #[must_use]
    pub fn prefix(&self, kind: &str) -> Option<&str> {
        self.prefixes.get(&kind.to_ascii_lowercase()).map(String::as_str)
    }

    /// Adds the kinds of a `reference.config`.
    pub fn read(&mut self, file: &str, text: &str) -> Vec<Diagnostic> {
        config_lines(file, text, "reference", |value| {
            let (kind, prefix) = value.word();
            if prefix.is_empty() {
                return Err(value.fault("a reference is a kind and the beginning of its addresses"));
            }
            self.prefixes.insert(kind.text.to_ascii_lowercase(), prefix.text.to_owned());
            Ok(())
        })
    }
}

type LineFault = crate::text::Fault;

/// Lines of the form `config KIND: value`.
fn config_lines(
    file: &str,
    text: &str,
    kind: &str,
    mut take: impl FnMut(Text<'_>) -> Result<(), LineFault>,
) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = Text::new(line, 0).trim();
        if line.is_empty() || line.text.starts_with('#') {
            continue;
        }
        let value = line
            .strip_prefix("config")
            .map(Text::trim)
            .and_then(|t| t.strip_prefix(kind))
            .and_then(|t| t.trim().strip_prefix(":"));
        let result = match value {
            Some(value) => take(value.trim()),
            None => Err(line.fault(format!("the line does not begin with \"config {kind}:\""))),
        };
        if let Err(fault) = result {
            let before = text.lines().nth(index).and_then(|l| l.get(..fault.at)).map_or(0, |b| b.chars().count());
            diagnostics.push(Diagnostic {
                file: file.to_owned(),
                line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                column: u32::try_from(before + 1).unwrap_or(u32::MAX),
                sid: None,
                reason: fault.reason,
                hint: fault.hint,
            });
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_added_and_replaced() {
        let mut classes = Classes::default();
        let told = classes.read(
            "c",
            "# x\nconfig classification: trojan-activity,Bad,4\nconfig classification: mine,My own class,2\nnonsense\n",
        );
        assert_eq!(classes.get("mine").map(|c| c.priority), Some(2));
        assert_eq!(classes.get("Trojan-Activity").map(|c| &*c.description), Some("Bad"));
        assert_eq!(told.iter().map(|d| (d.line, d.column)).collect::<Vec<_>>(), [(4, 1)]);
    }

    #[test]
    fn references_are_read() {
        let mut references = References::default();
        assert!(references.read("r", "config reference: cve https://cve.mitre.org/?name=\n").is_empty());
        assert_eq!(references.prefix("CVE"), Some("https://cve.mitre.org/?name="));
    }
}
