//! What one worker is told before it starts. The defaults are Suricata's stock configuration.

mod names;

use phitak_packet::{DecoderSettings, flow::FLOWS_MAX_DEFAULT, tcp::TcpSettings};
use std::collections::{BTreeMap, BTreeSet};

pub use names::SetOutcome;

#[derive(Clone, Debug, Default)]
pub struct Config {
    pub decoder: DecoderSettings,
    pub tcp: TcpSettings,
    pub flow: FlowSettings,
    pub protocols: phitak_protocols::Settings,
    /// Protocols that are switched off, by name.
    pub protocols_off: BTreeSet<String>,
    pub eve: EveSettings,
    /// `packet-alert-max`, where it is not to have its stock value.
    pub alerts_max: Option<u32>,
    /// `vars.address-groups` and `vars.port-groups` that are not to have their stock values, without the `$`.
    pub variables: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub struct FlowSettings {
    pub flows_max: usize,
    /// Keeps outsiders from choosing flows that collide; the same seed gives the same run.
    pub seed: u64,
    /// `vlan.use-for-tracking`
    pub use_vlan: bool,
    pub tcp: Timeouts,
    pub udp: Timeouts,
    pub icmp: Timeouts,
    pub other: Timeouts,
}

/// Idle seconds after which a flow ends, by its state.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub new_secs: u32,
    pub established_secs: u32,
    pub closed_secs: u32,
    pub bypassed_secs: u32,
}

/// Which anomalies are recorded (`outputs.eve-log.types.anomaly.types`).
#[derive(Clone, Copy, Debug)]
pub struct EveSettings {
    pub anomaly_decode: bool,
    pub anomaly_stream: bool,
    pub anomaly_applayer: bool,
    /// The `stats` record at the end.
    pub stats: bool,
}

impl Default for FlowSettings {
    fn default() -> Self {
        let datagrams = Timeouts { new_secs: 30, established_secs: 300, closed_secs: 0, bypassed_secs: 100 };
        Self {
            flows_max: FLOWS_MAX_DEFAULT,
            seed: 0,
            use_vlan: true,
            tcp: Timeouts { new_secs: 60, established_secs: 600, closed_secs: 60, bypassed_secs: 100 },
            udp: datagrams,
            icmp: datagrams,
            other: datagrams,
        }
    }
}

impl Default for EveSettings {
    fn default() -> Self {
        Self { anomaly_decode: false, anomaly_stream: false, anomaly_applayer: true, stats: true }
    }
}
