//! A batch of events in columns.
//!
//! Every column is an Arrow list of dictionary values: row → codes → distinct values. A field may hold several values
//! in a row, and a predicate holds if any of them satisfies it; so a predicate is evaluated once per *distinct value*,
//! and rows follow from the codes. Numbers, dates and addresses are dictionary-encoded like texts, which makes this
//! the only shape that a matcher has to know.
//!
//! Documents (`_source`) are read for hit rows only; so a row either has its event, or a way to make it anew from the
//! record that it was read of ([`DeferredEvents`]).

mod column;
mod distinct;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use arrow_array::{RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use rustc_hash::FxHashMap;
use serde_json::Value;

pub use self::column::{Column, Scalar, ValueRef};
use self::column::{ColumnBuilder, fits};
use self::distinct::Kind;
use crate::tape::{TapeObject, TapeValue};
use crate::{
    DataStream, Document, Event, FieldName, FieldNames, FieldType, MAX_FLATTENED_DEPTH, Place, flatten,
    get_field,
};

/// What decides the type of a column: the schema catalogue, or the mapping of an index.
pub trait FieldTypes {
    /// The type of the field with this dotted name; [`FieldType::Dynamic`] where no schema knows it.
    fn field_type(&self, name: &str) -> FieldType;

    /// Texts of more characters than this are not indexed: no leaf sees them (kql-semantics §3.3).
    fn ignore_above(&self, _name: &str) -> Option<usize> {
        None
    }

    /// Whether a field below this one may have a type that does not take any scalar.
    fn may_type_below(&self, _name: &str) -> bool {
        true
    }

    /// Fields whose explicit null stands for a value (eql-semantics §6), with that value.
    fn null_values(&self) -> &[(String, Value)] {
        &[]
    }
}

/// Which fields of a batch are looked at. The others are in no column; of their values those are counted that do not
/// fit their type.
pub trait FieldSelection: Debug + Send + Sync {
    /// Whether something looks at this field in this data stream.
    fn reads(&self, stream: &DataStream, name: &str) -> bool;

    /// Whether something may look at a field below this one in this data stream.
    fn may_read_below(&self, _stream: &DataStream, _name: &str) -> bool {
        true
    }
}

/// Makes the events of rows whose columns were filled without one. Rows are known by the numbers that they were pushed
/// under ([`BatchBuilder::push_deferred`]).
pub trait DeferredEvents: Debug + Send + Sync {
    /// The event.
    fn event(&self, number: u32) -> Event;

    /// Where its record stands.
    fn place(&self, number: u32) -> &Place;

    /// Writes what the event can be made of when this batch is gone.
    fn store(&self, number: u32, out: &mut Vec<u8>);

    /// What makes events of that.
    fn restore(&self) -> Arc<dyn RestoreEvent>;
}

/// Makes events of what [`DeferredEvents::store`] wrote.
pub trait RestoreEvent: Debug + Send + Sync {
    /// The event.
    ///
    /// # Errors
    /// If these bytes were not written so, or tell of a record that is not in its file any more.
    fn event(&self, stored: &[u8]) -> Result<Event, RestoreEventError>;
}

/// Why an event could not be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreEventError {
    /// The bytes were not written for that.
    Damaged,
    /// Of the record only its place was kept, and there is not the same any more: its file has changed, or cannot be read.
    Changed(Place),
}

