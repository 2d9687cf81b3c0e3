//! A query whose answer takes more than one event: what it asks of events, and how what fits is joined.

use std::io;

use watchfire_engine::correlate::{
    Bucket, HitCorrelator, HitStage, NewTermsCorrelator, OrderFields, RefusedHit, ResultLimit,
    ResultPosition, SampleCorrelator, SampleSettings, Sequence, SequenceCorrelator, SequencePlace,
    SequenceSettings, SequenceShape, ShapeError, StageExtractor, StageHit, ThresholdTotal,
    spread_key_constraints, write_keys,
};
use watchfire_engine::{Coverage, RuleIndex};
use watchfire_esql_events::EsqlProgram;
use watchfire_events::IndexPatterns;
use watchfire_ir::{Condition, EqlPlan, FieldLeaf, Predicate, StagePlan};

use crate::counting::{NewTermsPlan, ThresholdPlan};
use crate::detection::Detection;
use crate::esql_rows::{HeldHits, ReadEvent};
use crate::rule_book::why_not;
use crate::schedule::{RuleSchedule, ScheduledForm};
use crate::suppression::Suppression;

/// Bytes that an event costs which a correlator holds, as the bench of sequences measures it: its place in a sequence that
/// has begun, the sequence's own fields, and its part of the tables that find it.
const BYTES_PER_HELD_EVENT: u64 = 768;

/// What takes more than one event: sequences, samples, thresholds, new values, and events of which pipes or suppression leave
/// some. Its hits are gathered first.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    plan: Plan,
    order: OrderFields,
    limit: ResultLimit,
    samples_per_key: usize,
    suppression: Option<Suppression>,
    schedule: Option<RuleSchedule>,
}

#[derive(Clone, Debug, PartialEq)]
enum Plan {
    Eql(EqlPlan),
    Threshold(ThresholdPlan),
    NewTerms(NewTermsPlan),
    Esql(Box<EsqlProgram>),
}

