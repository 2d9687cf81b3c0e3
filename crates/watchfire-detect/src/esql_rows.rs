//! The rows that a query makes of hits, as what is found.

use std::io;
use std::sync::Arc;

use watchfire_engine::correlate::{KeyValue, Ordinal, Sequence, SequencePlace, StageHit};
use watchfire_events::{Event, Timestamp};
use watchfire_pipeline::{Answer, Cell};

use super::EsqlProgram;
use crate::correlation::CorrelationCounts;
use crate::detection::{Detection, DetectionFacts, RowFacts, RowOf};
use crate::stored_events::ReadBackError;

/// Reads the event of a hit.
pub(crate) type ReadEvent<'r, T> = dyn FnMut(&T) -> Result<Event, ReadBackError> + 'r;

/// The hits of a query, held until all are there.
pub(crate) struct RowsOfEvents<'c, T> {
    pub(crate) program: &'c EsqlProgram,
    pub(crate) hits: Vec<StageHit<T>>,
    pub(crate) max_held: usize,
    pub(crate) evicted: u64,
}

impl<T: Clone> RowsOfEvents<'_, T> {
    pub(crate) fn push(&mut self, hit: StageHit<T>) {
        if self.hits.len() < self.max_held {
            self.hits.push(hit);
        } else {
            self.evicted += 1;
        }
    }

    /// Runs the query. Without the time of an execution, `NOW()` is that of the last event.
    pub(crate) fn finish(
        self,
        found: &mut Vec<Detection<T>>,
        now: Option<Timestamp>,
        read: &mut ReadEvent<'_, T>,
        counts: &mut CorrelationCounts,
    ) -> io::Result<()> {
        counts.evicted += self.evicted;
        let Some(last) = self.hits.last().map(|hit| hit.ordinal.clone()) else { return Ok(()) };
        let mut run = self.program.begin(now.unwrap_or(last.time));
        let mut hits = Vec::new();
        for hit in self.hits {
            let event = match read(&hit.payload) {
                Ok(event) => event,
                Err(ReadBackError::Spill(error)) => return Err(error),
                Err(ReadBackError::Changed(_)) => {
                    counts.unread += 1;
                    continue;
                }
            };
            let goes_on = run.push(&event);
            hits.push(hit);
            if !goes_on {
                break;
            }
        }
        let answer = run.finish();
        counts.not_computed += answer.warnings.list().map(|warning| warning.count).sum::<u64>();
        found.extend(detections(self.program, answer, &hits, &last));
        Ok(())
    }
}

fn detections<T: Clone>(
    program: &EsqlProgram,
    answer: Answer,
    hits: &[StageHit<T>],
    last: &Ordinal,
) -> Vec<Detection<T>> {
    let plan = program.plan();
    let keeps_id = plan.column("_id").is_some_and(|column| column.is_read);
    let rows = answer.rows.into_iter().zip(answer.sources);
    rows.map(|(cells, source)| {
        let hit = source.origin.and_then(|number| hits.get(usize::try_from(number).ok()?));
        let of = match hit {
            None => RowOf::Group,
            Some(_) if keeps_id => RowOf::Event,
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

fn is_metadata(name: &str) -> bool {
    watchfire_pipeline::METADATA.iter().any(|(metadata, _)| *metadata == name)
}

/// What tells a row apart, as a key.
fn key(cell: &Cell) -> KeyValue {
    match cell {
        Cell::Null => KeyValue::Null,
        Cell::One(value) => KeyValue::Text(value.to_text()),
        Cell::Many(_) => KeyValue::Text(cell.to_json().to_string().into()),
    }
}
