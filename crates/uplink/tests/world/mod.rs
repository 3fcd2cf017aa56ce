//! A centre that keeps records in memory, a hospital with a spool in a folder, and a connection that cuts and garbles.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use phitak_model::{Health, SensorId, Timestamp};
use phitak_uplink::{
    Ack, Authority, Batch, EnrolError, Enrolled, EnrolmentCode, Intake, IntakeError, Item, Server, SigningRequest,
    SpoolId,
    authority::CENTRE_NAME,
    client::{Patience, Uplink, enrol},
    feed::{Change, FeedAsk, FeedKey, FeedPosition, Heading, Keeper, Part, line::Lines},
    keys::{KeyFolder, SensorKeys},
    refusal::Refusal,
    spool::{Desk, SPOOL_BYTES_DEFAULT, Spool},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A whole test ends within this.
const TIME_MAX: Duration = Duration::from_secs(120);

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_secs(since.as_secs() as i64)
}

/// `PHITAK_SEED`, or a random one; printed, so that a failure can be played again.
pub fn seed() -> u64 {
    let seed = std::env::var("PHITAK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("PHITAK_SEED={seed}");
    seed
}

pub fn item(number: u64) -> Item {
    Item::Health(Health { at: Timestamp::from_secs(number as i64), packets: number, ..Health::default() })
}

/// What the centre keeps. One lock is its transaction.
#[derive(Default)]
struct Kept {
    committed: BTreeMap<(SensorId, SpoolId), u64>,
    records: Vec<(SensorId, Item)>,
    codes: BTreeMap<String, Code>,
    revoked: BTreeSet<String>,
}

#[derive(Default)]
struct Code {
    used_by: Option<(String, SensorId)>,
    is_expired: bool,
}

pub struct MemoryIntake {
    authority: Arc<Authority>,
    kept: Mutex<Kept>,
    garbage: AtomicU32,
    unavailable: AtomicU32,
    asked: AtomicU32,
    parts: Mutex<Vec<Part>>,
}

impl MemoryIntake {
    /// Adds a part with these indicators to the list.
    pub fn publish(&self, changes: &[Change]) {
        let mut parts = self.parts.lock().expect("lock");
        let (position, before) =
            parts.last().map_or((FeedPosition { generation: 1, part: 0 }, [0; 32]), |last| (last.position, last.hash));
        let mut lines = Lines::default();
        assert!(changes.iter().all(|change| lines.push(change)));
        let heading = Heading { position: position.next(), at: now(), before };
        parts.push(Part::sign(&self.authority, heading, lines.into_text()).expect("signed"));
    }

    /// As a line that turns bits would.
    pub fn damage_part(&self, number: usize) {
        self.parts.lock().expect("lock")[number].lines.push_str("-\t1\n");
    }

    pub fn answer_garbage(&self, times: u32) {
        self.garbage.store(times, Relaxed);
    }

    pub fn garbage_left(&self) -> u32 {
        self.garbage.load(Relaxed)
    }

    pub fn be_unavailable(&self, times: u32) {
        self.unavailable.store(times, Relaxed);
    }

    pub fn revoke(&self, serial: &str) {
        self.kept.lock().expect("lock").revoked.insert(serial.to_owned());
    }

    pub fn expire_codes(&self) {
        self.kept.lock().expect("lock").codes.values_mut().for_each(|code| code.is_expired = true);
    }

    pub fn enrolments_asked(&self) -> u32 {
        self.asked.load(Relaxed)
    }
}

fn count_down(counter: &AtomicU32) -> bool {
    counter.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}

impl Intake for MemoryIntake {
    async fn welcome(&self, sensor: &SensorId, serial: &str) -> Result<(), IntakeError> {
        let is_revoked = self.kept.lock().expect("lock").revoked.contains(serial);
        if is_revoked { Err(IntakeError::Unknown(sensor.clone())) } else { Ok(()) }
    }

    async fn accept(&self, sensor: &SensorId, batch: Batch) -> Result<Ack, IntakeError> {
        if count_down(&self.unavailable) {
            return Err(IntakeError::Unavailable("the disk is full".to_owned()));
        }
        let (spool, last_seq) = (batch.spool, batch.last_seq());
        let mut kept = self.kept.lock().expect("lock");
        let committed = kept.committed.entry((sensor.clone(), batch.spool)).or_default();
        let fresh: Vec<_> = batch.into_fresh(*committed).map(|record| record.item).collect();
        let up_to = last_seq.max(*committed);
        *committed = up_to;
        kept.records.extend(fresh.into_iter().map(|item| (sensor.clone(), item)));
        if count_down(&self.garbage) {
            return Ok(Ack::of(SpoolId([0xee; 16]), u64::MAX));
        }
        Ok(Ack::of(spool, up_to))
    }

    async fn enrol(&self, code: &EnrolmentCode, request: &SigningRequest) -> Result<Enrolled, EnrolError> {
        self.asked.fetch_add(1, Relaxed);
        let mut kept = self.kept.lock().expect("lock");
        let number = 1 + kept.codes.values().filter(|code| code.used_by.is_some()).count();
        let code = kept.codes.get_mut(&code.digest()).ok_or(EnrolError::Wrong)?;
        if code.is_expired {
            return Err(EnrolError::Expired);
        }
        let fresh = || (request.key_digest(), SensorId::new(&format!("10665-{number}")).expect("an id"));
        let (key, sensor) = code.used_by.get_or_insert_with(fresh).clone();
        if key != request.key_digest() {
            return Err(EnrolError::Used);
        }
        if count_down(&self.unavailable) {
            // The code is used, and the answer never says so.
            return Err(EnrolError::Unavailable("the answer was lost".to_owned()));
        }
        self.authority.issue(&sensor, request, now()).map_err(|e| EnrolError::Unavailable(e.to_string()))
    }

    async fn renew(&self, sensor: &SensorId, request: &SigningRequest) -> Result<Enrolled, IntakeError> {
        self.authority.issue(sensor, request, now()).map_err(|e| IntakeError::Unavailable(e.to_string()))
    }

    fn feed_head(&self) -> FeedPosition {
        self.parts.lock().expect("lock").last().map(|part| part.position).unwrap_or_default()
    }

    async fn feed_after(&self, _: &SensorId, ask: FeedAsk) -> Result<Vec<u8>, IntakeError> {
        let parts = self.parts.lock().expect("lock");
        // One at a time: a way of several pages.
        Ok(parts.iter().find(|part| part.position > ask.position).map(Part::encode).unwrap_or_default())
    }
}

pub struct Centre {
    pub authority: Arc<Authority>,
    pub intake: Arc<MemoryIntake>,
    address: String,
    _stop: watch::Sender<bool>,
}

impl Centre {
    pub async fn start() -> Self {
        let authority = Arc::new(Authority::create(now()).expect("a CA"));
        let intake = Arc::new(MemoryIntake {
            authority: authority.clone(),
            kept: Mutex::default(),
            garbage: AtomicU32::new(0),
            unavailable: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            parts: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = Server::new(&authority, intake.clone(), now()).expect("a server");
        let (stop, mut stopping) = watch::channel(false);
        tokio::spawn(server.serve(listener, async move { drop(stopping.wait_for(|stop| *stop).await) }));
        Self { authority, intake, address, _stop: stop }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn draw_code(&self) -> String {
        let code = EnrolmentCode::draw(&mut rand::rng(), self.authority.certificate());
        self.intake.kept.lock().expect("lock").codes.insert(code.digest(), Code::default());
        code.to_string()
    }

    /// The numbers of the items in the order of their commits.
    pub fn numbers(&self) -> Vec<u64> {
        let number = |item: &Item| match item {
            Item::Health(health) => health.packets,
            other => panic!("{other:?}"),
        };
        self.intake.kept.lock().expect("lock").records.iter().map(|(_, item)| number(item)).collect()
    }

    pub fn sensors(&self) -> Vec<SensorId> {
        let kept = self.intake.kept.lock().expect("lock");
        kept.records.iter().map(|(sensor, _)| sensor.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub async fn post_as_stranger(&self, path: &str, body: Vec<u8>) -> (u16, Option<Refusal>) {
        let config = config(self.authority.certificate().clone()).with_no_client_auth();
        post(&self.address, config, path, body).await.expect("an answer")
    }
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
}

pub struct Hospital {
    folder: tempfile::TempDir,
    desk: Option<Desk>,
}

impl Hospital {
    pub async fn enrolled(centre: &Centre) -> Self {
        Self::enrol_with(centre, &centre.draw_code()).await
    }

    pub async fn enrol_with(centre: &Centre, code: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        enrol(centre.address(), code, &KeyFolder::new(&folder.path().join("keys"))).await.expect("enrolled");
        let mut hospital = Self { folder, desk: None };
        hospital.restart();
        hospital
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn restart(&mut self) {
        self.desk = None;
        let spool = Spool::open(&self.folder.path().join("spool"), SPOOL_BYTES_DEFAULT).expect("a spool");
        self.desk = Some(Desk::new(spool));
    }

    /// As when somebody restores an older copy of the folder.
    pub fn replace_spool(&mut self, copy: &Path) {
        self.desk = None;
        let spool = self.folder.path().join("spool");
        std::fs::remove_dir_all(&spool).expect("removed");
        copy_folder(copy, &spool);
        self.restart();
    }

    pub fn desk(&self) -> &Desk {
        self.desk.as_ref().expect("open")
    }

    fn key_folder(&self) -> KeyFolder {
        KeyFolder::new(&self.folder.path().join("keys"))
    }

    pub fn keys(&self) -> SensorKeys {
        self.key_folder().load().expect("keys")
    }

    pub fn append(&self, number: u64) {
        self.desk().append(&item(number), None).expect("kept");
    }

    /// Makes the keys look so old that renewal is due.
    pub fn age_keys(&self) {
        let mut keys = self.keys();
        keys.issued_at = keys.issued_at.plus_secs(-40 * 86_400);
        keys.not_after = now().plus_secs(86_400);
        self.key_folder().save(&keys).expect("saved");
    }

    /// Turns a spooled record into something that no centre knows, with a good checksum.
    pub fn spoil_record(&self, seq: u64) {
        let folder = self.folder.path().join("spool");
        let paths = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let path = paths.filter(|path| path.extension().is_some_and(|e| e == "seg")).max().expect("a segment");
        let mut bytes = std::fs::read(&path).expect("read");
        let item = b"{\"health\":";
        let places: Vec<usize> =
            bytes.windows(item.len()).enumerate().filter(|(_, w)| w == item).map(|(at, _)| at).collect();
        let at = places[seq as usize - 1];
        bytes[at..at + item.len()].copy_from_slice(b"{\"letter\":");
        // length | crc | seq, at, kind, flags (18) | item
        let begin = at - 18 - 8;
        let length = u32::from_le_bytes(bytes[begin..begin + 4].try_into().expect("four")) as usize;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[begin..begin + 4]);
        crc.update(&bytes[begin + 8..begin + 8 + length]);
        bytes[begin + 4..begin + 8].copy_from_slice(&crc.finalize().to_le_bytes());
        std::fs::write(&path, bytes).expect("written");
    }

    /// Opens the list that this sensor keeps.
    pub fn keeper(&self) -> Arc<Keeper> {
        let key = FeedKey::of_pem(&self.keys().authority).expect("a key");
        Arc::new(Keeper::open(self.folder(), key).expect("opens"))
    }

    /// Runs the uplink to this address until the spool is empty.
    pub async fn send_all(&self, address: &str) {
        self.send_until(address, None, |desk| desk.is_drained()).await;
    }

    /// Runs the uplink, with a list if there is one, until something is so.
    pub async fn send_until(&self, address: &str, keeper: Option<Arc<Keeper>>, is_done: impl Fn(&Desk) -> bool) {
        let mut keys = self.keys();
        keys.centre = address.to_owned();
        self.key_folder().save(&keys).expect("saved");
        let patience = Patience {
            back_off_min: Duration::from_millis(5),
            back_off_max: Duration::from_millis(50),
            answer_time_max: Duration::from_secs(2),
            idle: Duration::from_millis(20),
        };
        let mut uplink = Uplink::new(self.desk(), self.key_folder(), patience).expect("enrolled");
        if let Some(keeper) = keeper {
            uplink = uplink.keeping(keeper);
        }
        let (stop, stopping) = watch::channel(false);
        let drained = async {
            while !is_done(self.desk()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop.send(true).expect("it runs");
        };
        let both = async { tokio::join!(uplink.run(stopping), drained) };
        tokio::time::timeout(TIME_MAX, both).await.expect("sent in time");
    }

    fn config_for(&self, authority: CertificateDer<'static>) -> ClientConfig {
        let keys = self.keys();
        let certificate = CertificateDer::from_pem_slice(keys.certificate.as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(keys.key.as_bytes()).expect("PEM");
        config(authority).with_client_auth_cert(vec![certificate], key).expect("a pair")
    }

    fn own_authority(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.keys().authority.as_bytes()).expect("PEM")
    }

    pub async fn post_raw(&self, address: &str, path: &str, body: Vec<u8>) -> (u16, Option<Refusal>) {
        post(address, self.config_for(self.own_authority()), path, body).await.expect("an answer")
    }

    pub async fn try_post(&self, address: &str) -> Result<(u16, Option<Refusal>), String> {
        post(address, self.config_for(self.own_authority()), "/v1/batch", Vec::new()).await
    }

    /// Trusts the centre, although its own certificate is of another.
    pub async fn try_post_trusting(&self, centre: &Centre) -> Result<(u16, Option<Refusal>), String> {
        let config = self.config_for(centre.authority.certificate().clone());
        post(centre.address(), config, "/v1/batch", Vec::new()).await
    }
}

fn config(authority: CertificateDer<'static>) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(authority).expect("a CA");
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
}

async fn post(
    address: &str,
    mut config: ClientConfig,
    path: &str,
    body: Vec<u8>,
) -> Result<(u16, Option<Refusal>), String> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    let name = ServerName::try_from(CENTRE_NAME).expect("a name");
    let stream =
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|e| e.to_string())?;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|e| format!("{e:?}"))?;
    let driver = tokio::spawn(connection);
    let request = hyper::Request::post(format!("https://{CENTRE_NAME}{path}")).body(Full::new(Bytes::from(body)));
    let answer = sender.send_request(request.expect("a request")).await;
    let Ok(response) = answer else {
        return Err(format!("{:?} {:?}", answer.err(), driver.await));
    };
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
    Ok((status, serde_json::from_slice(&body).ok()))
}

/// How a connection goes wrong: after so many bytes in either direction it is cut, or one bit is turned.
pub struct Trouble {
    pub seed: u64,
    pub bytes_min: u64,
    pub bytes_max: u64,
}

pub struct Proxy {
    pub address: String,
    troubles: Arc<AtomicU32>,
}

impl Proxy {
    pub fn troubles(&self) -> u32 {
        self.troubles.load(Relaxed)
    }
}

/// Listens, and passes on to the centre with troubles from a seed.
pub async fn proxy(to: &str, trouble: Trouble) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (to, troubles) = (to.to_owned(), Arc::new(AtomicU32::new(0)));
    let count = troubles.clone();
    tokio::spawn(async move {
        let mut rng = StdRng::seed_from_u64(trouble.seed);
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = TcpStream::connect(&to).await else { continue };
            let (up, down) = (plan(&mut rng, &trouble), plan(&mut rng, &trouble));
            let count = count.clone();
            tokio::spawn(async move {
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                // Whichever direction ends first takes the other with it.
                tokio::select! {
                    () = pass(near_in, far_out, up) => {}
                    () = pass(far_in, near_out, down) => {}
                }
                count.fetch_add(1, Relaxed);
            });
        }
    });
    Proxy { address, troubles }
}

struct Plan {
    at: u64,
    garbles: bool,
}

fn plan(rng: &mut StdRng, trouble: &Trouble) -> Plan {
    Plan { at: rng.random_range(trouble.bytes_min..trouble.bytes_max), garbles: rng.random() }
}

async fn pass(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, plan: Plan) {
    let mut passed = 0u64;
    let mut buffer = vec![0; 4096];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let left = plan.at.saturating_sub(passed) as usize;
        let is_there = left < length;
        if is_there && plan.garbles && passed < plan.at {
            buffer[left] ^= 0x40;
        }
        let pass = if is_there && !plan.garbles { left } else { length };
        passed += length as u64;
        if to.write_all(&buffer[..pass]).await.is_err() || (is_there && !plan.garbles) {
            return;
        }
    }
}
