//! What goes on beside requests: commits, executions of rules, and looking after the tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use watchfire_events::{IndexPatterns, Timestamp};
use watchfire_lake::{CompactionOptions, Lake};
use watchfire_server::{ApiKeys, Server};
use watchfire_state::{ExecutionKind, ExecutionRecord, ExecutionStatus, Scheduler, StateDatabase};

use super::arrivals::Arrivals;
use super::config::Retention;
use super::counts::ServerCounts;
use super::lake_events::LakeEvents;
use super::log;
use super::settled_clock::SettledClock;
use crate::time_argument;

/// How often it is looked whether rules are due, and whether events wait for their commit.
const STEP: Duration = Duration::from_secs(1);
/// How often rules are looked at though none is known to be due: there may be new ones.
const LOOK: Duration = Duration::from_secs(30);
/// How long executions wait for looks to have seen what has arrived; else they read it themselves.
const LOOKS_PATIENCE: Duration = Duration::from_secs(2);
/// How often small files of tables are joined: what a commit costs grows with their number (docs/lake.md).
const COMPACTION: Duration = Duration::from_mins(1);

/// How often what is kept no longer is taken away.
const CLEANING: Duration = Duration::from_hours(1);
/// For how long files stay that no table needs any more: longer than any scan takes.
const MARGIN_HOURS: u32 = 2;
const DAY_MS: i64 = 86_400_000;

/// When rules are to be looked at.
#[derive(Default)]
struct Plan {
    next_due: Option<Timestamp>,
    looked: Option<Instant>,
    told: Told,
}

/// What goes on beside requests.
pub(super) struct Upkeep {
    pub(super) lake: Arc<Lake>,
    /// What waits for looks, if there are any.
    pub(super) arrivals: Option<Arc<Arrivals>>,
    pub(super) scheduler: Arc<Scheduler<LakeEvents>>,
    pub(super) settled: Arc<SettledClock>,
    pub(super) counts: Arc<ServerCounts>,
    pub(super) keys: KeysFile,
    pub(super) database: StateDatabase,
    pub(super) retention: Retention,
    pub(super) stop: Arc<AtomicBool>,
}

/// The file of keys, which `watchfire keys` changes while the server runs.
pub(super) struct KeysFile {
    server: Arc<Server>,
    path: PathBuf,
    seen: Mutex<Option<SystemTime>>,
}

impl KeysFile {
    /// The file that a server's keys were read from.
    pub(super) fn new(server: Arc<Server>, path: PathBuf) -> Self {
        let seen = Mutex::new(modified(&path));
        Self { server, path, seen }
    }

