//! From fresh alerts to what is to be sent of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use watchfire_events::Timestamp;
use watchfire_ir::Schema;
use watchfire_rules::model::{Action, Interval, NotifyWhen, Throttle};
use watchfire_state::{
    Decision, Delivery, DeliveryStatus, ExecutionKind, FreshAlert, GatheredAlert, KeptAlert, KeptRule,
    StateDatabase, StateError,
};

use crate::connector::{Connector, ConnectorType};
use crate::dispatcher::{ActionSettings, StepReport};
use crate::filter::AlertsFilter;
use crate::template::{Escape, Template};
use crate::variables::Telling;

/// Alerts of which it is decided at once.
const AT_ONCE: u32 = 500;

/// Most alerts whose documents a summary has; the others are counted.
const MOST_DOCUMENTS: usize = 1_000;

/// A summary of a run waits no longer than this for the execution whose alerts were found before its time.
const PATIENCE_MS: i64 = 600_000;

/// How often an action sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    /// Once for each alert.
    Each,
    /// Once for all alerts of an execution.
    Run,
    /// At most once in so many milliseconds, for all alerts since.
    Period(i64),
}

impl Frequency {
    fn of(action: &Action, throttle: Option<Throttle>) -> Result<Self, String> {
        let period = |interval: Interval| {
            Self::Period(i64::try_from(interval.seconds()).unwrap_or(i64::MAX).saturating_mul(1_000))
        };
        match (&action.frequency, throttle) {
            (Some(frequency), _) if !frequency.summary => Ok(Self::Each),
            (Some(frequency), _) if frequency.notify_when == NotifyWhen::OnThrottleInterval => {
                let text = frequency.throttle.as_deref().unwrap_or_default();
                text.parse().map(period).map_err(|_| format!("`frequency.throttle`: `{text}` is no interval"))
            }
            (None, Some(Throttle::Every(interval))) => Ok(period(interval)),
            (Some(_) | None, _) => Ok(Self::Run),
        }
    }
}

/// What decides.
pub(crate) struct Deciding<'a> {
    pub(crate) database: &'a StateDatabase,
    pub(crate) schema: &'a dyn Schema,
    pub(crate) settings: &'a ActionSettings,
    pub(crate) connectors: &'a BTreeMap<String, Result<Connector, String>>,
    pub(crate) now: Timestamp,
}

