//! From files to raw records. What a file is, is found from its content, never from its name alone.
//!
//! ```text
//! file, stream ─► recognise ─┬─ gzip, zstd, UTF-16 ─► recognise again
//!                            ├─ zip, tar ───────────► each member: recognise again
//!                            ├─ EVTX ───────────────► chunk by chunk      ┐
//!                            ├─ XML ────────────────► event by event      ├─► RecordSink
//!                            ├─ JSON ───────────────► document by document│
//!                            └─ audit, syslog, Zeek ► line by line        ┘
//! ```
//!
//! Everything readable is used. A record that cannot be read is counted with its place and reason, and so is a file.
//! Nothing is ever held in memory but one record, one chunk of EVTX, and a buffer for each layer; all limits are in
//! [`DecodeLimits`].

mod evtx_file;
mod json;
mod limits;
mod listing;
mod meter;
mod position;
mod read_again;
mod recognise;
mod report;
mod session;
mod tar_archive;
mod text;
mod text_encoding;
mod xml;
mod zip_archive;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;

pub use limits::DecodeLimits;
pub use listing::list_files;
pub use read_again::TextReader;
pub use recognise::Growth;
pub use report::{FileReport, RecordSink, RejectReason, TextRange};
pub use text::syslog_record;

use meter::Outer;
use recognise::{Kind, recognise};
use session::{Layers, Session, read_full};

/// Reads one file within the default limits; `name` is its stable name. There is a report for it, and one for each
/// member if it is an archive.
pub fn read_file(path: &Path, name: &Arc<str>, sink: &mut dyn RecordSink) -> Vec<FileReport> {
    read_file_within(&DecodeLimits::default(), path, name, sink)
}

/// Reads one file within some limits.
pub fn read_file_within(
    limits: &DecodeLimits,
    path: &Path,
    name: &Arc<str>,
    sink: &mut dyn RecordSink,
) -> Vec<FileReport> {
    match open(path) {
        Ok((mut file, length, start)) => {
            let mut session = Session::new(limits, Some(length), sink);
            // A zip is read where it is; everything else is a stream.
            if recognise(&start) == Kind::Zip {
                if let Some(layers) = session.enter(Layers::default(), name, "zip") {
                    let file = Outer::new(&mut file, &session.meter);
                    zip_archive::read(file, name, layers, &mut session);
                }
            } else {
                let file = Outer::new(file, &session.meter);
                session.read(Box::new(file), name, Layers::default());
            }
            session.finish()
        }
        Err(problem) => vec![FileReport::problem(name, "unknown", problem)],
    }
}

/// Opens a file, and looks at its length and first bytes.
fn open(path: &Path) -> Result<(File, u64, Vec<u8>), String> {
    let explain = |error: io::Error| format!("cannot be read: {error}");
    // Not after opening it: that would wait for whoever writes to a pipe.
    let metadata = std::fs::metadata(path).map_err(explain)?;
    if !metadata.is_file() {
        return Err(listing::irregular(metadata.file_type()).to_owned());
    }
    let mut file = File::open(path).map_err(explain)?;
    let mut start = vec![0; 8];
    let read = read_full(&mut file, &mut start).map_err(explain)?;
    start.truncate(read);
    file.rewind().map_err(explain)?;
    Ok((file, metadata.len(), start))
}

/// Reads a stream, such as standard input, within the default limits.
pub fn read_stream(stream: impl Read, name: &Arc<str>, sink: &mut dyn RecordSink) -> Vec<FileReport> {
    read_stream_within(&DecodeLimits::default(), stream, name, sink)
}

/// Reads a stream within some limits.
pub fn read_stream_within(
    limits: &DecodeLimits,
    stream: impl Read,
    name: &Arc<str>,
    sink: &mut dyn RecordSink,
) -> Vec<FileReport> {
    let mut session = Session::new(limits, None, sink);
    let stream = Outer::new(stream, &session.meter);
    session.read(Box::new(stream), name, Layers::default());
    session.finish()
}
