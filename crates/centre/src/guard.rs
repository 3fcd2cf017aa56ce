//! What every request passes before its handler: session or token, role, the page's own token on writes, size. It reads the
//! route's declaration and nothing else, so no handler can forget it.

use crate::{
    centre::Centre,
    refusal::Refusal,
    route::{Reach, Who},
    secret,
};
use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use phitak_model::{FacilityCode, Timestamp};
use phitak_store::{AuditLine, Scope, ScopeReach, SignedIn, StoreError, Trouble, people::secret_digest};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// The cookie that holds a session's secret, where people come by plain HTTP.
pub const SESSION_COOKIE: &str = "phitak_session";
/// The same where they come by TLS: browsers take it from this host alone, over TLS alone.
pub const SESSION_COOKIE_TLS: &str = "__Host-phitak_session";
/// The header that a page's writes carry.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// Between a maker's login and a token's name where the audit names both.
pub const BY_TOKEN: &str = " by token ";
/// Most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// A route's declaration, as the guard needs it.
#[derive(Clone)]
pub(crate) struct Post {
    pub centre: Centre,
    pub who: Who,
    pub reach: Reach,
    pub audit: Option<&'static str>,
    pub view: Option<&'static str>,
    pub by_token: bool,
    pub takes_file: bool,
}

/// Who calls, on a route for accounts. Made by the guard alone.
#[derive(Clone, Debug)]
pub struct Caller(Arc<CallerParts>);

#[derive(Debug)]
struct CallerParts {
    signed_in: SignedIn,
    who: String,
    key: Key,
    address: IpAddr,
    action: Option<&'static str>,
    view: Option<&'static str>,
}

/// What the caller showed, as its digest.
#[derive(Debug)]
enum Key {
    Session(String),
    Token(String),
}

/// Who calls, on a route for anyone. Made by the guard alone.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    pub address: IpAddr,
    action: Option<&'static str>,
}

impl Caller {
    /// What the caller may see: every query takes it.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.signed_in.scope
    }

    #[must_use]
    pub fn signed_in(&self) -> &SignedIn {
        &self.0.signed_in
    }

    /// The digest of the session, or of the token, that called.
    #[must_use]
    pub fn key_digest(&self) -> &str {
        match &self.0.key {
            Key::Session(digest) | Key::Token(digest) => digest,
        }
    }

    /// Whether what the caller showed still holds, without using it.
    pub async fn still_holds(&self, centre: &Centre) -> bool {
        let now = centre.clock.now();
        let lives = match &self.0.key {
            Key::Session(digest) => centre.store.session_lives(digest, now).await,
            Key::Token(digest) => centre.store.token_lives(digest, now).await,
        };
        lives.unwrap_or(false)
    }

    /// Who calls, as the audit names it.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.0.who
    }

    /// Where the request came from.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    /// The audit line of this route's write, to be stored with it.
    ///
    /// # Errors
    /// On a route that was declared without one.
    pub fn audit(&self, now: Timestamp) -> Result<AuditLine, Refusal> {
        Ok(self.line(now, declared(self.0.action)?))
    }

    /// Notes that this caller is shown one facility's data, or that of one thing at several (`object`). A hospital's own
    /// people leave no line for their own. Called before the answer: who cannot be noted is shown nothing.
    ///
    /// # Errors
    /// On a route that was declared without a view; when the line cannot be stored.
    pub async fn views(
        &self,
        centre: &Centre,
        facility: Option<&FacilityCode>,
        object: impl Into<String>,
    ) -> Result<(), Refusal> {
        let action = declared(self.0.view)?;
        if matches!(self.scope().reach(), ScopeReach::Facility(_)) {
            return Ok(());
        }
        let object = object.into();
        let place = facility.map_or_else(|| object.clone(), ToString::to_string);
        let line = AuditLine { object, facility: facility.cloned(), ..self.line(centre.clock.now(), action) };
        centre.store.note_view(line, &place).await?;
        Ok(())
    }

    fn line(&self, now: Timestamp, action: &'static str) -> AuditLine {
        let user = &self.0.signed_in.user;
        AuditLine { user: Some(user.id), who: self.0.who.clone(), ..AuditLine::of_operator(now, action) }
    }
}

