//! When and over which time a rule runs, and how much it may say at once.

use watchfire_diagnostics::{Diagnostic, Severity};

use super::places::Places;
use super::{QueryFacts, value_or_rule};
use crate::codes;
use crate::format::RuleFile;
use crate::model::{DateMath, DateStep, DateUnit, EventSource, QueryLanguage};

/// The most alerts a server makes in one execution, unless it is set otherwise.
const SERVER_MAX_SIGNALS: u64 = 1_000;
/// How much longer than its look-back a sequence may be.
const SPAN_TOLERANCE_SECONDS: u64 = 600;
/// The shortest interval and look-back of a building block.
const BUILDING_BLOCK_INTERVAL_SECONDS: u64 = 60 * 60;
const BUILDING_BLOCK_LOOK_BACK_SECONDS: i64 = 119 * 60;

pub(super) fn check(file: &RuleFile, facts: &QueryFacts, places: &Places, found: &mut Vec<Diagnostic>) {
    form(file, places, found);
    signals(file, places, found);
    timestamp_override(file, facts, places, found);
    endpoint_look_back(file, places, found);
    if let Some(millis) = facts.max_span_millis {
        span(file, millis.div_ceil(1_000), places, found);
    }
    building_block(file, places, found);
}

fn form(file: &RuleFile, places: &Places, found: &mut Vec<Diagnostic>) {
    let usual = |from: &DateMath| {
        let [DateStep::Add(count, _)] = from.steps() else { return false };
        *from.anchor() == crate::model::Anchor::Now && *count < 0
    };
    if let Some(from) = file.rule.from.as_ref().filter(|from| !usual(from)) {
        let message = format!("`from` is `{from}`, usually it is `now-` with a number and a unit");
        found.push(
            Diagnostic::new(codes::SCHEDULE_FORM, Severity::Note, message)
                .at(value_or_rule(places, "/from"), "not like `now-9m`"),
        );
    }
}

fn signals(file: &RuleFile, places: &Places, found: &mut Vec<Diagnostic>) {
    let rule = &file.rule;
    let place = value_or_rule(places, "/max_signals");
    let most = rule.max_signals();
    if most > SERVER_MAX_SIGNALS {
        let message = format!("`max_signals` is {most}, servers stop at {SERVER_MAX_SIGNALS}");
        found.push(
            Diagnostic::warning(codes::TOO_MANY_SIGNALS, message)
                .at(place, format!("at most {SERVER_MAX_SIGNALS}")),
        );
    }
    let setup = format!("{}\n{}", rule.setup(), rule.note.as_deref().unwrap_or_default()).to_lowercase();
    let explained = ["max_signals", "maximum alerts", "max alerts"].iter().any(|words| setup.contains(words));
    if most == SERVER_MAX_SIGNALS && !explained {
        let message = format!("`setup` does not say why `max_signals` is {SERVER_MAX_SIGNALS}");
        found.push(
            Diagnostic::new(codes::SIGNALS_NOT_EXPLAINED, Severity::Note, message)
                .at(place, "the server's own limit"),
        );
    }
}

fn timestamp_override(file: &RuleFile, facts: &QueryFacts, places: &Places, found: &mut Vec<Diagnostic>) {
    let rule = &file.rule;
    let needed = match rule.kind.language() {
        Some(QueryLanguage::Kql) => true,
        Some(QueryLanguage::Eql) => !facts.sequence,
        Some(QueryLanguage::Lucene | QueryLanguage::Esql) | None => false,
    };
    let stated = rule.timestamp_override.as_deref();
    if !needed || stated == Some("event.ingested") {
        return;
    }
    let message = match stated {
        Some(field) => format!("`timestamp_override` is `{field}`, usually it is `event.ingested`"),
        None => "`timestamp_override` is missing, so events that arrive late are never searched".to_owned(),
    };
    found.push(
        Diagnostic::warning(codes::TIMESTAMP_OVERRIDE, message)
            .at(value_or_rule(places, "/timestamp_override"), "")
            .with_help("add `timestamp_override = \"event.ingested\"`"),
    );
}

