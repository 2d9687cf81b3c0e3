//! The queries of an investigation guide: the `[transform]` table of a rule file, and what stands inside the guide's
//! directives (detection-engine §5.1–5.2).

use super::names::named_values;
use super::table::table_type;
use super::{DateMath, FreeForm};

table_type! {
    /// The tables of `[transform]`, to which the guide refers by number.
    Transform {
        /// `$investigate_0` and so on.
        list "investigate" => investigate: Investigation,
        /// `$osquery_0` and so on.
        list "osquery" => osquery: OsqueryHunt,
    }
}

table_type! {
    /// A search around an alert.
    Investigation {
        /// What it shows.
        required "label" => label: String,
        /// More about it.
        optional "description" => description: String,
        /// An OR of ANDs.
        required "providers" => providers: Vec<Vec<Provider>>,
        /// The start of the searched time; *now* is the alert's time.
        optional "relativeFrom" => relative_from: DateMath,
        /// Its end.
        optional "relativeTo" => relative_to: DateMath,
    }
}

named_values! {
    /// What a provider asks of its field.
    QueryType {
        /// It is the value.
        Phrase = "phrase",
        /// It is one of the values: a JSON list inside a string.
        Phrases = "phrases",
        /// It has a value.
        Exists = "exists",
        /// It lies between `gte` and `lt`: a JSON object inside a string.
        Range = "range",
    }
}

named_values! {
    /// The type of a provider's value.
    ValueType { String = "string", Number = "number", Boolean = "boolean" }
}

table_type! {
    /// One condition of an investigation. `{{field}}` in the value stands for the alert's own value.
    Provider {
        /// Whether it must not hold.
        required "excluded" => excluded: bool,
        /// The field.
        text "field" => field: String,
        /// What is asked.
        required "queryType" => query_type: QueryType,
        /// The value, a string, number or boolean.
        required "value" => value: FreeForm,
        /// Its type.
        required "valueType" => value_type: ValueType,
    }
}

table_type! {
    /// An Osquery query to run on the alert's host.
    OsqueryHunt {
        /// What it shows.
        required "label" => label: String,
        /// The query; `{{field}}` stands for the alert's own value.
        required "query" => query: String,
        /// From result columns to ECS fields.
        optional "ecs_mapping" => ecs_mapping: FreeForm,
    }
}
