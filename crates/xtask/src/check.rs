//! All that must hold before a commit is shared. Every step runs, so that one run shows every fault.

use crate::{licences, process, tidy};
use anyhow::Result;
use std::{path::Path, process::Command};

/// Says whether everything holds.
///
/// # Errors
/// When a step cannot be run at all.
pub fn check(root: &Path) -> Result<bool> {
    let mut faults = Vec::new();
    let mut step = |name: &'static str, run: &dyn Fn() -> Result<bool>| -> Result<()> {
        eprintln!("▸ {name}");
        if !run()? {
            faults.push(name);
        }
        Ok(())
    };
    step("formatting", &|| process::cargo(root, &["fmt", "--all", "--check"]))?;
    step("tidy", &|| tidy::tidy(root, false))?;
    step("licences and bans", &|| deny(root))?;
    step("lints", &|| {
        process::cargo(
            root,
            &["clippy", "--release", "--locked", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        )
    })?;
    if !faults.is_empty() {
        eprintln!("✗ does not hold: {}", faults.join(", "));
    }
    Ok(faults.is_empty())
}

fn deny(root: &Path) -> Result<bool> {
    let installed = Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|o| o.status.success());
    if installed {
        return process::cargo(root, &["deny", "--offline", "check", "licenses", "bans", "sources"]);
    }
    eprintln!(
        "! cargo-deny is not installed: licences, banned crates and sources are checked here, advisories are not"
    );
    licences::check(root)
}
