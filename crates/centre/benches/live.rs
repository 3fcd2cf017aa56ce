//! From a sensor to an open page: alerts are handed to one hospital's spool while hundreds of others report and alert as on
//! any day, until the event stands in an analyst's live stream: `cargo xtask bench live`.
//!
//! The centre is whole (SQLite with full syncs, mTLS, its own watches), the sensors are their own state machines over
//! loopback, and the page is a socket that reads the stream; what a browser draws is not timed. Each alert is of a signature
//! of its own, so that each must be told once; its moment says which it is.

mod hospitals;

use anyhow::{Context, Result, bail, ensure};
use hospitals::{alert, code, cookie, facilities, now, person};
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    serve,
};
use phitak_model::{Health, Timestamp};
use phitak_store::{Role, ScopeReach, Store};
use phitak_uplink::{
    Authority, Item,
    client::{Patience, Uplink},
    keys::KeyFolder,
    spool::{Desk, SPOOL_BYTES_DEFAULT, Spool},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc, watch},
    time::{interval_at, sleep, timeout},
};

/// Hospitals beside the one that is watched.
const SENSORS: usize = 300;
/// Alerts that are timed.
const ALERTS: usize = 500;
/// As in the sensor.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// Of each of the other hospitals: some three thousand alerts a day.
const ALERT_INTERVAL: Duration = Duration::from_secs(30);
/// Signatures that the others share.
const SHARED_SIGNATURES: usize = 40;
/// Between two alerts that are timed; a little more or less, so that no rhythm of the centre's is met each time.
const GAP: Duration = Duration::from_millis(100);
const GAP_MORE_MILLIS_MAX: u64 = 40;
/// The mark, for 99 of 100.
const P99_SECS_MAX: f64 = 2.0;
/// Longest wait for the last event.
const LAST_SECS_MAX: Duration = Duration::from_secs(30);
const ENROLLED_AT_A_TIME: usize = 8;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut numbers = words.iter().map(|word| word.parse::<usize>().with_context(|| format!("{word} is no number")));
    let sensors = numbers.next().transpose()?.unwrap_or(SENSORS);
    let alerts = numbers.next().transpose()?.unwrap_or(ALERTS);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let p99 = runtime.block_on(run(sensors, alerts))?;
    ensure!(p99 <= P99_SECS_MAX, "the mark of {P99_SECS_MAX} s is missed");
    Ok(())
}

async fn run(number: usize, alerts: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path()).await?;
    let authority = Authority::create(now())?;
    let centre =
        Centre::new(store, Clock::of_the_machine(), Settings::default(), authority).map_err(anyhow::Error::msg)?;
    // The watched hospital is the one after the others.
    let codes = facilities(&centre, number + 1).await?;
    person(&centre, "analyst", Role::Analyst, ScopeReach::Sector).await?;
    let (pages, uplink) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let (page, address) = (pages.local_addr()?.to_string(), uplink.local_addr()?.to_string());
    let (stop, mut stopped) = watch::channel(false);
    let running = centre.clone();
    let serving = tokio::spawn(async move {
        serve::serve(&running, pages, uplink, async move { drop(stopped.wait_for(|stop| *stop).await) }).await
    });
    let begun = Instant::now();
    let mut folders = Vec::new();
    for (block, codes) in codes.chunks(ENROLLED_AT_A_TIME).enumerate() {
        let mut enrolling = Vec::new();
        for (at, code) in codes.iter().enumerate() {
            let (folder, address, code) = (folder.path().to_owned(), address.clone(), code.clone());
            let n = block * ENROLLED_AT_A_TIME + at;
            enrolling.push(tokio::spawn(async move { hospitals::enrolled(&folder, &address, &code, n).await }));
        }
        for enrolled in enrolling {
            folders.push(enrolled.await??);
        }
    }
    println!("{} sensors enrolled in {:.1} s", folders.len(), begun.elapsed().as_secs_f64());
    let watched = folders.pop().context("a sensor")?;
    let mut tasks: Vec<_> = folders
        .into_iter()
        .enumerate()
        .map(|(n, data)| tokio::spawn(background(data, n, number, stop.subscribe())))
        .collect();
    // One whole interval of the others first, so that all have dialled.
    sleep(ALERT_INTERVAL).await;
    let (told, events) = mpsc::unbounded_channel();
    let ready = Arc::new(Notify::new());
    let stream = tokio::spawn(follow(page, code(number)?.to_string(), told, ready.clone(), stop.subscribe()));
    timeout(LAST_SECS_MAX, ready.notified()).await.context("the live stream does not begin")?;
    let desk = Arc::new(Desk::new(Spool::open(&watched.join("spool"), SPOOL_BYTES_DEFAULT)?));
    tasks.push(tokio::spawn(send(desk.clone(), watched, stop.subscribe())));
    let kept_before = background_alerts(&centre).await?;
    let measuring = Instant::now();
    let handed = hand_over(&desk, alerts).await?;
    let secs = match_up(handed, events).await?;
    let took = measuring.elapsed().as_secs_f64();
    let others = (background_alerts(&centre).await? - kept_before).saturating_sub(alerts as u64);
    stop.send_replace(true);
    for task in tasks {
        task.await??;
    }
    stream.await??;
    serving.await??;
    Ok(print(&secs, number, others, took))
}

