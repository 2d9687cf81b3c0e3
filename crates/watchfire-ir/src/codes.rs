//! The diagnostics of resolving EQL: codes, titles and explanations.
//!
//! Codes below RES050 are errors; those from RES050 on are warnings about queries that run.

watchfire_diagnostics::codes! {
    /// All diagnostics of resolving EQL, in order of their codes.
    pub CODES;
    pub each;

    UNKNOWN_FIELD = "RES001", "Unknown field",
        "The mapping has no field of that name. Put `?` before the name if the field may be absent.";
    OBJECT_FIELD = "RES002", "Object used as a field",
        "The name is that of an object, which has no value of its own. Name a field below it.";
    NESTED_FIELD = "RES003", "Nested field",
        "Fields of type nested, and fields below one, cannot be used in EQL.";
    UNSUPPORTED_TYPE = "RES004", "Field of an unsupported type",
        "Ranges, geographic points and the like cannot be used in EQL.";
    NO_EXACT_TEXT = "RES005", "Analysed text without an exact sub-field",
        "EQL compares whole values. A field of type text needs a sub-field of type keyword.";
    OPERAND_TYPE = "RES006", "Operand of a wrong type",
        "The operator or function does not take values of that type. `string(…)` and `number(…)` convert.";
    NOT_A_CONDITION = "RES007", "Not a condition",
        "What stands behind `where` and under `and`, `or`, `not` must be true or false.";
    PATTERN_ON_NON_STRING = "RES008", "Pattern on something that is not a string",
        "`:`, `like` and `regex` take strings on both sides. Use `==` for other types, and `cidrMatch` for addresses.";
    FIELD_TO_FIELD = "RES009", "Field compared with a field",
        "Only constants may stand opposite an expression over fields. The rule language of Elastic Defend (behavior \
         rules) and Endgame's EQL can compare fields; Elasticsearch's EQL cannot.";
    MIXED_LIST = "RES010", "List of types that do not fit",
        "All elements of an `in` list have one type, which fits the left side.";
    VALUE_DOES_NOT_FIT = "RES011", "Constant that does not fit the field",
        "The constant cannot be read as a value of the field's type; the search would fail.";
    BAD_PATTERN = "RES012", "Regular expression that cannot be used",
        "The pattern is not well formed in its dialect, or exceeds a limit. A field takes Lucene's dialect, a function \
         Java's.";
    CONSTANT_FAILS = "RES013", "Constant that cannot be computed",
        "Integers do not wrap around, division by zero has no result, and `number` takes the text of a number.";
    NOT_CONSTANT = "RES014", "Constant needed",
        "This argument must be known before the query runs.";
    NO_ORDER = "RES015", "Type without order",
        "Values of this type can be compared by `==` and `!=` only.";
    KEY_TYPES = "RES016", "Keys of different types",
        "The keys at one position must have types that can be equal in every stage.";
    CATEGORY_UNMAPPED = "RES017", "Category field unknown",
        "The event category is read from a field that the mapping does not have. Use `any where`, or name another field.";
    REFUSED_SYNTAX = "RES018", "Construct that does not run",
        "The query holds a construct that is parsed only to be refused.";
    ARGUMENTS = "RES019", "Wrong arguments",
        "The function takes other arguments, or has no form with `~`.";
    WHOLE_TEXT = "RES050", "Analysed text compared as a whole",
        "The field is analysed text without a known exact sub-field. Elasticsearch refuses such a query; here the whole \
         value is compared.";
    CASELESS_FIELD = "RES051", "Field without case",
        "The index folds the field to lower case, and Elasticsearch's EQL refuses it. Here both sides are compared \
         without regard to case.";
    WILDCARD_IN_FUNCTION = "RES052", "Wildcard in `endsWith` or `stringContains`",
        "On a field these functions are run as wildcard patterns: `*` and `?` in the constant are wildcards, and `\\` \
         takes the next character as it is. Write `\\*` for a star.";
    NEVER_HOLDS = "RES053", "Comparison that never holds",
        "No value of the field can satisfy it.";
    CONTRADICTION = "RES054", "Conditions that exclude each other",
        "The field has one value per event, and no value satisfies both conditions.";
    UNKNOWN_CATEGORY = "RES055", "Category that is none of the common schema's",
        "The category is not among the values that the Elastic Common Schema allows in `event.category`.";
    SELECTS_NOTHING = "RES056", "Condition that selects nothing",
        "What is constant in the condition decides it: no event can satisfy it.";
    TOO_MANY_DIAGNOSTICS = "RES099", "Further diagnostics left out",
        "More was found than is shown. Settle some, and the rest will be.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_explain_themselves() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        for info in CODES {
            assert!(!info.title.ends_with('.') && info.explanation.ends_with('.'), "{}", info.code);
        }
    }
}
