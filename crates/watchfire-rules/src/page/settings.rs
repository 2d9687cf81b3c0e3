//! What makes an alert, by the type of the rule: the part that the published pages of Elastic's rules leave out.

use std::fmt::Write;

use super::text::{code, code_block, codes};
use crate::model::{
    AlertSuppression, EventSource, KibanaFilter, MissingFieldsStrategy, QueryLanguage, QueryText, Rule,
    RuleKind, SuppressionDuration, ThreatMatchRule, Threshold,
};

/// The section on the rule's logic.
pub(super) fn write(rule: &Rule, out: &mut String) {
    let _ = writeln!(out, "## Query\n\n{}\n", what_alerts(&rule.kind));
    write_query(rule, out);
    write_type_settings(rule, out);
}

/// The query as code, if the rule has one.
pub(super) fn write_query(rule: &Rule, out: &mut String) {
    if let Some(query) = rule.kind.query().filter(|query| !query.text.trim().is_empty()) {
        let _ = writeln!(out, "{}", query_block(query));
    }
}

/// What the type of the rule has beside the query: indicators, filters, suppression.
pub(super) fn write_type_settings(rule: &Rule, out: &mut String) {
    if let RuleKind::ThreatMatch(rule) = &rule.kind {
        write_indicators(rule, out);
    }
    let filters = rule.kind.source().map(EventSource::filters).unwrap_or_default();
    write_filters("Only events count for which these filters hold:", filters, out);
    if let Some(text) = suppression(&rule.kind) {
        let _ = writeln!(out, "{text}\n");
    }
}

/// What makes an alert, in a sentence.
pub(super) fn what_alerts(kind: &RuleKind) -> String {
    match kind {
        RuleKind::Query(_) => "Each event that fits the query makes an alert.".to_owned(),
        RuleKind::SavedQuery(rule) => {
            format!("Each event that fits the saved query {} makes an alert.", code(&rule.saved_id))
        }
        RuleKind::Eql(_) => {
            "Each event, or sequence of events, that fits the query makes an alert.".to_owned()
        }
        RuleKind::Threshold(rule) => threshold(&rule.threshold),
        RuleKind::ThreatMatch(_) => {
            "Each event that fits the query and shares values with an indicator makes an alert.".to_owned()
        }
        RuleKind::NewTerms(rule) => format!(
            "A value of {} that was not seen since {} makes an alert.",
            rule.new_terms_fields.iter().map(|field| code(field)).collect::<Vec<_>>().join(" with "),
            code(&rule.history_window_start.to_string())
        ),
        RuleKind::Esql(_) => "Each row of the query's result makes an alert.".to_owned(),
        RuleKind::MachineLearning(rule) => format!(
            "Each anomaly of {} with a score of at least {} makes an alert.",
            codes(&rule.machine_learning_job_id.0),
            rule.anomaly_threshold
        ),
    }
}

fn threshold(threshold: &Threshold) -> String {
    let fields = match threshold.field.as_slice() {
        [] => "that fit the query".to_owned(),
        fields => format!("that fit the query and agree in {}", codes(fields)),
    };
    let distinct = threshold.cardinality.as_deref().and_then(<[_]>::first).map(|cardinality| {
        format!(", with at least {} different values of {}", cardinality.value, code(&cardinality.field))
    });
    format!("At least {} events {fields}{} make an alert.", threshold.value, distinct.unwrap_or_default())
}

fn query_block(query: &QueryText) -> String {
    code_block(
        &query.text,
        match query.language {
            QueryLanguage::Kql => "kql",
            QueryLanguage::Lucene => "lucene",
            QueryLanguage::Eql => "eql",
            QueryLanguage::Esql => "esql",
        },
    )
}

fn write_indicators(rule: &ThreatMatchRule, out: &mut String) {
    let _ = writeln!(out, "Indicators are the documents of {} that fit:\n", codes(&rule.threat_index));
    let _ = writeln!(out, "{}", query_block(&rule.threat_query));
    out.push_str("An event and an indicator belong together if:\n\n");
    for (at, group) in rule.threat_mapping.iter().enumerate() {
        let entries = group.entries.iter().map(|entry| {
            let relation = if entry.negate == Some(true) { "differs from" } else { "equals" };
            format!("{} {relation} the indicator's {}", code(&entry.field), code(&entry.value))
        });
        let or = if at == 0 { "" } else { "or " };
        let _ = writeln!(out, "- {or}{}", entries.collect::<Vec<_>>().join(" and "));
    }
    out.push('\n');
    write_filters("Only indicators count for which these filters hold:", rule.threat_filters(), out);
}

fn write_filters(introduction: &str, filters: &[KibanaFilter], out: &mut String) {
    if filters.is_empty() {
        return;
    }
    let _ = writeln!(out, "{introduction}\n");
    for filter in filters {
        let _ = writeln!(out, "{}", code_block(&filter.json.to_text(), "json"));
    }
}

fn suppression(kind: &RuleKind) -> Option<String> {
    let period = |duration: &SuppressionDuration| format!("for {}{}", duration.value, duration.unit);
    match kind {
        RuleKind::Threshold(rule) => {
            let duration = &rule.alert_suppression.as_ref()?.duration;
            Some(format!(
                "After an alert, further ones of the same group are suppressed {}.",
                period(duration)
            ))
        }
        kind => {
            let suppression: &AlertSuppression = kind.alert_suppression()?;
            let duration = suppression.duration.as_ref().map_or("within one execution".to_owned(), period);
            let missing = match suppression.missing_fields() {
                MissingFieldsStrategy::Suppress => "events without these fields form a group of their own",
                MissingFieldsStrategy::DoNotSuppress => "events without these fields always alert",
            };
            let fields = codes(&suppression.group_by);
            Some(format!("Alerts that agree in {fields} become one {duration}; {missing}."))
        }
    }
}
