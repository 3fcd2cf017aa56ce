//! What the command line says, as the engine's configuration.

use super::{Inspect, source};
use crate::rules::{RuleSettings, set_all, set_home_net};
use phitak_engine::{Config, Filter};
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
    pub notes: Vec<String>,
}

/// # Errors
/// A sentence about what is wrong with the command line.
pub(super) fn plan(args: &Inspect) -> Result<Plan, String> {
    let mut config = Config::default();
    let mut rule_settings = args.rule_settings.clone();
    args.checksums.apply(&mut config);
    set_home_net(&mut config, args.home_net.as_deref())?;
    let notes = set_all(&mut config, &args.settings, &mut rule_settings)?;
    let (captures, words): (Vec<&OsString>, Vec<&OsString>) =
        args.words.iter().partition(|word| source::is_capture(word));
    let expression = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    if captures.is_empty() {
        return Err(format!("no such capture: {expression}"));
    }
    if let Some(missing) = words.iter().find(|word| source::is_named_as_capture(word)) {
        return Err(format!("no such capture: {}", missing.to_string_lossy()));
    }
    if captures.iter().filter(|word| source::is_standard_input(word)).count() > 1 {
        return Err("the standard input (-) can be read once only".to_owned());
    }
    let filter = Filter::new(&expression).map_err(|error| {
        format!("{error}\n(words that are not the name of a file are read as a filter: {expression})")
    })?;
    let captures = captures.into_iter().map(PathBuf::from).collect();
    Ok(Plan { config, captures, filter, expression, rule_settings, notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        inspect: Inspect,
    }

    fn planned(words: &[&OsStr]) -> Result<Plan, String> {
        let line = Line::try_parse_from([OsStr::new("inspect")].iter().chain(words).copied()).expect("a command line");
        plan(&line.inspect)
    }

    #[test]
    fn captures_have_any_name_and_other_words_are_a_filter() {
        let folder = tempfile::tempdir().expect("folder");
        let capture = folder.path().join(OsStr::from_bytes(b"\xff\xfe.pcap"));
        fs::write(&capture, b"").expect("written");
        let plan = planned(&[OsStr::new("port"), capture.as_os_str(), OsStr::new("22")]).expect("a plan");
        assert_eq!((plan.captures, plan.expression.as_str()), (vec![capture], "port 22"));
    }

    #[test]
    fn a_capture_that_is_not_there_is_no_word_of_a_filter() {
        let missing = planned(&[OsStr::new("-"), OsStr::new("nope.pcapng")]);
        assert_eq!(missing.err().as_deref(), Some("no such capture: nope.pcapng"));
    }

    #[test]
    fn the_standard_input_is_read_once() {
        let dash = OsStr::new("-");
        assert_eq!(planned(&[dash]).expect("a plan").captures, [PathBuf::from("-")]);
        assert!(planned(&[dash, dash]).is_err_and(|why| why.contains("once")));
    }

    #[test]
    fn checksums_are_verified_and_offloading_is_believed_by_default() {
        let read = |words: &[&str]| {
            let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
            let config = planned(&words).expect("a plan").config;
            (config.decoder.checksums, config.tcp.offloading_believed)
        };
        assert_eq!(read(&["-"]), (true, true));
        assert_eq!(read(&["-k", "all", "-"]), (true, false));
        assert!(!read(&["-k", "none", "-"]).0);
    }
}
