//! How messages are looked at, and what can be wrong with them.

use super::LinkSettings;
use crate::session::Digests;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    InvalidBase64,
    InvalidQuotedPrintable,
    LongLine,
    LongEncodedLine,
    LongHeaderName,
    LongHeaderValue,
    LongBoundary,
    LongFilename,
}

/// How messages are looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct MimeSettings {
    pub(crate) links: LinkSettings,
    pub(crate) body_md5: bool,
    pub(crate) digests: Digests,
}
