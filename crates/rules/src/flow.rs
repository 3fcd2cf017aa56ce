//! `flow`, `flowbits`, `flowint`, `xbits`, `hostbits`, `stream_size` and the flow's counters.

use crate::{
    condition::{
        BitChange, Condition, Effect, FlowIntChange, FlowIntComparison, FlowIntOperand, FlowIntTest, FlowTest, Side,
        StreamChoice, Track,
    },
    number,
    text::{Fault, Text},
};
use phitak_model::Direction;

/// Most names in one `a|b|c`.
const NAMES_MAX: usize = 32;
/// `xbits` and `hostbits` without `expire` last so long (Suricata: 30 seconds).
const EXPIRE_SECS_DEFAULT: u32 = 30;

/// What one of these keywords came to.
pub(crate) enum FlowWord {
    Condition(Condition),
    Effect(Effect),
    NoAlert,
}

pub(crate) fn flow(text: Text<'_>) -> Result<FlowTest, Fault> {
    let mut test = FlowTest::default();
    for option in text.split(',') {
        let direction = match option.text.to_ascii_lowercase().as_str() {
            "to_server" | "from_client" => Some(Direction::ToServer),
            "to_client" | "from_server" => Some(Direction::ToClient),
            _ => None,
        };
        if let Some(direction) = direction {
            if test.direction.is_some_and(|d| d != direction) {
                return Err(option.fault("a packet cannot go to the server and to the client"));
            }
            test.direction = Some(direction);
            continue;
        }
        let state = |test: &FlowTest| test.established.is_some() || test.stateless;
        match option.text.to_ascii_lowercase().as_str() {
            "established" if !state(&test) => test.established = Some(true),
            "not_established" if !state(&test) => test.established = Some(false),
            "stateless" if !state(&test) => test.stateless = true,
            "established" | "not_established" | "stateless" => {
                return Err(option.fault("established, not_established and stateless exclude each other"));
            }
            "only_stream" if test.stream == StreamChoice::Both => test.stream = StreamChoice::OnlyStream,
            "no_stream" if test.stream == StreamChoice::Both => test.stream = StreamChoice::NoStream,
            "only_stream" | "no_stream" => return Err(option.fault("only_stream and no_stream exclude each other")),
            "only_frag" if test.fragments.is_none() => test.fragments = Some(true),
            "no_frag" if test.fragments.is_none() => test.fragments = Some(false),
            "only_frag" | "no_frag" => return Err(option.fault("only_frag and no_frag exclude each other")),
            _ => {
                return Err(option
                    .fault(format!("{:?} is not an option of flow", option.text))
                    .hint("to_server, to_client, established, not_established, stateless, only_stream, no_stream, only_frag, no_frag"));
            }
        }
    }
    Ok(test)
}

fn names(text: Text<'_>, keyword: &str) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for name in text.split('|') {
        names.push(one_name(name, keyword)?);
    }
    if names.len() > NAMES_MAX {
        return Err(text.fault(format!("more than {NAMES_MAX} names")));
    }
    Ok(names)
}

fn one_name(name: Text<'_>, keyword: &str) -> Result<String, Fault> {
    let name = name.trim();
    if name.is_empty() {
        return Err(name.fault(format!("{keyword} needs a name")));
    }
    if name.text.contains(char::is_whitespace) {
        return Err(name.fault(format!("{:?} is not one name: it has a space in it", name.text)));
    }
    Ok(name.text.to_owned())
}

pub(crate) fn flowbits(text: Text<'_>) -> Result<FlowWord, Fault> {
    if text.trim().is("noalert") {
        return Ok(FlowWord::NoAlert);
    }
    let Some((command, rest)) = text.split_once(',') else {
        return Err(text.fault("flowbits needs a command and a name").hint("flowbits:set,name"));
    };
    let command = command.trim();
    let change = |change| -> Result<FlowWord, Fault> {
        let names = names(rest, "flowbits")?;
        if names.len() > 1 {
            return Err(rest.fault("only isset and isnotset take several names"));
        }
        Ok(FlowWord::Effect(Effect::FlowBits { change, names }))
    };
    match command.text {
        "set" => change(BitChange::Set),
        "unset" => change(BitChange::Unset),
        "toggle" => change(BitChange::Toggle),
        "isset" => Ok(FlowWord::Condition(Condition::FlowBits { set: true, names: names(rest, "flowbits")? })),
        "isnotset" => Ok(FlowWord::Condition(Condition::FlowBits { set: false, names: names(rest, "flowbits")? })),
        _ => Err(command
            .fault(format!("{:?} is not a command of flowbits", command.text))
            .hint("set, unset, toggle, isset, isnotset, noalert")),
    }
}

