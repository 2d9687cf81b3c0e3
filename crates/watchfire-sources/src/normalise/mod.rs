//! Raw records to ECS documents: recognise the source, map its fields, name the data stream.
//!
//! ```text
//!            ┌ a form of Windows events ──► windows::WindowsEvent ──► sysmon · security · powershell · …
//! raw record ┤ ECS already ───────────────► passed through
//!            └ any other object ──────────► passed through, counted as unrecognised
//!                                            │
//!                                            ▼
//!                        Event { id, data stream, document, place }
//! ```
//!
//! What no mapping reads stays in the document, under `winlog.event_data` for Windows events, and can be listed with
//! [`Normalised::unmapped`]. `event.ingested` is never invented here: who receives an event stamps it.
//!
//! A record without any time is kept, without `@timestamp`, and says so ([`Normalised::has_time`]) to be counted.
//! Elasticsearch would refuse it in a data stream; for an investigation its content is worth having.

pub mod command_line;
mod content;
mod draft;
mod ecs;
mod path;
mod powershell;
mod schema;
mod security;
mod source;
mod sysmon;
mod table;
mod windows_log;

use std::sync::Arc;

use serde_json::{Map, Value};
use watchfire_events::{DataStream, Event, EventId, Place, get_field};

pub use schema::{SourceFields, TypedField, catalogue, fields};
pub use source::{SourceKind, UnknownSource};

use crate::windows::{Form, LocalTime, WindowsEvent, WindowsEventError};
use ecs::Origin;

/// How records are normalised.
#[derive(Clone, Debug)]
pub struct NormaliseOptions {
    /// The namespace of data streams that the input does not name.
    pub namespace: String,
    /// The source of every record, instead of what is recognised.
    pub source: Option<SourceKind>,
    /// The zone of local times. Without one, a record's own hint counts (NXLog's two stamps), else UTC.
    pub time_zone: Option<jiff::tz::TimeZone>,
    /// The data stream of records that carry none.
    pub index: Option<DataStream>,
}

impl Default for NormaliseOptions {
    fn default() -> Self {
        Self { namespace: "default".to_owned(), source: None, time_zone: None, index: None }
    }
}

/// A record as a decoder found it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawInput {
    /// What was read.
    pub payload: RawPayload,
    /// Where it stands.
    pub place: Place,
    /// The name of its input for ids: stable wherever the evidence is unpacked.
    pub identity: Arc<str>,
    /// The index of a search hit.
    pub given_index: Option<String>,
    /// The id of a search hit.
    pub given_id: Option<String>,
}

/// What a decoder read.
#[derive(Clone, Debug, PartialEq)]
pub enum RawPayload {
    /// A JSON value.
    Json(Value),
    /// One `Event` element.
    WindowsXml(String),
}

/// A document, and what is to be counted about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    /// The event.
    pub event: Event,
    /// The source it was mapped as.
    pub source: SourceKind,
    /// Whether it has a time.
    pub has_time: bool,
    reading: Reading,
}

/// What was read of a record.
#[derive(Clone, Debug, PartialEq)]
enum Reading {
    /// The mapping of this source ran: with Winlogbeat and forwarded events the inner one.
    Mapped(SourceKind),
    /// All of it, as it is.
    PassedThrough,
    /// Nothing: these are its fields.
    Unrecognised(Vec<String>),
}

impl Normalised {
    /// Whether the record was of no known source.
    pub fn is_unrecognised(&self) -> bool {
        self.source == SourceKind::Unrecognised
    }

    /// The raw fields that no mapping reads. They are in the document all the same.
    pub fn unmapped(&self) -> Vec<String> {
        let mapping = match &self.reading {
            Reading::Mapped(mapping) => *mapping,
            Reading::PassedThrough => return Vec::new(),
            Reading::Unrecognised(names) => return names.clone(),
        };
        let mut names = Vec::new();
        for holder in ["winlog.event_data", "winlog.user_data"] {
            if let Some(Value::Object(data)) = get_field(&self.event.document, holder) {
                // `xml_name` is the name of the element that held the data.
                let unread =
                    data.keys().filter(|name| *name != "xml_name" && !windows_log::reads(mapping, name));
                names.extend(unread.map(|name| format!("{holder}.{name}")));
            }
        }
        names
    }
}

