//! Where the engine's results go. Calls come in the order of the packets, so the n-th call of a capture is always the same.

use phitak_detect::OpenAlert;
use phitak_model::{Alert, Observation};
use std::sync::Arc;

pub trait Sink {
    /// One EVE record as a JSON line without its line feed. `kind` is its `event_type`. These stay at the hospital.
    fn record(&mut self, kind: &'static str, line: &[u8]);

    /// What follows is told because a flow has come to its end, by time or with the input, and not by the frame at hand.
    /// `born` is the number of the frame that began the flow; such flows come in the order of these numbers.
    fn ending(&mut self, born: u64) {
        let _ = born;
    }

    /// The record and the alert that follow, one each, count only if this turns out to be an alert. One engine alone settles
    /// everything at once; one of several may go on before ([`phitak_detect::Turn`]).
    fn open(&mut self, alert: Arc<OpenAlert>) {
        let _ = alert;
    }

    /// An alert in the form that may leave the hospital (its EVE record comes through [`Sink::record`] as well).
    fn alert(&mut self, alert: Alert);

    /// A fact about a host, not yet merged with its repetitions.
    fn observation(&mut self, observation: Observation);
}
