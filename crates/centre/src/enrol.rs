//! Giving out enrolment codes and redeeming them.

use crate::centre::{Centre, ENROLMENT_SECS};
use phitak_model::{FacilityCode, Timestamp};
use phitak_store::{AuditLine, Scope, StoreError};
use phitak_uplink::EnrolmentCode;

/// A new code for a facility's sensor: the text to hand over, which is not kept, and until when it holds.
///
/// # Errors
/// [`StoreError::NotFound`] when the facility does not exist in the scope.
pub async fn give_code(
    centre: &Centre,
    scope: &Scope,
    facility: &FacilityCode,
    audit: AuditLine,
) -> Result<(String, Timestamp), StoreError> {
    let code = EnrolmentCode::draw(&mut rand::rng(), centre.authority.certificate());
    let expires_at = audit.at.plus_secs(ENROLMENT_SECS);
    centre.store.add_enrolment_code(scope, facility, &code.digest(), expires_at, audit).await?;
    Ok((code.to_string(), expires_at))
}
