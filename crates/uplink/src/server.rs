//! The centre's end of the uplink: TLS 1.3, HTTP/2, four requests.
//!
//! | request | who | body | answer |
//! |---|---|---|---|
//! | `POST /v1/batch` | a sensor with its certificate | [`crate::wire`] | [`Ack`](crate::wire::Ack) after the commit |
//! | `POST /v1/renew` | a sensor with its certificate | PKCS #10 (DER) | [`Enrolled`](crate::authority::Enrolled) |
//! | `POST /v1/enrol` | anybody with a code | [`EnrolRequest`] | [`Enrolled`](crate::authority::Enrolled) |
//! | `POST /v1/indicators` | a sensor with its certificate | [`FeedAsk`] | [`crate::feed`] |
//!
//! Everything else is a [`Refusal`].

mod peer;
mod readers;
mod turnstile;

use crate::{
    authority::{Authority, AuthorityError, Identity, REQUEST_BYTES_MAX, SigningRequest},
    clock,
    code::EnrolmentCode,
    feed::{ASK_BYTES_MAX, FeedAsk},
    intake::{EnrolError, Intake},
    refusal::{Refusal, RefusalCode},
    wire::{Ack, BODY_BYTES_MAX, Batch},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use peer::{Peer, PeerSensor};
use phitak_model::Timestamp;
use readers::Readers;
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use serde::{Deserialize, Serialize};
use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use turnstile::Turnstile;

/// Connections at a time; further ones wait in the listener's queue.
pub const CONNECTIONS_MAX: usize = 4096;
/// Bytes of the batches that are taken in at a time, over all sensors, in KiB: many small ones or a few large.
pub const BATCHES_KIB_MAX: usize = 16 << 10;
/// Questions for indicators at a time, over all sensors: each answer has up to a mebibyte.
pub const FEED_ANSWERS_MAX: usize = 32;
const ENROL_BYTES_MAX: usize = 4 * REQUEST_BYTES_MAX;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// A stranger's connection is for one enrolment.
const STRANGER_TIME_MAX: Duration = Duration::from_secs(60);
const PING_INTERVAL: Duration = Duration::from_secs(20);
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

pub const BATCH_PATH: &str = "/v1/batch";
pub const RENEW_PATH: &str = "/v1/renew";
pub const ENROL_PATH: &str = "/v1/enrol";
pub const FEED_PATH: &str = "/v1/indicators";

/// The body of an enrolment.
#[derive(Clone, Serialize, Deserialize)]
pub struct EnrolRequest {
    pub code: String,
    /// PKCS #10 in DER, in hexadecimal.
    pub request: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("the uplink's TLS could not be set up: {0}")]
    Tls(String),
}

/// A listener's configuration, ready to serve.
pub struct Server<I> {
    tls: TlsAcceptor,
    desk: Arc<Desk<I>>,
}

struct Desk<I> {
    intake: Arc<I>,
    turnstile: Mutex<Turnstile>,
    readers: Readers,
    batches: Semaphore,
    feed_answers: Semaphore,
}

impl<I: Intake> Server<I> {
    /// # Errors
    /// [`ServerError`] when the server's certificate cannot be made.
    pub fn new(authority: &Authority, intake: Arc<I>, now: Timestamp) -> Result<Self, ServerError> {
        let config = tls_config(authority, authority.server_identity(now)?)?;
        let desk = Desk {
            intake,
            turnstile: Mutex::default(),
            readers: Readers::default(),
            batches: Semaphore::new(BATCHES_KIB_MAX),
            feed_answers: Semaphore::new(FEED_ANSWERS_MAX),
        };
        Ok(Self { tls: TlsAcceptor::from(Arc::new(config)), desk: Arc::new(desk) })
    }

