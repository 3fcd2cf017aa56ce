//! Files of about 400 lines and functions of about 70. What is longer today is recorded, and the record may only shrink.

use super::Fault;
use crate::source::Source;
use std::{collections::BTreeMap, fmt::Write};

/// The record: `path lines` for files, `path::function lines` for functions.
pub const RECORD: &str = "crates/xtask/data/long.txt";

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// What is longer than it should be now, against what is recorded.
pub fn check(recorded: &str, sources: &[Source]) -> Vec<Fault> {
    let (recorded, long) = (read(recorded), long(sources));
    let mut faults = Vec::new();
    for (name, lines) in &long {
        let limit = if name.contains("::") { FUNCTION_LINES_MAX } else { FILE_LINES_MAX };
        match recorded.get(name) {
            Some(allowed) if lines <= allowed => {}
            Some(allowed) => faults.push(Fault::new(
                name,
                format!("has grown from {allowed} lines to {lines}: ask what the second noun is"),
            )),
            None => faults
                .push(Fault::new(name, format!("has {lines} lines, more than {limit}: ask what the second noun is"))),
        }
    }
    for (name, allowed) in &recorded {
        let now = long.get(name).copied().unwrap_or_default();
        if now < *allowed {
            faults.push(Fault::new(RECORD, format!("{name} has become shorter: run cargo xtask tidy --tighten")));
        }
    }
    faults
}

/// The record with every length lowered to today's. What is not recorded is not added: that takes a hand and a reviewer.
pub fn tightened(recorded: &str, sources: &[Source]) -> String {
    let long = long(sources);
    let mut text: String =
        recorded.lines().take_while(|line| line.starts_with('#')).fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        });
    for (name, allowed) in read(recorded) {
        if let Some(lines) = long.get(&name) {
            let _ = writeln!(text, "{name} {}", allowed.min(*lines));
        }
    }
    text
}

fn read(recorded: &str) -> BTreeMap<String, usize> {
    let lines = recorded.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, n)| Some((name.to_owned(), n.parse().ok()?)))
        .collect()
}

fn long(sources: &[Source]) -> BTreeMap<String, usize> {
    let mut long = BTreeMap::new();
    for source in sources.iter().filter(|source| is_counted(source)) {
        let code = without_tests(source);
        if code.len() > FILE_LINES_MAX {
            long.insert(source.path.clone(), code.len());
        }
        if source.extension() == "rs" {
            for (name, lines) in functions(&code).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX) {
                long.insert(format!("{}::{name}", source.path), lines);
            }
        }
    }
    long
}

fn is_counted(source: &Source) -> bool {
    let ours = source.path.starts_with("crates/") || source.path.starts_with("ui/src/");
    let test = source.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "laws.rs"))
        || source.path.contains(".test.");
    // Written by a program, or a table of words.
    let made =
        source.text.lines().take(3).any(|line| line.contains("auto-generated")) || source.path.contains("/i18n/");
    ours && !test && !made && matches!(source.extension(), "rs" | "ts" | "svelte" | "css")
}

/// The lines before the tests, which stand last.
fn without_tests(source: &Source) -> Vec<&str> {
    source.text.lines().take_while(|line| *line != "#[cfg(test)]").collect()
}

/// Functions with their lengths: from the line of `fn` to the brace that closes at its indent, as rustfmt sets it.
fn functions(lines: &[&str]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines.iter().skip(start).position(|line| line.trim_end() == close);
        found.extend(length.map(|length| (name.to_owned(), length + 1)));
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(after) = rest.strip_prefix("pub(") {
        rest = after.split_once(')')?.1.trim_start();
    }
    for word in ["pub ", "const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    // A function on one line has no length.
    (!line.trim_end().ends_with('}')).then(|| name.split(['(', '<']).next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> Source {
        Source { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    fn what(recorded: &str, sources: &[Source]) -> Vec<String> {
        check(recorded, sources).into_iter().map(|f| format!("{}: {}", f.place, f.what)).collect()
    }

    #[test]
    fn a_long_file_is_told_unless_recorded_and_the_record_only_shrinks() {
        let long = [file("crates/a/src/b.rs", 450)];
        assert_eq!(what("", &long), ["crates/a/src/b.rs: has 450 lines, more than 400: ask what the second noun is"]);
        assert!(what("# why\ncrates/a/src/b.rs 450\n", &long).is_empty());
        assert!(what("crates/a/src/b.rs 449\n", &long)[0].contains("has grown from 449 lines to 450"));
        assert!(what("crates/a/src/b.rs 460\n", &long)[0].contains("has become shorter"));
        assert!(what("crates/a/src/gone.rs 460\n", &[])[0].contains("has become shorter"));
        assert_eq!(
            tightened("# why\ncrates/a/src/b.rs 460\ncrates/gone.rs 500\n", &long),
            "# why\ncrates/a/src/b.rs 450\n"
        );
    }

    #[test]
    fn tests_do_not_count() {
        let text = format!("{}#[cfg(test)]\n{}", "x\n".repeat(300), "y\n".repeat(300));
        let sources = [
            Source { path: "crates/a/src/b.rs".to_owned(), text },
            file("crates/a/src/b/tests.rs", 900),
            file("crates/a/tests/c.rs", 900),
        ];
        assert!(what("", &sources).is_empty());
    }

    #[test]
    fn a_long_function_is_told_by_name() {
        let body = "        work();\n".repeat(80);
        let text = format!(
            "impl A {{\n    pub(crate) async fn long_one<T>(&self) -> T {{\n{body}    }}\n\n    fn short(&self) {{}}\n}}\n"
        );
        let faults = what("", &[Source { path: "crates/a/src/b.rs".to_owned(), text }]);
        assert_eq!(faults, ["crates/a/src/b.rs::long_one: has 82 lines, more than 70: ask what the second noun is"]);
    }
}
