//! Making, reading, changing and removing rules, one by one or a list of them.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use serde_json::{Map, Value};
use watchfire_rules::model::{Rule, RuleId};
use watchfire_server::Caller;
use watchfire_state::{KeptRule, StateChange};

use super::check::CheckedRule;
use super::list::rule_error;
use super::object::body;
use crate::answer::{Answer, ApiError, document, with_warnings};
use crate::request::{Api, Call, text_of};
use crate::service::DetectionApi;

/// Where rules come from that are sent to the API.
pub(crate) const SOURCE: &str = "api";

/// `POST …/rules`.
pub(crate) async fn create(State(api): Api, call: Call) -> Answer {
    let (_, caller, text) = call.text().await?;
    let _alone = api.change().await;
    document(api.create_rule(api.check_rule(&text)?, &caller).await?)
}

/// `GET …/rules`.
pub(crate) async fn read(State(api): Api, call: Call) -> Answer {
    let kept = api.rule_of_parameters(&call.parameters).await?;
    document(api.shown(&kept).await?)
}

/// `PUT …/rules`.
pub(crate) async fn replace(State(api): Api, call: Call) -> Answer {
    let (_, caller, text) = call.text().await?;
    let _alone = api.change().await;
    document(api.replace_rule(&text, &caller).await?)
}

/// `PATCH …/rules`.
pub(crate) async fn patch(State(api): Api, call: Call) -> Answer {
    let (_, caller, object) = call.object().await?;
    let _alone = api.change().await;
    document(api.patch_rule(&object, &caller).await?)
}

/// `DELETE …/rules`.
pub(crate) async fn remove(State(api): Api, call: Call) -> Answer {
    let _alone = api.change().await;
    let kept = api.rule_of_parameters(&call.parameters).await?;
    document(api.remove_rule(&kept, &call.caller).await?)
}

/// `POST …/rules/_bulk_create`.
pub(crate) async fn create_many(State(api): Api, call: Call) -> Answer {
    let (caller, list) = call.list().await?;
    let _alone = api.change().await;
    let mut answers = Vec::new();
    for one in list {
        let made = match api.check_value(&one) {
            Ok(checked) => api.create_rule(checked, &caller).await,
            Err(error) => Err(error),
        };
        answers.push(answer_of(&one, made));
    }
    document(answers)
}

/// `PUT …/rules/_bulk_update`.
pub(crate) async fn replace_many(State(api): Api, call: Call) -> Answer {
    let (caller, list) = call.list().await?;
    let _alone = api.change().await;
    let mut answers = Vec::new();
    for one in list {
        let made = api.replace_rule(&one.to_string(), &caller).await;
        answers.push(answer_of(&one, made));
    }
    document(answers)
}

/// `PATCH …/rules/_bulk_update`.
pub(crate) async fn patch_many(State(api): Api, call: Call) -> Answer {
    let (caller, list) = call.list().await?;
    let _alone = api.change().await;
    let mut answers = Vec::new();
    for one in list {
        let made = match one.as_object() {
            Some(object) => api.patch_rule(object, &caller).await,
            None => Err(ApiError::bad("it must be an object")),
        };
        answers.push(answer_of(&one, made));
    }
    document(answers)
}

/// `DELETE` and `POST …/rules/_bulk_delete`.
pub(crate) async fn remove_many(State(api): Api, call: Call) -> Answer {
    let (caller, list) = call.list().await?;
    let _alone = api.change().await;
    let mut answers = Vec::new();
    for one in list {
        let kept = match one.as_object() {
            Some(object) => api.rule_of_object(object).await,
            None => Err(ApiError::bad("it must be an object")),
        };
        let removed = match kept {
            Ok(kept) => api.remove_rule(&kept, &caller).await,
            Err(error) => Err(error),
        };
        answers.push(answer_of(&one, removed));
    }
    document(answers)
}

/// `GET /api/detection_engine/tags`.
pub(crate) async fn tags(State(api): Api) -> Answer {
    let rules = api.database().rules().await?;
    let tags: BTreeSet<&str> = rules.iter().flat_map(|kept| kept.rule.tags()).map(String::as_str).collect();
    document(tags.into_iter().collect::<Vec<_>>())
}

