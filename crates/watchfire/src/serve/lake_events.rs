//! The lake as where executions find events.

use std::io;
use std::sync::Arc;

use watchfire_detect::ExecutionWindow;
use watchfire_events::{EventBatch, FieldSelection, IndexPatterns, Timestamp, ValueRef};
use watchfire_ir::Catalogue;
use watchfire_lake::{Lake, LakeError, Selection, TableStatistics, TimeField, Window};
use watchfire_state::{EventQuery, LateQuery, LatestTimes, StoredEvents};

/// A lake whose committed events rules are executed over.
pub(super) struct LakeEvents {
    pub(super) lake: Arc<Lake>,
    pub(super) catalogue: Arc<Catalogue>,
}

impl StoredEvents for LakeEvents {
    fn has_stream(&self, patterns: &IndexPatterns) -> io::Result<bool> {
        let streams = self.lake.reader().streams().map_err(failed)?;
        Ok(streams.iter().any(|stream| patterns.select(stream)))
    }

    fn read(
        &self,
        query: &EventQuery<'_>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        // Each data stream is read once, though several patterns select it.
        let streams = self.lake.reader().streams().map_err(failed)?;
        let wanted =
            streams.iter().filter(|stream| query.patterns.iter().any(|patterns| patterns.select(stream)));
        for stream in wanted {
            let selection = Selection {
                patterns: IndexPatterns::new([stream.as_str()]),
                windows: query.window.map(|window| windows(query.times, window)).unwrap_or_default(),
                ..Selection::default()
            };
            self.scan(selection, Some(query.fields), take)?;
        }
        Ok(())
    }

    fn count_late(&self, query: &LateQuery<'_>) -> io::Result<u64> {
        let arrived = ExecutionWindow { from: query.arrived_after.plus_nanos(1), to: query.arrived_until };
        // Files of events that came in time need not be opened for it.
        let lies_before = ExecutionWindow { from: Timestamp::from_millis(i64::MIN), to: query.before };
        let is_by_time = query.time == "@timestamp" && query.fallback.is_none();
        let selection = Selection {
            patterns: query.patterns.clone(),
            windows: vec![window(TimeField::Ingested, arrived)],
            within: is_by_time.then(|| window(TimeField::Timestamp, lies_before)).into_iter().collect(),
            ..Selection::default()
        };
        let times: Vec<&str> = std::iter::once(query.time).chain(query.fallback).collect();
        let mut late = 0;
        self.scan(selection, Some(&Only(&times)), &mut |batch| {
            let time = |name: &str, row: usize| -> Option<Timestamp> {
                let column = batch.column(name)?;
                let values = column.codes(row).iter().map(|code| column.value(*code));
                let instants = values.filter_map(|value| match value {
                    ValueRef::Instant(at) => Some(at),
                    _ => None,
                });
                instants.min()
            };
            let is_late = |row: &usize| {
                times.iter().find_map(|name| time(name, *row)).is_some_and(|at| at < query.before)
            };
            late += (0..batch.len()).filter(is_late).count() as u64;
            Ok(())
        })?;
        Ok(late)
    }

    fn latest(&self) -> io::Result<LatestTimes> {
        let of_micros = |micros: i64| Timestamp::from_nanos(i128::from(micros) * 1_000);
        let tables = self.lake.reader().statistics().map_err(failed)?;
        let of_table = |table: &TableStatistics| {
            // A time of an event can lie in the side column, which has no statistics.
            let is_known = table.diverted_rows == 0 && table.timestamps.is_some();
            LatestTimes {
                arrival: table.ingested.map_or(LatestTimes::NONE.arrival, |(_, last)| of_micros(last)),
                time: table.timestamps.filter(|_| is_known).map(|(_, last)| of_micros(last)),
            }
        };
        let with_events = tables.iter().filter(|table| table.rows > 0);
        Ok(with_events.map(of_table).fold(LatestTimes::NONE, LatestTimes::with))
    }
}

impl LakeEvents {
    fn scan(
        &self,
        selection: Selection,
        fields: Option<&dyn FieldSelection>,
        take: &mut dyn FnMut(&EventBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut scan = self.lake.reader().scan(&*self.catalogue, fields, selection).map_err(failed)?;
        while let Some(batch) = scan.next_batch().map_err(failed)? {
            take(&batch)?;
        }
        scan.finish().map_err(failed)?;
        Ok(())
    }
}

/// The windows of the lake for these times; none if one of them is a time by which the lake knows no order, so that all
/// events are read.
fn windows(times: &[&str], span: ExecutionWindow) -> Vec<Window> {
    let of_time = |name: &&str| match *name {
        "@timestamp" => Some(window(TimeField::Timestamp, span)),
        "event.ingested" => Some(window(TimeField::Ingested, span)),
        _ => None,
    };
    times.iter().map(of_time).collect::<Option<_>>().unwrap_or_default()
}

fn window(by: TimeField, ExecutionWindow { from, to }: ExecutionWindow) -> Window {
    Window { by, from, to }
}

/// Columns of a few fields.
#[derive(Debug)]
struct Only<'f>(&'f [&'f str]);

impl FieldSelection for Only<'_> {
    fn reads(&self, _: &watchfire_events::DataStream, name: &str) -> bool {
        self.0.contains(&name)
    }
}

fn failed(error: LakeError) -> io::Error {
    io::Error::other(error)
}
