//! Public rules, read where they lie.

use std::path::{Path, PathBuf};

use watchfire_test_support::{files_below, shared_folder};

use crate::invariants::{errors, is_complete, parse_checked};

/// The EQL queries of the rules below a folder, each with its file.
fn queries(folder: &Path) -> Vec<(PathBuf, String)> {
    let files = files_below(folder, "toml");
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
    let Some(shared) = shared_folder() else { return };
    let queries = queries(&shared.join("corpus/detection-rules"));
    assert!(queries.len() >= 944, "only {} queries", queries.len());
    for (path, text) in &queries {
        let parsed = parse_checked(text);
        assert_eq!(errors(&parsed.diagnostics).next(), None, "{}", path.display());
    }
}

#[test]
fn shared_behavior_rules_parse_but_for_their_dialect() {
    let Some(shared) = shared_folder() else { return };
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
