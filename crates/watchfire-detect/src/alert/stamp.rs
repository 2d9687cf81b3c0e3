//! What of an alert's document tells of the run that made it, and of what is added later.

use serde_json::Value;
use uuid::Uuid;
use watchfire_events::{Document, Timestamp};

use crate::detection::SuppressedGroup;

/// The fields of an alert that two runs over the same events and rules can have otherwise: when and by which execution it
/// was made, and what people did with it since.
pub const VOLATILE_FIELDS: [&str; 14] = [
    "@timestamp",
    "kibana.alert.intended_timestamp",
    "kibana.alert.last_detected",
    "kibana.alert.rule.execution.timestamp",
    "kibana.alert.rule.execution.type",
    "kibana.alert.rule.execution.uuid",
    "kibana.alert.start",
    "kibana.alert.workflow_assignee_ids",
    "kibana.alert.workflow_reason",
    "kibana.alert.workflow_status",
    "kibana.alert.workflow_status_updated_at",
    "kibana.alert.workflow_tags",
    "kibana.alert.workflow_user",
    "kibana.version",
];

/// The run that made an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertStamp<'a> {
    /// When it was made.
    pub made: Timestamp,
    /// The time for which its execution was meant.
    pub intended: Timestamp,
    /// The execution.
    pub execution: Uuid,
    /// `scheduled` or `manual`.
    pub execution_type: &'a str,
}

impl AlertStamp<'_> {
    /// Writes it into a document.
    pub fn apply(&self, document: &mut Document) {
        let made = self.made.to_iso_millis();
        for name in [
            "@timestamp",
            "kibana.alert.start",
            "kibana.alert.last_detected",
            "kibana.alert.rule.execution.timestamp",
        ] {
            put(document, name, made.clone());
        }
        put(document, "kibana.alert.intended_timestamp", self.intended.to_iso_millis());
        put(document, "kibana.alert.rule.execution.type", self.execution_type);
        put(document, "kibana.alert.rule.execution.uuid", self.execution.to_string());
    }
}

/// Writes into the document of an alert what it stands for by now; `at` is when that changed.
pub fn update_suppression(document: &mut Document, group: &SuppressedGroup, at: Timestamp) {
    for (name, time) in
        [("kibana.alert.suppression.start", group.start), ("kibana.alert.suppression.end", group.end)]
    {
        if let Some(time) = time {
            put(document, name, time.to_iso_millis());
        }
    }
    put(document, "kibana.alert.suppression.docs_count", group.suppressed);
    put(document, "kibana.alert.last_detected", at.to_iso_millis());
}

/// Sets a member. The key is on top as it is written: an alert's own fields are never nested.
fn put(document: &mut Document, name: &str, value: impl Into<Value>) {
    document.insert(name.to_owned(), value.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_the_volatile_fields() {
        let page = include_str!("../../../../docs/alert-identity.md");
        let (_, section) = page.split_once("## Volatile fields").expect("the page has that section");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.collect::<Vec<_>>(), VOLATILE_FIELDS);
    }
}
