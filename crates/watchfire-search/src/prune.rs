//! What of a query lets events be passed over without being looked at: windows of time, exact values, ids.
//!
//! Only what every result has to satisfy counts: the parts of the outermost `and`.

use std::ops::Bound as End;
use std::sync::Arc;

use watchfire_events::{FieldType, Timestamp};
use watchfire_ir::{Bound, Condition, Constant, FieldLeaf, FieldTarget, Fold, Leaf, Node, Predicate, Schema};

use crate::query::Query;
use crate::{LookUp, TimeOf, TimeWindow};

/// Most values of a look-up: of more, each file is likely to have one.
const MOST_VALUES: usize = 64;

/// What need not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruning {
    pub(crate) window: Option<TimeWindow>,
    pub(crate) look_ups: Vec<LookUp>,
    pub(crate) ids: Option<Vec<String>>,
    /// Nothing can be found.
    pub(crate) never: bool,
}

/// What a query over these conditions allows.
pub(crate) fn pruning(query: &Query, conditions: &[Condition], schema: &dyn Schema) -> Pruning {
    let mut found = Finding { schema, event: None, arrival: None, pruning: Pruning::default() };
    found.query(query, conditions);
    let Finding { event, arrival, mut pruning, .. } = found;
    pruning.window = event.or(arrival);
    pruning
}

/// What one of several conditions allows: the window around those of all, if each has one.
pub(crate) fn window_of_any<'c>(
    conditions: impl IntoIterator<Item = &'c Condition>,
    schema: &dyn Schema,
) -> Option<TimeWindow> {
    let windows: Option<Vec<TimeWindow>> = conditions
        .into_iter()
        .map(|condition| {
            let mut found = Finding { schema, event: None, arrival: None, pruning: Pruning::default() };
            found.condition(condition);
            found.event
        })
        .collect();
    let around = |one: TimeWindow, other: TimeWindow| TimeWindow {
        from: one.from.min(other.from),
        to: one.to.max(other.to),
        ..one
    };
    windows?.into_iter().reduce(around)
}

struct Finding<'s> {
    schema: &'s dyn Schema,
    event: Option<TimeWindow>,
    arrival: Option<TimeWindow>,
    pruning: Pruning,
}

impl Finding<'_> {
    fn query(&mut self, query: &Query, conditions: &[Condition]) {
        match query {
            Query::Constant(false) => self.pruning.never = true,
            Query::Condition(at) => self.condition(&conditions[*at]),
            Query::Ids(ids) => {
                let kept = |id: &&String| self.pruning.ids.as_ref().is_none_or(|others| others.contains(*id));
                let mut ids: Vec<String> = ids.iter().filter(kept).cloned().collect();
                ids.sort_unstable();
                self.pruning.ids = Some(ids);
            }
            Query::AtLeast(number, parts) if *number == parts.len() => {
                parts.iter().for_each(|part| self.query(part, conditions));
            }
            Query::Constant(true) | Query::Index(_) | Query::Not(_) | Query::AtLeast(..) => {}
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition.node() {
            Node::Constant(false) => self.pruning.never = true,
            Node::And(parts) => parts.iter().for_each(|part| self.condition(part)),
            Node::Leaf(Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), predicate })) => {
                match (&*field.name, predicate) {
                    ("@timestamp", Predicate::Range { low, high }) => self.narrow(TimeOf::Event, low, high),
                    ("event.ingested", Predicate::Range { low, high }) => {
                        self.narrow(TimeOf::Arrival, low, high);
                    }
                    (_, Predicate::Text(texts))
                        if texts.fold() == Fold::None
                            && texts.patterns().is_empty()
                            && texts.exact().len() <= MOST_VALUES
                            && matches!(
                                field.field_type,
                                FieldType::Keyword | FieldType::ConstantKeyword | FieldType::Wildcard
                            ) =>
                    {
                        let values = texts.exact().iter().map(ToString::to_string).collect();
                        self.look_up(&field.name, values);
                    }
                    (_, Predicate::Within(blocks))
                        if field.field_type == FieldType::Ip
                            && blocks.len() <= MOST_VALUES
                            && blocks.iter().all(|block| block.prefix() == 128) =>
                    {
                        let address =
                            |block: &watchfire_events::IpBlock| block.bounds().0.to_canonical().to_string();
                        self.look_up(&field.name, blocks.iter().map(address).collect());
                    }
                    _ => {}
                }
            }
            Node::Constant(true) | Node::Leaf(_) | Node::Not(_) | Node::Or(_) => {}
        }
    }

    fn look_up(&mut self, field: &Arc<str>, values: Vec<String>) {
        self.pruning.look_ups.push(LookUp { field: Arc::clone(field), values });
    }

    fn narrow(&mut self, of: TimeOf, low: &Bound, high: &Bound) {
        let end = |bound: &Bound| match bound {
            Bound::Included(Constant::Instant(at)) => Some(End::Included(*at)),
            Bound::Excluded(Constant::Instant(at)) => Some(End::Excluded(*at)),
            Bound::Unbounded => Some(End::Unbounded),
            Bound::Included(_) | Bound::Excluded(_) => None,
        };
        let (Some(low), Some(high)) = (end(low), end(high)) else { return };
        let from = match low {
            End::Included(at) => at,
            End::Excluded(at) => at.plus_nanos(1),
            End::Unbounded => Timestamp::from_nanos(i128::MIN),
        };
        let to = match high {
            End::Included(at) => at,
            End::Excluded(at) => at.plus_nanos(-1),
            End::Unbounded => Timestamp::from_nanos(i128::MAX),
        };
        let slot = match of {
            TimeOf::Event => &mut self.event,
            TimeOf::Arrival => &mut self.arrival,
        };
        *slot = Some(match *slot {
            // Of several values of a field, one may satisfy this part and another one that.
            Some(known) if !self.schema.is_single_valued(of.field()) => known,
            Some(known) => TimeWindow { of, from: known.from.max(from), to: known.to.min(to) },
            None => TimeWindow { of, from, to },
        });
    }
}
