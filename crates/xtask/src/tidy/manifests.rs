//! Each outside dependency stands once, in the root manifest, with its reason; crates take it from there.

use super::Fault;
use crate::source::Source;

pub fn check(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with("Cargo.toml")) {
        for (number, section, line) in entries(&source.text) {
            let name = line.split(['=', '.']).next().unwrap_or_default().trim();
            let place = format!("{}:{number}", source.path);
            if section == "workspace.dependencies" {
                let own = line.contains("path = \"crates/");
                let reason = line.rsplit_once('#').is_some_and(|(_, reason)| reason.trim().len() >= 5);
                if !own && !reason {
                    faults.push(Fault::new(place, format!("{name} needs its reason in a comment on its line")));
                }
            } else if section.ends_with("dependencies") && !line.contains("workspace = true") {
                faults.push(Fault::new(place, format!("{name} must come from the workspace's dependencies")));
            }
        }
    }
    faults
}

/// Lines that set something: number, section, line.
fn entries(manifest: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut section = "";
    manifest.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            return None;
        }
        (!line.is_empty() && !line.starts_with('#') && line.contains('=')).then_some((index + 1, section, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_and_one_past_the_workspace_are_told() {
        let manifest = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let sources = [
            manifest(
                "Cargo.toml",
                "[workspace.dependencies]\nphitak-model = { path = \"crates/model\" }\nmemchr = \"2\" # finds bytes\nnom = \"7\"\n",
            ),
            manifest(
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nmemchr.workspace = true\nnom = \"7\"\n[dev-dependencies]\nproptest = { workspace = true }\n",
            ),
        ];
        let faults: Vec<String> = check(&sources).into_iter().map(|f| format!("{}: {}", f.place, f.what)).collect();
        assert_eq!(
            faults,
            [
                "Cargo.toml:4: nom needs its reason in a comment on its line",
                "crates/a/Cargo.toml:5: nom must come from the workspace's dependencies"
            ]
        );
    }
}
