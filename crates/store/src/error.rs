//! What can go wrong with the centre's tables, and whose fault it is.

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing in the caller's scope. Nothing tells it apart from another tenant's.
    #[error("there is no such thing")]
    NotFound,
    /// The caller asks for something that exists already or is used up.
    #[error("{what}")]
    Conflict { what: String },
    /// The caller's value breaks a rule of the tables.
    #[error("{what}")]
    Invalid { what: String },
    /// The database refused; trying again may help.
    #[error("the database refused")]
    Database {
        #[from]
        source: sea_orm::DbErr,
    },
    /// A row does not hold what this program wrote there.
    #[error("{table} holds a value that cannot be read: {what}")]
    Damaged { table: &'static str, what: String },
}

impl StoreError {
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }
}
