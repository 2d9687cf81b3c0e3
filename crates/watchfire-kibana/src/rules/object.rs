//! A rule as answers show it: everything that it has, and what counts where it says nothing (detection-engine §1.1).

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use watchfire_events::FieldTypes;
use watchfire_ir::Catalogue;
use watchfire_rules::format;
use watchfire_rules::model::{Rule, RuleKind};
use watchfire_state::{BESIDE_CONTENT, ExecutionRecord, ExecutionStatus, KeptRule};

use crate::answer::ApiError;
use crate::filter::Attributes;
use crate::objects::{Findable, camel_case};

static ECS: LazyLock<Catalogue> = LazyLock::new(Catalogue::ecs);

/// Where rules that nobody is named for came from.
const NOBODY: &str = "watchfire";

/// The object of a rule.
pub(crate) fn rule_object(kept: &KeptRule) -> Result<Map<String, Value>, ApiError> {
    let body = body(&kept.rule)?;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    let of_body = |key: &str, default: Value| body.get(key).cloned().unwrap_or(default);
    put("id", kept.id.as_str().into());
    put("updated_at", kept.updated.to_iso_millis().into());
    put("updated_by", of_body("updated_by", NOBODY.into()));
    put("created_at", kept.created.to_iso_millis().into());
    put("created_by", of_body("created_by", NOBODY.into()));
    let rule = &kept.rule;
    let rule_id = rule.rule_id.as_ref().map_or_else(|| rule.name.clone(), ToString::to_string);
    put("name", rule.name.as_str().into());
    put("tags", json!(rule.tags()));
    put("interval", json!(rule.interval()));
    put("enabled", rule.enabled().into());
    put("revision", kept.revision.into());
    put("rule_id", rule_id.into());
    put("immutable", of_body("immutable", false.into()));
    put("rule_source", of_body("rule_source", json!({ "type": "internal" })));
    for (key, value) in body {
        if !object.contains_key(&key) {
            object.insert(key, value);
        }
    }
    fill_in(rule, &mut object);
    Ok(object)
}

/// A rule as a file has it.
pub(crate) fn body(rule: &Rule) -> Result<Map<String, Value>, ApiError> {
    match format::json::write(rule) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) | Err(_) => Err(ApiError::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            format!("the rule `{}` cannot be written", rule.name),
        )),
    }
}

/// What a rule detects and how, with what counts where it says nothing: without what is said of it beside that, such as who
/// changed it, and what belongs to the place where it runs.
pub(crate) fn comparable(rule: &Rule) -> Result<Map<String, Value>, ApiError> {
    const LOCAL: [&str; 7] =
        ["rule_id", "actions", "throttle", "exceptions_list", "meta", "output_index", "version"];
    let mut object = body(rule)?;
    fill_in(rule, &mut object);
    object.insert("tags".to_owned(), json!(rule.tags()));
    object.insert("interval".to_owned(), json!(rule.interval()));
    object.retain(|key, _| !LOCAL.contains(&&**key) && !BESIDE_CONTENT.contains(&&**key));
    Ok(object)
}

