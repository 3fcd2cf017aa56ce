//! What the description offers, and what the centre's own log says was asked of it.

use super::tool::Report;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One line of the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub method: String,
    /// With `{name}` for parts that vary.
    pub path: String,
    pub id: String,
}

impl Operation {
    pub fn new(method: &str, path: &str, id: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), id: id.to_owned() }
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        let (own, asked): (Vec<&str>, Vec<&str>) = (self.path.split('/').collect(), path.split('/').collect());
        let same = |(own, asked): (&&str, &&str)| own.starts_with('{') || own == asked;
        self.method == method && own.len() == asked.len() && own.iter().zip(&asked).all(same)
    }

    fn fixed_parts(&self) -> usize {
        self.path.split('/').filter(|part| !part.starts_with('{')).count()
    }
}

/// All operations of a document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            all.push(Operation::new(&method.to_ascii_uppercase(), path, id));
        }
    }
    all
}

/// The requests that a centre answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Requests {
    pub total: u64,
    /// How many, by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Operations that answered one with success.
    pub succeeded: BTreeSet<String>,
    /// Those that failed: method, path and status of the first few.
    pub failed: Vec<String>,
}

const FAILED_SHOWN_MAX: usize = 20;

impl Requests {
    /// Reads the lines `… request method=GET path="/api/v1/x" status=200 took_ms=0`.
    pub fn read(log: &str, operations: &[Operation]) -> Self {
        let mut seen = Self::default();
        for line in log.lines().filter(|line| line.contains(": request ")) {
            let value = |name: &str| Some(line.split_once(name)?.1.split(' ').next()?.trim_matches('"'));
            let (Some(method), Some(path)) = (value(" method="), value(" path=")) else { continue };
            let Some(status) = value(" status=").and_then(|status| status.parse::<u16>().ok()) else { continue };
            seen.total += 1;
            *seen.by_status.entry(status).or_default() += 1;
            if status >= 500 && seen.failed.len() < FAILED_SHOWN_MAX {
                seen.failed.push(format!("{method} {path} answered {status}"));
            }
            if (200..300).contains(&status) {
                let fitting = operations.iter().filter(|operation| operation.fits(method, path));
                seen.succeeded.extend(fitting.max_by_key(|known| known.fixed_parts()).map(|known| known.id.clone()));
            }
        }
        seen
    }

    /// What keeps a run from being a proof.
    pub fn faults(&self, reports: &[Report], succeeded_min: usize) -> Vec<String> {
        let mut faults = self.failed.clone();
        let cases: u64 = reports.iter().map(|report| report.cases).sum();
        if cases == 0 || self.total < cases {
            faults.push(format!("{} requests reached the centre, {cases} were generated", self.total));
        }
        if self.succeeded.len() < succeeded_min {
            let number = self.succeeded.len();
            faults.push(format!("only {number} operations answered with success, {succeeded_min} are wanted"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Operation> {
        operations(&serde_json::json!({"paths": {
            "/api/v1/cases/{id}": {"get": {"operationId": "one"}, "post": {"operationId": "write"}},
            "/api/v1/cases/{id}/shared": {"get": {"operationId": "shared"}},
            "/api/v1/cases/all": {"get": {"operationId": "all"}},
        }}))
    }

    #[test]
    fn requests_are_counted_by_operation_and_failures_are_named() {
        let line = |method: &str, path: &str, status: u16| {
            format!(
                "2026-11-30T00:00:00Z  INFO phitak_centre::router: request method={method} path=\"{path}\" status={status} took_ms=0\n"
            )
        };
        let log = [
            line("GET", "/api/v1/cases/7", 200),
            line("GET", "/api/v1/cases/all", 200),
            line("POST", "/api/v1/cases/7", 503),
            line("GET", "/api/v1/cases/7/shared", 404),
            "2026-11-30T00:00:00Z  INFO something else status=200\n".to_owned(),
        ];
        let seen = Requests::read(&log.concat(), &known());
        assert_eq!((seen.total, seen.by_status.get(&200)), (4, Some(&2)));
        assert_eq!(seen.succeeded, BTreeSet::from(["all".to_owned(), "one".to_owned()]));
        let report = |cases| Report { tested: 1, cases, is_good: true };
        assert_eq!(seen.faults(&[report(4)], 2), ["POST /api/v1/cases/7 answered 503"]);
        assert_eq!(seen.faults(&[report(0)], 3).len(), 3, "nothing generated, too few successes");
        assert_eq!(seen.faults(&[report(5)], 2).len(), 2, "some did not arrive");
    }
}
