//! Executions when they are due, and those that were missed.
//!
//! ```text
//! Clock ─ now ─┐
//! rules ───────┼─► owed slots of each rule ─► passes over StoredEvents ─► settlements ─► StateDatabase
//! covered ─────┘   (newest in order, then                                  (all of a slot, or nothing)
//!                   oldest of a longer gap)
//! ```
//!
//! A slot is owed from the time at which its rule was enabled until an execution of it has been settled. That is all that
//! decides what runs: a start, a tick that came late, a failed execution, a clock that jumps and a gap of days are one case.

mod continuous;
mod jobs;
mod passes;
mod preview;
mod recent;

pub(crate) use self::passes::reach_of;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use watchfire_detect::{Arrival, ExecutionWindow, RuleSchedule};
use watchfire_events::Timestamp;
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;

pub use self::continuous::{Arrived, LookReport};
use self::jobs::Job;
pub use self::preview::{Preview, PreviewError};
use self::recent::Recent;
pub use self::recent::RecentLimits;
use crate::clock::Clock;
use crate::database::StateDatabase;
use crate::engine::Engine;
use crate::error::StateError;
use crate::exceptions::ExceptionTexts;
use crate::execution::{ExecutionKind, ExecutionRecord};
use crate::rules::{KeptRule, millis};
use crate::stored_events::StoredEvents;

/// How executions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// Bytes that hits and what is joined may take up; the rest goes to temporary files, but for what is found.
    pub memory: u64,
    /// Most owed slots of a rule that are run in their order, the newest ones; older ones come behind them.
    pub catch_up: usize,
    /// Most older slots of a rule in one tick.
    pub gap_budget: usize,
    /// Most slots of a rule in one reading of the events.
    pub slots_in_pass: usize,
    /// Most rules that are settled in one transaction.
    pub rules_in_transaction: usize,
    /// How many of the events that rules have hit are held between looks and executions.
    pub recent: RecentLimits,
    /// How long a slot that failed is left alone, in milliseconds: twice as long each time,
    pub retry_after_ms: u64,
    /// but never longer than this.
    pub retry_at_most_ms: u64,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            catch_up: 48,
            gap_budget: 48,
            slots_in_pass: 24,
            rules_in_transaction: 64,
            recent: RecentLimits::default(),
            retry_after_ms: 30_000,
            retry_at_most_ms: 3_600_000,
        }
    }
}

/// What a tick did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickReport {
    /// Executions that were settled, in the order in which they ran.
    pub executions: Vec<ExecutionRecord>,
    /// Executions that failed, and are tried again.
    pub failed: Vec<ExecutionRecord>,
    /// Rules that are enabled and cannot run, each with the reason.
    pub cannot_run: Vec<(String, String)>,
    /// Executions for which the stored events were not read, since looks had seen all of their window.
    pub from_looks: u64,
    /// When the next execution is due; nothing if none ever is.
    pub next_due: Option<Timestamp>,
}

/// How a rule stands by settlements of this process.
#[derive(Clone, Copy, Debug)]
struct Standing {
    /// When the rule was changed: one that was removed and made anew stands otherwise.
    updated: Timestamp,
    settled: i64,
    reach_ms: i64,
}

/// Executes the rules of a state over stored events.
pub struct Scheduler<E> {
    database: StateDatabase,
    events: Arc<E>,
    catalogue: Arc<Catalogue>,
    clock: Arc<dyn Clock>,
    settings: SchedulerSettings,
    engine: Mutex<Option<Arc<Engine>>>,
    /// One run at a time. Runs of other processes are told by the numbers of settlements.
    running: Mutex<()>,
    /// One look at a time, beside runs.
    recent: Mutex<Recent>,
    /// How rules stand by settlements of this process. What is known of a rule is read, and what a run or a look found of it is
    /// settled, while this is locked: so that neither overtakes the other.
    standings: Mutex<HashMap<String, Standing>>,
}

impl<E: StoredEvents> Scheduler<E> {
    /// A scheduler. `catalogue` has the types of all fields.
    pub fn new(
        database: StateDatabase,
        events: Arc<E>,
        catalogue: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
        settings: SchedulerSettings,
    ) -> Self {
        Self {
            database,
            events,
            catalogue,
            clock,
            settings,
            engine: Mutex::new(None),
            running: Mutex::new(()),
            recent: Mutex::default(),
            standings: Mutex::default(),
        }
    }

    /// To be called once before the first tick: what ran when an earlier process stopped has failed, and what buckets and
    /// groups have alerted is taken from the alerts where nothing else is known of it.
    ///
    /// # Errors
    /// Of the database.
    pub async fn start(&self) -> Result<u64, StateError> {
        let _alone = self.running.lock().await;
        let now = self.clock.now();
        let broken = self.database.end_broken_executions(now).await?;
        for kept in self.database.rules().await?.into_iter().filter(|kept| kept.rule.enabled()) {
            let Some(schedule) = RuleSchedule::of(&kept.rule, Arrival::Ingested) else { continue };
            let due = schedule.last_until(now);
            self.database.rebuild(&kept, &schedule, &[due]).await?;
        }
        Ok(broken)
    }

