//! The hits of correlations from all over the input, put into order on disk and joined at the end.
//!
//! ```text
//! EventBatch, Matches ──► BatchHits ──► HitSpill ─┬─ SortedSpill: correlation, then feeding order ─┐
//!                        (any thread)             └─ StoredEvents: each event of a hit once        │
//!                                                          │                  sorted, numbered     ▼
//!                                       results, their events read back ◄─────────────────── Joining
//! ```
//!
//! The position of an event is its place: input by name, then record. So neither threads, nor batches, nor the order in
//! which inputs are named show in what is found; among events of equal time those of one file follow each other as they
//! stand in it. An event that was read twice, by its id, counts once.
//!
//! *Rejected:* keeping documents with the hits: an event of a common stage is a hit of many rules.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::ops::Range;

use sha2::{Digest, Sha256};
use watchfire_engine::Matches;
use watchfire_engine::correlate::{Extraction, HitStage, SortableHit, StageExtractor, write_position};
use watchfire_events::{Document, Event, EventBatch, Place, RowEvent, Timestamp};

use crate::correlation::{Correlation, CorrelationCounts, Joining};
use crate::detection::Detection;
use crate::schedule::{ExecutionPlan, Executions};
use crate::sorted_spill::{SortedEntries, SortedSpill, SpillMark, damaged_spill};
use crate::stored_events::{BatchEvents, EventReader, EventRef, ReadBackError, StoredEvents};
use crate::suppression::{Suppression, Suppressor};

/// The part of the memory for events that are kept to be read again: one in this many. The rest is for the hits.
const EVENT_SHARE: u64 = 4;

/// The hits of one batch.
#[derive(Debug)]
pub struct BatchHits {
    /// For each hit the number of the correlation and the hit, as bytes that sort, one behind the other.
    keys: Vec<u8>,
    /// Where the bytes of each hit end, and which of the batch's stored events it is of.
    entries: Vec<(usize, usize)>,
    /// What tells apart the stored events.
    identities: Vec<Vec<u8>>,
    events: BatchEvents,
    extracted: Vec<Extraction>,
    /// The correlations that have hits, each with the stages.
    stages: BTreeSet<(usize, HitStage)>,
}

impl BatchHits {
    /// What the matcher found in a batch for correlations, by their extractors.
    pub fn new<'e>(
        extractors: impl IntoIterator<Item = &'e StageExtractor>,
        batch: &EventBatch,
        matches: &Matches,
    ) -> Self {
        let mut of_batch = Self {
            keys: Vec::new(),
            entries: Vec::new(),
            identities: Vec::new(),
            events: BatchEvents::default(),
            extracted: Vec::new(),
            stages: BTreeSet::new(),
        };
        let mut stored: Vec<Option<usize>> = vec![None; batch.len()];
        let mut positions = Positions::of(batch);
        for (number, extractor) in extractors.into_iter().enumerate() {
            let mut last_stage = None;
            let hit = |row: usize, stage: HitStage, hit: &[u8]| {
                // Those of one stage follow each other.
                if last_stage.replace(stage) != Some(stage) {
                    of_batch.stages.insert((number, stage));
                }
                let event = *stored[row].get_or_insert_with(|| {
                    of_batch.events.push(batch.row_event(row));
                    of_batch.identities.push(row_identity(batch.row_event(row)));
                    of_batch.identities.len() - 1
                });
                of_batch.keys.extend((number as u32).to_be_bytes());
                of_batch.keys.extend_from_slice(hit);
                of_batch.entries.push((of_batch.keys.len(), event));
            };
            let extracted =
                extractor.extract_ordered(batch, matches, |row, out| positions.write(row, out), hit);
            of_batch.extracted.push(extracted);
        }
        of_batch.events.close();
        of_batch
    }
}

/// The bytes of the positions of a batch's events: those of an event are made once, however many hits it gives.
struct Positions<'b> {
    batch: &'b EventBatch,
    bytes: Vec<u8>,
    /// By row where its bytes are; none have been made yet if there are none.
    by_row: Vec<Range<usize>>,
}

