//! Events that are to be kept as evidence: all that single processes did and were.

use std::collections::BTreeMap;

use serde_json::json;
use watchfire_engine::{Matcher, ReadFields, RuleSet, VALUE_CACHE_BYTES};
use watchfire_events::{EventBatch, IndexPatterns};
use watchfire_ir::{Condition, Schema};

use crate::answers::{Finding, FindingKey};
use crate::conditions::{clause, rule_set, time_of_row};
use crate::evidence::Evidence;

/// Most events that are kept.
pub const MOST_COLLECTED: usize = 20_000;

/// Which events are kept.
#[derive(Debug)]
pub struct Collection {
    condition: Condition,
    set: RuleSet,
}

/// The events that a thread has kept.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// In the order of time.
    pub events: BTreeMap<FindingKey, Finding>,
    /// How many more there were.
    pub left_out: u64,
}

impl Collection {
    /// The starts and ends of the processes in the trees of some evidence, as far as these have entity ids.
    pub fn of_trees(evidence: &[Evidence], schema: &dyn Schema) -> Self {
        let nodes =
            evidence.iter().filter_map(|evidence| evidence.tree.as_ref()).flat_map(|tree| &tree.nodes);
        let mut entities: Vec<&str> =
            nodes.flat_map(|node| &node.process.entity_ids).map(|id| &**id).collect();
        entities.sort_unstable();
        entities.dedup();
        let condition = if entities.is_empty() {
            Condition::constant(false)
        } else {
            let filters = json!([{ "terms": { "process.entity_id": entities } }, { "term": { "event.category": "process" } }]);
            clause(&json!({ "bool": { "filter": filters } }), schema)
        };
        let set = rule_set([&condition]);
        Self { condition, set }
    }

    /// What an event has to satisfy.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Adds the fields that are looked at.
    pub fn add_fields(&self, fields: &mut ReadFields) {
        fields.add(&IndexPatterns::default(), &self.condition);
        fields.add_field(&"@timestamp".into());
    }

    /// What asks batches; one for each thread.
    pub fn matcher(&self) -> Matcher<'_> {
        self.set.matcher(VALUE_CACHE_BYTES)
    }

    /// Keeps what is wanted of a batch.
    pub fn collect(
        &self,
        matcher: &mut Matcher<'_>,
        batch: &EventBatch,
        schema: &dyn Schema,
        into: &mut Collected,
    ) {
        for hit in matcher.match_batch(batch, schema).hits {
            let row = hit.row as usize;
            let (key, finding) =
                Finding::keyed(batch.event(row), time_of_row(batch, row).unwrap_or_default());
            into.add(key, finding);
        }
    }
}

impl Collected {
    /// Adds an event.
    pub fn add(&mut self, key: FindingKey, finding: Finding) {
        self.events.insert(key, finding);
        if self.events.len() > MOST_COLLECTED {
            self.events.pop_last();
            self.left_out += 1;
        }
    }

    /// Adds what another thread has kept.
    pub fn merge(&mut self, other: Self) {
        self.left_out += other.left_out;
        other.events.into_iter().for_each(|(key, finding)| self.add(key, finding));
    }
}
