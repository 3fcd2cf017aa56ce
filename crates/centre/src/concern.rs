//! Whom a warning concerns, and whether it still does: one question, answered today by alerts, findings and the machines
//! seen, later by a richer inventory.

use phitak_assets::{Host, Pace, Role};
use phitak_model::{FacilityCode, FindingState, Timestamp};
use phitak_store::{
    Check, Facility, Reason, Reasons, Recipient, Scope, Settlement, Store, StoreError,
    concern::{HOSTS_PER_STEP, REASONS_MAX, SightingFilter},
    words::CheckOutcome,
};
use std::collections::BTreeMap;

/// What was seen longer ago concerns nobody any more.
pub const CONCERN_DAYS: i64 = 90;
/// Machines that one question looks at.
pub const HOSTS_LOOKED_AT_MAX: usize = 50_000;
/// How long nothing must be found, while the sensor watches, until ทำแล้ว is believed (scaled by the pace).
pub const QUIET_SECS: i64 = 86_400;
const DAY_SECS: i64 = 86_400;
/// Losses that leave part of the traffic unseen: what was not seen then proves nothing.
const BLINDING: [&str; 9] = [
    "capture_damaged",
    "spool_full",
    "spool_damaged",
    "flow_table_full",
    "refused",
    "sequence_gap",
    "packets_dropped",
    "records_unreadable",
    "messages_dropped",
];

/// Whom a check concerns.
#[derive(Clone, Debug, Default)]
pub struct Concern {
    /// By code.
    pub facilities: Vec<Concerned>,
    /// False when there was more than one question takes.
    pub whole: bool,
}

/// A hospital that a check concerns, with what really stands in the data.
#[derive(Clone, Debug)]
pub struct Concerned {
    pub facility: Facility,
    pub reasons: Reasons,
}

/// Which part of the data is asked.
struct Window<'a> {
    facility: Option<&'a FacilityCode>,
    seen_after: Timestamp,
    arrived_after: Option<Timestamp>,
}

/// The hospitals in scope that a check concerns, with the reasons.
///
/// # Errors
/// [`StoreError`].
pub async fn who_is_concerned(
    store: &Store,
    scope: &Scope,
    check: &Check,
    now: Timestamp,
) -> Result<Concern, StoreError> {
    let window = Window { facility: None, seen_after: now.plus_secs(-CONCERN_DAYS * DAY_SECS), arrived_after: None };
    let (by_facility, whole) = reasons(store, scope, check, &window).await?;
    let mut concern = Concern { facilities: Vec::new(), whole };
    // Lists of codes stay far below what one statement takes.
    let codes: Vec<String> = by_facility.keys().cloned().collect();
    let mut by_facility = by_facility;
    for part in codes.chunks(500) {
        for facility in store.facilities_named(scope, part).await? {
            let found = by_facility.remove(facility.code.as_str()).unwrap_or_default();
            let reasons = kept(store, scope, &facility.code, found).await?;
            concern.facilities.push(Concerned { facility, reasons });
        }
    }
    Ok(concern)
}

