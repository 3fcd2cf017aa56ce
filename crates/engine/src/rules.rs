//! Rules files to a compiled set, with everything that is wrong with them.
//!
//! [`load`] does all of it at once. A program that has more cores, or a cache, takes the steps of a [`Loader`] itself.

use crate::{Config, catalogue, declarations};
use phitak_detect::{Reputations, RuleFile, Ruleset};
use phitak_model::inspect::ProtocolDecl;
use phitak_rules::{Context, Diagnostic, Parsed, Piece, parse_piece, pieces};
use std::{collections::BTreeMap, sync::Arc};

/// Files that stand beside the rules and say what they mean; each has Suricata's form.
#[derive(Clone, Debug, Default)]
pub struct Companions {
    /// The text of a `classification.config`, and its name.
    pub classification: Option<RuleFile>,
    /// The text of a `reference.config`, and its name.
    pub references: Option<RuleFile>,
    /// The text of a `threshold.config`, and its name.
    pub thresholds: Option<RuleFile>,
    /// The text of a file of categories of reputation, and its name.
    pub reputation_categories: Option<RuleFile>,
    /// Lists of reputations.
    pub reputations: Vec<RuleFile>,
}

/// A compiled set.
pub struct Loaded {
    pub rules: Arc<Ruleset>,
    /// Rules that could not be used, in the order of the files.
    pub failed: Vec<Diagnostic>,
    /// Rules that `requires` leaves out.
    pub left_out: Vec<Diagnostic>,
    /// Lines of the `threshold.config` that change nothing.
    pub idle_lines: Vec<Diagnostic>,
}

/// Reads rules in steps: pieces of files, each alone and on any thread, then all together.
pub struct Loader {
    context: Context,
    declarations: Vec<&'static ProtocolDecl>,
    thresholds: Option<RuleFile>,
    reputations: Option<Reputations>,
    alerts_max: Option<u32>,
    /// What is wrong with the files beside the rules.
    failed: Vec<Diagnostic>,
}

impl Loader {
    #[must_use]
    pub fn new(config: &Config, companions: Companions) -> Self {
        let declarations = declarations();
        let mut context = Context::default();
        context.declare(&declarations);
        for (name, value) in &config.variables {
            context.variables.set(name, value);
        }
        let mut failed = Vec::new();
        if let Some(file) = &companions.classification {
            failed.extend(context.classes.read(&file.name, &file.text));
        }
        if let Some(file) = &companions.references {
            failed.extend(context.references.read(&file.name, &file.text));
        }
        let reputations = companions.reputation_categories.as_ref().map(|categories| {
            let lists: Vec<(&str, &str)> =
                companions.reputations.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
            let (read, told) = Reputations::read((&categories.name, &categories.text), &lists);
            failed.extend(told);
            read
        });
        Self {
            context,
            declarations,
            thresholds: companions.thresholds,
            reputations,
            alerts_max: config.alerts_max,
            failed,
        }
    }

    /// Parses a piece of a file and looks at its expressions.
    #[must_use]
    pub fn parse(&self, file: &str, piece: Piece<'_>) -> Parsed {
        let mut parsed = parse_piece(file, piece, &self.context);
        let told = &mut parsed.diagnostics;
        let before = told.len();
        parsed.rules.retain_mut(|rule| phitak_detect::vet(rule).map_err(|fault| told.push(fault)).is_ok());
        if told.len() > before {
            told.sort_by_key(|fault| (fault.line, fault.column));
        }
        parsed
    }

    /// Compiles what was parsed. `attachments` are the files that rules name (data sets), by these names.
    #[must_use]
    pub fn compile(&self, parsed: Parsed, attachments: BTreeMap<String, Vec<u8>>) -> Loaded {
        let mut failed = self.failed.clone();
        failed.extend(parsed.diagnostics);
        let settings = phitak_detect::Settings {
            files: attachments,
            thresholds: self.thresholds.clone(),
            reputations: self.reputations.clone(),
            alerts_max: self.alerts_max,
            variables: self.context.variables.clone(),
            ..phitak_detect::Settings::default()
        };
        let compiled = phitak_detect::compile(parsed.rules, &catalogue(&self.declarations), &settings);
        failed.extend(compiled.diagnostics);
        let idle_lines = compiled.idle_lines;
        Loaded { rules: Arc::new(compiled.rules), failed, left_out: parsed.left_out, idle_lines }
    }

    /// Classes, kinds of references and variables that the rules refer to.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }
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
    let thresholds = thresholds.map(|text| RuleFile { name: "threshold.config".into(), text });
    let loader = Loader::new(config, Companions { thresholds, ..Companions::default() });
    let mut parsed = Parsed::default();
    for file in files {
        for piece in pieces(&file.text, 1) {
            parsed.append(loader.parse(&file.name, piece));
        }
    }
    loader.compile(parsed, attachments)
}
