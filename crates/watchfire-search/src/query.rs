//! The query DSL: a clause becomes a [`Query`] over conditions that one rule set answers.
//!
//! ```text
//! clause ─┬─ asks nothing of `_id` or `_index` ──► condition, as the filters of rules (watchfire_ir::lower_filter)
//!         └─ does ─► bool, constant_score: taken apart
//!                    ids, term, terms … on `_id`, `_index`: Ids, Index
//! ```
//!
//! So a clause means in a search what it means in a rule; what `_id` and `_index` are is no field of a document, and so no
//! condition can ask for it.

use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use watchfire_diagnostics::Severity;
use watchfire_engine::{ReadFields, RuleSet, RuleSetBuilder};
use watchfire_events::{EventBatch, IndexPatterns, Timestamp};
use watchfire_ir::{Condition, KqlOptions, MAX_FILTER_DEPTH, Pattern, Schema, lower_filter};

use crate::body::{self, Object};
use crate::combined_time::CombinedTime;
use crate::rows::Rows;
use crate::source::Names;
use crate::{SearchError, time_zone};

/// The code of the diagnostic that a value does not fit the type of its field.
const CANNOT_MATCH: &str = "KQR101";
/// Most conditions that are asked one by one: clauses without `_id` and `_index` count as one altogether.
const MOST_CONDITIONS: usize = 1_024;
/// Most warnings of a search that are told.
const MOST_WARNINGS: usize = 20;

/// What an event is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Query {
    /// Everything, or nothing.
    Constant(bool),
    /// That a condition holds: by its number.
    Condition(usize),
    /// That its id is one of these.
    Ids(FxHashSet<String>),
    /// That its data stream fits one of these.
    Index(Vec<Pattern>),
    /// That this does not hold.
    Not(Box<Query>),
    /// That so many of these hold.
    AtLeast(usize, Vec<Query>),
}

impl Query {
    /// That all of these hold.
    pub(crate) fn all(parts: Vec<Query>) -> Self {
        let mut parts: Vec<Query> = parts.into_iter().filter(|part| *part != Self::Constant(true)).collect();
        match parts.len() {
            0 => Self::Constant(true),
            1 => parts.remove(0),
            number => Self::AtLeast(number, parts),
        }
    }
}

/// Reads the clauses of a request, and keeps the conditions that they come to.
pub(crate) struct QueryReader<'s> {
    pub(crate) schema: &'s dyn Schema,
    pub(crate) now: Timestamp,
    /// The runtime field that the request defines.
    pub(crate) combined: Option<CombinedTime>,
    conditions: Vec<Condition>,
    warnings: Vec<String>,
}

impl<'s> QueryReader<'s> {
    pub(crate) fn new(schema: &'s dyn Schema, now: Timestamp) -> Self {
        Self { schema, now, combined: None, conditions: Vec::new(), warnings: Vec::new() }
    }

