//! What of a query lets events be passed over without being looked at: windows of time, conditions, ids.
//!
//! Only what every result has to satisfy counts: the parts of the outermost `and`.

use watchfire_engine::ReadFields;
use watchfire_events::{DataStream, Timestamp};
use watchfire_ir::{Bound, Condition, Constant, FieldLeaf, FieldTarget, Leaf, Node, Predicate, Schema};

use crate::query::Query;
use crate::{Scan, TimeOf, TimeWindow};

/// Most windows: more are read as one around all.
const MOST_WINDOWS: usize = 8;

/// What need not be read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pruning {
    /// Events outside of all of these, if there are any.
    pub(crate) windows: Vec<TimeWindow>,
    /// Events for which this does not hold.
    pub(crate) needed: Condition,
    pub(crate) ids: Option<Vec<String>>,
    /// Nothing can be found.
    pub(crate) never: bool,
}

impl Default for Pruning {
    /// Everything has to be read.
    fn default() -> Self {
        Self { windows: Vec::new(), needed: Condition::constant(true), ids: None, never: false }
    }
}

impl Pruning {
    /// What need not be read of events that a query over these filters allows, and of which one of some conditions holds.
    pub(crate) fn of_any(
        conditions: &[&Condition],
        query: &Query,
        filters: &[Condition],
        schema: &dyn Schema,
    ) -> Self {
        let mut pruning = pruning(query, filters, schema);
        pruning.need(&Condition::any(conditions.iter().copied().cloned()));
        if pruning.windows.is_empty() {
            pruning.windows = windows_of_any(conditions.iter().copied(), schema);
        }
        pruning
    }

    /// What is read of a store.
    pub(crate) fn scan<'a>(
        &'a self,
        streams: &'a [DataStream],
        fields: &'a ReadFields,
        schema: &'a dyn Schema,
    ) -> Scan<'a> {
        Scan {
            streams,
            windows: &self.windows,
            needed: &self.needed,
            ids: self.ids.as_deref(),
            fields: Some(fields),
            schema,
        }
    }

    /// A condition that has to hold too.
    fn need(&mut self, condition: &Condition) {
        self.needed = Condition::all([self.needed.clone(), condition.clone()]);
        self.never |= matches!(self.needed.node(), Node::Constant(false));
    }
}

/// What a query over these conditions allows.
pub(crate) fn pruning(query: &Query, conditions: &[Condition], schema: &dyn Schema) -> Pruning {
    let mut pruning = Pruning::default();
    add_query(&mut pruning, query, conditions);
    pruning.windows = windows_of_query(query, conditions, schema).map(few).unwrap_or_default();
    pruning
}

/// The windows in which one of several conditions may hold; none if one of them may hold at any time.
fn windows_of_any<'c>(
    conditions: impl IntoIterator<Item = &'c Condition>,
    schema: &dyn Schema,
) -> Vec<TimeWindow> {
    let windows = conditions.into_iter().map(|condition| windows(condition, schema));
    let all: Option<Vec<Vec<TimeWindow>>> = windows.collect();
    all.map(|all| few(all.into_iter().flatten().collect())).unwrap_or_default()
}

fn add_query(pruning: &mut Pruning, query: &Query, conditions: &[Condition]) {
    match query {
        Query::Constant(false) => pruning.never = true,
        Query::Condition(at) => pruning.need(&conditions[*at]),
        Query::Ids(ids) => {
            let kept = |id: &&String| pruning.ids.as_ref().is_none_or(|others| others.contains(*id));
            let mut ids: Vec<String> = ids.iter().filter(kept).cloned().collect();
            ids.sort_unstable();
            pruning.ids = Some(ids);
        }
        Query::AtLeast(number, parts) if *number == parts.len() => {
            parts.iter().for_each(|part| add_query(pruning, part, conditions));
        }
        Query::Constant(true) | Query::Index(_) | Query::Not(_) | Query::AtLeast(..) => {}
    }
}

