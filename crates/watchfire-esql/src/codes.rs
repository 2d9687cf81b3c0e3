//! The codes of this language's diagnostics.

watchfire_diagnostics::codes! {
    /// Every code that this language's parser can give, in order.
    pub CODES;
    pub(crate) each;

    QUERY_TOO_LONG = "ESQ001", "query too long",
        "The query is longer than Elasticsearch accepts (1,000,000 characters). Move long lists of values into an indicator index.";
    NESTED_TOO_DEEPLY = "ESQ002", "nested too deeply",
        "Parentheses, functions and `NOT` are nested more deeply than 128 levels.";
    UNCLOSED_TEXT = "ESQ003", "text, name or comment is not closed",
        "A `\"`, a `\"\"\"`, a back-quote or a `/*` has no partner. Texts end on the line that they begin on; comments nest.";
    INVALID_ESCAPE = "ESQ004", "invalid escape",
        "In a text in `\"` a backslash must stand before `t`, `n`, `r`, `\"` or a backslash. In a text in `\"\"\"` it is a character like others.";
    UNEXPECTED = "ESQ005", "unexpected text",
        "Something stands where the language has no place for it.";
    MISSING = "ESQ006", "something is missing",
        "A value, a name, a bracket or a command is missing.";
    UNKNOWN_COMMAND = "ESQ007", "unknown command",
        "Behind a `|` there is no command of this name.";
    UNSUPPORTED_COMMAND = "ESQ008", "command is not supported",
        "Elasticsearch has this command, and it is not supported here. No rule in Elastic's set needs it.";
    NO_SOURCE = "ESQ009", "no source",
        "A query begins with `FROM`.";
    NUMBER_OUT_OF_RANGE = "ESQ010", "number out of range",
        "A whole number has at most 64 bits, `LIMIT` takes one that is not negative.";
    FOREIGN_SYNTAX = "ESQ011", "syntax of another language",
        "`=~`, `&&`, `||`, `!`, `in~` and texts in single quotes belong to other languages. ES|QL compares by `==`, joins by `AND`, `OR` and `NOT`, and quotes texts by `\"`.";
    RESERVED_NAME = "ESQ012", "reserved word as a name",
        "A column whose name has a reserved word as a part needs back-quotes: `` `last` ``, `` host.`in` ``.";
    CHAINED_COMPARISON = "ESQ013", "chained comparison",
        "A comparison has no comparison as its side. Write `a < b AND b < c`.";
    PARAMETER = "ESQ014", "parameter",
        "A `?` stands for a value that is sent beside a query. A rule has none to send.";
    MIXED_ARRAY = "ESQ015", "array of several types",
        "An array has numbers, texts or booleans, of one type, and neither nulls nor arrays.";
    FURTHER_PROBLEMS = "ESQ016", "further problems",
        "More problems were found than are listed.";
}
