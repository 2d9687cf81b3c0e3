//! Documents that are ECS already, and JSON of no known source: passed through, with the fields that name their data
//! stream (sources §0.2, §6, §7).

use std::sync::Arc;

use watchfire_events::{DataStream, Scalar, Timestamp};

use super::{NormaliseOptions, SourceKind};
use crate::tape::{TapeObject, TapeValue};

/// What a document says about itself, or its index about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// The index it was found in.
    pub(crate) index: Option<&'a str>,
    /// Its `data_stream.dataset`, else `event.dataset`.
    pub(crate) dataset: Option<&'a str>,
    /// Its `data_stream.namespace`.
    pub(crate) namespace: Option<&'a str>,
    /// Its `data_stream.type`.
    pub(crate) kind: Option<&'a str>,
}

impl<'a> Origin<'a> {
    pub(crate) fn of(record: TapeObject<'a>, index: Option<&'a str>) -> Self {
        let index = index.filter(|index| !index.is_empty());
        // Most raw records say nothing, which one pass over their names shows.
        if !record.iter().any(|(name, _)| name.starts_with("data_stream") || name.starts_with("event")) {
            return Self { index, ..Self::default() };
        }
        let text =
            |name: &str| record.get_field(name).and_then(TapeValue::as_str).filter(|text| !text.is_empty());
        Self {
            index,
            dataset: text("data_stream.dataset").or_else(|| text("event.dataset")),
            namespace: text("data_stream.namespace"),
            kind: text("data_stream.type"),
        }
    }

    /// The dataset that the document or its index names.
    pub(crate) fn named_dataset(&self) -> Option<&'a str> {
        self.dataset.or_else(|| DataStream::dataset_of(stream_of_index(self.index?)))
    }

    /// The data stream: the index; else what the document says; else what the user says for input that says nothing;
    /// else `dataset`.
    pub(crate) fn stream(
        &self,
        dataset: Option<&str>,
        options: &NormaliseOptions,
        streams: &mut Streams,
    ) -> Option<DataStream> {
        if let Some(index) = self.index {
            return Some(streams.index(index));
        }
        let namespace = self.namespace.unwrap_or(&options.namespace);
        if let Some(own) = self.dataset {
            return Some(streams.stream(self.kind.unwrap_or("logs"), own, namespace));
        }
        options.index.clone().or_else(|| dataset.map(|dataset| streams.stream("logs", dataset, namespace)))
    }
}

/// Data streams by their parts, so that a name is put together once.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    known: Vec<([String; 3], DataStream)>,
    /// By stream and dataset.
    fields: Vec<(DataStream, Option<String>, StreamFields)>,
}

