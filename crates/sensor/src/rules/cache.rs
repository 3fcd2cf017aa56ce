//! Parsed rules kept for the next start. One file for each list of rules files, in a folder that only its owner reads.
//!
//! The file begins with the key: a hash of the engine's build, the settings and the content of every file that decides
//! what parsing gives. Files of data sets, thresholds and reputations are not among them: they are read anew each time. A file with
//! another key is of another time and is overwritten; one that is damaged, or that others may have written, is told.

use super::files::{RawFile, RuleSettings};
use phitak_engine::{Companions, Config, Parsed};
use sha2::{Digest, Sha256};
use std::{
    env,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

const MAGIC: &[u8; 8] = b"PHTKRULE";
/// Changes with the form of this file; the form of the rules in it changes with the build.
const FORMAT: u8 = 1;
/// A larger file is not one of ours.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Most files in the folder: the oldest goes first.
const FILES_MAX: usize = 16;
const HASH_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const HEAD_BYTES: usize = MAGIC.len() + HASH_BYTES + CHECKSUM_BYTES;
const SUFFIX: &str = "phitak-rules";

type Hash = [u8; HASH_BYTES];

pub(crate) struct Cache {
    folder: PathBuf,
    file: PathBuf,
    key: Hash,
}

/// What the cache holds for these rules.
pub(crate) enum Held {
    Rules(Box<Parsed>),
    Nothing,
    /// Something that must not be used, and why.
    Unusable(String),
}

impl Cache {
    /// `None` when no cache is wanted, or no folder for it is known.
    pub fn open(settings: &RuleSettings, files: &[RawFile], config: &Config, companions: &Companions) -> Option<Self> {
        if settings.no_rules_cache {
            return None;
        }
        let folder = settings.rules_cache.clone().or_else(default_folder)?;
        let mut names = Sha256::new();
        for file in files {
            part(
                &mut names,
                fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone()).as_os_str().as_encoded_bytes(),
            );
        }
        let mut key = Sha256::new();
        part(&mut key, &[FORMAT]);
        part(&mut key, build().as_bytes());
        part(
            &mut key,
            format!("{:?}", (&config.variables, &companions.classification, &companions.references)).as_bytes(),
        );
        for file in files {
            // Diagnostics and records say the name as it was written.
            part(&mut key, file.path.as_os_str().as_encoded_bytes());
            part(&mut key, &file.bytes);
        }
        let slot: String = names.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let file = folder.join(format!("{slot}.{SUFFIX}"));
        Some(Self { folder, file, key: key.finalize().into() })
    }

    pub fn read(&self) -> Held {
        match self.bytes() {
            Ok(Some(bytes)) => self.parsed(&bytes),
            Ok(None) => Held::Nothing,
            Err(why) => Held::Unusable(why),
        }
    }

    /// The file's bytes, when it is there and ours alone.
    fn bytes(&self) -> Result<Option<Vec<u8>>, String> {
        let told = |why: String| format!("{}: {why}", self.file.display());
        let about = match fs::symlink_metadata(&self.file) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(told(error.to_string())),
        };
        if !about.is_file() {
            return Err(told("it is not a plain file".into()));
        }
        let ours = fs::metadata("/proc/self").map_or(about.uid(), |own| own.uid());
        if about.uid() != ours || about.mode() & 0o022 != 0 {
            return Err(told("others may have written it".into()));
        }
        if about.len() > FILE_BYTES_MAX {
            return Err(told(format!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        let file = fs::File::open(&self.file).map_err(|error| told(error.to_string()))?;
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
        // It may have grown since it was looked at.
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| told(error.to_string()))?;
        Ok(Some(bytes))
    }

    fn parsed(&self, bytes: &[u8]) -> Held {
        let damaged = |why: &str| Held::Unusable(format!("{}: {why}", self.file.display()));
        let Some((head, payload)) = bytes.split_at_checked(HEAD_BYTES) else {
            return damaged("it is cut short");
        };
        let Some(rest) = head.strip_prefix(MAGIC) else { return damaged("it is not a rules cache") };
        let Some((key, checksum)) = rest.split_at_checked(HASH_BYTES) else { return damaged("it is cut short") };
        if key != self.key {
            return Held::Nothing;
        }
        if checksum != self.checksum(payload) {
            return damaged("it is damaged");
        }
        match phitak_rules::unpack(payload) {
            Ok(parsed) => Held::Rules(Box::new(parsed)),
            Err(error) => damaged(&error.to_string()),
        }
    }

    /// Writes beside the file and then puts the new one in its place, so that nobody reads half of it.
    ///
    /// # Errors
    /// Why the file cannot be written.
    pub fn write(&self, parsed: &Parsed) -> Result<(), String> {
        let payload = phitak_rules::pack(parsed);
        let told = |error: io::Error| format!("{}: {error}", self.folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(told)?;
        let temporary = self.folder.join(format!(".{}.{}", std::process::id(), SUFFIX));
        let written = self.write_to(&temporary, &payload).and_then(|()| fs::rename(&temporary, &self.file));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(told)?;
        self.make_room();
        Ok(())
    }

    fn write_to(&self, path: &Path, payload: &[u8]) -> io::Result<()> {
        let _ = fs::remove_file(path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(MAGIC)?;
        file.write_all(&self.key)?;
        file.write_all(&self.checksum(payload))?;
        file.write_all(payload)
    }

    /// Against damage, not against intent: what others may have written is not read at all.
    fn checksum(&self, payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.key);
        hasher.update(payload);
        hasher.finalize().to_le_bytes()
    }

    /// Takes the oldest files out, as far as there are too many. A file that stays for a reason harms nobody.
    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == SUFFIX))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort();
        let surplus = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.into_iter().take(surplus).filter(|(_, path)| *path != self.file) {
            let _ = fs::remove_file(path);
        }
    }
}

