//! The files of the repository that people write: those that git tracks or would track.

use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Larger files are data, not words.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// A text file with its path from the repository's root, with forward slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// What git tracks or would track, in the order of paths.
fn paths(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("git ls-files could not be started")?;
    anyhow::ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let listing = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let mut paths: Vec<String> = listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// Symbolic links with where they lead.
///
/// # Errors
/// When git cannot be asked.
pub fn symlinks(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let led = |path: String| fs::read_link(root.join(&path)).ok().map(|target| (path, target));
    Ok(paths(root)?.into_iter().filter_map(led).collect())
}

/// In the order of paths.
///
/// # Errors
/// When git cannot be asked or a file cannot be read.
pub fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths(root)? {
        let full = root.join(&path);
        // Deleted but still tracked, a link, or large: nothing to read here.
        let Ok(about) = fs::symlink_metadata(&full) else { continue };
        if !about.is_file() || about.len() > TEXT_BYTES_MAX {
            continue;
        }
        let bytes = fs::read(&full).with_context(|| path.clone())?;
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}
