//! Takes a batch's observations into the hosts and findings of its facility.

use phitak_assets::{Finding, Host, Pace, finding::observe_all};
use phitak_model::{FindingState, Observation};
use phitak_store::{FindingId, FindingValues, HostValues, Ingest, Source, StoreError};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// What observations brought about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Findings that are new or in a new state.
    pub moved: Vec<(FindingId, FindingState)>,
    /// Observations of hosts for which the facility had no room.
    pub turned_away: usize,
}

/// Takes them in the order in which they were seen.
///
/// # Errors
/// [`StoreError`]: nothing of the batch is stored then.
pub async fn take(
    ingest: &mut Ingest,
    source: &Source,
    observations: &[(u64, Observation)],
    pace: Pace,
) -> Result<Outcome, StoreError> {
    if observations.is_empty() {
        return Ok(Outcome::default());
    }
    let addresses: BTreeSet<IpAddr> = observations.iter().map(|(_, observation)| observation.host).collect();
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let mut hosts: BTreeMap<IpAddr, Host> = BTreeMap::new();
    for body in ingest.hosts(source, &addresses).await? {
        let host: Host = read("hosts", &body)?;
        hosts.insert(host.address, host);
    }
    let mut findings: Vec<Finding> = Vec::new();
    for body in ingest.findings(source, &addresses).await? {
        findings.push(read("findings", &body)?);
    }
    let mut room = ingest.hosts_room(source);
    let mut outcome = Outcome::default();
    let mut changed: BTreeMap<(IpAddr, String), Option<FindingState>> = BTreeMap::new();
    for (_, observation) in observations {
        match hosts.get_mut(&observation.host) {
            Some(host) => {
                host.take(observation);
            }
            None if room > 0 => {
                room = room.saturating_sub(1);
                hosts.insert(observation.host, Host::new(observation));
            }
            None => {
                outcome.turned_away = outcome.turned_away.saturating_add(1);
                continue;
            }
        }
        for change in observe_all(&findings, observation, pace) {
            let Some(next) = change.finding() else { continue };
            let known = findings.iter_mut().find(|f| f.host == next.host && f.weakness == next.weakness);
            let key = (next.host, next.weakness.clone());
            match known {
                Some(known) => {
                    changed.entry(key).or_insert(Some(known.state));
                    *known = next.clone();
                }
                None => {
                    changed.entry(key).or_insert(None);
                    findings.push(next.clone());
                }
            }
        }
    }
    let values = hosts.values().map(host_values).collect::<Result<Vec<_>, _>>()?;
    ingest.save_hosts(source, values).await?;
    let mut values = Vec::new();
    let mut states = Vec::new();
    for finding in &findings {
        let Some(before) = changed.get(&(finding.host, finding.weakness.clone())) else { continue };
        values.push(finding_values(finding).map_err(|what| StoreError::Invalid { what })?);
        states.push((*before != Some(finding.state)).then_some(finding.state));
    }
    let ids = ingest.save_findings(source, values).await?;
    outcome.moved.extend(ids.into_iter().zip(states).filter_map(|(id, moved)| moved.map(|state| (id, state))));
    Ok(outcome)
}

/// A finding as the store keeps it.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn finding_values(finding: &Finding) -> Result<FindingValues, String> {
    let severity =
        phitak_assets::weakness(&finding.weakness).map_or(phitak_model::Severity::Medium, |weakness| weakness.severity);
    Ok(FindingValues {
        host: finding.host.to_string(),
        kind: finding.weakness.clone(),
        severity,
        confidence: finding.confidence,
        state: finding.state,
        response: finding.response,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        claimed_at: finding.claimed_at,
        verified_at: finding.verified_at,
        body: serde_json::to_string(finding).map_err(|error| error.to_string())?,
    })
}

fn host_values(host: &Host) -> Result<HostValues, StoreError> {
    Ok(HostValues {
        address: host.address.to_string(),
        name: host.name().map(str::to_owned),
        mac: host.mac.map(|mac| mac.to_string()),
        first_seen: host.first_seen,
        last_seen: host.last_seen,
        body: serde_json::to_string(host).map_err(|error| StoreError::Invalid { what: error.to_string() })?,
    })
}

fn read<T: serde::de::DeserializeOwned>(table: &'static str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::Damaged { table, what: error.to_string() })
}
