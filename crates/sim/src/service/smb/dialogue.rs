//! Who talks to whom when a share is opened.

use crate::{
    hospital::{Host, Role},
    scene::Scene,
};

/// A log-in: the names that NTLM carries.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: String,
    /// The NetBIOS domain, such as `DOKPIP`.
    pub domain: String,
    pub dns_domain: String,
    pub client: String,
    pub server: String,
    pub server_dns: String,
}

impl Account {
    /// The person who sits at `client`.
    #[must_use]
    pub fn of_staff(scene: &Scene<'_>, client: &Host, server: &Host) -> Self {
        let user = match client.role {
            Role::AdminPc => "itadmin".to_owned(),
            _ => client.name.split('-').next().unwrap_or("staff").to_owned(),
        };
        let domain = scene.hospital.domain.split('.').next().unwrap_or_default().to_uppercase();
        Self {
            user,
            domain: domain.chars().take(15).collect(),
            dns_domain: scene.hospital.domain.clone(),
            client: client.netbios(),
            server: server.netbios(),
            server_dns: scene.hospital.full_name(server),
        }
    }
}
