//! `watchfire lake query`: SQL over a lake.

use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_lake::{LakeError, QueryOptions};

use super::{failed, read};
use crate::exit::Exit;
use crate::terminal::escape_controls;

/// Runs a query in SQL. Tables have the names of their data streams, and columns those of their fields, both in double
/// quotes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire lake query lake/ 'SELECT \"process.name\", count(*) FROM \"logs-endpoint.events.process-default\" GROUP BY 1'

Exit codes:
  0  done
  1  the lake could not be read
  2  wrong usage, or a query that is wrong")]
pub(super) struct Query {
    /// The folder of the lake.
    lake: PathBuf,
    /// The query. It cannot change anything.
    sql: String,
}

impl Query {
    pub(super) fn query(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let options = QueryOptions {
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            ..QueryOptions::default()
        };
        let result = read(&self.lake)?.query(&self.sql, options).map_err(|error| match error {
            LakeError::Query(_) => io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
            other => failed(other),
        })?;
        // What events hold is not to act on a terminal.
        for line in result.to_table().map_err(failed)?.lines() {
            writeln!(out, "{}", escape_controls(line))?;
        }
        out.flush()?;
        Ok(Exit::Success)
    }
}
