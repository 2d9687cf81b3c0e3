//! Values out of JSON.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Arguments, Body, Failure, Function, Parameter, Prepared, Returns, plain};
use crate::types::DataType;
use crate::value::{Cell, Value};

pub(super) const FUNCTIONS: &[Function] = &[Function {
    prepare: Some(prepare),
    ..plain(
        "JSON_EXTRACT",
        &[Parameter::Text, Parameter::Text],
        Returns::Type(DataType::Keyword),
        Body::Single(extract),
    )
}];

/// A path into JSON: `a.b`, `a[0]`, `['a.b']`, with or without `$` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl JsonPath {
    /// Reads a path; `None` if it is none.
    pub fn parse(path: &str) -> Option<Self> {
        let rooted = path.strip_prefix('$');
        let mut rest = rooted.unwrap_or(path);
        let mut segments = Vec::new();
        let mut first = rooted.is_none();
        while !rest.is_empty() {
            if let Some(bracket) = rest.strip_prefix('[') {
                if let Some(quote) = bracket.chars().next().filter(|quote| matches!(quote, '\'' | '"')) {
                    let (key, behind) = bracket[1..].split_once(quote)?;
                    segments.push(Segment::Key(key.to_owned()));
                    rest = behind.strip_prefix(']')?;
                } else {
                    let (index, behind) = bracket.split_once(']')?;
                    segments.push(Segment::Index(index.parse().ok()?));
                    rest = behind;
                }
            } else {
                if !first {
                    rest = rest.strip_prefix('.')?;
                }
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 {
                    return None;
                }
                segments.push(Segment::Key(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            first = false;
        }
        Some(Self(segments))
    }

    fn find<'j>(&self, json: &'j str) -> Result<&'j RawValue, Failure> {
        let mut value: &RawValue = serde_json::from_str(json).map_err(|_| "invalid JSON input")?;
        for segment in &self.0 {
            let mut reader = serde_json::Deserializer::from_str(value.get());
            let found = match segment {
                Segment::Key(key) => reader.deserialize_map(FirstKey(key)).ok().flatten(),
                Segment::Index(index) => match reader.deserialize_seq(Nth(*index)) {
                    Ok(Some(found)) => Some(found),
                    Ok(None) => return Err("array index out of bounds"),
                    Err(_) => None,
                },
            };
            value = found.ok_or("path does not exist")?;
        }
        Ok(value)
    }
}

fn prepare(constants: &[Option<&Cell>]) -> Result<Prepared, String> {
    let Some(Cell::One(path)) = constants.get(1).copied().flatten() else { return Ok(Prepared::Nothing) };
    let text = path.as_text().unwrap_or_default();
    match JsonPath::parse(text) {
        Some(path) => Ok(Prepared::Path(path.into())),
        None => Err(format!("`{text}` is no path in JSON")),
    }
}

/// The first value under the path: texts without quotes, null as nothing, anything else as it is written.
fn extract(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let found = match arguments.prepared {
        Prepared::Path(path) => path.find(arguments.text(0))?,
        _ => JsonPath::parse(arguments.text(1))
            .ok_or("a computed text is no path in JSON")?
            .find(arguments.text(0))?,
    };
    match found.get() {
        "null" => Ok(Cell::Null),
        text if text.starts_with('"') => {
            let text: String = serde_json::from_str(text).map_err(|_| "invalid JSON input")?;
            Ok(Value::text(text).into())
        }
        text => Ok(Value::text(text).into()),
    }
}

struct FirstKey<'k>(&'k str);

impl<'j> Visitor<'j> for FirstKey<'_> {
    type Value = Option<&'j RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'j, str>>()? {
            if found.is_none() && key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Nth(usize);

impl<'j> Visitor<'j> for Nth {
    type Value = Option<&'j RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        for _ in 0..self.0 {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_map<A: MapAccess<'j>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("an object has no places"))
    }
}
