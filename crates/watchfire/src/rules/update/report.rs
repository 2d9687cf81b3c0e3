//! What was, or would be, done with rules.

use std::io::{self, Write};

use serde_json::{Value as Json, json};
use toml::Value;

use super::merge::{Conflict, KeyChange, Outcome};
use super::plan::{Action, Plan};
use crate::terminal::escape_controls;

/// Longest value that is shown on the line of its key, in characters.
const SHORT: usize = 60;

pub(super) fn text(plans: &[Plan], out: &mut dyn Write) -> io::Result<()> {
    for plan in plans {
        let Some(word) = word(&plan.action) else { continue };
        writeln!(out, "{word}: {} ({})", escape_controls(&plan.name), escape_controls(&plan.id))?;
        match &plan.action {
            Action::Add { below, .. } => {
                writeln!(out, "  {}", escape_controls(&below.display().to_string()))?;
            }
            Action::Remove { file } => {
                writeln!(out, "  {}", escape_controls(&file.display().to_string()))?;
            }
            Action::Write { keys, .. } | Action::Changed { keys } => {
                for key in keys {
                    write_key(key, matches!(plan.action, Action::Changed { .. }), out)?;
                }
            }
            Action::Conflict { keys, why } => {
                writeln!(out, "  {}", escape_controls(why))?;
                for key in keys {
                    write_conflict(key, out)?;
                }
            }
            Action::LeftOut | Action::Nothing => {}
        }
    }
    Ok(())
}

fn word(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::Add { .. } => "added",
        Action::Remove { .. } => "removed",
        Action::Write { .. } => "merged",
        Action::Changed { .. } => "changed",
        Action::Conflict { .. } => "CONFLICT",
        Action::LeftOut => "left out, since it is not among the local rules",
        Action::Nothing => return None,
    })
}

fn write_key(key: &KeyChange, only_upstream: bool, out: &mut dyn Write) -> io::Result<()> {
    let name = escape_controls(&key.path.join("."));
    if !only_upstream {
        write!(out, "  {:7}", outcome(key.outcome))?;
    }
    write!(out, "  {name}")?;
    match (&key.base, &key.result) {
        (None, Some(new)) => writeln!(out, ": {} (new)", short(new)),
        (Some(_), None) => writeln!(out, ": removed"),
        (Some(old), Some(new)) => writeln!(out, ": {} → {}", short(old), short(new)),
        (None, None) => writeln!(out),
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Taken => "taken",
        Outcome::Kept => "kept",
        Outcome::Merged => "merged",
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.contains('\n') {
        return format!("({} lines)", text.lines().count());
    }
    if text.chars().count() <= SHORT {
        return escape_controls(&text);
    }
    let start: String = text.chars().take(SHORT).collect();
    format!("{}…", escape_controls(&start))
}

/// A conflict with all three values in full.
fn write_conflict(conflict: &Conflict, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {}", escape_controls(&conflict.path.join(".")))?;
    for (side, value) in [("base", &conflict.base), ("ours", &conflict.ours), ("theirs", &conflict.theirs)] {
        let text = match value {
            None => "(absent)".to_owned(),
            Some(Value::String(text)) => text.trim_matches('\n').to_owned(),
            Some(other) => other.to_string(),
        };
        let mut lines = text.lines();
        writeln!(out, "    {side:6} {}", escape_controls(lines.next().unwrap_or_default()))?;
        for line in lines {
            writeln!(out, "           {}", escape_controls(line))?;
        }
    }
    Ok(())
}

pub(super) fn json(plans: &[Plan], out: &mut dyn Write) -> io::Result<()> {
    let of_value = |value: &Option<Value>| value.as_ref().map_or(Json::Null, |value| json!(value));
    let of_key = |key: &KeyChange| {
        json!({
            "key": key.path.join("."), "outcome": outcome(key.outcome), "base": of_value(&key.base),
            "result": of_value(&key.result),
        })
    };
    let of_conflict = |key: &Conflict| {
        json!({
            "key": key.path.join("."), "base": of_value(&key.base), "ours": of_value(&key.ours),
            "theirs": of_value(&key.theirs),
        })
    };
    let rules = plans.iter().filter_map(|plan| {
        let state = match &plan.action {
            Action::Add { .. } => "added",
            Action::Remove { .. } => "removed",
            Action::Write { .. } => "merged",
            Action::Changed { .. } => "changed",
            Action::Conflict { .. } => "conflict",
            Action::LeftOut => "left_out",
            Action::Nothing => return None,
        };
        let mut object = json!({ "rule_id": plan.id, "name": plan.name, "state": state });
        match &plan.action {
            Action::Add { below, .. } => object["file"] = json!(below.display().to_string()),
            Action::Remove { file } => object["file"] = json!(file.display().to_string()),
            Action::Write { keys, file, .. } => {
                object["file"] = json!(file.display().to_string());
                object["keys"] = keys.iter().map(of_key).collect();
            }
            Action::Changed { keys } => object["keys"] = keys.iter().map(of_key).collect(),
            Action::Conflict { keys, why } => {
                object["why"] = json!(why);
                object["conflicts"] = keys.iter().map(of_conflict).collect();
            }
            Action::LeftOut | Action::Nothing => {}
        }
        Some(object)
    });
    serde_json::to_writer_pretty(&mut *out, &json!({ "rules": rules.collect::<Vec<_>>() }))?;
    writeln!(out)
}

/// The sum of it all.
pub(super) fn counts(plans: &[Plan], into: bool, dry_run: bool, log: &mut dyn Write) -> io::Result<()> {
    let number = |is: fn(&Action) -> bool| plans.iter().filter(|plan| is(&plan.action)).count();
    let added = number(|action| matches!(action, Action::Add { .. }));
    let removed = number(|action| matches!(action, Action::Remove { .. }));
    let merged = number(|action| matches!(action, Action::Write { .. } | Action::Changed { .. }));
    let conflicts = number(|action| matches!(action, Action::Conflict { .. }));
    let left_out = number(|action| matches!(action, Action::LeftOut));
    let same = number(|action| matches!(action, Action::Nothing));
    write!(log, "rules: {} = {added} added + {removed} removed + {merged} changed", plans.len())?;
    if into {
        write!(log, " + {conflicts} with conflicts + {left_out} not here")?;
    }
    writeln!(log, " + {same} as they are")?;
    if dry_run {
        writeln!(log, "nothing was written (--dry-run)")?;
    }
    Ok(())
}
