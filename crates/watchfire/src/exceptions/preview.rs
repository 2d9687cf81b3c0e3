//! What a suggested exception would have hidden: of alerts that were made, and of events.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use watchfire_detect::{CompileOptions, ExceptionBook, RuleBook, RuleState, compile_rule};
use watchfire_engine::reference::evaluate;
use watchfire_engine::{Matcher, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, DataStream, Event, EventBatch, EventId, Place};
use watchfire_ir::{Catalogue, Condition};
use watchfire_rules::exceptions::load_text;
use watchfire_rules::model::Rule;
use watchfire_sources::normalise::NormaliseOptions;

use super::suggest::{open, text};
use super::suggested_item::SuggestedItem;
use crate::intake::{Inputs, IntakeOptions, Worker, read_all};
use crate::progress::Progress;
use crate::reading::{Reading, Resources};
use crate::terminal::escape_controls;
use crate::time_argument::now;

/// The most hidden alerts or events that are shown one by one.
const SHOWN: usize = 10;
/// Alerts that are asked together.
const BATCH_ALERTS: usize = 1_000;
/// The part of the memory that records on their way may take up: one in this many.
const RECORD_SHARE: u64 = 2;

/// The item as one that is read from its file.
fn book_of(item: &SuggestedItem, catalogue: &Catalogue) -> ExceptionBook {
    ExceptionBook::new(load_text("<suggestion>", &item.to_toml()), Vec::new(), catalogue, now())
}

/// What was hidden, as lines that begin with the time.
#[derive(Default)]
struct Hidden {
    lines: Vec<String>,
    number: usize,
}

impl Hidden {
    fn add(&mut self, document: &Map<String, Value>, id: &str) {
        self.number += 1;
        let part = |name: &str| text(document, name).unwrap_or_default();
        let time = text(document, "kibana.alert.original_time").unwrap_or_else(|| part("@timestamp"));
        self.lines.push(format!("  {time} {} {id}", part("host.name")));
        // The earliest are kept, whatever came first; sorting is put off until it pays.
        if self.lines.len() >= 100 * SHOWN {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.lines.sort_unstable();
        self.lines.truncate(SHOWN);
    }

    fn write(mut self, log: &mut dyn Write) -> io::Result<()> {
        self.cut();
        for line in &self.lines {
            writeln!(log, "{}", escape_controls(line))?;
        }
        if self.number > self.lines.len() {
            writeln!(log, "  … and {} more", self.number - self.lines.len())?;
        }
        Ok(())
    }
}

/// Tells which alerts of the rule the item hides. An alert has the fields of its event.
pub(super) fn of_alerts(
    path: &Path,
    item: &SuggestedItem,
    catalogue: &Catalogue,
    log: &mut dyn Write,
) -> io::Result<()> {
    let book = book_of(item, catalogue);
    let condition = Condition::any(book.items().iter().map(|item| item.condition.clone()));
    let (mut all, mut of_rule, mut other_lines) = (0, 0, 0);
    let mut hidden = Hidden::default();
    let mut waiting: Vec<Map<String, Value>> = Vec::new();
    let mut ask = |waiting: &mut Vec<Map<String, Value>>| {
        let mut builder = BatchBuilder::new(catalogue);
        for (at, document) in (1..).zip(waiting.drain(..)) {
            let id = text(&document, "kibana.alert.uuid").unwrap_or_default();
            let place = Place { input: "".into(), record: at, line: None, offset: None };
            let data_stream = DataStream::new("alerts");
            builder.push(Event { id: EventId::given(id), data_stream, document, place });
        }
        let batch = builder.finish();
        for row in 0..batch.len() {
            if evaluate(&condition, &batch, row, catalogue, &mut Vec::new()) {
                let event = batch.event(row);
                hidden.add(&event.document, event.id.as_str());
            }
        }
    };
    for line in open(path)?.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let Ok(document) = serde_json::from_str::<Map<String, Value>>(&line) else {
            other_lines += 1;
            continue;
        };
        all += 1;
        if text(&document, "kibana.alert.rule.rule_id").as_deref() == Some(&item.rule_id) {
            of_rule += 1;
            waiting.push(document);
            if waiting.len() == BATCH_ALERTS {
                ask(&mut waiting);
            }
        }
    }
    ask(&mut waiting);
    writeln!(
        log,
        "of {all} alerts {of_rule} are of this rule, and the exception hides {} of them",
        hidden.number
    )?;
    if other_lines > 0 {
        writeln!(log, "  {other_lines} lines are no JSON objects, and were passed over")?;
    }
    hidden.write(log)
}