/// What it takes to find a result when its last event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtOnce {
    /// That event.
    Event,
    /// That event and earlier ones of the window.
    Earlier,
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
    /// Begun sequences, events of samples and buckets, and known values that were given up for want of room: results may be
    /// missing, and values be taken for new that are not.
    pub evicted: u64,
    /// Results that were suppressed in favour of others.
    pub suppressed: u64,
    /// Groups of one event beyond the limit: alerts may be missing.
    pub groups_left_out: u64,
    /// Results with a number of distinct values that is an estimate.
    pub estimated: u64,
    /// Executions of a schedule that saw something.
    pub executions: u64,
    /// Events that no execution of a schedule sees, since it does not look back so far.
    pub missed: u64,
    /// Results that alert later than at the execution that found them, since it had reached its limit.
    pub held_back: u64,
    /// Values that an ES|QL query could not compute and took for nothing: of several values where one is needed, and of what
    /// functions refuse.
    pub not_computed: u64,
    /// Events that could not be read again, since their records have changed: rows of an ES|QL query are without them.
    pub unread: u64,
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
        Ok(Self { plan: Plan::Eql(plan), order, limit, samples_per_key, suppression: None, schedule: None })
    }

    /// A threshold. Filters are part of its condition.
    pub fn threshold(plan: ThresholdPlan) -> Self {
        Self::counting(Plan::Threshold(plan))
    }

    /// New values. Filters are part of the condition.
    pub fn new_terms(plan: NewTermsPlan) -> Self {
        Self::counting(Plan::NewTerms(plan))
    }

    /// The rows of an ES|QL query.
    pub fn esql(program: EsqlProgram) -> Self {
        Self::counting(Plan::Esql(Box::new(program)))
    }

    /// The same, with its events in this order.
    #[must_use]
    pub fn ordered_by(self, order: OrderFields) -> Self {
        Self { order, ..self }
    }

    /// The ES|QL query that it runs, if it does.
    pub fn program(&self) -> Option<&EsqlProgram> {
        match &self.plan {
            Plan::Esql(program) => Some(program),
            _ => None,
        }
    }

    fn counting(plan: Plan) -> Self {
        let limit = ResultLimit::new(&[], None, ResultPosition::default());
        Self {
            plan,
            order: OrderFields::default(),
            limit,
            samples_per_key: 1,
            suppression: None,
            schedule: None,
        }
    }

    /// The same, with what it finds suppressed in this way.
    #[must_use]
    pub fn suppressed_by(self, suppression: Option<Suppression>) -> Self {
        Self { suppression, ..self }
    }

    /// The same, executed by this schedule.
    #[must_use]
    pub fn scheduled_by(self, schedule: Option<RuleSchedule>) -> Self {
        Self { schedule, ..self }
    }

    /// When it is executed, if that is not once over all input.
    pub fn schedule(&self) -> Option<&RuleSchedule> {
        self.schedule.as_ref()
    }

    /// What an execution does with what it sees.
    pub(crate) fn scheduled_form(&self) -> ScheduledForm {
        match &self.plan {
            Plan::Eql(EqlPlan::Event(plan)) if plan.pipes.is_empty() => ScheduledForm::EachEvent,
            Plan::Eql(_) => ScheduledForm::Joined,
            Plan::Esql(_) => ScheduledForm::Rows,
            Plan::Threshold(plan) => ScheduledForm::Threshold { groups: plan.shape.groups },
            Plan::NewTerms(plan) => ScheduledForm::NewTerms { history_ms: plan.shape.window_ms },
        }
    }

    /// About how many events may be held in so many bytes.
    pub(crate) fn max_held(memory: u64) -> usize {
        usize::try_from(memory / BYTES_PER_HELD_EVENT).unwrap_or(usize::MAX)
    }

    /// How what it finds is suppressed.
    pub fn suppression(&self) -> Option<&Suppression> {
        self.suppression.as_ref()
    }

    /// What the matcher is to be asked: the conditions of the stages, then that of `until`.
    pub fn conditions(&self) -> Vec<&Condition> {
        match &self.plan {
            Plan::Eql(plan) => plan.conditions(),
            Plan::Threshold(plan) => vec![&plan.condition],
            Plan::NewTerms(plan) => vec![&plan.condition],
            Plan::Esql(program) => vec![program.condition()],
        }
    }

    /// Which of [`Self::conditions`] must have been satisfied for there to be any result.
    pub fn required(&self) -> Vec<bool> {
        let mut required = vec![true; self.conditions().len()];
        if let Plan::Eql(EqlPlan::Sequence(plan)) = &self.plan {
            for (of_stage, stage) in required.iter_mut().zip(&plan.stages) {
                *of_stage = !stage.missing;
            }
            // Behind the stages stands what ends a sequence.
            required.iter_mut().skip(plan.stages.len()).for_each(|until| *until = false);
        }
        required
    }

    /// What makes hits of what the matcher finds for these conditions.
    pub fn extractor(&self, rules: &[RuleIndex]) -> StageExtractor {
        match &self.plan {
            Plan::Eql(EqlPlan::Event(_)) | Plan::Esql(_) => {
                StageExtractor::for_events(rules[0], self.order.clone())
            }
            Plan::Eql(EqlPlan::Sequence(plan)) => {
                StageExtractor::for_sequence(plan, rules, self.order.clone())
            }
            Plan::Eql(EqlPlan::Sample(plan)) => StageExtractor::for_sample(plan, rules),
            Plan::Threshold(plan) => plan.extractor(rules[0], self.order.clone()),
            Plan::NewTerms(plan) => plan.extractor(rules[0], self.order.clone()),
        }
    }

    /// What makes hits of the events of a history, whose values are known from the start; `None` if nothing here asks for
    /// one.
    pub fn history_extractor(&self, rule: RuleIndex) -> Option<StageExtractor> {
        match &self.plan {
            Plan::NewTerms(plan) => Some(plan.history_extractor(rule)),
            Plan::Eql(_) | Plan::Threshold(_) | Plan::Esql(_) => None,
        }
    }

    /// What results are called.
    pub fn name_of_results(&self) -> &'static str {
        match self.plan {
            Plan::Eql(EqlPlan::Event(_)) => "events",
            Plan::Eql(EqlPlan::Sequence(_)) => "sequences",
            Plan::Eql(EqlPlan::Sample(_)) => "samples",
            Plan::Threshold(_) => "buckets",
            Plan::NewTerms(_) => "new values",
            Plan::Esql(_) => "rows",
        }
    }

    /// The stages without a hit of which there can be no result.
    pub(crate) fn necessary_stages(&self) -> impl Iterator<Item = HitStage> {
        let stages: &[StagePlan] = match &self.plan {
            Plan::Eql(EqlPlan::Sequence(plan)) => &plan.stages,
            Plan::Eql(EqlPlan::Sample(plan)) => &plan.stages,
            Plan::Eql(EqlPlan::Event(_)) | Plan::Threshold(_) | Plan::NewTerms(_) | Plan::Esql(_) => &[],
        };
        let numbered = stages.iter().enumerate().filter(|(_, stage)| !stage.missing);
        numbered.map(|(number, _)| HitStage::Stage(number as u16))
    }

    /// Whether a result is a group of events, and not just one.
    pub fn gives_groups(&self) -> bool {
        matches!(self.plan, Plan::Eql(EqlPlan::Sequence(_) | EqlPlan::Sample(_)))
    }

    /// What it takes to find a result as soon as its last event is there; `None` if that takes the end of an execution: if
    /// results are counted, chosen or left out for others, or rest on events that are missing.
    pub fn at_once(&self) -> Option<AtOnce> {
        if self.suppression.is_some() {
            return None;
        }
        match &self.plan {
            Plan::Eql(EqlPlan::Event(plan)) => plan.pipes.is_empty().then_some(AtOnce::Event),
            Plan::Eql(EqlPlan::Sequence(plan)) => {
                let is_whole = plan.pipes.is_empty() && !plan.stages.iter().any(|stage| stage.missing);
                is_whole.then_some(AtOnce::Earlier)
            }
            // Which events stand for a key depends on all that has it.
            Plan::Eql(EqlPlan::Sample(_)) | Plan::Threshold(_) | Plan::NewTerms(_) | Plan::Esql(_) => None,
        }
    }

    /// If the result depends on how much of the past is looked at: what makes it so.
    pub fn depends_on_window(&self) -> Vec<&'static str> {
        if self.schedule.is_some() {
            return Vec::new();
        }
        let of_plan = match &self.plan {
            Plan::Eql(EqlPlan::Event(plan)) => (!plan.pipes.is_empty()).then_some("pipes"),
            Plan::Eql(EqlPlan::Sequence(plan)) if plan.maxspan_ms.is_none() => {
                Some("sequence without maxspan")
            }
            Plan::Eql(EqlPlan::Sequence(plan)) => (!plan.pipes.is_empty()).then_some("pipes"),
            Plan::Eql(EqlPlan::Sample(_)) => Some("sample"),
            Plan::Threshold(_) => Some("threshold"),
            Plan::Esql(program) => program.depends_on_window(),
            Plan::NewTerms(_) => None,
        };
        let per_execution = self.suppression.as_ref().is_some_and(Suppression::is_per_execution);
        of_plan.into_iter().chain(per_execution.then_some("suppression per execution")).collect()
    }

    /// Bytes that sort results as they are given out: sequences by their last event and then by key, samples by key and
    /// then as they were made. `number` counts the results.
    pub fn sort_key<T>(&self, result: &Sequence<T>, number: u64) -> Vec<u8> {
        let mut key = Vec::new();
        if !matches!(self.plan, Plan::Eql(EqlPlan::Sample(_))) {
            result.last.write_ordered(&mut key);
        }
        write_keys(&result.keys, &mut key);
        key.extend(number.to_be_bytes());
        key
    }

    /// Why there can be no result in this data, if something is known to be in the way.
    pub fn why_not(&self, patterns: &IndexPatterns, coverage: &Coverage) -> Option<String> {
        let stages: &[StagePlan] = match &self.plan {
            Plan::Eql(EqlPlan::Event(plan)) => return why_not(patterns, &plan.condition, coverage),
            Plan::Threshold(plan) => return why_not(patterns, &plan.with_fields(), coverage),
            Plan::NewTerms(plan) => return why_not(patterns, &plan.with_fields(), coverage),
            Plan::Esql(program) => return why_not(patterns, program.condition(), coverage),
            Plan::Eql(EqlPlan::Sequence(plan)) => &plan.stages,
            Plan::Eql(EqlPlan::Sample(plan)) => &plan.stages,
        };
        let necessary = stages.iter().filter(|stage| !stage.missing);
        necessary.map(with_keys).find_map(|condition| why_not(patterns, &condition, coverage))
    }

    /// The same at work, holding about so many bytes. Without a limit, results come in no particular order.
    pub(crate) fn begin<T: Clone>(&self, memory: u64) -> Joining<'_, T> {
        let max_held = Self::max_held(memory);
        let few = "a correlation is made of few enough stages";
        let correlator = match &self.plan {
            Plan::Eql(EqlPlan::Event(_)) => Correlator::Events,
            Plan::Eql(EqlPlan::Sequence(plan)) => {
                let settings = SequenceSettings { max_held, ..SequenceSettings::default() };
                let shape = SequenceShape::of_plan(plan).expect(few);
                Correlator::Sequence(Box::new(SequenceCorrelator::new(shape, settings)))
            }
            Plan::Eql(EqlPlan::Sample(plan)) => {
                let settings = SampleSettings { max_samples_per_key: self.samples_per_key, max_held };
                Correlator::Sample(SampleCorrelator::new(plan.stages.len(), settings).expect(few))
            }
            Plan::Threshold(plan) => Correlator::Threshold(ThresholdTotal::new(plan.shape, max_held)),
            Plan::NewTerms(plan) => Correlator::NewTerms(NewTermsCorrelator::new(plan.shape, max_held)),
            Plan::Esql(program) => {
                Correlator::Rows(HeldHits { program, hits: Vec::new(), max_held, evicted: 0 })
            }
        };
        let is_sample = matches!(self.plan, Plan::Eql(EqlPlan::Sample(_)));
        Joining {
            correlator,
            limit: self.limit,
            sorts: !is_sample,
            // Sequences are found in no order, and suppression needs one.
            gathers: !self.limit.keeps_all() || (self.suppression.is_some() && self.gives_groups()),
            event: Vec::new(),
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
pub(crate) struct Joining<'c, T> {
    correlator: Correlator<'c, T>,
    limit: ResultLimit,
    /// Whether results are limited in order of time. Samples are in the order in which they are made: that of their keys.
    sorts: bool,
    /// Whether results wait until all are known.
    gathers: bool,
    /// The hits of the present event, where an event is counted as a whole.
    event: Vec<StageHit<T>>,
    /// Results of which it is not known yet whether they are to be given out.
    waiting: Vec<Sequence<T>>,
    counts: CorrelationCounts,
}

