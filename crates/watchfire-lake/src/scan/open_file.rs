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
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::statistics::Statistics;
use watchfire_events::DataStream;

use super::{LookUp, Selection, Window, overlaps};
use crate::LakeError;
use crate::data_file::DIVERTED_KEY;
use crate::shape::{SEQUENCE, Shape, TableColumns, ValueKind};
use crate::table::{Table, TableFile};

/// A file that was opened: it can be read to the end, even if the table gives it up meanwhile.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    pub(super) stream: DataStream,
    pub(super) path: PathBuf,
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
            if !self.may_have(group, look_up)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn may_have(&self, group: usize, look_up: &LookUp) -> Result<bool, LakeError> {
        if self.diverts(&look_up.field) {
            return Ok(true);
        }
        let Some((_, shape)) = self.columns.get(&look_up.field) else { return Ok(false) };
        if *shape != Some(Shape { kind: ValueKind::Text, list: false }) {
            return Ok(true);
        }
        let Some(leaf) = self.leaf(&look_up.field) else { return Ok(true) };
        let filter = self
            .builder()?
            .get_row_group_column_bloom_filter(group, leaf)
            .map_err(LakeError::data_file(&self.path))?;
        Ok(filter.is_none_or(|filter| look_up.values.iter().any(|value| filter.check(value.as_str()))))
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

/// By field, how many rows of a file have its values in the side column.
pub(crate) fn diverted_in(metadata: &ParquetMetaData) -> BTreeMap<String, u64> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let pair = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == DIVERTED_KEY));
    pair.and_then(|pair| serde_json::from_str(pair.value.as_deref()?).ok()).unwrap_or_default()
}
