//! Reading parts of requests: what is not known is refused by name.

use serde_json::{Map, Value};

use crate::SearchError;

/// A JSON object of a request.
pub(crate) type Object = Map<String, Value>;

/// Most names of fields in a list of a request: each is looked for in each hit.
const MOST_NAMES: usize = 1_000;

/// Refuses a list that is too long.
pub(crate) fn refuse_many(number: usize, most: usize, what: &str) -> Result<(), SearchError> {
    if number <= most {
        return Ok(());
    }
    Err(SearchError::illegal(format!("there are {number} {what}, and {most} is the most")))
}

/// Refuses a list of too many names.
pub(crate) fn refuse_many_names(names: &[Value], what: &str) -> Result<(), SearchError> {
    refuse_many(names.len(), MOST_NAMES, &format!("names in `{what}`"))
}

/// The object that a value is.
pub(crate) fn object<'v>(value: &'v Value, what: &str) -> Result<&'v Object, SearchError> {
    value.as_object().ok_or_else(|| SearchError::parsing(format!("`{what}` is not an object")))
}

/// Refuses an option that is not among these.
pub(crate) fn refuse_unknown(object: &Object, known: &[&str], what: &str) -> Result<(), SearchError> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(SearchError::unsupported(format!("the option `{key}` of `{what}`"))),
    }
}

/// A value that is there and not null.
pub(crate) fn given<'v>(object: &'v Object, key: &str) -> Option<&'v Value> {
    object.get(key).filter(|value| !value.is_null())
}

/// A whole number, also as text.
pub(crate) fn number(object: &Object, key: &str) -> Result<Option<u64>, SearchError> {
    let Some(value) = given(object, key) else { return Ok(None) };
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    number
        .map(Some)
        .ok_or_else(|| SearchError::illegal(format!("`{key}` is not a number from 0 on: {value}")))
}

/// `true` or `false`, also as text.
pub(crate) fn flag(object: &Object, key: &str) -> Result<Option<bool>, SearchError> {
    let Some(value) = given(object, key) else { return Ok(None) };
    let flag = value.as_bool().or_else(|| match value.as_str()? {
        "true" | "" => Some(true),
        "false" => Some(false),
        _ => None,
    });
    flag.map(Some)
        .ok_or_else(|| SearchError::illegal(format!("`{key}` is neither `true` nor `false`: {value}")))
}

/// A text.
pub(crate) fn text<'v>(object: &'v Object, key: &str) -> Result<Option<&'v str>, SearchError> {
    match given(object, key) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text)),
            None => Err(SearchError::parsing(format!("`{key}` is not a text"))),
        },
    }
}

/// A text that has to be there.
pub(crate) fn needed<'v>(object: &'v Object, key: &str, what: &str) -> Result<&'v str, SearchError> {
    text(object, key)?.ok_or_else(|| SearchError::parsing(format!("`{what}` has no `{key}`")))
}

/// One value, or a list of them.
pub(crate) fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        value => std::slice::from_ref(value),
    }
}

/// Texts: one, several with commas, or a list.
pub(crate) fn texts(value: &Value, what: &str) -> Result<Vec<String>, SearchError> {
    let mut texts = Vec::new();
    refuse_many_names(list(value), what)?;
    for value in list(value) {
        let text = value.as_str().ok_or_else(|| SearchError::parsing(format!("`{what}` is not a text")))?;
        texts.extend(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
    }
    Ok(texts)
}

/// A span of time as Elasticsearch writes it, such as `30s` or `1m`, in milliseconds.
pub(crate) fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}
