//! One record after another, mapped: each becomes an event with its document, or a row of columns.
//!
//! Both come from the same [`Mapped`], so that a document says what the columns say. Columns are filled for every record;
//! documents are made of the few that something is found in ([`DeferredRecords`](super::DeferredRecords)).

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::{
    BatchBuilder, DataStream, Event, EventId, FieldNames, FieldSelection, FieldTypes, Place, Scalar,
    TapedEvent, Timestamp, get_field, set_field,
};

use super::draft::Draft;
use super::ecs::{self, Origin, StreamFields, Streams};
use super::finished::Finished;
use super::geo::{self, PlaceFields};
use super::tables::{self, Keys, TableRef};
use super::wanted::{Ask, Wanted};
use super::{
    Knowledge, NormaliseError, NormaliseOptions, Normalised, NormalisedTape, Publication, Reading,
    SourceKind, windows_log,
};
use crate::tape::{Tape, TapeObject, TapeValue};
use crate::windows::{Form, LocalTime, WindowsEvent};

/// Fields that hold a record as a text: of a result of a search in Splunk, of agents and messages of CloudWatch, and of
/// Azure's diagnostic logs of clusters.
const WRAPPING: &[&str] = &["result._raw", "event.original", "message", "properties.log"];

/// The text that a record holds another one in, if nobody has mapped that.
pub(super) fn wrapped_text(wrapper: TapeObject<'_>) -> Option<&str> {
    if is_mapped(wrapper) {
        return None;
    }
    let texts = WRAPPING.iter().filter_map(|name| wrapper.get_field(name)?.as_str());
    texts.into_iter().find(|text| text.trim_start().starts_with('{'))
}

/// The time of an event.
const TIMESTAMP: &str = "@timestamp";

/// Maps records. What it learns of one serves the next.
#[derive(Debug)]
pub struct Mapper<'o> {
    options: &'o NormaliseOptions,
    local: LocalTime,
    streams: Streams,
    wanted: Wanted<'o>,
}

/// A mapped record.
#[derive(Debug)]
pub struct Mapped<'a> {
    content: Content<'a>,
    data_stream: DataStream,
    source: SourceKind,
    /// What names the data stream; the record's own fields of these names stay.
    stream_fields: StreamFields,
    /// The mapping that ran; none if the record is passed through.
    mapping: Option<SourceKind>,
    has_time: bool,
    /// Whether its time names no year, so that the one of the options was taken.
    year_is_taken: bool,
    /// Where its addresses are.
    places: PlaceFields,
}

/// The way that a record goes.
enum Route {
    Windows(Form),
    Table(TableRef),
    Whole(SourceKind),
}

#[derive(Debug)]
enum Content<'a> {
    Windows(Finished<'a>),
    /// What a table made of a record.
    Table {
        event: Finished<'a>,
        table: TableRef,
        record: TapeObject<'a>,
    },
    /// The record as it is, with a time if it has one under another name.
    Whole {
        record: TapeObject<'a>,
        time: Option<String>,
    },
}

impl<'o> Mapper<'o> {
    /// A mapper with these options.
    pub fn new(options: &'o NormaliseOptions) -> Self {
        Self::asked(options, None)
    }

    /// A mapper that makes only the fields that something looks at, and those whose values may not fit their types. What
    /// it maps is for batches of the same types and the same selection.
    pub fn selecting(
        options: &'o NormaliseOptions,
        types: &'o dyn FieldTypes,
        selection: &'o dyn FieldSelection,
    ) -> Self {
        Self::asked(options, Some(Ask { types, selection }))
    }

    fn asked(options: &'o NormaliseOptions, ask: Option<Ask<'o>>) -> Self {
        let local = LocalTime { zone: options.time_zone.clone() };
        let mapping = options
            .source
            .filter(|source| !matches!(source, SourceKind::Winlogbeat | SourceKind::WindowsForwarded));
        let wanted = Wanted::new(ask, options.geo.is_some(), mapping);
        Self { options, local, streams: Streams::default(), wanted }
    }

