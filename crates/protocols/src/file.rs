//! A file that passes through a protocol: its name, size, digests and end.

use crate::{
    magic,
    session::{Digests, FileEnd, FileState},
};
use md5::{Digest as _, Md5};
use phitak_model::Direction;
use sha1::Sha1;
use sha2::Sha256;

/// Most bytes of a file's name that are kept.
pub(crate) const NAME_BYTES_MAX: usize = 4096;

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: Vec<u8>,
    pub(crate) size: u64,
    pub(crate) gaps: bool,
    pub(crate) state: Option<FileState>,
    digests: Running,
    /// Its first bytes, when somebody asks what kind of file it is.
    head: Option<Vec<u8>>,
    told: bool,
}

#[derive(Default)]
struct Running {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

impl File {
    pub(crate) fn new(mut name: Vec<u8>, digests: Digests) -> Self {
        name.truncate(NAME_BYTES_MAX);
        let running = Running {
            md5: digests.md5.then(Md5::new),
            sha1: digests.sha1.then(Sha1::new),
            sha256: digests.sha256.then(Sha256::new),
        };
        Self {
            name,
            size: 0,
            gaps: false,
            state: None,
            digests: running,
            head: digests.magic.then(Vec::new),
            told: false,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.state.is_some() {
            return;
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        if let Some(head) = &mut self.head {
            let room = magic::HEAD_BYTES_MAX.saturating_sub(head.len()).min(bytes.len());
            head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
        if let Some(md5) = &mut self.digests.md5 {
            md5.update(bytes);
        }
        if let Some(sha1) = &mut self.digests.sha1 {
            sha1.update(bytes);
        }
        if let Some(sha256) = &mut self.digests.sha256 {
            sha256.update(bytes);
        }
    }

    /// So many bytes are missing: they count, and digests are of no use any more.
    pub(crate) fn gap(&mut self, length: u64) {
        if self.state.is_none() {
            self.gaps = true;
            self.size = self.size.saturating_add(length);
            self.digests = Running::default();
        }
    }

    /// The first end stands. A file with gaps is never whole.
    pub(crate) fn end(&mut self, state: FileState) {
        let state = if self.gaps && state == FileState::Closed { FileState::Truncated } else { state };
        self.state.get_or_insert(state);
    }

    /// It goes on after all, as long as nobody was told of its end.
    pub(crate) fn reopen(&mut self) {
        if !self.told && self.state == Some(FileState::Closed) {
            self.state = None;
        }
    }

    /// The record of its end, once.
    pub(crate) fn take_end(&mut self, transaction: u64, direction: Direction) -> Option<FileEnd> {
        let state = self.state.filter(|_| !self.told)?;
        self.told = true;
        let whole = state == FileState::Closed;
        let running = std::mem::take(&mut self.digests);
        Some(FileEnd {
            transaction,
            direction,
            name: self.name.clone(),
            size: self.size,
            gaps: self.gaps,
            state,
            magic: self.magic(),
            md5: running.md5.filter(|_| whole).map(|md5| md5.finalize().into()),
            sha1: running.sha1.filter(|_| whole).map(|sha1| sha1.finalize().into()),
            sha256: running.sha256.filter(|_| whole).map(|sha256| sha256.finalize().into()),
        })
    }

    /// The file as it stands, when nobody was told of its end.
    pub(crate) fn so_far(&self, transaction: u64, direction: Direction) -> Option<FileEnd> {
        (!self.told).then(|| FileEnd {
            transaction,
            direction,
            name: self.name.clone(),
            size: self.size,
            gaps: self.gaps,
            state: self.state.unwrap_or(FileState::Open),
            magic: self.magic(),
            md5: None,
            sha1: None,
            sha256: None,
        })
    }

    /// What kind of file it is, as far as that was asked for and can be told.
    pub(crate) fn magic(&self) -> Option<&'static str> {
        let head = self.head.as_deref()?;
        let is_known = head.len() >= magic::HEAD_BYTES_MAX || self.state.is_some();
        is_known.then(|| magic::describe(head))
    }
}
