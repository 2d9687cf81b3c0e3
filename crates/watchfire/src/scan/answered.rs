//! The alerts of a report that matter most, with their guides answered.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::io;

use serde_json::Value;
use watchfire_events::{Document, get_field};
use watchfire_triage::{ReportWriter, to_json};

use crate::triage::{EventReader, MOST_KNOWN, answer, without_rule};

/// Events of each answer that stand in the report.
const MOST_FINDINGS: usize = 10;

/// The alerts of a report: those that are answered, and what is known of all.
pub(super) struct Leading {
    most: usize,
    /// By risk, the highest first, and then by place: the place, and the alert.
    chosen: Vec<(Reverse<u64>, usize, Document)>,
    known: Vec<Document>,
    /// How many alerts there are.
    number: usize,
}

impl Leading {
    /// Answers the guides of this many alerts.
    pub(super) fn new(most: usize) -> Self {
        Self { most, chosen: Vec::new(), known: Vec::new(), number: 0 }
    }

    /// Takes notice of the next alert.
    pub(super) fn see(&mut self, alert: &Document) {
        let number = self.number;
        self.number += 1;
        if self.most == 0 {
            return;
        }
        let is_part = get_field(alert, "kibana.alert.building_block_type").is_some();
        let risk = get_field(alert, "kibana.alert.risk_score").and_then(Value::as_f64).unwrap_or_default();
        let key = (Reverse((risk.max(0.0) * 1_000.0) as u64), number);
        let at = self.chosen.partition_point(|(risk, number, _)| (*risk, *number) < key);
        if !is_part && at < self.most {
            self.chosen.insert(at, (key.0, key.1, alert.clone()));
            self.chosen.truncate(self.most);
        }
        if self.known.len() < MOST_KNOWN {
            self.known.push(without_rule(alert.clone()));
        }
    }

    /// Writes the answers, and gives back what there is to say of them, if there is something.
    pub(super) fn answer(
        &self,
        reader: &EventReader<'_>,
        can_read_again: bool,
        report: &mut ReportWriter<'_>,
    ) -> io::Result<Option<String>> {
        if self.chosen.is_empty() {
            return Ok(None);
        }
        if !can_read_again {
            return Ok(Some("none: standard input cannot be read again".to_owned()));
        }
        let chosen: Vec<&Document> = self.chosen.iter().map(|(_, _, alert)| alert).collect();
        let (answered, _) = answer(reader, &chosen, &self.known, &[], MOST_FINDINGS)?;
        for ((_, number, _), guide) in self.chosen.iter().zip(&answered) {
            report.answer(*number, to_json(guide))?;
        }
        let mut words = format!(
            "of the {} with the highest risk, of {}; --answers says how many",
            counted(self.chosen.len()),
            self.number
        );
        if self.number > self.known.len() {
            let _ = write!(words, "; related alerts are among the first {}", self.known.len());
        }
        Ok(Some(words))
    }
}

fn counted(alerts: usize) -> String {
    if alerts == 1 { "1 alert".to_owned() } else { format!("{alerts} alerts") }
}
