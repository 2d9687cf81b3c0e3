//! Events through the matcher, in batches of any size.

use watchfire_engine::{Hit, MatchError, Matches, RuleSet, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, Event, EventBatch, FieldTypes};

/// The batch sizes that must give the same: that of a scan, an odd number, and single events.
pub(crate) const BATCH_SIZES: [usize; 3] = [4_096, 7, 1];

/// A batch of the events.
pub(crate) fn batch(events: &[Event], types: &dyn FieldTypes) -> EventBatch {
    let mut builder = BatchBuilder::new(types);
    events.iter().cloned().for_each(|event| builder.push(event));
    builder.finish()
}

/// The matches of a rule set over all events, in batches of `size`. Rows count from the first event.
pub(crate) fn hits(set: &RuleSet, events: &[Event], types: &dyn FieldTypes, size: usize) -> Matches {
    // As a scan does, which remembers the values of earlier batches.
    let mut matcher = set.matcher(VALUE_CACHE_BYTES);
    let mut all = Matches::default();
    for (at, part) in events.chunks(size).enumerate() {
        let first = (at * size) as u32;
        let found = matcher.match_batch(&batch(part, types), types);
        all.hits.extend(found.hits.into_iter().map(|hit| Hit { row: hit.row + first, ..hit }));
        let errors = found.errors.into_iter().map(|error| MatchError { row: error.row + first, ..error });
        all.errors.extend(errors);
    }
    all.hits.sort_unstable();
    all.errors.sort_by_key(|error| (error.rule, error.row));
    all
}