impl<'b> Positions<'b> {
    fn of(batch: &'b EventBatch) -> Self {
        Self { batch, bytes: Vec::new(), by_row: vec![0..0; batch.len()] }
    }

    fn write(&mut self, row: usize, out: &mut Vec<u8>) {
        if self.by_row[row].is_empty() {
            let place = self.batch.place(row);
            let start = self.bytes.len();
            write_position(&position_parts(place, &place.record.to_be_bytes()), &mut self.bytes);
            self.by_row[row] = start..self.bytes.len();
        }
        out.extend_from_slice(&self.bytes[self.by_row[row].clone()]);
    }
}

/// What the identity of an event begins with that has its place for an id, and of one that has an id.
const BY_PLACE: u8 = b'p';
const BY_ID: u8 = b'i';

/// What is kept with a hit to know its event again. An event that is not made yet has no id of its own: it is known by
/// the place of its record, of which the position has the rest. So its document need not be hashed.
fn row_identity(event: RowEvent<'_>) -> Vec<u8> {
    match event {
        RowEvent::Kept(event) => [&[BY_ID], event_identity(event).as_slice()].concat(),
        RowEvent::Deferred(deferred, number) => {
            let Place { line, offset, .. } = deferred.place(number);
            let mut identity = vec![BY_PLACE];
            [line, offset].into_iter().for_each(|at| identity.extend(at.unwrap_or_default().to_be_bytes()));
            identity
        }
    }
}

/// Bytes that sort events as they stand in the input: by the name of the file, then by record.
pub fn event_position(place: &Place) -> Vec<u8> {
    position_parts(place, &place.record.to_be_bytes()).concat()
}

fn position_parts<'p>(place: &'p Place, record: &'p [u8; 8]) -> [&'p [u8]; 2] {
    [place.input.as_bytes(), record]
}

/// What an event is known by, wherever it was read: its data stream and id.
pub fn event_identity(event: &Event) -> Vec<u8> {
    [event.data_stream.as_str().as_bytes(), event.id.as_str().as_bytes()].join(&0)
}

/// What takes results: the number of the correlation, each result, and what reads its events.
pub type OnResult<'a> = dyn FnMut(usize, &Detection<EventRef>, &mut EventReader<'_>) -> io::Result<()> + 'a;

