//! Requests that leave the centre: where they may go, and how long and large an answer may be.
//!
//! An administrator names the address, and yet it must not become a way into the centre's own network: only https, only
//! to addresses of the public internet, checked on the very address that is connected to, so that a name which changes its
//! mind between check and connection gains nothing. Redirects are not followed. http, and this machine itself, only where
//! whoever starts the centre says so.

use super::channel::SendError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// Longest address of a request.
pub const URL_CHARS_MAX: usize = 2_000;
/// Most bytes of an answer that are read.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Most bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;
/// How long a connection to one address may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a request may take, from its name to the end of its answer.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);

/// What whoever starts the centre decides about requests that leave it.
#[derive(Clone, Debug, Default)]
pub struct OutwardSettings {
    /// Whether channels may be on this machine itself, by http too.
    pub loopback: bool,
    /// Authorities to trust beside the machine's own.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// Sends requests.
pub struct Outward {
    settings: OutwardSettings,
    tls: OnceLock<Arc<ClientConfig>>,
}

impl fmt::Debug for Outward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outward").field("loopback", &self.settings.loopback).finish_non_exhaustive()
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub url: String,
    /// Names and values; none of them may hold a line break.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer, its body cut off never: one that is too long is an error.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Outward {
    #[must_use]
    pub fn new(settings: OutwardSettings) -> Self {
        Self { settings, tls: OnceLock::new() }
    }

    #[must_use]
    pub fn settings(&self) -> &OutwardSettings {
        &self.settings
    }

    /// An address as it may be asked.
    ///
    /// # Errors
    /// Names what is wrong with it.
    pub fn check_url(&self, url: &str) -> Result<Uri, String> {
        if url.chars().count() > URL_CHARS_MAX {
            return Err(format!("an address has at most {URL_CHARS_MAX} characters"));
        }
        let uri: Uri = url.parse().map_err(|_| "this is no address such as https://gateway.example/send".to_owned())?;
        let authority = uri.authority().ok_or("the address lacks its host")?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err("the address holds no name of a user and has a host".to_owned());
        }
        let literal = bare(authority.host()).parse::<IpAddr>().ok();
        let allowed = literal.is_none_or(|address| self.may_reach(address));
        match uri.scheme_str() {
            Some("https") if allowed => Ok(uri),
            Some("http") if self.settings.loopback && allowed => Ok(uri),
            Some("https" | "http") if !allowed => Err("this address lies in a private network".to_owned()),
            _ => Err("the address begins with https://".to_owned()),
        }
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || (self.settings.loopback && address.is_loopback())
    }

    /// Sends a request and reads its answer, whatever its status; a redirect is an answer.
    ///
    /// # Errors
    /// [`SendError::Channel`] when there is no whole answer in time.
    pub async fn send(&self, ask: Ask) -> Result<Answer, SendError> {
        let sending = timeout(REQUEST_TIME_MAX, self.exchange(ask)).await;
        sending.unwrap_or_else(|_| Err("no answer in time".to_owned())).map_err(SendError::Channel)
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, String> {
        let uri = self.check_url(&ask.url)?;
        let is_tls = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or("the address lacks its host")?.clone();
        let host = bare(authority.host()).to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = self.connect(&host, port, is_tls).await?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .method(ask.method)
            .uri(path)
            .header(header::HOST, authority.as_str())
            .header(header::USER_AGENT, "phitak")
            .header(header::ACCEPT, "application/json");
        for (name, value) in &ask.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let request = request
            .body(Full::new(Bytes::from(ask.body)))
            .map_err(|_| "a header of the request holds what no header may".to_owned())?;
        if !is_tls {
            return answer_of(stream, request).await;
        }
        let name = ServerName::try_from(host).map_err(|_| "the host has no name for TLS".to_owned())?;
        let connector = TlsConnector::from(self.tls().ok_or("TLS cannot be set up")?);
        let stream = connector.connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
        answer_of(stream, request).await
    }

    /// Connects to one of a host's addresses that may be reached.
    async fn connect(&self, host: &str, port: u16, is_tls: bool) -> Result<TcpStream, String> {
        let found = addresses_of(host, port).await?;
        let mut allowed = found
            .iter()
            .copied()
            .filter(|address| self.may_reach(address.ip()) && (is_tls || address.ip().to_canonical().is_loopback()));
        let mut last = "the host has no address that may be reached: only the public internet, by https".to_owned();
        for address in allowed.by_ref().take(ADDRESSES_MAX) {
            match timeout(CONNECT_TIME_MAX, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = format!("cannot connect: {}", error.kind()),
                Err(_) => last = "cannot connect in time".to_owned(),
            }
        }
        Err(last)
    }

    fn tls(&self) -> Option<Arc<ClientConfig>> {
        if let Some(known) = self.tls.get() {
            return Some(known.clone());
        }
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        let (_, _) = roots.add_parsable_certificates(native.certs);
        let (_, _) = roots.add_parsable_certificates(self.settings.extra_roots.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.ok()?.with_root_certificates(roots).with_no_client_auth();
        Some(self.tls.get_or_init(|| Arc::new(config)).clone())
    }
}

/// Where a name leads now.
pub(crate) async fn addresses_of(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = lookup_host((host, port)).await.map_err(|_| "the host's name leads nowhere".to_owned())?;
    Ok(found.collect())
}

async fn answer_of<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|_| "the connection broke".to_owned())?;
    let exchange = async {
        let response =
            sender.send_request(request).await.map_err(|_| "the connection broke before an answer".to_owned())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| "the answer broke off, or was too long".to_owned())?;
        Ok(Answer { status, body: body.to_bytes().to_vec() })
    };
    tokio::pin!(exchange, connection);
    let mut is_over = false;
    loop {
        tokio::select! {
            answer = exchange.as_mut() => return answer,
            _ = connection.as_mut(), if !is_over => is_over = true,
        }
    }
}

