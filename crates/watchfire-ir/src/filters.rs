//! The `filters` arrays of rules become conditions (kql-semantics §11).
//!
//! ```text
//!  filters[i] ──meta (disabled, negate, combined, nested key)──► clause ──► Condition
//!                                                                  │
//!                                   bool · match · term · range · wildcard … (clause, leaves)
//! ```
//!
//! A clause or option that is not understood is an error that names it: a filter that were passed over would let the
//! rule find more, or less, than its author meant.

mod clause;
mod leaves;

use serde_json::{Map, Value};
use watchfire_diagnostics::Diagnostic;

use crate::kql::codes;
use crate::kql::question::{Asker, Place};
use crate::{Condition, KqlOptions, NestedLeaf, Schema};

/// Clauses nested more deeply than this are refused. Elasticsearch's own limit for `bool` is 30.
pub const MAX_FILTER_DEPTH: usize = 64;

/// The conditions of a `filters` array, all of which must hold beside the query's, and what is to be said about them.
///
/// With an error among the diagnostics the conditions must not be used. The diagnostics have no spans; a note of each
/// names its place, such as `filters[0].query.wildcard`.
pub fn lower_filters(
    filters: &Value,
    schema: &dyn Schema,
    options: &KqlOptions,
) -> (Vec<Condition>, Vec<Diagnostic>) {
    let mut lowering = Lowering { asker: Asker::new(schema, options.now, false), options };
    let conditions = match filters {
        Value::Null => Vec::new(),
        Value::Array(list) => lowering.list(list, "filters", 0),
        _ => {
            lowering.malformed("filters", "`filters` is not a list");
            Vec::new()
        }
    };
    (conditions, lowering.asker.finish())
}

/// The condition of one filter, as [`lower_filters`] gives it; `None` if the filter is switched off. `path` is its name in
/// notes, such as `filters[2]`.
pub fn lower_filter(
    filter: &Value,
    path: &str,
    schema: &dyn Schema,
    options: &KqlOptions,
) -> (Option<Condition>, Vec<Diagnostic>) {
    let mut lowering = Lowering { asker: Asker::new(schema, options.now, false), options };
    let condition = lowering.filter(filter, path, 0);
    (condition, lowering.asker.finish())
}

/// Turns filters and clauses into conditions. What fails is reported as an error and stands as `false`.
struct Lowering<'a> {
    asker: Asker<'a>,
    options: &'a KqlOptions,
}

impl Lowering<'_> {
    fn list(&mut self, list: &[Value], path: &str, depth: usize) -> Vec<Condition> {
        let each = list.iter().enumerate();
        each.filter_map(|(at, filter)| self.filter(filter, &format!("{path}[{at}]"), depth)).collect()
    }

    /// The condition of one filter; `None` if it is absent or switched off.
    fn filter(&mut self, filter: &Value, path: &str, depth: usize) -> Option<Condition> {
        if filter.is_null() {
            return None;
        }
        let Value::Object(filter) = filter else {
            return Some(self.malformed(path, "a filter is an object"));
        };
        let empty = Map::new();
        let meta = filter.get("meta").and_then(Value::as_object).unwrap_or(&empty);
        let is_set = |key: &str| meta.get(key).and_then(Value::as_bool) == Some(true);
        if is_set("disabled") {
            return None;
        }
        let condition = if meta.get("type").and_then(Value::as_str) == Some("combined") {
            self.combined(meta, path, depth)
        } else {
            self.simple(filter, meta, path, depth)
        };
        Some(if is_set("negate") { condition.negate() } else { condition })
    }

    fn combined(&mut self, meta: &Map<String, Value>, path: &str, depth: usize) -> Condition {
        let path = format!("{path}.meta.params");
        if depth >= MAX_FILTER_DEPTH {
            return self.too_deep(&path);
        }
        let Some(Value::Array(params)) = meta.get("params") else {
            return self.malformed(&path, "a combined filter has a list of filters");
        };
        let conditions = self.list(params, &path, depth + 1);
        match meta.get("relation").and_then(Value::as_str) {
            Some(relation) if relation.eq_ignore_ascii_case("and") => Condition::all(conditions),
            Some(relation) if relation.eq_ignore_ascii_case("or") => Condition::any(conditions),
            _ => self.malformed(&path, "the relation of a combined filter is `AND` or `OR`"),
        }
    }

    fn simple(
        &mut self,
        filter: &Map<String, Value>,
        meta: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Condition {
        let (clause, path) = match filter.get("query") {
            Some(query) if !query.is_null() => (query.clone(), format!("{path}.query")),
            _ => {
                let is_clause = |key: &String| !matches!(key.as_str(), "meta" | "$state" | "query");
                let rest = filter.iter().filter(|(key, _)| is_clause(key));
                let rest: Map<String, Value> =
                    rest.map(|(key, value)| (key.clone(), value.clone())).collect();
                (Value::Object(rest), path.to_owned())
            }
        };
        // A filter on a field of a nested list looks into the list, unless it says so itself.
        let key = meta.get("key").and_then(Value::as_str);
        match key.and_then(|key| self.asker.schema.nested_path(key)) {
            Some(list) if clause.get("nested").is_none() => {
                let inner = self.clause(&clause, &path, Some(&list), depth);
                Condition::leaf(NestedLeaf { path: list, condition: Box::new(inner) })
            }
            _ => self.clause(&clause, &path, None, depth),
        }
    }

    fn malformed(&mut self, path: &str, message: impl Into<String>) -> Condition {
        self.asker.report(Place::Path(path), Diagnostic::error(codes::MALFORMED_FILTER, message), "");
        Condition::constant(false)
    }

    fn unsupported(&mut self, path: &str, what: &str) -> Condition {
        let message = format!("{what} is not supported");
        self.asker.report(Place::Path(path), Diagnostic::error(codes::UNSUPPORTED_CLAUSE, message), "");
        Condition::constant(false)
    }

    fn too_deep(&mut self, path: &str) -> Condition {
        let message = format!("clauses are nested more deeply than {MAX_FILTER_DEPTH} levels");
        self.asker.report(Place::Path(path), Diagnostic::error(codes::TOO_DEEP, message), "");
        Condition::constant(false)
    }
}
