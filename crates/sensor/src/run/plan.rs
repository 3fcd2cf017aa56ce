//! What is to be played, with which rules, and by which names the replays are known.

use super::{Run, pulse::Pulse};
use crate::rules::{
    files::rule_files,
    load::{LoadedRules, load_files},
};
use anyhow::{Context, anyhow, bail};
use phitak_engine::{Config, Loader, Ruleset, SetOutcome};
use phitak_uplink::spool::ReplayId;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

const READ_BYTES: usize = 1 << 20;
/// Rules that do not load are told one by one up to here.
const TOLD_MAX: usize = 20;

pub(super) struct Plan {
    pub(super) rules: Arc<Ruleset>,
    /// What compiled them.
    pub(super) loader: Loader,
    pub(super) captures: Vec<Planned>,
}

/// A capture to play.
pub(super) struct Planned {
    pub(super) path: PathBuf,
    /// Its name together with everything that decides what the engine makes of it.
    pub(super) base: ReplayId,
}

/// # Errors
/// A sentence about what is wrong with the command line.
pub(super) fn config(run: &Run) -> anyhow::Result<Config> {
    let mut config = Config::default();
    run.checksums.apply(&mut config);
    if let Some(networks) = &run.home_net {
        let list = if networks.starts_with(['[', '!', '$']) { networks.clone() } else { format!("[{networks}]") };
        config.variables.insert("HOME_NET".to_owned(), list);
    }
    for setting in &run.settings {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| anyhow!("--set {setting}: a name, = and a value are needed"))?;
        match config.set(name.trim(), value) {
            SetOutcome::Done | SetOutcome::Ignored => {}
            SetOutcome::UnknownName => tracing::warn!("--set {}: this setting is not known here", name.trim()),
            SetOutcome::BadValue(wanted) => bail!("--set {}: {:?} is not {wanted}", name.trim(), value.trim()),
        }
    }
    Ok(config)
}

/// Loads the rules and names the replays.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn plan(run: &Run, config: &Config, pulse: &Pulse) -> anyhow::Result<Plan> {
    let mut settings = run.rule_settings.clone();
    for (name, value) in run.settings.iter().filter_map(|setting| setting.split_once('=')) {
        settings.set(name.trim(), value);
    }
    let files = rule_files(&run.rules).map_err(|error| anyhow!(error))?;
    let LoadedRules { loaded, loader, notes, attachments } =
        load_files(&files, &settings, config).map_err(|error| anyhow!(error))?;
    for note in &notes {
        tracing::warn!("{note}");
    }
    let mut setup = Sha256::new();
    part(&mut setup, env!("CARGO_PKG_VERSION").as_bytes());
    part(&mut setup, format!("{:?} {:?} {:?} {:?}", run.home_net, run.checksums, run.settings, run.retime).as_bytes());
    for file in &files {
        part(&mut setup, &file.bytes);
    }
    let companions = settings.companions().map_err(|error| anyhow!(error))?;
    let single =
        [companions.classification, companions.references, companions.thresholds, companions.reputation_categories];
    for file in single.iter().flatten().chain(&companions.reputations) {
        part(&mut setup, file.text.as_bytes());
    }
    part(&mut setup, &attachments);
    let setup = setup.finalize();
    let mut captures: Vec<Planned> = Vec::new();
    for path in &run.replay {
        let content = digest(path, pulse).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut occurrence = 0u64;
        // The same content again is another replay.
        while captures.iter().any(|other| other.base == name(&setup, &content, occurrence)) {
            occurrence += 1;
        }
        captures.push(Planned { path: path.clone(), base: name(&setup, &content, occurrence) });
    }
    for diagnostic in loaded.failed.iter().take(TOLD_MAX) {
        tracing::warn!("a rule does not load: {diagnostic}");
    }
    let (rules, failed) = (loaded.rules.len(), loaded.failed.len());
    tracing::info!(
        files = files.len(),
        rules,
        failed,
        "rules loaded; rules that fail are counted in each health report"
    );
    pulse.rules(rules, failed);
    Ok(Plan { rules: loaded.rules, loader, captures })
}

/// The name of one repetition of a looped capture.
pub(super) fn repetition(base: ReplayId, times: u64) -> ReplayId {
    let mut hash = Sha256::new();
    part(&mut hash, &base.0);
    part(&mut hash, &times.to_le_bytes());
    id(&hash.finalize())
}

fn name(setup: &[u8], content: &[u8], occurrence: u64) -> ReplayId {
    let mut hash = Sha256::new();
    part(&mut hash, setup);
    part(&mut hash, content);
    part(&mut hash, &occurrence.to_le_bytes());
    id(&hash.finalize())
}

fn id(digest: &[u8]) -> ReplayId {
    let mut id = [0; 16];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    ReplayId(id)
}

/// Lengths go in too, so that no two lists of parts look the same.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// Ends early when the sensor is told to stop; the digest is then of no use, and not used.
fn digest(path: &Path, pulse: &Pulse) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    while !pulse.is_stopping() {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(buffer.get(..length).unwrap_or_default()),
        }
    }
    Ok(hash.finalize().to_vec())
}
