//! Public rules, read where they lie.

use std::path::{Path, PathBuf};

use crate::invariants::{errors, is_complete, parse_checked};

/// The folder of shared data; `None` after saying so. Fails where the data is required.
#[expect(clippy::print_stdout, reason = "a suite that is skipped says so")]
pub(crate) fn shared() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("WATCHFIRE_SHARED").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert_ne!(std::env::var("WATCHFIRE_REQUIRE_SHARED").as_deref(), Ok("1"), "there is no shared data");
    println!("skipped: no shared data (set WATCHFIRE_SHARED)");
    None
}

fn rule_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            rule_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

/// The EQL queries of the rules below a folder, each with its file.
fn queries(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    rule_files(folder, &mut files);
    files.sort();
    let query = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("the rule can be read");
        let table: toml::Table = text.parse().expect("the rule is TOML");
        let rule = table.get("rule")?;
        let is_eql = rule.get("language").is_none_or(|language| language.as_str() == Some("eql"));
        is_eql.then(|| rule.get("query")?.as_str().map(str::to_owned)).flatten()
    };
    files.iter().filter_map(|path| Some((path.clone(), query(path)?))).collect()
}

#[test]
fn shared_detection_rules_parse() {
    let Some(shared) = shared() else { return };
    let queries = queries(&shared.join("corpus/detection-rules"));
    assert!(queries.len() >= 944, "only {} queries", queries.len());
    for (path, text) in &queries {
        let parsed = parse_checked(text);
        assert_eq!(errors(&parsed.diagnostics).next(), None, "{}", path.display());
    }
}

#[test]
fn shared_behavior_rules_parse_but_for_their_dialect() {
    let Some(shared) = shared() else { return };
    let queries = queries(&shared.join("corpus/protections-artifacts"));
    assert!(queries.len() >= 1_000, "only {} queries", queries.len());
    let extensions = ["EQL087", "EQL088", "EQL089", "EQL090"];
    for (path, text) in &queries {
        let parsed = parse_checked(text);
        for found in errors(&parsed.diagnostics) {
            assert!(extensions.contains(&found.code.as_str()), "{}: {found:?}", path.display());
        }
        assert!(parsed.query.is_some_and(|query| is_complete(&query)), "{}", path.display());
    }
}
