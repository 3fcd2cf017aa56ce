//! The command line of `phitak-centre`.

use crate::{
    centre::{Centre, FIRST_LINK_SECS, SILENT_AFTER_SECS_DEFAULT, Settings},
    clock::Clock,
    enrol, import, openapi, secret, serve,
};
use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use phitak_assets::Pace;
use phitak_model::{FacilityCode, HealthRegion, SensorId};
use phitak_store::{
    AuditLine, FacilityFilter, NewUser, PageAsk, Retention, Role, Scope, ScopeReach, Store, people::secret_digest,
};
use phitak_uplink::Authority;
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};
use tokio::net::TcpListener;

const PUBLIC_URL_DEFAULT: &str = "http://127.0.0.1:8080";
/// The first administrator's login.
const ADMINISTRATOR: &str = "admin";
const ADMINISTRATOR_NAME: &str = "ผู้ดูแลระบบ";

/// The centre of Phitak: takes what sensors send, and serves the pages of analysts and hospitals.
#[derive(Debug, Parser)]
#[command(name = "phitak-centre", version)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the centre until it is interrupted
    Serve(Serve),
    /// Prints a new one-time sign-in link of an administrator; makes the account when there is none
    FirstLink {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        url: PublicUrl,
        /// The administrator's login
        #[arg(long, default_value = ADMINISTRATOR)]
        login: String,
    },
    /// Prints a new one-time sign-in link of a hospital's account; makes the account when there is none
    HospitalLink {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        url: PublicUrl,
        /// The facility's code
        facility: String,
    },
    /// Makes an account and prints its one-time sign-in link; for an existing login, a new link
    User {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        url: PublicUrl,
        login: String,
        #[arg(long)]
        name: String,
        #[arg(long, value_enum)]
        role: RoleWord,
        /// The health region of a region officer
        #[arg(long)]
        region: Option<u8>,
        /// The facility of a hospital's account
        #[arg(long)]
        facility: Option<String>,
    },
    /// Ends an account: its sessions stop at once; a new link brings it back
    DisableUser {
        #[command(flatten)]
        data: Data,
        login: String,
    },
    /// Adds facilities from a CSV or JSON file, or updates their names and places
    ImportFacilities {
        #[command(flatten)]
        data: Data,
        file: PathBuf,
    },
    /// Prints a new one-time code with which a facility's sensor is enrolled
    EnrolCode {
        #[command(flatten)]
        data: Data,
        /// The facility's code
        facility: String,
    },
    /// Turns a sensor away from now on; a new code enrols another
    RevokeSensor {
        #[command(flatten)]
        data: Data,
        /// Such as 10665-1
        sensor: String,
    },
    /// Prints how much the centre holds
    Status {
        #[command(flatten)]
        data: Data,
        /// Only this number
        #[arg(long, value_enum)]
        count: Option<Count>,
    },
    /// Prints the API's description
    Openapi,
}

