//! The second factor: a code from an authenticator app, or one of ten recovery codes. An account that has one needs it
//! at every sign-in, at a one-time link too.

use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::Caller,
    qr,
    refusal::Refusal,
    route::{ADMINISTRATORS, Reach, Route, SIGNED_IN},
    totp,
    wire::Moment,
};
use axum::{Json, extract::State, http::StatusCode};
use phitak_model::Timestamp;
use phitak_store::{StoreError, User, UserId, people::secret_digest, second_factors::RECOVERY_CODES};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// Longest code that is looked at, in bytes.
pub const CODE_BYTES_MAX: usize = 64;
/// Bytes of chance in a recovery code: 120 bits, 24 letters.
const RECOVERY_BYTES: usize = 15;
/// Letters between two dashes of a recovery code.
const GROUP: usize = 4;

/// How the caller's own second factor stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactor {
    /// Null without one
    pub since_at: Option<Moment>,
    pub recovery_codes_left: u64,
    /// Whether the centre's policy wants one of this role
    pub wanted: bool,
    /// Whether this role reaches nothing without one
    pub required: bool,
}

/// Who asks proves again who they are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub password: String,
    /// From the app or a recovery code; needed when the account has a second factor
    #[serde(default)]
    pub code: Option<String>,
}

/// What the app needs; shown only now.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactorBegun {
    /// To be typed when the QR code cannot be read
    pub secret: String,
    /// What the QR code says
    pub uri: String,
    pub qr: QrDrawing,
}

/// A QR code: the path of its dark modules in a square of `size` units, without the quiet zone of four around it.
#[derive(Debug, Serialize, ToSchema)]
pub struct QrDrawing {
    pub size: u32,
    pub path: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FactorCode {
    /// The six digits that the app shows
    pub code: String,
}

/// Each works once; shown only now.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    pub codes: Vec<String>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/session/second-factor")
            .summary("How the caller's second factor stands")
            .allow(SIGNED_IN, Reach::OwnSession)
            .answers::<SecondFactor>()
            .to(state),
        Route::post("/api/v1/session/second-factor")
            .summary("Begin a second factor: the secret for an authenticator app; in use once a code proves it")
            .allow(SIGNED_IN, Reach::OwnSession)
            .audited("factor.begin")
            .takes::<Proof>()
            .answers::<FactorBegun>()
            .to(begin),
        Route::post("/api/v1/session/second-factor/confirm")
            .summary("Prove the app with a code; gives recovery codes and ends the account's other sessions")
            .allow(SIGNED_IN, Reach::OwnSession)
            .audited("factor.confirm")
            .takes::<FactorCode>()
            .answers::<RecoveryCodes>()
            .to(confirm),
        Route::post("/api/v1/session/recovery-codes")
            .summary("New recovery codes in place of the earlier ones")
            .allow(SIGNED_IN, Reach::OwnSession)
            .audited("factor.recovery_codes")
            .takes::<Proof>()
            .answers::<RecoveryCodes>()
            .to(renew_codes),
        Route::delete("/api/v1/users/{id}/second-factor")
            .summary("Take a lost second factor away; ends the account's sessions")
            .allow(ADMINISTRATORS, Reach::Sector)
            .only_in_a_session()
            .audited("factor.reset")
            .answers_nothing()
            .to(reset),
    ]
}

/// What a given code came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// The account has no second factor.
    NotWanted,
    /// It has one, and no code was given.
    Missing,
    Wrong,
    RightCode,
    RightRecoveryCode,
}

impl Judged {
    /// How it was proved, for the audit.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::RightCode => ", with a code",
            Self::RightRecoveryCode => ", with a recovery code",
            _ => "",
        }
    }
}

/// Judges the code of an account, and uses it up when it is right.
pub(crate) async fn judge(centre: &Centre, user: &User, code: Option<&str>, now: Timestamp) -> Result<Judged, Refusal> {
    if user.second_factor_at.is_none() {
        return Ok(Judged::NotWanted);
    }
    let Some(given) = code.map(plain).filter(|code| !code.is_empty()) else { return Ok(Judged::Missing) };
    if given.len() > CODE_BYTES_MAX {
        return Ok(Judged::Wrong);
    }
    let sealed = centre.store.factor(user.id).await?.ok_or(StoreError::NotFound)?;
    if let Some(step) = totp::step_of_code(&open(centre, user, &sealed)?, &given, now) {
        // The same code again, or an earlier one, is somebody who looked over a shoulder.
        let fresh = centre.store.use_step(user.id, step).await?;
        return Ok(if fresh { Judged::RightCode } else { Judged::Wrong });
    }
    let right = centre.store.use_recovery_code(user.id, &secret_digest(&given), now).await?;
    Ok(if right { Judged::RightRecoveryCode } else { Judged::Wrong })
}

/// A code without the spaces and dashes that help people, in capitals.
fn plain(code: &str) -> String {
    code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect::<String>().to_ascii_uppercase()
}

fn open(centre: &Centre, user: &User, sealed: &str) -> Result<Vec<u8>, Refusal> {
    centre.seal.open(&owner(user), sealed).ok_or_else(|| {
        tracing::error!(
            login = user.login,
            "a second factor cannot be opened: the authority's key is another one; reset it at the command line"
        );
        Refusal::unavailable()
    })
}

fn owner(user: &User) -> String {
    format!("user {}", user.id)
}

