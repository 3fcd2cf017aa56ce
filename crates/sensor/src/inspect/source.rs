//! Where a capture is read from: a file or a pipe by its name, or `-` for the standard input.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// The name that stands for the standard input.
const STANDARD_INPUT: &str = "-";

pub(super) type Source = Box<dyn Read + Send>;

pub(super) fn is_standard_input(word: &OsStr) -> bool {
    word == STANDARD_INPUT
}

/// Whether a word of the command line names a capture; the others make a filter.
pub(super) fn is_capture(word: &OsStr) -> bool {
    is_standard_input(word) || Path::new(word).exists()
}

/// Whether a word that is no file was meant as one: no filter has such words.
pub(super) fn is_named_as_capture(word: &OsStr) -> bool {
    let extension = Path::new(word).extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| ["pcap", "pcapng", "cap"].contains(&extension))
}

/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: &Path) -> io::Result<Source> {
    if is_standard_input(path.as_os_str()) {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(path)?))
}

/// How many bytes will come, where that can be known.
pub(super) fn size(path: &Path) -> u64 {
    if is_standard_input(path.as_os_str()) {
        return 0;
    }
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// For messages.
pub(super) fn name(path: &Path) -> String {
    if is_standard_input(path.as_os_str()) { "standard input".to_owned() } else { path.display().to_string() }
}
