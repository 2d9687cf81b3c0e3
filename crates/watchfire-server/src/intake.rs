//! Documents to durable events, and an answer for each.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};
use watchfire_events::tape::{Tape, TapeReader, TapeValue};
use watchfire_events::{Place, TapedEvent, Timestamp, read_document};
use watchfire_sources::normalise::{
    NormaliseError, NormaliseOptions, NormalisedTape, Normaliser, RawInput, RawPayload, RecordOrigin,
    SourceKind,
};

use crate::bulk::{BulkItem, Operation};
use crate::error::ApiError;
use crate::event_log::{Appended, EventLogError};
use crate::names;
use crate::set_up::Kind;
use crate::state::Server;

/// What became of an item.
pub(crate) struct ItemAnswer {
    pub(crate) operation: Operation,
    /// The index as answers name it: of a data stream the one behind it.
    pub(crate) index: String,
    pub(crate) id: Option<String>,
    /// The number of the stored event.
    pub(crate) outcome: Result<u64, ApiError>,
}

impl ItemAnswer {
    pub(crate) fn status(&self) -> StatusCode {
        self.outcome.as_ref().err().map_or(StatusCode::CREATED, |error| error.status)
    }

    /// As an item of a bulk answer, or as the answer to a single document.
    pub(crate) fn document(&self) -> Value {
        match &self.outcome {
            Ok(sequence) => json!({
                "_index": self.index,
                "_id": self.id,
                "_version": 1,
                "result": "created",
                "_shards": { "total": 1, "successful": 1, "failed": 0 },
                "_seq_no": sequence,
                "_primary_term": 1,
                "status": 201,
            }),
            Err(error) => json!({
                "_index": self.index,
                "_id": self.id,
                "status": error.status.as_u16(),
                "error": { "type": error.kind, "reason": error.reason, "index": self.index },
            }),
        }
    }
}

/// An event on its way, and the number of its item.
struct Waiting {
    item: usize,
    stream: String,
}

/// Keeps the documents of items, and says what became of each, in their order. It may block.
///
/// # Errors
/// If none of them could be kept: the request as a whole is to be sent again.
pub(crate) fn keep(server: &Server, items: &[BulkItem<'_>]) -> Result<Vec<ItemAnswer>, ApiError> {
    let request = server.name_request();
    let now = server.clock.now();
    let mut intake = Intake::new(server, &server.options.normalise);
    let mut target: Option<Target> = None;
    let mut answers: Vec<ItemAnswer> = Vec::with_capacity(items.len());
    let mut events: Vec<TapedEvent> = Vec::with_capacity(items.len());
    let mut waiting: Vec<Waiting> = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        let target = match &mut target {
            Some(target) if target.index == item.index => target,
            target => target.insert(Target::of(server, &item.index, now)),
        };
        let index = target.behind.clone();
        let place =
            Place { input: Arc::clone(&request), record: number as u64 + 1, line: None, offset: None };
        let mut answer = ItemAnswer { operation: item.operation, index, id: item.id.clone(), outcome: Ok(0) };
        match intake.event_of(item, target, place) {
            Ok(normalised) => {
                let event = normalised.event;
                answer.id = Some(event.id.as_str().to_owned());
                if let Some(pipeline) = &item.pipeline {
                    server.counts.count(&item.index, |counts| {
                        *counts.pipelines_not_run.entry(pipeline.clone()).or_default() += 1;
                    });
                }
                waiting.push(Waiting { item: number, stream: item.index.clone() });
                events.push(event);
            }
            Err(error) => {
                refuse(server, &item.index, &error);
                answer.outcome = Err(error);
            }
        }
        answers.push(answer);
    }
    append(server, events, |at, outcome| {
        let Waiting { item, stream } = &waiting[at];
        if let Err(error) = &outcome {
            refuse(server, stream, error);
        }
        answers[*item].outcome = outcome;
    })?;
    Ok(answers)
}

/// Where items go.
struct Target {
    /// The index that they name.
    index: String,
    is_stream: bool,
    /// The index that answers name.
    behind: String,
    /// Whether events can be written to an index of this name.
    name: Result<(), ApiError>,
}

impl Target {
    fn of(server: &Server, index: &str, now: Timestamp) -> Self {
        let is_stream = server.set_up.is_data_stream(index);
        let behind = if is_stream { names::backing_index(index, now) } else { index.to_owned() };
        Self { index: index.to_owned(), is_stream, behind, name: names::check(index) }
    }
}

