//! A rule in English: what it looks at, what must be there, how often it speaks, what it costs.

use super::{
    Bit, Subject, conditions, sids,
    tests_in_words::{test, transform},
};
use crate::rules::check::{action, protocol, shown, slowness};
use phitak_detect::{FoundBy, found_by};
use phitak_model::Direction;
use phitak_rules::{
    Arrow, Rule, RuleProtocol, Section, Target,
    buffer::{Buffer, Header},
    condition::{BitChange, Effect, FlowIntChange},
    threshold::{Threshold, ThresholdKind, ThresholdTrack},
};
use std::fmt::Write as _;

pub(super) fn describe(subject: &Subject<'_>) -> String {
    let rule = subject.rule;
    let meta = &rule.meta;
    let mut out = String::new();
    let _ = writeln!(out, "sid {}, revision {}: {}", meta.sid, meta.rev, meta.message);
    let _ = writeln!(out, "{}:{}", rule.file, rule.line);
    if let Some(class) = &meta.class {
        let text = if meta.category.is_empty() { "not known" } else { &meta.category };
        let _ = writeln!(out, "class {class} ({text}), priority {}", meta.priority);
    } else {
        let _ = writeln!(out, "no class, priority {}", meta.priority);
    }
    if let Some(reason) = &subject.refused {
        let _ = writeln!(out, "It does not load here: {reason}.");
    }
    list(&mut out, "What it looks at", &looks_at(subject));
    let mut must = Vec::new();
    must.extend(rule.conditions.iter().filter_map(|placed| conditions::condition(&placed.value)));
    must.extend(subject.asked.iter().map(|bit| needs(bit)));
    list(&mut out, "What must hold", &must);
    for section in &rule.sections {
        let words: Vec<String> = section.tests.iter().map(|placed| test(&placed.value, &rule.variables)).collect();
        list(&mut out, &format!("In {}", buffer(section)), &words);
    }
    list(&mut out, "When it fires", &fires(subject));
    list(&mut out, "What it costs", &cost(rule));
    list(&mut out, "To read", &references(subject));
    let metadata: Vec<String> = meta.metadata.iter().map(|(key, text)| format!("{key}: {text}")).collect();
    list(&mut out, "Metadata", &metadata);
    out
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}:");
    for line in lines {
        let _ = writeln!(out, "  - {line}");
    }
}

fn looks_at(subject: &Subject<'_>) -> Vec<String> {
    let rule = subject.rule;
    let mut lines = Vec::new();
    if let Some(head) = &subject.head {
        lines.push(head.clone());
    }
    lines.push(match &rule.protocol {
        RuleProtocol::App { names, .. } => format!("traffic that is recognised as {}", names.join(" or ")),
        other => format!("{} packets", protocol(other)),
    });
    if let Some(hook) = &rule.hook {
        lines.push(format!("at the stage {hook}"));
    }
    match rule.arrow {
        Arrow::Forward => {}
        Arrow::Both => lines.push("either way between the two sides".into()),
        Arrow::Transaction => lines.push("request and response of one transaction together".into()),
    }
    lines
}

fn needs(bit: &Bit<'_>) -> String {
    let setters = match bit.others.as_slice() {
        [] => "which no rule of these files sets: it can never fire".to_owned(),
        [one] => format!("which rule {one} sets"),
        many => format!("which the rules {} set", sids(many)),
    };
    format!("the {} {}, {setters}", bit.kind.word(), bit.name)
}

fn buffer(section: &Section) -> String {
    let name = match &section.buffer {
        Buffer::Payload => "the payload (of the packet, or of the joined stream)".to_owned(),
        Buffer::Named(name) => name.clone(),
        Buffer::Frame { kind, .. } => format!("the frame {kind}"),
        Buffer::Header(header) => {
            let header = match header {
                Header::Ipv4 => "IPv4",
                Header::Ipv6 => "IPv6",
                Header::Tcp => "TCP",
                Header::Udp => "UDP",
                Header::Icmpv4 => "ICMPv4",
                Header::Icmpv6 => "ICMPv6",
            };
            format!("the {header} header")
        }
        Buffer::SourceAddress => "the source address".to_owned(),
        Buffer::DestinationAddress => "the destination address".to_owned(),
        Buffer::Base64 => "what was decoded from Base64".to_owned(),
    };
    let side = match section.direction {
        None => "",
        Some(Direction::ToServer) => " (to the server)",
        Some(Direction::ToClient) => " (to the client)",
    };
    let changes: Vec<String> = section.transforms.iter().map(transform).collect();
    let changes = if changes.is_empty() { String::new() } else { format!(", {}", changes.join(", ")) };
    format!("{name}{side}{changes}")
}

