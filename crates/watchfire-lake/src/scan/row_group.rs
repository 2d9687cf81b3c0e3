//! The rows of a row group that are asked for.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};
use serde_json::Value;
use watchfire_events::{BatchBuilder, EventBatch, EventId, FieldSelection, FieldTypes, Scalar, ValueRef};
use watchfire_ir::{Condition, Node};

use super::needed::RowTest;
use super::open_file::{OWN_COLUMNS, OpenFile};
use super::{LookUp, Selection, Window, in_window};
use crate::LakeError;
use crate::cells::Cells;
use crate::shape::{DIVERTED, ID, SEQUENCE, SOURCE};
use crate::stored::{Failures, ReadSources, StoredEvents};

/// The rows of a row group that are asked for, as far as they have not been handed out.
pub(super) struct GroupRows {
    group: usize,
    rows: VecDeque<Range<usize>>,
    batch_rows: usize,
}

impl GroupRows {
    /// Reads the columns that decide, and keeps the rows that are asked for and have what is `needed` in this row group.
    /// The number is that of the rows that are asked for.
    pub(super) fn select(
        file: &OpenFile,
        group: usize,
        selection: &Selection,
        needed: &Condition,
        schema: &dyn FieldTypes,
        batch_rows: usize,
    ) -> Result<(Self, u64), LakeError> {
        let mut rows = asked_for(file, group, selection, schema, batch_rows)?;
        let asked = rows.iter().map(|range| range.len() as u64).sum();
        if matches!(needed.node(), Node::Constant(false)) {
            rows.clear();
        }
        for part in parts_by_cost(needed, file, schema) {
            if rows.is_empty() {
                break;
            }
            rows = having(part, file, group, &rows, schema, batch_rows)?;
        }
        Ok((Self { group, rows: rows.into(), batch_rows }, asked))
    }

    /// How many rows are left.
    pub(super) fn len(&self) -> u64 {
        self.rows.iter().map(|range| range.len() as u64).sum()
    }

    /// The ranges of the next batch.
    fn take(&mut self) -> Vec<Range<usize>> {
        let mut room = self.batch_rows;
        let mut taken = Vec::new();
        while room > 0
            && let Some(range) = self.rows.pop_front()
        {
            let here = range.len().min(room);
            room -= here;
            taken.push(range.start..range.start + here);
            if here < range.len() {
                self.rows.push_front(range.start + here..range.end);
            }
        }
        taken
    }

    /// The next rows as they lie in the file, with those of the columns that it has.
    pub(super) fn next_records(
        &mut self,
        file: &OpenFile,
        columns: &[&str],
    ) -> Result<Option<Vec<RecordBatch>>, LakeError> {
        let ranges = self.take();
        if ranges.is_empty() {
            return Ok(None);
        }
        let rows = ranges.iter().map(Range::len).sum();
        let selected = selection_of(&ranges, file.group_rows(self.group));
        let batches = file.read(self.group, columns, Some(selected), rows)?;
        Ok(Some(batches.collect::<Result<_, _>>().map_err(LakeError::data_file(&file.path))?))
    }

    pub(super) fn next_batch(
        &mut self,
        file: &OpenFile,
        fields: Option<&dyn FieldSelection>,
        builder: &mut BatchBuilder<'_>,
        failures: &Arc<Failures>,
    ) -> Result<Option<(EventBatch, Vec<EventId>)>, LakeError> {
        let ranges = self.take();
        if ranges.is_empty() {
            return Ok(None);
        }
        let is_wanted = |name: &str| {
            !OWN_COLUMNS.contains(&name)
                && fields.is_none_or(|fields| {
                    // Values of other fields are only counted, by those that made the columns.
                    fields.reads(&file.stream, name)
                })
        };
        let wanted: Vec<&str> = file.column_names().filter(|name| is_wanted(name)).collect();
        let mut columns = wanted.clone();
        columns.extend([ID, SEQUENCE]);
        if file.diverts_any() {
            columns.push(DIVERTED);
        }
        let rows: usize = ranges.iter().map(Range::len).sum();
        let selected = selection_of(&ranges, file.group_rows(self.group));
        let (mut ids, mut sequences) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for batch in file.read(self.group, &columns, Some(selected), rows)? {
            let batch = batch.map_err(LakeError::data_file(&file.path))?;
            let columns: Vec<(&str, Cells)> =
                wanted.iter().filter_map(|name| Some((*name, cells(&batch, name)?))).collect();
            let (id, sequence, diverted) =
                (cells_of(file, &batch, ID)?, cells_of(file, &batch, SEQUENCE)?, cells(&batch, DIVERTED));
            for row in 0..batch.num_rows() {
                builder.begin(&file.stream);
                put_fields(builder, &columns, diverted.as_ref(), row);
                builder.push_deferred(ids.len() as u32);
                ids.push(EventId::given(id.text(row).unwrap_or_default()));
                sequences
                    .push(sequence.number(row).and_then(|number| u64::try_from(number).ok()).unwrap_or(0));
            }
        }
        let reader = SourceReader { file: file.clone(), group: self.group, ranges };
        let events = StoredEvents::read_later(
            &file.stream,
            ids.clone(),
            &sequences,
            Box::new(reader),
            Arc::clone(failures),
        );
        Ok(Some((builder.finish_with(Box::new(events)), ids)))
    }
}

