//! `threshold`, `detection_filter` and the lines of a `threshold.config`.

use crate::{
    address::{self, Addresses},
    diagnostic::Diagnostic,
    lines,
    text::{Fault, Text},
    variables::Variables,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThresholdKind {
    /// At most `count` alerts in a period.
    Limit,
    /// One alert for every `count` matches.
    Threshold,
    /// One alert a period, once `count` matches came.
    Both,
    /// Alerts at match `count`, `count * multiplier`…; tracked by flow.
    Backoff { multiplier: u32 },
    /// Alerts for every match past `count` in a period.
    DetectionFilter { unique: Option<UniquePort> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UniquePort {
    Source,
    Destination,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThresholdTrack {
    Source,
    Destination,
    Both,
    Rule,
    Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    pub kind: ThresholdKind,
    pub track: ThresholdTrack,
    pub count: u32,
    pub seconds: u32,
}

/// One line of a `threshold.config`. A sid or gid of 0 means every rule.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdLine {
    pub gid: u32,
    pub sid: u32,
    pub rule: ThresholdRule,
    /// Where it stands in its file, from 1.
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ThresholdRule {
    Threshold(Threshold),
    /// No alert; without an address for nobody at all.
    Suppress {
        track: SuppressTrack,
        addresses: Addresses,
    },
    /// Another action once the rate is reached, for a while.
    Rate {
        track: ThresholdTrack,
        count: u32,
        seconds: u32,
        action: crate::Action,
        timeout_secs: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressTrack {
    Source,
    Destination,
    Either,
}

#[derive(Default)]
struct Options<'a> {
    kind: Option<Text<'a>>,
    track: Option<ThresholdTrack>,
    count: Option<u32>,
    seconds: Option<u32>,
    multiplier: Option<u32>,
    unique: Option<UniquePort>,
}

fn track(text: Text<'_>) -> Result<ThresholdTrack, Fault> {
    Ok(match text.text {
        "by_src" => ThresholdTrack::Source,
        "by_dst" => ThresholdTrack::Destination,
        "by_both" => ThresholdTrack::Both,
        "by_rule" => ThresholdTrack::Rule,
        "by_flow" => ThresholdTrack::Flow,
        _ => {
            return Err(text
                .fault(format!("{:?} cannot be tracked", text.text))
                .hint("by_src, by_dst, by_both, by_rule, by_flow"));
        }
    })
}

fn positive(text: Text<'_>, what: &str) -> Result<u32, Fault> {
    match text.number()? {
        0 => Err(text.fault(format!("{what} must be at least 1"))),
        n => Ok(n),
    }
}

fn options<'a>(text: Text<'a>, keyword: &str) -> Result<Options<'a>, Fault> {
    let mut found = Options::default();
    for option in text.split(',') {
        let (word, rest) = option.word();
        match word.text {
            "type" => found.kind = Some(rest),
            "track" => found.track = Some(track(rest)?),
            "count" => found.count = Some(positive(rest, "count")?),
            "seconds" => found.seconds = Some(positive(rest, "seconds")?),
            "multiplier" => found.multiplier = Some(positive(rest, "multiplier")?),
            "unique_on" => {
                found.unique = Some(match rest.text {
                    "src_port" => UniquePort::Source,
                    "dst_port" => UniquePort::Destination,
                    _ => return Err(rest.fault("unique_on is src_port or dst_port")),
                });
            }
            _ => return Err(option.fault(format!("{:?} is not an option of {keyword}", option.text))),
        }
    }
    Ok(found)
}

pub(crate) fn threshold(text: Text<'_>) -> Result<Threshold, Fault> {
    let found = options(text, "threshold")?;
    let missing = |what: &str| text.fault(format!("threshold has no {what}"));
    let kind_text = found.kind.ok_or_else(|| missing("type"))?;
    let track = found.track.ok_or_else(|| missing("track"))?;
    let count = found.count.ok_or_else(|| missing("count"))?;
    let kind = match kind_text.text {
        "limit" => ThresholdKind::Limit,
        "threshold" => ThresholdKind::Threshold,
        "both" => ThresholdKind::Both,
        "backoff" => {
            if track != ThresholdTrack::Flow {
                return Err(kind_text.fault("backoff can only be tracked by_flow"));
            }
            ThresholdKind::Backoff { multiplier: found.multiplier.ok_or_else(|| missing("multiplier"))? }
        }
        _ => {
            return Err(kind_text
                .fault(format!("{:?} is not a type of threshold", kind_text.text))
                .hint("limit, threshold, both, backoff"));
        }
    };
    let seconds = match (kind, found.seconds) {
        (_, Some(seconds)) => seconds,
        (ThresholdKind::Backoff { .. }, None) => u32::MAX,
        (_, None) => return Err(missing("seconds")),
    };
    Ok(Threshold { kind, track, count, seconds })
}

pub(crate) fn detection_filter(text: Text<'_>) -> Result<Threshold, Fault> {
    let found = options(text, "detection_filter")?;
    let missing = |what: &str| text.fault(format!("detection_filter has no {what}"));
    Ok(Threshold {
        kind: ThresholdKind::DetectionFilter { unique: found.unique },
        track: found.track.ok_or_else(|| missing("track"))?,
        count: found.count.ok_or_else(|| missing("count"))?,
        seconds: found.seconds.ok_or_else(|| missing("seconds"))?,
    })
}

/// Reads the text of a `threshold.config`.
#[must_use]
pub fn read_config(file: &str, text: &str, variables: &Variables) -> (Vec<ThresholdLine>, Vec<Diagnostic>) {
    let (logical, _) = lines::logical_lines(text, 1);
    let mut read = Vec::new();
    let mut diagnostics = Vec::new();
    for line in &logical {
        match config_line(Text::new(&line.text, 0).trim(), variables) {
            Ok(rule) => read.push(ThresholdLine { line: line.place(0).0, ..rule }),
            Err(fault) => {
                let (number, column) = line.place(fault.at);
                diagnostics.push(Diagnostic {
                    file: file.to_owned(),
                    line: number,
                    column,
                    sid: None,
                    reason: fault.reason,
                    hint: fault.hint,
                });
            }
        }
    }
    (read, diagnostics)
}

/// One line such as `suppress gen_id 1, sig_id 2, track by_src, ip 10.0.0.1`.
pub(crate) fn config_line(text: Text<'_>, variables: &Variables) -> Result<ThresholdLine, Fault> {
    let (kind, rest) = text.word();
    let mut gid = None;
    let mut sid = None;
    let mut new_action = None;
    let mut timeout = None;
    let mut suppress = None;
    let mut addresses = None;
    let mut plain = Vec::new();
    for option in address::list_items(rest)? {
        let (word, value) = option.word();
        match word.text {
            "gen_id" => gid = Some(value.number()?),
            "sig_id" => sid = Some(value.number()?),
            "ip" => addresses = Some(address::parse(value, variables)?),
            "new_action" => new_action = Some(rate_action(value)?),
            "timeout" => timeout = Some(value.number()?),
            "track" if kind.text == "suppress" => suppress = Some(suppress_track(value)?),
            _ => plain.push(option),
        }
    }
    let (Some(gid), Some(sid)) = (gid, sid) else { return Err(text.fault("gen_id and sig_id are needed")) };
    let joined = plain.iter().map(|p| p.text).collect::<Vec<_>>().join(",");
    let at = plain.first().map_or(text.at, |p| p.at);
    let line = |rule| Ok(ThresholdLine { gid, sid, rule, line: 0 });
    match kind.text {
        "threshold" | "event_filter" => line(ThresholdRule::Threshold(threshold(Text::new(&joined, at))?)),
        "suppress" => line(ThresholdRule::Suppress {
            track: suppress.unwrap_or(SuppressTrack::Either),
            addresses: addresses.unwrap_or_else(Addresses::any),
        }),
        "rate_filter" => {
            let found = options(Text::new(&joined, at), "rate_filter")?;
            let (Some(track), Some(count), Some(seconds), Some(action), Some(timeout_secs)) =
                (found.track, found.count, found.seconds, new_action, timeout)
            else {
                return Err(text.fault("rate_filter needs track, count, seconds, new_action and timeout"));
            };
            line(ThresholdRule::Rate { track, count, seconds, action, timeout_secs })
        }
        _ => Err(kind.fault(format!("{:?} is not threshold, event_filter, suppress or rate_filter", kind.text))),
    }
}

fn rate_action(text: Text<'_>) -> Result<crate::Action, Fault> {
    match text.text {
        "alert" => Ok(crate::Action::Alert),
        "drop" => Ok(crate::Action::Drop),
        "pass" => Ok(crate::Action::Pass),
        "reject" => Ok(crate::Action::Reject),
        _ => Err(text
            .fault(format!("{:?} is not an action of rate_filter", text.text))
            .hint("alert, drop, pass, reject")),
    }
}

fn suppress_track(text: Text<'_>) -> Result<SuppressTrack, Fault> {
    match text.text {
        "by_src" => Ok(SuppressTrack::Source),
        "by_dst" => Ok(SuppressTrack::Destination),
        "by_either" => Ok(SuppressTrack::Either),
        _ => Err(text.fault("suppress tracks by_src, by_dst or by_either")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Text<'_> {
        Text::new(text, 0)
    }

    #[test]
    fn thresholds_of_every_type_are_read() {
        let limit = threshold(t("type limit, track by_src, seconds 180, count 1")).expect("limit");
        assert_eq!(
            limit,
            Threshold { kind: ThresholdKind::Limit, track: ThresholdTrack::Source, count: 1, seconds: 180 }
        );
        assert!(matches!(
            threshold(t("type backoff, track by_flow, count 1, multiplier 10")).expect("backoff").kind,
            ThresholdKind::Backoff { multiplier: 10 }
        ));
        assert!(threshold(t("type backoff, track by_src, count 1, multiplier 10")).is_err());
        assert!(threshold(t("type limit, track by_src, count 1")).is_err());
        assert_eq!(threshold(t("type limits, track by_src, count 1, seconds 1")).expect_err("type").at, 5);
        assert!(detection_filter(t("track by_dst, count 10, seconds 60, unique_on dst_port")).is_ok());
    }

    #[test]
    fn lines_of_a_threshold_config_are_read() {
        let variables = Variables::default();
        let line =
            config_line(t("suppress gen_id 1, sig_id 2002087, track by_src, ip [10.0.0.1,10.0.0.2]"), &variables)
                .expect("suppress");
        assert!(matches!(line.rule, ThresholdRule::Suppress { track: SuppressTrack::Source, .. }));
        assert!(
            config_line(t("threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60"), &variables)
                .is_ok()
        );
        assert!(
            config_line(
                t("rate_filter gen_id 1, sig_id 1, track by_rule, count 100, seconds 60, new_action drop, timeout 30"),
                &variables
            )
            .is_ok()
        );
        assert!(config_line(t("suppres gen_id 1, sig_id 1"), &variables).is_err());
    }
}
