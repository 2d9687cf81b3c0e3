//! One table: the events of one data stream, as a Delta table of its own.
//!
//! Files are written by [`crate::data_file`], and only the log is left to the library of tables: so a commit can be one
//! file a day of arrival, sorted, with Bloom filters and flushed, and compaction keeps all of that.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, Add, EagerSnapshot, MetadataExt, Remove, StructType, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::state::DeltaTableState;
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError, TableProperty, ensure_table_uri};
use watchfire_events::{DataStream, Timestamp};

use crate::LakeError;
use crate::data_file::{DataFile, FileStatistics};
use crate::layout::{Layout, create_folder, sync_folder};
use crate::shape::{ARRIVAL_DATE, DIVERTED, STATISTICS, TableColumns};

/// By this name a commit says up to which number of the spool it has the events of its stream.
const SPOOL: &str = "watchfire-spool";

/// After so many commits the library writes what the log says so far into one file.
pub(crate) const CHECKPOINT_INTERVAL: u32 = 100;

/// How often a commit is tried that others came before.
const MOST_ATTEMPTS: usize = 20;

/// A file of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableFile {
    /// Relative to the folder of the table.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// The day of arrival.
    pub(crate) day: String,
    pub(crate) statistics: FileStatistics,
}

/// A table as it was when it was loaded or last committed to.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    stream: DataStream,
    folder: PathBuf,
    log: LogStoreRef,
    state: DeltaTableState,
    /// Listed when they are asked for: a commit does not need them.
    files: OnceLock<Arc<[TableFile]>>,
}

impl Table {
    /// The table of a stream, if there is one.
    pub(crate) async fn open(layout: &Layout, stream: &DataStream) -> Result<Option<Self>, LakeError> {
        let folder = layout.table(stream);
        // A crash may have left the folder without the commit that makes it a table.
        if !has_log(&folder) {
            return Ok(None);
        }
        let log = log_store(&folder).map_err(LakeError::table(stream))?;
        let state = DeltaTableState::try_new(&*log, None).await.map_err(LakeError::table(stream))?;
        Ok(Some(Self::new(stream, folder, log, state)))
    }

    /// The table of a stream, made with these columns if there is none.
    pub(crate) async fn open_or_create(
        layout: &Layout,
        stream: &DataStream,
        columns: &TableColumns,
    ) -> Result<Self, LakeError> {
        if let Some(table) = Self::open(layout, stream).await? {
            return Ok(table);
        }
        let folder = layout.table(stream);
        create_folder(&folder.join("_delta_log"))?;
        let log = log_store(&folder).map_err(LakeError::table(stream))?;
        let statistics: Vec<String> =
            STATISTICS.iter().chain(&[DIVERTED]).map(|name| format!("`{name}`")).collect();
        let created = CreateBuilder::new()
            .with_log_store(Arc::clone(&log))
            .with_table_name(stream.as_str())
            .with_save_mode(SaveMode::ErrorIfExists)
            .with_columns(columns.to_delta())
            .with_partition_columns([ARRIVAL_DATE])
            .with_configuration_property(TableProperty::DataSkippingStatsColumns, Some(statistics.join(",")))
            .with_configuration_property(
                TableProperty::CheckpointInterval,
                Some(CHECKPOINT_INTERVAL.to_string()),
            )
            .with_configuration_property(TableProperty::LogRetentionDuration, Some("interval 6 hours"))
            .with_configuration_property(TableProperty::DeletedFileRetentionDuration, Some("interval 1 days"))
            .await
            .map_err(LakeError::table(stream))?;
        let state = created.snapshot().map_err(LakeError::table(stream))?.clone();
        let table = Self::new(stream, folder, log, state);
        table.sync_log()?;
        Ok(table)
    }

    fn new(stream: &DataStream, folder: PathBuf, log: LogStoreRef, state: DeltaTableState) -> Self {
        Self { stream: stream.clone(), folder, log, state, files: OnceLock::new() }
    }

    pub(crate) fn stream(&self) -> &DataStream {
        &self.stream
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn log(&self) -> &LogStoreRef {
        &self.log
    }

    pub(crate) fn snapshot(&self) -> &EagerSnapshot {
        self.state.snapshot()
    }

    /// How many changes it has seen.
    pub(crate) fn version(&self) -> u64 {
        self.state.version()
    }

    pub(crate) fn columns(&self) -> TableColumns {
        TableColumns::of_schema(&self.state.schema())
    }

    /// Its files, in order of their path.
    pub(crate) fn files(&self) -> &Arc<[TableFile]> {
        self.files.get_or_init(|| list(&self.state))
    }

    /// The number of the spool up to which it has the events of its stream.
    pub(crate) async fn committed(&self) -> Result<Option<u64>, LakeError> {
        let version = self
            .state
            .transaction_version(&*self.log, SPOOL)
            .await
            .map_err(LakeError::table(&self.stream))?;
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    /// Reads what others have committed.
    pub(crate) async fn refresh(&mut self) -> Result<(), LakeError> {
        self.state.update(&*self.log, None).await.map_err(LakeError::table(&self.stream))?;
        self.files = OnceLock::new();
        Ok(())
    }

    /// Adds files whose events are those of the stream up to a number of the spool, and the columns that they bring.
    pub(crate) async fn append(
        &mut self,
        files: &[DataFile],
        columns: &TableColumns,
        through: u64,
        now: Timestamp,
    ) -> Result<(), LakeError> {
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![ARRIVAL_DATE.to_owned()]),
            predicate: None,
        };
        let adds: Vec<Action> = files.iter().map(|file| Action::Add(add(file, now, true))).collect();
        let transaction = Transaction::new(SPOOL, through as i64);
        self.commit(&adds, Some(columns), Some(transaction), operation).await
    }

