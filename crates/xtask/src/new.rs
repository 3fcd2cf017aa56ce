//! A new protocol or weakness begins as a copy of one that works.

use anyhow::{Context, Result};
use clap::ValueEnum;
use std::{fs, path::Path};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Protocol,
    Weakness,
}

/// Where a kind lives, what is copied (the first that exists), and the line that registers it.
struct Shape {
    folder: &'static str,
    examples: &'static [&'static str],
    registry: &'static str,
}

impl Kind {
    fn shape(self) -> Shape {
        match self {
            Self::Protocol => Shape {
                folder: "crates/protocols/src",
                examples: &["telnet", "ftp", "ssh", "smtp", "dhcp", "smb"],
                registry: "crates/protocols/src/registry.rs",
            },
            Self::Weakness => Shape {
                folder: "crates/assets/src/weaknesses",
                examples: &["telnet_login"],
                registry: "crates/assets/src/weaknesses.rs",
            },
        }
    }

    fn line(self, name: &str) -> String {
        let constant = name.to_ascii_uppercase();
        match self {
            Self::Protocol => format!("&crate::{name}::{constant},"),
            Self::Weakness => format!("&{name}::{constant},"),
        }
    }
}

/// Copies the example under the new name and says what is left to do.
///
/// # Errors
/// When the name is no module name or taken, or there is no example to copy.
pub fn new(root: &Path, kind: Kind, name: &str) -> Result<()> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    anyhow::ensure!(
        plain && name.starts_with(|c: char| c.is_ascii_lowercase()),
        "{name:?} is no module name: use lower case and _"
    );
    let shape = kind.shape();
    let folder = root.join(shape.folder);
    let target = folder.join(format!("{name}.rs"));
    anyhow::ensure!(!target.exists() && !folder.join(name).exists(), "{name} exists already");
    let found = shape.examples.iter().find_map(|example| {
        let text = fs::read_to_string(folder.join(format!("{example}.rs"))).ok()?;
        Some((*example, text))
    });
    let (example, text) =
        found.with_context(|| format!("none of {:?} stands in {} as one file", shape.examples, shape.folder))?;
    fs::write(&target, renamed(&text, example, name))?;
    println!("{}/{name}.rs is a copy of {example}.rs under the new name. What is left:", shape.folder);
    println!("  1. change it until it says what {name} is");
    println!("  2. add `mod {name};` and, in the order of names, this line to {}:", shape.registry);
    println!("         {}", kind.line(name));
    println!("  3. cargo test --release -p phitak-protocols: the law tests walk the registry, so they cover it now");
    Ok(())
}

/// The example's name in its three spellings gives way to the new one.
fn renamed(text: &str, example: &str, name: &str) -> String {
    text.replace(&example.to_ascii_uppercase(), &name.to_ascii_uppercase())
        .replace(&camel(example), &camel(name))
        .replace(example, name)
}

fn camel(name: &str) -> String {
    name.split('_').fold(String::new(), |mut out, word| {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_weakness_is_a_renamed_copy_and_an_old_one_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join(Kind::Weakness.shape().folder);
        fs::create_dir_all(&place).expect("a folder");
        let example = "static TELNET_LOGIN: W = W { id: \"telnet_login\" }; struct TelnetLogin;";
        fs::write(place.join("telnet_login.rs"), example).expect("an example");
        new(folder.path(), Kind::Weakness, "vnc_open").expect("a copy");
        let copied = fs::read_to_string(place.join("vnc_open.rs")).expect("the copy");
        assert_eq!(copied, "static VNC_OPEN: W = W { id: \"vnc_open\" }; struct VncOpen;");
        assert!(new(folder.path(), Kind::Weakness, "vnc_open").is_err());
        assert!(new(folder.path(), Kind::Weakness, "../evil").is_err());
        assert_eq!(Kind::Weakness.line("vnc_open"), "&vnc_open::VNC_OPEN,");
    }

    #[test]
    fn the_examples_stand_in_this_repository() {
        let shape = Kind::Weakness.shape();
        let folder = crate::root().join(shape.folder);
        assert!(shape.examples.iter().any(|example| folder.join(format!("{example}.rs")).exists()));
    }
}
