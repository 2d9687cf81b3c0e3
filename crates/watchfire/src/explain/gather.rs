//! The events that are worth an explanation.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use watchfire_events::{Event, EventBatch};
use watchfire_ir::Catalogue;
use watchfire_sources::normalise::NormaliseOptions;

use crate::intake::{InputSummary, Inputs, IntakeOptions, Window, Worker, read_all};
use crate::progress::Progress;
use crate::reading::Reading;

/// Memory that records on their way may take up.
const MEMORY: u64 = 128 << 20;

/// Which events are told of.
#[derive(Clone, Copy, Default)]
pub(super) struct Chosen<'a> {
    /// The one of this number.
    pub(super) number: Option<u64>,
    /// Those whose place ends with this.
    pub(super) place: Option<&'a str>,
}

impl Chosen<'_> {
    fn takes(&self, number: u64, place: &dyn Fn() -> String) -> bool {
        let is_place = |wanted: &str| {
            let own = place();
            own == wanted || own.strip_suffix(wanted).is_some_and(|rest| rest.ends_with(['/', '\\']))
        };
        self.number.is_none_or(|wanted| wanted == number) && self.place.is_none_or(is_place)
    }
}

/// Which events are wanted.
pub(super) struct Wanted<'a> {
    pub(super) chosen: Chosen<'a>,
    /// This many at most: those that are nearest.
    pub(super) most: usize,
    /// Whether they are given in the order of the input, and not the nearest first.
    pub(super) in_order: bool,
}

/// An event and its number in the input, from 1.
pub(super) struct NumberedEvent {
    pub(super) number: u64,
    pub(super) distance: usize,
    pub(super) event: Event,
}

impl NumberedEvent {
    /// Whether it is one of those chosen.
    pub(super) fn is_chosen(&self, chosen: &Chosen<'_>) -> bool {
        chosen.takes(self.number, &|| self.event.place.to_string())
    }
}

/// What was read.
pub(super) struct Gathered {
    /// The nearest ones.
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

    /// The events to tell of where all were taken together: of those chosen the nearest so many, the others being left out.
    pub(super) fn nearest(&mut self, chosen: &Chosen<'_>, most: usize) -> Vec<usize> {
        let events = self.events.iter().enumerate();
        let chosen = events.filter(|(_, event)| event.is_chosen(chosen));
        let mut nearest: Vec<usize> = chosen.map(|(at, _)| at).collect();
        nearest.sort_by_key(|event| (self.events[*event].distance, *event));
        self.left_out += nearest.len().saturating_sub(most) as u64;
        nearest.truncate(most);
        nearest
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

/// Reads events and keeps the nearest ones; they come in the order of distance, and by number among equals, or by number
/// alone.
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
    let options = intake_options(reading, normalise, reading.window()?);
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
        gathered.events.extend(events.map(|((distance, number), event)| NumberedEvent {
            number,
            distance,
            event,
        }));
    }
    if wanted.in_order {
        gathered.events.sort_by_key(|event| event.number);
    }
    Ok(gathered)
}

/// How events are read that are to be numbered: in the order of the input.
pub(super) fn intake_options(
    reading: &Reading,
    normalise: NormaliseOptions,
    window: Window,
) -> IntakeOptions {
    IntakeOptions {
        normalise,
        enrich: reading.enriches(),
        threads: 1,
        memory: MEMORY,
        window,
        fields: None,
        timed: false,
        count_unmapped: false,
    }
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
            if !self.wanted.chosen.takes(self.read, &|| batch.place(row).to_string()) {
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
