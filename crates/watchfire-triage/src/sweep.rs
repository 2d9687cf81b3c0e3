//! The pattern of an alert, looked for on all other hosts: what remediation asks for before a case is closed.
//!
//! Traces are made of the alert and of what its process did. What every host has is none: programs of the system, addresses of
//! private networks. Paths are generalised where they name a user.

mod traces;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use watchfire_engine::{Matcher, ReadFields};
use watchfire_events::{Document, EventBatch, Timestamp};
use watchfire_ir::{Condition, Schema};

use self::traces::lowered;
pub(crate) use self::traces::of_alert as traces_of;
pub use self::traces::{Trace, TraceKind};
use crate::evidence::{Evidence, Weigher, Weighing};
use crate::fields::values_of;

/// Most users of a host that are named.
const MOST_USERS: usize = 20;

/// What is looked for on all hosts.
#[derive(Debug)]
pub struct Sweep {
    traces: Vec<Trace>,
    /// What would have been a trace, if not every host had it: what it is, and why not.
    pub left_out: Vec<(String, &'static str)>,
    weighing: Weighing,
    /// The names of the alert's host, in lower case.
    own_hosts: BTreeSet<String>,
}

/// A trace on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostTrace {
    /// Events that have it.
    pub events: u64,
    /// Their users.
    pub users: BTreeSet<Arc<str>>,
    /// When the first of them happened.
    pub first: Option<Timestamp>,
    /// When the last of them happened.
    pub last: Option<Timestamp>,
}

/// What a thread has found.
#[derive(Debug)]
pub struct SweepFinds<'s> {
    sweep: &'s Sweep,
    matcher: Matcher<'s>,
    weigher: Weigher,
    found: BTreeMap<(Arc<str>, usize), HostTrace>,
    /// Events that have a trace and name no host.
    nowhere: u64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    /// What was looked for.
    pub traces: Vec<Trace>,
    /// What was not looked for, and why.
    pub left_out: Vec<(String, &'static str)>,
    /// By trace: what the alert's own host has of it.
    pub own: Vec<HostTrace>,
    /// By host other than the alert's, what it has of each trace (by its number).
    pub elsewhere: BTreeMap<Arc<str>, BTreeMap<usize, HostTrace>>,
    /// Hosts of the events that were looked at, as far as all were.
    pub hosts: Option<usize>,
    /// Events that have a trace and name no host.
    pub nowhere: u64,
}

impl Sweep {
    /// The traces of an alert.
    pub fn new(alert: &Document, evidence: &Evidence, schema: &dyn Schema) -> Self {
        let (traces, left_out) = traces_of(alert, evidence);
        let weighing = Weighing::new(traces.iter().map(|trace| lowered(trace, schema)));
        let own_hosts = ["host.name", "host.id"].into_iter().flat_map(|field| values_of(alert, field));
        Self {
            left_out,
            weighing,
            own_hosts: own_hosts.filter_map(Value::as_str).map(str::to_lowercase).collect(),
            traces,
        }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// The conditions of which an event has to satisfy one to be found.
    pub fn conditions(&self) -> &[Condition] {
        self.weighing.conditions()
    }

    /// Adds the fields that are looked at.
    pub fn add_fields(&self, fields: &mut ReadFields) {
        self.weighing.add_fields(fields);
    }

    /// What looks at batches; one for each thread.
    pub fn finds(&self) -> SweepFinds<'_> {
        SweepFinds {
            sweep: self,
            matcher: self.weighing.matcher(),
            weigher: self.weighing.nothing(),
            found: BTreeMap::new(),
            nowhere: 0,
        }
    }

    /// What threads have found together; whether they have seen all events, and not only those that may have a trace.
    pub fn swept<'s>(&'s self, finds: impl IntoIterator<Item = SweepFinds<'s>>, is_whole: bool) -> Swept {
        let mut swept = Swept {
            traces: self.traces.clone(),
            left_out: self.left_out.clone(),
            own: vec![HostTrace::default(); self.traces.len()],
            elsewhere: BTreeMap::new(),
            hosts: None,
            nowhere: 0,
        };
        let mut seen = self.weighing.nothing();
        for part in finds {
            swept.nowhere += part.nowhere;
            seen.merge(part.weigher);
            for ((host, trace), found) in part.found {
                let place = if self.own_hosts.contains(&*host) {
                    &mut swept.own[trace]
                } else {
                    swept.elsewhere.entry(host).or_default().entry(trace).or_default()
                };
                place.merge(found);
            }
        }
        swept.hosts = is_whole.then_some(seen.hosts.len());
        swept
    }
}

impl SweepFinds<'_> {
    /// Looks at a batch.
    pub fn look(&mut self, batch: &EventBatch, schema: &dyn Schema) {
        let Self { sweep, matcher, weigher, found, nowhere } = self;
        sweep.weighing.weigh(matcher, batch, schema, weigher, &mut |event| {
            let Some(host) = event.host else {
                *nowhere += 1;
                return;
            };
            let trace = found.entry((Arc::clone(host), event.condition)).or_default();
            trace.merge(HostTrace {
                events: 1,
                users: event.user.into_iter().cloned().collect(),
                first: event.at,
                last: event.at,
            });
        });
    }
}

impl HostTrace {
    fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        for user in other.users {
            if self.users.len() < MOST_USERS {
                self.users.insert(user);
            }
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "events": self.events,
            "users": self.users.iter().map(|user| &**user).collect::<Vec<_>>(),
            "first": self.first.map(Timestamp::to_iso_millis),
            "last": self.last.map(Timestamp::to_iso_millis),
        })
    }
}

impl Swept {
    /// As JSON; values are as they came.
    pub fn to_json(&self) -> Value {
        let traces: Vec<Value> = self
            .traces
            .iter()
            .zip(&self.own)
            .enumerate()
            .map(|(number, (trace, own))| {
                let hosts = self.elsewhere.values().filter(|traces| traces.contains_key(&number)).count();
                json!({
                    "kind": trace.kind.name(), "value": trace.value, "fields": trace.fields,
                    "on_own_host": own.to_json(), "other_hosts": hosts,
                })
            })
            .collect();
        let elsewhere: serde_json::Map<String, Value> = self
            .elsewhere
            .iter()
            .map(|(host, found)| {
                let of_host: Vec<Value> = found
                    .iter()
                    .map(|(&number, found)| {
                        let mut found = found.to_json();
                        found["kind"] = self.traces[number].kind.name().into();
                        found["value"] = self.traces[number].value.clone().into();
                        found
                    })
                    .collect();
                (host.to_string(), of_host.into())
            })
            .collect();
        json!({
            "traces": traces,
            "other_hosts": elsewhere,
            "hosts": self.hosts,
            "events_of_no_host": self.nowhere,
            "not_looked_for": self.left_out.iter().map(|(what, why)| json!({ "value": what, "why": why })).collect::<Vec<_>>(),
        })
    }
}
