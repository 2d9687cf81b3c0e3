//! KQL over the attributes of what is kept: rules, exception lists and items (detection-engine §7.2).
//!
//! Names and descriptions are analysed texts: words, whatever their case. Everything else is an exact text, as it is
//! elsewhere in KQL (kql-semantics §3); numbers and truth values are compared by their value.

use std::collections::BTreeMap;

use serde_json::Value;
use watchfire_diagnostics::SourceText;
use watchfire_kql::ast::{
    Expr, ExprKind, FieldName, NamePattern, Query, RangeOp, ValueExpr, ValueKind, ValueLiteral, WildcardPart,
    WildcardPattern,
};

use crate::answer::ApiError;

/// The attributes of an object, by their dotted names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes(BTreeMap<String, Vec<Value>>);

impl Attributes {
    /// Adds a value, and all that is inside it, under a name.
    pub(crate) fn add(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Array(values) => values.iter().for_each(|value| self.add(name, value)),
            Value::Object(object) => {
                for (key, value) in object {
                    self.add(&format!("{name}.{key}"), value);
                }
            }
            one => self.0.entry(name.to_owned()).or_default().push(one.clone()),
        }
    }

    fn of<'a>(&'a self, field: &'a NamePattern) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let fits = move |name: &str| match field {
            NamePattern::Exact(exact) => exact == name,
            NamePattern::Pattern(pattern) => fits(pattern, name),
        };
        let of_name = self.0.iter().filter(move |(name, _)| fits(name));
        of_name.flat_map(|(name, values)| values.iter().map(move |value| (&**name, value)))
    }
}

/// Reads a filter.
pub(crate) fn parse(text: &str) -> Result<Query, ApiError> {
    let parsed = watchfire_kql::parse(text);
    match parsed.query {
        Some(ref query) if parsed.is_valid() => Ok(query.clone()),
        _ => {
            let mut error = ApiError::of_diagnostics(&parsed.diagnostics, &SourceText::new("filter", text));
            error.message = format!("the filter is no KQL: {}", error.message);
            Err(error)
        }
    }
}

/// Whether an object fits a filter.
pub(crate) fn holds(query: &Query, attributes: &Attributes) -> bool {
    query.expr.as_ref().is_none_or(|expr| expr_holds(expr, "", attributes))
}

fn expr_holds(expr: &Expr, path: &str, attributes: &Attributes) -> bool {
    match &expr.kind {
        ExprKind::And(parts) => parts.iter().all(|part| expr_holds(part, path, attributes)),
        ExprKind::Or(parts) => parts.iter().any(|part| expr_holds(part, path, attributes)),
        ExprKind::Not(part) => !expr_holds(part, path, attributes),
        ExprKind::Nested { path: inner_path, inner } => {
            let below = match &inner_path.name {
                NamePattern::Exact(name) => format!("{path}{name}."),
                NamePattern::Pattern(_) => return false,
            };
            expr_holds(inner, &below, attributes)
        }
        ExprKind::Field { field, values } => values_hold(&below(path, field), values, attributes),
        ExprKind::Range { field, op, value, .. } => {
            let bound = text_of(&value.kind);
            attributes.of(&below(path, field)).any(|(_, found)| compares(found, *op, &bound))
        }
        ExprKind::FreeText(value) => {
            let any = NamePattern::Pattern(WildcardPattern { parts: vec![WildcardPart::Any] });
            literal_holds(&any, &value.kind, attributes)
        }
    }
}

/// The name of a field inside the path of a nested condition.
fn below(path: &str, field: &FieldName) -> NamePattern {
    match &field.name {
        NamePattern::Exact(name) => NamePattern::Exact(format!("{path}{name}")),
        NamePattern::Pattern(pattern) if path.is_empty() => NamePattern::Pattern(pattern.clone()),
        NamePattern::Pattern(pattern) => {
            let mut parts = vec![WildcardPart::Text(path.to_owned())];
            parts.extend(pattern.parts.iter().cloned());
            NamePattern::Pattern(WildcardPattern { parts })
        }
    }
}

fn values_hold(field: &NamePattern, values: &ValueExpr, attributes: &Attributes) -> bool {
    match &values.kind {
        ValueKind::And(parts) => parts.iter().all(|part| values_hold(field, part, attributes)),
        ValueKind::Or(parts) => parts.iter().any(|part| values_hold(field, part, attributes)),
        ValueKind::Not(part) => !values_hold(field, part, attributes),
        ValueKind::Value(value) => literal_holds(field, &value.kind, attributes),
    }
}