/// The rows that a selection asks for, whatever they need to have.
fn asked_for(
    file: &OpenFile,
    group: usize,
    selection: &Selection,
    schema: &dyn FieldTypes,
    batch_rows: usize,
) -> Result<Vec<Range<usize>>, LakeError> {
    let mut columns: Vec<&str> = selection.look_ups.iter().map(|look_up| look_up.field.as_str()).collect();
    for window in selection.windows.iter().chain(&selection.within) {
        if !columns.contains(&window.by.column()) {
            columns.push(window.by.column());
        }
    }
    columns.extend(selection.after.map(|_| SEQUENCE));
    if columns.is_empty() || (selection.look_ups.is_empty() && file.is_inside(group, selection)) {
        return Ok(std::iter::once(0..file.group_rows(group)).collect());
    }
    if file.diverts_any() {
        columns.push(DIVERTED);
    }
    let mut rows = Vec::new();
    let mut first = 0;
    for batch in file.read(group, &columns, None, batch_rows)? {
        let batch = batch.map_err(LakeError::data_file(&file.path))?;
        let decides = Deciding::new(&batch, selection, schema);
        for row in (0..batch.num_rows()).filter(|&row| decides.wants(row)) {
            add_row(&mut rows, first + row);
        }
        first += batch.num_rows();
    }
    Ok(rows)
}

/// The parts of an outermost `and`, those of single columns that are no lists first.
fn parts_by_cost<'c>(needed: &'c Condition, file: &OpenFile, schema: &dyn FieldTypes) -> Vec<&'c Condition> {
    let mut parts: Vec<&Condition> = match needed.node() {
        Node::Constant(true) => Vec::new(),
        Node::And(parts) => parts.iter().collect(),
        _ => vec![needed],
    };
    parts.sort_by_key(|part| {
        let fields = RowTest::new(part, schema).fields();
        fields.iter().map(|field| if file.is_list(field) { 4 } else { 1 }).sum::<usize>()
    });
    parts
}

/// Those of some rows for which a condition holds.
fn having(
    condition: &Condition,
    file: &OpenFile,
    group: usize,
    rows: &[Range<usize>],
    schema: &dyn FieldTypes,
    batch_rows: usize,
) -> Result<Vec<Range<usize>>, LakeError> {
    let mut test = RowTest::new(condition, schema);
    let selected = selection_of(rows, file.group_rows(group));
    let mut numbers = rows.iter().cloned().flatten();
    let mut left = Vec::new();
    for batch in file.read(group, &test.fields(), Some(selected), batch_rows)? {
        let batch = batch.map_err(LakeError::data_file(&file.path))?;
        let columns = RowColumns::of(&batch);
        let of_batch: Vec<usize> = numbers.by_ref().take(batch.num_rows()).collect();
        test.each_row(&columns, of_batch.len(), &mut |row| add_row(&mut left, of_batch[row]));
    }
    Ok(left)
}

/// Adds a row behind the others.
fn add_row(rows: &mut Vec<Range<usize>>, row: usize) {
    match rows.last_mut() {
        Some(last) if last.end == row => last.end = row + 1,
        _ => rows.push(row..row + 1),
    }
}

/// Columns of rows, by name.
pub(super) struct RowColumns(Vec<(String, Cells)>);

impl RowColumns {
    fn of(batch: &RecordBatch) -> Self {
        let schema = batch.schema();
        let named = schema.fields().iter().zip(batch.columns());
        Self(named.filter_map(|(field, array)| Some((field.name().clone(), Cells::of(array)?))).collect())
    }

    /// The column of a field.
    pub(super) fn get(&self, field: &str) -> Option<&Cells> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, cells)| cells)
    }
}

fn selection_of(ranges: &[Range<usize>], all: usize) -> RowSelection {
    RowSelection::from_consecutive_ranges(ranges.iter().cloned(), all)
}

fn cells(batch: &RecordBatch, name: &str) -> Option<Cells> {
    Cells::of(batch.column_by_name(name)?)
}

fn cells_of(file: &OpenFile, batch: &RecordBatch, name: &str) -> Result<Cells, LakeError> {
    cells(batch, name).ok_or_else(|| LakeError::DataFile {
        path: file.path.clone(),
        problem: format!("it has no column `{name}`, or not as the lake writes it"),
    })
}

/// Puts the fields of a row into a batch: those of its columns, and those in the side column.
pub(crate) fn put_fields(
    builder: &mut BatchBuilder<'_>,
    columns: &[(&str, Cells)],
    diverted: Option<&Cells>,
    row: usize,
) {
    for (name, cells) in columns {
        cells.each(row, &mut |value| builder.put_named(name, value));
    }
    if let Some(text) = diverted.and_then(|diverted| diverted.text(row)) {
        each_diverted(text, &mut |name, value| builder.put_named(name, value));
    }
}

