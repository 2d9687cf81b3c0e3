//! Field types, by the names of Elasticsearch mappings.

use std::fmt;

/// The type of a field, as an Elasticsearch mapping names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    /// An exact text.
    Keyword,
    /// An exact text, the same in every document of an index.
    ConstantKeyword,
    /// An exact text, indexed for wildcard search; it matches as [`FieldType::Keyword`] does.
    Wildcard,
    /// An exact text folded to lower case by the index: a `.caseless` sub-field.
    CaselessKeyword,
    /// An object whose leaves are exact texts.
    Flattened,
    /// An analysed text: tokens and phrases.
    Text,
    /// An analysed text without positions or scoring; it matches as [`FieldType::Text`] does.
    MatchOnlyText,
    /// A 64-bit integer; also stands for `integer`, `short` and `byte`.
    Long,
    /// An unsigned 64-bit integer.
    UnsignedLong,
    /// A floating-point number; also stands for `float`, `half_float` and `scaled_float`.
    Double,
    /// `true` or `false`.
    Boolean,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An instant in milliseconds.
    Date,
    /// An instant in nanoseconds.
    DateNanos,
    /// A software version.
    Version,
    /// An object.
    Object,
    /// A list of objects that keep their fields together.
    Nested,
    /// A type that no query of ours reads (`geo_point`, `binary`, ranges, vectors …).
    Unsupported,
    /// Not in any schema. Texts stay texts, and a number is compared as number wherever both sides are numbers.
    Dynamic,
}

/// What values of a type are like; decides which operators fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeFamily {
    /// Exact texts.
    Text,
    /// Analysed texts.
    AnalysedText,
    /// Integers and floating-point numbers.
    Number,
    /// Booleans.
    Boolean,
    /// Addresses.
    Ip,
    /// Instants.
    Date,
    /// Versions.
    Version,
    /// Nothing a leaf can ask for.
    Other,
    /// Whatever the value is.
    Dynamic,
}

impl FieldType {
    /// Whether any scalar is a value of the type.
    pub fn takes_all(self) -> bool {
        !matches!(self.family(), TypeFamily::Number | TypeFamily::Boolean | TypeFamily::Ip | TypeFamily::Date)
    }

    /// The type that an Elasticsearch mapping calls `name`; `None` for a name that Elasticsearch does not have.
    pub fn from_mapping_name(name: &str) -> Option<Self> {
        Some(match name {
            "keyword" => Self::Keyword,
            "constant_keyword" => Self::ConstantKeyword,
            "wildcard" => Self::Wildcard,
            "flattened" => Self::Flattened,
            "text" => Self::Text,
            "match_only_text" => Self::MatchOnlyText,
            "long" | "integer" | "short" | "byte" => Self::Long,
            "unsigned_long" => Self::UnsignedLong,
            "double" | "float" | "half_float" | "scaled_float" => Self::Double,
            "boolean" => Self::Boolean,
            "ip" => Self::Ip,
            "date" => Self::Date,
            "date_nanos" => Self::DateNanos,
            "version" => Self::Version,
            "object" => Self::Object,
            "nested" => Self::Nested,
            "geo_point" | "geo_shape" | "binary" | "long_range" | "integer_range" | "ip_range"
            | "date_range" | "double_range" | "float_range" | "histogram" | "dense_vector" | "point"
            | "shape" | "completion" | "search_as_you_type" | "token_count" | "percolator"
            | "rank_feature" | "annotated_text" | "semantic_text" | "murmur3" | "join" => Self::Unsupported,
            _ => return None,
        })
    }

    /// The name in a mapping; for types of our own, a word that tells people what it is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::ConstantKeyword => "constant_keyword",
            Self::Wildcard => "wildcard",
            Self::CaselessKeyword => "keyword (caseless)",
            Self::Flattened => "flattened",
            Self::Text => "text",
            Self::MatchOnlyText => "match_only_text",
            Self::Long => "long",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Boolean => "boolean",
            Self::Ip => "ip",
            Self::Date => "date",
            Self::DateNanos => "date_nanos",
            Self::Version => "version",
            Self::Object => "object",
            Self::Nested => "nested",
            Self::Unsupported => "unsupported",
            Self::Dynamic => "dynamic",
        }
    }

    /// What its values are like.
    pub fn family(self) -> TypeFamily {
        match self {
            Self::Keyword
            | Self::ConstantKeyword
            | Self::Wildcard
            | Self::CaselessKeyword
            | Self::Flattened => TypeFamily::Text,
            Self::Text | Self::MatchOnlyText => TypeFamily::AnalysedText,
            Self::Long | Self::UnsignedLong | Self::Double => TypeFamily::Number,
            Self::Boolean => TypeFamily::Boolean,
            Self::Ip => TypeFamily::Ip,
            Self::Date | Self::DateNanos => TypeFamily::Date,
            Self::Version => TypeFamily::Version,
            Self::Object | Self::Nested | Self::Unsupported => TypeFamily::Other,
            Self::Dynamic => TypeFamily::Dynamic,
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
