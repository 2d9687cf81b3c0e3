//! Raw records to ECS documents: recognise the source, map its fields, name the data stream.
//!
//! ```text
//!            ┌ a form of Windows events ──► windows::WindowsEvent ──► sysmon · security · powershell · …
//! raw record ┤ a vendor's own ────────────► the table of its source (tables)
//!            │ ECS already ───────────────► passed through
//!            └ any other object ──────────► passed through, counted as unrecognised
//!                                            │
//!                                         Mapped ──► Event { id, data stream, document, place }
//!                                            └─────► a row of columns; its event is made when it is asked for
//! ```
//!
//! What no mapping reads stays in the document, under `winlog.event_data` for Windows events, and can be listed with
//! [`Normalised::unmapped`]. `event.ingested` is never invented here: who receives an event stamps it.
//!
//! A record without any time is kept, without `@timestamp`, and says so ([`Normalised::has_time`]) to be counted.
//! Elasticsearch would refuse it in a data stream; for an investigation its content is worth having.

mod auditd;
mod azure;
pub mod command_line;
mod community_id;
mod content;
mod crowdstrike;
mod deferred;
mod domain;
mod draft;
mod ecs;
mod endgame;
mod finished;
mod gcp;
mod geo;
mod github;
mod google;
mod knowledge;
mod kubernetes;
mod layouts;
mod m365_defender;
mod mapper;
mod office;
mod okta;
mod pages;
mod path;
mod powershell;
mod schema;
mod security;
mod sentinel_one;
mod source;
mod suricata;
mod sysmon;
mod system_log;
mod table;
pub mod tables;
mod url;
mod user_agent;
mod wanted;
mod windows_log;
mod zeek;

use std::sync::Arc;

use serde_json::Value;
use watchfire_events::{DataStream, Event, EventId, FieldNames, Place, TapedEvent, get_field};

pub use deferred::{DeferredRecords, RecordPool};
pub use geo::{GeoDatabases, GeoError};
pub use knowledge::{Gatherer, Gathering, Knowledge, KnowledgeSize};
pub use mapper::{Mapped, Mapper};
pub use pages::page;
pub use schema::{SourceFields, TypedField, catalogue, catalogue_with, fields};
pub use source::{SourceKind, UnknownSource};

pub use tables::TableRef;
pub(crate) use wanted::{Fitting, Wanted, Wants};
pub(crate) use windows_log::source as source_of;

use crate::tape::{Tape, TapeValue};
use crate::windows::WindowsEventError;

/// How records are normalised.
#[derive(Clone, Debug)]
pub struct NormaliseOptions {
    /// The namespace of data streams that the input does not name.
    pub namespace: String,
    /// The source of every record, instead of what is recognised.
    pub source: Option<SourceKind>,
    /// The zone of local times. Without one, a record's own hint counts (NXLog's two stamps), else UTC.
    pub time_zone: Option<jiff::tz::TimeZone>,
    /// The year of times that name none, as old stamps of syslog do. Without one, their events have no time.
    pub year: Option<i16>,
    /// The data stream of records that carry none.
    pub index: Option<DataStream>,
    /// Sources of the user's own, which are tried before those of the program.
    pub tables: Vec<TableRef>,
    /// Databases that tell where addresses are.
    pub geo: Option<Arc<GeoDatabases>>,
    /// What other records of the input tell, for fields that a record lacks.
    pub knowledge: Option<Arc<Knowledge>>,
}

impl Default for NormaliseOptions {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            source: None,
            time_zone: None,
            year: None,
            index: None,
            tables: Vec::new(),
            geo: None,
            knowledge: None,
        }
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

impl RawInput {
    /// A record whose input names neither an index nor an id for it.
    pub fn bare(payload: RawPayload, place: Place, identity: &Arc<str>) -> Self {
        Self { payload, place, identity: Arc::clone(identity), given_index: None, given_id: None }
    }
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
    /// Whether its time names no year, so that the one of the options was taken.
    pub year_is_taken: bool,
    reading: Reading,
}

/// As [`Normalised`], with the document on a tape: for those who keep events and do not look at them.
#[derive(Clone, Debug)]
pub struct NormalisedTape {
    /// The event.
    pub event: TapedEvent,
    /// The source it was mapped as.
    pub source: SourceKind,
    /// Whether it has a time.
    pub has_time: bool,
}

impl From<Normalised> for NormalisedTape {
    fn from(normalised: Normalised) -> Self {
        let Normalised { event, source, has_time, .. } = normalised;
        Self { event: event.into(), source, has_time }
    }
}

