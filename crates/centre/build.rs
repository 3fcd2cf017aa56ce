//! Makes sure that the folders which are built into the program exist, so that it compiles without the web pages too.

use std::{fs, path::Path};

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    for folder in ["../../ui/dist", "../../content/rules", "../../content/attack"] {
        let path = Path::new(&here).join(folder);
        if let Err(error) = fs::create_dir_all(&path) {
            println!("cargo:warning=cannot make {}: {error}", path.display());
        }
        println!("cargo:rerun-if-changed={}", path.display());
    }
}
