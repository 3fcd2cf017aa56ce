//! Settings by the names that Suricata's configuration gives them.

use super::{Config, Timeouts};
use phitak_packet::{
    decode::Ports,
    defrag,
    tcp::{SESSION_BYTES, UrgentPolicy},
};

/// What became of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetOutcome {
    Done,
    /// Known to Suricata, and without effect here.
    Ignored,
    UnknownName,
    /// The name is known, the value cannot be read.
    BadValue(&'static str),
}

/// Names (or their beginnings) that mean something to Suricata's machinery alone.
static IGNORED: &[&str] = &[
    "af-packet",
    "capture.",
    "classification-file",
    "datasets.",
    "default-log-dir",
    "default-rule-path",
    "detect.",
    "flow.emergency-recovery",
    "flow.hash-size",
    "flow.managers",
    "flow.prealloc",
    "flow.recyclers",
    "host.",
    "ippair.",
    "logging.",
    "max-pending-packets",
    "mpm-algo",
    "pcap-file.",
    "pcre.",
    "profiling.",
    "reference-config-file",
    "rule-files",
    "runmode",
    "spm-algo",
    "stats.",
    "stream.prealloc-sessions",
    "stream.reassembly.chunk-prealloc",
    "stream.reassembly.randomize-chunk",
    "stream.reassembly.segment-prealloc",
    "threading.",
    "threshold-file",
    "unix-command.",
];

impl Config {
    /// Takes a setting such as `stream.midstream` = `true`.
    pub fn set(&mut self, name: &str, value: &str) -> SetOutcome {
        let value = value.trim();
        if let Some(rest) = name.strip_prefix("stream.") {
            if let Some(outcome) = self.set_stream(rest, value) {
                return outcome;
            }
        } else if let Some(rest) = name.strip_prefix("decoder.") {
            return self.set_decoder(rest, value);
        } else if let Some(rest) = name.strip_prefix("defrag.") {
            return self.set_defrag(rest, value);
        } else if let Some(rest) = name.strip_prefix("flow-timeouts.") {
            return self.set_timeout(rest, value);
        } else if let Some(rest) = name.strip_prefix("flow.memcap").filter(|rest| rest.is_empty()) {
            let _ = rest;
            // A flow with its parsers' state takes about a kilobyte.
            return on(bytes(value), "a size such as 128mb", |size| self.flow.flows_max = (size / 1024).max(16));
        } else if name == "packet-alert-max" {
            return on(value.parse().ok(), NUMBER, |count: u32| self.alerts_max = (count > 0).then_some(count));
        } else if name == "vlan.use-for-tracking" {
            return on(boolean(value), BOOLEAN, |yes| self.flow.use_vlan = yes);
        } else if let Some(variable) =
            name.strip_prefix("vars.address-groups.").or_else(|| name.strip_prefix("vars.port-groups."))
        {
            self.variables.insert(variable.to_owned(), value.to_owned());
            return SetOutcome::Done;
        } else if let Some(rest) = name.strip_prefix("app-layer.protocols.") {
            return self.set_protocol(name, rest, value);
        } else if let Some(kind) = name.strip_prefix("outputs.").and_then(|rest| rest.split_once(".anomaly.types.")) {
            return on(boolean(value), BOOLEAN, |yes| match kind.1 {
                "decode" => self.eve.anomaly_decode = yes,
                "stream" => self.eve.anomaly_stream = yes,
                _ => self.eve.anomaly_applayer = yes,
            });
        } else if let Some((_, rest)) = name.strip_prefix("outputs.").and_then(|rest| rest.split_once(".smtp.")) {
            let known = self.protocols.set(&format!("outputs.smtp.{rest}"), value);
            return if known { SetOutcome::Done } else { SetOutcome::UnknownName };
        } else if let Some((_, rest)) = name.strip_prefix("outputs.").and_then(|rest| rest.split_once(".files.")) {
            return self.set_files(rest, value);
        }
        if IGNORED.iter().any(|known| name == *known || (known.ends_with(['.', '-']) && name.starts_with(known))) {
            SetOutcome::Ignored
        } else {
            SetOutcome::UnknownName
        }
    }

