//! SMB
use crate::{hospital::Host, scene::Scene};
pub fn visit(_scene: &mut Scene<'_>, _at: i64, _client: &Host, _host: &Host) {}