    /// Maps a record that is a JSON object. `index` is the index of a search hit; `names` are those of the batch that
    /// it goes to.
    ///
    /// # Errors
    /// If the record is no object, or a Windows event that cannot be read, or not of the source that the options name.
    pub fn map<'a>(
        &mut self,
        record: TapeValue<'a>,
        index: Option<&'a str>,
        names: &mut FieldNames,
    ) -> Result<Mapped<'a>, NormaliseError> {
        let record = record.as_object().ok_or(NormaliseError::NotAnObject)?;
        self.wanted.begin(names);
        let is_flat =
            self.options.source.is_none_or(SourceKind::is_windows) && self.wanted.finds_layout(record);
        let (origin, route) = if is_flat {
            (
                Origin { index: index.filter(|index| !index.is_empty()), ..Origin::default() },
                Route::Windows(Form::Flat),
            )
        } else {
            let origin = Origin::of(record, index);
            (origin, self.route(record, &origin)?)
        };
        let mapped = self.learning(names, |mapper, names| {
            Ok(match route {
                Route::Windows(form) => {
                    let event =
                        WindowsEvent::from_json(form, record, &mapper.local, names, &mut mapper.wanted)?;
                    mapper.windows(event, origin, names)
                }
                Route::Table(table) => mapper.table(table, record, origin, names),
                Route::Whole(source) => match mapper.wrapped(record, source, origin, names) {
                    Some(mapped) => mapped,
                    None => mapper.whole(record, source, origin),
                },
            })
        })?;
        Ok(self.with_places(mapped, names))
    }

    /// Maps a record, once more where the first time taught something.
    fn learning<'a>(
        &mut self,
        names: &mut FieldNames,
        mut map: impl FnMut(&mut Self, &mut FieldNames) -> Result<Mapped<'a>, NormaliseError>,
    ) -> Result<Mapped<'a>, NormaliseError> {
        loop {
            let mapped = map(self, names);
            if mapped.is_err() || self.wanted.is_done() {
                return mapped;
            }
        }
    }

    /// Adds where the addresses of a record are.
    fn with_places<'a>(&self, mut mapped: Mapped<'a>, names: &FieldNames) -> Mapped<'a> {
        let Some(geo) = &self.options.geo else { return mapped };
        for holder in geo::HOLDERS {
            let text = mapped.text_below(holder, "ip", names);
            let Some(address) = text.and_then(|text| text.parse().ok()) else { continue };
            let says = |fields: &[&str]| fields.iter().any(|field| mapped.has_below(holder, field, names));
            let (says_place, says_network) = (says(&geo::PLACE_FIELDS), says(&geo::NETWORK_FIELDS));
            let found = geo.look_up(holder, address);
            let found = found.iter().filter(|(name, _)| {
                let is_place = name[holder.len()..].starts_with(".geo.");
                if is_place { !says_place } else { !says_network }
            });
            mapped.places.extend(found.cloned());
        }
        mapped
    }

    /// Which way a record goes.
    fn route(&self, record: TapeObject<'_>, origin: &Origin<'_>) -> Result<Route, NormaliseError> {
        let form = Form::recognise(record).filter(|form| *form != Form::Beats || !is_mapped(record));
        let source = self.options.source;
        Ok(match (source, form) {
            (Some(source), None) if source.is_windows() && !is_mapped(record) => {
                return Err(NormaliseError::NotOfSource { source_kind: source });
            }
            (_, Some(form)) if source.is_none_or(SourceKind::is_windows) => Route::Windows(form),
            (Some(SourceKind::Table(table)), _) => Route::Table(table),
            (Some(source), _) => Route::Whole(source),
            (None, _) => {
                // What names its dataset, version of ECS or index has been mapped by whoever did so.
                let is_ecs = origin.index.is_some()
                    || origin.dataset.is_some()
                    || record.get_field("ecs.version").is_some();
                match if is_ecs { None } else { self.recognise(record) } {
                    Some(table) => Route::Table(table),
                    None => Route::Whole(ecs::recognise(record, origin).unwrap_or(SourceKind::Unrecognised)),
                }
            }
        })
    }

    /// Why a record is taken for what it is, in words.
    ///
    /// # Errors
    /// As [`Mapper::map`].
    pub(super) fn reason(
        &mut self,
        record: TapeObject<'_>,
        index: Option<&str>,
        names: &mut FieldNames,
    ) -> Result<String, NormaliseError> {
        let origin = Origin::of(record, index);
        let route = self.route(record, &origin)?;
        if let Some(source) = self.options.source {
            return Ok(format!("`{source}` was asked for"));
        }
        Ok(match route {
            Route::Windows(form) => {
                let everything = &mut Wanted::everything();
                let event = WindowsEvent::from_json(form, record, &self.local, names, everything)?;
                windows_reason(form.description(), &event)
            }
            Route::Table(table) => table.passed_test(record).unwrap_or_default(),
            Route::Whole(source) if self.wrapped(record, source, origin, names).is_some() => {
                "it holds a record as a text, and that is of this source".to_owned()
            }
            Route::Whole(SourceKind::Unrecognised) => "it passes no test of any source".to_owned(),
            Route::Whole(_) => match (index, origin.dataset) {
                (Some(index), _) => format!("it was found in the index `{index}`"),
                (None, Some(dataset)) => format!("it names its dataset, `{dataset}`"),
                (None, None) => {
                    "it has fields of ECS: `ecs.version`, `event.category` or `event.kind`".to_owned()
                }
            },
        })
    }

    /// As [`Mapper::reason`], of an `Event` element.
    pub(super) fn reason_of_xml(&self, text: &str, names: &mut FieldNames) -> Result<String, NormaliseError> {
        let event = WindowsEvent::from_xml(text, &self.local, names)?;
        Ok(match self.options.source {
            Some(source) => format!("`{source}` was asked for"),
            None => windows_reason("XML", &event),
        })
    }

    /// Maps one `Event` element.
    pub(super) fn map_xml<'a>(
        &mut self,
        text: &'a str,
        index: Option<&'a str>,
        names: &mut FieldNames,
    ) -> Result<Mapped<'a>, NormaliseError> {
        self.wanted.begin(names);
        let mapped = self.learning(names, |mapper, names| {
            let event = WindowsEvent::from_xml(text, &mapper.local, names)?;
            Ok(mapper.windows(event, Origin { index, ..Origin::default() }, names))
        })?;
        Ok(self.with_places(mapped, names))
    }

    /// The table whose record this is: the user's own go first.
    fn recognise(&self, record: TapeObject<'_>) -> Option<TableRef> {
        let keys = Keys::of(record);
        let tables = self.options.tables.iter().chain(tables::builtin());
        tables.copied().find(|table| table.recognises(record, &keys))
    }

    /// A record that is a text inside of another one: a result of a search in Splunk, or what an agent ships before
    /// a pipeline has taken it apart.
    fn wrapped<'a>(
        &mut self,
        wrapper: TapeObject<'a>,
        source: SourceKind,
        origin: Origin<'a>,
        names: &mut FieldNames,
    ) -> Option<Mapped<'a>> {
        if !matches!(source, SourceKind::Ecs | SourceKind::Unrecognised) || self.options.source.is_some() {
            return None;
        }
        let text = wrapped_text(wrapper)?;
        let tape = Tape::of(&serde_json::from_str(text).ok()?);
        let record = tape.first().as_object()?;
        let of_dataset = || {
            let SourceKind::Table(table) = SourceKind::find(origin.dataset?, &self.options.tables).ok()?
            else {
                return None;
            };
            Some(table)
        };
        let table = self.recognise(record).or_else(of_dataset)?;
        let mapped = self.table(table, record, origin, names);
        let Content::Table { event, .. } = mapped.content else { return None };
        let mut event = event.into_owned();
        // An agent's own host is that of the collector; that of a search is where the record was written.
        for (name, target) in [("result.host", "host.name"), ("result.source", "log.file.path")] {
            if event.text(target, names).is_none()
                && let Some(text) = wrapper.get_field(name).and_then(TapeValue::as_str)
            {
                event.set(target, Cow::Borrowed(text), names);
            }
        }
        Some(Mapped {
            content: Content::Table { event, table, record: wrapper },
            data_stream: mapped.data_stream,
            source: mapped.source,
            stream_fields: mapped.stream_fields,
            mapping: mapped.mapping,
            has_time: mapped.has_time,
            year_is_taken: mapped.year_is_taken,
            places: PlaceFields::new(),
        })
    }

    fn table<'a>(
        &mut self,
        table: TableRef,
        record: TapeObject<'a>,
        origin: Origin<'a>,
        names: &mut FieldNames,
    ) -> Mapped<'a> {
        let options = self.options;
        let source = SourceKind::Table(table);
        let mut draft = Draft::bare(names, self.wanted.of(source));
        draft.zone.clone_from(&options.time_zone);
        draft.year = options.year;
        let dataset = table.map(record, &mut draft);
        if !draft.has("event.module") {
            draft.set("event.module", table.module());
        }
        if let Some(knowledge) = &options.knowledge
            && dataset == Knowledge::DATASET
        {
            knowledge.fill_in(&mut draft);
        }
        let has_time = draft.has(TIMESTAMP);
        let year_is_taken = draft.year_is_taken;
        let event = draft.finish();
        let data_stream = match (origin.index, table.index(&options.namespace)) {
            (None, Some(index)) => self.streams.index(&index),
            _ => origin
                .stream(Some(&dataset), options, &mut self.streams)
                .unwrap_or_else(|| self.streams.stream("logs", &dataset, &options.namespace)),
        };
        let stream_fields = self.streams.fields(&data_stream, Some(&dataset));
        self.wanted.settle(source, &data_stream, |dropped| event.needs_tree(dropped, names));
        let content = Content::Table { event, table, record };
        Mapped {
            content,
            data_stream,
            stream_fields,
            source,
            mapping: None,
            has_time,
            year_is_taken,
            places: PlaceFields::new(),
        }
    }

    fn whole<'a>(&mut self, record: TapeObject<'a>, source: SourceKind, origin: Origin<'a>) -> Mapped<'a> {
        let has_own_time = record.get_field(TIMESTAMP).is_some();
        let time = if has_own_time { None } else { ecs::find_time(record).map(Timestamp::to_iso_millis) };
        let options = self.options;
        let data_stream = origin.stream(None, options, &mut self.streams).unwrap_or_else(|| match source {
            SourceKind::Winlogbeat => {
                let version = record.get_field("agent.version").and_then(TapeValue::as_str);
                winlogbeat_index(version, options, &mut self.streams)
            }
            SourceKind::Endgame => self.streams.index(&format!("endgame-{}", options.namespace)),
            _ => self.streams.stream("logs", "generic", &options.namespace),
        });
        let stream_fields = match source {
            SourceKind::Winlogbeat => StreamFields::default(),
            SourceKind::Endgame => self.streams.fields(&data_stream, Some("esensor")),
            _ => self.streams.fields(&data_stream, origin.named_dataset()),
        };
        let has_time = has_own_time || time.is_some();
        let content = Content::Whole { record, time };
        Mapped {
            content,
            data_stream,
            stream_fields,
            source,
            mapping: None,
            has_time,
            year_is_taken: false,
            places: PlaceFields::new(),
        }
    }

    fn windows<'a>(
        &mut self,
        event: WindowsEvent<'a>,
        origin: Origin<'a>,
        names: &mut FieldNames,
    ) -> Mapped<'a> {
        let options = self.options;
        let inner = windows_log::recognise(&event);
        let publication = match options.source {
            Some(SourceKind::Winlogbeat) => Publication::Winlogbeat,
            Some(SourceKind::WindowsForwarded) => Publication::Forwarded,
            Some(_) => Publication::Agent,
            None => publication(&event, &origin, names),
        };
        let mapping = self.wanted.mapping(inner);
        let source = match publication {
            Publication::Agent => mapping,
            Publication::Forwarded => SourceKind::WindowsForwarded,
            Publication::Winlogbeat => SourceKind::Winlogbeat,
        };
        let windows_log::MappedEvent { mut event, has_time } =
            windows_log::map(event, mapping, publication, names, self.wanted.of(mapping));
        let (data_stream, stream_fields);
        if publication == Publication::Winlogbeat {
            let of_options = || options.index.clone();
            data_stream =
                origin.index.map(|index| self.streams.index(index)).or_else(of_options).unwrap_or_else(
                    || winlogbeat_index(event.text("agent.version", names), options, &mut self.streams),
                );
            stream_fields = StreamFields::default();
            if let Some(module) = winlogbeat_module(mapping) {
                event.set("event.module", module, names);
            }
        } else {
            let dataset = source.dataset().unwrap_or("generic");
            data_stream = origin
                .stream(Some(dataset), options, &mut self.streams)
                .unwrap_or_else(|| self.streams.stream("logs", dataset, &options.namespace));
            let named = origin.named_dataset().unwrap_or(dataset);
            stream_fields = self.streams.fields(&data_stream, Some(named));
        }
        self.wanted.settle(mapping, &data_stream, |dropped| event.needs_tree(dropped, names));
        let content = Content::Windows(event);
        Mapped {
            content,
            data_stream,
            stream_fields,
            source,
            mapping: Some(mapping),
            has_time,
            year_is_taken: false,
            places: PlaceFields::new(),
        }
    }
}

