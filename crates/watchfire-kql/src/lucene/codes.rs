//! The codes of Lucene diagnostics: errors from `LUC001`, warnings and notes from `LUC101`.

watchfire_diagnostics::codes! {
    /// Every code that the parser of Lucene queries can give, in order.
    pub CODES;
    pub(crate) each;

    QUERY_TOO_LONG = "LUC001", "query too long",
        "The query is longer than the parser accepts (1 MiB).";
    NESTED_TOO_DEEPLY = "LUC002", "nested too deeply",
        "Parentheses are nested more deeply than 128 levels.";
    UNCLOSED_TEXT = "LUC003", "text is not closed",
        "A quote, the slash of a regular expression or the bracket of a range has no partner. A slash in a path must be escaped.";
    INVALID_ESCAPE = "LUC004", "invalid escape",
        "A backslash stands at the end of the query, or `\\u` without four hexadecimal digits.";
    UNEXPECTED = "LUC005", "unexpected character",
        "Something stands where the language has no place for it. Outside quotes the characters `+ - ! ( ) : ^ [ ] \" { } ~ * ? \\ /` are escaped with a backslash.";
    UNCLOSED_BRACKET = "LUC006", "parenthesis is not closed",
        "A `(` or `)` has no partner.";
    MISSING_OPERAND = "LUC007", "a value or condition is missing",
        "Behind `:` or an operator, or inside parentheses, there is nothing.";
    UNSUPPORTED = "LUC008", "unsupported part of the language",
        "Fuzzy terms (`word~`) and proximity (`\"two words\"~5`) depend on analysis and scoring, and are not supported.";
    MALFORMED_RANGE = "LUC009", "malformed range",
        "A range is written `[low TO high]`, with `{` or `}` for an end that does not belong to it, and `*` for none.";

    LOWER_CASE_KEYWORD = "LUC101", "operator in lower case",
        "Only `AND`, `OR` and `NOT` in upper case are operators; in lower case they are words that are searched for.";
    BOOST = "LUC102", "boost without effect",
        "`^` changes how well an event scores, not whether it matches.";
    EMPTY_QUERY = "LUC103", "empty query",
        "An empty query matches every event.";
    FURTHER_PROBLEMS = "LUC104", "further problems",
        "The query has more problems than are listed; the message counts the rest.";
    OPTIONAL_CLAUSE = "LUC105", "clause without effect",
        "The language has no precedence: beside a clause that `AND` or `+` makes obligatory, one that is joined by `OR` decides nothing. Use parentheses.";
    SLASHES = "LUC106", "slashes read as a regular expression",
        "An unescaped slash begins a regular expression, and the next one ends it. Write `\\/` for each slash of a path, or quote it.";
}
