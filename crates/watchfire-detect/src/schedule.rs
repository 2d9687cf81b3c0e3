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

mod executions;
mod plan;

use std::fmt;

use serde_json::Value;
use watchfire_engine::correlate::MovingWindow;
use watchfire_events::{Document, Timestamp, get_field};
use watchfire_ir::date_range;
use watchfire_rules::model::{DateMath, Rule};

pub(crate) use self::executions::{Executions, ScheduledForm};
pub use self::plan::{BucketMark, ExecutionPlan};

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
    from: Edge,
    to: Edge,
    max_signals: u64,
    timestamp_override: Option<String>,
    falls_back: bool,
}

/// Where a window begins or ends.
#[derive(Clone, Debug, PartialEq)]
enum Edge {
    /// So many milliseconds before its execution.
    Before(i64),
    /// At a date that depends on the calendar, such as `now/d`.
    Date(String),
}

/// First and last instant that an execution looks at. Both belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionWindow {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
}

impl ExecutionWindow {
    /// Whether an instant lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

impl fmt::Display for ExecutionWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

const TIMESTAMP: &str = "@timestamp";
const INGESTED: &str = "event.ingested";
const NANOS_PER_MILLI: i128 = 1_000_000;

/// Executions that are looked through for the first one to see an event, or not to see it any more, where windows go by the
/// calendar.
const MAX_EXECUTIONS_LOOKED_AT: usize = 10_000;

/// When an event is there, and where it lies in windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    visible: Timestamp,
    window: Timestamp,
}

impl Edge {
    fn of(math: &DateMath) -> Option<Self> {
        if let Some(seconds) = math.seconds_before_now() {
            return seconds.checked_mul(1_000).map(Self::Before);
        }
        let text = math.to_string();
        date_range(&text, Timestamp::default()).map(|_| Self::Date(text))
    }
}

impl RuleSchedule {
    /// That of a rule; `None` if its window begins or ends at what is no date.
    pub fn of(rule: &Rule, arrival: Arrival) -> Option<Self> {
        Some(Self {
            arrival,
            interval_ms: rule.interval().seconds().saturating_mul(1_000).max(1_000),
            from: Edge::of(&rule.from())?,
            to: Edge::of(&rule.to())?,
            max_signals: rule.max_signals().max(1),
            timestamp_override: rule.timestamp_override.clone(),
            falls_back: rule.falls_back_to_timestamp(),
        })
    }

    /// The time between two executions, in milliseconds.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// Most alerts of one execution.
    pub fn max_signals(&self) -> u64 {
        self.max_signals
    }

    /// The first execution at this instant or after it.
    pub fn first_from(&self, at: Timestamp) -> Timestamp {
        MovingWindow { look_back_ms: 0, interval_ms: Some(self.interval_ms) }.execution(at)
    }

    /// The last execution at this instant or before it.
    pub fn last_until(&self, at: Timestamp) -> Timestamp {
        let next = self.first_from(at);
        if next == at { at } else { next.plus_nanos(-i128::from(self.interval_ms) * NANOS_PER_MILLI) }
    }

    /// The execution after this one.
    pub fn next(&self, execution: Timestamp) -> Timestamp {
        execution.plus_nanos(i128::from(self.interval_ms) * NANOS_PER_MILLI)
    }

    /// What an execution looks at (detection-engine §2.2): `now` of its dates is the time of the execution.
    pub fn window(&self, execution: Timestamp) -> ExecutionWindow {
        let at = |edge: &Edge, is_end: bool| match edge {
            Edge::Before(millis) => execution.plus_nanos(-i128::from(*millis) * NANOS_PER_MILLI),
            // The text was read once, so it can be read again; far beyond all calendars, there is nothing to see.
            Edge::Date(text) => date_range(text, execution)
                .map_or(execution, |date| if is_end { date.end } else { date.start }),
        };
        ExecutionWindow { from: at(&self.from, false), to: at(&self.to, true) }
    }

    /// The field by whose time windows go, and the one that stands for it in events without it.
    pub fn window_fields(&self) -> (&str, Option<&str>) {
        match (self.arrival, self.timestamp_override.as_deref()) {
            (Arrival::Ingested, Some(field)) => {
                (field, (self.falls_back && field != TIMESTAMP).then_some(TIMESTAMP))
            }
            _ => (TIMESTAMP, None),
        }
    }

    fn times(&self, document: &Document) -> Option<Times> {
        let time =
            |field: &str| get_field(document, field).and_then(Value::as_str).and_then(Timestamp::parse);
        let own = time(TIMESTAMP);
        match self.arrival {
            Arrival::Event => own.map(|at| Times { visible: at, window: at }),
            Arrival::Ingested => {
                let (field, other) = self.window_fields();
                let window = time(field).or_else(|| other.and(own))?;
                Some(Times { visible: time(INGESTED).or(own).unwrap_or(window), window })
            }
        }
    }

    /// The first execution that an event can be seen by; `None` if that looks back less far.
    fn execution(&self, times: Times) -> Option<Timestamp> {
        let Times { visible, window } = times;
        if let (Edge::Before(_), Edge::Before(to)) = (&self.from, &self.to) {
            let in_window = window.plus_nanos(i128::from(*to) * NANOS_PER_MILLI);
            let execution = self.first_from(visible.max(in_window));
            return (window >= self.window(execution).from).then_some(execution);
        }
        let mut execution = self.first_from(visible);
        for _ in 0..MAX_EXECUTIONS_LOOKED_AT {
            let seen = self.window(execution);
            if window < seen.from {
                return None;
            }
            if window <= seen.to {
                return Some(execution);
            }
            execution = self.next(execution);
        }
        None
    }

    /// The first execution from this one on whose window begins behind an instant; `None` if none does, since it begins at a
    /// date.
    fn first_behind(&self, at: Timestamp, from: Timestamp) -> Option<Timestamp> {
        let begins_behind = |execution: &Timestamp| at < self.window(*execution).from;
        if let Edge::Before(millis) = &self.from {
            let reaches = at.plus_nanos(i128::from(*millis) * NANOS_PER_MILLI + 1);
            return Some(self.first_from(reaches).max(from));
        }
        std::iter::successors(Some(from), |execution| Some(self.next(*execution)))
            .take(MAX_EXECUTIONS_LOOKED_AT)
            .find(begins_behind)
    }

    /// The first execution that would see an event if it had been there at once: of one that came too late for all
    /// executions that look at its time.
    fn own_execution(&self, times: Times) -> Option<Timestamp> {
        self.execution(Times { visible: times.window, ..times })
    }
}
