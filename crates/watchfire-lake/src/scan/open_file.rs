//! A file of a table that is being read.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;
use watchfire_events::DataStream;

use super::{LookUp, Selection, Window, in_window, overlaps};
use crate::LakeError;
use crate::data_file::DIVERTED_KEY;
use crate::shape::{DIVERTED, ID, INDEX, SEQUENCE, SOURCE, Shape, TableColumns, ValueKind};
use crate::table::{Table, TableFile};

/// The lake's own columns, which are no fields of events.
pub(super) const OWN_COLUMNS: [&str; 5] = [ID, INDEX, SEQUENCE, SOURCE, DIVERTED];

/// A file that was opened: it can be read to the end, even if the table gives it up meanwhile.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    pub(super) stream: DataStream,
    pub(super) path: PathBuf,
    /// The day of arrival of its events.
    pub(super) day: String,
    file: Arc<File>,
    metadata: ArrowReaderMetadata,
    /// By field, how many rows have its values in the side column.
    diverted: BTreeMap<String, u64>,
    /// The columns that it has, by name, with their place.
    columns: BTreeMap<String, (usize, Option<Shape>)>,
    next_group: usize,
}

impl OpenFile {
    pub(super) fn open(table: &Table, listed: &TableFile) -> Result<Self, LakeError> {
        let path = table.folder().join(&listed.path);
        let file = File::open(&path).map_err(LakeError::io("cannot open", &path))?;
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(LakeError::data_file(&path))?;
        let diverted = diverted_in(metadata.metadata());
        let shapes: TableColumns = table.columns();
        let names = metadata.schema().fields().iter().enumerate();
        let columns =
            names.map(|(at, field)| (field.name().clone(), (at, shapes.get(field.name())))).collect();
        Ok(Self {
            stream: table.stream().clone(),
            path,
            day: listed.day.clone(),
            file: Arc::new(file),
            metadata,
            diverted,
            columns,
            next_group: 0,
        })
    }

    pub(super) fn next_group(&mut self) -> Option<usize> {
        let group = self.next_group;
        (group < self.metadata.metadata().num_row_groups()).then(|| {
            self.next_group += 1;
            group
        })
    }

    pub(super) fn group_rows(&self, group: usize) -> usize {
        self.metadata.metadata().row_group(group).num_rows() as usize
    }

    /// The names of its columns.
    pub(super) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// Whether rows of the file have values of this field in the side column.
    pub(super) fn diverts(&self, field: &str) -> bool {
        self.diverted.contains_key(field)
    }

    /// Whether any do, of any field.
    pub(super) fn diverts_any(&self) -> bool {
        !self.diverted.is_empty()
    }

