//! The running centre: what every handler can reach.

use crate::{
    announce::Announcer,
    case_law::CaseLaw,
    clock::Clock,
    condition::Condition,
    factor_policy::FactorPolicy,
    indicator_feed::IndicatorFeed,
    notify::{
        Telling,
        outward::{Outward, OutwardSettings},
    },
    password::Passwords,
    playbooks::Playbooks,
    rule_texts::RuleTexts,
    seal::Seal,
    streams::Streams,
    turnstile::Turnstile,
    vault::Vault,
};
use phitak_assets::Pace;
use phitak_engine::{Companions, Config, Loader};
use phitak_model::Timestamp;
use phitak_store::{Retention, Store};
use phitak_uplink::Authority;
use std::{net::IpAddr, ops::Deref, sync::Arc};
use tokio::sync::watch;

/// A sensor not heard for this long is silent, unless the settings say otherwise.
pub const SILENT_AFTER_SECS_DEFAULT: i64 = 90;
/// How long an enrolment code holds.
pub const ENROLMENT_SECS: i64 = 7 * 86_400;
/// How long a first sign-in link holds.
pub const FIRST_LINK_SECS: i64 = 3 * 86_400;

/// How long a closed case is kept, unless the settings say otherwise: five years.
pub const CASE_DAYS_DEFAULT: u32 = 1_827;

/// What whoever starts the centre decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Without a slash at its end; links begin with it.
    pub public_url: String,
    /// Whom hospitals call; empty when it is not set.
    pub phone: String,
    pub silent_after_secs: i64,
    /// How long a day takes: a real day, but for demonstrations.
    pub pace: Pace,
    /// Proxies whose word counts for where a request came from.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether the sector's own team must have a second factor.
    pub second_factor: FactorPolicy,
    /// How long things are kept.
    pub retention: Retention,
    /// Where channels of notification may lead.
    pub outward: OutwardSettings,
    /// How long a closed case is kept with its evidence, in days; one under legal hold stays.
    pub case_days: u32,
    /// Where evidence lies; without one, none is taken.
    pub vault: Option<Vault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            phone: String::new(),
            silent_after_secs: SILENT_AFTER_SECS_DEFAULT,
            pace: Pace::REAL,
            trusted_proxies: Vec::new(),
            second_factor: FactorPolicy::default(),
            retention: Retention::default(),
            outward: OutwardSettings::default(),
            case_days: CASE_DAYS_DEFAULT,
            vault: None,
        }
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Centre(Arc<Parts>);

/// What the centre is made of.
pub struct Parts {
    pub store: Store,
    pub clock: Clock,
    pub settings: Settings,
    pub authority: Authority,
    /// For secrets that must be read again.
    pub seal: Seal,
    /// For telling people outside the pages.
    pub telling: Telling,
    pub announcer: Announcer,
    /// Whether the database works.
    pub condition: Condition,
    /// What sensors look for.
    pub feed: IndicatorFeed,
    pub texts: RuleTexts,
    /// Compiles the rules that the team gives to sensors, as a sensor with stock settings does.
    pub rule_loader: Loader,
    pub law: CaseLaw,
    pub playbooks: Playbooks,
    pub passwords: Passwords,
    pub turnstile: Turnstile,
    pub streams: Streams,
    /// Becomes true when the centre stops: live streams end.
    pub stopping: watch::Sender<bool>,
}

impl Centre {
    /// # Errors
    /// When the shipped words, law or playbooks cannot be read, which a test excludes.
    pub fn new(store: Store, clock: Clock, settings: Settings, authority: Authority) -> Result<Self, String> {
        Ok(Self(Arc::new(Parts {
            store,
            clock,
            telling: Telling::new(&authority, Outward::new(settings.outward.clone())),
            settings,
            seal: Seal::of(&authority),
            authority,
            announcer: Announcer::default(),
            condition: Condition::default(),
            feed: IndicatorFeed::default(),
            texts: RuleTexts::shipped()?,
            rule_loader: Loader::new(&Config::default(), Companions::default()),
            law: CaseLaw::shipped()?,
            playbooks: Playbooks::shipped()?,
            passwords: Passwords::default(),
            turnstile: Turnstile::default(),
            streams: Streams::default(),
            stopping: watch::Sender::new(false),
        })))
    }

    /// Whether people reach the pages by TLS.
    #[must_use]
    pub fn is_behind_tls(&self) -> bool {
        self.settings.public_url.starts_with("https://")
    }

    /// Sensors not heard since this moment are silent.
    #[must_use]
    pub fn silent_before(&self, now: Timestamp) -> Timestamp {
        now.plus_secs(self.settings.silent_after_secs.saturating_neg())
    }

    /// The link with which an account chooses its first password.
    #[must_use]
    pub fn first_sign_in_url(&self, token: &str) -> String {
        format!("{}/first-sign-in/{token}", self.settings.public_url)
    }
}

impl Deref for Centre {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
