//! `stream.*` of Suricata's configuration; the defaults are its own.

use super::assembly::Overlap;

/// What becomes of a byte that the urgent pointer marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UrgentPolicy {
    /// It stays in the stream.
    Inline,
    /// It is taken out (RFC 6093 §3.1 tells what most stacks do).
    #[default]
    OutOfBand,
    /// Segments with urgent data are left out.
    Drop,
    /// The byte counts as missing.
    Gap,
}

/// What a session without stream bytes counts for in `stream.memcap`.
pub const SESSION_BYTES: usize = 256;

#[derive(Clone, Debug)]
pub struct TcpSettings {
    /// `stream.midstream`: sessions whose handshake was not seen are picked up.
    pub midstream: bool,
    /// `stream.async-oneside`: one side alone is enough.
    pub async_oneside: bool,
    /// `stream.inline`: bytes are handed on at once and not when they are acknowledged.
    pub inline: bool,
    /// `stream.reassembly.depth` in bytes for each direction; 0 is no limit.
    pub depth_bytes: u64,
    /// `stream.reassembly.toserver-chunk-size` and `stream.reassembly.toclient-chunk-size`: raw bytes are inspected when so
    /// many are new.
    pub chunk_bytes: [u64; 2],
    /// `stream.checksum-validation`
    pub checksum_validation: bool,
    /// Segments with wrong checksums are taken from a sender whose checksums were wrong each time, in the flow at hand:
    /// it leaves them to its network card, and the capture was made before that (`-k auto`).
    pub offloading_believed: bool,
    /// `stream.reassembly.memcap`
    pub memory_bytes_max: usize,
    /// `stream.memcap`, in sessions: further ones are not followed.
    pub sessions_max: usize,
    /// `stream.max-synack-queued`
    pub syn_acks_queued_max: usize,
    pub urgent: UrgentPolicy,
    pub overlap_ipv4: Overlap,
    pub overlap_ipv6: Overlap,
    /// `stream.bypass`: flows beyond depth or encrypted are let go.
    pub bypass: bool,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            midstream: false,
            async_oneside: false,
            inline: false,
            depth_bytes: 1024 * 1024,
            chunk_bytes: [2560; 2],
            checksum_validation: true,
            offloading_believed: true,
            memory_bytes_max: 256 * 1024 * 1024,
            sessions_max: 64 * 1024 * 1024 / SESSION_BYTES,
            syn_acks_queued_max: 5,
            urgent: UrgentPolicy::OutOfBand,
            overlap_ipv4: Overlap::Bsd,
            overlap_ipv6: Overlap::Bsd,
            bypass: false,
        }
    }
}
