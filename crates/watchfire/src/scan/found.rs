//! Alerts between the pass over the input and the output: in order, in bounded memory.
//!
//! An alert is kept without what it shares with the others of its rule ([`AlertText`]), and is put together when it is
//! written: so most of them fit into memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use watchfire_detect::{
    Alert, AlertBuilder, AlertGroup, AlertText, BatchHits, BatchLookups, CorrelationAccount, Detection,
    EventReader, EventRef, ExceptionBook, ExceptionCounts, HitSpill, IndicatorMatcher, ReadBackError,
    RuleAlerts, RuleBook, SHARED_PARTS, SortedSpill, damaged_spill,
};
use watchfire_engine::{Hit, Matcher, Matches, RuleIndex};
use watchfire_events::{EventBatch, Place, Timestamp};
use watchfire_ir::Catalogue;
use watchfire_rules::model::Severity;

use super::profile::{Stage, WorkerTimes};
use crate::intake::Worker;
use crate::parallel::map_in_order_with;
use crate::progress::Progress;

/// An alert with the alerts behind it, as it is written.
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
    /// The alert, then those behind it.
    pub(crate) fn all(&self) -> impl Iterator<Item = &FoundAlert> {
        std::iter::once(&self.alert).chain(&self.blocks)
    }

    /// Puts an alert together that was kept.
    pub(super) fn decode(bytes: &[u8], builder: &AlertBuilder<'_>) -> io::Result<Self> {
        let whole = |rule: RuleIndex, own: &[u8], cuts: &_| builder.of(rule).document(own, cuts);
        read_kept(bytes, &whole).ok_or_else(damaged_spill)
    }
}

/// An alert as it is kept until it is written: what it is sorted by, its content, and how wide its host names are.
pub(super) struct Kept {
    key: Vec<u8>,
    content: Vec<u8>,
    host_width: usize,
}

impl Kept {
    /// The alert on one event.
    pub(super) fn event(rule: RuleIndex, alert: &Alert, of_rule: &RuleAlerts<'_>) -> Self {
        Self::of(rule, of_rule, (alert, alert.original_time), &[])
    }

    /// The alerts on a sequence or sample, or the one on anything else.
    fn group(rule: RuleIndex, group: &AlertGroup, of_rule: &RuleAlerts<'_>) -> Self {
        if group.blocks.is_empty() {
            return Self::event(rule, &group.shell, of_rule);
        }
        let has_time = group.blocks.iter().any(|block| block.original_time.is_some());
        Self::of(rule, of_rule, (&group.shell, has_time.then_some(group.shell.time)), &group.blocks)
    }

    /// A line of facts, then each alert: a line of facts, its host, its own text and the cuts in it. The length of the
    /// whole text is among them, as of two readings of an event the one with the lesser content is shown.
    fn of(
        rule: RuleIndex,
        of_rule: &RuleAlerts<'_>,
        (alert, time): (&Alert, Option<Timestamp>),
        blocks: &[Alert],
    ) -> Self {
        /// More than the facts take up.
        const FACTS: usize = 96;
        let all =
            || std::iter::once((alert, time)).chain(blocks.iter().map(|block| (block, block.original_time)));
        let bytes = all().map(|(alert, _)| FACTS + alert.host.len() + alert.document.own.len());
        let mut content = Vec::with_capacity(FACTS + bytes.sum::<usize>());
        content.extend_from_slice(format!("{} {} {}\n", rule.0, alert.severity, blocks.len()).as_bytes());
        for (Alert { host, document: AlertText { own, cuts }, .. }, time) in all() {
            let time = time.map_or_else(|| "-".to_owned(), |time| time.nanos().to_string());
            let facts = format!("{time} {} {} {}\n", host.len(), of_rule.bytes(own), own.len());
            content.extend_from_slice(facts.as_bytes());
            content.extend_from_slice(host.as_bytes());
            content.extend_from_slice(own);
            cuts.iter().for_each(|cut| content.extend(cut.to_le_bytes()));
        }
        let host_width = all().map(|(alert, _)| alert.host.chars().count()).max().unwrap_or_default();
        Self { key: alert_key(alert), content, host_width }
    }
}

