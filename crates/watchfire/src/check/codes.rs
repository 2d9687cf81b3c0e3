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
}
