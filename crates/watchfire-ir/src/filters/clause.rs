//! The clauses of Elasticsearch's query DSL that stand above others, and the choice among all of them.

use serde_json::{Map, Value};
use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_kql::lucene;

use super::{Lowering, MAX_FILTER_DEPTH};
use crate::kql::question::Place;
use crate::kql::{merge_any, names};
use crate::{Condition, NestedLeaf};

/// Beyond this many ways to choose `minimum_should_match` clauses, a `bool` is refused.
pub(super) const MAX_CHOICES: usize = 256;

impl Lowering<'_> {
    /// The condition of a clause: an object with the clause's name as its one key. `scope` is the list of objects that
    /// is being looked into.
    pub(super) fn clause(
        &mut self,
        clause: &Value,
        path: &str,
        scope: Option<&str>,
        depth: usize,
    ) -> Condition {
        if depth >= MAX_FILTER_DEPTH {
            return self.too_deep(path);
        }
        let Value::Object(object) = clause else {
            return self.malformed(path, "a clause is an object");
        };
        let mut entries = object.iter();
        let (Some((name, body)), None) = (entries.next(), entries.next()) else {
            let names: Vec<&str> = object.keys().map(String::as_str).collect();
            return self.malformed(
                path,
                format!("a clause has one name, not {}: {}", names.len(), names.join(", ")),
            );
        };
        let path = format!("{path}.{name}");
        match (name.as_str(), body) {
            ("match_all", _) => Condition::constant(true),
            ("match_none", _) => Condition::constant(false),
            ("bool", Value::Object(body)) => self.bool_clause(body, &path, scope, depth),
            ("constant_score", Value::Object(body)) => match body.get("filter") {
                Some(inner) => self.clause(inner, &format!("{path}.filter"), scope, depth + 1),
                None => self.malformed(&path, "`constant_score` has no `filter`"),
            },
            ("dis_max", Value::Object(body)) => {
                let operands = self.operands(body, "queries", &path, scope, depth);
                merge_any(operands)
            }
            ("nested", Value::Object(body)) => self.nested_clause(body, &path, depth),
            ("exists", Value::Object(body)) => self.exists_clause(body, &path, scope),
            ("match", Value::Object(body)) => self.match_clause(body, &path, scope),
            ("match_phrase", Value::Object(body)) => self.match_phrase_clause(body, &path, scope),
            ("multi_match", Value::Object(body)) => self.multi_match_clause(body, &path, scope),
            ("term", Value::Object(body)) => self.term_clause(body, &path, scope),
            ("terms", Value::Object(body)) => self.terms_clause(body, &path, scope),
            ("prefix", Value::Object(body)) => self.prefix_clause(body, &path, scope),
            ("wildcard", Value::Object(body)) => self.wildcard_clause(body, &path, scope),
            ("regexp", Value::Object(body)) => self.regexp_clause(body, &path, scope),
            ("range", Value::Object(body)) => self.range_clause(body, &path, scope),
            ("query_string", Value::Object(body)) => self.query_string_clause(body, &path),
            (
                "bool" | "constant_score" | "dis_max" | "nested" | "exists" | "match" | "match_phrase"
                | "multi_match" | "term" | "terms" | "prefix" | "wildcard" | "regexp" | "range"
                | "query_string",
                _,
            ) => self.malformed(&path, format!("`{name}` is not an object")),
            _ => self.unsupported(&path, &format!("the clause `{name}`")),
        }
    }

    /// The conditions under a key of `bool`: one clause, or a list of them.
    fn operands(
        &mut self,
        body: &Map<String, Value>,
        key: &str,
        path: &str,
        scope: Option<&str>,
        depth: usize,
    ) -> Vec<Condition> {
        let path = format!("{path}.{key}");
        match body.get(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => {
                let each = list.iter().enumerate();
                each.map(|(at, clause)| self.clause(clause, &format!("{path}[{at}]"), scope, depth + 1))
                    .collect()
            }
            Some(clause) => vec![self.clause(clause, &path, scope, depth + 1)],
        }
    }

    fn bool_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
        depth: usize,
    ) -> Condition {
        let known = [
            "must",
            "filter",
            "should",
            "must_not",
            "minimum_should_match",
            "boost",
            "_name",
            "adjust_pure_negative",
        ];
        if let Some(key) = body.keys().find(|key| !known.contains(&key.as_str())) {
            return self.unsupported(path, &format!("the option `{key}` of `bool`"));
        }
        let mut all = self.operands(body, "must", path, scope, depth);
        all.extend(self.operands(body, "filter", path, scope, depth));
        let should = self.operands(body, "should", path, scope, depth);
        let default = usize::from(all.is_empty() && !should.is_empty());
        let minimum = match body.get("minimum_should_match") {
            None | Some(Value::Null) => Some(default),
            Some(value) => minimum_of(value, should.len()),
        };
        let refused = self.operands(body, "must_not", path, scope, depth);
        match minimum.and_then(|minimum| at_least(minimum, &should)) {
            Some(condition) => all.push(condition),
            None => return self.unsupported(path, "this `minimum_should_match`"),
        }
        all.push(merge_any(refused).negate());
        Condition::all(all)
    }

    fn nested_clause(&mut self, body: &Map<String, Value>, path: &str, depth: usize) -> Condition {
        let (Some(list), Some(query)) = (body.get("path").and_then(Value::as_str), body.get("query")) else {
            return self.malformed(path, "`nested` has a `path` and a `query`");
        };
        if !names::may_be_list(self.asker.schema, list) {
            if body.get("ignore_unmapped").and_then(Value::as_bool) == Some(true) {
                return Condition::constant(false);
            }
            let message = format!("`{list}` is not mapped as a nested list");
            self.asker.report(
                Place::Path(path),
                Diagnostic::error(crate::kql::codes::NOT_A_LIST, message),
                "",
            );
            return Condition::constant(false);
        }
        let inner = self.clause(query, &format!("{path}.query"), Some(list), depth + 1);
        Condition::leaf(NestedLeaf { path: list.into(), condition: Box::new(inner) })
    }

    fn query_string_clause(&mut self, body: &Map<String, Value>, path: &str) -> Condition {
        let known = [
            "query",
            "default_field",
            "fields",
            "analyze_wildcard",
            "boost",
            "_name",
            "allow_leading_wildcard",
            "lenient",
            "time_zone",
            "default_operator",
        ];
        if let Some(key) = body.keys().find(|key| !known.contains(&key.as_str())) {
            return self.unsupported(path, &format!("the option `{key}` of `query_string`"));
        }
        let operator = body.get("default_operator").and_then(Value::as_str).unwrap_or("or");
        let zone = body.get("time_zone").and_then(Value::as_str).unwrap_or("UTC");
        if !operator.eq_ignore_ascii_case("or") || !is_utc(zone) {
            return self.unsupported(path, "this `default_operator` or `time_zone`");
        }
        let Some(text) = body.get("query").and_then(Value::as_str) else {
            return self.malformed(path, "`query_string` has no `query`");
        };
        let mut fields: Vec<String> = self.options.default_fields.clone();
        if let Some(field) = body.get("default_field").and_then(Value::as_str) {
            fields = vec![field.to_owned()];
        }
        if let Some(Value::Array(list)) = body.get("fields") {
            fields =
                list.iter().filter_map(Value::as_str).map(|name| without_boost(name).to_owned()).collect();
        }
        if fields.iter().any(|field| field == "*") {
            fields.clear();
        }
        if fields.iter().any(|field| field.contains('*')) {
            return self.unsupported(path, "a pattern among the fields of `query_string`");
        }
        let parsed = lucene::parse(text);
        let said = self.asker.said();
        let broken = parsed.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
        self.asker.extend(parsed.diagnostics);
        let condition = match parsed.query {
            Some(query) if !broken => crate::kql::lucene::lower_into(&query, &fields, &mut self.asker),
            _ => Condition::constant(false),
        };
        // The spans are of the inner text, which nobody outside has.
        self.asker.place_recent(said, text, path);
        condition
    }
}

