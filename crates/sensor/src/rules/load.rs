//! Rules files to a compiled set: from the cache where it has them, else parsed on all cores.

use super::{
    attachments::attachments,
    cache::{Cache, Held},
    files::{RawFile, RuleSettings, rule_files},
};
use phitak_engine::{Config, Loaded, Loader, Parsed};
use phitak_rules::{Piece, pieces};
use sha2::{Digest, Sha256};
use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Most threads that parse.
const THREADS_MAX: usize = 16;
/// Rules are parsed in pieces of about this size: small enough that threads end together.
const PIECE_BYTES: usize = 256 << 10;
/// Fewer bytes of rules are parsed faster than a cache is asked.
const CACHED_BYTES_MIN: usize = 128 << 10;

/// Rules that are ready, and what a person should know of how they came to be.
pub(crate) struct LoadedRules {
    pub loaded: Loaded,
    pub notes: Vec<String>,
    /// A hash of the files that rules name, with their names.
    pub attachments: Vec<u8>,
}

/// # Errors
/// The file that cannot be read, and why.
pub(crate) fn load_rules(paths: &[PathBuf], settings: &RuleSettings, config: &Config) -> Result<LoadedRules, String> {
    let files = rule_files(paths)?;
    load_files(&files, settings, config)
}

/// The same for files that were read already.
///
/// # Errors
/// The file that cannot be read, and why.
pub(crate) fn load_files(files: &[RawFile], settings: &RuleSettings, config: &Config) -> Result<LoadedRules, String> {
    let ParsedRules { loader, parsed, mut notes } = parsed_rules(files, settings, config, &|_| ())?;
    let attachments = attachments(&parsed, &mut notes);
    let mut hash = Sha256::new();
    for (name, bytes) in &attachments {
        for part in [name.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    let loaded = loader.compile(parsed, attachments);
    notes.extend(idle_lines(&loaded));
    Ok(LoadedRules { loaded, notes, attachments: hash.finalize().to_vec() })
}

/// A word about lines of a threshold.config that name rules which are not there.
pub(crate) fn idle_lines(loaded: &Loaded) -> Option<String> {
    let first = loaded.idle_lines.first()?;
    let more = match loaded.idle_lines.len() - 1 {
        0 => String::new(),
        count => format!(" (and {count} more such lines)"),
    };
    Some(format!("{first}{more}"))
}

/// Rules before they are compiled, and what compiles them.
pub(crate) struct ParsedRules {
    pub loader: Loader,
    pub parsed: Parsed,
    pub notes: Vec<String>,
}

/// Rules from the cache, or parsed; `progress` hears of bytes that were parsed.
///
/// # Errors
/// The file that cannot be read, and why.
pub(crate) fn parsed_rules(
    files: &[RawFile],
    settings: &RuleSettings,
    config: &Config,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<ParsedRules, String> {
    let companions = settings.companions()?;
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    let cache = if bytes < CACHED_BYTES_MIN { None } else { Cache::open(settings, files, config, &companions) };
    let loader = Loader::new(config, companions);
    let mut notes = Vec::new();
    let parsed = match cache.as_ref().map_or(Held::Nothing, Cache::read) {
        Held::Rules(parsed) => *parsed,
        held => {
            if let Held::Unusable(why) = held {
                notes.push(format!("the rules cache was of no use and is made anew: {why}"));
            }
            let parsed = parse_files(&loader, files, threads(), progress);
            if let Some(cache) = &cache
                && let Err(why) = cache.write(&parsed)
            {
                notes.push(format!("the rules cache cannot be written: {why}"));
            }
            parsed
        }
    };
    Ok(ParsedRules { loader, parsed, notes })
}

pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// Parses the files on so many threads. The result does not depend on their number.
pub(crate) fn parse_files(
    loader: &Loader,
    files: &[RawFile],
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Parsed {
    let texts: Vec<(String, std::borrow::Cow<'_, str>)> = files.iter().map(|file| (file.name(), file.text())).collect();
    let work: Vec<(&str, Piece<'_>)> = texts
        .iter()
        .flat_map(|(name, text)| {
            pieces(text, text.len() / PIECE_BYTES + 1).into_iter().map(move |p| (name.as_str(), p))
        })
        .collect();
    let threads = threads.min(work.len()).max(1);
    let parse = |(name, piece): &(&str, Piece<'_>)| {
        let parsed = loader.parse(name, *piece);
        progress(piece.len());
        parsed
    };
    let mut done: Vec<Option<Parsed>> =
        if threads == 1 { work.iter().map(|work| Some(parse(work))).collect() } else { share(&work, threads, &parse) };
    let mut parsed = Parsed::default();
    for piece in done.iter_mut().filter_map(Option::take) {
        parsed.append(piece);
    }
    parsed
}

/// Does each piece of work on one of so many threads; the results are in the order of the work.
fn share<W: Sync, R: Send>(work: &[W], threads: usize, run: &(dyn Fn(&W) -> R + Sync)) -> Vec<Option<R>> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<R>>> = work.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(work), Some(slot)) = (work.get(at), done.get(at)) else { return };
                    let result = run(work);
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    done.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_parses_to_the_same() {
        let mut text = String::new();
        for sid in 1..6000 {
            let bad = if sid % 97 == 0 { "contant" } else { "content" };
            text.push_str(&format!(
                "alert tcp any any -> $HOME_NET {} (msg:\"m {sid}\"; {bad}:\"abcdefgh{sid}\"; pcre:\"/x{}/\"; \\\n sid:{sid};)\n",
                sid % 65_536,
                if sid % 101 == 0 { "(" } else { "y+" },
            ));
        }
        let files = [RawFile { path: "a.rules".into(), bytes: text.into_bytes() }];
        let loader = Loader::new(&Config::default(), phitak_engine::Companions::default());
        let one = format!("{:?}", parse_files(&loader, &files, 1, &|_| ()));
        assert!(one.contains("contant") && one.contains("the expression is not valid"));
        for threads in [2, 3, 8] {
            assert!(format!("{:?}", parse_files(&loader, &files, threads, &|_| ())) == one, "{threads}");
        }
    }
}
