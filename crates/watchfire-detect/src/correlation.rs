//! A query whose answer takes more than one event: what it asks of events, and how what fits is joined.

use std::io;

use watchfire_engine::correlate::{
    HitStage, OrderFields, RefusedHit, ResultLimit, SampleCorrelator, SampleSettings, Sequence,
    SequenceCorrelator, SequencePlace, SequenceSettings, SequenceShape, ShapeError, StageExtractor, StageHit,
    spread_key_constraints, write_keys,
};
use watchfire_engine::{Coverage, RuleIndex};
use watchfire_events::IndexPatterns;
use watchfire_ir::{Condition, EqlPlan, FieldLeaf, Predicate, StagePlan};

use crate::rule_book::why_not;

/// Bytes that an event costs which a correlator holds, as the bench of sequences measures it: its place in a sequence that
/// has begun, the sequence's own fields, and its part of the tables that find it.
const BYTES_PER_HELD_EVENT: u64 = 768;

/// A query for sequences, for samples, or for events of which pipes leave some: its hits are gathered first.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    plan: EqlPlan,
    order: OrderFields,
    limit: ResultLimit,
    samples_per_key: usize,
}

/// How the hits of a query are joined, beyond what its text says.
#[derive(Clone, Debug)]
pub struct CorrelationOptions {
    /// The fields that order events.
    pub order: OrderFields,
    /// Which results are kept.
    pub limit: ResultLimit,
    /// Most samples of one tuple of keys.
    pub samples_per_key: usize,
}

/// What came of the hits of a correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorrelationCounts {
    /// Results, before a limit.
    pub found: u64,
    /// Begun sequences, and events of samples, that were given up for want of room: results may be missing.
    pub evicted: u64,
}

impl Correlation {
    /// The query of a plan. Filters are asked of the events of every stage, of `until` and missing ones too: they act
    /// before anything is joined (detection-engine §2.7).
    ///
    /// # Errors
    /// If the stages are too many.
    pub fn new(
        mut plan: EqlPlan,
        filters: &[Condition],
        options: CorrelationOptions,
    ) -> Result<Self, ShapeError> {
        let narrow = |condition: &mut Condition| {
            let all = std::iter::once(condition.clone()).chain(filters.iter().cloned());
            *condition = Condition::all(all);
        };
        match &mut plan {
            EqlPlan::Event(plan) => narrow(&mut plan.condition),
            EqlPlan::Sequence(plan) => {
                spread_key_constraints(&mut plan.stages);
                plan.stages.iter_mut().chain(&mut plan.until).for_each(|stage| narrow(&mut stage.condition));
                SequenceShape::of_plan(plan)?;
            }
            EqlPlan::Sample(plan) => {
                spread_key_constraints(&mut plan.stages);
                plan.stages.iter_mut().for_each(|stage| narrow(&mut stage.condition));
                SampleCorrelator::<()>::new(plan.stages.len(), SampleSettings::default())?;
            }
        }
        let CorrelationOptions { order, limit, samples_per_key } = options;
        Ok(Self { plan, order, limit, samples_per_key })
    }

    /// What the matcher is to be asked: the conditions of the stages, then that of `until`.
    pub fn conditions(&self) -> Vec<&Condition> {
        self.plan.conditions()
    }

    /// What makes hits of what the matcher finds for these conditions.
    pub fn extractor(&self, rules: &[RuleIndex]) -> StageExtractor {
        match &self.plan {
            EqlPlan::Event(_) => StageExtractor::for_events(rules[0], self.order.clone()),
            EqlPlan::Sequence(plan) => StageExtractor::for_sequence(plan, rules, self.order.clone()),
            EqlPlan::Sample(plan) => StageExtractor::for_sample(plan, rules),
        }
    }

