//! The ES|QL queries of Elastic's detection-rules repository, and the conformance cases, where the reader has a copy.

use std::collections::BTreeMap;

use watchfire_diagnostics::{SourceText, render};
use watchfire_esql::ast::CommandKind;
use watchfire_test_support::{files_below, read_json_lines, read_text, shared_folder};

use crate::bare::parse_checked;

/// What keeps a query from being valid, as lines.
fn problems(name: &str, text: &str) -> Vec<String> {
    let parsed = parse_checked(text);
    let source = SourceText::new(name, text);
    parsed.diagnostics.iter().map(|one| render::one_line(one, &source)).collect()
}

#[test]
fn shared_every_rule_query_parses() {
    let Some(shared) = shared_folder() else { return };
    let (mut rules, mut aggregating, mut asking) = (0, 0, 0);
    let mut failed = Vec::new();
    for file in files_below(&shared.join("corpus/detection-rules"), "toml") {
        let table: toml::Table = read_text(&file).parse().expect("TOML");
        let text_of = |key: &str| table["rule"].get(key).and_then(|value| value.as_str());
        let (Some("esql"), Some(query)) = (text_of("type"), text_of("query")) else { continue };
        rules += 1;
        failed.extend(problems(&file.display().to_string(), query));
        let Some(query) = watchfire_esql::parse(query).query else { continue };
        aggregating += usize::from(query.is_aggregating());
        let asks = |kind: &CommandKind| matches!(kind, CommandKind::Completion { .. });
        asking += usize::from(query.commands.iter().any(|command| asks(&command.kind)));
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(rules >= 190, "only {rules} ES|QL rules: is the corpus whole?");
    assert!(aggregating * 2 > rules && asking > 0, "{aggregating} aggregate, {asking} ask a language model");
}

/// Of the conformance cases, all parse but those with commands that are refused by name.
#[test]
fn shared_conformance_queries_parse() {
    let Some(shared) = shared_folder() else { return };
    let mut other = Vec::new();
    let mut unsupported: BTreeMap<String, usize> = BTreeMap::new();
    let cases = read_json_lines(&shared.join("conformance/esql/derived/cases.jsonl"));
    for case in &cases {
        let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
        let name = format!("{}: {}", text("file"), text("name"));
        for problem in problems(&name, &text("query")) {
            if problem.contains("[ESQ008]") {
                *unsupported.entry(problem).or_default() += 1;
            } else {
                other.push(problem);
            }
        }
        let is_core = case["scope"] == "core";
        assert!(!is_core || unsupported.keys().all(|one| !one.contains(&name)), "{name}: {unsupported:?}");
    }
    assert!(cases.len() > 500, "only {} cases", cases.len());
    assert!(other.is_empty(), "{other:#?}");
    assert!(unsupported.len() < cases.len() / 10, "{unsupported:#?}");
}
