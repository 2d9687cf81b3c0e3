//! Why events do not make a sequence or a sample: the part that came farthest, and what came nearest to going on with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use watchfire_engine::correlate::{
    HitStage, KeyTuple, KeyValue, SampleCorrelator, SampleSettings, SequenceCorrelator, SequencePlace,
    SequenceSettings, StageExtractor, StageHit, TraceEnd, longest_trace,
};
use watchfire_engine::explain::distance;
use watchfire_engine::{Hit, Matches, RuleIndex, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, Event, EventBatch, FieldTypes};
use watchfire_ir::StagePlan;

use super::{EventAnswer, Form, RuleQuestions};

/// What a rule makes of events that it takes together. Events are known by their place in the list.
#[derive(Clone, Debug)]
pub struct CorrelationAnswer<'r> {
    /// What was found: the events of each result, absent where a clause asks that none is there.
    pub found: Vec<Vec<Option<usize>>>,
    /// If nothing was found: how far it came.
    pub partial: Option<Partial<'r>>,
}

/// A sequence or sample as far as it came.
#[derive(Clone, Debug)]
pub struct Partial<'r> {
    /// The keys that its events share, by name; empty if nothing has begun.
    pub keys: Vec<(String, String)>,
    /// The stages that are filled, and by which event.
    pub filled: Vec<(usize, usize)>,
    /// The event of `until` that ended it.
    pub until: Option<usize>,
    /// The events of missing clauses that are in the way of a complete one.
    pub in_the_way: Vec<usize>,
    /// The stage that is awaited; absent if all are filled.
    pub awaited: Option<usize>,
    /// The events that came nearest to filling it, the nearest first.
    pub nearest: Vec<Candidate<'r>>,
}

/// An event that does not fill the awaited stage.
#[derive(Clone, Debug)]
pub struct Candidate<'r> {
    /// The event.
    pub event: usize,
    /// Why it does not.
    pub why: WhyNot,
    /// What the stage says to it.
    pub answer: EventAnswer<'r>,
}

/// Why an event does not fill a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// It does not satisfy the condition of the stage, or is of another data stream.
    Condition,
    /// It has no time.
    NoTime,
    /// It has no value of this key.
    NoKey(String),
    /// A key has another value than the events before.
    OtherKey {
        /// Its name at this stage.
        name: String,
        /// The event's value, or several.
        own: String,
        /// The value of the events before.
        wanted: String,
    },
    /// It lies before the events that it should follow.
    Before,
    /// It lies too late by so many milliseconds.
    TooLate(i128),
    /// It lies behind an event of `until`.
    AfterUntil,
    /// It fills another stage already.
    Used,
    /// It fits, but another event took or ended what it would have gone on with.
    Overtaken,
    /// It fits, but an exception hides it.
    Excepted,
}

/// The events of one question, in one batch.
struct Gathered<'r, 'b> {
    questions: &'r RuleQuestions,
    batch: &'b EventBatch,
    types: &'b dyn FieldTypes,
    extractor: StageExtractor,
    /// By stage and event, under every tuple of keys.
    hits: Vec<StageHit<usize>>,
    is_out: &'b dyn Fn(usize) -> bool,
}

impl RuleQuestions {
    /// What the rule makes of these events, which are in the order of the input; `most` is how many events are told of
    /// that come nearest, and `is_out` says of an event that it takes no part, since an exception hides it. `None` if the
    /// rule takes each event for itself.
    ///
    /// # Errors
    /// A hit was refused, which is a bug.
    pub fn correlate(
        &self,
        events: &[Event],
        types: &dyn FieldTypes,
        most: usize,
        is_out: &dyn Fn(usize) -> bool,
    ) -> io::Result<Option<CorrelationAnswer<'_>>> {
        if !self.joins() {
            return Ok(None);
        }
        let mut builder = BatchBuilder::new(types);
        events.iter().cloned().for_each(|event| builder.push(event));
        let batch = builder.finish();
        let mut rules = RuleSetBuilder::new();
        let indices: Vec<RuleIndex> = self
            .stages
            .iter()
            .map(|stage| rules.add(self.patterns.clone(), stage.condition.clone()))
            .collect();
        let extractor = match &self.form {
            Form::Events => return Ok(None),
            Form::Sequence(plan, _, order) => StageExtractor::for_sequence(plan, &indices, order.clone()),
            Form::Sample(plan) => StageExtractor::for_sample(plan, &indices),
        };
        let mut matches = rules.build().matcher(VALUE_CACHE_BYTES).match_batch(&batch, types);
        matches.hits.retain(|hit| !is_out(hit.row as usize));
        let mut hits = Vec::new();
        extractor.extract(&batch, &matches, |row| (row as u64, row), &mut hits);
        hits.sort_by(StageHit::feeding_order);
        let gathered = Gathered { questions: self, batch: &batch, types, extractor, hits, is_out };
        let found = gathered.found()?;
        let partial = if found.is_empty() { Some(gathered.partial(most)) } else { None };
        Ok(Some(CorrelationAnswer { found, partial }))
    }
}

