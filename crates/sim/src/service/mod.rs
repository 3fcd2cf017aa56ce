//! What a hospital's network does all day, one file per service. To add one: copy a file, add one line to [`SERVICES`].

pub mod dhcp;
pub mod dicom;
pub mod dns;
pub mod ftp;
pub mod hl7;
pub mod http;
pub mod https;
pub mod mssql;
pub mod mysql;
pub mod ntp;
pub mod postgresql;
pub mod presence;
pub mod printing;
pub mod rdp;
pub mod smb;
pub mod snmp;
pub mod ssh;
pub mod telnet;
pub mod tls;

use crate::scene::Scene;

pub struct Service {
    pub name: &'static str,
    /// Sessions that begin in one minute of the small scale, in the whole hospital.
    pub per_minute: u32,
    /// One session that begins at this moment.
    pub play: fn(&mut Scene<'_>, i64),
}

pub static SERVICES: [Service; 17] = [
    dhcp::SERVICE,
    dicom::SERVICE,
    dns::SERVICE,
    ftp::SERVICE,
    hl7::SERVICE,
    http::SERVICE,
    https::SERVICE,
    mssql::SERVICE,
    mysql::SERVICE,
    ntp::SERVICE,
    postgresql::SERVICE,
    presence::SERVICE,
    printing::SERVICE,
    rdp::SERVICE,
    smb::SERVICE,
    snmp::SERVICE,
    ssh::SERVICE,
];
