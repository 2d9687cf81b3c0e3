//! How the values of a field lie in a table.
//!
//! A field has one shape for ever: the type that the catalogue gives it when a table meets it first, and whether it is a
//! list. Fields that the schema calls arrays are lists (`process.args`); all others are single values, because that is
//! what people want to write in SQL. A row that has several values for such a field, or one that does not fit, has
//! them in the side column [`DIVERTED`] instead, and nothing in the field's own: never half of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use deltalake_core::kernel::{ArrayType, DataType as DeltaType, PrimitiveType, StructField, StructType};
use watchfire_events::{FieldType, FieldTypes, TypeFamily};
use watchfire_ir::{Catalogue, MappedCatalogue};

/// The id of the event.
pub const ID: &str = "_id";
/// Its data stream.
pub const INDEX: &str = "_index";
/// The document, as JSON text.
pub const SOURCE: &str = "_source";
/// The number that the spool gave the event: unique in the lake, rising in the order of arrival.
pub const SEQUENCE: &str = "_seq";
/// What does not fit the field's own columns: a JSON object from field name to all values of the field in the row.
pub const DIVERTED: &str = "_diverted";
/// The day (UTC) of `event.ingested`; tables are partitioned by it.
pub const ARRIVAL_DATE: &str = "arrival_date";
/// When the event happened.
pub const TIMESTAMP: &str = "@timestamp";
/// When it arrived.
pub const INGESTED: &str = "event.ingested";

/// Fields by which investigations look events up: their columns have Bloom filters.
pub const LOOK_UP_FIELDS: [&str; 7] = [
    ID,
    "host.id",
    "process.entity_id",
    "process.parent.entity_id",
    "user.id",
    "source.ip",
    "destination.ip",
];

/// Those of them that are addresses in the Elastic Common Schema: whatever another schema says of them, they are written in canonical
/// form.
pub(crate) const ADDRESS_LOOK_UP_FIELDS: [&str; 2] = ["source.ip", "destination.ip"];

/// Fields that are lists in practice, and of which the Elastic Common Schema says nothing.
const LISTS_BEYOND_ECS: [&str; 7] = [
    "process.Ext.ancestry",
    "winlog.event_data.NewUACList",
    "winlog.event_data.OldUACList",
    "winlog.event_data.PrivilegeList",
    "winlog.event_data.AccessList",
    "winlog.event_data.AccessListDescription",
    "winlog.keywords",
];

/// Columns whose least and greatest values the log of a table has.
pub(crate) const STATISTICS: [&str; 3] = [TIMESTAMP, INGESTED, SEQUENCE];

/// Most columns of a table. What comes beyond goes to the side column: an attacker who makes up names of fields shall
/// not make every commit slow.
pub(crate) const MOST_COLUMNS: usize = 2_000;

/// Longest name of a column in bytes.
const MOST_NAME_BYTES: usize = 512;

/// What decides how fields lie in the tables: the schema catalogue.
pub trait LakeSchema: FieldTypes + Send + Sync {
    /// Whether the schema says that a field has several values.
    fn holds_several(&self, name: &str) -> bool;
}

impl LakeSchema for Catalogue {
    fn holds_several(&self, name: &str) -> bool {
        Self::holds_several(self, name)
    }
}

impl LakeSchema for MappedCatalogue {
    fn holds_several(&self, name: &str) -> bool {
        Self::holds_several(self, name)
    }
}

/// The type of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Texts, addresses in canonical form, versions, and values of fields that no schema knows.
    Text,
    /// Integers.
    Long,
    /// Integers from 0 to 2⁶⁴−1.
    Unsigned,
    /// Floating-point numbers.
    Double,
    /// `true` and `false`.
    Boolean,
    /// Instants, to the microsecond.
    Instant,
}

/// How a field lies in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Of what type its values are.
    pub kind: ValueKind,
    /// Whether a row has a list of them.
    pub list: bool,
}

impl Shape {
    /// The shape of a field that a table has not met yet.
    pub fn of(schema: &dyn LakeSchema, name: &str) -> Self {
        let list = schema.holds_several(name) || LISTS_BEYOND_ECS.contains(&name);
        Self { kind: ValueKind::of(schema.field_type(name)), list }
    }

    /// The shape of a column of a table; `None` if it is none of ours.
    fn of_delta(data_type: &DeltaType) -> Option<Self> {
        let (value, list) = match data_type {
            DeltaType::Array(array) => (array.element_type(), true),
            other => (other, false),
        };
        let DeltaType::Primitive(primitive) = value else { return None };
        let kind = match primitive {
            PrimitiveType::String => ValueKind::Text,
            PrimitiveType::Long => ValueKind::Long,
            PrimitiveType::Decimal(decimal) if (decimal.precision(), decimal.scale()) == (20, 0) => {
                ValueKind::Unsigned
            }
            PrimitiveType::Double => ValueKind::Double,
            PrimitiveType::Boolean => ValueKind::Boolean,
            PrimitiveType::Timestamp => ValueKind::Instant,
            _ => return None,
        };
        Some(Self { kind, list })
    }

