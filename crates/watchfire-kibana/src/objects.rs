//! What lists of objects have in common: they are filtered, put in order and shown page by page.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::answer::ApiError;
use crate::filter::{self, Attributes};
use crate::request::{Page, Parameters};

/// An object with what filters and orders look at.
pub(crate) struct Findable<T> {
    pub(crate) attributes: Attributes,
    /// The object as it is shown, for its order.
    pub(crate) shown: Map<String, Value>,
    pub(crate) object: T,
}

/// The objects of a page, and how many there are on all pages.
pub(crate) struct Found<T> {
    pub(crate) total: usize,
    pub(crate) page: Page,
    pub(crate) objects: Vec<Findable<T>>,
}

/// Finds objects as the parameters say: `filter`, `sort_field` and `sort_order`, `page` and `per_page`.
pub(crate) fn find<T>(mut all: Vec<Findable<T>>, parameters: &Parameters) -> Result<Found<T>, ApiError> {
    let page = parameters.page()?;
    if let Some(text) = parameters.get("filter") {
        let query = filter::parse(text)?;
        all.retain(|one| filter::holds(&query, &one.attributes));
    }
    if let Some(field) = parameters.get("sort_field").filter(|field| !field.is_empty()) {
        let path = sort_path(field)?;
        all.sort_by(|one, other| compare(at(&one.shown, &path), at(&other.shown, &path)));
    }
    if parameters.is_descending()? {
        all.reverse();
    }
    Ok(Found { total: all.len(), page, objects: page.cut(all) })
}

/// The keys on the way to a field, which may be written as Kibana stores it (`params.riskScore`) or as the API shows it.
fn sort_path(field: &str) -> Result<Vec<String>, ApiError> {
    let name = field.strip_prefix("alert.attributes.").unwrap_or(field);
    let name = name.strip_prefix("exception-list.attributes.").unwrap_or(name);
    let name = name.strip_prefix("params.").unwrap_or(name);
    let is_name =
        |part: &str| !part.is_empty() && part.chars().all(|one| one.is_alphanumeric() || one == '_');
    if !name.split('.').all(is_name) {
        return Err(ApiError::bad(format!("`{field}` is no field to sort by")));
    }
    Ok(name.split('.').map(snake_case).collect())
}

fn at<'o>(object: &'o Map<String, Value>, path: &[String]) -> Option<&'o Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(first)?, |value, key| value.get(key))
}

/// Objects without the value come last; texts go by letter, whatever their case.
fn compare(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => folded(one).cmp(&folded(other)),
        },
    }
}

fn folded(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    }
}

/// `riskScore` as `risk_score`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for one in name.chars() {
        if one.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(one.to_ascii_lowercase());
    }
    out
}

/// `risk_score` as `riskScore`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut out = String::new();
    let mut is_start = false;
    for one in name.chars() {
        match one {
            '_' if !out.is_empty() => is_start = true,
            one if is_start => {
                out.push(one.to_ascii_uppercase());
                is_start = false;
            }
            one => out.push(one),
        }
    }
    out
}
