//! Jobs as passes over the events, and what comes of them settled.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use uuid::Uuid;
use watchfire_detect::{ExecutionPlan, ExecutionWindow, RuleAlerts, RuleSchedule};
use watchfire_events::{Event, Timestamp};
use watchfire_rules::model::{Rule, Throttle};

use super::jobs::{self, Job, Owed};
use super::recent::HeldEvents;
use super::{Scheduler, SchedulerSettings, Standing, TickReport};
use crate::engine::{Engine, EngineRule, PassBook};
use crate::error::StateError;
use crate::execution::{ExecutionKind, ExecutionMessage, ExecutionRecord, ExecutionStatus};
use crate::executions::{Covered, Failure};
use crate::pass::{Passes, RuleFinds, SPACE, Task, warnings};
use crate::range_set::RangeSet;
use crate::rules::{KeptRule, RuleStanding, millis};
use crate::settle::{Known, Settlement, Settling};
use crate::settlements::{KnownQuery, Marks, Reach, RuleSettlement};
use crate::stored_events::{LateQuery, StoredEvents};

/// Rules are few if they are no more than one in so many.
const FEW: usize = 4;

/// A run over the rules of an engine, with what it has settled so far.
pub(super) struct Run {
    engine: Arc<Engine>,
    now: Timestamp,
    /// By the number of the rule.
    standings: Vec<RuleStanding>,
    covered: Vec<Covered>,
    failures: BTreeMap<String, BTreeMap<i64, Failure>>,
    reads_alerts: Vec<bool>,
}

/// Executions of a rule that are run in one pass.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) rule: usize,
    pub(super) slots: Vec<(Timestamp, ExecutionKind)>,
    pub(super) gap: Option<ExecutionWindow>,
}

/// Parts that are run over one reading of the events.
struct Group {
    /// For rules whose query depends on it, the execution.
    dated: Option<Timestamp>,
    parts: Vec<Part>,
}

/// What parts of one group share: the time that they look at, and the execution, where their queries depend on it.
type Together = (Timestamp, Timestamp, Option<Timestamp>);

/// What a pass gives for a rule.
pub(super) struct Passed {
    pub(super) part: Part,
    pub(super) records: Vec<ExecutionRecord>,
    pub(super) finds: RuleFinds,
    pub(super) marks: Marks,
}

impl Run {
    pub(super) fn reads_alerts(&self, rule: usize) -> bool {
        self.reads_alerts[rule]
    }

    pub(super) fn owed(
        &self,
        rule: usize,
        schedule: &RuleSchedule,
        now: Timestamp,
        settings: &SchedulerSettings,
    ) -> Owed {
        let standing = &self.standings[rule];
        let from = standing.scheduled_from.unwrap_or(now);
        let failures = self.failures.get(&standing.id);
        jobs::owed(rule, schedule, from, now, &self.covered[rule], failures, settings)
    }

    /// When a slot that failed is tried again.
    pub(super) fn next_retry(&self, now: Timestamp) -> Option<Timestamp> {
        let all = self.failures.values().flat_map(BTreeMap::values);
        all.map(|failure| failure.not_before).filter(|at| *at > now).min()
    }

    /// The schedule of a rule that runs.
    pub(super) fn schedule(&self, rule: usize) -> Option<&RuleSchedule> {
        self.engine.rules[rule].way.as_ref().ok().map(|runs| &runs.schedule)
    }

    /// From when on executions of a rule are owed; nothing while it is not enabled.
    pub(super) fn scheduled_from(&self, rule: usize) -> Option<Timestamp> {
        self.standings[rule].scheduled_from
    }

    /// The slots of a rule that are done.
    pub(super) fn covered_slots(&self, rule: usize) -> &RangeSet {
        &self.covered[rule].slots
    }

    fn runs(&self, rule: usize) -> Option<(&EngineRule, &RuleSchedule, bool)> {
        let of = &self.engine.rules[rule];
        of.way.as_ref().ok().map(|runs| (of, &runs.schedule, runs.is_dated))
    }

    /// From how far back to how far ahead of some slots the same may have been found.
    fn reach(&self, rule: usize, schedule: &RuleSchedule, slots: &[Timestamp]) -> Reach {
        reach_of(schedule, slots, self.standings[rule].reach_ms)
    }

