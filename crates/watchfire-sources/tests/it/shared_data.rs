//! Where the shared test data are, which belong to other people and are no part of this repository.

use std::path::PathBuf;

/// A path below the shared data, or nothing if they are not there; then the test is skipped by name, unless
/// `WATCHFIRE_REQUIRE_SHARED=1` makes that a failure.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub(crate) fn path(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WATCHFIRE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = root.join(below);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("WATCHFIRE_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(!required, "no shared data at {}", path.display());
    println!("skipped: no shared data (set WATCHFIRE_SHARED)");
    None
}
