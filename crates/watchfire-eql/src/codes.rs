//! The diagnostics of EQL: codes, titles and explanations.
//!
//! Codes below EQL060 are about syntax; those from EQL060 on about what is well formed but means nothing; those from
//! EQL080 on name a feature of another dialect, so that a caller can say which one a query needs; those from EQL095 on
//! are warnings.

watchfire_diagnostics::codes! {
    /// All diagnostics of this crate, in order of their codes.
    pub CODES;
    pub each;

    UNEXPECTED_CHARACTER = "EQL001", "Character that means nothing",
        "A character outside of strings and quoted names that no token begins with. Names with other than ASCII \
         letters, digits and `_` are written between back-quotes.";
    STRING_NOT_CLOSED = "EQL002", "String is not closed",
        "A string ends on the line it begins on. A backslash before the closing quotation mark makes it part of the \
         string; a backslash itself is `\\\\`.";
    COMMENT_NOT_CLOSED = "EQL003", "Comment is not closed",
        "A comment begun by `/*` runs to the end of the query. Comments nest, so each `/*` needs its own `*/`.";
    BAD_ESCAPE = "EQL004", "Wrong escape sequence in a string",
        "In `\"…\"` a backslash begins an escape: `\\b \\t \\n \\f \\r \\\" \\' \\\\`, `\\uHHHH` or `\\u{H…}`. Write a \
         backslash as `\\\\`, or the whole as a raw string, `\"\"\"C:\\Windows\"\"\"`.";
    SINGLE_QUOTES = "EQL005", "String in single quotes",
        "Endgame's EQL allowed `'…'`; Elasticsearch's takes `\"…\"` only.";
    OLD_RAW_STRING = "EQL006", "Old form of a raw string",
        "Endgame's EQL wrote raw strings as `?\"…\"`; Elasticsearch's writes `\"\"\"…\"\"\"`.";
    BAD_QUOTED_NAME = "EQL007", "Quoted name is not closed or empty",
        "A name between back-quotes must be closed and hold at least one character. A back-quote inside is doubled.";
    BAD_NUMBER = "EQL008", "Number out of range",
        "The number is larger than a double can hold, or has a form that is not a number.";
    QUERY_TOO_LONG = "EQL009", "Query too long",
        "The query has more bytes than the limit, and was not read.";
    TOO_DEEP = "EQL010", "Query nested too deeply",
        "Parentheses, calls, brackets, `not`, signs and chains of arithmetic nest deeper than the limit. Chains of \
         `and` and `or` do not count, however long.";
    UNEXPECTED_TOKEN = "EQL011", "Unexpected word or sign",
        "Something else is needed at this place; the message says what.";
    NOT_CLOSED = "EQL012", "Bracket is not closed",
        "A `(` or `[` has no partner.";
    KEYWORD_CASE = "EQL013", "Keyword in upper case",
        "Keywords are lower case only. `AND` is read as a name.";
    SINGLE_EQUALS = "EQL014", "`=` as comparison",
        "Elasticsearch's EQL compares with `==`; `=` stands only behind `maxspan` and `runs`. Endgame's EQL took both.";
    CHAINED_COMPARISON = "EQL015", "Chained comparison",
        "A comparison has two sides. Write `1 < a and a < 5` instead of `1 < a < 5`.";
    INFIX_NOT = "EQL016", "`not` before an operator other than `in`",
        "Only `in` and `in~` take `not` before them. Write `not a like \"x\"`, with `not` before the whole.";
    RESERVED_WORD = "EQL017", "Reserved word as a name",
        "Keywords are reserved everywhere, also behind a dot. Put the name between back-quotes.";
    EVENT_QUERY_FORM = "EQL018", "Not of the form `category where condition`",
        "An event query begins with an event category, or `any`, and `where`. A category that is no plain identifier \
         is written as a string.";
    CLAUSE_ORDER = "EQL019", "Clauses in the wrong order",
        "`by` comes first, then `with maxspan=…` or `with runs=…`.";
    MAXSPAN_UNIT = "EQL020", "Unit of `maxspan` is missing or unknown",
        "A time span is a whole number followed by `ms`, `s`, `m`, `h` or `d`.";
    MAXSPAN_VALUE = "EQL021", "`maxspan` is not a positive whole number",
        "Decimal, zero and negative spans are refused. Use a smaller unit.";
    PATTERN_NOT_CONSTANT = "EQL022", "Pattern is not a constant",
        "The right side of `:`, `like` and `regex` is a constant or a list of constants in parentheses.";
    EMPTY_LIST = "EQL023", "Empty list",
        "A list needs at least one element.";
    OPTIONAL_WITHOUT_FIELD = "EQL024", "`?` not before a field",
        "`?` makes the field behind it optional, and has no other meaning.";
    KEY_NOT_A_FIELD = "EQL025", "Key is not a field",
        "What follows `by` are fields, each perhaps with `?` before it. Endgame's EQL took any expression.";
    FOREIGN_OPERATOR = "EQL026", "Operator of another language",
        "The operator is not one of EQL's; the message names the one that is.";
    EMPTY_QUERY = "EQL027", "Empty query",
        "The text holds no query.";
    TRAILING_COMMA = "EQL028", "Comma at the end of a list",
        "The last element of a list has no comma behind it.";
    LIST_BRACKETS = "EQL029", "List without parentheses",
        "The right side of `in` is a list in parentheses, also when it has one element.";
    UNKNOWN_FUNCTION = "EQL060", "Unknown function",
        "There is no function of that name.";
    ARGUMENT_COUNT = "EQL061", "Wrong number of arguments",
        "The function takes another number of arguments.";
    NO_IGNORE_CASE = "EQL062", "`~` behind a function that has no such form",
        "Only `between`, `endsWith`, `indexOf`, `startsWith` and `stringContains` can ignore case.";
    UNKNOWN_PIPE = "EQL063", "Unknown pipe",
        "The pipes are `head` and `tail`.";
    PIPE_ARGUMENT = "EQL064", "Wrong argument of a pipe",
        "`head` and `tail` take one argument, a whole number of at least 0.";
    RUNS_RANGE = "EQL065", "`runs` out of range",
        "`with runs` repeats a stage from 1 to 100 times.";
    MISSING_WITHOUT_MAXSPAN = "EQL066", "Missing event without `maxspan`",
        "`![…]` says that something did not happen in time, so the sequence needs `with maxspan=…`.";
    MISSING_ALONE = "EQL067", "Only missing events",
        "A sequence needs at least one stage that is not `![…]`.";
    TOO_FEW_STAGES = "EQL068", "Too few stages",
        "A sequence or sample has at least two stages; `with runs=n` counts as `n`.";
    SAMPLE_WITHOUT_KEY = "EQL069", "Sample without a key",
        "The events of a sample belong together by their keys, so it needs at least one `by`.";
    KEY_COUNT = "EQL070", "Stages with different numbers of keys",
        "Each stage, and `until`, needs the same number of keys.";
    MISPLACED_CLAUSE = "EQL071", "Clause that does not belong here",
        "`maxspan`, `runs`, `until` and `![…]` belong to sequences; `until` itself takes keys only.";
    JOIN = "EQL080", "`join`",
        "`join` belongs to Endgame's EQL. Use `sample`, or a `sequence` if the order is known.";
    PROCESS_RELATION = "EQL081", "`child of` and `event of`",
        "Process relations belong to Endgame's EQL; there is no such relation in Elasticsearch's.";
    ARRAY_INDEX = "EQL082", "Array index",
        "An array is a set of values here, without positions. A condition holds if it holds of any value.";
    METHOD_CALL = "EQL083", "Method call",
        "`x:length()` belongs to Endgame's EQL. Write `length(x)`.";
    ENDGAME_FUNCTION = "EQL084", "Function of Endgame's EQL",
        "The function exists in Endgame's EQL only; the message names what does the same, where something does.";
    ENDGAME_PIPE = "EQL085", "Pipe of Endgame's EQL",
        "`count`, `filter`, `sort`, `unique` and `unique_count` belong to Endgame's EQL. Only `head` and `tail` run.";
    FORK = "EQL086", "`fork`",
        "`fork` belongs to Endgame's EQL; a partial sequence is used once.";
    DEFEND_DESCENDANT = "EQL087", "`descendant of`, an extension of Elastic Defend",
        "The rule language of Elastic Defend can ask for ancestors of a process; Elasticsearch's EQL cannot.";
    DEFEND_ARRAY_SEARCH = "EQL088", "`_arraysearch`, an extension of Elastic Defend",
        "The rule language of Elastic Defend can test the elements of an array one by one; Elasticsearch's EQL cannot.";
    DEFEND_ALIAS = "EQL089", "`as`, an extension of Elastic Defend",
        "The rule language of Elastic Defend can give a stage a name and use its fields in a later one; Elasticsearch's \
         EQL cannot.";
    DEFEND_EVENT_REFERENCE = "EQL090", "Field of an earlier stage, an extension of Elastic Defend",
        "The rule language of Elastic Defend can compare fields of two stages; Elasticsearch's EQL can only through `by`.";
    DEFEND_VARIABLE = "EQL091", "`$name` outside of `_arraysearch`",
        "A variable stands for the element of the `_arraysearch` around it, an extension of Elastic Defend, and means \
         nothing elsewhere.";
    UPPER_CASE_CONSTANT = "EQL095", "`TRUE`, `FALSE`, `NULL` or `ANY` is a name",
        "Only the lower-case words are constants and the wildcard category; others are names of fields or categories.";
    LITERAL_WILDCARD = "EQL096", "Wildcard under an operator that takes none",
        "`==`, `!=`, `in` and `in~` compare literally: a `*` is a star. Use `:` or `like` for wildcards. Endgame's `==` \
         took them.";
    TOO_MANY_DIAGNOSTICS = "EQL099", "Further diagnostics left out",
        "More problems were found than are shown. Settle some, and the rest will be.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_explain_themselves() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        for info in CODES {
            assert!(info.code.as_str().strip_prefix("EQL").is_some_and(|digits| digits.len() == 3));
            assert!(!info.title.ends_with('.') && info.explanation.ends_with('.'), "{}", info.code);
        }
    }
}
