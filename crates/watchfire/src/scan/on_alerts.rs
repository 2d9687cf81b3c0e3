//! Rules on alerts: evaluated on what all other rules found (detection-engine §3.3).
//!
//! ```text
//! alerts ──► rules on single alerts ──► their alerts ──► the same rules … until there are none, or the rounds are over
//!                    │
//!                    └─ hits ─► rules that join alerts, once ──► their alerts ──► rules on single alerts …
//! ```
//!
//! An alert is made by no rule that it was made of itself. Rules that join alerts take those that the rules on events and on
//! single alerts made, and not those of each other.

use std::collections::BTreeMap;
use std::io;

use watchfire_detect::{
    AlertBuilder, BatchHits, ExceptionBook, ExceptionCounts, HitSpill, RuleBook, SortedSpill,
};
use watchfire_engine::{Coverage, Matcher, ReadFields, RuleIndex, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, Place};
use watchfire_ir::Catalogue;

use super::found::{Accounts, Found, Joiner, Kept};
use crate::event_text::field_text;

/// Alerts that are matched together.
const BATCH_ALERTS: usize = 1_024;
/// Most times that alerts on alerts are looked at in turn: rules that feed each other would go on for as many rounds as they
/// are.
const MAX_ROUNDS: usize = 5;
/// Where alerts are read.
const ALERTS: &str = ".alerts-security.alerts-default";

/// What came of the rules on alerts.
#[derive(Default)]
pub(super) struct OnAlerts {
    /// For each correlation its account.
    pub(super) accounts: Accounts,
    /// Alerts that were found twice.
    pub(super) duplicates: u64,
    /// By rule, the alerts that it would have made of its own.
    pub(super) own: BTreeMap<RuleIndex, u64>,
    /// Alerts that no rule on alerts was asked of, since the rounds were over.
    pub(super) not_looked_at: u64,
    /// The alerts that were looked at.
    pub(super) coverage: Coverage,
}

/// What the rules on alerts are evaluated with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, 'b> {
    pub(super) book: &'a RuleBook,
    pub(super) builder: &'a AlertBuilder<'b>,
    pub(super) catalogue: &'a Catalogue,
    /// Bytes that alerts may take up.
    pub(super) memory: usize,
}

/// The exceptions, and what they did.
type Excepting<'a> = (&'a ExceptionBook, &'a mut ExceptionCounts);

/// Evaluates the rules on alerts, if there are any. Gives back all alerts.
pub(super) fn evaluate(
    context: Context<'_, '_>,
    alerts: SortedSpill,
    hits: HitSpill,
    excepting: Option<Excepting<'_>>,
    joiner: &mut Joiner,
) -> io::Result<(SortedSpill, OnAlerts)> {
    let Context { book, builder, catalogue, memory } = context;
    if !book.has_rules_on_alerts() {
        return Ok((alerts, OnAlerts::default()));
    }
    let mut rounds = Rounds {
        book,
        builder,
        catalogue,
        matcher: book.set().matcher(VALUE_CACHE_BYTES),
        fields: book.read_fields(),
        memory,
        all: SortedSpill::new(memory),
        hits: Some(hits),
        excepting,
        result: OnAlerts::default(),
    };
    rounds.run(alerts, joiner)?;
    if let Some(hits) = rounds.hits.take() {
        let (joined, accounts) = joiner.join(book, builder, hits, SortedSpill::new(memory), |number| {
            book.reads_alerts(book.correlated(number))
        })?;
        rounds.result.accounts = accounts;
        rounds.run(joined, joiner)?;
    }
    Ok((rounds.all, rounds.result))
}

struct Rounds<'a, 'b> {
    book: &'a RuleBook,
    builder: &'a AlertBuilder<'b>,
    catalogue: &'a Catalogue,
    matcher: Matcher<'a>,
    /// The fields that rules look at.
    fields: ReadFields,
    memory: usize,
    /// All alerts.
    all: SortedSpill,
    /// What is to be joined; nothing when that is done.
    hits: Option<HitSpill>,
    excepting: Option<Excepting<'a>>,
    result: OnAlerts,
}

impl Rounds<'_, '_> {
    /// Takes alerts, and what rules on single alerts make of them.
    fn run(&mut self, mut alerts: SortedSpill, joiner: &mut Joiner) -> io::Result<()> {
        for round in 0..=MAX_ROUNDS {
            let mut made = SortedSpill::new(self.memory);
            let mut sorted = alerts.finish()?;
            let mut waiting: Vec<Event> = Vec::new();
            let mut number = 0;
            while let Some((key, payload)) = sorted.next_entry()? {
                let found = Found::decode(&payload, self.builder)?;
                for alert in found.all() {
                    number += 1;
                    waiting.push(event(alert.fields(), number));
                }
                self.all.push(&key, &payload)?;
                if waiting.len() >= BATCH_ALERTS {
                    self.batch(round, std::mem::take(&mut waiting), &mut made, joiner)?;
                }
            }
            self.batch(round, waiting, &mut made, joiner)?;
            self.result.duplicates += sorted.duplicates();
            if made.pushed() == 0 {
                return Ok(());
            }
            alerts = made;
        }
        Ok(())
    }

    fn batch(
        &mut self,
        round: usize,
        events: Vec<Event>,
        made: &mut SortedSpill,
        joiner: &mut Joiner,
    ) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        if round == MAX_ROUNDS {
            self.result.not_looked_at += events.len() as u64;
            return Ok(());
        }
        let mut columns = BatchBuilder::selecting(self.catalogue, &self.fields);
        events.into_iter().for_each(|event| columns.push(event));
        let batch = columns.finish();
        self.result.coverage.add(&batch);
        let mut matches = self.matcher.match_batch(&batch, self.catalogue);
        if let Some((exceptions, excepted)) = &mut self.excepting {
            excepted.add(self.book, exceptions, &batch, self.catalogue, &matches);
        }
        let (book, builder, own) = (self.book, self.builder, &mut self.result.own);
        matches.hits.retain(|hit| {
            let is_own = builder.of(hit.rule).is_own(batch.event(hit.row as usize));
            if is_own && book.reads_alerts(hit.rule) {
                *own.entry(book.first(hit.rule)).or_default() += 1;
            }
            !is_own && book.reads_alerts(hit.rule)
        });
        let alone = |rule| book.is_alert(rule) && !book.needs_indicator(rule);
        for hit in matches.hits.iter().filter(|hit| alone(hit.rule)) {
            let of_rule = builder.of(hit.rule);
            let alert = of_rule.of_event(batch.event(hit.row as usize));
            joiner.keep(&Kept::event(hit.rule, &alert, of_rule), made)?;
        }
        match &mut self.hits {
            Some(hits) => hits.push(BatchHits::new(book.extractors(), &batch, &matches)),
            None => Ok(()),
        }
    }
}

/// An alert as an event that rules look at.
fn event(document: watchfire_events::Document, number: u64) -> Event {
    Event {
        id: EventId::given(field_text(&document, "kibana.alert.uuid")),
        data_stream: DataStream::new(ALERTS),
        document,
        place: Place { input: ALERTS.into(), record: number, line: None, offset: None },
    }
}
