//! From a sighting to every sensor: a thousand sensors' own state machines, each enrolled and connected by mTLS over loopback to
//! a real centre, until the address of a warning is looked for at all of them: `cargo xtask bench feeds`.
//!
//! What is timed: from the request that sends the warning until a sensor's set answers for the address, at each sensor; and
//! until the centre's own table says so. The answer of each set is checked. Everything shares this machine, so that making the
//! sets ready, which a thousand hospitals' machines do side by side, is part of the time.

mod hospitals;

use anyhow::{Context, Result, bail, ensure};
use axum::{
    Router,
    body::Body,
    http::{Method, Request, header},
};
use hospitals::{cookie, facilities, now, person};
use http_body_util::BodyExt;
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    router::router,
    serve,
};
use phitak_detect::IndicatorsBuilder;
use phitak_model::{ActiveIndicators, Alert, Health, IndicatorKind, IndicatorValue, Severity, Timestamp};
use phitak_store::{AuditLine, NewIndicator, Role, Scope, ScopeReach, Store, Tlp};
use phitak_uplink::{
    Authority, Item,
    client::{Patience, Uplink},
    feed::{FeedKey, Keeper},
    keys::KeyFolder,
    spool::{Desk, SPOOL_BYTES_DEFAULT, Spool},
};
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, watch},
    time::{interval_at, sleep, timeout},
};
use tower::ServiceExt;

const SENSORS: usize = 1_000;
/// Indicators that are looked for before the warning.
const BASE: usize = 1_000;
const ROUNDS: u8 = 3;
/// As in the sensor.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// The mark: from the sighting to all others.
const ACTIVE_SECS_MAX: f64 = 60.0;
const ROUND_TIME_MAX: Duration = Duration::from_secs(180);
const ENROLLED_AT_A_TIME: usize = 8;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut numbers = words.iter().map(|word| word.parse::<usize>().with_context(|| format!("{word} is no number")));
    let sensors = numbers.next().transpose()?.unwrap_or(SENSORS);
    let base = numbers.next().transpose()?.unwrap_or(BASE);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let worst = runtime.block_on(run(sensors, base))?;
    ensure!(worst <= ACTIVE_SECS_MAX, "the mark of {ACTIVE_SECS_MAX} s is missed");
    Ok(())
}

async fn run(number: usize, base: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path()).await?;
    let authority = Authority::create(now())?;
    let centre =
        Centre::new(store, Clock::of_the_machine(), Settings::default(), authority).map_err(anyhow::Error::msg)?;
    let codes = facilities(&centre, number).await?;
    person(&centre, "analyst", Role::Analyst, ScopeReach::Sector).await?;
    add_base(&centre, base).await?;
    let (pages, uplink) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let address = uplink.local_addr()?.to_string();
    let (stop, mut stopped) = watch::channel(false);
    let running = centre.clone();
    let serving = tokio::spawn(async move {
        serve::serve(&running, pages, uplink, async move { drop(stopped.wait_for(|stop| *stop).await) }).await
    });
    println!("{number} sensors, {base} indicators before the warning, reports every {} s", HEALTH_INTERVAL.as_secs());
    let (seen, mut told) = mpsc::channel(number.max(1));
    let sought = Arc::new(Sought::default());
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for (block, codes) in codes.chunks(ENROLLED_AT_A_TIME).enumerate() {
        let mut enrolling = Vec::new();
        for (at, code) in codes.iter().enumerate() {
            let n = block * ENROLLED_AT_A_TIME + at;
            let (folder, address, code) = (folder.path().to_owned(), address.clone(), code.clone());
            enrolling.push(tokio::spawn(async move { hospitals::enrolled(&folder, &address, &code, n).await }));
        }
        for enrolled in enrolling {
            let data = enrolled.await??;
            tasks.push(tokio::spawn(sensor(data, tasks.len(), number, sought.clone(), seen.clone(), stop.subscribe())));
        }
    }
    println!("enrolled in {:.1} s", begun.elapsed().as_secs_f64());
    everybody_has_it(&centre, number).await?;
    println!("all have the first list after {:.1} s", begun.elapsed().as_secs_f64());
    let router = router(&centre);
    let mut worst = 0.0_f64;
    for round in 1..=ROUNDS {
        worst = worst.max(warn(&centre, &router, &sought, &mut told, number, round).await?);
    }
    println!("memory: {} MiB at its peak, the centre and all sensors together", peak_mib()?);
    stop.send_replace(true);
    for task in tasks {
        task.await??;
    }
    serving.await??;
    Ok(worst)
}