fn endpoint_look_back(file: &RuleFile, places: &Places, found: &mut Vec<Diagnostic>) {
    let patterns = file.rule.kind.source().map(EventSource::index).unwrap_or_default();
    let endpoint = patterns.iter().position(|pattern| pattern.starts_with("logs-endpoint.events."));
    let (Some(at), None) = (endpoint, &file.rule.from) else { return };
    let message = "a rule over `logs-endpoint.events.*` has no `from`";
    found.push(
        Diagnostic::warning(codes::NO_LOOK_BACK, message)
            .at(value_or_rule(places, &format!("/index/{at}")), "these events arrive with a delay")
            .with_help("add `from = \"now-9m\"`"),
    );
}

/// The window of a sequence against its `maxspan`.
fn span(file: &RuleFile, span_seconds: u64, places: &Places, found: &mut Vec<Diagnostic>) {
    let rule = &file.rule;
    let query = rule.kind.query().map_or_else(|| places.rule(), |query| query.span);
    let look_back = rule.from().seconds_before_now().and_then(|seconds| u64::try_from(seconds).ok());
    if let Some(look_back) = look_back.filter(|seconds| seconds + SPAN_TOLERANCE_SECONDS < span_seconds) {
        let message = format!(
            "`from` looks back {}, the sequence may take {}",
            duration(look_back),
            duration(span_seconds)
        );
        found.push(
            Diagnostic::warning(codes::SHORT_LOOK_BACK, message)
                .at(places.value("/from").unwrap_or(query), "a long sequence is never seen whole"),
        );
    }
    let interval = rule.interval().seconds();
    let needed = interval.saturating_add(span_seconds);
    // What looks back less than the sequence alone has been told.
    let is_told = |seconds: u64| seconds + SPAN_TOLERANCE_SECONDS < span_seconds;
    if let Some(look_back) = look_back.filter(|seconds| *seconds < needed && !is_told(*seconds)) {
        let message = format!(
            "`from` looks back {}, less than the interval and the sequence together, {}",
            duration(look_back),
            duration(needed)
        );
        found.push(
            Diagnostic::new(codes::SPLIT_SEQUENCE, Severity::Note, message)
                .at(places.value("/from").unwrap_or(query), "some sequences are in no window as a whole")
                .with_help(format!("write `from = \"now-{}\"`", duration(needed))),
        );
    }
    if interval * 2 < span_seconds {
        let message = format!(
            "`interval` is {}, less than half of the sequence's {}",
            duration(interval),
            duration(span_seconds)
        );
        found.push(
            Diagnostic::new(codes::SHORT_INTERVAL, Severity::Note, message)
                .at(places.value("/interval").unwrap_or(query), "searches the same events many times"),
        );
    }
}

fn building_block(file: &RuleFile, places: &Places, found: &mut Vec<Diagnostic>) {
    let rule = &file.rule;
    let bypassed = file.metadata.as_ref().is_some_and(|metadata| metadata.bypass_bbr_timing == Some(true));
    if !rule.is_building_block() || bypassed {
        return;
    }
    let mut report = |key: &str, message: String, label: &str| {
        let place = places.value(key).or_else(|| places.value("/building_block_type"));
        found.push(
            Diagnostic::new(codes::BUILDING_BLOCK_SCHEDULE, Severity::Note, message)
                .at(place.unwrap_or_else(|| places.rule()), label),
        );
    };
    let interval = rule.interval().seconds();
    if interval < BUILDING_BLOCK_INTERVAL_SECONDS {
        let message = format!("a building block runs every {}, usually it runs hourly", duration(interval));
        report("/interval", message, "less than `60m`");
    }
    let look_back = rule.from().seconds_before_now();
    if let Some(seconds) = look_back.filter(|seconds| *seconds < BUILDING_BLOCK_LOOK_BACK_SECONDS) {
        let message = format!(
            "a building block looks back {}, usually it looks back two hours",
            duration(u64::try_from(seconds).unwrap_or_default())
        );
        report("/from", message, "later than `now-119m`");
    }
}

/// A length of time in the largest unit that divides it.
fn duration(seconds: u64) -> String {
    let units = [(DateUnit::Day, 86_400), (DateUnit::Hour, 3_600), (DateUnit::Minute, 60)];
    match units.into_iter().find(|(_, length)| seconds > 0 && seconds.is_multiple_of(*length)) {
        Some((unit, length)) => format!("{}{}", seconds / length, unit.letter()),
        None => format!("{seconds}s"),
    }
}
