//! Alerts between the pass over the input and the output: in order, in bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use watchfire_detect::{
    Alert, AlertBuilder, AlertGroup, BatchHits, CorrelationAccount, EventReader, EventRef, HitSpill,
    IndicatorMatcher, RuleBook, SortedSpill, damaged_spill,
};
use watchfire_engine::correlate::{Sequence, SequencePlace};
use watchfire_engine::{Matcher, RuleIndex};
use watchfire_events::{EventBatch, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_rules::model::Severity;

use super::profile::{Stage, WorkerTimes};
use crate::intake::Worker;
use crate::parallel::map_in_order_with;
use crate::progress::Progress;

/// An alert as it is kept until it is written, with the alerts behind it.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    /// The rule.
    pub(super) rule: RuleIndex,
    /// Severity after overrides.
    pub(crate) severity: Severity,
    /// The alert.
    pub(crate) alert: FoundAlert,
    /// The alerts on the places of a sequence or sample, in order.
    pub(crate) blocks: Vec<FoundAlert>,
}

/// The document of an alert, and what a line about it begins with.
#[derive(Debug, PartialEq)]
pub(crate) struct FoundAlert {
    /// The time of its event, if it has one; of a sequence, that of the last event.
    pub(crate) time: Option<Timestamp>,
    /// `host.name`, or nothing.
    pub(crate) host: String,
    /// The document as JSON text.
    pub(super) document: Vec<u8>,
}

impl FoundAlert {
    /// An alert at this time.
    fn new(alert: Alert, time: Option<Timestamp>) -> Self {
        Self { time, host: alert.host, document: alert.document }
    }

    /// Writes the document as a line.
    pub(crate) fn write_line(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.document)?;
        out.write_all(b"\n")
    }

    /// The document as a map.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.document).unwrap_or_default()
    }
}

impl Found {
    /// The alert on one event.
    fn of_event(rule: RuleIndex, alert: Alert) -> Self {
        let time = alert.original_time;
        Self { rule, severity: alert.severity, alert: FoundAlert::new(alert, time), blocks: Vec::new() }
    }

    /// The alerts on a sequence or sample.
    fn of_group(rule: RuleIndex, group: AlertGroup) -> Self {
        let has_time = group.blocks.iter().any(|block| block.original_time.is_some());
        let time = has_time.then_some(group.shell.time);
        let block = |block: Alert| {
            let time = block.original_time;
            FoundAlert::new(block, time)
        };
        Self {
            rule,
            severity: group.shell.severity,
            alert: FoundAlert::new(group.shell, time),
            blocks: group.blocks.into_iter().map(block).collect(),
        }
    }

    /// The alert, then those behind it.
    pub(crate) fn all(&self) -> impl Iterator<Item = &FoundAlert> {
        std::iter::once(&self.alert).chain(&self.blocks)
    }

