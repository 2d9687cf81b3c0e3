//! A batch of events in columns.
//!
//! Every column is an Arrow list of dictionary values: row → codes → distinct values. A field may hold several values
//! in a row, and a predicate holds if any of them satisfies it; so a predicate is evaluated once per *distinct value*,
//! and rows follow from the codes. Numbers, dates and addresses are dictionary-encoded like texts, which makes this
//! the only shape that a matcher has to know.
//!
//! The documents (`_source`) travel with the batch and are read for hit rows only.

mod column;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use rustc_hash::FxHashMap;
use serde_json::Value;

use self::column::ColumnBuilder;
pub use self::column::{Column, ValueRef};
use crate::{DataStream, Document, Event, FieldType, flatten, get_field};

/// What decides the type of a column: the schema catalogue, or the mapping of an index.
pub trait FieldTypes {
    /// The type of the field with this dotted name; [`FieldType::Dynamic`] where no schema knows it.
    fn field_type(&self, name: &str) -> FieldType;

    /// Texts of more characters than this are not indexed: no leaf sees them (kql-semantics §3.3).
    fn ignore_above(&self, _name: &str) -> Option<usize> {
        None
    }

    /// Fields whose explicit null stands for a value (eql-semantics §6), with that value.
    fn null_values(&self) -> &[(String, Value)] {
        &[]
    }
}

/// How many values of each field did not fit its type and are in no column (the document still has them).
pub type Misfits = BTreeMap<Arc<str>, u64>;

/// A batch of events: their documents, and their fields as columns.
#[derive(Debug)]
pub struct EventBatch {
    events: Vec<Event>,
    streams: Vec<(DataStream, Vec<u32>)>,
    columns: Vec<Column>,
    by_name: FxHashMap<Arc<str>, usize>,
    misfits: Misfits,
}

impl EventBatch {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events, by row.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The data streams present, in order of name, each with its rows in ascending order.
    pub fn streams(&self) -> &[(DataStream, Vec<u32>)] {
        &self.streams
    }

    /// The column of a field; `None` if no event of the batch has a value for it.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.by_name.get(name).map(|&at| &self.columns[at])
    }

    /// All columns, in order of name.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Values that no column holds.
    pub fn misfits(&self) -> &Misfits {
        &self.misfits
    }

    /// The batch as Arrow: `_id`, `_index`, `_source` (JSON text), then the fields by name.
    pub fn to_record_batch(&self) -> Result<RecordBatch, ArrowError> {
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let mut fields = vec![text("_id"), text("_index"), text("_source")];
        let mut arrays: Vec<arrow_array::ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(self.events.iter().map(|event| event.id.as_str()))),
            Arc::new(StringArray::from_iter_values(
                self.events.iter().map(|event| event.data_stream.as_str()),
            )),
            Arc::new(StringArray::from_iter_values(
                self.events.iter().map(|event| serde_json::to_string(&event.document).unwrap_or_default()),
            )),
        ];
        for column in &self.columns {
            let array = column.to_arrow()?;
            fields.push(Field::new(column.name().as_ref(), array.data_type().clone(), true));
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

/// Turns events into an [`EventBatch`].
pub struct BatchBuilder<'a> {
    types: &'a dyn FieldTypes,
    events: Vec<Event>,
    columns: Vec<(Arc<str>, ColumnBuilder)>,
    by_name: FxHashMap<Arc<str>, usize>,
    misfits: Misfits,
}

impl<'a> BatchBuilder<'a> {
    /// A builder whose columns take their types from `types`.
    pub fn new(types: &'a dyn FieldTypes) -> Self {
        Self {
            types,
            events: Vec::new(),
            columns: Vec::new(),
            by_name: FxHashMap::default(),
            misfits: Misfits::new(),
        }
    }

    /// Number of events so far.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is no event yet.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds an event as the next row.
    pub fn push(&mut self, event: Event) {
        let row = self.events.len();
        flatten(&event.document, &mut |name, value| {
            add_value(self.types, &mut self.columns, &mut self.by_name, &mut self.misfits, row, name, value);
        });
        for (name, value) in self.types.null_values() {
            if has_explicit_null(&event.document, name) {
                add_value(
                    self.types,
                    &mut self.columns,
                    &mut self.by_name,
                    &mut self.misfits,
                    row,
                    name,
                    value,
                );
            }
        }
        self.events.push(event);
    }

