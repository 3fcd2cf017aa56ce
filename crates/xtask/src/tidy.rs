//! The house's order: each rule of STYLE.md that a program can check.

mod layers;
mod lengths;
mod links;
mod manifests;
mod proofs;
mod words;

use crate::{process, source};
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// Something out of order: where, and what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: String,
    pub what: String,
}

impl Fault {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// Says whether everything is in order; prints what is not.
///
/// # Errors
/// When the repository cannot be read.
pub fn tidy(root: &Path, tighten: bool) -> Result<bool> {
    let sources = source::sources(root)?;
    let drawing = fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let mut faults = layers::check(&drawing, &process::metadata(root, false)?);
    faults.extend(layers::check_pure_lints(root, &drawing));
    faults.extend(manifests::check(&sources));
    faults.extend(words::check(&sources));
    faults.extend(links::check(root, &sources));
    faults.extend(links::check_symlinks(root, &source::symlinks(root)?));
    faults.extend(proofs::check(&sources));

    let record = root.join(lengths::RECORD);
    let recorded = fs::read_to_string(&record).with_context(|| lengths::RECORD)?;
    if tighten {
        fs::write(&record, lengths::tightened(&recorded, &sources))?;
        eprintln!("  {} holds the lengths of today", lengths::RECORD);
    } else {
        faults.extend(lengths::check(&recorded, &sources));
    }
    faults.sort();
    for Fault { place, what } in &faults {
        eprintln!("  {place}: {what}");
    }
    Ok(faults.is_empty())
}
