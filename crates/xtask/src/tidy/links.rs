//! Links lead somewhere: a relative one in Markdown to a file that exists, a symbolic one to another file of the repository.

use super::Fault;
use crate::source::Source;
use std::path::{Path, PathBuf};

pub fn check(root: &Path, sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.extension() == "md") {
        let folder = root.join(&source.path).parent().map(Path::to_path_buf).unwrap_or_default();
        for (number, target) in links(&source.text) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !outside && !file.is_empty() && !folder.join(file).exists() {
                faults.push(Fault::new(
                    format!("{}:{number}", source.path),
                    format!("leads to {file}, which does not exist"),
                ));
            }
        }
    }
    faults
}

/// A symbolic link out of the repository leads nowhere on another machine.
pub fn check_symlinks(root: &Path, symlinks: &[(String, PathBuf)]) -> Vec<Fault> {
    let stays = |(path, _): &&(String, PathBuf)| {
        let real = |path: &Path| path.canonicalize().ok();
        real(&root.join(path)).zip(real(root)).is_some_and(|(target, root)| target.starts_with(root))
    };
    let faults = symlinks.iter().filter(|link| link.1.is_absolute() || !stays(link));
    faults.map(|(path, target)| Fault::new(path, format!("is a link to {}", target.display()))).collect()
}

/// Targets of `[words](target)` and `![words](target)` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Code spans are the odd pieces between backticks.
        for piece in line.split('`').step_by(2) {
            let targets = piece.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            found.extend(targets.map(|target| (index + 1, target.split(' ').next().unwrap_or_default())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code_and_their_titles_left_off() {
        let text = "see [a](docs/a.md) and ![b](b.png \"B\") `[c](c)`\n```\n[d](d)\n```\n[e](#here) [f](https://f)";
        assert_eq!(links(text), [(1, "docs/a.md"), (1, "b.png"), (5, "#here"), (5, "https://f")]);
    }

    #[test]
    fn a_link_to_nowhere_is_told_and_one_to_a_heading_or_a_site_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("here.md"), "").expect("a file");
        let text = "[a](here.md#part) [b](#part) [c](https://example.org) [d](gone.md)".to_owned();
        let faults = check(folder.path(), &[Source { path: "README.md".to_owned(), text }]);
        assert_eq!(faults, [Fault::new("README.md:1", "leads to gone.md, which does not exist")]);
    }

    #[test]
    fn a_symbolic_link_out_of_the_repository_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("here"), "").expect("a file");
        let links = [("good", "here"), ("gone", "nowhere"), ("out", ".."), ("far", "/tmp")];
        let links = links.map(|(name, target)| {
            std::os::unix::fs::symlink(target, folder.path().join(name)).expect("a link");
            (name.to_owned(), PathBuf::from(target))
        });
        let told: Vec<String> = check_symlinks(folder.path(), &links).into_iter().map(|fault| fault.place).collect();
        assert_eq!(told, ["gone", "out", "far"]);
    }
}
