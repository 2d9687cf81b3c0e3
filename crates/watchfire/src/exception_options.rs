//! Exceptions and value lists: the options of every command that runs rules.

use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_detect::ExceptionBook;
use watchfire_diagnostics::Severity;
use watchfire_diagnostics::render::one_line;
use watchfire_events::Timestamp;
use watchfire_ir::Schema;
use watchfire_rules::exceptions::{load, load_value_lists};

/// The options.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "What makes no alert")]
pub(crate) struct ExceptionOptions {
    /// Exception lists and items: JSON and NDJSON as in Elastic's API and exports, TOML as in the detection-rules
    /// repository, or folders of these. A rule takes the lists that its `exceptions_list` names, and those whose file names
    /// the rule.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub(crate) exceptions: Vec<PathBuf>,
    /// Value lists that exceptions ask for: files with one value a line, or folders of them. The id of a list is the name of
    /// its file.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub(crate) value_lists: Vec<PathBuf>,
}

impl ExceptionOptions {
    /// Loads what is named; nothing if nothing is. `now` decides what is expired.
    pub(crate) fn load(&self, schema: &dyn Schema, now: Timestamp) -> Option<ExceptionBook> {
        (!self.exceptions.is_empty() || !self.value_lists.is_empty()).then(|| self.book(schema, now))
    }

    /// As [`Self::load`]; what is wrong with exceptions is told, and counted.
    pub(crate) fn load_and_tell(
        &self,
        schema: &dyn Schema,
        now: Timestamp,
        log: &mut dyn Write,
    ) -> io::Result<(Option<ExceptionBook>, usize)> {
        let Some(book) = self.load(schema, now) else { return Ok((None, 0)) };
        for text in book.sources() {
            let errors = text.diagnostics.iter().filter(|found| found.severity == Severity::Error);
            for error in errors {
                writeln!(log, "{}", one_line(error, &text.source))?;
            }
        }
        let errors = book.errors();
        Ok((Some(book), errors))
    }

    /// Loads what is named.
    pub(crate) fn book(&self, schema: &dyn Schema, now: Timestamp) -> ExceptionBook {
        let (lists, said) = load_value_lists(&self.value_lists);
        let mut book = ExceptionBook::new(load(&self.exceptions), lists, schema, now);
        book.add_texts(said);
        book
    }
}