    /// A line of facts, then each alert: a line of facts, its host and its document.
    fn encode(&self) -> Vec<u8> {
        /// More than a line of facts takes up.
        const LINE: usize = 64;
        let of_alert = |alert: &FoundAlert| LINE + alert.host.len() + alert.document.len();
        let mut bytes = Vec::with_capacity(LINE + self.all().map(of_alert).sum::<usize>());
        bytes.extend_from_slice(
            format!("{} {} {}\n", self.rule.0, self.severity, self.blocks.len()).as_bytes(),
        );
        for FoundAlert { time, host, document } in self.all() {
            let time = time.map_or_else(|| "-".to_owned(), |time| time.nanos().to_string());
            bytes.extend_from_slice(format!("{time} {} {}\n", host.len(), document.len()).as_bytes());
            bytes.extend_from_slice(host.as_bytes());
            bytes.extend_from_slice(document);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> io::Result<Self> {
        Self::read(bytes).ok_or_else(damaged_spill)
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        let facts = |bytes: &mut &[u8]| -> Option<[String; 3]> {
            let at = bytes.iter().position(|&byte| byte == b'\n')?;
            let line = std::str::from_utf8(&bytes[..at]).ok()?;
            *bytes = &bytes[at + 1..];
            line.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().ok()
        };
        let [rule, severity, blocks] = facts(&mut bytes)?;
        let mut alert = || {
            let [time, host, document] = facts(&mut bytes)?;
            let mut part = |length: &str| {
                let (part, rest) = bytes.split_at_checked(length.parse().ok()?)?;
                bytes = rest;
                Some(part.to_vec())
            };
            let (host, document) = (part(&host)?, part(&document)?);
            let time = time.parse().ok().map(Timestamp::from_nanos);
            Some(FoundAlert { time, host: String::from_utf8(host).ok()?, document })
        };
        Some(Self {
            rule: RuleIndex(rule.parse().ok()?),
            severity: Severity::from_str(&severity).ok()?,
            alert: alert()?,
            blocks: (0..blocks.parse::<usize>().ok()?).map(|_| alert()).collect::<Option<_>>()?,
        })
    }
}

/// What all threads find.
pub(super) struct Finds {
    /// Alerts in the order of their time.
    pub(super) alerts: SortedSpill,
    /// What is to be joined when all input has been read.
    pub(super) hits: HitSpill,
}

impl Finds {
    /// Joins what is to be joined to alerts, within so many bytes; the alerts are made by so many threads. For each
    /// correlation its account.
    pub(super) fn join(
        self,
        book: &RuleBook,
        builder: &AlertBuilder<'_>,
        memory: u64,
        threads: usize,
        host_width: &mut usize,
    ) -> io::Result<(SortedSpill, Vec<CorrelationAccount>)> {
        let Self { mut alerts, hits } = self;
        let correlations = book.correlations();
        let make = |reader: &mut EventReader<'_>, (number, result): &(usize, Sequence<EventRef>)| {
            let index = book.correlated(*number);
            let places = reader.places(result)?;
            let (key, found) = match (correlations[*number].gives_groups(), &places[..]) {
                (false, [SequencePlace::Event(event)]) => {
                    let alert = builder.of(index).of_event(event);
                    (key(&alert), Found::of_event(index, alert))
                }
                _ => {
                    let group = builder.of(index).of_group(&places);
                    (key(&group.shell), Found::of_group(index, group))
                }
            };
            let width = found.all().map(|alert| alert.host.chars().count()).max().unwrap_or_default();
            Ok::<_, io::Error>((key, found.encode(), width))
        };
        let accounts = hits.join_in_parts(&correlations, memory, threads, &mut |results, readers| {
            map_in_order_with(readers, results, make).into_iter().try_for_each(|made| {
                let (key, found, width) = made?;
                *host_width = width.max(*host_width);
                alerts.push(key, found)
            })
        })?;
        Ok((alerts, accounts))
    }
}

/// What an alert is sorted by.
fn key(alert: &Alert) -> Vec<u8> {
    let mut key = alert.time.to_ordered_bytes().to_vec();
    key.extend_from_slice(alert.id.as_str().as_bytes());
    key
}

/// Matches batches and keeps the alerts.
pub(super) struct Alerting<'a, 'b> {
    pub(super) book: &'a RuleBook,
    /// Of the rules of the book.
    pub(super) matcher: Matcher<'a>,
    /// Of indicator match rules, where indicators were given.
    pub(super) indicators: Option<IndicatorMatcher<'a>>,
    /// Indicators beyond what an alert has room for, by rule.
    pub(super) enrichments_left_out: BTreeMap<RuleIndex, u64>,
    /// Where a profile is asked for.
    pub(super) times: Option<WorkerTimes>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) builder: &'a AlertBuilder<'b>,
    pub(super) progress: &'a Progress,
    /// Of all threads.
    pub(super) finds: &'a Mutex<Finds>,
    /// By rule, the events on which a part of its condition could not be evaluated and was taken as false.
    pub(super) errors: BTreeMap<RuleIndex, u64>,
    /// The length of the longest host name.
    pub(super) host_width: usize,
}

impl Alerting<'_, '_> {
    /// The time since the last call was spent in this stage.
    fn took(&mut self, stage: Stage) {
        if let Some(times) = &mut self.times {
            times.take(stage);
        }
    }
}

impl Worker for Alerting<'_, '_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        self.took(Stage::Input);
        let matches = self.matcher.match_batch(batch, self.catalogue);
        self.took(Stage::Matching);
        let errors: BTreeSet<_> =
            matches.errors.iter().map(|error| (self.book.first(error.rule), error.row)).collect();
        for (rule, _) in errors {
            *self.errors.entry(rule).or_default() += 1;
        }
        let mut entries = Vec::new();
        for hit in matches.hits.iter().filter(|hit| self.book.is_alert(hit.rule)) {
            let row = hit.row as usize;
            let alert = if self.book.needs_indicator(hit.rule) {
                let Some(indicators) = &mut self.indicators else { continue };
                let Some(enrichments) = indicators.enrich(hit.rule, batch, row)? else { continue };
                let (event, left_out) = enrichments.of(batch.event(row));
                if left_out > 0 {
                    *self.enrichments_left_out.entry(hit.rule).or_default() += left_out;
                }
                self.builder.of(hit.rule).of_event(&event)
            } else {
                self.builder.of(hit.rule).of_event(batch.event(row))
            };
            let key = key(&alert);
            let found = Found::of_event(hit.rule, alert);
            self.host_width = self.host_width.max(found.alert.host.chars().count());
            entries.push((key, found.encode()));
        }
        self.progress.found(entries.len() as u64);
        let hits = BatchHits::new(self.book.extractors(), batch, &matches);
        let mut finds = self.finds.lock().unwrap_or_else(PoisonError::into_inner);
        finds.hits.push(hits)?;
        entries.into_iter().try_for_each(|(key, payload)| finds.alerts.push(key, payload))?;
        self.took(Stage::Alerts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let alert = |host: &str, time| FoundAlert {
            time,
            host: host.to_owned(),
            document: b"{\"a b\":\"\n \"}".to_vec(),
        };
        let time = Some(Timestamp::from_millis(-5));
        for blocks in [vec![], vec![alert("", time), alert("WS\n07", None)]] {
            let found =
                Found {
                    rule: RuleIndex(7), severity: Severity::High, alert: alert("WS 07 ä", time), blocks
                };
            let encoded = found.encode();
            assert_eq!(Found::decode(&encoded).expect("it was just encoded"), found);
            assert!(Found::decode(&encoded[..encoded.len() - 1]).is_err());
        }
        assert!(Found::decode(b"7 high").is_err());
    }
}