/// Why a record gives no document. Each is counted under its [`NormaliseError::reason`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NormaliseError {
    /// A JSON value that is no object.
    #[error("the record is no JSON object")]
    NotAnObject,
    /// A Windows event that cannot be read.
    #[error(transparent)]
    WindowsEvent(#[from] WindowsEventError),
    /// A record that is no Windows event, though the user says that its source is one.
    #[error("the record is not in any form of windows events, so it cannot be of source `{source_kind}`")]
    NotOfSource {
        /// The source that the user named.
        source_kind: SourceKind,
    },
}

impl NormaliseError {
    /// A stable name for counts.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::WindowsEvent(WindowsEventError::Xml(_)) => "windows_event_xml",
            Self::WindowsEvent(WindowsEventError::NoEvent) => "windows_event_without_event",
            Self::WindowsEvent(WindowsEventError::NoEventId) => "windows_event_without_id",
            Self::NotOfSource { .. } => "not_of_source",
        }
    }
}

/// How Windows events are published: the same event differs a little between them (sources §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publication {
    /// By an agent, one data stream per channel.
    Agent,
    /// By an agent from a collector, all channels in one data stream.
    Forwarded,
    /// By Winlogbeat.
    Winlogbeat,
}

/// Turns a raw record into an event.
///
/// The id is the shipper's, else a hash of the input's identity, the record's ordinal in it, and the record's content:
/// the compact JSON of the raw value with its keys sorted, or the text of the XML.
pub fn normalise(raw: RawInput, options: &NormaliseOptions) -> Result<Normalised, NormaliseError> {
    let RawInput { payload, place, identity, given_index, given_id } = raw;
    let id = given_id.map_or_else(
        || {
            let id_of = |bytes: &[u8]| EventId::from_content(&identity, place.record, bytes);
            match &payload {
                RawPayload::WindowsXml(text) => id_of(text.as_bytes()),
                RawPayload::Json(value) => id_of(&content::canonical(value)),
            }
        },
        EventId::given,
    );
    let local = LocalTime { zone: options.time_zone.clone() };
    let draft = match payload {
        RawPayload::WindowsXml(text) => {
            let event = WindowsEvent::from_xml(&text, &local)?;
            windows(event, Origin { index: given_index, ..Origin::default() }, options)
        }
        RawPayload::Json(Value::Object(record)) => {
            json_object(record, given_index.as_deref(), &local, options)?
        }
        RawPayload::Json(_) => return Err(NormaliseError::NotAnObject),
    };
    let Draft { document, data_stream, source, reading, has_time } = draft;
    Ok(Normalised { event: Event { id, data_stream, document, place }, source, has_time, reading })
}

/// An event without its id and place.
struct Draft {
    document: watchfire_events::Document,
    data_stream: DataStream,
    source: SourceKind,
    reading: Reading,
    has_time: bool,
}

fn json_object(
    record: Map<String, Value>,
    index: Option<&str>,
    local: &LocalTime,
    options: &NormaliseOptions,
) -> Result<Draft, NormaliseError> {
    let origin = Origin::of(&record, index);
    let form = Form::recognise(&record).filter(|form| *form != Form::Beats || !is_mapped(&record));
    match (options.source, form) {
        (Some(source), None) if source.is_windows() && !is_mapped(&record) => {
            Err(NormaliseError::NotOfSource { source_kind: source })
        }
        (Some(source), Some(form)) if source.is_windows() => {
            Ok(windows(WindowsEvent::from_json(form, record, local)?, origin, options))
        }
        (None, Some(form)) => Ok(windows(WindowsEvent::from_json(form, record, local)?, origin, options)),
        (Some(source), _) => Ok(passed_through(record, source, &origin, options)),
        (None, None) => {
            let source = ecs::recognise(&record, &origin).unwrap_or(SourceKind::Unrecognised);
            Ok(passed_through(record, source, &origin, options))
        }
    }
}

/// Whether a document of Beats has been through an ingest pipeline: one without a category has not (sources §0.2).
fn is_mapped(record: &Map<String, Value>) -> bool {
    get_field(record, "event.category").is_some()
}

