//! `phitak-centre audit`: whether the audit is what the centre wrote.

use super::{Data, open, print_line};
use anyhow::bail;
use clap::Subcommand;
use phitak_store::Chain;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Follows the chain from its first kept line to its last; exit code 1 and the first broken line when it does not hold
    Verify {
        #[command(flatten)]
        data: Data,
        /// A hash noted earlier: fails too when it stands in the chain no more
        #[arg(long, value_name = "HASH")]
        contains: Option<String>,
    },
}

pub(super) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Verify { data, contains } = command;
    let noted = contains.map(|hash| hash.trim().to_ascii_lowercase());
    let store = open(&data).await?;
    print_line(&in_words(store.verify_audit(noted.as_deref()).await?, noted.as_deref())?)
}

/// # Errors
/// When the chain is broken, or does not hold the noted hash.
pub(super) fn in_words(chain: Chain, noted: Option<&str>) -> anyhow::Result<String> {
    match chain {
        Chain::Broken { line, at, what } => {
            let at = at.map(|at| format!(" of {}", at.iso())).unwrap_or_default();
            bail!("the audit is broken at line {line}{at}: {what}")
        }
        Chain::Whole { lines, holds, .. } if noted.is_some() && !holds => bail!(
            "the {lines} lines follow from each other, but none has the noted hash: the chain was written anew, or that \
             line was forgotten with age"
        ),
        Chain::Whole { lines, last, forgotten_up_to, .. } => {
            let forgotten = forgotten_up_to
                .map(|line| format!("\nlines up to {line} were forgotten with age, and what remains follows from them"))
                .unwrap_or_default();
            Ok(format!("the audit holds: {lines} lines, the last is {} with hash {}{forgotten}", last.0, last.1))
        }
    }
}
