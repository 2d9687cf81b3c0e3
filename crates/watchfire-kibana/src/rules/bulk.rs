//! `POST …/rules/_bulk_action`: one action on many rules.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use watchfire_detect::ExecutionWindow;
use watchfire_events::Timestamp;
use watchfire_rules::model::{ExceptionListType, Rule, RuleId};
use watchfire_server::{Caller, Role};
use watchfire_state::{KeptRule, StateChange};

use super::crud::SOURCE;
use super::edit::{Edit, MOST_EDITS};
use super::object::{body, comparable, findable, rule_object};
use crate::answer::{Answer, ApiError, NDJSON, document, file};
use crate::filter;
use crate::request::{Api, Call, text_of, texts};
use crate::service::DetectionApi;

/// The longest span that is run by hand, in days.
const MOST_DAYS: i64 = 90;

/// What is done with each rule.
enum Action {
    Enable(bool),
    Delete,
    /// Whether the copies obey the same shared exception lists.
    Duplicate {
        with_lists: bool,
    },
    Edit(Vec<Edit>),
    Run(ExecutionWindow),
}

/// What becomes of a rule.
enum Outcome {
    Updated(Box<Rule>),
    Created(Box<Rule>),
    Deleted,
    /// It is executed once all rules have been looked at.
    Run,
    Skipped(&'static str),
}

/// The handler.
pub(crate) async fn action(State(api): Api, call: Call) -> Answer {
    let (parameters, caller, object) = call.object().await?;
    let dry_run = parameters.flag("dry_run", false)?;
    let name = text_of(&object, "action").ok_or_else(|| ApiError::bad("`action` is missing"))?;
    if name == "export" {
        let (rules, missing) = api.rules_named(&object).await?;
        let text = api.export_text(&rules, &missing, true).await?;
        return Ok(file(text, NDJSON, "rules_export.ndjson"));
    }
    if !caller.role.includes(Role::Engineer) {
        let why = format!("a key of the role `{}` may do no more than export by this request", caller.role);
        return Err(ApiError::new(StatusCode::FORBIDDEN, why));
    }
    let action = action_of(name, &object, api.parts.clock.now())?;
    let _alone = api.change().await;
    let (rules, missing) = api.rules_named(&object).await?;
    let mut report = Report { count: rules.len() + missing.len(), ..Report::default() };
    for id in missing {
        report.fail(&ApiError::not_found("Rule not found"), &id, None);
    }
    let (mut changes, mut to_run) = (Vec::new(), Vec::new());
    for kept in rules {
        match api.outcome(&action, &kept) {
            Ok(outcome) => report.take(outcome, kept, &mut changes, &mut to_run)?,
            Err(error) => report.fail(&error, &kept.id, Some(&kept.rule.name)),
        }
    }
    if !dry_run {
        api.apply(changes, &caller).await?;
        if let Action::Run(span) = action {
            api.run(&to_run, span, &mut report, &caller).await?;
        }
    }
    report.answer(&api, name, dry_run).await
}

fn action_of(name: &str, object: &Map<String, Value>, now: Timestamp) -> Result<Action, ApiError> {
    Ok(match name {
        "enable" => Action::Enable(true),
        "disable" => Action::Enable(false),
        "delete" => Action::Delete,
        "duplicate" => {
            let duplicate = object.get("duplicate").unwrap_or(&Value::Null);
            let with_lists = duplicate.get("include_exceptions").and_then(Value::as_bool).unwrap_or(true);
            Action::Duplicate { with_lists }
        }
        "edit" => {
            let edits = object.get("edit").and_then(Value::as_array).filter(|edits| !edits.is_empty());
            let edits = edits.ok_or_else(|| ApiError::bad("`edit` must be a list of edits"))?;
            if edits.len() > MOST_EDITS {
                return Err(ApiError::bad(format!("`edit` has at most {MOST_EDITS} edits")));
            }
            Action::Edit(edits.iter().map(Edit::read).collect::<Result<_, _>>()?)
        }
        "run" => {
            let run = object.get("run").unwrap_or(&Value::Null);
            let time = |key: &str| {
                let text = run.get(key).and_then(Value::as_str);
                let text = text.ok_or_else(|| ApiError::bad(format!("`run.{key}` is missing")))?;
                Timestamp::parse(text)
                    .ok_or_else(|| ApiError::bad(format!("`run.{key}` is a date, not `{text}`")))
            };
            let from = time("start_date")?;
            let to = if run.get("end_date").is_some() { time("end_date")? } else { now };
            if from >= to || to > now {
                return Err(ApiError::bad(
                    "`run.start_date` lies before `run.end_date`, and that not in the future",
                ));
            }
            if to.millis() - from.millis() > MOST_DAYS * 86_400_000 {
                return Err(ApiError::bad(format!("a run covers at most {MOST_DAYS} days")));
            }
            Action::Run(ExecutionWindow { from, to })
        }
        other => return Err(ApiError::bad(format!("`{other}` is no action"))),
    })
}

impl DetectionApi {
    /// The rules that `ids` or `query` names, and the ids of which there is none.
    async fn rules_named(
        &self,
        object: &Map<String, Value>,
    ) -> Result<(Vec<KeptRule>, Vec<String>), ApiError> {
        let ids = texts(object.get("ids"), "ids")?;
        let query = text_of(object, "query");
        let mut all = super::crud::by_id(self.database().rules().await?);
        match (ids.is_empty(), query) {
            (false, Some(_)) => Err(ApiError::bad("rules are named by `ids` or by `query`, not by both")),
            (false, None) => {
                let (mut rules, mut missing) = (Vec::new(), Vec::new());
                for id in ids {
                    match all.remove(&id) {
                        Some(kept) => rules.push(kept),
                        None => missing.push(id),
                    }
                }
                Ok((rules, missing))
            }
            (true, query) => {
                let query = filter::parse(query.unwrap_or_default())?;
                let mut rules = Vec::new();
                for kept in all.into_values() {
                    let one = findable(kept)?;
                    if filter::holds(&query, &one.attributes) {
                        rules.push(one.object);
                    }
                }
                rules.sort_by(|one, other| one.rule.rule_id.cmp(&other.rule.rule_id));
                Ok((rules, Vec::new()))
            }
        }
    }

