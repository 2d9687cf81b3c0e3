//! Which data streams there are, and what came in for them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use watchfire_events::{IndexPatterns, Timestamp};

use super::documents::blocking;
use super::{Parameters, answer};
use crate::counts::CountsOfStream;
use crate::error::{ApiError, json_answer};
use crate::event_log::StreamInfo;
use crate::metrics::{MetricsText, metric_label};
use crate::names;
use crate::state::Server;

async fn streams(server: &Arc<Server>, names: &str) -> Result<Vec<StreamInfo>, ApiError> {
    let log = Arc::clone(&server.log);
    let mut streams =
        blocking(move || log.streams().map_err(|error| ApiError::failed(error.to_string()))).await?;
    if !names.is_empty() && names != "_all" {
        let patterns = IndexPatterns::new(names.split(','));
        streams.retain(|stream| patterns.select(&stream.name));
    }
    Ok(streams)
}

pub(super) async fn cat(state: State<Arc<Server>>, parameters: Parameters) -> Result<Response, ApiError> {
    cat_some(state, Path(String::new()), parameters).await
}

pub(super) async fn cat_some(
    State(server): State<Arc<Server>>,
    Path(names): Path<String>,
    Query(parameters): Parameters,
) -> Result<Response, ApiError> {
    let streams = streams(&server, &names).await?;
    if parameters.get("format").is_some_and(|format| format == "json") {
        let entry = |stream: &StreamInfo| {
            json!({
                "health": "green",
                "status": "open",
                "index": stream.name.as_str(),
                "uuid": "",
                "pri": "1",
                "rep": "0",
                "docs.count": stream.events.to_string(),
                "docs.deleted": "0",
                "store.size": format!("{}b", stream.bytes),
                "pri.store.size": format!("{}b", stream.bytes),
                "dataset.size": format!("{}b", stream.bytes),
            })
        };
        return Ok(json_answer(StatusCode::OK, &Value::Array(streams.iter().map(entry).collect())));
    }
    let mut text = String::new();
    if parameters.contains_key("v") {
        text.push_str("health status index pri rep docs.count docs.deleted store.size pri.store.size\n");
    }
    for StreamInfo { name, events, bytes, .. } in streams {
        let _ = writeln!(text, "green open {name} 1 0 {events} 0 {bytes}b {bytes}b");
    }
    Ok((StatusCode::OK, text).into_response())
}

pub(super) async fn resolve(
    State(server): State<Arc<Server>>,
    Path(names): Path<String>,
    Query(parameters): Parameters,
) -> Result<Response, ApiError> {
    let now = server.clock.now();
    let streams = streams(&server, &names).await?;
    let (mut indices, mut data_streams) = (Vec::new(), Vec::new());
    for stream in streams {
        let name = stream.name.as_str();
        if server.set_up.is_data_stream(name) {
            let backing = [names::backing_index(name, now)];
            data_streams
                .push(json!({ "name": name, "backing_indices": backing, "timestamp_field": "@timestamp" }));
        } else {
            indices.push(json!({ "name": name, "attributes": ["open"] }));
        }
    }
    let document = json!({ "indices": indices, "aliases": [], "data_streams": data_streams });
    Ok(answer(StatusCode::OK, document, &parameters))
}

/// The page of what arrives: per data stream what is stored, and what came since the server was started.
pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Query(parameters): Parameters,
) -> Result<Response, ApiError> {
    let stored = streams(&server, "").await?;
    let counts = server.counts.by_stream();
    let names: BTreeSet<&str> =
        stored.iter().map(|stream| stream.name.as_str()).chain(counts.keys().map(String::as_str)).collect();
    let entry = |name: &str| {
        let stream = stored.iter().find(|stream| stream.name.as_str() == name);
        let CountsOfStream { stored, repeated, refused, unrecognised, pipelines_not_run, last_arrival } =
            counts.get(name).cloned().unwrap_or_default();
        let last = last_arrival.or_else(|| stream.and_then(|stream| stream.last_arrival));
        json!({
            "name": name,
            "events": stream.map_or(0, |stream| stream.events),
            "bytes": stream.map_or(0, |stream| stream.bytes),
            "last_arrival": last.map(Timestamp::to_iso_millis),
            "since_start": {
                "stored": stored,
                "repeated": repeated,
                "refused": refused,
                "unrecognised": unrecognised,
                "pipelines_not_run": pipelines_not_run,
            },
        })
    };
    let document = json!({ "streams": names.into_iter().map(entry).collect::<Vec<_>>() });
    Ok(answer(StatusCode::OK, document, &parameters))
}

/// The text format of Prometheus.
pub(super) async fn metrics(State(server): State<Arc<Server>>) -> Response {
    let counts = server.counts.by_stream();
    let mut text = MetricsText::default();
    let each = |number: fn(&CountsOfStream) -> u64| {
        let of_stream =
            |(stream, of): (&String, &CountsOfStream)| (metric_label("stream", stream), number(of));
        counts.iter().map(of_stream).collect::<Vec<_>>()
    };
    text.counter("watchfire_events_stored_total", "Events that are durable.", each(|counts| counts.stored));
    text.counter(
        "watchfire_events_repeated_total",
        "Events whose id had arrived.",
        each(|counts| counts.repeated),
    );
    text.counter(
        "watchfire_events_unrecognised_total",
        "Events of no known source, kept as they came.",
        each(|counts| counts.unrecognised),
    );
    let refused = counts.iter().flat_map(|(stream, counts)| {
        let labels =
            |kind: &str| format!("{},{}", metric_label("stream", stream), metric_label("type", kind));
        counts.refused.iter().map(move |(kind, number)| (labels(kind), *number)).collect::<Vec<_>>()
    });
    text.counter(
        "watchfire_items_refused_total",
        "Items that were refused, by the type of their error.",
        refused,
    );
    let not_run = counts.iter().flat_map(|(stream, counts)| {
        let labels =
            |name: &str| format!("{},{}", metric_label("stream", stream), metric_label("pipeline", name));
        counts.pipelines_not_run.iter().map(move |(name, number)| (labels(name), *number)).collect::<Vec<_>>()
    });
    text.counter(
        "watchfire_pipelines_not_run_total",
        "Events for which an ingest pipeline was named; none is run.",
        not_run,
    );
    server.metrics.iter().for_each(|metrics| metrics.write(&mut text));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text.into_text()).into_response()
}