impl<'r> Gathered<'r, '_> {
    fn found(&self) -> io::Result<Vec<Vec<Option<usize>>>> {
        let refused = |error| io::Error::other(format!("a hit was refused, which is a bug: {error}"));
        let mut found = Vec::new();
        match &self.questions.form {
            Form::Events => {}
            Form::Sequence(_, shape, _) => {
                let settings = SequenceSettings { max_held: usize::MAX, ..SequenceSettings::default() };
                let mut correlator = SequenceCorrelator::new(shape.clone(), settings);
                for hit in &self.hits {
                    correlator.push(hit.clone(), &mut found).map_err(refused)?;
                }
                correlator.finish(&mut found);
            }
            Form::Sample(plan) => {
                let settings = SampleSettings { max_samples_per_key: 1, max_held: usize::MAX };
                let mut correlator =
                    SampleCorrelator::new(plan.stages.len(), settings).map_err(io::Error::other)?;
                for hit in &self.hits {
                    correlator.push(hit.clone()).map_err(refused)?;
                }
                found = correlator.finish();
            }
        }
        let event = |place: &SequencePlace<usize>| match place {
            SequencePlace::Event(event) => Some(*event),
            SequencePlace::Missing => None,
        };
        Ok(found.iter().map(|result| result.places.iter().map(event).collect()).collect())
    }

    fn partial(&self, most: usize) -> Partial<'r> {
        match &self.questions.form {
            Form::Sequence(plan, shape, _) => {
                let trace = longest_trace(shape, self.hits.clone());
                let expanded: Vec<usize> = expanded(&plan.stages).collect();
                let mut partial = Partial {
                    keys: Vec::new(),
                    filled: Vec::new(),
                    until: None,
                    in_the_way: Vec::new(),
                    awaited: None,
                    nearest: Vec::new(),
                };
                let mut keys = None;
                if let Some(trace) = trace {
                    partial.filled =
                        trace.filled.iter().map(|filled| (usize::from(filled.stage), filled.event)).collect();
                    match trace.end {
                        TraceEnd::Until(event) => partial.until = Some(event),
                        TraceEnd::Complete(events) => partial.in_the_way = events,
                        TraceEnd::Waiting | TraceEnd::TooLate(_) => {}
                    }
                    keys = Some(trace.keys);
                }
                partial.awaited = expanded.get(partial.filled.len()).copied();
                self.complete(partial, keys.as_ref(), most)
            }
            Form::Sample(_) | Form::Events => self.partial_sample(most),
        }
    }

    /// The tuple of keys under which most stages have an event.
    fn partial_sample(&self, most: usize) -> Partial<'r> {
        let mut buckets: BTreeMap<&KeyTuple, BTreeMap<usize, usize>> = BTreeMap::new();
        for hit in &self.hits {
            if let HitStage::Stage(stage) = hit.stage {
                buckets.entry(&hit.keys).or_default().entry(usize::from(stage)).or_insert(hit.payload);
            }
        }
        let stages = self.questions.stages.len();
        // Of equally full ones the first: nothing tells one from the other.
        let best = buckets.into_iter().rev().max_by_key(|(_, filled)| filled.len());
        let (keys, filled) =
            best.map_or((None, BTreeMap::new()), |(keys, filled)| (Some(keys.clone()), filled));
        let awaited = (0..stages).find(|stage| !filled.contains_key(stage));
        let partial = Partial {
            keys: Vec::new(),
            filled: filled.into_iter().collect(),
            until: None,
            in_the_way: Vec::new(),
            awaited,
            nearest: Vec::new(),
        };
        self.complete(partial, keys.as_ref(), most)
    }

    /// Adds the names of keys, and the events nearest to what is awaited.
    fn complete(&self, mut partial: Partial<'r>, keys: Option<&KeyTuple>, most: usize) -> Partial<'r> {
        if let Some(keys) = keys {
            let stage = partial.filled.first().map_or(0, |(stage, _)| *stage);
            let names = self.questions.keys(stage).iter().map(|key| key.name.to_string());
            partial.keys = names.zip(keys.iter().map(KeyValue::to_string)).collect();
        }
        let Some(awaited) = partial.awaited else { return partial };
        let tuples = self.tuples(awaited);
        let used: BTreeSet<usize> = partial.filled.iter().map(|(_, event)| *event).collect();
        let last = partial.filled.last().map(|(_, event)| *event);
        let stage = &self.questions.stages[awaited];
        let mut ranked: Vec<_> = (0..self.batch.len())
            .map(|row| {
                let reads = self.questions.patterns.select(self.batch.stream(row));
                let turns = distance(&stage.condition, self.batch, row, self.types);
                let turns = turns.saturating_add(usize::from(!reads));
                let other_key = keys.is_some_and(|keys| {
                    !tuples.get(&row).is_some_and(|own| own.iter().any(|hit| hit.keys == *keys))
                });
                // What fills another stage is less likely to be the one that is looked for.
                let fills_other = |hit: &StageHit<usize>| {
                    hit.payload == row && hit.stage != HitStage::Stage(awaited as u16)
                };
                let fills_other = self.hits.iter().any(fills_other);
                let before = last.is_some_and(|last| row <= last);
                (used.contains(&row), turns, other_key, fills_other, before, row)
            })
            .collect();
        ranked.sort_unstable();
        let candidate = |(is_used, turns, .., row): (bool, usize, bool, bool, bool, usize)| {
            let why = if turns > 0 {
                WhyNot::Condition
            } else if is_used {
                WhyNot::Used
            } else if (self.is_out)(row) {
                WhyNot::Excepted
            } else {
                self.why_not(awaited, row, &partial, keys, tuples.get(&row))
            };
            let answer = self.questions.answer(awaited, self.batch, row, self.types);
            Candidate { event: row, why, answer }
        };
        partial.nearest = ranked.into_iter().take(most).map(candidate).collect();
        partial
    }

    /// The keys that every event would have at a stage.
    fn tuples(&self, stage: usize) -> BTreeMap<usize, Vec<StageHit<usize>>> {
        let rule = RuleIndex(stage as u32);
        let all = (0..self.batch.len() as u32).map(|row| Hit { rule, row }).collect();
        let all = Matches { hits: all, ..Matches::default() };
        let mut hits = Vec::new();
        self.extractor.extract(self.batch, &all, |row| (row as u64, row), &mut hits);
        let mut tuples: BTreeMap<usize, Vec<StageHit<usize>>> = BTreeMap::new();
        hits.into_iter().for_each(|hit| tuples.entry(hit.payload).or_default().push(hit));
        tuples
    }

    /// Why an event that satisfies the condition of the awaited stage does not fill it.
    fn why_not(
        &self,
        stage: usize,
        row: usize,
        partial: &Partial<'_>,
        keys: Option<&KeyTuple>,
        own: Option<&Vec<StageHit<usize>>>,
    ) -> WhyNot {
        let names = self.questions.keys(stage);
        let Some(own) = own else {
            if let Form::Sequence(_, _, order) = &self.questions.form
                && order.columns(self.batch).time(row).is_none()
            {
                return WhyNot::NoTime;
            }
            let is_absent = |key: &&watchfire_ir::JoinKey| {
                let column = key.field.as_ref().and_then(|field| self.batch.column(&field.name));
                !key.optional && column.is_none_or(|column| column.codes(row).is_empty())
            };
            let absent = names.iter().find(is_absent).map_or_else(String::new, |key| key.name.to_string());
            return WhyNot::NoKey(absent);
        };
        let Some(keys) = keys else { return WhyNot::Overtaken };
        let Some(hit) = own.iter().find(|hit| hit.keys == *keys) else {
            let differs = |at: usize| !own.iter().any(|hit| hit.keys[at] == keys[at]);
            let at = (0..keys.len()).find(|&at| differs(at)).unwrap_or_default();
            let values: BTreeSet<String> = own.iter().map(|hit| hit.keys[at].to_string()).collect();
            return WhyNot::OtherKey {
                name: names.get(at).map_or_else(String::new, |key| key.name.to_string()),
                own: values.into_iter().collect::<Vec<_>>().join(", "),
                wanted: keys[at].to_string(),
            };
        };
        let Form::Sequence(plan, ..) = &self.questions.form else { return WhyNot::Overtaken };
        let hit_of = |event: usize| self.hits.iter().find(|hit| hit.payload == event);
        let first = partial.filled.first().and_then(|(_, event)| hit_of(*event));
        let last = partial.filled.last().and_then(|(_, event)| hit_of(*event));
        let (Some(first), Some(last)) = (first, last) else { return WhyNot::Overtaken };
        if hit.ordinal <= last.ordinal {
            return WhyNot::Before;
        }
        if partial.until.and_then(hit_of).is_some_and(|until| until.ordinal < hit.ordinal) {
            return WhyNot::AfterUntil;
        }
        let span = (hit.ordinal.time.nanos() - first.ordinal.time.nanos()) / 1_000_000;
        match plan.maxspan_ms.map(i128::from) {
            Some(maxspan) if span > maxspan => WhyNot::TooLate(span - maxspan),
            _ => WhyNot::Overtaken,
        }
    }
}

/// The stages that events fill, repetitions spelled out.
fn expanded(stages: &[StagePlan]) -> impl Iterator<Item = usize> {
    let ordinary = stages.iter().enumerate().filter(|(_, stage)| !stage.missing);
    ordinary.flat_map(|(number, stage)| std::iter::repeat_n(number, stage.runs as usize))
}
