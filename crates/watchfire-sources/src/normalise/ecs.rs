//! Documents that are ECS already, and JSON of no known source: passed through, with the fields that name their data
//! stream (sources §0.2, §6, §7).

use serde_json::{Value, json};
use watchfire_events::{DataStream, Document, Timestamp, get_field, set_field};

use super::{NormaliseOptions, SourceKind};

/// What a document says about itself, or its index about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The index it was found in.
    pub(crate) index: Option<String>,
    /// Its `data_stream.dataset`, else `event.dataset`.
    pub(crate) dataset: Option<String>,
    /// Its `data_stream.namespace`.
    pub(crate) namespace: Option<String>,
    /// Its `data_stream.type`.
    pub(crate) kind: Option<String>,
}

impl Origin {
    pub(crate) fn of(record: &Document, index: Option<&str>) -> Self {
        let text = |name: &str| {
            get_field(record, name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Self {
            index: index.filter(|index| !index.is_empty()).map(str::to_owned),
            dataset: text("data_stream.dataset").or_else(|| text("event.dataset")),
            namespace: text("data_stream.namespace"),
            kind: text("data_stream.type"),
        }
    }

    /// The dataset that the document or its index names.
    pub(crate) fn named_dataset(&self) -> Option<String> {
        let of_index = || {
            let index = self.index.as_deref()?;
            DataStream::new(stream_of_index(index)).dataset().map(str::to_owned)
        };
        self.dataset.clone().or_else(of_index)
    }

    /// The data stream: the index; else what the document says; else what the user says for input that says nothing;
    /// else `dataset`.
    pub(crate) fn stream(&self, dataset: Option<&str>, options: &NormaliseOptions) -> Option<DataStream> {
        if let Some(index) = &self.index {
            return Some(DataStream::new(index.as_str()));
        }
        let namespace = self.namespace.as_deref().unwrap_or(&options.namespace);
        if let Some(own) = &self.dataset {
            let kind = self.kind.as_deref().unwrap_or("logs");
            return Some(DataStream::new(format!("{kind}-{own}-{namespace}")));
        }
        options.index.clone().or_else(|| dataset.map(|dataset| DataStream::logs(dataset, namespace)))
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
pub(crate) fn recognise(record: &Document, origin: &Origin) -> Option<SourceKind> {
    let text = |name: &str| get_field(record, name).and_then(Value::as_str);
    let module = text("event.module");
    let dataset = origin.named_dataset();
    if dataset.as_deref().is_some_and(|dataset| dataset.starts_with("endpoint."))
        || module == Some("endpoint")
    {
        return Some(SourceKind::ElasticDefend);
    }
    let index = origin.index.as_deref().unwrap_or_default();
    if module == Some("endgame") || index.starts_with("endgame-") {
        return Some(SourceKind::Endgame);
    }
    if index.starts_with("winlogbeat") && record.contains_key("winlog") {
        return Some(SourceKind::Winlogbeat);
    }
    let says = origin.dataset.is_some()
        || origin.index.is_some()
        || text("ecs.version").is_some()
        || get_field(record, "event.category").is_some()
        || get_field(record, "event.kind").is_some();
    says.then_some(SourceKind::Ecs)
}

/// Fills the fields that name the data stream, where they are absent; nothing else is touched.
pub(crate) fn fill_stream_fields(document: &mut Document, stream: &DataStream, dataset: Option<&str>) {
    let name = stream_of_index(stream.as_str()).to_owned();
    let parsed = DataStream::new(name.as_str());
    let dataset = dataset.or_else(|| parsed.dataset());
    let Some(dataset) = dataset else {
        return;
    };
    fill(document, "event.dataset", dataset);
    if let Some(module) = dataset.split('.').next() {
        fill(document, "event.module", if dataset == "esensor" { "endgame" } else { module });
    }
    // `<type>-<dataset>-<namespace>`; a name of another form is an index, which has no such fields.
    let mut parts = name.splitn(3, '-');
    if let (Some(kind), Some(named), Some(namespace)) = (parts.next(), parts.next(), parts.next())
        && named == dataset
    {
        fill(document, "data_stream.type", kind);
        fill(document, "data_stream.dataset", dataset);
        fill(document, "data_stream.namespace", namespace);
    }
}

fn fill(document: &mut Document, name: &str, value: &str) {
    if get_field(document, name).is_none() {
        set_field(document, name, json!(value));
    }
}

/// Names under which records that are not ECS keep their time.
const TIME_NAMES: &[&str] = &[
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

/// Makes sure that a document has `@timestamp`, from other names of the same thing; the result says whether it has.
pub(crate) fn find_time(document: &mut Document) -> bool {
    if get_field(document, "@timestamp").is_some() {
        return true;
    }
    let found = TIME_NAMES.iter().find_map(|name| read_time(get_field(document, name)?));
    if let Some(at) = found {
        set_field(document, "@timestamp", json!(at.to_iso_millis()));
    }
    found.is_some()
}

/// Seconds below this are seconds; above, milliseconds (the year 5138 in seconds is March 1973 in milliseconds).
const MOST_SECONDS: f64 = 1e11;

fn read_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text),
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| *number > 0.0 && *number < 1e14)?;
            Some(Timestamp::from_seconds(if number < MOST_SECONDS { number } else { number / 1000.0 }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backing_indices_name_their_stream() {
        assert_eq!(stream_of_index(".ds-logs-a.b-default-2026.01.05-000001"), "logs-a.b-default");
        assert_eq!(stream_of_index("winlogbeat-8.0"), "winlogbeat-8.0");
        assert_eq!(stream_of_index(".ds-x"), ".ds-x");
    }

    #[test]
    fn times_are_found_under_other_names() {
        let time = |value: Value| {
            let mut document = value.as_object().unwrap().clone();
            find_time(&mut document).then(|| document["@timestamp"].clone())
        };
        assert_eq!(time(json!({"ts": 1_714_557_600.5})), Some(json!("2024-05-01T10:00:00.500Z")));
        assert_eq!(time(json!({"timestamp": "1714557600000"})), None);
        assert_eq!(
            time(json!({"timestamp": 1_714_557_600_000_u64})),
            Some(json!("2024-05-01T10:00:00.000Z"))
        );
        assert_eq!(time(json!({"message": "none"})), None);
    }
}
