//! The KQL queries of Elastic's detection-rules repository, where the reader has a copy.
//!
//! `WATCHFIRE_SHOW=1` prints every diagnostic of every rule.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use watchfire_diagnostics::{SourceText, render};

use crate::invariants::{check_against_reference, parse_checked};

/// The folder of shared data; `None` if there is none, which is printed, or fails where it is required.
fn shared() -> Option<PathBuf> {
    let fallback = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("WATCHFIRE_SHARED").map_or_else(fallback, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("WATCHFIRE_REQUIRE_SHARED").is_none_or(|value| value != "1"), "no shared data");
    println!("skipped: no shared data (set WATCHFIRE_SHARED)");
    None
}

fn toml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            toml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn shared_every_rule_query_parses() {
    let Some(shared) = shared() else { return };
    let mut files = Vec::new();
    toml_files(&shared.join("corpus/detection-rules"), &mut files);
    files.sort();
    let (mut rules, mut queries, mut failed) = (0, 0, Vec::new());
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        let table: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        let rule = &table["rule"];
        let text_of = |key: &str| rule.get(key).and_then(|value| value.as_str());
        if text_of("language") != Some("kuery") {
            continue;
        }
        rules += 1;
        for text in [text_of("query"), text_of("threat_query")].into_iter().flatten() {
            queries += 1;
            let parsed = parse_checked(text);
            check_against_reference(text, &parsed);
            let source = SourceText::new(file.file_name().unwrap().to_str().unwrap(), text);
            for problem in &parsed.diagnostics {
                *codes.entry(problem.code.as_str()).or_default() += 1;
                if std::env::var_os("WATCHFIRE_SHOW").is_some() {
                    println!("{}", render::full(problem, &source, render::Colour::Never));
                }
            }
            if !parsed.is_valid() {
                failed.push(
                    parsed.diagnostics.iter().map(|one| render::one_line(one, &source)).collect::<Vec<_>>(),
                );
            }
        }
    }
    println!("{rules} rules, {queries} queries; diagnostics: {codes:?}");
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(rules >= 600, "only {rules} KQL rules: is the corpus whole?");
}
