//! The second reading: on how many hosts, and of how many users, values are met, and since when.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::json;
use watchfire_engine::{Matcher, ReadFields, RuleSet, VALUE_CACHE_BYTES};
use watchfire_events::{Column, EventBatch, IndexPatterns, Timestamp};
use watchfire_ir::{Condition, Schema};

use crate::conditions::{clause, rule_set, time_of_row};

/// Most different hosts, and users, of a value that are told apart.
const MOST_NAMED: usize = 10_000;

/// How often a value is met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Events that have it.
    pub events: u64,
    /// Hosts of these.
    pub hosts: BTreeSet<Arc<str>>,
    /// Users of these.
    pub users: BTreeSet<Arc<str>>,
    /// When the first of them happened.
    pub first: Option<Timestamp>,
    /// When the last of them happened.
    pub last: Option<Timestamp>,
}

impl Weight {
    fn count(&mut self, at: Option<Timestamp>, host: Option<&Arc<str>>, user: Option<&Arc<str>>) {
        self.events += 1;
        self.first = self.first.into_iter().chain(at).min();
        self.last = self.last.max(at);
        add(&mut self.hosts, host);
        add(&mut self.users, user);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        other.hosts.iter().for_each(|host| add(&mut self.hosts, Some(host)));
        other.users.iter().for_each(|user| add(&mut self.users, Some(user)));
    }
}

fn add(names: &mut BTreeSet<Arc<str>>, name: Option<&Arc<str>>) {
    if let Some(name) = name
        && names.len() < MOST_NAMED
        && !names.contains(name)
    {
        names.insert(Arc::clone(name));
    }
}

/// Conditions whose events are weighed, each by its number.
#[derive(Debug)]
pub struct Weighing {
    conditions: Vec<Condition>,
    set: RuleSet,
}

/// An event that a condition counts.
#[derive(Clone, Copy, Debug)]
pub struct Weighed<'b> {
    /// The number of the condition.
    pub condition: usize,
    /// The row of the event in its batch.
    pub row: usize,
    /// When it happened.
    pub at: Option<Timestamp>,
    /// Where.
    pub host: Option<&'b Arc<str>>,
    /// Whose.
    pub user: Option<&'b Arc<str>>,
}

/// What a thread has weighed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weigher {
    /// By the number of the condition.
    pub weights: Vec<Weight>,
    /// All hosts of the events that were looked at.
    pub hosts: BTreeSet<Arc<str>>,
    /// All users of these.
    pub users: BTreeSet<Arc<str>>,
}

impl Weighing {
    /// Of values in fields.
    pub fn of_values(values: &[(String, String)], schema: &dyn Schema) -> Self {
        let of_value = |(field, value): &(String, String)| {
            clause(&json!({ "match_phrase": { (field): value } }), schema)
        };
        Self::new(values.iter().map(of_value))
    }

    /// Of conditions.
    pub(crate) fn new(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let conditions: Vec<Condition> = conditions.into_iter().collect();
        let set = rule_set(&conditions);
        Self { conditions, set }
    }

    /// The conditions of which an event has to satisfy one to be counted.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Adds the fields that are looked at.
    pub fn add_fields(&self, fields: &mut ReadFields) {
        self.conditions.iter().for_each(|condition| fields.add(&IndexPatterns::default(), condition));
        for field in ["@timestamp", "host.name", "host.id", "user.name"] {
            fields.add_field(&field.into());
        }
    }

    /// What asks batches; one for each thread.
    pub fn matcher(&self) -> Matcher<'_> {
        self.set.matcher(VALUE_CACHE_BYTES)
    }

    /// Nothing yet.
    pub fn nothing(&self) -> Weigher {
        Weigher { weights: vec![Weight::default(); self.conditions.len()], ..Weigher::default() }
    }

    /// Weighs the events of a batch; shows each that counts to `see`.
    pub fn weigh(
        &self,
        matcher: &mut Matcher<'_>,
        batch: &EventBatch,
        schema: &dyn Schema,
        weigher: &mut Weigher,
        see: &mut dyn FnMut(Weighed<'_>),
    ) {
        let hosts = Texts::new(batch.column("host.name"), batch.column("host.id"));
        let users = Texts::new(batch.column("user.name"), None);
        hosts.all().for_each(|host| add(&mut weigher.hosts, Some(host)));
        users.all().for_each(|user| add(&mut weigher.users, Some(user)));
        for hit in matcher.match_batch(batch, schema).hits {
            let (number, row) = (hit.rule.0 as usize, hit.row as usize);
            let at = time_of_row(batch, row);
            let (host, user) = (hosts.of(row), users.of(row));
            weigher.weights[number].count(at, host, user);
            see(Weighed { condition: number, row, at, host, user });
        }
    }
}

impl Weigher {
    /// Adds what another thread has weighed.
    pub fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.weights.iter_mut().zip(other.weights) {
            ours.merge(&theirs);
        }
        other.hosts.iter().for_each(|host| add(&mut self.hosts, Some(host)));
        other.users.iter().for_each(|user| add(&mut self.users, Some(user)));
    }
}

/// The texts of a column in lower case, or of a second one in rows that have none in the first: sources write the names of hosts
/// and users as they like.
struct Texts<'b> {
    columns: [Option<&'b Column>; 2],
    texts: [Vec<Arc<str>>; 2],
}

impl<'b> Texts<'b> {
    fn new(first: Option<&'b Column>, second: Option<&'b Column>) -> Self {
        let texts = |column: Option<&Column>| -> Vec<Arc<str>> {
            let codes = 0..column.map_or(0, Column::distinct) as u32;
            codes.filter_map(|code| Some(Arc::from(column?.value(code).to_text().to_lowercase()))).collect()
        };
        Self { columns: [first, second], texts: [texts(first), texts(second)] }
    }

    fn of(&self, row: usize) -> Option<&Arc<str>> {
        self.columns.iter().zip(&self.texts).find_map(|(column, texts)| {
            let code = *column.as_ref()?.codes(row).first()?;
            texts.get(code as usize)
        })
    }

    fn all(&self) -> impl Iterator<Item = &Arc<str>> {
        let fallback = if self.columns[0].is_none() { self.texts[1].as_slice() } else { &[] };
        self.texts[0].iter().chain(fallback)
    }
}

/// What values weigh.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    by_value: FxHashMap<(String, String), Weight>,
    seen: Option<Seen>,
}

/// All that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Hosts.
    pub hosts: usize,
    /// Users.
    pub users: usize,
}

impl Weights {
    /// The weights of values, in the order in which they were asked for; whether all events were looked at, and not only those that
    /// may have one of them.
    pub fn new(values: Vec<(String, String)>, weigher: Weigher, is_whole: bool) -> Self {
        let seen = is_whole.then_some(Seen { hosts: weigher.hosts.len(), users: weigher.users.len() });
        Self { by_value: values.into_iter().zip(weigher.weights).collect(), seen }
    }

    /// All hosts and users, where all events were looked at.
    pub fn seen(&self) -> Option<Seen> {
        self.seen
    }

    /// That of one.
    pub fn of(&self, field: &str, value: &str) -> Option<&Weight> {
        self.by_value.get(&(field.to_owned(), value.to_owned()))
    }
}
