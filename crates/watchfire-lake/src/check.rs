//! Whether what is on the disk is what the tables say of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use watchfire_events::DataStream;

use crate::LakeError;
use crate::repair::torn_commit;
use crate::shape::{INGESTED, SEQUENCE, TIMESTAMP};
use crate::table::{Table, TableFile};

/// How closely a lake is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDepth {
    /// Sizes and footers of files.
    Footers,
    /// Every value of every file is read; order and statistics are compared.
    Values,
}

/// What is wrong with a lake.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Table by table.
    pub tables: Vec<TableCheck>,
    /// Whole records in the spool.
    pub spool_records: u64,
    /// Segments of the spool whose end is no whole record, with its bytes: that is torn, damaged, or being written.
    pub spool_unread: Vec<(PathBuf, u64)>,
}

impl CheckReport {
    /// Whether no table has a problem.
    pub fn is_sound(&self) -> bool {
        self.tables.iter().all(|table| table.problems.is_empty())
    }
}

/// What is wrong with a table.
#[derive(Debug)]
pub struct TableCheck {
    /// Its data stream.
    pub stream: DataStream,
    /// Its files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Files that no table knows, and their bytes: of commits that did not come about, or given up and not yet deleted.
    pub unknown_files: (u64, u64),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file; that of the table's log if it is not a data file.
    pub file: String,
    /// Rows that cannot be read for it.
    pub rows: u64,
    /// What it is.
    pub what: String,
}

pub(crate) fn check_table(
    stream: &DataStream,
    table: Result<Option<Table>, LakeError>,
    depth: CheckDepth,
) -> TableCheck {
    let mut check =
        TableCheck { stream: stream.clone(), files: 0, rows: 0, problems: Vec::new(), unknown_files: (0, 0) };
    let table = match table {
        Ok(Some(table)) => table,
        Ok(None) => return check,
        Err(error) => {
            let what = format!("the log cannot be read: {error}");
            check.problems.push(Problem { file: "_delta_log".to_owned(), rows: 0, what });
            return check;
        }
    };
    match torn_commit(table.folder()) {
        Ok(None) => {}
        Ok(Some(path)) => {
            let file = format!("_delta_log/{}", path.file_name().unwrap_or_default().to_string_lossy());
            let what = "the newest commit is damaged".to_owned();
            check.problems.push(Problem { file, rows: 0, what });
        }
        Err(error) => {
            let what = error.to_string();
            check.problems.push(Problem { file: "_delta_log".to_owned(), rows: 0, what });
        }
    }
    for file in table.files().iter() {
        check.files += 1;
        check.rows += file.statistics.rows.unwrap_or(0);
        if let Err(what) = check_file(table.folder(), file, depth) {
            let rows = file.statistics.rows.unwrap_or(0);
            check.problems.push(Problem { file: file.path.clone(), rows, what });
        }
    }
    let known: BTreeSet<PathBuf> = table.files().iter().map(|file| table.folder().join(&file.path)).collect();
    check.unknown_files = unknown_files(table.folder(), &known);
    check
}

/// Compares a file with what its table says of it.
pub(crate) fn check_file(folder: &Path, listed: &TableFile, depth: CheckDepth) -> Result<(), String> {
    let path = folder.join(&listed.path);
    let file = File::open(&path).map_err(|error| format!("it cannot be opened: {error}"))?;
    let bytes = file.metadata().map_err(|error| error.to_string())?.len();
    if bytes != listed.bytes {
        return Err(format!("it has {bytes} bytes instead of {}", listed.bytes));
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| format!("its footer is damaged: {error}"))?;
    let rows = builder.metadata().file_metadata().num_rows() as u64;
    if listed.statistics.rows.is_some_and(|listed| listed != rows) {
        return Err(format!("it has {rows} rows instead of {}", listed.statistics.rows.unwrap_or(0)));
    }
    if depth == CheckDepth::Footers {
        return Ok(());
    }
    let reader = builder.build().map_err(|error| error.to_string())?;
    let (mut read, mut last) = (0, None);
    for batch in reader {
        let batch = batch.map_err(|error| format!("its values cannot be read: {error}"))?;
        read += batch.num_rows() as u64;
        check_batch(&batch, listed, &mut last)?;
    }
    if read == rows { Ok(()) } else { Err(format!("{read} of its {rows} rows can be read")) }
}

/// Compares the order and the bounds of rows with what is said of them.
fn check_batch(batch: &RecordBatch, listed: &TableFile, last: &mut Option<(i64, i64)>) -> Result<(), String> {
    let times = |name: &str| -> Vec<Option<i64>> {
        let column = batch.column_by_name(name);
        match column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()) {
            Some(times) => times.iter().collect(),
            None => vec![None; batch.num_rows()],
        }
    };
    let numbers: Vec<Option<i64>> = match batch.column_by_name(SEQUENCE) {
        Some(column) if column.null_count() == 0 => {
            column.as_primitive_opt::<Int64Type>().map(|numbers| numbers.iter().collect()).unwrap_or_default()
        }
        _ => return Err(format!("it has rows without `{SEQUENCE}`")),
    };
    let happened = times(TIMESTAMP);
    for (name, values) in [(TIMESTAMP, &happened), (INGESTED, &times(INGESTED)), (SEQUENCE, &numbers)] {
        let Some((least, greatest)) = listed.statistics.bounds(name) else { continue };
        // Others may keep the statistics of times in milliseconds only.
        let slack = if name == SEQUENCE { 0 } else { 999 };
        if values.iter().flatten().any(|value| *value < least || *value > greatest + slack) {
            return Err(format!("it has values of `{name}` beyond those that the log says"));
        }
    }
    for (time, number) in happened.iter().zip(&numbers) {
        let key = (time.unwrap_or(i64::MIN), number.unwrap_or(0));
        if last.is_some_and(|last| last >= key) {
            return Err(format!("its rows are not in order of `{TIMESTAMP}` and `{SEQUENCE}`"));
        }
        *last = Some(key);
    }
    Ok(())
}

/// How many Parquet files lie in the partitions of a table that are not among these, and their bytes.
fn unknown_files(folder: &Path, known: &BTreeSet<PathBuf>) -> (u64, u64) {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let partitions = entries(folder).filter(|path| path.is_dir() && !path.ends_with("_delta_log"));
    let files = partitions.flat_map(|path| entries(&path).collect::<Vec<_>>());
    let unknown =
        files.filter(|path| path.extension().is_some_and(|end| end == "parquet") && !known.contains(path));
    unknown.fold((0, 0), |(files, bytes), path| {
        (files + 1, bytes + path.metadata().map_or(0, |data| data.len()))
    })
}
