//! The end summary of a scan: every file, record, event, rule and alert in a counted state.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use watchfire_events::Timestamp;
use watchfire_rules::model::Severity;

use super::exceptions::ExceptionSummary;
use super::found::Found;
use super::indicators::IndicatorSummary;
use super::profile::Profile;
use crate::intake::InputSummary;
use crate::terminal::{escape_controls, write_counts};

/// All of it. Its JSON form (`--summary`) has these names, and only ever gains some.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) input: InputSummary,
    /// What was read of `--history`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<InputSummary>,
    pub(super) rules: Rules,
    /// What was given by `--indicators`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) indicators: Option<IndicatorSummary>,
    /// What exceptions did, where some are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exceptions: Option<ExceptionSummary>,
    pub(super) alerts: Alerts,
    pub(super) run: Run,
    /// What was asked for by `--profile-rules`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<Profile>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Rules {
    /// Rules read from files, and files that should have held one.
    pub(super) loaded: usize,
    /// Could match here.
    pub(super) ran: usize,
    /// Ran, but could not match in this input, by reason.
    pub(super) cannot_match: BTreeMap<String, Vec<String>>,
    /// Need something that is not supported yet, by feature.
    pub(super) unsupported: BTreeMap<String, Vec<String>>,
    /// Could not be read or compiled.
    pub(super) failed: Vec<FailedRule>,
    /// Were left out by an option.
    pub(super) not_selected: usize,
    /// Options that select by something no rule has.
    pub(super) unknown_selectors: Vec<String>,
    /// Files in the folders of rules that are no detection rules.
    pub(super) other_files: usize,
    /// What running rules state and a scan does not apply, so that it shows more alerts, by feature.
    pub(super) not_applied: BTreeMap<String, Vec<String>>,
    /// What running rules find depends on how far back they look, and a scan looks back as far as its input goes: by what
    /// makes them so.
    pub(super) one_window: BTreeMap<String, Vec<String>>,
    /// Events that were read before, and so take no part again in what is joined: by rule.
    pub(super) repeated_events: BTreeMap<String, u64>,
    /// Events without a time, which take no part in a sequence: by rule.
    pub(super) events_without_time: BTreeMap<String, u64>,
    /// Begun sequences and events of samples that were given up for want of memory: by rule. Alerts may be missing.
    pub(super) evicted: BTreeMap<String, u64>,
    /// Combinations of values by which an event could be joined, beyond the limit of one event: by rule. Alerts may be
    /// missing.
    pub(super) join_values_left_out: BTreeMap<String, u64>,
    /// Alerts that could not be made, since a record that they tell of is not in its file any more, as it was when it was
    /// read: by rule.
    pub(super) lost_to_changed_files: BTreeMap<String, Lost>,
    /// Alerts that are part of another one, which stands for them: by rule.
    pub(super) suppressed: BTreeMap<String, u64>,
    /// Executions of `--as-scheduled` that saw something: by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) executions: BTreeMap<String, u64>,
    /// Events that no execution looks back to: by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) missed_by_schedule: BTreeMap<String, u64>,
    /// Alerts that are made later than at the execution that found them, since it had `max_signals` already: by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) held_back: BTreeMap<String, u64>,
    /// Rules of new terms for which no history was given: the first event with a value alerts.
    pub(super) without_history: Vec<String>,
    /// Alerts that state a number of distinct values which is an estimate: by rule.
    pub(super) estimated_cardinality: BTreeMap<String, u64>,
    /// Values that an ES|QL rule could not compute, most often because there are several where one is needed: by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) not_computed: BTreeMap<String, u64>,
    /// Events that an ES|QL rule has done without, since their records have changed: by rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) events_not_read_again: BTreeMap<String, u64>,
    /// Alerts that a rule on alerts does not look at, since they come from itself: by rule.
    pub(super) own_alerts: BTreeMap<String, u64>,
    /// Rules that join alerts and feed each other without an end: others of their alerts would come of one more pass.
    pub(super) unsettled: Vec<String>,
    /// Events on which a part of a rule could not be evaluated and was taken as false.
    pub(super) evaluation_errors: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct FailedRule {
    /// The name of the rule, or its file where there is no name.
    pub(super) rule: String,
    /// Why, one line each.
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Lost {
    pub(super) alerts: u64,
    /// The place of the first record of those that are missed.
    pub(super) first_record: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Alerts {
    /// Alerts on events, and on what was joined.
    pub(super) written: u64,
    /// Alerts on the parts of what was joined, written behind the one on the whole.
    pub(super) building_blocks: u64,
    /// Left out by `--min-severity`.
    pub(super) below_min_severity: u64,
    /// The same events were found more than once: read twice, or joined by several values.
    pub(super) duplicates: u64,
    /// Alerts on alerts on alerts, and so on, that were given to no rule on alerts any more.
    pub(super) not_given_to_rules: u64,
    pub(super) by_severity: BTreeMap<&'static str, u64>,
    pub(super) by_rule: BTreeMap<String, u64>,
    pub(super) by_host: BTreeMap<String, u64>,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    #[serde(skip)]
    span: Option<(Timestamp, Timestamp)>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Run {
    pub(super) threads: usize,
    pub(super) elapsed_seconds: f64,
    pub(super) events_per_second: f64,
    /// Absent where the system does not tell.
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) max_memory_bytes: u64,
}

impl Summary {
    /// Counts an alert that was written.
    pub(super) fn alert(&mut self, found: &Found, rule: &str) {
        let alerts = &mut self.alerts;
        alerts.written += 1;
        *alerts.by_severity.entry(severity_name(found.severity)).or_default() += 1;
        *alerts.by_rule.entry(rule.to_owned()).or_default() += 1;
        alerts.building_blocks += found.blocks.len() as u64;
        *alerts.by_host.entry(found.alert.host.clone()).or_default() += 1;
        if let Some(time) = found.alert.time {
            let (first, last) = alerts.span.unwrap_or((time, time));
            let (first, last) = (first.min(time), last.max(time));
            alerts.span = Some((first, last));
            (alerts.first, alerts.last) = (Some(first.to_iso_millis()), Some(last.to_iso_millis()));
        }
    }

    /// The sums that must hold (design, promise 3); the first one that does not.
    pub(super) fn broken_sum(&self) -> Option<String> {
        let rules = &self.rules;
        let lists = |map: &BTreeMap<String, Vec<String>>| map.values().map(Vec::len).sum::<usize>();
        let states = rules.ran
            + lists(&rules.cannot_match)
            + lists(&rules.unsupported)
            + rules.failed.len()
            + rules.not_selected;
        let own = [
            ("rules loaded", rules.loaded as u64, states as u64),
            ("alerts by rule", self.alerts.written, self.alerts.by_rule.values().sum()),
        ];
        let indicators = self.indicators.as_ref().map(IndicatorSummary::sum);
        let of_history = self.history.iter().flat_map(InputSummary::sums);
        let mut sums = self.input.sums().into_iter().chain(of_history).chain(own).chain(indicators);
        sums.find(|(_, whole, parts)| whole != parts)
            .map(|(what, whole, parts)| format!("{what}: {whole} is not {parts}, the sum of its parts"))
    }

    /// Whether all input and every rule could be used.
    pub(super) fn is_clean(&self) -> bool {
        self.input.is_clean()
            && self.indicators.as_ref().is_none_or(IndicatorSummary::is_clean)
            && self.history.as_ref().is_none_or(InputSummary::is_clean)
            && self.alerts.not_given_to_rules == 0
            && self.rules.unsettled.is_empty()
            && self.rules.failed.is_empty()
            && self.rules.unknown_selectors.is_empty()
            && self.rules.evaluation_errors.is_empty()
            && self.rules.evicted.is_empty()
            && self.rules.join_values_left_out.is_empty()
            && self.rules.lost_to_changed_files.is_empty()
            && self.exceptions.as_ref().is_none_or(ExceptionSummary::is_clean)
    }

    /// Whether, beyond that, nothing at all was left out.
    pub(super) fn is_complete(&self) -> bool {
        self.is_clean()
            && self.rules.cannot_match.is_empty()
            && self.rules.unsupported.is_empty()
            && self.rules.not_applied.is_empty()
            && self.rules.events_without_time.is_empty()
            && self.input.events.unrecognised == 0
            && self.input.events.values_of_wrong_type.is_empty()
    }

    /// Writes it for people.
    pub(super) fn write(&self, log: &mut dyn Write) -> io::Result<()> {
        for error in self.rules.failed.iter().flat_map(|failed| &failed.errors) {
            writeln!(log, "{}", escape_controls(error))?;
        }
        for selector in &self.rules.unknown_selectors {
            writeln!(log, "no rule fits `{}`", escape_controls(selector))?;
        }
        if let Some(exceptions) = &self.exceptions {
            exceptions.write_problems(log)?;
        }
        self.input.write(log)?;
        if let Some(history) = &self.history {
            writeln!(log, "history:")?;
            history.write(log)?;
        }
        if let Some(indicators) = &self.indicators {
            indicators.write(log)?;
        }
        self.write_rules(log)?;
        if let Some(exceptions) = &self.exceptions {
            exceptions.write(log)?;
        }
        self.write_alerts(log)?;
        let run = &self.run;
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        let memory = run.peak_memory_bytes.map_or_else(
            || "peak memory not known on this system".to_owned(),
            |peak| format!("peak memory {} MiB of {}", mebibytes(peak), mebibytes(run.max_memory_bytes)),
        );
        writeln!(
            log,
            "elapsed: {:.2} s, {:.0} events/s, {} threads, {memory}",
            run.elapsed_seconds, run.events_per_second, run.threads
        )?;
        self.profile.as_ref().map_or(Ok(()), |profile| profile.write(log))
    }

    fn write_rules(&self, log: &mut dyn Write) -> io::Result<()> {
        let rules = &self.rules;
        let lists = |map: &BTreeMap<String, Vec<String>>| map.values().map(Vec::len).sum::<usize>();
        write!(
            log,
            "rules: {} = {} ran + {} cannot match here + {} unsupported + {} failed",
            rules.loaded,
            rules.ran,
            lists(&rules.cannot_match),
            lists(&rules.unsupported),
            rules.failed.len(),
        )?;
        if rules.not_selected > 0 {
            write!(log, " + {} not selected", rules.not_selected)?;
        }
        writeln!(log)?;
        let sizes = |map: &BTreeMap<String, Vec<String>>| -> BTreeMap<String, u64> {
            map.iter().map(|(key, list)| (key.clone(), list.len() as u64)).collect()
        };
        write_counts(log, &sizes(&rules.cannot_match), |reason, number| {
            format!("  cannot match here: {reason}: {number} rules")
        })?;
        write_counts(log, &sizes(&rules.unsupported), |what, number| {
            format!("  unsupported: {what}: {number} rules")
        })?;
        write_counts(log, &sizes(&rules.not_applied), |what, number| {
            format!("  not applied, so more alerts are shown: {what}: {number} rules")
        })?;
        write_counts(log, &sizes(&rules.one_window), |what, number| {
            format!("  taken over all of the input, as one window: {what}: {number} rules")
        })?;
        if !rules.without_history.is_empty() {
            let number = rules.without_history.len();
            writeln!(
                log,
                "  without a history (--history), so that the first event with a value alerts: {number} rules"
            )?;
        }
        write_counts(log, &rules.suppressed, |rule, number| {
            format!("  rule `{rule}`: {number} alerts are counted in another that stands for them")
        })?;
        if !rules.executions.is_empty() {
            let number: u64 = rules.executions.values().sum();
            writeln!(
                log,
                "  executed as scheduled: {number} executions of {} rules saw something",
                rules.executions.len()
            )?;
        }
        write_counts(log, &rules.missed_by_schedule, |rule, number| {
            format!("  rule `{rule}`: {number} events are seen by no execution, since none looks back so far")
        })?;
        write_counts(log, &rules.held_back, |rule, number| {
            format!(
                "  rule `{rule}`: {number} alerts come later, since an execution had reached `max_signals`"
            )
        })?;
        write_counts(log, &rules.estimated_cardinality, |rule, number| {
            format!("  rule `{rule}`: {number} alerts state an estimated number of distinct values")
        })?;
        write_counts(log, &rules.not_computed, |rule, number| {
            format!(
                "  rule `{rule}`: {number} values could not be computed, most often several where one is needed, and count as absent"
            )
        })?;
        write_counts(log, &rules.events_not_read_again, |rule, number| {
            format!("  rule `{rule}`: {number} events have changed since they were read, and take no part")
        })?;
        write_counts(log, &rules.own_alerts, |rule, number| {
            format!("  rule `{rule}`: {number} alerts come from the rule itself, and are not looked at by it")
        })?;
        for rule in &rules.unsettled {
            writeln!(
                log,
                "  rule `{rule}` and others feed each other without an end; its alerts are those of the last pass"
            )?;
        }
        write_counts(log, &rules.events_without_time, |rule, number| {
            format!("  rule `{rule}`: {number} events have no time, and so take no part")
        })?;
        write_counts(log, &rules.repeated_events, |rule, number| {
            format!("  rule `{rule}`: {number} events were read twice, and take part once")
        })?;
        write_counts(log, &rules.evicted, |rule, number| {
            format!(
                "  rule `{rule}`: {number} begun sequences or events given up: alerts may be missing; --max-memory helps"
            )
        })?;
        write_counts(log, &rules.join_values_left_out, |rule, number| {
            format!("  rule `{rule}`: {number} combinations of join values left out: alerts may be missing")
        })?;
        let lost = rules.lost_to_changed_files.iter().map(|(rule, lost)| {
            let Lost { alerts, first_record } = lost;
            (format!("rule `{rule}`: {first_record}"), *alerts)
        });
        write_counts(log, &lost.collect(), |what, number| {
            format!("  {what} has changed since it was read: {number} alerts are missing")
        })?;
        write_counts(log, &rules.evaluation_errors, |rule, number| {
            format!("  rule `{rule}` could not be evaluated in part on {number} events")
        })?;
        if rules.other_files > 0 {
            writeln!(log, "  {} further files are no detection rules", rules.other_files)?;
        }
        Ok(())
    }

    fn write_alerts(&self, log: &mut dyn Write) -> io::Result<()> {
        let alerts = &self.alerts;
        write!(log, "alerts: {}", alerts.written)?;
        if alerts.written > 0 {
            let by_severity = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
                .into_iter()
                .filter_map(|severity| {
                    let name = severity_name(severity);
                    alerts.by_severity.get(name).map(|number| format!("{number} {name}"))
                });
            write!(log, " = {}", by_severity.collect::<Vec<_>>().join(" + "))?;
        }
        if alerts.building_blocks > 0 {
            write!(log, "; with {} building blocks", alerts.building_blocks)?;
        }
        if alerts.below_min_severity > 0 {
            write!(log, "; {} below --min-severity", alerts.below_min_severity)?;
        }
        if alerts.duplicates > 0 {
            write!(log, "; {} on events that had one already", alerts.duplicates)?;
        }
        if alerts.not_given_to_rules > 0 {
            write!(log, "; {} too deep to be given to rules on alerts", alerts.not_given_to_rules)?;
        }
        writeln!(log)?;
        if let (Some(first), Some(last)) = (&alerts.first, &alerts.last) {
            writeln!(log, "  from {first} to {last}")?;
        }
        write_counts(log, &alerts.by_host, |host, number| match host {
            "" => format!("  {number} without a host"),
            host => format!("  {number} on {host}"),
        })?;
        write_counts(log, &alerts.by_rule, |rule, number| format!("  {number} of rule `{rule}`"))
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}