/// The address that a round waits for: its last number; 0 for none.
#[derive(Default)]
struct Sought(AtomicU64);

impl Sought {
    fn address(&self) -> IpAddr {
        address(self.0.load(Relaxed) as u8)
    }
}

fn address(round: u8) -> IpAddr {
    [203, 0, 113, round].into()
}

/// One hospital's sensor: spool, uplink, list, reports.
async fn sensor(
    data: std::path::PathBuf,
    n: usize,
    all: usize,
    sought: Arc<Sought>,
    seen: mpsc::Sender<(usize, u8, Instant)>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let keys = KeyFolder::new(&data);
    let key = FeedKey::of_pem(&keys.load()?.authority).context("a key")?;
    let keeper = Arc::new(Keeper::open(&data, key)?);
    let desk = Desk::new(Spool::open(&data.join("spool"), SPOOL_BYTES_DEFAULT)?);
    let uplink = Uplink::new(&desk, keys, Patience::default())?.keeping(keeper.clone());
    let active = std::sync::Mutex::new(None::<ActiveIndicators>);
    let renewed = Notify::new();
    let follow = async {
        let mut changes = keeper.changes();
        while changes.changed().await.is_ok() {
            changes.mark_unchanged();
            let mut builder = IndicatorsBuilder::default();
            let contents = keeper.read(&mut |indicator| builder.add(&indicator))?;
            let set = builder.build(contents.position.part);
            let about = ActiveIndicators {
                generation: contents.position.generation,
                part: contents.position.part,
                entries: set.len() as u64,
            };
            *active.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(about);
            renewed.notify_one();
            let round = sought.0.load(Relaxed) as u8;
            if round > 0 && set.address(sought.address(), now()).is_some() {
                let _ = seen.send((n, round, Instant::now())).await;
            }
        }
        anyhow::Ok(())
    };
    let reports = async {
        // Sensors were switched on at any moment: their reports are spread over the interval.
        let first = HEALTH_INTERVAL.mul_f64(n as f64 / all.max(1) as f64);
        let mut ticks = interval_at(tokio::time::Instant::now() + first, HEALTH_INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = renewed.notified() => {}
            }
            let indicators = *active.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let health = Health { at: now(), version: "bench".to_owned(), indicators, ..Health::default() };
            if let Err(error) = desk.append(&Item::Health(health), None) {
                break Err::<(), _>(anyhow::Error::from(error));
            }
        }
    };
    let watching = stop.clone();
    tokio::select! {
        () = uplink.run(watching) => Ok(()),
        ended = follow => ended,
        ended = reports => ended,
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    }
}