pub(crate) fn flowint(text: Text<'_>) -> Result<FlowWord, Fault> {
    let parts = text.split(',');
    let [name, operator, rest @ ..] = parts.as_slice() else {
        return Err(text.fault("flowint needs a name and an operator"));
    };
    let name_text = one_name(*name, "flowint")?;
    let test = |test| Ok(FlowWord::Condition(Condition::FlowInt { name: name_text.clone(), test }));
    match (operator.text, rest) {
        ("isset", []) => return test(FlowIntTest::IsSet),
        ("notset" | "isnotset", []) => return test(FlowIntTest::IsNotSet),
        (_, [_]) => {}
        _ => return Err(operator.fault("flowint needs an operator and one value, or isset or notset")),
    }
    let value = rest.first().copied().unwrap_or(*operator);
    let operand = match value.number::<u32>() {
        Ok(number) => FlowIntOperand::Number(number),
        Err(fault) if value.looks_numeric() => return Err(fault),
        Err(_) => FlowIntOperand::Name(one_name(value, "flowint")?),
    };
    let comparison = match operator.text {
        "==" => FlowIntComparison::Equal,
        "!=" => FlowIntComparison::NotEqual,
        "<" => FlowIntComparison::Less,
        "<=" => FlowIntComparison::LessOrEqual,
        ">" => FlowIntComparison::Greater,
        ">=" => FlowIntComparison::GreaterOrEqual,
        _ => {
            let change = match operator.text {
                "=" => FlowIntChange::Set,
                "+" => FlowIntChange::Add,
                "-" => FlowIntChange::Subtract,
                _ => return Err(operator.fault(format!("{:?} is not an operator of flowint", operator.text))),
            };
            return Ok(FlowWord::Effect(Effect::FlowInt { name: name_text, change, operand }));
        }
    };
    test(FlowIntTest::Compare(comparison, operand))
}

pub(crate) fn xbits(text: Text<'_>) -> Result<FlowWord, Fault> {
    if text.trim().is("noalert") {
        return Ok(FlowWord::NoAlert);
    }
    let parts = text.split(',');
    let [command, name, options @ ..] = parts.as_slice() else {
        return Err(text
            .fault("xbits needs a command, a name and what to track")
            .hint("xbits:set,name,track ip_src,expire 60"));
    };
    let mut track = None;
    let mut expire = EXPIRE_SECS_DEFAULT;
    for option in options {
        let (word, rest) = option.word();
        match word.text {
            "track" => {
                track = Some(match rest.text {
                    "ip_src" => Track::Source,
                    "ip_dst" => Track::Destination,
                    "ip_pair" => Track::Pair,
                    _ => {
                        return Err(rest
                            .fault(format!("{:?} cannot be tracked", rest.text))
                            .hint("ip_src, ip_dst or ip_pair"));
                    }
                });
            }
            "expire" => expire = expire_secs(rest)?,
            _ => return Err(option.fault(format!("{:?} is not an option of xbits", option.text))),
        }
    }
    let Some(track) = track else {
        return Err(text.fault("xbits does not say what to track").hint("track ip_src, ip_dst or ip_pair"));
    };
    host_bits(*command, *name, track, expire, "xbits")
}

pub(crate) fn hostbits(text: Text<'_>) -> Result<FlowWord, Fault> {
    if text.trim().is("noalert") {
        return Ok(FlowWord::NoAlert);
    }
    let parts = text.split(',');
    let [command, name, options @ ..] = parts.as_slice() else {
        return Err(text.fault("hostbits needs a command and a name").hint("hostbits:set,name,src"));
    };
    let track = match options.first().map(|o| (o, o.text)) {
        None | Some((_, "src")) => Track::Source,
        Some((_, "dst")) => Track::Destination,
        Some((_, "both")) => Track::Both,
        Some((option, _)) => return Err(option.fault(format!("{:?} is not src, dst or both", option.text))),
    };
    let expire = options.get(1).map_or(Ok(EXPIRE_SECS_DEFAULT), |o| expire_secs(*o))?;
    host_bits(*command, *name, track, expire, "hostbits")
}

