//! Small servers on this machine for channels to send to. They take, refuse, hang and break off, as real ones do.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// Longest time that a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a server was sent, one after the other.
#[derive(Clone)]
struct Received<T> {
    all: Arc<Mutex<Vec<T>>>,
    number: Arc<watch::Sender<usize>>,
}

impl<T> Default for Received<T> {
    fn default() -> Self {
        Self { all: Arc::default(), number: Arc::new(watch::Sender::new(0)) }
    }
}

impl<T: Clone> Received<T> {
    fn add(&self, one: T) {
        let mut all = self.lock();
        all.push(one);
        self.number.send_replace(all.len());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.all.lock().expect("whole")
    }

    /// All, once there are so many.
    async fn at_least(&self, number: usize) -> Vec<T> {
        let mut watched = self.number.subscribe();
        let waiting = watched.wait_for(|known| *known >= number);
        timeout(PATIENCE, waiting).await.expect("comes in time").expect("the server lives");
        self.lock().clone()
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// How a server of HTTP behaves.
#[derive(Clone, Debug)]
pub enum Manner {
    Answer(u16),
    Redirect(String),
    Hang,
    BreakOff,
    /// An answer without an end.
    Endless,
}

/// Speaks HTTP/1.1, one request a connection.
pub struct HttpServer {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    received: Received<Request>,
}

impl HttpServer {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::on(listener, manner)
    }

    pub fn on(listener: TcpListener, manner: Manner) -> Self {
        let address = listener.local_addr().expect("an address");
        let server = Self { address, manner: Arc::new(Mutex::new(manner)), received: Received::default() };
        let (manner, received) = (server.manner.clone(), server.received.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, received) = (manner.clone(), received.clone());
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(request) = read_request(&mut stream).await else { return };
                    received.add(request);
                    let manner = manner.lock().expect("whole").clone();
                    let _ = answer(&mut stream, manner).await;
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().expect("whole") = manner;
    }

    pub fn requests(&self) -> Vec<Request> {
        self.received.lock().clone()
    }

    pub async fn at_least(&self, number: usize) -> Vec<Request> {
        self.received.at_least(number).await
    }
}

async fn read_request(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { method, path, headers, body: String::from_utf8(body).ok()? })
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), manner: Manner) -> std::io::Result<()> {
    match manner {
        Manner::Answer(status) => {
            let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            stream.write_all(text.as_bytes()).await
        }
        Manner::Redirect(to) => {
            let text = format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).await
        }
        Manner::Hang => std::future::pending().await,
        Manner::BreakOff => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
            stream.shutdown().await
        }
        Manner::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 4_096]).await?;
            }
        }
    }
}

/// How a mail server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Plain,
    StartTls,
    Tls,
}

/// How a mail server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Postman {
    Takes,
    /// 550 to every receiver.
    RefusesReceivers,
    /// 535 to every login.
    RefusesLogins,
    /// 451 to every receiver: later.
    Busy,
    /// Never greets.
    Hangs,
    /// Closes when the letter comes.
    BreaksOff,
}

/// A letter as it came.
#[derive(Clone, Debug)]
pub struct Letter {
    pub from: String,
    pub to: String,
    pub data: String,
    pub was_encrypted: bool,
    pub login: Option<String>,
}

/// Speaks SMTP as far as a client needs it.
pub struct MailServer {
    pub address: SocketAddr,
    postman: Arc<Mutex<Postman>>,
    received: Received<Letter>,
    /// Of TLS.
    pub root: CertificateDer<'static>,
}

impl MailServer {
    pub async fn start(security: Security, postman: Postman) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let root = cert.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![root.clone()], key)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Self { address, postman: Arc::new(Mutex::new(postman)), received: Received::default(), root };
        let (postman, received) = (server.postman.clone(), server.received.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let postman = *postman.lock().expect("whole");
                let (acceptor, received) = (acceptor.clone(), received.clone());
                tokio::spawn(async move {
                    if postman == Postman::Hangs {
                        std::future::pending::<()>().await;
                    }
                    if security == Security::Tls {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            let _ = talk(stream, (false, true), postman, &received).await;
                        }
                        return;
                    }
                    let offers = security == Security::StartTls;
                    if let Ok(Some(stream)) = talk(stream, (offers, false), postman, &received).await
                        && let Ok(stream) = acceptor.accept(stream).await
                    {
                        let _ = talk_on(stream, postman, &received).await;
                    }
                });
            }
        });
        server
    }

    pub fn behave(&self, postman: Postman) {
        *self.postman.lock().expect("whole") = postman;
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.received.lock().clone()
    }

    pub async fn at_least(&self, number: usize) -> Vec<Letter> {
        self.received.at_least(number).await
    }
}

/// Greets and talks; gives the stream back where TLS begins on it.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    (offers_tls, is_encrypted): (bool, bool),
    postman: Postman,
    received: &Received<Letter>,
) -> std::io::Result<Option<S>> {
    stream.write_all(b"220 localhost\r\n").await?;
    commands(stream, (offers_tls, is_encrypted), postman, received).await
}

async fn talk_on<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    postman: Postman,
    received: &Received<Letter>,
) -> std::io::Result<()> {
    commands(stream, (false, true), postman, received).await.map(|_| ())
}

async fn commands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    (offers_tls, was_encrypted): (bool, bool),
    postman: Postman,
    received: &Received<Letter>,
) -> std::io::Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    let mut letter = Letter { from: String::new(), to: String::new(), data: String::new(), was_encrypted, login: None };
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let command = line.trim_end().to_owned();
        let word = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let reply: &str = match word.as_str() {
            "EHLO" if offers_tls => "250-localhost\r\n250 STARTTLS\r\n",
            "EHLO" => "250-localhost\r\n250 AUTH PLAIN\r\n",
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(Some(stream.into_inner()));
            }
            "AUTH" if postman == Postman::RefusesLogins => "535 wrong\r\n",
            "AUTH" => {
                letter.login = command.split(' ').nth(2).map(str::to_owned);
                "235 welcome\r\n"
            }
            "MAIL" => {
                letter.from = command;
                "250 ok\r\n"
            }
            "RCPT" if postman == Postman::RefusesReceivers => "550 nobody of this name\r\n",
            "RCPT" if postman == Postman::Busy => "451 later\r\n",
            "RCPT" => {
                letter.to.push_str(&command);
                "250 ok\r\n"
            }
            "DATA" if postman == Postman::BreaksOff => return Ok(None),
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(None);
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    letter.data.push_str(&line);
                }
                received.add(letter.clone());
                "250 taken\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(None);
            }
            _ => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes()).await?;
    }
}
