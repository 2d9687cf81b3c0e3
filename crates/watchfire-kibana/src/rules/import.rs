//! `POST …/rules/_import`: what can be kept of a file is, in one transaction; of the rest it is said why not.
//!
//! Exceptions and connectors are taken before rules, wherever they stand in the file, so that one request is enough.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use serde_json::{Map, Value, json};
use watchfire_diagnostics::SourceText;
use watchfire_rules::format::RuleFile;
use watchfire_rules::format::ndjson::{self, LineContent, LineKind};
use watchfire_state::{KeptRule, StateChange};

use super::list::{refuse_absent, rule_error};
use crate::answer::{Answer, ApiError, document};
use crate::exceptions::transfer::ExceptionFile;
use crate::request::{Api, Call};
use crate::service::DetectionApi;

/// Where imported rules come from.
const SOURCE: &str = "import";
/// What stands for the id of a rule that has none.
const NO_ID: &str = "(unknown id)";

/// A rule of the file.
struct RuleLine {
    rule_id: Option<String>,
    /// The rule with what was said of its line, or why it cannot be read.
    read: Result<(RuleFile, Vec<watchfire_diagnostics::Diagnostic>), ApiError>,
    source: SourceText,
}

/// What a file holds.
#[derive(Default)]
struct ImportFile {
    rules: Vec<RuleLine>,
    exceptions: ExceptionFile,
    connectors: Vec<Value>,
}

/// The handler.
pub(crate) async fn import(State(api): Api, call: Call) -> Answer {
    let _place = api.transfers.acquire().await;
    let (parameters, caller, name, text) = call.file().await?;
    let overwrite = parameters.flag("overwrite", false)?;
    let overwrite_exceptions = parameters.flag("overwrite_exceptions", false)?;
    let overwrite_connectors = parameters.flag("overwrite_action_connectors", false)?;
    let as_new_list = parameters.flag("as_new_list", false)?;
    let file = read(&name, &text)?;
    let _alone = api.change().await;
    let exceptions = api.plan_exceptions(file.exceptions, overwrite_exceptions, as_new_list, &caller).await?;
    let mut changes = exceptions.changes;
    let mut errors = Vec::new();
    let connectors = api.plan_connectors(&file.connectors, overwrite_connectors).await?;
    changes.extend(connectors.changes);
    let mut lists = api.list_names().await?;
    lists.extend(exceptions.lists.iter().cloned());
    let kept: BTreeMap<String, KeptRule> = api
        .database()
        .rules()
        .await?
        .into_iter()
        .filter_map(|one| Some((one.rule.rule_id.as_ref()?.to_string(), one)))
        .collect();
    let rules_count = file.rules.len();
    let lines = without_repetitions(file.rules, overwrite, &mut errors);
    let mut taken = 0;
    let mut warnings = Vec::new();
    for line in lines {
        let rule_id = line.rule_id.clone().unwrap_or_else(|| NO_ID.to_owned());
        match api.plan_rule(line, &kept, overwrite, &lists, &exceptions.renamed) {
            Ok((change, said)) => {
                changes.push(change);
                taken += 1;
                if !said.is_empty() {
                    warnings.push(json!({ "rule_id": rule_id, "diagnostics": said }));
                }
            }
            Err(error) => errors.push(rule_error(&rule_id, &error)),
        }
    }
    api.apply(changes, &caller).await?;
    document(json!({
        "success": errors.is_empty() && exceptions.errors.is_empty() && connectors.errors.is_empty(),
        "success_count": taken,
        "rules_count": rules_count,
        "errors": errors,
        "exceptions_success": exceptions.errors.is_empty(),
        "exceptions_success_count": exceptions.taken,
        "exceptions_errors": exceptions.errors,
        "action_connectors_success": connectors.errors.is_empty(),
        "action_connectors_success_count": connectors.taken,
        "action_connectors_errors": connectors.errors,
        "action_connectors_warnings": connectors.warnings,
        "watchfire": { "rules": warnings, "exceptions": exceptions.warnings },
    }))
}

fn read(name: &str, text: &str) -> Result<ImportFile, ApiError> {
    let mut file = ImportFile::default();
    for line in ndjson::parse(text).lines {
        let object = serde_json::from_str::<Value>(line.text).ok();
        let source = SourceText::new(name, line.text).starting_at_line(line.number);
        let failed = ApiError::of_diagnostics(&line.diagnostics, &source);
        match (line.kind, object) {
            (Some(LineKind::Summary), _) => {}
            (Some(LineKind::ExceptionList), Some(Value::Object(list))) => file.exceptions.lists.push(list),
            (Some(LineKind::ExceptionItem), Some(Value::Object(item))) => file.exceptions.items.push(item),
            (Some(LineKind::Connector), Some(connector)) => file.connectors.push(connector),
            // What is no object of any kind counts as a rule that cannot be read, so that it is told of.
            (_, object) => {
                let rule_id = object.as_ref().and_then(|object| object.get("rule_id"));
                let rule_id = rule_id.and_then(Value::as_str).map(str::to_owned);
                let read = match line.content {
                    Some(LineContent::Rule(file)) => Ok((*file, line.diagnostics)),
                    _ => Err(failed),
                };
                file.rules.push(RuleLine { rule_id, read, source });
            }
        }
    }
    if file.rules.len() > ndjson::MAX_EXPORT_RULES {
        return Err(ApiError::bad(format!("a file has at most {} rules", ndjson::MAX_EXPORT_RULES)));
    }
    Ok(file)
}

