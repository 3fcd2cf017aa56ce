//! The layer table of ARCHITECTURE.md against what `cargo metadata` says: the drawing is the check.

use super::Fault;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

const DRAWING: &str = "ARCHITECTURE.md";

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    layer: String,
    may_import: Imports,
}

#[derive(Debug, PartialEq, Eq)]
enum Imports {
    All,
    Only(BTreeSet<String>),
}

/// Every crate has a row, every row a crate, and no crate imports more than its row says. Normal and build
/// dependencies count; test-only ones are free, because they are in no program.
pub fn check(drawing: &str, metadata: &serde_json::Value) -> Vec<Fault> {
    let rows = rows(drawing);
    let mut faults = Vec::new();
    if rows.is_empty() {
        faults.push(Fault::new(DRAWING, "has no table with the columns layer, crate, purpose, may import"));
    }
    let packages = packages(metadata);
    for (name, imports) in &packages {
        let Some(row) = rows.get(name) else {
            faults.push(Fault::new(DRAWING, format!("has no row for the crate {name}")));
            continue;
        };
        let Imports::Only(allowed) = &row.may_import else { continue };
        for import in imports.difference(allowed) {
            let what = format!("imports {import}, which its row in {DRAWING} does not allow");
            faults.push(Fault::new(format!("crates/{name}/Cargo.toml"), what));
        }
    }
    for (name, row) in &rows {
        if !packages.contains_key(name) {
            faults.push(Fault::new(DRAWING, format!("draws the crate {name}, which does not exist")));
        }
        if let Imports::Only(allowed) = &row.may_import {
            for unknown in allowed.iter().filter(|import| !rows.contains_key(*import)) {
                faults.push(Fault::new(DRAWING, format!("lets {name} import {unknown}, which has no row")));
            }
        }
    }
    faults
}

/// Pure crates carry the strict list of clippy bans: a link to the one of `model`.
pub fn check_pure_lints(root: &Path, drawing: &str) -> Vec<Fault> {
    let strict = std::fs::read(root.join("crates/model/clippy.toml")).ok();
    let rows = rows(drawing);
    let pure = rows.iter().filter(|(_, row)| row.layer == "pure" || row.layer == "words");
    pure.filter(|(name, _)| {
        let own = std::fs::read(root.join(format!("crates/{name}/clippy.toml"))).ok();
        own.is_none() || own != strict
    })
    .map(|(name, _)| Fault::new(format!("crates/{name}"), "needs clippy.toml as a link to ../model/clippy.toml"))
    .collect()
}

/// The rows of every table whose header has our columns; an empty layer means the one above.
fn rows(drawing: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    let mut inside = false;
    let mut layer = String::new();
    for line in drawing.lines() {
        let Some(cells) = cells(line) else {
            inside = false;
            continue;
        };
        let [first, name, _, imports] = cells.as_slice() else { continue };
        if (*first, *name) == ("layer", "crate") {
            inside = true;
            continue;
        }
        if !inside || name.starts_with('-') {
            continue;
        }
        if !first.is_empty() {
            layer = (*first).to_owned();
        }
        let may_import = match *imports {
            "all" => Imports::All,
            "–" | "-" | "" => Imports::Only(BTreeSet::new()),
            list => Imports::Only(list.split(',').map(|import| import.trim().replace('`', "")).collect()),
        };
        rows.insert(name.replace('`', ""), Row { layer: layer.clone(), may_import });
    }
    rows
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// Crates of the workspace by their short names, each with the workspace crates that it links.
fn packages(metadata: &serde_json::Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut packages = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let imports = dependencies
            .filter(|dependency| dependency["kind"].as_str() != Some("dev") && dependency["path"].is_string())
            .filter_map(|dependency| dependency["name"].as_str())
            .map(short)
            .collect();
        packages.insert(short(package["name"].as_str().unwrap_or_default()), imports);
    }
    packages
}