fn fires(subject: &Subject<'_>) -> Vec<String> {
    let rule = subject.rule;
    let mut lines = vec![match rule.no_alert {
        true => "it raises no alert; it only does what follows".to_owned(),
        false => match action(rule.action) {
            "alert" => "it raises an alert".to_owned(),
            "pass" => "the flow is let through, and later rules are silent".to_owned(),
            other => {
                format!("its action is {other}: here that is an alert which says so, since traffic is only watched")
            }
        },
    }];
    lines.extend(rule.threshold.iter().chain(&rule.detection_filter).map(often));
    let named = subject.set.iter().map(|bit| {
        let askers = match bit.others.as_slice() {
            [] => "which no rule of these files asks for".to_owned(),
            [one] => format!("which rule {one} asks for"),
            many => format!("which the rules {} ask for", sids(many)),
        };
        format!("the {} {}, {askers}", bit.kind.word(), bit.name)
    });
    let changes = rule.effects.iter().filter_map(|placed| match &placed.value {
        Effect::FlowBits { change, .. } | Effect::HostBits { change, .. } => Some(match change {
            BitChange::Set => "it sets",
            BitChange::Unset => "it takes back",
            BitChange::Toggle => "it turns over",
        }),
        _ => None,
    });
    lines.extend(changes.zip(named).map(|(change, bit)| format!("{change} {bit}")));
    lines.extend(rule.effects.iter().filter_map(|placed| other_effect(&placed.value)));
    match rule.meta.target {
        Some(Target::SrcIp) => lines.push("the attacked side is the source".into()),
        Some(Target::DestIp) => lines.push("the attacked side is the destination".into()),
        None => {}
    }
    lines
}

fn other_effect(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::FlowBits { .. } | Effect::HostBits { .. } => return None,
        Effect::FlowInt { name, change, operand } => {
            let operand = conditions::int_operand(operand);
            match change {
                FlowIntChange::Set => format!("it sets the flow's number {name} to {operand}"),
                FlowIntChange::Add => format!("it adds {operand} to the flow's number {name}"),
                FlowIntChange::Subtract => format!("it takes {operand} from the flow's number {name}"),
            }
        }
        Effect::Bypass => "the rest of the flow is not looked at".into(),
        Effect::StoreFile { .. } => "it marks the file as one to keep".into(),
        Effect::Tag { .. } => "it asks to tag what follows, which has no effect here".into(),
        Effect::NoLogging { .. } => "what matched is not recorded".into(),
    })
}

/// How often a rule speaks.
fn often(threshold: &Threshold) -> String {
    let Threshold { kind, track, count, seconds } = threshold;
    let by = match track {
        ThresholdTrack::Source => "for each source address",
        ThresholdTrack::Destination => "for each destination address",
        ThresholdTrack::Both => "for each pair of addresses",
        ThresholdTrack::Rule => "for the rule as a whole",
        ThresholdTrack::Flow => "for each flow",
    };
    match kind {
        ThresholdKind::Limit => format!("at most {count} alert{} every {seconds} seconds {by}", plural(*count)),
        ThresholdKind::Threshold => format!("one alert for every {count} matches in {seconds} seconds {by}"),
        ThresholdKind::Both => format!("one alert every {seconds} seconds, once there were {count} matches, {by}"),
        ThresholdKind::Backoff { multiplier } => {
            format!("an alert at match {count}, then at each {multiplier}-fold of it, {by}")
        }
        ThresholdKind::DetectionFilter { .. } => format!("only past {count} matches in {seconds} seconds {by}"),
    }
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn cost(rule: &Rule) -> Vec<String> {
    let mut lines = vec![match found_by(rule) {
        FoundBy::Literal { section, bytes } => {
            let place =
                rule.sections.get(section).map_or_else(String::new, |section| format!(" in {}", buffer(section)));
            format!("it is looked at where {} stands{place}", shown(&bytes))
        }
        FoundBy::Addresses => "its addresses are looked up once for each direction of a flow".into(),
        FoundBy::Event => "it is looked at when its event comes up".into(),
        FoundBy::Everything => "it is tried on everything that its head admits".into(),
    }];
    lines.extend(slowness(rule).map(|reason| format!("it is slow: {reason}")));
    let expressions = rule.sections.iter().flat_map(|section| &section.tests);
    let expressions = expressions.filter(|placed| matches!(placed.value, phitak_rules::Test::Pattern(_))).count();
    if expressions > 0 {
        lines.push(format!(
            "it has {expressions} regular expression{}",
            plural(u32::try_from(expressions).unwrap_or(2))
        ));
    }
    lines
}

fn references(subject: &Subject<'_>) -> Vec<String> {
    let mut lines = subject.cves();
    for (kind, text) in subject.rule.meta.references.iter().filter(|(kind, _)| *kind != "cve") {
        lines.push(match subject.references.prefix(kind) {
            Some(prefix) => format!("{prefix}{text}"),
            None if kind == "url" => format!("http://{text}"),
            None => format!("{kind} {text}"),
        });
    }
    lines
}
