//! The rules of the shared corpus, and the events that should make them fire.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;

use serde_json::Value;
use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_events::{FieldType, Timestamp};
use watchfire_ir::{Catalogue, Condition, KqlOptions, lower_filters, lower_kql};

use crate::{kql_evaluator, shared};

/// A rule with its meaning.
struct Rule {
    path: String,
    kind: String,
    /// The query and the filters.
    condition: Condition,
    /// Of an indicator match rule, what is asked of indicators.
    indicators: Option<Condition>,
    diagnostics: Vec<Diagnostic>,
}

fn options() -> KqlOptions {
    KqlOptions { now: Timestamp::parse("2026-08-01T00:05:00Z"), ..KqlOptions::default() }
}

/// All KQL rules by their id.
fn rules(folder: &std::path::Path, catalogue: &Catalogue) -> BTreeMap<String, Rule> {
    let mut rules = BTreeMap::new();
    for path in shared::files(&folder.join("corpus/detection-rules"), "toml") {
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
        let indicators = rule["threat_query"].as_str().map(|query| lower(query, &rule["threat_filters"]));
        let text_of = |key: &str| rule[key].as_str().expect("a text").to_owned();
        let path = path.file_name().expect("a name").to_string_lossy().into_owned();
        rules.insert(
            text_of("rule_id"),
            Rule { path, kind: text_of("type"), condition, indicators, diagnostics },
        );
    }
    rules
}

/// The common schema, with the types that the shared schemas give other fields of rules.
fn with_rule_fields(folder: &std::path::Path) -> Catalogue {
    let mut catalogue = Catalogue::ecs();
    for line in shared::read(folder, "schemas/rule_field_types.csv").lines().skip(1) {
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
    let Some(folder) = shared::folder() else { return };
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

/// Rules some of whose made-up events do not satisfy them.
///
/// The events of these four have `{"process": {"name": {"caseless": "cmd.exe"}}}`: the generator took the sub-field for a
/// field of its own. It is none in any document; an index fills it from `process.name`, and refuses an object there.
const EXPLAINED: [&str; 4] = [
    "4ed493fc-d637-4a36-80ff-ac84937e5461",
    "7f89afef-9fc5-4e7b-bf16-75ffdf27f8db",
    "9d110cb3-5f4b-4c9a-b9f5-53f0a1707ae2",
    "ded09d02-0137-4ccc-8005-c45e617e8d4c",
];

#[test]
fn shared_positive_events_satisfy_their_rules() {
    let Some(folder) = shared::folder() else { return };
    let catalogue = with_rule_fields(&folder);
    let rules = rules(&folder, &catalogue);
    let packed = std::fs::File::open(folder.join("corpus/positive-events.ndjson.gz")).expect("the events");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("gzip of text");
    let mut table: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let mut misses = String::new();
    let mut explained = BTreeSet::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON lines");
        let id = entry["rule_id"].as_str().expect("an id");
        let Some(rule) = rules.get(id) else { continue };
        let lists = [&entry["events"]].into_iter().chain(entry["variants"].as_array().into_iter().flatten());
        let events = lists.flat_map(|list| list.as_array().expect("a list"));
        let indicators = entry["indicators"].as_array().into_iter().flatten();
        let questions = events.map(|event| (&rule.condition, event)).chain(
            indicators.map(|indicator| (rule.indicators.as_ref().expect("a threat query"), indicator)),
        );
        let (mut all, mut held) = (0, 0);
        for (condition, document) in questions {
            all += 1;
            if kql_evaluator::holds(condition, document, &catalogue) {
                held += 1;
            } else if EXPLAINED.contains(&id) && document["process"]["name"]["caseless"].is_string() {
                explained.insert(id.to_owned());
            } else {
                writeln!(misses, "{id} {}\n  {document}\n  {}", rule.path, condition)
                    .expect("a text takes all");
            }
        }
        let row = table.entry(rule.kind.clone()).or_default();
        row[0] += 1;
        row[1] += usize::from(all == held);
        row[2] += all;
        row[3] += held;
    }
    println!("type | rules | all documents hold | documents | hold");
    for (rule_type, [rules, whole, documents, hold]) in &table {
        println!("{rule_type} | {rules} | {whole} | {documents} | {hold}");
    }
    assert!(table.values().map(|row| row[0]).sum::<usize>() > 600, "the events are there");
    assert!(misses.is_empty(), "{misses}");
    assert_eq!(explained.len(), EXPLAINED.len(), "each explanation is needed");
}
