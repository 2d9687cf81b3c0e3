//! The columns of slots from the columns of a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType as Arrow, TimeUnit};
use datafusion::common::{DataFusionError, Result};
use serde_json::{Map, Value as Json};
use watchfire_esql_events::{SlotSource, VERSION, document_text};
use watchfire_esql_plans::{CellsBuilder, ColumnType, list_of};
use watchfire_events::{DataStream, Scalar, get_field};
use watchfire_pipeline::{Cell, DataType, Value, documents};

use crate::cells::Cells;
use crate::shape::{DIVERTED, ID, SOURCE};

/// The rows of a batch of a table as slots are filled from them.
pub(super) struct Slots<'b> {
    batch: &'b RecordBatch,
    /// By row, the values in the side column, if there are any at all.
    diverted: Option<Vec<Map<String, Json>>>,
    /// By row, the document, once it is asked for.
    documents: Option<Vec<Map<String, Json>>>,
}

impl<'b> Slots<'b> {
    pub(super) fn new(batch: &'b RecordBatch) -> Result<Self> {
        let mut slots = Self { batch, diverted: None, documents: None };
        if batch.column_by_name(DIVERTED).is_some_and(|column| column.null_count() < column.len()) {
            slots.diverted = Some(slots.objects(DIVERTED)?);
        }
        Ok(slots)
    }

    /// The objects that are written in a column.
    fn objects(&self, column: &str) -> Result<Vec<Map<String, Json>>> {
        let cells = self.batch.column_by_name(column).and_then(Cells::of);
        let cells = cells.ok_or_else(|| DataFusionError::Internal(format!("no column `{column}`")))?;
        let object = |row| {
            let text = cells.text(row).unwrap_or("{}");
            serde_json::from_str(text).map_err(|error| DataFusionError::External(Box::new(error)))
        };
        (0..self.batch.num_rows()).map(object).collect()
    }

    fn documents(&mut self) -> Result<&[Map<String, Json>]> {
        if self.documents.is_none() {
            self.documents = Some(self.objects(SOURCE)?);
        }
        Ok(self.documents.as_deref().unwrap_or_default())
    }

    /// The column of a slot.
    pub(super) fn column(
        &mut self,
        of: ColumnType,
        source: SlotSource<'_>,
        index: &DataStream,
        misfits: &mut BTreeMap<String, u64>,
    ) -> Result<ArrayRef> {
        let rows = self.batch.num_rows();
        let mut cells = CellsBuilder::new(of, rows);
        match source {
            SlotSource::Field(name, data_type) => return self.field(of, name, data_type, misfits),
            SlotSource::Id => {
                let ids = self.batch.column_by_name(ID);
                return list_of(
                    ids.ok_or_else(|| DataFusionError::Internal("events without an id".to_owned()))?,
                );
            }
            SlotSource::Point(name) => {
                for document in self.documents()? {
                    cells.push(&get_field(document, name).map_or(Cell::Null, documents::points))?;
                }
            }
            SlotSource::Document => {
                for document in self.documents()? {
                    cells.push(&document_text(document).into())?;
                }
            }
            SlotSource::Index => {
                let names: ArrayRef = Arc::new(StringArray::from(vec![index.as_str(); rows]));
                return list_of(&names);
            }
            SlotSource::Version => (0..rows).try_for_each(|_| cells.push(&VERSION.into()))?,
            SlotSource::Nothing => (0..rows).try_for_each(|_| cells.push(&Cell::Null))?,
        }
        cells.finish()
    }

    fn field(
        &self,
        of: ColumnType,
        name: &str,
        data_type: DataType,
        misfits: &mut BTreeMap<String, u64>,
    ) -> Result<ArrayRef> {
        let array = self.batch.column_by_name(name);
        let diverted = self.diverted.as_ref().filter(|rows| rows.iter().any(|row| row.contains_key(name)));
        if diverted.is_none()
            && let Some(array) = array
            && let Some(column) = as_it_lies(array, data_type)
            && of == ColumnType::of(data_type)
        {
            return list_of(&column);
        }
        let column = array.and_then(Cells::of);
        let mut cells = CellsBuilder::new(of, self.batch.num_rows());
        let mut misfit = 0;
        for row in 0..self.batch.num_rows() {
            let mut values: Vec<Value> = Vec::new();
            let mut put = |scalar: Scalar<'_>| match documents::value(scalar, data_type) {
                Some(value) => values.push(value),
                None => misfit += 1,
            };
            if let Some(column) = &column {
                column.each(row, &mut put);
            }
            let diverted = diverted.and_then(|rows| rows[row].get(name)?.as_array());
            diverted.into_iter().flatten().filter_map(Scalar::of).for_each(put);
            cells.push(&documents::in_order_of_index(values, data_type))?;
        }
        if misfit > 0 && !matches!(data_type, DataType::Unsupported | DataType::Null) {
            *misfits.entry(name.to_owned()).or_default() += misfit;
        }
        cells.finish()
    }
}

/// A column of single values of a file as ES|QL has it, where they are the same.
fn as_it_lies(array: &ArrayRef, data_type: DataType) -> Option<ArrayRef> {
    match (data_type, array.data_type()) {
        (DataType::Keyword | DataType::Text, Arrow::Utf8)
        | (DataType::Boolean, Arrow::Boolean)
        | (DataType::Long, Arrow::Int64)
        | (DataType::Double, Arrow::Float64) => Some(Arc::clone(array)),
        (DataType::Date, Arrow::Timestamp(TimeUnit::Microsecond, _)) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>();
            let millis: PrimitiveArray<TimestampMillisecondType> =
                micros.unary(|micros| micros.div_euclid(1_000));
            Some(Arc::new(millis.with_timezone("UTC")))
        }
        _ => None,
    }
}
