//! Sequences and samples over events, on the way that a scan takes, in batches of any size.

use std::sync::Arc;

use watchfire_detect::{BatchHits, Correlation, HitSpill};
use watchfire_engine::correlate::{Sequence, SequencePlace, StageExtractor};
use watchfire_engine::{RuleSet, VALUE_CACHE_BYTES};
use watchfire_events::{Event, FieldTypes};

use crate::fired;

/// Memory for hits, and as much while they are joined: enough that nothing is given up.
const MEMORY: u64 = 1 << 30;

/// All results of a correlation, in order, as rows that count from the first event. The conditions of the correlation,
/// for which the extractor was made, are rules of the set. Each event has its number, from 1, for its record.
pub(crate) fn results(
    correlation: &Correlation,
    extractor: &StageExtractor,
    set: &RuleSet,
    events: &[Event],
    types: &dyn FieldTypes,
    batch_size: usize,
) -> Vec<Sequence<u32>> {
    let mut hits = HitSpill::new(1, MEMORY);
    let mut matcher = set.matcher(VALUE_CACHE_BYTES);
    for part in events.chunks(batch_size) {
        let batch = fired::batch(part, types);
        let matches = matcher.match_batch(&batch, types);
        hits.push(BatchHits::new([extractor], &batch, &matches)).expect("all fits into memory");
    }
    let mut found: Vec<(Vec<u8>, Sequence<u32>)> = Vec::new();
    let joined = hits.join(&[correlation], MEMORY, &mut |_, detection, stored| {
        let result = &detection.sequence;
        let row = |place: &SequencePlace<Arc<Event>>| match place {
            SequencePlace::Event(event) => SequencePlace::Event(event.place.record as u32 - 1),
            SequencePlace::Missing => SequencePlace::Missing,
        };
        let places = stored.places(result)?.iter().map(row).collect();
        let key = correlation.sort_key(result, found.len() as u64);
        found.push((key, Sequence { keys: result.keys.clone(), places, last: result.last.clone() }));
        Ok(())
    });
    let evicted: u64 =
        joined.expect("all fits into memory").iter().map(|account| account.counts.evicted).sum();
    assert_eq!(evicted, 0, "there is room for all");
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.into_iter().map(|(_, result)| result).collect()
}