    fn outcome(&self, action: &Action, kept: &KeptRule) -> Result<Outcome, ApiError> {
        let mut rule = kept.rule.clone();
        match action {
            Action::Enable(enabled) if rule.enabled() == *enabled => {
                Ok(Outcome::Skipped("RULE_NOT_MODIFIED"))
            }
            Action::Enable(enabled) => {
                rule.enabled = Some(*enabled);
                Ok(Outcome::Updated(Box::new(rule)))
            }
            Action::Delete => Ok(Outcome::Deleted),
            Action::Duplicate { with_lists } => {
                // The list of one rule alone stays that rule's.
                rule.exceptions_list
                    .get_or_insert_default()
                    .retain(|list| *with_lists && list.list_type != ExceptionListType::RuleDefault);
                rule.rule_id = RuleId::new(self.new_id());
                rule.name.push_str(" [Duplicate]");
                rule.enabled = Some(false);
                (rule.server.created_by, rule.server.updated_by) = (None, None);
                self.set_source(&mut rule, false, None)?;
                Ok(Outcome::Created(Box::new(rule)))
            }
            Action::Edit(edits) => {
                let mut object = body(&rule)?;
                for edit in edits {
                    edit.make(&mut object)?;
                }
                let mut edited = self.in_place_of(kept, self.check_object(&object)?.rule)?;
                if comparable(&edited)? == comparable(&rule)? && edited.actions == rule.actions {
                    return Ok(Outcome::Skipped("RULE_NOT_MODIFIED"));
                }
                edited.enabled = rule.enabled;
                Ok(Outcome::Updated(Box::new(edited)))
            }
            Action::Run(_) if !rule.enabled() => Err(ApiError::bad("only a rule that is enabled can be run")),
            Action::Run(_) => Ok(Outcome::Run),
        }
    }

