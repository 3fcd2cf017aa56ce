//! Fills a centre with a large sector through its real intake, then measures how long its pages take, in one process and
//! without a network: `cargo run --release -p phitak-centre --example measure -- [FACILITIES] [ALERTS]`.
//!
//! It prints what it ran on, checks that the answers are right, and tells the 50th and 95th of a hundred calls.

use axum::{
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt;
use phitak_centre::{
    centre::{Centre, Settings},
    clock::Clock,
    intake::CentreIntake,
    router::router,
};
use phitak_model::{Alert, FacilityCode, Fact, Observation, SensorId, Severity, Timestamp};
use phitak_store::{
    AuditLine, NewFacility, NewUser, Role, Scope, ScopeReach, Store, people::secret_digest, provinces::PROVINCES,
    sensors::Redeemed,
};
use phitak_uplink::{Authority, Batch, Intake, Item, Record, SpoolId};
use std::time::Instant;
use tower::ServiceExt;

const ALERTS_PER_BATCH: usize = 500;
const HOSTS_PER_FACILITY: u8 = 20;
const SIGNATURES: u32 = 400;
const CALLS: usize = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let facilities = numbers.next().transpose()?.unwrap_or(300);
    let alerts = numbers.next().transpose()?.unwrap_or(100_000);
    let folder = tempfile::tempdir()?;
    let clock = Clock::of_the_machine();
    let store = Store::open(folder.path()).await?;
    let authority = Authority::create(clock.now())?;
    let centre = Centre::new(store, clock, Settings::default(), authority).map_err(anyhow::Error::msg)?;
    let cores = std::thread::available_parallelism()?;
    println!(
        "{facilities} facilities, {alerts} alerts of {SIGNATURES} signatures, {cores} cores, {}",
        folder.path().display()
    );

    let sensors = enrol(&centre, facilities).await?;
    let begun = Instant::now();
    fill(&centre, &sensors, alerts).await?;
    let secs = begun.elapsed().as_secs_f64();
    println!("ingest: {:.0} alerts/s in batches of {ALERTS_PER_BATCH} ({secs:.1} s)", alerts as f64 / secs);
    let kept = centre.store.alerts_kept(&Scope::of_the_centre_itself()).await?;
    anyhow::ensure!(kept == alerts as u64, "{kept} alerts are kept");
    measure(&centre, &sensors).await
}

async fn enrol(centre: &Centre, number: usize) -> anyhow::Result<Vec<SensorId>> {
    let (store, scope, now) = (&centre.store, Scope::of_the_centre_itself(), centre.clock.now());
    let audit = AuditLine::of_operator(now, "measure");
    let facilities: Vec<NewFacility> = (0..number)
        .map(|n| {
            let province = &PROVINCES[n % PROVINCES.len()];
            Ok(NewFacility {
                code: FacilityCode::new(&format!("{:05}", 10_000 + n))?,
                name_th: format!("โรงพยาบาลตัวอย่าง {n}"),
                name_en: format!("Example Hospital {n}"),
                province_code: province.code.to_owned(),
            })
        })
        .collect::<anyhow::Result<_>>()?;
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
    let people = [
        ("analyst", Role::Analyst, ScopeReach::Sector),
        ("officer", Role::RegionOfficer, ScopeReach::Region(phitak_model::HealthRegion::new(4)?)),
        ("hospital", Role::Hospital, ScopeReach::Facility(facilities[0].code.clone())),
    ];
    for (login, role, reach) in people {
        let new = NewUser { login: login.to_owned(), name: login.to_owned(), role, reach };
        let user = store
            .add_user(&scope, &new, &secret_digest(&format!("link {login}")), now.plus_secs(60), audit.clone())
            .await?;
        store.begin_session(&user, &secret_digest(login), "csrf", audit.clone()).await?;
    }
    Ok(sensors)
}

async fn fill(centre: &Centre, sensors: &[SensorId], alerts: usize) -> anyhow::Result<()> {
    let intake = CentreIntake::new(centre.clone());
    let mut sent = 0;
    let mut seqs = vec![0_u64; sensors.len()];
    let mut round = 0;
    while sent < alerts {
        for (place, sensor) in sensors.iter().enumerate() {
            if sent >= alerts {
                break;
            }
            let number = ALERTS_PER_BATCH.min(alerts - sent);
            let mut items: Vec<Item> =
                (0..number).map(|n| Item::Alert(Box::new(alert(centre, place, sent + n)))).collect();
            if round == 0 {
                items.extend((1..=HOSTS_PER_FACILITY).map(|host| Item::Observation(weak(centre, place, host))));
            }
            let first = seqs[place] + 1;
            let records: Vec<Record> = items.into_iter().zip(first..).map(|(item, seq)| Record { seq, item }).collect();
            seqs[place] += records.len() as u64;
            intake.accept(sensor, Batch { spool: SpoolId([1; 16]), acknowledged: 0, records }).await?;
            sent += number;
        }
        round += 1;
    }
    Ok(())
}

