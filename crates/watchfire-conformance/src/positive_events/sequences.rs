//! Whether the events made for rules of sequences and samples are found as such, each list alone; and that nothing is
//! found when one of them is taken away, or the last comes too late.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use watchfire_detect::RuleBook;
use watchfire_events::{Event, Timestamp, get_field, set_field};
use watchfire_ir::{Catalogue, EqlPlan};
use watchfire_rules::model::{Rule, RuleKind};
use watchfire_test_support::read_json_lines;

use super::events;
use crate::Corpus;
use crate::condition_only;
use crate::corpus;
use crate::correlated;
use crate::expected::Expected;
use crate::fired::BATCH_SIZES;
use crate::report::{Section, Table};

const MISSED: &str = include_str!("../../expected/positive-sequences-missed.tsv");

/// A rule for sequences or samples, ready to be asked.
struct Asked {
    plan: EqlPlan,
    timestamp_field: String,
    book: RuleBook,
}

#[derive(Default)]
struct Counts {
    rules: BTreeSet<String>,
    lists: usize,
    found: usize,
    one_less: usize,
    too_late: usize,
}

/// The section of this part.
pub(super) fn section(corpus: &Corpus, shared: &Path) -> Section {
    let mut section = Section::new("Events made for sequences and samples, correlated");
    let rules = corpus.by_id();
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut missed = BTreeMap::new();
    for entry in read_json_lines(&shared.join("corpus/positive-events.ndjson.gz")) {
        let id = entry["rule_id"].as_str().expect("an entry has a rule id");
        let Some(asked) = rules.get(id).and_then(|(rule, _)| Asked::new(rule, &corpus.catalogue)) else {
            continue;
        };
        let count = counts.entry(asked.form()).or_default();
        count.rules.insert(id.to_owned());
        let lists = [&entry["events"]].into_iter().chain(entry["variants"].as_array().into_iter().flatten());
        for (at, documents) in lists.enumerate() {
            let events = events(documents, &entry["indices"]);
            count.lists += 1;
            if !asked.finds(&events, corpus) {
                missed.insert(
                    format!("{id} {}", at + 1),
                    format!("{documents} is not found by {}", asked.plan),
                );
                continue;
            }
            count.found += 1;
            for without in 0..events.len() {
                let mut fewer = events.clone();
                fewer.remove(without);
                count.one_less += 1;
                if asked.finds(&fewer, corpus) {
                    section.fail(format!("{id} {}: found without event {}", at + 1, without + 1));
                }
            }
            if let Some(late) = asked.with_last_too_late(&events) {
                count.too_late += 1;
                if asked.finds(&late, corpus) {
                    section.fail(format!("{id} {}: found, though it takes longer than maxspan", at + 1));
                }
            }
        }
    }
    let mut table =
        Table::new(["form", "rules", "lists", "found", "missed", "with one event less", "too late"]);
    for (form, count) in &counts {
        let numbers = [
            count.rules.len(),
            count.lists,
            count.found,
            count.lists - count.found,
            count.one_less,
            count.too_late,
        ];
        let [rules, lists, found, missed, one_less, too_late] = numbers.map(|number| number.to_string());
        table.row([(*form).to_owned(), rules, lists, found, missed, one_less, too_late]);
    }
    table.sums(1);
    section.table(&table);
    section.say(
        "Each list alone, in batches of every size. Of what is found, nothing must be when one event is taken away, or \
         when the last one comes later than maxspan allows.",
    );
    section.require(counts.values().map(|count| count.found).sum(), 900, "lists that are found");
    Expected::parse("positive-sequences-missed.tsv", MISSED, 2).compare(&missed, &mut section);
    section
}

impl Asked {
    /// The rule, made ready; `None` if it is for something else, or wrong.
    fn new(rule: &Rule, catalogue: &Catalogue) -> Option<Self> {
        let RuleKind::Eql(eql) = &rule.kind else { return None };
        let plan = condition_only::plan(rule, catalogue)?;
        if matches!(plan, EqlPlan::Event(_)) {
            return None;
        }
        let timestamp_field = eql.timestamp_field.clone().unwrap_or_else(|| "@timestamp".to_owned());
        Some(Self {
            plan,
            timestamp_field,
            book: RuleBook::compile([rule.clone()], catalogue, &corpus::options()),
        })
    }

    fn form(&self) -> &'static str {
        match &self.plan {
            EqlPlan::Event(_) => "event",
            EqlPlan::Sample(_) => "sample",
            EqlPlan::Sequence(plan) if plan.stages.iter().any(|stage| stage.missing) => {
                "sequence with a missing event"
            }
            EqlPlan::Sequence(plan) if plan.stages.iter().any(|stage| stage.runs > 1) => "sequence with runs",
            EqlPlan::Sequence(_) => "sequence",
        }
    }

    /// Whether anything is found, in batches of any size.
    fn finds(&self, events: &[Event], corpus: &Corpus) -> bool {
        let correlations = self.book.correlations();
        let (Some(correlation), Some(extractor)) = (correlations.first(), self.book.extractors().next())
        else {
            return false;
        };
        let [first, others @ ..] = BATCH_SIZES.map(|size| {
            correlated::results(correlation, extractor, self.book.set(), events, &corpus.catalogue, size)
        });
        assert!(others.iter().all(|other| *other == first), "batches of any size give the same");
        !first.is_empty()
    }

    /// The events with the last one moved behind the end of maxspan, if there is one.
    fn with_last_too_late(&self, events: &[Event]) -> Option<Vec<Event>> {
        let EqlPlan::Sequence(plan) = &self.plan else { return None };
        let maxspan = i128::from(plan.maxspan_ms?) * 1_000_000;
        let mut events = events.to_vec();
        // A single event has no span.
        let (last, [_, ..]) = events.split_last_mut()? else { return None };
        let time = get_field(&last.document, &self.timestamp_field)?.as_str().and_then(Timestamp::parse)?;
        let late = time.plus_nanos(maxspan).to_iso_millis();
        set_field(&mut last.document, &self.timestamp_field, Value::String(late));
        Some(events)
    }
}
