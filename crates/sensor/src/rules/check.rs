//! `phitak-sensor rules check`: what of these rules loads, what does not, and what a careful author would look at.

use super::{
    attachments::attachments,
    bar::Bar,
    files::{RuleSettings, rule_files},
    load::{idle_lines, parsed_rules},
    settings::config,
};
use clap::Args;
use phitak_detect::{FoundBy, SHORT_BYTES, found_by, is_on_any_port};
use phitak_engine::Diagnostic;
use phitak_rules::{
    Action, Context, Rule, RuleProtocol,
    condition::{Condition, Effect},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    path::PathBuf,
    process::ExitCode,
};

const USAGE: u8 = 2;
const FAILED: u8 = 1;
/// Bytes of a pattern that are shown.
const SHOWN_BYTES: usize = 24;

/// Reads rules and tells what loads, what does not, and what could be better.
#[derive(Debug, Args)]
pub struct Check {
    /// Rules files in Suricata's language, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    rule_settings: RuleSettings,
    /// The networks that are ours: sets HOME_NET
    #[arg(long, value_name = "CIDR,..")]
    home_net: Option<String>,
    /// A setting by Suricata's name, such as vars.address-groups.HOME_NET=10.0.0.0/8; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
}

/// What was found. Each list is in the order of the files.
#[derive(Debug, Default, Serialize)]
pub(super) struct Findings {
    pub files: usize,
    pub loaded: usize,
    pub by_action: BTreeMap<String, usize>,
    pub by_protocol: BTreeMap<String, usize>,
    pub refused: Vec<Told>,
    /// Left out by `requires`.
    pub left_out: Vec<Told>,
    /// Of rules with one sid only one is used.
    pub duplicates: Vec<Told>,
    pub slow: Vec<Told>,
    pub unknown_classtypes: Vec<Told>,
    /// Asked for, and set by no rule that loads.
    pub bits_never_set: Vec<Told>,
}

/// A remark about a rule.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub sid: Option<u32>,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    pub fn run(&self) -> ExitCode {
        match self.findings() {
            Ok((findings, notes)) => {
                for note in notes {
                    eprintln!("note: {note}");
                }
                let json = || serde_json::to_string_pretty(&findings).map(|json| json + "\n").unwrap_or_default();
                if let Err(error) = super::print(&if self.json { json() } else { findings.text() }) {
                    eprintln!("error: the findings cannot be written: {error}");
                    return ExitCode::from(FAILED);
                }
                if findings.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
            }
            Err(message) => {
                eprintln!("error: {message}");
                ExitCode::from(USAGE)
            }
        }
    }

    fn findings(&self) -> Result<(Findings, Vec<String>), String> {
        let mut settings = self.rule_settings.clone();
        let (config, mut notes) = config(self.home_net.as_deref(), &self.settings, &mut settings)?;
        let files = rule_files(&self.files)?;
        let bar = Bar::new(files.iter().map(|file| file.bytes.len() as u64).sum());
        let mut rules = parsed_rules(&files, &settings, &config, &|bytes| bar.advance(bytes))?;
        bar.finish();
        notes.append(&mut rules.notes);
        let parsed = &mut rules.parsed;
        let mut findings = Findings { files: files.len(), ..Findings::default() };
        findings.duplicates = take_duplicates(&mut parsed.rules);
        // Compiling takes the rules; what is said of them is said of those that compile.
        let remarks: Vec<Rule> = parsed.rules.clone();
        let attachments = attachments(parsed, &mut notes);
        let parsed = std::mem::take(parsed);
        let loaded = rules.loader.compile(parsed, attachments);
        notes.extend(idle_lines(&loaded));
        findings.refused = loaded.failed.iter().map(Told::from).collect();
        findings.left_out = loaded.left_out.iter().map(Told::from).collect();
        findings.loaded = loaded.rules.len();
        let refused: BTreeSet<(&str, u32)> = loaded.failed.iter().map(|d| (d.file.as_str(), d.line)).collect();
        let good: Vec<&Rule> = remarks.iter().filter(|rule| !refused.contains(&(&*rule.file, rule.line))).collect();
        findings.remark(&good, rules.loader.context());
        Ok((findings, notes))
    }
}

impl From<&Diagnostic> for Told {
    fn from(told: &Diagnostic) -> Self {
        Self {
            file: told.file.clone(),
            line: told.line,
            column: told.column,
            sid: told.sid,
            reason: told.reason.clone(),
            hint: told.hint.clone(),
        }
    }
}