/// The lines of which the rules are to be taken. Of several with one `rule_id` the last one counts where rules may be
/// overwritten; else that is an error.
fn without_repetitions(lines: Vec<RuleLine>, overwrite: bool, errors: &mut Vec<Value>) -> Vec<RuleLine> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in &lines {
        if let Some(id) = &line.rule_id {
            *seen.entry(id.clone()).or_default() += 1;
        }
    }
    let mut told = BTreeSet::new();
    let mut taken = Vec::new();
    for line in lines.into_iter().rev() {
        let Some(id) = &line.rule_id else {
            taken.push(line);
            continue;
        };
        if seen.get(id).copied().unwrap_or(0) > 1 && !overwrite {
            if told.insert(id.clone()) {
                let message = format!("more than one rule of the file has the rule_id \"{id}\"");
                errors.push(rule_error(id, &ApiError::bad(message)));
            }
        } else if told.insert(id.clone()) {
            taken.push(line);
        }
    }
    taken.reverse();
    taken
}

impl DetectionApi {
    /// What is to be changed for a rule of a file, and what is unwise about it.
    fn plan_rule(
        &self,
        line: RuleLine,
        kept: &BTreeMap<String, KeptRule>,
        overwrite: bool,
        lists: &BTreeSet<(String, String)>,
        renamed: &BTreeMap<String, String>,
    ) -> Result<(StateChange, Vec<Value>), ApiError> {
        let (file, found) = line.read?;
        let checked = self.check_meaning(file, found, &line.source)?;
        let mut rule = checked.rule;
        let rule_id = rule.rule_id.as_ref().map(ToString::to_string);
        let rule_id = rule_id.ok_or_else(|| ApiError::bad("a rule of a file must have a `rule_id`"))?;
        for list in rule.exceptions_list.iter_mut().flatten() {
            if let Some(name) = renamed.get(&list.list_id) {
                list.list_id.clone_from(name);
            }
        }
        refuse_absent(&rule, lists)?;
        let rule = match kept.get(&rule_id) {
            Some(_) if !overwrite => {
                return Err(ApiError::conflict(format!("rule_id: \"{rule_id}\" already exists")));
            }
            Some(before) => self.in_place_of(before, rule)?,
            None => {
                let is_prebuilt = self.prebuilt(&rule_id).is_some();
                self.set_source(&mut rule, is_prebuilt, None)?;
                rule
            }
        };
        Ok((StateChange::PutRule { rule: Box::new(rule), source: SOURCE.to_owned() }, checked.warnings))
    }

    async fn plan_connectors(&self, given: &[Value], overwrite: bool) -> Result<ConnectorPlan, ApiError> {
        let mut plan = ConnectorPlan::default();
        if given.is_empty() {
            return Ok(plan);
        }
        let kept = self.database().connectors().await?;
        let id_of = |object: &Value| object.get("id").and_then(Value::as_str).map(str::to_owned);
        let known: BTreeSet<String> = kept.iter().filter_map(id_of).collect();
        for connector in given {
            let Some(id) = id_of(connector) else {
                let error = ApiError::bad("a connector has no `id`");
                plan.errors.push(json!({ "id": NO_ID, "error": error.entry() }));
                continue;
            };
            if known.contains(&id) && !overwrite {
                // What is there already serves as well: the rules that name it are taken.
                continue;
            }
            let mut object: Map<String, Value> = connector.as_object().cloned().unwrap_or_default();
            if let Some(Value::Object(attributes)) = object.get_mut("attributes") {
                attributes.insert("isMissingSecrets".to_owned(), true.into());
            }
            plan.taken += 1;
            plan.warnings.push(json!({
                "type": "action_required",
                "message": format!("connector `{id}` is kept and given back; what it is to send goes through the connector of this id in the configuration"),
                "actionPath": "",
            }));
            plan.changes.push(StateChange::PutConnector(Value::Object(object)));
        }
        Ok(plan)
    }
}

/// What becomes of the connectors of a file.
#[derive(Default)]
struct ConnectorPlan {
    changes: Vec<StateChange>,
    taken: usize,
    errors: Vec<Value>,
    warnings: Vec<Value>,
}
