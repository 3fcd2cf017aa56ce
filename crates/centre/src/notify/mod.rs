//! Telling people outside the pages, reliably and without saying what it is about.
//!
//! ```text
//!  tables ─watch─▶ matters ─ladder─▶ messages in the outbox ─dispatch─▶ channels ─▶ people
//!                     ▲ answered: a link, or the pages                      (mail, LINE, SMS, …)
//! ```
//! Each arrow begins from what stands in the tables, so that a centre which dies between any two goes on where it was. A
//! channel is one file and one line in [`channel::CHANNELS`].

pub mod channel;
pub mod dispatch;
mod ladder;
mod line;
pub mod link;
mod mail;
pub mod outward;
mod sms;
mod telegram;
pub mod watch;
mod webhook;
pub mod words;

use crate::seal::{Seal, link_key};
use outward::Outward;
use phitak_uplink::Authority;
use ring::hmac;
use std::sync::Arc;
use tokio::sync::Notify;

/// What telling needs of the running centre.
#[derive(Debug)]
pub struct Telling {
    /// For the secrets of channels.
    pub seal: Seal,
    /// Signs answering links.
    pub(crate) link_key: hmac::Key,
    pub outward: Outward,
    /// Rings when something new may stand in the outbox.
    pub(crate) outbox_bell: Arc<Notify>,
}

impl Telling {
    #[must_use]
    pub fn new(authority: &Authority, outward: Outward) -> Self {
        Self {
            seal: Seal::of_channels(authority),
            link_key: link_key(authority),
            outward,
            outbox_bell: Arc::new(Notify::new()),
        }
    }
}