    /// Whether a row group may have a row that is asked for.
    pub(super) fn may_hold(&self, group: usize, selection: &Selection) -> Result<bool, LakeError> {
        let is_outside = |window: &Window| {
            !self.diverts(window.by.column())
                && self.bounds(group, window.by.column()).is_some_and(|bounds| !overlaps(bounds, window))
        };
        if !selection.windows.is_empty() && selection.windows.iter().all(is_outside) {
            return Ok(false);
        }
        if selection.within.iter().any(is_outside) {
            return Ok(false);
        }
        if let Some(after) = selection.after
            && self.bounds(group, SEQUENCE).is_some_and(|(_, greatest)| greatest <= after as i64)
        {
            return Ok(false);
        }
        for look_up in &selection.look_ups {
            if !self.may_have_one(group, look_up)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a row group may have rows that have one of the values of a look-up.
    fn may_have_one(&self, group: usize, look_up: &LookUp) -> Result<bool, LakeError> {
        if self.diverts(&look_up.field) || (self.has_column(&look_up.field) && !self.is_text(&look_up.field))
        {
            return Ok(true);
        }
        Ok(self.has_column(&look_up.field) && self.may_have(group, &look_up.field, &look_up.values)?)
    }

    /// Whether a column of texts may have one of these in a row group, by its Bloom filter.
    pub(super) fn may_have(&self, group: usize, column: &str, texts: &[String]) -> Result<bool, LakeError> {
        let Some(leaf) = self.leaf(column) else { return Ok(true) };
        let filter = self
            .builder()?
            .get_row_group_column_bloom_filter(group, leaf)
            .map_err(LakeError::data_file(&self.path))?;
        Ok(filter.is_none_or(|filter| texts.iter().any(|text| filter.check(text.as_str()))))
    }

    /// Whether the file has a column.
    pub(super) fn has_column(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// Whether the values of a column are texts.
    pub(super) fn is_text(&self, column: &str) -> bool {
        self.shape(column).is_some_and(|shape| shape.kind == ValueKind::Text)
    }

    /// Whether a column is one of lists.
    pub(super) fn is_list(&self, column: &str) -> bool {
        self.shape(column).is_some_and(|shape| shape.list)
    }

    fn shape(&self, column: &str) -> Option<Shape> {
        self.columns.get(column).and_then(|(_, shape)| *shape)
    }

    /// Whether it is certain that all rows of a row group lie in what a selection asks for, look-ups aside.
    pub(super) fn is_inside(&self, group: usize, selection: &Selection) -> bool {
        let is_inside = |window: &Window| {
            let column = window.by.column();
            !self.diverts(column)
                && self.nulls(group, column) == Some(0)
                && self
                    .bounds(group, column)
                    .is_some_and(|(least, greatest)| in_window(least, window) && in_window(greatest, window))
        };
        let after = selection
            .after
            .is_none_or(|after| self.bounds(group, SEQUENCE).is_some_and(|(least, _)| least > after as i64));
        after
            && (selection.windows.is_empty() || selection.windows.iter().any(is_inside))
            && selection.within.iter().all(is_inside)
    }

    /// How many rows of a row group have no value in a column that is no list, if it is known.
    fn nulls(&self, group: usize, column: &str) -> Option<u64> {
        let leaf = self.leaf(column)?;
        self.metadata.metadata().row_group(group).column(leaf).statistics()?.null_count_opt()
    }

    /// The fields that rows of a row group have, or of the whole file those whose values lie in the side column.
    pub(super) fn fields_of(&self, group: usize) -> impl Iterator<Item = &str> {
        let rows = Some(self.group_rows(group) as u64);
        let in_columns = move |name: &&str| self.leaf(name).is_none() || self.nulls(group, name) != rows;
        let of_columns = self.column_names().filter(|name| !OWN_COLUMNS.contains(name)).filter(in_columns);
        of_columns.chain(self.diverted.keys().map(String::as_str))
    }

    /// Calls `visit` with the texts in the dictionary of a column of texts in a row group. Answers whether all values of the
    /// column are among them.
    pub(super) fn each_in_dictionary(
        &self,
        group: usize,
        column: &str,
        visit: &mut dyn FnMut(&str),
    ) -> Result<bool, LakeError> {
        let Some(leaf) = self.any_leaf(column) else { return Ok(false) };
        let chunk = self.metadata.metadata().row_group(group).column(leaf);
        let is_whole = chunk.dictionary_page_offset().is_some()
            && chunk.page_encoding_stats_mask().is_some_and(|mask| {
                mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
            });
        if !is_whole {
            return Ok(false);
        }
        let failed = LakeError::data_file(&self.path);
        let pages = SerializedPageReader::new(Arc::clone(&self.file), chunk, self.group_rows(group), None);
        let page = pages.and_then(|mut pages| pages.get_next_page()).map_err(failed)?;
        Ok(match page {
            Some(Page::DictionaryPage { buf, num_values, .. }) => each_plain_text(&buf, num_values, visit),
            _ => false,
        })
    }

    /// The place of a column among the leaves of the file; of a list, that of its values.
    fn any_leaf(&self, column: &str) -> Option<usize> {
        let (root, _) = self.columns.get(column)?;
        let schema = self.metadata.parquet_schema();
        let mut leaves = (0..schema.num_columns()).filter(|&leaf| schema.get_column_root_idx(leaf) == *root);
        leaves.next().filter(|_| leaves.next().is_none())
    }

    /// The place of a column that is no list among the leaves of the file.
    fn leaf(&self, column: &str) -> Option<usize> {
        let schema = self.metadata.parquet_schema();
        let is_it = |at: &usize| matches!(schema.column(*at).path().parts(), [name] if name == column);
        (0..schema.num_columns()).find(is_it)
    }

    fn bounds(&self, group: usize, column: &str) -> Option<(i64, i64)> {
        let leaf = self.leaf(column)?;
        match self.metadata.metadata().row_group(group).column(leaf).statistics()? {
            Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
            _ => None,
        }
    }

    fn builder(&self) -> Result<ParquetRecordBatchReaderBuilder<File>, LakeError> {
        let file = self.file.try_clone().map_err(LakeError::io("cannot open", &self.path))?;
        Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone()))
    }

    /// Reads columns of a row group, of all rows or of those selected.
    pub(super) fn read(
        &self,
        group: usize,
        columns: &[&str],
        rows: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader, LakeError> {
        let places = columns.iter().filter_map(|name| self.columns.get(*name).map(|(at, _)| *at));
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), places);
        let mut builder =
            self.builder()?.with_row_groups(vec![group]).with_projection(mask).with_batch_size(batch_rows);
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        builder.build().map_err(LakeError::data_file(&self.path))
    }
}

/// Calls `visit` with texts that stand one behind another, each after its length in four bytes. Answers whether there were as
/// many as were said to be.
fn each_plain_text(mut bytes: &[u8], number: u32, visit: &mut dyn FnMut(&str)) -> bool {
    for _ in 0..number {
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return false };
        let Some((text, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else {
            return false;
        };
        let Ok(text) = std::str::from_utf8(text) else { return false };
        visit(text);
        bytes = rest;
    }
    true
}

/// By field, how many rows of a file have its values in the side column.
pub(crate) fn diverted_in(metadata: &ParquetMetaData) -> BTreeMap<String, u64> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let pair = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == DIVERTED_KEY));
    pair.and_then(|pair| serde_json::from_str(pair.value.as_deref()?).ok()).unwrap_or_default()
}