async fn state(State(centre): State<Centre>, caller: Caller) -> Result<Json<SecondFactor>, Refusal> {
    let user = &caller.signed_in().user;
    let policy = centre.settings.second_factor;
    Ok(Json(SecondFactor {
        since_at: user.second_factor_at.map(Moment),
        recovery_codes_left: centre.store.recovery_codes_left(user.id).await?,
        wanted: policy.wants(user.role),
        required: policy.requires(user.role),
    }))
}

async fn begin(
    State(centre): State<Centre>,
    caller: Caller,
    Body(proof): Body<Proof>,
) -> Result<Json<FactorBegun>, Refusal> {
    let now = centre.clock.now();
    prove(&centre, &caller, proof, now).await?;
    let user = &caller.signed_in().user;
    let secret = totp::draw();
    let uri = totp::uri(&user.login, &secret);
    let drawing = qr::draw(&uri).ok_or_else(Refusal::unavailable)?;
    centre.store.begin_factor(user, &centre.seal.seal(&owner(user), &secret), caller.audit(now)?).await?;
    let qr = QrDrawing { size: drawing.size, path: drawing.path };
    Ok(Json(FactorBegun { secret: totp::base32(&secret), uri, qr }))
}

async fn confirm(
    State(centre): State<Centre>,
    caller: Caller,
    Body(given): Body<FactorCode>,
) -> Result<Json<RecoveryCodes>, Refusal> {
    let now = centre.clock.now();
    let user = &caller.signed_in().user;
    let none = || Refusal::invalid("begin the second factor first");
    let sealed = centre.store.pending_factor(user.id).await?.ok_or_else(none)?;
    let step = guarded(&centre, user, caller.address(), now, async {
        let secret = open(&centre, user, &sealed)?;
        Ok(totp::step_of_code(&secret, &plain(&given.code), now))
    })
    .await?;
    let (codes, digests) = draw_codes();
    let (session, audit) = (caller.key_digest(), caller.audit(now)?);
    match centre.store.confirm_factor(user, &sealed, step, &digests, session, audit).await {
        Err(StoreError::NotFound) => Err(none()),
        done => Ok(done.map(|()| Json(RecoveryCodes { codes }))?),
    }
}

async fn renew_codes(
    State(centre): State<Centre>,
    caller: Caller,
    Body(proof): Body<Proof>,
) -> Result<Json<RecoveryCodes>, Refusal> {
    let now = centre.clock.now();
    let user = &caller.signed_in().user;
    if user.second_factor_at.is_none() {
        return Err(Refusal::invalid("recovery codes belong to a second factor, and this account has none"));
    }
    prove(&centre, &caller, proof, now).await?;
    let (codes, digests) = draw_codes();
    centre.store.renew_recovery_codes(user, &digests, caller.audit(now)?).await?;
    Ok(Json(RecoveryCodes { codes }))
}

async fn reset(State(centre): State<Centre>, caller: Caller, Named(id): Named<i64>) -> Result<StatusCode, Refusal> {
    if caller.signed_in().user.id == UserId(id) {
        return Err(Refusal::invalid(
            "your own is replaced on the page of your account; at a loss, another administrator or the command line resets it",
        ));
    }
    centre.store.reset_factor(UserId(id), caller.audit(centre.clock.now())?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Password, and code where the account has a second factor, asked again before something that changes how to sign in.
pub(crate) async fn prove(centre: &Centre, caller: &Caller, proof: Proof, now: Timestamp) -> Result<(), Refusal> {
    let user = &caller.signed_in().user;
    guarded(centre, user, caller.address(), now, async {
        let hash = centre.store.password_hash(&user.login).await?.map(|(_, hash)| hash);
        let fits = proof.password.len() <= super::session::PASSWORD_BYTES_MAX;
        let password = if fits { proof.password } else { String::new() };
        if !centre.passwords.is_right(password, hash.filter(|_| fits)).await? {
            return Ok(None);
        }
        let judged = judge(centre, user, proof.code.as_deref(), now).await?;
        Ok((!matches!(judged, Judged::Missing | Judged::Wrong)).then_some(()))
    })
    .await
}

/// One attempt at the turnstile. What could not be judged does not count.
async fn guarded<T>(
    centre: &Centre,
    user: &User,
    address: IpAddr,
    now: Timestamp,
    attempt: impl Future<Output = Result<Option<T>, Refusal>>,
) -> Result<T, Refusal> {
    centre.turnstile.enter(Some(&user.login), address, now).map_err(Refusal::too_many)?;
    let judged = attempt.await.inspect_err(|_| centre.turnstile.taken_back(Some(&user.login), address))?;
    let right = judged.ok_or_else(Refusal::wrong_proof)?;
    centre.turnstile.passed(Some(&user.login), address);
    Ok(right)
}

fn draw_codes() -> (Vec<String>, Vec<String>) {
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| draw_code()).collect();
    let digests = codes.iter().map(|code| secret_digest(&plain(code))).collect();
    (codes, digests)
}

fn draw_code() -> String {
    let mut bytes = [0_u8; RECOVERY_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    let letters: Vec<char> = totp::base32(&bytes).chars().collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_have_enough_chance_and_are_read_as_people_type_them() {
        let (codes, digests) = draw_codes();
        assert_eq!((codes.len(), digests.len()), (RECOVERY_CODES, RECOVERY_CODES));
        let code = &codes[0];
        assert_eq!((code.len(), code.split('-').count()), (29, 6), "{code}");
        let typed = format!("  {} ", code.to_lowercase().replace('-', " "));
        assert_eq!(secret_digest(&plain(&typed)), digests[0]);
    }
}
