//! What is sent of alerts, beside all else: a receiver that takes long keeps neither rules nor events waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use watchfire_actions::{ActionSettings, Connector, Dispatcher, Secret, StepReport};
use watchfire_ir::Catalogue;
use watchfire_state::StateDatabase;

use super::config::{Config, ConnectorEntry, SecretPlace};
use super::counts::ServerCounts;
use super::log;
use super::upkeep::chain;
use crate::time_argument;

/// How often it is looked whether there is something to be sent.
const STEP: Duration = Duration::from_secs(1);
/// How often what is not remembered any longer is taken away.
const CLEANING: Duration = Duration::from_hours(1);

/// The connectors of a configuration, by their ids; one that cannot be used says why.
///
/// # Errors
/// If two have one id.
pub(super) fn connectors(config: &Config) -> io::Result<BTreeMap<String, Result<Connector, String>>> {
    let mut connectors = BTreeMap::new();
    for entry in &config.connectors {
        if connectors.insert(entry.id.clone(), connector(entry)).is_some() {
            let message = format!("there are two connectors `{}`", entry.id);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    }
    Ok(connectors)
}

fn connector(entry: &ConnectorEntry) -> Result<Connector, String> {
    let ConnectorEntry { id, name, connector_type, config, secrets } = entry;
    let config = serde_json::to_value(config).map_err(|error| chain(&error))?;
    let secrets: Result<BTreeMap<String, Secret>, String> = secrets
        .iter()
        .map(|(name, place)| match secret(place) {
            Ok(secret) => Ok((name.clone(), Secret::from(secret))),
            Err(why) => Err(format!("its secret `{name}` cannot be had: {why}")),
        })
        .collect();
    let name = name.as_deref().unwrap_or(id);
    Connector::new(id, name, connector_type, &config, secrets?).map_err(|error| chain(&error))
}

/// Reads a secret; the end of the last line of a file does not belong to it.
fn secret(place: &SecretPlace) -> Result<String, String> {
    match place {
        SecretPlace::Env(variable) => {
            std::env::var(variable).map_err(|error| format!("the variable `{variable}`: {error}"))
        }
        SecretPlace::File(path) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(format!("the file `{}`: {error}", path.display())),
        },
    }
}

fn settings(config: &Config) -> ActionSettings {
    let actions = &config.actions;
    ActionSettings {
        back_fills: actions.back_fills,
        public_url: actions.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        most_attempts: actions.most_attempts,
        timeout: Duration::from_secs(actions.timeout_seconds),
        keep: Duration::from_hours(u64::from(actions.kept_days) * 24),
        ..ActionSettings::default()
    }
}

/// Sends what is to be sent.
pub(super) struct Sending {
    dispatcher: Dispatcher,
    counts: Arc<ServerCounts>,
    database: StateDatabase,
    stop: Arc<AtomicBool>,
}

impl Sending {
    /// # Errors
    /// If TLS cannot be set up.
    pub(super) fn new(
        config: &Config,
        database: &StateDatabase,
        catalogue: &Arc<Catalogue>,
        counts: &Arc<ServerCounts>,
        stop: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let connectors = connectors(config)?;
        for (id, connector) in &connectors {
            if let Err(why) = connector {
                log::line(&format!("problem: connector `{id}` cannot be used: {why}"));
            }
        }
        let schema = Arc::<Catalogue>::clone(catalogue);
        let log = Arc::new(|line: &serde_json::Value| log::object(line));
        let dispatcher = Dispatcher::new(database.clone(), schema, settings(config), connectors, log);
        Ok(Self {
            dispatcher: dispatcher.map_err(io::Error::other)?,
            counts: Arc::clone(counts),
            database: database.clone(),
            stop: Arc::clone(stop),
        })
    }

    /// Runs until it is told to stop. It blocks.
    pub(super) fn run(&self, runtime: &tokio::runtime::Handle) {
        let mut failing = String::new();
        let mut noted = BTreeSet::new();
        let mut cleaned: Option<Instant> = None;
        while !self.stop.load(Ordering::Acquire) {
            let began = Instant::now();
            match runtime.block_on(self.step(&mut noted, &mut cleaned)) {
                Ok(()) => failing.clear(),
                // What goes on failing in the same way is said once.
                Err(error) if error != failing => {
                    log::line(&format!("problem: messages could not be sent: {error}"));
                    failing = error;
                }
                Err(_) => {}
            }
            std::thread::sleep(STEP.saturating_sub(began.elapsed()));
        }
    }

    async fn step(&self, noted: &mut BTreeSet<String>, cleaned: &mut Option<Instant>) -> Result<(), String> {
        let now = time_argument::now();
        let report = self.dispatcher.step(now).await.map_err(|error| chain(&error))?;
        tell(&report, noted);
        let outbox = self.database.outbox_counts().await.map_err(|error| chain(&error))?;
        self.counts.sent(&report, outbox);
        if cleaned.is_none_or(|at| at.elapsed() >= CLEANING) {
            *cleaned = Some(Instant::now());
            let forgotten = self.dispatcher.forget(now).await.map_err(|error| chain(&error))?;
            if forgotten > 0 {
                log::line(&format!("problem: {forgotten} messages that could not be sent are forgotten now"));
            }
        }
        Ok(())
    }
}

/// Logs what somebody should know; what stays true of a rule is said once.
fn tell(report: &StepReport, noted: &mut BTreeSet<String>) {
    for (id, why) in &report.dead {
        log::line(&format!("problem: message {id} was given up: {why}"));
    }
    for note in &report.notes {
        if noted.insert(note.clone()) {
            log::line(&format!("problem: {note}"));
        }
    }
    if report.without_rule > 0 {
        let number = report.without_rule;
        log::line(&format!(
            "problem: nothing is sent of {number} alerts: their rule, or its action, is gone"
        ));
    }
}
