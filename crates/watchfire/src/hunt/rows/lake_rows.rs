//! The rows of a query over a lake alone: on DataFusion, on several threads, with what does not fit into memory on disk. They are the
//! same rows, in the same order, as of files.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use watchfire_esql_events::EsqlProgram;
use watchfire_lake::{EsqlQuery, LakeReader, QueryOptions};

use super::super::Hunt;
use super::super::search::Search;
use super::Asked;
use crate::exit::Exit;
use crate::intake::{Account, lake_error, lake_window};

/// Whether a query runs so. If its columns are those that events have, these have to be seen first.
pub(super) fn can_run(program: &EsqlProgram) -> bool {
    !program.lists_fields() && EsqlQuery::can_run(program)
}

impl Hunt {
    /// Runs a program over a lake.
    pub(super) fn hunt_rows_of_lake(
        &self,
        lake: &Path,
        program: &EsqlProgram,
        asked: &Asked<'_>,
        search: &Search<'_>,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let reader = LakeReader::open_existing(lake).map_err(lake_error)?;
        let query = EsqlQuery {
            program,
            schema: Arc::new(asked.schema.clone()),
            now: asked.now,
            order: self.order(),
            window: lake_window(self.reading.window()?),
            options: QueryOptions {
                memory_bytes: self.resources.max_memory() as usize,
                threads: self.resources.threads(),
            },
        };
        let mut rows = self.rows(program)?;
        let mut written = Ok(());
        let found = reader.esql(&query, &mut |row| match rows.add_one(&row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                written = Err(error);
                ControlFlow::Break(())
            }
        });
        written?;
        let notes = found.map_err(lake_error)?;
        rows.writer.end(!notes.errors.is_empty())?;
        let account = Account::of_lake(&notes.considered, &notes.misfits);
        self.tell(search, &account, &notes.errors, &notes.warnings, &rows.written, log)
    }
}
