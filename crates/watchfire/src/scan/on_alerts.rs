//! Rules on alerts: evaluated on what all other rules found (detection-engine §3.3).
//!
//! ```text
//! alerts ──► rules on single alerts ──► their alerts ──► the same rules … until there are none, or the rounds are over
//!                    │
//!                    └─ hits ─► rules that join alerts ──► their alerts ──► rules on single alerts …
//!                                        ▲                                         │
//!                                        └────────────── hits ◄────────────────────┘
//! ```
//!
//! Rules that join alerts see those of each other. They are evaluated in passes: each on the alerts of all other rules and on
//! those that the pass before made of joined ones, and in place of that pass. So a bucket that grows is one alert and not two,
//! and a rule that needs the alerts of a second one, which needs those of a third, has them at the third pass. The passes
//! end when one makes what the one before made, or when they are over: then the rules of which the alerts still changed
//! are named.
//!
//! An alert is made by no rule that it was made of itself.
//!
//! *Rejected:* an order of the rules by what they ask of alerts. It would have to know which fields the alerts of a rule can
//! have; and where rules feed each other there is none.

use std::collections::BTreeMap;
use std::io;

use sha2::{Digest, Sha256};
use watchfire_detect::{
    ALERTS_STREAM, AlertBuilder, BatchHits, ExceptionBook, ExceptionCounts, HitSpill, RuleBook, SortedSpill,
};
use watchfire_engine::{Coverage, Matcher, ReadFields, RuleIndex, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, Place};
use watchfire_ir::Catalogue;

use super::found::{Accounts, Found, Joiner, Kept, alert_of, count, retain_indicated};
use crate::event_text::field_text;

/// Alerts that are matched together.
const BATCH_ALERTS: usize = 1_024;
/// Most times that alerts on alerts are looked at in turn: rules that feed each other would go on for as many rounds as they
/// are.
const MAX_ROUNDS: usize = 5;
/// Most passes over the rules that join alerts: as deep as single alerts go, and one more that shows that nothing changes.
const MAX_PASSES: usize = MAX_ROUNDS + 1;

/// What came of the rules on alerts.
#[derive(Default)]
pub(super) struct OnAlerts {
    /// For each correlation its account, of the last pass.
    pub(super) accounts: Accounts,
    /// What became of the alerts that were looked at.
    pub(super) looked_at: LookedAt,
    /// Rules that join alerts of which the alerts still changed in the last pass.
    pub(super) unsettled: Vec<RuleIndex>,
}

/// What became of alerts that rules on alerts were asked of.
#[derive(Clone, Default)]
pub(super) struct LookedAt {
    /// Alerts that were found twice.
    pub(super) duplicates: u64,
    /// By rule, the alerts that come from itself.
    pub(super) own: BTreeMap<RuleIndex, u64>,
    /// Alerts that no rule on alerts was asked of, since the rounds were over.
    pub(super) too_deep: u64,
    /// The alerts that were looked at.
    pub(super) coverage: Coverage,
    /// What exceptions did.
    pub(super) excepted: ExceptionCounts,
}

impl LookedAt {
    fn merge(&mut self, other: Self) {
        self.duplicates += other.duplicates;
        self.too_deep += other.too_deep;
        other.own.into_iter().for_each(|(rule, number)| count(&mut self.own, rule, number));
        self.coverage.merge(other.coverage);
        self.excepted.merge(other.excepted);
    }
}

/// What the rules on alerts are evaluated with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, 'b> {
    pub(super) book: &'a RuleBook,
    pub(super) builder: &'a AlertBuilder<'b>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) exceptions: Option<&'a ExceptionBook>,
    /// Bytes that alerts may take up.
    pub(super) memory: usize,
}

/// Evaluates the rules on alerts, if there are any. `hits` are those of alerts in the input. Gives back all alerts.
pub(super) fn evaluate(
    context: Context<'_, '_>,
    alerts: SortedSpill,
    hits: HitSpill,
    joiner: &mut Joiner<'_>,
) -> io::Result<(SortedSpill, OnAlerts)> {
    let Context { book, builder, memory, .. } = context;
    let mut result = OnAlerts::default();
    if !book.has_rules_on_alerts() {
        return Ok((alerts, result));
    }
    let mut rounds = Rounds {
        context,
        matcher: book.set().matcher(VALUE_CACHE_BYTES),
        fields: book.read_fields(),
        hits,
        number: 0,
        looked_at: LookedAt::default(),
    };
    let mut all = SortedSpill::new(memory);
    rounds.run(alerts, joiner, &mut |_, key, payload| all.push(key, payload))?;
    result.looked_at = std::mem::take(&mut rounds.looked_at);

    let (first, number) = (rounds.hits.mark()?, rounds.number);
    let missed = joiner.missed.clone();
    let reads_alerts = |number| book.reads_alerts(book.correlated(number));
    let mut before: BTreeMap<RuleIndex, Sha256> = BTreeMap::new();
    for pass in 1..=MAX_PASSES {
        joiner.missed.clone_from(&missed);
        let fed = rounds.hits.pushed();
        let (joined, accounts) =
            joiner.join(book, builder, &mut rounds.hits, SortedSpill::new(memory), reads_alerts)?;
        rounds.hits.return_to(&first);
        rounds.number = number;
        let unfed = rounds.hits.pushed();
        let mut made = SortedSpill::new(memory);
        let mut digests: BTreeMap<RuleIndex, Sha256> = BTreeMap::new();
        rounds.run(joined, joiner, &mut |rule, key, payload| {
            if let Some(rule) = rule {
                digests.entry(rule).or_default().update(payload);
            }
            made.push(key, payload)
        })?;
        let looked_at = std::mem::take(&mut rounds.looked_at);
        let digest = |of: &BTreeMap<RuleIndex, Sha256>, rule| of.get(rule).cloned().map(Sha256::finalize);
        let rules = || digests.keys().chain(before.keys());
        let mut changed: Vec<RuleIndex> =
            rules().filter(|rule| digest(&digests, rule) != digest(&before, rule)).copied().collect();
        changed.sort_unstable();
        changed.dedup();
        // What was fed to this pass would be fed to the next one: none of the alerts that it made.
        let is_same = fed == unfed && rounds.hits.pushed() == unfed;
        if changed.is_empty() || is_same || pass == MAX_PASSES {
            let mut sorted = made.finish()?;
            while let Some((key, payload)) = sorted.next_entry()? {
                all.push(&key, &payload)?;
            }
            result.accounts = accounts;
            result.looked_at.merge(looked_at);
            result.unsettled = if is_same { Vec::new() } else { changed };
            break;
        }
        before = digests;
    }
    Ok((all, result))
}

