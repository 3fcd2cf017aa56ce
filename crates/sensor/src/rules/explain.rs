//! `phitak-sensor rules explain`: what one rule looks for, in plain words.

mod conditions;
mod english;
mod tests_in_words;
mod thai;

use super::{
    attachments::attachments,
    bar::Bar,
    check::{Kind, bits_asked, bits_set, take_duplicates},
    files::{RawFile, RuleSettings, rule_files},
    load::{ParsedRules, parsed_rules},
    settings::config,
};
use clap::{Args, ValueEnum};
use phitak_engine::Parsed;
use phitak_rules::{References, Rule};
use std::{path::PathBuf, process::ExitCode};

const USAGE: u8 = 2;
const FAILED: u8 = 1;
/// Sids of other rules that are named.
const SIDS_SHOWN: usize = 8;

/// Says what a rule looks for.
#[derive(Debug, Args)]
pub struct Explain {
    /// The rule's number
    #[arg(value_name = "SID")]
    sid: u32,
    /// Rules files in Suricata's language, or folders of them; may be given several times
    #[arg(short = 'S', long = "rules", required = true, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rule_settings: RuleSettings,
    /// The networks that are ours: sets HOME_NET
    #[arg(long, value_name = "CIDR,..")]
    home_net: Option<String>,
    /// A setting by Suricata's name; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// In which language
    #[arg(long, value_enum, default_value_t = Language::En)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    En,
    Th,
}

/// A rule with what of the others matters to it.
struct Subject<'r> {
    rule: &'r Rule,
    /// The head as it is written, with its variables.
    head: Option<String>,
    /// Why it does not load, if it does not.
    refused: Option<String>,
    /// Bits that it asks for, each with the rules that set it.
    asked: Vec<Bit<'r>>,
    /// Bits that it sets, each with the rules that ask for it.
    set: Vec<Bit<'r>>,
    references: &'r References,
}

struct Bit<'r> {
    kind: Kind,
    name: &'r str,
    others: Vec<u32>,
}

impl Explain {
    pub fn run(&self) -> ExitCode {
        match self.text() {
            Ok(text) => match super::print(&text) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("error: the words cannot be written: {error}");
                    ExitCode::from(FAILED)
                }
            },
            Err((code, message)) => {
                eprintln!("error: {message}");
                ExitCode::from(code)
            }
        }
    }

    fn text(&self) -> Result<String, (u8, String)> {
        let usage = |message| (USAGE, message);
        let mut settings = self.rule_settings.clone();
        let (config, notes) = config(self.home_net.as_deref(), &self.settings, &mut settings).map_err(usage)?;
        let files = rule_files(&self.rules).map_err(usage)?;
        let bar = Bar::new(files.iter().map(|file| file.bytes.len() as u64).sum());
        let mut read = parsed_rules(&files, &settings, &config, &|bytes| bar.advance(bytes)).map_err(usage)?;
        bar.finish();
        for note in notes.iter().chain(&read.notes) {
            eprintln!("note: {note}");
        }
        drop(take_duplicates(&mut read.parsed.rules));
        let Some(rule) = read.parsed.rules.iter().find(|rule| rule.meta.sid == self.sid) else {
            return Err((FAILED, self.missing(&read.parsed)));
        };
        let subject = Subject::new(rule, &read, &files);
        Ok(match self.lang {
            Language::En => english::describe(&subject),
            Language::Th => thai::describe(&subject),
        })
    }

    /// Why there is no such rule.
    fn missing(&self, parsed: &Parsed) -> String {
        let of_sid = |told: &&phitak_engine::Diagnostic| told.sid == Some(self.sid);
        if let Some(told) = parsed.left_out.iter().find(of_sid) {
            return format!("the rule is left out by its requires: {told}");
        }
        match parsed.diagnostics.iter().find(of_sid) {
            Some(told) => format!("the rule does not load: {told}"),
            None => format!("no rule has the sid {} in these files", self.sid),
        }
    }
}