fn address(place: usize, host: u8) -> std::net::IpAddr {
    [10, (place / 250) as u8, (place % 250) as u8, host].into()
}

/// Signatures are shared between hospitals, some seen everywhere and most at a few.
fn alert(centre: &Centre, place: usize, n: usize) -> Alert {
    let common = n.is_multiple_of(3);
    let signature = if common { n as u32 % 20 } else { (n as u32 * 7 + place as u32) % SIGNATURES };
    Alert {
        at: centre.clock.now().plus_secs(-((n % 80_000) as i64)),
        gid: 1,
        signature_id: 9_000_000 + signature,
        rev: 1,
        signature: format!("EXAMPLE signature number {signature} of the measurement"),
        category: "Attempted Information Leak".to_owned(),
        severity: [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][signature as usize % 4],
        action: "allowed".to_owned(),
        proto: "TCP".to_owned(),
        src_ip: address(place, (n % 40) as u8 + 1),
        src_port: Some(50_000),
        dest_ip: address(place, 200),
        dest_port: Some(445),
        app_proto: Some("smb".to_owned()),
        flow_id: n as u64,
        packet: n as u64,
        attack: vec!["T1486".to_owned()],
        evidence: Some(phitak_model::Evidence {
            buffer: "payload".to_owned(),
            bytes: vec![0x41; 128],
            offset: 0,
            marks: vec![(10, 8)],
        }),
        fields: vec![("smb.command".to_owned(), "SMB2_COMMAND_WRITE".to_owned())],
    }
}

fn weak(centre: &Centre, place: usize, host: u8) -> Observation {
    let at: Timestamp = centre.clock.now();
    let fact = Fact::SmbDialect { port: 445, dialect: "NT LM 0.12".to_owned() };
    Observation { first_at: at, last_at: at, count: 1, host: address(place, host), mac: None, fact }
}

async fn measure(centre: &Centre, sensors: &[SensorId]) -> anyhow::Result<()> {
    let hospital = sensors[0].facility();
    let pages = [
        ("analyst", "/api/v1/stories".to_owned()),
        ("analyst", "/api/v1/stories?since=all&severity=high,critical".to_owned()),
        ("analyst", "/api/v1/stories?region=4".to_owned()),
        ("analyst", "/api/v1/stories?q=number%203".to_owned()),
        ("analyst", "/api/v1/stories/1".to_owned()),
        ("analyst", "/api/v1/alerts/1".to_owned()),
        ("analyst", "/api/v1/overview".to_owned()),
        ("analyst", "/api/v1/facilities".to_owned()),
        ("analyst", "/api/v1/facilities?state=call&q=Hospital".to_owned()),
        ("analyst", "/api/v1/findings".to_owned()),
        ("analyst", format!("/api/v1/facilities/{hospital}/assets")),
        ("officer", "/api/v1/stories".to_owned()),
        ("officer", "/api/v1/overview".to_owned()),
        ("officer", "/api/v1/stories/1".to_owned()),
        ("hospital", format!("/api/v1/facilities/{hospital}/care")),
        ("hospital", "/api/v1/stories".to_owned()),
    ];
    let router = router(centre);
    for (person, path) in pages {
        let mut took_ms = Vec::with_capacity(CALLS);
        let mut bytes = 0;
        for _ in 0..CALLS {
            let request = Request::builder()
                .uri(&path)
                .header(header::COOKIE, format!("phitak_session={person}"))
                .body(Body::empty())?;
            let begun = Instant::now();
            let response = router.clone().oneshot(request).await?;
            anyhow::ensure!(response.status().is_success(), "{person} {path}: {}", response.status());
            bytes = response.into_body().collect().await?.to_bytes().len();
            took_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        took_ms.sort_by(f64::total_cmp);
        let (p50, p95) = (took_ms[CALLS / 2], took_ms[CALLS * 95 / 100]);
        println!("{person:9} {path:55} p50 {p50:7.1} ms  p95 {p95:7.1} ms  {bytes} bytes");
    }
    Ok(())
}