/// The event of a row, if it has been made, or else what can make it.
#[derive(Clone, Copy, Debug)]
pub enum RowEvent<'b> {
    /// An event.
    Kept(&'b Event),
    /// One that is made when it is asked for, by its number.
    Deferred(&'b dyn DeferredEvents, u32),
}

/// How many values of each field did not fit its type and are in no column (the document still has them).
pub type Misfits = BTreeMap<Arc<str>, u64>;

/// Where the event of a row is.
#[derive(Clone, Copy, Debug)]
enum Row {
    Kept(u32),
    Deferred(u32),
}

/// A batch of events: their documents, and their fields as columns.
#[derive(Debug)]
pub struct EventBatch {
    rows: Vec<Row>,
    kept: Vec<Event>,
    deferred: Option<Box<dyn DeferredEvents>>,
    /// By row, the deferred events that have been asked for.
    made: Vec<OnceLock<Box<Event>>>,
    streams: Vec<(DataStream, Vec<u32>)>,
    columns: Vec<Column>,
    by_name: FxHashMap<Arc<str>, usize>,
    misfits: Misfits,
}

impl EventBatch {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The event of a row. One that was deferred is made when it is asked for first.
    pub fn event(&self, row: usize) -> &Event {
        match self.row_event(row) {
            RowEvent::Kept(event) => event,
            RowEvent::Deferred(deferred, number) => {
                self.made[row].get_or_init(|| Box::new(deferred.event(number)))
            }
        }
    }

    /// The event of a row, or what can make it: for those who may not need it after all.
    pub fn row_event(&self, row: usize) -> RowEvent<'_> {
        match (self.rows[row], &self.deferred) {
            (Row::Kept(at), _) => RowEvent::Kept(&self.kept[at as usize]),
            (Row::Deferred(number), Some(deferred)) => RowEvent::Deferred(&**deferred, number),
            (Row::Deferred(_), None) => {
                unreachable!("a builder with deferred rows is finished with their events")
            }
        }
    }

    /// Where the record of a row stands.
    pub fn place(&self, row: usize) -> &Place {
        match self.row_event(row) {
            RowEvent::Kept(event) => &event.place,
            RowEvent::Deferred(deferred, number) => deferred.place(number),
        }
    }

    /// The data stream of a row.
    pub fn stream(&self, row: usize) -> &DataStream {
        let holds = |(_, rows): &&(DataStream, Vec<u32>)| rows.binary_search(&(row as u32)).is_ok();
        let (stream, _) = self.streams.iter().find(holds).expect("each row is in a data stream");
        stream
    }

    /// The events, by row.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        (0..self.len()).map(|row| self.event(row))
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
        let events: Vec<&Event> = self.events().collect();
        let mut arrays: Vec<arrow_array::ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(events.iter().map(|event| event.id.as_str()))),
            Arc::new(StringArray::from_iter_values(events.iter().map(|event| event.data_stream.as_str()))),
            Arc::new(StringArray::from_iter_values(
                events.iter().map(|event| serde_json::to_string(&event.document).unwrap_or_default()),
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

/// Turns events into batches, one after another. What it learned of fields for one batch serves the next.
pub struct BatchBuilder<'a> {
    types: &'a dyn FieldTypes,
    selection: Option<&'a dyn FieldSelection>,
    keeps_repetitions: bool,
    names: FieldNames,
    /// By the number of its name, the column of a field that has been seen.
    columns: Vec<Option<Box<ColumnBuilder>>>,
    /// The fields that have values in the present batch.
    touched: Vec<FieldName>,
    misfits: FxHashMap<FieldName, u64>,
    rows: Vec<Row>,
    kept: Vec<Event>,
    streams: Vec<StreamRows>,
    /// The stream of the row that values are put into; the next one is likely to have the same.
    stream: usize,
}

/// A data stream as a builder knows it.
struct StreamRows {
    stream: DataStream,
    /// Those of the present batch.
    rows: Vec<u32>,
    /// By the number of its name, what is done with a field.
    fields: Vec<Treatment>,
    /// By the number of its name, whether anything is done with the fields below one, if that is known.
    below: Vec<Option<bool>>,
}

/// What is done with the values of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Unknown,
    Kept,
    /// Those that do not fit are counted.
    Counted(Kind),
    LeftOut,
}

impl<'a> BatchBuilder<'a> {
    /// Beyond so many names, a new batch begins with none: fields that an attacker makes up shall not pile up.
    const MOST_NAMES: usize = 1 << 16;
    /// The same for data streams.
    const MOST_STREAMS: usize = 1 << 10;

    /// A builder whose columns take their types from `types`.
    pub fn new(types: &'a dyn FieldTypes) -> Self {
        Self {
            types,
            selection: None,
            keeps_repetitions: false,
            names: FieldNames::default(),
            columns: Vec::new(),
            touched: Vec::new(),
            misfits: FxHashMap::default(),
            rows: Vec::new(),
            kept: Vec::new(),
            streams: Vec::new(),
            stream: 0,
        }
    }

    /// A builder that makes columns of the fields that something looks at.
    pub fn selecting(types: &'a dyn FieldTypes, selection: &'a dyn FieldSelection) -> Self {
        Self { selection: Some(selection), ..Self::new(types) }
    }