    fn set_stream(&mut self, name: &str, value: &str) -> Option<SetOutcome> {
        let tcp = &mut self.tcp;
        Some(match name {
            "midstream" => on(boolean(value), BOOLEAN, |yes| tcp.midstream = yes),
            "async-oneside" => on(boolean(value), BOOLEAN, |yes| tcp.async_oneside = yes),
            "bypass" => on(boolean(value), BOOLEAN, |yes| tcp.bypass = yes),
            "checksum-validation" => on(boolean(value), BOOLEAN, |yes| tcp.checksum_validation = yes),
            "inline" if value == "auto" => SetOutcome::Done,
            "inline" => on(boolean(value), "yes, no or auto", |yes| tcp.inline = yes),
            "max-synack-queued" => on(value.parse().ok(), NUMBER, |count: u8| tcp.syn_acks_queued_max = count.into()),
            "reassembly.depth" => on(bytes(value), SIZE, |size| tcp.depth_bytes = size as u64),
            "reassembly.toserver-chunk-size" => on(bytes(value), SIZE, |size| tcp.chunk_bytes[0] = size as u64),
            "reassembly.toclient-chunk-size" => on(bytes(value), SIZE, |size| tcp.chunk_bytes[1] = size as u64),
            "reassembly.memcap" => on(bytes(value), SIZE, |size| tcp.memory_bytes_max = size),
            "reassembly.urgent.policy" => {
                let policy = match value {
                    "inline" => Some(UrgentPolicy::Inline),
                    "oob" => Some(UrgentPolicy::OutOfBand),
                    "drop" => Some(UrgentPolicy::Drop),
                    "gap" => Some(UrgentPolicy::Gap),
                    _ => None,
                };
                on(policy, "inline, oob, drop or gap", |policy| tcp.urgent = policy)
            }
            "memcap" => on(bytes(value), SIZE, |size| tcp.sessions_max = (size / SESSION_BYTES).max(16)),
            "max-syn-queued"
            | "drop-invalid"
            | "reassembly.raw"
            | "reassembly.check-overlap-different-data"
            | "midstream-policy"
            | "memcap-policy"
            | "reassembly.memcap-policy"
            | "reassembly.max-regions"
            | "reassembly.urgent.oob-limit-policy" => SetOutcome::Ignored,
            _ => return None,
        })
    }

    fn set_decoder(&mut self, name: &str, value: &str) -> SetOutcome {
        let decoder = &mut self.decoder;
        match name {
            "max-layers" => on(value.parse().ok(), NUMBER, |count| decoder.layers_max = count),
            "teredo.enabled" => on(boolean(value), BOOLEAN, |yes| decoder.teredo_enabled = yes),
            "vxlan.enabled" => on(boolean(value), BOOLEAN, |yes| decoder.vxlan_enabled = yes),
            "geneve.enabled" => on(boolean(value), BOOLEAN, |yes| decoder.geneve_enabled = yes),
            "gre-in-udp.enabled" => on(boolean(value), BOOLEAN, |yes| decoder.gre_in_udp_enabled = yes),
            "gtp.enabled" => on(boolean(value), BOOLEAN, |yes| decoder.gtp_enabled = yes),
            "gre-in-udp.ports" => on(ports(value), PORTS, |ports| decoder.gre_in_udp_ports = ports),
            "gtp.ports" => on(ports(value), PORTS, |ports| decoder.gtp_ports = ports),
            "teredo.ports" => on(ports(value), PORTS, |ports| decoder.teredo_ports = ports),
            "vxlan.ports" => on(ports(value), PORTS, |ports| decoder.vxlan_ports = ports),
            "geneve.ports" => on(ports(value), PORTS, |ports| decoder.geneve_ports = ports),
            // Type I is always decoded, as in Suricata 8.
            "erspan.typeI.enabled" | "recursion-level.use-for-tracking" => SetOutcome::Ignored,
            _ => SetOutcome::UnknownName,
        }
    }

    fn set_defrag(&mut self, name: &str, value: &str) -> SetOutcome {
        let settings = &mut self.decoder.defrag;
        match name {
            "memcap" => on(bytes(value), SIZE, |size| settings.memory_bytes_max = size),
            "trackers" => on(value.parse().ok(), NUMBER, |count| settings.trackers_max = count),
            "timeout" => on(value.parse().ok(), NUMBER, |secs: u32| settings.timeout_secs = secs.into()),
            "default-policy" => on(defrag_policy(value), "a defragmentation policy such as bsd or linux", |policy| {
                settings.ipv4 = policy;
                settings.ipv6 = policy;
            }),
            "hash-size" | "max-frags" | "prealloc" | "memcap-policy" => SetOutcome::Ignored,
            _ => SetOutcome::UnknownName,
        }
    }

    fn set_timeout(&mut self, name: &str, value: &str) -> SetOutcome {
        let Some((protocol, state)) = name.split_once('.') else { return SetOutcome::UnknownName };
        let timeouts = match protocol {
            "tcp" => &mut self.flow.tcp,
            "udp" => &mut self.flow.udp,
            "icmp" => &mut self.flow.icmp,
            "default" => &mut self.flow.other,
            _ => return SetOutcome::UnknownName,
        };
        let Timeouts { new_secs, established_secs, closed_secs, bypassed_secs } = timeouts;
        let place = match state {
            "new" => new_secs,
            "established" => established_secs,
            "closed" => closed_secs,
            "bypassed" => bypassed_secs,
            _ if state.starts_with("emergency-") => return SetOutcome::Ignored,
            _ => return SetOutcome::UnknownName,
        };
        on(value.parse().ok(), NUMBER, |secs| *place = secs)
    }