fn literal_holds(field: &NamePattern, literal: &ValueLiteral, attributes: &Attributes) -> bool {
    attributes.of(field).any(|(name, found)| {
        let found = plain(found);
        let is_analysed = is_analysed(name);
        match literal {
            ValueLiteral::Exists => true,
            ValueLiteral::Null => found == "null",
            ValueLiteral::Boolean(value) => found == value.to_string(),
            ValueLiteral::Text(text) if is_analysed => {
                let words = words(&found);
                self::words(text).iter().any(|word| words.contains(word))
            }
            ValueLiteral::Phrase(text) if is_analysed => has_phrase(&words(&found), &words(text)),
            ValueLiteral::Text(text) | ValueLiteral::Phrase(text) => is_equal(&found, text),
            ValueLiteral::Wildcard(pattern) if is_analysed => {
                let pattern = lower(pattern);
                let found = found.to_lowercase();
                fits(&pattern, &found) || words(&found).iter().any(|word| fits(&pattern, word))
            }
            ValueLiteral::Wildcard(pattern) => fits(pattern, &found),
        }
    })
}

/// Whether a field holds words instead of an exact text.
fn is_analysed(name: &str) -> bool {
    matches!(name.rsplit('.').next(), Some("name" | "description")) && !name.contains(".threat.")
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn has_phrase(words: &[String], phrase: &[String]) -> bool {
    phrase.is_empty() || words.windows(phrase.len()).any(|part| part == phrase)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text_of(literal: &ValueLiteral) -> String {
    match literal {
        ValueLiteral::Null => "null".to_owned(),
        ValueLiteral::Boolean(value) => value.to_string(),
        ValueLiteral::Text(text) | ValueLiteral::Phrase(text) => text.clone(),
        ValueLiteral::Wildcard(_) | ValueLiteral::Exists => "*".to_owned(),
    }
}

fn is_equal(found: &str, wanted: &str) -> bool {
    found == wanted
        || matches!((found.parse::<f64>(), wanted.parse::<f64>()), (Ok(one), Ok(other)) if one == other)
}

/// Numbers by their value, everything else as text, which is right for dates in one form.
fn compares(found: &Value, op: RangeOp, bound: &str) -> bool {
    let found = plain(found);
    let order = match (found.parse::<f64>(), bound.parse::<f64>()) {
        (Ok(found), Ok(bound)) => found.partial_cmp(&bound),
        _ => Some(found.as_str().cmp(bound)),
    };
    order.is_some_and(|order| match op {
        RangeOp::Lt => order.is_lt(),
        RangeOp::Lte => order.is_le(),
        RangeOp::Gt => order.is_gt(),
        RangeOp::Gte => order.is_ge(),
    })
}

fn lower(pattern: &WildcardPattern) -> WildcardPattern {
    let part = |part: &WildcardPart| match part {
        WildcardPart::Text(text) => WildcardPart::Text(text.to_lowercase()),
        WildcardPart::Any => WildcardPart::Any,
    };
    WildcardPattern { parts: pattern.parts.iter().map(part).collect() }
}

/// Whether a text fits a pattern: each text of it is looked for at its first place behind the one before, which is enough
/// where only stars stand between them.
fn fits(pattern: &WildcardPattern, text: &str) -> bool {
    let mut rest = text;
    let mut after_star = false;
    let parts = &pattern.parts;
    for (at, part) in parts.iter().enumerate() {
        match part {
            WildcardPart::Any => after_star = true,
            WildcardPart::Text(piece) => {
                let is_last = at + 1 == parts.len();
                let behind = match (after_star, is_last) {
                    (false, _) => rest.strip_prefix(piece.as_str()),
                    (true, true) => rest.strip_suffix(piece.as_str()).map(|_| ""),
                    (true, false) => rest.find(piece.as_str()).map(|found| &rest[found + piece.len()..]),
                };
                let Some(behind) = behind else { return false };
                rest = behind;
                after_star = false;
            }
        }
    }
    after_star || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filter: &str, expected: bool) {
        let mut attributes = Attributes::default();
        attributes.add("a.name", &json!("Suspicious Child of Word"));
        attributes.add("a.tags", &json!(["OS: Windows", "x*y"]));
        attributes.add("a.params", &json!({ "riskScore": 47, "immutable": false, "type": "eql" }));
        let query = parse(filter).expect("the filter is KQL");
        assert_eq!(holds(&query, &attributes), expected, "{filter}");
    }

    #[test]
    fn filters_are_kql_over_attributes() {
        check("", true);
        check("a.name: child", true);
        check("a.name: \"child of\"", true);
        check("a.name: \"of child\"", false);
        check("a.name: susp*", true);
        check("a.name: *of word", true);
        check("a.name: nothing", false);
        check("a.tags: \"OS: Windows\"", true);
        check("a.tags: \"os: windows\"", false);
        check("a.tags: OS*", true);
        check("a.tags: x\\*y and not a.tags: xy", true);
        check("a.params.riskScore >= 47 and a.params.riskScore < 48", true);
        check("a.params.immutable: false or a.params.type: query", true);
        check("a.params.type: (eql or query) and a.params: {immutable: false}", true);
        check("a.*.type: eql", true);
        check("a.params.absent: *", false);
        check("eql", true);
    }

    #[test]
    fn what_is_no_kql_says_where() {
        let error = parse("a.name: (x").expect_err("the parenthesis is open");
        assert!(error.message.starts_with("the filter is no KQL: "), "{}", error.message);
        assert!(!error.diagnostics.is_empty());
    }
}
