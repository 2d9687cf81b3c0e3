//! From rows that satisfy a stage's condition to hits: with their place in time, and one for each tuple of key values.

use std::sync::Arc;

use watchfire_events::{Column, EventBatch, Timestamp, TypeFamily, ValueRef};
use watchfire_ir::{JoinKey, SamplePlan, SequencePlan, StagePlan};

use super::hit::{HitStage, Ordinal, StageHit};
use super::key::{KeyTuple, KeyValue};
use super::new_terms::HISTORY_STAGE;
use super::ordered_bytes::{write_keys, write_moment, write_stage, write_value};
use crate::{Matches, RuleIndex};

/// Most key tuples of one event at one stage. Those beyond, in order of value, are left out and counted.
pub const MAX_KEY_TUPLES: usize = 4_096;

/// The fields that order events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFields {
    /// The time of an event.
    pub timestamp: Arc<str>,
    /// What decides between events of equal time, if anything but their order in the input.
    pub tiebreaker: Option<Arc<str>>,
}

impl Default for OrderFields {
    fn default() -> Self {
        Self { timestamp: "@timestamp".into(), tiebreaker: None }
    }
}

impl OrderFields {
    /// The columns of these fields in a batch.
    pub fn columns<'b>(&self, batch: &'b EventBatch) -> OrderColumns<'b> {
        OrderColumns {
            time: batch.column(&self.timestamp),
            tiebreaker: self.tiebreaker.as_ref().and_then(|field| batch.column(field)),
        }
    }
}

/// What orders the events of a batch.
#[derive(Clone, Copy, Debug)]
pub struct OrderColumns<'b> {
    time: Option<&'b Column>,
    tiebreaker: Option<&'b Column>,
}

impl OrderColumns<'_> {
    /// The time of a row, of several the earliest.
    pub fn time(&self, row: usize) -> Option<Timestamp> {
        let column = self.time?;
        let instant = |&code: &u32| match column.value(code) {
            ValueRef::Instant(at) => Some(at),
            _ => None,
        };
        column.codes(row).iter().filter_map(instant).min()
    }

    /// The tiebreaker of a row, of several the least.
    pub fn tiebreaker(&self, row: usize) -> Option<KeyValue> {
        self.tiebreaker.and_then(|column| values(column, row, false).into_iter().next())
    }
}

/// What became of the rows that satisfied a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extraction {
    /// Rows that gave hits.
    pub rows: u64,
    /// Rows without a time: an event that has none takes part in no sequence.
    pub without_time: u64,
    /// Rows that miss a key which is not optional, and so take no part at that stage.
    pub without_key: u64,
    /// Key tuples beyond [`MAX_KEY_TUPLES`].
    pub tuples_left_out: u64,
}

impl std::ops::AddAssign for Extraction {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.without_time += other.without_time;
        self.without_key += other.without_key;
        self.tuples_left_out += other.tuples_left_out;
    }
}

/// A field whose values events are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueField {
    /// The field.
    pub name: Arc<str>,
    /// Whether an event without it takes part.
    pub optional: bool,
}

/// The time of what comes before all that has a time.
const FIRST: Timestamp = Timestamp::from_nanos(i128::MIN);

/// Makes the hits of one query from what the matcher found of its stages.
#[derive(Clone, Debug)]
pub struct StageExtractor {
    stages: Vec<Stage>,
    /// Absent for samples and histories, which do not ask for the time.
    order: Option<OrderFields>,
    /// What an event without a time has instead, or every event if the time is not asked for; without it, such an event takes
    /// no part.
    time_if_none: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Stage {
    rule: RuleIndex,
    gives: HitStage,
    keys: Vec<KeyField>,
}

#[derive(Clone, Debug)]
struct KeyField {
    /// Absent if it is mapped nowhere.
    field: Option<Arc<str>>,
    optional: bool,
    /// Whether values are compared as texts, since some stage knows no type for its key at this position.
    as_text: bool,
}

impl StageExtractor {
    /// The fields that it reads.
    pub fn fields(&self) -> impl Iterator<Item = &Arc<str>> {
        let order = self.order.iter().flat_map(|order| order.tiebreaker.iter().chain([&order.timestamp]));
        self.stages.iter().flat_map(|stage| &stage.keys).filter_map(|key| key.field.as_ref()).chain(order)
    }

    /// For single events, all at the first stage. Those without a time come first (eql-semantics §11).
    pub fn for_events(rule: RuleIndex, order: OrderFields) -> Self {
        let stages = vec![Stage { rule, gives: HitStage::Stage(0), keys: Vec::new() }];
        Self { stages, order: Some(order), time_if_none: Some(FIRST) }
    }