impl<'r> Subject<'r> {
    fn new(rule: &'r Rule, read: &'r ParsedRules, files: &[RawFile]) -> Self {
        let rules = &read.parsed.rules;
        let others = |bits: &dyn Fn(&'r Rule) -> Vec<(Kind, &'r str)>, bit: (Kind, &str)| {
            rules.iter().filter(|other| bits(other).contains(&bit)).map(|other| other.meta.sid).collect()
        };
        let bit = |(kind, name), bits| Bit { kind, name, others: others(bits, (kind, name)) };
        let alone = Parsed { rules: vec![rule.clone()], ..Parsed::default() };
        let attached = attachments(&alone, &mut Vec::new());
        let compiled = read.loader.compile(alone, attached);
        Self {
            rule,
            head: head(rule, files),
            refused: compiled.failed.first().map(|told| told.reason.clone()),
            asked: bits_asked(rule).into_iter().map(|found| bit(found, &|rule| bits_set(rule))).collect(),
            set: bits_set(rule).into_iter().map(|found| bit(found, &|rule| bits_asked(rule))).collect(),
            references: &read.loader.context().references,
        }
    }

    /// CVE numbers of the references and the metadata.
    fn cves(&self) -> Vec<String> {
        let meta = &self.rule.meta;
        let named = meta.references.iter().chain(meta.metadata.iter()).filter(|(kind, _)| *kind == "cve");
        let mut cves: Vec<String> = named
            .map(|(_, text)| {
                let number = text.replace('_', "-").to_ascii_uppercase();
                let number = number.trim_start_matches("CVE-");
                format!("CVE-{number}")
            })
            .collect();
        cves.sort();
        cves.dedup();
        cves
    }
}

/// The head of a rule as its file has it.
fn head(rule: &Rule, files: &[RawFile]) -> Option<String> {
    let file = files.iter().find(|file| file.name() == *rule.file)?;
    let text = file.text();
    let line = text.lines().nth(usize::try_from(rule.line).ok()?.checked_sub(1)?)?;
    let (head, _) = line.split_once('(')?;
    Some(head.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `1, 2, 3 and 4 more`.
fn sids(sids: &[u32]) -> String {
    let shown: Vec<String> = sids.iter().take(SIDS_SHOWN).map(u32::to_string).collect();
    match sids.len().saturating_sub(SIDS_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"alert http $EXTERNAL_NET any -> $HOME_NET 8080 (msg:"ATTACK shell upload"; flow:established,to_server; flowbits:isset,login; http.method; content:"POST"; http.uri; content:"/up"; startswith; content:".php"; nocase; distance:0; within:40; pcre:"/id=\d+$/R"; content:!"test"; threshold:type limit, track by_src, count 1, seconds 60; flowbits:set,shell; reference:cve,2021-44228; reference:url,example.org/x; classtype:web-application-attack; metadata:signature_severity Major; sid:10; rev:3;)
alert http any any -> any any (http.uri; content:"/login"; flowbits:set,login; flowbits:noalert; sid:11;)
alert tcp any any -> any any (content:"x|00|"; byte_test:2,>,1000,0,relative,little; dsize:>100; flowbits:isset,shell; sid:12;)
alert http any any -> any any (dns.query; content:"abcdef"; sid:13;)
"#;

    fn explain(sid: u32, lang: Language) -> Result<String, (u8, String)> {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a.rules");
        std::fs::write(&path, RULES).expect("written");
        Explain {
            sid,
            rules: vec![path],
            rule_settings: RuleSettings { no_rules_cache: true, ..RuleSettings::default() },
            home_net: None,
            settings: Vec::new(),
            lang,
        }
        .text()
    }

    #[test]
    fn a_rule_is_told_in_plain_english() {
        let text = explain(10, Language::En).expect("there");
        for part in [
            "sid 10, revision 3: ATTACK shell upload",
            "$EXTERNAL_NET any -> $HOME_NET 8080",
            "packets to the server",
            "In http.uri:",
            "\"/up\" at the very beginning",
            "\".php\" in upper or lower case, within 40 bytes after the last match",
            "does not hold \"test\"",
            "the flowbit login, which rule 11 sets",
            "sets the flowbit shell, which rule 12 asks for",
            "at most 1 alert every 60 seconds for each source address",
            "CVE-2021-44228",
            "signature_severity: Major",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        let raw = explain(12, Language::En).expect("there");
        assert!(raw.contains("2 bytes") && raw.contains("little-endian") && raw.contains("more than 100"), "{raw}");
    }

    #[test]
    fn a_rule_is_told_in_thai_with_technical_names_as_they_are() {
        let text = explain(10, Language::Th).expect("there");
        for part in ["กฎหมายเลข 10", "http.uri", "\"/up\"", "CVE-2021-44228", "flowbit login"] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn a_rule_that_is_missing_or_refused_is_told() {
        assert!(explain(99, Language::En).expect_err("missing").1.contains("no rule has the sid 99"));
        assert!(explain(13, Language::En).expect("there").contains("does not load"));
    }
}
