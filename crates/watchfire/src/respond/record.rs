//! The record of responses: a line of JSON for each thing that was approved, sent, answered and reached.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use watchfire_events::Timestamp;
use watchfire_triage::{Outcome, Plan, Undo};

/// The record, open for one plan.
pub(super) struct Record {
    path: PathBuf,
    file: File,
    /// What stands in each line.
    common: Map<String, Value>,
}

impl Record {
    /// Opens it, or makes it. Only its owner may read one that is new: it tells of an attack that may be going on.
    pub(super) fn open(
        path: &Path,
        plan: &Plan,
        by: &str,
        approved_by: &str,
        alerts: &[String],
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| failed(path, &error))?;
        let undo = match plan.undo {
            Undo::By(order) => json!(order),
            Undo::None => Value::Null,
        };
        let common = json!({
            "plan": plan.id(),
            "title": plan.title,
            "order": plan.order,
            "through": plan.through,
            "agent": plan.agent,
            "host": plan.host,
            "alerts": alerts,
            "by": by,
            "approved_by": approved_by,
            "undo": undo,
        });
        let Value::Object(common) = common else { unreachable!("it is an object") };
        Ok(Self { path: path.to_owned(), file, common })
    }

    /// Writes that something happened, with what is to be known of it, and waits until it is on the disk.
    pub(super) fn write(&mut self, at: Timestamp, event: &str, details: Value) -> io::Result<()> {
        let mut line = Map::new();
        line.insert("at".to_owned(), json!(at.to_iso_millis()));
        line.insert("event".to_owned(), json!(event));
        line.extend(self.common.clone());
        if let Value::Object(details) = details {
            line.extend(details);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| failed(&self.path, &error))
    }

    /// Writes how it ended.
    pub(super) fn end(&mut self, at: Timestamp, outcome: &Outcome) -> io::Result<()> {
        self.write(at, "ended", json!({ "outcome": outcome.name(), "detail": outcome.to_string() }))
    }
}

fn failed(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the record `{}` cannot be written: {error}", path.display()))
}
