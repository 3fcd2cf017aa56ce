//! Settings that matter to rules alone, from a command line.

use super::files::RuleSettings;
use phitak_engine::{Config, SetOutcome};

/// The configuration, and words about settings that are not known.
///
/// # Errors
/// A sentence about what is wrong with the command line.
pub(super) fn config(
    home_net: Option<&str>,
    settings: &[String],
    rule_settings: &mut RuleSettings,
) -> Result<(Config, Vec<String>), String> {
    let mut config = Config::default();
    let mut notes = Vec::new();
    if let Some(networks) = home_net {
        let list = if networks.starts_with(['[', '!', '$']) { networks.to_owned() } else { format!("[{networks}]") };
        config.variables.insert("HOME_NET".to_owned(), list);
    }
    for setting in settings {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| format!("--set {setting}: a name, = and a value are needed"))?;
        let name = name.trim();
        if rule_settings.set(name, value) {
            continue;
        }
        match config.set(name, value) {
            SetOutcome::Done | SetOutcome::Ignored => {}
            SetOutcome::UnknownName => notes.push(format!("--set {name}: this setting is not known here")),
            SetOutcome::BadValue(wanted) => return Err(format!("--set {name}: {:?} is not {wanted}", value.trim())),
        }
    }
    Ok((config, notes))
}
