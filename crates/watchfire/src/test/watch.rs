//! Running again whenever a file changes. Files are looked at again and again: a handful of rules costs nothing, it works
//! on every file system, and it needs no library that hears of changes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Time between two looks.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// What tells that a file has changed.
type Look = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// Runs once, and again after each change of a file, until `wait` says that it is enough.
///
/// # Errors
/// That of the first run that fails.
pub(super) fn every_change(
    files: &mut dyn FnMut() -> Vec<PathBuf>,
    run: &mut dyn FnMut() -> io::Result<()>,
    wait: &mut dyn FnMut() -> bool,
) -> io::Result<()> {
    // Looked at before the run, so that a change during it is not lost.
    let mut seen = look(files());
    run()?;
    while wait() {
        let now = look(files());
        if now != seen {
            seen = now;
            run()?;
        }
    }
    Ok(())
}

fn look(files: Vec<PathBuf>) -> Look {
    let fact = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        (path, (modified, metadata.map_or(0, |metadata| metadata.len())))
    };
    files.into_iter().map(fact).collect()
}

/// All files under paths; with a file named itself come those beside it, of which some may be its tests and their events.
pub(super) fn files_below(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            collect(path, MAX_DEPTH, &mut found);
        } else {
            let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            collect(beside.unwrap_or(Path::new(".")), 1, &mut found);
        }
    }
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if !path.is_dir() {
            found.push(path);
        } else if depth > 1 {
            collect(&path, depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_once_and_after_each_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.tests.toml");
        std::fs::write(&file, "1").expect("a file");
        let paths = vec![file.clone()];
        let (mut runs, mut looks) = (0, 0);
        every_change(
            &mut || files_below(&paths),
            &mut || {
                runs += 1;
                Ok(())
            },
            &mut || {
                looks += 1;
                match looks {
                    // Another length, whatever the clock of the file system says.
                    2 => std::fs::write(&file, "22").expect("a file"),
                    4 => std::fs::write(folder.path().join("events.ndjson"), "{}").expect("a file"),
                    _ => {}
                }
                looks < 6
            },
        )
        .expect("it runs");
        assert_eq!(runs, 3);
    }
}