    /// The parts of jobs, in the order in which they are run, those over the same time together.
    fn groups(&self, jobs: Vec<Job>, slots_in_pass: usize) -> Vec<Vec<Group>> {
        let mut rounds: Vec<BTreeMap<Together, Vec<Part>>> = Vec::new();
        for job in jobs {
            let Some((_, schedule, is_dated)) = self.runs(job.rule) else { continue };
            let size = if is_dated { 1 } else { slots_in_pass.max(1) };
            let number = job.slots.len().div_ceil(size);
            for (round, slots) in job.slots.chunks(size).enumerate() {
                if rounds.len() <= round {
                    rounds.push(BTreeMap::new());
                }
                let (Some(&(first, _)), Some(&(last, _))) = (slots.first(), slots.last()) else { continue };
                let key = (schedule.window(first).from, schedule.window(last).to, is_dated.then_some(last));
                // The time that was missed is told of by the last execution, which is the one that was due.
                let gap = job.gap.filter(|_| round + 1 == number);
                let part = Part { rule: job.rule, slots: slots.to_vec(), gap };
                rounds[round].entry(key).or_default().push(part);
            }
        }
        let group = |((_, _, dated), parts)| Group { dated, parts };
        rounds.into_iter().map(|round| round.into_iter().map(group).collect()).collect()
    }

    /// The records of a part before it has run.
    fn records(&self, part: &Part) -> Vec<ExecutionRecord> {
        let Some((rule, schedule, _)) = self.runs(part.rule) else { return Vec::new() };
        let record = |&(slot, kind): &(Timestamp, ExecutionKind)| {
            let mut record = blank(&rule.kept, schedule, slot, kind, self.now);
            if let Some(gap) = part.gap.filter(|_| kind == ExecutionKind::Scheduled) {
                record.gap = Some(gap);
                record.messages.push(ExecutionMessage::warning(format!(
                    "the time from {gap} was not searched when it was due; back-fills search it"
                )));
            }
            for list in &rule.absent_lists {
                let text = format!("exception list `{list}` is absent and not applied");
                record.messages.push(ExecutionMessage::warning(text));
            }
            record
        };
        part.slots.iter().map(record).collect()
    }
}

/// From how far back to how far ahead of some slots the same may have been found, where windows have been so long.
pub(crate) fn reach_of(schedule: &RuleSchedule, slots: &[Timestamp], reach_ms: i64) -> Reach {
    let longest = slots.iter().map(|slot| length(schedule, *slot)).max().unwrap_or_default().max(reach_ms);
    let first = slots.iter().min().copied().map(millis).unwrap_or_default();
    let last = slots.iter().max().copied().map(millis).unwrap_or_default();
    Reach { from: first.saturating_sub(longest), to: last.saturating_add(longest) }
}

/// How long after an event of a window its execution can be, in milliseconds.
pub(super) fn length(schedule: &RuleSchedule, slot: Timestamp) -> i64 {
    let window = schedule.window(slot);
    millis(window.to.max(slot)) - millis(window.from.min(slot))
}

pub(super) fn blank(
    kept: &KeptRule,
    schedule: &RuleSchedule,
    slot: Timestamp,
    kind: ExecutionKind,
    now: Timestamp,
) -> ExecutionRecord {
    // A second manual run of a slot or look at it is another execution; what is owed is run until it is done.
    let is_one_of_many = matches!(kind, ExecutionKind::Manual | ExecutionKind::Continuous);
    let run = if is_one_of_many { millis(now) } else { 0 };
    let name = format!("{} {} {} {run}", kept.id, kind.name(), millis(slot));
    ExecutionRecord {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string(),
        rule: kept.id.clone(),
        kind,
        slot,
        window: schedule.window(slot),
        status: ExecutionStatus::Running,
        started: now,
        ended: None,
        found: 0,
        alerts: 0,
        suppressed: 0,
        held_back: 0,
        late: 0,
        gap: None,
        messages: Vec::new(),
    }
}

