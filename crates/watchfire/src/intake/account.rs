//! The account of the input: every file, record and event in a counted state (design, promise 3).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use watchfire_engine::Coverage;
#[cfg(feature = "lake")]
use watchfire_events::DataStream;
use watchfire_events::{EventBatch, Place};
#[cfg(feature = "lake")]
use watchfire_lake::Considered;
use watchfire_sources::decode::FileReport;
use watchfire_sources::normalise::{KnowledgeSize, Normalised};

/// Places of rejected records that are kept; the others are in the counts only.
const KEPT_PLACES: usize = 20;

/// What was read, and what became of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// Files, members of archives not counted.
    pub(crate) files: u64,
    /// What was not read, or not to its end, in the order of the names.
    pub(crate) problems: Vec<FileReport>,
    /// Records read: normalised or rejected.
    pub(crate) records: u64,
    /// Records that became events.
    pub(crate) normalised: u64,
    /// Records that did not, by reason.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// The first places of rejected records, with the reason.
    pub(crate) places: BTreeSet<(Place, String)>,
    /// Events outside the time that was asked for, or without any time where one was asked for.
    pub(crate) outside_window: u64,
    /// Events without a time.
    pub(crate) without_time: u64,
    pub(crate) without_year: u64,
    /// Events of no known source.
    pub(crate) unrecognised: u64,
    /// By field, values that do not fit its type, and so cannot be found by it.
    pub(crate) misfits: BTreeMap<String, u64>,
    /// By raw field, the events in which no mapping reads it; counted only where this is asked for.
    pub(crate) unmapped: BTreeMap<String, u64>,
    /// What the events have.
    pub(crate) coverage: Coverage,
    /// What records told of others, if any did.
    pub(crate) known: Option<KnowledgeSize>,
    /// Where the time went, of all threads together.
    pub(crate) times: InputTimes,
}

/// Times of what is done with records; nought where they are not taken.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InputTimes {
    /// Mapping records to fields.
    pub(crate) normalising: Duration,
    /// Putting fields into columns.
    pub(crate) columns: Duration,
}

impl Account {
    pub(super) fn new(files: u64, reports: Vec<FileReport>) -> Self {
        let mut account = Self { files, ..Self::default() };
        account.reports(reports);
        account
    }

    /// Records that could not be used.
    pub(crate) fn rejections(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Events that were searched.
    pub(crate) fn searched(&self) -> u64 {
        self.normalised - self.outside_window
    }

    pub(super) fn record(&mut self) {
        self.records += 1;
    }

    pub(super) fn reject(&mut self, place: &Place, reason: String) {
        *self.rejected.entry(reason.clone()).or_default() += 1;
        self.places.insert((place.clone(), reason));
        if self.places.len() > KEPT_PLACES {
            self.places.pop_last();
        }
    }

    pub(super) fn year_taken(&mut self) {
        self.without_year += 1;
    }

    pub(super) fn normalised(&mut self, has_time: bool, is_unrecognised: bool, inside: bool) {
        self.normalised += 1;
        self.outside_window += u64::from(!inside);
        self.without_time += u64::from(!has_time);
        self.unrecognised += u64::from(is_unrecognised);
    }

    pub(super) fn unmapped(&mut self, normalised: &Normalised) {
        for field in normalised.unmapped() {
            *self.unmapped.entry(field).or_default() += 1;
        }
    }

    pub(super) fn batch(&mut self, batch: &EventBatch) {
        self.coverage.add(batch);
        self.misfits(batch);
    }

    /// The values of a batch that do not fit their fields.
    pub(super) fn misfits(&mut self, batch: &EventBatch) {
        for (field, number) in batch.misfits() {
            *self.misfits.entry(field.to_string()).or_default() += number;
        }
    }

    /// Events of a data stream that were normalised before, with the fields that they have.
    #[cfg(feature = "lake")]
    pub(super) fn stored(&mut self, stream: &DataStream, events: u64, fields: &BTreeSet<String>) {
        self.records += events;
        self.normalised += events;
        self.coverage.add_stream(stream, events, fields.iter().map(String::as_str));
    }

    /// That of a lake alone: its events by data stream, with the fields that they have, and the values that are none of their
    /// fields.
    #[cfg(feature = "lake")]
    pub(crate) fn of_lake(
        considered: &BTreeMap<DataStream, Considered>,
        misfits: &BTreeMap<String, u64>,
    ) -> Self {
        let mut account = Self { misfits: misfits.clone(), ..Self::default() };
        for (stream, considered) in considered {
            account.stored(stream, considered.rows, &considered.fields);
        }
        account
    }

    pub(super) fn reports(&mut self, reports: Vec<FileReport>) {
        self.problems.extend(reports.into_iter().filter(|report| report.problem.is_some()));
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.problems.extend(other.problems);
        self.records += other.records;
        self.normalised += other.normalised;
        for (reason, number) in other.rejected {
            *self.rejected.entry(reason).or_default() += number;
        }
        self.places.extend(other.places);
        while self.places.len() > KEPT_PLACES {
            self.places.pop_last();
        }
        self.outside_window += other.outside_window;
        self.without_time += other.without_time;
        self.without_year += other.without_year;
        self.unrecognised += other.unrecognised;
        for (field, number) in other.misfits {
            *self.misfits.entry(field).or_default() += number;
        }
        for (field, number) in other.unmapped {
            *self.unmapped.entry(field).or_default() += number;
        }
        self.coverage.merge(other.coverage);
        self.times.normalising += other.times.normalising;
        self.times.columns += other.times.columns;
    }

    /// Brings what was gathered into the order that does not depend on threads.
    pub(super) fn settle(&mut self) {
        self.problems.sort_by(|a, b| (&a.name, a.format, &a.problem).cmp(&(&b.name, b.format, &b.problem)));
    }
}