/// Puts what counts where a rule says nothing.
fn fill_in(rule: &Rule, object: &mut Map<String, Value>) {
    let mut default = |key: &str, value: Value| {
        object.entry(key.to_owned()).or_insert(value);
    };
    for key in [
        "author",
        "false_positives",
        "references",
        "risk_score_mapping",
        "severity_mapping",
        "threat",
        "exceptions_list",
        "related_integrations",
        "required_fields",
        "actions",
    ] {
        default(key, json!([]));
    }
    default("from", json!(rule.from()));
    default("to", json!(rule.to()));
    default("max_signals", rule.max_signals().into());
    default("version", rule.version().into());
    default("setup", "".into());
    default("output_index", "".into());
    match &rule.kind {
        RuleKind::Query(_) => {
            default("query", "".into());
            default("language", "kuery".into());
        }
        RuleKind::SavedQuery(_)
        | RuleKind::Threshold(_)
        | RuleKind::ThreatMatch(_)
        | RuleKind::NewTerms(_) => {
            default("language", "kuery".into());
        }
        RuleKind::Eql(_) | RuleKind::Esql(_) | RuleKind::MachineLearning(_) => {}
    }
    for threat in object.get_mut("threat").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(threat) = threat {
            threat.entry("technique").or_insert(json!([]));
        }
    }
    for field in object.get_mut("required_fields").and_then(Value::as_array_mut).into_iter().flatten() {
        let text = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, field_type) = (text("name"), text("type"));
        let is_ecs = ECS.knows(&name) && ECS.field_type(&name).name() == field_type;
        field["ecs"] = is_ecs.into();
    }
}

/// How the last execution of a rule went.
pub(crate) fn execution_summary(last: &ExecutionRecord) -> Value {
    let order = match last.status {
        ExecutionStatus::Succeeded => 0,
        ExecutionStatus::Running => 15,
        ExecutionStatus::PartialFailure => 20,
        ExecutionStatus::Failed => 30,
    };
    let texts: Vec<&str> = last.messages.iter().map(|message| &*message.text).collect();
    json!({
        "last_execution": {
            "date": last.ended.unwrap_or(last.started).to_iso_millis(),
            "status": last.status.name(),
            "status_order": order,
            "message": texts.join(", "),
            "metrics": {
                "execution_gap_duration_s": last.gap.map(|gap| (gap.to.millis() - gap.from.millis()) / 1_000),
            },
        },
    })
}

/// A rule with what filters and orders look at.
pub(crate) fn findable(kept: KeptRule) -> Result<Findable<KeptRule>, ApiError> {
    let shown = rule_object(&kept)?;
    let mut attributes = Attributes::default();
    let mut add = |name: &str, value: &Value| attributes.add(&format!("alert.attributes.{name}"), value);
    for (name, key) in [
        ("name", "name"),
        ("tags", "tags"),
        ("enabled", "enabled"),
        ("createdAt", "created_at"),
        ("createdBy", "created_by"),
        ("updatedAt", "updated_at"),
        ("updatedBy", "updated_by"),
        ("schedule.interval", "interval"),
        ("revision", "revision"),
    ] {
        add(name, &shown[key]);
    }
    add("consumer", &"siem".into());
    add("alertTypeId", &rule_type_id(&kept.rule.kind).into());
    for key in ["risk_score", "severity"] {
        add(&format!("mapped_params.{key}"), &shown[key]);
    }
    for (key, value) in &shown {
        add(&format!("params.{}", camel_case(key)), &in_camel_case(value));
    }
    // What old clients ask for: prebuilt rules carried tags that said so.
    let mark = format!("__internal_immutable:{}", shown["immutable"]);
    add("tags", &mark.into());
    add("tags", &format!("__internal_rule_id:{}", shown["rule_id"].as_str().unwrap_or_default()).into());
    Ok(Findable { attributes, shown, object: kept })
}

fn in_camel_case(value: &Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.iter().map(in_camel_case).collect()),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (camel_case(key), in_camel_case(value))).collect())
        }
        other => other.clone(),
    }
}

fn rule_type_id(kind: &RuleKind) -> &'static str {
    match kind {
        RuleKind::Query(_) => "siem.queryRule",
        RuleKind::SavedQuery(_) => "siem.savedQueryRule",
        RuleKind::Eql(_) => "siem.eqlRule",
        RuleKind::Threshold(_) => "siem.thresholdRule",
        RuleKind::ThreatMatch(_) => "siem.indicatorRule",
        RuleKind::NewTerms(_) => "siem.newTermsRule",
        RuleKind::Esql(_) => "siem.esqlRule",
        RuleKind::MachineLearning(_) => "siem.mlRule",
    }
}