/// What takes several results at a time, each with the number of its correlation, and what reads their events: one for
/// each thread.
pub type OnResults<'a> =
    dyn FnMut(&[(usize, Detection<EventRef>)], &mut [EventReader<'_>]) -> io::Result<()> + 'a;

/// Events of the results that are handed over together: enough for several threads to share, and for results of several
/// rules on the same events to come together.
const PART_EVENTS: usize = 16_384;

/// The hits of all batches.
#[derive(Debug)]
pub struct HitSpill {
    hits: SortedSpill,
    events: StoredEvents,
    extracted: Vec<Extraction>,
    stages: BTreeSet<(usize, HitStage)>,
}

/// What became of a correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorrelationAccount {
    /// Rows that satisfied a stage, and what became of them.
    pub extracted: Extraction,
    /// Events that had been read before, which take part only once. None are counted where nothing is joined, since a
    /// stage has no hit.
    pub repeated: u64,
    /// What was found, and what was given up for want of room.
    pub counts: CorrelationCounts,
}

impl HitSpill {
    /// An empty one for so many correlations. It keeps at most about so many bytes in memory.
    pub fn new(correlations: usize, memory: u64) -> Self {
        let events = memory / EVENT_SHARE;
        Self {
            hits: SortedSpill::new((memory - events) as usize),
            events: StoredEvents::new(events),
            extracted: vec![Extraction::default(); correlations],
            stages: BTreeSet::new(),
        }
    }

    /// Adds the hits of a batch.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn push(&mut self, batch: BatchHits) -> io::Result<()> {
        let refs = self.events.append(batch.events)?;
        for (sum, extracted) in self.extracted.iter_mut().zip(batch.extracted) {
            *sum += extracted;
        }
        self.stages.extend(batch.stages);
        let mut start = 0;
        for (end, event) in batch.entries {
            let key = &batch.keys[start..end];
            self.hits.push_parts(key, [&refs[event].to_bytes(), &batch.identities[event]])?;
            start = end;
        }
        Ok(())
    }

    /// Joins the hits of one correlation after the other, within so many bytes. Most correlations of a large set are
    /// left aside: some stage of theirs never occurred.
    ///
    /// # Errors
    /// If a temporary file cannot be read, and what `found` returns.
    pub fn join(
        self,
        correlations: &[&Correlation],
        memory: u64,
        found: &mut OnResult<'_>,
    ) -> io::Result<Vec<CorrelationAccount>> {
        self.join_all(correlations, None, memory, 1, &mut |results, readers| {
            results.iter().try_for_each(|(number, result)| found(*number, result, &mut readers[0]))
        })
    }

    /// Runs the executions that are wanted of each correlation that a schedule executes, and of no other. Nothing is
    /// suppressed or held back. Results come by correlation and then by execution.
    ///
    /// # Errors
    /// If a temporary file cannot be read, and what `found` returns.
    pub fn execute(
        self,
        correlations: &[&Correlation],
        plans: &[Option<ExecutionPlan>],
        memory: u64,
        found: &mut OnResult<'_>,
    ) -> io::Result<Vec<CorrelationAccount>> {
        self.join_all(correlations, Some(plans), memory, 1, &mut |results, readers| {
            results.iter().try_for_each(|(number, result)| found(*number, result, &mut readers[0]))
        })
    }

    /// As [`Self::join`], with several results at a time and as many readers of events as there are threads. Results come
    /// in the same order, whatever their number is.
    ///
    /// # Errors
    /// If a temporary file cannot be read, and what `found` returns.
    pub fn join_in_parts(
        self,
        correlations: &[&Correlation],
        memory: u64,
        threads: usize,
        found: &mut OnResults<'_>,
    ) -> io::Result<Vec<CorrelationAccount>> {
        self.join_all(correlations, None, memory, threads, found)
    }

    fn join_all(
        self,
        correlations: &[&Correlation],
        plans: Option<&[Option<ExecutionPlan>]>,
        memory: u64,
        threads: usize,
        found: &mut OnResults<'_>,
    ) -> io::Result<Vec<CorrelationAccount>> {
        let hits = self.hits.finish_with(wanted(&self.stages, correlations, plans))?;
        join_hits(hits, &self.events, self.extracted, (correlations, plans), (memory, threads), found)
    }

    /// As [`Self::join_in_parts`], of what has been given to it so far; more can be given to it then.
    ///
    /// # Errors
    /// If a temporary file cannot be used, and what `found` returns.
    pub fn join_so_far(
        &mut self,
        correlations: &[&Correlation],
        memory: u64,
        threads: usize,
        found: &mut OnResults<'_>,
    ) -> io::Result<Vec<CorrelationAccount>> {
        let hits = self.hits.so_far(wanted(&self.stages, correlations, None))?;
        let extracted = self.extracted.clone();
        join_hits(hits, &self.events, extracted, (correlations, None), (memory, threads), found)
    }

    /// The number of hits given to it so far.
    pub fn pushed(&self) -> u64 {
        self.hits.pushed()
    }

    /// Remembers what has been given to it so far, to come back to.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn mark(&mut self) -> io::Result<HitMark> {
        let hits = self.hits.mark()?;
        Ok(HitMark { hits, extracted: self.extracted.clone(), stages: self.stages.clone() })
    }

    /// Takes away what was given to it behind a mark.
    pub fn return_to(&mut self, mark: &HitMark) {
        self.hits.return_to(mark.hits);
        self.extracted.clone_from(&mark.extracted);
        self.stages.clone_from(&mark.stages);
    }
}

