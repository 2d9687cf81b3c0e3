//! Sequences, samples, thresholds and new values: what takes more than one event, found on hits.
//!
//! ```text
//! stages ─ spread_key_constraints ─► RuleSet
//!                                       │
//! EventBatch ───────────────────── match_batch ─► hits (rule, row)
//!                                                        │ StageExtractor
//!                                                        ▼
//!                                   StageHit (stage, ordinal, keys, payload)
//!                                                        │
//!            unsorted, batch by batch                    │ sorted by `StageHit::feeding_order`
//!           ┌────────────────────────────────────────────┼──────────────────────────┐
//!           ▼                                            ▼                          ▼
//!       HitStream ───── once the watermark ───► SequenceCorrelator           SampleCorrelator
//!     snapshot, restore       has passed       one machine per key tuple     one bucket per key tuple
//!                                                        └──► Sequence, in `order_of_results` ◄──┘
//!                                                                       │
//!                                                         ResultLimit (pipes, size, position)
//! ```
//!
//! Thresholds ([`ThresholdTotal`], [`ThresholdWindow`]) and new values ([`NewTermsCorrelator`]) take hits the same two ways:
//! sorted, or through a [`HitStream`]; of sequences, [`SequenceStream`] is one.
//!
//! A correlator sees hits, never events: what an event is stands in the payload, which it only copies. It has no clock
//! and does no I/O. Hits arrive in the order of [`StageHit::feeding_order`], which has no ties, so that how they were
//! cut into batches cannot show in what is found.
//!
//! *Rejected:* keeping lists of partial matches and searching them over windows of time, page by page, as Elasticsearch
//! does. One slot per stage and key gives the same results, holds less, and has no page edges.

mod age;
mod distinct;
mod extract;
mod hit;
mod hit_correlator;
mod hit_stream;
mod key;
mod key_constraints;
mod limit;
mod machine;
mod new_terms;
mod ordered_bytes;
mod sample;
mod sequence;
mod shape;
mod snapshot;
mod stream;
mod threshold;
mod trace;
mod waiting;

pub use distinct::{Distinct, DistinctCounter, MAX_EXACT_DISTINCT};
pub use extract::{Extraction, MAX_KEY_TUPLES, OrderColumns, OrderFields, StageExtractor, ValueField};
pub use hit::{HitStage, Ordinal, StageHit};
pub use hit_correlator::HitCorrelator;
pub use hit_stream::{HitStream, HitStreamCounts, HitStreamSettings};
pub use key::{KeyTuple, KeyValue};
pub use key_constraints::spread_key_constraints;
pub use limit::{ResultLimit, ResultPosition};
pub use new_terms::{HISTORY_STAGE, NewTermsCorrelator, NewTermsShape};
pub use ordered_bytes::{SortableHit, write_keys, write_position};
pub use sample::{MAX_SAMPLE_STAGES, SampleCorrelator, SampleSettings};
pub use sequence::{Evicted, MissingDecision, RefusedHit, SequenceCorrelator, SequenceSettings};
pub use shape::{SequenceShape, ShapeError, StageForm};
pub use snapshot::{RestoreError, StatefulCorrelator};
pub use stream::{SequenceStream, StreamCounts, StreamSettings};
pub use threshold::{
    Bucket, BucketTally, MAX_BUCKET_EVENTS, MovingWindow, ThresholdShape, ThresholdTotal, ThresholdWindow,
    tally_buckets,
};
pub use trace::{Filled, Trace, TraceEnd, longest_trace};

use std::cmp::Ordering;

/// One place of a found sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SequencePlace<T> {
    /// An event.
    Event(T),
    /// Nothing happened here, as a clause `![ … ]` asked.
    Missing,
}

/// A sequence, or a sample, that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence<T> {
    /// The values of the keys that its events share; empty if the query has none.
    pub keys: KeyTuple,
    /// Its places in the order of the stages, repetitions spelled out.
    pub places: Vec<SequencePlace<T>>,
    /// The ordinal of its last event; of a sample, that of the event of its last stage.
    pub last: Ordinal,
}

impl<T> Sequence<T> {
    /// The events, without the places where none is.
    pub fn events(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| match place {
            SequencePlace::Event(event) => Some(event),
            SequencePlace::Missing => None,
        })
    }

    /// The order of results of a sequence query (eql-semantics §12): by the last event, then by key.
    pub fn order_of_results(&self, other: &Self) -> Ordering {
        self.last.cmp(&other.last).then_with(|| self.keys.cmp(&other.keys))
    }
}