/// Gives the whole of a text by the rule, the own text of the alert and the cuts in it.
type PutTogether<'a> = dyn Fn(RuleIndex, &[u8], &[u32; SHARED_PARTS]) -> Vec<u8> + 'a;

/// What was kept of an alert.
fn read_kept(mut bytes: &[u8], whole: &PutTogether<'_>) -> Option<Found> {
    fn facts<'f, const N: usize>(bytes: &mut &'f [u8]) -> Option<[&'f str; N]> {
        let at = bytes.iter().position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(&bytes[..at]).ok()?;
        *bytes = &bytes[at + 1..];
        line.split(' ').collect::<Vec<_>>().try_into().ok()
    }
    let [rule, severity, blocks] = facts(&mut bytes)?;
    let rule = RuleIndex(rule.parse().ok()?);
    let mut alert = || {
        let [time, host, _, own] = facts(&mut bytes)?;
        let mut part = |length: usize| {
            let (part, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            Some(part)
        };
        let (host, own) = (part(host.parse().ok()?)?, part(own.parse().ok()?)?);
        let (cuts, _) = part(size_of::<[u32; SHARED_PARTS]>())?.as_chunks();
        let cuts: [[u8; 4]; SHARED_PARTS] = cuts.try_into().ok()?;
        let time = time.parse().ok().map(Timestamp::from_nanos);
        let host = std::str::from_utf8(host).ok()?.to_owned();
        Some(FoundAlert { time, host, document: whole(rule, own, &cuts.map(u32::from_le_bytes)) })
    };
    Some(Found {
        rule,
        severity: Severity::from_str(severity).ok()?,
        alert: alert()?,
        blocks: (0..blocks.parse::<usize>().ok()?).map(|_| alert()).collect::<Option<_>>()?,
    })
}

/// Alerts of a rule that could not be made, since a record of theirs is not in its file any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LostAlerts {
    pub(super) number: u64,
    /// The first record of those that were missed.
    pub(super) first: Place,
}

/// Events of the results of which the alerts are made together, before they are put in order.
const ALERTED_TOGETHER: usize = 1_024;

/// What all threads find.
pub(super) struct Finds {
    /// Alerts in the order of their time.
    pub(super) alerts: SortedSpill,
    /// What is to be joined when all input has been read.
    pub(super) hits: HitSpill,
    /// What is to be joined with alerts, when these are known.
    pub(super) hits_on_alerts: HitSpill,
}

/// For each correlation its account.
pub(super) type Accounts = Vec<CorrelationAccount>;

/// What cannot be in alerts that are made of what was joined, by the first condition of the rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Missed {
    /// Alerts that could not be made.
    pub(super) alerts: BTreeMap<RuleIndex, LostAlerts>,
    /// Indicators beyond what an alert has room for.
    pub(super) enrichments: BTreeMap<RuleIndex, u64>,
}

/// Joins hits to alerts.
pub(super) struct Joiner<'i> {
    /// Bytes that begun sequences and the like may take up.
    pub(super) memory: u64,
    /// The number of threads that make alerts.
    pub(super) threads: usize,
    /// Of indicator match rules, for each thread; none where no indicators were given.
    pub(super) indicators: Vec<IndicatorMatcher<'i>>,
    /// The types of the columns of events.
    pub(super) catalogue: &'i Catalogue,
    /// The length of the longest host name.
    pub(super) host_width: usize,
    pub(super) missed: Missed,
}

/// What a thread reads events with, and the indicators that belong to them.
type Tools<'t, 's, 'i> = (&'t mut EventReader<'s>, Option<&'t mut IndicatorMatcher<'i>>);

