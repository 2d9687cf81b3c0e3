//! `--history`: events from before, whose values new-terms rules take as known.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use watchfire_detect::{BatchHits, History, RuleBook};
use watchfire_engine::correlate::StageExtractor;
use watchfire_engine::{Matcher, VALUE_CACHE_BYTES};
use watchfire_events::EventBatch;
use watchfire_ir::Catalogue;

use super::found::Finds;
use crate::intake::{InputSummary, Inputs, IntakeOptions, Window, Worker, read_all};
use crate::progress::Progress;

/// Reads a history, in which only the rules that ask for one are matched; what it says goes to `finds`. `None` if there is
/// no history, or no rule that asks for one.
pub(super) fn read_history(
    paths: &[PathBuf],
    book: &RuleBook,
    catalogue: &Catalogue,
    intake: &IntakeOptions,
    finds: &Mutex<Finds>,
) -> io::Result<Option<InputSummary>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let Some(History { set, extractors, fields }) = book.history() else { return Ok(None) };
    let of = |on_alerts: bool| -> Vec<StageExtractor> {
        let chosen = |(number, extractor): (usize, &StageExtractor)| {
            let is_of = book.reads_alerts(book.correlated(number)) == on_alerts;
            if is_of { extractor.clone() } else { StageExtractor::for_nothing() }
        };
        extractors.iter().enumerate().map(chosen).collect()
    };
    let extractors = [of(false), of(true)];
    let inputs = Inputs::list(paths);
    let progress = Progress::new(inputs.bytes(), "of the history");
    let options = IntakeOptions {
        normalise: intake.normalise.clone(),
        // A history is read as a whole.
        window: Window::default(),
        fields: Some(fields),
        timed: false,
        count_unmapped: false,
        ..*intake
    };
    let worker =
        || Learning { matcher: set.matcher(VALUE_CACHE_BYTES), catalogue, extractors: &extractors, finds };
    let read = read_all(inputs, &options, catalogue, &progress, worker);
    progress.finish();
    Ok(Some(InputSummary::new(&read?.1)))
}

/// Keeps the values of a history.
struct Learning<'a> {
    matcher: Matcher<'a>,
    catalogue: &'a Catalogue,
    /// Of rules on events, and on alerts.
    extractors: &'a [Vec<StageExtractor>; 2],
    finds: &'a Mutex<Finds>,
}

impl Worker for Learning<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        let matches = self.matcher.match_batch(batch, self.catalogue);
        let [hits, on_alerts] =
            self.extractors.each_ref().map(|extractors| BatchHits::new(extractors, batch, &matches));
        let mut finds = self.finds.lock().unwrap_or_else(PoisonError::into_inner);
        finds.hits.push(hits)?;
        finds.hits_on_alerts.push(on_alerts)
    }
}
