//! Which alerts an action counts (`alerts_filter`).

use serde::Deserialize;
use serde_json::Value;
use watchfire_diagnostics::Severity;
use watchfire_engine::{RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, IndexPatterns, Place, Timestamp};
use watchfire_ir::{Condition, KqlOptions, Schema, lower_filters, lower_kql};
use watchfire_state::{ALERTS_STREAM, KeptAlert};

/// A filter as rules have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    query: Option<WrittenQuery>,
    timeframe: Option<WrittenTimeframe>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenQuery {
    #[serde(default)]
    kql: String,
    #[serde(default)]
    filters: Value,
    /// What Kibana makes of the two for itself.
    #[serde(rename = "dsl")]
    _dsl: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTimeframe {
    days: Vec<i8>,
    hours: WrittenHours,
    timezone: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHours {
    start: String,
    end: String,
}

/// Which alerts count.
#[derive(Debug)]
pub(crate) struct AlertsFilter {
    condition: Condition,
    timeframe: Option<Timeframe>,
}

#[derive(Debug)]
struct Timeframe {
    /// 1 is Monday, 7 Sunday.
    days: Vec<i8>,
    /// Minutes of the day; the end does not belong to it. Over midnight where it lies before the start.
    start: i32,
    end: i32,
    zone: jiff::tz::TimeZone,
}

impl AlertsFilter {
    /// Reads a filter.
    ///
    /// # Errors
    /// If it cannot be understood: what would be passed over could have an action tell of what it must not.
    pub(crate) fn read(written: &Value, schema: &dyn Schema, now: Timestamp) -> Result<Self, String> {
        let Written { query, timeframe } =
            Written::deserialize(written).map_err(|error| format!("`alerts_filter`: {error}"))?;
        let options = KqlOptions { now: Some(now), ..KqlOptions::default() };
        let mut parts = Vec::new();
        if let Some(WrittenQuery { kql, filters, .. }) = query {
            if !kql.trim().is_empty() {
                let parsed = watchfire_kql::parse(&kql);
                let first = parsed.diagnostics.iter().find(|problem| problem.severity == Severity::Error);
                if let Some(problem) = first {
                    return Err(format!("`alerts_filter.query.kql`: {}", problem.message));
                }
                let query = parsed.query.ok_or("`alerts_filter.query.kql` is too long")?;
                let lowered = lower_kql(&query, schema, &options);
                if let Some(problem) =
                    lowered.diagnostics.iter().find(|problem| problem.severity == Severity::Error)
                {
                    return Err(format!("`alerts_filter.query.kql`: {}", problem.message));
                }
                parts.push(lowered.condition);
            }
            let (conditions, problems) = lower_filters(&filters, schema, &options);
            if let Some(problem) = problems.iter().find(|problem| problem.severity == Severity::Error) {
                return Err(format!("`alerts_filter.query.filters`: {}", problem.message));
            }
            parts.extend(conditions);
        }
        Ok(Self { condition: Condition::all(parts), timeframe: timeframe.map(Timeframe::read).transpose()? })
    }

    /// Whether an alert counts at a time.
    pub(crate) fn counts(&self, alert: &KeptAlert, schema: &dyn Schema, now: Timestamp) -> bool {
        if self.timeframe.as_ref().is_some_and(|timeframe| !timeframe.holds(now)) {
            return false;
        }
        let mut set = RuleSetBuilder::new();
        set.add(IndexPatterns::default(), self.condition.clone());
        let set = set.build();
        let mut batch = BatchBuilder::new(schema);
        batch.push(Event {
            id: EventId::given(alert.id.clone()),
            data_stream: DataStream::new(ALERTS_STREAM),
            document: alert.document.clone(),
            place: Place { input: ALERTS_STREAM.into(), record: 0, line: None, offset: None },
        });
        !set.matcher(VALUE_CACHE_BYTES).match_batch(&batch.finish(), schema).hits.is_empty()
    }
}

impl Timeframe {
    fn read(written: WrittenTimeframe) -> Result<Self, String> {
        let WrittenTimeframe { days, hours: WrittenHours { start, end }, timezone } = written;
        if days.iter().any(|day| !(1..=7).contains(day)) {
            return Err("`alerts_filter.timeframe.days` are numbers from 1 (Monday) to 7".to_owned());
        }
        let zone = jiff::tz::TimeZone::get(&timezone)
            .map_err(|_| format!("`alerts_filter.timeframe.timezone`: there is no time zone `{timezone}`"))?;
        Ok(Self { days, start: minutes(&start)?, end: minutes(&end)?, zone })
    }

    fn holds(&self, now: Timestamp) -> bool {
        let Ok(at) = jiff::Timestamp::from_millisecond(now.millis()) else { return false };
        let local = self.zone.to_datetime(at);
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let day = local.weekday().to_monday_one_offset();
        let is_in_hours = if self.start <= self.end {
            (self.start..self.end).contains(&minute)
        } else {
            minute >= self.start || minute < self.end
        };
        is_in_hours && self.days.contains(&day)
    }
}

/// `HH:MM` as minutes of the day; `24:00` is its end.
fn minutes(text: &str) -> Result<i32, String> {
    let read = || -> Option<i32> {
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let all = hours * 60 + minutes;
        ((0..60).contains(&minutes) && (0..=24 * 60).contains(&all)).then_some(all)
    };
    read().ok_or_else(|| format!("`alerts_filter.timeframe.hours`: `{text}` is no time of a day"))
}
