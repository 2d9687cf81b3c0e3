//! Whether the events made for threshold and new-terms rules are found as such, each list alone; and that a threshold is
//! not reached with one event less, nor anything new that was there a second time, or in a history.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use watchfire_detect::{BatchHits, HitSpill, RuleBook};
use watchfire_engine::VALUE_CACHE_BYTES;
use watchfire_events::{Event, EventId, Timestamp, get_field, set_field};
use watchfire_rules::model::RuleKind;
use watchfire_test_support::read_json_lines;

use super::events;
use crate::expected::Expected;
use crate::fired::{self, BATCH_SIZES};
use crate::report::{Section, Table};
use crate::{Corpus, corpus};

const MISSED: &str = include_str!("../../expected/positive-counted-missed.tsv");

/// Memory for hits, and as much while they are joined.
const MEMORY: u64 = 1 << 28;
/// How much later an event is when it comes a second time: within the history window of any rule.
const LATER_NANOS: i128 = 60 * 1_000_000_000;

#[derive(Default)]
struct Counts {
    rules: usize,
    lists: usize,
    found: usize,
    one_less: usize,
    twice: usize,
    with_history: usize,
}

/// The section of this part.
pub(super) fn section(corpus: &Corpus, shared: &Path) -> Section {
    let mut section = Section::new("Events made for thresholds and new values, counted");
    let rules = corpus.by_id();
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut missed = BTreeMap::new();
    for entry in read_json_lines(&shared.join("corpus/positive-events.ndjson.gz")) {
        let id = entry["rule_id"].as_str().expect("an entry has a rule id");
        let Some((rule, _)) = rules.get(id) else { continue };
        if !matches!(rule.kind, RuleKind::Threshold(_) | RuleKind::NewTerms(_)) {
            continue;
        }
        let book = RuleBook::compile([(*rule).clone()], &corpus.catalogue, &corpus::options());
        let count = counts.entry(rule.kind.rule_type().to_string()).or_default();
        count.rules += 1;
        let lists = [&entry["events"]].into_iter().chain(entry["variants"].as_array().into_iter().flatten());
        for (at, documents) in lists.enumerate() {
            let events = events(documents, &entry["indices"]);
            let found =
                |history: &[Event], events: &[Event]| found(&book, history, events, corpus, BATCH_SIZES[0]);
            count.lists += 1;
            let once = found(&[], &events);
            for size in &BATCH_SIZES[1..] {
                if self::found(&book, &[], &events, corpus, *size) != once {
                    section.fail(format!("{id} {}: batches of {size} give something else", at + 1));
                }
            }
            if once == 0 {
                missed.insert(format!("{id} {}", at + 1), format!("{documents} is not found"));
                continue;
            }
            count.found += 1;
            if let RuleKind::Threshold(_) = &rule.kind {
                count.one_less += 1;
                if found(&[], &events[1..]) > 0 {
                    section.fail(format!("{id} {}: found with one event less", at + 1));
                }
                continue;
            }
            let again: Vec<Event> = events.iter().chain(&later(&events)).cloned().collect();
            count.twice += 1;
            if found(&[], &again) != once {
                section.fail(format!("{id} {}: found again when the events come a second time", at + 1));
            }
            count.with_history += 1;
            if found(&events, &later(&events)) > 0 {
                section.fail(format!("{id} {}: found although a history holds the values", at + 1));
            }
        }
    }
    let mut table =
        Table::new(["type", "rules", "lists", "found", "missed", "one event less", "twice", "with history"]);
    for (name, count) in &counts {
        let missed = count.lists - count.found;
        let numbers =
            [count.rules, count.lists, count.found, missed, count.one_less, count.twice, count.with_history];
        let [rules, lists, found, missed, one_less, twice, with_history] =
            numbers.map(|number| number.to_string());
        table.row([name.clone(), rules, lists, found, missed, one_less, twice, with_history]);
    }
    table.sums(1);
    section.table(&table);
    section.say(
        "Each list alone, in batches of every size. With one event less, no threshold must be reached; events that come a \
         second time must find nothing more, and nothing at all after a history that holds them.",
    );
    section.require(counts.values().map(|count| count.found).sum(), 1_000, "lists that are found");
    Expected::parse("positive-counted-missed.tsv", MISSED, 2).compare(&missed, &mut section);
    section
}

/// How much a rule finds in events, after a history, in batches of a size.
fn found(book: &RuleBook, history: &[Event], events: &[Event], corpus: &Corpus, size: usize) -> usize {
    let correlations = book.correlations();
    let mut hits = HitSpill::new(correlations.len(), MEMORY);
    if let Some(asked) = book.history().filter(|_| !history.is_empty()) {
        let mut matcher = asked.set.matcher(VALUE_CACHE_BYTES);
        for part in history.chunks(size) {
            let batch = fired::batch(part, &corpus.catalogue);
            let matches = matcher.match_batch(&batch, &corpus.catalogue);
            hits.push(BatchHits::new(&asked.extractors, &batch, &matches)).expect("all fits into memory");
        }
    }
    let mut matcher = book.set().matcher(VALUE_CACHE_BYTES);
    for part in events.chunks(size) {
        let batch = fired::batch(part, &corpus.catalogue);
        let matches = matcher.match_batch(&batch, &corpus.catalogue);
        hits.push(BatchHits::new(book.extractors(), &batch, &matches)).expect("all fits into memory");
    }
    let mut found = 0;
    let joined = hits.join(&correlations, MEMORY, &mut |_, _, _| {
        found += 1;
        Ok(())
    });
    joined.expect("all fits into memory");
    found
}

/// The same events as they come later, with ids of their own.
fn later(events: &[Event]) -> Vec<Event> {
    let later = |event: &Event| {
        let mut event = event.clone();
        event.id = EventId::given(format!("{} again", event.id));
        event.place.input = "again".into();
        for field in ["@timestamp", "event.ingested"] {
            let time = get_field(&event.document, field).and_then(Value::as_str).and_then(Timestamp::parse);
            if let Some(time) = time {
                let time = time.plus_nanos(LATER_NANOS).to_iso_millis();
                set_field(&mut event.document, field, Value::String(time));
            }
        }
        event
    };
    events.iter().map(later).collect()
}
