//! The folder of a case.
//!
//! ```text
//! case.json        what it is about, and what was done
//! alerts.ndjson    its alerts, one a line, in the order in which they came
//! answers.ndjson   for each of them its guide answered and its evidence, as `triage --format json` gives them
//! events.ndjson    the events behind them, as `lake export` writes events, in the order of time
//! exception-N.toml what was suggested when it was closed as a false positive
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use watchfire_events::get_field;
use watchfire_triage::Case;

use super::refused;
use crate::destination::store_whole;
use crate::json_lines::read_json_lines;

const CASE: &str = "case.json";
const ALERTS: &str = "alerts.ndjson";
const ANSWERS: &str = "answers.ndjson";
const EVENTS: &str = "events.ndjson";

/// A case in its folder.
pub(super) struct CaseFolder {
    path: PathBuf,
}

impl CaseFolder {
    /// Makes the folder of a new case.
    pub(super) fn create(path: &Path, case: &Case) -> io::Result<()> {
        fs::create_dir_all(path)?;
        if fs::read_dir(path)?.next().is_some() {
            let message = format!("`{}` is not empty; a case wants a folder of its own", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        Self { path: path.to_owned() }.store(case)
    }

    /// The folder of a case that is there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if !path.join(CASE).is_file() {
            let message =
                format!("`{}` is no case: it has no `{CASE}`; `case open` makes one", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The case.
    pub(super) fn case(&self) -> io::Result<Case> {
        Case::from_json(&fs::read_to_string(self.path.join(CASE))?).map_err(refused)
    }

    /// Stores the case. Files are replaced as wholes: what is there is what was before, or what is to be.
    pub(super) fn store(&self, case: &Case) -> io::Result<()> {
        self.write(CASE, case.to_json().as_bytes())
    }

    /// Its alerts, answers, and events.
    pub(super) fn contents(&self) -> io::Result<Contents> {
        Ok(Contents {
            alerts: self.lines(ALERTS)?,
            answers: self.lines(ANSWERS)?,
            events: self.lines(EVENTS)?,
        })
    }

    /// Stores them. The case is stored last: what it names is there.
    pub(super) fn store_with(&self, contents: &Contents, case: &Case) -> io::Result<()> {
        for (name, lines) in
            [(EVENTS, &contents.events), (ANSWERS, &contents.answers), (ALERTS, &contents.alerts)]
        {
            let mut text = Vec::new();
            for line in lines {
                writeln!(text, "{line}")?;
            }
            self.write(name, &text)?;
        }
        self.store(case)
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of its alerts.
    pub(super) fn alerts(&self) -> PathBuf {
        self.file(ALERTS)
    }

    /// All its files by name.
    pub(super) fn files(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                files.push((name, fs::read(entry.path())?));
            }
        }
        files.sort();
        Ok(files)
    }

    fn lines(&self, name: &str) -> io::Result<Vec<Value>> {
        let path = self.path.join(name);
        if path.exists() { read_json_lines(&path) } else { Ok(Vec::new()) }
    }

    fn write(&self, name: &str, text: &[u8]) -> io::Result<()> {
        store_whole(&self.path.join(name), text)
    }
}

/// What is kept in a case.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) alerts: Vec<Value>,
    pub(super) answers: Vec<Value>,
    pub(super) events: Vec<Value>,
}

impl Contents {
    /// Takes out alerts of these ids, with their answers.
    pub(super) fn remove(&mut self, ids: &[String]) {
        let is_kept = |alert: &Value| {
            let fields = alert.as_object();
            let uuid =
                fields.and_then(|fields| get_field(fields, "kibana.alert.uuid")).and_then(Value::as_str);
            !uuid.is_some_and(|uuid| ids.iter().any(|id| id == uuid))
        };
        let kept: Vec<bool> = self.alerts.iter().map(is_kept).collect();
        let mut at = kept.iter();
        self.alerts.retain(|_| at.next().is_none_or(|kept| *kept));
        let mut at = kept.iter();
        self.answers.retain(|_| at.next().is_some_and(|kept| *kept));
    }
}
