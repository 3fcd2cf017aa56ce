//! The sensor against cases whose expected events others wrote, compared with floors that only rise.

use crate::process;
use anyhow::{Context, Result};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Beside the repository, not in it: cases with their own licences.
const SCORER: &str = "../shared/conformance/score.py";
const CASES: &str = "../shared/conformance/suricata";
const FLOORS: &str = "conformance.toml";

/// Runs the cases and says whether every floor holds.
///
/// # Errors
/// When the sensor cannot be built or the scorer does not answer.
pub fn conformance(root: &Path, allow_missing: bool, raise: bool) -> Result<bool> {
    if !root.join(SCORER).exists() || !root.join(CASES).exists() {
        eprintln!(
            "! THE SHARED CASES ARE MISSING: {SCORER} and {CASES} are not beside the repository, nothing was scored"
        );
        return Ok(allow_missing);
    }
    anyhow::ensure!(
        process::cargo(root, &["build", "--release", "--locked", "--workspace"])?,
        "the sensor could not be built"
    );
    let target = process::metadata(root, false)?["target_directory"].as_str().unwrap_or("target").to_owned();
    let engine = format!(
        "{target}/release/phitak-sensor inspect --rules {{rules}} --eve {{out}}/eve.json {{settings}} {{capture}}"
    );
    let output = Command::new("python3")
        .args([SCORER, CASES, "--engine", &engine])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("python3 could not be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    anyhow::ensure!(output.status.success(), "the scorer failed");
    let score = Score::read(&text).context("the scorer's last line has another shape than expected")?;

    let path = root.join(FLOORS);
    let floors = fs::read_to_string(&path).context(FLOORS)?;
    let floor = Score::floor(&floors).with_context(|| format!("{FLOORS} needs families_percent and cases_percent"))?;
    if raise {
        fs::write(&path, raised(&floors, floor.max(score)))?;
    }
    for (name, reached, least) in [("families", score.families, floor.families), ("cases", score.cases, floor.cases)] {
        let holds = reached >= least;
        eprintln!("{} {name} {reached:.1} % (floor {least:.1} %)", if holds { "✓" } else { "✗" });
    }
    Ok(score.families >= floor.families && score.cases >= floor.cases)
}

/// Percent, with one decimal, as the scorer prints it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score {
    families: f64,
    cases: f64,
}

impl Score {
    /// From the last line: `families 31.2% of 90 · cases 120/400 (30.0%) · …`.
    fn read(output: &str) -> Option<Self> {
        let line = output.lines().rfind(|line| line.starts_with("families "))?;
        let families = line.strip_prefix("families ")?.split('%').next()?.parse().ok()?;
        let cases = line.split_once("· cases ")?.1.split_once('(')?.1.split('%').next()?.parse().ok()?;
        Some(Self { families, cases })
    }

    fn floor(toml: &str) -> Option<Self> {
        let value = |key: &str| {
            let line = toml.lines().find(|line| line.split('=').next().map(str::trim) == Some(key))?;
            line.split_once('=')?.1.split('#').next()?.trim().parse().ok()
        };
        Some(Self { families: value("families_percent")?, cases: value("cases_percent")? })
    }

    fn max(self, other: Self) -> Self {
        Self { families: self.families.max(other.families), cases: self.cases.max(other.cases) }
    }
}

fn raised(toml: &str, score: Score) -> String {
    let lines = toml.lines().map(|line| match line.split('=').next().map(str::trim) {
        Some("families_percent") => format!("families_percent = {:.1}\n", score.families),
        Some("cases_percent") => format!("cases_percent = {:.1}\n", score.cases),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "   alert checks 3/9\nfamilies 31.2% of 90 · cases 120/400 (30.0%) · with alerts 50/100 · checks 1/2 (50.0%)\n";

    #[test]
    fn the_score_and_the_floors_are_read() {
        assert_eq!(Score::read(LINE), Some(Score { families: 31.2, cases: 30.0 }));
        assert_eq!(Score::read("nothing"), None);
        let floors = "# why\nfamilies_percent = 25.0 # first\ncases_percent = 0\n";
        assert_eq!(Score::floor(floors), Some(Score { families: 25.0, cases: 0.0 }));
    }

    #[test]
    fn floors_only_rise() {
        let floors = "# why\nfamilies_percent = 35.0\ncases_percent = 20.0\n";
        let floor = Score::floor(floors).expect("floors");
        let score = Score::read(LINE).expect("a score");
        assert_eq!(raised(floors, floor.max(score)), "# why\nfamilies_percent = 35.0\ncases_percent = 30.0\n");
    }
}