/// The fields that name a data stream.
pub(crate) type StreamFields = Arc<[(&'static str, String)]>;

impl Streams {
    /// Streams that are kept; more than these are hostile, or so many that they do not matter.
    const MOST: usize = 64;

    /// `<kind>-<dataset>-<namespace>`.
    pub(crate) fn stream(&mut self, kind: &str, dataset: &str, namespace: &str) -> DataStream {
        self.find([kind, dataset, namespace], || format!("{kind}-{dataset}-{namespace}"))
    }

    /// A name as it is.
    pub(crate) fn index(&mut self, name: &str) -> DataStream {
        self.find(["", name, ""], || name.to_owned())
    }

    /// The fields that name a stream whose events are of a dataset; a document that has one of them keeps its own.
    pub(crate) fn fields(&mut self, stream: &DataStream, dataset: Option<&str>) -> StreamFields {
        let is_same = |known: &(DataStream, Option<String>, StreamFields)| {
            known.0 == *stream && known.1.as_deref() == dataset
        };
        if let Some((_, _, fields)) = self.fields.iter().find(|known| is_same(known)) {
            return Arc::clone(fields);
        }
        if self.fields.len() >= Self::MOST {
            self.fields.clear();
        }
        let fields: StreamFields = stream_fields(stream, dataset).into();
        self.fields.push((stream.clone(), dataset.map(str::to_owned), Arc::clone(&fields)));
        fields
    }

    fn find(&mut self, parts: [&str; 3], name: impl FnOnce() -> String) -> DataStream {
        if let Some((_, stream)) = self.known.iter().find(|(known, _)| *known == parts) {
            return stream.clone();
        }
        if self.known.len() >= Self::MOST {
            self.known.clear();
        }
        let stream = DataStream::new(name());
        self.known.push((parts.map(str::to_owned), stream.clone()));
        stream
    }
}

/// The stream that a backing index (`.ds-<stream>-<date>-<generation>`) belongs to; any other name is itself.
fn stream_of_index(index: &str) -> &str {
    let stream = index.strip_prefix(".ds-").and_then(|rest| {
        let (rest, _generation) = rest.rsplit_once('-')?;
        rest.rsplit_once('-').map(|(stream, _date)| stream)
    });
    stream.unwrap_or(index)
}

/// Which source a document that is ECS already comes from; nothing if it does not look like ECS.
pub(crate) fn recognise(record: TapeObject<'_>, origin: &Origin<'_>) -> Option<SourceKind> {
    let text = |name: &str| record.get_field(name).and_then(TapeValue::as_str);
    let module = text("event.module");
    if origin.named_dataset().is_some_and(|dataset| dataset.starts_with("endpoint."))
        || module == Some("endpoint")
    {
        return Some(SourceKind::ElasticDefend);
    }
    let index = origin.index.unwrap_or_default();
    if module == Some("endgame") || index.starts_with("endgame-") {
        return Some(SourceKind::Endgame);
    }
    if index.starts_with("winlogbeat") && record.contains_key("winlog") {
        return Some(SourceKind::Winlogbeat);
    }
    let says = origin.dataset.is_some()
        || origin.index.is_some()
        || text("ecs.version").is_some()
        || record.get_field("event.category").is_some()
        || record.get_field("event.kind").is_some();
    says.then_some(SourceKind::Ecs)
}

fn stream_fields(stream: &DataStream, dataset: Option<&str>) -> Vec<(&'static str, String)> {
    let name = stream_of_index(stream.as_str());
    let Some(dataset) = dataset.or_else(|| DataStream::dataset_of(name)) else {
        return Vec::new();
    };
    let mut fields = vec![("event.dataset", dataset.to_owned())];
    if let Some(module) = dataset.split('.').next() {
        let module = if dataset == "esensor" { "endgame" } else { module };
        fields.push(("event.module", module.to_owned()));
    }
    // `<type>-<dataset>-<namespace>`; a name of another form is an index, which has no such fields.
    let mut parts = name.splitn(3, '-');
    if let (Some(kind), Some(named), Some(namespace)) = (parts.next(), parts.next(), parts.next())
        && named == dataset
    {
        fields.push(("data_stream.type", kind.to_owned()));
        fields.push(("data_stream.dataset", dataset.to_owned()));
        fields.push(("data_stream.namespace", namespace.to_owned()));
    }
    fields
}

/// Names under which records that are not ECS keep their time.
pub(crate) const TIME_NAMES: &[&str] = &[
    "timestamp",
    "Timestamp",
    "event.created",
    "time",
    "ts",
    "eventTime",
    "TimeGenerated",
    "TimeCreated",
    "EventTime",
];

/// The time of a record that has no `@timestamp`, from other names of the same thing.
pub(crate) fn find_time(record: TapeObject<'_>) -> Option<Timestamp> {
    TIME_NAMES.iter().find_map(|name| read_time(record.get_field(name)?.scalar()?))
}

/// Seconds below this are seconds; above, milliseconds (the year 5138 in seconds is March 1973 in milliseconds).
const MOST_SECONDS: f64 = 1e11;

/// A time as such a name has it.
pub(crate) fn read_time(value: Scalar<'_>) -> Option<Timestamp> {
    let number = match value {
        Scalar::Text(text) => return Timestamp::parse(text),
        other => other.as_f64()?,
    };
    (number > 0.0 && number < 1e14)
        .then(|| Timestamp::from_seconds(if number < MOST_SECONDS { number } else { number / 1000.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Tape;
    use serde_json::{Value, json};

    #[test]
    fn backing_indices_name_their_stream() {
        assert_eq!(stream_of_index(".ds-logs-a.b-default-2026.01.05-000001"), "logs-a.b-default");
        assert_eq!(stream_of_index("winlogbeat-8.0"), "winlogbeat-8.0");
        assert_eq!(stream_of_index(".ds-x"), ".ds-x");
    }

    #[test]
    fn times_are_found_under_other_names() {
        let time = |value: Value| {
            find_time(Tape::of(&value).first().as_object().unwrap()).map(Timestamp::to_iso_millis)
        };
        assert_eq!(time(json!({"ts": 1_714_557_600.5})).unwrap(), "2024-05-01T10:00:00.500Z");
        assert_eq!(time(json!({"timestamp": "1714557600000"})), None);
        assert_eq!(time(json!({"timestamp": 1_714_557_600_000_u64})).unwrap(), "2024-05-01T10:00:00.000Z");
        assert_eq!(time(json!({"message": "none"})), None);
    }
}
