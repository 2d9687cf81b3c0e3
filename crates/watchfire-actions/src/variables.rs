//! What templates can name (detection-engine §6.1).

use serde_json::{Map, Value, json};
use watchfire_events::Timestamp;
use watchfire_state::{ALERTS_STREAM, KeptAlert, KeptRule};

/// What of a rule stands in `context.rule`.
const RULE_KEYS: [&str; 20] = [
    "rule_id",
    "name",
    "description",
    "type",
    "query",
    "language",
    "filters",
    "index",
    "severity",
    "risk_score",
    "threat",
    "references",
    "false_positives",
    "max_signals",
    "threshold",
    "saved_id",
    "machine_learning_job_id",
    "anomaly_threshold",
    "timeline_id",
    "timeline_title",
];

/// What a message tells of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    /// The rule.
    pub(crate) rule: &'a KeptRule,
    /// Its alerts, the oldest first, or as many of them as the message may have.
    pub(crate) alerts: &'a [KeptAlert],
    /// How many they are.
    pub(crate) number: usize,
    /// Whether the message is of one alert, and not of all together.
    pub(crate) is_single: bool,
    /// The time of the message.
    pub(crate) now: Timestamp,
    /// Where people see rules and alerts; nothing stands for it if it is not known.
    pub(crate) public_url: Option<&'a str>,
}

impl Telling<'_> {
    /// All variables.
    pub(crate) fn values(&self) -> Value {
        let Self { rule, alerts, number, is_single, now, public_url } = *self;
        let documents: Vec<Value> = alerts.iter().map(document).collect();
        let content = watchfire_rules::format::json::write(&rule.rule).unwrap_or_default();
        let base = public_url.unwrap_or_default();
        let url =
            public_url.map(|base| format!("{base}/app/security/rules/id/{}", rule.id)).unwrap_or_default();
        let mut of_rule = Map::new();
        of_rule.insert("id".to_owned(), json!(rule.id));
        for key in RULE_KEYS {
            of_rule.insert(key.to_owned(), content.get(key).cloned().unwrap_or_default());
        }
        of_rule.insert("version".to_owned(), content.get("version").cloned().unwrap_or(json!(1)));
        let type_id = alerts.first().and_then(|alert| alert.document.get("kibana.alert.rule.rule_type_id"));
        let mut values = json!({
            "rule": {
                "id": rule.id,
                "name": rule.rule.name,
                "spaceId": "default",
                "tags": content.get("tags").cloned().unwrap_or(json!([])),
                "type": type_id.cloned().unwrap_or_default(),
                "url": url,
            },
            "date": now.to_iso_millis(),
            "kibanaBaseUrl": base,
            "state": { "signals_count": number },
            "context": { "alerts": documents, "results_link": url, "rule": of_rule },
        });
        let told = json!({ "count": number, "data": documents });
        let none = json!({ "count": 0, "data": [] });
        if is_single {
            let id = alerts.first().map(|alert| alert.id.as_str()).unwrap_or_default();
            values["alert"] = json!({
                "id": id,
                "uuid": id,
                "actionGroup": "default",
                "actionGroupName": "Default",
                "flapping": false,
            });
        } else {
            values["alerts"] = json!({ "new": told, "ongoing": none, "recovered": none, "all": told });
        }
        values
    }
}

/// An alert as templates see it.
fn document(alert: &KeptAlert) -> Value {
    let mut document = alert.document.clone();
    document.insert("_id".to_owned(), json!(alert.id));
    document.insert("_index".to_owned(), json!(ALERTS_STREAM));
    Value::Object(document)
}
