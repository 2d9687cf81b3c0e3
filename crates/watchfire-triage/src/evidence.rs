//! What the events say of an alert beside its guide: the questions that guides ask again and again, answered for every alert.
//!
//! ```text
//! first reading   events of the alerts' hosts ─► Lineage ─► process tree, launch chain, children
//!                 events of the alerted process ─► what it did: network, DNS, files, registry, modules, scripts; persistence
//! alerts          ─► those that have something to do with this one, in 48 hours
//! second reading  values found (hashes, paths, destinations, names) ─► on how many hosts, of how many users, since when
//! ```
//!
//! Two readings, because only the first one tells which values the second has to look for.

mod command_line;
mod deeds;
mod gathering;
mod identity;
mod persistence;
mod related;
mod weights;

use watchfire_events::Document;

pub use self::command_line::Decoded;
pub use self::deeds::{Deed, DeedKind, Deeds};
pub use self::gathering::{Gathered, Gathering, Gathers};
pub use self::identity::{Fact, Remark};
pub use self::related::{RELATED_HOURS, Related};
pub use self::weights::{Seen, Weighed, Weigher, Weighing, Weight, Weights};

use crate::fields::event_time;
use crate::lineage::{Lineage, ProcessTree};

/// What the events say of one alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// What the process of the alert is.
    pub identity: Vec<Fact>,
    /// What speaks against it.
    pub remarks: Vec<Remark>,
    /// What its command line, and those of the processes around it, hide.
    pub decoded: Vec<Decoded>,
    /// What led to it and what it led to; nothing if no process of the alert is known.
    pub tree: Option<ProcessTree>,
    /// What it did.
    pub deeds: Deeds,
    /// Alerts that have something to do with it.
    pub related: Vec<Related>,
    /// Over how many hosts and users values were weighed, where that is known.
    pub seen: Option<Seen>,
}

impl Evidence {
    /// Puts together what was gathered for an alert. Its hosts' lineage is that of all alerts asked for; `alerts` are all that are
    /// known.
    pub fn new(alert: &Document, lineage: &Lineage, gathered: &Gathered, alerts: &[Document]) -> Self {
        let process = lineage.of_event(alert);
        let tree = process.map(|process| ProcessTree::new(lineage, process, event_time(alert)));
        let deeds = Deeds::new(gathered, process.map(|process| lineage.process(process)).as_ref());
        let (identity, remarks) = identity::of(alert, tree.as_ref());
        Self {
            identity,
            remarks,
            decoded: command_line::hidden(alert, tree.as_ref()),
            deeds,
            related: related::to(alert, alerts, lineage, tree.as_ref()),
            tree,
            seen: None,
        }
    }

    /// The values that have to be looked for in all events: a field and what it has to have.
    pub fn weighed(&self) -> Vec<(String, String)> {
        let of_identity = self.identity.iter().filter(|fact| fact.is_weighed);
        let mut values: Vec<(String, String)> =
            of_identity.map(|fact| (fact.field.clone(), fact.value.clone())).collect();
        values.extend(self.deeds.all().filter_map(|deed| deed.weighed.clone()));
        values.sort();
        values.dedup();
        values
    }

    /// Adds how often the values are met.
    pub fn weigh(&mut self, weights: &Weights) {
        self.seen = weights.seen();
        for fact in self.identity.iter_mut().filter(|fact| fact.is_weighed) {
            fact.weight = weights.of(&fact.field, &fact.value).cloned();
        }
        for deed in self.deeds.all_mut() {
            deed.weight = deed.weighed.as_ref().and_then(|(field, value)| weights.of(field, value).cloned());
        }
    }
}
