//! Values as the solver chooses them.

use serde_json::{Number, Value as Json};
use watchfire_events::{FieldType, Timestamp, TypeFamily, ValueRef, parse_ip};
use watchfire_ir::{Constant, Predicate};

/// One value of a field, as it stands in a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Unsigned(u64),
    Double(f64),
    Boolean(bool),
}

impl Value {
    /// The value that a constant is; `None` if no document can hold it.
    pub(super) fn of(constant: &Constant) -> Option<Self> {
        Some(match constant {
            Constant::Text(text) => Self::Text(text.to_string()),
            Constant::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => Self::Integer(number),
                (Err(_), Ok(number)) => Self::Unsigned(number),
                (Err(_), Err(_)) => return None,
            },
            Constant::Double(number) => Self::Double(*number),
            Constant::Boolean(value) => Self::Boolean(*value),
            Constant::Ip(address) => Self::Text(address.to_canonical().to_string()),
            Constant::Instant(at) => Self::Text(at.to_iso_millis()),
            Constant::Version(version) => Self::Text(version.as_str().to_owned()),
        })
    }

    /// The text that it is in a column of text.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Unsigned(number) => number.to_string(),
            Self::Double(number) => format!("{number:?}"),
            Self::Boolean(value) => value.to_string(),
        }
    }

    /// In the form of a document.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Unsigned(number) => (*number).into(),
            Self::Double(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::Boolean(value) => (*value).into(),
        }
    }

    /// What `ask` says of the value as a column of this type has it; `None` if such a column cannot hold it.
    pub(super) fn in_column<R>(&self, column: FieldType, ask: impl FnOnce(ValueRef<'_>) -> R) -> Option<R> {
        let number = |value: &Self| match value {
            Self::Integer(number) => Some(ValueRef::Integer(*number)),
            Self::Unsigned(number) => Some(ValueRef::Unsigned(*number)),
            Self::Double(number) => Some(ValueRef::Double(*number)),
            Self::Text(_) | Self::Boolean(_) => None,
        };
        match column.family() {
            TypeFamily::Text | TypeFamily::AnalysedText | TypeFamily::Version | TypeFamily::Dynamic => {
                Some(ask(ValueRef::Text(&self.to_text())))
            }
            TypeFamily::Number => number(self).map(ask),
            TypeFamily::Boolean => match self {
                Self::Boolean(value) => Some(ask(ValueRef::Boolean(*value))),
                _ => None,
            },
            TypeFamily::Ip => match self {
                Self::Text(text) => parse_ip(text).map(|address| ask(ValueRef::Ip(address))),
                _ => None,
            },
            TypeFamily::Date => match self {
                Self::Text(text) => Timestamp::parse(text).map(|at| ask(ValueRef::Instant(at))),
                _ => None,
            },
            TypeFamily::Other => None,
        }
    }

    /// Whether the value, in a column of this type, satisfies the predicate.
    pub(super) fn satisfies(&self, predicate: &Predicate, column: FieldType) -> bool {
        self.in_column(column, |value| predicate.holds(value)).unwrap_or(false)
    }
}
