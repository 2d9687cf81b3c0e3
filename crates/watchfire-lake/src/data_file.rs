//! The Parquet files of a table: how they are written, and what is told of them to the table's log.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use watchfire_events::Timestamp;

use crate::LakeError;
use crate::cells::{floor_micros, iso_micros};
use crate::layout::{create_folder, sync_folder};
use crate::shape::{ARRIVAL_DATE, DIVERTED, LOOK_UP_FIELDS, SEQUENCE, SOURCE, STATISTICS, TIMESTAMP};

/// Rows of a row group: what is read or passed over as one.
pub(crate) const ROW_GROUP_ROWS: usize = 131_072;

/// Bytes of a page, and of a column's dictionary, before they are packed. Whoever reads many files at once, as a compaction does,
/// holds a page of each of their columns.
const PAGE_BYTES: usize = 256 << 10;

/// Key in the footer of a file, of a JSON object from field to the number of rows that have it in the side column.
pub(crate) const DIVERTED_KEY: &str = "watchfire.diverted";

/// How many different values a Bloom filter is made for; with more of them it passes more than one in a hundred.
const BLOOM_VALUES: u64 = ROW_GROUP_ROWS as u64;

/// A file that was written, and is not in any table yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DataFile {
    /// Relative to the table's folder, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// The day of arrival, as the table's log writes it.
    pub(crate) day: String,
    pub(crate) bounds: Bounds,
    /// By field, the rows whose values are in the side column.
    pub(crate) diverted: BTreeMap<String, u64>,
}

/// Least and greatest values of the columns that have statistics, and how many rows have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    columns: BTreeMap<&'static str, ColumnBounds>,
    diverted_nulls: u64,
}

/// Least and greatest value of a column, and how many rows have none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ColumnBounds {
    bounds: Option<(i64, i64)>,
    nulls: u64,
}

impl Bounds {
    fn add(&mut self, batch: &RecordBatch) {
        for name in STATISTICS {
            let Some(column) = batch.column_by_name(name) else { continue };
            let values: Box<dyn Iterator<Item = i64>> =
                if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
                    Box::new(times.iter().flatten())
                } else {
                    Box::new(column.as_primitive::<Int64Type>().iter().flatten())
                };
            let ColumnBounds { bounds, nulls } = self.columns.entry(name).or_default();
            *nulls += column.null_count() as u64;
            for value in values {
                *bounds =
                    Some(bounds.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
            }
        }
        if let Some(column) = batch.column_by_name(DIVERTED) {
            self.diverted_nulls += column.null_count() as u64;
        }
    }

