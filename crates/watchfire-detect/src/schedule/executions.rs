//! The executions of one rule over its hits.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::io;

use watchfire_engine::correlate::{HISTORY_STAGE, KeyTuple, Sequence, SequencePlace, StageHit};
use watchfire_events::Timestamp;

use super::{BucketMark, ExecutionPlan, ExecutionWindow, NANOS_PER_MILLI, RuleSchedule};
use crate::correlation::{Correlation, CorrelationCounts};
use crate::detection::{Detection, values_text};
use crate::esql_rows::RowsOfEvents;
use crate::stored_events::{EventReader, EventRef, ReadBackError};

/// What an execution does with what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduledForm {
    /// Each event is found by itself.
    EachEvent,
    /// What lies in the window is joined.
    Joined,
    /// What lies in the window is what a query over rows reads.
    Rows,
    /// What lies in the window and was not part of a bucket before is counted; so many keys are those of the group.
    Threshold { groups: usize },
    /// What lies in the window is looked up in a history of so many milliseconds.
    NewTerms { history_ms: u64 },
}

/// The executions of one rule over all its hits.
pub(crate) struct Executions<'s> {
    schedule: &'s RuleSchedule,
    correlation: &'s Correlation,
    /// Those that are wanted; without it, all that see something new, with the limit on their alerts.
    plan: Option<&'s ExecutionPlan>,
    memory: u64,
    /// In feeding order.
    hits: Vec<StageHit<EventRef>>,
    /// Of each hit where it lies, if an execution sees it.
    places: Vec<Option<HitPlace>>,
    max_hits: usize,
    counts: CorrelationCounts,
}

/// Where a hit lies.
#[derive(Clone, Copy, Debug)]
struct HitPlace {
    /// The first execution that sees it.
    first: Timestamp,
    /// Its time in windows.
    window: Timestamp,
}

impl HitPlace {
    /// Whether an execution that left this mark has counted it.
    fn is_counted_by(self, mark: &BucketMark) -> bool {
        self.first <= mark.execution && mark.window.holds(self.window)
    }
}

/// What is known of a rule from one execution to the next.
#[derive(Default)]
struct State {
    /// The hits that an execution has seen and the present one looks at, by their time in windows.
    window: BTreeSet<(Timestamp, usize)>,
    /// What was found already.
    found: HashSet<(KeyTuple, Vec<EventRef>)>,
    /// The buckets that have alerted.
    marks: HashMap<KeyTuple, Vec<BucketMark>>,
    /// The hits of each combination, by their time in windows; nothing for those that a history holds.
    known: HashMap<KeyTuple, Option<BTreeSet<(Timestamp, usize)>>>,
}

impl<'s> Executions<'s> {
    pub(crate) fn new(
        schedule: &'s RuleSchedule,
        correlation: &'s Correlation,
        plan: Option<&'s ExecutionPlan>,
        memory: u64,
    ) -> Self {
        Self {
            schedule,
            correlation,
            plan,
            memory,
            hits: Vec::new(),
            places: Vec::new(),
            max_hits: Correlation::max_held(memory),
            counts: CorrelationCounts::default(),
        }
    }

    /// Takes the next hit in feeding order.
    pub(crate) fn push(&mut self, hit: StageHit<EventRef>) {
        if self.hits.len() < self.max_hits {
            self.hits.push(hit);
        } else {
            self.counts.evicted += 1;
        }
    }

    /// Executes the rule; what it finds is added in the order of executions.
    pub(crate) fn run(
        mut self,
        reader: &mut EventReader<'_>,
        found: &mut Vec<Detection<EventRef>>,
    ) -> io::Result<CorrelationCounts> {
        let mut state = State::default();
        let by_execution = self.place_hits(reader, &mut state, found)?;
        match self.plan {
            Some(plan) => self.run_plan(plan, &by_execution, &mut state, (reader, found))?,
            None => self.run_all(&by_execution, &mut state, (reader, found))?,
        }
        Ok(self.counts)
    }

