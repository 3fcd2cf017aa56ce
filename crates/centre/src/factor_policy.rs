//! Whether the centre asks its own team for a second factor.

use phitak_store::Role;

/// What whoever starts the centre decides. An account that has a second factor needs it, whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FactorPolicy {
    /// Administrators and analysts are asked for one on every page until they have it
    #[default]
    Asked,
    /// They reach nothing but their own account until they have it
    Required,
}

impl FactorPolicy {
    /// Whether accounts of this role should have one: those that see the whole sector.
    #[must_use]
    pub fn wants(self, role: Role) -> bool {
        matches!(role, Role::Administrator | Role::Analyst)
    }

    #[must_use]
    pub fn requires(self, role: Role) -> bool {
        self == Self::Required && self.wants(role)
    }
}
