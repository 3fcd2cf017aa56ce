//! What the command line says, as the engine's configuration.

use super::Inspect;
use crate::rules::RuleSettings;
use phitak_engine::{Config, Filter, SetOutcome};
use std::path::{Path, PathBuf};

/// The command line, understood.
pub(super) struct Plan {
    pub config: Config,
    pub captures: Vec<PathBuf>,
    pub filter: Filter,
    pub rule_settings: RuleSettings,
    /// The filter's words: each worker has its own.
    pub expression: String,
    /// What was not understood and does not matter enough to stop.
    pub warnings: Vec<String>,
}

/// # Errors
/// A sentence about what is wrong with the command line.
pub(super) fn plan(args: &Inspect) -> Result<Plan, String> {
    let mut config = Config::default();
    let mut warnings = Vec::new();
    let mut rule_settings = args.rule_settings.clone();
    config.decoder.checksums = args.checksums == "all";
    if let Some(networks) = &args.home_net {
        let list = if networks.starts_with(['[', '!', '$']) { networks.clone() } else { format!("[{networks}]") };
        config.variables.insert("HOME_NET".to_owned(), list);
    }
    for setting in &args.settings {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| format!("--set {setting}: a name, = and a value are needed"))?;
        let name = name.trim();
        if rule_settings.set(name, value) {
            continue;
        }
        match config.set(name, value) {
            SetOutcome::Done => {}
            SetOutcome::Ignored => {}
            SetOutcome::UnknownName => warnings.push(format!("--set {name}: this setting is not known here")),
            SetOutcome::BadValue(wanted) => {
                return Err(format!("--set {name}: {:?} is not {wanted}", value.trim()));
            }
        }
    }
    let (captures, words): (Vec<&String>, Vec<&String>) =
        args.words.iter().partition(|word| Path::new(word.as_str()).exists());
    let expression = words.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" ");
    if captures.is_empty() {
        return Err(format!("no such capture: {expression}"));
    }
    let filter = Filter::new(&expression).map_err(|error| {
        format!("{error}\n(words that are not the name of a file are read as a filter: {expression})")
    })?;
    let captures = captures.into_iter().map(PathBuf::from).collect();
    Ok(Plan { config, captures, filter, expression, rule_settings, warnings })
}