/// What was read of a record.
#[derive(Clone, Debug, PartialEq)]
enum Reading {
    /// The mapping of this source ran: with Winlogbeat and forwarded events the inner one.
    Mapped(SourceKind),
    /// A table: these are the raw fields that it does not read.
    Table(Vec<String>),
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
            Reading::Table(names) | Reading::Unrecognised(names) => return names.clone(),
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

/// What a record was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognition {
    /// The source.
    pub source: SourceKind,
    /// The data stream that its event goes to.
    pub data_stream: DataStream,
    /// Why, in words that go on after "because".
    pub reason: String,
}

/// Recognises a record as [`normalise`] does, and says why. `index` is the index of a search hit.
///
/// # Errors
/// As [`normalise`].
pub fn recognise(
    payload: &RawPayload,
    index: Option<&str>,
    options: &NormaliseOptions,
) -> Result<Recognition, NormaliseError> {
    let mut mapper = Mapper::new(options);
    let mut names = FieldNames::default();
    let tape;
    let (reason, (source, data_stream)) = match payload {
        RawPayload::WindowsXml(text) => {
            let reason = mapper.reason_of_xml(text, &mut names)?;
            (reason, mapper.map_xml(text, index, &mut names)?.into_source())
        }
        RawPayload::Json(value) => {
            tape = Tape::of(value);
            let record = tape.first().as_object().ok_or(NormaliseError::NotAnObject)?;
            let reason = mapper.reason(record, index, &mut names)?;
            (reason, mapper.map(tape.first(), index, &mut names)?.into_source())
        }
    };
    Ok(Recognition { source, data_stream, reason })
}

/// Turns raw records into events, one after another.
#[derive(Debug)]
pub struct Normaliser<'o> {
    mapper: Mapper<'o>,
    names: FieldNames,
}

impl<'o> Normaliser<'o> {
    /// Names of fields beyond these are forgotten: fields that an attacker makes up shall not pile up.
    const MOST_NAMES: usize = 1 << 14;

    /// A normaliser with these options.
    pub fn new(options: &'o NormaliseOptions) -> Self {
        Self { mapper: Mapper::new(options), names: FieldNames::default() }
    }

    /// Turns a raw record into an event, as [`normalise`] does.
    ///
    /// # Errors
    /// As [`normalise`].
    pub fn normalise(&mut self, raw: RawInput) -> Result<Normalised, NormaliseError> {
        if self.names.len() > Self::MOST_NAMES {
            self.names = FieldNames::default();
        }
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
        let index = given_index.as_deref();
        let tape;
        let mapped = match &payload {
            RawPayload::WindowsXml(text) => self.mapper.map_xml(text, index, &mut self.names)?,
            RawPayload::Json(value @ Value::Object(_)) => {
                tape = Tape::of(value);
                self.mapper.map(tape.first(), index, &mut self.names)?
            }
            RawPayload::Json(_) => return Err(NormaliseError::NotAnObject),
        };
        Ok(mapped.into_normalised(id, place, &self.names))
    }

    /// Turns a record on a tape into the event that [`Self::normalise`] makes of it.
    ///
    /// # Errors
    /// As [`normalise`].
    pub fn normalise_tape(
        &mut self,
        record: TapeValue<'_>,
        origin: RecordOrigin<'_>,
    ) -> Result<NormalisedTape, NormaliseError> {
        if self.names.len() > Self::MOST_NAMES {
            self.names = FieldNames::default();
        }
        if record.as_object().is_none() {
            return Err(NormaliseError::NotAnObject);
        }
        let RecordOrigin { place, identity, index, id } = origin;
        let id = id.map_or_else(
            || EventId::from_content(identity, place.record, &content::canonical_tape(record)),
            EventId::given,
        );
        let mapped = self.mapper.map(record, index, &mut self.names)?;
        Ok(mapped.into_taped(id, place, &self.names))
    }
}

/// Where a record comes from, and what was given with it.
#[derive(Clone, Debug)]
pub struct RecordOrigin<'r> {
    /// Where it stands.
    pub place: Place,
    /// The name of its input for ids.
    pub identity: &'r str,
    /// The index that it was given with.
    pub index: Option<&'r str>,
    /// The id that it was given with.
    pub id: Option<&'r str>,
}

/// Turns a raw record into an event. Who has many uses a [`Normaliser`].
///
/// The id is the shipper's, else a hash of the input's identity, the record's ordinal in it, and the record's content:
/// the compact JSON of the raw value with its keys sorted, or the text of the XML.
///
/// # Errors
/// If the record is no object, or a Windows event that cannot be read, or not of the source that the options name.
pub fn normalise(raw: RawInput, options: &NormaliseOptions) -> Result<Normalised, NormaliseError> {
    Normaliser::new(options).normalise(raw)
}
