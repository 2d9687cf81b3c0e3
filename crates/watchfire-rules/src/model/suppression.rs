//! Alert suppression: many alerts of one kind become one.

use super::names::named_values;
use super::table::table_type;
use crate::document::Node;
use crate::document::reader::{Context, FromNode, TableReader};

/// The most fields alerts can be grouped by.
pub const MAX_SUPPRESSION_FIELDS: usize = 3;

named_values! {
    /// The unit of a suppression period.
    SuppressionUnit { Seconds = "s", Minutes = "m", Hours = "h" }
}

table_type! {
    /// How long after an alert further ones are suppressed.
    SuppressionDuration {
        /// How many units, at least 1.
        required "value" => value: u64,
        /// The unit.
        required "unit" => unit: SuppressionUnit,
    }
}

named_values! {
    /// What to do with events that lack a field of the group.
    MissingFieldsStrategy {
        /// They form a group of their own.
        Suppress = "suppress",
        /// Each of them alerts.
        DoNotSuppress = "doNotSuppress",
    }
}

/// Suppression of all rule types but threshold (detection-engine §1.2).
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSuppression {
    /// Alerts with equal values in these fields are of one kind; 1 to 3 fields.
    pub group_by: Vec<String>,
    /// The period; absent: within one execution.
    pub duration: Option<SuppressionDuration>,
    /// Events without the fields; absent: suppressed.
    pub missing_fields_strategy: Option<MissingFieldsStrategy>,
}

impl AlertSuppression {
    /// The strategy in effect.
    pub fn missing_fields(&self) -> MissingFieldsStrategy {
        self.missing_fields_strategy.unwrap_or(MissingFieldsStrategy::Suppress)
    }
}

table_type! {
    /// An entry of the newer `group_by_v2`.
    GroupByField {
        /// The field.
        text "field" => field: String,
    }
}

impl FromNode for AlertSuppression {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let mut reader = TableReader::new(node, path, cx)?;
        let newer: Option<Vec<GroupByField>> = reader.optional("group_by_v2", cx);
        let group_by = match newer {
            Some(fields) => {
                reader.allow(&["group_by"]);
                Some(fields.into_iter().map(|entry| entry.field).collect())
            }
            None => reader.required::<Vec<String>>("group_by", cx),
        };
        let duration = reader.optional("duration", cx);
        let missing_fields_strategy = reader.optional("missing_fields_strategy", cx);
        reader.finish(cx);
        let group_by = group_by?;
        if group_by.is_empty() || group_by.len() > MAX_SUPPRESSION_FIELDS {
            let why = format!("1 to {MAX_SUPPRESSION_FIELDS} fields are allowed, found {}", group_by.len());
            cx.bad_value(node, &format!("{path}.group_by"), why);
        }
        check_duration(duration.as_ref(), node, path, cx);
        Some(Self { group_by, duration, missing_fields_strategy })
    }
}

impl serde::Serialize for AlertSuppression {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("group_by", &self.group_by)?;
        if let Some(duration) = &self.duration {
            map.serialize_entry("duration", duration)?;
        }
        if let Some(strategy) = &self.missing_fields_strategy {
            map.serialize_entry("missing_fields_strategy", strategy)?;
        }
        map.end()
    }
}

/// Suppression of threshold rules: the group is the threshold's own, so only the period can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdSuppression {
    /// The period.
    pub duration: SuppressionDuration,
}

impl FromNode for ThresholdSuppression {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let mut reader = TableReader::new(node, path, cx)?;
        let duration = reader.required("duration", cx);
        reader.finish(cx);
        check_duration(duration.as_ref(), node, path, cx);
        Some(Self { duration: duration? })
    }
}

impl serde::Serialize for ThresholdSuppression {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("duration", &self.duration)?;
        map.end()
    }
}

fn check_duration(duration: Option<&SuppressionDuration>, node: &Node, path: &str, cx: &mut Context<'_>) {
    if duration.is_some_and(|duration| duration.value == 0) {
        cx.bad_value(node, &format!("{path}.duration.value"), "must be at least 1");
    }
}
