//! The first reading: processes of the alerts' hosts, and events of the alerted processes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use watchfire_engine::{Matcher, ReadFields, RuleSet, VALUE_CACHE_BYTES};
use watchfire_events::{Document, EventBatch, IndexPatterns, Timestamp};
use watchfire_ir::{Condition, Schema};

use crate::answers::{Finding, FindingKey};
use crate::conditions::{clause, rule_set, time_of_row};
use crate::fields::{event_time, values_of};
use crate::lineage::{LINEAGE_FIELDS, ProcessEvents};

/// Most events of a process that are kept; the others are counted.
pub(super) const MOST_EVENTS: usize = 5_000;

/// Where a process is known by its number only, its events are looked for so many nanoseconds before and after the alert's.
const PID_SPAN_NANOS: i128 = 24 * 3_600 * 1_000_000_000;

/// What the first reading asks for.
#[derive(Debug)]
pub struct Gathering {
    /// First that of all processes of the hosts, then that of each alert's process.
    conditions: Vec<Condition>,
    set: RuleSet,
    /// By alert, the span of time of its events, if it is bounded.
    spans: Vec<Option<(Timestamp, Timestamp)>>,
}

/// What of it is of one alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// The first events of its process, in the order of time.
    pub events: BTreeMap<FindingKey, Finding>,
    /// Events beyond those that are kept.
    pub left_out: u64,
}

/// What a thread has gathered.
#[derive(Clone, Debug, Default)]
pub struct Gathers {
    /// Of all hosts.
    pub processes: ProcessEvents,
    /// By alert.
    pub of_alerts: Vec<Gathered>,
}

impl Gathering {
    /// What has to be read for these alerts.
    pub fn new(alerts: &[&Document], schema: &dyn Schema) -> Self {
        let lowered = |query: Value| clause(&query, schema);
        // Only alerts about a process ask for those of its host.
        let has_process = |alert: &&&Document| {
            ["process.entity_id", "process.pid"].iter().any(|field| !values_of(alert, field).is_empty())
        };
        let of_processes: Vec<Vec<Value>> =
            alerts.iter().filter(has_process).map(|alert| hosts_of(alert)).collect();
        let mut hosts: Vec<Value> = of_processes.iter().flatten().cloned().collect();
        hosts.sort_by_key(Value::to_string);
        hosts.dedup();
        let told = json!([
            { "term": { "event.category": "process" } },
            { "exists": { "field": "process.entity_id" } }
        ]);
        let told = json!({ "bool": { "should": told, "minimum_should_match": 1 } });
        let mut conditions = vec![if of_processes.is_empty() {
            Condition::constant(false)
        } else if of_processes.iter().any(Vec::is_empty) {
            // One that names no host may be of any.
            lowered(told)
        } else {
            lowered(json!({ "bool": { "filter": [any(&hosts), told] } }))
        }];
        let mut spans = Vec::with_capacity(alerts.len());
        for alert in alerts {
            let (filter, span) = own_events(alert);
            conditions.push(filter.map_or_else(|| Condition::constant(false), lowered));
            spans.push(span);
        }
        let set = rule_set(&conditions);
        Self { conditions, set, spans }
    }

    /// The conditions of which an event has to satisfy one to be of any use.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Adds the fields that are looked at.
    pub fn add_fields(&self, fields: &mut ReadFields) {
        self.conditions.iter().for_each(|condition| fields.add(&IndexPatterns::default(), condition));
        LINEAGE_FIELDS.iter().for_each(|&field| fields.add_field(&field.into()));
    }

    /// What asks batches; one for each thread.
    pub fn matcher(&self) -> Matcher<'_> {
        self.set.matcher(VALUE_CACHE_BYTES)
    }

    /// Nothing yet.
    pub fn nothing(&self) -> Gathers {
        Gathers {
            processes: ProcessEvents::default(),
            of_alerts: vec![Gathered::default(); self.spans.len()],
        }
    }

    /// Takes what is wanted of a batch.
    pub fn gather(
        &self,
        matcher: &mut Matcher<'_>,
        batch: &EventBatch,
        schema: &dyn Schema,
        gathers: &mut Gathers,
    ) {
        let matches = matcher.match_batch(batch, schema);
        let of_hosts = matches.hits.partition_point(|hit| hit.rule.0 == 0);
        gathers.processes.add_rows(batch, matches.hits[..of_hosts].iter().map(|hit| hit.row));
        for hit in &matches.hits[of_hosts..] {
            let number = hit.rule.0 as usize - 1;
            let row = hit.row as usize;
            let Some(at) = time_of_row(batch, row) else { continue };
            if self.spans[number].is_some_and(|(from, to)| at < from || at > to) {
                continue;
            }
            let (key, finding) = Finding::keyed(batch.event(row), at);
            gathers.of_alerts[number].add(key, finding);
        }
    }
}

impl Gathered {
    fn add(&mut self, key: FindingKey, finding: Finding) {
        self.events.insert(key, finding);
        if self.events.len() > MOST_EVENTS {
            self.events.pop_last();
            self.left_out += 1;
        }
    }
}

impl Gathers {
    /// Adds what another thread has gathered.
    pub fn merge(&mut self, other: Self) {
        self.processes.merge(other.processes);
        for (ours, theirs) in self.of_alerts.iter_mut().zip(other.of_alerts) {
            ours.left_out += theirs.left_out;
            theirs.events.into_iter().for_each(|(key, finding)| ours.add(key, finding));
        }
    }
}

fn any(filters: &[Value]) -> Value {
    json!({ "bool": { "should": filters, "minimum_should_match": 1 } })
}

/// What names the host of an alert, each as a filter.
fn hosts_of(alert: &Document) -> Vec<Value> {
    let phrases = ["host.id", "host.name", "agent.id"].into_iter().flat_map(|field| {
        values_of(alert, field).into_iter().map(move |value| match field {
            // Sources write names as they like.
            "host.name" => json!({ "term": { (field): { "value": value, "case_insensitive": true } } }),
            _ => json!({ "match_phrase": { (field): value } }),
        })
    });
    phrases.collect()
}

/// The events of the process of an alert: by its entity id, else by its number on the host for a while.
fn own_events(alert: &Document) -> (Option<Value>, Option<(Timestamp, Timestamp)>) {
    let hosts = hosts_of(alert);
    let phrases = |field: &str| -> Vec<Value> {
        let values = values_of(alert, field).into_iter();
        values.map(|value| json!({ "match_phrase": { (field): value } })).collect()
    };
    let of_host = |process: &[Value]| {
        let mut filters = vec![any(process)];
        if !hosts.is_empty() {
            filters.push(any(&hosts));
        }
        json!({ "bool": { "filter": filters } })
    };
    let entities = phrases("process.entity_id");
    if !entities.is_empty() {
        return (Some(of_host(&entities)), None);
    }
    let pids = phrases("process.pid");
    let Some(at) = event_time(alert).filter(|_| !pids.is_empty() && !hosts.is_empty()) else {
        return (None, None);
    };
    (Some(of_host(&pids)), Some((at.plus_nanos(-PID_SPAN_NANOS), at.plus_nanos(PID_SPAN_NANOS))))
}
