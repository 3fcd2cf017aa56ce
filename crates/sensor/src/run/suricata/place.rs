//! Which file is being read, and how far: kept in the data folder, so that a restart goes on at the right line.
//!
//! A file is known by device, inode and its first line: a name is given to the next file, an inode is used again, and a file may
//! be emptied under its reader.

use phitak_uplink::{private_file, spool::ReplayId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Bytes of the first line that count.
pub(super) const HEAD_BYTES_MAX: usize = 4_096;
const FILE_BYTES_MAX: u64 = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub device: u64,
    pub inode: u64,
    /// Bytes of the first line.
    pub head_bytes: usize,
    /// Made of all that; alerts in the spool carry it, so that their places and this one are known to be of the same file.
    pub file: ReplayId,
    /// Everything before it has been read.
    pub offset: u64,
}

impl Place {
    /// The beginning of a file; none while it has no whole line.
    pub(super) fn begin(file: &mut File) -> io::Result<Option<Self>> {
        let meta = file.metadata()?;
        let head = head(file, HEAD_BYTES_MAX)?;
        let end = head.iter().position(|byte| *byte == b'\n');
        let Some(head) = head.get(..end.unwrap_or(HEAD_BYTES_MAX)) else { return Ok(None) };
        Ok(Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            head_bytes: head.len(),
            file: name(&meta, head),
            offset: 0,
        }))
    }

    /// Whether an open file is this one, and has not been emptied since.
    pub(super) fn is_in(&self, file: &mut File) -> io::Result<bool> {
        let meta = file.metadata()?;
        if (meta.dev(), meta.ino()) != (self.device, self.inode) || meta.len() < self.offset {
            return Ok(false);
        }
        let head = head(file, self.head_bytes.min(HEAD_BYTES_MAX))?;
        Ok(head.len() == self.head_bytes && name(&meta, &head) == self.file)
    }

    /// Reads a place back; one that is damaged is none.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let is_small = std::fs::metadata(path).is_ok_and(|meta| meta.len() <= FILE_BYTES_MAX);
        let place = if is_small { std::fs::read(path).ok() } else { None };
        let place = place.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if place.is_none() && path.exists() {
            tracing::warn!(path = %path.display(), "the place in Suricata's records cannot be read: they are read from the beginning");
        }
        place
    }

    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        private_file::write(path, &serde_json::to_vec(self)?)
    }
}

fn head(file: &mut File, bytes_max: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.by_ref().take(bytes_max as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn name(meta: &Metadata, head: &[u8]) -> ReplayId {
    let mut hash = Sha256::new();
    hash.update(b"eve file 1");
    hash.update(meta.dev().to_le_bytes());
    hash.update(meta.ino().to_le_bytes());
    hash.update(head);
    let mut id = [0; 16];
    id.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    ReplayId(id)
}
