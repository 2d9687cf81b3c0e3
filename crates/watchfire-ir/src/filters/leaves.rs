//! The clauses of Elasticsearch's query DSL that ask something of a field.

use serde_json::{Map, Value};

use super::Lowering;
use super::clause::{is_utc, without_boost};
use crate::field_query::{Limit, PatternOnText, Words};
use crate::kql::merge_any;
use crate::kql::question::{Place, Question, Target};
use crate::{Condition, Fold, Pattern, PatternPart};

/// Options that change scores, names or costs, and never what matches.
const WITHOUT_EFFECT: [&str; 11] = [
    "boost",
    "_name",
    "rewrite",
    "lenient",
    "max_determinized_states",
    "max_expansions",
    "prefix_length",
    "tie_breaker",
    "auto_generate_synonyms_phrase_query",
    "fuzzy_transpositions",
    "relation",
];

/// Date formats that are read as [`crate::date_math`] reads dates.
const DATE_FORMATS: [&str; 10] = [
    "strict_date_optional_time",
    "strict_date_optional_time_nanos",
    "date_optional_time",
    "epoch_millis",
    "strict_date",
    "date",
    "strict_date_time",
    "date_time",
    "strict_date_time_no_millis",
    "date_time_no_millis",
];

/// The body of a clause on one field: `{"field": value}` or `{"field": {"value": …, option: …}}`.
struct FieldBody<'a> {
    field: &'a str,
    value: &'a Value,
    options: Map<String, Value>,
}

impl FieldBody<'_> {
    fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option).and_then(Value::as_str)
    }

    fn fold(&self) -> Fold {
        let caseless = self.options.get("case_insensitive").and_then(Value::as_bool) == Some(true);
        if caseless { Fold::Ascii } else { Fold::None }
    }
}

