//! The fields that keys of a rule name, beside its query.

use watchfire_diagnostics::Span;
use watchfire_rules::lint::Places;
use watchfire_rules::model::{Rule, RuleKind, ThreatMatchRule};

use super::field_use::{FieldUse, Role};

/// Collects uses under their keys.
struct Keys<'a> {
    places: &'a Places,
    uses: Vec<FieldUse>,
}

impl Keys<'_> {
    /// `pointers` are tried in turn for the place; the key is shown as the first one says it.
    fn add(&mut self, name: &str, role: Role, pointers: &[&str]) {
        let span: Option<Span> = pointers.iter().find_map(|pointer| self.places.value(pointer));
        let key = pointers.first().map_or_else(String::new, |pointer| spoken(pointer));
        self.uses.push(FieldUse::in_key(name, key, role, span));
    }

    fn add_list(&mut self, names: &[String], role: Role, pointer: &str, other: &str) {
        for (at, name) in names.iter().enumerate() {
            self.add(name, role, &[&format!("{pointer}/{at}"), &format!("{other}/{at}"), pointer, other]);
        }
    }
}

/// `/threshold/field/0` as `threshold.field[0]`.
fn spoken(pointer: &str) -> String {
    let mut key = String::new();
    for step in pointer.split('/').skip(1) {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            key.push('[');
            key.push_str(step);
            key.push(']');
        } else {
            key.push_str(if key.is_empty() { "" } else { "." });
            key.push_str(step);
        }
    }
    key
}

/// Those that are fields of the events the rule looks at.
pub(super) fn of_events(rule: &Rule, places: &Places) -> Vec<FieldUse> {
    let mut keys = Keys { places, uses: Vec::new() };
    match &rule.kind {
        RuleKind::Threshold(rule) => {
            keys.add_list(&rule.threshold.field, Role::Needed, "/threshold/field", "/threshold/field");
            let counted = rule.threshold.cardinality.as_deref().unwrap_or_default();
            for (at, cardinality) in counted.iter().enumerate() {
                keys.add(&cardinality.field, Role::Needed, &[&format!("/threshold/cardinality/{at}/field")]);
            }
        }
        RuleKind::NewTerms(rule) => {
            keys.add_list(&rule.new_terms_fields, Role::Needed, "/new_terms_fields", "/new_terms/value");
        }
        RuleKind::ThreatMatch(rule) => {
            for (group, mapping) in rule.threat_mapping.iter().enumerate() {
                for (at, entry) in mapping.entries.iter().enumerate() {
                    keys.add(
                        &entry.field,
                        Role::Read,
                        &[&format!("/threat_mapping/{group}/entries/{at}/field")],
                    );
                }
            }
        }
        _ => {}
    }
    if let Some(suppression) = rule.kind.alert_suppression() {
        keys.add_list(
            &suppression.group_by,
            Role::Read,
            "/alert_suppression/group_by",
            "/alert_suppression/group_by_v2",
        );
    }
    let mut fields = vec![
        ("/timestamp_override", &rule.timestamp_override),
        ("/rule_name_override", &rule.rule_name_override),
    ];
    if let RuleKind::Eql(rule) = &rule.kind {
        fields.push(("/event_category_override", &rule.event_category_override));
        fields.push(("/tiebreaker_field", &rule.tiebreaker_field));
        fields.push(("/timestamp_field", &rule.timestamp_field));
    }
    for (pointer, name) in fields {
        if let Some(name) = name {
            keys.add(name, Role::Read, &[pointer]);
        }
    }
    for (at, mapping) in rule.severity_mapping().iter().enumerate() {
        keys.add(&mapping.field, Role::Read, &[&format!("/severity_mapping/{at}/field")]);
    }
    for (at, mapping) in rule.risk_score_mapping().iter().enumerate() {
        keys.add(&mapping.field, Role::Read, &[&format!("/risk_score_mapping/{at}/field")]);
    }
    keys.uses
}

/// Those that are fields of the indicators an indicator-match rule looks up.
pub(super) fn of_indicators(rule: &ThreatMatchRule, places: &Places) -> Vec<FieldUse> {
    let mut keys = Keys { places, uses: Vec::new() };
    for (group, mapping) in rule.threat_mapping.iter().enumerate() {
        for (at, entry) in mapping.entries.iter().enumerate() {
            keys.add(&entry.value, Role::Read, &[&format!("/threat_mapping/{group}/entries/{at}/value")]);
        }
    }
    keys.uses
}
