//! The merge of one rule, key by key.
//!
//! | base → theirs | base → ours | result |
//! |---|---|---|
//! | same | same | as it is |
//! | changed | same | theirs |
//! | same | changed | ours |
//! | changed | changed alike | ours |
//! | changed | changed otherwise | lists: by element; dates and versions: the later; else a conflict |

use std::collections::BTreeSet;

use toml::Value;

use super::document::{Change, Document, Path, Values};
use super::json::is_of_server;

/// Lists that are sets: their elements are merged one by one. In TOML, keys of the rule stand below `rule`.
const SETS: [&str; 6] = ["metadata.integration", "author", "false_positives", "index", "references", "tags"];
/// Values of which the later, or higher, one holds.
const LATER: [&str; 2] = ["metadata.updated_date", "version"];

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Upstream changed it, and the change was taken over.
    Taken,
    /// It was edited here, and stays so.
    Kept,
    /// Both changed it, and both changes are in it.
    Merged,
}

/// A key with what became of it.
#[derive(Clone, Debug)]
pub(super) struct KeyChange {
    pub(super) path: Path,
    pub(super) outcome: Outcome,
    pub(super) base: Option<Value>,
    pub(super) result: Option<Value>,
}

/// A key that both sides changed, each in its own way.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    pub(super) path: Path,
    pub(super) base: Option<Value>,
    pub(super) ours: Option<Value>,
    pub(super) theirs: Option<Value>,
}

/// What a merge comes to.
#[derive(Debug, Default)]
pub(super) struct Merge {
    pub(super) keys: Vec<KeyChange>,
    pub(super) conflicts: Vec<Conflict>,
    /// The merged text; only without conflicts.
    pub(super) text: Option<String>,
    /// Why there is no text though there is no conflict.
    pub(super) problem: Option<String>,
}

/// Merges. Without a base, all that the two sides have differently is a conflict.
pub(super) fn merge(base: &Values, ours: &Document, theirs: &Document) -> Merge {
    let mut merge = Merge::default();
    let mut changes = Vec::new();
    let mut expected = ours.values.clone();
    let paths: BTreeSet<&Path> = base.keys().chain(ours.values.keys()).chain(theirs.values.keys()).collect();
    for path in paths {
        let (old, own, new) = (base.get(path), ours.values.get(path), theirs.values.get(path));
        let mut note = |outcome, result: Option<&Value>| {
            merge.keys.push(KeyChange {
                path: path.clone(),
                outcome,
                base: old.cloned(),
                result: result.cloned(),
            });
        };
        if own == new || (ours.is_json() && is_of_server(path)) {
            continue;
        }
        if own == old {
            note(Outcome::Taken, new);
            match new {
                Some(value) => {
                    changes.push((path.clone(), Change::TakeFrom(theirs)));
                    expected.insert(path.clone(), value.clone());
                }
                None => {
                    changes.push((path.clone(), Change::Remove));
                    expected.remove(path);
                }
            }
        } else if new == old {
            note(Outcome::Kept, own);
        } else {
            match both(path, old, own, new) {
                Some(value) => {
                    note(Outcome::Merged, Some(&value));
                    if own != Some(&value) {
                        changes.push((path.clone(), Change::Set(value.clone())));
                        expected.insert(path.clone(), value);
                    }
                }
                None => merge.conflicts.push(Conflict {
                    path: path.clone(),
                    base: old.cloned(),
                    ours: own.cloned(),
                    theirs: new.cloned(),
                }),
            }
        }
    }
    if merge.conflicts.is_empty() {
        match ours.with(&changes, &expected) {
            Ok(text) => merge.text = Some(text),
            Err(problem) => merge.problem = Some(problem),
        }
    }
    merge
}

/// The keys that differ between two releases.
pub(super) fn changes(base: &Values, theirs: &Values) -> Vec<KeyChange> {
    let paths: BTreeSet<&Path> = base.keys().chain(theirs.keys()).collect();
    let differing =
        paths.into_iter().filter(|path| base.get(*path) != theirs.get(*path) && !is_of_server(path));
    differing
        .map(|path| KeyChange {
            path: path.clone(),
            outcome: Outcome::Taken,
            base: base.get(path).cloned(),
            result: theirs.get(path).cloned(),
        })
        .collect()
}

