//! A large sector's month through the centre's real intake, then how long its pages take, in one process and without a
//! network: `cargo xtask bench centre`.
//!
//! What is timed: reading a batch's bytes, storing, commit, acknowledgement; then each page from request to its last
//! byte. Making the alerts is not. Every sum that the pages tell is compared with the generator's.

mod pages;
#[path = "../../tests/centre/postgres.rs"]
mod postgres;
mod world;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    intake::CentreIntake,
};
use phitak_model::{FacilityCode, HealthRegion, SensorId, Timestamp};
use phitak_store::{
    AuditLine, NewFacility, NewUser, Retention, Role, Scope, ScopeReach, Store, people::secret_digest,
    sensors::Redeemed,
};
use phitak_uplink::{Authority, BATCHES_KIB_MAX, Batch, Intake, Item, Record, SpoolId, batch_kib};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use world::{Truth, World};

const FACILITIES: usize = 1_500;
const DAYS: usize = 30;
const ALERTS_PER_DAY: usize = 100_000;
/// Hospitals that send at a time; what is on its way at once has the uplink's own limit.
const AT_A_TIME: usize = 1_500;
const RECORDS_PER_BATCH: usize = 500;
const INGEST_PER_SEC_MIN: f64 = 20_000.0;
const BYTES_PER_ALERT_MAX: f64 = 900.0;
const MEMORY_MIB_MAX: u64 = 500;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let on_postgres = words.iter().any(|word| word == "postgres");
    words.retain(|word| word != "postgres");
    let mut numbers = words.iter().map(|word| word.parse::<usize>().with_context(|| format!("{word} is no number")));
    let facilities = numbers.next().transpose()?.unwrap_or(FACILITIES);
    let days = numbers.next().transpose()?.unwrap_or(DAYS);
    let per_day = numbers.next().transpose()?.unwrap_or(ALERTS_PER_DAY);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let is_met = runtime.block_on(run(on_postgres, facilities, days, per_day))?;
    ensure!(is_met, "a mark is missed");
    Ok(())
}

async fn run(on_postgres: bool, facilities: usize, days: usize, per_day: usize) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let begin = Timestamp::parse("2026-11-01T00:00:00Z").map_err(anyhow::Error::msg)?;
    let now = Arc::new(AtomicI64::new(begin.micros()));
    let tell = now.clone();
    let clock = Clock::of(move || Timestamp::from_micros(tell.load(Ordering::SeqCst)));
    let store = if on_postgres { postgres::store("bench").await } else { Store::open(folder.path()).await? };
    let authority = Authority::create(begin)?;
    let centre = Centre::new(store, clock, Settings::default(), authority).map_err(anyhow::Error::msg)?;
    println!(
        "{} on {facilities} facilities, {days} days of {per_day} alerts, {} signatures",
        if on_postgres { "PostgreSQL" } else { "SQLite" },
        world::SIGNATURES
    );
    let mut world = World::new(enrol(&centre, facilities).await?);
    let mut truth = Truth::default();
    let mut spent = Vec::new();
    fill(&centre, &mut world, &mut truth, &now, days, per_day, &mut spent).await?;
    let kept = centre.store.alerts_kept(&Scope::of_the_centre_itself()).await?;
    ensure!(kept == truth.alerts, "{kept} alerts are kept, {} were sent", truth.alerts);
    let ingest = told_ingest(&spent);
    tidy(&centre).await?;
    let bytes = if on_postgres { postgres::bytes("bench").await } else { sizes(folder.path())? };
    let per_alert = bytes as f64 / truth.alerts as f64;
    println!("on disk: {:.0} MB, {per_alert:.0} bytes an alert", bytes as f64 / 1e6);
    if on_postgres {
        for line in postgres::largest("bench").lines() {
            println!("  {}", line.replace('|', " "));
        }
    }
    let are_quick = pages::measure(&centre, &world, &truth).await?;
    let (now_mib, peak_mib) = memory_mib()?;
    println!("memory: {now_mib} MiB, {peak_mib} MiB at its peak (the generator with it)");
    Ok(are_quick && ingest >= INGEST_PER_SEC_MIN && per_alert <= BYTES_PER_ALERT_MAX && peak_mib <= MEMORY_MIB_MAX)
}

/// Time and alerts of each step: backlogs of a day at first, then each hour's own.
struct Slot {
    took: Duration,
    alerts: u64,
    batches: u64,
    is_hour: bool,
}

fn told_ingest(spent: &[Slot]) -> f64 {
    let mut all = 0.0;
    for (name, is_hour) in [("batches of a day's alerts", false), ("batches of an hour's alerts", true)] {
        let slots: Vec<&Slot> = spent.iter().filter(|slot| slot.is_hour == is_hour).collect();
        let (alerts, batches): (u64, u64) =
            slots.iter().fold((0, 0), |(alerts, batches), slot| (alerts + slot.alerts, batches + slot.batches));
        let secs: f64 = slots.iter().map(|slot| slot.took.as_secs_f64()).sum();
        if alerts == 0 {
            continue;
        }
        let rate = alerts as f64 / secs;
        println!("ingest, {name}: {rate:.0} alerts/s, {:.0} batches/s ({secs:.1} s)", batches as f64 / secs);
        if !is_hour {
            all = rate;
        }
    }
    all
}