/// What a [`HitSpill`] held at some time.
#[derive(Clone, Debug)]
pub struct HitMark {
    hits: SpillMark,
    extracted: Vec<Extraction>,
    stages: BTreeSet<(usize, HitStage)>,
}

/// Which keys of hits are of a correlation that is to be joined, and of which all necessary stages occur.
fn wanted(
    stages: &BTreeSet<(usize, HitStage)>,
    correlations: &[&Correlation],
    plans: Option<&[Option<ExecutionPlan>]>,
) -> impl Fn(&[u8]) -> bool + Send + 'static {
    let is_wanted: Vec<bool> = (0..correlations.len())
        .map(|at| {
            correlations[at].necessary_stages().all(|stage| stages.contains(&(at, stage)))
                && plans.is_none_or(|plans| plans[at].is_some())
        })
        .collect();
    // What cannot be read is found to be damaged where it is joined.
    move |key| number_of(key).is_none_or(|at| is_wanted.get(at).is_none_or(|all| *all))
}

fn join_hits(
    mut hits: SortedEntries,
    events: &StoredEvents,
    extracted: Vec<Extraction>,
    (correlations, plans): (&[&Correlation], Option<&[Option<ExecutionPlan>]>),
    (memory, threads): (u64, usize),
    found: &mut OnResults<'_>,
) -> io::Result<Vec<CorrelationAccount>> {
    let mut accounts: Vec<CorrelationAccount> = extracted
        .into_iter()
        .map(|extracted| CorrelationAccount { extracted, ..CorrelationAccount::default() })
        .collect();
    let mut readers = events.readers(threads.max(1));
    let mut part: Vec<(usize, Detection<EventRef>)> = Vec::new();
    let mut part_events = 0;
    let mut next = hits.next_entry()?;
    while let Some(at) = next.as_ref().and_then(|(key, _)| number_of(key)) {
        let account = accounts.get_mut(at).ok_or_else(damaged_spill)?;
        let correlation = *correlations.get(at).ok_or_else(damaged_spill)?;
        let mut give = |detections: &mut Vec<Detection<EventRef>>, readers: &mut [EventReader<'_>]| {
            for detection in detections.drain(..) {
                part_events += detection.sequence.places.len();
                part.push((at, detection));
                if part_events >= PART_EVENTS {
                    part_events = 0;
                    found(&std::mem::take(&mut part), readers)?;
                }
            }
            Ok::<_, io::Error>(())
        };
        let mut joining: Joining<'_, EventRef> = correlation.begin(memory);
        let suppression = correlation.suppression().filter(|_| plans.is_none());
        let mut suppressor = suppression.map(Suppressor::new);
        let needs_documents = correlation.suppression().is_some_and(Suppression::needs_documents);
        let (mut detections, mut alerts) = (Vec::new(), Vec::new());
        let mut suppress = |detections: &mut Vec<Detection<EventRef>>, readers: &mut [EventReader<'_>]| {
            let Some(suppressor) = &mut suppressor else { return give(detections, readers) };
            for detection in detections.drain(..) {
                let document = if needs_documents {
                    match readers[0].places(&detection.sequence) {
                        Ok(places) => detection.document(&places),
                        Err(ReadBackError::Spill(error)) => return Err(error),
                        Err(ReadBackError::Changed(_)) => {
                            // Nobody knows its group. Who makes its alert meets the same record, and misses it.
                            alerts.push(detection);
                            give(&mut alerts, readers)?;
                            continue;
                        }
                    }
                } else {
                    Document::new()
                };
                alerts.extend(suppressor.take(detection, &document));
                give(&mut alerts, readers)?;
            }
            Ok(())
        };
        let plan = plans.and_then(|plans| plans[at].as_ref());
        let mut executions =
            correlation.schedule().map(|schedule| Executions::new(schedule, correlation, plan, memory));
        let mut numbering = Numbering::default();
        while let Some((key, payload)) = next.take_if(|(key, _)| number_of(key) == Some(at)) {
            let hit = SortableHit::read(&key[NUMBER..]).ok_or_else(damaged_spill)?;
            let (event, identity) = payload.split_first_chunk().ok_or_else(damaged_spill)?;
            if let Some(arrival) = numbering.number(&hit, identity) {
                let hit = hit.into_hit(arrival, EventRef::from_bytes(*event));
                match &mut executions {
                    Some(executions) => executions.push(hit),
                    None => joining.push(hit, &mut detections)?,
                }
                suppress(&mut detections, &mut readers)?;
            }
            next = hits.next_entry()?;
        }
        account.repeated = numbering.repeated;
        account.counts = match executions {
            Some(executions) => executions.run(&mut readers[0], &mut detections)?,
            None => {
                let reader = &mut readers[0];
                joining.finish(&mut detections, &mut |event| reader.get(*event))?
            }
        };
        suppress(&mut detections, &mut readers)?;
        if let Some(suppressor) = suppressor {
            let result = suppressor.finish();
            detections.extend(result.alerts);
            account.counts.suppressed = result.suppressed;
            account.counts.groups_left_out = result.left_out;
            give(&mut detections, &mut readers)?;
        }
    }
    if !part.is_empty() {
        found(&part, &mut readers)?;
    }
    Ok(accounts)
}