impl<E: StoredEvents> Scheduler<E> {
    pub(super) async fn run(&self, engine: &Arc<Engine>, now: Timestamp) -> Result<Run, StateError> {
        let standings = self.database.rule_standings().await?;
        let mut covered = self.database.covered().await?;
        let by_id: HashMap<&str, &RuleStanding> =
            standings.iter().map(|standing| (standing.id.as_str(), standing)).collect();
        let mut of_rules = Vec::new();
        for rule in &engine.rules {
            let standing = by_id.get(rule.kept.id.as_str());
            // Removed since the engine was made: the next run has none of it.
            of_rules.push(
                standing
                    .map(|standing| RuleStanding::clone(standing))
                    .ok_or_else(|| StateError::Overtaken { rule: rule.kept.id.clone() })?,
            );
        }
        let covered = engine.rules.iter().map(|rule| covered.remove(&rule.kept.id).unwrap_or_default());
        let covered = covered.collect();
        let mut reads_alerts = vec![false; engine.rules.len()];
        let book = engine.undated();
        let passes = Passes::new(&book.book, engine.catalogue(), self.settings.memory);
        for (number, in_book) in &book.numbers {
            reads_alerts[*number] = passes.reads_alerts(*in_book);
        }
        for (number, rule) in engine.rules.iter().enumerate() {
            if rule.way.as_ref().is_ok_and(|runs| runs.is_dated) {
                reads_alerts[number] = {
                    let book = engine.dated(&[number], now);
                    Passes::new(&book.book, engine.catalogue(), 0).reads_alerts(0)
                };
            }
        }
        Ok(Run {
            engine: Arc::clone(engine),
            now,
            standings: of_rules,
            covered,
            failures: self.database.failures().await?,
            reads_alerts,
        })
    }

    /// Runs jobs and settles what they find.
    pub(super) async fn run_jobs(
        &self,
        run: &mut Run,
        jobs: Vec<Job>,
        report: &mut TickReport,
    ) -> Result<(), StateError> {
        for round in run.groups(jobs, self.settings.slots_in_pass) {
            for group in round {
                self.run_group(run, group, report).await?;
            }
        }
        Ok(())
    }

