//! What was found for the questions of an alert.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use watchfire_events::{Document, Event, EventId, Timestamp};

/// An event that answers a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its data stream.
    pub stream: String,
    /// Its id.
    pub id: EventId,
    /// Its document.
    pub document: Document,
}

impl Finding {
    /// An event, and the place that it has in the order of time.
    pub(crate) fn keyed(event: &Event, at: Timestamp) -> (FindingKey, Self) {
        let stream = event.data_stream.as_str().to_owned();
        let finding = Self { stream: stream.clone(), id: event.id.clone(), document: event.document.clone() };
        ((at, stream, event.id.clone()), finding)
    }
}

/// The order of findings: of time, then of what they are.
pub type FindingKey = (Timestamp, String, EventId);

/// What answers one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Events that fit, each once.
    pub count: u64,
    /// When the first of them happened.
    pub first: Option<Timestamp>,
    /// When the last of them happened.
    pub last: Option<Timestamp>,
    /// The first of them in the order of time, as many as were asked for.
    pub findings: BTreeMap<FindingKey, Finding>,
    /// Events of the same kind of the alert's host, within the same time.
    pub ground: u64,
    /// Those that were counted.
    seen: FxHashSet<(String, EventId)>,
}

/// What answers the questions of one alert, by their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(pub Vec<Answer>);

impl Answers {
    /// Nothing yet, for so many questions.
    pub fn new(questions: usize) -> Self {
        Self(vec![Answer::default(); questions])
    }

    /// Joins what another part of the events gave; of each question at most so many findings are kept.
    pub fn merge(&mut self, other: Self, most_findings: usize) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            ours.ground += theirs.ground;
            let repeated = theirs.seen.iter().filter(|event| ours.seen.contains(*event)).count() as u64;
            ours.count += theirs.count - repeated;
            ours.seen.extend(theirs.seen);
            ours.first = ours.first.into_iter().chain(theirs.first).min();
            ours.last = ours.last.max(theirs.last);
            ours.findings.extend(theirs.findings);
            while ours.findings.len() > most_findings {
                ours.findings.pop_last();
            }
        }
    }
}

impl Answer {
    /// Whether an event that happened then is among the findings so far, or would be.
    pub(crate) fn wants(&self, key: &FindingKey, most_findings: usize) -> bool {
        self.findings.len() < most_findings
            || self.findings.last_key_value().is_some_and(|(last, _)| key < last)
    }

    /// Counts an event; whether it is a new one.
    pub(crate) fn count(&mut self, at: Timestamp, stream: &str, id: &EventId) -> bool {
        if !self.seen.insert((stream.to_owned(), id.clone())) {
            return false;
        }
        self.count += 1;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        true
    }

    pub(crate) fn find(&mut self, key: FindingKey, finding: Finding, most_findings: usize) {
        self.findings.insert(key, finding);
        while self.findings.len() > most_findings {
            self.findings.pop_last();
        }
    }
}
