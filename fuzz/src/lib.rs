//! Fuzz targets: each takes any bytes, and holds what Watchfire makes of them against an oracle.
//!
//! ```text
//!  fuzz_targets/<name>.rs (libFuzzer, nightly) ─┐
//!                                               ├──► TARGETS[<name>].run(bytes): returns, or panics with the finding
//!  src/bin/replay.rs (mutations, stable) ───────┘
//! ```
//!
//! "It does not panic" is the least of it. What else holds, the function of the target says: what was printed parses to
//! the same, a packed input gives what the plain one gives, the matcher agrees with the reference evaluator.
//!
//! The oracles know no decoder or parser from the inside; they use what the crates offer to everyone.

mod bodies;
mod decoding;
mod evtx_file;
mod languages;
mod lines;
mod matching;
mod meaning;
mod normalising;
mod rule_files;
mod spans;

pub use bodies::{
    body_alerts, body_bulk, body_document, body_exceptions, body_import, body_records, body_rule, body_rules,
    body_search, body_set_up,
};
pub use decoding::{
    decode, decode_evtx, decode_gzip, decode_json, decode_tar, decode_xml, decode_zip, decode_zstd,
};
pub use languages::{eql, esql, kql, lucene};
pub use lines::decode_text;
pub use matching::matcher;
pub use meaning::{eql_resolve, kql_resolve, lucene_resolve, regex};
pub use normalising::normalise;
pub use rule_files::{rule_json, rule_ndjson, rule_toml};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its file in `fuzz_targets/` and of its folder in `corpus/`.
    pub name: &'static str,
    /// Runs it. Returns if all is well, and panics with the finding if not.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        &[$(Target { name: stringify!($name), run: $name }),*]
    };
}

/// All targets, in the order of the replay.
pub const TARGETS: &[Target] = targets![
    eql,
    eql_resolve,
    esql,
    kql,
    kql_resolve,
    lucene,
    lucene_resolve,
    regex,
    rule_toml,
    rule_json,
    rule_ndjson,
    decode,
    decode_evtx,
    decode_xml,
    decode_json,
    decode_text,
    decode_gzip,
    decode_zstd,
    decode_zip,
    decode_tar,
    normalise,
    matcher,
    body_bulk,
    body_document,
    body_records,
    body_set_up,
    body_search,
    body_rule,
    body_rules,
    body_import,
    body_exceptions,
    body_alerts,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The names in a folder, without their extensions.
    fn names(folder: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
        entries.map(|entry| stem(&entry.expect("an entry").path())).collect()
    }

    #[test]
    fn every_target_has_its_binary_and_its_corpus() {
        let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
        assert_eq!(names("fuzz_targets"), targets);
        assert_eq!(names("corpus"), targets);
        let manifest = include_str!("../Cargo.toml");
        for name in targets {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        }
    }
}