    /// What names stand for.
    pub(crate) fn names(&self) -> Names<'_> {
        Names { schema: self.schema, combined: self.combined.as_ref(), now: self.now }
    }

    /// The query of a clause that stands at this place of the request.
    pub(crate) fn read(&mut self, clause: &Value, place: &str) -> Result<Query, SearchError> {
        let clause = time_zone::in_utc(clause)?;
        let clause = match &self.combined {
            Some(combined) => combined.resolve(&clause),
            None => clause,
        };
        if names_combined_time(&clause) {
            return Err(SearchError::unsupported(
                "a runtime field that the request does not define, or in another clause than `range`,",
            ));
        }
        self.clause(&clause, place, 0)
    }

    /// A query that asks for a condition.
    pub(crate) fn of_condition(&mut self, condition: Condition) -> Result<Query, SearchError> {
        if condition == Condition::constant(true) || condition == Condition::constant(false) {
            return Ok(Query::Constant(condition == Condition::constant(true)));
        }
        if let Some(known) = self.conditions.iter().position(|known| *known == condition) {
            return Ok(Query::Condition(known));
        }
        body::refuse_many(
            self.conditions.len() + 1,
            MOST_CONDITIONS,
            "clauses beside others on `_id` or `_index`, or filters",
        )?;
        self.conditions.push(condition);
        Ok(Query::Condition(self.conditions.len() - 1))
    }

    fn clause(&mut self, clause: &Value, place: &str, depth: usize) -> Result<Query, SearchError> {
        if depth > MAX_FILTER_DEPTH {
            return Err(SearchError::parsing(format!(
                "clauses are nested more than {MAX_FILTER_DEPTH} deep"
            )));
        }
        if !asks_of_metadata(clause) {
            return self.condition(clause, place);
        }
        let object = body::object(clause, place)?;
        let mut entries = object.iter();
        let (Some((name, content)), None) = (entries.next(), entries.next()) else {
            return Err(SearchError::parsing(format!("`{place}` has not one clause, but {}", object.len())));
        };
        let inner = format!("{place}.{name}");
        match name.as_str() {
            "bool" => self.bool(body::object(content, &inner)?, &inner, depth),
            "constant_score" => {
                let filter = body::object(content, &inner)?.get("filter");
                let filter =
                    filter.ok_or_else(|| SearchError::parsing(format!("`{inner}` has no `filter`")))?;
                self.clause(filter, &format!("{inner}.filter"), depth + 1)
            }
            "ids" => {
                let content = body::object(content, &inner)?;
                body::refuse_unknown(content, &["values", "boost", "_name"], &inner)?;
                let values = body::list(content.get("values").unwrap_or(&Value::Null));
                let id = |value: &Value| match value {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    _ => Err(SearchError::parsing(format!("`{inner}.values` holds no text: {value}"))),
                };
                Ok(Query::Ids(values.iter().map(id).collect::<Result<_, _>>()?))
            }
            "exists" => match content.get("field").and_then(Value::as_str) {
                Some("_id" | "_index") => Ok(Query::Constant(true)),
                _ => self.condition(clause, place),
            },
            "term" | "terms" | "match" | "match_phrase" | "prefix" | "wildcard" => {
                match metadata_field(body::object(content, &inner)?) {
                    Some((field, value)) => of_metadata(name, field, value, &inner),
                    None => self.condition(clause, place),
                }
            }
            _ => self.condition(clause, place),
        }
    }

    fn bool(&mut self, content: &Object, place: &str, depth: usize) -> Result<Query, SearchError> {
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
        body::refuse_unknown(content, &known, place)?;
        let mut parts = |key: &str| -> Result<Vec<Query>, SearchError> {
            let clauses = body::list(content.get(key).unwrap_or(&Value::Null));
            let each = clauses.iter().enumerate();
            each.map(|(at, clause)| self.clause(clause, &format!("{place}.{key}[{at}]"), depth + 1)).collect()
        };
        let mut all = parts("must")?;
        all.extend(parts("filter")?);
        let should = parts("should")?;
        let refused = parts("must_not")?;
        let default = i64::from(all.is_empty() && !should.is_empty());
        let minimum = match body::given(content, "minimum_should_match") {
            None => default,
            Some(value) => value
                .as_i64()
                .or_else(|| value.as_str()?.trim().parse().ok())
                .ok_or_else(|| SearchError::unsupported(format!("the `minimum_should_match` {value}")))?,
        };
        let minimum = if minimum < 0 { should.len() as i64 + minimum } else { minimum };
        if minimum > 0 {
            all.push(Query::AtLeast(minimum as usize, should));
        }
        all.extend(refused.into_iter().map(|query| Query::Not(Box::new(query))));
        Ok(Query::all(all))
    }

    /// A clause that asks for fields of the document alone.
    fn condition(&mut self, clause: &Value, place: &str) -> Result<Query, SearchError> {
        let options = KqlOptions { now: Some(self.now), default_fields: Vec::new() };
        let (condition, diagnostics) =
            lower_filter(&json!({ "query": clause }), place, self.schema, &options);
        for found in diagnostics {
            let text = found.notes.iter().fold(found.message.clone(), |text, note| format!("{text}, {note}"));
            if found.severity == Severity::Error {
                return Err(SearchError::parsing(text));
            }
            // A rule goes on without what cannot match; whoever searches learns of it, as with Elasticsearch.
            if found.code.as_str() == CANNOT_MATCH && !is_lenient(clause) {
                return Err(SearchError::illegal(format!("failed to create query: {text}")));
            }
            self.warn(text);
        }
        self.of_condition(condition.unwrap_or_else(|| Condition::constant(true)))
    }

    /// Keeps something to be told beside the results.
    pub(crate) fn warn(&mut self, warning: String) {
        if self.warnings.len() < MOST_WARNINGS && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// What is to be asked, and what is to be told.
    pub(crate) fn finish(self) -> (Conditions, Vec<String>) {
        let mut builder = RuleSetBuilder::new();
        let mut read = ReadFields::default();
        for condition in &self.conditions {
            read.add(&IndexPatterns::default(), condition);
            builder.add(IndexPatterns::default(), condition.clone());
        }
        (Conditions { set: builder.build(), list: self.conditions, read }, self.warnings)
    }
}

/// Whether anything in a clause may be about what is no field of a document.
fn asks_of_metadata(clause: &Value) -> bool {
    match clause {
        Value::Object(object) => object.iter().any(|(key, value)| {
            matches!(key.as_str(), "ids" | "_id" | "_index")
                || (key == "field" && matches!(value.as_str(), Some("_id" | "_index")))
                || asks_of_metadata(value)
        }),
        Value::Array(values) => values.iter().any(asks_of_metadata),
        _ => false,
    }
}

