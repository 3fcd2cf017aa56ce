//! The registry: every kind of weakness that Phitak knows, one file each.
//!
//! To add one: copy a file, change it, add its line here in the order of ids. The law tests walk this list.

mod clinical;
mod database_clear_login;
mod expired_certificate;
mod ftp_clear_login;
mod old_tls_served;
mod smb1_spoken;
mod telnet_login;

use crate::weakness::Weakness;

/// In the order of ids.
pub static WEAKNESSES: &[&Weakness] = &[
    &database_clear_login::DATABASE_CLEAR_LOGIN,
    &expired_certificate::EXPIRED_CERTIFICATE,
    &ftp_clear_login::FTP_CLEAR_LOGIN,
    &old_tls_served::OLD_TLS_SERVED,
    &smb1_spoken::SMB1_SPOKEN,
    &telnet_login::TELNET_LOGIN,
];

/// The weakness of this id.
#[must_use]
pub fn weakness(id: &str) -> Option<&'static Weakness> {
    WEAKNESSES.iter().find(|weakness| weakness.id == id).copied()
}

#[cfg(test)]
mod laws;