/// The check, asked again of a recipient that said ทำแล้ว, over what was seen and arrived after the answer.
///
/// # Errors
/// [`StoreError`].
pub async fn judge(
    store: &Store,
    recipient: &Recipient,
    check: &Check,
    pace: Pace,
    times: (Timestamp, Timestamp),
) -> Result<Settlement, StoreError> {
    let scope = Scope::of_the_centre_itself();
    let (silent_before, now) = times;
    let plain = |outcome| Settlement { outcome, found: Reasons::default() };
    let Some(done_at) = recipient.done_at else { return Ok(plain(CheckOutcome::NotSeen)) };
    let window = Window { facility: Some(&recipient.facility), seen_after: done_at, arrived_after: Some(done_at) };
    let (found, _) = reasons(store, &scope, check, &window).await?;
    if let Some(found) = found.into_values().next() {
        let found = kept(store, &scope, &recipient.facility, found).await?;
        return Ok(Settlement { outcome: CheckOutcome::Found, found });
    }
    if let Check::Weakness { weakness } = check {
        // Silence proves nothing about most weaknesses: each has its own proof, which the inventory keeps.
        let (findings, _) = store.findings_of_kind(&scope, weakness, Some(&recipient.facility)).await?;
        if findings.iter().any(|finding| finding.state != FindingState::Verified) {
            return Ok(plain(CheckOutcome::NotSeen));
        }
        if !findings.is_empty() {
            return Ok(plain(CheckOutcome::Clear));
        }
    }
    let Some(since) = watched_since(store, &recipient.facility, done_at, silent_before).await? else {
        return Ok(plain(CheckOutcome::NotWatching));
    };
    let quiet_until = Timestamp::from_micros(since.micros().saturating_add(pace.micros(QUIET_SECS)));
    if now < quiet_until {
        return Ok(plain(CheckOutcome::TooSoon));
    }
    if matches!(check, Check::Service { .. }) && !all_alive(store, recipient, quiet_until).await? {
        return Ok(plain(CheckOutcome::NotSeen));
    }
    Ok(plain(CheckOutcome::Clear))
}

/// Since when all sensors of a hospital have watched without a break, not before `from`; none when one does not.
async fn watched_since(
    store: &Store,
    facility: &FacilityCode,
    from: Timestamp,
    silent_before: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let scope = Scope::of_the_centre_itself();
    let sensors = store.sensors_of(&scope, &[facility.to_string()]).await?;
    let mut since = from;
    let mut watching = false;
    // One that was enrolled and never spoke watches nothing, and never has.
    for sensor in sensors.iter().filter(|sensor| sensor.last_seen_at.is_some()) {
        if sensor.last_seen_at.is_none_or(|at| at < silent_before) {
            return Ok(None);
        }
        watching = true;
        since = since.max(sensor.watching_since_at.unwrap_or(silent_before));
    }
    if !watching {
        return Ok(None);
    }
    for loss in store.losses_of(&scope, facility).await? {
        if BLINDING.contains(&loss.cause.as_str()) {
            since = since.max(loss.until);
        }
    }
    Ok(Some(since))
}

/// Whether the machines for which a warning was sent still live: one that is off serves nothing, and shows nothing.
async fn all_alive(store: &Store, recipient: &Recipient, since: Timestamp) -> Result<bool, StoreError> {
    let scope = Scope::of_the_centre_itself();
    let mut hosts: Vec<&str> = recipient.reasons.shown.iter().map(|reason| reason.host().0).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let seen = store.hosts_seen(&scope, &recipient.facility, &hosts).await?;
    Ok(hosts.iter().all(|host| seen.iter().any(|(address, at)| address == host && *at >= since)))
}

/// What the data says, by hospital, with whether that was all.
async fn reasons(
    store: &Store,
    scope: &Scope,
    check: &Check,
    window: &Window<'_>,
) -> Result<(BTreeMap<String, Vec<Reason>>, bool), StoreError> {
    let mut by_facility: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
    let whole = match check {
        Check::Indicators { addresses } => {
            let filter = SightingFilter {
                facility: window.facility,
                seen_after: window.seen_after,
                arrived_after: window.arrived_after,
            };
            let (sightings, whole) = store.sightings_by_machine(scope, addresses, &filter).await?;
            for sighting in sightings {
                by_facility.entry(sighting.facility).or_default().push(Reason::Sighting {
                    address: sighting.address,
                    host: sighting.host,
                    name: None,
                    alerts: sighting.alerts,
                    first_at: sighting.first_at,
                    last_at: sighting.last_at,
                });
            }
            whole
        }
        Check::Weakness { weakness } => {
            let (findings, whole) = store.findings_of_kind(scope, weakness, window.facility).await?;
            // After an answer only a sighting counts, and what is claimed waits for its own proof.
            let counts = |finding: &phitak_store::concern::FindingOfKind| match window.arrived_after {
                None => finding.state != FindingState::Verified,
                Some(_) => {
                    matches!(finding.state, FindingState::Open | FindingState::Reopened)
                        && finding.last_at > window.seen_after
                }
            };
            for finding in findings.into_iter().filter(counts) {
                by_facility.entry(finding.facility).or_default().push(Reason::Finding {
                    finding: finding.id,
                    host: finding.host,
                    name: None,
                    first_at: finding.first_at,
                    last_at: finding.last_at,
                });
            }
            whole
        }
        Check::Service { protocol, port } => {
            services(store, scope, (protocol.as_deref(), *port), window, &mut by_facility).await?
        }
    };
    Ok((by_facility, whole))
}

