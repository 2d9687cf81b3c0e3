//! The types of columns and values (esql-semantics §5).

use std::fmt;

use watchfire_events::FieldType;

/// The type of a column, or of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataType {
    /// The literal `null`, and columns that never have a value.
    Null,
    /// True or false.
    Boolean,
    /// A whole number of 32 bits.
    Integer,
    /// A whole number of 64 bits.
    Long,
    /// A whole number of 64 bits without sign.
    UnsignedLong,
    /// A floating-point number of 64 bits.
    Double,
    /// An exact text.
    Keyword,
    /// An analysed text; as a value it is its whole text.
    Text,
    /// An instant in milliseconds.
    Date,
    /// An instant in nanoseconds.
    DateNanos,
    /// An address.
    Ip,
    /// A software version.
    Version,
    /// A point on earth.
    GeoPoint,
    /// A span of days, months or years of the calendar.
    DatePeriod,
    /// A span of time.
    TimeDuration,
    /// A type whose values are never read.
    Unsupported,
}

impl DataType {
    /// The name that Elasticsearch's answers give the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Long => "long",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Keyword => "keyword",
            Self::Text => "text",
            Self::Date => "date",
            Self::DateNanos => "date_nanos",
            Self::Ip => "ip",
            Self::Version => "version",
            Self::GeoPoint => "geo_point",
            Self::DatePeriod => "date_period",
            Self::TimeDuration => "time_duration",
            Self::Unsupported => "unsupported",
        }
    }

    /// The type behind `::`, in any of its spellings.
    pub fn of_cast(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "boolean" | "bool" => Self::Boolean,
            "integer" | "int" => Self::Integer,
            "long" => Self::Long,
            "unsigned_long" | "ulong" => Self::UnsignedLong,
            "double" => Self::Double,
            "keyword" | "string" => Self::Keyword,
            "text" => Self::Text,
            "date" | "datetime" => Self::Date,
            "date_nanos" => Self::DateNanos,
            "ip" => Self::Ip,
            "version" => Self::Version,
            "geo_point" => Self::GeoPoint,
            "date_period" => Self::DatePeriod,
            "time_duration" => Self::TimeDuration,
            _ => return None,
        })
    }

    /// The type of a column with the values of a mapped field; `None` for objects and lists of objects, which are no columns.
    pub fn of_field(field_type: FieldType) -> Option<Self> {
        Some(match field_type {
            FieldType::Keyword
            | FieldType::ConstantKeyword
            | FieldType::Wildcard
            | FieldType::CaselessKeyword
            | FieldType::Flattened
            | FieldType::Dynamic => Self::Keyword,
            FieldType::Text | FieldType::MatchOnlyText => Self::Text,
            FieldType::Long => Self::Long,
            FieldType::UnsignedLong => Self::UnsignedLong,
            FieldType::Double => Self::Double,
            FieldType::Boolean => Self::Boolean,
            FieldType::Ip => Self::Ip,
            FieldType::Date => Self::Date,
            FieldType::DateNanos => Self::DateNanos,
            FieldType::Version => Self::Version,
            FieldType::Unsupported => Self::Unsupported,
            FieldType::Object | FieldType::Nested => return None,
        })
    }

    /// Whether values are texts.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Keyword | Self::Text)
    }

    /// Whether values are numbers.
    pub fn is_number(self) -> bool {
        self.is_whole() || self == Self::Double
    }

    /// Whether values are whole numbers.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Integer | Self::Long | Self::UnsignedLong)
    }

    /// Whether values are instants.
    pub fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateNanos)
    }

    /// Whether values are spans of time.
    pub fn is_span(self) -> bool {
        matches!(self, Self::DatePeriod | Self::TimeDuration)
    }

    /// The type that results when text passes through a function: functions give `keyword`.
    #[must_use]
    pub fn computed(self) -> Self {
        if self == Self::Text { Self::Keyword } else { self }
    }

    /// The type that values of both have in common without a conversion being written: numbers widen, texts mix, instants
    /// mix, and null is of any type.
    pub fn common(self, other: Self) -> Option<Self> {
        let (a, b) = if self <= other { (self, other) } else { (other, self) };
        match (a, b) {
            _ if a == b => Some(a),
            (Self::Null, known) => Some(known),
            (Self::Integer, Self::Long) => Some(Self::Long),
            (Self::Integer | Self::Long, Self::UnsignedLong) => Some(Self::UnsignedLong),
            (Self::Integer | Self::Long | Self::UnsignedLong, Self::Double) => Some(Self::Double),
            (Self::Keyword, Self::Text) => Some(Self::Keyword),
            (Self::Date, Self::DateNanos) => Some(Self::DateNanos),
            _ => None,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