fn answer_of(request: &Value, made: Result<Map<String, Value>, ApiError>) -> Value {
    let text = |key: &str| request.get(key).and_then(Value::as_str);
    match made {
        Ok(object) => Value::Object(object),
        Err(error) => rule_error(text("rule_id").or_else(|| text("id")).unwrap_or("(unknown id)"), &error),
    }
}

impl DetectionApi {
    fn check_value(&self, value: &Value) -> Result<CheckedRule, ApiError> {
        self.check_rule(&value.to_string())
    }

    async fn create_rule(
        &self,
        checked: CheckedRule,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let CheckedRule { mut rule, warnings } = checked;
        match &rule.rule_id {
            None => rule.rule_id = RuleId::new(self.new_id()),
            Some(id) if self.database().rule_by_rule_id(id.as_str()).await?.is_some() => {
                return Err(ApiError::conflict(format!("rule_id: \"{id}\" already exists")));
            }
            Some(_) => {}
        }
        self.check_lists(&rule, &BTreeSet::new()).await?;
        self.set_source(&mut rule, false, None)?;
        Ok(with_warnings(self.put_rule(rule, SOURCE, caller).await?, warnings))
    }

    async fn replace_rule(&self, text: &str, caller: &Caller) -> Result<Map<String, Value>, ApiError> {
        let checked = self.check_rule(text)?;
        let object = body(&checked.rule)?;
        let kept = self.rule_of_object(&object).await?;
        self.change_rule(&kept, checked, caller).await
    }

    async fn patch_rule(
        &self,
        patch: &Map<String, Value>,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let kept = self.rule_of_object(patch).await?;
        let checked = self.check_object(&patched(&kept.rule, patch)?)?;
        self.change_rule(&kept, checked, caller).await
    }

    /// Puts another rule in the place of one, which stays what it is otherwise.
    pub(crate) async fn change_rule(
        &self,
        kept: &KeptRule,
        checked: CheckedRule,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let CheckedRule { rule, warnings } = checked;
        let rule = self.in_place_of(kept, rule)?;
        self.check_lists(&rule, &BTreeSet::new()).await?;
        Ok(with_warnings(self.put_rule(rule, &kept.source, caller).await?, warnings))
    }

    /// A rule as it takes the place of another.
    pub(crate) fn in_place_of(&self, kept: &KeptRule, mut rule: Rule) -> Result<Rule, ApiError> {
        let (old, new) = (kept.rule.kind.rule_type(), rule.kind.rule_type());
        if old != new {
            return Err(ApiError::bad(format!("a rule of type `{old}` cannot become one of type `{new}`")));
        }
        rule.rule_id.clone_from(&kept.rule.rule_id);
        if rule.version.is_none() {
            rule.version = kept.rule.version;
        }
        self.set_source(&mut rule, kept.rule.server.immutable == Some(true), Some(kept))?;
        Ok(rule)
    }

    async fn put_rule(
        &self,
        rule: Rule,
        source: &str,
        caller: &Caller,
    ) -> Result<Map<String, Value>, ApiError> {
        let rule_id = rule.rule_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let change = StateChange::PutRule { rule: Box::new(rule), source: source.to_owned() };
        self.apply(vec![change], caller).await?;
        self.shown(&self.named_rule(None, Some(&rule_id)).await?).await
    }

    async fn remove_rule(&self, kept: &KeptRule, caller: &Caller) -> Result<Map<String, Value>, ApiError> {
        let shown = self.shown(kept).await?;
        self.apply(vec![StateChange::RemoveRule(kept.id.clone())], caller).await?;
        Ok(shown)
    }
}

/// A rule with the changes of a patch: a key that is `null` is taken away.
pub(crate) fn patched(rule: &Rule, patch: &Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let mut object = body(rule)?;
    if let (Some(from), Some(to)) = (object.get("type"), text_of(patch, "type"))
        && from.as_str() != Some(to)
    {
        return Err(ApiError::bad(format!("a rule of type {from} cannot become one of type `{to}`")));
    }
    for (key, value) in patch {
        if value.is_null() {
            object.shift_remove(key);
        } else {
            object.insert(key.clone(), value.clone());
        }
    }
    Ok(object)
}

/// The rules of a list, each once, by their ids.
pub(crate) fn by_id(rules: Vec<KeptRule>) -> BTreeMap<String, KeptRule> {
    rules.into_iter().map(|kept| (kept.id.clone(), kept)).collect()
}
