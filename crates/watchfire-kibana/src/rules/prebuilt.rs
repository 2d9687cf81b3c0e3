//! Prebuilt rules: those of the folders that the server was given. Which rules come from there, whether they were changed
//! since, and installing and updating them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use watchfire_rules::model::{FreeForm, Rule};
use watchfire_state::{KeptRule, StateChange};

use super::object::comparable;
use crate::answer::{Answer, ApiError, document};
use crate::request::{Api, Call};
use crate::service::DetectionApi;

/// Where rules come from that are installed as prebuilt ones.
const SOURCE: &str = "prebuilt";

impl DetectionApi {
    pub(crate) fn prebuilt(&self, rule_id: &str) -> Option<&Rule> {
        self.parts.prebuilt.iter().find(|rule| rule.rule_id.as_ref().is_some_and(|id| id.as_str() == rule_id))
    }

    /// Says in a rule whether it is a prebuilt one, and what of it was changed.
    pub(crate) fn set_source(
        &self,
        rule: &mut Rule,
        is_prebuilt: bool,
        before: Option<&KeptRule>,
    ) -> Result<(), ApiError> {
        rule.server.immutable = Some(is_prebuilt);
        if !is_prebuilt {
            rule.server.rule_source = Some(FreeForm(json!({ "type": "internal" })));
            return Ok(());
        }
        let base = rule.rule_id.as_ref().and_then(|id| self.prebuilt(id.as_str()));
        let base = base.filter(|base| base.version() == rule.version());
        let (changed, is_customized) = match (base, before) {
            (Some(base), _) => {
                let changed = differing(base, rule)?;
                let is_customized = !changed.is_empty();
                (changed, is_customized)
            }
            (None, Some(before)) => {
                let is_customized = is_customized(&before.rule) || !differing(&before.rule, rule)?.is_empty();
                (Vec::new(), is_customized)
            }
            (None, None) => (Vec::new(), false),
        };
        let fields: Vec<Value> = changed.into_iter().map(|field| json!({ "field_name": field })).collect();
        rule.server.rule_source = Some(FreeForm(json!({
            "type": "external",
            "is_customized": is_customized,
            "has_base_version": base.is_some(),
            "customized_fields": fields,
        })));
        Ok(())
    }

    /// What the folders have beside what is kept.
    async fn standing(&self) -> Result<Standing<'_>, ApiError> {
        let mut kept: BTreeMap<String, KeptRule> = BTreeMap::new();
        for one in self.database().rules().await? {
            if let Some(id) = &one.rule.rule_id {
                kept.insert(id.to_string(), one);
            }
        }
        let mut standing = Standing::default();
        for rule in &self.parts.prebuilt {
            let Some(id) = &rule.rule_id else { continue };
            match kept.get(id.as_str()) {
                None => standing.absent.push(rule),
                // A rule that somebody wrote under the same id is theirs.
                Some(own) if own.rule.server.immutable != Some(true) => {}
                Some(old) if is_behind(old, rule)? => standing.behind.push((rule, old.clone())),
                Some(_) => {}
            }
        }
        let is_prebuilt = |one: &&KeptRule| one.rule.server.immutable == Some(true);
        standing.installed = kept.values().filter(is_prebuilt).count();
        standing.custom = kept.len() - standing.installed;
        Ok(standing)
    }
}

#[derive(Default)]
struct Standing<'r> {
    absent: Vec<&'r Rule>,
    behind: Vec<(&'r Rule, KeptRule)>,
    installed: usize,
    custom: usize,
}

/// Whether a kept rule is older than the one of the folder. The repository's own files carry no version: of them one that
/// nobody has changed here is older if it is another one.
fn is_behind(kept: &KeptRule, rule: &Rule) -> Result<bool, ApiError> {
    if rule.version() != kept.rule.version() {
        return Ok(rule.version() > kept.rule.version());
    }
    Ok(rule.version.is_none() && !is_customized(&kept.rule) && !differing(&kept.rule, rule)?.is_empty())
}

fn is_customized(rule: &Rule) -> bool {
    let source = rule.server.rule_source.as_ref();
    source.and_then(|source| source.0.get("is_customized")).and_then(Value::as_bool).unwrap_or(false)
}

/// The fields in which two rules differ.
fn differing(one: &Rule, other: &Rule) -> Result<Vec<String>, ApiError> {
    let (one, other) = (comparable(one)?, comparable(other)?);
    let all = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
    Ok(all.filter(|key| one.get(*key) != other.get(*key)).cloned().collect())
}

/// `PUT …/rules/prepackaged`: installs what is not there, and updates what is older and was not changed here.
pub(crate) async fn install(State(api): Api, call: Call) -> Answer {
    let api: Arc<DetectionApi> = api;
    let _alone = api.change().await;
    let standing = api.standing().await?;
    let (mut changes, mut skipped) = (Vec::new(), Vec::new());
    let put = |rule: Rule| StateChange::PutRule { rule: Box::new(rule), source: SOURCE.to_owned() };
    for rule in &standing.absent {
        let mut rule = (*rule).clone();
        rule.enabled = Some(false);
        api.set_source(&mut rule, true, None)?;
        changes.push(put(rule));
    }
    let mut updated = 0;
    for (rule, old) in &standing.behind {
        if is_customized(&old.rule) {
            skipped.push(json!({ "rule_id": rule.rule_id, "name": old.rule.name }));
            continue;
        }
        let mut rule = (*rule).clone();
        rule.enabled = old.rule.enabled;
        rule.actions.clone_from(&old.rule.actions);
        rule.exceptions_list.clone_from(&old.rule.exceptions_list);
        api.set_source(&mut rule, true, None)?;
        changes.push(put(rule));
        updated += 1;
    }
    api.apply(changes, &call.caller).await?;
    document(json!({
        "rules_installed": standing.absent.len(),
        "rules_updated": updated,
        "timelines_installed": 0,
        "timelines_updated": 0,
        "watchfire": { "not_updated_as_changed_here": skipped },
    }))
}

/// `GET …/rules/prepackaged/_status`.
pub(crate) async fn status(State(api): Api) -> Answer {
    let standing = api.standing().await?;
    document(json!({
        "rules_custom_installed": standing.custom,
        "rules_installed": standing.installed,
        "rules_not_installed": standing.absent.len(),
        "rules_not_updated": standing.behind.len(),
        "timelines_installed": 0,
        "timelines_not_installed": 0,
        "timelines_not_updated": 0,
    }))
}