/// Bytes of the number of a correlation in front of the bytes of a hit.
const NUMBER: usize = size_of::<u32>();

/// The number of the correlation that the key of a hit begins with.
fn number_of(key: &[u8]) -> Option<usize> {
    Some(u32::from_be_bytes(*key.first_chunk::<NUMBER>()?) as usize)
}

/// Knows events again that come by in order of time: an event has the same time wherever it was read.
#[derive(Debug, Default)]
pub struct FirstReadings {
    time: Option<[u8; 16]>,
    /// The identity of the first event of the present time: of most times there is only one.
    first: Vec<u8>,
    /// What the identities of the others come to, and that of the first. All events of a sample count as of one time; so
    /// there can be many, and not the texts themselves are kept.
    seen: HashSet<[u8; 16]>,
}

impl FirstReadings {
    /// Whether an event is there for the first time. Events come in the order of these bytes, which stand for a time.
    pub fn is_first(&mut self, time: [u8; 16], identity: &[u8]) -> bool {
        if self.time.replace(time) != Some(time) {
            self.seen.clear();
            self.first.clear();
            self.first.extend_from_slice(identity);
            return true;
        }
        if self.seen.is_empty() {
            self.seen.extend(short_digest(&self.first));
        }
        short_digest(identity).is_none_or(|digest| self.seen.insert(digest))
    }
}

fn short_digest(identity: &[u8]) -> Option<[u8; 16]> {
    Sha256::digest(identity).first_chunk().copied()
}

/// Numbers events as their hits come by in order.
#[derive(Default)]
struct Numbering {
    /// The time and position of the present event.
    present: Option<(Timestamp, Vec<u8>)>,
    number: Option<u64>,
    next: u64,
    /// Events that had been there before.
    repeated: u64,
    readings: FirstReadings,
}

impl Numbering {
    /// The number of a hit's event; `None` if the event has been there.
    fn number(&mut self, hit: &SortableHit, identity: &[u8]) -> Option<u64> {
        let is_same = |(time, position): &(_, _)| *time == hit.time && *position == hit.position;
        if self.present.as_ref().is_some_and(is_same) {
            return self.number;
        }
        let of_place;
        let identity = if identity.first() == Some(&BY_PLACE) {
            of_place = [identity, &hit.position].concat();
            &of_place
        } else {
            identity
        };
        let is_first = self.readings.is_first(hit.time.to_ordered_bytes(), identity);
        self.number = is_first.then_some(self.next);
        self.next += u64::from(is_first);
        self.repeated += u64::from(!is_first);
        self.present = Some((hit.time, hit.position.clone()));
        self.number
    }
}
