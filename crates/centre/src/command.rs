//! The command line of `phitak-centre`.

mod audit;
mod backup;
mod evidence;
mod public_url;
mod serve_centre;

use crate::{
    centre::{Centre, FIRST_LINK_SECS, Settings},
    clock::Clock,
    enrol, import, openapi, secret,
};
use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use phitak_model::{FacilityCode, HealthRegion, SensorId};
use phitak_store::{
    AuditLine, FacilityFilter, NewUser, PageAsk, Role, Scope, ScopeReach, Store, people::secret_digest,
};
use phitak_uplink::Authority;
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

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
    Serve(serve_centre::Serve),
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
    /// Takes an account's lost second factor away and ends its sessions: the next sign-in needs the password alone
    ResetSecondFactor {
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
    /// Writes the whole centre into one file, while it runs: its tables, its key, and their checksums
    Backup {
        /// Must not be there yet
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Makes a centre of a backup: everybody signs in again
    Restore {
        file: PathBuf,
        #[command(flatten)]
        data: Data,
        /// Also into a folder that is not empty; what it replaces is kept beside it
        #[arg(long)]
        force: bool,
    },
    /// Says whether a backup is whole: its checksums, its tables, its audit
    Verify { file: PathBuf },
    /// Verifies the audit
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Verifies the evidence of cases
    Evidence {
        #[command(subcommand)]
        command: evidence::EvidenceCommand,
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
    #[arg(long, value_name = "URL", default_value = PUBLIC_URL_DEFAULT, value_parser = public_url::read)]
    public_url: String,
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
        Command::Serve(options) => serve_centre::run(options, clock).await,
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
        Command::ResetSecondFactor { data, login } => {
            let store = open(&data).await?;
            let user = store.user_by_login(&login).await?.with_context(|| format!("there is no account {login}"))?;
            let reset = store.reset_factor(user.id, AuditLine::of_operator(now, "factor.reset")).await;
            reset.map(|_| ()).with_context(|| format!("{login} has no second factor"))
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
        Command::Backup { file, data } => backup::back_up(&file, &data, now).await,
        Command::Restore { file, data, force } => backup::restore(&file, &data, force, now).await,
        Command::Verify { file } => backup::verify(&file).await,
        Command::Audit { command } => audit::run(command).await,
        Command::Evidence { command } => evidence::run(command).await,
        Command::Openapi => print_line(openapi::text()?.trim_end()),
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
    if data.database.is_none() && folder.join(backup::RESTORING).exists() && !folder.join("centre.db").exists() {
        bail!("a restore into {} was cut off: run it again with --force", folder.display());
    }
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
    print_line(&format!("{public_url}/first-sign-in/{token}"))
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