fn passed_through(
    mut document: Map<String, Value>,
    source: SourceKind,
    origin: &Origin,
    options: &NormaliseOptions,
) -> Draft {
    let reading = if source == SourceKind::Unrecognised {
        Reading::Unrecognised(document.keys().filter(|name| *name != "@timestamp").cloned().collect())
    } else {
        Reading::PassedThrough
    };
    let has_time = ecs::find_time(&mut document);
    let data_stream = origin.stream(None, options).unwrap_or_else(|| match source {
        SourceKind::Winlogbeat => winlogbeat_index(&document, options),
        SourceKind::Endgame => DataStream::new(format!("endgame-{}", options.namespace)),
        _ => DataStream::logs("generic", &options.namespace),
    });
    let dataset = match source {
        SourceKind::Winlogbeat => return Draft { document, data_stream, source, reading, has_time },
        SourceKind::Endgame => Some("esensor".to_owned()),
        _ => origin.named_dataset(),
    };
    ecs::fill_stream_fields(&mut document, &data_stream, dataset.as_deref());
    Draft { document, data_stream, source, reading, has_time }
}

fn windows(event: WindowsEvent, origin: Origin, options: &NormaliseOptions) -> Draft {
    let inner = windows_log::recognise(&event);
    let publication = match options.source {
        Some(SourceKind::Winlogbeat) => Publication::Winlogbeat,
        Some(SourceKind::WindowsForwarded) => Publication::Forwarded,
        Some(_) => Publication::Agent,
        None => publication(&event, &origin),
    };
    let mapping = match options.source {
        None | Some(SourceKind::Winlogbeat | SourceKind::WindowsForwarded) => inner,
        Some(named) => named,
    };
    let source = match publication {
        Publication::Agent => mapping,
        Publication::Forwarded => SourceKind::WindowsForwarded,
        Publication::Winlogbeat => SourceKind::Winlogbeat,
    };
    let windows_log::Mapped { mut document, has_time } = windows_log::map(event, mapping, publication);
    if publication == Publication::Winlogbeat {
        let data_stream = origin
            .index
            .map(DataStream::new)
            .or_else(|| options.index.clone())
            .unwrap_or_else(|| winlogbeat_index(&document, options));
        if let Some(module) = winlogbeat_module(mapping) {
            watchfire_events::set_field(&mut document, "event.module", Value::from(module));
        }
        return Draft { document, data_stream, source, reading: Reading::Mapped(mapping), has_time };
    }
    let dataset = source.dataset().unwrap_or("generic");
    let data_stream = origin
        .stream(Some(dataset), options)
        .unwrap_or_else(|| DataStream::logs(dataset, &options.namespace));
    let named = origin.named_dataset();
    ecs::fill_stream_fields(&mut document, &data_stream, Some(named.as_deref().unwrap_or(dataset)));
    Draft { document, data_stream, source, reading: Reading::Mapped(mapping), has_time }
}

/// How an event was published, by what its shipper wrote beside it. A bare event counts as an agent's (sources §0.1).
fn publication(event: &WindowsEvent, origin: &Origin) -> Publication {
    let text = |name: &str| get_field(&event.document, name).and_then(Value::as_str);
    let index = origin.index.as_deref().unwrap_or_default();
    if index.starts_with("winlogbeat")
        || text("agent.type") == Some("winlogbeat")
        || text("@metadata.beat") == Some("winlogbeat")
    {
        Publication::Winlogbeat
    } else if origin.named_dataset().as_deref() == Some("windows.forwarded") {
        Publication::Forwarded
    } else {
        Publication::Agent
    }
}

fn winlogbeat_index(document: &Map<String, Value>, options: &NormaliseOptions) -> DataStream {
    let version = get_field(document, "agent.version").and_then(Value::as_str);
    DataStream::new(format!("winlogbeat-{}", version.unwrap_or(&options.namespace)))
}

fn winlogbeat_module(mapping: SourceKind) -> Option<&'static str> {
    match mapping {
        SourceKind::Sysmon => Some("sysmon"),
        SourceKind::WindowsSecurity => Some("security"),
        SourceKind::WindowsPowerShell | SourceKind::WindowsPowerShellOperational => Some("powershell"),
        _ => None,
    }
}
