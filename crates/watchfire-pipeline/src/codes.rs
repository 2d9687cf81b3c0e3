//! The codes of this crate's diagnostics.

watchfire_diagnostics::codes! {
    /// Every code that settling the names and types of a query can give, in order.
    pub CODES;
    pub each;

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
    NOT_CONSTANT = "ESQ107", "value that must be constant",
        "Here a value must be written down: it is the same for all rows.";
    INVALID_PATTERN = "ESQ108", "invalid pattern",
        "The pattern of `LIKE`, `RLIKE`, `DISSECT`, `GROK`, `REPLACE` or of a path in JSON cannot be read.";
    INVALID_VALUE = "ESQ109", "invalid value",
        "The text beside a typed column is no value of that type, or an option has a value that it does not take.";
    MISPLACED_SEARCH = "ESQ110", "search at a wrong place",
        "`KQL`, `MATCH` and `:` ask the index. They stand in `WHERE`, in front of commands that make other rows of documents (`STATS`, `LIMIT`, `MV_EXPAND`), and on columns of the index.";
    NO_COLUMN_FITS = "ESQ111", "pattern that no column fits",
        "`KEEP` and `DROP` take patterns of names that at least one column fits.";
    INVALID_SEARCH = "ESQ112", "search that cannot be read",
        "The query within `KQL(…)` has an error of its own.";
    SHADOWED = "ESQ113", "column named twice",
        "Two columns of one `STATS` have the same name. The last one stays; a key stays before an aggregate.";
    UNKNOWN_FIELD = "ESQ114", "field that no schema knows",
        "No schema has the field, so nobody knows its type, and whether any source has it. Elasticsearch refuses a query whose field no index maps. `--mapping` or a source table tells of fields of your own.";
    FURTHER_PROBLEMS = "ESQ115", "further problems",
        "More problems were found than are listed.";
    SEVERAL_TYPES = "ESQ116", "field of several types",
        "Indices that the query reads map the field differently, so that its values cannot be compared. Say which type is meant, by a conversion: `TO_IP(x)`, `x::keyword`. Kept or dropped it may be as it is, and then has no value in the answer.";
}
