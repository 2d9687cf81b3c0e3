//! A rule as a schedule executes it: at fixed times, each time over the window that it looks back, with a limit on alerts
//! (detection-engine §2.2 to §2.8).
//!
//! Executions fall on the multiples of the rule's interval since 1970. An event is seen by the first execution at which it has
//! arrived and lies in the window; if it lies before the window by then, no execution ever sees it: it is counted as missed.
//!
//! ```text
//!            │◄──── look-back ────►│
//!   ─────────┼──────●──────────────┼───────────► time of the rule's window
//!       missed   seen            execution
//! ```
//!
//! What is over the limit of an execution is not lost: it alerts at the next ones, and is counted as held back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::io;

use serde_json::Value;
use watchfire_engine::correlate::{HISTORY_STAGE, KeyTuple, MovingWindow, Sequence, SequencePlace, StageHit};
use watchfire_events::{Document, Timestamp, get_field};
use watchfire_rules::model::Rule;

use crate::correlation::{Correlation, CorrelationCounts};
use crate::detection::Detection;
use crate::stored_events::{EventReader, EventRef, ReadBackError};

/// When an event is there to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// At its own time, which is then also that of all windows.
    Event,
    /// At `event.ingested`; windows go by the rule's `timestamp_override`.
    Ingested,
}

/// When a rule is executed, and what an execution looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSchedule {
    arrival: Arrival,
    interval_ms: u64,
    /// Where a window begins and ends, in milliseconds before its execution.
    from_ms: i64,
    to_ms: i64,
    max_signals: u64,
    timestamp_override: Option<String>,
    falls_back: bool,
}

const TIMESTAMP: &str = "@timestamp";
const INGESTED: &str = "event.ingested";
const NANOS_PER_MILLI: i128 = 1_000_000;

/// When an event is there, and where it lies in windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    visible: Timestamp,
    window: Timestamp,
}

impl RuleSchedule {
    /// That of a rule; `None` if its window does not lie at a fixed distance from now.
    pub fn of(rule: &Rule, arrival: Arrival) -> Option<Self> {
        Some(Self {
            arrival,
            interval_ms: rule.interval().seconds().saturating_mul(1_000).max(1_000),
            from_ms: rule.from().seconds_before_now()?.checked_mul(1_000)?,
            to_ms: rule.to().seconds_before_now()?.checked_mul(1_000)?,
            max_signals: rule.max_signals().max(1),
            timestamp_override: rule.timestamp_override.clone(),
            falls_back: rule.falls_back_to_timestamp(),
        })
    }

    fn times(&self, document: &Document) -> Option<Times> {
        let time =
            |field: &str| get_field(document, field).and_then(Value::as_str).and_then(Timestamp::parse);
        let own = time(TIMESTAMP);
        match self.arrival {
            Arrival::Event => own.map(|at| Times { visible: at, window: at }),
            Arrival::Ingested => {
                let window = match self.timestamp_override.as_deref() {
                    Some(field) => time(field).or_else(|| own.filter(|_| self.falls_back)),
                    None => own,
                }?;
                Some(Times { visible: time(INGESTED).or(own).unwrap_or(window), window })
            }
        }
    }

    /// The first execution that an event can be seen by; `None` if that looks back less far.
    fn execution(&self, times: Times) -> Option<Timestamp> {
        let grid = MovingWindow { look_back_ms: 0, interval_ms: Some(self.interval_ms) };
        let in_window = times.window.plus_nanos(i128::from(self.to_ms) * NANOS_PER_MILLI);
        let execution = grid.execution(times.visible.max(in_window));
        (times.window >= self.start(execution)).then_some(execution)
    }

    fn start(&self, execution: Timestamp) -> Timestamp {
        execution.plus_nanos(-i128::from(self.from_ms) * NANOS_PER_MILLI)
    }

    fn next(&self, execution: Timestamp) -> Timestamp {
        execution.plus_nanos(i128::from(self.interval_ms) * NANOS_PER_MILLI)
    }
}

/// What an execution does with what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduledForm {
    /// Each event is found by itself.
    EachEvent,
    /// What lies in the window is joined.
    Joined,
    /// What lies in the window and was not part of a bucket before is counted; so many keys are those of the group.
    Threshold { groups: usize },
    /// What lies in the window is looked up in a history of so many milliseconds.
    NewTerms { history_ms: u64 },
}

/// The executions of one rule over all its hits.
pub(crate) struct Executions<'s> {
    schedule: &'s RuleSchedule,
    correlation: &'s Correlation,
    memory: u64,
    /// In feeding order.
    hits: Vec<StageHit<EventRef>>,
    max_hits: usize,
    counts: CorrelationCounts,
}

/// What is known of a rule from one execution to the next.
#[derive(Default)]
struct State {
    /// The hits that an execution has seen and the present one looks at, by their time in windows.
    window: BTreeSet<(Timestamp, usize)>,
    /// What was found already.
    found: HashSet<(KeyTuple, Vec<EventRef>)>,
    /// Hits that were part of a bucket.
    counted: HashSet<usize>,
    /// The hits of each combination, by their time in windows; nothing for those that a history holds.
    known: HashMap<KeyTuple, Option<BTreeSet<(Timestamp, usize)>>>,
}