/// An IPv6 host stands in brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Whether an address belongs to the public internet: the registries of special-purpose addresses, RFC 6890 and its
/// successors, hold none of it. What wraps another address (6to4, Teredo, NAT64) is not public either.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => is_public_v4(four),
        IpAddr::V6(six) => is_public_v6(six),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global_unicast = a & 0xe000 == 0x2000;
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    is_global_unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_reached() {
        for (text, expected) in [
            ("8.8.8.8", true),
            ("203.113.0.1", true),
            ("2606:4700::1111", true),
            ("127.0.0.1", false),
            ("127.8.9.1", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("169.254.169.254", false),
            ("192.0.0.192", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(text.parse().expect("an address")), expected, "{text}");
        }
    }

    #[test]
    fn only_https_is_taken_and_nothing_that_names_a_private_place() {
        let strict = Outward::new(OutwardSettings::default());
        for good in ["https://gateway.example/send?x=1", "https://gateway.example:8443", "https://8.8.8.8/a"] {
            assert!(strict.check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "gateway.example",
            "http://gateway.example/",
            "http://127.0.0.1:1/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/",
            "https://user:pass@gateway.example/",
            "ftp://gateway.example/",
            "file:///etc/passwd",
            "https:///path",
            "https://a b/",
            "https://gateway.example/\r\nx: y",
        ] {
            assert!(strict.check_url(bad).is_err(), "{bad}");
        }
        assert!(strict.check_url(&format!("https://a.example/{}", "a".repeat(URL_CHARS_MAX))).is_err());
        let here = Outward::new(OutwardSettings { loopback: true, ..OutwardSettings::default() });
        assert!(here.check_url("http://127.0.0.1:8081/x").is_ok());
        assert!(here.check_url("https://10.0.0.1/").is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_connected_to() {
        let strict = Outward::new(OutwardSettings::default());
        let ask = |url: &str| Ask { method: Method::GET, url: url.to_owned(), headers: Vec::new(), body: Vec::new() };
        let refused = strict.send(ask("https://localhost:9/")).await.expect_err("not this machine");
        assert!(refused.to_string().contains("no address that may be reached"), "{refused}");
        // http to elsewhere is refused at the connection, whatever the option says.
        let here = Outward::new(OutwardSettings { loopback: true, ..OutwardSettings::default() });
        let refused = here.send(ask("http://8.8.8.8:9/")).await.expect_err("not by http");
        assert!(refused.to_string().contains("no address that may be reached"), "{refused}");
    }
}
