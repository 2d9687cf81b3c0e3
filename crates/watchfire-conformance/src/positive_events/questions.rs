//! The events made for rules, and what each of them is to fire.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use watchfire_detect::RuleState;
use watchfire_engine::RuleIndex;
use watchfire_events::{DataStream, Event, EventId, IndexPatterns, Place};
use watchfire_ir::{Catalogue, Condition};
use watchfire_rules::model::{EventSource, Rule, RuleKind};
use watchfire_test_support::read_json_lines;

use crate::Corpus;
use crate::condition_only::{self, Asked};

/// Which rule set a document is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// The rule runs: the book of all rules.
    Rule,
    /// Rules of its type do not run yet: the conditions that they ask of single events.
    ConditionOnly,
}

/// A document, and what it must fire.
pub(super) struct Question {
    /// The row of the table that counts it.
    pub(super) row: String,
    pub(super) rule_id: String,
    /// The number of the document, from 1, over all lists of the rule in their order.
    pub(super) document: usize,
    /// Whether the document is of the first list, and not of a variant.
    pub(super) is_first_list: bool,
    pub(super) way: Way,
    /// What must fire in the rule set, or why nothing can.
    pub(super) expected: Result<RuleIndex, String>,
}

/// All documents, with a question each.
#[derive(Default)]
pub(super) struct Documents {
    /// The documents.
    pub(super) events: Vec<Event>,
    /// For each document its question.
    pub(super) questions: Vec<Question>,
    /// What is asked the second way, in the order of rule indices.
    pub(super) conditions: Vec<(IndexPatterns, Condition)>,
    /// Rules that there are documents for.
    pub(super) covered: BTreeSet<String>,
}

impl Documents {
    /// Reads the documents.
    pub(super) fn read(corpus: &Corpus, file: &Path) -> Self {
        let running: BTreeMap<String, RuleIndex> = (0..corpus.book.set().len() as u32)
            .map(RuleIndex)
            .filter(|index| corpus.book.is_alert(*index))
            .filter_map(|index| Some((corpus.book.rule(index).rule_id.as_ref()?.to_string(), index)))
            .collect();
        let rules = corpus.by_id();
        let mut all = Self::default();
        for entry in read_json_lines(file) {
            let id = entry["rule_id"].as_str().expect("an entry has a rule id").to_owned();
            let &(rule, state) = rules.get(&id).unwrap_or_else(|| panic!("{id}: there is no such rule"));
            let (way, what) = match state {
                RuleState::Ready if running.contains_key(&id) => (Way::Rule, What::Each(running[&id])),
                _ => (Way::ConditionOnly, all.conditions_of(rule, state, &corpus.catalogue)),
            };
            let row = what.row(rule);
            let lists = [&entry["events"]].into_iter().chain(list(&entry["variants"]));
            let mut document = 0;
            for (at, documents) in lists.enumerate() {
                for (position, source) in list(documents).enumerate() {
                    document += 1;
                    let question = Question {
                        row: row.clone(),
                        rule_id: id.clone(),
                        document,
                        is_first_list: at == 0,
                        way,
                        expected: what.at(position),
                    };
                    all.push(source, &entry["indices"], position, question);
                }
            }
            all.add_indicators(rule, &entry, document, &corpus.catalogue);
            all.covered.insert(id);
        }
        all
    }

    /// Takes up the conditions of a rule that does not run yet.
    fn conditions_of(&mut self, rule: &Rule, state: &RuleState, catalogue: &Catalogue) -> What {
        let first = RuleIndex(self.conditions.len() as u32);
        let index = rule.kind.source().map(EventSource::index).unwrap_or_default();
        let patterns = IndexPatterns::new(index.iter().map(String::as_str));
        match condition_only::of_events(rule, catalogue) {
            Some(Asked::EachDocument(condition)) => {
                self.conditions.push((patterns, *condition));
                What::Each(first)
            }
            Some(Asked::InOrder { form, conditions }) => {
                let length = conditions.len();
                self.conditions.extend(conditions.into_iter().map(|stage| (patterns.clone(), stage)));
                What::InOrder { form, first, length }
            }
            None => What::Nothing(format!("nothing can fire: {state:?}")),
        }
    }

    /// The documents that an indicator match rule looks its values up in.
    fn add_indicators(&mut self, rule: &Rule, entry: &Value, before: usize, catalogue: &Catalogue) {
        let RuleKind::ThreatMatch(threat) = &rule.kind else { return };
        let index = RuleIndex(self.conditions.len() as u32);
        let expected = match condition_only::of_indicators(rule, catalogue) {
            Some(condition) => {
                let patterns = IndexPatterns::new(threat.threat_index.iter().map(String::as_str));
                self.conditions.push((patterns, condition));
                Ok(index)
            }
            None => Err("the query for indicators is wrong".to_owned()),
        };
        for (position, source) in list(&entry["indicators"]).enumerate() {
            let question = Question {
                row: rule.kind.rule_type().to_string(),
                rule_id: entry["rule_id"].as_str().unwrap_or_default().to_owned(),
                document: before + position + 1,
                is_first_list: true,
                way: Way::ConditionOnly,
                expected: expected.clone(),
            };
            self.push(source, &entry["indicator_indices"], position, question);
        }
    }

    /// Takes up a document. `indices` names the index of each position in a list, or one for all positions.
    fn push(&mut self, source: &Value, indices: &Value, position: usize, question: Question) {
        let index = indices.get(position).or_else(|| indices.get(0)).and_then(Value::as_str);
        let row = self.events.len();
        self.events.push(Event {
            id: EventId::given(format!("positive-{row}")),
            data_stream: DataStream::new(index.expect("a document has an index")),
            document: source.as_object().expect("a document is an object").clone(),
            place: Place {
                input: "positive-events".into(),
                record: row as u64 + 1,
                line: None,
                offset: None,
            },
        });
        self.questions.push(question);
    }
}

/// What the documents of a rule are to fire.
enum What {
    /// Each of them the same.
    Each(RuleIndex),
    /// Each of a list another stage.
    InOrder { form: &'static str, first: RuleIndex, length: usize },
    /// Nothing can fire: why.
    Nothing(String),
}

impl What {
    fn row(&self, rule: &Rule) -> String {
        let rule_type = rule.kind.rule_type();
        match self {
            Self::InOrder { form, .. } => format!("{rule_type} {form}"),
            Self::Each(_) | Self::Nothing(_) => rule_type.to_string(),
        }
    }

    fn at(&self, position: usize) -> Result<RuleIndex, String> {
        match self {
            Self::Each(rule) => Ok(*rule),
            Self::InOrder { first, length, .. } if position < *length => {
                Ok(RuleIndex(first.0 + position as u32))
            }
            Self::InOrder { length, .. } => Err(format!("the rule expects {length} documents")),
            Self::Nothing(reason) => Err(reason.clone()),
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
