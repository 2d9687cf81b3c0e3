//! The events that are worth an explanation.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_events::{Event, EventBatch};
use watchfire_ir::Catalogue;
use watchfire_sources::normalise::NormaliseOptions;

use crate::intake::{InputSummary, Inputs, IntakeOptions, Worker, read_all};
use crate::progress::Progress;
use crate::reading::Reading;

/// Memory that records on their way may take up.
const MEMORY: u64 = 128 << 20;

/// Which events are wanted.
pub(super) struct Wanted<'a> {
    /// The one of this number.
    pub(super) number: Option<u64>,
    /// Those whose place ends with this.
    pub(super) place: Option<&'a str>,
    /// This many at most: those that are nearest.
    pub(super) most: usize,
}

/// An event and its number in the input, from 1.
pub(super) struct NumberedEvent {
    pub(super) number: u64,
    pub(super) event: Event,
}

/// What was read.
pub(super) struct Gathered {
    /// The nearest ones. If all are taken together, in the order of the input.
    pub(super) events: Vec<NumberedEvent>,
    /// Events that are wanted, but farther off than the ones kept.
    pub(super) left_out: u64,
    /// Of all wanted ones, those that fire or fill a stage.
    pub(super) hits: u64,
    summary: InputSummary,
}

impl Gathered {
    /// The events alone.
    pub(super) fn documents(&self) -> Vec<Event> {
        self.events.iter().map(|gathered| gathered.event.clone()).collect()
    }

    /// Says what there is to say about the input; whether all of it could be used.
    pub(super) fn tell_input(&self, log: &mut dyn Write) -> io::Result<bool> {
        let clean = self.summary.is_clean();
        if !clean {
            self.summary.write(log)?;
        }
        if self.events.is_empty() {
            writeln!(log, "there is no such event: {} were read", self.summary.events.searched)?;
        }
        Ok(clean)
    }
}

/// How far off an event is: 0 if it does what is asked.
pub(super) type Distance<'a> = dyn Fn(&EventBatch, usize) -> usize + Sync + 'a;

/// Reads events and keeps the nearest ones; they come in the order of distance if fewer are kept than there are, and by
/// number among equals.
pub(super) fn gather(
    paths: &[PathBuf],
    reading: &Reading,
    normalise: NormaliseOptions,
    catalogue: &Catalogue,
    wanted: &Wanted<'_>,
    distance: &Distance<'_>,
) -> io::Result<Gathered> {
    let inputs = Inputs::list(paths);
    let progress = Progress::new(inputs.bytes(), "near");
    let options = IntakeOptions {
        normalise,
        enrich: reading.enriches(),
        // The numbers of events are those of the input.
        threads: 1,
        memory: MEMORY,
        window: reading.window()?,
        fields: None,
        timed: false,
        count_unmapped: false,
    };
    let worker = || Nearest { wanted, distance, read: 0, hits: 0, left_out: 0, kept: BTreeMap::new() };
    let read = read_all(inputs, &options, catalogue, &progress, worker);
    progress.finish();
    let (workers, account) = read?;
    let mut gathered =
        Gathered { events: Vec::new(), left_out: 0, hits: 0, summary: InputSummary::new(&account) };
    for worker in workers {
        gathered.left_out += worker.left_out;
        gathered.hits += worker.hits;
        let events = worker.kept.into_iter();
        gathered.events.extend(events.map(|((_, number), event)| NumberedEvent { number, event }));
    }
    Ok(gathered)
}

struct Nearest<'a> {
    wanted: &'a Wanted<'a>,
    distance: &'a Distance<'a>,
    read: u64,
    hits: u64,
    left_out: u64,
    /// By distance and number.
    kept: BTreeMap<(usize, u64), Event>,
}

impl Worker for Nearest<'_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        for row in 0..batch.len() {
            self.read += 1;
            let is_place = |place: &str| {
                let own = batch.place(row).to_string();
                own == place || own.strip_suffix(place).is_some_and(|rest| rest.ends_with(['/', '\\']))
            };
            let is_wanted = self.wanted.number.is_none_or(|number| number == self.read)
                && self.wanted.place.is_none_or(is_place);
            if !is_wanted {
                continue;
            }
            let distance = (self.distance)(batch, row);
            self.hits += u64::from(distance == 0);
            let key = (distance, self.read);
            let is_full = self.kept.len() >= self.wanted.most;
            if is_full {
                self.left_out += 1;
                if self.kept.last_key_value().is_none_or(|(last, _)| *last <= key) {
                    continue;
                }
                self.kept.pop_last();
            }
            self.kept.insert(key, batch.event(row).clone());
        }
        Ok(())
    }
}