/// Machines that serve the protocol, the port or both; says whether that was all.
async fn services(
    store: &Store,
    scope: &Scope,
    wanted: (Option<&str>, Option<u16>),
    window: &Window<'_>,
    by_facility: &mut BTreeMap<String, Vec<Reason>>,
) -> Result<bool, StoreError> {
    // A part that every description of such a machine has; what has it by chance is sorted out below.
    let part = match wanted {
        (Some(protocol), _) => format!("\"protocol\":\"{protocol}\""),
        (None, Some(port)) => format!("\"port\":{port},"),
        (None, None) => return Ok(true),
    };
    let mut after = 0;
    let mut looked_at: usize = 0;
    loop {
        let hosts = store.hosts_saying(scope, &part, window.facility, window.seen_after, after).await?;
        let more = hosts.len() as u64 >= HOSTS_PER_STEP;
        looked_at = looked_at.saturating_add(hosts.len());
        for saying in hosts {
            after = saying.row;
            let host: Host = serde_json::from_str(&saying.body)
                .map_err(|error| StoreError::Damaged { table: "hosts", what: error.to_string() })?;
            let name = host.name().map(str::to_owned);
            let served = host.speaks.iter().filter(|spoken| {
                spoken.role == Role::Server
                    && wanted.0.is_none_or(|protocol| spoken.protocol == protocol)
                    && wanted.1.is_none_or(|port| spoken.port == Some(port))
                    && spoken.last_at > window.seen_after
            });
            for spoken in served {
                by_facility.entry(saying.facility.clone()).or_default().push(Reason::Service {
                    host: host.address.to_string(),
                    name: name.clone(),
                    protocol: spoken.protocol.clone(),
                    port: spoken.port,
                    first_at: spoken.first_at,
                    last_at: spoken.last_at,
                });
            }
        }
        if !more {
            return Ok(true);
        }
        if looked_at >= HOSTS_LOOKED_AT_MAX {
            return Ok(false);
        }
    }
}

/// The latest reasons of one hospital, with the names that its machines gave themselves.
async fn kept(
    store: &Store,
    scope: &Scope,
    facility: &FacilityCode,
    mut found: Vec<Reason>,
) -> Result<Reasons, StoreError> {
    found.sort_by(|a, b| b.last_at().cmp(&a.last_at()).then_with(|| a.host().0.cmp(b.host().0)));
    let more = found.len().saturating_sub(REASONS_MAX) as u64;
    found.truncate(REASONS_MAX);
    let hosts: Vec<(String, String)> =
        found.iter().map(|reason| (facility.to_string(), reason.host().0.to_owned())).collect();
    let hosts: Vec<(&str, &str)> = hosts.iter().map(|(code, host)| (code.as_str(), host.as_str())).collect();
    let names = store.names_of_hosts(scope, &hosts).await?;
    for (reason, known) in found.iter_mut().zip(names) {
        match reason {
            Reason::Sighting { name, .. } | Reason::Finding { name, .. } | Reason::Service { name, .. } => {
                *name = name.take().or(known);
            }
        }
    }
    Ok(Reasons { shown: found, more })
}
