//! Declares the model's structs: their fields, the keys they are read from, and what an absent key means, in one place.
//!
//! ```text
//! table_type! {
//!     /// A bucket's size.
//!     Cardinality {
//!         /// The field that is counted.
//!         text "field" => field: String,
//!         /// The least number of distinct values.
//!         required "value" => value: u64,
//!     }
//! }
//! ```
//!
//! | word | field's type | key absent | written as JSON |
//! |---|---|---|---|
//! | `text` | `String` | error, also if blank | always |
//! | `required` | `T` | error | always |
//! | `optional` | `Option<T>` | `None` | if there |
//! | `nullable` | `Option<T>` | `None` | always, `null` for `None` |
//! | `list` | `Vec<T>` | empty | always |
//! | `flat` | `T`, itself a table type | its keys are read from the same table | its keys among the others |

macro_rules! table_type {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $how:ident $key:literal => $field:ident: $type:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $crate::model::table::table_type!(@type $how $type)),*
        }

        impl $name {
            /// The keys it is read from; an empty text stands for those of a type that is `flat` in it.
            #[allow(dead_code, reason = "asked for where several types share one table")]
            pub(crate) const KEYS: &'static [&'static str] = &[$($key),*];

            /// Reads the keys from a table that may have others as well. All of them are read before the first one
            /// that is missing or wrong makes the whole `None`.
            pub(crate) fn read(
                reader: &mut $crate::document::reader::TableReader<'_>,
                cx: &mut $crate::document::reader::Context<'_>,
            ) -> Option<Self> {
                $(let $field = $crate::model::table::table_type!(@read $how reader cx $key $type);)*
                Some(Self { $($field: $crate::model::table::table_type!(@value $how $field)),* })
            }

            /// Writes the keys into an object that may have others as well.
            pub(crate) fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $($crate::model::table::table_type!(@write $how map $key self.$field);)*
                Ok(())
            }
        }

        impl $crate::document::reader::FromNode for $name {
            fn from_node(
                node: &$crate::document::Node,
                path: &str,
                cx: &mut $crate::document::reader::Context<'_>,
            ) -> Option<Self> {
                let mut reader = $crate::document::reader::TableReader::new(node, path, cx)?;
                let value = Self::read(&mut reader, cx);
                reader.finish(cx);
                value
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                self.write(&mut map)?;
                map.end()
            }
        }
    };

    (@type text $type:ty) => { $type };
    (@type required $type:ty) => { $type };
    (@type optional $type:ty) => { Option<$type> };
    (@type nullable $type:ty) => { Option<$type> };
    (@type list $type:ty) => { Vec<$type> };
    (@type flat $type:ty) => { $type };

    (@read text $reader:ident $cx:ident $key:literal $type:ty) => { $reader.required_text($key, $cx) };
    (@read required $reader:ident $cx:ident $key:literal $type:ty) => { $reader.required::<$type>($key, $cx) };
    (@read optional $reader:ident $cx:ident $key:literal $type:ty) => { $reader.optional::<$type>($key, $cx) };
    (@read nullable $reader:ident $cx:ident $key:literal $type:ty) => { $reader.optional::<$type>($key, $cx) };
    (@read list $reader:ident $cx:ident $key:literal $type:ty) => {
        $reader.optional::<Vec<$type>>($key, $cx).unwrap_or_default()
    };
    (@read flat $reader:ident $cx:ident $key:literal $type:ty) => { <$type>::read($reader, $cx) };

    (@value text $field:ident) => { $field? };
    (@value required $field:ident) => { $field? };
    (@value optional $field:ident) => { $field };
    (@value nullable $field:ident) => { $field };
    (@value list $field:ident) => { $field };
    (@value flat $field:ident) => { $field? };

    (@write optional $map:ident $key:literal $value:expr) => {
        if let Some(value) = &$value {
            $map.serialize_entry($key, value)?;
        }
    };
    (@write flat $map:ident $key:literal $value:expr) => { $value.write($map)? };
    (@write $how:ident $map:ident $key:literal $value:expr) => { $map.serialize_entry($key, &$value)? };
}
pub(crate) use table_type;