/// One warning from its sighting to all sensors; gives the slowest, in seconds.
async fn warn(
    centre: &Centre,
    router: &Router,
    sought: &Sought,
    told: &mut mpsc::Receiver<(usize, u8, Instant)>,
    number: usize,
    round: u8,
) -> Result<f64> {
    sought.0.store(round.into(), Relaxed);
    let draft = json!({
        "title": {"th": "เตือน", "en": "A warning"}, "what": {"th": "เกิดเหตุ", "en": ""},
        "why": {"th": "สำคัญ", "en": ""}, "steps": [{"th": "ทำสิ่งนี้", "en": "Do this"}],
        "undo": {"th": "", "en": ""}, "who": {"th": "", "en": ""}, "tlp": "amber", "severity": "high",
        "due_hours": 24, "check": {"kind": "indicators", "addresses": [address(round).to_string()]},
    });
    sighting(centre, round).await?;
    let id = post(router, "/api/v1/bulletins", &draft).await?["id"].as_i64().context("a draft")?;
    let begun = Instant::now();
    let sent = post(router, &format!("/api/v1/bulletins/{id}/publish"), &json!({"expected": 1})).await?;
    ensure!(sent["state"] == "published", "{sent}");
    let answered = begun.elapsed();
    let mut secs: Vec<f64> = Vec::with_capacity(number);
    let mut who = std::collections::BTreeSet::new();
    while who.len() < number {
        let next = timeout(ROUND_TIME_MAX, told.recv()).await;
        let Ok(Some((n, of_round, at))) = next else { bail!("{} of {number} sensors look for it", who.len()) };
        if of_round == round && who.insert(n) {
            secs.push(at.saturating_duration_since(begun).as_secs_f64());
        }
    }
    everybody_has_it(centre, number).await?;
    let known = begun.elapsed();
    secs.sort_by(f64::total_cmp);
    let at = |share: f64| secs.get(((secs.len() - 1) as f64 * share) as usize).copied().unwrap_or(f64::INFINITY);
    println!(
        "warning {round}: answered in {:.2} s; looked for at {number} sensors: p50 {:.2} s, p99 {:.2} s, last {:.2} s; the centre knows it of all after {:.2} s",
        answered.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        known.as_secs_f64()
    );
    Ok(at(1.0))
}

/// An alert at the first hospital, through the store as the intake would have it.
async fn sighting(centre: &Centre, round: u8) -> Result<()> {
    use phitak_store::ArrivedAlert;
    let sensor = phitak_model::SensorId::new("10000-1")?;
    let alert = Alert { src_ip: address(round), ..hospitals::alert(0, now()) };
    let mut ingest = centre.store.begin_ingest(now(), now()).await?;
    let source = ingest.open(&[(&sensor, "sighting".to_owned())]).await?.pop().flatten().context("a sensor")?;
    ingest.add_alerts(&[&source], &[ArrivedAlert { source: 0, seq: round.into(), alert: &alert }]).await?;
    ingest.commit(&[(&source, round.into())]).await?;
    Ok(())
}

async fn everybody_has_it(centre: &Centre, number: usize) -> Result<()> {
    let scope = Scope::of_the_centre_itself();
    let all = async {
        loop {
            let head = centre.feed.head();
            let (_, current) =
                centre.store.sensors_up_to_date(&scope, Timestamp::default(), head.generation, head.part).await?;
            if !head.is_none() && current >= number as u64 {
                return anyhow::Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(ROUND_TIME_MAX, all).await.context("not all sensors have told the newest list")?
}

async fn post(router: &Router, path: &str, body: &Value) -> Result<Value> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::COOKIE, cookie("analyst"))
        .header("x-csrf-token", "csrf")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))?;
    let response = router.clone().oneshot(request).await?;
    let bytes = response.into_body().collect().await?.to_bytes();
    serde_json::from_slice(&bytes).with_context(|| String::from_utf8_lossy(&bytes).into_owned())
}

async fn add_base(centre: &Centre, base: usize) -> Result<()> {
    let new: Vec<NewIndicator> = (0..base)
        .map(|n| {
            Ok(NewIndicator {
                value: IndicatorValue::parse(IndicatorKind::Domain, &format!("bad-{n}.example.org"))?,
                severity: Severity::Medium,
                tlp: Tlp::Green,
                source: "measure".to_owned(),
                reason: "measure".to_owned(),
                words: "เว็บไซต์ปลอม".to_owned(),
                expires_at: now().plus_secs(86_400),
            })
        })
        .collect::<Result<_>>()?;
    for part in new.chunks(2_000) {
        centre.store.add_indicators(part, AuditLine::of_operator(now(), "measure")).await?;
    }
    Ok(())
}

fn peak_mib() -> Result<u64> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024)
}