fn short(package: &str) -> String {
    package.strip_prefix("phitak-").unwrap_or(package).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;
    use std::fs;

    const DRAWN: &str = "\
words before
| layer | crate | purpose | may import |
|---|---|---|---|
| words | `model` | words | – |
| pure | `packet` | bytes | model |
| | `engine` | one worker | model, packet |
| world | `sim` | everything | all |

| another | table |
|---|---|
| of | two |
";

    fn metadata(edges: &[(&str, &[(&str, Option<&str>)])]) -> serde_json::Value {
        let packages = edges.iter().map(|(name, imports)| {
            let dependencies = imports
                .iter()
                .map(|(import, kind)| serde_json::json!({ "name": import, "kind": kind, "path": "/somewhere" }));
            serde_json::json!({ "name": name, "dependencies": dependencies.collect::<Vec<_>>() })
        });
        serde_json::json!({ "packages": packages.collect::<Vec<_>>() })
    }

    #[track_caller]
    fn check_edges(edges: &[(&str, &[(&str, Option<&str>)])], expected: &[&str]) {
        let faults: Vec<String> = check(DRAWN, &metadata(edges)).into_iter().map(|fault| fault.what).collect();
        assert_eq!(faults, expected);
    }

    #[test]
    fn what_the_table_allows_passes() {
        check_edges(
            &[
                ("phitak-model", &[]),
                ("phitak-packet", &[("phitak-model", None), ("phitak-sim", Some("dev"))]),
                ("phitak-engine", &[("phitak-model", None), ("phitak-packet", None)]),
                ("phitak-sim", &[("phitak-engine", None)]),
            ],
            &[],
        );
    }

    #[test]
    fn a_forbidden_edge_an_undrawn_crate_and_a_missing_crate_are_told() {
        check_edges(
            &[
                ("phitak-model", &[("phitak-packet", None)]),
                ("phitak-packet", &[("phitak-engine", Some("build"))]),
                ("phitak-extra", &[]),
                ("phitak-sim", &[]),
            ],
            &[
                "has no row for the crate extra",
                "imports packet, which its row in ARCHITECTURE.md does not allow",
                "imports engine, which its row in ARCHITECTURE.md does not allow",
                "draws the crate engine, which does not exist",
            ],
        );
    }

    #[test]
    fn a_drawing_without_the_table_is_a_fault() {
        assert!(check("no table", &metadata(&[])).iter().any(|fault| fault.what.starts_with("has no table")));
    }

    /// A copy of this workspace's manifests with empty crates, so that an edge can be added without touching the real one.
    fn copy_of_the_manifests() -> tempfile::TempDir {
        let root = crate::root();
        let copy = tempfile::tempdir().expect("a folder");
        let place = |path: &str| copy.path().join(path);
        fs::copy(root.join("Cargo.toml"), place("Cargo.toml")).expect("the root manifest");
        for entry in fs::read_dir(root.join("crates")).expect("crates").flatten() {
            let name = entry.file_name().into_string().expect("UTF-8");
            let manifest = entry.path().join("Cargo.toml");
            if !manifest.exists() {
                continue;
            }
            fs::create_dir_all(place(&format!("crates/{name}/src"))).expect("a folder");
            fs::copy(manifest, place(&format!("crates/{name}/Cargo.toml"))).expect("a manifest");
            for file in ["lib.rs", "main.rs"] {
                if entry.path().join("src").join(file).exists() {
                    fs::write(place(&format!("crates/{name}/src/{file}")), "").expect("an empty file");
                }
            }
        }
        copy
    }

    #[test]
    fn adding_a_forbidden_edge_to_this_workspace_is_caught() {
        let drawing = fs::read_to_string(crate::root().join(DRAWING)).expect("the drawing");
        let copy = copy_of_the_manifests();
        let before = check(&drawing, &process::metadata(copy.path(), false).expect("metadata"));
        let manifest = copy.path().join("crates/packet/Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a manifest");
        let edged = text.replace("[dependencies]\n", "[dependencies]\nphitak-store.workspace = true\n");
        assert_ne!(edged, text);
        fs::write(&manifest, edged).expect("the manifest");
        let after = check(&drawing, &process::metadata(copy.path(), false).expect("metadata"));
        let new: Vec<&Fault> = after.iter().filter(|fault| !before.contains(fault)).collect();
        let what = "imports store, which its row in ARCHITECTURE.md does not allow";
        assert_eq!(new, [&Fault::new("crates/packet/Cargo.toml", what)]);
    }
}
