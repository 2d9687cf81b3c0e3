//! The indicator that comes nearest to an event which shares its values with none.

use watchfire_engine::explain::{Explained, distance, explain};
use watchfire_events::{EventBatch, FieldTypes};

use super::build::IndicatorReader;
use super::compile::{IndicatorMatch, MappingEntry};
use super::key::Key;

/// What shares less than this with a value, in thousandths of its characters, is not near to it.
const LEAST_ALIKE: u64 = 500;
const WHOLE: u64 = 1_000;

/// Looks for the indicator that comes nearest to one event.
#[derive(Debug)]
pub struct NearestSearch<'p> {
    program: &'p IndicatorMatch,
    /// The groups that the event has the fields of.
    groups: Vec<Vec<EntryOfEvent<'p>>>,
    best: Option<(Rank, NearestIndicator)>,
}

/// An entry of the mapping, with the event's values as they are compared and as they are written.
#[derive(Debug)]
struct EntryOfEvent<'p> {
    entry: &'p MappingEntry,
    values: Vec<(Key, String)>,
}

/// What decides between two indicators: the entries that do not hold, then what the threat query and the data stream lack, then
/// how little the values are alike, then the place.
type Rank = (usize, usize, u64, String);

/// An indicator, and why it is none for the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearestIndicator {
    /// Where it stands.
    pub place: String,
    /// Entries that hold: the event's field and the value.
    pub shared: Vec<(String, String)>,
    /// Entries that do not.
    pub differing: Vec<DifferingEntry>,
    /// Its data stream, if the rule reads no indicators there.
    pub other_stream: Option<String>,
    /// What it lacks for the threat query, if it lacks anything.
    pub unmet: Option<String>,
}

/// An entry of a mapping that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferingEntry {
    /// The event's field.
    pub event_field: String,
    /// Its value, or the first of several.
    pub event_value: String,
    /// The indicator's field.
    pub indicator_field: String,
    /// Its value; the same as the event's if the entry is negated.
    pub indicator_value: String,
    /// Whether the values must not be the same.
    pub negate: bool,
}

