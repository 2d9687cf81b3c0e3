//! A case: alerts that are looked into together, what was noted and decided, and by whom.
//!
//! The model only: where a case lies, and what time it is, is for its user. The form that it is stored in has a number, so that
//! cases can be read for as long as evidence is kept.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use watchfire_events::Timestamp;
use watchfire_rules::page::{code, plain};

use crate::stored::{self, NotRead};
use crate::value_text::{harmless, visible};

/// The form in which cases are stored.
pub const CASE_FORMAT: u32 = 1;

/// A case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The form in which it is stored: [`CASE_FORMAT`].
    format: u32,
    /// What it is about.
    pub title: String,
    /// What was done, in order.
    entries: Vec<Entry>,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in ISO 8601.
    pub at: String,
    /// By whom.
    pub by: String,
    /// What.
    #[serde(flatten)]
    pub action: Action,
}

/// What can be done in a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// It was opened.
    Opened,
    /// Alerts were put into it.
    Added {
        /// Their ids.
        alerts: Vec<String>,
        /// How many events came with them that were not in it yet.
        events: u64,
    },
    /// Something was noted.
    Noted {
        /// What.
        text: String,
    },
    /// It was closed.
    Closed {
        /// As what.
        verdict: Verdict,
        /// Why.
        reason: String,
        /// What was done about it.
        done: Vec<String>,
    },
    /// It was opened again.
    Reopened {
        /// Why.
        reason: String,
    },
}

/// What alerts turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// An attack.
    TruePositive,
    /// What the rule did not mean.
    FalsePositive,
    /// What the rule means, done by those who may.
    Benign,
}

impl Verdict {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::TruePositive => "true positive",
            Self::FalsePositive => "false positive",
            Self::Benign => "benign",
        }
    }
}

/// Why something cannot be done in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseError {
    /// It is closed.
    Closed,
    /// It is open.
    Open,
    /// It has no alert.
    Empty,
    /// It was stored in a form of this number, which this version does not know.
    Format(u64),
    /// It is no case.
    Unreadable(String),
}

impl std::fmt::Display for CaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the case is closed; `case reopen` opens it again"),
            Self::Open => f.write_str("the case is open"),
            Self::Empty => f.write_str("the case has no alert"),
            Self::Format(format) => {
                write!(f, "the case is stored in form {format}; this version knows form {CASE_FORMAT}")
            }
            Self::Unreadable(why) => write!(f, "this is no case: {why}"),
        }
    }
}

impl std::error::Error for CaseError {}

impl Case {
    /// Opens a case.
    pub fn open(title: &str, at: Timestamp, by: &str) -> Self {
        let mut case = Self { format: CASE_FORMAT, title: title.to_owned(), entries: Vec::new() };
        case.enter(Action::Opened, at, by);
        case
    }

    /// Reads a case as it was stored.
    ///
    /// # Errors
    /// If it is none, or of a form that is not known.
    pub fn from_json(text: &str) -> Result<Self, CaseError> {
        stored::from_json(text, CASE_FORMAT).map_err(|why| match why {
            NotRead::Format(format) => CaseError::Format(format),
            NotRead::Unreadable(why) => CaseError::Unreadable(why),
        })
    }

    /// The case as it is stored.
    pub fn to_json(&self) -> String {
        stored::to_json(self)
    }

    /// What was done, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it was closed as, if it is closed.
    pub fn verdict(&self) -> Option<Verdict> {
        self.entries.iter().rev().find_map(|entry| match &entry.action {
            Action::Closed { verdict, .. } => Some(Some(*verdict)),
            Action::Reopened { .. } => Some(None),
            _ => None,
        })?
    }

    /// Does something in it.
    ///
    /// # Errors
    /// If it is not open, or not closed, as that needs; if it has no alert to be decided on.
    pub fn act(&mut self, action: Action, at: Timestamp, by: &str) -> Result<(), CaseError> {
        let is_closed = self.verdict().is_some();
        match &action {
            Action::Reopened { .. } if !is_closed => return Err(CaseError::Open),
            Action::Reopened { .. } | Action::Noted { .. } => {}
            _ if is_closed => return Err(CaseError::Closed),
            Action::Closed { .. } if self.alerts().is_empty() => return Err(CaseError::Empty),
            _ => {}
        }
        self.enter(action, at, by);
        Ok(())
    }

    fn enter(&mut self, action: Action, at: Timestamp, by: &str) {
        self.entries.push(Entry { at: at.to_iso_millis(), by: by.to_owned(), action });
    }

