//! Every protocol, sorted by name, one line each.

use crate::{
    dcerpc, dhcp, dns, ftp, http1, krb5, mssql, mysql, nbns, nfs, pgsql, pop3, session::Protocol, smb, smtp, ssh,
    telnet, tls,
};

pub static REGISTRY: &[&Protocol] = &[
    &dcerpc::DCERPC,
    &dhcp::DHCP,
    &dns::DNS,
    &ftp::FTP,
    &ftp::FTP_DATA,
    &http1::HTTP,
    &krb5::KRB5,
    &dns::LLMNR,
    &dns::MDNS,
    &mssql::MSSQL,
    &mysql::MYSQL,
    &nbns::NBNS,
    &nfs::NFS,
    &pgsql::PGSQL,
    &pop3::POP3,
    &smb::SMB,
    &smtp::SMTP,
    &ssh::SSH,
    &telnet::TELNET,
    &tls::TLS,
];
