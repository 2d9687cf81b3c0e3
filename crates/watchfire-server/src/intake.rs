//! Documents to durable events, and an answer for each.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use watchfire_events::{Event, Place};
use watchfire_sources::normalise::{NormaliseOptions, Normalised, RawInput, RawPayload, normalise};

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
    let mut answers: Vec<ItemAnswer> = Vec::with_capacity(items.len());
    let mut events: Vec<Event> = Vec::new();
    let mut waiting: Vec<Waiting> = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let is_stream = server.set_up.is_data_stream(&item.index);
        let index = if is_stream { names::backing_index(&item.index, now) } else { item.index.clone() };
        let place =
            Place { input: Arc::clone(&request), record: number as u64 + 1, line: None, offset: None };
        let mut answer = ItemAnswer { operation: item.operation, index, id: item.id.clone(), outcome: Ok(0) };
        match event_of(server, item, is_stream, place) {
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
    append(server, &mut events, |at, outcome| {
        let Waiting { item, stream } = &waiting[at];
        if let Err(error) = &outcome {
            refuse(server, stream, error);
        }
        answers[*item].outcome = outcome;
    })?;
    Ok(answers)
}

/// Keeps events, gives what became of each, and counts those that are stored.
pub(crate) fn append(
    server: &Server,
    events: &mut [Event],
    mut answer: impl FnMut(usize, Result<u64, ApiError>),
) -> Result<(), ApiError> {
    if events.is_empty() {
        return Ok(());
    }
    let appended = server.log.append(events).map_err(|error| match error {
        EventLogError::Full(_) => ApiError::busy(error.to_string()),
        EventLogError::Failed(_) => ApiError::failed(error.to_string()),
    })?;
    let now = server.clock.now();
    for (at, (appended, event)) in appended.into_iter().zip(events.iter()).enumerate() {
        let outcome = match appended {
            Appended::Stored(sequence) => {
                server.counts.count(event.data_stream.as_str(), |counts| {
                    counts.stored += 1;
                    counts.last_arrival = Some(now);
                });
                Ok(sequence)
            }
            Appended::Repeated => {
                server.counts.count(event.data_stream.as_str(), |counts| counts.repeated += 1);
                let id = event.id.as_str();
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

/// The event of an item, if it can be one.
fn event_of(
    server: &Server,
    item: &BulkItem<'_>,
    is_stream: bool,
    place: Place,
) -> Result<Normalised, ApiError> {
    names::check(&item.index)?;
    match item.operation {
        Operation::Update | Operation::Delete => {
            return Err(ApiError::illegal(format!(
                "`{}` is not possible: events are kept as they came",
                item.operation.name()
            )));
        }
        Operation::Index if is_stream => {
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
        && !server.set_up.has(Kind::Pipeline, pipeline)
    {
        return Err(ApiError::illegal(format!("there is no pipeline `{pipeline}`")));
    }
    let document: Value = serde_json::from_slice(item.document)
        .map_err(|error| ApiError::document(format!("the document is no JSON: {error}")))?;
    let normalised = event_of_document(
        server,
        &server.options.normalise,
        document,
        place,
        Some(item.index.clone()),
        item.id.clone(),
    )?;
    if is_stream && !normalised.has_time {
        return Err(ApiError::document("the document has no time: a data stream needs `@timestamp`"));
    }
    Ok(normalised)
}

fn event_of_document(
    server: &Server,
    options: &NormaliseOptions,
    document: Value,
    place: Place,
    index: Option<String>,
    id: Option<String>,
) -> Result<Normalised, ApiError> {
    let identity = Arc::clone(&place.input);
    let raw = RawInput {
        payload: RawPayload::Json(document),
        place,
        identity,
        given_index: index,
        given_id: id.filter(|id| !id.is_empty()),
    };
    event_of_raw(server, options, raw)
}

/// The event of a raw record.
pub(crate) fn event_of_raw(
    server: &Server,
    options: &NormaliseOptions,
    raw: RawInput,
) -> Result<Normalised, ApiError> {
    let mut normalised = normalise(raw, options).map_err(|error| ApiError::document(error.to_string()))?;
    let stream = normalised.event.data_stream.as_str();
    if normalised.is_unrecognised() {
        server.counts.count(stream, |counts| counts.unrecognised += 1);
    }
    name_stream(&mut normalised.event);
    Ok(normalised)
}

/// Elasticsearch fills in `data_stream.*` by the name of the stream where a document does not have it.
fn name_stream(event: &mut Event) {
    let name = event.data_stream.as_str();
    let mut parts = name.splitn(3, '-');
    let (Some(kind @ ("logs" | "metrics" | "traces" | "synthetics")), Some(dataset), Some(namespace)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    if watchfire_events::get_field(&event.document, "data_stream.dataset").is_none() {
        let fields: Map<String, Value> = [("type", kind), ("dataset", dataset), ("namespace", namespace)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        event.document.insert("data_stream".to_owned(), Value::Object(fields));
    }
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
        let event = serde_json::from_slice(text)
            .map_err(|error| ApiError::document(format!("the record is no JSON: {error}")))
            .and_then(|document| event_of_document(server, options, document, place, None, None));
        match event {
            Ok(normalised) => {
                events.push(normalised.event);
                numbers.push(line);
            }
            Err(error) => refuse(&mut answer, line, &error),
        }
    }
    let mut outcomes = Vec::new();
    append(server, &mut events, |at, outcome| outcomes.push((numbers[at], outcome)))?;
    for (line, outcome) in outcomes {
        match outcome {
            Ok(_) => answer.stored += 1,
            Err(error) if error.status == StatusCode::CONFLICT => answer.repeated += 1,
            Err(error) => refuse(&mut answer, line, &error),
        }
    }
    Ok(answer)
}
