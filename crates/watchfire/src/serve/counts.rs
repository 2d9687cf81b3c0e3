//! What executions and looks have done since the start, and how the lake stands: for `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_actions::StepReport;
use watchfire_lake::Lake;
use watchfire_server::{Metrics, MetricsText, metric_label};
use watchfire_state::{DeliveryStatus, ExecutionRecord, LookReport, OutboxCounts, TickReport};

/// Counts since the start.
#[derive(Debug)]
pub(super) struct ServerCounts {
    lake: Arc<Lake>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// By kind and status.
    executions: BTreeMap<(&'static str, &'static str), u64>,
    /// By kind.
    alerts: BTreeMap<&'static str, u64>,
    suppressed: u64,
    held_back: u64,
    late: u64,
    cannot_run: u64,
    executing: Duration,
    looks: u64,
    looking: Duration,
    not_looked_at: u64,
    postponed: u64,
    given_up: u64,
    from_looks: u64,
    messages_sent: u64,
    messages_put_off: u64,
    messages_dead: u64,
    alerts_filtered: u64,
    outbox: OutboxCounts,
}

impl ServerCounts {
    pub(super) fn new(lake: Arc<Lake>) -> Self {
        Self { lake, counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what a look at the clock did.
    pub(super) fn ticked(&self, report: &TickReport, took: Duration) {
        let mut counts = self.counts();
        report.failed.iter().chain(&report.executions).for_each(|record| counts.add(record));
        counts.cannot_run = report.cannot_run.len() as u64;
        counts.from_looks += report.from_looks;
        if !(report.failed.is_empty() && report.executions.is_empty()) {
            counts.executing += took;
        }
    }

    /// Counts what a look at arrived events did, and how many it was not given.
    pub(super) fn looked(&self, report: &LookReport, took: Duration, left_out: u64) {
        let mut counts = self.counts();
        report.found.iter().for_each(|record| counts.add(record));
        counts.looks += 1;
        counts.looking += took;
        counts.not_looked_at += left_out;
        counts.postponed += report.postponed;
        counts.given_up = report.given_up;
    }

    /// Counts what was sent of alerts, and how the outbox stands.
    pub(super) fn sent(&self, report: &StepReport, outbox: OutboxCounts) {
        let mut counts = self.counts();
        counts.messages_sent += report.sent;
        counts.messages_put_off += report.put_off;
        counts.messages_dead += report.dead.len() as u64;
        counts.alerts_filtered += report.filtered;
        counts.outbox = outbox;
    }

    /// Counts events that a look was to look at, and failed.
    pub(super) fn not_looked(&self, events: u64) {
        self.counts().not_looked_at += events;
    }
}

impl Counts {
    fn add(&mut self, record: &ExecutionRecord) {
        *self.executions.entry((record.kind.name(), record.status.name())).or_default() += 1;
        *self.alerts.entry(record.kind.name()).or_default() += record.alerts;
        self.suppressed += record.suppressed;
        self.held_back += record.held_back;
        self.late += record.late;
    }
}

impl Metrics for ServerCounts {
    fn write(&self, text: &mut MetricsText) {
        let one = |number: u64| [(String::new(), number)];
        let counts = self.counts();
        let executions = counts.executions.iter().map(|((kind, status), number)| {
            (format!("{},{}", metric_label("kind", kind), metric_label("status", status)), *number)
        });
        text.counter(
            "watchfire_executions_total",
            "Executions of rules, by why and how they ended.",
            executions,
        );
        let alerts = counts.alerts.iter().map(|(kind, number)| (metric_label("kind", kind), *number));
        text.counter(
            "watchfire_alerts_total",
            "Alerts that were made, by the kind of their execution.",
            alerts,
        );
        text.counter(
            "watchfire_detections_suppressed_total",
            "What was found and put into the alerts of others.",
            one(counts.suppressed),
        );
        text.counter(
            "watchfire_alerts_held_back_total",
            "Alerts over max_signals, which later executions make.",
            one(counts.held_back),
        );
        text.counter(
            "watchfire_events_late_total",
            "Events that came too late for any window, counted once for each rule that looks at their stream.",
            one(counts.late),
        );
        text.gauge(
            "watchfire_rules_that_cannot_run",
            "Rules that are enabled and cannot run.",
            one(counts.cannot_run),
        );
        let milliseconds = |took: Duration| one(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        text.counter(
            "watchfire_executing_milliseconds_total",
            "Time in which rules were executed.",
            milliseconds(counts.executing),
        );
        text.counter("watchfire_looks_total", "Looks at events when they arrived.", one(counts.looks));
        text.counter(
            "watchfire_looking_milliseconds_total",
            "Time that these took.",
            milliseconds(counts.looking),
        );
        text.counter(
            "watchfire_events_not_looked_at_total",
            "Events that arrived faster than they could be looked at, or whose look failed: executions find them.",
            one(counts.not_looked_at),
        );
        text.counter(
            "watchfire_looks_postponed_total",
            "Rules on sequences that were left to their execution, since not all of their window was at hand.",
            one(counts.postponed),
        );
        text.gauge(
            "watchfire_conditions_given_up",
            "Conditions of rules that hit more events than are held between looks: their executions read these again.",
            one(counts.given_up),
        );
        text.counter(
            "watchfire_executions_from_looks_total",
            "Executions for which no event was read again, since looks had seen all of their window.",
            one(counts.from_looks),
        );
        let outcomes = [
            ("sent", counts.messages_sent),
            ("put off", counts.messages_put_off),
            ("given up", counts.messages_dead),
        ];
        let outcomes = outcomes.map(|(outcome, number)| (metric_label("outcome", outcome), number));
        text.counter(
            "watchfire_messages_total",
            "Attempts to send a message of alerts, by what became of them.",
            outcomes,
        );
        text.counter(
            "watchfire_alerts_filtered_total",
            "Alerts that a filter of an action left out, for each such action.",
            one(counts.alerts_filtered),
        );
        let kept = DeliveryStatus::ALL.map(|status| {
            let number = counts.outbox.deliveries.get(&status).copied().unwrap_or_default();
            (metric_label("status", status.name()), number)
        });
        text.gauge("watchfire_messages", "Messages that are kept, by how it stands with them.", kept);
        text.gauge(
            "watchfire_alerts_to_be_told",
            "Alerts that wait for the time of a summary.",
            one(counts.outbox.gathered),
        );
        drop(counts);
        let state = self.lake.state();
        text.gauge("watchfire_lake_waiting_events", "Events that wait for their commit.", one(state.waiting));
        text.gauge("watchfire_lake_spool_bytes", "Bytes of the spool.", one(state.spool_bytes));
        text.gauge("watchfire_lake_ids", "Ids that are remembered.", one(state.ids));
        text.counter(
            "watchfire_lake_ids_forgotten_early_total",
            "Ids that were forgotten before their time, for want of room.",
            one(state.ids_forgotten_early),
        );
        text.counter(
            "watchfire_lake_held_stamps_total",
            "Events that were stamped with the time of an earlier one, because the clock went back.",
            one(state.held_stamps),
        );
    }
}
