//! The codes of this language's diagnostics: errors from `KQL001`, warnings and notes from `KQL101`.

watchfire_diagnostics::codes! {
    /// Every code that this language's parser can give, in order.
    pub CODES;
    pub(crate) each;

    QUERY_TOO_LONG = "KQL001", "query too long",
        "The query is longer than the parser accepts (1 MiB). Move long lists of values into an indicator index or a value list.";
    NESTED_TOO_DEEPLY = "KQL002", "nested too deeply",
        "Parentheses, braces and `not` are nested more deeply than 128 levels. Elasticsearch refuses far less (30 levels of `bool` by default).";
    UNCLOSED_QUOTE = "KQL003", "quoted text is not closed",
        "A `\"` has no partner. The usual cause is a path that ends in a backslash: in `\"C:\\\"` the backslash escapes the closing quote; write `\"C:\\\\\"`.";
    INVALID_ESCAPE = "KQL004", "invalid escape",
        "In an unquoted value a backslash must stand before a special character, a keyword, `t`, `r`, `n`, or `u` with four hexadecimal digits. Write `\\\\` for a backslash, or quote the value.";
    UNEXPECTED = "KQL005", "unexpected character",
        "Something stands where the language has no place for it.";
    UNCLOSED_BRACKET = "KQL006", "bracket is not closed",
        "A `(` or `{` has no partner, or the wrong one.";
    MISSING_OPERAND = "KQL007", "a value or condition is missing",
        "Behind `:`, a comparison, `and`, `or` or `not`, or inside brackets, there is nothing.";
    MISSING_FIELD = "KQL008", "field name is missing",
        "A `:` or a comparison has no field name before it. Field names are not allowed to be groups.";
    MISSING_CONNECTIVE = "KQL009", "`and` or `or` is missing",
        "Two conditions or values follow each other. KQL has no default operator between them.";
    KEYWORD_WHITESPACE = "KQL010", "keyword needs white space",
        "`and` and `or` are keywords only with white space on both sides, `not` only with white space behind it.";
    RANGE_AFTER_COLON = "KQL011", "comparison behind `:`",
        "A comparison takes the place of the colon: write `field > 5`, not `field:>5`.";
    MISPLACED_NOT = "KQL012", "`not` inside or before a value",
        "`not` followed by white space ends an unquoted value, even inside a word. Quote the value; to negate, write `not field: value` or `field: (not value)`.";
    REPEATED_NOT = "KQL013", "repeated `not`",
        "Only one `not` may stand before a condition; put parentheses around the inner one. Before a value in a group the detection-rules repository accepts a repeated `not`, Kibana does not.";
    FOREIGN_SYNTAX = "KQL014", "syntax of another language",
        "An operator such as `==`, `&&`, `in` or `like` is not part of KQL. Where it happens to be valid it is plain text that is searched for.";
    UNESCAPED_SPECIAL = "KQL015", "special character in a value",
        "The characters `\\ ( ) : < > \" * { }` must be escaped in an unquoted value. Quoting the value is usually clearer.";
    FIELD_IN_VALUES = "KQL016", "field name inside a value group",
        "A group behind `field:` holds values only. Write the conditions one by one instead.";

    DANGLING_KEYWORD = "KQL101", "keyword read as text",
        "A keyword at the beginning or end of an unquoted value is part of the value: `a: x or` searches for the text `x or`. Remove it, or write `\\or` if it is meant.";
    KEYWORD_CASE = "KQL102", "keyword in upper case",
        "Kibana accepts keywords in any case; the parser of the detection-rules repository refuses all but lower case.";
    PATH_ESCAPE = "KQL103", "escape inside a path",
        "`\\t`, `\\n`, `\\r` and `\\u` with four hexadecimal digits are escapes, also in quotes: `\"C:\\temp\"` holds a tab. Write `\\\\` for each backslash of a path.";
    SINGLE_QUOTES = "KQL104", "single quotes",
        "Single quotes do not quote: they are characters of the value. Use double quotes.";
    NULL_VALUE = "KQL105", "comparison with `null`",
        "`field: null` does not mean that the field is missing, and Elasticsearch refuses it. Write `not field: *`.";
    REPEATED_STAR = "KQL106", "pattern of stars only",
        "Only a lone `*` asks whether a field exists. `**` is a pattern, which strings alone can fit; the detection-rules repository reads it as `*`.";
    QUOTED_STAR = "KQL107", "star inside quotes",
        "Inside quotes `*` is a plain star. Remove the quotes, and escape special characters, if a pattern is meant.";
    QUESTION_MARK = "KQL108", "question mark in a pattern",
        "`?` is a plain character in KQL; only `*` is a wildcard.";
    UNQUOTED_SPACE = "KQL109", "unquoted value with white space",
        "Kibana takes an unquoted value with spaces as one value; the parser of the detection-rules repository refuses it. On text fields, quotes also change the meaning from any word to the whole phrase.";
    FIELD_WHITESPACE = "KQL110", "field name with white space",
        "Everything before the colon is the field name, spaces included. Usually `and` or `or` is missing.";
    CONSTANT_FIELD = "KQL111", "constant as a field name",
        "An unquoted `null`, `true` or `false` is a constant in Kibana even before a colon, where it names no field. Quote it if a field has this name.";
    LONE_SURROGATE = "KQL112", "escape of half a character",
        "`\\ud800` to `\\udfff` are halves of characters beyond U+FFFF and mean something only in pairs. A lone one is read as U+FFFD.";
    NOT_IN_REPOSITORY = "KQL113", "read otherwise by the detection-rules repository",
        "Kibana knows `\\uXXXX` escapes, and allows line breaks inside quotes; the parser of the detection-rules repository does neither.";
    RANGE_VALUE = "KQL114", "comparison with a pattern or constant",
        "A comparison with a pattern, `null` or a boolean has no order to go by, and never holds.";
    EMPTY_QUERY = "KQL115", "empty query",
        "An empty query matches every event. The detection-rules repository refuses it.";
    FURTHER_PROBLEMS = "KQL116", "further problems",
        "The query has more problems than are listed; the message counts the rest.";
    ESCAPED_NOT = "KQL117", "`\\not` is not an escaped keyword",
        "Kibana reads the `\\n` of `\\not` as a line feed before it looks for an escaped keyword. Quote the value. `\\or` and `\\and` work.";
}
