//! Exceptions: which events make no alert, by rule; and what each item excepted.
//!
//! ```text
//! ExceptionSource, ValueList ──► ExceptionBook::new ──► for each item its condition, and what there is to say
//!                                       │
//!                        RuleBook::with_exceptions ──► of each condition of a rule: condition AND NOT any(items)
//!                                       │                            beside it the condition alone, which is no alert
//! Matches ──────────────────────────────┴─► ExceptionCounts: rows of the one without the other, by item
//! ```
//!
//! Items act on source events, before anything is joined or counted, whatever the type of the rule (detection-engine §4.2).
//! They stand under a negation in the conditions of rules, so that the matcher asks them only of the rows that a rule
//! would have taken. Which item it was is asked of the few excepted rows alone, by the reference evaluator.

pub mod codes;
mod counts;
mod meaning;
mod shared_list;
mod tested;

use std::collections::{BTreeMap, BTreeSet};

use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};
use watchfire_events::Timestamp;
use watchfire_ir::{Condition, Schema};
use watchfire_rules::exceptions::{ExceptionSource, LoadedItem, ValueList};
use watchfire_rules::model::{ExceptionContainer, ExceptionItem, NamespaceType, Rule};

pub use self::codes::CODES as EXCEPTION_CODES;
pub(crate) use self::counts::rows_lost;
pub use self::counts::{ExceptionCounts, ItemCount};
use self::meaning::Meaning;
use self::shared_list::SharedList;
pub use self::tested::{HiddenTest, tests_hidden_by_exceptions};

/// Whether an item is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// It cannot be: the diagnostics say why.
    Failed,
}

/// An item of a book.
#[derive(Clone, Debug)]
pub struct BookItem {
    /// The item.
    pub item: ExceptionItem,
    /// The number of its text among [`ExceptionBook::sources`].
    pub source: usize,
    /// Where its name stands there.
    pub span: Span,
    /// Where its entries stand there.
    pub entries: Vec<Span>,
    /// Whether it is applied.
    pub state: ItemState,
    /// What an event must be to be excepted; `false` unless it is active.
    pub condition: Condition,
}

impl BookItem {
    /// `list/item`, as it is known in the files.
    pub fn id(&self) -> String {
        format!("{}/{}", self.item.list_id, self.item.item_id)
    }
}

/// A text with exceptions or values, and what there is to say about it.
#[derive(Clone, Debug)]
pub struct ExceptionText {
    /// The text.
    pub source: SourceText,
    /// Everything there is to say.
    pub diagnostics: Vec<Diagnostic>,
}

/// What became of a value list.
#[derive(Clone, Debug)]
pub struct ValueListUse {
    /// Its id.
    pub id: String,
    /// Distinct values.
    pub values: usize,
    /// Lines that repeat one.
    pub duplicates: usize,
    /// Lines without one.
    pub blank_lines: usize,
    /// Values that do not fit the type of the list.
    pub bad_values: usize,
    /// Whether an item asks for it.
    pub is_used: bool,
}

/// The name of a list: whether it is visible in all spaces, and its id.
type ListKey = (bool, String);

/// The exceptions of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleExceptions {
    /// The numbers of the items that can except something.
    pub items: Vec<usize>,
    /// The ids of lists that the rule names and that are not there.
    pub absent: Vec<String>,
}

impl RuleExceptions {
    /// Those of a rule where there is no list at all.
    pub(crate) fn none_of(rule: &Rule) -> Self {
        let names: BTreeSet<String> =
            rule.exceptions_list().iter().map(|list| list.list_id.clone()).collect();
        Self { items: Vec::new(), absent: names.into_iter().collect() }
    }
}

/// All exceptions of a run.
#[derive(Debug)]
pub struct ExceptionBook {
    sources: Vec<ExceptionText>,
    items: Vec<BookItem>,
    lists: BTreeMap<ListKey, Vec<usize>>,
    by_rule_id: BTreeMap<String, BTreeSet<ListKey>>,
    by_rule_name: BTreeMap<String, BTreeSet<ListKey>>,
    value_lists: Vec<ValueListUse>,
}

impl ExceptionBook {
    /// Gives items their meaning over the fields of a schema; `now` decides which are expired.
    pub fn new(
        sources: Vec<ExceptionSource>,
        value_lists: Vec<ValueList>,
        schema: &dyn Schema,
        now: Timestamp,
    ) -> Self {
        let mut book = Self {
            sources: Vec::new(),
            items: Vec::new(),
            lists: BTreeMap::new(),
            by_rule_id: BTreeMap::new(),
            by_rule_name: BTreeMap::new(),
            value_lists: Vec::new(),
        };
        let containers = containers(&sources);
        let mut shared: BTreeMap<String, SharedList> = BTreeMap::new();
        for list in value_lists {
            shared.insert(list.id.clone(), SharedList::new(list));
        }
        let meaning = Meaning { schema, now, shared: &shared };
        let mut known: BTreeMap<(bool, String), String> = BTreeMap::new();
        for found in sources {
            let number = book.sources.len();
            let mut diagnostics = found.diagnostics;
            let keys: BTreeSet<ListKey> =
                found.lists.iter().map(|list| key_of(list.list.namespace_type, &list.list.list_id)).collect();
            for key in &keys {
                book.lists.entry(key.clone()).or_default();
            }
            for id in found.rule_ids {
                book.by_rule_id.entry(id).or_default().extend(keys.iter().cloned());
            }
            for name in found.rule_names {
                book.by_rule_name.entry(name).or_default().extend(keys.iter().cloned());
            }
            for LoadedItem { item, span, entries } in found.items {
                let key = key_of(item.namespace_type, &item.list_id);
                let line = found.source.line_column(span.start).line;
                let place = format!("`{}`, line {line}", found.source.name());
                if let Some(other) = known.get(&(key.0, item.item_id.clone())) {
                    let message = format!("the item id `{}` is already that of {other}", item.item_id);
                    diagnostics.push(Diagnostic::error(codes::DUPLICATE_ITEM, message).at(span, "not used"));
                    continue;
                }
                known.insert((key.0, item.item_id.clone()), place);
                let container = containers.get(&key);
                let (state, condition, said) = meaning.item(&item, container, span, &entries);
                diagnostics.extend(said);
                let at = book.items.len();
                book.lists.entry(key).or_default().push(at);
                book.items.push(BookItem { item, source: number, span, entries, state, condition });
            }
            diagnostics.sort_by_key(|found| found.primary_span().map(|span| span.start));
            book.sources.push(ExceptionText { source: found.source, diagnostics });
        }
        book.value_lists = shared.into_values().map(SharedList::into_use).collect();
        book
    }