impl Joiner<'_> {
    /// Adds an alert that was made.
    pub(super) fn keep(&mut self, kept: &Kept, alerts: &mut SortedSpill) -> io::Result<()> {
        self.host_width = self.host_width.max(kept.host_width);
        alerts.push(&kept.key, &kept.content)
    }

    /// Joins the hits that are there so far to alerts, which are added to `alerts`; and gives the accounts of those
    /// correlations that are asked for.
    pub(super) fn join(
        &mut self,
        book: &RuleBook,
        builder: &AlertBuilder<'_>,
        hits: &mut HitSpill,
        mut alerts: SortedSpill,
        asked: impl Fn(usize) -> bool,
    ) -> io::Result<(SortedSpill, Accounts)> {
        let correlations = book.correlations();
        let catalogue = self.catalogue;
        let make = |(reader, indicators): &mut Tools<'_, '_, '_>,
                    (number, detection): &&(usize, Detection<EventRef>)| {
            let index = book.correlated(*number);
            let mut places = match reader.places(&detection.sequence) {
                Ok(places) => places,
                Err(ReadBackError::Spill(error)) => return Err(error),
                Err(ReadBackError::Changed(place)) => return Ok(Err((index, place))),
            };
            let left_out = match indicators {
                Some(indicators) if book.needs_indicator(index) => {
                    indicators.enrich_places(index, &mut places, catalogue)?
                }
                _ => 0,
            };
            let of_rule = builder.of(index);
            let is_group = correlations[*number].gives_groups();
            let kept = Kept::group(index, &of_rule.of_detection(detection, &places, is_group), of_rule);
            Ok(Ok((kept, index, left_out)))
        };
        // Each thread needs what finds indicators, where there are some.
        let threads = match self.indicators.len() {
            0 => self.threads,
            number => number.min(self.threads),
        };
        let mut indicators = std::mem::take(&mut self.indicators);
        let mut accounts =
            hits.join_so_far(&correlations, self.memory, threads, &mut |results, readers| {
                // Those on the same events one after the other, whichever rules they are of: an event is made once for them.
                let mut results: Vec<&(usize, Detection<EventRef>)> = results.iter().collect();
                results.sort_by_key(|(_, detection)| detection.sequence.events().next().copied());
                let matchers = indicators.iter_mut().map(Some).chain(std::iter::repeat_with(|| None));
                let mut tools: Vec<Tools<'_, '_, '_>> = readers.iter_mut().zip(matchers).collect();
                let mut rest = &results[..];
                while !rest.is_empty() {
                    let mut events = 0;
                    let is_part = |(_, detection): &&&(usize, Detection<EventRef>)| {
                        events += detection.sequence.places.len();
                        events <= ALERTED_TOGETHER
                    };
                    let (part, behind) = rest.split_at(rest.iter().take_while(is_part).count().max(1));
                    rest = behind;
                    for made in map_in_order_with(&mut tools, part, make) {
                        match made? {
                            Ok((kept, rule, left_out)) => {
                                self.keep(&kept, &mut alerts)?;
                                count(&mut self.missed.enrichments, rule, left_out);
                            }
                            Err((rule, place)) => self.miss(rule, place),
                        }
                    }
                }
                Ok(())
            })?;
        self.indicators = indicators;
        for (number, account) in accounts.iter_mut().enumerate() {
            if !asked(number) {
                *account = CorrelationAccount::default();
            }
        }
        Ok((alerts, accounts))
    }

    /// Counts an alert that cannot be made, since the record at this place has changed.
    fn miss(&mut self, rule: RuleIndex, place: Place) {
        let lost = &mut self.missed.alerts;
        let lost = lost.entry(rule).or_insert_with(|| LostAlerts { number: 0, first: place.clone() });
        lost.number += 1;
        lost.first = place.min(lost.first.clone());
    }
}

/// Adds a number, if it is one.
pub(super) fn count(counts: &mut BTreeMap<RuleIndex, u64>, rule: RuleIndex, number: u64) {
    if number > 0 {
        *counts.entry(rule).or_default() += number;
    }
}