    /// Runs all executions that are owed by now.
    ///
    /// # Errors
    /// Of the database. What was settled before stays settled; the rest is owed still.
    pub async fn tick(&self) -> Result<TickReport, StateError> {
        let _alone = self.running.lock().await;
        let now = self.clock.now();
        let engine = self.engine(now).await?;
        let mut run = self.run(&engine, now).await?;
        let mut report = TickReport::default();
        let (mut newest, mut oldest) = (Vec::new(), Vec::new());
        for (number, rule) in engine.rules.iter().enumerate() {
            match &rule.way {
                _ if !rule.kept.rule.enabled() => {}
                Err(why) => report.cannot_run.push((rule.kept.id.clone(), why.clone())),
                Ok(runs) => {
                    let owed = run.owed(number, &runs.schedule, now, &self.settings);
                    newest.extend(owed.newest);
                    oldest.extend(owed.oldest);
                    report.next_due = report.next_due.into_iter().chain([owed.next_due]).min();
                }
            }
        }
        for jobs in [newest, oldest] {
            self.rebuild_for(&engine, &jobs).await?;
            let (on_alerts, on_events): (Vec<Job>, Vec<Job>) =
                jobs.into_iter().partition(|job| run.reads_alerts(job.rule));
            // Rules on alerts see what the others have found up to the same time.
            self.run_jobs(&mut run, on_events, &mut report).await?;
            self.run_jobs(&mut run, on_alerts, &mut report).await?;
        }
        report.next_due = report.next_due.into_iter().chain(run.next_retry(now)).min();
        Ok(report)
    }

    /// Runs the executions of some rules that search a span of time, whether they have run before or not: what they find
    /// and was not known becomes alerts.
    ///
    /// # Errors
    /// If there is no such rule; and of the database.
    pub async fn run_range(&self, rules: &[String], span: ExecutionWindow) -> Result<TickReport, StateError> {
        let _alone = self.running.lock().await;
        let now = self.clock.now();
        let engine = self.engine(now).await?;
        let mut run = self.run(&engine, now).await?;
        let (mut jobs, mut report) = (Vec::new(), TickReport::default());
        for id in rules {
            let number = engine.rules.iter().position(|rule| rule.kept.id == *id);
            let number = number.ok_or_else(|| StateError::Absent { what: format!("rule `{id}`") })?;
            match &engine.rules[number].way {
                Ok(runs) => jobs.push(jobs::over(number, &runs.schedule, span, now)),
                Err(why) => report.cannot_run.push((id.clone(), why.clone())),
            }
        }
        self.rebuild_for(&engine, &jobs).await?;
        let (on_alerts, on_events): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| run.reads_alerts(job.rule));
        self.run_jobs(&mut run, on_events, &mut report).await?;
        self.run_jobs(&mut run, on_alerts, &mut report).await?;
        Ok(report)
    }

    /// The time that was owed to a rule and not searched.
    ///
    /// # Errors
    /// If there is no such rule; and of the database.
    pub async fn gaps(&self, rule: &str) -> Result<Vec<ExecutionWindow>, StateError> {
        let kept = self.database.rule(rule).await?;
        let covered = self.database.covered().await?.remove(rule).unwrap_or_default();
        let (Some(schedule), Some(from)) =
            (RuleSchedule::of(&kept.rule, Arrival::Ingested), kept.scheduled_from)
        else {
            return Ok(Vec::new());
        };
        let due = schedule.last_until(self.clock.now());
        let gaps = covered.slots.gaps((millis(from) - 1, millis(due)));
        let missed = |(from, to): (i64, i64)| {
            let (from, to) = (Timestamp::from_millis(from + 1), Timestamp::from_millis(to));
            let window = (schedule.window(schedule.first_from(from)).from, schedule.window(to).to);
            covered.windows.gaps((millis(window.0) - 1, millis(window.1)))
        };
        let span = |(from, to)| ExecutionWindow {
            from: Timestamp::from_millis(from + 1),
            to: Timestamp::from_millis(to),
        };
        Ok(gaps.into_iter().flat_map(missed).map(span).collect())
    }

    /// What a rule would do over a span of time, if nothing were known before: the same executions, of which nothing is kept.
    /// Alerts are not read.
    ///
    /// # Errors
    /// If the rule cannot run, or the events cannot be read.
    pub async fn preview(&self, rule: &Rule, span: ExecutionWindow) -> Result<Preview, PreviewError> {
        let now = self.clock.now();
        let texts = self.database.exception_texts().await.unwrap_or_default();
        let kept = KeptRule::alone(rule, now);
        let (events, catalogue) = (Arc::clone(&self.events), Arc::clone(&self.catalogue));
        let memory = self.settings.memory;
        let preview = move || preview::preview(kept, texts, &catalogue, &*events, span, (now, memory));
        tokio::task::spawn_blocking(preview).await.map_err(std::io::Error::other)?
    }

    /// Takes up what alerts say, for executions of times that have passed.
    async fn rebuild_for(&self, engine: &Engine, jobs: &[Job]) -> Result<(), StateError> {
        for job in jobs {
            let rule = &engine.rules[job.rule];
            let is_past = job.slots.iter().any(|(_, kind)| *kind != ExecutionKind::Scheduled);
            if let (Ok(runs), true) = (&rule.way, is_past) {
                let slots: Vec<Timestamp> = job.slots.iter().map(|(slot, _)| *slot).collect();
                self.database.rebuild(&rule.kept, &runs.schedule, &slots).await?;
            }
        }
        Ok(())
    }

    /// The rules as they are now.
    async fn engine(&self, now: Timestamp) -> Result<Arc<Engine>, StateError> {
        let standings = self.database.rule_standings().await?;
        let texts: ExceptionTexts = self.database.exception_texts().await?;
        let mut engine = self.engine.lock().await;
        if let Some(known) = engine.as_ref().filter(|known| known.is_of(&standings, &texts, now)) {
            return Ok(Arc::clone(known));
        }
        let rules = self.database.rules().await?;
        let catalogue = Arc::clone(&self.catalogue);
        let made = tokio::task::spawn_blocking(move || Engine::new(rules, texts, catalogue, now)).await;
        let made = Arc::new(made.map_err(|error| StateError::Setup { why: error.to_string() })?);
        *engine = Some(Arc::clone(&made));
        Ok(made)
    }
}