impl Told {
    fn of(rule: &Rule, reason: String) -> Self {
        Self {
            file: rule.file.to_string(),
            line: rule.line,
            column: rule.column,
            sid: Some(rule.meta.sid),
            reason,
            hint: None,
        }
    }
}

/// Takes out the rules that give way to another of the same gid and sid: the highest revision stays, and of equal
/// revisions the first.
pub(super) fn take_duplicates(rules: &mut Vec<Rule>) -> Vec<Told> {
    let mut best: HashMap<(u32, u32), (u32, usize)> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let entry = best.entry((rule.meta.gid, rule.meta.sid)).or_insert((rule.meta.rev, index));
        if rule.meta.rev > entry.0 {
            *entry = (rule.meta.rev, index);
        }
    }
    if best.len() == rules.len() {
        return Vec::new();
    }
    let used = |rule: &Rule| best.get(&(rule.meta.gid, rule.meta.sid)).copied().unwrap_or_default();
    let told = rules.iter().enumerate().filter_map(|(index, rule)| {
        let (rev, place) = used(rule);
        let other = rules.get(place).filter(|_| place != index)?;
        let why = if rule.meta.rev == rev { "stands first" } else { "is newer" };
        let (own, file, line) = (rule.meta.rev, &other.file, other.line);
        Some(Told::of(rule, format!("revision {own} gives way to revision {rev} at {file}:{line}, which {why}")))
    });
    let told = told.collect();
    let kept: Vec<bool> = rules.iter().enumerate().map(|(index, rule)| used(rule).1 == index).collect();
    let mut kept = kept.into_iter();
    rules.retain(|_| kept.next().unwrap_or(true));
    told
}

impl Findings {
    fn remark(&mut self, rules: &[&Rule], context: &Context) {
        let set: BTreeSet<(Kind, &str)> = rules.iter().flat_map(|rule| bits_set(rule)).collect();
        for rule in rules {
            *self.by_action.entry(action(rule.action).to_owned()).or_default() += 1;
            *self.by_protocol.entry(protocol(&rule.protocol).to_owned()).or_default() += 1;
            if let Some(reason) = slowness(rule) {
                self.slow.push(Told::of(rule, reason));
            }
            if let Some(class) = rule.meta.class.as_deref().filter(|class| context.classes.get(class).is_none()) {
                self.unknown_classtypes.push(Told::of(rule, format!("the classtype {class} is not known: priority 3")));
            }
            for (kind, name) in bits_asked(rule).into_iter().filter(|bit| !set.contains(bit)) {
                self.bits_never_set.push(Told::of(rule, format!("no rule sets the {} {name}", kind.word())));
            }
        }
    }

    /// The answer for a person.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let lists = [
            ("Refused", &self.refused),
            ("Left out by requires", &self.left_out),
            ("Duplicate sids", &self.duplicates),
            ("Slow", &self.slow),
            ("Unknown classtypes", &self.unknown_classtypes),
            ("Bits that are asked for and never set", &self.bits_never_set),
        ];
        for (title, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            let _ = writeln!(out, "{title}:");
            for told in list {
                let _ = writeln!(out, "  {told}");
            }
            out.push('\n');
        }
        let counts = |map: &BTreeMap<String, usize>| {
            let mut sorted: Vec<(&String, &usize)> = map.iter().collect();
            sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            sorted.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(out, "{} file(s): {} rules load, {} refused", self.files, self.loaded, self.refused.len());
        if self.loaded > 0 {
            let _ = writeln!(out, "actions: {}", counts(&self.by_action));
            let _ = writeln!(out, "protocols: {}", counts(&self.by_protocol));
        }
        let _ = writeln!(
            out,
            "to look at: {} slow, {} duplicate sids, {} unknown classtypes, {} bits never set, {} left out by requires",
            self.slow.len(),
            self.duplicates.len(),
            self.unknown_classtypes.len(),
            self.bits_never_set.len(),
            self.left_out.len(),
        );
        out
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if let Some(sid) = self.sid {
            write!(f, "sid {sid}: ")?;
        }
        f.write_str(&self.reason)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Why a rule costs more than others.
pub(super) fn slowness(rule: &Rule) -> Option<String> {
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
pub(super) fn shown(bytes: &[u8]) -> String {
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

/// What a bit hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Flow,
    Host,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Flow => "flowbit",
            Self::Host => "xbit or hostbit",
        }
    }
}

