//! An alert as it may leave a hospital. The full EVE record stays with the sensor.

use crate::{direction::Transport, severity::Severity, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Most bytes of evidence that an alert carries around its match.
pub const EVIDENCE_BYTES_MAX: usize = 256;

/// A rule's hit, with what a person needs to judge it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub at: Timestamp,
    pub gid: u32,
    pub signature_id: u32,
    pub rev: u32,
    pub signature: String,
    pub category: String,
    pub severity: Severity,
    /// `allowed`, or what a blocking engine would have done.
    pub action: String,
    /// `TCP`, `UDP`, `ICMP`…, as EVE names them.
    pub proto: String,
    pub src_ip: IpAddr,
    pub src_port: Option<u16>,
    pub dest_ip: IpAddr,
    pub dest_port: Option<u16>,
    pub app_proto: Option<String>,
    /// EVE's flow id; the key by which the hospital finds its own records of this flow.
    pub flow_id: u64,
    /// The packet's number in its capture, from 1.
    pub packet: u64,
    /// Technique ids of MITRE ATT&CK from the rule's metadata, such as `T1486`.
    pub attack: Vec<String>,
    pub evidence: Option<Evidence>,
    /// The application fields of the alert's own transaction that policy lists, as in EVE (`http.hostname`, `dns.rrname`…).
    pub fields: Vec<(String, String)>,
}

/// Bytes around a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The buffer in which the match stands, by its rule-language name; `payload` for raw packets and streams.
    pub buffer: String,
    /// At most [`EVIDENCE_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
    /// Where `bytes` begins in the buffer.
    pub offset: u64,
    /// Where matches stand in `bytes`: (start, length).
    pub marks: Vec<(u32, u32)>,
}

impl Alert {
    /// The transport, where there is one.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        match self.proto.as_str() {
            "TCP" => Some(Transport::Tcp),
            "UDP" => Some(Transport::Udp),
            _ => None,
        }
    }
}
