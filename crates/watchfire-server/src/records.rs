//! Raw records of any form that a file can have: read, normalised and kept.

use std::io::Read;
use std::sync::Arc;

use watchfire_events::{Place, Scalar, TapedEvent};
use watchfire_sources::decode::{RecordSink, RejectReason, read_stream};
use watchfire_sources::normalise::{NormaliseOptions, RawInput, RawPayload};

use crate::error::ApiError;
use crate::intake::{Intake, append};
use crate::state::Server;

/// Events that are kept at a time.
const TOGETHER: usize = 1_000;

/// What records are read as.
#[derive(Clone, Debug)]
pub struct RecordInput {
    /// The name of the input, as places have it and ids are made from.
    pub name: Arc<str>,
    /// Records, lines and bytes of it that were read before: numbers and places count on from there.
    pub before: InputPosition,
    /// Records up to this number are passed over, since they were kept before.
    pub kept_up_to: u64,
    /// How records are normalised.
    pub options: NormaliseOptions,
}

/// How far an input was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InputPosition {
    /// Records, those that could not be used among them.
    pub records: u64,
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What became of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Events that are durable.
    pub stored: u64,
    /// Events that had been kept before.
    pub repeated: u64,
    /// Records that could not be used.
    pub refused: u64,
    /// The greatest number of a record.
    pub last_record: u64,
    /// What there is to say of the input, or of the first record that could not be used.
    pub problems: Vec<String>,
}

/// Records could not be kept: nothing behind those that were may be taken for kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events could not be kept: {reason}")]
pub struct RecordsError {
    /// Why.
    pub reason: String,
}

impl Server {
    /// Reads records and keeps their events. It may block.
    ///
    /// # Errors
    /// If events cannot be kept at the moment. Some may have been; when the input is read again from the same position they
    /// have the same ids, and are not kept twice.
    pub fn keep_records(&self, stream: impl Read, input: &RecordInput) -> Result<RecordCounts, RecordsError> {
        let mut keeping = Keeping {
            server: self,
            intake: Intake::new(self, &input.options),
            input,
            events: Vec::new(),
            counts: RecordCounts::default(),
            failure: None,
        };
        let reports = read_stream(stream, &input.name, &mut keeping);
        keeping.flush();
        let Keeping { mut counts, failure, .. } = keeping;
        if let Some(failure) = failure {
            return Err(RecordsError { reason: failure.reason });
        }
        counts.problems.extend(reports.into_iter().filter_map(|report| report.problem));
        Ok(counts)
    }
}

struct Keeping<'s> {
    server: &'s Server,
    intake: Intake<'s>,
    input: &'s RecordInput,
    events: Vec<TapedEvent>,
    counts: RecordCounts,
    failure: Option<ApiError>,
}

impl Keeping<'_> {
    fn refuse(&mut self, place: &Place, kind: &str, reason: &str) {
        self.counts.refused += 1;
        self.server.counts.count("(raw)", |counts| *counts.refused.entry(kind.to_owned()).or_default() += 1);
        if self.counts.refused == 1 {
            self.counts.problems.push(format!("{place}: {reason}"));
        }
    }

    fn flush(&mut self) {
        let events = std::mem::take(&mut self.events);
        if events.is_empty() || self.failure.is_some() {
            return;
        }
        let places: Vec<Place> = events.iter().map(|event| event.place.clone()).collect();
        let mut outcomes = Vec::with_capacity(events.len());
        if let Err(failure) = append(self.server, events, |at, outcome| outcomes.push((at, outcome))) {
            self.failure = Some(failure);
            return;
        }
        for (at, outcome) in outcomes {
            match outcome {
                Ok(_) => self.counts.stored += 1,
                Err(error) if error.is_conflict() => self.counts.repeated += 1,
                Err(error) => self.refuse(&places[at], error.kind, &error.reason),
            }
        }
    }

    /// The place in the whole input; the number of the record is counted.
    fn in_whole(&mut self, place: Place) -> Place {
        let before = &self.input.before;
        let record = place.record + before.records;
        self.counts.last_record = self.counts.last_record.max(record);
        Place {
            record,
            line: place.line.map(|line| line + before.lines),
            offset: place.offset.map(|offset| offset + before.bytes),
            ..place
        }
    }
}

impl RecordSink for Keeping<'_> {
    fn record(&mut self, record: RawInput) {
        let place = self.in_whole(record.place.clone());
        if place.record <= self.input.kept_up_to || self.failure.is_some() {
            return;
        }
        let raw = RawInput { place: place.clone(), ..record };
        match self.intake.event_of_raw(raw) {
            Ok(normalised) => {
                self.events.push(normalised.event);
                if self.events.len() >= TOGETHER {
                    self.flush();
                }
            }
            Err(error) => self.refuse(&place, error.kind, &error.reason),
        }
    }

    fn rejected(&mut self, place: &Place, reason: RejectReason) {
        let place = self.in_whole(place.clone());
        if place.record > self.input.kept_up_to {
            self.refuse(&place, "document_parsing_exception", &reason.to_string());
        }
    }

    fn is_satisfied(&self) -> bool {
        self.failure.is_some()
    }
}

/// Records that came one by one, not as a file.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    /// Who sent them.
    pub(crate) sender: String,
    /// The records.
    pub(crate) payloads: Vec<RawPayload>,
}

impl Server {
    /// Keeps records that came one by one; an event without a time has that of its arrival. It may block.
    ///
    /// # Errors
    /// If events cannot be kept at the moment.
    pub(crate) fn keep_messages(
        &self,
        messages: &Messages,
        options: &NormaliseOptions,
    ) -> Result<RecordCounts, RecordsError> {
        let name: Arc<str> = format!("{} ({})", messages.sender, self.name_request()).into();
        let input = RecordInput {
            name: Arc::clone(&name),
            before: InputPosition::default(),
            kept_up_to: 0,
            options: options.clone(),
        };
        let mut keeping = Keeping {
            server: self,
            intake: Intake::new(self, &input.options),
            input: &input,
            events: Vec::new(),
            counts: RecordCounts::default(),
            failure: None,
        };
        let arrival = self.clock.now().to_iso_millis();
        for (number, payload) in (1..).zip(&messages.payloads) {
            let place = Place { input: Arc::clone(&name), record: number, line: None, offset: None };
            let raw = RawInput::bare(payload.clone(), place.clone(), &name);
            match keeping.intake.event_of_raw(raw) {
                Ok(normalised) => {
                    let mut event = normalised.event;
                    if !normalised.has_time {
                        event.document.set_field("@timestamp", Scalar::Text(&arrival));
                    }
                    keeping.events.push(event);
                }
                Err(error) => keeping.refuse(&place, error.kind, &error.reason),
            }
        }
        keeping.flush();
        match keeping.failure {
            Some(failure) => Err(RecordsError { reason: failure.reason }),
            None => Ok(keeping.counts),
        }
    }
}
