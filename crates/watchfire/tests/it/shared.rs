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