/// Calls `visit` with each value in the side column of a row.
fn each_diverted(text: &str, visit: &mut dyn FnMut(&str, Scalar<'_>)) {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return };
    for (name, values) in &fields {
        for value in values.as_array().into_iter().flatten() {
            if let Some(value) = Scalar::of(value) {
                visit(name, value);
            }
        }
    }
}

/// The columns that decide whether a row is asked for.
struct Deciding<'s> {
    schema: &'s dyn FieldTypes,
    windows: Vec<(Window, Option<Cells>)>,
    within: Vec<(Window, Option<Cells>)>,
    after: Option<(u64, Option<Cells>)>,
    look_ups: Vec<(&'s LookUp, Option<Cells>)>,
    diverted: Option<Cells>,
}

impl<'s> Deciding<'s> {
    fn new(batch: &RecordBatch, selection: &'s Selection, schema: &'s dyn FieldTypes) -> Self {
        let decide = |windows: &[Window]| {
            windows.iter().map(|window| (*window, cells(batch, window.by.column()))).collect()
        };
        Self {
            schema,
            windows: decide(&selection.windows),
            within: decide(&selection.within),
            after: selection.after.map(|after| (after, cells(batch, SEQUENCE))),
            look_ups: selection
                .look_ups
                .iter()
                .map(|look_up| (look_up, cells(batch, &look_up.field)))
                .collect(),
            diverted: cells(batch, DIVERTED),
        }
    }

    fn wants(&self, row: usize) -> bool {
        let after = self.after.as_ref().is_none_or(|(after, cells)| {
            let number = cells.as_ref().and_then(|cells| cells.number(row));
            number.and_then(|number| u64::try_from(number).ok()).is_some_and(|number| number > *after)
        });
        let is_in = |(window, cells): &(Window, Option<Cells>)| self.is_in(window, cells.as_ref(), row);
        after
            && (self.windows.is_empty() || self.windows.iter().any(is_in))
            && self.within.iter().all(is_in)
            && self.look_ups.iter().all(|(look_up, cells)| self.has_one_of(look_up, cells.as_ref(), row))
    }

    fn is_in(&self, window: &Window, cells: Option<&Cells>, row: usize) -> bool {
        match cells.and_then(|cells| cells.number(row)) {
            Some(micros) => in_window(micros, window),
            None => self.any_diverted(window.by.column(), None, row, &|value| match value {
                ValueRef::Instant(at) => at >= window.from && at <= window.to,
                _ => false,
            }),
        }
    }

    fn has_one_of(&self, look_up: &LookUp, cells: Option<&Cells>, row: usize) -> bool {
        let is_text = cells.is_some_and(Cells::is_text);
        let mut found = false;
        if let Some(cells) = cells.filter(|_| is_text) {
            cells.each(row, &mut |value| {
                found |= matches!(value, Scalar::Text(text) if look_up.values.iter().any(|wanted| wanted == text));
            });
        }
        found
            || self.any_diverted(&look_up.field, cells.filter(|_| !is_text), row, &|value| {
                look_up.values.iter().any(|wanted| **wanted == *value.to_text())
            })
    }

    /// Whether a value of a field, in the side column or in these cells, satisfies something, as a matcher would see it.
    fn any_diverted(
        &self,
        field: &str,
        cells: Option<&Cells>,
        row: usize,
        holds: &dyn Fn(ValueRef<'_>) -> bool,
    ) -> bool {
        let diverted = self.diverted.as_ref().and_then(|cells| cells.text(row));
        if diverted.is_none() && cells.is_none() {
            return false;
        }
        let mut builder = BatchBuilder::new(self.schema);
        if let Some(cells) = cells {
            cells.each(row, &mut |value| builder.put_named(field, value));
        }
        each_diverted(diverted.unwrap_or_default(), &mut |name, value| {
            if name == field {
                builder.put_named(name, value);
            }
        });
        let batch = builder.finish();
        let column = batch.column(field);
        column.is_some_and(|column| (0..column.distinct() as u32).any(|code| holds(column.value(code))))
    }
}

/// Reads the documents of a batch.
#[derive(Debug)]
struct SourceReader {
    file: OpenFile,
    group: usize,
    ranges: Vec<Range<usize>>,
}

impl ReadSources for SourceReader {
    fn read(&self) -> Result<Vec<Arc<str>>, LakeError> {
        let rows = self.ranges.iter().map(Range::len).sum();
        let selected = selection_of(&self.ranges, self.file.group_rows(self.group));
        let reader: ParquetRecordBatchReader = self.file.read(self.group, &[SOURCE], Some(selected), rows)?;
        let mut sources = Vec::with_capacity(rows);
        for batch in reader {
            let batch = batch.map_err(LakeError::data_file(&self.file.path))?;
            let cells = cells_of(&self.file, &batch, SOURCE)?;
            sources.extend((0..batch.num_rows()).map(|row| Arc::from(cells.text(row).unwrap_or("{}"))));
        }
        Ok(sources)
    }
}
