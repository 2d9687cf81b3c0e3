//! How a request names rules, and what rules name.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use watchfire_rules::model::{NamespaceType, Rule};
use watchfire_state::{KeptRule, StateError};

use super::object::{execution_summary, rule_object};
use crate::answer::ApiError;
use crate::request::{Parameters, text_of};
use crate::service::DetectionApi;

impl DetectionApi {
    /// The rule that an `id` or a `rule_id` names.
    pub(crate) async fn named_rule(
        &self,
        id: Option<&str>,
        rule_id: Option<&str>,
    ) -> Result<KeptRule, ApiError> {
        let (name, value, found) = match (id, rule_id) {
            (Some(id), None) => {
                let found = match self.database().rule(id).await {
                    Err(StateError::Absent { .. }) => None,
                    found => Some(found?),
                };
                ("id", id, found)
            }
            (None, Some(rule_id)) => ("rule_id", rule_id, self.database().rule_by_rule_id(rule_id).await?),
            (Some(_), Some(_)) => {
                return Err(ApiError::bad("a rule is named by `id` or by `rule_id`, not by both"));
            }
            (None, None) => return Err(ApiError::bad("either `id` or `rule_id` must be there")),
        };
        found.ok_or_else(|| ApiError::not_found(format!("{name}: \"{value}\" not found")))
    }

    /// The rule that the parameters name.
    pub(crate) async fn rule_of_parameters(&self, parameters: &Parameters) -> Result<KeptRule, ApiError> {
        self.named_rule(parameters.get("id"), parameters.get("rule_id")).await
    }

    /// The rule that an object names.
    pub(crate) async fn rule_of_object(&self, object: &Map<String, Value>) -> Result<KeptRule, ApiError> {
        // An answer that is sent back has both.
        match (text_of(object, "id"), text_of(object, "rule_id")) {
            (Some(id), Some(_)) => self.named_rule(Some(id), None).await,
            (id, rule_id) => self.named_rule(id, rule_id).await,
        }
    }

    /// A rule as it is shown, with how its last execution went.
    pub(crate) async fn shown(&self, kept: &KeptRule) -> Result<Map<String, Value>, ApiError> {
        let mut object = rule_object(kept)?;
        if let Some(last) = self.database().executions(Some(&kept.id), 1).await?.first() {
            object.insert("execution_summary".to_owned(), execution_summary(last));
        }
        Ok(object)
    }

    /// Refuses a rule that names an exception list which is neither there nor among those that come with it.
    pub(crate) async fn check_lists(
        &self,
        rule: &Rule,
        coming: &BTreeSet<(String, String)>,
    ) -> Result<(), ApiError> {
        if rule.exceptions_list().is_empty() {
            return Ok(());
        }
        let mut there = self.list_names().await?;
        there.extend(coming.iter().cloned());
        refuse_absent(rule, &there)
    }

    /// Namespace and name of each exception list.
    pub(crate) async fn list_names(&self) -> Result<BTreeSet<(String, String)>, ApiError> {
        let objects = self.database().exception_objects().await?;
        let lists = objects.iter().filter(|object| object.get("item_id").is_none());
        let text = |object: &Value, key: &str| object[key].as_str().map(str::to_owned);
        let name = |object: &Value| {
            let namespace = text(object, "namespace_type").unwrap_or_else(|| "single".to_owned());
            Some((namespace, text(object, "list_id")?))
        };
        Ok(lists.filter_map(name).collect())
    }
}

/// Refuses a rule that names an exception list which is not there.
pub(crate) fn refuse_absent(rule: &Rule, there: &BTreeSet<(String, String)>) -> Result<(), ApiError> {
    for list in rule.exceptions_list() {
        let namespace = namespace_name(list.namespace_type);
        if !there.contains(&(namespace.to_owned(), list.list_id.clone())) {
            let rule_id = rule.rule_id.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(ApiError::bad(format!(
                "Rule with rule_id: \"{rule_id}\" references a non existent exception list of list_id: \"{}\"",
                list.list_id
            )));
        }
    }
    Ok(())
}

pub(crate) fn namespace_name(namespace: NamespaceType) -> &'static str {
    match namespace {
        NamespaceType::Single => "single",
        NamespaceType::Agnostic => "agnostic",
    }
}

/// An object of a list of errors about a rule.
pub(crate) fn rule_error(rule_id: &str, error: &ApiError) -> Value {
    json!({ "rule_id": rule_id, "error": error.entry() })
}
