//! Hits in order of time, found from the end at which they begin.
//!
//! Who asks for the latest hundred events, or for the next page of them, need not have all read. A short time is read first,
//! then longer ones; as soon as a page is full, and as many hits are counted as were to be, the rest can change nothing: what
//! lies outside of the time that was read stands behind everything in it.

use watchfire_engine::correlate::KeyValue;
use watchfire_events::Timestamp;
use watchfire_ir::Schema;

use crate::top::TopForm;
use crate::{TimeOf, TimeWindow};

const MILLI: i128 = 1_000_000;
const MINUTE: i128 = 60_000 * MILLI;

/// The times that are tried. Where hits are counted, the first one is longer: as few as a short time has are not enough.
const LENGTHS: [i128; 4] = [MINUTE / 6, 15 * MINUTE, 12 * 60 * MINUTE, 14 * 24 * 60 * MINUTE];

/// A time to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeStep {
    pub(super) window: TimeWindow,
    /// How long it is, from where hits begin.
    pub(super) nanos: i128,
}

/// The times to be tried before all is read; none where that would be no use. `windows` are those of the query.
pub(super) fn time_steps(
    top: &TopForm,
    counts: bool,
    windows: &[TimeWindow],
    schema: &dyn Schema,
    now: Timestamp,
) -> Vec<TimeStep> {
    let Some(descending) = top.order.begins_with_time() else { return Vec::new() };
    // An event with several times may lie in a window by one that it is not sorted by.
    let may_step = top.from + top.size > 0 && top.collapse.is_none() && schema.is_single_valued("@timestamp");
    let (from, to) = match windows {
        [] => (Timestamp::from_nanos(i128::MIN), Timestamp::from_nanos(i128::MAX)),
        [window] if window.of == TimeOf::Event => (window.from, window.to),
        _ => return Vec::new(),
    };
    if !may_step {
        return Vec::new();
    }
    let after = match top.after.as_ref().map(crate::sort::After::first) {
        None => None,
        Some(Some(KeyValue::Instant(at))) => Some(*at),
        // The page before ended among events without a time.
        Some(_) => return Vec::new(),
    };
    let mut steps = Vec::new();
    for nanos in LENGTHS.into_iter().skip(usize::from(counts)) {
        let window = if descending {
            // Keys are cut to milliseconds, stored times need not be.
            let to = after.map_or(to, |after| to.min(last_of_milli(after)));
            let begin = if to.nanos() == i128::MAX { now } else { to };
            let start = begin.plus_nanos(-nanos).to_millisecond();
            (start > from).then_some(TimeWindow { of: TimeOf::Event, from: start, to })
        } else {
            let from = after.map_or(from, |after| from.max(after.to_millisecond()));
            if from.nanos() == i128::MIN {
                return Vec::new();
            }
            let end = last_of_milli(from.plus_nanos(nanos));
            (end < to).then_some(TimeWindow { of: TimeOf::Event, from, to: end })
        };
        // One that is as long as all is no use.
        let Some(window) = window else { break };
        steps.push(TimeStep { window, nanos });
    }
    steps
}

fn last_of_milli(at: Timestamp) -> Timestamp {
    at.to_millisecond().plus_nanos(MILLI - 1)
}
