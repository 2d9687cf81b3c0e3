//! Files that this command has written, a value of JSON a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

/// The lines of a file; one that cannot be read is an error, since somebody relies on what it may have said.
pub(crate) fn read_json_lines(path: &Path) -> io::Result<Vec<Value>> {
    let file = File::open(path).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` cannot be read: {error}", path.display()))
    })?;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(&line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}:{number}: {error}", path.display()))
        })?;
        lines.push(value);
    }
    Ok(lines)
}
