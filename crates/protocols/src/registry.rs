//! Every protocol, sorted by name, one line each.

use crate::{
    bittorrent, dhcp, dnp3, dns, ftp, http1, http2, ldap, modbus, mqtt, mssql, mysql, nbns, pgsql, quic, rfb,
    session::Protocol, sip, smb, smtp, snmp, ssh, telnet, tls, websocket,
};

pub static REGISTRY: &[&Protocol] = &[
    &bittorrent::BITTORRENT,
    &dhcp::DHCP,
    &dnp3::DNP3,
    &dns::DNS,
    &ftp::FTP,
    &http1::HTTP,
    &http2::HTTP2,
    &ldap::LDAP,
    &dns::LLMNR,
    &dns::MDNS,
    &modbus::MODBUS,
    &mqtt::MQTT,
    &mssql::MSSQL,
    &mysql::MYSQL,
    &nbns::NBDGM,
    &nbns::NBNS,
    &pgsql::PGSQL,
    &quic::QUIC,
    &rfb::RFB,
    &sip::SIP,
    &smb::SMB,
    &smtp::SMTP,
    &snmp::SNMP,
    &ssh::SSH,
    &telnet::TELNET,
    &tls::TLS,
    &websocket::WEBSOCKET,
];
