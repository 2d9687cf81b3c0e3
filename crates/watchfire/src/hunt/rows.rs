//! `hunt --language esql`: the rows that a query makes of events.
//!
//! A lake alone is asked on DataFusion (`lake_rows`). Else, of each event that the query's first conditions let pass, what the query reads is put in line. When all input has been read,
//! the query runs over it in the order of time: only then is it known which fields there are.

#[cfg(feature = "lake")]
mod lake_rows;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use watchfire_detect::Correlation;
use watchfire_diagnostics::render::{Colour, full};
use watchfire_diagnostics::{Severity, SourceText};
use watchfire_esql::ast::Query;
use watchfire_esql_events::{DataColumns, EsqlProgram, SeenFields};
use watchfire_events::{DataStream, Document, Event, EventId, IndexPattern, Place, Timestamp};
use watchfire_ir::{MappedCatalogue, Schema};
use watchfire_pipeline::{Cell, Warnings};
use watchfire_sources::normalise::catalogue_with;

use super::mappings::{Mappings, named};
use super::query::{Language, suggest_language};
use super::results::{Results, Written};
use super::search::Search;
use super::table::TableWriter;
use super::{Found, Hunt, write_errors};
use crate::exit::Exit;
use crate::intake::{Account, InputSummary, Inputs};
use crate::terminal::escape_controls;
use crate::time_argument::now;

/// A query and all that its meaning depends on.
struct Asked<'a> {
    text: &'a str,
    query: Query,
    /// What is known of fields in general.
    general: MappedCatalogue,
    /// What single indices say of their fields.
    indices: Vec<(Arc<str>, MappedCatalogue)>,
    /// All of it, by which events are read.
    schema: MappedCatalogue,
    /// Whether there may be data of other indices.
    has_others: bool,
    now: Timestamp,
}

impl Asked<'_> {
    /// What to run over data with these fields; `None`, and what is wrong in the log, if it cannot be run.
    fn program(&self, seen: Option<&SeenFields>, log: &mut dyn Write) -> io::Result<Option<EsqlProgram>> {
        let indices = self.indices.iter().map(|(index, schema)| (Arc::clone(index), schema as &dyn Schema));
        let columns = DataColumns {
            schema: &self.general,
            indices: indices.collect(),
            has_others: self.has_others,
            seen,
        };
        let (program, diagnostics) = EsqlProgram::new(&self.query, &columns, &self.schema, Some(self.now));
        let source = SourceText::new("query", self.text);
        for found in &diagnostics {
            // Warnings were given when nothing had been seen yet.
            if seen.is_none() || found.severity == Severity::Error {
                writeln!(log, "{}", full(found, &source, Colour::Never))?;
            }
        }
        Ok(program)
    }
}

impl Hunt {
    /// Runs a query in ES|QL.
    pub(super) fn hunt_rows(&self, log: &mut dyn Write) -> io::Result<Exit> {
        let parsed = watchfire_esql::parse(&self.query);
        let is_valid = parsed.is_valid();
        let source = SourceText::new("query", &self.query);
        for found in &parsed.diagnostics {
            writeln!(log, "{}", full(found, &source, Colour::Never))?;
        }
        let Some(query) = parsed.query.filter(|_| is_valid) else {
            suggest_language(&self.query, Language::Esql, &parsed.diagnostics, log)?;
            return Ok(Exit::Usage);
        };
        let normalise = self.reading.normalise()?;
        let mappings = Mappings::read(&self.mapping)?;
        let catalogue = catalogue_with(&normalise.tables);
        let over_catalogue = |mapping| MappedCatalogue::new(mapping, catalogue.clone());
        let indices =
            mappings.of_indices.into_iter().map(|(index, mapping)| (index, over_catalogue(mapping)));
        let indices: Vec<_> = indices.collect();
        let (indexed, paths) = self.paths_by_index();
        let is_mapped = |(stream, _): &(DataStream, PathBuf)| {
            indices.iter().any(|(index, _)| IndexPattern::new(index).fits(stream))
        };
        let has_others = !paths.is_empty() || self.reads_lake() || !indexed.iter().all(is_mapped);
        let asked = Asked {
            text: &self.query,
            query,
            general: over_catalogue(mappings.general),
            indices,
            schema: over_catalogue(mappings.joined),
            has_others,
            now: now(),
        };
        let Some(program) = asked.program(None, log)? else { return Ok(Exit::Usage) };
        for (_, why) in &program.plan().left_out {
            writeln!(log, "a command of the query is left out: it {why}")?;
        }
        if program.plan().undecided {
            writeln!(
                log,
                "what is left out would choose among the rows: these are more than the query gives"
            )?;
        }
        if program.plan().is_row {
            let (written, warnings) = self.write_rows(&program, asked.now, Results::none(), false)?;
            write_warnings(&self.query, &warnings, log)?;
            written.tell("rows", log)?;
            return Ok(Exit::Success);
        }

        let search = Search::new(Correlation::esql(program.clone()).ordered_by(self.order()), &asked.schema);
        #[cfg(feature = "lake")]
        if let Some(lake) =
            self.lake.as_ref().filter(|_| self.paths.is_empty() && lake_rows::can_run(&program))
        {
            return self.hunt_rows_of_lake(lake, &program, &asked, &search, log);
        }
        let inputs = Inputs::list(&paths).with_indices(&indexed);
        let Found { finds, errors, account } = self.search(&search, inputs, &asked.schema, normalise)?;
        let program = if program.lists_fields() {
            let Some(program) = asked.program(Some(&finds.seen), log)? else { return Ok(Exit::Usage) };
            program
        } else {
            program
        };
        let summary = InputSummary::new(&account);
        let clean = summary.is_clean() && errors.is_empty();
        let (written, warnings) = self.write_rows(&program, asked.now, finds.results, !clean)?;
        self.tell(&search, &account, &errors, &warnings, &written, log)
    }