    /// Takes up keys that are new, and lets go of revoked ones.
    fn look(&self) {
        let now = modified(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return;
        }
        *seen = now;
        match ApiKeys::open(&self.path) {
            Ok(keys) => {
                log::line(&format!("keys read again: {}", self.path.display()));
                self.server.set_keys(keys);
            }
            Err(error) => log::line(&format!("problem: keys stay as they were: {error}")),
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

impl Upkeep {
    /// Runs until it is told to stop, and commits what is there then. It blocks.
    pub(super) fn run(&self, runtime: &tokio::runtime::Handle) {
        // Neither a long execution nor large files keep events waiting for their commit.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                self.every(STEP, &mut || {
                    let committed = self.lake.commit_due().map(drop);
                    committed.map_err(|error| format!("events could not be committed: {error}"))
                });
            });
            scope.spawn(|| {
                self.every(COMPACTION, &mut || {
                    let compacted =
                        self.lake.compact(&IndexPatterns::default(), CompactionOptions::default()).map(drop);
                    compacted.map_err(|error| format!("tables could not be compacted: {error}"))
                });
            });
            let mut cleaned: Option<Instant> = None;
            let mut plan = Plan::default();
            self.every(STEP, &mut || {
                self.keys.look();
                let stepped = self.step(runtime, &mut plan);
                if cleaned.is_none_or(|at| at.elapsed() >= CLEANING) {
                    cleaned = Some(Instant::now());
                    self.clean(runtime);
                }
                stepped
            });
        });
        if let Err(error) = self.lake.commit() {
            log::line(&format!("problem: events stay in the spool until the next start: {error}"));
        }
    }

    /// Does something at these intervals, until it is told to stop.
    fn every(&self, interval: Duration, work: &mut dyn FnMut() -> Result<(), String>) {
        let mut failing = String::new();
        let mut done: Option<Instant> = None;
        while !self.stop.load(Ordering::Acquire) {
            let began = Instant::now();
            if done.is_none_or(|at| at.elapsed() >= interval) {
                done = Some(began);
                match work() {
                    Ok(()) => failing.clear(),
                    // What goes on failing in the same way is said once.
                    Err(error) if error != failing => {
                        log::line(&format!("problem: {error}"));
                        failing = error;
                    }
                    Err(_) => {}
                }
            }
            std::thread::sleep(STEP.saturating_sub(began.elapsed()));
        }
    }

    /// Takes away what is kept no longer, and deletes files that no table needs.
    fn clean(&self, runtime: &tokio::runtime::Handle) {
        match self.lake.expire(&|stream| self.retention.days_of(stream)) {
            Ok(report) if report.rows > 0 => {
                log::line(&format!("retention: {} events in {} files taken away", report.rows, report.files));
            }
            Ok(_) => {}
            Err(error) => log::line(&format!("problem: old events could not be taken away: {error}")),
        }
        if let Err(error) = self.lake.vacuum(MARGIN_HOURS) {
            log::line(&format!("problem: files without a table could not be deleted: {error}"));
        }
        let kept = i64::from(self.retention.executions_days) * DAY_MS;
        let before = Timestamp::from_millis(time_argument::now().millis() - kept);
        if let Err(error) = runtime.block_on(self.database.prune(before)) {
            log::line(&format!("problem: old executions could not be taken away: {}", chain(&error)));
        }
    }

    /// If rules are due, commits all that arrived, and executes them.
    fn step(&self, runtime: &tokio::runtime::Handle, plan: &mut Plan) -> Result<(), String> {
        let not_committed = |error| format!("events could not be committed: {error}");
        let now = time_argument::now().to_millisecond();
        let is_due = plan.next_due.is_none_or(|due| due < now);
        if !is_due && plan.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        self.settled.settle(&self.lake, now).map_err(not_committed)?;
        plan.looked = Some(Instant::now());
        // What looks have seen is not read again.
        if self.arrivals.as_ref().is_some_and(|arrivals| arrivals.wait_until_looked(LOOKS_PATIENCE)) {
            runtime.block_on(self.scheduler.looked_through()).map_err(|error| chain(&error))?;
        }
        let began = Instant::now();
        let report = runtime
            .block_on(self.scheduler.tick())
            .map_err(|error| format!("rules could not be executed: {}", chain(&error)))?;
        plan.next_due = report.next_due;
        self.counts.ticked(&report, began.elapsed());
        plan.told.tell(&report.failed);
        plan.told.tell(&report.executions);
        Ok(())
    }
}

/// What was last said of executions, by rule and kind: what stays true at each of them is said once.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<(String, ExecutionKind), String>);

impl Told {
    /// Logs executions that have made alerts, or of which there is something to say that was not said before.
    pub(super) fn tell(&mut self, executions: &[ExecutionRecord]) {
        for record in executions {
            let key = (record.rule.clone(), record.kind);
            let messages: Vec<&str> = record.messages.iter().map(|message| message.text.as_str()).collect();
            let messages = messages.join("; ");
            let is_quiet = record.alerts == 0 && record.held_back == 0;
            if record.status == ExecutionStatus::Succeeded && is_quiet {
                self.0.remove(&key);
                continue;
            }
            let said = format!("{} {messages}", record.status);
            if self.0.insert(key, said.clone()).is_some_and(|before| before == said) && is_quiet {
                continue;
            }
            log::line(&format!(
                "{} execution of {}: {}, {} alerts, {} held back{}{}",
                record.kind.name(),
                record.rule,
                record.status,
                record.alerts,
                record.held_back,
                if messages.is_empty() { "" } else { ": " },
                messages
            ));
        }
    }
}

/// An error with what is behind it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
