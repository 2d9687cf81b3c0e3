//! What is recorded of an execution (detection-engine §2.4).

use std::fmt;

use serde_json::{Value, json};
use watchfire_detect::ExecutionWindow;
use watchfire_events::Timestamp;

/// Why an execution took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecutionKind {
    /// Its time had come.
    Scheduled,
    /// Its time had passed without it.
    BackFill,
    /// Somebody asked for it.
    Manual,
    /// Events had arrived, and its time had not come yet.
    Continuous,
}

impl ExecutionKind {
    pub(crate) const ALL: [Self; 4] = [Self::Scheduled, Self::BackFill, Self::Manual, Self::Continuous];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::BackFill => "back-fill",
            Self::Manual => "manual",
            Self::Continuous => "continuous",
        }
    }

    /// What alerts call it.
    pub(crate) fn alert_type(self) -> &'static str {
        match self {
            Self::Scheduled | Self::Continuous => "scheduled",
            Self::BackFill | Self::Manual => "manual",
        }
    }

    /// When alerts count as made: rules on alerts see those of a run over the past, and those of looks before its time, at
    /// their next execution.
    pub(crate) fn alert_time(self, slot: Timestamp, now: Timestamp) -> Timestamp {
        match self {
            Self::Scheduled => slot,
            Self::BackFill | Self::Manual | Self::Continuous => now,
        }
    }
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecutionStatus {
    /// It has not ended yet.
    Running,
    /// All was done.
    Succeeded,
    /// It was done, and there is something to say.
    PartialFailure,
    /// It was not done: what it should have searched counts as not searched.
    Failed,
}

impl ExecutionStatus {
    pub(crate) const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::PartialFailure, Self::Failed];

    /// Kibana's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::PartialFailure => "partial failure",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something to say of an execution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExecutionMessage {
    /// Whether it makes the execution fail.
    pub is_error: bool,
    /// What there is to say.
    pub text: String,
}

impl ExecutionMessage {
    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self { is_error: false, text: text.into() }
    }

    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self { is_error: true, text: text.into() }
    }

    pub(crate) fn to_json(messages: &[Self]) -> String {
        let one = |message: &Self| json!({ "level": if message.is_error { "error" } else { "warning" }, "text": message.text });
        Value::Array(messages.iter().map(one).collect()).to_string()
    }

    pub(crate) fn from_json(text: &str) -> Option<Vec<Self>> {
        let messages: Vec<Value> = serde_json::from_str(text).ok()?;
        let one = |message: &Value| {
            Some(Self {
                is_error: message.get("level")?.as_str()? == "error",
                text: message.get("text")?.as_str()?.to_owned(),
            })
        };
        messages.iter().map(one).collect()
    }
}

/// What is recorded of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// Its identity.
    pub id: String,
    /// The id of the rule.
    pub rule: String,
    /// Why it took place.
    pub kind: ExecutionKind,
    /// The time for which it was meant: *now* in the dates of its window.
    pub slot: Timestamp,
    /// What it looked at.
    pub window: ExecutionWindow,
    /// How it ended.
    pub status: ExecutionStatus,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; nothing while it runs.
    pub ended: Option<Timestamp>,
    /// What it found that was not known before.
    pub found: u64,
    /// The alerts that it made: of what it found, and of what waited.
    pub alerts: u64,
    /// What it found and put into the alerts of others.
    pub suppressed: u64,
    /// What it found that alerts at later executions, since it had reached its limit.
    pub held_back: u64,
    /// Events that came since the execution before, too late for any window.
    pub late: u64,
    /// Time that was not searched when it was due.
    pub gap: Option<ExecutionWindow>,
    /// What there is to say.
    pub messages: Vec<ExecutionMessage>,
}

impl ExecutionRecord {
    /// Ends it: with an error it has failed, with a warning in part.
    pub(crate) fn settle_status(&mut self, now: Timestamp) {
        self.ended = Some(now);
        self.status = if self.messages.iter().any(|message| message.is_error) {
            ExecutionStatus::Failed
        } else if self.messages.is_empty() {
            ExecutionStatus::Succeeded
        } else {
            ExecutionStatus::PartialFailure
        };
    }
}
