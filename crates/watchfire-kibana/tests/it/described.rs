//! The description of the API: it has what is served, and answers are as it says.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};
use watchfire_kibana::OPENAPI;
use watchfire_test_support::Exchange;

/// The texts in which paths are written down.
const ROUTES: [&str; 2] =
    [include_str!("../../src/routes.rs"), include_str!("../../../watchfire-server/src/routes.rs")];
/// Those of searches, of which some methods are written in another way.
const SEARCHES: &str = include_str!("../../../watchfire-server/src/routes/search.rs");

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The description.
pub(crate) struct Description(Value);

impl Description {
    pub(crate) fn read() -> Self {
        Self(serde_json::from_str(OPENAPI).expect("the description is JSON"))
    }

    /// Holds an answer against the description of its path.
    pub(crate) fn check(&self, case: &Path, exchange: &Exchange<'_>) {
        let Exchange { method, path, status, media_type, body } = exchange;
        let at = format!("{}: {method} {path} {status}", case.display());
        let below_space = path.strip_prefix("/s/").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
        let Some(described) = self.path(below_space.unwrap_or(path)) else {
            assert_eq!(*status, 404, "{at}: the path is not described");
            return;
        };
        let operation = &described[method.to_lowercase()];
        assert!(operation.is_object(), "{at}: the method is not described");
        let responses = &operation["responses"];
        let code = status.to_string();
        let response = responses.get(&code).unwrap_or(&responses["default"]);
        let schema = &response["content"][*media_type]["schema"];
        assert!(schema.is_object(), "{at}: the media type `{media_type}` is not described");
        let value = match *media_type {
            "application/json" => serde_json::from_str(body).expect("an answer is JSON"),
            _ => Value::String((*body).to_owned()),
        };
        let errors: Vec<String> = self
            .validator(schema)
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path))
            .collect();
        assert!(errors.is_empty(), "{at}: the answer is not as described:\n{}", errors.join("\n"));
    }

    /// The path that has most of its parts as they are.
    fn path(&self, path: &str) -> Option<&Value> {
        let fits = |template: &str| {
            let (wanted, given) = (template.split('/'), path.split('/'));
            wanted.clone().count() == given.clone().count()
                && wanted.zip(given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
        };
        let paths = self.0["paths"].as_object().expect("there are paths");
        let fitting = paths.iter().filter(|(template, _)| fits(template));
        fitting.min_by_key(|(template, _)| template.matches('{').count()).map(|(_, described)| described)
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut whole = schema.clone();
        whole["components"] = self.0["components"].clone();
        jsonschema::draft202012::new(&whole).expect("a schema")
    }

    /// All paths with their methods.
    fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.0["paths"].as_object().expect("there are paths");
        let of_path = paths.iter().flat_map(|(path, operations)| {
            let methods = operations.as_object().expect("a path has operations").keys();
            methods.map(move |method| (path.clone(), method.clone()))
        });
        of_path.collect()
    }
}

/// The paths in a text of routes, each with what is said of it.
fn routes(text: &str) -> Vec<(String, String)> {
    let pieces = text.split(".route(").skip(1);
    let route = |piece: &str| {
        let (_, rest) = piece.split_once('"')?;
        let (path, rest) = rest.split_once('"')?;
        // What is said of the path ends with the parenthesis around it.
        let mut depth = 1;
        let end = rest.find(|one: char| {
            depth += i32::from(one == '(') - i32::from(one == ')');
            depth == 0
        })?;
        Some((path.to_owned(), rest[..end].to_owned()))
    };
    pieces.filter_map(route).filter(|(path, _)| !path.contains("{*")).collect()
}

#[test]
fn what_is_served_is_described_and_nothing_else() {
    let described = Description::read().operations();
    let mut served = BTreeSet::new();
    for (path, said) in ROUTES.iter().flat_map(|text| routes(text)) {
        let words: Vec<&str> = said.split(|one: char| !one.is_alphanumeric() && one != '_').collect();
        let has = |word: &str| said.contains(&format!("{word}(")) && words.contains(&word);
        for method in METHODS {
            if has(method) || matches!(method, "post" | "put") && has("writing") {
                served.insert((path.clone(), method.to_owned()));
            }
        }
    }
    let searches: BTreeSet<String> = routes(SEARCHES).into_iter().map(|(path, _)| path).collect();
    assert!(served.len() > 100 && searches.len() > 10, "the routes are not read: {served:?} {searches:?}");
    let missing: Vec<_> = served.difference(&described).collect();
    assert!(missing.is_empty(), "served, and not described: {missing:?}");
    let paths: BTreeSet<&String> = described.iter().map(|(path, _)| path).collect();
    let missing: Vec<_> = searches.iter().filter(|path| !paths.contains(path)).collect();
    assert!(missing.is_empty(), "served, and not described: {missing:?}");
    let absent: Vec<_> = described.difference(&served).filter(|(path, _)| !searches.contains(path)).collect();
    assert!(absent.is_empty(), "described, and not served: {absent:?}");
}

#[test]
fn every_schema_that_is_named_is_there() {
    let description = Description::read();
    for (name, _) in description.0["components"]["schemas"].as_object().expect("there are schemas") {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        description.validator(&schema);
    }
    let text = OPENAPI.split("\"#/components/schemas/").skip(1);
    for name in text.filter_map(|rest| rest.split('"').next()) {
        assert!(description.0["components"]["schemas"].get(name).is_some(), "there is no schema `{name}`");
    }
}
