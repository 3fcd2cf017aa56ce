//! Rules files to a compiled set, with everything that is wrong with them.

use crate::{Config, catalogue, declarations};
use phitak_detect::Ruleset;
use phitak_rules::{Context, Diagnostic};
use std::{collections::BTreeMap, sync::Arc};

/// A rules file that was read.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Its name in diagnostics.
    pub name: String,
    pub text: String,
}

/// A compiled set.
pub struct Loaded {
    pub rules: Arc<Ruleset>,
    /// Rules that could not be used, in the order of the files.
    pub failed: Vec<Diagnostic>,
}

/// Parses and compiles rules. `attachments` are the files that rules name (data sets), and `thresholds` is the text of a
/// `threshold.config`.
#[must_use]
pub fn load(
    files: &[RuleFile],
    config: &Config,
    attachments: BTreeMap<String, Vec<u8>>,
    thresholds: Option<String>,
) -> Loaded {
    let declarations = declarations();
    let mut context = Context::default();
    context.declare(&declarations);
    for (name, value) in &config.variables {
        context.variables.set(name, value);
    }
    let (mut rules, mut failed) = (Vec::new(), Vec::new());
    for file in files {
        let parsed = phitak_rules::parse(&file.name, &file.text, &context);
        rules.extend(parsed.rules);
        failed.extend(parsed.diagnostics);
    }
    let alerts_max = config.alerts_max;
    let settings =
        phitak_detect::Settings { files: attachments, thresholds, alerts_max, ..phitak_detect::Settings::default() };
    let compiled = phitak_detect::compile(rules, &catalogue(&declarations), &settings);
    failed.extend(compiled.diagnostics);
    Loaded { rules: Arc::new(compiled.rules), failed }
}