impl Mapped<'_> {
    /// Whether it has a time.
    pub fn has_time(&self) -> bool {
        self.has_time
    }

    /// The text of a field below another one.
    fn text_below(&self, holder: &str, name: &str, names: &FieldNames) -> Option<&str> {
        let name = format!("{holder}.{name}");
        match &self.content {
            Content::Windows(event) | Content::Table { event, .. } => event.text(&name, names),
            Content::Whole { record, .. } => record.get_field(&name)?.as_str(),
        }
    }

    fn has_below(&self, holder: &str, name: &str, names: &FieldNames) -> bool {
        let name = format!("{holder}.{name}");
        match &self.content {
            Content::Windows(event) | Content::Table { event, .. } => event.has(&name, names),
            Content::Whole { record, .. } => record.get_field(&name).is_some(),
        }
    }

    /// Its source and data stream.
    pub(super) fn into_source(self) -> (SourceKind, DataStream) {
        (self.source, self.data_stream)
    }

    /// Whether its time names no year, so that the one of the options was taken.
    pub fn year_is_taken(&self) -> bool {
        self.year_is_taken
    }

    /// Whether the record was of no known source.
    pub fn is_unrecognised(&self) -> bool {
        self.source == SourceKind::Unrecognised
    }

    /// Its `@timestamp`, if that is a text.
    pub fn timestamp(&self, names: &FieldNames) -> Option<&str> {
        match &self.content {
            Content::Windows(event) | Content::Table { event, .. } => event.text(TIMESTAMP, names),
            Content::Whole { record, time } => match record.get_field(TIMESTAMP) {
                Some(value) => value.as_str(),
                None => time.as_deref(),
            },
        }
    }

    /// Puts its fields into the next row of a batch, which gets its event by `number`
    /// ([`BatchBuilder::push_deferred`]).
    pub fn push_to(&self, builder: &mut BatchBuilder<'_>, number: u32) {
        builder.begin(&self.data_stream);
        match &self.content {
            Content::Windows(event) | Content::Table { event, .. } => {
                event.put(builder, &self.stream_fields);
            }
            Content::Whole { record, time } => {
                builder.put_document(*record);
                if let Some(time) = time {
                    builder.put_named(TIMESTAMP, Scalar::Text(time));
                }
                for (name, value) in self.stream_fields.iter() {
                    if record.get_field(name).is_none() {
                        let name = builder.names().fixed(name);
                        builder.put(name, Scalar::Text(value));
                    }
                }
            }
        }
        for (name, value) in &self.places {
            if let Some(value) = value.scalar() {
                let name = builder.names().fixed(name);
                builder.put(name, value);
            }
        }
        builder.push_deferred(number);
    }

    /// The event with its document on a tape.
    pub(super) fn into_taped(self, id: EventId, place: Place, names: &FieldNames) -> NormalisedTape {
        let Content::Whole { record, time } = &self.content else {
            return self.into_normalised(id, place, names).into();
        };
        let mut document = Tape::of_object(*record);
        if let Some(time) = time {
            document.set_field(TIMESTAMP, Scalar::Text(time));
        }
        for (name, value) in self.stream_fields.iter() {
            if document.get_field(name).is_none() {
                document.set_field(name, Scalar::Text(value));
            }
        }
        for (name, value) in self.places {
            document.set_value(name, &value.into_value());
        }
        NormalisedTape {
            event: TapedEvent { id, data_stream: self.data_stream, document, place },
            source: self.source,
            has_time: self.has_time,
        }
    }

    /// The event with its document.
    pub(super) fn into_normalised(self, id: EventId, place: Place, names: &FieldNames) -> Normalised {
        let Self { content, data_stream, stream_fields, source, mapping, has_time, year_is_taken, places } =
            self;
        let reading = match (mapping, &content) {
            (Some(mapping), _) => Reading::Mapped(mapping),
            (None, Content::Table { table, record, .. }) => Reading::Table(table.unread(*record)),
            (None, Content::Whole { record, .. }) if source == SourceKind::Unrecognised => {
                let fields = record.iter().map(|(name, _)| name).filter(|name| *name != "@timestamp");
                Reading::Unrecognised(fields.map(str::to_owned).collect())
            }
            (None, _) => Reading::PassedThrough,
        };
        let mut document = match content {
            Content::Windows(event) | Content::Table { event, .. } => {
                event.into_document(&stream_fields, names)
            }
            Content::Whole { record, time } => {
                let mut document = record.to_map();
                if let Some(time) = time {
                    set_field(&mut document, TIMESTAMP, Value::String(time));
                }
                for (name, value) in stream_fields.iter() {
                    if get_field(&document, name).is_none() {
                        set_field(&mut document, name, Value::String(value.clone()));
                    }
                }
                document
            }
        };
        for (name, value) in places {
            set_field(&mut document, name, value.into_value());
        }
        Normalised {
            event: Event { id, data_stream, document, place },
            source,
            has_time,
            year_is_taken,
            reading,
        }
    }
}

