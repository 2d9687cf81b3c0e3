//! Messages that stay on this machine: the server's log, and files.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::{Message, SendError};
use crate::dispatcher::ServerLog;

/// The message as an object on one line.
fn line(message: &Message<'_>) -> Value {
    let delivery = message.delivery;
    json!({
        "@timestamp": message.now.to_iso_millis(),
        "delivery": delivery.id,
        "rule": delivery.rule,
        "action": delivery.action,
        "connector": delivery.connector,
        "alerts": delivery.alerts,
        "params": delivery.body,
    })
}

pub(super) fn log(log: &ServerLog, message: &Message<'_>) -> Result<(), SendError> {
    let mut line = line(message);
    line["level"] = json!(message.text("level").unwrap_or("info"));
    line["message"] = json!(message.required("message")?);
    log(&line);
    Ok(())
}

pub(super) fn file(path: &Path, message: &Message<'_>) -> Result<(), SendError> {
    let append = || -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut text = String::new();
        if !ends_a_line(&mut file)? {
            text.push('\n');
        }
        text.push_str(&line(message).to_string());
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_data()
    };
    append().map_err(|error| SendError::passing(format!("`{}` cannot be written: {error}", path.display())))
}

/// Whether what is to be written begins a line: a process that ended within one leaves a beginning.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_begun_is_ended() {
        for (text, ends) in [("", true), ("x", false), ("x\n", true), ("x\ny", false)] {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(text.as_bytes()).expect("it can be written");
            assert_eq!(ends_a_line(&mut file).expect("it can be read"), ends, "{text:?}");
        }
    }
}
