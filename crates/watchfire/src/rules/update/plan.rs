//! What is to be done with each rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use watchfire_detect::{CompileOptions, compile_rule};
use watchfire_events::Timestamp;
use watchfire_ir::Schema;
use watchfire_rules::load::load_text;

use super::document::{Document, Values};
use super::lock::{Lock, LockEntry};
use super::merge::{Conflict, KeyChange, Merge, Outcome, changes, merge};

/// Rules by id.
pub(super) type Rules = BTreeMap<String, RuleText>;

/// A rule and where it stands.
#[derive(Clone, Debug)]
pub(super) struct RuleText {
    pub(super) name: String,
    pub(super) file: PathBuf,
    /// Its file below the folder that was named.
    pub(super) below: PathBuf,
    /// The line that it is, where its file holds more: one of an export.
    pub(super) line: Option<usize>,
    pub(super) version: Option<u64>,
    pub(super) text: String,
}

/// One rule and what is done with it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) action: Action,
    /// What the lock says afterwards, if it changes.
    pub(super) lock: Option<LockEntry>,
}

/// What is done with a rule.
#[derive(Debug)]
pub(super) enum Action {
    /// It is new, and comes to the local rules.
    Add { below: PathBuf, text: String },
    /// Upstream has it no longer, and here it was not edited.
    Remove { file: PathBuf },
    /// The local file, or this line of it, gets this text.
    Write { file: PathBuf, line: Option<usize>, text: String, keys: Vec<KeyChange> },
    /// It changed upstream; there are no local rules.
    Changed { keys: Vec<KeyChange> },
    /// It stays as it is, since the sides disagree or something is in the way.
    Conflict { keys: Vec<Conflict>, why: String },
    /// It was removed here before, and stays away.
    LeftOut,
    /// Nothing is to be done.
    Nothing,
}

/// The plans of all rules that upstream has or had, in the order of their ids.
pub(super) fn plans(
    base: &Rules,
    theirs: &Rules,
    local: Option<&Rules>,
    lock: &Lock,
    schema: &dyn Schema,
) -> Vec<Plan> {
    let ids: BTreeSet<&String> = base.keys().chain(theirs.keys()).collect();
    let plan = |id: &String| {
        let (old, new) = (base.get(id), theirs.get(id));
        let own = local.and_then(|local| local.get(id));
        let name = own.or(new).or(old).map_or_else(String::new, |rule| rule.name.clone());
        let mut action = match local {
            None => between_releases(old, new),
            Some(_) => for_local(id, (old, new, own), lock.get(id), schema),
        };
        if let (Action::Add { below, .. }, Some(local)) = (&action, local)
            && let Some(other) = local.values().find(|other| other.below == *below)
        {
            let why = format!("its file `{}` would stand in place of `{}`", below.display(), other.name);
            action = Action::Conflict { keys: Vec::new(), why };
        }
        let done = !matches!(
            action,
            Action::Conflict { .. } | Action::Changed { .. } | Action::LeftOut | Action::Remove { .. }
        );
        let entry = new.filter(|_| done && local.is_some()).map(|new| LockEntry::of(&new.text, new.version));
        let lock = entry.filter(|entry| lock.get(id) != Some(entry));
        Plan { id: id.clone(), name, action, lock }
    };
    ids.into_iter().map(plan).collect()
}

fn between_releases(old: Option<&RuleText>, new: Option<&RuleText>) -> Action {
    match (old, new) {
        (Some(old), Some(new)) => match (read(old), read(new)) {
            (Ok(old), Ok(new)) => {
                let keys = changes(&old.values, &new.values);
                if keys.is_empty() { Action::Nothing } else { Action::Changed { keys } }
            }
            _ if old.text == new.text => Action::Nothing,
            _ => Action::Changed { keys: Vec::new() },
        },
        (None, Some(new)) => Action::Add { below: new.below.clone(), text: new.text.clone() },
        (Some(old), None) => Action::Remove { file: old.file.clone() },
        (None, None) => Action::Nothing,
    }
}