    /// A builder whose columns have the values of each row as often as its document has them: for those who store lists.
    /// A matcher does not ask how often.
    pub fn keeping_repetitions(types: &'a dyn FieldTypes) -> Self {
        Self { keeps_repetitions: true, ..Self::new(types) }
    }

    /// Number of events so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no event yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of fields. Numbers hold until the batch is finished.
    pub fn names(&mut self) -> &mut FieldNames {
        &mut self.names
    }

    /// Adds an event as the next row.
    pub fn push(&mut self, event: Event) {
        self.begin(&event.data_stream);
        flatten(&event.document, &mut |name, value| {
            if let Some(value) = Scalar::of(value) {
                self.put_named(name, value);
            }
        });
        for (name, value) in self.types.null_values() {
            if let Some(value) = Scalar::of(value)
                && has_explicit_null(&event.document, name)
            {
                self.put_named(name, value);
            }
        }
        self.close(Row::Kept(self.kept.len() as u32));
        self.kept.push(event);
    }

    /// Begins a row of a data stream. Values are [put](Self::put) into it until it is [closed](Self::push_deferred).
    pub fn begin(&mut self, stream: &DataStream) {
        if self.streams.get(self.stream).is_some_and(|recent| recent.stream == *stream) {
            return;
        }
        let known = self.streams.iter().position(|known| known.stream == *stream);
        self.stream = known.unwrap_or_else(|| {
            self.streams.push(StreamRows {
                stream: stream.clone(),
                rows: Vec::new(),
                fields: Vec::new(),
                below: Vec::new(),
            });
            self.streams.len() - 1
        });
    }

    /// Gives a field a value in the row that was begun.
    #[inline]
    pub fn put(&mut self, name: FieldName, value: Scalar<'_>) {
        match self.treatment(name) {
            Treatment::LeftOut => {}
            Treatment::Counted(kind) => {
                if !fits(kind, value) {
                    *self.misfits.entry(name).or_default() += 1;
                }
            }
            Treatment::Kept | Treatment::Unknown => self.keep(name, value),
        }
    }

    fn keep(&mut self, name: FieldName, value: Scalar<'_>) {
        let row = self.rows.len();
        if self.columns.len() <= name.at() {
            self.columns.resize_with(self.names.len(), || None);
        }
        let column = self.columns[name.at()].get_or_insert_with(|| {
            let text = self.names.text(name);
            let types = (self.types.field_type(text), self.types.ignore_above(text));
            Box::new(ColumnBuilder::new(types.0, types.1, self.keeps_repetitions))
        });
        if !column.is_touched() {
            self.touched.push(name);
        }
        if !column.push(row, value) {
            *self.misfits.entry(name).or_default() += 1;
        }
    }

    #[inline]
    fn treatment(&mut self, name: FieldName) -> Treatment {
        if self.selection.is_none() {
            return Treatment::Kept;
        }
        match self.streams[self.stream].fields.get(name.at()) {
            Some(Treatment::Unknown) | None => self.find_treatment(name),
            Some(known) => *known,
        }
    }

    fn find_treatment(&mut self, name: FieldName) -> Treatment {
        let Some(selection) = self.selection else { return Treatment::Kept };
        let StreamRows { stream, fields, .. } = &mut self.streams[self.stream];
        if fields.len() <= name.at() {
            fields.resize(self.names.len(), Treatment::Unknown);
        }
        let text = self.names.text(name);
        fields[name.at()] = if selection.reads(stream, text) {
            Treatment::Kept
        } else {
            match Kind::of(self.types.field_type(text)) {
                Kind::Text => Treatment::LeftOut,
                kind => Treatment::Counted(kind),
            }
        };
        fields[name.at()]
    }

    /// Whether values of fields below this one, in the row that was begun, do anything when they are put: else an object
    /// of this name need not be gone through.
    #[inline]
    pub fn wants_below(&mut self, name: FieldName) -> bool {
        if self.selection.is_none() {
            return true;
        }
        match self.streams[self.stream].below.get(name.at()) {
            Some(Some(known)) => *known,
            _ => self.find_wants_below(name),
        }
    }

    fn find_wants_below(&mut self, name: FieldName) -> bool {
        let Some(selection) = self.selection else { return true };
        let StreamRows { stream, below, .. } = &mut self.streams[self.stream];
        if below.len() <= name.at() {
            below.resize(self.names.len(), None);
        }
        let text = self.names.text(name);
        // Below a name without letters are the names of the outermost object.
        let wants =
            text.is_empty() || selection.may_read_below(stream, text) || self.types.may_type_below(text);
        below[name.at()] = Some(wants);
        wants
    }

