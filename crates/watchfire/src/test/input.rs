//! Events of a test that do not stand in its file as documents: files, and raw records.

use std::io::{self, Write as _};
use std::path::PathBuf;

use watchfire_diagnostics::SourceText;
use watchfire_diagnostics::render::one_line;
use watchfire_events::{DataStream, EventBatch};
use watchfire_ir::Catalogue;
use watchfire_rules::testing::{InputText, RuleTest, TestEvent, TestInput, read_events};
use watchfire_sources::normalise::{NormaliseOptions, SourceKind, TableRef};

use super::suites::LoadedTests;
use crate::intake::{InputSummary, Inputs, IntakeOptions, Window, Worker, read_all};
use crate::progress::Progress;

/// Bytes of records on their way.
const MEMORY: u64 = 64 << 20;
/// The year of times that name none: that of the events which have no time at all.
const YEAR: i16 = 2026;

/// The events of a test; if they cannot be had, a line that says why.
pub(super) fn read(
    input: &TestInput,
    test: &RuleTest,
    loaded: &LoadedTests,
    catalogue: &Catalogue,
    tables: &[TableRef],
) -> Result<Vec<TestEvent>, String> {
    let at = loaded.source.line_column(input.span.start);
    let place = format!("{}:{}:{}", loaded.source.name(), at.line, at.column);
    let wrong = |why: String| format!("{place}: test `{}`: {why}", test.name);
    // Raw text goes by way of a file, so that its format is found as that of any other.
    let spool;
    let path = match &input.from {
        InputText::File(name) => loaded.path.with_file_name("").join(name),
        InputText::Text(text) => {
            spool = spooled(text).map_err(|error| wrong(error.to_string()))?;
            spool.path().to_owned()
        }
    };
    if !input.raw {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| wrong(format!("`{}` cannot be read: {error}", path.display())))?;
        let (events, found) = read_events(&text, &test.name, input.data_stream.as_deref());
        let source = SourceText::new(path.display().to_string(), text);
        return match found.first() {
            Some(first) if events.is_empty() => Err(one_line(first, &source)),
            _ => Ok(events),
        };
    }
    let source = input.source.as_deref().map(|name| SourceKind::find(name, tables)).transpose();
    let normalise = NormaliseOptions {
        source: source.map_err(|error| wrong(error.to_string()))?,
        year: Some(YEAR),
        index: input.data_stream.as_deref().map(DataStream::new),
        tables: tables.to_vec(),
        ..NormaliseOptions::default()
    };
    let is_text = matches!(input.from, InputText::Text(_));
    records(path.clone(), normalise, catalogue).map_err(|error| {
        // Nobody knows the temporary file.
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let why = error.to_string();
        wrong(if is_text { why.replace(&file, "events") } else { why })
    })
}

fn spooled(text: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut spool = tempfile::NamedTempFile::new()?;
    spool.write_all(text.trim_start_matches('\n').as_bytes())?;
    spool.flush()?;
    Ok(spool)
}

/// Raw records as the events that a scan would see.
fn records(path: PathBuf, normalise: NormaliseOptions, catalogue: &Catalogue) -> io::Result<Vec<TestEvent>> {
    let inputs = Inputs::list(&[path]);
    let progress = Progress::hidden();
    let options = IntakeOptions {
        normalise,
        enrich: true,
        // One, so that events come in the order of the input.
        threads: 1,
        memory: MEMORY,
        window: Window::default(),
        fields: None,
        timed: false,
        count_unmapped: false,
    };
    let (workers, account) = read_all(inputs, &options, catalogue, &progress, || Gathering(Vec::new()))?;
    let summary = InputSummary::new(&account);
    if !summary.is_clean() {
        let mut why = Vec::new();
        summary.write(&mut why)?;
        return Err(io::Error::other(String::from_utf8_lossy(&why).trim().replace('\n', "; ")));
    }
    let events: Vec<TestEvent> = workers.into_iter().flat_map(|worker| worker.0).collect();
    if events.is_empty() {
        return Err(io::Error::other("there is no record in it"));
    }
    Ok(events)
}

struct Gathering(Vec<TestEvent>);

impl Worker for Gathering {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        self.0.extend(batch.events().map(|event| TestEvent {
            data_stream: event.data_stream.as_str().to_owned(),
            document: event.document.clone(),
        }));
        Ok(())
    }
}
