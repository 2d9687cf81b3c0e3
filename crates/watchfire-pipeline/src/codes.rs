//! The codes of this crate's diagnostics.

watchfire_diagnostics::codes! {
    /// Every code that settling the names and types of a query can give, in order.
    pub CODES;
    pub(crate) each;

    UNKNOWN_COLUMN = "ESQ101", "unknown column",
        "No index that the query reads has the column, and no command in front made it. Elasticsearch refuses the whole query. A column that the query lost by `KEEP`, `DROP` or `STATS` is unknown from there on, and so is `_id` without `METADATA _id`.";
    UNKNOWN_FUNCTION = "ESQ102", "unknown function",
        "There is no function of this name, or none that is supported here.";
    WRONG_ARGUMENTS = "ESQ103", "wrong number of arguments",
        "The function takes fewer or more arguments.";
    WRONG_TYPE = "ESQ104", "value of a wrong type",
        "ES|QL converts nothing by itself but numbers among each other, and texts in the query beside dates, addresses, versions, truths and spans of time. Write the conversion: `to_long(x)`, `x::long`.";
    MISPLACED_AGGREGATE = "ESQ105", "aggregate at a wrong place",
        "`COUNT`, `MAX`, `VALUES` and their like stand in `STATS` and `INLINE STATS`, and not in each other.";
    NOT_GROUPED = "ESQ106", "column that is no key of the groups",
        "In `STATS` a column stands within an aggregate, or behind `BY`.";
    SEVERAL_TYPES = "ESQ107", "column of several types",
        "The indices map the field with different types. Elasticsearch takes such a column only within a conversion: `to_string(x)`, `x::ip`.";
    UNREADABLE_COLUMN = "ESQ108", "column of a type without values",
        "ES|QL reads no values of the field's type. The column may be kept and dropped, and nothing else.";
    NOT_CONSTANT = "ESQ109", "value that must be constant",
        "Here a value must be written down: it is the same for all rows.";
    INVALID_PATTERN = "ESQ110", "invalid pattern",
        "The pattern of `LIKE`, `RLIKE`, `DISSECT`, `GROK`, `REPLACE` or of a path in JSON cannot be read.";
    INVALID_VALUE = "ESQ111", "invalid value",
        "The text beside a typed column is no value of that type, or an option has a value that it does not take.";
    MISPLACED_SEARCH = "ESQ112", "search at a wrong place",
        "`KQL`, `MATCH` and `:` ask the index. They stand in `WHERE`, in front of commands that make other rows of documents (`STATS`, `LIMIT`, `MV_EXPAND`), and on columns of the index.";
    NO_COLUMN_FITS = "ESQ113", "pattern that no column fits",
        "`KEEP` and `DROP` take patterns of names that at least one column fits.";
    INVALID_SEARCH = "ESQ114", "search that cannot be read",
        "The query within `KQL(…)` has an error of its own.";
    SHADOWED = "ESQ115", "column named twice",
        "Two columns of one `STATS` have the same name. The last one stays; a key stays before an aggregate.";
    FURTHER_PROBLEMS = "ESQ116", "further problems",
        "More problems were found than are listed.";
}
