//! What tests of several crates need: where the shared data lies, how its files are read, cases that are text files,
//! records as events, and databases.
//!
//! The shared data (public rules, events and conformance cases under licences of their own) is no part of the
//! repository. `WATCHFIRE_SHARED` names its folder; without it, `../shared` beside the repository is taken. A test over
//! it is named `shared_…` and begins with
//!
//! ```
//! # fn shared_rules_load() {
//! let Some(folder) = watchfire_test_support::shared_folder() else { return };
//! # drop(folder);
//! # }
//! ```
//!
//! Only tests and tools may depend on this crate; so its functions panic where a file is not as it must be.

#[cfg(feature = "conversations")]
mod conversations;
mod dice;
#[cfg(feature = "esql_queries")]
pub mod esql_queries;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "records")]
mod records;
mod text_cases;

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

#[cfg(feature = "conversations")]
pub use conversations::{Exchange, Party, hold_conversations};
pub use dice::{Dice, seeds};
#[cfg(feature = "postgres")]
pub use postgres::postgres_database;
#[cfg(feature = "records")]
pub use records::{events_of_eight_sources, normalised};
pub use text_cases::text_cases;

/// The folder of shared data, if it is there.
pub fn find_shared_folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("WATCHFIRE_SHARED").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// The folder of shared data; `None` after saying that the test is skipped. Where the data is required
/// (`WATCHFIRE_REQUIRE_SHARED=1`) the test fails instead.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub fn shared_folder() -> Option<PathBuf> {
    let found = find_shared_folder();
    if found.is_none() {
        let required = std::env::var("WATCHFIRE_REQUIRE_SHARED");
        assert_ne!(required.as_deref(), Ok("1"), "WATCHFIRE_REQUIRE_SHARED=1, and there is no shared data");
        println!("skipped: no shared data (set WATCHFIRE_SHARED)");
    }
    found
}

/// The text of a file; one whose name ends in `.gz` is unpacked.
pub fn read_text(path: &Path) -> String {
    let fail = |error| -> ! { panic!("{}: {error}", path.display()) };
    let file = std::fs::File::open(path).unwrap_or_else(|error| fail(error));
    let mut text = String::new();
    let read = if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text)
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text)
    };
    read.unwrap_or_else(|error| fail(error));
    text
}

/// The values of a file of JSON lines, packed or not.
pub fn read_json_lines(path: &Path) -> Vec<Value> {
    let parse = |(at, line): (usize, &str)| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), at + 1))
    };
    read_text(path).lines().enumerate().map(parse).collect()
}

/// All files below a folder whose names end in `.` and this extension, in order of path.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("the folder can be listed to its end").path();
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
