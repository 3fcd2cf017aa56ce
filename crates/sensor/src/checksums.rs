//! `-k`: what becomes of packets whose checksums are wrong.

use clap::ValueEnum;
use phitak_engine::Config;

/// How far checksums are trusted. Named as in Suricata's `-k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Checksums {
    /// Verified; but a TCP sender whose checksums were wrong each time in a flow is taken to leave them to its network card
    Auto,
    /// Verified: TCP segments with wrong ones are left out
    All,
    /// Not looked at
    None,
}

impl Checksums {
    pub fn apply(self, config: &mut Config) {
        config.decoder.checksums = self != Self::None;
        config.tcp.offloading_believed = self == Self::Auto;
    }
}