    /// The statistics in the form that the log of a table has them.
    pub(crate) fn to_json(&self, rows: u64) -> String {
        let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
        for (name, ColumnBounds { bounds, nulls: missing }) in &self.columns {
            nulls.insert((*name).to_owned(), json!(missing));
            if let Some((least, greatest)) = bounds {
                let value = |number: i64| match *name {
                    SEQUENCE => json!(number),
                    _ => json!(iso_micros(number)),
                };
                low.insert((*name).to_owned(), value(*least));
                high.insert((*name).to_owned(), value(*greatest));
            }
        }
        nulls.insert(DIVERTED.to_owned(), json!(self.diverted_nulls));
        json!({"numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls}).to_string()
    }
}

/// A day since 1970, as the log of a table writes it.
pub(crate) fn iso_day(day: i32) -> String {
    jiff::Timestamp::from_second(i64::from(day) * 86_400)
        .map_or_else(|_| day.to_string(), |at| jiff::tz::TimeZone::UTC.to_datetime(at).date().to_string())
}

/// Writes a file batch by batch. Rows come sorted by time, then sequence number.
pub(crate) struct DataFileWriter {
    folder: PathBuf,
    path: PathBuf,
    relative: String,
    day: String,
    writer: ArrowWriter<File>,
    rows: u64,
    bounds: Bounds,
    diverted: BTreeMap<String, u64>,
}

impl DataFileWriter {
    /// Begins a file in the partition of a day; its name begins with `stem`.
    pub(crate) fn begin(
        table: &Path,
        day: &str,
        stem: &str,
        schema: &SchemaRef,
        rows: usize,
    ) -> Result<Self, LakeError> {
        let partition = format!("{ARRIVAL_DATE}={day}");
        let folder = table.join(&partition);
        create_folder(&folder)?;
        let (name, path, file) = create_new(&folder, stem)?;
        // Readers of other languages know no types of Arrow.
        let options = ArrowWriterOptions::new()
            .with_properties(properties(schema, rows))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)
            .map_err(LakeError::data_file(&path))?;
        Ok(Self {
            folder,
            relative: format!("{partition}/{name}"),
            path,
            day: day.to_owned(),
            writer,
            rows: 0,
            bounds: Bounds::default(),
            diverted: BTreeMap::new(),
        })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.writer.write(batch).map_err(LakeError::data_file(&self.path))?;
        self.rows += batch.num_rows() as u64;
        self.bounds.add(batch);
        if let Some(column) = batch.column_by_name(DIVERTED) {
            for text in column.as_string::<i32>().iter().flatten() {
                for name in diverted_fields(text) {
                    *self.diverted.entry(name).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Ends the file, and makes it and its name durable.
    pub(crate) fn finish(mut self) -> Result<DataFile, LakeError> {
        if !self.diverted.is_empty() {
            let value = serde_json::to_string(&self.diverted).unwrap_or_default();
            self.writer.append_key_value_metadata(KeyValue::new(DIVERTED_KEY.to_owned(), value));
        }
        let file = self.writer.into_inner().map_err(LakeError::data_file(&self.path))?;
        file.sync_all().map_err(LakeError::io("cannot flush", &self.path))?;
        let bytes = file.metadata().map_err(LakeError::io("cannot read", &self.path))?.len();
        sync_folder(&self.folder)?;
        Ok(DataFile {
            path: self.relative,
            bytes,
            rows: self.rows,
            day: self.day,
            bounds: self.bounds,
            diverted: self.diverted,
        })
    }

    /// Takes away what was written so far.
    pub(crate) fn abandon(self) {
        let path = self.path.clone();
        drop(self.writer);
        // What cannot be deleted is a file that no table knows; vacuum takes it.
        let _ = fs::remove_file(path);
    }
}

/// The fields that a value of the side column has.
pub(crate) fn diverted_fields(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

/// A file of a name that no file has: what a crash left behind is never written over.
fn create_new(folder: &Path, stem: &str) -> Result<(String, PathBuf, File), LakeError> {
    for attempt in 0_u32.. {
        let name = format!("part-{stem}-{attempt}.parquet");
        let path = folder.join(&name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((name, path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(LakeError::io("cannot make", &path)(error)),
        }
    }
    unreachable!("a folder has fewer files than that")
}

fn properties(schema: &SchemaRef, rows: usize) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("watchfire ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("zstd has a level 1")))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(PAGE_BYTES)
        .set_statistics_truncate_length(Some(64))
        .set_column_dictionary_enabled(ColumnPath::from(vec![SOURCE.to_owned()]), false)
        .set_column_statistics_enabled(ColumnPath::from(vec![SOURCE.to_owned()]), EnabledStatistics::None);
    for name in LOOK_UP_FIELDS {
        let column = ColumnPath::from(vec![name.to_owned()]);
        builder = builder
            .set_column_bloom_filter_enabled(column.clone(), true)
            .set_column_bloom_filter_fpp(column.clone(), 0.01)
            .set_column_bloom_filter_max_ndv(column, BLOOM_VALUES.min(rows.max(64) as u64));
    }
    let leaf = |name: &str| {
        // The leaves of a file are counted with those of its lists, of which each has one.
        schema.fields().iter().position(|field| field.name() == name).map(|at| SortingColumn {
            column_idx: at as i32,
            descending: false,
            nulls_first: true,
        })
    };
    let sorting = [TIMESTAMP, SEQUENCE].into_iter().filter_map(leaf).collect();
    builder.set_sorting_columns(Some(sorting)).build()
}

/// The statistics that the log of a table has of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FileStatistics {
    pub(crate) rows: Option<u64>,
    /// By column, its least and greatest value: microseconds since 1970, or a number.
    bounds: BTreeMap<String, (i64, i64)>,
    nulls: BTreeMap<String, u64>,
}

impl FileStatistics {
    /// Reads them; what is not there or cannot be read is unknown.
    pub(crate) fn parse(text: &str) -> Self {
        let Ok(statistics) = serde_json::from_str::<Value>(text) else { return Self::default() };
        let number = |value: &Value| match value {
            Value::String(text) => Timestamp::parse(text).map(floor_micros),
            other => other.as_i64(),
        };
        let of = |part: &str, name: &str| number(statistics.get(part)?.get(name)?);
        let bounds = STATISTICS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), (of("minValues", name)?, of("maxValues", name)?))));
        let nulls = STATISTICS
            .iter()
            .chain(&[DIVERTED])
            .filter_map(|name| Some(((*name).to_owned(), u64::try_from(of("nullCount", name)?).ok()?)));
        Self {
            rows: statistics.get("numRecords").and_then(Value::as_u64),
            bounds: bounds.collect(),
            nulls: nulls.collect(),
        }
    }

    /// Least and greatest value of a column; `None` if that is unknown.
    pub(crate) fn bounds(&self, column: &str) -> Option<(i64, i64)> {
        self.bounds.get(column).copied()
    }

    /// Whether no row is known to be without a value in a column.
    pub(crate) fn nulls(&self, column: &str) -> Option<u64> {
        self.nulls.get(column).copied()
    }

    /// Rows that have something in the side column; `None` if that is unknown.
    pub(crate) fn diverted(&self) -> Option<u64> {
        Some(self.rows?.saturating_sub(self.nulls(DIVERTED)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::INGESTED;

    #[test]
    fn statistics_are_read_as_they_were_written() {
        let mut bounds = Bounds { diverted_nulls: 3, ..Bounds::default() };
        let of = |bounds, nulls| ColumnBounds { bounds: Some(bounds), nulls };
        bounds.columns.insert(TIMESTAMP, of((-1, 1_772_438_400_000_001), 1));
        bounds.columns.insert(SEQUENCE, of((7, 9), 0));
        let read = FileStatistics::parse(&bounds.to_json(4));
        assert_eq!((read.rows, read.diverted()), (Some(4), Some(1)));
        assert_eq!(read.bounds(TIMESTAMP), Some((-1, 1_772_438_400_000_001)));
        assert_eq!((read.bounds(SEQUENCE), read.bounds(INGESTED)), (Some((7, 9)), None));
        assert_eq!(read.nulls(TIMESTAMP), Some(1));
        assert_eq!(FileStatistics::parse("no"), FileStatistics::default());
    }

    #[test]
    fn times_are_written_as_logs_have_them() {
        assert_eq!(iso_micros(1_772_438_400_000_001), "2026-03-02T08:00:00.000001Z");
        assert_eq!(iso_micros(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!((iso_day(0), iso_day(20_514)), ("1970-01-01".to_owned(), "2026-03-02".to_owned()));
    }
}