impl Deciding<'_> {
    /// Decides of all fresh alerts and of the summaries whose time has come.
    pub(crate) async fn decide(&self, report: &mut StepReport) -> Result<(), StateError> {
        loop {
            let fresh = self.database.fresh_alerts(AT_ONCE).await?;
            if fresh.is_empty() {
                break;
            }
            let is_last = fresh.len() < AT_ONCE as usize;
            let decision = self.of_fresh(fresh, report).await?;
            self.write(decision, report).await?;
            if is_last {
                break;
            }
        }
        let decision = self.of_gathered(report).await?;
        if !decision.told.is_empty() {
            self.write(decision, report).await?;
        }
        Ok(())
    }

    async fn write(&self, decision: Decision, report: &mut StepReport) -> Result<(), StateError> {
        self.database.decide(&decision).await?;
        let dead = decision.deliveries.into_iter().filter(|delivery| delivery.status == DeliveryStatus::Dead);
        report.dead.extend(dead.map(|delivery| (delivery.id, delivery.error)));
        Ok(())
    }

    async fn of_fresh(
        &self,
        fresh: Vec<FreshAlert>,
        report: &mut StepReport,
    ) -> Result<Decision, StateError> {
        let mut decision = Decision::default();
        let mut by_rule: BTreeMap<String, Vec<FreshAlert>> = BTreeMap::new();
        for alert in fresh {
            decision.seen.push(alert.alert.clone());
            if alert.kind == ExecutionKind::Manual && !self.settings.back_fills {
                report.of_runs_by_hand += 1;
                continue;
            }
            by_rule.entry(alert.rule.clone()).or_default().push(alert);
        }
        for (id, fresh) in by_rule {
            let rule = self.rule(&id).await?;
            let notifies = |rule: &KeptRule| rule.rule.throttle != Some(Throttle::NoActions);
            let Some(rule) = rule.filter(notifies) else {
                report.without_rule += fresh.len() as u64;
                continue;
            };
            for fresh in fresh {
                let Some(alert) = self.alert(&fresh.alert).await? else { continue };
                for (number, action) in rule.rule.actions().iter().enumerate() {
                    self.of_alert(&rule, &Asked::new(number, action), &fresh, &alert, &mut decision, report);
                }
            }
        }
        Ok(decision)
    }

    fn of_alert(
        &self,
        rule: &KeptRule,
        asked: &Asked<'_>,
        fresh: &FreshAlert,
        alert: &KeptAlert,
        decision: &mut Decision,
        report: &mut StepReport,
    ) {
        let counts = asked.action.alerts_filter.as_ref().map_or(Ok(true), |filter| {
            let filter = AlertsFilter::read(&filter.0, self.schema, self.now)?;
            Ok(filter.counts(alert, self.schema, self.now))
        });
        let frequency = Frequency::of(asked.action, rule.rule.throttle);
        match (counts, frequency) {
            (Ok(false), _) => report.filtered += 1,
            (Err(why), _) | (_, Err(why)) => {
                decision.deliveries.push(self.dead(rule, asked, &[&fresh.alert], why));
            }
            (Ok(true), Ok(Frequency::Each)) => {
                let alerts = std::slice::from_ref(alert);
                decision.deliveries.push(self.delivery(rule, asked, alerts, &[&alert.id], true, report));
            }
            (Ok(true), Ok(Frequency::Run | Frequency::Period(_))) => {
                decision.gathered.push(GatheredAlert {
                    rule: fresh.rule.clone(),
                    action: asked.key.clone(),
                    alert: fresh.alert.clone(),
                    kind: fresh.kind,
                    slot: fresh.slot,
                    since: self.now,
                });
            }
        }
    }

    async fn of_gathered(&self, report: &mut StepReport) -> Result<Decision, StateError> {
        let mut decision = Decision::default();
        let throttles = self.database.throttles().await?;
        let mut by_action: BTreeMap<(String, String), Vec<GatheredAlert>> = BTreeMap::new();
        for alert in self.database.gathered_alerts().await? {
            by_action.entry((alert.rule.clone(), alert.action.clone())).or_default().push(alert);
        }
        for ((id, key), gathered) in by_action {
            let rule = self.rule(&id).await?;
            let actions = rule.iter().flat_map(|rule| rule.rule.actions().iter().enumerate());
            let asked =
                actions.map(|(number, action)| Asked::new(number, action)).find(|asked| asked.key == key);
            let (Some(rule), Some(asked)) = (&rule, asked) else {
                report.without_rule += gathered.len() as u64;
                decision.told.extend(gathered);
                continue;
            };
            match Frequency::of(asked.action, rule.rule.throttle) {
                Ok(Frequency::Period(period)) => {
                    let last = throttles.get(&(id.clone(), key.clone()));
                    if last.is_some_and(|last| self.now.millis() < last.millis().saturating_add(period)) {
                        continue;
                    }
                    self.summarise(rule, &asked, gathered, &mut decision, report).await?;
                    decision.throttled.push((id, key, self.now));
                }
                // The frequency may have been changed since.
                Ok(Frequency::Run | Frequency::Each) | Err(_) => {
                    let mut runs: BTreeMap<(i64, &str), Vec<GatheredAlert>> = BTreeMap::new();
                    for alert in gathered {
                        let run = match alert.kind {
                            // Looks find what the execution of their slot would find.
                            ExecutionKind::Continuous => ExecutionKind::Scheduled,
                            kind => kind,
                        };
                        runs.entry((alert.slot.millis(), run.name())).or_default().push(alert);
                    }
                    for ((slot, _), of_run) in runs {
                        if self.is_over(&id, Timestamp::from_millis(slot)).await? {
                            self.summarise(rule, &asked, of_run, &mut decision, report).await?;
                        }
                    }
                }
            }
        }
        Ok(decision)
    }

    /// Whether no more alerts are to be expected of a run.
    async fn is_over(&self, rule: &str, slot: Timestamp) -> Result<bool, StateError> {
        Ok(self.now.millis() >= slot.millis().saturating_add(PATIENCE_MS)
            || self.database.is_executed(rule, slot).await?)
    }

    async fn summarise(
        &self,
        rule: &KeptRule,
        asked: &Asked<'_>,
        gathered: Vec<GatheredAlert>,
        decision: &mut Decision,
        report: &mut StepReport,
    ) -> Result<(), StateError> {
        let mut alerts = Vec::new();
        for one in gathered.iter().take(MOST_DOCUMENTS) {
            alerts.extend(self.alert(&one.alert).await?);
        }
        alerts.sort_by(|a, b| (a.made, &a.id).cmp(&(b.made, &b.id)));
        let ids: Vec<&str> = gathered.iter().map(|one| one.alert.as_str()).collect();
        decision.deliveries.push(self.delivery(rule, asked, &alerts, &ids, false, report));
        decision.told.extend(gathered);
        Ok(())
    }

    /// The message of alerts with these ids, ready to be sent, or dead with the reason.
    fn delivery(
        &self,
        rule: &KeptRule,
        asked: &Asked<'_>,
        alerts: &[KeptAlert],
        ids: &[&str],
        is_single: bool,
        report: &mut StepReport,
    ) -> Delivery {
        let of = match self.connector_type(asked.action) {
            Ok(of) => of,
            Err(why) => return self.dead(rule, asked, ids, why),
        };
        if ids.len() > MOST_DOCUMENTS {
            report.notes.insert(format!(
                "rule `{}`, action {}: a message told of more than {MOST_DOCUMENTS} alerts, and has the documents of these \
                 alone",
                rule.rule.name, asked.key
            ));
        }
        let public_url = self.settings.public_url.as_deref();
        let telling = Telling { rule, alerts, number: ids.len(), is_single, now: self.now, public_url };
        let mut filling = Filling { values: telling.values(), unknown: BTreeSet::new(), is_cut: false };
        let params = asked.action.params.0.as_object().cloned().unwrap_or_default();
        let filled: Result<serde_json::Map<String, Value>, String> = params
            .into_iter()
            .map(|(name, value)| {
                let filled = filling.fill(&value, of.escape(&name));
                filled.map(|filled| (name.clone(), filled)).map_err(|why| format!("`params.{name}`: {why}"))
            })
            .collect();
        for name in filling.unknown {
            report.notes.insert(format!(
                "rule `{}`, action {}: no variable is called `{name}`",
                rule.rule.name, asked.key
            ));
        }
        if filling.is_cut {
            report.notes.insert(format!(
                "rule `{}`, action {}: the message was longer than a mebibyte, and is cut",
                rule.rule.name, asked.key
            ));
        }
        match filled {
            Ok(body) => {
                report.decided += 1;
                Delivery { body: Value::Object(body), ..self.draft(rule, asked, ids) }
            }
            Err(why) => self.dead(rule, asked, ids, why),
        }
    }

    /// The type of the connector of an action, if it can be sent through.
    fn connector_type(&self, action: &Action) -> Result<ConnectorType, String> {
        match self.connectors.get(&action.id) {
            Some(Ok(connector)) if connector.connector_type().name() == action.action_type_id => {
                Ok(connector.connector_type())
            }
            Some(Ok(connector)) => Err(format!(
                "connector `{}` is of type `{}`, and the action asks for `{}`",
                action.id,
                connector.connector_type().name(),
                action.action_type_id
            )),
            Some(Err(why)) => Err(format!("connector `{}` cannot be used: {why}", action.id)),
            None => Err(format!("no connector `{}` is configured ([[connectors]])", action.id)),
        }
    }

    fn dead(&self, rule: &KeptRule, asked: &Asked<'_>, alerts: &[&str], why: String) -> Delivery {
        Delivery {
            status: DeliveryStatus::Dead,
            ended: Some(self.now),
            error: why,
            body: json!(asked.action.params.0),
            ..self.draft(rule, asked, alerts)
        }
    }

    fn draft(&self, rule: &KeptRule, asked: &Asked<'_>, alerts: &[&str]) -> Delivery {
        Delivery {
            id: identity(&rule.id, &asked.key, alerts),
            rule: rule.id.clone(),
            action: asked.key.clone(),
            connector: asked.action.id.clone(),
            alerts: alerts.len() as u64,
            status: DeliveryStatus::Waiting,
            attempts: 0,
            due: self.now,
            created: self.now,
            ended: None,
            error: String::new(),
            body: Value::Null,
        }
    }

    async fn rule(&self, id: &str) -> Result<Option<KeptRule>, StateError> {
        present(self.database.rule(id).await)
    }

    async fn alert(&self, id: &str) -> Result<Option<KeptAlert>, StateError> {
        present(self.database.alert(id).await)
    }
}

