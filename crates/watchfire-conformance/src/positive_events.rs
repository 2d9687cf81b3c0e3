//! Whether the events made for a rule fire it.
//!
//! The events come in lists, each of which is enough for an alert of its rule. All events of all rules go through the
//! matcher together: those of rules that run against the rule book of *all* rules, as in a scan; those of rules whose
//! type does not run yet against the conditions that they ask of single events.

mod counted;
mod indicators;
mod questions;
mod sequences;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use watchfire_engine::{Hit, Matches, RuleIndex, RuleSetBuilder, reference};
use watchfire_events::{DataStream, Event, EventId, IndexPatterns, Place};
use watchfire_ir::Condition;
use watchfire_rules::model::RuleKind;

use self::questions::{Documents, Question, Way};
use crate::expected::Expected;
use crate::fired::{self, BATCH_SIZES};
use crate::report::{Section, Table};
use crate::{Corpus, hit_form};

const MISSED: &str = include_str!("../expected/positive-events-missed.tsv");
const READ_OTHERWISE: &str = include_str!("../expected/positive-events-read-otherwise.tsv");

/// All rules, and not only those concerned, are asked by reference of each document whose row this divides.
const ALL_RULES_EVERY: usize = 50;

/// What the matcher says: of the book of rules, and of the conditions of rules that do not run yet.
type Found = [Matches; 2];

/// The sections of this part.
pub(crate) fn sections(corpus: &Corpus, shared: &Path) -> Vec<Section> {
    let asked = Documents::read(corpus, &shared.join("corpus/positive-events.ndjson.gz"));
    let (fired, found) = fired(corpus, &asked);
    vec![
        fired,
        sequences::section(corpus, shared),
        indicators::section(corpus, shared),
        counted::section(corpus, shared),
        by_reference(corpus, &asked, &found),
        as_read_by_a_scan(corpus, &asked, &found),
    ]
}

/// Whether each document fires what it is for, in batches of several sizes.
fn fired(corpus: &Corpus, asked: &Documents) -> (Section, Found) {
    let mut section = Section::new("Events made for rules");
    let mut builder = RuleSetBuilder::new();
    for (patterns, condition) in &asked.conditions {
        builder.add(patterns.clone(), condition.clone());
    }
    let conditions = builder.build();
    let hits = |size: usize| -> Found {
        [corpus.book.set(), &conditions].map(|set| fired::hits(set, &asked.events, &corpus.catalogue, size))
    };
    let found = hits(BATCH_SIZES[0]);
    for size in &BATCH_SIZES[1..] {
        if hits(*size) != found {
            section.fail(format!("batches of {size} give other hits than batches of {}", BATCH_SIZES[0]));
        }
    }
    for error in found.iter().flat_map(|found| &found.errors) {
        let key = key(&asked.questions[error.row as usize]);
        section.fail(format!("{key}: a leaf cannot be evaluated: {}", error.error));
    }
    section.say(format!(
        "{} documents; {} rules in one set of {} distinct leaves; batches of {}, with equal results.",
        asked.events.len(),
        corpus.book.set().len(),
        corpus.book.set().distinct_leaves(),
        BATCH_SIZES.map(|size| size.to_string()).join(", "),
    ));
    let mut counts: BTreeMap<(Way, &str), Counts<'_>> = BTreeMap::new();
    let mut missed = BTreeMap::new();
    for (row, question) in asked.questions.iter().enumerate() {
        let count = counts.entry((question.way, &question.row)).or_default();
        count.rules.insert(&question.rule_id);
        *(if question.is_first_list { &mut count.documents } else { &mut count.in_variants }) += 1;
        if is_hit(&found, row, question) {
            count.fired += 1;
        } else {
            missed.insert(key(question), why_missed(corpus, asked, row, &mut section));
        }
    }
    section.table(&table(&counts));
    section.require(asked.events.len(), 12_000, "documents");
    Expected::parse("positive-events-missed.tsv", MISSED, 2).compare(&missed, &mut section);
    section.list(
        "Rules of these types for which this data has no events:",
        without_events(corpus, &asked.covered),
    );
    (section, found)
}

fn key(question: &Question) -> String {
    format!("{} {}", question.rule_id, question.document)
}