    /// The ids of its alerts, in the order in which they came.
    pub fn alerts(&self) -> Vec<&str> {
        let added = self.entries.iter().filter_map(|entry| match &entry.action {
            Action::Added { alerts, .. } => Some(alerts),
            _ => None,
        });
        added.flatten().map(String::as_str).collect()
    }

    /// The case as Markdown, for people: what it is about, and what was done.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        let words = |text: &str| plain(&visible(text).replace('\n', " "));
        let _ = writeln!(out, "# {}\n", words(&self.title));
        let state =
            self.verdict().map_or_else(|| "open".to_owned(), |verdict| format!("closed: {}", verdict.name()));
        let _ = writeln!(out, "{state}; {}\n", number_of(self.alerts().len()));
        for Entry { at, by, action } in &self.entries {
            let _ = write!(out, "- {}, {}: ", code(&harmless(at)), words(by));
            match action {
                Action::Opened => out.push_str("opened\n"),
                Action::Added { alerts, events } => {
                    let events = if *events == 1 { "1 event".to_owned() } else { format!("{events} events") };
                    let _ = writeln!(out, "added {}, with {events}", number_of(alerts.len()));
                    alerts.iter().for_each(|alert| {
                        let _ = writeln!(out, "  - {}", code(&harmless(alert)));
                    });
                }
                Action::Noted { text } => {
                    let _ = writeln!(out, "{}", words(text));
                }
                Action::Closed { verdict, reason, done } => {
                    let _ = writeln!(out, "closed as {}: {}", verdict.name(), words(reason));
                    done.iter().for_each(|done| {
                        let _ = writeln!(out, "  - done: {}", words(done));
                    });
                }
                Action::Reopened { reason } => {
                    let _ = writeln!(out, "opened again: {}", words(reason));
                }
            }
        }
        out
    }
}

fn number_of(alerts: usize) -> String {
    if alerts == 1 { "1 alert".to_owned() } else { format!("{alerts} alerts") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_772_438_400_000 + second * 1_000)
    }

    #[test]
    fn a_case_goes_its_way() {
        let mut case = Case::open("Remote tool", at(0), "nora");
        let close = || Action::Closed {
            verdict: Verdict::TruePositive,
            reason: "not ours".to_owned(),
            done: vec!["isolated ws1".to_owned()],
        };
        assert_eq!(case.act(close(), at(1), "nora"), Err(CaseError::Empty));
        let added = Action::Added { alerts: vec!["a1".to_owned()], events: 3 };
        case.act(added.clone(), at(2), "nora").expect("it is open");
        assert_eq!(case.act(Action::Reopened { reason: String::new() }, at(3), "piet"), Err(CaseError::Open));
        case.act(close(), at(4), "piet").expect("it has an alert");
        assert_eq!((case.verdict(), case.alerts()), (Some(Verdict::TruePositive), vec!["a1"]));
        assert_eq!(case.act(added, at(5), "nora"), Err(CaseError::Closed));
        case.act(Action::Noted { text: "seen\n# again".to_owned() }, at(6), "nora").expect("notes always go");
        case.act(Action::Reopened { reason: "new host".to_owned() }, at(7), "nora").expect("it is closed");
        assert_eq!(case.verdict(), None);
        assert_eq!(Case::from_json(&case.to_json()), Ok(case.clone()));
        insta::assert_snapshot!(case.to_markdown(), @r"
        # Remote tool

        open; 1 alert

        - `2026-03-02T08:00:00.000Z`, nora: opened
        - `2026-03-02T08:00:02.000Z`, nora: added 1 alert, with 3 events
          - `a1`
        - `2026-03-02T08:00:04.000Z`, piet: closed as true positive: not ours
          - done: isolated ws1
        - `2026-03-02T08:00:06.000Z`, nora: seen # again
        - `2026-03-02T08:00:07.000Z`, nora: opened again: new host
        ");
    }

    #[test]
    fn what_was_stored_once_can_be_read() {
        let stored = include_str!("../tests/stored/case-1.json");
        let case = Case::from_json(stored).expect("it is a case");
        assert_eq!(case.to_json(), stored);
        let newer = stored.replace("\"format\": 1", "\"format\": 2");
        assert_eq!(Case::from_json(&newer), Err(CaseError::Format(2)));
        let unknown = stored.replace("\"title\"", "\"titel\"");
        assert!(matches!(Case::from_json(&unknown), Err(CaseError::Unreadable(_))));
    }
}
