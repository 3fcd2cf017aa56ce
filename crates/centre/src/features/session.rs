//! Signing in and out, and the one-time first sign-in.

use super::second_factor::{Judged, judge};
use crate::{
    ask::{Body, Named},
    centre::Centre,
    guard::{Caller, Visitor, cookie_name},
    password::PasswordError,
    refusal::Refusal,
    route::{Reach, Route, SIGNED_IN, Who},
    secret,
    wire::{Moment, Role, ScopeView},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use phitak_model::Timestamp;
use phitak_store::{AuditLine, SignedIn, StoreError, User, people::secret_digest, sessions::SESSION_SECS_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Least characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Most bytes of a password: more would only keep the hash busy.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// How much of a refused login stands in the audit, in characters.
const LOGIN_CHARS_SHOWN: usize = 64;
/// When to come back while too many passwords are being hashed.
const RETRY_WHEN_BUSY_SECS: i64 = 5;

/// Who is signed in, and what the page needs to write.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    pub user: MeUser,
    pub role: Role,
    pub scope: ScopeView,
    /// The value of the header `x-csrf-token` in every write.
    pub csrf: String,
    pub expires_at: Moment,
    pub second_factor: MeSecondFactor,
}

/// Whether the page should ask for a second factor.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeSecondFactor {
    pub since_at: Option<Moment>,
    /// Whether the centre's policy wants one of this role
    pub wanted: bool,
    /// Whether this role reaches nothing without one
    pub required: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct MeUser {
    pub id: i64,
    pub login: String,
    pub name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub login: String,
    pub password: String,
    /// From the authenticator app or a recovery code; needed when the account has a second factor
    #[serde(default)]
    pub code: Option<String>,
}

/// Whom a first sign-in link is for.
#[derive(Debug, Serialize, ToSchema)]
pub struct FirstSignIn {
    pub login: String,
    pub name: String,
    pub role: Role,
    /// Whether a code is needed with the password
    pub second_factor: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenPassword {
    /// At least 12 characters
    pub password: String,
    /// From the authenticator app or a recovery code; needed when the account has a second factor
    #[serde(default)]
    pub code: Option<String>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/session")
            .summary("Who is signed in")
            .allow(SIGNED_IN, Reach::OwnSession)
            .answers::<Me>()
            .to(me),
        Route::post("/api/v1/session")
            .summary("Sign in with a password, and with a code where the account has a second factor")
            .allow(Who::Anyone, Reach::OwnSession)
            .audited("session.start")
            .takes::<SignIn>()
            .answers::<Me>()
            .to(sign_in),
        Route::delete("/api/v1/session")
            .summary("Sign out")
            .allow(SIGNED_IN, Reach::OwnSession)
            .audited("session.end")
            .answers_nothing()
            .to(sign_out),
        Route::get("/api/v1/first-sign-in/{token}")
            .summary("Whom a one-time link is for; does not use it up")
            .allow(Who::Anyone, Reach::OwnSession)
            .answers::<FirstSignIn>()
            .to(first_sign_in),
        Route::post("/api/v1/first-sign-in/{token}")
            .summary("Choose a password and sign in; uses the link up")
            .allow(Who::Anyone, Reach::OwnSession)
            .audited("session.first")
            .takes::<ChosenPassword>()
            .answers::<Me>()
            .to(choose_password),
    ]
}

async fn me(State(centre): State<Centre>, caller: Caller) -> Json<Me> {
    Json(Me::of(&centre, caller.signed_in()))
}

async fn sign_in(State(centre): State<Centre>, visitor: Visitor, Body(ask): Body<SignIn>) -> Result<Response, Refusal> {
    let now = centre.clock.now();
    centre.turnstile.enter(Some(&ask.login), visitor.address, now).map_err(Refusal::too_many)?;
    let known = centre.store.password_hash(&ask.login).await?;
    let fits = ask.password.len() <= PASSWORD_BYTES_MAX;
    let hash = known.map(|(_, hash)| hash).filter(|_| fits);
    let password = if fits { ask.password } else { String::new() };
    let judged = centre.passwords.is_right(password, hash).await;
    // One that could not be judged says nothing about who asked.
    let right = judged.inspect_err(|_| centre.turnstile.passed(None, visitor.address))?;
    let user = if right { centre.store.user_by_login(&ask.login).await? } else { None };
    let Some(user) = user else {
        return Err(refuse(&centre, &visitor, &ask.login, now, "session.refused", Refusal::wrong_credentials()).await?);
    };
    let judged = judge(&centre, &user, ask.code.as_deref(), now).await;
    let judged = judged.inspect_err(|_| centre.turnstile.taken_back(Some(&ask.login), visitor.address))?;
    if let Some(refusal) = after_code(&centre, &visitor, Some(&ask.login), &user, judged, now).await? {
        return Err(refusal);
    }
    centre.turnstile.passed(Some(&ask.login), visitor.address);
    let mut audit = visitor.audit(now)?;
    audit.detail.push_str(judged.in_words());
    begin(&centre, &user, audit).await
}

/// The refusal after a code that is missing or wrong. A missing one counts for nothing, and nothing is forgiven for it: a
/// password alone must not open the turnstile again for guesses at the code.
async fn after_code(
    centre: &Centre,
    visitor: &Visitor,
    login: Option<&str>,
    user: &User,
    judged: Judged,
    now: Timestamp,
) -> Result<Option<Refusal>, Refusal> {
    match judged {
        Judged::NotWanted | Judged::RightCode | Judged::RightRecoveryCode => Ok(None),
        Judged::Missing => {
            centre.turnstile.taken_back(login, visitor.address);
            Ok(Some(Refusal::second_factor_needed()))
        }
        Judged::Wrong => {
            let refusal = Refusal::wrong_code();
            refuse(centre, visitor, &user.login, now, "session.code_refused", refusal).await.map(Some)
        }
    }
}

async fn refuse(
    centre: &Centre,
    visitor: &Visitor,
    login: &str,
    now: Timestamp,
    action: &'static str,
    refusal: Refusal,
) -> Result<Refusal, Refusal> {
    let mut line = visitor.audit_as(now, action)?;
    line.object = format!("login {}", login.chars().take(LOGIN_CHARS_SHOWN).collect::<String>());
    centre.store.note(line).await?;
    Ok(refusal)
}

async fn sign_out(State(centre): State<Centre>, caller: Caller) -> Result<Response, Refusal> {
    let audit = caller.audit(centre.clock.now())?;
    centre.store.end_session(caller.key_digest(), audit).await?;
    let cookie = cookie(&centre, "", 0)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

async fn first_sign_in(
    State(centre): State<Centre>,
    visitor: Visitor,
    Named(token): Named<String>,
) -> Result<Json<FirstSignIn>, Refusal> {
    let now = centre.clock.now();
    centre.turnstile.enter(None, visitor.address, now).map_err(Refusal::too_many)?;
    let user = link_owner(&centre, &visitor, &secret_digest(&token), now).await?;
    let second_factor = user.second_factor_at.is_some();
    Ok(Json(FirstSignIn { login: user.login, name: user.name, role: user.role.into(), second_factor }))
}

/// Whom a link is for. Only a link that leads nowhere counts as a failed attempt.
async fn link_owner(centre: &Centre, visitor: &Visitor, digest: &str, now: Timestamp) -> Result<User, Refusal> {
    let owner = centre.store.link_owner(digest, now).await;
    if !matches!(owner, Err(StoreError::NotFound)) {
        centre.turnstile.passed(None, visitor.address);
    }
    Ok(owner?)
}

async fn choose_password(
    State(centre): State<Centre>,
    visitor: Visitor,
    Named(token): Named<String>,
    Body(chosen): Body<ChosenPassword>,
) -> Result<Response, Refusal> {
    let now = centre.clock.now();
    centre.turnstile.enter(None, visitor.address, now).map_err(Refusal::too_many)?;
    let digest = secret_digest(&token);
    let owner = link_owner(&centre, &visitor, &digest, now).await?;
    check_password(&chosen.password, &owner.login)?;
    // A link stands for the password, not for the second factor; who has the code may still use the link.
    if owner.second_factor_at.is_some() {
        let login = Some(owner.login.as_str());
        centre.turnstile.enter(login, visitor.address, now).map_err(Refusal::too_many)?;
        let judged = judge(&centre, &owner, chosen.code.as_deref(), now).await;
        let judged = judged.inspect_err(|_| centre.turnstile.taken_back(login, visitor.address))?;
        if let Some(refusal) = after_code(&centre, &visitor, login, &owner, judged, now).await? {
            return Err(refusal);
        }
        centre.turnstile.passed(login, visitor.address);
    }
    let hash = centre.passwords.hash(chosen.password).await?;
    let user = centre.store.use_link(&digest, hash, visitor.audit(now)?).await?;
    begin(&centre, &user, visitor.audit_as(now, "session.start")?).await
}

pub(crate) fn check_password(password: &str, login: &str) -> Result<(), Refusal> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(Refusal::invalid(format!("a password has at least {PASSWORD_CHARS_MIN} characters")));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Refusal::invalid(format!("a password has at most {PASSWORD_BYTES_MAX} bytes")));
    }
    let first = password.chars().next();
    if password.chars().all(|letter| Some(letter) == first) || password.contains(login) {
        return Err(Refusal::invalid("a password is not one letter again and again, and does not hold the login"));
    }
    Ok(())
}