fn is_hit(found: &Found, row: usize, question: &Question) -> bool {
    let Ok(rule) = question.expected else { return false };
    found[question.way as usize].hits.binary_search(&Hit { rule, row: row as u32 }).is_ok()
}

/// What an unexplained miss is shown with. A document whose index is none of the rule's must satisfy the condition at
/// least, whatever excuse there is; so the index is the only thing wrong with it.
fn why_missed(corpus: &Corpus, asked: &Documents, row: usize, section: &mut Section) -> String {
    let (question, event) = (&asked.questions[row], &asked.events[row]);
    let rule = match &question.expected {
        Ok(rule) => *rule,
        Err(reason) => return reason.clone(),
    };
    let (patterns, condition) = rule_of(corpus, asked, question.way, rule);
    let document = serde_json::Value::Object(event.document.clone());
    if patterns.select(&event.data_stream) {
        return format!("{document} by {condition}");
    }
    let batch = fired::batch(&asked.events[row..=row], &corpus.catalogue);
    if !reference::evaluate(condition, &batch, 0, &corpus.catalogue, &mut Vec::new()) {
        section.fail(format!("{}: {document} does not satisfy {condition}", key(question)));
    }
    format!("the condition holds, but `{}` is none of the rule's indices", event.data_stream)
}

/// What a rule asks.
fn rule_of<'a>(
    corpus: &'a Corpus,
    asked: &'a Documents,
    way: Way,
    rule: RuleIndex,
) -> (&'a IndexPatterns, &'a Condition) {
    match way {
        Way::Rule => (corpus.book.patterns(rule), corpus.book.condition(rule)),
        Way::ConditionOnly => {
            let (patterns, condition) = &asked.conditions[rule.0 as usize];
            (patterns, condition)
        }
    }
}

#[derive(Default)]
struct Counts<'a> {
    rules: BTreeSet<&'a str>,
    documents: usize,
    in_variants: usize,
    fired: usize,
}

fn table(counts: &BTreeMap<(Way, &str), Counts<'_>>) -> Table {
    let mut table = Table::new(["type", "rules", "documents", "in variants", "fired", "missed"]);
    for ((way, name), count) in counts {
        let name = match way {
            Way::Rule => (*name).to_owned(),
            Way::ConditionOnly => format!("{name} (condition only)"),
        };
        let all = count.documents + count.in_variants;
        let numbers = [count.rules.len(), count.documents, count.in_variants, count.fired, all - count.fired];
        let [rules, documents, in_variants, fired, missed] = numbers.map(|number| number.to_string());
        table.row([name, rules, documents, in_variants, fired, missed]);
    }
    table.sums(1);
    table
}

/// Rules of the types in this data for which it has no events.
fn without_events<'a>(
    corpus: &'a Corpus,
    covered: &'a BTreeSet<String>,
) -> impl Iterator<Item = String> + 'a {
    corpus.book.rules().filter_map(|(rule, _)| {
        let id = rule.rule_id.as_ref()?.to_string();
        let is_there =
            covered.contains(&id) || matches!(rule.kind, RuleKind::Esql(_) | RuleKind::MachineLearning(_));
        (!is_there).then(|| format!("{} {id}", rule.kind.rule_type()))
    })
}

/// Whether the reference evaluator says the same: of each hit, of the rule that a document is for, and on every so many
/// documents of all rules.
fn by_reference(corpus: &Corpus, asked: &Documents, found: &Found) -> Section {
    let mut section = Section::new("The same events by the reference evaluator");
    let (mut questions, mut differences) = (0_usize, 0_usize);
    for (way, found) in [Way::Rule, Way::ConditionOnly].into_iter().zip(found) {
        let rules = match way {
            Way::Rule => corpus.book.set().len(),
            Way::ConditionOnly => asked.conditions.len(),
        };
        let mut hits: Vec<BTreeSet<RuleIndex>> = vec![BTreeSet::new(); asked.events.len()];
        for hit in &found.hits {
            hits[hit.row as usize].insert(hit.rule);
        }
        for (row, (question, hits)) in asked.questions.iter().zip(&hits).enumerate() {
            let own = question.expected.as_ref().ok().filter(|_| question.way == way);
            let concerned: BTreeSet<RuleIndex> = if row % ALL_RULES_EVERY == 0 {
                (0..rules as u32).map(RuleIndex).collect()
            } else {
                hits.iter().chain(own).copied().collect()
            };
            let event = &asked.events[row];
            let batch = fired::batch(&asked.events[row..=row], &corpus.catalogue);
            for rule in concerned {
                let (patterns, condition) = rule_of(corpus, asked, way, rule);
                let holds = patterns.select(&event.data_stream)
                    && reference::evaluate(condition, &batch, 0, &corpus.catalogue, &mut Vec::new());
                questions += 1;
                if holds != hits.contains(&rule) {
                    differences += 1;
                    section.fail(format!("{}: the reference says {holds} of {condition}", key(question)));
                }
            }
        }
    }
    section.say(format!(
        "{questions} questions (each hit, each document's own rule, and all rules on one document in \
         {ALL_RULES_EVERY}), {differences} answered otherwise than by the matcher.",
    ));
    section
}

