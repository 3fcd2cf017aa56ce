//! Every operation of the API, as its own description tells it, with requests that nobody thought of: schemathesis, from a
//! fixed seed, against a real centre. What it must not find: a 5xx, an answer of another shape than described, an operation
//! without its permission. An own count, from the centre's log, keeps it from passing by doing nothing.

mod http;
mod requests;
mod samples;
mod sector;
mod tool;

use crate::process;
use anyhow::{Context, Result};
use http::{Credentials, ask_until};
use requests::{Operation, Requests};
use sector::Sector;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};
use tool::{Pass, Report};

const DOCUMENT: &str = "crates/centre/openapi.json";
/// An answer without an end: generated requests would wait for it. It is opened by hand below.
const ENDLESS: &str = "get_live";
/// Ends the session that the other requests need.
const ENDS_THE_SESSION: &str = "delete_session";
/// Operations that answered one request at least with success; the rest needs what no generated request has: a code from an
/// app, a secret of a link, a channel that works.
const SUCCEEDED_MIN: usize = 60;

/// Says whether nothing was found.
///
/// # Errors
/// When a program that is needed does not run.
pub fn run(root: &Path, seed: u64, examples: u32) -> Result<bool> {
    let begun = Instant::now();
    anyhow::ensure!(
        process::cargo(root, &["build", "--release", "--locked", "--workspace"])?,
        "the programs could not be built"
    );
    let target = PathBuf::from(process::metadata(root, false)?["target_directory"].as_str().unwrap_or("target"));
    let folder = target.join("schemathesis");
    let tool = tool::install(root, &folder)?;
    let work = folder.join("run");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).context("target/schemathesis/run")?;
    let mut sector = Sector::start(root, &target, &work)?;
    eprintln!("▸ the centre is up with one hospital after {:.0} s", begun.elapsed().as_secs_f64());

    let text = fs::read_to_string(root.join(DOCUMENT)).context(DOCUMENT)?;
    let mut document: Value = serde_json::from_str(&text).context(DOCUMENT)?;
    let operations = requests::operations(&document);
    samples::add(&mut document, &sector.facility, &sector.moment);
    let schema = work.join("openapi.json");
    fs::write(&schema, document.to_string())?;

    let passes = [
        Pass { name: "administrator", without: &[ENDLESS, ENDS_THE_SESSION], only: &[] },
        Pass { name: "hospital", without: &[ENDLESS], only: &[] },
        Pass { name: "nobody", without: &[], only: &[ENDLESS, ENDS_THE_SESSION] },
    ];
    let mut reports = Vec::new();
    for pass in &passes {
        let who = match pass.name {
            "administrator" => sector.administrator.clone(),
            // Made only now: the requests before it revoke the tokens that they find.
            "hospital" => sector.hospital()?,
            _ => Credentials::default(),
        };
        reports.push(tool::generate(&tool, &schema, &work, &sector.address, (pass, &who), seed, examples)?);
    }
    let mut faults = faults(&operations, &passes, &reports);
    faults.extend(live_fault(&sector.address, &sector.administrator));
    sector.wait().context("the centre after all requests")?;
    let log = fs::read_to_string(work.join("centre.log")).context("centre.log")?;
    let seen = Requests::read(&log, &operations);
    faults.extend(seen.faults(&reports, SUCCEEDED_MIN));
    faults.iter().for_each(|fault| println!("✗ {fault}"));
    let cases: u64 = reports.iter().map(|report| report.cases).sum();
    println!(
        "seed {seed}: {cases} generated cases, {} requests at the centre, {} operations answered with success, in {:.0} s",
        seen.total,
        seen.succeeded.len(),
        begun.elapsed().as_secs_f64()
    );
    if faults.is_empty() {
        println!("{} operations tested with nothing found", operations.len());
    }
    Ok(faults.is_empty())
}

/// What the passes found, and whether they covered the document between them.
fn faults(operations: &[Operation], passes: &[Pass], reports: &[Report]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut covered = BTreeSet::new();
    for (pass, report) in passes.iter().zip(reports) {
        let wanted: BTreeSet<&str> =
            operations.iter().map(|operation| operation.id.as_str()).filter(|id| pass.takes(id)).collect();
        if report.tested != wanted.len() {
            faults.push(format!("{}: {} operations were tested, not {}", pass.name, report.tested, wanted.len()));
        }
        if !report.is_good {
            faults.push(format!("{}: see what schemathesis found above", pass.name));
        }
        covered.extend(wanted);
    }
    for operation in operations.iter().filter(|operation| !covered.contains(operation.id.as_str())) {
        faults.push(format!("no pass tests {}", operation.id));
    }
    faults
}

/// The live stream begins for who is signed in, in its own media type.
fn live_fault(address: &str, who: &Credentials) -> Option<String> {
    match ask_until(address, who, "/api/v1/live", ": ping") {
        Ok(answer) if answer.status == 200 && answer.header("content-type") == Some("text/event-stream") => None,
        Ok(answer) => Some(format!("the live stream answers {} {:?}", answer.status, answer.header("content-type"))),
        Err(error) => Some(format!("the live stream: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_tested_less_than_it_should_or_left_something_out_is_told() {
        let operation = |id: &str| Operation::new("GET", "/api/v1/x", id);
        let operations = [operation("a"), operation("b"), operation("c")];
        let passes =
            [Pass { name: "one", without: &["b", "c"], only: &[] }, Pass { name: "other", without: &[], only: &["b"] }];
        let report = |tested, is_good| Report { tested, cases: 5, is_good };
        let told = |reports: [Report; 2]| faults(&operations, &passes, &reports);
        assert_eq!(told([report(1, true), report(1, true)]), ["no pass tests c"]);
        assert_eq!(
            told([report(0, true), report(1, false)]),
            ["one: 0 operations were tested, not 1", "other: see what schemathesis found above", "no pass tests c"]
        );
    }
}
