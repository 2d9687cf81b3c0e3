//! Where the data lies that is not part of the repository.

use std::path::{Path, PathBuf};

/// The folder of shared data; `None` after saying so. Fails where the data is required.
#[expect(clippy::print_stdout, reason = "a suite that is skipped says so")]
pub(crate) fn folder() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("WATCHFIRE_SHARED").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert_ne!(std::env::var("WATCHFIRE_REQUIRE_SHARED").as_deref(), Ok("1"), "there is no shared data");
    println!("skipped: no shared data (set WATCHFIRE_SHARED)");
    None
}

/// The text of a file of the shared data.
pub(crate) fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All files below a folder whose names end so, in order of path.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
