//! The rules files of a command line, and the files that stand beside them.

use clap::Args;
use phitak_engine::{Companions, RuleFile};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// A larger file is no rules file, and no list that stands beside one.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;
/// Most rules files of one folder.
const FOLDER_FILES_MAX: usize = 4096;
/// Most bytes of all rules files together.
const FILES_BYTES_MAX: u64 = 1 << 30;

/// Which files say what rules mean, and where their parsed form is kept. Shared by all commands that load rules.
#[derive(Clone, Debug, Default, Args)]
pub struct RuleSettings {
    /// Classes of rules, their texts and priorities, in the form of Suricata's classification.config
    #[arg(long, value_name = "FILE")]
    pub classification: Option<PathBuf>,
    /// Where kinds of references lead, in the form of Suricata's reference.config
    #[arg(long, value_name = "FILE")]
    pub reference_config: Option<PathBuf>,
    /// Suppressions and thresholds, in the form of Suricata's threshold.config
    #[arg(long, value_name = "FILE")]
    pub threshold_file: Option<PathBuf>,
    /// Categories of iprep, in Suricata's form
    #[arg(long, value_name = "FILE", requires = "iprep")]
    pub iprep_categories: Option<PathBuf>,
    /// Reputations of addresses, in Suricata's form; may be given several times
    #[arg(long, value_name = "FILE", requires = "iprep_categories")]
    pub iprep: Vec<PathBuf>,
    /// Where parsed rules are kept for the next start [default: phitak/rules in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub rules_cache: Option<PathBuf>,
    /// Parse the rules anew, and keep nothing
    #[arg(long, conflicts_with = "rules_cache")]
    pub no_rules_cache: bool,
}

/// A rules file as bytes: text is made of it only where it must be parsed.
pub(crate) struct RawFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

impl RawFile {
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Rules are ASCII for the most part; a message in another encoding must not cost the whole file. A pattern with a byte
    /// that is not UTF-8 is refused by its parser.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl RuleSettings {
    /// Takes a setting that Suricata's configuration has, when it is one of these files.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        let slot = match name {
            "classification-file" => &mut self.classification,
            "reference-config-file" => &mut self.reference_config,
            "threshold-file" => &mut self.threshold_file,
            "reputation-categories-file" => &mut self.iprep_categories,
            _ if name == "reputation-files" || name.starts_with("reputation-files.") => {
                self.iprep.push(PathBuf::from(value.trim()));
                return true;
            }
            _ => return false,
        };
        *slot = Some(PathBuf::from(value.trim()));
        true
    }

    /// # Errors
    /// The file that cannot be read, and why.
    pub fn companions(&self) -> Result<Companions, String> {
        let read = |path: &Option<PathBuf>| match path {
            Some(path) => {
                raw_file(path).map(|file| Some(RuleFile { name: file.name(), text: file.text().into_owned() }))
            }
            None => Ok(None),
        };
        let mut reputations = Vec::with_capacity(self.iprep.len());
        for path in &self.iprep {
            let file = raw_file(path)?;
            reputations.push(RuleFile { name: file.name(), text: file.text().into_owned() });
        }
        Ok(Companions {
            classification: read(&self.classification)?,
            references: read(&self.reference_config)?,
            thresholds: read(&self.threshold_file)?,
            reputation_categories: read(&self.iprep_categories)?,
            reputations,
        })
    }
}

/// The files, and of folders each `.rules` file by name.
///
/// # Errors
/// The file that cannot be read, and why.
pub(crate) fn rule_files(paths: &[PathBuf]) -> Result<Vec<RawFile>, String> {
    read_within(&rule_paths(paths)?, FILES_BYTES_MAX)
}

fn read_within(paths: &[PathBuf], bytes_max: u64) -> Result<Vec<RawFile>, String> {
    let mut files: Vec<RawFile> = Vec::with_capacity(paths.len());
    let mut left = bytes_max;
    for path in paths {
        let file = raw_file(path)?;
        left = left.checked_sub(file.bytes.len() as u64).ok_or_else(|| {
            format!(
                "rules {} are not read: all rules files together have more than {} MiB",
                file.name(),
                bytes_max >> 20
            )
        })?;
        files.push(file);
    }
    Ok(files)
}

/// Where those files are.
///
/// # Errors
/// The folder that cannot be read or holds no rules, and why.
pub(crate) fn rule_paths(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let mut inside = inside(path).map_err(|error| unreadable(path, &error))?;
        inside.sort();
        if inside.is_empty() {
            return Err(format!("the folder {} holds no .rules file", path.display()));
        }
        found.append(&mut inside);
    }
    Ok(found)
}

fn inside(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut inside = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rules") {
            if inside.len() == FOLDER_FILES_MAX {
                return Err(io::Error::other(format!("the folder holds more than {FOLDER_FILES_MAX} rules files")));
            }
            inside.push(path);
        }
    }
    Ok(inside)
}

fn raw_file(path: &Path) -> Result<RawFile, String> {
    let bytes = read_up_to(path, FILE_BYTES_MAX).map_err(|error| unreadable(path, &error))?;
    Ok(RawFile { path: path.to_owned(), bytes })
}

/// The whole of a file that is not larger than allowed, whatever its size was said to be: pipes and devices have none.
///
/// # Errors
/// When it cannot be read, or is larger.
pub(crate) fn read_up_to(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let told = file.metadata().map_or(0, |meta| meta.len()).min(bytes_max);
    let mut bytes = Vec::with_capacity(usize::try_from(told).unwrap_or(0));
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("it has more than {} MiB", bytes_max >> 20)));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_rules_files_by_name() {
        let folder = tempfile::tempdir().expect("folder");
        let place = |name: &str| folder.path().join(name);
        for name in ["b.rules", "a.rules", "a.toml"] {
            fs::write(place(name), name).expect("written");
        }
        let alone = place("a.toml");
        let files = rule_files(&[folder.path().to_owned(), alone.clone()]).expect("readable");
        let read: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        assert_eq!(read, [place("a.rules"), place("b.rules"), alone]);
        let empty = tempfile::tempdir().expect("folder");
        assert!(rule_files(&[empty.path().to_owned()]).err().is_some_and(|why| why.contains("no .rules file")));
    }

    #[test]
    fn more_than_is_allowed_is_refused_whatever_the_size_was_said_to_be() {
        let folder = tempfile::tempdir().expect("folder");
        let paths = [folder.path().join("a.rules"), folder.path().join("b.rules")];
        for path in &paths {
            fs::write(path, [b' '; 100]).expect("written");
        }
        assert_eq!(read_up_to(&paths[0], 100).expect("readable").len(), 100);
        assert!(read_up_to(&paths[0], 99).is_err());
        // A device tells no size, and has no end.
        assert!(read_up_to(Path::new("/dev/zero"), 1 << 20).is_err_and(|why| why.to_string().contains("1 MiB")));
        assert_eq!(read_within(&paths, 200).expect("readable").len(), 2);
        assert!(read_within(&paths, 199).err().is_some_and(|why| why.contains("b.rules")));
    }
}
