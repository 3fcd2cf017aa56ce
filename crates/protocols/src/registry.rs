//! Every protocol, sorted by name, one line each.

use crate::{
    dhcp, dns, ftp, http1, http2, ldap, mssql, mysql, nbns, pgsql, quic, session::Protocol, sip, smb, smtp, ssh,
    telnet, tls, websocket,
};

pub static REGISTRY: &[&Protocol] = &[
    &dhcp::DHCP,
    &dns::DNS,
    &ftp::FTP,
    &http1::HTTP,
    &http2::HTTP2,
    &ldap::LDAP,
    &dns::LLMNR,
    &dns::MDNS,
    &mssql::MSSQL,
    &mysql::MYSQL,
    &nbns::NBDGM,
    &nbns::NBNS,
    &pgsql::PGSQL,
    &quic::QUIC,
    &sip::SIP,
    &smb::SMB,
    &smtp::SMTP,
    &ssh::SSH,
    &telnet::TELNET,
    &tls::TLS,
    &websocket::WEBSOCKET,
];
