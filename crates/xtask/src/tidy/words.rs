//! Names and words that do not belong here.

use super::Fault;
use crate::source::Source;

/// A file is named after its noun; these are not nouns of anything.
const NAMES_BANNED: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "manager", "misc", "stuff"];

/// Paths of somebody's machine. Written in halves, so that this file may stand.
const PLACES_BANNED: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/.cargo"), concat!("/Use", "rs/")];

/// Files beside the repository are read by these only.
const OUTSIDE: &str = concat!("../sha", "red");
const OUTSIDE_READERS: [&str; 4] =
    ["crates/xtask/src/bench/engine.rs", "crates/xtask/src/conformance.rs", ".ci/run", "conformance.toml"];

/// Puts a hostile host name into the page as markup.
const RAW_MARKUP: &str = concat!("{@", "html");

pub fn check(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        faults.extend(banned_name(&source.path).map(|name| {
            Fault::new(&source.path, format!("no file or folder is called {name}: put it where its noun lives"))
        }));
        for (index, line) in source.text.lines().enumerate() {
            let place = || format!("{}:{}", source.path, index + 1);
            for banned in PLACES_BANNED.iter().filter(|banned| line.contains(**banned)) {
                faults.push(Fault::new(place(), format!("{banned} is a path of somebody's machine")));
            }
            if line.contains(OUTSIDE) && !OUTSIDE_READERS.contains(&source.path.as_str()) {
                faults.push(Fault::new(place(), format!("{OUTSIDE} is not part of the repository")));
            }
            if source.extension() == "svelte" && line.contains(RAW_MARKUP) {
                faults.push(Fault::new(place(), format!("{RAW_MARKUP} would run what a hostile host calls itself")));
            }
        }
    }
    faults
}

fn banned_name(path: &str) -> Option<&str> {
    let ours = path.starts_with("crates/") || path.starts_with("ui/src/") || path.starts_with("scripts/");
    path.split('/')
        .filter(|_| ours)
        .map(|part| part.split('.').next().unwrap_or(part))
        .find(|stem| NAMES_BANNED.contains(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        check(&[source]).into_iter().map(|fault| fault.place).collect()
    }

    #[test]
    fn empty_names_are_refused_and_nouns_pass() {
        assert_eq!(faults("crates/packet/src/utils.rs", "").len(), 1);
        assert_eq!(faults("ui/src/lib/helpers.ts", "").len(), 1);
        assert_eq!(faults("crates/common/Cargo.toml", "").len(), 1);
        assert!(faults("crates/packet/src/frame.rs", "").is_empty());
        assert!(faults("ui/package.json", "").is_empty());
    }

    #[test]
    fn machine_paths_outside_files_and_raw_markup_are_told_with_their_line() {
        assert_eq!(faults("crates/a/src/b.rs", &format!("ok\n// see {}x", PLACES_BANNED[0])), ["crates/a/src/b.rs:2"]);
        assert_eq!(faults("README.md", OUTSIDE), ["README.md:1"]);
        assert!(faults(".ci/run", OUTSIDE).is_empty());
        assert_eq!(faults("ui/src/A.svelte", &format!("<p>{RAW_MARKUP} name}}</p>")), ["ui/src/A.svelte:1"]);
    }
}