    /// Serves until `stop` is ready, then lets open requests finish for some seconds.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()> + Send) {
        let (stop_sender, stopping) = watch::channel(false);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let free = async {
                let place = places.clone().acquire_owned().await;
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = &mut stop => break,
                free = free => free,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((stream, address)) => {
                    let (tls, desk, stopping) = (self.tls.clone(), self.desk.clone(), stopping.clone());
                    connections.spawn(async move {
                        connection(&tls, desk, stream, address, stopping).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly: others will end.
                    tracing::warn!(%error, "a connection could not be accepted; trying again");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        let _ = stop_sender.send(true);
        let _ = timeout(STOP_TIME_MAX, async { while connections.join_next().await.is_some() {} }).await;
    }
}

fn tls_config(authority: &Authority, identity: Identity) -> Result<ServerConfig, ServerError> {
    let failed = |e: &dyn std::fmt::Display| ServerError::Tls(e.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).map_err(|e| failed(&e))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|e| failed(&e))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| failed(&e))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)
        .map_err(|e| failed(&e))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // No resumption: each connection shows its certificate anew.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

async fn connection<I: Intake>(
    tls: &TlsAcceptor,
    desk: Arc<Desk<I>>,
    stream: TcpStream,
    address: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%address, %error, "no TLS connection came about"),
        Err(_) => return tracing::debug!(%address, "the TLS handshake took too long"),
    };
    let peer = Arc::new(Peer::new(address, stream.get_ref().1.peer_certificates()));
    let time_max = peer.sensor.is_none().then_some(STRANGER_TIME_MAX);
    let service = service_fn(|request| {
        let (desk, peer) = (desk.clone(), peer.clone());
        async move { Ok::<_, Infallible>(answer(&desk, &peer, request).await) }
    });
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(4)
        .max_header_list_size(16 << 10)
        .keep_alive_interval(PING_INTERVAL)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let mut is_stopping = false;
    let life = async {
        loop {
            tokio::select! {
                ended = serving.as_mut() => break ended,
                _ = stopping.wait_for(|stop| *stop), if !is_stopping => {
                    is_stopping = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    };
    let ended = match time_max {
        Some(time_max) => timeout(time_max, life).await.unwrap_or(Ok(())),
        None => life.await,
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection broke");
    }
}

async fn answer<I: Intake>(desk: &Desk<I>, peer: &Peer, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let answered = match (request.method(), path.as_str()) {
        (&Method::POST, BATCH_PATH) => batch(desk, peer, request).await,
        (&Method::POST, RENEW_PATH) => renew(desk, peer, request).await,
        (&Method::POST, ENROL_PATH) => enrol(desk, peer, request).await,
        (&Method::POST, FEED_PATH) => feed(desk, peer, request).await,
        _ => {
            Err(Refusal::new(RefusalCode::NotFound, "the uplink knows batch, renew, enrol and indicators of version 1"))
        }
    };
    let (status, body) = match answered {
        Ok(body) => (200, body),
        Err(refusal) => {
            let sensor = peer.sensor.as_ref().map(|sensor| sensor.id.as_str());
            tracing::info!(address = %peer.address, sensor, path, code = ?refusal.code, what = refusal.what, "refused");
            (refusal.code.status(), to_json(&refusal))
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response
}

async fn batch<I: Intake>(desk: &Desk<I>, peer: &Peer, request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    let sensor = welcome(desk, peer).await?;
    let unavailable = |what: &str| Refusal::new(RefusalCode::Unavailable, what);
    let read = desk.readers.enter(&sensor.id).read(read(request, BODY_BYTES_MAX)).await;
    let body = read.ok_or_else(|| unavailable("a newer request of this sensor has come"))??;
    let _room = desk.batches.acquire_many(batch_kib(body.len())).await.map_err(|_| unavailable("stopping"))?;
    let ack = desk.intake.accept(&sensor.id, Batch::decode(&body)?).await?;
    Ok(Ack { feed: desk.intake.feed_head(), ..ack }.encode())
}

async fn feed<I: Intake>(desk: &Desk<I>, peer: &Peer, request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    let sensor = welcome(desk, peer).await?;
    let body = read(request, ASK_BYTES_MAX).await?;
    let damaged = |e: serde_json::Error| Refusal::new(RefusalCode::Damaged, format!("not a question for a list: {e}"));
    let ask: FeedAsk = serde_json::from_slice(&body).map_err(damaged)?;
    let stopping = |_| Refusal::new(RefusalCode::Unavailable, "stopping");
    let _place = desk.feed_answers.acquire().await.map_err(stopping)?;
    Ok(desk.intake.feed_after(&sensor.id, ask).await?)
}

/// What a batch takes of [`BATCHES_KIB_MAX`].
#[must_use]
pub fn batch_kib(body_bytes: usize) -> u32 {
    u32::try_from(body_bytes.div_ceil(1 << 10).clamp(1, BATCHES_KIB_MAX)).unwrap_or(u32::MAX)
}

async fn renew<I: Intake>(desk: &Desk<I>, peer: &Peer, request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    let sensor = welcome(desk, peer).await?;
    let body = read(request, REQUEST_BYTES_MAX).await?;
    let enrolled = desk.intake.renew(&sensor.id, &signing_request(&body)?).await?;
    Ok(to_json(&enrolled))
}

async fn enrol<I: Intake>(desk: &Desk<I>, peer: &Peer, request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    let address = peer.address.ip();
    let turnstile = || desk.turnstile.lock().unwrap_or_else(PoisonError::into_inner);
    if !turnstile().is_open(address, Instant::now()) {
        return Err(Refusal::new(
            RefusalCode::SlowDown,
            "too many wrong codes: wait a minute, then type the code again with care",
        ));
    }
    let body = read(request, ENROL_BYTES_MAX).await?;
    let damaged = |what: String| Refusal::new(RefusalCode::Damaged, what);
    let asked: EnrolRequest = serde_json::from_slice(&body).map_err(|e| damaged(format!("not an enrolment: {e}")))?;
    let request = unhex(&asked.request).ok_or_else(|| damaged("the request is not hexadecimal".to_owned()))?;
    let request = signing_request(&request)?;
    let wrong = || turnstile().count_wrong(address, Instant::now());
    let code = EnrolmentCode::parse(&asked.code).map_err(|e| {
        wrong();
        Refusal::new(RefusalCode::CodeWrong, e.to_string())
    })?;
    let enrolled = desk.intake.enrol(&code, &request).await.inspect_err(|error| {
        if !matches!(error, EnrolError::Unavailable(_)) {
            wrong();
        }
    })?;
    tracing::info!(%address, sensor = %enrolled.sensor, "enrolled");
    Ok(to_json(&enrolled))
}

async fn welcome<'a, I: Intake>(desk: &Desk<I>, peer: &'a Peer) -> Result<&'a PeerSensor, Refusal> {
    let none = "this needs a sensor's certificate: enrol first";
    let sensor = peer.sensor.as_ref().ok_or_else(|| Refusal::new(RefusalCode::NoCertificate, none))?;
    if clock::now() > sensor.not_after {
        return Err(Refusal::new(
            RefusalCode::NoCertificate,
            "the certificate has expired: connect anew or enrol again",
        ));
    }
    desk.intake.welcome(&sensor.id, &sensor.serial).await?;
    Ok(sensor)
}

async fn read(request: Request<Incoming>, bytes_max: usize) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(RefusalCode::TooLarge, format!("the body has more than {bytes_max} bytes"));
    let announced = request
        .headers()
        .get(hyper::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    let body = timeout(BODY_TIME_MAX, Limited::new(request.into_body(), bytes_max).collect()).await;
    match body {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::new(RefusalCode::Damaged, format!("the body did not arrive: {error}"))),
        Err(_) => Err(Refusal::new(RefusalCode::Damaged, "the body took too long")),
    }
}

fn signing_request(der: &[u8]) -> Result<SigningRequest, Refusal> {
    SigningRequest::from_der(der).map_err(|e| Refusal::new(RefusalCode::Damaged, e.to_string()))
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