/// Keeps events, gives what became of each, and counts those that are stored.
pub(crate) fn append(
    server: &Server,
    events: Vec<TapedEvent>,
    mut answer: impl FnMut(usize, Result<u64, ApiError>),
) -> Result<(), ApiError> {
    if events.is_empty() {
        return Ok(());
    }
    let heads: Vec<_> = events.iter().map(|event| (event.id.clone(), event.data_stream.clone())).collect();
    let appended = server.log.append(events).map_err(|error| match error {
        EventLogError::Full(_) => ApiError::busy(error.to_string()),
        EventLogError::Failed(_) => ApiError::failed(error.to_string()),
    })?;
    let now = server.clock.now();
    for (at, (appended, (id, stream))) in appended.into_iter().zip(&heads).enumerate() {
        let outcome = match appended {
            Appended::Stored(sequence) => {
                server.counts.count(stream.as_str(), |counts| {
                    counts.stored += 1;
                    counts.last_arrival = Some(now);
                });
                Ok(sequence)
            }
            Appended::Repeated => {
                server.counts.count(stream.as_str(), |counts| counts.repeated += 1);
                Err(ApiError::conflict(format!(
                    "an event with the id `{id}` is there, and events do not change"
                )))
            }
            Appended::Refused(reason) => Err(ApiError::document(reason)),
        };
        answer(at, outcome);
    }
    Ok(())
}

fn refuse(server: &Server, stream: &str, error: &ApiError) {
    // Repetitions have a number of their own.
    if error.status != StatusCode::CONFLICT {
        server.counts.count(stream, |counts| *counts.refused.entry(error.kind.to_owned()).or_default() += 1);
    }
}

/// Makes events of the records of one request.
pub(crate) struct Intake<'s> {
    server: &'s Server,
    normaliser: Normaliser<'s>,
    reader: TapeReader,
}

impl<'s> Intake<'s> {
    pub(crate) fn new(server: &'s Server, options: &'s NormaliseOptions) -> Self {
        Self { server, normaliser: Normaliser::new(options), reader: TapeReader::default() }
    }

    /// The event of an item, if it can be one.
    fn event_of(
        &mut self,
        item: &BulkItem<'_>,
        target: &Target,
        place: Place,
    ) -> Result<NormalisedTape, ApiError> {
        target.name.clone()?;
        match item.operation {
            Operation::Update | Operation::Delete => {
                return Err(ApiError::illegal(format!(
                    "`{}` is not possible: events are kept as they came",
                    item.operation.name()
                )));
            }
            Operation::Index if target.is_stream => {
                return Err(ApiError::illegal(format!(
                    "`{}` is a data stream, which takes `create` alone",
                    item.index
                )));
            }
            Operation::Index | Operation::Create => {}
        }
        if item.require_alias {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "index_not_found_exception",
                format!("`require_alias` is set, and `{}` is no alias", item.index),
            ));
        }
        // Elasticsearch's name for none.
        let pipeline = item.pipeline.as_deref().filter(|name| *name != "_none");
        if let Some(pipeline) = pipeline
            && !self.server.set_up.has(Kind::Pipeline, pipeline)
        {
            return Err(ApiError::illegal(format!("there is no pipeline `{pipeline}`")));
        }
        let id = item.id.as_deref().filter(|id| !id.is_empty());
        let normalised = self.event_of_text("document", item.document, place, Some(&item.index), id)?;
        if target.is_stream && !normalised.has_time {
            return Err(ApiError::document("the document has no time: a data stream needs `@timestamp`"));
        }
        Ok(normalised)
    }

    /// The event of a record that is written as JSON; `what` it is called where it is none.
    fn event_of_text(
        &mut self,
        what: &str,
        text: &[u8],
        place: Place,
        index: Option<&str>,
        id: Option<&str>,
    ) -> Result<NormalisedTape, ApiError> {
        let Self { server, normaliser, reader } = self;
        let identity = Arc::clone(&place.input);
        let origin = RecordOrigin { place, identity: &identity, index, id };
        let normalise = |record: TapeValue<'_>| normaliser.normalise_tape(record, origin);
        let no_json = |error: String| ApiError::document(format!("the {what} is no JSON: {error}"));
        // What is no text can be no JSON, and where it is none the parser of JSON says.
        let normalised = match std::str::from_utf8(text) {
            Ok(text) => read_document(reader, text, normalise).map_err(|error| no_json(error.to_string()))?,
            Err(_) => {
                let error = serde_json::from_slice::<Value>(text).err();
                return Err(no_json(error.map_or_else(|| "it is no UTF-8".to_owned(), |e| e.to_string())));
            }
        };
        ready(server, normalised)
    }

    /// The event of a raw record.
    pub(crate) fn event_of_raw(&mut self, raw: RawInput) -> Result<NormalisedTape, ApiError> {
        let RawInput { payload, place, identity, given_index, given_id } = raw;
        let normalised = match payload {
            RawPayload::Json(value) => {
                let (index, id) = (given_index.as_deref(), given_id.as_deref());
                let origin = RecordOrigin { place, identity: &identity, index, id };
                self.normaliser.normalise_tape(Tape::of(&value).first(), origin)
            }
            RawPayload::WindowsXml(_) => {
                let raw = RawInput { payload, place, identity, given_index, given_id };
                self.normaliser.normalise(raw).map(NormalisedTape::from)
            }
        };
        ready(self.server, normalised)
    }
}