/// Bits that a rule changes.
pub(super) fn bits_set(rule: &Rule) -> Vec<(Kind, &str)> {
    let mut bits = Vec::new();
    for effect in &rule.effects {
        match &effect.value {
            Effect::FlowBits { names, .. } => bits.extend(names.iter().map(|name| (Kind::Flow, name.as_str()))),
            Effect::HostBits { name, .. } => bits.push((Kind::Host, name.as_str())),
            _ => {}
        }
    }
    bits
}

/// Bits that must be set for a rule to fire.
pub(super) fn bits_asked(rule: &Rule) -> Vec<(Kind, &str)> {
    let mut bits = Vec::new();
    for condition in &rule.conditions {
        match &condition.value {
            Condition::FlowBits { set: true, names } => {
                bits.extend(names.iter().map(|name| (Kind::Flow, name.as_str())));
            }
            Condition::HostBits { set: true, name, .. } => bits.push((Kind::Host, name.as_str())),
            _ => {}
        }
    }
    bits
}

pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Alert => "alert",
        Action::Pass => "pass",
        Action::Drop => "drop",
        Action::Reject => "reject",
        Action::Config => "config",
    }
}

pub(super) fn protocol(protocol: &RuleProtocol) -> &str {
    match protocol {
        RuleProtocol::Ip => "ip",
        RuleProtocol::Ipv4 => "ipv4",
        RuleProtocol::Ipv6 => "ipv6",
        RuleProtocol::Tcp => "tcp",
        RuleProtocol::TcpPacket => "tcp-pkt",
        RuleProtocol::TcpStream => "tcp-stream",
        RuleProtocol::Udp => "udp",
        RuleProtocol::Icmp => "icmp",
        RuleProtocol::Icmpv4 => "icmpv4",
        RuleProtocol::Icmpv6 => "icmpv6",
        RuleProtocol::Sctp => "sctp",
        RuleProtocol::PacketHeader => "pkthdr",
        RuleProtocol::App { written, .. } => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"alert tcp any any -> any 22 (content:"SSH-2.0"; sid:1; rev:1;)
alert tcp any any -> any 22 (content:"SSH-2.1"; sid:1; rev:3;)
alert tcp any any -> any any (content:"ab"; sid:2; classtype:nonsense;)
alert tcp any any -> any any (flags:S; sid:3;)
alert tcp any any -> any any (content:"abcdef"; flowbits:isset,never; xbits:isset,x,track ip_src; sid:4;)
alert tcp any any -> any any (content:"abcdef"; xbits:set,x,track ip_src; sid:5;)
alert tcp any any -> any any (contant:"abcdef"; sid:6;)
alert tcp any any -> any any (content:"abcdef"; requires: version >= 99; sid:7;)
alert http any any -> any any (dns.query; content:"abcdef"; sid:8;)
"#;

    fn check(text: &str) -> Findings {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a.rules");
        std::fs::write(&path, text).expect("written");
        let check = Check {
            files: vec![path],
            rule_settings: RuleSettings { no_rules_cache: true, ..RuleSettings::default() },
            home_net: None,
            settings: Vec::new(),
            json: false,
        };
        check.findings().expect("readable").0
    }

    #[test]
    fn everything_worth_a_look_is_told() {
        let found = check(RULES);
        let sids = |list: &[Told]| list.iter().map(|told| told.sid.unwrap_or(0)).collect::<Vec<_>>();
        assert_eq!(found.loaded, 5);
        assert_eq!(sids(&found.refused), [6, 8]);
        assert_eq!(sids(&found.left_out), [7]);
        assert_eq!(found.duplicates.iter().map(|told| (told.sid, told.line)).collect::<Vec<_>>(), [(Some(1), 1)]);
        assert_eq!(sids(&found.slow), [2, 3]);
        assert_eq!(sids(&found.unknown_classtypes), [2]);
        assert_eq!(sids(&found.bits_never_set), [4]);
        assert!(found.text().contains("5 rules load, 2 refused"));
        assert!(found.refused.iter().all(|told| told.line > 0 && told.column > 0));
    }

    #[test]
    fn good_rules_are_found_good() {
        let found = check("alert tcp any any -> any 22 (content:\"SSH-2.0\"; sid:1;)\n");
        assert!(found.refused.is_empty() && found.slow.is_empty());
    }

    #[test]
    fn bytes_are_shown_as_rules_write_them() {
        assert_eq!(shown(b"a|\r\n b\""), "\"a|7c 0d 0a| b|22|\"");
    }
}
