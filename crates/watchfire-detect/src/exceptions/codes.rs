//! The codes of what exceptions mean.

watchfire_diagnostics::codes! {
    /// Every code about the meaning of exceptions, in order.
    pub CODES;
    pub each;

    DUPLICATE_ITEM = "EXC101", "item id is used twice",
        "Two exception items have the same `item_id`. The first one in the order of files is used, the other one is not. Remove one, or give it an id of its own.";
    ABSENT_VALUE_LIST = "EXC102", "value list is absent",
        "An entry asks for a value list that no file of `--value-lists` stands for. The item is not applied, so more alerts are shown. The id of a list is the name of its file, with or without the extension.";
    CANNOT_APPLY = "EXC103", "item cannot be applied",
        "Something in the item has no meaning: a time that is none, an option that is not `true` or `false`. It is not applied, so more alerts are shown.";
    NEVER_MATCHES = "EXC104", "item that can never match",
        "The entries of an item must all hold at once, and no event satisfies all of these. So the item hides nothing.";
    BACKSLASH = "EXC105", "backslash that escapes",
        "In an entry of type `wildcard` a `\\` takes the next character as it is, so a path is written with two: `C:\\\\Temp\\\\*`. In `C:\\Temp\\*` the asterisk is a mere asterisk. In entries of type `match` and `match_any` a backslash stands for itself, and is written once.";
    LITERAL_WILDCARD = "EXC106", "wildcard that is none",
        "Entries of type `match` and `match_any` compare whole values: `*` and `?` stand for themselves. Use an entry of type `wildcard`.";
    LIST_DOES_NOT_FIT = "EXC107", "value list that does not fit its field",
        "Values of the list are no addresses, and the field holds such; or the list holds addresses, and the field texts, which are compared letter by letter.";
    HIDES_TESTED_EVENT = "EXC108", "exception hides what a test of the rule needs",
        "A test beside the rule expects an alert, and with its exceptions the rule gives none, or fewer. Narrow the item, or change the test if it shows what is to be excepted.";
    NOT_USED = "EXC109", "item that no rule takes",
        "None of the rules names the list of this item, and the file of the item names none of the rules.";
    EXPIRED = "EXC110", "item whose time is over",
        "The item has an `expire_time` in the past, and is not applied. Remove it if it is needed no more.";
    EVERY_EVENT = "EXC111", "item that excepts every event",
        "No entry of the item asks for something that an event could lack. A rule with this item never alerts.";
    NOT_GIVEN = "EXC112", "field that no data stream of the rules has",
        "None of the rules that take this item reads a data stream with this field, so an entry that asks for it never holds there, and one that excludes it always does.";
    ABSENT_LIST = "EXC113", "exception list is absent",
        "A rule names an exception list that no file stands for. The rule runs without it, so more alerts are shown.";
    UNKNOWN_SYSTEM = "EXC114", "operating system that no event names",
        "`os_types` knows `windows`, `linux` and `macos`. Events of an operating system of another name are as good as none.";
}
