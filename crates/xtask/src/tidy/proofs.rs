//! Tests that the documents under `docs/security` name as `path::name` are there: what says it is shown by a test must
//! not outlive the test.

use super::Fault;
use crate::source::Source;

const FOLDER: &str = "docs/security/";

pub fn check(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for document in sources.iter().filter(|source| source.path.starts_with(FOLDER) && source.extension() == "md") {
        for (index, line) in document.text.lines().enumerate() {
            for (path, name) in line.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")) {
                let place = || format!("{}:{}", document.path, index + 1);
                match sources.iter().find(|source| source.path == path) {
                    None => faults.push(Fault::new(place(), format!("{path} is not there"))),
                    Some(file) if !holds(file, name) => {
                        faults.push(Fault::new(place(), format!("{path} has no test {name:?}")));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    faults
}

/// Whether a file has a test of this name: a function in Rust, the first argument of `test` or `it` in TypeScript.
fn holds(file: &Source, name: &str) -> bool {
    let mut lines = file.text.lines().map(str::trim_start);
    if file.extension() == "rs" {
        let mut is_test = false;
        return lines.any(|line| {
            let head = line.strip_prefix("async ").unwrap_or(line);
            let found = is_test && head.strip_prefix("fn ").is_some_and(|rest| rest.split('(').next() == Some(name));
            is_test =
                line.starts_with("#[test") || line.starts_with("#[tokio::test") || is_test && line.starts_with("#[");
            found
        });
    }
    let quoted = format!("(\"{name}\"");
    lines.any(|line| (line.starts_with("test") || line.starts_with("it")) && line.contains(&quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_test_that_is_not_there_is_told_and_one_that_is_passes() {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let rust = "fn helps() {}\n#[tokio::test]\n#[allow(dead_code)]\nasync fn it_holds() {}\n#[test]\nfn so_does_this() {}\n";
        let script = "test(\"a page holds\", async () => {});\n  it.each(X)(\"has no %s\", () => {});\n";
        let document = "`a.rs::it_holds` `a.rs::so_does_this` `b.ts::a page holds` `b.ts::has no %s` `plain`\n\
             `a.rs::helps` `a.rs::gone` `b.ts::gone` `c.rs::it_holds`\n";
        let faults = check(&[
            source("a.rs", rust),
            source("b.ts", script),
            source("docs/security/x.md", document),
            source("docs/other.md", "`a.rs::gone`"),
        ]);
        let told: Vec<String> = faults.into_iter().map(|fault| format!("{} {}", fault.place, fault.what)).collect();
        assert_eq!(
            told,
            [
                "docs/security/x.md:2 a.rs has no test \"helps\"",
                "docs/security/x.md:2 a.rs has no test \"gone\"",
                "docs/security/x.md:2 b.ts has no test \"gone\"",
                "docs/security/x.md:2 c.rs is not there",
            ]
        );
    }
}