    /// For a sequence. `rules` are the conditions of its stages in the matcher's rule set, then that of `until`: the
    /// order of `EqlPlan::conditions`.
    pub fn for_sequence(plan: &SequencePlan, rules: &[RuleIndex], order: OrderFields) -> Self {
        let stages = numbered(&plan.stages);
        let until = plan.until.iter().map(|until| (HitStage::Until, until));
        Self {
            stages: with_rules(stages.chain(until).collect(), rules),
            order: Some(order),
            time_if_none: None,
        }
    }

    /// For a sample. `rules` are the conditions of its stages in the matcher's rule set.
    pub fn for_sample(plan: &SamplePlan, rules: &[RuleIndex]) -> Self {
        let stages = with_rules(numbered(&plan.stages).collect(), rules);
        Self { stages, order: None, time_if_none: Some(Timestamp::default()) }
    }

    /// For a condition whose events are counted by values. Hits are of stage 0.
    pub fn for_values(
        rule: RuleIndex,
        fields: impl IntoIterator<Item = ValueField>,
        order: OrderFields,
    ) -> Self {
        let key = |field: ValueField| KeyField {
            field: Some(field.name),
            optional: field.optional,
            as_text: false,
        };
        let keys = fields.into_iter().map(key).collect();
        let stages = vec![Stage { rule, gives: HitStage::Stage(0), keys }];
        Self { stages, order: Some(order), time_if_none: None }
    }

    /// For a condition whose events only tell which values are known: hits are of [`HISTORY_STAGE`], and come before all
    /// others, whatever their time is.
    pub fn for_history(rule: RuleIndex, fields: impl IntoIterator<Item = ValueField>) -> Self {
        let mut extractor = Self::for_values(rule, fields, OrderFields::default());
        extractor.stages.iter_mut().for_each(|stage| stage.gives = HISTORY_STAGE);
        Self { order: None, time_if_none: Some(FIRST), ..extractor }
    }

    /// For nothing: it never makes a hit.
    pub fn for_nothing() -> Self {
        Self { stages: Vec::new(), order: None, time_if_none: None }
    }

    /// As [`Self::extract`], but gives each hit as the bytes of [`StageHit::write_ordered`], with its row and stage, and
    /// makes nothing else of it. `position` writes the position of a row's event as [`write_position`] does.
    ///
    /// [`write_position`]: super::write_position
    pub fn extract_ordered(
        &self,
        batch: &EventBatch,
        matches: &Matches,
        mut position: impl FnMut(usize, &mut Vec<u8>),
        mut hit: impl FnMut(usize, HitStage, &[u8]),
    ) -> Extraction {
        let mut counts = Extraction::default();
        let order = self.order.as_ref().map(|order| order.columns(batch));
        let mut bytes = Vec::new();
        for stage in &self.stages {
            let start = matches.hits.partition_point(|hit| hit.rule < stage.rule);
            let mut rows = matches.hits[start..].iter().take_while(|hit| hit.rule == stage.rule).peekable();
            if rows.peek().is_none() {
                continue;
            }
            let columns = stage.columns(batch);
            for row in rows.map(|hit| hit.row as usize) {
                let time = order.and_then(|order| order.time(row));
                let Some(time) = time.or(self.time_if_none) else {
                    counts.without_time += 1;
                    continue;
                };
                bytes.clear();
                write_moment(time, order.and_then(|order| order.tiebreaker(row)).as_ref(), &mut bytes);
                position(row, &mut bytes);
                write_stage(stage.gives, &mut bytes);
                let start_of_keys = bytes.len();
                if stage.write_single_keys(&columns, row, &mut bytes) {
                    counts.rows += 1;
                    hit(row, stage.gives, &bytes);
                    continue;
                }
                let Some((tuples, left_out)) = stage.tuples(&columns, row) else {
                    counts.without_key += 1;
                    continue;
                };
                counts.rows += 1;
                counts.tuples_left_out += left_out;
                for keys in tuples {
                    bytes.truncate(start_of_keys);
                    write_keys(&keys, &mut bytes);
                    hit(row, stage.gives, &bytes);
                }
            }
        }
        counts
    }

