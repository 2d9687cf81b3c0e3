//! What decides and sends, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use watchfire_events::Timestamp;
use watchfire_ir::Schema;
use watchfire_state::{Attempt, Delivery, StateDatabase, StateError};

use crate::connector::Connector;
use crate::decide::Deciding;
use crate::send::{Message, SendError, Sender};

/// Deliveries that are taken up at once.
const AT_ONCE: u32 = 256;

/// A message that is being sent when the process ends is sent again when the receiver's time is over, and this behind it.
const MARGIN: Duration = Duration::from_mins(1);

/// How messages are decided of and sent.
#[derive(Clone, Debug)]
pub struct ActionSettings {
    /// Whether alerts of runs that somebody asked for are told of too.
    pub back_fills: bool,
    /// Where people see rules and alerts, without a slash at the end.
    pub public_url: Option<String>,
    /// A message that was not taken this often is given up.
    pub most_attempts: u64,
    /// How long after the first attempt the second comes; after each further one it takes twice as long.
    pub first_wait: Duration,
    /// The longest wait between two attempts.
    pub longest_wait: Duration,
    /// How long a receiver may take.
    pub timeout: Duration,
    /// How long messages are remembered that are not to be sent any more.
    pub keep: Duration,
}

impl Default for ActionSettings {
    /// Twelve attempts within some three hours.
    fn default() -> Self {
        Self {
            back_fills: false,
            public_url: None,
            most_attempts: 12,
            first_wait: Duration::from_secs(5),
            longest_wait: Duration::from_hours(1),
            timeout: Duration::from_secs(20),
            keep: Duration::from_hours(30 * 24),
        }
    }
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepReport {
    /// Messages that are to be sent now.
    pub decided: u64,
    /// Alerts that a filter of an action left out, for each such action.
    pub filtered: u64,
    /// Alerts of runs by hand, of which nothing is told.
    pub of_runs_by_hand: u64,
    /// Alerts whose rule, or action, is gone.
    pub without_rule: u64,
    /// Messages that were taken.
    pub sent: u64,
    /// Messages that are tried again.
    pub put_off: u64,
    /// Messages that were given up, with the reason.
    pub dead: Vec<(String, String)>,
    /// What there is to say of rules and their actions.
    pub notes: BTreeSet<String>,
}

/// Takes what connectors of type `.server-log` are to say, as an object.
pub type ServerLog = Arc<dyn Fn(&Value) + Send + Sync>;

/// Decides what is sent of alerts, and sends it.
pub struct Dispatcher {
    database: StateDatabase,
    schema: Arc<dyn Schema + Send + Sync>,
    settings: ActionSettings,
    connectors: BTreeMap<String, Result<Connector, String>>,
    sender: Sender,
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("connectors", &self.connectors.len()).finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// Over a database, with the connectors by their ids; one that cannot be used says why. `schema` has the types of fields of
    /// alerts.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(
        database: StateDatabase,
        schema: Arc<dyn Schema + Send + Sync>,
        settings: ActionSettings,
        connectors: BTreeMap<String, Result<Connector, String>>,
        log: ServerLog,
    ) -> Result<Self, String> {
        let sender = Sender::new(settings.timeout, log)?;
        Ok(Self { database, schema, settings, connectors, sender })
    }