    async fn run(
        &self,
        rules: &[KeptRule],
        span: ExecutionWindow,
        report: &mut Report,
        caller: &Caller,
    ) -> Result<(), ApiError> {
        let ids: Vec<String> = rules.iter().map(|kept| kept.id.clone()).collect();
        let names: Vec<&str> = rules.iter().map(|kept| &*kept.rule.name).collect();
        let done = self.parts.executions.run(&ids, span).await?;
        let detail =
            json!({ "from": span.from.to_iso_millis(), "to": span.to.to_iso_millis(), "rules": names });
        self.database().note_run(detail, &self.actor(caller)).await?;
        for kept in rules {
            let why = done.cannot_run.iter().find(|(id, _)| *id == kept.id).map(|(_, why)| why.clone());
            let failed = done.failed.iter().find(|record| record.rule == kept.id);
            let why = why.or_else(|| failed.map(texts_of));
            match why {
                Some(why) => report.fail(&ApiError::bad(why), &kept.id, Some(&kept.rule.name)),
                None => report.updated.push(kept.id.clone()),
            }
        }
        Ok(())
    }
}

fn texts_of(record: &watchfire_state::ExecutionRecord) -> String {
    let texts: Vec<&str> = record.messages.iter().map(|message| &*message.text).collect();
    texts.join(", ")
}

/// What became of all rules.
#[derive(Default)]
struct Report {
    count: usize,
    /// Ids of rules that are shown as they are afterwards.
    updated: Vec<String>,
    /// The `rule_id`s of rules that were made.
    created: Vec<String>,
    /// Rules as they were.
    deleted: Vec<Value>,
    skipped: Vec<Value>,
    errors: Vec<Value>,
}

impl Report {
    fn take(
        &mut self,
        outcome: Outcome,
        kept: KeptRule,
        changes: &mut Vec<StateChange>,
        to_run: &mut Vec<KeptRule>,
    ) -> Result<(), ApiError> {
        match outcome {
            Outcome::Updated(rule) => {
                self.updated.push(kept.id);
                changes.push(StateChange::PutRule { rule, source: kept.source });
            }
            Outcome::Created(rule) => {
                self.created.extend(rule.rule_id.as_ref().map(ToString::to_string));
                changes.push(StateChange::PutRule { rule, source: SOURCE.to_owned() });
            }
            Outcome::Deleted => {
                self.deleted.push(Value::Object(rule_object(&kept)?));
                changes.push(StateChange::RemoveRule(kept.id));
            }
            Outcome::Run => to_run.push(kept),
            Outcome::Skipped(reason) => {
                self.skipped.push(json!({ "id": kept.id, "name": kept.rule.name, "skip_reason": reason }));
            }
        }
        Ok(())
    }

    /// Rules that fail for the same reason are told of together.
    fn fail(&mut self, error: &ApiError, id: &str, name: Option<&str>) {
        let rule = match name {
            Some(name) => json!({ "id": id, "name": name }),
            None => json!({ "id": id }),
        };
        let status = error.status.as_u16();
        let is_same = |one: &&mut Value| one["message"] == *error.message && one["status_code"] == status;
        if let Some(Value::Array(rules)) = self.errors.iter_mut().find(is_same).map(|one| &mut one["rules"]) {
            rules.push(rule);
            return;
        }
        let mut entry = error.entry();
        entry["rules"] = json!([rule]);
        self.errors.push(entry);
    }

    async fn answer(self, api: &DetectionApi, name: &str, dry_run: bool) -> Answer {
        let (mut updated, mut created) = (Vec::new(), Vec::new());
        let succeeded = self.updated.len() + self.created.len() + self.deleted.len();
        let failed =
            self.errors.iter().filter_map(|one| one["rules"].as_array()).map(Vec::len).sum::<usize>();
        if !dry_run {
            for id in &self.updated {
                updated.push(api.shown(&api.named_rule(Some(id), None).await?).await?);
            }
            for rule_id in &self.created {
                created.push(api.shown(&api.named_rule(None, Some(rule_id)).await?).await?);
            }
        }
        let attributes = json!({
            "results": {
                "updated": updated,
                "created": created,
                "deleted": if dry_run { Vec::new() } else { self.deleted },
                "skipped": self.skipped,
            },
            "summary": {
                "failed": failed,
                "skipped": self.skipped.len(),
                "succeeded": succeeded,
                "total": self.count,
            },
        });
        if self.errors.is_empty() {
            return document(json!({ "success": true, "rules_count": self.count, "attributes": attributes }));
        }
        let mut attributes = attributes;
        attributes["errors"] = json!(self.errors);
        let how = if succeeded > 0 { "partially failed" } else { "failed" };
        let mut error = ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("Bulk {name} {how}"));
        error.attributes = Some(Box::new(attributes));
        Err(error)
    }
}