impl Visitor {
    /// The audit line of this route's write; the account is named by the write itself.
    ///
    /// # Errors
    /// On a route that was declared without one.
    pub fn audit(&self, now: Timestamp) -> Result<AuditLine, Refusal> {
        self.audit_as(now, declared(self.action)?)
    }

    /// An audit line for something else that happened here, such as a refused sign-in.
    ///
    /// # Errors
    /// Never; the shape is that of [`Visitor::audit`].
    pub fn audit_as(&self, now: Timestamp, action: &'static str) -> Result<AuditLine, Refusal> {
        Ok(AuditLine {
            who: "visitor".to_owned(),
            detail: format!("from {}", self.address),
            ..AuditLine::of_operator(now, action)
        })
    }
}

/// Notes the view of a list that is filtered to one facility. A code that nobody has, or that the caller may not see,
/// shows nothing and leaves no line.
///
/// # Errors
/// As [`Caller::views`].
pub async fn views_one(centre: &Centre, caller: &Caller, facility: Option<&str>) -> Result<(), Refusal> {
    let Some(code) = facility else { return Ok(()) };
    match centre.store.facility(caller.scope(), code).await {
        Ok(known) => caller.views(centre, Some(&known.code), format!("facility {code}")).await,
        Err(StoreError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn declared(action: Option<&'static str>) -> Result<&'static str, Refusal> {
    action.ok_or_else(|| {
        tracing::error!("a route writes or shows without having declared its audit line");
        Refusal::unavailable()
    })
}

/// The guard of one route.
pub(crate) async fn guard(State(post): State<Post>, mut request: Request, next: Next) -> Response {
    let condition = &post.centre.condition;
    // Who waited for it would be refused at the end all the same.
    if post.reach != Reach::Nothing && condition.is_away() {
        return Refusal::database_away().into_response();
    }
    let response = match admit(&post, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    match response.extensions().get::<Trouble>() {
        Some(trouble) => condition.failed(*trouble, post.centre.clock.now()),
        // Each write leaves its line of the audit.
        None if post.audit.is_some() && response.status().is_success() => {
            condition.written(post.centre.clock.now());
        }
        None => {}
    }
    response
}

async fn admit(post: &Post, request: &mut Request) -> Result<(), Refusal> {
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let address = address_of(request, &post.centre.settings.trusted_proxies);
    match post.who {
        Who::Anyone => {
            if writes {
                refuse_other_sites(request.headers())?;
            }
            let visitor = Visitor { address, action: post.audit };
            request.extensions_mut().insert(visitor);
        }
        Who::Roles(roles) => {
            let (signed_in, who, key) = match caller(post, request.headers()).await {
                Err(StoreError::NotFound) => return Err(Refusal::signed_out()),
                other => other?,
            };
            let by_token = matches!(key, Key::Token(_));
            if by_token && !post.by_token {
                return Err(Refusal::forbidden());
            }
            let beyond = post.reach == Reach::Sector && !signed_in.scope.is_whole_sector();
            if !roles.contains(&signed_in.user.role) || beyond {
                return Err(Refusal::forbidden());
            }
            let user = &signed_in.user;
            let lacks_factor =
                post.centre.settings.second_factor.requires(user.role) && user.second_factor_at.is_none();
            if lacks_factor && post.reach != Reach::OwnSession {
                return Err(Refusal::second_factor_missing());
            }
            if writes {
                refuse_other_sites(request.headers())?;
            }
            // A browser adds a cookie by itself; nobody but its holder adds a token.
            if writes && !by_token {
                let token = request.headers().get(CSRF_HEADER).and_then(|value| value.to_str().ok());
                if !token.is_some_and(|token| secret::same(token, &signed_in.csrf)) {
                    return Err(Refusal::csrf());
                }
            }
            let caller =
                Caller(Arc::new(CallerParts { signed_in, who, key, address, action: post.audit, view: post.view }));
            request.extensions_mut().insert(caller);
        }
    }
    let bytes_max = match &post.centre.settings.vault {
        Some(vault) if post.takes_file => vault.file_bytes_max,
        _ => BODY_BYTES_MAX as u64,
    };
    if writes && announced_length(request.headers()).is_some_and(|length| length > bytes_max) {
        return Err(Refusal::too_large());
    }
    Ok(())
}

/// Who shows a live token, or else a live session.
async fn caller(post: &Post, headers: &HeaderMap) -> Result<(SignedIn, String, Key), StoreError> {
    let (store, now) = (&post.centre.store, post.centre.clock.now());
    if let Some(token) = bearer(headers) {
        let digest = secret_digest(token);
        let (signed_in, name) = store.token(&digest, now).await?;
        let who = format!("{}{BY_TOKEN}{name}", signed_in.user.login);
        return Ok((signed_in, who, Key::Token(digest)));
    }
    let digest = secret_digest(&session_cookie(headers, cookie_name(&post.centre)).ok_or(StoreError::NotFound)?);
    let signed_in = store.session(&digest, now).await?;
    let who = signed_in.user.login.clone();
    Ok((signed_in, who, Key::Session(digest)))
}

/// The token of `Authorization: Bearer …` (RFC 6750 section 2.1). Another scheme belongs to a proxy before the centre.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Browsers say where a request comes from; a write from another site is refused whatever cookie it carries.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Refusal::csrf()),
    }
}

pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What the session's cookie is called here.
#[must_use]
pub fn cookie_name(centre: &Centre) -> &'static str {
    if centre.is_behind_tls() { SESSION_COOKIE_TLS } else { SESSION_COOKIE }
}

fn session_cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value.to_owned())
}