    /// Runs the executions that are wanted. Nothing is held back: who keeps state from one run to the next does that.
    fn run_plan(
        &mut self,
        plan: &ExecutionPlan,
        by_execution: &BTreeMap<Timestamp, Vec<(Timestamp, usize)>>,
        state: &mut State,
        (reader, found): (&mut EventReader<'_>, &mut Vec<Detection<EventRef>>),
    ) -> io::Result<()> {
        let mut rest = by_execution.iter().peekable();
        for execution in &plan.executions {
            let mut new = Vec::new();
            while let Some((_, hits)) = rest.next_if(|(first, _)| *first <= execution) {
                new.extend_from_slice(hits);
            }
            let window = self.schedule.window(*execution);
            new.sort_unstable();
            if matches!(self.correlation.scheduled_form(), ScheduledForm::NewTerms { .. }) {
                self.learn(&new, state);
            }
            new.retain(|(at, _)| window.holds(*at));
            self.counts.executions += 1;
            let detections = self.execute(*execution, &new, state, reader)?;
            self.counts.found += detections.len() as u64;
            let at = |detection| Detection { execution: Some(*execution), ..detection };
            found.extend(detections.into_iter().map(at));
        }
        Ok(())
    }

    /// Runs all executions that see something new, and those behind them that have something to give out, or whose window
    /// something has left: without it, events can be joined in another way.
    fn run_all(
        &mut self,
        by_execution: &BTreeMap<Timestamp, Vec<(Timestamp, usize)>>,
        state: &mut State,
        (reader, found): (&mut EventReader<'_>, &mut Vec<Detection<EventRef>>),
    ) -> io::Result<()> {
        let form = self.correlation.scheduled_form();
        let has_limit = self.correlation.suppression().is_none();
        let mut waiting: VecDeque<Detection<EventRef>> = VecDeque::new();
        let mut rest = by_execution.iter().peekable();
        let mut next: Option<Timestamp> = None;
        loop {
            let gives = next.filter(|_| !waiting.is_empty());
            let first = state.window.first().filter(|_| form.looks_again());
            let loses = next.zip(first).and_then(|(next, (at, _))| self.schedule.first_behind(*at, next));
            let sees_new = rest.peek().map(|(execution, _)| **execution);
            let Some(execution) = [gives, loses, sees_new].into_iter().flatten().min() else { return Ok(()) };
            let new = rest.next_if(|(at, _)| **at == execution).map_or(&[][..], |(_, new)| new);
            self.counts.executions += u64::from(!new.is_empty());
            if matches!(form, ScheduledForm::NewTerms { .. }) {
                self.learn(new, state);
            }
            let detections = if new.is_empty() && !form.looks_again() {
                Vec::new()
            } else {
                self.execute(execution, new, state, reader)?
            };
            self.counts.found += detections.len() as u64;
            if has_limit {
                let before = waiting.len() as u64;
                waiting.extend(detections);
                let over = |number: u64| number.saturating_sub(self.schedule.max_signals);
                // Those that waited before have been counted.
                self.counts.held_back += over(waiting.len() as u64) - over(before);
                self.give(execution, &mut waiting, found);
            } else {
                let at = |detection| Detection { execution: Some(execution), ..detection };
                found.extend(detections.into_iter().map(at));
            }
            next = Some(self.schedule.next(execution));
        }
    }

    /// Gives out as many of those that wait as one execution may.
    fn give(
        &self,
        execution: Timestamp,
        waiting: &mut VecDeque<Detection<EventRef>>,
        found: &mut Vec<Detection<EventRef>>,
    ) {
        let number = usize::try_from(self.schedule.max_signals).unwrap_or(usize::MAX).min(waiting.len());
        let at = |detection| Detection { execution: Some(execution), ..detection };
        found.extend(waiting.drain(..number).map(at));
    }

    /// For each execution that sees something new, the hits, with their times in windows. Of an event whose record has
    /// changed nobody knows the times: it is added to what is found, as an event of which there would be an alert, and is
    /// missed there.
    fn place_hits(
        &mut self,
        reader: &mut EventReader<'_>,
        state: &mut State,
        found: &mut Vec<Detection<EventRef>>,
    ) -> io::Result<BTreeMap<Timestamp, Vec<(Timestamp, usize)>>> {
        let mut executions: BTreeMap<Timestamp, Vec<(Timestamp, usize)>> = BTreeMap::new();
        let mut of_event: HashMap<EventRef, Option<HitPlace>> = HashMap::new();
        let knows_for_good = self.plan.is_none() && self.correlation.scheduled_form().reads_history();
        for (number, hit) in self.hits.iter().enumerate() {
            if hit.stage == HISTORY_STAGE && knows_for_good {
                state.known.insert(KeyTuple::clone(&hit.keys), None);
                self.places.push(None);
                continue;
            }
            let place = match of_event.get(&hit.payload) {
                Some(place) => *place,
                None => {
                    let place = match reader.get(hit.payload) {
                        Ok(event) => {
                            let place = self.schedule.times(&event.document).and_then(|times| {
                                let late =
                                    || self.schedule.own_execution(times).filter(|_| self.plan.is_some());
                                let first = self.schedule.execution(times).or_else(late)?;
                                Some(HitPlace { first, window: times.window })
                            });
                            self.counts.missed += u64::from(place.is_none());
                            place
                        }
                        Err(ReadBackError::Spill(error)) => return Err(error),
                        Err(ReadBackError::Changed(_)) => {
                            found.push(self.alone(number, Detection::of_events));
                            None
                        }
                    };
                    of_event.insert(hit.payload, place);
                    place
                }
            };
            self.places.push(place);
            if let Some(HitPlace { first, window }) = place {
                executions.entry(first).or_default().push((window, number));
            }
        }
        executions.values_mut().for_each(|hits| hits.sort_unstable());
        Ok(executions)
    }

    /// What one execution finds that none before has found.
    fn execute(
        &mut self,
        execution: Timestamp,
        new: &[(Timestamp, usize)],
        state: &mut State,
        reader: &mut EventReader<'_>,
    ) -> io::Result<Vec<Detection<EventRef>>> {
        let form = self.correlation.scheduled_form();
        if form == ScheduledForm::EachEvent {
            let of = |(_, number): &(Timestamp, usize)| self.alone(*number, Detection::of_events);
            return Ok(new.iter().map(of).collect());
        }
        let window = self.schedule.window(execution);
        let kept = state.window.split_off(&(window.from, 0));
        let left = std::mem::replace(&mut state.window, kept);
        if form.looks_again() && new.is_empty() && left.is_empty() {
            return Ok(Vec::new());
        }
        state.window.extend(new);
        if let ScheduledForm::NewTerms { history_ms } = form {
            return Ok(self.new_terms(execution, history_ms, state));
        }
        let mut numbers: Vec<usize> = Vec::with_capacity(state.window.len());
        for (_, number) in &state.window {
            if let ScheduledForm::Threshold { groups } = form
                && self.is_counted(*number, groups, execution, &mut state.marks)
            {
                continue;
            }
            numbers.push(*number);
        }
        numbers.sort_unstable();
        let mut detections = Vec::new();
        let mut read = |event: &EventRef| reader.get(*event);
        let counts = if let Some(program) = self.correlation.program() {
            let mut counts = CorrelationCounts::default();
            let mut rows = RowsOfEvents::new(program, execution);
            for number in &numbers {
                if !rows.push(&self.hits[*number], &mut read)? {
                    break;
                }
            }
            rows.finish(&mut detections, &mut counts);
            counts
        } else {
            let mut joining = self.correlation.begin(self.memory);
            for number in &numbers {
                joining.push(self.hits[*number].clone(), &mut detections)?;
            }
            joining.finish(&mut detections, &mut read)?
        };
        self.counts.evicted += counts.evicted;
        self.counts.estimated += counts.estimated;
        self.counts.not_computed += counts.not_computed;
        self.counts.unread += counts.unread;
        if form == ScheduledForm::Rows {
            detections.retain(|detection| !self.has_alerted(detection, execution, window, &mut state.marks));
        }
        let counts_keys =
            matches!(form, ScheduledForm::Threshold { .. }) || detections.iter().any(Detection::is_counted);
        if counts_keys {
            for detection in &detections {
                let keys = KeyTuple::clone(&detection.sequence.keys);
                state.marks.entry(keys).or_default().push(BucketMark { execution, window });
            }
        } else {
            detections.retain(|detection| {
                let events = detection.sequence.events().copied().collect();
                state.found.insert((KeyTuple::clone(&detection.sequence.keys), events))
            });
        }
        Ok(detections)
    }

    /// Whether another execution has counted a hit in a bucket that alerted.
    fn is_counted(
        &self,
        number: usize,
        groups: usize,
        execution: Timestamp,
        marks: &mut HashMap<KeyTuple, Vec<BucketMark>>,
    ) -> bool {
        let Some(place) = self.places[number] else { return false };
        let keys = &self.hits[number].keys[..groups];
        let counts = |mark: &BucketMark| mark.execution != execution && place.is_counted_by(mark);
        if let Some(marks) = marks.get(keys) {
            return marks.iter().any(counts);
        }
        let known = self.plan.and_then(|plan| plan.marks.get(&values_text(keys)));
        marks.entry(keys.into()).or_insert(known.cloned().unwrap_or_default()).iter().any(counts)
    }

    /// Whether a group of rows has alerted at an execution whose window this one overlaps: the same events would alert twice.
    fn has_alerted(
        &self,
        detection: &Detection<EventRef>,
        execution: Timestamp,
        window: ExecutionWindow,
        marks: &mut HashMap<KeyTuple, Vec<BucketMark>>,
    ) -> bool {
        if !detection.is_counted() {
            return false;
        }
        let keys = &detection.sequence.keys;
        let known = || self.plan.and_then(|plan| plan.marks.get(&values_text(keys))).cloned();
        let marks = marks.entry(KeyTuple::clone(keys)).or_insert_with(|| known().unwrap_or_default());
        marks.iter().any(|mark| {
            mark.execution != execution && mark.window.from <= window.to && window.from <= mark.window.to
        })
    }

    /// Takes note of the combinations of hits.
    fn learn(&self, new: &[(Timestamp, usize)], state: &mut State) {
        for (window, number) in new {
            let known = state
                .known
                .entry(KeyTuple::clone(&self.hits[*number].keys))
                .or_insert_with(|| Some(BTreeSet::new()));
            if let Some(times) = known {
                times.insert((*window, *number));
            }
        }
    }

    /// The combinations of events that no execution before has seen, whose earliest event within the history lies behind the
    /// window's start.
    fn new_terms(
        &self,
        execution: Timestamp,
        history_ms: u64,
        state: &mut State,
    ) -> Vec<Detection<EventRef>> {
        let start = self.schedule.window(execution).from;
        let history = execution.plus_nanos(-i128::from(history_ms) * NANOS_PER_MILLI);
        let mut detections = Vec::new();
        let is_new = |number: &usize| self.places[*number].is_some_and(|place| place.first == execution);
        for number in state.window.iter().map(|(_, number)| number).filter(|number| is_new(number)) {
            let keys = &self.hits[*number].keys;
            let Some(Some(times)) = state.known.get(keys) else { continue };
            let Some(&(earliest, first)) = times.range((history, 0)..).next() else { continue };
            let event = self.hits[first].payload;
            if earliest > start && state.found.insert((KeyTuple::clone(keys), vec![event])) {
                detections.push(self.alone(first, Detection::of_new_terms));
            }
        }
        detections
    }

    fn alone(
        &self,
        number: usize,
        of: impl Fn(Sequence<EventRef>) -> Detection<EventRef>,
    ) -> Detection<EventRef> {
        let StageHit { ordinal, keys, payload, .. } = self.hits[number].clone();
        of(Sequence { keys, places: vec![SequencePlace::Event(payload)], last: ordinal })
    }
}

impl ScheduledForm {
    /// Whether an execution that sees nothing new can find something, because something is not there any more.
    fn looks_again(self) -> bool {
        matches!(self, Self::Joined | Self::Rows)
    }

    fn reads_history(self) -> bool {
        matches!(self, Self::NewTerms { .. })
    }
}
