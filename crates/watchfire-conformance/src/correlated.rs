//! Sequences and samples over events, in batches of any size.

use watchfire_engine::correlate::{
    OrderFields, SampleCorrelator, SampleSettings, Sequence, SequenceCorrelator, SequenceSettings,
    SequenceShape, StageExtractor, StageHit, spread_key_constraints,
};
use watchfire_engine::{RuleIndex, RuleSet};
use watchfire_events::{Event, FieldTypes};
use watchfire_ir::{Condition, EqlPlan};

use crate::fired;

/// A query for sequences or samples, whose stages are rules of a rule set.
pub(crate) struct Correlated<'a> {
    pub(crate) plan: &'a EqlPlan,
    /// In the order of the plan's conditions.
    pub(crate) rules: &'a [RuleIndex],
    pub(crate) order: OrderFields,
    pub(crate) samples_per_key: usize,
}

impl Correlated<'_> {
    /// All results, in order, as rows that count from the first event. A query for single events has none.
    pub(crate) fn results(
        &self,
        set: &RuleSet,
        events: &[Event],
        types: &dyn FieldTypes,
        batch_size: usize,
    ) -> Vec<Sequence<u32>> {
        match self.plan {
            EqlPlan::Event(_) => Vec::new(),
            EqlPlan::Sequence(plan) => {
                let extractor = StageExtractor::for_sequence(plan, self.rules, self.order.clone());
                let mut hits = hits(&extractor, set, events, types, batch_size);
                hits.sort_by(StageHit::feeding_order);
                let shape = SequenceShape::of_plan(plan).expect("the parser refuses other forms");
                let mut correlator = SequenceCorrelator::new(shape, SequenceSettings::default());
                let mut found = Vec::new();
                for hit in hits {
                    correlator.push(hit, &mut found).expect("hits are sorted");
                }
                correlator.finish(&mut found);
                found.sort_by(Sequence::order_of_results);
                found
            }
            EqlPlan::Sample(plan) => {
                let extractor = StageExtractor::for_sample(plan, self.rules);
                let settings =
                    SampleSettings { max_samples_per_key: self.samples_per_key, ..SampleSettings::default() };
                let mut correlator = SampleCorrelator::new(plan.stages.len(), settings)
                    .expect("no sample has that many stages");
                for hit in hits(&extractor, set, events, types, batch_size) {
                    correlator.push(hit).expect("the extractor knows the stages");
                }
                correlator.finish()
            }
        }
    }
}

fn hits(
    extractor: &StageExtractor,
    set: &RuleSet,
    events: &[Event],
    types: &dyn FieldTypes,
    batch_size: usize,
) -> Vec<StageHit<u32>> {
    let mut hits = Vec::new();
    for (at, part) in events.chunks(batch_size).enumerate() {
        let first = at * batch_size;
        let batch = fired::batch(part, types);
        let matches = set.match_batch(&batch, types);
        let event = |row| ((first + row) as u64, (first + row) as u32);
        extractor.extract(&batch, &matches, event, &mut hits);
    }
    hits
}

/// What the matcher is to be asked for a plan: the conditions of its stages, then that of `until`, each with what the
/// others ask of their keys.
pub(crate) fn conditions(plan: &EqlPlan) -> Vec<Condition> {
    let mut plan = plan.clone();
    match &mut plan {
        EqlPlan::Event(_) => {}
        EqlPlan::Sequence(plan) => spread_key_constraints(&mut plan.stages),
        EqlPlan::Sample(plan) => spread_key_constraints(&mut plan.stages),
    }
    plan.conditions().into_iter().cloned().collect()
}
