//! What the table of Okta's system log cannot say: names within mail addresses, data for debugging that are texts of
//! their own, and which of an event's targets is the user and which the group.

use std::borrow::Cow;

use serde_json::Value;

use super::draft::Draft;
use super::tables::naming::Naming;
use crate::tape::{TapeObject, TapeValue};

const FLATTENED: &str = "okta.debug_context.debug_data.flattened";
const LOG_ONLY: &str = "okta.debug_context.debug_data.flattened.logOnlySecurityData";

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    set_actor(record, draft);
    if let Some(data) = object(record, "debugContext").and_then(|context| object(context, "debugData")) {
        set_debug_data(data, draft);
    }
    if let Some(targets) = record.get("target").and_then(TapeValue::as_array) {
        set_targets(targets, draft);
    }
}

fn object<'a>(holder: TapeObject<'a>, name: &str) -> Option<TapeObject<'a>> {
    holder.get(name)?.as_object()
}

/// The user's name is the first part of the actor's other id, which mostly is a mail address.
fn set_actor<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let id = object(record, "actor").and_then(|actor| actor.text("alternateId"));
    let Some(name) = id.and_then(first_name).map(Cow::Borrowed) else { return };
    draft.relate_user(&name);
    for field in ["client.user.name", "source.user.name"] {
        draft.set(field, name.clone());
    }
    draft.set("user.name", name);
}

/// The first run of characters that a user's name can have.
fn first_name(id: &str) -> Option<&str> {
    let can_be = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    let rest = id.trim_start_matches(|character| !can_be(character));
    let name = rest.split(|character| !can_be(character)).next()?;
    (!name.is_empty()).then_some(name)
}

fn set_debug_data<'a>(data: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let mut risk = Risk::default();
    for (name, value) in data.iter() {
        match (name, value.as_str()) {
            ("logOnlySecurityData", Some(text)) => match serde_json::from_str::<Value>(text) {
                Ok(parsed) => {
                    risk.read_log_only(&parsed);
                    draft.set_json(LOG_ONLY, parsed, Naming::Same);
                }
                Err(_) => draft.set_named_value(&format!("{FLATTENED}.{name}"), value, Naming::Same),
            },
            ("risk" | "behaviors", Some(text)) => match pairs(text) {
                Some(pairs) => {
                    for (key, value) in &pairs {
                        draft.set_named_below(&format!("{FLATTENED}.{name}"), key, Cow::Borrowed(*value));
                    }
                    if name == "risk" {
                        risk.read_risk(&pairs);
                    } else {
                        set_behaviors(&pairs, draft);
                    }
                }
                None => draft.set_named_value(&format!("{FLATTENED}.{name}"), value, Naming::Same),
            },
            _ => draft.set_named_value(&format!("{FLATTENED}.{name}"), value, Naming::Same),
        }
    }
    if let Some(level) = risk.level {
        draft.set("okta.debug_context.debug_data.risk_level", level);
    }
    if let Some(reasons) = risk.reasons {
        let reasons: Vec<Cow<'_, str>> = reasons
            .split(',')
            .map(str::trim)
            .filter(|reason| !reason.is_empty())
            .map(|reason| Cow::Owned(reason.to_owned()))
            .collect();
        if !reasons.is_empty() {
            draft.set("okta.debug_context.debug_data.risk_reasons", reasons);
        }
    }
}

/// How risky Okta finds an event; what stands in `logOnlySecurityData` goes first.
#[derive(Default)]
struct Risk {
    level: Option<String>,
    reasons: Option<String>,
    is_log_only: bool,
}

impl Risk {
    fn read_log_only(&mut self, data: &Value) {
        let member = |name| data.get("risk")?.get(name)?.as_str().filter(|text| !text.is_empty());
        if let Some(level) = member("level") {
            *self = Self {
                level: Some(level.to_owned()),
                reasons: member("reasons").map(str::to_owned),
                is_log_only: true,
            };
        }
    }