    /// What is computed of every file, whether or not a rule asks for it.
    fn set_files(&mut self, name: &str, value: &str) -> SetOutcome {
        let digests = &mut self.protocols.digests;
        match name.split('.').next().unwrap_or(name) {
            "force-magic" => on(boolean(value), BOOLEAN, |yes| digests.magic = yes),
            "force-hash" => {
                digests.md5 |= value.contains("md5");
                digests.sha1 |= value.contains("sha1");
                digests.sha256 |= value.contains("sha256");
                SetOutcome::Done
            }
            "force-filestore" | "enabled" => SetOutcome::Ignored,
            _ => SetOutcome::UnknownName,
        }
    }

    fn set_protocol(&mut self, name: &str, rest: &str, value: &str) -> SetOutcome {
        if let Some(protocol) = rest.strip_suffix(".enabled") {
            let is_on = if value == "detection-only" { Some(false) } else { boolean(value) };
            return on(is_on, "yes, no or detection-only", |is_on| {
                if is_on {
                    self.protocols_off.remove(protocol);
                } else {
                    self.protocols_off.insert(protocol.to_owned());
                }
            });
        }
        if rest.ends_with(".encryption-handling") {
            let known = ["track-only", "default", "bypass", "full"].contains(&value);
            return on(known.then_some(()), "track-only, bypass or full", |()| {
                self.protocols.set(name, value);
            });
        }
        if self.protocols.set(name, value) { SetOutcome::Done } else { SetOutcome::UnknownName }
    }
}

const BOOLEAN: &str = "yes or no";
const NUMBER: &str = "a number";
const SIZE: &str = "a size such as 1mb";
const PORTS: &str = "a port, a list of ports, or any";

fn on<T>(value: Option<T>, wanted: &'static str, take: impl FnOnce(T)) -> SetOutcome {
    match value {
        Some(value) => {
            take(value);
            SetOutcome::Done
        }
        None => SetOutcome::BadValue(wanted),
    }
}

fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// `64kb`, `1mb`, `2 GiB`, `4096`.
fn bytes(value: &str) -> Option<usize> {
    let value = value.to_ascii_lowercase();
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match value.get(digits.len()..)?.trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

fn ports(value: &str) -> Option<Ports> {
    let value = value.trim_start_matches('[').trim_end_matches(']');
    if value == "any" {
        return Some(Ports::Any);
    }
    let ports: Option<Vec<u16>> = value.split(',').map(|port| port.trim().parse().ok()).collect();
    ports.map(Ports::These)
}

fn defrag_policy(value: &str) -> Option<defrag::Overlap> {
    match value.to_ascii_lowercase().as_str() {
        "first" => Some(defrag::Overlap::First),
        "last" => Some(defrag::Overlap::Last),
        "bsd" => Some(defrag::Overlap::Bsd),
        "bsd-right" => Some(defrag::Overlap::BsdRight),
        "linux" => Some(defrag::Overlap::Linux),
        "windows" => Some(defrag::Overlap::Windows),
        "solaris" => Some(defrag::Overlap::Solaris),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suricatas_names_reach_their_settings() {
        let mut config = Config::default();
        for (name, value) in [
            ("stream.midstream", "true"),
            ("stream.reassembly.depth", "2mb"),
            ("decoder.vxlan.ports", "[4789, 8472]"),
            ("vlan.use-for-tracking", "no"),
            ("flow-timeouts.tcp.established", "10"),
            ("vars.address-groups.HOME_NET", "[192.0.2.0/24]"),
            ("outputs.1.eve-log.types.2.anomaly.types.stream", "yes"),
            ("defrag.default-policy", "linux"),
        ] {
            assert_eq!(config.set(name, value), SetOutcome::Done, "{name}");
        }
        assert!(config.tcp.midstream && config.eve.anomaly_stream && !config.flow.use_vlan);
        assert_eq!((config.tcp.depth_bytes, config.flow.tcp.established_secs), (2 << 20, 10));
        assert_eq!(config.decoder.vxlan_ports, Ports::These(vec![4789, 8472]));
        assert_eq!(config.variables.get("HOME_NET").map(String::as_str), Some("[192.0.2.0/24]"));
    }

    #[test]
    fn what_is_unknown_or_unreadable_is_told() {
        let mut config = Config::default();
        assert_eq!(config.set("stream.midstreem", "true"), SetOutcome::UnknownName);
        assert_eq!(config.set("stream.midstream", "perhaps"), SetOutcome::BadValue(BOOLEAN));
        assert_eq!(config.set("stream.reassembly.depth", "1 parsec"), SetOutcome::BadValue(SIZE));
        assert!(matches!(config.set("app-layer.protocols.tls.enabled", "maybe"), SetOutcome::BadValue(_)));
        assert_eq!(config.set("app-layer.protocols.tls.enabled", "NO"), SetOutcome::Done);
        assert!(config.protocols_off.contains("tls"));
        assert_eq!(config.set("mpm-algo", "ac"), SetOutcome::Ignored);
        assert_eq!(config.set("nothing.of.the.kind", "1"), SetOutcome::UnknownName);
    }
}