/// What may be gone.
fn present<T>(found: Result<T, StateError>) -> Result<Option<T>, StateError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StateError::Absent { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An action of a rule.
struct Asked<'a> {
    action: &'a Action,
    /// What it is called within its rule.
    key: String,
}

impl<'a> Asked<'a> {
    fn new(number: usize, action: &'a Action) -> Self {
        Self { action, key: action.uuid.clone().unwrap_or_else(|| number.to_string()) }
    }
}

/// The identity of the message of an action on alerts.
fn identity(rule: &str, action: &str, alerts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in [rule, action].iter().chain(alerts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let bytes = hash.finalize();
    let first = bytes.first_chunk::<16>().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(first))
}

/// Parameters that are filled in.
struct Filling {
    values: Value,
    unknown: BTreeSet<String>,
    is_cut: bool,
}

impl Filling {
    fn fill(&mut self, value: &Value, escape: Escape) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => {
                let rendered =
                    Template::parse(text).map_err(|error| error.to_string())?.render(&self.values, escape);
                self.unknown.extend(rendered.unknown);
                self.is_cut |= rendered.is_cut;
                Value::String(rendered.text)
            }
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill(item, escape)).collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let entry = |(name, value): (&String, &Value)| Ok((name.clone(), self.fill(value, escape)?));
                Value::Object(entries.iter().map(entry).collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }
}
