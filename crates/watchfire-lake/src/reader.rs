//! A lake for those who read it: any number of processes, beside the one that writes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use watchfire_events::{DataStream, FieldSelection, FieldTypes, IndexPatterns};

use crate::check::{CheckDepth, CheckReport, check_table};
use crate::export::Arranged;
use crate::layout::Layout;
use crate::runtime::Blocking;
use crate::scan::{Scan, ScanFiles, Selection};
use crate::shape::{INGESTED, SEQUENCE, TIMESTAMP};
use crate::spool::inspect;
use crate::table::Table;
use crate::{LakeError, QueryConditions, QueryOptions, QueryResult, query};

/// The tables of a lake, to be read. It must not be used in asynchronous code but on threads that may block.
#[derive(Debug)]
pub struct LakeReader {
    layout: Layout,
    runtime: Blocking,
    tables: Mutex<BTreeMap<DataStream, Table>>,
}

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStatistics {
    /// Its data stream.
    pub stream: DataStream,
    /// How often it was changed.
    pub version: u64,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Its events.
    pub rows: u64,
    /// Events of which a field lies in the side column.
    pub diverted_rows: u64,
    /// Its columns, the lake's own included.
    pub columns: u64,
    /// Least and greatest `@timestamp`, in microseconds since 1970.
    pub timestamps: Option<(i64, i64)>,
    /// Least and greatest `event.ingested`, the same.
    pub ingested: Option<(i64, i64)>,
    /// Least and greatest number of arrival.
    pub sequences: Option<(i64, i64)>,
}

impl LakeReader {
    /// The lake in a folder. A folder without one is an empty lake.
    pub fn open(folder: &Path) -> Result<Self, LakeError> {
        Self::of(Layout::new(folder))
    }

    /// The lake in a folder that has to be one.
    pub fn open_existing(folder: &Path) -> Result<Self, LakeError> {
        if !folder.join("tables").is_dir() {
            return Err(LakeError::NoLake { path: folder.to_owned() });
        }
        Self::open(folder)
    }

    pub(crate) fn of(layout: Layout) -> Result<Self, LakeError> {
        let runtime = Blocking::new(layout.root())?;
        Ok(Self { layout, runtime, tables: Mutex::default() })
    }

    /// The data streams that have a table, in order of name.
    pub fn streams(&self) -> Result<Vec<DataStream>, LakeError> {
        self.layout.streams()
    }

    /// The fields that events of a data stream have had, in order of name, but for those that no column was made of.
    pub fn fields(&self, stream: &DataStream) -> Result<Vec<String>, LakeError> {
        let tables = self.tables(&IndexPatterns::new([stream.as_str()]))?;
        let mut names: Vec<String> =
            tables.iter().flat_map(|table| table.columns().names_of_fields()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The tables of the streams that patterns select, as they are at this moment.
    pub(crate) fn tables(&self, patterns: &IndexPatterns) -> Result<Vec<Arc<Table>>, LakeError> {
        let mut known = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tables = Vec::new();
        for stream in self.layout.streams()?.into_iter().filter(|stream| patterns.select(stream)) {
            let table = match known.remove(&stream) {
                Some(mut table) => {
                    self.runtime.run(table.refresh())?;
                    Some(table)
                }
                None => self.runtime.run(Table::open(&self.layout, &stream))?,
            };
            if let Some(table) = table {
                tables.push(Arc::new(table.clone()));
                known.insert(stream, table);
            }
        }
        Ok(tables)
    }

    /// Begins to read events. `fields` says of which fields the batches get columns; without it, of all.
    pub fn scan<'a>(
        &self,
        schema: &'a dyn FieldTypes,
        fields: Option<&'a dyn FieldSelection>,
        selection: Selection,
    ) -> Result<Scan<'a>, LakeError> {
        Ok(self.files(selection)?.scan(schema, fields))
    }

    /// The files that may have what is asked for, for several scans that read them together.
    pub fn files(&self, selection: Selection) -> Result<ScanFiles, LakeError> {
        Ok(ScanFiles::new(&self.tables(&selection.patterns)?, selection))
    }

    /// Runs a query in SQL, in which tables are named by their data stream, in double quotes. Nothing can be changed
    /// by it.
    pub fn query(&self, sql: &str, options: QueryOptions) -> Result<QueryResult, LakeError> {
        let tables = self.tables(&IndexPatterns::default())?;
        self.runtime.run(query::run(&tables, sql, options, None))
    }

    /// The same with conditions of query languages and hits of rules in it.
    pub fn query_with(
        &self,
        sql: &str,
        options: QueryOptions,
        conditions: &QueryConditions,
    ) -> Result<QueryResult, LakeError> {
        let tables = self.tables(&IndexPatterns::default())?;
        self.runtime.run(query::run(&tables, sql, options, Some(conditions)))
    }

    /// What the tables hold, by their log.
    pub fn statistics(&self) -> Result<Vec<TableStatistics>, LakeError> {
        Ok(self.tables(&IndexPatterns::default())?.iter().map(|table| statistics(table)).collect())
    }

    /// Compares what is there with what the tables say of it. Nothing is changed.
    pub fn check(&self, depth: CheckDepth) -> Result<CheckReport, LakeError> {
        let (spool_records, spool_unread) = inspect(&self.layout.spool())?;
        let mut tables = Vec::new();
        for stream in self.layout.streams()? {
            let table = self.runtime.run(Table::open(&self.layout, &stream));
            tables.push(check_table(&stream, table, depth));
        }
        Ok(CheckReport { tables, spool_records, spool_unread })
    }

    /// Writes events as NDJSON: each line an object with `_index`, `_id` and `_source`. They come table by table, each in order
    /// of arrival. Answers how many.
    pub fn export(
        &self,
        schema: &dyn FieldTypes,
        selection: &Selection,
        out: &mut dyn Write,
    ) -> Result<u64, LakeError> {
        let none = NoField;
        let mut written = 0;
        for table in self.tables(&selection.patterns)? {
            let mut scan = ScanFiles::new(&[table], selection.clone()).scan(schema, Some(&none));
            let mut lines = Arranged::default();
            while let Some(batch) = scan.next_batch()? {
                for event in batch.events() {
                    let line = serde_json::json!({
                        "_index": event.data_stream.as_str(),
                        "_id": event.id.as_str(),
                        "_source": event.document,
                    });
                    lines.push(event.place.record, line.to_string())?;
                    written += 1;
                }
            }
            scan.finish()?;
            lines.write(out)?;
        }
        Ok(written)
    }

    pub(crate) fn runtime(&self) -> &Blocking {
        &self.runtime
    }
}

/// A selection of fields for those who read documents only.
#[derive(Debug)]
struct NoField;

impl FieldSelection for NoField {
    fn reads(&self, _stream: &DataStream, _name: &str) -> bool {
        false
    }
}

pub(crate) fn statistics(table: &Table) -> TableStatistics {
    let files = table.files();
    let bounds = |column: &str| {
        let of_files = files.iter().filter_map(|file| file.statistics.bounds(column));
        of_files.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    };
    let sum = |of: &dyn Fn(&crate::table::TableFile) -> Option<u64>| files.iter().filter_map(of).sum();
    TableStatistics {
        stream: table.stream().clone(),
        version: table.version(),
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes).sum(),
        rows: sum(&|file| file.statistics.rows),
        diverted_rows: sum(&|file| file.statistics.diverted()),
        columns: table.columns().len() as u64 + 1,
        timestamps: bounds(TIMESTAMP),
        ingested: bounds(INGESTED),
        sequences: bounds(SEQUENCE),
    }
}
