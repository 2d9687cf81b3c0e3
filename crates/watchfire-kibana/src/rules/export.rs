//! `POST …/rules/_export`: rules, what they refer to, a summary (detection-engine §1.4).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use watchfire_rules::exceptions::load_text;
use watchfire_rules::format::ndjson;
use watchfire_rules::model::{Connector, Export, FreeForm, MissingRule, Rule, RuleId};
use watchfire_state::KeptRule;

use super::list::namespace_name;
use super::object::rule_object;
use crate::answer::{Answer, ApiError, NDJSON, file};
use crate::request::{Api, Call, text_of};
use crate::service::DetectionApi;

/// The handler.
pub(crate) async fn export(State(api): Api, call: Call) -> Answer {
    let (parameters, _, body) = call.json_or_nothing().await?;
    let _place = api.transfers.acquire().await;
    let without_details = parameters.flag("exclude_export_details", false)?;
    let (rules, missing) = match body.as_ref().and_then(|body| body.get("objects")) {
        None | Some(Value::Null) => (api.database().rules().await?, Vec::new()),
        Some(Value::Array(objects)) => {
            let (mut rules, mut missing) = (Vec::new(), Vec::new());
            for object in objects {
                let rule_id = object.get("rule_id").and_then(Value::as_str);
                let rule_id = rule_id.ok_or_else(|| ApiError::bad("each of `objects` has a `rule_id`"))?;
                match api.database().rule_by_rule_id(rule_id).await? {
                    Some(kept) => rules.push(kept),
                    None => missing.push(rule_id.to_owned()),
                }
            }
            (rules, missing)
        }
        Some(_) => return Err(ApiError::bad("`objects` must be a list")),
    };
    let text = api.export_text(&rules, &missing, !without_details).await?;
    Ok(file(text, NDJSON, parameters.get("file_name").unwrap_or("export.ndjson")))
}

impl DetectionApi {
    /// The lines of an export; without details, of the rules alone.
    pub(crate) async fn export_text(
        &self,
        rules: &[KeptRule],
        missing: &[String],
        with_details: bool,
    ) -> Result<String, ApiError> {
        if rules.len() > ndjson::MAX_EXPORT_RULES {
            return Err(ApiError::bad(format!(
                "an export has at most {} rules, and these are {}",
                ndjson::MAX_EXPORT_RULES,
                rules.len()
            )));
        }
        let mut text = String::new();
        for kept in rules {
            let _ = writeln!(text, "{}", Value::Object(rule_object(kept)?));
        }
        if !with_details {
            return Ok(text);
        }
        let mut export = Export::default();
        export.rules.extend(rules.iter().map(|kept| kept.rule.clone()));
        let missing_rule = |id: &String| RuleId::new(id.as_str()).map(|rule_id| MissingRule { rule_id });
        export.missing_rules.extend(missing.iter().filter_map(missing_rule));
        let references = export.rules.iter().flat_map(Rule::exceptions_list);
        let wanted: BTreeSet<(&str, &str)> =
            references.map(|list| (namespace_name(list.namespace_type), &*list.list_id)).collect();
        for object in self.database().exception_objects().await? {
            let Value::Object(of) = &object else { continue };
            let namespace = text_of(of, "namespace_type").unwrap_or("single");
            if wanted.contains(&(namespace, text_of(of, "list_id").unwrap_or_default())) {
                let line = object.to_string();
                for found in load_text("exceptions", &line) {
                    export.exception_lists.extend(found.lists.into_iter().map(|one| one.list));
                    export.exception_items.extend(found.items.into_iter().map(|one| one.item));
                }
                text.push_str(&line);
                text.push('\n');
            }
        }
        let actions = export.rules.iter().flat_map(Rule::actions);
        let wanted: BTreeSet<&str> = actions.map(|action| &*action.id).collect();
        let mut connectors = Vec::new();
        for object in self.database().connectors().await? {
            let id = object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            if wanted.contains(&*id) {
                let _ = writeln!(text, "{object}");
                connectors.push(Connector { id, object: FreeForm(object) });
            }
        }
        export.connectors = connectors;
        let summary = serde_json::to_string(&ndjson::summary(&export))
            .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        text.push_str(&summary);
        text.push('\n');
        Ok(text)
    }
}
