//! Codes of what can be wrong with the table of a source.

watchfire_diagnostics::codes! {
    /// Every code of tables of sources, in order.
    pub CODES;
    pub(crate) each;
    UNREADABLE = "SRC001", "table of a source cannot be read",
        "The file is no TOML, or lacks or has a key that a table must or cannot have.";
    CONVERSION = "SRC002", "unknown conversion",
        "The third part of a row names how a value is converted; `docs/sources/README.md` lists the conversions.";
    WORDS = "SRC003", "unknown words",
        "A row converts with `words:NAME`, but there is no table `[words.NAME]`.";
    ROW = "SRC004", "malformed row",
        "A row has a raw field, a target, and perhaps a conversion; a row of a look-up has a value for each column.";
    RECOGNITION = "SRC005", "source that nothing is recognised as",
        "Without a `[[recognise]]` test that asks for something, or with one that everything passes, a source cannot be told from others.";
    NAME = "SRC006", "name of a source cannot be used",
        "Names of sources and datasets are in lower case, of letters, digits, `_` and `.`, and no other source has the name.";
    FORM = "SRC007", "unknown form of times",
        "A time is `any`, a number since 1970 with its unit, `filetime`, or a pattern of `strftime`.";
}