/// Whether anything in a clause is about the runtime field.
fn names_combined_time(clause: &Value) -> bool {
    match clause {
        Value::Object(object) => object.iter().any(|(key, value)| {
            CombinedTime::is_named(key)
                || (key == "field" && value.as_str().is_some_and(CombinedTime::is_named))
                || names_combined_time(value)
        }),
        Value::Array(values) => values.iter().any(names_combined_time),
        _ => false,
    }
}

/// Whether a clause, or one in it, says that values need not fit.
fn is_lenient(clause: &Value) -> bool {
    match clause {
        Value::Object(object) => object.iter().any(|(key, value)| {
            (key == "lenient"
                && matches!(value.as_str(), None | Some("true"))
                && *value != Value::Bool(false))
                || is_lenient(value)
        }),
        Value::Array(values) => values.iter().any(is_lenient),
        _ => false,
    }
}

fn metadata_field(content: &Object) -> Option<(&str, &Value)> {
    content
        .iter()
        .find(|(key, _)| matches!(key.as_str(), "_id" | "_index"))
        .map(|(key, value)| (&**key, value))
}

/// A clause on `_id` or `_index`.
fn of_metadata(clause: &str, field: &str, value: &Value, place: &str) -> Result<Query, SearchError> {
    let value = match value {
        Value::Object(options) => {
            body::refuse_unknown(options, &["value", "query", "wildcard", "boost", "_name"], place)?;
            let mut given = ["value", "query", "wildcard"].iter().filter_map(|key| options.get(*key));
            given.next().ok_or_else(|| SearchError::parsing(format!("`{place}.{field}` has no value")))?
        }
        value => value,
    };
    let mut texts = Vec::new();
    for value in body::list(value) {
        texts.push(match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(SearchError::parsing(format!("`{place}.{field}` is no text: {value}"))),
        });
    }
    let exact = matches!(clause, "term" | "terms" | "match" | "match_phrase");
    match field {
        "_id" if exact => Ok(Query::Ids(texts.into_iter().collect())),
        "_index" => {
            // Elasticsearch takes `*` in the name of an index for a wildcard in `term` too.
            let pattern = |text: String| match clause {
                "prefix" => Pattern::from_eql(&format!("{text}*")),
                _ => Pattern::from_eql(&text),
            };
            Ok(Query::Index(texts.into_iter().map(pattern).collect()))
        }
        _ => Err(SearchError::unsupported(format!("`{clause}` on `{field}`"))),
    }
}

/// The conditions of a request.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) set: RuleSet,
    pub(crate) list: Vec<Condition>,
    pub(crate) read: ReadFields,
}

/// Which rows of a batch satisfy each condition of a request.
pub(crate) struct Answers<'b> {
    batch: &'b EventBatch,
    by_condition: Vec<Rows>,
}

impl<'b> Answers<'b> {
    pub(crate) fn new(
        conditions: &Conditions,
        matcher: &mut watchfire_engine::Matcher<'_>,
        batch: &'b EventBatch,
        schema: &dyn Schema,
    ) -> Self {
        let mut by_condition = vec![Rows::none(batch.len()); conditions.list.len()];
        for hit in matcher.match_batch(batch, schema).hits {
            by_condition[hit.rule.0 as usize].insert(hit.row as usize);
        }
        Self { batch, by_condition }
    }

    /// The rows that satisfy a query.
    pub(crate) fn rows(&self, query: &Query) -> Rows {
        let length = self.batch.len();
        match query {
            Query::Constant(true) => Rows::all(length),
            Query::Constant(false) => Rows::none(length),
            Query::Condition(at) => self.by_condition[*at].clone(),
            Query::Ids(ids) => {
                let mut rows = Rows::none(length);
                let fitting = (0..length).filter(|row| ids.contains(self.batch.event(*row).id.as_str()));
                fitting.for_each(|row| rows.insert(row));
                rows
            }
            Query::Index(patterns) => {
                let mut rows = Rows::none(length);
                for (stream, of_stream) in self.batch.streams() {
                    if patterns.iter().any(|pattern| pattern.fits(stream.as_str())) {
                        of_stream.iter().for_each(|row| rows.insert(*row as usize));
                    }
                }
                rows
            }
            Query::Not(inner) => self.rows(inner).complement(),
            Query::AtLeast(number, parts) if *number == parts.len() => {
                parts.iter().fold(Rows::all(length), |rows, part| rows.and(&self.rows(part)))
            }
            Query::AtLeast(1, parts) => {
                parts.iter().fold(Rows::none(length), |rows, part| rows.or(&self.rows(part)))
            }
            Query::AtLeast(number, parts) => {
                let mut counts = vec![0_usize; length];
                for part in parts {
                    self.rows(part).iter().for_each(|row| counts[row] += 1);
                }
                let mut rows = Rows::none(length);
                counts
                    .iter()
                    .enumerate()
                    .filter(|(_, count)| *count >= number)
                    .for_each(|(row, _)| rows.insert(row));
                rows
            }
        }
    }
}
