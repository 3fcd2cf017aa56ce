//! One connection to the centre: TCP, TLS 1.3, HTTP/2.

use crate::{
    authority::CENTRE_NAME,
    code::EnrolmentCode,
    keys::SensorKeys,
    refusal::{REFUSAL_BYTES_MAX, Refusal},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use tokio_rustls::TlsConnector;

const DIAL_TIME_MAX: Duration = Duration::from_secs(15);
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Most bytes of an answer, but of one that asks for more.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Why nothing came back. All of these may pass.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error(
        "{centre} cannot be reached ({source}): check the address, and that the firewall lets this machine out to it"
    )]
    Dial { centre: String, source: io::Error },
    #[error("{centre} did not answer within {}s", DIAL_TIME_MAX.as_secs())]
    DialTime { centre: String },
    #[error("no safe connection to {centre} came about: {reason}")]
    Tls { centre: String, reason: String },
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the centre took longer than {0:?}")]
    AnswerTime(Duration),
    #[error("the centre's answer makes no sense: {0}")]
    Answer(String),
}

pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

/// A success's body, or the refusal.
pub(crate) type Answer = Result<Bytes, Refusal>;

impl Line {
    /// Dials the centre to which the keys belong.
    pub(crate) async fn dial(keys: &SensorKeys) -> Result<Self, LineError> {
        let failed = |reason: String| LineError::Tls { centre: keys.centre.clone(), reason };
        let parts = keys.parts().map_err(failed)?;
        let mut roots = RootCertStore::empty();
        roots.add(parts.authority).map_err(|e| failed(e.to_string()))?;
        let config = builder()
            .map_err(failed)?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![parts.certificate], parts.key)
            .map_err(|e| failed(e.to_string()))?;
        Self::open(&keys.centre, config).await
    }

    /// Dials for an enrolment; the centre must show the CA that the code names. Gives that CA as well.
    pub(crate) async fn dial_with_code(
        centre: &str,
        code: &EnrolmentCode,
    ) -> Result<(Self, CertificateDer<'static>), LineError> {
        let failed = |reason: String| LineError::Tls { centre: centre.to_owned(), reason };
        let verifier = Arc::new(OfCode { code: code.clone(), provider: provider(), found: Mutex::new(None) });
        let config = builder()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        let line = Self::open(centre, config).await?;
        let found = verifier.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok((line, found.ok_or_else(|| failed("the centre showed no certificate".to_owned()))?))
    }

    async fn open(centre: &str, mut config: ClientConfig) -> Result<Self, LineError> {
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        let tls_failed = |reason: String| LineError::Tls { centre: centre.to_owned(), reason };
        let dialling = async {
            let failed = |source| LineError::Dial { centre: centre.to_owned(), source };
            let stream = TcpStream::connect(centre).await.map_err(failed)?;
            let _ = stream.set_nodelay(true);
            let name = ServerName::try_from(CENTRE_NAME).map_err(|e| tls_failed(e.to_string()))?;
            let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
            let stream = connecting.await.map_err(|e| tls_failed(e.to_string()))?;
            let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(PING_INTERVAL)
                .keep_alive_while_idle(true)
                .max_header_list_size(16 << 10)
                .handshake(TokioIo::new(stream));
            handshake.await.map_err(|e| tls_failed(e.to_string()))
        };
        let (sender, connection) =
            timeout(DIAL_TIME_MAX, dialling).await.map_err(|_| LineError::DialTime { centre: centre.to_owned() })??;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the centre ended");
            }
        });
        Ok(Self { sender, driver })
    }

    /// Whether it is known that the other end has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) async fn post(&mut self, path: &str, body: Vec<u8>, time_max: Duration) -> Result<Answer, LineError> {
        self.ask(path, body, time_max, ANSWER_BYTES_MAX).await
    }

    /// As [`Line::post`], with another limit to the answer.
    pub(crate) async fn ask(
        &mut self,
        path: &str,
        body: Vec<u8>,
        time_max: Duration,
        bytes_max: usize,
    ) -> Result<Answer, LineError> {
        let asking = async {
            let uri = format!("https://{CENTRE_NAME}{path}");
            let request = Request::post(uri).body(Full::new(Bytes::from(body)));
            let request = request.map_err(|e| LineError::Broken(e.to_string()))?;
            let broken = |e: hyper::Error| LineError::Broken(innermost(&e));
            self.sender.ready().await.map_err(broken)?;
            let response = self.sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), bytes_max).collect().await;
            let body = body.map_err(|e| LineError::Broken(e.to_string()))?.to_bytes();
            Ok((status, body))
        };
        let (status, body) = timeout(time_max, asking).await.map_err(|_| LineError::AnswerTime(time_max))??;
        if status.is_success() {
            return Ok(Ok(body));
        }
        let refusal = body.get(..body.len().min(REFUSAL_BYTES_MAX)).and_then(|body| serde_json::from_slice(body).ok());
        refusal.map(Err).ok_or_else(|| LineError::Answer(format!("status {status}")))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| e.to_string())
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

/// Trusts the one CA whose fingerprint stands in the code, and checks the server's certificate against it as usual.
#[derive(Debug)]
struct OfCode {
    code: EnrolmentCode,
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<CertificateDer<'static>>>,
}

impl ServerCertVerifier for OfCode {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates.iter().find(|certificate| self.code.is_of(certificate)).ok_or_else(|| {
            rustls::Error::General(
                "this machine is not the centre that gave out the code: check the address".to_owned(),
            )
        })?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|e| rustls::Error::General(e.to_string()))?;
        let verified = verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(authority.clone().into_owned());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