impl<'p> NearestSearch<'p> {
    /// For the event of a batch of one.
    pub fn new(program: &'p IndicatorMatch, event: &EventBatch) -> Self {
        let values = |entry: &MappingEntry| -> Vec<(Key, String)> {
            let column = event.column(&entry.event_field);
            let codes = column.map_or(&[][..], |column| column.codes(0));
            let value = |(code, column): (&u32, Option<&watchfire_events::Column>)| {
                let value = column?.value(*code);
                Some((Key::of(value, entry.ignore_case), value.to_text().into_owned()))
            };
            codes.iter().zip(std::iter::repeat(column)).filter_map(value).collect()
        };
        let with_values = |group: &'p Vec<MappingEntry>| -> Vec<_> {
            group.iter().map(|entry| EntryOfEvent { entry, values: values(entry) }).collect()
        };
        let mut groups: Vec<Vec<_>> = program.groups.iter().map(with_values).collect();
        groups.retain(|group| group.iter().all(|of| of.entry.negate || !of.values.is_empty()));
        Self { program, groups, best: None }
    }

    /// Looks at a batch of indicators. `unmet` says what one lacks for the threat query.
    pub fn batch(
        &mut self,
        batch: &EventBatch,
        types: &dyn FieldTypes,
        unmet: &dyn Fn(&Explained<'_>) -> String,
    ) {
        for row in 0..batch.len() {
            for group in 0..self.groups.len() {
                self.row(group, batch, row, types, unmet);
            }
        }
    }

    fn row(
        &mut self,
        group: usize,
        batch: &EventBatch,
        row: usize,
        types: &dyn FieldTypes,
        unmet: &dyn Fn(&Explained<'_>) -> String,
    ) {
        let (mut shared, mut differing, mut alike) = (Vec::new(), Vec::new(), WHOLE);
        for EntryOfEvent { entry, values } in &self.groups[group] {
            let column = match batch.column(&entry.indicator_field) {
                Some(column) if !column.codes(row).is_empty() => column,
                _ if entry.negate => continue,
                _ => return,
            };
            let codes = column.codes(row);
            let own = || codes.iter().map(|code| column.value(*code));
            let taken = own().find_map(|value| {
                let key = Key::of(value, entry.ignore_case);
                let taken = values.iter().find(|(event, _)| key.takes(event));
                taken.map(|(_, text)| (text.clone(), value.to_text().into_owned()))
            });
            let differs = |event_value: &str, indicator_value: &str| DifferingEntry {
                event_field: entry.event_field.to_string(),
                event_value: event_value.to_owned(),
                indicator_field: entry.indicator_field.to_string(),
                indicator_value: indicator_value.to_owned(),
                negate: entry.negate,
            };
            match taken {
                Some((text, _)) if !entry.negate => shared.push((entry.event_field.to_string(), text)),
                Some((text, of)) => differing.push(differs(&text, &of)),
                None if entry.negate => {}
                None => {
                    let nearest = own()
                        .flat_map(|value| values.iter().map(move |(_, text)| (value, text)))
                        .map(|(value, text)| (likeness(&value.to_text(), text), value, text))
                        .max_by_key(|(alike, ..)| *alike);
                    let Some((of_entry, value, text)) = nearest else { return };
                    alike = alike.min(of_entry);
                    differing.push(differs(text, &value.to_text()));
                }
            }
            if self.best.as_ref().is_some_and(|((least, ..), _)| differing.len() > *least) {
                return;
            }
        }
        // That a value is another one says nothing if neither another value nor its text is the same.
        if shared.is_empty() && alike < LEAST_ALIKE {
            return;
        }
        let stream = batch.stream(row);
        let is_read = stream.as_str() == IndicatorReader::UNNAMED || self.program.patterns.select(stream);
        let turns = distance(&self.program.indicators, batch, row, types) + usize::from(!is_read);
        let rank = (differing.len(), turns, WHOLE - alike, batch.place(row).to_string());
        if self.best.as_ref().is_some_and(|(best, _)| *best <= rank) {
            return;
        }
        let explained = explain(&self.program.indicators, batch, row, types);
        let found = NearestIndicator {
            place: rank.3.clone(),
            shared,
            differing,
            other_stream: (!is_read).then(|| stream.as_str().to_owned()),
            unmet: (!explained.holds).then(|| unmet(&explained)),
        };
        self.best = Some((rank, found));
    }

    /// The nearer one of what this and another search have found.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let best = match (self.best, other.best) {
            (Some(own), Some(of_other)) => Some(if own.0 <= of_other.0 { own } else { of_other }),
            (own, of_other) => own.or(of_other),
        };
        Self { best, ..other }
    }

    /// The nearest indicator, if one is near.
    pub fn finish(self) -> Option<NearestIndicator> {
        self.best.map(|(_, found)| found)
    }
}

/// How much of the longer text is the same from the start and from the end, in thousandths. Case does not count.
fn likeness(a: &str, b: &str) -> u64 {
    let same = |(x, y): &(char, char)| x.eq_ignore_ascii_case(y);
    let (a_length, b_length) = (a.chars().count(), b.chars().count());
    let shorter = a_length.min(b_length);
    let from_start = a.chars().zip(b.chars()).take_while(same).count();
    let from_end = a.chars().rev().zip(b.chars().rev()).take_while(same).count().min(shorter - from_start);
    (from_start + from_end) as u64 * WHOLE / a_length.max(b_length).max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_alike_from_both_ends() {
        assert_eq!(likeness("www.bad.example", "bad.example"), 733);
        assert_eq!(likeness("10.0.0.7", "10.0.0.77"), 888);
        assert_eq!(likeness("abc", "ABC"), 1_000);
        assert_eq!(likeness("aa", "a"), 500);
        assert_eq!(likeness("", ""), 0);
        assert!(likeness("192.0.2.1", "203.0.113.77") < LEAST_ALIKE);
    }
}
