//! Every protocol, sorted by name, one line each.

use crate::{dhcp, dns, ftp, http1, mssql, mysql, nbns, pgsql, session::Protocol, smb, smtp, ssh, telnet, tls};

pub static REGISTRY: &[&Protocol] = &[
    &dhcp::DHCP,
    &dns::DNS,
    &ftp::FTP,
    &http1::HTTP,
    &dns::LLMNR,
    &dns::MDNS,
    &mssql::MSSQL,
    &mysql::MYSQL,
    &nbns::NBNS,
    &pgsql::PGSQL,
    &smb::SMB,
    &smtp::SMTP,
    &ssh::SSH,
    &telnet::TELNET,
    &tls::TLS,
];
