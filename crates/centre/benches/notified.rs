//! From a sensor to the person at the hospital: each of hundreds of hospitals raises urgent alerts of stories of their own,
//! until the message about each has been taken by the receiver's server: `cargo xtask bench notified`.
//!
//! The centre is whole (SQLite with full syncs, mTLS, its own watches and outbox), the sensors are their own state machines
//! over loopback, and messages go to a webhook on this machine that takes each at once: what a provider needs after that is
//! not the centre's. The way is taken from the alert's own moment to the log's moment of delivery.

mod hospitals;

use anyhow::{Context, Result, ensure};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use hospitals::{alert, code, facilities, now, person};
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    notify::outward::OutwardSettings,
    router::router,
    serve,
};
use phitak_model::Health;
use phitak_store::{
    AuditLine, Contact, ContactBook, DeliveryState, PageAsk, Role, Scope, ScopeReach, Store,
    delivery_log::{DeliveryFilter, DeliveryRecord},
};
use phitak_uplink::{
    Authority, Item,
    client::{Patience, Uplink},
    keys::KeyFolder,
    spool::{Desk, SPOOL_BYTES_DEFAULT, Spool},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{interval_at, sleep},
};
use tower::ServiceExt;

const SENSORS: usize = 300;
/// How long alerts are raised.
const RAISING: Duration = Duration::from_secs(120);
/// As in the sensor.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// Of each hospital: fewer in all than a person is told one by one in an hour.
const ALERT_INTERVAL: Duration = Duration::from_secs(30);
/// Longest wait for the last message.
const LAST_SECS_MAX: u64 = 300;
/// The mark, for 99 of 100.
const P99_SECS_MAX: f64 = 60.0;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let number = words.next().map_or(Ok(SENSORS), |word| word.parse()).context("the number of hospitals")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let p99 = runtime.block_on(run(number))?;
    ensure!(p99 <= P99_SECS_MAX, "the mark of {P99_SECS_MAX} s is missed");
    Ok(())
}

async fn run(number: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path()).await?;
    let outward = OutwardSettings { loopback: true, ..OutwardSettings::default() };
    let settings = Settings { outward, ..Settings::default() };
    let centre =
        Centre::new(store, Clock::of_the_machine(), settings, Authority::create(now())?).map_err(anyhow::Error::msg)?;
    let codes = facilities(&centre, number).await?;
    let (taken, receiver) = (Arc::new(AtomicU64::new(0)), TcpListener::bind("127.0.0.1:0").await?);
    people(&centre, number, &format!("http://{}/told", receiver.local_addr()?)).await?;
    let receiving = tokio::spawn(receive(receiver, taken.clone()));
    let (pages, uplink) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let address = uplink.local_addr()?.to_string();
    let (stop, mut stopped) = watch::channel(false);
    let running = centre.clone();
    let serving = tokio::spawn(async move {
        serve::serve(&running, pages, uplink, async move { drop(stopped.wait_for(|stop| *stop).await) }).await
    });
    let raised = Arc::new(AtomicU64::new(0));
    let mut sensors = Vec::new();
    for (n, code) in codes.iter().enumerate() {
        let data = hospitals::enrolled(folder.path(), &address, code, n).await?;
        sensors.push((data, n));
    }
    println!("{number} sensors enrolled");
    let tasks: Vec<_> = sensors
        .into_iter()
        .map(|(data, n)| tokio::spawn(sensor(data, n, number, raised.clone(), stop.subscribe())))
        .collect();
    sleep(RAISING + ALERT_INTERVAL).await;
    let told = all_told(&centre, raised.load(Relaxed)).await?;
    stop.send_replace(true);
    for task in tasks {
        task.await??;
    }
    serving.await??;
    receiving.abort();
    ensure!(taken.load(Relaxed) == told.len() as u64, "{} were taken, {} are told of", taken.load(Relaxed), told.len());
    let mut secs = ways(&centre, &told).await?;
    secs.sort_by(f64::total_cmp);
    Ok(print(&secs, number))
}

/// A webhook for all, and at each hospital somebody who is told by it.
async fn people(centre: &Centre, number: usize, url: &str) -> Result<()> {
    person(centre, "admin", Role::Administrator, ScopeReach::Sector).await?;
    let setting = serde_json::json!({"enabled": true, "values": {"url": url}, "secret": "a key of the receiver"});
    let request = Request::post("/api/v1/notification-channels/webhook")
        .header(header::COOKIE, hospitals::cookie("admin"))
        .header("x-csrf-token", "csrf")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(setting.to_string()))?;
    let answer = router(centre).oneshot(request).await?;
    ensure!(answer.status() == StatusCode::OK, "the channel is not set up: {}", answer.status());
    for n in 0..number {
        let reach = ScopeReach::Facility(code(n)?);
        let user = person(centre, &format!("hospital-{n}"), Role::Hospital, reach).await?;
        let contacts = vec![Contact { channel: "webhook".to_owned(), address: format!("hospital {n}") }];
        let book = ContactBook { contacts, quiet: None };
        centre.store.set_contact_book(user.id, &book, AuditLine::of_operator(now(), "measure")).await?;
    }
    Ok(())
}