    /// Says what was read, and what came of it.
    fn tell(
        &self,
        search: &Search<'_>,
        account: &Account,
        errors: &BTreeMap<String, u64>,
        warnings: &Warnings,
        written: &Written,
        log: &mut dyn Write,
    ) -> io::Result<Exit> {
        let summary = InputSummary::new(account);
        summary.write(log)?;
        write_errors(errors, log)?;
        write_warnings(&self.query, warnings, log)?;
        written.tell("rows", log)?;
        if written.found == 0
            && let Some(reason) = search.why_not(&account.coverage)
        {
            writeln!(log, "nothing can be found here: {reason}")?;
        }
        Ok(if summary.is_clean() && errors.is_empty() { Exit::Success } else { Exit::Problems })
    }

    /// The paths whose records were given an index, and the others.
    fn paths_by_index(&self) -> (Vec<(DataStream, PathBuf)>, Vec<PathBuf>) {
        let (mut indexed, mut others) = (Vec::new(), Vec::new());
        for path in &self.paths {
            match path.to_str().map(named) {
                Some((Some(index), path)) => indexed.push((DataStream::new(index), PathBuf::from(path))),
                _ => others.push(path.clone()),
            }
        }
        (indexed, others)
    }

    #[cfg_attr(
        not(feature = "lake"),
        expect(clippy::unused_self, reason = "without the lake there is none to be read")
    )]
    fn reads_lake(&self) -> bool {
        #[cfg(feature = "lake")]
        return self.lake.is_some();
        #[cfg(not(feature = "lake"))]
        false
    }

    fn rows(&self, program: &EsqlProgram) -> io::Result<Rows> {
        let (out, columns) = (self.destination.open()?, &program.plan().output);
        Ok(Rows {
            writer: TableWriter::new(out, self.format, columns)?,
            most: self.size.unwrap_or(u64::MAX),
            written: Written::default(),
        })
    }

    /// Runs a program over events in their order.
    fn write_rows(
        &self,
        program: &EsqlProgram,
        now: Timestamp,
        events: Results,
        is_partial: bool,
    ) -> io::Result<(Written, Warnings)> {
        let mut rows = self.rows(program)?;
        let mut run = program.begin(now);
        let duplicates = events.each(|text| {
            let goes_on = run.push(&event_of(text)?);
            rows.add(&run.take_ready())?;
            Ok(goes_on)
        })?;
        let answer = run.finish();
        rows.add(&answer.rows)?;
        rows.writer.end(is_partial)?;
        Ok((Written { duplicates, ..rows.written }, answer.warnings))
    }
}

/// Rows on their way out.
struct Rows {
    writer: TableWriter,
    most: u64,
    written: Written,
}

impl Rows {
    fn add(&mut self, rows: &[Vec<Cell>]) -> io::Result<()> {
        rows.iter().try_for_each(|row| self.add_one(row))
    }

    fn add_one(&mut self, row: &[Cell]) -> io::Result<()> {
        self.written.found += 1;
        if self.written.shown < self.most {
            self.written.shown += 1;
            self.writer.row(row)?;
        }
        Ok(())
    }
}

/// An event as it was put in line.
fn event_of(text: &[u8]) -> io::Result<Event> {
    #[derive(Deserialize)]
    struct Hit {
        #[serde(rename = "_index")]
        index: String,
        #[serde(rename = "_id")]
        id: String,
        #[serde(rename = "_source")]
        document: Document,
    }
    let hit: Hit = serde_json::from_slice(text)?;
    Ok(Event {
        id: EventId::given(hit.id),
        data_stream: DataStream::new(hit.index),
        document: hit.document,
        // Nobody asks where it was read.
        place: Place { input: "".into(), record: 0, line: None, offset: None },
    })
}

/// Says what could not be computed: it never fails a query, and rows may be missing for it.
fn write_warnings(query: &str, warnings: &Warnings, log: &mut dyn Write) -> io::Result<()> {
    let source = SourceText::new("query", query);
    for warning in warnings.list() {
        let at = source.line_column(warning.span.start);
        let text = escape_controls(query.get(warning.span.range()).unwrap_or_default());
        writeln!(
            log,
            "{} values of `{text}` (line {}, column {}) are nothing: {}",
            warning.count, at.line, at.column, warning.cause
        )?;
    }
    Ok(())
}
