//! What can go wrong in the lake.

use std::path::{Path, PathBuf};

use watchfire_events::DataStream;

/// Why the lake did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// A file or folder could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `cannot write`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder is no lake.
    #[error("`{}` is no lake: it has no folder `tables`", path.display())]
    NoLake {
        /// The folder.
        path: PathBuf,
    },
    /// Another process has the lake open for writing.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The spool holds as much as it may: events come faster than they are committed. Nothing of the request was taken.
    #[error("the spool is full: {held} of {limit} bytes wait for their commit")]
    Full {
        /// Bytes that wait.
        held: u64,
        /// The limit.
        limit: u64,
    },
    /// A write to the spool failed in a way that leaves unknown what is on the disk; it takes nothing until it is opened
    /// anew.
    #[error("the spool takes no events until the lake is opened anew: {0}")]
    Poisoned(String),
    /// A table could not be read or changed.
    #[error("table {stream}: {source}")]
    Table {
        /// Its data stream.
        stream: DataStream,
        /// What the library of tables says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of a table is not what the table says, or cannot be read.
    #[error("{}: {problem}", path.display())]
    DataFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A query over the lake failed.
    #[error("query: {}", .0.find_root().strip_backtrace())]
    Query(#[from] Box<datafusion::error::DataFusionError>),
    /// A name that no data stream may have.
    #[error("`{0}` cannot be a data stream: {1}")]
    StreamName(String, &'static str),
}

impl LakeError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn table<E: std::error::Error + Send + Sync + 'static>(
        stream: &DataStream,
    ) -> impl FnOnce(E) -> Self {
        let stream = stream.clone();
        move |source| Self::Table { stream, source: Box::new(source) }
    }

    pub(crate) fn data_file<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::DataFile { path, problem: source.to_string() }
    }
}

impl From<datafusion::error::DataFusionError> for LakeError {
    fn from(source: datafusion::error::DataFusionError) -> Self {
        Self::Query(Box::new(source))
    }
}
