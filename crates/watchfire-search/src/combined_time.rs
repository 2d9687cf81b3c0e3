//! The one runtime field that is known: a time that stands in one field, or, where that is empty, in another.
//!
//! Kibana's detection engine defines it by a script when a rule overrides its time. Scripts are not run; what this one does
//! is recognised by its form, and whatever has another form is refused.

use serde_json::{Map, Value, json};
use watchfire_events::TypeFamily;
use watchfire_ir::{FieldRef, Resolution, Schema};

use crate::SearchError;
use crate::body::{self, Object};

/// The name that Kibana gives it.
const NAME: &str = "kibana.combined_timestamp";

/// A time in one of two fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CombinedTime {
    pub(crate) first: FieldRef,
    pub(crate) second: FieldRef,
}

impl CombinedTime {
    /// That of the runtime mappings of a request, if there are any.
    pub(crate) fn parse(body: &Object, schema: &dyn Schema) -> Result<Option<Self>, SearchError> {
        let Some(mappings) = body::given(body, "runtime_mappings") else { return Ok(None) };
        let mappings = body::object(mappings, "runtime_mappings")?;
        let Some((name, mapping)) = mappings.iter().next() else { return Ok(None) };
        if mappings.len() > 1 || name != NAME {
            let other = mappings.keys().find(|name| *name != NAME).unwrap_or(name);
            return Err(SearchError::unsupported(format!("the runtime field `{other}`")));
        }
        let mapping = body::object(mapping, name)?;
        body::refuse_unknown(mapping, &["type", "script"], name)?;
        let script = match mapping.get("script") {
            Some(Value::String(script)) => script.as_str(),
            Some(Value::Object(script)) => {
                body::refuse_unknown(script, &["source", "lang"], name)?;
                body::needed(script, "source", name)?
            }
            _ => return Err(SearchError::parsing(format!("`{name}` has no `script`"))),
        };
        let fields = two_fields(script).filter(|_| mapping.get("type") == Some(&json!("date")));
        let Some([first, second]) = fields else {
            return Err(SearchError::unsupported(format!("this script of `{name}`")));
        };
        let date = |name: &str| match schema.resolve(name) {
            Resolution::Field(field) if field.field_type.family() == TypeFamily::Date => Ok(field),
            _ => Err(SearchError::illegal(format!("`{name}` is no date that a time could be made of"))),
        };
        Ok(Some(Self { first: date(first)?, second: date(second)? }))
    }

    /// Whether a name is that of this field.
    pub(crate) fn is_named(name: &str) -> bool {
        name == NAME
    }

    /// The clause, with what is asked of this field asked of the two that it is made of.
    pub(crate) fn resolve(&self, clause: &Value) -> Value {
        match clause {
            Value::Array(values) => values.iter().map(|value| self.resolve(value)).collect(),
            Value::Object(object) => match object.get("range").and_then(|range| range.get(NAME)) {
                Some(limits) if object.len() == 1 => {
                    let range = |field: &FieldRef| json!({ "range": { &*field.name: limits } });
                    let first = json!({ "exists": { "field": &*self.first.name } });
                    json!({ "bool": { "should": [
                        range(&self.first),
                        { "bool": { "must_not": first, "filter": range(&self.second) } },
                    ] } })
                }
                _ => {
                    let resolved: Map<String, Value> =
                        object.iter().map(|(key, value)| (key.clone(), self.resolve(value))).collect();
                    Value::Object(resolved)
                }
            },
            value => value.clone(),
        }
    }
}

/// The fields of a script of the form: if the first one has a value, emit it; else emit the second one.
fn two_fields(script: &str) -> Option<[&str; 2]> {
    let mut fields: Vec<&str> = Vec::new();
    let mut emitted = 0;
    for (at, piece) in script.split("emit(").enumerate() {
        emitted += usize::from(at > 0);
        for mark in ["doc['", "doc[\"", "containsKey('", "containsKey(\""] {
            for named in piece.split(mark).skip(1) {
                let name = named.split(['\'', '"']).next()?;
                if fields.last() != Some(&name) {
                    fields.push(name);
                }
            }
        }
    }
    let is_choice = script.contains("if") && script.contains("else") && script.contains("size()");
    match fields.as_slice() {
        [first, second] if first != second && emitted == 2 && is_choice => Some([first, second]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_known_by_its_form() {
        let script = "if (doc.containsKey('a.b') && doc['a.b'].size() > 0) { emit(doc['a.b'].value); } \
                      else { emit(doc['@timestamp'].value); }";
        assert_eq!(two_fields(script), Some(["a.b", "@timestamp"]));
        for other in [
            "",
            "emit(doc['a'].value)",
            "if (doc['a'].size() > 0) { emit(doc['a'].value); }",
            "if (doc['a'].size() > 0) { emit(doc['b'].value); } else { emit(doc['c'].value); }",
            "if (doc['a'].size() > 0) { emit(doc['a'].value); } else { emit(0); }",
        ] {
            assert_eq!(two_fields(other), None, "{other}");
        }
    }
}
