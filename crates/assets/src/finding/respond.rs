//! The hospital's answers.

use super::Finding;
use phitak_model::{FindingState, Response, Timestamp};

/// Most characters of a reason.
pub const REASON_CHARS_MAX: usize = 1_000;

/// Why an answer was not taken. All are the answerer's to mend; none is worth repeating unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RespondError {
    #[error("the answer \"cannot\" needs a reason")]
    ReasonNeeded,
    #[error("a reason has at most {REASON_CHARS_MAX} characters")]
    ReasonTooLong,
    #[error("the finding is verified: there is nothing left to answer")]
    AlreadyVerified,
}

/// Takes an answer. "Done" claims; any other answer takes a claim back, because somebody who needs help is not done.
/// The same answer twice is one answer: the first claim's moment stays.
///
/// # Errors
/// [`RespondError`] when the finding is verified, or a reason is missing or too long.
pub fn respond(
    mut finding: Finding,
    response: Response,
    reason: Option<&str>,
    at: Timestamp,
) -> Result<Finding, RespondError> {
    let reason = reason.map(str::trim).filter(|text| !text.is_empty());
    if finding.state == FindingState::Verified {
        return Err(RespondError::AlreadyVerified);
    }
    if reason.is_some_and(|text| text.chars().count() > REASON_CHARS_MAX) {
        return Err(RespondError::ReasonTooLong);
    }
    if response == Response::Cannot && reason.is_none() {
        return Err(RespondError::ReasonNeeded);
    }
    if response == Response::Done && finding.state == FindingState::Claimed {
        return Ok(finding);
    }
    finding.response = Some(response);
    finding.response_reason = reason.map(str::to_owned);
    finding.responded_at = Some(at);
    if response == Response::Done {
        finding.state = FindingState::Claimed;
        finding.claimed_at = Some(at);
        finding.restart_proof(at);
    } else if finding.state == FindingState::Claimed {
        finding.state = FindingState::Open;
        finding.claimed_at = None;
        finding.restart_proof(at);
    }
    Ok(finding)
}