    /// As [`Self::put`], by the text of the name.
    pub fn put_named(&mut self, name: &str, value: Scalar<'_>) {
        let name = self.names.intern(name);
        self.put(name, value);
    }

    /// Puts all values of a document into the row that was begun: those that [`flatten`] finds in its tree.
    pub fn put_document(&mut self, document: TapeObject<'_>) {
        self.put_object(None, document, 0);
    }

    fn put_object(&mut self, holder: Option<FieldName>, object: TapeObject<'_>, depth: usize) {
        if depth > MAX_FLATTENED_DEPTH {
            return;
        }
        for (key, value) in object.iter() {
            let name = self.names.member(holder, key);
            self.put_value(name, value, depth);
        }
    }

    fn put_value(&mut self, name: FieldName, value: TapeValue<'_>, depth: usize) {
        if let Some(scalar) = value.scalar() {
            self.put(name, scalar);
        } else if let Some(object) = value.as_object() {
            if self.wants_below(name) {
                self.put_object(Some(name), object, depth + 1);
            }
        } else if let Some(items) = value.as_array()
            && depth <= MAX_FLATTENED_DEPTH
        {
            for item in items {
                self.put_value(name, item, depth + 1);
            }
        }
    }

    /// Closes the row that was begun. Its event is the one that the [`DeferredEvents`] have under `number`; its document
    /// must flatten to the values that were put.
    pub fn push_deferred(&mut self, number: u32) {
        self.close(Row::Deferred(number));
    }

    fn close(&mut self, row: Row) {
        self.streams[self.stream].rows.push(self.rows.len() as u32);
        self.rows.push(row);
    }

    /// The batch, if no row is deferred; then the builder is ready for the next one.
    pub fn finish(&mut self) -> EventBatch {
        self.finish_batch(None)
    }

    /// The batch, with the events of its deferred rows.
    pub fn finish_with(&mut self, deferred: Box<dyn DeferredEvents>) -> EventBatch {
        self.finish_batch(Some(deferred))
    }

    /// Takes back the memory of a batch of its own that is no longer needed.
    pub fn recycle(&mut self, batch: EventBatch) {
        for column in batch.columns {
            if let Some(name) = self.names.find(column.name())
                && let Some(Some(builder)) = self.columns.get_mut(name.at())
                && builder.is_of(column.field_type())
            {
                builder.recycle(column);
            }
        }
    }

    fn finish_batch(&mut self, deferred: Option<Box<dyn DeferredEvents>>) -> EventBatch {
        let rows = std::mem::take(&mut self.rows);
        let mut columns = Vec::with_capacity(self.touched.len());
        for name in self.touched.drain(..) {
            if let Some(builder) = &mut self.columns[name.at()] {
                let column = builder.finish(Arc::clone(self.names.text(name)), rows.len());
                if column.distinct() > 0 {
                    columns.push(column);
                }
            }
        }
        columns.sort_by(|a, b| a.name().cmp(b.name()));
        let by_name =
            columns.iter().enumerate().map(|(at, column)| (Arc::clone(column.name()), at)).collect();
        let mut streams: Vec<(DataStream, Vec<u32>)> = self
            .streams
            .iter_mut()
            .filter(|known| !known.rows.is_empty())
            .map(|known| (known.stream.clone(), std::mem::take(&mut known.rows)))
            .collect();
        streams.sort();
        let misfits =
            self.misfits.drain().map(|(name, number)| (Arc::clone(self.names.text(name)), number)).collect();
        if self.names.len() > Self::MOST_NAMES {
            self.names = FieldNames::default();
            self.columns.clear();
            self.streams.clear();
        }
        // As with names: streams that an attacker makes up shall not pile up.
        if self.streams.len() > Self::MOST_STREAMS {
            self.streams.clear();
        }
        let made = if deferred.is_some() { vec![OnceLock::new(); rows.len()] } else { Vec::new() };
        EventBatch {
            rows,
            kept: std::mem::take(&mut self.kept),
            deferred,
            made,
            streams,
            columns,
            by_name,
            misfits,
        }
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
    use crate::EventId;
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
