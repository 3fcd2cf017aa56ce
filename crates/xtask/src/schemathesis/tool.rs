//! schemathesis itself: installed once, in an environment of its own under `target/`, and run with a role's credentials.

use super::http::Credentials;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Each package with its version and the checksums of its files.
const REQUIREMENTS: &str = "crates/xtask/data/schemathesis.txt";
/// Not among the checks: a description of shapes cannot say that a login must be free or a reason is needed to close, so that
/// what fits the shapes may be refused all the same.
const UNCHECKED: &str = "positive_data_acceptance";

/// One run with one role.
pub struct Pass {
    pub name: &'static str,
    /// Ids of operations that are left out.
    pub without: &'static [&'static str],
    /// Ids of the only ones; all without any.
    pub only: &'static [&'static str],
}

impl Pass {
    pub fn takes(&self, id: &str) -> bool {
        !self.without.contains(&id) && (self.only.is_empty() || self.only.contains(&id))
    }
}

/// What a run says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Operations.
    pub tested: usize,
    pub cases: u64,
    pub is_good: bool,
}

/// Gives the program; installs it unless it is there as it should be.
///
/// # Errors
/// When python3 has no venv, or a package cannot be installed.
pub fn install(root: &Path, folder: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(root.join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let (venv, stamp) = (folder.join("venv"), folder.join("venv/requirements.txt"));
    let program = venv.join("bin/schemathesis");
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(program);
    }
    eprintln!("▸ installing schemathesis in {}", venv.display());
    let _ = fs::remove_dir_all(&venv);
    fs::create_dir_all(folder).context("target/schemathesis")?;
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).status().context("python3")?;
    anyhow::ensure!(made.success(), "python3 cannot make a venv (package python3-venv)");
    let installed = Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r"])
        .arg(root.join(REQUIREMENTS))
        .status()
        .context("pip")?;
    anyhow::ensure!(installed.success(), "{REQUIREMENTS} could not be installed");
    fs::write(stamp, wanted)?;
    Ok(program)
}

/// Runs one pass; what it finds is printed.
///
/// # Errors
/// When it does not come to its end.
pub fn generate(
    program: &Path,
    schema: &Path,
    work: &Path,
    address: &str,
    (pass, who): (&Pass, &Credentials),
    seed: u64,
    examples: u32,
) -> Result<Report> {
    eprintln!("▸ generated requests as {}", pass.name);
    let folder = work.join(pass.name);
    fs::create_dir_all(&folder)?;
    let config = folder.join("schemathesis.toml");
    fs::write(&config, configuration(who))?;
    let report = folder.join("report.json");
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&config).args(["run", "--no-color"]).arg(schema);
    command.args(["--url", &format!("http://{address}"), "--seed", &seed.to_string()]);
    command.args(["--max-examples", &examples.to_string(), "--phases", "examples,coverage,fuzzing"]);
    command.args(["--request-timeout", "60", "--checks", "all", "--exclude-checks", UNCHECKED, "--no-shrink"]);
    command.args(["--generation-database", "none", "--warnings", "off", "--suppress-health-check", "all"]);
    command.arg("--report-json-path").arg(&report);
    for id in pass.without {
        command.args(["--exclude-operation-id", id]);
    }
    for id in pass.only {
        command.args(["--include-operation-id", id]);
    }
    let status = command.current_dir(&folder).status().context("schemathesis could not be started")?;
    let text = fs::read_to_string(&report).context("schemathesis left no report")?;
    Report::read(&text, status.success()).context("schemathesis's report has another shape than expected")
}

/// How a role shows who it is, by the names of the description's security schemes.
fn configuration(who: &Credentials) -> String {
    let mut text = String::new();
    if let Some((cookie, csrf)) = &who.session {
        let secret = cookie.split_once('=').map_or(cookie.as_str(), |(_, secret)| secret);
        text.push_str(&format!("headers = {{ \"x-csrf-token\" = \"{csrf}\" }}\n"));
        text.push_str(&format!("[auth.openapi.session]\napi_key = \"{secret}\"\n"));
    }
    if let Some(token) = &who.token {
        text.push_str(&format!("[auth.openapi.token]\nbearer = \"{token}\"\n"));
    }
    text
}

impl Report {
    fn read(text: &str, has_succeeded: bool) -> Option<Self> {
        let report: Value = serde_json::from_str(text).ok()?;
        Some(Self {
            tested: usize::try_from(report["operations"]["tested"].as_u64()?).ok()?,
            cases: report["test_cases"]["generated"].as_u64()?,
            is_good: has_succeeded && report["complete"].as_bool()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_good_only_when_it_is_whole_and_nothing_failed() {
        let text = |complete: bool| {
            format!(r#"{{"complete": {complete}, "operations": {{"tested": 3}}, "test_cases": {{"generated": 40}}}}"#)
        };
        let report = Report { tested: 3, cases: 40, is_good: true };
        assert_eq!(Report::read(&text(true), true), Some(report));
        assert_eq!(Report::read(&text(true), false), Some(Report { is_good: false, ..report }));
        assert_eq!(Report::read(&text(false), true), Some(Report { is_good: false, ..report }));
        assert_eq!(Report::read("{}", true), None);
    }

    #[test]
    fn a_pass_takes_all_but_some_or_only_some() {
        let most = Pass { name: "most", without: &["a"], only: &[] };
        let few = Pass { name: "few", without: &[], only: &["a"] };
        assert_eq!(["a", "b"].map(|id| (most.takes(id), few.takes(id))), [(false, true), (true, false)]);
    }
}
