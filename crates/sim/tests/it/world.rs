//! A small sector in a folder of its own.

use phitak_model::Timestamp;
use phitak_sim::{Order, Scale, generate};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub const HOSPITALS: usize = 6;

/// One hospital's folder.
pub struct Place {
    pub code: String,
    pub folder: PathBuf,
    pub truth: Value,
}

pub struct World {
    pub folder: TempDir,
}

impl World {
    pub fn generated(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let order = Order {
            seed,
            hospitals: HOSPITALS,
            out: folder.path().to_owned(),
            start: Timestamp::parse("2026-11-24T09:00:00+07:00").expect("a moment"),
            minutes: None,
            scale: Scale::Small,
        };
        generate(&order).expect("the sector is written");
        Self { folder }
    }

    pub fn places(&self) -> Vec<Place> {
        let mut folders: Vec<PathBuf> = fs::read_dir(self.folder.path().join("hospitals"))
            .expect("hospitals/")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        folders.sort();
        folders.into_iter().map(Place::read).collect()
    }
}

impl Place {
    fn read(folder: PathBuf) -> Self {
        let code = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let truth = json(&folder.join("truth.json"));
        Self { code, folder, truth }
    }

    pub fn capture(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

pub fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