    /// Decides of what is new, and sends what is due. What one connector takes is sent in order, one by one; connectors do
    /// not wait for each other.
    ///
    /// # Errors
    /// Of the database. What was sent before is noted.
    pub async fn step(&self, now: Timestamp) -> Result<StepReport, StateError> {
        let mut report = StepReport::default();
        let deciding = Deciding {
            database: &self.database,
            schema: &*self.schema,
            settings: &self.settings,
            connectors: &self.connectors,
            now,
        };
        match deciding.decide(&mut report).await {
            // Another server over the same database decides of them.
            Ok(()) | Err(StateError::Overtaken { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut by_connector: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        for delivery in self.database.due_deliveries(now, AT_ONCE).await? {
            by_connector.entry(delivery.connector.clone()).or_default().push(delivery);
        }
        let mut sending = Vec::with_capacity(by_connector.len());
        for (id, deliveries) in by_connector {
            let way = Sending {
                database: self.database.clone(),
                sender: self.sender.clone(),
                settings: self.settings.clone(),
                connector: self.connectors.get(&id).cloned(),
                now,
            };
            sending.push(tokio::spawn(async move { way.send(deliveries).await }));
        }
        let mut failed = None;
        for task in sending {
            match task.await {
                Ok(Ok(part)) => report.add(part),
                Ok(Err(error)) => failed = Some(error),
                // A panic is a bug: it goes on as if there had been one task.
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        failed.map_or(Ok(report), Err)
    }

    /// Forgets messages that were sent, dropped or given up long ago. Answers how many of them had been given up, and nobody
    /// has looked at.
    ///
    /// # Errors
    /// Of the database.
    pub async fn forget(&self, now: Timestamp) -> Result<u64, StateError> {
        let keep = i128::try_from(self.settings.keep.as_nanos()).unwrap_or(i128::MAX);
        self.database.forget_deliveries(now.plus_nanos(-keep)).await
    }
}

impl StepReport {
    fn add(&mut self, part: Self) {
        self.sent += part.sent;
        self.put_off += part.put_off;
        self.dead.extend(part.dead);
    }
}

/// An instant so much later.
fn later(at: Timestamp, wait: Duration) -> Timestamp {
    at.plus_nanos(i128::try_from(wait.as_nanos()).unwrap_or(i128::MAX))
}

/// Sends through one connector.
struct Sending {
    database: StateDatabase,
    sender: Sender,
    settings: ActionSettings,
    connector: Option<Result<Connector, String>>,
    now: Timestamp,
}

impl Sending {
    async fn send(&self, deliveries: Vec<Delivery>) -> Result<StepReport, StateError> {
        let mut report = StepReport::default();
        let until = later(self.now, self.settings.timeout + MARGIN);
        for delivery in deliveries {
            // Another server over the same database may have taken it.
            if !self.database.take_delivery(&delivery.id, self.now, until).await? {
                continue;
            }
            let attempt = self.attempt(&delivery).await;
            self.database.attempted(&delivery.id, &attempt, self.now).await?;
            match attempt {
                Attempt::Sent => report.sent += 1,
                Attempt::Again(..) => {
                    report.put_off += 1;
                    // Whoever does not answer now will not take the next one either: it stays due.
                    break;
                }
                Attempt::Dead(why) => report.dead.push((delivery.id, why)),
            }
        }
        Ok(report)
    }

    async fn attempt(&self, delivery: &Delivery) -> Attempt {
        let message = Message { delivery, now: self.now, timeout: self.settings.timeout };
        let sent = match &self.connector {
            Some(Ok(connector)) => self.sender.send(connector, &message).await,
            Some(Err(why)) => Err(SendError::Final(format!("the connector cannot be used: {why}"))),
            None => Err(SendError::Final("the connector is not configured any more".to_owned())),
        };
        match sent {
            Ok(()) => Attempt::Sent,
            Err(SendError::Final(why)) => Attempt::Dead(why),
            Err(SendError::Passing(why, _)) if delivery.attempts + 1 >= self.settings.most_attempts => {
                Attempt::Dead(format!("given up after {} attempts: {why}", delivery.attempts + 1))
            }
            Err(SendError::Passing(why, asked)) => {
                let doubled = 1_u32.checked_shl(u32::try_from(delivery.attempts).unwrap_or(u32::MAX));
                let wait = doubled.and_then(|times| self.settings.first_wait.checked_mul(times));
                let wait = wait.unwrap_or(self.settings.longest_wait).min(self.settings.longest_wait);
                // A receiver that asks for more time gets it, but not without end.
                let wait = wait.max(asked.unwrap_or_default().min(Duration::from_hours(24)));
                Attempt::Again(why, later(self.now, wait))
            }
        }
    }
}