    /// Adds what is known of further texts, such as those of value lists.
    pub fn add_texts(&mut self, said: impl IntoIterator<Item = (SourceText, Vec<Diagnostic>)>) {
        let text = |(source, diagnostics)| ExceptionText { source, diagnostics };
        self.sources.extend(said.into_iter().map(text));
    }

    /// The texts that items come from, and others about which there is something to say.
    pub fn sources(&self) -> &[ExceptionText] {
        &self.sources
    }

    /// The items in the order of their files.
    pub fn items(&self) -> &[BookItem] {
        &self.items
    }

    /// The value lists, by id.
    pub fn value_lists(&self) -> &[ValueListUse] {
        &self.value_lists
    }

    /// Number of exception lists.
    pub fn number_of_lists(&self) -> usize {
        self.lists.len()
    }

    /// Number of errors in all texts.
    pub fn errors(&self) -> usize {
        let all = self.sources.iter().flat_map(|text| &text.diagnostics);
        all.filter(|found| found.severity == Severity::Error).count()
    }

    /// What a rule takes: the items of the lists it names, and of those whose file names the rule.
    pub fn of_rule(&self, rule: &Rule) -> RuleExceptions {
        let mut items = BTreeSet::new();
        let mut absent = Vec::new();
        let mut keys: BTreeSet<&ListKey> = BTreeSet::new();
        for reference in rule.exceptions_list() {
            let key = key_of(Some(reference.namespace_type), &reference.list_id);
            match self.lists.get_key_value(&key) {
                Some((key, _)) => {
                    keys.insert(key);
                }
                None if !absent.contains(&reference.list_id) => absent.push(reference.list_id.clone()),
                None => {}
            }
        }
        let id = rule.rule_id.as_ref().map(ToString::to_string);
        keys.extend(id.and_then(|id| self.by_rule_id.get(&id)).into_iter().flatten());
        keys.extend(self.by_rule_name.get(&rule.name).into_iter().flatten());
        for key in keys {
            items.extend(self.lists.get(key).into_iter().flatten().copied());
        }
        let can_except = |at: &usize| self.items[*at].condition != Condition::constant(false);
        RuleExceptions { items: items.into_iter().filter(can_except).collect(), absent }
    }

    /// The numbers of the items of all lists that a rule takes, also of those that are expired or cannot be applied.
    pub fn items_named_by(&self, rules: &[&Rule]) -> BTreeSet<usize> {
        let mut named = BTreeSet::new();
        let id_of = |rule: &&Rule| rule.rule_id.as_ref().map(ToString::to_string);
        let ids: BTreeSet<String> = rules.iter().filter_map(id_of).collect();
        let names: BTreeSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        let mut keys: BTreeSet<ListKey> = BTreeSet::new();
        let references = rules.iter().flat_map(|rule| rule.exceptions_list());
        keys.extend(references.map(|one| key_of(Some(one.namespace_type), &one.list_id)));
        let by_id = self.by_rule_id.iter().filter(|(id, _)| ids.contains(*id));
        keys.extend(by_id.flat_map(|(_, keys)| keys.iter().cloned()));
        let by_name = self.by_rule_name.iter().filter(|(name, _)| names.contains(name.as_str()));
        keys.extend(by_name.flat_map(|(_, keys)| keys.iter().cloned()));
        for key in keys {
            named.extend(self.lists.get(&key).into_iter().flatten().copied());
        }
        named
    }

    /// What the events of a rule must be beside all else: excepted by none of these items. Nothing if there are none.
    pub fn exclusion(&self, items: &[usize]) -> Option<Condition> {
        let any = Condition::any(items.iter().map(|&at| self.items[at].condition.clone()));
        (!items.is_empty()).then(|| any.negate())
    }

    /// Adds something to say about an item, at its name or at one of its entries.
    pub fn report(&mut self, item: usize, entry: Option<usize>, diagnostic: Diagnostic) {
        let BookItem { source, span, entries, .. } = &self.items[item];
        let place = entry.and_then(|at| entries.get(at)).unwrap_or(span);
        self.sources[*source].diagnostics.push(diagnostic.at(*place, ""));
    }
}

fn key_of(namespace: Option<NamespaceType>, list_id: &str) -> ListKey {
    (namespace == Some(NamespaceType::Agnostic), list_id.to_owned())
}

/// The lists by their names; of several of one name, the first.
fn containers(sources: &[ExceptionSource]) -> BTreeMap<ListKey, ExceptionContainer> {
    let mut found = BTreeMap::new();
    for list in sources.iter().flat_map(|source| &source.lists) {
        let key = key_of(list.list.namespace_type, &list.list.list_id);
        found.entry(key).or_insert_with(|| list.list.clone());
    }
    found
}