/// The alert on the event of a hit; `None` if its rule asks for an indicator and there is none.
pub(super) fn alert_of(
    book: &RuleBook,
    of_rule: &RuleAlerts<'_>,
    lookups: Option<&mut BatchLookups<'_, '_>>,
    (batch, hit): (&EventBatch, &Hit),
    left_out: &mut BTreeMap<RuleIndex, u64>,
) -> io::Result<Option<Alert>> {
    let row = hit.row as usize;
    if !book.needs_indicator(hit.rule) {
        return Ok(Some(of_rule.of_event(batch.event(row))));
    }
    let Some(lookups) = lookups else { return Ok(None) };
    // The event is made only if there is something to say of it: most hits are on events that no indicator knows.
    let enrichments = lookups.enrich(hit.rule, row)?;
    Ok(enrichments.map(|enrichments| {
        let (event, number) = enrichments.of(batch.event(row));
        count(left_out, hit.rule, number);
        of_rule.of_event(&event)
    }))
}

/// Leaves out the hits of indicator match rules that are joined, of events that no indicator says anything of.
pub(super) fn retain_indicated(
    book: &RuleBook,
    lookups: Option<&mut BatchLookups<'_, '_>>,
    matches: &mut Matches,
) -> io::Result<()> {
    match lookups {
        Some(lookups) => lookups.retain(book, matches),
        None => {
            matches.hits.retain(|hit| !book.needs_indicator(hit.rule));
            Ok(())
        }
    }
}

/// What an alert is sorted by.
fn alert_key(alert: &Alert) -> Vec<u8> {
    let mut key = alert.time.to_ordered_bytes().to_vec();
    key.extend_from_slice(alert.id.as_str().as_bytes());
    key
}

/// What was found for rules on events, and for what is joined with alerts.
fn split(book: &RuleBook, matches: &Matches) -> [Matches; 2] {
    let of = |on_alerts: bool| {
        let is_of = |hit: &&Hit| !book.is_alert(hit.rule) && book.reads_alerts(hit.rule) == on_alerts;
        Matches { hits: matches.hits.iter().filter(is_of).copied().collect(), ..Matches::default() }
    };
    [of(false), of(true)]
}

/// Matches batches and keeps the alerts.
pub(super) struct Alerting<'a, 'b, 'i> {
    pub(super) book: &'a RuleBook,
    /// Of the rules of the book.
    pub(super) matcher: Matcher<'a>,
    /// Of indicator match rules, where indicators were given.
    pub(super) indicators: Option<IndicatorMatcher<'i>>,
    /// Indicators beyond what an alert has room for, by rule.
    pub(super) enrichments_left_out: BTreeMap<RuleIndex, u64>,
    /// Where a profile is asked for.
    pub(super) times: Option<WorkerTimes>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) builder: &'a AlertBuilder<'b>,
    pub(super) progress: &'a Progress,
    /// Of all threads.
    pub(super) finds: &'a Mutex<Finds>,
    /// By rule, the alerts in the input that come from the rule itself.
    pub(super) own_alerts: BTreeMap<RuleIndex, u64>,
    /// By rule, the events on which a part of its condition could not be evaluated and was taken as false.
    pub(super) errors: BTreeMap<RuleIndex, u64>,
    /// The length of the longest host name.
    pub(super) host_width: usize,
    /// Those of the book, if there are any.
    pub(super) exceptions: Option<&'a ExceptionBook>,
    pub(super) excepted: ExceptionCounts,
}

impl Alerting<'_, '_, '_> {
    /// The time since the last call was spent in this stage.
    fn took(&mut self, stage: Stage) {
        if let Some(times) = &mut self.times {
            times.take(stage);
        }
    }
}

