//! Public rules and conformance cases, read where they lie.

use std::path::{Path, PathBuf};

use watchfire_diagnostics::Severity;
use watchfire_eql::parse;

/// The folder of shared data; `None` after saying so. Fails where the data is required.
#[expect(clippy::print_stdout, reason = "a suite that is skipped says so")]
fn shared() -> Option<PathBuf> {
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

/// Printing and parsing again gives the same text, and the same complaints.
fn assert_round_trip(path: &Path, text: &str) {
    let first = parse(text);
    let printed = first.query.as_ref().expect("a tree").to_string();
    let second = parse(&printed);
    assert_eq!(second.query.as_ref().map(ToString::to_string).as_ref(), Some(&printed), "{}", path.display());
    let codes = |parsed: &watchfire_eql::Parsed| {
        let mut codes: Vec<_> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        codes.sort_unstable();
        codes
    };
    assert_eq!(codes(&first), codes(&second), "{}: {printed}", path.display());
}

#[test]
fn shared_detection_rules_parse() {
    let Some(shared) = shared() else { return };
    let queries = queries(&shared.join("corpus/detection-rules"));
    assert!(queries.len() >= 944, "only {} queries", queries.len());
    for (path, text) in &queries {
        let parsed = parse(text);
        let errors: Vec<_> =
            parsed.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        assert_round_trip(path, text);
    }
}

#[test]
fn shared_behavior_rules_parse_but_for_their_dialect() {
    let Some(shared) = shared() else { return };
    let queries = queries(&shared.join("corpus/protections-artifacts"));
    assert!(queries.len() >= 1_000, "only {} queries", queries.len());
    let extensions = ["EQL087", "EQL088", "EQL089", "EQL090"];
    for (path, text) in &queries {
        let parsed = parse(text);
        for found in parsed.diagnostics.iter().filter(|found| found.severity == Severity::Error) {
            assert!(extensions.contains(&found.code.as_str()), "{}: {found:?}", path.display());
        }
        assert_round_trip(path, text);
    }
}

#[test]
fn shared_conformance_queries_parse() {
    let Some(shared) = shared() else { return };
    let text = std::fs::read_to_string(shared.join("conformance/eql/derived/cases.jsonl")).expect("readable");
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case is JSON");
        let query = case["query"].as_str().expect("a case has a query");
        let parsed = parse(query);
        assert!(parsed.is_valid(), "{query}: {:?}", parsed.diagnostics);
        assert_round_trip(Path::new("cases.jsonl"), query);
    }
}