#[derive(Debug, Args)]
struct Data {
    /// The folder that holds everything the centre keeps
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A PostgreSQL database (postgres://…) in place of the SQLite file in the folder; the CA's keys stay in the folder
    #[arg(long, value_name = "URL", env = "PHITAK_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

#[derive(Debug, Args)]
struct PublicUrl {
    /// The address under which people reach the pages
    #[arg(long, value_name = "URL", default_value = PUBLIC_URL_DEFAULT)]
    public_url: String,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    data: Data,
    /// Where pages and API listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Where sensors reach the centre
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    uplink: String,
    #[command(flatten)]
    url: PublicUrl,
    /// The address of a TLS proxy before --listen, whose X-Forwarded-For counts; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    trusted_proxy: Vec<IpAddr>,
    /// Whom hospitals call
    #[arg(long, default_value = "")]
    phone: String,
    /// A sensor not heard for so long is silent
    #[arg(long, value_name = "SECONDS", default_value_t = SILENT_AFTER_SECS_DEFAULT)]
    silent_after: i64,
    /// Alerts, and stories without a newer one, are removed after so many days
    #[arg(long, value_name = "DAYS", default_value_t = Retention::default().alert_days, value_parser = clap::value_parser!(u32).range(1..))]
    keep_alert_days: u32,
    /// The audit log and the history of findings are removed after so many days
    #[arg(long, value_name = "DAYS", default_value_t = Retention::default().audit_days, value_parser = clap::value_parser!(u32).range(90..))]
    keep_audit_days: u32,
    /// Most alerts kept of one hospital: past it, its oldest are removed
    #[arg(long, value_name = "NUMBER", default_value_t = Retention::default().alerts_per_facility, value_parser = clap::value_parser!(u64).range(1_000..))]
    keep_alerts: u64,
    /// For demonstrations: a day of waiting for proof takes this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    a_day_takes: i64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleWord {
    Administrator,
    Analyst,
    RegionOfficer,
    Hospital,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Count {
    Alerts,
    Facilities,
    Stories,
    Findings,
}

/// Runs one command.
///
/// # Errors
/// With what happened and what to do about it.
pub async fn run(line: CommandLine) -> anyhow::Result<()> {
    let clock = Clock::of_the_machine();
    let now = clock.now();
    match line.command {
        Command::Serve(options) => run_centre(options, clock).await,
        Command::FirstLink { data, url, login } => {
            let name = ADMINISTRATOR_NAME.to_owned();
            let user = NewUser { name, login, role: Role::Administrator, reach: ScopeReach::Sector };
            print_link(&open(&data).await?, &url.public_url, user, AuditLine::of_operator(now, "user.link")).await
        }
        Command::HospitalLink { data, url, facility } => {
            let store = open(&data).await?;
            let code = FacilityCode::new(&facility)?;
            let known = store.facility(&Scope::of_the_centre_itself(), code.as_str()).await;
            let known = known.with_context(|| format!("there is no facility {code}"))?;
            let user = NewUser {
                login: format!("hospital-{}", code.as_str().to_ascii_lowercase()),
                name: known.name_th.chars().take(phitak_store::people::NAME_CHARS_MAX).collect(),
                role: Role::Hospital,
                reach: ScopeReach::Facility(code),
            };
            print_link(&store, &url.public_url, user, AuditLine::of_operator(now, "user.link")).await
        }
        Command::User { data, url, login, name, role, region, facility } => {
            let (role, reach) = role_and_reach(role, region, facility)?;
            let user = NewUser { login, name, role, reach };
            print_link(&open(&data).await?, &url.public_url, user, AuditLine::of_operator(now, "user.link")).await
        }
        Command::DisableUser { data, login } => {
            let audit = AuditLine::of_operator(now, "user.disable");
            let disabled = open(&data).await?.disable_user(&login, audit).await;
            disabled.with_context(|| format!("there is no account {login}"))
        }
        Command::ImportFacilities { data, file } => import_facilities(&data, &file, now).await,
        Command::EnrolCode { data, facility } => {
            let code = FacilityCode::new(&facility)?;
            let centre = centre(&data.data, open(&data).await?, clock, Settings::default()).await?;
            let audit = AuditLine::of_operator(now, "enrolment.create");
            let given = enrol::give_code(&centre, &Scope::of_the_centre_itself(), &code, audit).await;
            print_line(&given.with_context(|| format!("no code for facility {code}"))?.0)
        }
        Command::RevokeSensor { data, sensor } => {
            let id = SensorId::new(&sensor)?;
            let audit = AuditLine::of_operator(now, "sensor.revoke");
            let revoked = open(&data).await?.revoke_sensor(&Scope::of_the_centre_itself(), &id, audit).await;
            revoked.with_context(|| format!("there is no sensor {id}"))
        }
        Command::Status { data, count } => print_status(&open(&data).await?, count).await,
        Command::Openapi => print_line(openapi::text()?.trim_end()),
    }
}

async fn run_centre(options: Serve, clock: Clock) -> anyhow::Result<()> {
    let settings = Settings {
        public_url: options.url.public_url.trim_end_matches('/').to_owned(),
        phone: options.phone,
        silent_after_secs: options.silent_after.max(1),
        pace: Pace::a_day_takes(options.a_day_takes),
        trusted_proxies: options.trusted_proxy,
        retention: Retention {
            alert_days: options.keep_alert_days,
            audit_days: options.keep_audit_days,
            alerts_per_facility: options.keep_alerts,
        },
    };
    let store = open_or_create(&options.data).await?;
    let folder = options.data.data;
    let running = lock_file(&folder, "running.lock")?;
    if running.try_lock().is_err() {
        bail!("another centre runs on {}: stop it first", folder.display());
    }
    let centre = centre(&folder, store, clock, settings).await?;
    let listen = |address: String| async move {
        TcpListener::bind(&address)
            .await
            .with_context(|| format!("cannot listen at {address}; is another centre running?"))
    };
    let pages = listen(options.listen).await?;
    let uplink = listen(options.uplink).await?;
    tracing::info!(
        pages = %pages.local_addr()?, uplink = %uplink.local_addr()?, rule_texts = centre.texts.count(), "the centre is up"
    );
    serve::serve(&centre, pages, uplink, stop_signal()).await?;
    centre.store.clone().close().await.context("the database could not be closed")?;
    tracing::info!("stopped");
    Ok(())
}

/// Ready at Ctrl-C or SIGTERM.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Opens a centre's folder that is there: a mistyped path must not make an empty centre.
async fn open(data: &Data) -> anyhow::Result<Store> {
    let folder = &data.data;
    if data.database.is_none() && !folder.join("centre.db").is_file() {
        bail!(
            "{} holds no centre: `serve` and `import-facilities` make one, other commands only use it",
            folder.display()
        );
    }
    open_or_create(data).await
}

async fn open_or_create(data: &Data) -> anyhow::Result<Store> {
    let folder = &data.data;
    make_folder(folder)?;
    // Of two commands that come first at the same moment, one makes the tables.
    let making = lock_file(folder, "making.lock")?;
    making.lock().with_context(|| format!("cannot lock {}", folder.display()))?;
    match &data.database {
        // The URL may hold a password: it is not repeated.
        Some(url) => Store::open_url(url).await.context("cannot open the database of --database"),
        None => Store::open(folder).await.with_context(|| format!("cannot open the database in {}", folder.display())),
    }
}

fn lock_file(folder: &Path, name: &str) -> anyhow::Result<File> {
    File::create(folder.join(name)).with_context(|| format!("cannot write in {}", folder.display()))
}

async fn centre(folder: &Path, store: Store, clock: Clock, settings: Settings) -> anyhow::Result<Centre> {
    // As for the tables: one CA, and the one that runs is the one on the disk.
    let making = lock_file(folder, "making.lock")?;
    making.lock().with_context(|| format!("cannot lock {}", folder.display()))?;
    let authority = Authority::load_or_create(folder, clock.now()).context("the centre's own CA cannot be loaded")?;
    Centre::new(store, clock, settings, authority).map_err(anyhow::Error::msg)
}

/// The folder is for its owner's eyes: it holds the CA's key and what hospitals sent.
fn make_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// A full disk or a closed pipe is an error to tell, not a panic.
fn print_line(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}").context("the answer could not be printed")
}

async fn print_link(store: &Store, public_url: &str, user: NewUser, audit: AuditLine) -> anyhow::Result<()> {
    let token = secret::draw();
    let (digest, expires_at) = (secret_digest(&token), audit.at.plus_secs(FIRST_LINK_SECS));
    match store.user_by_login(&user.login).await? {
        Some(known) if known.role == user.role && known.reach == user.reach => {
            store.renew_link(&user.login, &digest, expires_at, audit).await?;
        }
        Some(known) => bail!("the login {} belongs to an account of role {}", known.login, known.role.as_str()),
        None => {
            store.add_user(&Scope::of_the_centre_itself(), &user, &digest, expires_at, audit).await?;
        }
    }
    print_line(&format!("{}/first-sign-in/{token}", public_url.trim_end_matches('/')))
}

fn role_and_reach(role: RoleWord, region: Option<u8>, facility: Option<String>) -> anyhow::Result<(Role, ScopeReach)> {
    Ok(match (role, region, facility) {
        (RoleWord::Administrator, None, None) => (Role::Administrator, ScopeReach::Sector),
        (RoleWord::Analyst, None, None) => (Role::Analyst, ScopeReach::Sector),
        (RoleWord::RegionOfficer, Some(region), None) => {
            (Role::RegionOfficer, ScopeReach::Region(HealthRegion::new(region)?))
        }
        (RoleWord::Hospital, None, Some(code)) => (Role::Hospital, ScopeReach::Facility(FacilityCode::new(&code)?)),
        _ => bail!("a region officer needs --region, a hospital's account needs --facility, the others need neither"),
    })
}

async fn import_facilities(data: &Data, file: &Path, now: phitak_model::Timestamp) -> anyhow::Result<()> {
    let name = file.display();
    let mut text = String::new();
    let file = File::open(file).with_context(|| format!("cannot read {name}"))?;
    file.take(import::IMPORT_BYTES_MAX + 1).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    if text.len() as u64 > import::IMPORT_BYTES_MAX {
        bail!("{name} has more than {} bytes", import::IMPORT_BYTES_MAX);
    }
    let facilities = import::facilities(&text).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    let number = open_or_create(data)
        .await?
        .import_facilities(&facilities, AuditLine::of_operator(now, "facilities.import"))
        .await
        .with_context(|| format!("nothing of {name} was imported"))?;
    print_line(&format!("{number} facilities"))
}

async fn print_status(store: &Store, count: Option<Count>) -> anyhow::Result<()> {
    let scope = Scope::of_the_centre_itself();
    let one = PageAsk { cursor: None, limit: Some(1) };
    let counts = store.finding_counts(&scope).await?;
    let findings = counts.open + counts.claimed + counts.verified + counts.reopened;
    let now = Clock::of_the_machine().now();
    let facilities = store.facilities(&scope, &FacilityFilter::default(), now, &one).await?.total;
    let stories = store.stories_open(&scope).await?;
    let alerts = store.alerts_kept(&scope).await?;
    print_line(&match count {
        Some(Count::Alerts) => alerts.to_string(),
        Some(Count::Facilities) => facilities.to_string(),
        Some(Count::Stories) => stories.to_string(),
        Some(Count::Findings) => findings.to_string(),
        None => format!("facilities {facilities}\nalerts {alerts}\nstories open {stories}\nfindings {findings}"),
    })
}
