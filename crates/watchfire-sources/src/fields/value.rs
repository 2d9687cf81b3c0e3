//! What a field of a document in the making holds.

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::Scalar;

use crate::tape::TapeValue;

/// The members of an object, all of them texts.
pub(crate) type TextMembers<'a> = Vec<(&'static str, Cow<'a, str>)>;

/// A value, borrowed from its record where it can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FieldValue<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Unsigned(u64),
    Double(f64),
    Boolean(bool),
    /// A list that a table holds.
    Words(&'static [&'static str]),
    Texts(Vec<Cow<'a, str>>),
    /// A list of objects whose members are texts.
    Objects(Vec<TextMembers<'a>>),
    /// Null, objects, and lists of other things than these.
    Json(Value),
}

impl<'a> FieldValue<'a> {
    pub(crate) fn of(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(Cow::Owned(text)),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let texts = items.into_iter().filter_map(|item| match item {
                    Value::String(text) => Some(Cow::Owned(text)),
                    _ => None,
                });
                Self::Texts(texts.collect())
            }
            other => match Scalar::of(&other) {
                Some(Scalar::Integer(number)) => Self::Integer(number),
                Some(Scalar::Unsigned(number)) => Self::Unsigned(number),
                Some(Scalar::Double(number)) => Self::Double(number),
                Some(Scalar::Boolean(value)) => Self::Boolean(value),
                Some(Scalar::Text(_)) | None => Self::Json(other),
            },
        }
    }

    pub(crate) fn of_tape(value: TapeValue<'a>) -> Self {
        match value.scalar() {
            Some(Scalar::Text(text)) => Self::Text(Cow::Borrowed(text)),
            Some(Scalar::Integer(number)) => Self::Integer(number),
            Some(Scalar::Unsigned(number)) => Self::Unsigned(number),
            Some(Scalar::Double(number)) => Self::Double(number),
            Some(Scalar::Boolean(value)) => Self::Boolean(value),
            None => Self::of(value.to_value()),
        }
    }

    /// The text that it is.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.as_text().map(|text| &**text)
    }

    /// The text that it is, as it is kept.
    pub(crate) fn as_text(&self) -> Option<&Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The scalar that it is.
    pub(crate) fn scalar(&self) -> Option<Scalar<'_>> {
        Some(match self {
            Self::Text(text) => Scalar::Text(text),
            Self::Integer(number) => Scalar::Integer(*number),
            Self::Unsigned(number) => Scalar::Unsigned(*number),
            Self::Double(number) => Scalar::Double(*number),
            Self::Boolean(value) => Scalar::Boolean(*value),
            Self::Words(_) | Self::Texts(_) | Self::Objects(_) | Self::Json(_) => return None,
        })
    }

    /// The same, without what it borrows.
    pub(crate) fn into_owned<'b>(self) -> FieldValue<'b> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Text(text) => FieldValue::Text(owned(text)),
            Self::Integer(number) => FieldValue::Integer(number),
            Self::Unsigned(number) => FieldValue::Unsigned(number),
            Self::Double(number) => FieldValue::Double(number),
            Self::Boolean(value) => FieldValue::Boolean(value),
            Self::Words(words) => FieldValue::Words(words),
            Self::Texts(texts) => FieldValue::Texts(texts.into_iter().map(owned).collect()),
            Self::Objects(objects) => {
                let members = |members: TextMembers<'a>| {
                    members.into_iter().map(|(name, text)| (name, owned(text))).collect()
                };
                FieldValue::Objects(objects.into_iter().map(members).collect())
            }
            Self::Json(value) => FieldValue::Json(value),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Integer(number) => number.into(),
            Self::Unsigned(number) => number.into(),
            Self::Double(number) => number.into(),
            Self::Boolean(value) => value.into(),
            Self::Words(words) => words.iter().copied().collect(),
            Self::Texts(texts) => texts.into_iter().map(Cow::into_owned).collect(),
            Self::Objects(objects) => {
                let object = |members: TextMembers<'_>| -> Value {
                    members.into_iter().map(|(name, text)| (name.to_owned(), text.into_owned())).collect()
                };
                objects.into_iter().map(object).collect()
            }
            Self::Json(value) => value,
        }
    }

    /// Its items, then another value; what is no list is one item.
    pub(crate) fn joined(self, value: Self) -> Self {
        match (self, value) {
            (Self::Text(first), Self::Text(second)) => Self::Texts(vec![first, second]),
            (Self::Texts(mut texts), Self::Text(text)) => {
                texts.push(text);
                Self::Texts(texts)
            }
            (first, second) => {
                let mut items = match first.into_value() {
                    Value::Array(items) => items,
                    single => vec![single],
                };
                items.push(second.into_value());
                Self::of(Value::Array(items))
            }
        }
    }
}

impl<'a> From<Cow<'a, str>> for FieldValue<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for FieldValue<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<&'static [&'static str]> for FieldValue<'_> {
    fn from(words: &'static [&'static str]) -> Self {
        Self::Words(words)
    }
}

impl<'a> From<Vec<Cow<'a, str>>> for FieldValue<'a> {
    fn from(texts: Vec<Cow<'a, str>>) -> Self {
        Self::Texts(texts)
    }
}

impl<'a> From<Vec<TextMembers<'a>>> for FieldValue<'a> {
    fn from(objects: Vec<TextMembers<'a>>) -> Self {
        Self::Objects(objects)
    }
}

impl From<Vec<Value>> for FieldValue<'_> {
    fn from(items: Vec<Value>) -> Self {
        Self::of(Value::Array(items))
    }
}

impl From<i64> for FieldValue<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<usize> for FieldValue<'_> {
    fn from(number: usize) -> Self {
        Self::Integer(number as i64)
    }
}

impl From<f64> for FieldValue<'_> {
    /// JSON has no number that is not finite.
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Double(number) } else { Self::Json(Value::Null) }
    }
}

impl From<bool> for FieldValue<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