    /// Adds the hits of a batch to `hits`, in no particular order. `event` gives for a row its position in the whole
    /// input, and what the caller knows it by.
    pub fn extract<T: Clone>(
        &self,
        batch: &EventBatch,
        matches: &Matches,
        mut event: impl FnMut(usize) -> (u64, T),
        hits: &mut Vec<StageHit<T>>,
    ) -> Extraction {
        let mut counts = Extraction::default();
        let order = self.order.as_ref().map(|order| order.columns(batch));
        for stage in &self.stages {
            let start = matches.hits.partition_point(|hit| hit.rule < stage.rule);
            let rows = matches.hits[start..].iter().take_while(|hit| hit.rule == stage.rule);
            let columns = stage.columns(batch);
            for row in rows.map(|hit| hit.row as usize) {
                let time = order.and_then(|order| order.time(row));
                let Some(time) = time.or(self.time_if_none) else {
                    counts.without_time += 1;
                    continue;
                };
                let Some((tuples, left_out)) = stage.tuples(&columns, row) else {
                    counts.without_key += 1;
                    continue;
                };
                counts.rows += 1;
                counts.tuples_left_out += left_out;
                let (arrival, payload) = event(row);
                let tiebreaker = order.and_then(|order| order.tiebreaker(row));
                let ordinal = Ordinal { time, tiebreaker, arrival };
                hits.extend(tuples.into_iter().map(|keys| StageHit {
                    ordinal: ordinal.clone(),
                    stage: stage.gives,
                    keys,
                    payload: payload.clone(),
                }));
            }
        }
        counts
    }
}

impl Stage {
    fn columns<'b>(&self, batch: &'b EventBatch) -> Vec<Option<&'b Column>> {
        let column = |key: &KeyField| key.field.as_ref().and_then(|field| batch.column(field));
        self.keys.iter().map(column).collect()
    }

    /// Writes the keys of a row of which each has one value, which nearly all rows are; else writes nothing that counts,
    /// and says so.
    fn write_single_keys(&self, columns: &[Option<&Column>], row: usize, out: &mut Vec<u8>) -> bool {
        out.extend((self.keys.len() as u16).to_be_bytes());
        self.keys.iter().zip(columns).all(|(key, column)| {
            let Some(column) = column else { return false };
            let [code] = *column.codes(row) else { return false };
            let value = column.value(code);
            if key.as_text {
                write_value(ValueRef::Text(&value.to_text()), out);
            } else {
                write_value(value, out);
            }
            true
        })
    }

    /// The key tuples of a row, and how many were left out; `None` if a key that must be there is missing.
    fn tuples(&self, columns: &[Option<&Column>], row: usize) -> Option<(Vec<KeyTuple>, u64)> {
        let mut by_key = Vec::with_capacity(self.keys.len());
        for (key, column) in self.keys.iter().zip(columns) {
            let mut values = column.map(|column| values(column, row, key.as_text)).unwrap_or_default();
            if values.is_empty() {
                if !key.optional {
                    return None;
                }
                values.push(KeyValue::Null);
            }
            by_key.push(values);
        }
        let sizes = by_key.iter().map(|values| values.len() as u64);
        let all = sizes.fold(1_u64, u64::saturating_mul);
        let kept = all.min(MAX_KEY_TUPLES as u64);
        // The tuple of a number: its digits to the base of how many values each key has.
        let tuple = |number: u64| {
            let mut rest = number;
            let mut tuple: Vec<KeyValue> = Vec::with_capacity(by_key.len());
            for values in by_key.iter().rev() {
                tuple.push(values[(rest % values.len() as u64) as usize].clone());
                rest /= values.len() as u64;
            }
            tuple.reverse();
            KeyTuple::from(tuple)
        };
        Some(((0..kept).map(tuple).collect(), all - kept))
    }
}

/// The distinct values of a row, in order.
fn values(column: &Column, row: usize, as_text: bool) -> Vec<KeyValue> {
    let value = |&code: &u32| {
        let value = column.value(code);
        if as_text { KeyValue::text(&value.to_text()) } else { KeyValue::from(value) }
    };
    let mut values: Vec<KeyValue> = column.codes(row).iter().map(value).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn numbered(stages: &[StagePlan]) -> impl Iterator<Item = (HitStage, &StagePlan)> {
    stages.iter().enumerate().map(|(at, stage)| (HitStage::Stage(at as u16), stage))
}

fn with_rules(stages: Vec<(HitStage, &StagePlan)>, rules: &[RuleIndex]) -> Vec<Stage> {
    assert_eq!(stages.len(), rules.len(), "each stage has a rule");
    let keys = stages.iter().map(|(_, stage)| stage.keys.len()).max().unwrap_or(0);
    let as_text: Vec<bool> = (0..keys)
        .map(|at| mixes_untyped(stages.iter().filter_map(|(_, stage)| stage.keys.get(at))))
        .collect();
    let key = |(key, &as_text): (&JoinKey, &bool)| KeyField {
        field: key.field.as_ref().map(|field| Arc::clone(&field.name)),
        optional: key.optional,
        as_text,
    };
    let stage = |((gives, plan), &rule): ((HitStage, &StagePlan), &RuleIndex)| Stage {
        rule,
        gives,
        keys: plan.keys.iter().zip(&as_text).map(key).collect(),
    };
    stages.into_iter().zip(rules).map(stage).collect()
}

/// Whether of the keys at one position some have no type in the schema, which makes their values texts, and some have
/// another than text.
fn mixes_untyped<'k>(keys: impl Iterator<Item = &'k JoinKey>) -> bool {
    let families: Vec<TypeFamily> =
        keys.filter_map(|key| key.field.as_ref()).map(|field| field.field_type.family()).collect();
    families.contains(&TypeFamily::Dynamic) && families.iter().any(|family| *family != TypeFamily::Dynamic)
}
