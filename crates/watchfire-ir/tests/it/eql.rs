//! Cases of EQL: each file below `tests/cases/eql` holds a mapping and queries.
//!
//! ```toml
//! fields = { pid = "long" }              # or schema = "ecs", or mapping = '{ "properties": … }'
//! [[case]]
//! query = "any where pid > 1"
//! reading = "elasticsearch"              # how unmapped fields are read; "missing" if absent
//! matches = ['{"pid": 2}']               # documents that the query finds
//! misses = ['{"pid": 1}', '{}']          # documents that it does not find
//! ```
//!
//! What a query is resolved to, or what is wrong with it, is a snapshot beside the file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use watchfire_diagnostics::{SourceText, render};
use watchfire_ir::{Catalogue, EqlOptions, EqlPlan, Mapping, Schema, UnmappedReading, codes, lower_eql};
use watchfire_test_support::files_below;

use crate::evaluator;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fields: BTreeMap<String, String>,
    mapping: Option<String>,
    schema: Option<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    query: String,
    reading: Option<String>,
    #[serde(default)]
    matches: Vec<String>,
    #[serde(default)]
    misses: Vec<String>,
    /// Documents of which a computed leaf cannot be evaluated.
    #[serde(default)]
    fails: Vec<String>,
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
}

fn documents(texts: &[String]) -> Vec<Value> {
    texts.iter().map(|text| serde_json::from_str(text).expect("a document")).collect()
}

fn run(case: &Case, schema: &dyn Schema) -> String {
    let parsed = watchfire_eql::parse(&case.query);
    let source = SourceText::new("query", case.query.clone());
    let mut shown = format!("{}\n", case.query.trim());
    for diagnostic in &parsed.diagnostics {
        writeln!(shown, "  {}", render::one_line(diagnostic, &source)).expect("a text takes all");
    }
    let options = EqlOptions {
        unmapped: match case.reading.as_deref() {
            Some("elasticsearch") => UnmappedReading::AsElasticsearch,
            None | Some("missing") => UnmappedReading::AsMissing,
            Some(other) => panic!("unknown reading {other}"),
        },
        ..EqlOptions::default()
    };
    let lowered = lower_eql(parsed.query.as_ref().expect("a tree"), schema, &options);
    for diagnostic in &lowered.diagnostics {
        writeln!(
            shown,
            "  {}",
            render::full(diagnostic, &source, render::Colour::Never).replace('\n', "\n  ")
        )
        .expect("a text takes all");
    }
    if let Some(plan) = &lowered.plan {
        writeln!(shown, "  {}", plan.to_string().replace('\n', "\n  ")).expect("a text takes all");
    }
    if let Some(EqlPlan::Event(plan)) = &lowered.plan {
        for (texts, expected) in
            [(&case.matches, Ok(true)), (&case.misses, Ok(false)), (&case.fails, Err(()))]
        {
            let batch = evaluator::batch(&documents(texts), schema);
            for (row, text) in texts.iter().enumerate() {
                let found = evaluator::holds(&plan.condition, &batch, row).map_err(|_| ());
                assert_eq!(found, expected, "{}\non {text}\nby {}", case.query, plan.condition);
            }
        }
    } else {
        assert!(
            case.matches.is_empty() && case.misses.is_empty(),
            "no plan to run for {}\n{shown}",
            case.query
        );
    }
    shown
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/eql");
    let files = files_below(&folder, "toml");
    assert!(!files.is_empty());
    for path in files {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let schema = file.schema();
        let shown: Vec<String> = file.case.iter().map(|case| run(case, &*schema)).collect();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, shown.join("\n")));
    }
}

#[test]
fn every_diagnostic_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/eql");
    let snapshots: String = files_below(&folder, "snap")
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a snapshot"))
        .collect();
    // The last of many diagnostics has a test beside the code.
    let without: Vec<&str> = codes::CODES
        .iter()
        .map(|info| info.code.as_str())
        .filter(|code| {
            *code != codes::TOO_MANY_DIAGNOSTICS.as_str() && !snapshots.contains(&format!("[{code}]"))
        })
        .collect();
    assert!(without.is_empty(), "no case for {without:?}");
}
