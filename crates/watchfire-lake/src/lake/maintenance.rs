//! Keeping a lake small and sound: compaction, retention, vacuum, repair.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use deltalake_core::operations::vacuum::{Clock, VacuumMode};
use deltalake_core::protocol::checkpoints::{cleanup_metadata, create_checkpoint};
use watchfire_events::{DataStream, IndexPatterns};

use super::{Lake, lock};
use crate::check::{CheckDepth, Problem, check_file};
use crate::compact::{CompactionOptions, CompactionReport, groups, merge};
use crate::data_file::iso_day;
use crate::repair::set_aside;
use crate::table::{Table, TableFile};
use crate::{LakeClock, LakeError};

/// Milliseconds in a day.
const DAY: i64 = 86_400_000;

/// What retention took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiryReport {
    /// Files.
    pub files: u64,
    /// Their events.
    pub rows: u64,
    /// Their bytes; they are free after the next vacuum.
    pub bytes: u64,
}

/// What a vacuum deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VacuumReport {
    /// Data files that no table needs.
    pub files: u64,
    /// Parts of the tables' logs.
    pub log_files: u64,
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// By data stream, files that were given up for what is wrong with them. What is left of them is in the quarantine.
    pub given_up: Vec<(DataStream, Problem)>,
}

impl Lake {
    /// Puts small files together; each group of files is a commit of its own. Events can be committed meanwhile.
    pub fn compact(
        &self,
        patterns: &IndexPatterns,
        options: CompactionOptions,
    ) -> Result<CompactionReport, LakeError> {
        let mut report = CompactionReport::default();
        for stream in self.reader.streams()?.iter().filter(|stream| patterns.select(stream)) {
            let mut table = None;
            self.with_table(stream, |of_writer| {
                table = Some(of_writer.clone());
                Ok(())
            })?;
            let Some(table) = table else { continue };
            for group in groups(table.files(), options) {
                let merged = merge(table.folder(), &group, &table.columns())?;
                let mut is_taken = false;
                self.with_table(stream, |table| {
                    let there: BTreeSet<&str> = table.files().iter().map(|file| &*file.path).collect();
                    // Somebody else may have taken away one of them.
                    is_taken = group.iter().all(|file| there.contains(&*file.path));
                    if is_taken {
                        let (new, now) = (std::slice::from_ref(&merged), self.clock.now());
                        self.reader.runtime().run(table.replace(&group, new, now))?;
                    }
                    Ok(())
                })?;
                if !is_taken {
                    let path = table.folder().join(&merged.path);
                    std::fs::remove_file(&path).map_err(LakeError::io("cannot delete", &path))?;
                    continue;
                }
                report.add(CompactionReport {
                    files_before: group.len() as u64,
                    files_after: 1,
                    rows: merged.rows,
                    bytes_before: group.iter().map(|file| file.bytes).sum(),
                    bytes_after: merged.bytes,
                });
            }
        }
        Ok(report)
    }

    /// Takes away the events that arrived more than so many days ago, by whole days of arrival: `days` says for each
    /// data stream how many are kept, and `None` that all are.
    pub fn expire(&self, days: &dyn Fn(&DataStream) -> Option<u32>) -> Result<ExpiryReport, LakeError> {
        let now = self.clock.now();
        let today = now.millis().div_euclid(DAY);
        let mut report = ExpiryReport::default();
        for stream in &self.reader.streams()? {
            let Some(kept) = days(stream) else { continue };
            let oldest = iso_day((today - i64::from(kept)) as i32);
            self.with_table(stream, |table| {
                let old: Vec<TableFile> =
                    table.files().iter().filter(|file| file.day < oldest).cloned().collect();
                if old.is_empty() {
                    return Ok(());
                }
                self.reader.runtime().run(table.remove(&old, now))?;
                report.files += old.len() as u64;
                report.rows += old.iter().filter_map(|file| file.statistics.rows).sum::<u64>();
                report.bytes += old.iter().map(|file| file.bytes).sum::<u64>();
                Ok(())
            })?;
        }
        Ok(report)
    }

    /// Deletes files that no table has needed for so many hours, and old parts of the tables' logs. The margin has to be
    /// longer than any scan or query takes.
    pub fn vacuum(&self, margin_hours: u32) -> Result<VacuumReport, LakeError> {
        let mut report = VacuumReport::default();
        let clock: Arc<dyn Clock> = Arc::new(VacuumClock(Arc::clone(&self.clock)));
        for stream in &self.reader.streams()? {
            self.with_table(stream, |table| {
                let run = async {
                    let (vacuumed, metrics) = table
                        .to_library()
                        .await?
                        .vacuum()
                        .with_mode(VacuumMode::Full)
                        .with_retention_period(TimeDelta::hours(i64::from(margin_hours)))
                        .with_enforce_retention_duration(false)
                        .with_clock(Arc::clone(&clock))
                        .await
                        .map_err(LakeError::table(stream))?;
                    create_checkpoint(&vacuumed, None).await.map_err(LakeError::table(stream))?;
                    let log_files =
                        cleanup_metadata(&vacuumed, None).await.map_err(LakeError::table(stream))?;
                    report.files += metrics.files_deleted.len() as u64;
                    report.log_files += log_files as u64;
                    table.refresh().await
                };
                self.reader.runtime().run(run)
            })?;
        }
        Ok(report)
    }

    /// Gives up the files that cannot be read, so that the rest of their tables can. What is left of them goes to the
    /// quarantine.
    pub fn repair(&self, depth: CheckDepth) -> Result<RepairReport, LakeError> {
        let now = self.clock.now();
        let mut report = RepairReport::default();
        for stream in &self.reader.streams()? {
            self.with_table(stream, |table| {
                let mut damaged = Vec::new();
                for file in table.files().iter() {
                    if let Err(what) = check_file(table.folder(), file, depth) {
                        let rows = file.statistics.rows.unwrap_or(0);
                        report
                            .given_up
                            .push((stream.clone(), Problem { file: file.path.clone(), rows, what }));
                        damaged.push(file.clone());
                    }
                }
                if damaged.is_empty() {
                    return Ok(());
                }
                self.reader.runtime().run(table.remove(&damaged, now))?;
                for file in damaged {
                    let path = table.folder().join(&file.path);
                    if path.exists() {
                        set_aside(&path, &self.layout.quarantine())?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(report)
    }

    /// Does something with the table of a stream while nobody else changes it.
    fn with_table(
        &self,
        stream: &DataStream,
        change: impl FnOnce(&mut Table) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let writer = self.writer(stream);
        let mut writer = lock(&writer);
        let mut table = match writer.table.take() {
            Some(table) => table,
            None => self.open_table(stream)?,
        };
        change(&mut table)?;
        writer.table = Some(table);
        Ok(())
    }
}

/// The lake's clock as the library asks for it.
#[derive(Debug)]
struct VacuumClock(Arc<dyn LakeClock>);

impl Clock for VacuumClock {
    fn current_timestamp_millis(&self) -> i64 {
        self.0.now().millis()
    }
}
