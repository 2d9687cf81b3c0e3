//! `filter_path`: the parts of an answer that a client wants.
//!
//! A filter is a path of names with dots between. `*` stands for any letters of a name, `**` for any number of names; a
//! `-` in front leaves out what it names. Elements of an array are looked at one by one.

use serde_json::{Map, Value};

/// The filters of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilterPath {
    wanted: Vec<Vec<String>>,
    unwanted: Vec<Vec<String>>,
}

/// Most names in a filter, and most filters.
const MOST: usize = 64;

impl FilterPath {
    /// By the value of the parameter.
    pub(crate) fn new(text: &str) -> Self {
        let mut filters = Self::default();
        for filter in text.split(',').map(str::trim).filter(|filter| !filter.is_empty()).take(MOST) {
            let (list, filter) = match filter.strip_prefix('-') {
                Some(filter) => (&mut filters.unwanted, filter),
                None => (&mut filters.wanted, filter),
            };
            list.push(filter.split('.').take(MOST).map(str::to_owned).collect());
        }
        filters
    }

    /// Whether anything may be wanted of a member of an answer.
    pub(crate) fn may_want(&self, name: &str) -> bool {
        let wanted: Vec<&[String]> = self.wanted.iter().map(Vec::as_slice).collect();
        let (named, below) = after(&wanted, name);
        wanted.is_empty() || named || !below.is_empty()
    }

    /// What is wanted of an answer.
    pub(crate) fn apply(&self, answer: Value) -> Value {
        let wanted: Vec<&[String]> = self.wanted.iter().map(Vec::as_slice).collect();
        let unwanted: Vec<&[String]> = self.unwanted.iter().map(Vec::as_slice).collect();
        let wanted = (!wanted.is_empty()).then_some(wanted);
        part(answer, wanted.as_deref(), &unwanted).unwrap_or_else(|| Value::Object(Map::new()))
    }
}

/// What is left of a value; nothing if nothing of it is wanted. `wanted` is `None` where all of it is.
fn part(value: Value, wanted: Option<&[&[String]]>, unwanted: &[&[String]]) -> Option<Value> {
    match value {
        Value::Array(values) => {
            let was_empty = values.is_empty();
            let left: Vec<Value> =
                values.into_iter().filter_map(|value| part(value, wanted, unwanted)).collect();
            (!left.is_empty() || (was_empty && wanted.is_none())).then_some(Value::Array(left))
        }
        Value::Object(members) => {
            let was_empty = members.is_empty();
            let left: Map<String, Value> = members
                .into_iter()
                .filter_map(|(name, value)| {
                    let (named, below) = after(unwanted, &name);
                    if named {
                        return None;
                    }
                    let left = match wanted {
                        None => part(value, None, &below),
                        Some(wanted) => match after(wanted, &name) {
                            (true, _) => part(value, None, &below),
                            (false, wanted) if wanted.is_empty() => None,
                            (false, wanted) => part(value, Some(&wanted), &below),
                        },
                    };
                    left.map(|value| (name, value))
                })
                .collect();
            (!left.is_empty() || (was_empty && wanted.is_none())).then_some(Value::Object(left))
        }
        // A path goes on below it, where nothing is.
        scalar => wanted.is_none().then_some(scalar),
    }
}

/// Whether a member of this name is named by any of the filters; and the filters that go on below it.
fn after<'f>(filters: &[&'f [String]], name: &str) -> (bool, Vec<&'f [String]>) {
    let mut named = false;
    let mut below = Vec::new();
    for filter in filters {
        let Some((first, rest)) = filter.split_first() else { continue };
        if first == "**" {
            // It may end above this member, or go on below it.
            below.push(*filter);
            let (rest_named, rest_below) = after(&[rest], name);
            named |= rest.is_empty() || rest_named;
            below.extend(rest_below);
        } else if fits(first, name) {
            named |= rest.is_empty();
            if !rest.is_empty() {
                below.push(rest);
            }
        }
    }
    (named, below)
}

/// Whether a name fits a pattern in which `*` stands for any letters.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut rest = rest;
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = &rest[at + before.len()..];
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => rest.ends_with(last),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_left() {
        let answer = json!({
            "took": 1, "errors": true,
            "items": [{ "create": { "status": 201, "_id": "a" } }, { "create": { "status": 400, "error": { "type": "t" } } }],
        });
        let cases = [
            ("took", json!({ "took": 1 })),
            (
                "errors,items.*.error,items.*.status",
                json!({ "errors": true, "items": [{ "create": { "status": 201 } }, { "create": { "status": 400, "error": { "type": "t" } } }] }),
            ),
            ("**.type", json!({ "items": [{ "create": { "error": { "type": "t" } } }] })),
            ("-items,-took", json!({ "errors": true })),
            ("items.*.*r*", json!({ "items": [{ "create": { "error": { "type": "t" } } }] })),
            (
                "items.create.status,-**.error",
                json!({ "items": [{ "create": { "status": 201 } }, { "create": { "status": 400 } }] }),
            ),
            ("nothing", json!({})),
            ("took.below", json!({})),
        ];
        for (filter, expected) in cases {
            assert_eq!(FilterPath::new(filter).apply(answer.clone()), expected, "{filter}");
        }
        assert_eq!(FilterPath::new("").apply(answer.clone()), answer);
    }

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abd", false),
            ("*b*", "abc", true),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