/// The value that holds both changes, if the key is one of which that can be said.
fn both(
    path: &[String],
    base: Option<&Value>,
    ours: Option<&Value>,
    theirs: Option<&Value>,
) -> Option<Value> {
    let (ours, theirs) = (ours?, theirs?);
    let name = path.join(".");
    let key = name.strip_prefix("rule.").unwrap_or(&name);
    if LATER.contains(&key) {
        return match (ours, theirs) {
            // Dates are written from the year to the day.
            (Value::String(a), Value::String(b)) => Some(Value::String(a.max(b).clone())),
            (Value::Integer(a), Value::Integer(b)) => Some(Value::Integer(*a.max(b))),
            _ => None,
        };
    }
    if !SETS.contains(&key) {
        return None;
    }
    let nothing = Vec::new();
    let base = match base {
        None => &nothing,
        Some(base) => base.as_array()?,
    };
    let (ours, theirs) = (ours.as_array()?, theirs.as_array()?);
    let stays = |value: &&Value| !base.contains(value) || theirs.contains(value);
    let added = theirs.iter().filter(|value| !base.contains(value) && !ours.contains(value));
    Some(Value::Array(ours.iter().filter(stays).chain(added).cloned().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "[metadata]\nupdated_date = \"2026/01/01\"\n[rule]\nname = \"a\"\nrisk_score = 21\ntags = [\"x\", \"y\"]\nquery = '''\nq\n'''\n";

    fn merged(ours: &str, theirs: &str) -> Merge {
        let read = |text: &str| Document::read(text).expect("TOML");
        merge(&read(BASE).values, &read(ours), &read(theirs))
    }

    fn outcomes(merge: &Merge) -> Vec<(String, Outcome)> {
        merge.keys.iter().map(|change| (change.path.join("."), change.outcome)).collect()
    }

    #[test]
    fn own_edits_and_comments_stay_and_the_rest_is_taken() {
        let ours = BASE
            .replace("risk_score = 21", "# ours\nrisk_score = 47 # raised")
            .replace("\"a\"", "\"a\" # name");
        let theirs = BASE.replace("q\n", "q and r\n").replace("name = \"a\"", "name = \"b\"\nnote = \"n\"");
        let merge = merged(&ours, &theirs);
        assert_eq!(
            outcomes(&merge),
            [
                ("rule.name".to_owned(), Outcome::Taken),
                ("rule.note".to_owned(), Outcome::Taken),
                ("rule.query".to_owned(), Outcome::Taken),
                ("rule.risk_score".to_owned(), Outcome::Kept),
            ]
        );
        let expected = "[metadata]\nupdated_date = \"2026/01/01\"\n[rule]\nname = \"b\" # name\n# ours\nrisk_score = 47 # raised\ntags = [\"x\", \"y\"]\nquery = '''\nq and r\n'''\nnote = \"n\"\n";
        assert_eq!(merge.text.as_deref(), Some(expected));
    }

    #[test]
    fn what_both_changed_is_a_conflict_and_nothing_is_written() {
        let merge = merged(&BASE.replace("21", "47"), &BASE.replace("21", "73").replace("\"a\"", "\"b\""));
        assert_eq!(merge.conflicts.len(), 1);
        assert_eq!(merge.conflicts[0].path, ["rule", "risk_score"]);
        assert_eq!(merge.text, None);
        // Alike is no conflict.
        let merge = merged(&BASE.replace("21", "47"), &BASE.replace("21", "47"));
        assert_eq!((merge.keys.len(), merge.conflicts.len()), (0, 0));
    }

    #[test]
    fn lists_are_merged_by_element_and_dates_by_the_later() {
        let ours = BASE.replace("\"y\"]", "\"y\", \"own\"]").replace("2026/01/01", "2026/03/01");
        let theirs = BASE.replace("\"x\", \"y\"", "\"y\", \"new\"").replace("2026/01/01", "2026/02/01");
        let merge = merged(&ours, &theirs);
        let text = merge.text.expect("no conflict");
        let values = Document::read(&text).expect("TOML").values;
        let of = |path: [&str; 2]| values[&path.map(str::to_owned).to_vec()].to_string();
        assert_eq!(of(["rule", "tags"]), "[\"y\", \"own\", \"new\"]");
        assert_eq!(of(["metadata", "updated_date"]), "\"2026/03/01\"");
    }

    #[test]
    fn rules_in_json_are_merged_by_key_as_well() {
        const BASE: &str = r#"{"id":"1","name":"a","risk_score":21,"tags":["x","y"],"filters":[{"meta":{"alias":null}}],"query":"q"}"#;
        let merged = |ours: &str, theirs: &str| {
            let read = |text: &str| Document::read(text).expect("JSON");
            merge(&read(BASE).values, &read(ours), &read(theirs))
        };
        let theirs = BASE
            .replace("\"q\"", "\"q and r\"")
            .replace("\"y\"]", "\"y\",\"new\"]")
            .replace("\"1\"", "\"2\"");
        let ours = BASE.replace("21", "47").replace("[\"x\",", "[\"own\",").replace("\"1\"", "\"3\"");
        let merge = merged(&ours, &theirs);
        let expected = r#"{"id":"3","name":"a","risk_score":47,"tags":["own","y","new"],"filters":[{"meta":{"alias":null}}],"query":"q and r"}"#;
        assert_eq!(merge.text.as_deref(), Some(expected));
        let pretty = "{\n    \"name\": \"a\",\n    \"risk_score\": 21\n}\n";
        let read = |text: &str| Document::read(text).expect("JSON");
        let merge = super::merge(
            &read(pretty).values,
            &read(&pretty.replace('a', "b")),
            &read(&pretty.replace("21", "22")),
        );
        assert_eq!(merge.text.as_deref(), Some(&*pretty.replace('a', "b").replace("21", "22")));
        let merge = merged(&BASE.replace("21", "47"), &BASE.replace("21", "73"));
        assert_eq!((merge.conflicts.len(), merge.text), (1, None));
    }

    #[test]
    fn tables_come_and_go() {
        let more = format!(
            "{BASE}\n[[rule.threat]]\nframework = \"F\"\n[rule.threat.tactic]\nid = \"1\"\n\n[[rule.threat]]\nframework = \"G\"\n[rule.threat.tactic]\nid = \"2\"\n\n[transform]\n[[transform.osquery]]\nlabel = \"l\"\n"
        );
        let merge = merged(&format!("{BASE}\n[own]\nkey = 1\n"), &more);
        let text = merge.text.expect("no conflict");
        let values = Document::read(&text).expect("TOML").values;
        assert_eq!(values[&vec!["rule".to_owned(), "threat".to_owned()]].as_array().map(Vec::len), Some(2));
        assert!(values.contains_key(&vec!["own".to_owned(), "key".to_owned()]));
        // And the way back: what upstream removes goes.
        let read = |text: &str| Document::read(text).expect("TOML");
        let back = super::merge(&read(&more).values, &read(&text), &read(BASE));
        assert_eq!(read(&back.text.expect("no conflict")).values.len(), read(BASE).values.len() + 1);
    }
}