    /// Takes files away and puts others in their place, which have the same events.
    pub(crate) async fn replace(
        &mut self,
        old: &[TableFile],
        new: &[DataFile],
        now: Timestamp,
    ) -> Result<(), LakeError> {
        let target = new.iter().map(|file| file.bytes).sum::<u64>() as i64;
        let operation = DeltaOperation::Optimize { predicate: None, target_size: target };
        let removes = old.iter().map(|file| Action::Remove(remove(file, now, false)));
        let adds = new.iter().map(|file| Action::Add(add(file, now, false)));
        let actions: Vec<Action> = removes.chain(adds).collect();
        self.commit(&actions, None, None, operation).await
    }

    /// Takes files away, and their events with them.
    pub(crate) async fn remove(&mut self, files: &[TableFile], now: Timestamp) -> Result<(), LakeError> {
        let operation = DeltaOperation::Delete { predicate: None };
        let removes: Vec<Action> = files.iter().map(|file| Action::Remove(remove(file, now, true))).collect();
        self.commit(&removes, None, None, operation).await
    }

    async fn commit(
        &mut self,
        actions: &[Action],
        columns: Option<&TableColumns>,
        transaction: Option<Transaction>,
        operation: DeltaOperation,
    ) -> Result<(), LakeError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut actions = actions.to_vec();
            if let Some(schema) = columns.and_then(|columns| self.wider_schema(columns)) {
                let metadata = self.state.metadata().clone().with_schema(&schema);
                actions.insert(0, Action::Metadata(metadata.map_err(LakeError::table(&self.stream))?));
            }
            // Old parts of the log are cleaned up with the tables, not by every commit.
            let properties = CommitProperties::default()
                .with_application_transactions(transaction.iter().cloned().collect())
                .with_cleanup_expired_logs(Some(false));
            let result = CommitBuilder::from(properties)
                .with_actions(actions)
                .build(Some(&self.state), Arc::clone(&self.log), operation.clone())
                .await;
            match result {
                Ok(done) => {
                    self.state = done.snapshot();
                    self.files = OnceLock::new();
                    return self.sync_log();
                }
                // Somebody else has changed the table. With what they did in sight it is tried again.
                Err(DeltaTableError::Transaction { .. } | DeltaTableError::VersionAlreadyExists(_))
                    if attempt < MOST_ATTEMPTS && transaction.is_some() =>
                {
                    self.refresh().await?;
                    let done = self.committed().await?;
                    // The commit may have come about, and only its answer was lost.
                    if transaction
                        .as_ref()
                        .is_some_and(|ours| done.is_some_and(|done| done as i64 >= ours.version))
                    {
                        return self.sync_log();
                    }
                }
                Err(error) => return Err(LakeError::table(&self.stream)(error)),
            }
        }
    }

    /// The declared schema with the columns that it lacks, if it lacks any.
    fn wider_schema(&self, columns: &TableColumns) -> Option<StructType> {
        let schema = self.state.schema();
        let missing = columns.missing_in(&schema);
        if missing.is_empty() {
            return None;
        }
        StructType::try_new(schema.fields().cloned().chain(missing)).ok()
    }

    /// Makes the newest part of the log durable: the library does not.
    fn sync_log(&self) -> Result<(), LakeError> {
        let folder = self.folder.join("_delta_log");
        let path = folder.join(format!("{:020}.json", self.version()));
        let file = File::open(&path).map_err(LakeError::io("cannot open", &path))?;
        file.sync_all().map_err(LakeError::io("cannot flush", &path))?;
        sync_folder(&folder)
    }

    /// The table for operations of the library.
    pub(crate) async fn to_library(&self) -> Result<DeltaTable, LakeError> {
        let mut table = DeltaTable::new(Arc::clone(&self.log));
        table.load().await.map_err(LakeError::table(&self.stream))?;
        Ok(table)
    }
}

fn log_store(folder: &Path) -> Result<LogStoreRef, DeltaTableError> {
    let url = ensure_table_uri(folder.to_string_lossy())?;
    DeltaTableBuilder::from_url(url)?.build_storage()
}

fn has_log(folder: &Path) -> bool {
    std::fs::read_dir(folder.join("_delta_log")).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| {
                let path = entry.path();
                path.extension().is_some_and(|extension| extension == "json" || extension == "parquet")
            })
        })
    })
}

fn list(state: &DeltaTableState) -> Arc<[TableFile]> {
    let mut files: Vec<TableFile> = state
        .log_data()
        .iter()
        .map(|view| TableFile {
            path: view.path().into_owned(),
            bytes: u64::try_from(view.size()).unwrap_or(0),
            day: view.partition_values_map().remove(ARRIVAL_DATE).flatten().unwrap_or_default(),
            statistics: view.stats().map(|text| FileStatistics::parse(&text)).unwrap_or_default(),
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.into()
}

fn partition(day: &str) -> HashMap<String, Option<String>> {
    HashMap::from([(ARRIVAL_DATE.to_owned(), Some(day.to_owned()))])
}

fn add(file: &DataFile, now: Timestamp, data_change: bool) -> Add {
    Add {
        path: file.path.clone(),
        partition_values: partition(&file.day),
        size: file.bytes as i64,
        modification_time: now.millis(),
        data_change,
        stats: Some(file.bounds.to_json(file.rows)),
        ..Add::default()
    }
}

fn remove(file: &TableFile, now: Timestamp, data_change: bool) -> Remove {
    Remove {
        path: file.path.clone(),
        data_change,
        deletion_timestamp: Some(now.millis()),
        extended_file_metadata: Some(true),
        partition_values: Some(partition(&file.day)),
        size: Some(file.bytes as i64),
        ..Remove::default()
    }
}
