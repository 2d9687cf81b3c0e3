//! The fields of alerts that are no plain texts: whoever searches alerts adds them to the schema.

use watchfire_events::FieldType;
use watchfire_ir::Catalogue;

/// Below `kibana.alert.`, with their types.
const FIELDS: [(&str, FieldType); 31] = [
    ("ancestors.depth", FieldType::Long),
    ("depth", FieldType::Long),
    ("end", FieldType::Date),
    ("group.index", FieldType::Long),
    ("intended_timestamp", FieldType::Date),
    ("last_detected", FieldType::Date),
    ("original_event.created", FieldType::Date),
    ("original_event.duration", FieldType::Long),
    ("original_event.end", FieldType::Date),
    ("original_event.ingested", FieldType::Date),
    ("original_event.risk_score", FieldType::Double),
    ("original_event.sequence", FieldType::Long),
    ("original_event.severity", FieldType::Long),
    ("original_event.start", FieldType::Date),
    ("original_time", FieldType::Date),
    ("risk_score", FieldType::Double),
    ("rule.created_at", FieldType::Date),
    ("rule.execution.timestamp", FieldType::Date),
    ("rule.max_signals", FieldType::Long),
    ("rule.parameters", FieldType::Flattened),
    ("rule.revision", FieldType::Long),
    ("rule.risk_score", FieldType::Double),
    ("rule.updated_at", FieldType::Date),
    ("start", FieldType::Date),
    ("suppression.docs_count", FieldType::Long),
    ("suppression.end", FieldType::Date),
    ("suppression.start", FieldType::Date),
    ("threshold_result.cardinality.value", FieldType::Long),
    ("threshold_result.count", FieldType::Long),
    ("threshold_result.from", FieldType::Date),
    ("workflow_status_updated_at", FieldType::Date),
];

/// Whatever else is below it is an exact text.
const PREFIX: &str = "kibana.alert.";

/// Adds the fields of alerts to a schema.
pub fn add_alert_fields(catalogue: &mut Catalogue) {
    for (name, field_type) in FIELDS {
        catalogue.insert(&format!("{PREFIX}{name}"), field_type);
    }
    catalogue.insert_prefix(PREFIX, FieldType::Keyword);
    catalogue.insert("kibana.space_ids", FieldType::Keyword);
    catalogue.insert("kibana.version", FieldType::Version);
}

#[cfg(test)]
mod tests {
    use watchfire_events::FieldTypes;

    use super::*;

    #[test]
    fn alerts_have_types() {
        let mut catalogue = Catalogue::ecs();
        add_alert_fields(&mut catalogue);
        assert_eq!(catalogue.field_type("kibana.alert.original_time"), FieldType::Date);
        assert_eq!(catalogue.field_type("kibana.alert.risk_score"), FieldType::Double);
        assert_eq!(catalogue.field_type("kibana.alert.rule.name"), FieldType::Keyword);
        assert_eq!(catalogue.field_type("host.name"), FieldType::Keyword);
    }
}
