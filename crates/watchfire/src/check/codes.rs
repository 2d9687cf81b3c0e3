//! The codes of what only a whole rule can be told: what its query, its filters, its keys and its data streams are to
//! one another.

watchfire_diagnostics::codes! {
    /// Every code of this part, in order.
    pub(crate) CODES;
    pub(super) each;

    UNKNOWN_FIELD = "CHK001", "unknown field",
        "Neither the Elastic Common Schema nor any of the rule's data streams has a field of this name, as far as they are known here. Most often it is misspelt. Where not all of the data streams are known, it is said only of a name that is almost that of a known field.";
    NOT_GIVEN = "CHK002", "field that no data stream of the rule has",
        "The field exists, but none of the data streams in `index` fills it. What the query asks of it has no effect there.";
    CANNOT_MATCH = "CHK003", "rule cannot match in its data streams",
        "The query needs a field that none of the data streams in `index` fills, so no event of theirs can satisfy it. Add a data stream that has the field, or ask for another one.";
    CONTRADICTION = "CHK004", "condition that no event satisfies",
        "Two parts of a condition exclude each other: the query alone, or the query together with its filters, demands of one field what no event can have at the same time. If it is one side of an `or`, only that side is lost.";
    UNUSABLE_KEY_FIELD = "CHK005", "field cannot be grouped by",
        "A threshold, new terms, suppression and indicator mappings compare whole values. They need a field with values of its own: not an object, and not analysed text.";
    EVERY_EVENT = "CHK006", "rule that is asked of every event",
        "No value of a field has to be there for the condition to hold: it only excludes, or computes, or looks into every field. So each event of its data streams is looked at. Begin with what must be there, such as a category, an action or a name.";
    NO_LITERAL = "CHK007", "pattern without a literal to look for",
        "The pattern begins and ends with a wildcard, or is a regular expression, and has no literal of three characters or more that every matching text holds; and what stands beside it holds of a great part of all events. So it is tried at every place of a great many values. Say more of what is looked for or where it stands, or ask for a name or a path beside it.";
    COMPUTED_FOR_MANY = "CHK008", "expression computed for too many events",
        "A function, or an expression over several fields, is computed event by event, and what stands beside it holds of a great part of all events. Ask for a name, an action or a path beside it.";
    ANY_FIELD = "CHK009", "pattern looked for in every field",
        "A term without a field, with a wildcard, is held against every value of every field. Name the fields that are meant.";
    SAME_CONDITION = "CHK010", "rule that asks the same as another",
        "Two rules look in the same data streams for the same events, whatever else they say of them. Each such event alerts twice. Remove one of them, or tell them apart.";
    SUBSUMED = "CHK011", "rule whose events all fit another rule",
        "Every event that fits this rule also fits the other one, so each alert of this rule comes with one of the other. This is well where the narrow rule has a higher severity or another guide; else one of them is enough. Only what is certain is said: other pairs may overlap too.";
    WITHOUT_EFFECT = "CHK012", "part of a condition that changes nothing",
        "Beside another part this one makes no difference: under `and` it holds wherever the other one does, under `or` it holds only where the other one does. Remove it, or correct it if it was to narrow or widen the condition.";
    DENIED_NOTHING = "CHK013", "denial that drops rows without the field",
        "In ES|QL nothing is neither equal nor unequal: `x != \"a\"`, `NOT x LIKE \"a*\"` and `NOT x IN (…)` are unknown where x is missing, and `WHERE` drops such rows. In KQL and EQL they would be kept.";
    SEVERAL_VALUES = "CHK014", "comparison with a field that has several values",
        "ES|QL compares single values: where a field has several, `==`, `IN` and `LIKE` are unknown, and `WHERE` drops the row. The common schema says of this field that it is a list.";
    NULL_IN_LIST = "CHK015", "null in a list of values",
        "Nothing is equal to a null, so it finds nothing in a list; and `NOT IN` with one is never true.";
    LOST_COLUMN = "CHK016", "key that names a column which the query lost",
        "Suppression, overrides and mappings of an ES|QL rule take their values from the columns of its rows. `STATS` leaves only its keys and what it computes, `KEEP` only what it names. Rows that keep `_id` have the fields of their event beside their columns.";
    LIMITED = "CHK017", "limit that drops what is looked for",
        "`LIMIT` in front of other commands drops events before they are counted or looked at; without `SORT` nobody says which. And Elasticsearch gives 10,000 rows at most, whatever the query says.";
}
