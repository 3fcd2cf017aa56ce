//! What the command line says, as the engine's configuration.

use super::{Inspect, source};
use crate::rules::RuleSettings;
use phitak_engine::{Config, Filter, SetOutcome};
use std::{ffi::OsString, path::PathBuf};

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
    args.checksums.apply(&mut config);
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
    let (captures, words): (Vec<&OsString>, Vec<&OsString>) =
        args.words.iter().partition(|word| source::is_capture(word));
    let expression = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    if captures.is_empty() {
        return Err(format!("no such capture: {expression}"));
    }
    if captures.iter().filter(|word| source::is_standard_input(word)).count() > 1 {
        return Err("the standard input (-) can be read once only".to_owned());
    }
    let filter = Filter::new(&expression).map_err(|error| {
        format!("{error}\n(words that are not the name of a file are read as a filter: {expression})")
    })?;
    let captures = captures.into_iter().map(PathBuf::from).collect();
    Ok(Plan { config, captures, filter, expression, rule_settings, warnings })
}
