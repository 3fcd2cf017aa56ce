//! The files that rules name: the values of data sets.

use super::files::{FILE_BYTES_MAX, read_up_to};
use phitak_engine::Parsed;
use phitak_rules::Test;
use std::{collections::BTreeMap, io, path::Path};

/// Most bytes of all of them together.
const FILES_BYTES_MAX: u64 = 1 << 30;

/// The files in `load` and `state` of data sets, looked for beside the rules file that names them. One that is not there
/// is told with the rule; one that is too large, or cannot be read, in the notes as well.
pub(crate) fn attachments(parsed: &Parsed, notes: &mut Vec<String>) -> BTreeMap<String, Vec<u8>> {
    read_within(parsed, FILES_BYTES_MAX, notes)
}

fn read_within(parsed: &Parsed, bytes_max: u64, notes: &mut Vec<String>) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = bytes_max;
    for rule in &parsed.rules {
        for test in rule.sections.iter().flat_map(|section| &section.tests) {
            let name = match &test.value {
                Test::Dataset(set) => set.load.as_ref(),
                Test::DataReputation(set) => set.load.as_ref(),
                _ => None,
            };
            let Some(name) = name.filter(|name| !found.contains_key(*name)) else { continue };
            let folder = Path::new(&*rule.file).parent().unwrap_or(Path::new("."));
            let place = folder.join(name);
            if !place.is_file() {
                continue;
            }
            match read_up_to(&place, FILE_BYTES_MAX.min(left)) {
                Ok(bytes) => {
                    left = left.saturating_sub(bytes.len() as u64);
                    found.insert(name.clone(), bytes);
                }
                Err(error) => note(&place, &error, notes),
            }
        }
    }
    found
}

fn note(place: &Path, error: &io::Error, notes: &mut Vec<String>) {
    let text = format!("the list {} is not read: {error}", place.display());
    if !notes.contains(&text) {
        notes.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phitak_engine::{Companions, Config, Loader};
    use phitak_rules::pieces;
    use std::fs;

    #[test]
    fn lists_are_read_up_to_their_common_limit_and_what_is_left_out_is_told() {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["a.lst", "b.lst"] {
            fs::write(folder.path().join(name), [b'\n'; 100]).expect("written");
        }
        let rule = |name: &str, sid: u32| {
            format!(
                "alert dns any any -> any any (dns.query; dataset:isset,{name},type string,load {name}.lst; sid:{sid};)\n"
            )
        };
        let text = rule("a", 1) + &rule("b", 2) + &rule("a", 3) + &rule("c", 4);
        let loader = Loader::new(&Config::default(), Companions::default());
        let file = folder.path().join("x.rules");
        let parsed = loader.parse(&file.display().to_string(), pieces(&text, 1)[0]);
        let mut notes = Vec::new();
        assert_eq!(read_within(&parsed, 200, &mut notes).len(), 2);
        assert!(notes.is_empty(), "{notes:?}");
        let found = read_within(&parsed, 150, &mut notes);
        assert!(found.contains_key("a.lst") && found.len() == 1, "{found:?}");
        assert!(matches!(notes.as_slice(), [note] if note.contains("b.lst")), "{notes:?}");
    }
}
