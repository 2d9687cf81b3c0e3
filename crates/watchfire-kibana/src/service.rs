//! What all requests share, and what is asked of the rest of the program.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;
use watchfire_detect::ExecutionWindow;
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;
use watchfire_server::{Caller, Clock};
use watchfire_state::{
    Actor, Preview, PreviewError, Scheduler, StateChange, StateDatabase, StateError, StoredEvents, TickReport,
};

use crate::answer::ApiError;

/// Imports and exports that go on at a time; others wait.
const MOST_TRANSFERS: usize = 4;

/// Alerts that are looked into at a time, each of which reads events; others wait.
const MOST_TRIAGES: usize = 2;

/// What comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives random ids (UUID version 4) to what comes without one.
pub type NewId = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// Why alerts could not be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSearchError {
    /// The HTTP status: 400 if the request is to blame.
    pub status: u16,
    /// What is wrong.
    pub message: String,
}

/// The search over alerts: it takes the body of a search request of Elasticsearch, and gives its answer.
pub trait AlertSearch: Send + Sync {
    /// Searches the alerts of the default space.
    fn search(&self, body: Value) -> Later<'_, Result<Value, AlertSearchError>>;
}

/// What events say of alerts. An error is a sentence.
pub trait AlertTriage: Send + Sync {
    /// The guide of an alert answered, and its evidence; each answer with at most so many events. Nothing if there is no such
    /// alert.
    fn answer<'a>(&'a self, id: &'a str, most_events: usize) -> Later<'a, Result<Option<Value>, String>>;

    /// The pattern of an alert, looked for on all other hosts.
    fn sweep<'a>(&'a self, id: &'a str) -> Later<'a, Result<Option<Value>, String>>;
}

/// Executions that are asked for by hand.
pub trait Executions: Send + Sync {
    /// What a rule would do over a span of time.
    fn preview<'a>(
        &'a self,
        rule: &'a Rule,
        span: ExecutionWindow,
    ) -> Later<'a, Result<Preview, PreviewError>>;

    /// Runs rules, named by their ids, over a span of time.
    fn run<'a>(
        &'a self,
        rules: &'a [String],
        span: ExecutionWindow,
    ) -> Later<'a, Result<TickReport, StateError>>;
}

impl<E: StoredEvents> Executions for Scheduler<E> {
    fn preview<'a>(
        &'a self,
        rule: &'a Rule,
        span: ExecutionWindow,
    ) -> Later<'a, Result<Preview, PreviewError>> {
        Box::pin(Scheduler::preview(self, rule, span))
    }

    fn run<'a>(
        &'a self,
        rules: &'a [String],
        span: ExecutionWindow,
    ) -> Later<'a, Result<TickReport, StateError>> {
        Box::pin(self.run_range(rules, span))
    }
}

/// What a [`DetectionApi`] works with.
#[derive(Clone)]
pub struct DetectionParts {
    /// Where rules, exceptions and alerts are kept.
    pub database: StateDatabase,
    /// The types of all fields.
    pub catalogue: Arc<Catalogue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The search over alerts.
    pub search: Arc<dyn AlertSearch>,
    /// What events say of alerts.
    pub triage: Arc<dyn AlertTriage>,
    /// Executions by hand.
    pub executions: Arc<dyn Executions>,
    /// Random ids.
    pub new_id: NewId,
    /// The rules that can be installed as prebuilt ones, in the form of the API ([`watchfire_rules::format::RuleFile::to_api`]).
    pub prebuilt: Vec<Rule>,
    /// The version that clients are told.
    pub version: String,
}

impl fmt::Debug for DetectionParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DetectionParts").field("database", &self.database).finish_non_exhaustive()
    }
}

/// The detection API.
#[derive(Debug)]
pub struct DetectionApi {
    pub(crate) parts: DetectionParts,
    /// Held from the reading for a change to its end.
    changing: Mutex<()>,
    /// One for each import or export that goes on.
    pub(crate) transfers: Semaphore,
    /// One for each alert that is looked into.
    pub(crate) triages: Semaphore,
}

impl DetectionApi {
    /// The API over these parts.
    pub fn new(mut parts: DetectionParts) -> Self {
        parts.prebuilt.retain(|rule| rule.rule_id.is_some());
        Self {
            parts,
            changing: Mutex::new(()),
            transfers: Semaphore::new(MOST_TRANSFERS),
            triages: Semaphore::new(MOST_TRIAGES),
        }
    }

    pub(crate) fn database(&self) -> &StateDatabase {
        &self.parts.database
    }

    /// Keeps others from changing anything until it is dropped.
    pub(crate) async fn change(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Makes changes in the name of a caller.
    pub(crate) async fn apply(&self, changes: Vec<StateChange>, caller: &Caller) -> Result<(), ApiError> {
        Ok(self.database().apply(changes, &self.actor(caller)).await?)
    }

    pub(crate) fn actor<'a>(&self, caller: &'a Caller) -> Actor<'a> {
        Actor { name: &caller.name, at: self.parts.clock.now() }
    }

    pub(crate) fn now(&self) -> String {
        self.parts.clock.now().to_iso_millis()
    }

    pub(crate) fn new_id(&self) -> String {
        (self.parts.new_id)().to_string()
    }
}