/// How events are read.
pub(super) struct Run<'a> {
    pub(super) reading: &'a Reading,
    pub(super) resources: &'a Resources,
    pub(super) normalise: NormaliseOptions,
}

/// Tells which of the events that the rule takes the item hides.
pub(super) fn of_events(
    paths: &[PathBuf],
    rule: Rule,
    item: &SuggestedItem,
    catalogue: &Catalogue,
    run: Run<'_>,
    log: &mut dyn Write,
) -> io::Result<()> {
    let exceptions = book_of(item, catalogue);
    let options = CompileOptions { now: Some(now()) };
    let compiled = compile_rule(&rule, catalogue, &options);
    let book = RuleBook::with_exceptions([(rule, compiled)], Some(&exceptions));
    if let Some((_, state)) = book.rules().find(|(_, state)| **state != RuleState::Ready) {
        let why = match state {
            RuleState::Unsupported(what) => format!("not supported: {what}"),
            RuleState::Failed(_) | RuleState::Ready => "wrong; `watchfire check` says why".to_owned(),
        };
        writeln!(log, "no preview of events: the rule is {why}")?;
        return Ok(());
    }
    let inputs = Inputs::list(paths);
    let progress = Progress::new(inputs.bytes(), "events of the rule");
    let intake = IntakeOptions {
        normalise: run.normalise,
        enrich: run.reading.enriches(),
        threads: run.resources.threads(),
        memory: run.resources.max_memory() / RECORD_SHARE,
        window: run.reading.window()?,
        fields: Some(book.read_fields()),
        timed: false,
        count_unmapped: false,
    };
    let found = Mutex::new((0, Hidden::default()));
    let worker = || Previewing {
        book: &book,
        matcher: book.set().matcher(VALUE_CACHE_BYTES),
        catalogue,
        progress: &progress,
        found: &found,
    };
    let read = read_all(inputs, &intake, catalogue, &progress, worker);
    progress.finish();
    let (_, account) = read?;
    let (taken, hidden) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let summary = crate::intake::InputSummary::new(&account);
    writeln!(
        log,
        "of {} events the rule takes {taken}, and the exception hides {} of them",
        summary.events.searched, hidden.number
    )?;
    if !summary.is_clean() {
        writeln!(log, "  not all of the input could be read; `watchfire scan` says why")?;
    }
    hidden.write(log)
}

struct Previewing<'a> {
    book: &'a RuleBook,
    matcher: Matcher<'a>,
    catalogue: &'a Catalogue,
    progress: &'a Progress,
    found: &'a Mutex<(usize, Hidden)>,
}

impl Worker for Previewing<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        let matches = self.matcher.match_batch(batch, self.catalogue);
        let hidden = self.book.excepted(&matches);
        let taken = self.book.taken(&matches);
        self.progress.found(taken as u64);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.0 += taken;
        for (_, row) in hidden {
            let event = batch.event(row as usize);
            found.1.add(&event.document, event.id.as_str());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_are_shown() {
        let mut hidden = Hidden::default();
        for number in (0..2_000).rev() {
            let document = serde_json::json!({ "@timestamp": format!("{number:05}") });
            hidden.add(document.as_object().expect("an object"), "id");
        }
        let mut shown = Vec::new();
        hidden.write(&mut shown).expect("memory takes all");
        let shown = String::from_utf8(shown).expect("text");
        assert!(shown.starts_with("  00000  id\n  00001"), "{shown}");
        assert!(shown.ends_with("… and 1990 more\n"), "{shown}");
    }
}