    /// What results are called.
    pub fn name_of_results(&self) -> &'static str {
        match self.plan {
            EqlPlan::Event(_) => "events",
            EqlPlan::Sequence(_) => "sequences",
            EqlPlan::Sample(_) => "samples",
        }
    }

    /// The stages without a hit of which there can be no result.
    pub(crate) fn necessary_stages(&self) -> impl Iterator<Item = HitStage> {
        let stages: &[StagePlan] = match &self.plan {
            EqlPlan::Event(_) => &[],
            EqlPlan::Sequence(plan) => &plan.stages,
            EqlPlan::Sample(plan) => &plan.stages,
        };
        let numbered = stages.iter().enumerate().filter(|(_, stage)| !stage.missing);
        numbered.map(|(number, _)| HitStage::Stage(number as u16))
    }

    /// Whether a result is a group of events, and not just one.
    pub fn gives_groups(&self) -> bool {
        !matches!(self.plan, EqlPlan::Event(_))
    }

    /// If the result depends on how much of the past is looked at: what makes it so.
    pub fn depends_on_window(&self) -> Option<&'static str> {
        match &self.plan {
            EqlPlan::Event(_) => Some("pipes"),
            EqlPlan::Sequence(plan) if plan.maxspan_ms.is_none() => Some("sequence without maxspan"),
            EqlPlan::Sequence(plan) if !plan.pipes.is_empty() => Some("pipes"),
            EqlPlan::Sequence(_) => None,
            EqlPlan::Sample(_) => Some("sample"),
        }
    }

    /// Bytes that sort results as they are given out: sequences by their last event and then by key, samples by key and
    /// then as they were made. `number` counts the results.
    pub fn sort_key<T>(&self, result: &Sequence<T>, number: u64) -> Vec<u8> {
        let mut key = Vec::new();
        if !matches!(self.plan, EqlPlan::Sample(_)) {
            result.last.write_ordered(&mut key);
        }
        write_keys(&result.keys, &mut key);
        key.extend(number.to_be_bytes());
        key
    }

    /// Why there can be no result in this data, if something is known to be in the way.
    pub fn why_not(&self, patterns: &IndexPatterns, coverage: &Coverage) -> Option<String> {
        let stages: &[StagePlan] = match &self.plan {
            EqlPlan::Event(plan) => return why_not(patterns, &plan.condition, coverage),
            EqlPlan::Sequence(plan) => &plan.stages,
            EqlPlan::Sample(plan) => &plan.stages,
        };
        let necessary = stages.iter().filter(|stage| !stage.missing);
        necessary.map(with_keys).find_map(|condition| why_not(patterns, &condition, coverage))
    }

    /// The same at work, holding about so many bytes. Without a limit, results come in no particular order.
    pub(crate) fn begin<T: Clone>(&self, memory: u64) -> Joining<T> {
        let max_held = usize::try_from(memory / BYTES_PER_HELD_EVENT).unwrap_or(usize::MAX);
        let few = "a correlation is made of few enough stages";
        let correlator = match &self.plan {
            EqlPlan::Event(_) => Correlator::Events,
            EqlPlan::Sequence(plan) => {
                let settings = SequenceSettings { max_held, ..SequenceSettings::default() };
                let shape = SequenceShape::of_plan(plan).expect(few);
                Correlator::Sequence(Box::new(SequenceCorrelator::new(shape, settings)))
            }
            EqlPlan::Sample(plan) => {
                let settings = SampleSettings { max_samples_per_key: self.samples_per_key, max_held };
                Correlator::Sample(SampleCorrelator::new(plan.stages.len(), settings).expect(few))
            }
        };
        Joining {
            correlator,
            limit: self.limit,
            sorts: !matches!(self.plan, EqlPlan::Sample(_)),
            waiting: Vec::new(),
            counts: CorrelationCounts::default(),
        }
    }
}

/// The condition of a stage, and that its keys are there.
fn with_keys(stage: &StagePlan) -> Condition {
    let needed = stage.keys.iter().filter(|key| !key.optional).filter_map(|key| key.field.clone());
    let there = needed.map(|field| Condition::leaf(FieldLeaf::new(field, Predicate::Exists)));
    Condition::all(std::iter::once(stage.condition.clone()).chain(there))
}

/// A correlation at work.
pub(crate) struct Joining<T> {
    correlator: Correlator<T>,
    limit: ResultLimit,
    /// Whether results are limited in order of time. Samples are in the order in which they are made: that of their keys.
    sorts: bool,
    /// Results of which it is not known yet whether they are to be given out.
    waiting: Vec<Sequence<T>>,
    counts: CorrelationCounts,
}

enum Correlator<T> {
    Events,
    Sequence(Box<SequenceCorrelator<T>>),
    Sample(SampleCorrelator<T>),
}

impl<T: Clone> Joining<T> {
    /// Takes the next hit in feeding order.
    pub(crate) fn push(
        &mut self,
        hit: StageHit<T>,
        found: &mut dyn FnMut(Sequence<T>) -> io::Result<()>,
    ) -> io::Result<()> {
        let sorted =
            |refused: RefusedHit| io::Error::other(format!("a hit was refused, which is a bug: {refused}"));
        match &mut self.correlator {
            Correlator::Events => {
                let places = vec![SequencePlace::Event(hit.payload)];
                self.waiting.push(Sequence { keys: hit.keys, places, last: hit.ordinal });
            }
            Correlator::Sequence(correlator) => {
                correlator.push(hit, &mut self.waiting).map_err(sorted)?;
            }
            Correlator::Sample(correlator) => correlator.push(hit).map_err(sorted)?,
        }
        if self.limit.keeps_all() {
            self.counts.found += self.waiting.len() as u64;
            self.waiting.drain(..).try_for_each(found)?;
        }
        Ok(())
    }

    /// Says that there are no more hits.
    pub(crate) fn finish(
        mut self,
        found: &mut dyn FnMut(Sequence<T>) -> io::Result<()>,
    ) -> io::Result<CorrelationCounts> {
        match self.correlator {
            Correlator::Events => {}
            Correlator::Sequence(correlator) => {
                let evicted = correlator.finish(&mut self.waiting);
                self.counts.evicted = evicted.partials + evicted.candidates + evicted.leading;
            }
            Correlator::Sample(correlator) => {
                self.counts.evicted = correlator.evicted_events();
                self.waiting.extend(correlator.finish());
            }
        }
        self.counts.found += self.waiting.len() as u64;
        if self.sorts && !self.limit.keeps_all() {
            self.waiting.sort_by(Sequence::order_of_results);
        }
        self.limit.apply(self.waiting).into_iter().try_for_each(found)?;
        Ok(self.counts)
    }
}