impl<'s> Executions<'s> {
    pub(crate) fn new(
        schedule: &'s RuleSchedule,
        correlation: &'s Correlation,
        memory: u64,
        max_hits: usize,
    ) -> Self {
        let counts = CorrelationCounts::default();
        Self { schedule, correlation, memory, hits: Vec::new(), max_hits, counts }
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
        let executions = self.executions(reader, &mut state, found)?;
        let has_limit = self.correlation.suppression().is_none();
        let mut waiting: VecDeque<Detection<EventRef>> = VecDeque::new();
        let mut next: Option<Timestamp> = None;
        for (execution, new) in executions {
            // What was held back alerts at executions that see nothing new.
            while let Some(at) = next.filter(|at| *at < execution && !waiting.is_empty()) {
                self.give(at, &mut waiting, found);
                next = Some(self.schedule.next(at));
            }
            self.counts.executions += 1;
            let detections = self.execute(execution, &new, &mut state)?;
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
        while let Some(at) = next.filter(|_| !waiting.is_empty()) {
            self.give(at, &mut waiting, found);
            next = Some(self.schedule.next(at));
        }
        Ok(self.counts)
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
    fn executions(
        &mut self,
        reader: &mut EventReader<'_>,
        state: &mut State,
        found: &mut Vec<Detection<EventRef>>,
    ) -> io::Result<BTreeMap<Timestamp, Vec<(Timestamp, usize)>>> {
        let mut executions: BTreeMap<Timestamp, Vec<(Timestamp, usize)>> = BTreeMap::new();
        let mut of_event: HashMap<EventRef, Option<(Timestamp, Timestamp)>> = HashMap::new();
        for (number, hit) in self.hits.iter().enumerate() {
            if hit.stage == HISTORY_STAGE && self.correlation.scheduled_form().reads_history() {
                state.known.insert(KeyTuple::clone(&hit.keys), None);
                continue;
            }
            let place = match of_event.get(&hit.payload) {
                Some(place) => *place,
                None => {
                    let place = match reader.get(hit.payload) {
                        Ok(event) => {
                            let times = self.schedule.times(&event.document);
                            let place =
                                times.and_then(|times| Some((self.schedule.execution(times)?, times.window)));
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
            if let Some((execution, window)) = place {
                executions.entry(execution).or_default().push((window, number));
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
    ) -> io::Result<Vec<Detection<EventRef>>> {
        let form = self.correlation.scheduled_form();
        if form == ScheduledForm::EachEvent {
            let of = |(_, number): &(Timestamp, usize)| self.alone(*number, Detection::of_events);
            return Ok(new.iter().map(of).collect());
        }
        let start = self.schedule.start(execution);
        state.window = state.window.split_off(&(start, 0));
        state.window.extend(new);
        if let ScheduledForm::NewTerms { history_ms } = form {
            return Ok(self.new_terms(execution, new, history_ms, state));
        }
        let mut numbers: Vec<usize> = state
            .window
            .iter()
            .map(|(_, number)| *number)
            .filter(|number| !state.counted.contains(number))
            .collect();
        numbers.sort_unstable();
        let mut joining = self.correlation.begin(self.memory);
        let mut detections = Vec::new();
        for number in &numbers {
            joining.push(self.hits[*number].clone(), &mut detections)?;
        }
        let counts = joining.finish(&mut detections);
        self.counts.evicted += counts.evicted;
        self.counts.estimated += counts.estimated;
        if let ScheduledForm::Threshold { groups } = form {
            for detection in &detections {
                let is_counted =
                    |number: &&usize| self.hits[**number].keys[..groups] == *detection.sequence.keys;
                state.counted.extend(numbers.iter().filter(is_counted));
            }
        } else {
            detections.retain(|detection| {
                let events = detection.sequence.events().copied().collect();
                state.found.insert((KeyTuple::clone(&detection.sequence.keys), events))
            });
        }
        Ok(detections)
    }

    /// The combinations in the window whose earliest event within the history lies behind the window's start.
    fn new_terms(
        &self,
        execution: Timestamp,
        new: &[(Timestamp, usize)],
        history_ms: u64,
        state: &mut State,
    ) -> Vec<Detection<EventRef>> {
        for (window, number) in new {
            let known = state
                .known
                .entry(KeyTuple::clone(&self.hits[*number].keys))
                .or_insert_with(|| Some(BTreeSet::new()));
            if let Some(times) = known {
                times.insert((*window, *number));
            }
        }
        let start = self.schedule.start(execution);
        let history = execution.plus_nanos(-i128::from(history_ms) * NANOS_PER_MILLI);
        let mut detections = Vec::new();
        for (_, number) in new {
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
    fn reads_history(self) -> bool {
        matches!(self, Self::NewTerms { .. })
    }
}
