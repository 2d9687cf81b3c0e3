//! The KQL rules of the shared corpus. Whether they fire is asked by `watchfire-conformance`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_events::{FieldType, Timestamp};
use watchfire_ir::{Catalogue, Condition, KqlOptions, lower_filters, lower_kql};
use watchfire_test_support::{files_below, read_text, shared_folder};

/// A rule with its meaning.
struct Rule {
    path: String,
    /// The query and the filters.
    condition: Condition,
    /// What is said of these, and of what an indicator match rule asks of indicators.
    diagnostics: Vec<Diagnostic>,
}

fn options() -> KqlOptions {
    KqlOptions { now: Timestamp::parse("2026-08-01T00:05:00Z"), ..KqlOptions::default() }
}

/// All KQL rules by their id.
fn rules(folder: &std::path::Path, catalogue: &Catalogue) -> BTreeMap<String, Rule> {
    let mut rules = BTreeMap::new();
    for path in files_below(&folder.join("corpus/detection-rules"), "toml") {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let file: Value = toml::from_str(&text).expect("rules are TOML");
        let rule = &file["rule"];
        if rule["language"] != "kuery" {
            continue;
        }
        let mut diagnostics = Vec::new();
        let mut lower = |query: &str, filters: &Value| {
            let parsed = watchfire_kql::parse(query);
            diagnostics
                .extend(parsed.diagnostics.into_iter().filter(|found| found.severity == Severity::Error));
            let lowered = lower_kql(parsed.query.as_ref().expect("a tree"), catalogue, &options());
            let (filters, said) = lower_filters(filters, catalogue, &options());
            diagnostics.extend(lowered.diagnostics);
            diagnostics.extend(said);
            Condition::all([lowered.condition].into_iter().chain(filters))
        };
        let condition = lower(rule["query"].as_str().expect("a query"), &rule["filters"]);
        if let Some(query) = rule["threat_query"].as_str() {
            lower(query, &rule["threat_filters"]);
        }
        let path = path.file_name().expect("a name").to_string_lossy().into_owned();
        let id = rule["rule_id"].as_str().expect("a text").to_owned();
        rules.insert(id, Rule { path, condition, diagnostics });
    }
    rules
}

/// The common schema, with the types that the shared schemas give other fields of rules.
fn with_rule_fields(folder: &std::path::Path) -> Catalogue {
    let mut catalogue = Catalogue::ecs();
    for line in read_text(&folder.join("schemas/rule_field_types.csv")).lines().skip(1) {
        let mut cells = line.split(',');
        let (Some(name), Some(type_name)) = (cells.next(), cells.next()) else { continue };
        if let (false, Some(field_type)) = (catalogue.knows(name), FieldType::from_mapping_name(type_name)) {
            catalogue.insert(name, field_type);
        }
    }
    catalogue
}

#[test]
fn shared_rules_lower() {
    let Some(folder) = shared_folder() else { return };
    for (name, catalogue) in [("ecs", Catalogue::ecs()), ("with rule fields", with_rule_fields(&folder))] {
        let rules = rules(&folder, &catalogue);
        assert_eq!(rules.len(), 665);
        let mut counts: BTreeMap<String, (usize, String)> = BTreeMap::new();
        let mut errors = Vec::new();
        for rule in rules.values() {
            assert_ne!(rule.condition, Condition::constant(false), "{}", rule.path);
            for diagnostic in &rule.diagnostics {
                let what = format!("{}: {}", rule.path, diagnostic.message);
                if diagnostic.severity == Severity::Error {
                    errors.push(what.clone());
                }
                let entry = counts.entry(diagnostic.code.to_string()).or_default();
                entry.0 += 1;
                writeln!(entry.1, "    {what}").expect("a text takes all");
            }
        }
        println!("{name}: {} rules", rules.len());
        for (code, (count, places)) in counts {
            println!("  {code} {count}\n{places}");
        }
        assert!(errors.is_empty(), "{errors:#?}");
    }
}