impl Lowering<'_> {
    /// Takes the body of a clause on one field apart. `keys` are the names that its value may go by; an option that is
    /// neither among `known` nor without effect is an error.
    fn field_body<'a>(
        &mut self,
        body: &'a Map<String, Value>,
        keys: &[&str],
        known: &[&str],
        path: &str,
    ) -> Option<FieldBody<'a>> {
        let mut entries = body.iter().filter(|(key, _)| !matches!(key.as_str(), "boost" | "_name"));
        let (Some((field, value)), None) = (entries.next(), entries.next()) else {
            self.malformed(path, "the clause names one field");
            return None;
        };
        let Value::Object(inner) = value else {
            return Some(FieldBody { field, value, options: Map::new() });
        };
        let Some((value_key, value)) = keys.iter().find_map(|key| inner.get_key_value(*key)) else {
            self.malformed(path, format!("`{field}` has no `{}`", keys.first().copied().unwrap_or("value")));
            return None;
        };
        let mut options = Map::new();
        for (key, option) in inner.iter().filter(|(key, _)| *key != value_key) {
            if known.contains(&key.as_str()) {
                options.insert(key.clone(), option.clone());
            } else if !WITHOUT_EFFECT.contains(&key.as_str()) {
                self.unsupported(path, &format!("the option `{key}`"));
                return None;
            }
        }
        Some(FieldBody { field, value, options })
    }

    /// A value as text; null and objects are none.
    fn value_text(&mut self, value: &Value, path: &str) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                self.malformed(path, "the value is no text, number or boolean");
                None
            }
        }
    }

    fn ask(&mut self, field: &str, scope: Option<&str>, question: Question<'_>, path: &str) -> Condition {
        let place = Place::Path(path);
        let target = self.asker.field(field, scope, place);
        self.asker.ask(&target, question, place)
    }

    pub(super) fn exists_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let Some(field) = body.get("field").and_then(Value::as_str) else {
            return self.malformed(path, "`exists` has no `field`");
        };
        if field.contains('*') {
            let target = self.asker.names(Pattern::from_eql(field), scope, Place::Path(path));
            return self.asker.ask(&target, Question::Exists, Place::Path(path));
        }
        self.ask(field, scope, Question::Exists, path)
    }

    pub(super) fn match_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let known = ["operator", "type", "slop", "zero_terms_query", "minimum_should_match"];
        let Some(body) = self.field_body(body, &["query"], &known, path) else {
            return Condition::constant(false);
        };
        let operator = body.text("operator").unwrap_or("or").to_ascii_lowercase();
        let words = match (body.text("type"), operator.as_str()) {
            (Some("phrase"), _) => Words::Phrase,
            (None | Some("boolean"), "or") => Words::Any,
            (None | Some("boolean"), "and") => Words::All,
            _ => return self.unsupported(path, "this `type` or `operator` of `match`"),
        };
        if body.text("zero_terms_query").is_some_and(|value| !value.eq_ignore_ascii_case("none")) {
            return self.unsupported(path, "`zero_terms_query` other than `none`");
        }
        if body.options.get("minimum_should_match").is_some_and(|value| !is_one(value)) {
            return self.unsupported(path, "`minimum_should_match` of `match`");
        }
        self.words(&body, words, path, scope)
    }

    pub(super) fn match_phrase_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        match self.field_body(body, &["query"], &["slop"], path) {
            Some(body) => self.words(&body, Words::Phrase, path, scope),
            None => Condition::constant(false),
        }
    }

    fn words(&mut self, body: &FieldBody<'_>, words: Words, path: &str, scope: Option<&str>) -> Condition {
        if body.options.get("slop").is_some_and(|slop| slop.as_i64() != Some(0)) {
            return self.unsupported(path, "`slop` other than 0");
        }
        match self.value_text(body.value, path) {
            Some(text) => {
                self.ask(body.field, scope, Question::Equals { text: &text, words, fold: Fold::None }, path)
            }
            None => Condition::constant(false),
        }
    }

    pub(super) fn multi_match_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let known = ["query", "fields", "type", "operator"];
        let is_known = |key: &str| known.contains(&key) || WITHOUT_EFFECT.contains(&key);
        if let Some(key) = body.keys().find(|key| !is_known(key)) {
            return self.unsupported(path, &format!("the option `{key}` of `multi_match`"));
        }
        let text_of = |key: &str| body.get(key).and_then(Value::as_str);
        let words = match (text_of("type"), text_of("operator").map(str::to_ascii_lowercase).as_deref()) {
            (Some("phrase"), _) => Words::Phrase,
            (None | Some("best_fields" | "most_fields"), None | Some("or")) => Words::Any,
            (None | Some("best_fields" | "most_fields"), Some("and")) => Words::All,
            _ => return self.unsupported(path, "this `type` or `operator` of `multi_match`"),
        };
        let Some(query) = body.get("query") else {
            return self.malformed(path, "`multi_match` has no `query`");
        };
        let Some(text) = self.value_text(query, path) else { return Condition::constant(false) };
        let fields: Vec<&str> = match body.get("fields") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(field)) => vec![field.as_str()],
            _ if self.options.default_fields.is_empty() => vec!["*"],
            _ => self.options.default_fields.iter().map(String::as_str).collect(),
        };
        let place = Place::Path(path);
        let question = Question::Equals { text: &text, words, fold: Fold::None };
        let mut conditions = Vec::new();
        for field in fields {
            let field = without_boost(field);
            let target: Target = if field.contains('*') {
                self.asker.names(Pattern::from_eql(field), scope, place)
            } else {
                self.asker.field(field, scope, place)
            };
            conditions.push(self.asker.ask(&target, question, place));
        }
        merge_any(conditions)
    }

    pub(super) fn term_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let Some(body) = self.field_body(body, &["value"], &["case_insensitive"], path) else {
            return Condition::constant(false);
        };
        match self.value_text(body.value, path) {
            Some(text) => {
                let question = Question::Equals { text: &text, words: Words::Term, fold: body.fold() };
                self.ask(body.field, scope, question, path)
            }
            None => Condition::constant(false),
        }
    }

    pub(super) fn terms_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let mut entries = body.iter().filter(|(key, _)| !matches!(key.as_str(), "boost" | "_name"));
        let (Some((field, list)), None) = (entries.next(), entries.next()) else {
            return self.malformed(path, "the clause names one field");
        };
        let Value::Array(list) = list else {
            return self.unsupported(path, "a look-up of `terms` in another index");
        };
        let target = self.asker.field(field, scope, Place::Path(path));
        let mut conditions = Vec::new();
        for value in list {
            let Some(text) = self.value_text(value, path) else { return Condition::constant(false) };
            let question = Question::Equals { text: &text, words: Words::Term, fold: Fold::None };
            conditions.push(self.asker.ask(&target, question, Place::Path(path)));
        }
        merge_any(conditions)
    }

    pub(super) fn prefix_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let Some(body) = self.field_body(body, &["value"], &["case_insensitive"], path) else {
            return Condition::constant(false);
        };
        let Some(text) = self.value_text(body.value, path) else { return Condition::constant(false) };
        let pattern = Pattern::new([PatternPart::Literal(text.as_str().into()), PatternPart::AnyRun]);
        self.pattern(&body, &pattern, path, scope)
    }

    pub(super) fn wildcard_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let Some(body) = self.field_body(body, &["value", "wildcard"], &["case_insensitive"], path) else {
            return Condition::constant(false);
        };
        let Some(text) = self.value_text(body.value, path) else { return Condition::constant(false) };
        self.pattern(&body, &Pattern::from_wildcard_query(&text), path, scope)
    }

    fn pattern(
        &mut self,
        body: &FieldBody<'_>,
        pattern: &Pattern,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let question = Question::Fits { pattern, fold: body.fold(), analysed: PatternOnText::Token };
        self.ask(body.field, scope, question, path)
    }

    pub(super) fn regexp_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let Some(body) = self.field_body(body, &["value"], &["case_insensitive", "flags"], path) else {
            return Condition::constant(false);
        };
        if body.options.get("flags").is_some_and(|flags| flags.as_str() != Some("ALL")) {
            return self.unsupported(path, "`flags` other than `ALL`");
        }
        let Some(source) = self.value_text(body.value, path) else { return Condition::constant(false) };
        self.ask(body.field, scope, Question::Regex { source: &source, fold: body.fold() }, path)
    }

    pub(super) fn range_clause(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
        scope: Option<&str>,
    ) -> Condition {
        let mut entries = body.iter().filter(|(key, _)| !matches!(key.as_str(), "boost" | "_name"));
        let (Some((field, Value::Object(limits))), None) = (entries.next(), entries.next()) else {
            return self.malformed(path, "`range` names one field with its limits");
        };
        let (mut low, mut high) = (None, None);
        let flag = |key: &str| limits.get(key).and_then(Value::as_bool).unwrap_or(true);
        for (key, value) in limits.iter().filter(|(_, value)| !value.is_null()) {
            match key.as_str() {
                "gte" | "gt" | "from" | "lte" | "lt" | "to" => {
                    let Some(text) = self.value_text(value, path) else { return Condition::constant(false) };
                    match key.as_str() {
                        "gte" => low = Some((text, true)),
                        "gt" => low = Some((text, false)),
                        "from" => low = Some((text, flag("include_lower"))),
                        "lte" => high = Some((text, true)),
                        "lt" => high = Some((text, false)),
                        _ => high = Some((text, flag("include_upper"))),
                    }
                }
                "format" => {
                    let formats = value.as_str().unwrap_or_default();
                    if let Some(format) = formats.split("||").find(|format| !DATE_FORMATS.contains(format)) {
                        return self.unsupported(path, &format!("the date format `{format}`"));
                    }
                }
                "time_zone" if value.as_str().is_some_and(is_utc) => {}
                "include_lower" | "include_upper" => {}
                other if WITHOUT_EFFECT.contains(&other) => {}
                other => return self.unsupported(path, &format!("the option `{other}` of `range`")),
            }
        }
        let question = Question::Between {
            low: low.as_ref().map(|(text, inclusive)| Limit { text, inclusive: *inclusive }),
            high: high.as_ref().map(|(text, inclusive)| Limit { text, inclusive: *inclusive }),
        };
        self.ask(field, scope, question, path)
    }
}

/// Whether a `minimum_should_match` asks for one.
fn is_one(value: &Value) -> bool {
    value.as_i64() == Some(1) || value.as_str() == Some("1")
}