impl Worker for Alerting<'_, '_, '_> {
    fn batch(&mut self, batch: &EventBatch) -> io::Result<()> {
        self.took(Stage::Input);
        let mut matches = self.matcher.match_batch(batch, self.catalogue);
        self.took(Stage::Matching);
        for (rule, number) in self.builder.drop_own(batch, &mut matches) {
            count(&mut self.own_alerts, rule, number);
        }
        if let Some(exceptions) = self.exceptions {
            self.excepted.add(self.book, exceptions, batch, self.catalogue, &matches);
        }
        let errors: BTreeSet<_> =
            matches.errors.iter().map(|error| (self.book.first(error.rule), error.row)).collect();
        for (rule, _) in errors {
            *self.errors.entry(rule).or_default() += 1;
        }
        let mut lookups = self.indicators.as_mut().map(|indicators| indicators.in_batch(batch));
        retain_indicated(self.book, lookups.as_mut(), &mut matches)?;
        let mut entries = Vec::new();
        for hit in matches.hits.iter().filter(|hit| self.book.is_alert(hit.rule)) {
            let of_rule = self.builder.of(hit.rule);
            let left_out = &mut self.enrichments_left_out;
            let Some(alert) = alert_of(self.book, of_rule, lookups.as_mut(), (batch, hit), left_out)? else {
                continue;
            };
            let kept = Kept::event(hit.rule, &alert, of_rule);
            self.host_width = self.host_width.max(kept.host_width);
            entries.push(kept);
        }
        self.progress.found(entries.len() as u64);
        let extractors = || self.book.extractors();
        let (hits, on_alerts) = if self.book.has_rules_on_alerts() {
            let [matches, on_alerts] = split(self.book, &matches);
            let [hits, on_alerts] =
                [matches, on_alerts].map(|matches| BatchHits::new(extractors(), batch, &matches));
            (hits, Some(on_alerts))
        } else {
            (BatchHits::new(extractors(), batch, &matches), None)
        };
        let mut finds = self.finds.lock().unwrap_or_else(PoisonError::into_inner);
        finds.hits.push(hits)?;
        if let Some(hits) = on_alerts {
            finds.hits_on_alerts.push(hits)?;
        }
        entries.iter().try_for_each(|kept| finds.alerts.push(&kept.key, &kept.content))?;
        self.took(Stage::Alerts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_detect::{AlertId, RuleUuid};

    const RULE: &str = r#"
        [rule]
        name = "n"
        description = "d"
        risk_score = 1
        severity = "low"
        type = "query"
        query = "*"
    "#;

    fn alert(host: &str, time: Option<Timestamp>) -> Alert {
        Alert {
            id: AlertId::of_group([], RuleUuid::new("default", "r")),
            time: time.unwrap_or_default(),
            original_time: time,
            severity: Severity::High,
            host: host.to_owned(),
            document: AlertText { own: b"{\"a b\":\"\n \"}".to_vec(), cuts: [1, 1, 5, 6] },
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let rule = watchfire_rules::format::toml::parse(RULE).file.expect("a rule").rule;
        let of_rule = RuleAlerts::new("default", &rule);
        let whole = |_: RuleIndex, own: &[u8], cuts: &_| of_rule.document(own, cuts);
        let time = Some(Timestamp::from_millis(-5));
        for blocks in [vec![], vec![alert("", time), alert("WS\n07", None)]] {
            let shell = alert("WS 07 ä", time);
            let found = |alert: &Alert| FoundAlert {
                time: alert.original_time,
                host: alert.host.clone(),
                document: of_rule.document(&alert.document.own, &alert.document.cuts),
            };
            let expected = Found {
                rule: RuleIndex(7),
                severity: Severity::High,
                alert: found(&shell),
                blocks: blocks.iter().map(found).collect(),
            };
            let kept = Kept::of(RuleIndex(7), &of_rule, (&shell, time), &blocks).content;
            assert_eq!(read_kept(&kept, &whole), Some(expected));
            assert_eq!(read_kept(&kept[..kept.len() - 1], &whole), None);
        }
        assert_eq!(read_kept(b"7 high", &whole), None);
    }
}
