//! Settings that matter to rules alone, from a command line.

use super::files::RuleSettings;
use phitak_engine::{Config, SetOutcome};
use phitak_rules::Variables;

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
    set_home_net(&mut config, home_net)?;
    let notes = set_all(&mut config, settings, rule_settings)?;
    Ok((config, notes))
}

/// Takes what `--set` says; the answer has a word about each setting that is not known.
///
/// # Errors
/// A sentence about the first that is no setting, or has a value that is none.
pub(crate) fn set_all(
    config: &mut Config,
    settings: &[String],
    rule_settings: &mut RuleSettings,
) -> Result<Vec<String>, String> {
    let mut notes = Vec::new();
    for setting in settings {
        let (name, value) = setting
            .split_once('=')
            .map(|(name, value)| (name.trim(), value))
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| format!("--set {setting}: a name, = and a value are needed"))?;
        if rule_settings.set(name, value) {
            continue;
        }
        match config.set(name, value) {
            SetOutcome::Done | SetOutcome::Ignored => {}
            SetOutcome::UnknownName => notes.push(format!("--set {name}: this setting is not known here")),
            SetOutcome::BadValue(wanted) => return Err(format!("--set {name}: {:?} is not {wanted}", value.trim())),
        }
    }
    Ok(notes)
}

/// Makes the home network what `--home-net` says.
///
/// # Errors
/// A sentence about what is no list of addresses.
pub(crate) fn set_home_net(config: &mut Config, networks: Option<&str>) -> Result<(), String> {
    let Some(networks) = networks else { return Ok(()) };
    let list = if networks.starts_with(['[', '!', '$']) { networks.to_owned() } else { format!("[{networks}]") };
    phitak_rules::address::read(&list, &Variables::default())
        .map_err(|reason| format!("--home-net {networks}: {reason}"))?;
    config.variables.insert("HOME_NET".to_owned(), list);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_name_and_one_that_is_not_known_is_told() {
        let set = |setting: &str| {
            set_all(&mut Config::default(), &[setting.to_owned()], &mut RuleSettings::default())
                .map(|notes| notes.len())
        };
        assert_eq!((set("stream.midstream=true"), set("nothing.known=1")), (Ok(0), Ok(1)));
        for bad in ["=x", " =x", "stream.midstream", "stream.midstream=perhaps"] {
            assert!(set(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_home_network_is_a_list_of_addresses_or_is_refused_by_name() {
        for good in ["10.0.0.0/8", "10.0.0.0/8,192.168.1.1", "[10.0.0.0/8,!10.1.0.0/16]", "!192.0.2.1", "fe80::/10"] {
            assert_eq!(set_home_net(&mut Config::default(), Some(good)), Ok(()), "{good}");
        }
        for bad in ["banana", "10.0.0.0/99", "[10.0.0.0/8", "", "$NOT_SET"] {
            let refused = set_home_net(&mut Config::default(), Some(bad)).expect_err(bad);
            assert!(refused.starts_with(&format!("--home-net {bad}: ")), "{refused}");
        }
    }
}