fn expire_secs(text: Text<'_>) -> Result<u32, Fault> {
    match text.number()? {
        0 => Err(text.fault("a bit that expires at once is never seen")),
        secs => Ok(secs),
    }
}

fn host_bits(
    command: Text<'_>,
    name: Text<'_>,
    track: Track,
    expire_secs: u32,
    keyword: &str,
) -> Result<FlowWord, Fault> {
    let name = one_name(name, keyword)?;
    let change = |change, name| Ok(FlowWord::Effect(Effect::HostBits { change, name, track, expire_secs }));
    match command.text {
        "set" => change(BitChange::Set, name),
        "unset" => change(BitChange::Unset, name),
        "toggle" => change(BitChange::Toggle, name),
        "isset" => Ok(FlowWord::Condition(Condition::HostBits { set: true, name, track })),
        "isnotset" => Ok(FlowWord::Condition(Condition::HostBits { set: false, name, track })),
        _ => Err(command
            .fault(format!("{:?} is not a command of {keyword}", command.text))
            .hint("set, unset, toggle, isset, isnotset, noalert")),
    }
}

fn side(text: Text<'_>) -> Result<Side, Fault> {
    match text.text {
        "toserver" | "to_server" | "client" => Ok(Side::ToServer),
        "toclient" | "to_client" | "server" => Ok(Side::ToClient),
        "both" => Ok(Side::Both),
        "either" => Ok(Side::Either),
        _ => Err(text.fault(format!("{:?} is not a side of a flow", text.text))),
    }
}

pub(crate) fn stream_size(text: Text<'_>) -> Result<Condition, Fault> {
    let parts = text.split(',');
    let [who, sign, number] = parts.as_slice() else {
        return Err(text.fault("stream_size needs a side, an operator and a number").hint("stream_size:server,<,1000"));
    };
    let test = number::parse(Text::new(&format!("{}{}", sign.text, number.text), sign.at), u64::MAX, &[])?;
    Ok(Condition::StreamSize { side: side(*who)?, test })
}

/// `flow.pkts:toserver,>5` and `flow.bytes:…`.
pub(crate) fn sided(text: Text<'_>, max: u64) -> Result<(Side, number::NumberTest), Fault> {
    let Some((who, test)) = text.split_once(',') else {
        return Err(text.fault("a side and a number are needed").hint("toserver,>5"));
    };
    Ok((side(who.trim())?, number::parse(test, max, &[])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Text<'_> {
        Text::new(text, 0)
    }

    #[test]
    fn flow_takes_what_can_be_true_together() {
        let test = flow(t("to_client, established,no_stream")).expect("good");
        assert_eq!(
            (test.direction, test.established, test.stream),
            (Some(Direction::ToClient), Some(true), StreamChoice::NoStream)
        );
        for (bad, at) in [("to_client,to_server", 10), ("established,stateless", 12), ("establishd", 0)] {
            assert_eq!(flow(t(bad)).expect_err(bad).at, at);
        }
    }

    #[test]
    fn bits_are_changed_or_asked_for() {
        assert!(
            matches!(flowbits(t("isset,a|b")), Ok(FlowWord::Condition(Condition::FlowBits { set: true, names })) if names == ["a", "b"])
        );
        assert!(matches!(flowbits(t("noalert")), Ok(FlowWord::NoAlert)));
        assert!(flowbits(t("set,a|b")).is_err());
        assert!(matches!(
            xbits(t("set,x,track ip_pair,expire 60")),
            Ok(FlowWord::Effect(Effect::HostBits { track: Track::Pair, expire_secs: 60, .. }))
        ));
        assert!(xbits(t("set,x")).is_err());
        assert!(matches!(
            hostbits(t("isnotset,abc,dst")),
            Ok(FlowWord::Condition(Condition::HostBits { track: Track::Destination, .. }))
        ));
    }

    #[test]
    fn flowint_compares_and_counts() {
        assert!(matches!(
            flowint(t("n, +, 1")),
            Ok(FlowWord::Effect(Effect::FlowInt { change: FlowIntChange::Add, .. }))
        ));
        assert!(matches!(
            flowint(t("n,>,m")),
            Ok(FlowWord::Condition(Condition::FlowInt { test: FlowIntTest::Compare(..), .. }))
        ));
        assert!(matches!(
            flowint(t("n, notset")),
            Ok(FlowWord::Condition(Condition::FlowInt { test: FlowIntTest::IsNotSet, .. }))
        ));
        assert!(flowint(t("n,~,1")).is_err());
    }
}
