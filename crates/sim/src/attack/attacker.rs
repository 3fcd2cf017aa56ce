//! The invented attackers' machines, the same against every hospital, in blocks that are nobody's (RFC 5737).

use std::net::Ipv4Addr;

/// Guesses passwords.
pub const GUESSER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);
/// Attacks web sites, and serves what they are made to load.
pub const INTRUDER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 91);
/// Commands taken-over PCs.
pub const COMMANDER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 23);
/// Takes stolen data.
pub const FENCE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 140);
/// The domain under which stolen data leaves in DNS questions.
pub const TUNNEL_DOMAIN: &str = "n5.sync-cdn-edge.example";

/// What people choose as passwords' users, in the order in which guessers try.
pub const USERS: [&str; 12] = [
    "administrator",
    "admin",
    "user",
    "test",
    "backup",
    "his",
    "root",
    "support",
    "scan",
    "guest",
    "doctor",
    "itadmin",
];