/// Whether a document of Beats has been through an ingest pipeline: one without a category has not (sources §0.2).
fn is_mapped(record: TapeObject<'_>) -> bool {
    record.get_field("event.category").is_some()
}

fn windows_reason(form: &str, event: &WindowsEvent<'_>) -> String {
    format!(
        "it is a Windows event as {form}, of channel `{}` and provider `{}`",
        event.channel, event.provider
    )
}

/// How an event was published, by what its shipper wrote beside it. A bare event counts as an agent's (sources §0.1).
fn publication(event: &WindowsEvent<'_>, origin: &Origin<'_>, names: &FieldNames) -> Publication {
    let text = |name: &str| event.document.get(names.find(name)?)?.as_str();
    if origin.index.is_some_and(|index| index.starts_with("winlogbeat"))
        || text("agent.type") == Some("winlogbeat")
        || text("@metadata.beat") == Some("winlogbeat")
    {
        Publication::Winlogbeat
    } else if origin.named_dataset() == Some("windows.forwarded") {
        Publication::Forwarded
    } else {
        Publication::Agent
    }
}

fn winlogbeat_index(version: Option<&str>, options: &NormaliseOptions, streams: &mut Streams) -> DataStream {
    streams.index(&format!("winlogbeat-{}", version.unwrap_or(&options.namespace)))
}

fn winlogbeat_module(mapping: SourceKind) -> Option<&'static str> {
    match mapping {
        SourceKind::Sysmon => Some("sysmon"),
        SourceKind::WindowsSecurity => Some("security"),
        SourceKind::WindowsPowerShell | SourceKind::WindowsPowerShellOperational => Some("powershell"),
        _ => None,
    }
}
