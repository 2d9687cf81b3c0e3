//! Records of files read once more, each at its place.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::report::TextRange;
use crate::tape::{TapeReader, TapeValue};

/// Reads texts of JSON where [`RecordSink::record_in_file`](super::RecordSink::record_in_file) said that they are. The
/// file that was read last stays open.
#[derive(Debug, Default)]
pub struct TextReader {
    open: Option<(PathBuf, File)>,
    text: Vec<u8>,
    tapes: TapeReader,
}

impl TextReader {
    /// The value of a text; `None` if there is none any more.
    ///
    /// # Errors
    /// If the file cannot be read so far.
    pub fn read(&mut self, path: &Path, range: TextRange) -> io::Result<Option<TapeValue<'_>>> {
        let (_, file) = match self.open.take().filter(|(of, _)| of == path) {
            Some(open) => self.open.insert(open),
            None => self.open.insert((path.to_owned(), File::open(path)?)),
        };
        file.seek(SeekFrom::Start(range.start))?;
        self.text.resize(range.length as usize, 0);
        file.read_exact(&mut self.text)?;
        Ok(self.tapes.read(&self.text))
    }
}
