//! Where things lie in the folder of a lake.
//!
//! ```text
//! DIR/lake.lock                         held by the one process that writes
//! DIR/spool/<first sequence>.spool      acknowledged events that wait for their commit
//! DIR/tables/<data stream>/             a Delta table: _delta_log, arrival_date=…/part-….parquet
//! DIR/quarantine/                       what was found damaged and moved out of the way
//! ```

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use watchfire_events::DataStream;

use crate::LakeError;

/// Longest name of a data stream in bytes, as in Elasticsearch.
const MOST_NAME_BYTES: usize = 255;

/// The folder of a lake.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lake.lock")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    pub(crate) fn tables(&self) -> PathBuf {
        self.root.join("tables")
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// The folder of a stream's table.
    pub(crate) fn table(&self, stream: &DataStream) -> PathBuf {
        self.tables().join(folder_name(stream.as_str()))
    }

    /// The data streams that have a table, in order of name.
    pub(crate) fn streams(&self) -> Result<Vec<DataStream>, LakeError> {
        let tables = self.tables();
        let entries = match fs::read_dir(&tables) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(LakeError::io("cannot list", &tables)(error)),
        };
        let mut streams = Vec::new();
        for entry in entries {
            let entry = entry.map_err(LakeError::io("cannot list", &tables))?;
            let name = entry.file_name().to_str().and_then(stream_name);
            if let Some(name) = name.filter(|_| entry.path().is_dir()) {
                streams.push(DataStream::new(name));
            }
        }
        streams.sort();
        Ok(streams)
    }
}

/// Fails on a name that Elasticsearch takes for no data stream either: it would be no name of a folder.
pub(crate) fn check_stream_name(stream: &DataStream) -> Result<(), LakeError> {
    let name = stream.as_str();
    let refuse = |why| Err(LakeError::StreamName(name.chars().take(MOST_NAME_BYTES).collect(), why));
    if name.is_empty() || name == "." || name == ".." {
        return refuse("it is empty or names a folder");
    }
    if name.len() > MOST_NAME_BYTES {
        return refuse("it has more than 255 bytes");
    }
    if name.starts_with(['-', '_', '+']) {
        return refuse("it begins with `-`, `_` or `+`");
    }
    if name.chars().any(|c| c.is_uppercase() || c.is_control() || "\\/*?\"<>| ,#:".contains(c)) {
        return refuse("it has a capital letter, a blank, or one of \\ / * ? \" < > | , # :");
    }
    Ok(())
}

/// Letters, digits, `.`, `-` and `_` as they are; other bytes as `~` and two hex digits (a `%` would be read as part of a
/// URL). A first dot is encoded too, so that no table is hidden.
fn folder_name(stream: &str) -> String {
    let mut name = String::with_capacity(stream.len());
    for (at, byte) in stream.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => name.push_str("~2e"),
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => name.push(char::from(byte)),
            _ => {
                let _ = write!(name, "~{byte:02x}");
            }
        }
    }
    name
}

fn stream_name(folder: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(folder.len());
    let mut rest = folder.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'~' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok().filter(|name| folder_name(name) == folder)
}

/// Makes the names in a folder durable. Systems other than Unix do that by themselves.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), LakeError> {
    if cfg!(unix) {
        let opened = File::open(folder).map_err(LakeError::io("cannot open", folder))?;
        opened.sync_all().map_err(LakeError::io("cannot flush", folder))?;
    }
    Ok(())
}

/// Makes a folder and all above it, and their names durable.
pub(crate) fn create_folder(folder: &Path) -> Result<(), LakeError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(LakeError::io("cannot make", folder)(error));
        }
        _ => {}
    }
    match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_their_streams() {
        for name in ["logs-endpoint.events.process-default", ".alerts-security.alerts-default", "grün", "a~b"]
        {
            let folder = folder_name(name);
            assert!(!folder.starts_with('.') && folder.is_ascii());
            assert_eq!(stream_name(&folder).as_deref(), Some(name));
        }
        assert_eq!(stream_name("Not-Ours"), None);
        assert_eq!(stream_name("a~zz"), None);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", "A", "_x", "a b", "a\u{0}", &"x".repeat(256)] {
            assert!(check_stream_name(&DataStream::new(name)).is_err(), "{name}");
        }
        assert!(check_stream_name(&DataStream::new(".alerts-x")).is_ok());
    }
}
