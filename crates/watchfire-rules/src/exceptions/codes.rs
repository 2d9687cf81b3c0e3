//! The codes of reading exceptions and value lists; what they mean has codes from `EXC101` on.

watchfire_diagnostics::codes! {
    /// Every code of reading exceptions and value lists, in order.
    pub CODES;
    pub(crate) each;

    NO_EXCEPTIONS = "EXC001", "no exceptions found",
        "The file or folder holds no exception list and no exception item. Check the path.";
    UNREADABLE = "EXC002", "exceptions or value list cannot be read",
        "The operating system refused to give the file, or it is not UTF-8, or too large. Check that it exists and may be read.";
    UNKNOWN_OBJECT = "EXC003", "object of unknown kind",
        "An exception list has a `list_id` and one of the list types, an item has `entries`. This object is neither, nor a rule, a connector or the summary of an export, and is left out.";
    BAD_DIRECTIVE = "EXC004", "first line of a value list cannot be read",
        "A first line `# watchfire: …` says what the values of the list are: `type=` with `keyword`, `ip`, `ip_range` or `text`, `case_insensitive`, `wildcards`.";
    BAD_VALUE = "EXC005", "value does not fit the type of its list",
        "The values of a list of type `ip` are addresses and CIDR blocks, those of one of type `ip_range` blocks and ranges `first-last`. Others are left out.";
    DUPLICATE_LIST = "EXC006", "value list is there twice",
        "Two files stand for a value list of the same id. The first one in the order of files is used.";
}
