//! Taking what is damaged out of the way, so that the rest can be used. Nothing is deleted: it goes to the quarantine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use crate::LakeError;
use crate::layout::{create_folder, sync_folder};

/// The newest commit of a table, if it is damaged: a crash may have cut it short, and the library takes an empty one for a
/// commit of nothing.
///
/// A commit is flushed before the spool gives its events up, so those of a commit that was cut short are committed again.
pub(crate) fn torn_commit(table: &Path) -> Result<Option<PathBuf>, LakeError> {
    let commits =
        log_files(table)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json"));
    match commits.max() {
        Some(newest) if !is_commit(&newest)? => Ok(Some(newest)),
        _ => Ok(None),
    }
}

/// Moves checkpoints of a table that are damaged, and what names them; the log is then read without. Answers where they
/// are now.
pub(crate) fn set_checkpoints_aside(table: &Path, quarantine: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let mut moved = Vec::new();
    for path in log_files(table)? {
        if path.extension().is_some_and(|end| end == "parquet") && !is_parquet(&path) {
            moved.push(set_aside(&path, quarantine)?);
        }
    }
    let last = table.join("_delta_log").join("_last_checkpoint");
    if !moved.is_empty() && last.exists() {
        moved.push(set_aside(&last, quarantine)?);
    }
    Ok(moved)
}

fn log_files(table: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let log = table.join("_delta_log");
    let entries = fs::read_dir(&log).map_err(LakeError::io("cannot list", &log))?;
    entries.map(|entry| Ok(entry.map_err(LakeError::io("cannot list", &log))?.path())).collect()
}

fn is_parquet(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    SerializedFileReader::new(file).is_ok_and(|reader| reader.metadata().num_row_groups() > 0)
}

fn is_commit(path: &Path) -> Result<bool, LakeError> {
    let bytes = fs::read(path).map_err(LakeError::io("cannot read", path))?;
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(false) };
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    Ok(lines.peek().is_some()
        && lines.all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object())))
}

/// Moves a file to the quarantine, under a name that is free.
pub(crate) fn set_aside(path: &Path, quarantine: &Path) -> Result<PathBuf, LakeError> {
    create_folder(quarantine)?;
    let table = path.ancestors().find(|folder| folder.join("_delta_log").is_dir());
    let table = table.and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for attempt in 0_u32.. {
        let target = quarantine.join(format!("{table}.{name}.{attempt}"));
        if target.exists() {
            continue;
        }
        fs::rename(path, &target).map_err(LakeError::io("cannot move", path))?;
        sync_folder(quarantine)?;
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        return Ok(target);
    }
    unreachable!("a folder has fewer files than that")
}
