//! Cases of KQL, Lucene queries and filters: each file below `tests/cases/kql` holds a mapping and questions.
//!
//! ```toml
//! fields = { pid = "long" }              # or schema = "ecs", or mapping = '{ "properties": … }'
//! now = "2024-05-15T10:20:30Z"           # what `now` stands for; absent if there is none
//! default_fields = ["message"]           # where free text is looked for; all fields if absent
//! [[case]]
//! query = "pid > 1"                      # or lucene = "…", or filters = '[…]' (all of them must hold)
//! codes = ["KQR101"]                     # what is said of it, parser warnings apart; nothing if absent
//! matches = ['{"pid": 2}']               # documents that it finds
//! misses = ['{"pid": 1}', '{}']          # documents that it does not find
//! ```
//!
//! What a query is resolved to, and what is said of it, is a snapshot beside the file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use watchfire_diagnostics::{Diagnostic, Severity, SourceText, render};
use watchfire_events::Timestamp;
use watchfire_ir::{
    Catalogue, Condition, KQL_CODES, KqlOptions, MAX_EXPANDED_FIELDS, MAX_FILTER_DEPTH, MAX_KQL_DIAGNOSTICS,
    Mapping, Schema, lower_filters, lower_kql, lower_lucene,
};
use watchfire_test_support::files_below;

use crate::kql_evaluator;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fields: BTreeMap<String, String>,
    mapping: Option<String>,
    schema: Option<String>,
    now: Option<String>,
    #[serde(default)]
    default_fields: Vec<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    query: Option<String>,
    lucene: Option<String>,
    filters: Option<String>,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    matches: Vec<String>,
    #[serde(default)]
    misses: Vec<String>,
}

impl File {
    fn schema(&self) -> Box<dyn Schema> {
        if self.schema.as_deref() == Some("ecs") {
            return Box::new(Catalogue::ecs());
        }
        let text = self.mapping.clone().unwrap_or_else(|| {
            let properties: serde_json::Map<String, Value> = self
                .fields
                .iter()
                .map(|(name, field_type)| (name.clone(), serde_json::json!({ "type": field_type })))
                .collect();
            serde_json::json!({ "properties": properties }).to_string()
        });
        Box::new(Mapping::parse(&text).expect("a mapping"))
    }

    fn options(&self) -> KqlOptions {
        KqlOptions {
            now: self.now.as_ref().map(|now| Timestamp::parse(now).expect("a time")),
            default_fields: self.default_fields.clone(),
        }
    }
}

/// The condition, what is said, and the text that it is said of.
fn lower(case: &Case, schema: &dyn Schema, options: &KqlOptions) -> (Condition, Vec<Diagnostic>, String) {
    if let Some(text) = &case.query {
        let parsed = watchfire_kql::parse(text);
        let lowered = lower_kql(parsed.query.as_ref().expect("a tree"), schema, options);
        return (lowered.condition, [errors(parsed.diagnostics), lowered.diagnostics].concat(), text.clone());
    }
    if let Some(text) = &case.lucene {
        let parsed = watchfire_kql::lucene::parse(text);
        let lowered = lower_lucene(parsed.query.as_ref().expect("a tree"), schema, options);
        return (lowered.condition, [errors(parsed.diagnostics), lowered.diagnostics].concat(), text.clone());
    }
    let text = case.filters.as_ref().expect("a case has a query, a Lucene query or filters");
    let filters = serde_json::from_str(text).expect("filters are JSON");
    let (conditions, diagnostics) = lower_filters(&filters, schema, options);
    (Condition::all(conditions), diagnostics, text.clone())
}

/// The parser's own tests hold its warnings.
fn errors(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect()
}

/// What the case is resolved to; what is not as expected goes to `failures`.
fn run(case: &Case, schema: &dyn Schema, options: &KqlOptions, failures: &mut Vec<String>) -> String {
    let (condition, diagnostics, text) = lower(case, schema, options);
    let source = SourceText::new("query", text.clone());
    let mut shown = format!("{}\n", text.trim());
    for diagnostic in &diagnostics {
        let full = render::full(diagnostic, &source, render::Colour::Never);
        writeln!(shown, "  {}", full.replace('\n', "\n  ")).expect("a text takes all");
    }
    let found: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
    if found != case.codes {
        failures.push(format!("expected {:?}, found {found:?}\n{shown}", case.codes));
    }
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        if !case.matches.is_empty() || !case.misses.is_empty() {
            failures.push(format!("a query with errors does not run\n{shown}"));
        }
        return shown;
    }
    for (documents, expected) in [(&case.matches, true), (&case.misses, false)] {
        for document in documents {
            let value: Value = serde_json::from_str(document).expect("a document");
            let holds = kql_evaluator::holds(&condition, &value, schema);
            if holds != expected {
                failures.push(format!("{text}\non {document}: {holds}\nby {condition}"));
            }
        }
    }
    writeln!(shown, "  {condition}").expect("a text takes all");
    shown
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kql");
    let files = files_below(&folder, "toml");
    assert!(!files.is_empty());
    let mut failures = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (schema, options) = (file.schema(), file.options());
        let shown: Vec<String> =
            file.case.iter().map(|case| run(case, &*schema, &options, &mut failures)).collect();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, shown.join("\n")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_diagnostic_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kql");
    let snapshots: String = files_below(&folder, "snap")
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a snapshot"))
        .collect();
    let without: Vec<&str> = KQL_CODES
        .iter()
        .map(|info| info.code.as_str())
        .filter(|code| !snapshots.contains(&format!("[{code}]")))
        .collect();
    assert_eq!(
        without,
        ["KQR009", "KQR109", "KQR199"],
        "these are limits, and have tests of their own below"
    );
}

