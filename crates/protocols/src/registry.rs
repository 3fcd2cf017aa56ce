//! Every protocol, sorted by name, one line each.

use crate::session::Protocol;

pub static REGISTRY: &[&Protocol] = &[
    &crate::dns::DNS,
    &crate::http1::HTTP,
    &crate::dns::MDNS,
    &crate::tls::TLS,
];