/// Who asks. Behind a trusted proxy it is the last address in `X-Forwarded-For` that is not a trusted proxy's: those
/// before it are the asker's own words.
fn address_of(request: &Request, trusted_proxies: &[IpAddr]) -> IpAddr {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip().to_canonical());
    if !trusted_proxies.contains(&peer) {
        return peer;
    }
    let named = request.headers().get_all("x-forwarded-for").iter().rev().filter_map(|value| value.to_str().ok());
    let mut addresses = named.flat_map(|value| value.rsplit(',')).map(|word| word.trim().parse::<IpAddr>());
    let asker = addresses.find(|address| address.as_ref().map_or(true, |address| !trusted_proxies.contains(address)));
    asker.and_then(Result::ok).unwrap_or(peer)
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Refusal::signed_out)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().copied().ok_or_else(Refusal::signed_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxys_word_counts_and_of_it_only_the_part_that_it_added() {
        let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let asked = |peer: &str, forwarded: &[&str], trusted: &[&str]| {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address(peer), 40_000)));
            for value in forwarded {
                request.headers_mut().append("x-forwarded-for", value.parse().expect("a value"));
            }
            let trusted: Vec<IpAddr> = trusted.iter().map(|text| address(text)).collect();
            address_of(&request, &trusted).to_string()
        };
        assert_eq!(asked("192.0.2.1", &["203.0.113.9"], &[]), "192.0.2.1");
        assert_eq!(asked("127.0.0.1", &["198.51.100.7, 203.0.113.9"], &["127.0.0.1"]), "203.0.113.9");
        assert_eq!(asked("127.0.0.1", &["198.51.100.7", "203.0.113.9, 127.0.0.1"], &["127.0.0.1"]), "203.0.113.9");
        assert_eq!(asked("127.0.0.1", &["203.0.113.9, nonsense"], &["127.0.0.1"]), "127.0.0.1");
        assert_eq!(asked("127.0.0.1", &[], &["127.0.0.1"]), "127.0.0.1");
    }
}
