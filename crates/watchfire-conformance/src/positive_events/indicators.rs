//! Whether the events made for indicator match rules are found with the indicators made for them, and only with those.

use std::path::Path;

use serde_json::Value;
use watchfire_detect::{IndicatorIndex, IndicatorReader, RuleBook};
use watchfire_events::{BatchBuilder, Event};
use watchfire_ir::Catalogue;
use watchfire_rules::model::RuleKind;
use watchfire_test_support::read_json_lines;

use super::events;
use crate::report::{Section, Table};
use crate::{Corpus, corpus};

/// Bytes of indicators that may be unpacked at a time.
const MEMORY: u64 = 1 << 20;

/// The section of this part.
pub(super) fn section(corpus: &Corpus, shared: &Path) -> Section {
    let mut section = Section::new("Events made for indicator match rules, with their indicators");
    let rules = corpus.by_id();
    let (mut asked, mut lists, mut found, mut others) = (0, 0, 0, 0);
    for entry in read_json_lines(&shared.join("corpus/positive-events.ndjson.gz")) {
        let id = entry["rule_id"].as_str().expect("an entry has a rule id");
        let Some((rule, _)) = rules.get(id).filter(|(rule, _)| matches!(rule.kind, RuleKind::ThreatMatch(_)))
        else {
            continue;
        };
        asked += 1;
        let book = RuleBook::compile([(*rule).clone()], &corpus.catalogue, &corpus::options());
        let index = |documents: &Value| {
            indicators(&book, &events(documents, &entry["indicator_indices"]), &corpus.catalogue)
        };
        let given = index(&entry["indicators"]);
        let mut elsewhere = entry["indicators"].clone();
        alter(&mut elsewhere, "threat");
        alter(&mut elsewhere, "vulnerability");
        let elsewhere = index(&elsewhere);
        for documents in
            [&entry["events"]].into_iter().chain(entry["variants"].as_array().into_iter().flatten())
        {
            let events = events(documents, &entry["indices"]);
            lists += 1;
            if enriched(&book, &given, &events, &corpus.catalogue) == 0 {
                section.fail(format!("{id}: {documents} is not found"));
            } else {
                found += 1;
            }
            others += 1;
            if enriched(&book, &elsewhere, &events, &corpus.catalogue) > 0 {
                section.fail(format!("{id}: {documents} is found though no indicator has its values"));
            }
        }
    }
    let mut table = Table::new(["rules", "lists", "found", "with other indicators, not found"]);
    table.row([asked, lists, found, others].map(|number: usize| number.to_string()));
    section.table(&table);
    section.require(found, 5, "lists that are found");
    section
}

/// Gives every text below a member another value.
fn alter(value: &mut Value, below: &str) {
    fn alter_all(value: &mut Value) {
        match value {
            Value::String(text) => text.push_str(".other"),
            Value::Array(items) => items.iter_mut().for_each(alter_all),
            Value::Object(members) => members.values_mut().for_each(alter_all),
            _ => {}
        }
    }
    for document in value.as_array_mut().into_iter().flatten() {
        if let Some(member) = document.get_mut(below) {
            alter_all(member);
        }
    }
}

fn indicators(book: &RuleBook, documents: &[Event], catalogue: &Catalogue) -> IndicatorIndex {
    let reader = IndicatorReader::new(book);
    let catalogue = reader.catalogue(catalogue);
    let mut builder = BatchBuilder::new(&catalogue);
    documents.iter().cloned().for_each(|document| builder.push(document));
    let batch = builder.finish();
    let matches = reader.matcher().match_batch(&batch, &catalogue);
    let mut index = reader.builder(MEMORY);
    index.add(reader.gather(&batch, &matches)).expect("a temporary file can be written");
    index.finish()
}

/// Events that an indicator says something of.
fn enriched(book: &RuleBook, index: &IndicatorIndex, events: &[Event], catalogue: &Catalogue) -> usize {
    let mut builder = BatchBuilder::new(catalogue);
    events.iter().cloned().for_each(|event| builder.push(event));
    let batch = builder.finish();
    let matches = book.set().match_batch(&batch, catalogue);
    let mut matcher = index.matchers(1).remove(0);
    let mut lookups = matcher.in_batch(&batch);
    let enriched = matches.hits.iter().filter(|hit| {
        let enrichments = lookups.enrich(hit.rule, hit.row as usize);
        enrichments.expect("a temporary file can be read").is_some()
    });
    enriched.count()
}
