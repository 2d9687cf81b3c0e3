//! Our own cases of what queries mean (`crates/watchfire-ir/tests/cases`), through the matcher and the reference
//! evaluator. The tests of `watchfire-ir` ask a plain evaluator of their own, which knows no engine.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_engine::{RuleSetBuilder, reference};
use watchfire_events::{DataStream, Event, EventId, IndexPatterns, Place, Timestamp};
use watchfire_ir::{
    Catalogue, Condition, EqlOptions, EqlPlan, KqlOptions, Mapping, Schema, UnmappedReading, lower_eql,
    lower_filters, lower_kql, lower_lucene,
};
use watchfire_test_support::{files_below, read_text};

use crate::fired;
use crate::report::{Section, Table};

/// Whose cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Event queries.
    Eql,
    /// With Lucene queries and filters.
    Kql,
}

/// What the cases' own test says of these keys is in `watchfire-ir`'s `tests/it/{eql,kql}.rs`.
#[derive(Deserialize)]
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
struct Case {
    query: Option<String>,
    lucene: Option<String>,
    filters: Option<String>,
    reading: Option<String>,
    #[serde(default)]
    matches: Vec<String>,
    #[serde(default)]
    misses: Vec<String>,
}

/// All cases of a language, by file.
pub fn section(language: Language) -> Section {
    let (name, below) = match language {
        Language::Eql => ("EQL", "eql"),
        Language::Kql => ("KQL, Lucene queries and filters", "kql"),
    };
    let mut section = Section::new(format!("Our cases of {name}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../watchfire-ir/tests/cases").join(below);
    let mut table = Table::new(["file", "queries", "that run", "documents", "as expected", "otherwise"]);
    let mut all = 0;
    for path in files_below(&folder, "toml") {
        let stem = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let file: File =
            toml::from_str(&read_text(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let schema = schema(&file);
        let (mut run, mut documents, mut right) = (0_usize, 0_usize, 0_usize);
        for case in &file.case {
            let Some(condition) = condition(&file, case, &*schema, language) else {
                if !case.matches.is_empty() || !case.misses.is_empty() {
                    section.fail(format!("{stem}: {} does not run", case.text()));
                }
                continue;
            };
            run += 1;
            for (document, expected, found) in case.ask(&condition, &*schema) {
                documents += 1;
                all += 1;
                if found == [expected, expected] {
                    right += 1;
                } else {
                    let [matcher, reference] = found;
                    section.fail(format!(
                        "{stem}: {} on {document}: matcher {matcher}, reference {reference}",
                        case.text()
                    ));
                }
            }
        }
        let numbers =
            [file.case.len(), run, documents, right, documents - right].map(|number| number.to_string());
        let [queries, run, documents, right, wrong] = numbers;
        table.row([stem, queries, run, documents, right, wrong]);
    }
    table.sums(1);
    section.require(all, 400, "documents");
    section.table(&table);
    section
}

impl Case {
    fn text(&self) -> &str {
        [&self.query, &self.lucene, &self.filters].into_iter().flatten().next().map_or("", String::as_str)
    }

    /// Each document, what is expected, and what the matcher and the reference evaluator say.
    fn ask<'a>(&'a self, condition: &Condition, schema: &dyn Schema) -> Vec<(&'a str, bool, [bool; 2])> {
        let texts = self.matches.iter().map(|text| (text, true));
        let texts: Vec<_> = texts.chain(self.misses.iter().map(|text| (text, false))).collect();
        let events: Vec<Event> = texts.iter().map(|(text, _)| event(text)).collect();
        let mut builder = RuleSetBuilder::new();
        builder.add(IndexPatterns::default(), condition.clone());
        let batch = fired::batch(&events, schema);
        let found = builder.build().match_batch(&batch, schema);
        let answer = |(row, (text, expected)): (usize, (&'a String, bool))| {
            let matcher = found.hits.iter().any(|hit| hit.row as usize == row);
            let reference = reference::evaluate(condition, &batch, row, schema, &mut Vec::new());
            (text.as_str(), expected, [matcher, reference])
        };
        texts.into_iter().enumerate().map(answer).collect()
    }
}

fn event(text: &str) -> Event {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else { panic!("not an object: {text}") };
    Event {
        id: EventId::given("case"),
        data_stream: DataStream::logs("case", "default"),
        document,
        place: Place { input: "case".into(), record: 1, line: None, offset: None },
    }
}

fn schema(file: &File) -> Box<dyn Schema> {
    if file.schema.as_deref() == Some("ecs") {
        return Box::new(Catalogue::ecs());
    }
    let from_fields = || {
        let properties = file.fields.iter().map(|(name, type_name)| (name.clone(), type_name.clone()));
        let properties: serde_json::Map<String, Value> =
            properties.map(|(name, type_name)| (name, serde_json::json!({ "type": type_name }))).collect();
        serde_json::json!({ "properties": properties }).to_string()
    };
    Box::new(Mapping::parse(&file.mapping.clone().unwrap_or_else(from_fields)).expect("a mapping"))
}

/// What a case asks; `None` if it is refused, or asks for more than single events.
fn condition(file: &File, case: &Case, schema: &dyn Schema, language: Language) -> Option<Condition> {
    let options = KqlOptions {
        now: file.now.as_deref().map(|now| Timestamp::parse(now).expect("a time")),
        default_fields: file.default_fields.clone(),
    };
    let (condition, diagnostics): (Option<Condition>, Vec<Diagnostic>) = match (language, case) {
        (Language::Eql, Case { query: Some(text), .. }) => {
            let reading = case.reading.as_deref() == Some("elasticsearch");
            let unmapped =
                if reading { UnmappedReading::AsElasticsearch } else { UnmappedReading::AsMissing };
            let options = EqlOptions { unmapped, ..EqlOptions::default() };
            let lowered = lower_eql(watchfire_eql::parse(text).query.as_ref()?, schema, &options);
            match lowered.plan {
                Some(EqlPlan::Event(plan)) => (Some(plan.condition), lowered.diagnostics),
                _ => (None, lowered.diagnostics),
            }
        }
        (Language::Kql, Case { query: Some(text), .. }) => {
            let lowered = lower_kql(watchfire_kql::parse(text).query.as_ref()?, schema, &options);
            (Some(lowered.condition), lowered.diagnostics)
        }
        (Language::Kql, Case { lucene: Some(text), .. }) => {
            let lowered = lower_lucene(watchfire_kql::lucene::parse(text).query.as_ref()?, schema, &options);
            (Some(lowered.condition), lowered.diagnostics)
        }
        (_, Case { filters: Some(text), .. }) => {
            let filters = serde_json::from_str(text).expect("filters are JSON");
            let (conditions, diagnostics) = lower_filters(&filters, schema, &options);
            (Some(Condition::all(conditions)), diagnostics)
        }
        (Language::Eql | Language::Kql, _) => (None, Vec::new()),
    };
    condition.filter(|_| diagnostics.iter().all(|found| found.severity != Severity::Error))
}