fn default_folder() -> Option<PathBuf> {
    let from = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("phitak").join("rules"))
}

/// This build of the program: its version, and the size and time of its file.
fn build() -> String {
    let about = env::current_exe().and_then(fs::metadata);
    let file = about.map(|about| (about.len(), about.mtime(), about.mtime_nsec())).ok();
    format!("{} {file:?}", env!("CARGO_PKG_VERSION"))
}

/// Lengths go in too, so that no two lists of parts look the same.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const RULES: &str = "alert tcp any any -> $HOME_NET any (content:\"abc\"; sid:1;)\nbad\n";

    fn settings(folder: &Path) -> RuleSettings {
        RuleSettings { rules_cache: Some(folder.join("deep").join("cache")), ..RuleSettings::default() }
    }

    fn cache(folder: &Path, text: &str, config: &Config) -> Cache {
        let files = [RawFile { path: folder.join("a.rules"), bytes: text.into() }];
        Cache::open(&settings(folder), &files, config, &Companions::default()).expect("a folder is given")
    }

    fn parsed() -> Parsed {
        phitak_rules::parse("a.rules", RULES, &phitak_rules::Context::default())
    }

    #[test]
    fn what_was_written_comes_back_until_something_changes() {
        let folder = tempfile::tempdir().expect("folder");
        let config = Config::default();
        let first = cache(folder.path(), RULES, &config);
        assert!(matches!(first.read(), Held::Nothing));
        first.write(&parsed()).expect("written");
        let Held::Rules(read) = cache(folder.path(), RULES, &config).read() else { panic!("it is there") };
        assert_eq!(format!("{read:?}"), format!("{:?}", parsed()));
        assert_eq!(fs::metadata(&first.file).expect("file").mode() & 0o777, 0o600);
        assert!(matches!(cache(folder.path(), &RULES.replace("abc", "abd"), &config).read(), Held::Nothing));
        let mut other = Config::default();
        other.variables.insert("HOME_NET".into(), "10.0.0.0/8".into());
        assert!(matches!(cache(folder.path(), RULES, &other).read(), Held::Nothing));
    }

    #[test]
    fn damaged_and_foreign_files_are_not_used() {
        let folder = tempfile::tempdir().expect("folder");
        let cache = cache(folder.path(), RULES, &Config::default());
        cache.write(&parsed()).expect("written");
        let whole = fs::read(&cache.file).expect("file");
        for length in [0, 7, HEAD_BYTES - 1, HEAD_BYTES, whole.len() - 1] {
            fs::write(&cache.file, &whole[..length]).expect("write");
            assert!(matches!(cache.read(), Held::Unusable(_)), "{length}");
        }
        for at in [0, HEAD_BYTES - 1, HEAD_BYTES + 3, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&cache.file, &bytes).expect("write");
            assert!(matches!(cache.read(), Held::Unusable(_)), "{at}");
        }
        // A right checksum over bytes that are no rules.
        let forged = [MAGIC.as_slice(), &cache.key, &cache.checksum(&[0xff; 40]), &[0xff; 40]].concat();
        fs::write(&cache.file, forged).expect("write");
        assert!(matches!(cache.read(), Held::Unusable(_)));
        fs::write(&cache.file, &whole).expect("write");
        fs::set_permissions(&cache.file, fs::Permissions::from_mode(0o666)).expect("mode");
        assert!(matches!(cache.read(), Held::Unusable(_)));
        fs::set_permissions(&cache.file, fs::Permissions::from_mode(0o600)).expect("mode");
        assert!(matches!(cache.read(), Held::Rules(_)));
    }

    #[test]
    fn the_oldest_files_make_room() {
        let folder = tempfile::tempdir().expect("folder");
        for number in 0..FILES_MAX + 3 {
            let files = [RawFile { path: folder.path().join(format!("{number}.rules")), bytes: RULES.into() }];
            let cache = Cache::open(&settings(folder.path()), &files, &Config::default(), &Companions::default());
            cache.expect("a folder is given").write(&parsed()).expect("written");
        }
        let left = fs::read_dir(folder.path().join("deep").join("cache")).expect("folder").count();
        assert_eq!(left, FILES_MAX);
    }
}