    fn read_risk(&mut self, pairs: &[(&str, &str)]) {
        if self.is_log_only {
            return;
        }
        let member = |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        self.level = member("level");
        self.reasons = member("reasons");
    }
}

/// Which behaviours Okta found, and all it looked for with what it found.
fn set_behaviors<'a>(pairs: &[(&'a str, &'a str)], draft: &mut Draft<'a, '_>) {
    let found: Vec<Cow<'a, str>> =
        pairs.iter().filter(|(_, value)| *value == "POSITIVE").map(|(key, _)| Cow::Borrowed(*key)).collect();
    if !found.is_empty() {
        draft.set("okta.debug_context.debug_data.risk_behaviors", found);
    }
    let all: Vec<Cow<'a, str>> =
        pairs.iter().map(|(key, value)| Cow::Owned(format!("{key}={value}"))).collect();
    draft.set("okta.debug_context.debug_data.behaviors", all);
}

/// The pairs of a text like `{reasons=New Device, New City, level=HIGH}`: a part without `=` belongs to the value before.
fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut start = 0;
    while start < inner.len() {
        // The value goes on to the last comma before the next `=`.
        let (key, rest) = inner[start..].split_once('=')?;
        let end = match rest.find('=') {
            None => rest.len(),
            Some(next) => rest[..next].rfind(", ").unwrap_or(rest.len()),
        };
        pairs.push((key.trim(), rest[..end].trim()));
        start += key.len() + 1 + end + 2;
    }
    (!pairs.is_empty() && pairs.iter().all(|(key, _)| !key.is_empty())).then_some(pairs)
}

fn set_targets<'a>(targets: impl Iterator<Item = TapeValue<'a>>, draft: &mut Draft<'a, '_>) {
    let (mut kept, mut user, mut group) = (Vec::new(), None, None);
    for target in targets {
        let kind = target.as_object().and_then(|target| target.get("type")).and_then(TapeValue::as_str);
        match kind {
            Some("User") => user = user.or(target.as_object()),
            Some("UserGroup") => group = group.or(target.as_object()),
            _ => {}
        }
        kept.push(target.to_value());
    }
    if !kept.is_empty() {
        draft.set_json("okta.target", Value::Array(kept), Naming::Snake);
    }
    if let Some(user) = user {
        if let Some(name) = user.text("displayName").map(Cow::Borrowed) {
            draft.relate_user(&name);
            draft.set("user.target.full_name", name);
        }
        if let Some(id) = user.text("id") {
            draft.set("user.target.id", id);
        }
        if let Some(email) = user.text("alternateId").filter(|id| id.contains('@')) {
            draft.set("user.target.email", email);
        }
    }
    if let Some(group) = group {
        if let Some(name) = group.text("displayName") {
            draft.set("user.target.group.name", name);
        }
        if let Some(id) = group.text("id") {
            draft.set("user.target.group.id", id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_first_part_of_an_id() {
        assert_eq!(first_name("ana.b-c@example.org"), Some("ana.b-c"));
        assert_eq!(first_name(" <ana>"), Some("ana"));
        assert_eq!(first_name("@@"), None);
    }

    #[test]
    fn values_may_have_commas() {
        assert_eq!(
            pairs("{reasons=New Device, New City, level=HIGH}").unwrap(),
            [("reasons", "New Device, New City"), ("level", "HIGH")]
        );
        assert_eq!(pairs("{level=LOW}").unwrap(), [("level", "LOW")]);
        assert_eq!(pairs("{a=, b=x}").unwrap(), [("a", ""), ("b", "x")]);
        assert_eq!(pairs("{a=b, c}").unwrap(), [("a", "b, c")]);
        for no_pairs in ["level=LOW", "{}", "{=x}", "{level}", "{", ""] {
            assert_eq!(pairs(no_pairs), None, "{no_pairs}");
        }
    }
}
