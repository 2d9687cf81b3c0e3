//! What queries become: where Elasticsearch answers from its index there are field leaves, where it runs a script there
//! are computed ones, and case is ignored in the same places.

use std::path::Path;

use serde_json::{Value, json};
use watchfire_diagnostics::{SourceText, render};
use watchfire_ir::{EqlOptions, Mapping, UnmappedReading, lower_eql};
use watchfire_test_support::read_text;

use super::refusal::errors;
use super::{Outcome, Suite};

/// Fields of the mapping that these tests are run with upstream, beside those of the copied one.
const FURTHER_FIELDS: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("constant_keyword", "constant_keyword"),
    ("event.category", "keyword"),
    ("exit_code", "long"),
    ("opcode", "long"),
    ("serial_event_id", "long"),
    ("source_address", "ip"),
];

/// The file of translations.
pub(super) fn suite(unit: &Path) -> Suite {
    let mapping = mapping(&read_text(&unit.join("mapping-default.json")));
    let text = read_text(&unit.join("querytranslator_tests.txt"));
    let mut lines = text.lines().filter(|line| !line.starts_with("//"));
    let mut outcomes = Vec::new();
    // A name, the query up to `;`, the expectations up to `;`.
    while let Some(name) = lines.find(|line| !line.trim().is_empty()) {
        let [query, expected] = [(); 2]
            .map(|()| lines.by_ref().take_while(|line| line.trim() != ";").collect::<Vec<_>>().join("\n"));
        if !query.trim().is_empty() {
            outcomes.push((name.trim().to_owned(), Outcome::of(judge(&query, &expected, &mapping))));
        }
    }
    Suite {
        file: "querytranslator_tests.txt",
        asks: "cut into the same kinds of leaves",
        least: 110,
        outcomes,
    }
}

fn mapping(text: &str) -> Mapping {
    let mut mapping: Value = serde_json::from_str(text).expect("JSON");
    let properties = mapping["properties"].as_object_mut().expect("properties");
    for (name, field_type) in FURTHER_FIELDS {
        properties.insert((*name).to_owned(), json!({ "type": field_type }));
    }
    let text = json!({ "type": "text", "fields": { "keyword": { "type": "keyword" } } });
    properties.insert("file_name".to_owned(), text);
    Mapping::parse(&mapping.to_string()).expect("a mapping")
}

fn judge(query: &str, expected: &str, mapping: &Mapping) -> Result<(), String> {
    let parsed = watchfire_eql::parse(query);
    let options = EqlOptions { unmapped: UnmappedReading::AsElasticsearch, ..EqlOptions::default() };
    let lowered = parsed.query.as_ref().map(|tree| lower_eql(tree, mapping, &options));
    let resolved = lowered.iter().flat_map(|lowered| &lowered.diagnostics);
    let diagnostics: Vec<_> = parsed.diagnostics.iter().chain(resolved).cloned().collect();
    if let Some(error) = errors(&diagnostics).next() {
        return Err(render::one_line(error, &SourceText::new("query", query)));
    }
    let plan = lowered.and_then(|lowered| lowered.plan).ok_or("it has neither plan nor error")?;
    let dump = plan.to_string();
    // What is expected of a query that only has to be planned is empty.
    let is_script = expected.contains("script\":{\"source");
    if !expected.trim().is_empty() && is_script != dump.contains("[computed") {
        return Err(format!("{query} is {dump}, where upstream has {expected}"));
    }
    if expected.contains("\"case_insensitive\":true") && !dump.contains('~') {
        return Err(format!("{query}: case counts in {dump}"));
    }
    Ok(())
}