/// `minimum_should_match` as a number; negative ones count from the end.
fn minimum_of(value: &Value, count: usize) -> Option<usize> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let minimum = if number < 0 { i64::try_from(count).ok()? + number } else { number };
    usize::try_from(minimum.max(0)).ok()
}

/// At least so many of the conditions hold; `None` if there are too many ways.
fn at_least(minimum: usize, conditions: &[Condition]) -> Option<Condition> {
    match minimum {
        0 => Some(Condition::constant(true)),
        1 => Some(merge_any(conditions.to_vec())),
        _ if minimum > conditions.len() => Some(Condition::constant(false)),
        _ if minimum == conditions.len() => Some(Condition::all(conditions.to_vec())),
        _ => {
            let mut choices = vec![(0, Vec::new())];
            for _ in 0..minimum {
                let longer = choices.into_iter().flat_map(|(from, chosen): (usize, Vec<usize>)| {
                    (from..conditions.len()).map(move |at| (at + 1, [chosen.as_slice(), &[at]].concat()))
                });
                choices = longer.take(MAX_CHOICES + 1).collect();
                if choices.len() > MAX_CHOICES {
                    return None;
                }
            }
            Some(Condition::any(
                choices
                    .into_iter()
                    .map(|(_, chosen)| Condition::all(chosen.into_iter().map(|at| conditions[at].clone()))),
            ))
        }
    }
}

/// A field name as `multi_match` and `query_string` take it, without its `^weight`.
pub(super) fn without_boost(name: &str) -> &str {
    name.split_once('^').map_or(name, |(name, _)| name)
}

/// Whether a time zone is none.
pub(super) fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "Z" | "+00:00" | "GMT" | "Etc/UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldLeaf, FieldRef, Predicate};
    use watchfire_events::FieldType;

    fn exists(name: &str) -> Condition {
        Condition::leaf(FieldLeaf::new(
            FieldRef { name: name.into(), field_type: FieldType::Keyword },
            Predicate::Exists,
        ))
    }

    #[test]
    fn chooses_at_least_so_many() {
        let [a, b, c] = ["a", "b", "c"].map(exists);
        let list = [a.clone(), b.clone(), c.clone()];
        let pair = |x: &Condition, y: &Condition| Condition::all([x.clone(), y.clone()]);
        assert_eq!(at_least(2, &list), Some(Condition::any([pair(&a, &b), pair(&a, &c), pair(&b, &c)])));
        assert_eq!(at_least(4, &list), Some(Condition::constant(false)));
        let many: Vec<Condition> = (0..40).map(|at| exists(&format!("f{at}"))).collect();
        assert_eq!(at_least(20, &many), None, "too many ways");
        assert_eq!(minimum_of(&Value::from(-1), 3), Some(2));
        assert_eq!(minimum_of(&Value::from("2"), 3), Some(2));
        assert_eq!(minimum_of(&Value::from("75%"), 3), None);
    }
}
