//! The rows that a query makes of hits, as what is found.

use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use watchfire_engine::correlate::{KeyValue, Ordinal, Sequence, SequencePlace, StageHit};
use watchfire_esql_events::{EsqlProgram, EsqlRun, is_metadata};
use watchfire_events::{Event, Timestamp};
use watchfire_pipeline::{Answer, Cell};

use crate::correlation::CorrelationCounts;
use crate::detection::{Detection, DetectionFacts, RowFacts, RowOf};
use crate::stored_events::ReadBackError;

/// Reads the event of a hit.
pub(crate) type ReadEvent<'r, T> = dyn FnMut(&T) -> Result<Event, ReadBackError> + 'r;

/// The hits of a query, held until all are there: without the time of an execution, `NOW()` is that of the last event.
pub(crate) struct HeldHits<'c, T> {
    pub(crate) program: &'c EsqlProgram,
    pub(crate) hits: Vec<StageHit<T>>,
    pub(crate) max_held: usize,
    pub(crate) evicted: u64,
}

impl<T: Clone> HeldHits<'_, T> {
    pub(crate) fn push(&mut self, hit: StageHit<T>) {
        if self.hits.len() < self.max_held {
            self.hits.push(hit);
        } else {
            self.evicted += 1;
        }
    }

    /// Runs the query.
    pub(crate) fn finish(
        self,
        found: &mut Vec<Detection<T>>,
        read: &mut ReadEvent<'_, T>,
        counts: &mut CorrelationCounts,
    ) -> io::Result<()> {
        counts.evicted += self.evicted;
        let Some(now) = self.hits.last().map(|hit| hit.ordinal.time) else { return Ok(()) };
        let mut rows = RowsOfEvents::new(self.program, now);
        for hit in self.hits {
            if !rows.push(&hit, read)? {
                break;
            }
        }
        rows.finish(found, counts);
        Ok(())
    }
}

/// A query on its way over hits. Of these it holds those that a row of the answer is of, or may still be of.
pub(crate) struct RowsOfEvents<'c, T> {
    program: &'c EsqlProgram,
    run: EsqlRun<'c>,
    /// By their numbers among the rows of the source.
    kept: FxHashMap<u64, StageHit<T>>,
    keeps_all: bool,
    pushed: u64,
    last: Option<Ordinal>,
    unread: u64,
}

impl<'c, T: Clone> RowsOfEvents<'c, T> {
    /// At its begin, at the time of an execution.
    pub(crate) fn new(program: &'c EsqlProgram, now: Timestamp) -> Self {
        let (run, plan) = (program.begin(now), program.plan());
        Self {
            program,
            run: if plan.keeps_documents() { run.without_columns_of_documents() } else { run },
            kept: FxHashMap::default(),
            keeps_all: plan.holds_source_rows(),
            pushed: 0,
            last: None,
            unread: 0,
        }
    }

    /// Takes the next hit. Tells whether further ones can change the answer.
    pub(crate) fn push(&mut self, hit: &StageHit<T>, read: &mut ReadEvent<'_, T>) -> io::Result<bool> {
        self.last = Some(hit.ordinal.clone());
        let event = match read(&hit.payload) {
            Ok(event) => event,
            Err(ReadBackError::Spill(error)) => return Err(error),
            Err(ReadBackError::Changed(_)) => {
                self.unread += 1;
                return Ok(true);
            }
        };
        let before = self.run.rows();
        let goes_on = self.run.push(&event);
        if self.keeps_all || self.run.rows() > before {
            self.kept.insert(self.pushed, hit.clone());
        }
        self.pushed += 1;
        Ok(goes_on)
    }

    /// Adds what is found.
    pub(crate) fn finish(self, found: &mut Vec<Detection<T>>, counts: &mut CorrelationCounts) {
        counts.unread += self.unread;
        let Some(last) = self.last else { return };
        let answer = self.run.finish();
        counts.not_computed += answer.warnings.list().map(|warning| warning.count).sum::<u64>();
        found.extend(detections(self.program, answer, &self.kept, &last));
    }
}

fn detections<T: Clone>(
    program: &EsqlProgram,
    answer: Answer,
    hits: &FxHashMap<u64, StageHit<T>>,
    last: &Ordinal,
) -> Vec<Detection<T>> {
    let plan = program.plan();
    let keeps_documents = plan.keeps_documents();
    let rows = answer.rows.into_iter().zip(answer.sources);
    rows.map(|(cells, source)| {
        let hit = source.origin.and_then(|number| hits.get(&number));
        let of = match hit {
            None => RowOf::Group,
            Some(_) if keeps_documents => RowOf::Event,
            Some(_) => RowOf::ColumnsOfEvent,
        };
        // What stands in the document anyway is not laid over it.
        let wanted = |name: &str, is_read: bool| !(is_metadata(name) || of == RowOf::Event && is_read);
        let columns = plan.output.iter().zip(cells).filter_map(|(column, cell)| {
            let is_wanted = !cell.is_null() && wanted(&column.name, column.is_read);
            is_wanted.then(|| (Arc::clone(&column.name), cell.to_json()))
        });
        let facts = DetectionFacts::Row(RowFacts { columns: columns.collect(), of });
        let keys = source.identity.iter().map(key).collect();
        let (places, last) = match hit {
            Some(hit) => (vec![SequencePlace::Event(hit.payload.clone())], hit.ordinal.clone()),
            None => (Vec::new(), last.clone()),
        };
        Detection { facts, ..Detection::of_events(Sequence { keys, places, last }) }
    })
    .collect()
}

/// What tells a row apart, as a key.
fn key(cell: &Cell) -> KeyValue {
    match cell {
        Cell::Null => KeyValue::Null,
        Cell::One(value) => KeyValue::Text(value.to_text()),
        Cell::Many(_) => KeyValue::Text(cell.to_json().to_string().into()),
    }
}