/// Takes each alert that rules were asked of, with its key; and, if it was joined, its rule.
type OnAlert<'a> = dyn FnMut(Option<RuleIndex>, &[u8], &[u8]) -> io::Result<()> + 'a;

struct Rounds<'a, 'b> {
    context: Context<'a, 'b>,
    matcher: Matcher<'a>,
    /// The fields that rules look at.
    fields: ReadFields,
    /// What is to be joined.
    hits: HitSpill,
    /// That of the last alert. Each has a number of its own, which is its place: hits on one place are on one event.
    number: u64,
    looked_at: LookedAt,
}

impl Rounds<'_, '_> {
    /// Takes alerts, and what rules on single alerts make of them.
    fn run(
        &mut self,
        mut alerts: SortedSpill,
        joiner: &mut Joiner<'_>,
        on_alert: &mut OnAlert<'_>,
    ) -> io::Result<()> {
        for round in 0..=MAX_ROUNDS {
            let mut made = SortedSpill::new(self.context.memory);
            let mut sorted = alerts.finish()?;
            let mut waiting: Vec<Event> = Vec::new();
            while let Some((key, payload)) = sorted.next_entry()? {
                let found = Found::decode(&payload, self.context.builder)?;
                for alert in found.all() {
                    self.number += 1;
                    waiting.push(event(alert.fields(), self.number));
                }
                on_alert((round == 0).then_some(found.rule), &key, &payload)?;
                if waiting.len() >= BATCH_ALERTS {
                    self.batch(round, std::mem::take(&mut waiting), &mut made, joiner)?;
                }
            }
            self.batch(round, waiting, &mut made, joiner)?;
            self.looked_at.duplicates += sorted.duplicates();
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
        joiner: &mut Joiner<'_>,
    ) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let looked_at = &mut self.looked_at;
        if round == MAX_ROUNDS {
            looked_at.too_deep += events.len() as u64;
            return Ok(());
        }
        let Context { book, builder, catalogue, exceptions, .. } = self.context;
        let mut columns = BatchBuilder::selecting(catalogue, &self.fields);
        events.into_iter().for_each(|event| columns.push(event));
        let batch = columns.finish();
        looked_at.coverage.add(&batch);
        let mut matches = self.matcher.match_batch(&batch, catalogue);
        matches.hits.retain(|hit| book.reads_alerts(hit.rule));
        for (rule, number) in builder.drop_own(&batch, &mut matches) {
            count(&mut looked_at.own, rule, number);
        }
        if let Some(exceptions) = exceptions {
            looked_at.excepted.add(book, exceptions, &batch, catalogue, &matches);
        }
        let mut lookups = joiner.indicators.first_mut().map(|indicators| indicators.in_batch(&batch));
        retain_indicated(book, lookups.as_mut(), &mut matches)?;
        let mut kept = Vec::new();
        for hit in matches.hits.iter().filter(|hit| book.is_alert(hit.rule)) {
            let of_rule = builder.of(hit.rule);
            let left_out = &mut joiner.missed.enrichments;
            if let Some(alert) = alert_of(book, of_rule, lookups.as_mut(), (&batch, hit), left_out)? {
                kept.push(Kept::event(hit.rule, &alert, of_rule));
            }
        }
        kept.iter().try_for_each(|kept| joiner.keep(kept, made))?;
        self.hits.push(BatchHits::new(book.extractors(), &batch, &matches))
    }
}

/// An alert as an event that rules look at.
fn event(document: watchfire_events::Document, number: u64) -> Event {
    Event {
        id: EventId::given(field_text(&document, "kibana.alert.uuid")),
        data_stream: DataStream::new(ALERTS_STREAM),
        document,
        place: Place { input: ALERTS_STREAM.into(), record: number, line: None, offset: None },
    }
}
