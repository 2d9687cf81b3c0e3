//! The KQL queries of Elastic's detection-rules repository, where the reader has a copy.
//!
//! `WATCHFIRE_SHOW=1` prints every diagnostic of every rule.

use std::collections::BTreeMap;

use watchfire_diagnostics::{SourceText, render};
use watchfire_test_support::{files_below, read_text, shared_folder};

use crate::invariants::{check_against_reference, parse_checked};

#[test]
fn shared_every_rule_query_parses() {
    let Some(shared) = shared_folder() else { return };
    let files = files_below(&shared.join("corpus/detection-rules"), "toml");
    let (mut rules, mut queries, mut failed) = (0, 0, Vec::new());
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        let table: toml::Table = read_text(&file).parse().unwrap();
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