/// One sensor: reports, and raises alerts of stories of its own for a while.
async fn sensor(
    data: PathBuf,
    n: usize,
    all: usize,
    raised: Arc<AtomicU64>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let desk = Arc::new(Desk::new(Spool::open(&data.join("spool"), SPOOL_BYTES_DEFAULT)?));
    let share = n as f64 / all.max(1) as f64;
    let begin = tokio::time::Instant::now();
    let mut reports = interval_at(begin + HEALTH_INTERVAL.mul_f64(share), HEALTH_INTERVAL);
    // One whole interval first, so that all have dialled.
    let mut alerts = interval_at(begin + ALERT_INTERVAL.mul_f64(1.0 + share), ALERT_INTERVAL);
    let mut seen = 0;
    let working = async {
        loop {
            let item = tokio::select! {
                _ = reports.tick() => {
                    Item::Health(Health { at: now(), version: "bench".to_owned(), ..Health::default() })
                }
                _ = alerts.tick(), if begin.elapsed() < RAISING => {
                    seen += 1;
                    raised.fetch_add(1, Relaxed);
                    Item::Alert(Box::new(alert(n * 100 + seen, now())))
                }
            };
            desk.append(&item, None)?;
        }
    };
    let keys = KeyFolder::new(&data);
    let uplink = Uplink::new(&desk, keys, Patience::default())?;
    tokio::select! {
        ended = working => ended,
        () = uplink.run(stop.clone()) => Ok(()),
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    }
}

/// The log, once every alert that was raised has been told.
async fn all_told(centre: &Centre, raised: u64) -> Result<Vec<DeliveryRecord>> {
    let begun = Instant::now();
    let filter = DeliveryFilter { states: vec![DeliveryState::Sent] };
    let scope = Scope::of_the_centre_itself();
    loop {
        let (mut told, mut cursor) = (Vec::new(), None);
        loop {
            let ask = PageAsk { cursor, limit: Some(200) };
            let page = centre.store.delivery_log(&scope, &filter, &ask).await?;
            told.extend(page.items.into_iter().filter(|record| record.matter.story.is_some()));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        if told.len() as u64 >= raised {
            ensure!(told.len() as u64 == raised, "{raised} alerts were raised, {} are told of", told.len());
            return Ok(told);
        }
        let waited = begun.elapsed().as_secs();
        ensure!(waited < LAST_SECS_MAX, "of {raised} alerts only {} are told of", told.len());
        sleep(Duration::from_secs(2)).await;
    }
}

/// From each alert's own moment to its delivery, in seconds.
async fn ways(centre: &Centre, told: &[DeliveryRecord]) -> Result<Vec<f64>> {
    let scope = Scope::of_the_centre_itself();
    let mut secs = Vec::with_capacity(told.len());
    for record in told {
        let story = centre.store.story(&scope, record.matter.story.context("a story")?).await?;
        ensure!(story.alerts_all == 1, "a story of {} alerts", story.alerts_all);
        let sent_at = record.delivery.sent_at.context("a moment")?;
        secs.push(sent_at.micros_since(story.first_at) as f64 / 1e6);
    }
    Ok(secs)
}

/// Prints what came out; gives the 99th percentile, in seconds.
fn print(secs: &[f64], sensors: usize) -> f64 {
    let at = |share: f64| secs.get(((secs.len() - 1) as f64 * share) as usize).copied().unwrap_or(f64::INFINITY);
    println!(
        "{sensors} hospitals, an urgent alert each every {} s, a report every {} s",
        ALERT_INTERVAL.as_secs(),
        HEALTH_INTERVAL.as_secs()
    );
    println!(
        "{} alerts from the sensor to the message taken, each once: p50 {:.2} s, p99 {:.2} s, max {:.2} s",
        secs.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    at(0.99)
}

/// The receiver: takes every message at once.
async fn receive(listener: TcpListener, taken: Arc<AtomicU64>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let taken = taken.clone();
        tokio::spawn(async move {
            if take(stream).await.is_ok() {
                taken.fetch_add(1, Relaxed);
            }
        });
    }
}

async fn take(stream: TcpStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut bytes = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(length) = line.strip_prefix("content-length:") {
            bytes = length.trim().parse()?;
        }
    }
    let mut body = vec![0; bytes];
    stream.read_exact(&mut body).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    Ok(())
}
