//! What a search needs of whatever keeps events.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use thiserror::Error;
use watchfire_events::{
    BatchBuilder, DataStream, Document, EventBatch, FieldSelection, FieldType, Timestamp, flatten,
};
use watchfire_ir::{Condition, Schema};

/// Why events cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("events cannot be read: {0}")]
pub struct StoreError(
    /// What is in the way.
    pub String,
);

/// Whatever keeps events, or documents that are like them.
pub trait SearchStore: fmt::Debug + Send + Sync {
    /// The data streams that there are, in order of name.
    fn streams(&self) -> Result<Vec<DataStream>, StoreError>;

    /// The fields that documents of a data stream have, in order of name. Types are those of `schema` where it knows the
    /// name.
    fn fields(&self, stream: &DataStream, schema: &dyn Schema) -> Result<Vec<StoredField>, StoreError>;

    /// Hands over all events that are asked for, in batches whose columns have the types of `scan.schema`, until `take`
    /// breaks off. The order is the same whenever the same events are there.
    ///
    /// More events than asked for may come, as far as the data streams are the right ones: windows, look-ups and ids are
    /// there so that what cannot be wanted need not be read.
    fn scan(
        &self,
        scan: &Scan<'_>,
        take: &mut dyn FnMut(&EventBatch) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

/// A field of a data stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredField {
    /// Its dotted name.
    pub name: Arc<str>,
    /// How its values are taken.
    pub field_type: FieldType,
}

/// Fields as they are met, each once.
#[derive(Clone, Debug, Default)]
pub struct StoredFields(BTreeMap<Arc<str>, FieldType>);

impl StoredFields {
    /// Adds those of a document.
    pub fn add_document(&mut self, document: &Document, schema: &dyn Schema) {
        flatten(document, &mut |name, _| {
            if !self.0.contains_key(name) {
                self.0.insert(name.into(), schema.field_type(name));
            }
        });
    }

    /// Adds a field; one that is there stays as it is.
    pub fn add(&mut self, field: StoredField) {
        self.0.entry(field.name).or_insert(field.field_type);
    }

    /// In order of name.
    pub fn into_list(self) -> Vec<StoredField> {
        self.0.into_iter().map(|(name, field_type)| StoredField { name, field_type }).collect()
    }
}

/// Which events are to be read, and what of them.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    /// The data streams, by their whole names.
    pub streams: &'a [DataStream],
    /// When events happened or arrived: within one of these, if there are any.
    pub windows: &'a [TimeWindow],
    /// What has to hold for them to be of any use. A store may give others too.
    pub needed: &'a Condition,
    /// Their ids.
    pub ids: Option<&'a [String]>,
    /// The fields that become columns; without a selection all do.
    pub fields: Option<&'a dyn FieldSelection>,
    /// The types of columns.
    pub schema: &'a dyn Schema,
}

impl<'a> Scan<'a> {
    /// What makes batches with the columns that are asked for.
    pub fn batches(&self) -> BatchBuilder<'a> {
        match self.fields {
            Some(fields) => BatchBuilder::selecting(self.schema, fields),
            None => BatchBuilder::new(self.schema),
        }
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("streams", &self.streams)
            .field("windows", &self.windows)
            .field("needed", &self.needed)
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}

/// Which of the two times of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeOf {
    /// `@timestamp`: when it happened.
    Event,
    /// `event.ingested`: when it arrived.
    Arrival,
}

impl TimeOf {
    /// The name of the field.
    pub fn field(self) -> &'static str {
        match self {
            Self::Event => "@timestamp",
            Self::Arrival => "event.ingested",
        }
    }
}

/// A span of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// Which time has to lie in it.
    pub of: TimeOf,
    /// First instant.
    pub from: Timestamp,
    /// Last instant.
    pub to: Timestamp,
}