/// The same documents, written as search hits and read as a scan does.
///
/// Reading fills in the fields that name the data stream, which changes the hits of some rules on events made for
/// others. No document may lose its own rule.
fn as_read_by_a_scan(corpus: &Corpus, asked: &Documents, [expected, _]: &Found) -> Section {
    let mut section = Section::new("The same events, written as search hits and read by a scan");
    let (mut events, mut rows) = (Vec::new(), Vec::new());
    for (row, read) in hit_form::read_again(&asked.events).into_iter().enumerate() {
        let key = key(&asked.questions[row]);
        match read {
            Ok(event) if event.data_stream != asked.events[row].data_stream => {
                section.fail(format!("{key}: read as of {}", event.data_stream));
            }
            Ok(event) => {
                events.push(event);
                rows.push(row as u32);
            }
            Err(reason) => section.fail(format!("{key}: refused: {reason}")),
        }
    }
    let found = fired::hits(corpus.book.set(), &events, &corpus.catalogue, BATCH_SIZES[0]);
    let is_alert = |hit: &Hit| corpus.book.is_alert(hit.rule);
    let found: BTreeSet<Hit> = found
        .hits
        .into_iter()
        .filter(is_alert)
        .map(|hit| Hit { row: rows[hit.row as usize], ..hit })
        .collect();
    let expected: BTreeSet<Hit> = expected.hits.iter().copied().filter(is_alert).collect();
    let mut changed: BTreeMap<String, String> = BTreeMap::new();
    let mut table = Table::new(["rule whose hits change", "", "documents"]);
    for (hits, what) in [(&expected - &found, "lost"), (&found - &expected, "gained")] {
        let mut by_rule: BTreeMap<RuleIndex, usize> = BTreeMap::new();
        for hit in hits {
            let question = &asked.questions[hit.row as usize];
            if question.way == Way::Rule && question.expected == Ok(hit.rule) {
                section.fail(format!("{}: its own rule is {what}", key(question)));
            }
            *by_rule.entry(hit.rule).or_default() += 1;
        }
        for (index, number) in by_rule {
            let rule = corpus.book.rule(index);
            let id = rule.rule_id.as_ref().map(ToString::to_string).unwrap_or_default();
            table.row([rule.name.clone(), what.to_owned(), number.to_string()]);
            changed.insert(format!("{id} {what}"), format!("{} has {number} hits {what}", rule.name));
        }
    }
    let documents = asked.events.len();
    section.say(format!(
        "{documents} documents give {} hits of all rules; directly {}.",
        found.len(),
        expected.len()
    ));
    section.table(&table);
    Expected::parse("positive-events-read-otherwise.tsv", READ_OTHERWISE, 2).compare(&changed, &mut section);
    section
}

/// The documents of a list as events, each of the index given for it, or of the first one.
pub(crate) fn events(documents: &Value, indices: &Value) -> Vec<Event> {
    let event = |(at, document): (usize, &Value)| {
        let index = indices.get(at).or_else(|| indices.get(0)).and_then(Value::as_str);
        Event {
            id: EventId::given(at.to_string()),
            data_stream: DataStream::new(index.expect("a document has an index")),
            document: document.as_object().expect("a document is an object").clone(),
            place: Place { input: "positive-events".into(), record: at as u64 + 1, line: None, offset: None },
        }
    };
    documents.as_array().into_iter().flatten().enumerate().map(event).collect()
}