/// The windows of which an event has to lie in one; `None` if it may happen at any time.
fn windows_of_query(query: &Query, conditions: &[Condition], schema: &dyn Schema) -> Option<Vec<TimeWindow>> {
    match query {
        Query::Condition(at) => windows(&conditions[*at], schema),
        Query::AtLeast(number, parts) if *number == parts.len() => {
            narrowest(parts.iter().filter_map(|part| windows_of_query(part, conditions, schema)), schema)
        }
        Query::AtLeast(number, parts) if *number > 0 => {
            let all: Option<Vec<_>> =
                parts.iter().map(|part| windows_of_query(part, conditions, schema)).collect();
            all.map(|all| all.into_iter().flatten().collect())
        }
        _ => None,
    }
}

fn windows(condition: &Condition, schema: &dyn Schema) -> Option<Vec<TimeWindow>> {
    match condition.node() {
        Node::Leaf(Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), predicate })) => {
            let Predicate::Range { low, high } = predicate else { return None };
            let of = match &*field.name {
                "@timestamp" => TimeOf::Event,
                "event.ingested" => TimeOf::Arrival,
                _ => return None,
            };
            Some(vec![window(of, low, high)?])
        }
        Node::And(parts) => narrowest(parts.iter().filter_map(|part| windows(part, schema)), schema),
        Node::Or(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(|part| windows(part, schema)).collect();
            all.map(|all| all.into_iter().flatten().collect())
        }
        Node::Constant(_) | Node::Leaf(_) | Node::Not(_) => None,
    }
}

fn window(of: TimeOf, low: &Bound, high: &Bound) -> Option<TimeWindow> {
    let from = match low {
        Bound::Included(Constant::Instant(at)) => *at,
        Bound::Excluded(Constant::Instant(at)) => at.plus_nanos(1),
        Bound::Unbounded => Timestamp::from_nanos(i128::MIN),
        Bound::Included(_) | Bound::Excluded(_) => return None,
    };
    let to = match high {
        Bound::Included(Constant::Instant(at)) => *at,
        Bound::Excluded(Constant::Instant(at)) => at.plus_nanos(-1),
        Bound::Unbounded => Timestamp::from_nanos(i128::MAX),
        Bound::Included(_) | Bound::Excluded(_) => return None,
    };
    Some(TimeWindow { of, from, to })
}

/// Of the windows of several parts, all of which have to hold, those that let the least through: single windows of one time
/// are intersected, and the time of the event goes before that of its arrival.
fn narrowest(parts: impl Iterator<Item = Vec<TimeWindow>>, schema: &dyn Schema) -> Option<Vec<TimeWindow>> {
    let mut parts: Vec<Vec<TimeWindow>> = parts.collect();
    let single = |of: TimeOf, parts: &[Vec<TimeWindow>]| {
        let mut found: Option<TimeWindow> = None;
        for part in parts {
            let [window] = part.as_slice() else { continue };
            if window.of != of {
                continue;
            }
            found = Some(match found {
                // Of several values of a field, one may satisfy this part and another one that.
                Some(known) if !schema.is_single_valued(of.field()) => known,
                Some(known) => {
                    TimeWindow { of, from: known.from.max(window.from), to: known.to.min(window.to) }
                }
                None => *window,
            });
        }
        found
    };
    let found = single(TimeOf::Event, &parts).or_else(|| single(TimeOf::Arrival, &parts));
    match found {
        Some(window) => Some(vec![window]),
        None if parts.is_empty() => None,
        None => Some(parts.swap_remove(0)),
    }
}

/// At most so many windows as are worth it: else one for each of the two times, around all.
fn few(windows: Vec<TimeWindow>) -> Vec<TimeWindow> {
    if windows.len() <= MOST_WINDOWS {
        return windows;
    }
    let around = |of: TimeOf| {
        windows.iter().filter(|window| window.of == of).copied().reduce(|one, other| TimeWindow {
            from: one.from.min(other.from),
            to: one.to.max(other.to),
            ..one
        })
    };
    [TimeOf::Event, TimeOf::Arrival].into_iter().filter_map(around).collect()
}
