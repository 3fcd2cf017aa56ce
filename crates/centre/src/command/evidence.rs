//! `phitak-centre evidence`: whether the files are what was stored, and their custody what the centre wrote.

use super::{Data, open, print_line};
use crate::vault::{self, Fault, Vault};
use anyhow::{Context, bail};
use clap::Subcommand;
use phitak_store::{CustodyChain, EvidenceId, Store};
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Reads every file whole, compares it with its SHA-256, and follows the custody log; exit code 1 when something is amiss
    Verify {
        #[command(flatten)]
        data: Data,
    },
}

pub(super) async fn run(command: EvidenceCommand) -> anyhow::Result<()> {
    let EvidenceCommand::Verify { data } = command;
    let store = open(&data).await?;
    print_line(&verified(&store, &data.data).await?)
}

/// # Errors
/// When a file lacks or was changed, or the custody log does not hold: all of it is said.
pub(super) async fn verified(store: &Store, folder: &Path) -> anyhow::Result<String> {
    let vault = Vault::new(folder.join(vault::FOLDER), 0, 0);
    let (mut after, mut files, mut faults) = (EvidenceId(0), 0_u64, Vec::new());
    loop {
        let step = store.evidence_after(after).await?;
        let Some(last) = step.last() else { break };
        after = last.id;
        for file in &step {
            files = files.saturating_add(1);
            let fault = vault.fault_in(&file.sha256).await;
            match fault.with_context(|| format!("evidence {} cannot be read", file.id))? {
                None => {}
                Some(Fault::Missing) => faults.push(format!("evidence {} is missing: {}", file.id, file.sha256)),
                Some(Fault::Changed) => faults.push(format!("evidence {} was changed: {}", file.id, file.sha256)),
            }
        }
    }
    let custody = match store.verify_custody().await? {
        CustodyChain::Whole { lines, last } => {
            format!("the custody log holds: {lines} lines, the last is {} with hash {}", last.0, last.1)
        }
        CustodyChain::Broken { line, at, what } => {
            let at = at.map(|at| format!(" of {}", at.iso())).unwrap_or_default();
            faults.push(format!("the custody log is broken at line {line}{at}: {what}"));
            String::new()
        }
    };
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(format!("the evidence holds: {files} files\n{custody}"))
}
