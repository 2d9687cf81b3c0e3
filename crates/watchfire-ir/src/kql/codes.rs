//! The diagnostics of giving KQL, Lucene queries and Kibana filters their meaning: errors from `KQR001`, warnings from
//! `KQR101`.

watchfire_diagnostics::codes! {
    /// Every code that the lowering of KQL, Lucene queries and filters can give, in order.
    pub CODES;
    pub(crate) each;

    NEEDS_NOW = "KQR001", "a time is needed",
        "The query counts from `now`, but is lowered without a time. Rules take the end of the execution's window.";
    UNSUPPORTED = "KQR002", "unsupported question",
        "The query asks something of a field that is not implemented for fields of its type, such as an order of analysed texts.";
    METADATA_FIELD = "KQR003", "metadata field",
        "Fields such as `_id` and `_index` are no part of an event's document and cannot be searched.";
    OUTSIDE_LIST = "KQR004", "field of a nested list",
        "The field stands in a list of objects mapped as `nested`. Ask for it inside `list: { … }`, which ties all conditions inside to one object of the list.";
    NOT_A_LIST = "KQR005", "not a nested list",
        "Only the name of a field mapped as `nested` may stand before `{ … }`, and inside only fields of that list.";
    BAD_REGEX = "KQR006", "regular expression that cannot be used",
        "The regular expression is not well formed in Lucene's dialect, or exceeds a limit.";
    UNSUPPORTED_CLAUSE = "KQR007", "unsupported clause",
        "The filter holds a clause or an option of Elasticsearch's query language that is not implemented, so the rule cannot run as it is meant.";
    MALFORMED_FILTER = "KQR008", "malformed filter",
        "The filter does not have the form that Kibana or Elasticsearch gives it.";
    TOO_DEEP = "KQR009", "filter nested too deeply",
        "Clauses are nested more deeply than the limit.";

    CANNOT_MATCH = "KQR101", "value that does not fit the field",
        "No value of the field's type can be equal to this value, so the condition is never true. Elasticsearch fails the whole search.";
    PATTERN_WITHOUT_TEXT = "KQR102", "pattern on a field without text",
        "Numbers, dates, booleans and addresses have no text that a pattern could fit. Use a range, or a CIDR block for addresses.";
    PATTERN_WITH_SPACES = "KQR103", "pattern with white space on analysed text",
        "Elasticsearch cuts such a pattern at white space and takes the pieces for alternatives, each to fit one token. Use a quoted phrase, or the exact sub-field.";
    UNKNOWN_FIELD = "KQR104", "unknown field",
        "The mapping has no field of that name, so the condition is never true.";
    OBJECT_VALUE = "KQR105", "value of an object",
        "An object has no value of its own; only fields below it have.";
    NO_WORD = "KQR106", "no word to look for",
        "On an analysed field a value is looked for by its words; this one has none, so the condition is never true.";
    PATTERN_ACROSS_WORDS = "KQR107", "pattern that no token can fit",
        "On an analysed field a pattern is compared with one token at a time, and no token holds the characters of this pattern. Use a quoted phrase, or the exact sub-field.";
    CONTRADICTION = "KQR108", "contradiction",
        "The parts of this condition exclude one another, so it is never true.";
    TOO_MANY_FIELDS = "KQR109", "too many fields",
        "The pattern stands for more fields than are asked each by its own type; their values are compared as text.";
    IMPOSSIBLE_RANGE = "KQR110", "empty range",
        "The lower end of the range lies above its upper end, so the condition is never true.";
    TOO_MANY_DIAGNOSTICS = "KQR199", "further diagnostics left out",
        "More was found than is shown. Settle some, and the rest will be.";
}