/// Counts what is not known, and names the stream.
fn ready(
    server: &Server,
    normalised: Result<NormalisedTape, NormaliseError>,
) -> Result<NormalisedTape, ApiError> {
    let mut normalised = normalised.map_err(|error| ApiError::document(error.to_string()))?;
    if normalised.source == SourceKind::Unrecognised {
        let stream = normalised.event.data_stream.as_str();
        server.counts.count(stream, |counts| counts.unrecognised += 1);
    }
    name_stream(&mut normalised.event);
    Ok(normalised)
}

/// Elasticsearch fills in `data_stream.*` by the name of the stream where a document does not have it.
fn name_stream(event: &mut TapedEvent) {
    if event.document.get_field("data_stream.dataset").is_some() {
        return;
    }
    let name = event.data_stream.as_str();
    let mut parts = name.splitn(3, '-');
    let (Some(kind @ ("logs" | "metrics" | "traces" | "synthetics")), Some(dataset), Some(namespace)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    let fields = json!({ "type": kind, "dataset": dataset, "namespace": namespace });
    event.document.set_value("data_stream", &fields);
}

/// What became of raw records of one source.
#[derive(Default)]
pub(crate) struct RawAnswer {
    pub(crate) stored: u64,
    pub(crate) repeated: u64,
    /// The line of each record that was refused, and why; the first ones.
    pub(crate) refused: Vec<(u64, String)>,
    pub(crate) refused_in_all: u64,
}

/// Most refused lines that an answer names.
const MOST_NAMED: usize = 100;

/// Keeps raw records, one in a line, of the source that the options name or of any. It may block.
///
/// # Errors
/// If none of them could be kept.
pub(crate) fn keep_raw(
    server: &Server,
    lines: &[u8],
    options: &NormaliseOptions,
) -> Result<RawAnswer, ApiError> {
    let request = server.name_request();
    let mut intake = Intake::new(server, options);
    let mut answer = RawAnswer::default();
    let mut events = Vec::new();
    let mut numbers = Vec::new();
    let refuse = |answer: &mut RawAnswer, line: u64, error: &ApiError| {
        answer.refused_in_all += 1;
        if answer.refused.len() < MOST_NAMED {
            answer.refused.push((line, error.reason.clone()));
        }
        server.counts.count("(raw)", |counts| *counts.refused.entry(error.kind.to_owned()).or_default() += 1);
    };
    for (line, text) in (1..).zip(lines.split(|byte| *byte == b'\n')) {
        let text = text.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let place = Place { input: Arc::clone(&request), record: line, line: Some(line), offset: None };
        match intake.event_of_text("record", text, place, None, None) {
            Ok(normalised) => {
                events.push(normalised.event);
                numbers.push(line);
            }
            Err(error) => refuse(&mut answer, line, &error),
        }
    }
    let mut outcomes = Vec::new();
    append(server, events, |at, outcome| outcomes.push((numbers[at], outcome)))?;
    for (line, outcome) in outcomes {
        match outcome {
            Ok(_) => answer.stored += 1,
            Err(error) if error.status == StatusCode::CONFLICT => answer.repeated += 1,
            Err(error) => refuse(&mut answer, line, &error),
        }
    }
    Ok(answer)
}
