//! Other programs: started in the repository, their output shown.

use anyhow::{Context, Result};
use std::{path::Path, process::Command};

/// Runs cargo and says whether it succeeded.
///
/// # Errors
/// When cargo cannot be started.
pub fn cargo(root: &Path, words: &[&str]) -> Result<bool> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    // What `cargo run` tells this program about itself would wake build scripts that watch it, and all above them.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    let status = command
        .args(words)
        .current_dir(root)
        .status()
        .with_context(|| format!("cargo {} could not be started", words.join(" ")))?;
    Ok(status.success())
}

/// What `cargo metadata` says, as JSON. Without dependencies it needs neither lock file nor network.
///
/// # Errors
/// When cargo cannot be started, fails, or answers something else than JSON.
pub fn metadata(root: &Path, with_dependencies: bool) -> Result<serde_json::Value> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(["metadata", "--format-version", "1"]).current_dir(root);
    if !with_dependencies {
        command.args(["--no-deps", "--offline"]);
    }
    let output = command.output().context("cargo metadata could not be started")?;
    anyhow::ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cargo metadata answered no JSON")
}
