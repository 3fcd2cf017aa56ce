//! The invented Internet: names under `.example` (RFC 2606) at addresses of the documentation and benchmark blocks
//! (RFC 5737, RFC 2544).

use std::net::Ipv4Addr;

pub struct Site {
    pub name: &'static str,
    pub ip: Ipv4Addr,
}

const fn site(name: &'static str, ip: [u8; 4]) -> Site {
    Site { name, ip: Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]) }
}

/// The resolver to which the hospital's own forwards.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 53);
pub const TIME_SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 123);

/// Sites that staff visits over HTTPS.
pub const SECURE: [Site; 10] = [
    site("www.khao-chao.example", [198, 18, 4, 10]),
    site("mail.sector-health.example", [198, 18, 4, 25]),
    site("claims.sector-health.example", [198, 18, 4, 26]),
    site("search.namthang.example", [198, 18, 9, 4]),
    site("static.namthang.example", [198, 18, 9, 5]),
    site("drive.namthang.example", [198, 18, 9, 6]),
    site("chat.sanuk.example", [198, 18, 22, 80]),
    site("update.office-suite.example", [198, 18, 31, 7]),
    site("telemetry.office-suite.example", [198, 18, 31, 8]),
    site("drug-reference.example", [198, 18, 40, 2]),
];

/// Sites that are still reached over plain HTTP.
pub const PLAIN: [Site; 4] = [
    site("www.tambon-news.example", [198, 18, 50, 3]),
    site("dl.antivirus-update.example", [198, 18, 51, 14]),
    site("crl.example-ca.example", [198, 18, 52, 9]),
    site("connectivity.office-suite.example", [198, 18, 31, 9]),
];