    fn to_delta(self) -> DeltaType {
        let value = DeltaType::Primitive(match self.kind {
            ValueKind::Text => PrimitiveType::String,
            ValueKind::Long => PrimitiveType::Long,
            ValueKind::Unsigned => PrimitiveType::decimal(20, 0).expect("a decimal has up to 38 digits"),
            ValueKind::Double => PrimitiveType::Double,
            ValueKind::Boolean => PrimitiveType::Boolean,
            ValueKind::Instant => PrimitiveType::Timestamp,
        });
        if self.list { DeltaType::from(ArrayType::new(value, true)) } else { value }
    }

    /// The Arrow type of its columns in files.
    pub(crate) fn to_arrow(self) -> DataType {
        if self.list { DataType::List(self.kind.element()) } else { self.kind.to_arrow() }
    }
}

impl ValueKind {
    fn of(field_type: FieldType) -> Self {
        match (field_type, field_type.family()) {
            (FieldType::UnsignedLong, _) => Self::Unsigned,
            (FieldType::Long, _) => Self::Long,
            (FieldType::Double, _) => Self::Double,
            (_, TypeFamily::Date) => Self::Instant,
            (_, TypeFamily::Boolean) => Self::Boolean,
            _ => Self::Text,
        }
    }

    pub(crate) fn to_arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Long => DataType::Int64,
            Self::Unsigned => DataType::Decimal128(20, 0),
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// The field of the values of a list.
    pub(crate) fn element(self) -> FieldRef {
        Arc::new(Field::new("element", self.to_arrow(), true))
    }
}

/// The columns of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableColumns {
    by_name: BTreeMap<String, Shape>,
    /// The names in lower case: other readers of tables do not tell columns apart by case.
    lower: BTreeSet<String>,
    /// Columns of types that we did not make.
    foreign: BTreeSet<String>,
}

impl TableColumns {
    /// Those that every table has.
    pub(crate) fn own() -> Self {
        let mut columns = Self::default();
        let text = Shape { kind: ValueKind::Text, list: false };
        for name in [ID, INDEX, SOURCE, DIVERTED] {
            columns.insert(name, text);
        }
        columns.insert(SEQUENCE, Shape { kind: ValueKind::Long, list: false });
        for name in [TIMESTAMP, INGESTED] {
            columns.insert(name, Shape { kind: ValueKind::Instant, list: false });
        }
        columns
    }

    pub(crate) fn of_schema(schema: &StructType) -> Self {
        let mut columns = Self::default();
        for field in schema.fields() {
            if field.name() == ARRIVAL_DATE {
                continue;
            }
            match Shape::of_delta(field.data_type()) {
                Some(shape) => columns.insert(field.name(), shape),
                None => {
                    columns.foreign.insert(field.name().clone());
                    columns.lower.insert(field.name().to_lowercase());
                }
            }
        }
        columns
    }

    pub(crate) fn insert(&mut self, name: &str, shape: Shape) {
        self.lower.insert(name.to_lowercase());
        self.by_name.insert(name.to_owned(), shape);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Shape> {
        self.by_name.get(name).copied()
    }

    /// All that we made, in order of name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Shape)> {
        self.by_name.iter().map(|(name, shape)| (name.as_str(), *shape))
    }

    /// The columns that hold fields of events, and not what the lake says of them.
    pub(crate) fn names_of_fields(&self) -> Vec<String> {
        let own = [ID, INDEX, SOURCE, DIVERTED, SEQUENCE];
        self.by_name.keys().filter(|name| !own.contains(&name.as_str())).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lower.len()
    }

    /// Whether a field that the table does not have can become a column.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.len() < MOST_COLUMNS
            && can_be_named(name)
            && !self.foreign.contains(name)
            && !self.lower.contains(&name.to_lowercase())
    }

    /// The columns as a table declares them.
    pub(crate) fn to_delta(&self) -> Vec<StructField> {
        let shapes = self.by_name.iter().map(|(name, shape)| StructField::nullable(name, shape.to_delta()));
        shapes.chain([StructField::nullable(ARRIVAL_DATE, DeltaType::DATE)]).collect()
    }

    /// The columns that a declared schema lacks.
    pub(crate) fn missing_in(&self, schema: &StructType) -> Vec<StructField> {
        self.to_delta().into_iter().filter(|field| schema.field(field.name()).is_none()).collect()
    }
}

/// Whether a document's field of this name is one of the lake's own.
pub(crate) fn is_reserved(name: &str) -> bool {
    [ID, INDEX, SOURCE, SEQUENCE, DIVERTED].contains(&name) || name.eq_ignore_ascii_case(ARRIVAL_DATE)
}

/// Names of columns have no character that Parquet or Delta give a meaning.
fn can_be_named(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MOST_NAME_BYTES
        && !is_reserved(name)
        && !name.chars().any(|c| c.is_control() || " ,;{}()=`".contains(c))
}