    /// The batch.
    pub fn finish(self) -> EventBatch {
        let rows = self.events.len();
        let mut columns: Vec<Column> = self
            .columns
            .into_iter()
            .map(|(name, builder)| builder.finish(name, rows))
            .filter(|column| column.distinct() > 0)
            .collect();
        columns.sort_by(|a, b| a.name().cmp(b.name()));
        let by_name =
            columns.iter().enumerate().map(|(at, column)| (Arc::clone(column.name()), at)).collect();
        let mut streams: BTreeMap<DataStream, Vec<u32>> = BTreeMap::new();
        for (row, event) in self.events.iter().enumerate() {
            match streams.get_mut(&event.data_stream) {
                Some(rows) => rows.push(row as u32),
                None => {
                    streams.insert(event.data_stream.clone(), vec![row as u32]);
                }
            }
        }
        EventBatch {
            events: self.events,
            streams: streams.into_iter().collect(),
            columns,
            by_name,
            misfits: self.misfits,
        }
    }
}

fn add_value(
    types: &dyn FieldTypes,
    columns: &mut Vec<(Arc<str>, ColumnBuilder)>,
    by_name: &mut FxHashMap<Arc<str>, usize>,
    misfits: &mut Misfits,
    row: usize,
    name: &str,
    value: &Value,
) {
    let at = if let Some(&at) = by_name.get(name) {
        at
    } else {
        let name: Arc<str> = name.into();
        let builder = ColumnBuilder::new(types.field_type(&name), types.ignore_above(&name));
        columns.push((Arc::clone(&name), builder));
        by_name.insert(name, columns.len() - 1);
        columns.len() - 1
    };
    if !columns[at].1.push(row, value) {
        *misfits.entry(Arc::clone(&columns[at].0)).or_default() += 1;
    }
}

fn has_explicit_null(document: &Document, name: &str) -> bool {
    if get_field(document, name).is_some() {
        return false;
    }
    match name.rsplit_once('.') {
        _ if document.get(name).is_some_and(Value::is_null) => true,
        Some((parent, last)) => {
            matches!(get_field(document, parent), Some(Value::Object(inner)) if inner.get(last).is_some_and(Value::is_null))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventId, Place};
    use serde_json::json;

    struct Types;

    impl FieldTypes for Types {
        fn field_type(&self, name: &str) -> FieldType {
            match name {
                "pid" => FieldType::Long,
                "ip" => FieldType::Ip,
                "at" => FieldType::Date,
                "on" => FieldType::Boolean,
                "name" => FieldType::Keyword,
                _ => FieldType::Dynamic,
            }
        }

        fn ignore_above(&self, name: &str) -> Option<usize> {
            (name == "name").then_some(4)
        }
    }

    fn event(document: Value) -> Event {
        let Value::Object(document) = document else { panic!("not an object") };
        Event {
            id: EventId::given("1"),
            data_stream: DataStream::logs("x", "default"),
            document,
            place: Place { input: "test".into(), record: 1, line: None, offset: None },
        }
    }

    fn values(batch: &EventBatch, name: &str) -> Vec<Vec<String>> {
        let column = batch.column(name).expect("a column");
        (0..batch.len())
            .map(|row| column.codes(row).iter().map(|&code| format!("{:?}", column.value(code))).collect())
            .collect()
    }

    #[test]
    fn types_values_by_schema() {
        let mut builder = BatchBuilder::new(&Types);
        builder
            .push(event(json!({"pid": "7", "ip": ["10.0.0.1", "no"], "name": ["a", "a", 5], "free": 1.5})));
        builder.push(event(json!({"pid": 7.9, "on": "true", "at": 1000, "name": "abcde", "free": "x"})));
        let batch = builder.finish();
        assert_eq!(values(&batch, "pid"), [["Integer(7)"], ["Integer(7)"]]);
        assert_eq!(values(&batch, "ip"), [vec!["Ip(::ffff:10.0.0.1)".to_owned()], vec![]]);
        assert_eq!(
            values(&batch, "name"),
            [vec!["Text(\"a\")".to_owned(), "Text(\"5\")".to_owned()], vec![]]
        );
        assert_eq!(values(&batch, "free"), [["Text(\"1.5\")"], ["Text(\"x\")"]]);
        assert_eq!(batch.misfits().get("ip"), Some(&1));
        assert_eq!(batch.misfits().get("name"), None, "a text that is too long fits, but is not indexed");
        let arrow = batch.to_record_batch().expect("valid arrow");
        assert_eq!((arrow.num_rows(), arrow.num_columns()), (2, 3 + 6));
    }
}
