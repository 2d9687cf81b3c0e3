//! Many small files into few large ones, which are sorted like them.
//!
//! The sorted files are merged as they are read, so memory is bounded by their number, not by their size. (The
//! library's own `optimize` puts files behind one another, and the order is lost with it.)

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::arrow::compute::interleave_record_batch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::LakeError;
use crate::data_file::{DataFile, DataFileWriter};
use crate::shape::{SEQUENCE, Shape, TIMESTAMP, TableColumns};
use crate::table::TableFile;

/// Rows that are read of each file at a time, and written at a time.
const RUN_ROWS: usize = 1_024;

/// Which files are put together.
#[derive(Clone, Copy, Debug)]
pub struct CompactionOptions {
    /// A file of this many rows is large enough.
    pub target_rows: u64,
    /// So many small files of a day have to be there before they are touched.
    pub least_files: usize,
    /// So many are merged at once.
    pub most_files: usize,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self { target_rows: 1_000_000, least_files: 8, most_files: 32 }
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactionReport {
    /// Files that were put together.
    pub files_before: u64,
    /// Files that they became.
    pub files_after: u64,
    /// Their events.
    pub rows: u64,
    /// Bytes before.
    pub bytes_before: u64,
    /// Bytes after.
    pub bytes_after: u64,
}

impl CompactionReport {
    pub(crate) fn add(&mut self, other: Self) {
        self.files_before += other.files_before;
        self.files_after += other.files_after;
        self.rows += other.rows;
        self.bytes_before += other.bytes_before;
        self.bytes_after += other.bytes_after;
    }
}

/// Groups of small files of one day, which are worth a merge.
///
/// Files are merged with files of about their size: a file that is larger than all smaller ones of its group together
/// waits until there are more like it. So each event is written anew only as often as its file doubles.
pub(crate) fn groups(files: &[TableFile], options: CompactionOptions) -> Vec<Vec<TableFile>> {
    let mut days: BTreeMap<&str, Vec<(u64, &TableFile)>> = BTreeMap::new();
    for file in files {
        if let Some(rows) = file.statistics.rows.filter(|rows| *rows < options.target_rows) {
            days.entry(&file.day).or_default().push((rows, file));
        }
    }
    let mut groups = Vec::new();
    for small in days.values_mut() {
        // By path where sizes are equal, as they come.
        small.sort_by_key(|(rows, _)| *rows);
        let mut group: Vec<TableFile> = Vec::new();
        let mut sum = 0;
        let mut close = |group: &mut Vec<TableFile>, sum: &mut u64| {
            *sum = 0;
            let group = std::mem::take(group);
            if group.len() >= options.least_files.max(2) {
                groups.push(group);
            }
        };
        for &(rows, file) in small.iter() {
            let is_full = group.len() >= options.most_files.max(2) || sum >= options.target_rows;
            if is_full || (group.len() > 1 && rows > sum) {
                close(&mut group, &mut sum);
            }
            sum += rows;
            group.push(file.clone());
        }
        close(&mut group, &mut sum);
    }
    groups
}

/// Writes one file with the rows of several, in order.
pub(crate) fn merge(
    folder: &Path,
    files: &[TableFile],
    columns: &TableColumns,
) -> Result<DataFile, LakeError> {
    let mut readers = Vec::with_capacity(files.len());
    let mut names = BTreeMap::new();
    for listed in files {
        let path = folder.join(&listed.path);
        let file = File::open(&path).map_err(LakeError::io("cannot open", &path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(LakeError::data_file(&path))?;
        for field in builder.schema().fields() {
            let shape = columns.get(field.name()).map_or_else(|| field.data_type().clone(), Shape::to_arrow);
            names.insert(field.name().clone(), shape);
        }
        let reader = builder.with_batch_size(RUN_ROWS).build().map_err(LakeError::data_file(&path))?;
        readers.push((path, reader));
    }
    let fields = names.into_iter().map(|(name, data_type)| Field::new(name, data_type, true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let rows: u64 = files.iter().filter_map(|file| file.statistics.rows).sum();
    let first =
        files.iter().filter_map(|file| file.statistics.bounds(SEQUENCE)).map(|(least, _)| least).min();
    let stem = format!("{:020}-m", first.unwrap_or(0));
    let mut writer = DataFileWriter::begin(folder, &files[0].day, &stem, &schema, rows as usize)?;
    let mut runs = Vec::with_capacity(readers.len());
    let result = (|| {
        for (path, reader) in readers {
            runs.push(Run::begin(path, reader, Arc::clone(&schema))?);
        }
        merge_runs(&mut runs, &mut writer)
    })();
    match result {
        Ok(()) => writer.finish(),
        Err(error) => {
            writer.abandon();
            Err(error)
        }
    }
}

fn merge_runs(runs: &mut [Run], writer: &mut DataFileWriter) -> Result<(), LakeError> {
    let mut heap: BinaryHeap<Reverse<(i64, i64, usize)>> = runs
        .iter()
        .enumerate()
        .filter_map(|(at, run)| run.key().map(|(time, number)| Reverse((time, number, at))))
        .collect();
    let mut picked: Vec<(usize, usize)> = Vec::with_capacity(RUN_ROWS);
    while let Some(Reverse((.., at))) = heap.pop() {
        picked.push((at, runs[at].row));
        let is_last = runs[at].row + 1 == runs[at].batch.num_rows();
        if is_last || picked.len() == RUN_ROWS {
            write_picked(runs, &mut picked, writer)?;
        }
        runs[at].advance()?;
        if let Some((time, number)) = runs[at].key() {
            heap.push(Reverse((time, number, at)));
        }
    }
    Ok(())
}

/// Writes the rows that were picked of the present batches.
fn write_picked(
    runs: &[Run],
    picked: &mut Vec<(usize, usize)>,
    writer: &mut DataFileWriter,
) -> Result<(), LakeError> {
    let batches: Vec<&RecordBatch> = runs.iter().map(|run| &run.batch).collect();
    let merged = interleave_record_batch(&batches, picked).map_err(LakeError::data_file(&runs[0].path))?;
    picked.clear();
    writer.write(&merged)
}

/// A sorted file that is being merged.
struct Run {
    path: std::path::PathBuf,
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    batch: RecordBatch,
    row: usize,
    keys: Vec<(i64, i64)>,
}

impl Run {
    fn begin(
        path: std::path::PathBuf,
        reader: ParquetRecordBatchReader,
        schema: SchemaRef,
    ) -> Result<Self, LakeError> {
        let batch = RecordBatch::new_empty(Arc::clone(&schema));
        let mut run = Self { path, reader, schema, batch, row: 0, keys: Vec::new() };
        run.load()?;
        Ok(run)
    }

    /// Time and number of the present row; `None` at the end.
    fn key(&self) -> Option<(i64, i64)> {
        self.keys.get(self.row).copied()
    }

    fn advance(&mut self) -> Result<(), LakeError> {
        self.row += 1;
        if self.row == self.batch.num_rows() { self.load() } else { Ok(()) }
    }

    /// Reads the next batch, with all columns of the merged file.
    fn load(&mut self) -> Result<(), LakeError> {
        self.row = 0;
        self.keys.clear();
        // The present batch stays where there is no next one: rows picked of others are taken of all batches.
        let Some(batch) = self.reader.next() else { return Ok(()) };
        let batch = batch.map_err(LakeError::data_file(&self.path))?;
        let array = |field: &Arc<Field>| -> Result<ArrayRef, LakeError> {
            match batch.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(array) if array.data_type() == field.data_type() => Ok(Arc::clone(array)),
                Some(array) => Err(LakeError::DataFile {
                    path: self.path.clone(),
                    problem: format!(
                        "column `{}` is of type {}, and not {}",
                        field.name(),
                        array.data_type(),
                        field.data_type()
                    ),
                }),
            }
        };
        let arrays = self.schema.fields().iter().map(array).collect::<Result<Vec<_>, _>>()?;
        self.batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(LakeError::data_file(&self.path))?;
        let times = self
            .batch
            .column_by_name(TIMESTAMP)
            .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
        let numbers =
            self.batch.column_by_name(SEQUENCE).and_then(|array| array.as_primitive_opt::<Int64Type>());
        for row in 0..self.batch.num_rows() {
            let time = times.filter(|times| times.is_valid(row)).map_or(i64::MIN, |times| times.value(row));
            self.keys.push((time, numbers.map_or(0, |numbers| numbers.value(row))));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_file::FileStatistics;

    fn file(day: &str, rows: u64) -> TableFile {
        TableFile {
            path: format!("{day}/{rows}"),
            bytes: rows,
            day: day.to_owned(),
            statistics: FileStatistics::parse(&format!("{{\"numRecords\": {rows}}}")),
        }
    }

    fn grouped(rows: &[u64], options: CompactionOptions) -> Vec<Vec<u64>> {
        let files: Vec<TableFile> = rows.iter().map(|rows| file("2026-03-02", *rows)).collect();
        let groups = groups(&files, options);
        groups.iter().map(|group| group.iter().filter_map(|file| file.statistics.rows).collect()).collect()
    }

    #[test]
    fn files_are_put_together_with_their_like() {
        let options = CompactionOptions { target_rows: 1_000, least_files: 3, most_files: 4 };
        let none: [Vec<u64>; 0] = [];
        assert_eq!(grouped(&[5, 5], options), none, "too few");
        assert_eq!(grouped(&[500, 5, 7, 5], options), [vec![5, 5, 7]], "the large one waits");
        assert_eq!(grouped(&[5, 5, 5, 5, 5, 5, 5], options), [vec![5; 4], vec![5; 3]]);
        assert_eq!(grouped(&[400, 400, 400, 400], options), [vec![400; 3]], "as many as are large enough");
        assert_eq!(grouped(&[1_000, 2_000, 3_000], options), none, "they are large enough");
        let days =
            [file("2026-03-01", 5), file("2026-03-02", 5), file("2026-03-02", 5), file("2026-03-02", 5)];
        assert_eq!(groups(&days, options).len(), 1, "days stay apart");
    }

    /// Commits of equal size, compacted after each: how often their rows are written, and how many files there are.
    #[test]
    fn rows_are_written_a_few_times_only() {
        let options = CompactionOptions { target_rows: 1_000_000, least_files: 8, most_files: 32 };
        let (mut files, mut written, mut most) = (Vec::new(), 0, 0);
        let commits = 4_000;
        for commit in 0..commits {
            files.push(TableFile { path: format!("c{commit}"), ..file("2026-03-02", 100) });
            for group in groups(&files, options) {
                let rows = group.iter().filter_map(|file| file.statistics.rows).sum();
                files.retain(|file| !group.iter().any(|merged| merged.path == file.path));
                files.push(TableFile { path: format!("m{commit}-{rows}"), ..file("2026-03-02", rows) });
                written += rows;
            }
            most = most.max(files.len());
        }
        assert!(written <= 100 * commits * 8, "each row is written {} times", written / (100 * commits));
        assert!(most <= 48, "there are {most} files");
    }
}