async fn background_alerts(centre: &Centre) -> Result<u64> {
    Ok(centre.store.alerts_kept(&phitak_store::Scope::of_the_centre_itself()).await?)
}

/// Prints what came out; gives the 99th percentile, in seconds.
fn print(secs: &[f64], sensors: usize, others: u64, took: f64) -> f64 {
    let at = |share: f64| secs.get(((secs.len() - 1) as f64 * share) as usize).copied().unwrap_or(f64::INFINITY);
    println!(
        "{sensors} other sensors: a report each every {} s, {:.1} alerts/s of all together",
        HEALTH_INTERVAL.as_secs(),
        others as f64 / took
    );
    println!(
        "{} alerts from the spool to the open page, each once: p50 {:.3} s, p99 {:.3} s, max {:.3} s",
        secs.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    at(0.99)
}

/// A sensor's uplink until it is stopped.
async fn send(desk: Arc<Desk>, data: PathBuf, stop: watch::Receiver<bool>) -> Result<()> {
    Uplink::new(&desk, KeyFolder::new(&data), Patience::default())?.run(stop).await;
    Ok(())
}

/// One of the other hospitals: reports and alerts at its own moments.
async fn background(data: PathBuf, n: usize, all: usize, mut stop: watch::Receiver<bool>) -> Result<()> {
    let desk = Arc::new(Desk::new(Spool::open(&data.join("spool"), SPOOL_BYTES_DEFAULT)?));
    let share = n as f64 / all.max(1) as f64;
    let begin = tokio::time::Instant::now();
    let mut reports = interval_at(begin + HEALTH_INTERVAL.mul_f64(share), HEALTH_INTERVAL);
    let mut alerts = interval_at(begin + ALERT_INTERVAL.mul_f64(share), ALERT_INTERVAL);
    let mut seen = 0;
    let working = async {
        loop {
            let item = tokio::select! {
                _ = reports.tick() => {
                    Item::Health(Health { at: now(), version: "bench".to_owned(), ..Health::default() })
                }
                _ = alerts.tick() => {
                    seen += 1;
                    Item::Alert(Box::new(alert(1 + (n + seen) % SHARED_SIGNATURES, now())))
                }
            };
            desk.append(&item, None)?;
        }
    };
    let sending = send(desk.clone(), data, stop.clone());
    tokio::select! {
        ended = working => ended,
        ended = sending => ended,
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    }
}

/// Hands the timed alerts to the spool; gives when each was, by its own moment.
async fn hand_over(desk: &Desk, alerts: usize) -> Result<BTreeMap<Timestamp, Instant>> {
    let mut handed = BTreeMap::new();
    for n in 0..alerts {
        let (at, instant) = (now(), Instant::now());
        desk.append(&Item::Alert(Box::new(alert(1_000 + n, at))), None)?;
        ensure!(handed.insert(at, instant).is_none(), "two alerts of one moment");
        let more = (n as u64).wrapping_mul(2_654_435_761) % GAP_MORE_MILLIS_MAX;
        sleep(GAP + Duration::from_millis(more)).await;
    }
    Ok(handed)
}

/// Each alert's way in seconds, sorted. Fails when one is missing, or told twice.
async fn match_up(
    mut handed: BTreeMap<Timestamp, Instant>,
    mut events: mpsc::UnboundedReceiver<(Timestamp, Instant)>,
) -> Result<Vec<f64>> {
    let mut secs = Vec::with_capacity(handed.len());
    while !handed.is_empty() {
        let Ok(Some((at, arrived))) = timeout(LAST_SECS_MAX, events.recv()).await else {
            bail!("{} alerts never came to the page", handed.len())
        };
        let begun = handed.remove(&at).with_context(|| format!("{} was told twice, or is nobody's", at.iso()))?;
        secs.push(arrived.saturating_duration_since(begun).as_secs_f64());
    }
    // A second telling would come with the next round.
    if let Ok(Some((at, _))) = timeout(Duration::from_secs(2), events.recv()).await {
        bail!("{} was told twice", at.iso());
    }
    secs.sort_by(f64::total_cmp);
    Ok(secs)
}

/// An analyst's page: reads the live stream, and keeps what it says of the watched hospital's stories.
async fn follow(
    page: String,
    facility: String,
    told: mpsc::UnboundedSender<(Timestamp, Instant)>,
    ready: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let mut stream = TcpStream::connect(&page).await?;
    let request = format!("GET /api/v1/live HTTP/1.1\r\nhost: {page}\r\ncookie: {}\r\n\r\n", cookie("analyst"));
    stream.write_all(request.as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    let mut event = String::new();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let Some(line) = line else { bail!("the live stream ended") };
        if line == ": ping" {
            ready.notify_one();
        }
        if let Some(name) = line.strip_prefix("event: ") {
            ensure!(name != "resync", "the page missed events");
            event = name.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ").filter(|_| event == "story") {
            let arrived = Instant::now();
            let story: serde_json::Value = serde_json::from_str(data)?;
            if story["facility"] == facility.as_str() {
                let at = Timestamp::parse(story["last_at"].as_str().unwrap_or_default())?;
                let _ = told.send((at, arrived));
            }
        }
    }
}