    async fn run_group(
        &self,
        run: &mut Run,
        group: Group,
        report: &mut TickReport,
    ) -> Result<(), StateError> {
        let Group { dated, parts } = group;
        if dated.is_some() {
            return self.run_parts(run, parts, Arc::<E>::clone(&self.events), dated, report).await;
        }
        let engine = Arc::clone(&run.engine);
        let (looked_at, rest, held) = {
            let recent = self.recent.lock().await;
            let is_held = |part: &Part| {
                let slots = part.slots.first().zip(part.slots.last());
                slots.zip(run.schedule(part.rule)).is_some_and(|((first, last), schedule)| {
                    let (from, to) = (schedule.window(first.0).from, schedule.window(last.0).to);
                    recent.answers(&engine, part.rule, schedule, ExecutionWindow { from, to: to.max(last.0) })
                })
            };
            let (looked_at, rest): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(is_held);
            let stages =
                looked_at.iter().filter_map(|part| engine.undated().stages.get(&part.rule)).flatten();
            let conditions = stages.map(|(condition, _)| *condition).collect();
            (looked_at, rest, recent.of_conditions(&conditions))
        };
        if !looked_at.is_empty() {
            report.from_looks += looked_at.iter().map(|part| part.slots.len() as u64).sum::<u64>();
            let events = HeldEvents { held, stored: Some(Arc::<E>::clone(&self.events)) };
            self.run_parts(run, looked_at, Arc::new(events), None, report).await?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        // A few rules are compiled anew in less time than what others look at is read and matched.
        let is_few = rest.len() * FEW <= engine.undated().numbers.len();
        let anew = is_few.then_some(run.now);
        self.run_parts(run, rest, Arc::<E>::clone(&self.events), anew, report).await
    }

    /// Runs parts over events; those whose queries depend on the execution, or are few, as compiled for it.
    async fn run_parts(
        &self,
        run: &mut Run,
        parts: Vec<Part>,
        events: Arc<dyn StoredEvents>,
        anew: Option<Timestamp>,
        report: &mut TickReport,
    ) -> Result<(), StateError> {
        let records: Vec<ExecutionRecord> = parts.iter().flat_map(|part| run.records(part)).collect();
        self.database.begin_executions(&records).await?;
        let mut prepared = Vec::new();
        for part in parts {
            let marks = self.marks(run, &part).await?;
            let records = run.records(&part);
            prepared.push(Passed { part, records, finds: RuleFinds::default(), marks });
        }
        let alerts = self.alerts_for(run, &prepared).await?;
        let engine = Arc::clone(&run.engine);
        let memory = self.settings.memory;
        let pass = move || {
            let result = pass(&engine, &*events, memory, anew, &mut prepared, alerts);
            (prepared, result)
        };
        let joined = tokio::task::spawn_blocking(pass).await;
        let (passed, result) = joined.map_err(|error| StateError::Setup { why: error.to_string() })?;
        if let Err(error) = result {
            return self.fail(run, passed, &error, report).await;
        }
        self.settle(run, passed, report).await
    }

    /// The buckets and groups of rows that have alerted.
    async fn marks(&self, run: &Run, part: &Part) -> Result<Marks, StateError> {
        let Some((rule, schedule, _)) = run.runs(part.rule) else { return Ok(Marks::new()) };
        if !counts_groups(&rule.kept.rule) {
            return Ok(Marks::new());
        }
        let slots: Vec<Timestamp> = part.slots.iter().map(|(slot, _)| *slot).collect();
        self.database.marks(&rule.kept.id, run.reach(part.rule, schedule, &slots)).await
    }

    /// The alerts that the rules of a pass look at.
    async fn alerts_for(&self, run: &Run, prepared: &[Passed]) -> Result<Vec<Event>, StateError> {
        let windows = prepared.iter().filter(|passed| run.reads_alerts(passed.part.rule));
        let windows: Vec<ExecutionWindow> =
            windows.flat_map(|passed| passed.records.iter().map(|record| record.window)).collect();
        let from = windows.iter().map(|window| window.from).min();
        let to = windows.iter().map(|window| window.to).max();
        match (from, to) {
            (Some(from), Some(to)) => self.database.alert_events(ExecutionWindow { from, to }).await,
            _ => Ok(Vec::new()),
        }
    }

    pub(super) async fn settle(
        &self,
        run: &mut Run,
        passed: Vec<Passed>,
        report: &mut TickReport,
    ) -> Result<(), StateError> {
        let mut rest = passed.into_iter();
        loop {
            let chunk: Vec<Passed> = rest.by_ref().take(self.settings.rules_in_transaction.max(1)).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            let mut standings = self.standings.lock().await;
            for passed in &chunk {
                let own = &mut run.standings[passed.part.rule];
                let is_ahead =
                    |known: &&Standing| known.updated == own.updated && known.settled > own.settled;
                if let Some(known) = standings.get(&own.id).filter(is_ahead) {
                    own.settled = known.settled;
                    own.reach_ms = own.reach_ms.max(known.reach_ms);
                }
            }
            let with_waiting = self.database.rules_with_waiting().await?;
            let mut inputs = Vec::new();
            for mut passed in chunk {
                let id = &run.standings[passed.part.rule].id;
                let needs_state = !passed.finds.detections.is_empty() || with_waiting.contains(id);
                let mut known =
                    if needs_state { self.known(run, &passed.part).await? } else { Known::default() };
                known.marks = std::mem::take(&mut passed.marks);
                inputs.push((passed, known));
            }
            let (engine, now) = (Arc::clone(&run.engine), run.now);
            let settle = move || -> Vec<(Part, Settlement)> {
                inputs
                    .into_iter()
                    .filter_map(|(passed, known)| settle_one(&engine, now, passed, known))
                    .collect()
            };
            let settled = tokio::task::spawn_blocking(settle).await;
            let settled = settled.map_err(|error| StateError::Setup { why: error.to_string() })?;
            let settlements: Vec<(usize, RuleSettlement)> = settled
                .into_iter()
                .filter(|(_, settlement)| !settlement.executions.is_empty())
                .map(|(part, settlement)| rule_settlement(run, &part, settlement))
                .collect();
            let (rules, settlements): (Vec<usize>, Vec<RuleSettlement>) = settlements.into_iter().unzip();
            self.database.settle(&settlements).await?;
            for (rule, settlement) in rules.into_iter().zip(settlements) {
                let own = &mut run.standings[rule];
                own.settled += 1;
                own.reach_ms = own.reach_ms.max(settlement.reach_ms);
                let standing =
                    Standing { updated: own.updated, settled: own.settled, reach_ms: own.reach_ms };
                standings.insert(own.id.clone(), standing);
                run.covered[rule] = settlement.after;
                if let Some(failures) = run.failures.get_mut(&settlement.rule) {
                    let done = &settlement.settlement.executions;
                    failures.retain(|slot, _| !done.iter().any(|record| millis(record.slot) == *slot));
                }
                report.executions.extend(settlement.settlement.executions);
            }
        }
    }

    async fn known(&self, run: &Run, part: &Part) -> Result<Known, StateError> {
        let Some((rule, schedule, _)) = run.runs(part.rule) else { return Ok(Known::default()) };
        let slots: Vec<Timestamp> = part.slots.iter().map(|(slot, _)| *slot).collect();
        let suppression_ms = rule.suppression.as_ref().map(|suppression| {
            i64::try_from(suppression.duration_ms().unwrap_or_default()).unwrap_or(i64::MAX)
        });
        let query = KnownQuery {
            rule: &rule.kept.id,
            reach: run.reach(part.rule, schedule, &slots),
            room: schedule.max_signals().saturating_mul(slots.len() as u64),
            suppression_ms,
        };
        self.database.known(query).await
    }

    /// Records that executions could not read the events.
    async fn fail(
        &self,
        run: &mut Run,
        passed: Vec<Passed>,
        error: &io::Error,
        report: &mut TickReport,
    ) -> Result<(), StateError> {
        let mut failed = Vec::new();
        for mut record in passed.into_iter().flat_map(|passed| passed.records) {
            record
                .messages
                .push(ExecutionMessage::error(format!("the stored events cannot be read: {error}")));
            record.settle_status(run.now);
            let of_rule = run.failures.entry(record.rule.clone()).or_default();
            let before = of_rule.get(&millis(record.slot)).map_or(0, |failure| failure.attempts);
            let longer = self.settings.retry_after_ms.saturating_mul(1 << before.clamp(0, 30));
            let wait = longer.min(self.settings.retry_at_most_ms);
            let not_before = run.now.plus_nanos(i128::from(wait) * 1_000_000);
            let failure = Failure { attempts: before + 1, not_before };
            of_rule.insert(millis(record.slot), failure);
            failed.push((record, failure));
        }
        self.database.fail_executions(&failed).await?;
        report.failed.extend(failed.into_iter().map(|(record, _)| record));
        Ok(())
    }
}

fn counts_groups(rule: &Rule) -> bool {
    use watchfire_rules::model::RuleKind;
    matches!(rule.kind, RuleKind::Threshold(_) | RuleKind::Esql(_))
}

/// Reads the events once for all parts, and adds to each what was found and what there is to say.
pub(super) fn pass(
    engine: &Engine,
    events: &dyn StoredEvents,
    memory: u64,
    dated: Option<Timestamp>,
    parts: &mut [Passed],
    alerts: Vec<Event>,
) -> io::Result<()> {
    let of_execution;
    let book: &PassBook = match dated {
        None => engine.undated(),
        Some(execution) => {
            let numbers: Vec<usize> = parts.iter().map(|passed| passed.part.rule).collect();
            of_execution = engine.dated(&numbers, execution);
            &of_execution
        }
    };
    let passes = Passes::new(&book.book, engine.catalogue(), memory);
    let mut tasks = Vec::new();
    for passed in parts.iter() {
        let (Some(&rule), Ok(runs)) =
            (book.numbers.get(&passed.part.rule), &engine.rules[passed.part.rule].way)
        else {
            continue;
        };
        let marks = passed
            .marks
            .iter()
            .map(|(bucket, marks)| (bucket.clone(), marks.iter().map(|(mark, _)| *mark).collect::<Vec<_>>()));
        let plan = ExecutionPlan {
            executions: passed.part.slots.iter().map(|(slot, _)| *slot).collect(),
            marks: marks.collect(),
        };
        tasks.push(Task { rule, schedule: runs.schedule.clone(), plan });
    }
    let mut found = passes.run(&tasks, events, alerts)?;
    let mut late: HashMap<LateKey, u64> = HashMap::new();
    for passed in parts.iter_mut() {
        let Some(rule) = book.numbers.get(&passed.part.rule) else { continue };
        passed.finds = found.remove(rule).unwrap_or_default();
        let Some(last) = passed.records.last_mut() else { continue };
        for text in warnings(&passed.finds) {
            last.messages.push(ExecutionMessage::warning(text));
        }
        let (Some(patterns), Ok(runs)) = (passes.patterns(*rule), &engine.rules[passed.part.rule].way) else {
            continue;
        };
        if !passes.reads_alerts(*rule) && !events.has_stream(patterns)? {
            for record in &mut passed.records {
                let text = "no data stream fits its index patterns, so there was nothing to search";
                record.messages.push(ExecutionMessage::warning(text));
            }
            continue;
        }
        for record in passed.records.iter_mut().filter(|record| record.kind == ExecutionKind::Scheduled) {
            count_late(events, patterns, &runs.schedule, record, &mut late)?;
        }
    }
    Ok(())
}

/// What late events are counted by.
type LateKey = (String, String, Option<String>, Timestamp, Timestamp);

/// Counts the events that came since the execution before, too late for any window.
fn count_late(
    events: &dyn StoredEvents,
    patterns: &watchfire_events::IndexPatterns,
    schedule: &RuleSchedule,
    record: &mut ExecutionRecord,
    known: &mut HashMap<LateKey, u64>,
) -> io::Result<()> {
    let (time, fallback) = schedule.window_fields();
    if time == "event.ingested" {
        return Ok(());
    }
    let names: Vec<&str> = patterns.iter().map(watchfire_events::IndexPattern::as_str).collect();
    let after = schedule.last_until(record.slot.plus_nanos(-1));
    // What lies in a gap is found by the back-fills of it.
    let before = record.gap.map_or(record.window.from, |gap| gap.from);
    let key = (names.join(","), time.to_owned(), fallback.map(str::to_owned), after, before);
    record.late = match known.get(&key) {
        Some(number) => *number,
        None => {
            let number = events.count_late(&LateQuery {
                patterns,
                time,
                fallback,
                arrived_after: after,
                arrived_until: record.slot,
                before,
            })?;
            known.insert(key, number);
            number
        }
    };
    if record.late > 0 {
        record.messages.push(ExecutionMessage::warning(format!(
            "{} events came later than the window looks back; a manual run over their time finds what they match",
            record.late
        )));
    }
    Ok(())
}

pub(super) fn settle_one(
    engine: &Engine,
    now: Timestamp,
    passed: Passed,
    known: Known,
) -> Option<(Part, Settlement)> {
    let rule = &engine.rules[passed.part.rule];
    let schedule = &rule.way.as_ref().ok()?.schedule;
    let alerts = RuleAlerts::new(SPACE, &rule.kept.rule);
    let settling = Settling {
        alerts: &alerts,
        schedule,
        suppression: rule.suppression.as_ref(),
        is_group: passed.finds.is_group,
        now,
    };
    let mut settlement = settling.settle(passed.records, passed.finds, known);
    let content = &rule.kept.rule;
    settlement.notifies = !content.actions().is_empty() && content.throttle != Some(Throttle::NoActions);
    // Looks are many, and most of them find what is known.
    let has_said = |record: &ExecutionRecord| {
        record.kind != ExecutionKind::Continuous || record.found > 0 || record.alerts > 0
    };
    settlement.executions.retain(has_said);
    Some((passed.part, settlement))
}

fn rule_settlement(run: &Run, part: &Part, settlement: Settlement) -> (usize, RuleSettlement) {
    let standing = &run.standings[part.rule];
    let before = run.covered[part.rule].clone();
    let mut after = before.clone();
    let mut reach_ms = standing.reach_ms;
    if let Some((_, schedule, _)) = run.runs(part.rule) {
        for (slot, kind) in &part.slots {
            reach_ms = reach_ms.max(length(schedule, *slot));
            // A look leaves its slot to the execution.
            if *kind == ExecutionKind::Continuous {
                continue;
            }
            let interval = i64::try_from(schedule.interval_ms()).unwrap_or(i64::MAX);
            let window = schedule.window(*slot);
            after.slots.add((millis(*slot).saturating_sub(interval), millis(*slot)));
            after.windows.add((millis(window.from) - 1, millis(window.to)));
        }
    }
    let settlement = RuleSettlement {
        rule: standing.id.clone(),
        settled: standing.settled,
        reach_ms,
        before,
        after,
        had_failures: run.failures.contains_key(&standing.id),
        settlement,
    };
    (part.rule, settlement)
}
