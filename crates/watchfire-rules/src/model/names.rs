//! Closed sets of names, such as the severities: an enum, its texts, and a helpful refusal of any other text.

use std::fmt;

use watchfire_diagnostics::closest;

/// A text that is none of the names its key can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownName {
    found: String,
    allowed: &'static [&'static str],
}

impl UnknownName {
    pub(crate) fn new(found: &str, allowed: &'static [&'static str]) -> Self {
        Self { found: found.to_owned(), allowed }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is none of ", self.found)?;
        for (index, name) in self.allowed.iter().enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        match closest(&self.found, self.allowed.iter().copied()) {
            Some(candidate) => write!(f, "; did you mean `{candidate}`?"),
            None => Ok(()),
        }
    }
}

/// Declares an enum with the text of each value, readable from documents and writable as JSON.
macro_rules! named_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$value_doc])* $value),* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The text of the value, as rules write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$value),)*
                    _ => Err($crate::model::UnknownName::new(text, &[$($text),*])),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        $crate::document::reader::from_node_by_text!($name);
    };
}
pub(crate) use named_values;
