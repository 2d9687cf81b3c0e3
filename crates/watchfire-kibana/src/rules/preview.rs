//! `POST …/rules/preview`: what a rule would do (detection-engine §2.13).

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use watchfire_detect::{Arrival, ExecutionWindow, RuleSchedule};
use watchfire_events::Timestamp;
use watchfire_rules::model::RuleId;
use watchfire_state::{ExecutionRecord, PreviewError};

use super::check::CheckedRule;
use crate::answer::{Answer, ApiError, document};
use crate::request::{Api, Call, text_of};

/// The most executions of one preview.
const MOST_EXECUTIONS: i64 = 1_000;
/// The most alerts that a preview shows; the others are counted.
const MOST_ALERTS: usize = 1_000;

/// The handler.
pub(crate) async fn preview(State(api): Api, call: Call) -> Answer {
    let (_, _, mut object) = call.object().await?;
    let count = match object.shift_remove("invocationCount") {
        None => 1,
        Some(count) => {
            count.as_i64().filter(|count| (1..=MOST_EXECUTIONS).contains(count)).ok_or_else(|| {
                ApiError::bad(format!(
                    "`invocationCount` is a number from 1 to {MOST_EXECUTIONS}, not `{count}`"
                ))
            })?
        }
    };
    let end = match text_of(&object, "timeframeEnd") {
        None => api.parts.clock.now(),
        Some(text) => Timestamp::parse(text)
            .ok_or_else(|| ApiError::bad(format!("`timeframeEnd` is a date, not `{text}`")))?,
    };
    object.shift_remove("timeframeEnd");
    let CheckedRule { mut rule, warnings } = api.check_object(&object)?;
    if rule.rule_id.is_none() {
        rule.rule_id = RuleId::new(api.new_id());
    }
    let preview_id = api.new_id();
    let schedule = RuleSchedule::of(&rule, Arrival::Ingested)
        .ok_or_else(|| ApiError::bad("the window of the rule, from `from` to `to`, is none"))?;
    let last = schedule.last_until(end);
    let interval = schedule.interval_ms() as i64;
    let first = Timestamp::from_millis(last.millis() - interval * (count - 1));
    let span = ExecutionWindow { from: first, to: last };
    let made = api.parts.executions.preview(&rule, span).await.map_err(|error| match error {
        PreviewError::CannotRun(_) => ApiError::bad(error.to_string()),
        PreviewError::Events(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    })?;
    let shown: Vec<&watchfire_events::Document> = made.alerts.iter().take(MOST_ALERTS).collect();
    document(json!({
        "previewId": preview_id,
        "logs": made.executions.iter().map(log).collect::<Vec<_>>(),
        "isAborted": false,
        "watchfire": {
            "alerts": shown,
            "alerts_total": made.alerts.len(),
            "waiting": made.waiting,
            "diagnostics": warnings,
        },
    }))
}

fn log(execution: &ExecutionRecord) -> Value {
    let texts = |is_error: bool| -> Vec<&str> {
        let of_kind = execution.messages.iter().filter(|message| message.is_error == is_error);
        of_kind.map(|message| &*message.text).collect()
    };
    json!({
        "errors": texts(true),
        "warnings": texts(false),
        "startedAt": execution.slot.to_iso_millis(),
        "duration": execution.ended.map_or(0, |ended| ended.millis() - execution.started.millis()),
        "requests": [],
    })
}
