//! The edits of `_bulk_action` (detection-engine §7.2): each changes the object of a rule, which is checked as a whole
//! afterwards.

use serde_json::{Map, Value, json};

use crate::answer::ApiError;
use crate::request::{text_of, texts};

/// The most edits of one request.
pub(crate) const MOST_EDITS: usize = 100;

/// An edit that can be made.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    kind: Kind,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Add(List),
    Delete(List),
    Set(List),
    Timeline,
    Schedule,
    AddActions,
    SetActions,
    Suppression,
    NoSuppression,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Tags,
    IndexPatterns,
    InvestigationFields,
}

impl Edit {
    /// Reads an edit.
    pub(crate) fn read(edit: &Value) -> Result<Self, ApiError> {
        let name = edit.get("type").and_then(Value::as_str).unwrap_or_default();
        let kind = match name {
            "add_tags" => Kind::Add(List::Tags),
            "delete_tags" => Kind::Delete(List::Tags),
            "set_tags" => Kind::Set(List::Tags),
            "add_index_patterns" => Kind::Add(List::IndexPatterns),
            "delete_index_patterns" => Kind::Delete(List::IndexPatterns),
            "set_index_patterns" => Kind::Set(List::IndexPatterns),
            "add_investigation_fields" => Kind::Add(List::InvestigationFields),
            "delete_investigation_fields" => Kind::Delete(List::InvestigationFields),
            "set_investigation_fields" => Kind::Set(List::InvestigationFields),
            "set_timeline" => Kind::Timeline,
            "set_schedule" => Kind::Schedule,
            "add_rule_actions" => Kind::AddActions,
            "set_rule_actions" => Kind::SetActions,
            "set_alert_suppression" | "set_alert_suppression_for_threshold" => Kind::Suppression,
            "delete_alert_suppression" => Kind::NoSuppression,
            other => return Err(ApiError::bad(format!("`{other}` is no edit"))),
        };
        Ok(Self { kind, value: edit.get("value").cloned().unwrap_or_default() })
    }

    /// Makes the edit.
    pub(crate) fn make(&self, rule: &mut Map<String, Value>) -> Result<(), ApiError> {
        match self.kind {
            Kind::Add(list) => self.change_list(list, rule, |mut all, given| {
                for one in given {
                    if !all.contains(&one) {
                        all.push(one);
                    }
                }
                all
            }),
            Kind::Delete(list) => self.change_list(list, rule, |mut all, given| {
                all.retain(|one| !given.contains(one));
                all
            }),
            Kind::Set(list) => self.change_list(list, rule, |_, given| given),
            Kind::Timeline => self.copy(rule, &["timeline_id", "timeline_title"]),
            Kind::Schedule => self.schedule(rule),
            Kind::AddActions | Kind::SetActions => self.actions(rule),
            Kind::Suppression => {
                rule.insert("alert_suppression".to_owned(), self.value.clone());
                Ok(())
            }
            Kind::NoSuppression => {
                rule.shift_remove("alert_suppression");
                Ok(())
            }
        }
    }

    fn change_list(
        &self,
        list: List,
        rule: &mut Map<String, Value>,
        change: impl FnOnce(Vec<String>, Vec<String>) -> Vec<String>,
    ) -> Result<(), ApiError> {
        match list {
            List::Tags => {
                let all = texts(rule.get("tags"), "tags")?;
                let changed = change(all, texts(Some(&self.value), "value")?);
                rule.insert("tags".to_owned(), json!(changed));
            }
            List::IndexPatterns => {
                if matches!(text_of(rule, "type"), Some("esql" | "machine_learning")) {
                    return Err(ApiError::bad("a rule of this type has no index patterns"));
                }
                if text_of(rule, "data_view_id").is_some() {
                    return Err(ApiError::bad("the rule has a data view, which goes before index patterns"));
                }
                let all = texts(rule.get("index"), "index")?;
                let changed = change(all, texts(Some(&self.value), "value")?);
                if changed.is_empty() {
                    return Err(ApiError::bad("the rule would have no index pattern left"));
                }
                rule.insert("index".to_owned(), json!(changed));
            }
            List::InvestigationFields => {
                let names =
                    |of: Option<&Value>| texts(of.and_then(|of| of.get("field_names")), "field_names");
                let all = names(rule.get("investigation_fields"))?;
                let changed = change(all, names(Some(&self.value))?);
                if changed.is_empty() {
                    rule.shift_remove("investigation_fields");
                } else {
                    rule.insert("investigation_fields".to_owned(), json!({ "field_names": changed }));
                }
            }
        }
        Ok(())
    }

    fn copy(&self, rule: &mut Map<String, Value>, keys: &[&str]) -> Result<(), ApiError> {
        for key in keys {
            let value = self.value.get(key).and_then(Value::as_str);
            let value = value.ok_or_else(|| ApiError::bad(format!("`{key}` is missing")))?;
            rule.insert((*key).to_owned(), value.into());
        }
        Ok(())
    }

    /// The window begins an interval and the look-back before now.
    fn schedule(&self, rule: &mut Map<String, Value>) -> Result<(), ApiError> {
        let text = |key: &str| {
            let text = self.value.get(key).and_then(Value::as_str);
            text.ok_or_else(|| ApiError::bad(format!("`{key}` is missing")))
        };
        let (interval, lookback) = (text("interval")?, text("lookback")?);
        let from = seconds(interval)?.saturating_add(seconds(lookback)?);
        rule.insert("interval".to_owned(), interval.into());
        rule.insert("from".to_owned(), format!("now-{from}s").into());
        rule.insert("to".to_owned(), "now".into());
        Ok(())
    }

    fn actions(&self, rule: &mut Map<String, Value>) -> Result<(), ApiError> {
        let given = self.value.get("actions").and_then(Value::as_array);
        let given = given.ok_or_else(|| ApiError::bad("`actions` must be a list"))?;
        let mut actions = match self.kind {
            Kind::AddActions => rule.get("actions").and_then(Value::as_array).cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        for action in given {
            let mut action = action.clone();
            if let (Value::Object(action), Some(throttle)) = (&mut action, self.value.get("throttle")) {
                action.entry("frequency").or_insert_with(|| frequency(throttle));
            }
            actions.push(action);
        }
        rule.insert("actions".to_owned(), Value::Array(actions));
        Ok(())
    }
}

/// What a throttle of a whole rule means for an action (detection-engine §6.1).
fn frequency(throttle: &Value) -> Value {
    match throttle.as_str() {
        Some("rule") | None => json!({ "summary": true, "notifyWhen": "onActiveAlert", "throttle": null }),
        Some(period) => json!({ "summary": true, "notifyWhen": "onThrottleInterval", "throttle": period }),
    }
}

fn seconds(text: &str) -> Result<u64, ApiError> {
    let bad = || ApiError::bad(format!("`{text}` is no span of time, such as `5m`"));
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
    let number: u64 = number.parse().map_err(|_| bad())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}