async fn enrol(centre: &Centre, number: usize) -> Result<Vec<SensorId>> {
    let (store, scope, now) = (&centre.store, Scope::of_the_centre_itself(), centre.clock.now());
    let audit = AuditLine::of_operator(now, "measure");
    let facilities: Vec<NewFacility> = (0..number)
        .map(|n| {
            Ok(NewFacility {
                code: FacilityCode::new(&format!("{:05}", 10_000 + n))?,
                name_th: format!("โรงพยาบาลตัวอย่าง {n}"),
                name_en: format!("Example Hospital {n}"),
                province_code: world::province(n).to_owned(),
            })
        })
        .collect::<Result<_>>()?;
    store.import_facilities(&facilities, audit.clone()).await?;
    let mut sensors = Vec::new();
    for facility in &facilities {
        let digest = format!("code of {}", facility.code);
        store.add_enrolment_code(&scope, &facility.code, &digest, now.plus_secs(60), audit.clone()).await?;
        match store.redeem(&digest, "key", now).await? {
            Redeemed::Sensor(sensor) => sensors.push(sensor),
            other => anyhow::bail!("{other:?}"),
        }
    }
    Ok(sensors)
}

/// Accounts whose sessions are alive when the pages are read.
pub async fn add_people(centre: &Centre, hospital: &FacilityCode) -> Result<()> {
    let (store, scope, now) = (&centre.store, Scope::of_the_centre_itself(), centre.clock.now());
    let audit = AuditLine::of_operator(now, "measure");
    let people = [
        ("analyst", Role::Analyst, ScopeReach::Sector),
        ("officer", Role::RegionOfficer, ScopeReach::Region(HealthRegion::new(4)?)),
        ("hospital", Role::Hospital, ScopeReach::Facility(hospital.clone())),
    ];
    for (login, role, reach) in people {
        let new = NewUser { login: login.to_owned(), name: login.to_owned(), role, reach };
        let link = secret_digest(&format!("link {login}"));
        let user = store.add_user(&scope, &new, &link, now.plus_secs(60), audit.clone()).await?;
        store.begin_session(&user, &secret_digest(login), "csrf", audit.clone()).await?;
    }
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "the parts of one measurement")]
async fn fill(
    centre: &Centre,
    world: &mut World,
    truth: &mut Truth,
    now: &AtomicI64,
    days: usize,
    per_day: usize,
    spent: &mut Vec<Slot>,
) -> Result<()> {
    let intake = CentreIntake::new(centre.clone());
    let room = Arc::new(Semaphore::new(BATCHES_KIB_MAX));
    let mut seqs = vec![0_u64; world.sensors.len()];
    // The last two days come hour by hour; before, a day at once: as from hospitals that were cut off.
    let days_at_once = days.saturating_sub(2);
    for step in 0..days_at_once + 48 {
        let is_hour = step >= days_at_once;
        now.fetch_add(if is_hour { 1 } else { 24 } * 3_600_000_000, Ordering::SeqCst);
        let at = centre.clock.now();
        let mut slot = Slot { took: Duration::ZERO, alerts: 0, batches: 0, is_hour };
        let mut bodies: Vec<(SensorId, Vec<Vec<u8>>)> = Vec::new();
        for (facility, seq) in seqs.iter_mut().enumerate() {
            let wanted = per_day as f64 * world.sizes.share(facility) / if is_hour { 24.0 } else { 1.0 };
            let number = wanted as usize + usize::from(world.dice.below(1_000) < (wanted.fract() * 1_000.0) as usize);
            let mut items = Vec::with_capacity(number);
            for _ in 0..number {
                let (signature, alert) = world.alert(facility, at);
                truth.take(facility, signature, at, 1);
                items.push(Item::Alert(Box::new(alert)));
            }
            slot.alerts += number as u64;
            let batches = encoded(items, seq)?;
            slot.batches += batches.len() as u64;
            bodies.push((world.sensors[facility].clone(), batches));
        }
        let begun = Instant::now();
        let sent: Vec<Result<()>> = stream::iter(bodies)
            .map(|(sensor, batches)| {
                let (intake, room) = (intake.clone(), room.clone());
                tokio::spawn(async move {
                    for body in batches {
                        let _room = room.acquire_many(batch_kib(body.len())).await?;
                        intake.accept(&sensor, Batch::decode(&body)?).await?;
                    }
                    Ok(())
                })
            })
            .buffer_unordered(AT_A_TIME)
            .map(|joined| joined?)
            .collect()
            .await;
        slot.took = begun.elapsed();
        sent.into_iter().collect::<Result<()>>()?;
        spent.push(slot);
        if step % 5 == 4 {
            tidy(centre).await?;
        }
    }
    Ok(())
}

fn encoded(items: Vec<Item>, seq: &mut u64) -> Result<Vec<Vec<u8>>> {
    let mut batches = Vec::new();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        let mut records = Vec::new();
        for item in items.by_ref().take(RECORDS_PER_BATCH) {
            *seq += 1;
            records.push(Record { seq: *seq, item });
        }
        batches.push(Batch { spool: SpoolId([1; 16]), acknowledged: 0, records }.encode()?);
    }
    Ok(batches)
}

/// What the running centre does by itself each hour.
async fn tidy(centre: &Centre) -> Result<()> {
    while centre.store.forget(&Retention::default(), centre.clock.now()).await?.is_anything() {}
    Ok(())
}

fn sizes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // The log is of one size, whatever is stored; it is emptied into the file.
        if !entry.file_name().to_string_lossy().ends_with("-wal") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// Resident now and at most, of this process.
fn memory_mib() -> Result<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
    };
    Ok((kib("VmRSS:") / 1024, kib("VmHWM:") / 1024))
}