fn for_local(
    id: &str,
    (old, new, own): (Option<&RuleText>, Option<&RuleText>, Option<&RuleText>),
    locked: Option<&LockEntry>,
    schema: &dyn Schema,
) -> Action {
    let conflict = |why: String| Action::Conflict { keys: Vec::new(), why };
    match (old, new, own) {
        (None, Some(new), None) if new.line.is_some() => match file_name(id) {
            // Local exports are not made longer: their last line counts what they hold.
            Some(name) => Action::Add {
                below: new.below.with_file_name(name),
                text: format!("{}\n", new.text.trim_end()),
            },
            None => conflict("its id is no name for a file".to_owned()),
        },
        (None, Some(new), None) => Action::Add { below: new.below.clone(), text: new.text.clone() },
        (Some(_), _, None) => Action::LeftOut,
        (Some(old), None, Some(own)) => match (read(old), read(own)) {
            (Ok(old), Ok(edited)) if changes(&old.values, &edited.values).is_empty() => match own.line {
                None => Action::Remove { file: own.file.clone() },
                Some(line) => {
                    conflict(format!("upstream has removed it, and here it is line {line} of an export"))
                }
            },
            _ => conflict("upstream has removed it, and it was edited here".to_owned()),
        },
        (old, Some(new), Some(own)) => {
            let is_base = |rule: &RuleText| locked.is_none_or(|locked| locked.is_of(&rule.text));
            if !is_base(new) && !old.is_some_and(is_base) {
                return conflict("by the lock it comes from another release than FROM".to_owned());
            }
            merge_texts(old, new, own, schema)
        }
        (None, None, _) => Action::Nothing,
    }
}

fn merge_texts(old: Option<&RuleText>, new: &RuleText, own: &RuleText, schema: &dyn Schema) -> Action {
    let is_text = |rule: Option<&RuleText>, text: &str| rule.is_some_and(|rule| rule.text == text);
    if new.text == own.text || is_text(old, &new.text) {
        return Action::Nothing;
    }
    if is_text(old, &own.text) {
        // Nothing was edited here, whatever the format is.
        let keys = match between_releases(old, Some(new)) {
            Action::Changed { keys } => keys,
            _ => Vec::new(),
        };
        return write(own, new.text.clone(), keys);
    }
    let conflict = |why: String| Action::Conflict { keys: Vec::new(), why };
    let (old, theirs, ours) = match (old.map(read).transpose(), read(new), read(own)) {
        (Ok(old), Ok(new), Ok(own)) => (old, new, own),
        (Err(why), _, _) | (_, Err(why), _) | (_, _, Err(why)) => return conflict(why),
    };
    if theirs.is_json() != ours.is_json() || old.as_ref().is_some_and(|old| old.is_json() != ours.is_json()) {
        return conflict("one side is TOML, the other JSON: their keys are not the same".to_owned());
    }
    let base = old.map_or_else(Values::new, |old| old.values);
    let Merge { keys, conflicts, text, problem } = merge(&base, &ours, &theirs);
    if !conflicts.is_empty() {
        let why = "both sides changed the same keys".to_owned();
        return Action::Conflict { keys: conflicts, why };
    }
    let Some(text) = text else { return conflict(problem.unwrap_or_default()) };
    if !keys.iter().any(|key| key.outcome != Outcome::Kept) {
        return Action::Nothing;
    }
    if is_usable(&text, schema) || !is_usable(&own.text, schema) {
        write(own, text, keys)
    } else {
        conflict("what comes of both sides together is no rule that can be used".to_owned())
    }
}

fn write(own: &RuleText, text: String, keys: Vec<KeyChange>) -> Action {
    let text = if own.line.is_some() { text.trim_end().to_owned() } else { text };
    if own.line.is_some() && text.contains('\n') {
        let why = "it is one line of an export, and the other side is written in several".to_owned();
        return Action::Conflict { keys: Vec::new(), why };
    }
    Action::Write { file: own.file.clone(), line: own.line, text, keys }
}

/// The name of a file of its own for a rule of an export.
fn file_name(id: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (!id.is_empty() && id.chars().all(is_plain)).then(|| format!("{id}.json"))
}

/// Whether the text is a rule whose query can be read.
fn is_usable(text: &str, schema: &dyn Schema) -> bool {
    // The same at each run: what `now` stands for makes no query right or wrong.
    let options = CompileOptions { now: Some(Timestamp::from_millis(0)) };
    let files = load_text("", text.to_owned());
    let rule = files.first().and_then(|file| file.content.as_ref());
    rule.is_some_and(|content| compile_rule(&content.rule, schema, &options).program.is_some())
}

fn read(rule: &RuleText) -> Result<Document, String> {
    Document::read(&rule.text).map_err(|error| {
        format!("`{}` cannot be read, so its keys cannot be merged: {error}", rule.file.display())
    })
}
