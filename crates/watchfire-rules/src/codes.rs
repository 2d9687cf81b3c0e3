//! The codes of this crate's diagnostics: reading from `RUL001`, lint from `LNT001`.

watchfire_diagnostics::codes! {
    /// Every code this crate can give, in order.
    pub CODES;
    pub each;

    TOML_SYNTAX = "RUL001", "not valid TOML",
        "The file cannot be read as TOML. A frequent cause in rules is a backslash in a `\"…\"` string: put queries and paths into `'''…'''`, where backslashes stand for themselves.";
    JSON_SYNTAX = "RUL002", "not valid JSON",
        "The text cannot be read as JSON. In NDJSON every line is one complete JSON object.";
    UNKNOWN_KEY = "RUL003", "unknown key",
        "No rule has a key of this name, so it has no effect. Most often it is misspelt, or stands in the wrong table.";
    MISSING_KEY = "RUL004", "required key is missing",
        "The rule cannot be used without this key, or not as a rule of its type.";
    WRONG_TYPE = "RUL005", "wrong type of value",
        "The key needs another kind of value, for example a list of strings instead of one string.";
    BAD_VALUE = "RUL006", "value is not allowed",
        "The value has the right type but is none of those the key can have: a severity, a risk score from 0 to 100, an interval such as `5m`.";
    NOT_A_RULE = "RUL007", "not a detection rule",
        "The file is well formed, but it holds something else. The behavior rules of Elastic Defend run inside the endpoint sensor, in a larger EQL dialect, and have no `rule_id`, `risk_score` or schedule.";
    KEY_OF_OTHER_TYPE = "RUL008", "key of another rule type",
        "Rules of this type do not have the key, so it has no effect. Remove it, or change the rule's `type`.";
    UNREADABLE = "RUL009", "file cannot be read",
        "The operating system refused to give the file or folder. Check that it exists and may be read.";
    NOT_UTF8 = "RUL010", "file is not UTF-8",
        "Rule files are UTF-8 text. A file in UTF-16 (from Windows tools) has to be converted first.";
    DUPLICATE_RULE = "RUL011", "rule id is used twice",
        "Two rules have the same `rule_id`. The first one in the order of files is used, the other one is not. Remove one, or give the copy an id of its own.";
    NO_RULES = "RUL012", "no rules found",
        "The folder, or the file, holds no detection rule at all. Check the path.";
    TOO_LARGE = "RUL013", "too large",
        "The file has more bytes, more rules or deeper folders than this reader accepts. Split it.";
    DUPLICATE_KEY = "RUL014", "key occurs twice",
        "The same JSON object has the key twice; the last value counts. Remove one of them.";
    UNKNOWN_LINE = "RUL015", "line of unknown kind",
        "A line of an export is a rule, an exception list (`list_id` and a list type), an exception item (`item_id`), a connector (`type` `action`) or the summary. This one is none of them, and is left out.";
    SUMMARY_DIFFERS = "RUL016", "summary does not fit the export",
        "The last line of the export counts more or fewer objects than the file holds. The export may be cut off.";
    BAD_DIRECTIVE = "RUL017", "guide directive cannot be read",
        "A `!{investigate{…}}` or `!{osquery{…}}` directive in the investigation guide is not valid. It is shown as text; the rest of the guide works.";
    NO_TABLE = "RUL018", "placeholder without a table",
        "The guide names `$investigate_N` or `$osquery_N`, but `[transform]` has no table of that number (they count from 0). The placeholder stays in the text as it is.";
    BAD_TEST_EVENT = "RUL019", "test event cannot be read",
        "`events` of a rule test is a string of JSON objects, one after another, each one document that names its data stream or inherits one.";
    FURTHER_PROBLEMS = "RUL020", "further problems",
        "So much is wrong that only the first problems are shown. Settle these, and read the file again.";

    SCHEDULE_FORM = "LNT001", "unusual form of schedule",
        "The detection-rules repository writes `from` as `now-` with a number and one unit, such as `now-9m`. Dates, rounding and several steps work, but it refuses them.";
    SEVERITY_AND_RISK = "LNT002", "severity does not fit the risk score",
        "Low goes with 0 to 21, medium with 22 to 47, high with 48 to 73, critical with 74 to 100.";
    TOO_MANY_SIGNALS = "LNT003", "`max_signals` beyond the usual server limit",
        "A server makes at most 1000 alerts an execution unless its administrator raised `xpack.alerting.rules.run.alerts.max`, so a higher value promises what it may not keep.";
    SIGNALS_NOT_EXPLAINED = "LNT004", "`max_signals` of 1000 is not explained",
        "A rule that makes 1000 alerts an execution reaches the server's own limit. Its `setup` should mention `max_signals`, so that whoever installs it can adjust both.";
    TIMESTAMP_OVERRIDE = "LNT005", "no `timestamp_override`",
        "Without `timestamp_override = \"event.ingested\"` events that arrive late are never searched. Every KQL rule, and every EQL rule that is not a sequence, should have it.";
    NO_LOOK_BACK = "LNT006", "Elastic Defend rule without `from`",
        "Endpoints deliver their events with a delay. A rule over `logs-endpoint.events.*` should state its look-back, usually `from = \"now-9m\"`.";
    SHORT_LOOK_BACK = "LNT007", "look-back shorter than the sequence",
        "A sequence longer than the window is never seen whole. `from` should reach back at least as far as `maxspan` less 10 minutes.";
    SHORT_INTERVAL = "LNT008", "interval short for the sequence",
        "Executions that follow each other much faster than `maxspan` search the same events over and over. `interval` should be at least half of `maxspan`.";
    BUILDING_BLOCK_SCHEDULE = "LNT009", "building block runs too often",
        "Building-block rules run at most hourly with some overlap: `interval` of 60 minutes or more and `from` at `now-119m` or earlier, unless `bypass_bbr_timing` is set in `[metadata]`.";
    ESQL_IDENTITY = "LNT010", "ES|QL rule without document identity",
        "An ES|QL query without `STATS` makes an alert of each row. It needs `METADATA _id, _version, _index` behind `FROM`, so that the same event does not alert twice, and a `KEEP` that says what the alert holds, `_id` among it.";
    SUPPRESSED_SEQUENCE = "LNT011", "sequence with alert suppression",
        "The detection-rules repository does not accept `alert_suppression` on sequences.";
    NEGATED_MAPPING = "LNT012", "indicator mapping of negated entries only",
        "Entries with `negate` narrow the other entries of their group. A group needs at least one entry without it.";
    UNUSED_TABLE = "LNT013", "table of `[transform]` is not used",
        "The guide has no placeholder for this table, so its query is never shown. Add `$investigate_N` or `$osquery_N` where it helps, or remove the table.";
    TECHNIQUE_IDENTITY = "LNT014", "ATT&CK id, parent and reference disagree",
        "Tactic ids look like `TA0002`, techniques like `T1059`, sub-techniques like `T1059.001` under their own technique, and the reference ends in the id.";
    SPLIT_SEQUENCE = "LNT015", "sequence that falls between two executions",
        "An execution sees only the events of its own window. A sequence is seen whole by some execution, whenever it begins, if `from` looks back at least `interval` and `maxspan` together. A scan over files has one window, and a run that keeps begun sequences loses none.";
}
