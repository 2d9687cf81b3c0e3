//! Rows of a query as events for the matcher.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use datafusion::arrow::compute::cast;
use datafusion::common::{DataFusionError, Result};
use watchfire_engine::ReadFields;
use watchfire_events::{BatchBuilder, DataStream, EventBatch, EventId, FieldSelection, IndexPatterns};
use watchfire_ir::{Condition, Leaf};

use crate::cells::Cells;
use crate::scan::put_fields;
use crate::shape::{DIVERTED, ID, INDEX, SEQUENCE, SOURCE};
use crate::stored::{Failures, ReadSources, StoredEvents};
use crate::{LakeError, LakeSchema};

/// Which columns some conditions need.
#[derive(Clone, Debug)]
pub(super) struct NeededColumns {
    stream: DataStream,
    fields: ReadFields,
    /// Lists of objects are read from the document.
    documents: bool,
}

impl NeededColumns {
    /// Those of conditions that are asked of events of a stream.
    pub(super) fn new<'c>(
        stream: &DataStream,
        fields: ReadFields,
        conditions: impl IntoIterator<Item = &'c Condition>,
    ) -> Self {
        let mut documents = false;
        for condition in conditions {
            condition.for_each_leaf(&mut |leaf, _| documents |= matches!(leaf, Leaf::Nested(_)));
        }
        Self { stream: stream.clone(), fields, documents }
    }

    /// Those of one condition, whatever stream an event is of.
    pub(super) fn of_condition(condition: &Condition) -> Self {
        let mut fields = ReadFields::default();
        fields.add(&IndexPatterns::default(), condition);
        Self::new(&DataStream::new(""), fields, [condition])
    }

    /// Whether a column of this name is needed.
    pub(super) fn includes(&self, name: &str) -> bool {
        match name {
            DIVERTED => true,
            SOURCE => self.documents,
            ID | INDEX | SEQUENCE => false,
            field => self.fields.reads(&self.stream, field),
        }
    }
}

/// Makes batches of events of some columns.
#[derive(Clone, Debug)]
pub(super) struct RowEvents {
    pub(super) stream: DataStream,
    pub(super) schema: Arc<dyn LakeSchema>,
}

impl RowEvents {
    /// The events of rows that have these columns. Of the columns of the lake's own, that of diverted values and that of
    /// documents count.
    pub(super) fn batch<'n>(
        &self,
        columns: impl IntoIterator<Item = (&'n str, &'n ArrayRef)>,
        rows: usize,
        failures: &Arc<Failures>,
    ) -> Result<EventBatch> {
        let (mut fields, mut diverted, mut sources) = (Vec::new(), None, None);
        for (name, array) in columns {
            let cells = Cells::of(&as_written(array)?).ok_or_else(|| {
                DataFusionError::Plan(format!(
                    "column `{name}` is of a type that the lake does not write: {}",
                    array.data_type()
                ))
            })?;
            match name {
                DIVERTED => diverted = Some(cells),
                SOURCE => sources = Some(cells),
                ID | INDEX | SEQUENCE => {}
                field => fields.push((field, cells)),
            }
        }
        let schema = &*self.schema;
        let mut builder = BatchBuilder::new(schema);
        for row in 0..rows {
            builder.begin(&self.stream);
            put_fields(&mut builder, &fields, diverted.as_ref(), row);
            builder.push_deferred(row as u32);
        }
        let ids = vec![EventId::given(""); rows];
        let sequences = vec![0; rows];
        let reader = Box::new(Documents { sources, rows });
        let events = StoredEvents::read_later(&self.stream, ids, &sequences, reader, Arc::clone(failures));
        Ok(builder.finish_with(Box::new(events)))
    }
}

/// The documents of rows, where their column is at hand.
#[derive(Debug)]
struct Documents {
    sources: Option<Cells>,
    rows: usize,
}

impl ReadSources for Documents {
    fn read(&self) -> Result<Vec<Arc<str>>, LakeError> {
        let text = |row| self.sources.as_ref().and_then(|cells| cells.text(row)).unwrap_or("{}");
        Ok((0..self.rows).map(|row| Arc::from(text(row))).collect())
    }
}

/// A column in the type in which the lake wrote it: DataFusion likes to read texts as views or dictionaries.
fn as_written(array: &ArrayRef) -> Result<ArrayRef> {
    let written = written_type(array.data_type());
    if written == *array.data_type() { Ok(Arc::clone(array)) } else { Ok(cast(array, &written)?) }
}

fn written_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Dictionary(_, value) => written_type(value),
        DataType::List(field) | DataType::LargeList(field) => {
            DataType::List(Arc::new(Field::new(field.name(), written_type(field.data_type()), true)))
        }
        other => other.clone(),
    }
}