async fn begin(centre: &Centre, user: &User, audit: AuditLine) -> Result<Response, Refusal> {
    let (secret, csrf) = (secret::draw(), secret::draw());
    let signed_in = centre.store.begin_session(user, &secret_digest(&secret), &csrf, audit).await?;
    let cookie = cookie(centre, &secret, SESSION_SECS_MAX)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(Me::of(centre, &signed_in))).into_response())
}

fn cookie(centre: &Centre, secret: &str, seconds: i64) -> Result<HeaderValue, Refusal> {
    let secure = if centre.is_behind_tls() { "; Secure" } else { "" };
    let name = cookie_name(centre);
    let text = format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).map_err(|_| Refusal::unavailable())
}

impl Me {
    fn of(centre: &Centre, signed_in: &SignedIn) -> Self {
        let user = &signed_in.user;
        let policy = centre.settings.second_factor;
        Self {
            user: MeUser { id: user.id.0, login: user.login.clone(), name: user.name.clone() },
            role: user.role.into(),
            scope: ScopeView::from(&user.reach),
            csrf: signed_in.csrf.clone(),
            expires_at: signed_in.expires_at.into(),
            second_factor: MeSecondFactor {
                since_at: user.second_factor_at.map(Moment),
                wanted: policy.wants(user.role),
                required: policy.requires(user.role),
            },
        }
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        tracing::warn!(%error, "a password was not looked at");
        Self::too_many(RETRY_WHEN_BUSY_SECS)
    }
}
