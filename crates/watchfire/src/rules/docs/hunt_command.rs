//! A search of an investigation guide as a `watchfire hunt` command.

use serde_json::Value;
use watchfire_rules::model::{Investigation, Provider, QueryType};

/// The command, in the quotes of a POSIX shell. `None` if the search asks for nothing, or for something that KQL does not
/// say.
pub(super) fn hunt_command(search: &Investigation) -> Option<String> {
    let query = query(search)?;
    let quoted = format!("'{}'", query.replace('\'', r"'\''"));
    Some(format!("watchfire hunt {quoted} evidence/ --language kql"))
}

/// The search in KQL: an OR of ANDs.
fn query(search: &Investigation) -> Option<String> {
    let mut groups = Vec::new();
    for group in search.providers.iter().filter(|group| !group.is_empty()) {
        let conditions: Option<Vec<String>> = group.iter().map(condition).collect();
        groups.push(conditions?.join(" and "));
    }
    let query = match groups.as_slice() {
        [] => return None,
        [group] => group.clone(),
        several => several.iter().map(|group| format!("({group})")).collect::<Vec<_>>().join(" or "),
    };
    // Whatever a rule says, what is shown as a command is one query and no more.
    (watchfire_kql::parse(&query).is_valid() && !query.contains(char::is_control)).then_some(query)
}

fn condition(provider: &Provider) -> Option<String> {
    let field = &provider.field;
    let is_name = |character: char| character.is_alphanumeric() || "._@-".contains(character);
    if field.is_empty() || !field.chars().all(is_name) {
        return None;
    }
    let condition = match provider.query_type {
        QueryType::Phrase => format!("{field} : {}", literal(&provider.value.0)?),
        QueryType::Phrases => {
            let Value::Array(values) = inner(&provider.value.0)? else { return None };
            let values: Option<Vec<String>> = values.iter().map(literal).collect();
            format!("{field} : ({})", values.filter(|values| !values.is_empty())?.join(" or "))
        }
        QueryType::Exists => format!("{field} : *"),
        QueryType::Range => {
            let Value::Object(bounds) = inner(&provider.value.0)? else { return None };
            let bound = |(key, value): (&String, &Value)| {
                let operator = match key.as_str() {
                    "gte" => ">=",
                    "gt" => ">",
                    "lte" => "<=",
                    "lt" => "<",
                    _ => return None,
                };
                Some(format!("{field} {operator} {}", literal(value)?))
            };
            let bounds: Option<Vec<String>> = bounds.iter().map(bound).collect();
            format!("({})", bounds.filter(|bounds| !bounds.is_empty())?.join(" and "))
        }
    };
    Some(if provider.excluded { format!("not {condition}") } else { condition })
}

/// The list or object that stands as JSON inside a text.
fn inner(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        other => Some(other.clone()),
    }
}

/// A value as KQL writes it.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use watchfire_rules::format;

    use super::*;

    /// The command of the one search that a guide has.
    fn command(providers: &Value) -> Option<String> {
        let directive = json!({ "label": "a", "providers": providers });
        let rule = json!({
            "name": "n", "description": "d", "severity": "low", "risk_score": 21, "type": "query", "query": "a: b",
            "note": format!("!{{investigate{directive}}}"),
        });
        let file = format::parse(&rule.to_string()).file.expect("a rule");
        let note = file.rule.note.expect("a note");
        let parts = watchfire_rules::guide::parts(&note);
        match parts.as_slice() {
            [watchfire_rules::guide::GuidePart::Investigate(search)] => hunt_command(search),
            other => panic!("{other:?}"),
        }
    }

    fn of(query_type: &str, excluded: bool, value: &Value) -> Value {
        json!({
            "excluded": excluded, "field": "a.b", "queryType": query_type, "value": value, "valueType": "string",
        })
    }

    #[test]
    fn searches_become_commands() {
        let phrase = of("phrase", false, &json!("{{host.id}}"));
        for (providers, query) in [
            (json!([[phrase]]), "a.b : \"{{host.id}}\""),
            (json!([[of("phrase", true, &json!("it's \"C:\\x\""))]]), r#"not a.b : "it'\''s \"C:\\x\"""#),
            (json!([[phrase, of("exists", false, &json!(""))]]), "a.b : \"{{host.id}}\" and a.b : *"),
            (
                json!([[phrase], [of("phrases", false, &json!("[\"x\", 3]"))]]),
                "(a.b : \"{{host.id}}\") or (a.b : (\"x\" or 3))",
            ),
            (json!([[of("range", true, &json!("{\"gte\": 1, \"lt\": 9}"))]]), "not (a.b >= 1 and a.b < 9)"),
        ] {
            let expected = format!("watchfire hunt '{query}' evidence/ --language kql");
            assert_eq!(command(&providers), Some(expected));
        }
    }

    #[test]
    fn what_kql_cannot_say_has_no_command() {
        for providers in [
            json!([]),
            json!([[]]),
            json!([[of("phrases", false, &json!("[]"))]]),
            json!([[of("phrases", false, &json!("x"))]]),
            json!([[of("range", false, &json!("{\"near\": 1}"))]]),
            json!([[of("phrase", false, &json!("a\u{1b}b"))]]),
            json!([[{ "excluded": false, "field": "a' ; b", "queryType": "exists", "value": "", "valueType": "string" }]]),
        ] {
            assert_eq!(command(&providers), None, "{providers}");
        }
    }
}