enum Correlator<'c, T> {
    Events,
    Sequence(Box<SequenceCorrelator<T>>),
    Sample(SampleCorrelator<T>),
    Threshold(ThresholdTotal<T>),
    NewTerms(NewTermsCorrelator),
    Rows(HeldHits<'c, T>),
}

impl<T: Clone> Joining<'_, T> {
    /// Takes the next hit in feeding order, and adds to `found` what is decided by it.
    pub(crate) fn push(&mut self, hit: StageHit<T>, found: &mut Vec<Detection<T>>) -> io::Result<()> {
        let refused =
            |refused: RefusedHit| io::Error::other(format!("a hit was refused, which is a bug: {refused}"));
        match &mut self.correlator {
            Correlator::Events => {
                let places = vec![SequencePlace::Event(hit.payload)];
                self.waiting.push(Sequence { keys: hit.keys, places, last: hit.ordinal });
            }
            Correlator::Sequence(correlator) => correlator.push(hit, &mut self.waiting).map_err(refused)?,
            Correlator::Sample(correlator) => correlator.push(hit).map_err(refused)?,
            Correlator::Rows(rows) => rows.push(hit),
            Correlator::Threshold(_) | Correlator::NewTerms(_) => {
                if self.event.last().is_some_and(|last| last.ordinal.arrival != hit.ordinal.arrival) {
                    self.close_event(found);
                }
                self.event.push(hit);
            }
        }
        if !self.gathers {
            self.counts.found += self.waiting.len() as u64;
            found.extend(self.waiting.drain(..).map(Detection::of_events));
        }
        Ok(())
    }

    /// Counts the present event.
    fn close_event(&mut self, found: &mut Vec<Detection<T>>) {
        let before = found.len();
        match &mut self.correlator {
            Correlator::Threshold(correlator) => {
                let mut buckets = Vec::new();
                correlator.event(&mut self.event, &mut buckets);
                found.extend(buckets.into_iter().map(Detection::of_bucket));
            }
            Correlator::NewTerms(correlator) => {
                let mut sequences = Vec::new();
                correlator.event(&mut self.event, &mut sequences);
                found.extend(sequences.into_iter().map(Detection::of_new_terms));
            }
            Correlator::Events | Correlator::Sequence(_) | Correlator::Sample(_) | Correlator::Rows(_) => {}
        }
        self.counts.found += (found.len() - before) as u64;
    }

    /// Says that there are no more hits. Events are read where what is found depends on more of them than keys.
    pub(crate) fn finish(
        mut self,
        found: &mut Vec<Detection<T>>,
        read: &mut ReadEvent<'_, T>,
    ) -> io::Result<CorrelationCounts> {
        self.close_event(found);
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
            Correlator::Threshold(mut correlator) => {
                let mut buckets = Vec::new();
                correlator.finish(&mut buckets);
                self.counts.evicted = correlator.evicted();
                self.counts.found += buckets.len() as u64;
                let is_estimate =
                    |bucket: &&Bucket<T>| bucket.cardinality.is_some_and(|distinct| distinct.is_estimate);
                self.counts.estimated = buckets.iter().filter(is_estimate).count() as u64;
                found.extend(buckets.into_iter().map(Detection::of_bucket));
            }
            Correlator::NewTerms(correlator) => {
                self.counts.evicted = HitCorrelator::<T>::evicted(&correlator);
            }
            Correlator::Rows(rows) => {
                let before = found.len();
                rows.finish(found, read, &mut self.counts)?;
                self.counts.found += (found.len() - before) as u64;
            }
        }
        self.counts.found += self.waiting.len() as u64;
        if self.sorts && self.gathers {
            self.waiting.sort_by(Sequence::order_of_results);
        }
        found.extend(self.limit.apply(self.waiting).into_iter().map(Detection::of_events));
        Ok(self.counts)
    }
}
