//! What sessions share that tell facts only and have no transactions.

use phitak_model::inspect::{ProtocolDecl, Transaction, Transactions};
use std::ops::Range;

/// No transaction, ever.
#[derive(Debug, Default)]
pub(crate) struct NoTransactions;

impl Transactions for NoTransactions {
    fn live(&self) -> Range<u64> {
        0..0
    }

    fn transaction(&self, _: u64) -> Option<&dyn Transaction> {
        None
    }
}

/// Stages of a protocol that is only recognised.
pub(crate) const fn declare(name: &'static str) -> ProtocolDecl {
    ProtocolDecl {
        name,
        stages_to_server: &["request_started", "request_complete"],
        stages_to_client: &["response_started", "response_complete"],
        buffers: &[],
        fields: &[],
        events: &[],
    }
}

/// Passes on what [`Transactions`] asks to a field that holds the transactions.
macro_rules! transactions_of {
    ($session:ty, $field:ident) => {
        impl phitak_model::inspect::Transactions for $session {
            fn live(&self) -> std::ops::Range<u64> {
                self.$field.live()
            }

            fn transaction(&self, id: u64) -> Option<&dyn phitak_model::inspect::Transaction> {
                self.$field.transaction(id)
            }
        }
    };
}
pub(crate) use transactions_of;