/// Filters of `bool` in `bool`.
fn nested_filters(depth: usize) -> Value {
    let innermost = serde_json::json!({ "match_all": {} });
    let clause = (1..depth).fold(innermost, |inner, _| serde_json::json!({ "bool": { "must": [inner] } }));
    serde_json::json!([{ "query": clause }])
}

/// A combined filter in a combined filter.
fn combined_filters(depth: usize) -> Value {
    let innermost = serde_json::json!({ "query": { "match_all": {} } });
    let filter = (1..depth).fold(innermost, |inner, _| {
        serde_json::json!({ "meta": { "type": "combined", "relation": "AND", "params": [inner] } })
    });
    Value::Array(vec![filter])
}

#[test]
fn deep_filters_are_refused() {
    for filters in [nested_filters, combined_filters] {
        let (_, said) = lower_filters(&filters(MAX_FILTER_DEPTH), &Catalogue::ecs(), &KqlOptions::default());
        assert!(said.is_empty(), "{said:?}");
        for depth in [MAX_FILTER_DEPTH + 1, 2 * MAX_FILTER_DEPTH] {
            let (_, said) = lower_filters(&filters(depth), &Catalogue::ecs(), &KqlOptions::default());
            let codes: Vec<&str> = said.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
            assert_eq!(codes, ["KQR009"]);
        }
    }
}

#[test]
fn names_are_expanded_up_to_a_limit() {
    let names = Catalogue::ecs().names().count();
    let lower = |count: usize| {
        let query = vec!["*.*: 443"; count].join(" or ");
        let parsed = watchfire_kql::parse(&query);
        lower_kql(parsed.query.as_ref().expect("a tree"), &Catalogue::ecs(), &KqlOptions::default())
    };
    let within = MAX_EXPANDED_FIELDS / names;
    assert!(within >= 1 && lower(within).diagnostics.is_empty());
    let beyond = lower(within + 2);
    let endless = lower(50_000);
    assert_eq!(endless.diagnostics.len(), MAX_KQL_DIAGNOSTICS + 1);
    assert!(beyond.diagnostics.iter().all(|diagnostic| diagnostic.code.as_str() == "KQR109"));
    assert!(!beyond.diagnostics.is_empty() && beyond.is_valid());
}

#[test]
fn diagnostics_are_bounded() {
    let mapping = Mapping::parse(r#"{"properties": {"n": {"type": "long"}}}"#).expect("a mapping");
    let lower = |leaf: &str, count: usize| {
        let parsed = watchfire_kql::parse(&vec![leaf; count].join(" or "));
        lower_kql(parsed.query.as_ref().expect("a tree"), &mapping, &KqlOptions::default()).diagnostics
    };
    assert_eq!(lower("ghost: 1", MAX_KQL_DIAGNOSTICS).len(), MAX_KQL_DIAGNOSTICS);
    for (leaf, severity) in [("ghost: 1", Severity::Warning), ("_id: 1", Severity::Error)] {
        let said = lower(leaf, 20_000);
        let last = said.last().expect("a last diagnostic");
        assert_eq!((last.code.as_str(), last.severity), ("KQR199", severity));
        assert_eq!(last.message, "19950 further diagnostics are left out");
    }
}

#[test]
fn long_lists_are_one_leaf() {
    let values: Vec<String> = (0..50_000).map(|value| format!("v{value}")).collect();
    let query = format!("process.name: ({})", values.join(" or "));
    let parsed = watchfire_kql::parse(&query);
    let lowered =
        lower_kql(parsed.query.as_ref().expect("a tree"), &Catalogue::ecs(), &KqlOptions::default());
    let mut leaves = 0;
    lowered.condition.for_each_leaf(&mut |_, _| leaves += 1);
    assert_eq!(leaves, 1);
}

#[test]
fn long_queries_take_little_time() {
    let parts: Vec<String> = (0..20_000).map(|part| format!("f{part}: v")).collect();
    let parsed = watchfire_kql::parse(&parts.join(" and "));
    let lowered =
        lower_kql(parsed.query.as_ref().expect("a tree"), &Catalogue::ecs(), &KqlOptions::default());
    let mut leaves = 0;
    lowered.condition.for_each_leaf(&mut |_, _| leaves += 1);
    assert_eq!(leaves, parts.len());
}
