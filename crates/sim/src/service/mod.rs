//! What a hospital's network does all day, one file per service. To add one: copy a file, add one line to [`SERVICES`].

pub mod dns;
pub mod ftp;
pub mod http;
pub mod https;
pub mod mssql;
pub mod mysql;
pub mod postgresql;
pub mod smb;
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

pub static SERVICES: [Service; 9] = [
    dns::SERVICE,
    ftp::SERVICE,
    http::SERVICE,
    https::SERVICE,
    mssql::SERVICE,
    mysql::SERVICE,
    postgresql::SERVICE,
    smb::SERVICE,
    ssh::SERVICE,
];
