//! Compares what the normaliser makes of fixtures with what the reference pipelines made of them, field by field.
//!
//! The rules are those of the fixtures' own README ("What to compare"), with one of ours: GUIDs are compared without
//! case and braces, because all forms of an event get one spelling here (sources §0.3 rule a).
//!

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use watchfire_events::{BatchBuilder, Place, Timestamp, flatten, get_field};
use watchfire_ir::Catalogue;
use watchfire_sources::normalise::tables::builtin;
use watchfire_sources::normalise::{
    NormaliseOptions, Normalised, RawInput, RawPayload, SourceKind, catalogue, fields, normalise,
};
use watchfire_test_support::{read_json_lines, read_text};

/// Fixture sets: the name, the source that its records are published as, and how records and documents are found.
const SETS: &[(&str, Option<SourceKind>, Layout<'static>)] = &[
    ("windows.sysmon_operational", None, Layout::Pairs("windows.sysmon_operational")),
    ("system.security", None, Layout::Pairs("system.security")),
    ("windows.powershell", None, Layout::Pairs("windows.powershell")),
    ("windows.powershell_operational", None, Layout::Pairs("windows.powershell_operational")),
    ("windows.forwarded", Some(SourceKind::WindowsForwarded), Layout::Pairs("windows.forwarded")),
    ("windows.windows_defender", None, Layout::Pairs("windows.windows_defender")),
    ("winlogbeat/sysmon", Some(SourceKind::Winlogbeat), Layout::Pairs("winlogbeat/sysmon")),
    ("winlogbeat/security", Some(SourceKind::Winlogbeat), Layout::Pairs("winlogbeat/security")),
    ("winlogbeat/powershell", Some(SourceKind::Winlogbeat), Layout::Pairs("winlogbeat/powershell")),
    ("winlogbeat/evtx", Some(SourceKind::Winlogbeat), Layout::Evtx("winlogbeat")),
    (
        "windows.forms/evtx-crate-json",
        Some(SourceKind::Winlogbeat),
        Layout::Files(
            "windows.forms/evtx-crate-json.raw.ndjson",
            "windows.forms/evtx-crate-json.expected.ndjson",
        ),
    ),
    (
        "windows.forms/evtx-xml",
        Some(SourceKind::Winlogbeat),
        Layout::Files("windows.forms/evtx-xml.raw.ndjson", "windows.forms/evtx-crate-json.expected.ndjson"),
    ),
    ("endpoint", None, Layout::Pairs("endpoint")),
    (AUDIT_LINES, None, Layout::AuditLines("auditd_manager.auditd")),
];

/// Records with which the reference's pipeline is tested though what distributes records never gives them to it: they
/// say that they are of another source. They are mapped as the one of their set here as well.
const OF_OTHER_SOURCES: &[(&str, &[&str])] = &[
    (
        "azure.activitylogs",
        &["test-activitylogs-edgecases:2", "test-activitylogs-edgecases:3", "test-activitylogs-identity:1"],
    ),
    ("google_workspace.device", &["test-device:1"]),
    ("google_workspace.group_enterprise", &["test-group-enterprise:1"]),
];

/// Data sets that are lines of logs.
const LOGS: &[&str] = &["auditd.log", "system.auth", "system.syslog"];

/// Audit events, as the lines that the agent of the reference put together.
const AUDIT_LINES: &str = "auditd_manager.auditd/lines";

enum Layout<'a> {
    /// All pairs of a folder.
    Pairs(&'a str),
    /// Two files.
    Files(&'static str, &'static str),
    /// The lines within the records of a folder, and its documents.
    AuditLines(&'static str),
    /// Binary logs, whose documents are in the sibling folders under the same name, told apart by record id.
    Evtx(&'static str),
}

/// One raw record, and the document that the reference made of it.
struct Pair {
    label: String,
    raw: RawPayload,
    expected: Map<String, Value>,
}

/// What the comparison of a set found.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) set: String,
    pub(crate) documents: usize,
    pub(crate) equal: usize,
    pub(crate) optional_equal: usize,
    pub(crate) optional: usize,
    pub(crate) differences: Vec<Difference>,
    /// Documents of another dataset than the set is of.
    pub(crate) of_other_source: Vec<String>,
    /// Documents without the constants of their data stream.
    pub(crate) without_stream_fields: Vec<String>,
    /// Fields of our documents that the table of their source does not list, with the document.
    pub(crate) unlisted: Vec<String>,
    /// Fields of our documents with a value that does not fit their type, with the document.
    pub(crate) misfits: Vec<String>,
}

/// A field of the reference's document that ours has not, or has otherwise.
pub(crate) struct Difference {
    pub(crate) label: String,
    pub(crate) field: String,
    pub(crate) expected: Value,
    pub(crate) found: Option<Value>,
}

impl Comparison {
    pub(crate) fn expected(&self) -> usize {
        self.equal + self.differences.len()
    }

    pub(crate) fn percent(&self) -> f64 {
        if self.expected() == 0 { 100.0 } else { 100.0 * self.equal as f64 / self.expected() as f64 }
    }

    pub(crate) fn missing(&self) -> usize {
        self.differences.iter().filter(|difference| difference.found.is_none()).count()
    }
}

/// Compares all sets below the folder of fixtures.
pub(crate) fn compare_all(fixtures: &Path) -> Vec<Comparison> {
    let mut comparisons: Vec<Comparison> = SETS
        .iter()
        .map(|(set, source, layout)| {
            let mut comparison = Comparison { set: (*set).to_owned(), ..Comparison::default() };
            for pair in pairs(fixtures, layout) {
                compare(pair, *source, &mut comparison);
            }
            comparison
        })
        .collect();
    for set in sets_of_tables(fixtures) {
        let mut comparison = Comparison { set: set.clone(), ..Comparison::default() };
        let of_others = OF_OTHER_SOURCES.iter().filter(|(of, _)| *of == set).flat_map(|(_, labels)| *labels);
        let of_others: BTreeSet<&str> = of_others.copied().collect();
        // Lines of a log do not say which data set they are published as.
        let is_log = LOGS.contains(&set.as_str());
        for pair in pairs(fixtures, &Layout::Pairs(&set)) {
            let is_forced = is_log || of_others.contains(pair.label.as_str());
            let forced = is_forced.then(|| set.parse().expect("a source"));
            compare(pair, forced, &mut comparison);
        }
        comparisons.push(comparison);
    }
    comparisons
}

/// The folders whose records a table maps: each is named as its dataset.
fn sets_of_tables(fixtures: &Path) -> Vec<String> {
    let patterns: Vec<String> = builtin()
        .iter()
        .filter_map(|table| {
            let pattern = table.fields().data_stream_pattern.strip_prefix("logs-")?;
            Some(pattern.trim_end_matches("-*").to_owned())
        })
        .collect();
    let entries =
        std::fs::read_dir(fixtures).unwrap_or_else(|error| panic!("{}: {error}", fixtures.display()));
    let mut sets: Vec<String> = entries
        .map(|entry| entry.expect("a folder entry").file_name().to_string_lossy().into_owned())
        .filter(|name| {
            patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => pattern == name,
            })
        })
        .filter(|name| !files(&fixtures.join(name), ".expected.ndjson").is_empty())
        .collect();
    sets.sort();
    sets
}

fn pairs(fixtures: &Path, layout: &Layout<'_>) -> Vec<Pair> {
    match layout {
        Layout::Pairs(folder) => {
            let folder = fixtures.join(folder);
            let mut raws = files(&folder, ".raw.ndjson");
            raws.extend(files(&folder, ".raw.log"));
            // Some folders have records of a later version of the reference apart.
            if folder.join("recent").is_dir() {
                raws.extend(files(&folder.join("recent"), ".raw.ndjson"));
            }
            raws.sort();
            let all = raws.into_iter().flat_map(|raw| {
                let expected = raw.to_string_lossy().replace(".raw.ndjson", ".expected.ndjson");
                paired_lines(&raw, Path::new(&expected.replace(".raw.log", ".expected.ndjson")))
            });
            all.collect()
        }
        Layout::Files(raw, expected) => paired_lines(&fixtures.join(raw), &fixtures.join(expected)),
        Layout::AuditLines(folder) => {
            let mut pairs = pairs(fixtures, &Layout::Pairs(folder));
            for pair in &mut pairs {
                let RawPayload::Json(record) = &pair.raw else { panic!("{}: no JSON", pair.label) };
                pair.raw = RawPayload::Json(json!({ "messages": record["event"]["original"] }));
            }
            pairs
        }
        Layout::Evtx(folder) => {
            let mut logs = files(&fixtures.join(folder).join("evtx"), ".evtx");
            logs.sort();
            logs.iter().flat_map(|log| evtx_pairs(&fixtures.join(folder), log)).collect()
        }
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a folder entry").path());
    paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

fn paired_lines(raw: &Path, expected: &Path) -> Vec<Pair> {
    let stem = raw.file_name().expect("a file name").to_string_lossy().replace(".raw.ndjson", "");
    let raws = match raw.extension() {
        Some(extension) if extension == "log" => {
            read_text(raw).lines().map(|line| json!({ "message": line })).collect()
        }
        _ => read_json_lines(raw),
    };
    let documents = read_json_lines(expected);
    assert_eq!(raws.len(), documents.len(), "{}", raw.display());
    let both = raws.into_iter().zip(documents).enumerate();
    let pairs = both.map(|(at, (raw, expected))| Pair {
        label: format!("{stem}:{}", at + 1),
        raw: match raw {
            Value::String(xml) => RawPayload::WindowsXml(xml),
            other => RawPayload::Json(other),
        },
        expected: object(expected),
    });
    pairs.collect()
}

fn evtx_pairs(folder: &Path, log: &Path) -> Vec<Pair> {
    let stem = log.file_stem().expect("a file stem").to_string_lossy().into_owned();
    let expected = ["security", "sysmon", "powershell"]
        .iter()
        .map(|module| folder.join(module).join(format!("{stem}.expected.ndjson")))
        .find(|path| path.exists());
    let Some(expected) = expected else {
        return Vec::new();
    };
    let mut records = BTreeMap::new();
    let mut parser = evtx::EvtxParser::from_path(log).expect("an EVTX file");
    for record in parser.records_json_value() {
        let record = record.expect("a readable record");
        // The id inside the event is the one that Winlogbeat writes; exported logs number their records anew outside.
        let id = record.data.pointer("/Event/System/EventRecordID").map(text_of).unwrap_or_default();
        records.insert(id, record.data);
    }
    let documents = read_json_lines(&expected).into_iter().map(object);
    let pairs = documents.filter_map(|expected| {
        let id = text_of(get_field(&expected, "winlog.record_id")?);
        let raw = records.get(&id)?.clone();
        Some(Pair { label: format!("{stem}#{id}"), raw: RawPayload::Json(raw), expected })
    });
    pairs.collect()
}

fn normalised(raw: RawPayload, label: &str, source: Option<SourceKind>) -> Normalised {
    let place = Place { input: label.into(), record: 1, line: None, offset: None };
    let raw = RawInput::bare(raw, place, &"fixtures".into());
    // The year of the fixtures' making, and the zone that the reference's tests of this source are run in.
    let is_syslog = source.is_some_and(|source| source.name() == "system.syslog");
    let time_zone = is_syslog.then(|| jiff::tz::TimeZone::fixed(jiff::tz::offset(-2)));
    let options = NormaliseOptions { source, year: Some(2024), time_zone, ..NormaliseOptions::default() };
    normalise(raw, &options).unwrap_or_else(|error| panic!("{label}: {error}"))
}

fn compare(pair: Pair, source: Option<SourceKind>, comparison: &mut Comparison) {
    comparison.documents += 1;
    let normalised = normalised(pair.raw, &pair.label, source);
    comparison.unlisted.extend(unlisted(&normalised).map(|name| format!("{}: {name}", pair.label)));
    comparison.misfits.extend(misfits(&normalised).map(|name| format!("{}: {name}", pair.label)));
    let document = &normalised.event.document;
    if let SourceKind::Table(_) | SourceKind::Unrecognised | SourceKind::Ecs = normalised.source {
        let dataset = get_field(document, "event.dataset").map(text_of).unwrap_or_default();
        if dataset != comparison.set && comparison.set != "endpoint" && comparison.set != AUDIT_LINES {
            comparison
                .of_other_source
                .push(format!("{}: is `{dataset}` ({})", pair.label, normalised.source));
        }
    }
    if source != Some(SourceKind::Winlogbeat) {
        let constants = [
            "event.dataset",
            "event.module",
            "data_stream.type",
            "data_stream.dataset",
            "data_stream.namespace",
        ];
        if constants.iter().any(|name| get_field(document, name).is_none()) {
            comparison.without_stream_fields.push(pair.label.clone());
        }
    }
    let rendered_task = get_field(&pair.expected, "winlog.task").map(text_of);
    let mut expected = Vec::new();
    leaves(&pair.expected, "", &mut expected);
    for (field, value) in expected {
        if is_left_out(&field) || is_left_out_of(&comparison.set, &field, value) {
            continue;
        }
        let found = get_field(document, &field);
        let equal = found.is_some_and(|found| same(&field, value, found));
        let is_task_as_action = field == "event.action" && rendered_task.as_ref() == Some(&text_of(value));
        if is_optional(&field) || (is_task_as_action && !equal) {
            comparison.optional += 1;
            comparison.optional_equal += usize::from(equal);
        } else if equal {
            comparison.equal += 1;
        } else {
            comparison.differences.push(Difference {
                label: pair.label.clone(),
                field,
                expected: value.clone(),
                found: found.cloned(),
            });
        }
    }
}

/// The fields of a document that the table of its source does not list, but those that records bring along from their
/// shipper.
fn unlisted(normalised: &Normalised) -> impl Iterator<Item = String> {
    const OF_SHIPPERS: &[&str] =
        &["log.file.", "log.offset", "input.", "elastic_agent.", "cloud.", "@version"];
    let mut names = BTreeSet::new();
    if let Some(source) = fields().iter().find(|row| row.source == normalised.source) {
        flatten(&normalised.event.document, &mut |name, _| {
            if !source.gives(name) && !OF_SHIPPERS.iter().any(|prefix| name.starts_with(prefix)) {
                names.insert(name.to_owned());
            }
        });
    }
    names.into_iter()
}

/// The fields of a document with a value that does not fit their type.
fn misfits(normalised: &Normalised) -> impl Iterator<Item = String> {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(catalogue);
    let mut builder = BatchBuilder::new(&*CATALOGUE);
    builder.push(normalised.event.clone());
    let names: BTreeSet<String> = builder.finish().misfits().keys().map(ToString::to_string).collect();
    names.into_iter()
}

/// Every field that is no object, by its dotted name.
fn leaves<'a>(object: &'a Map<String, Value>, prefix: &str, found: &mut Vec<(String, &'a Value)>) {
    for (key, value) in object {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) if !inner.is_empty() => leaves(inner, &name, found),
            // Empty values are removed by every mapping (sources §0.9).
            Value::Object(_) | Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            other => found.push((name, other)),
        }
    }
}

/// What the agent looked up on its machine: names of ids, and ids of names.
fn is_name(field: &str) -> bool {
    field.starts_with("auditd.summary.actor.")
        || (field.rsplit('.').next() == Some("name") && field != "process.name")
        || matches!(field, "file.owner" | "file.group" | "related.user" | "group.id" | "user.target.id")
}

/// Rule 4: what depends on the time of ingest, on the shipper, or on databases.
fn is_left_out(field: &str) -> bool {
    const FIELDS: &[&str] = &[
        "event.ingested",
        "event.original",
        "event.agent_id_status",
        "ecs.version",
        "message",
        "tags",
        "log.offset",
    ];
    const PREFIXES: &[&str] = &["agent.", "elastic_agent.", "input.", "log.file.", "observer.geo.", "_"];
    FIELDS.contains(&field)
        || PREFIXES.iter().any(|prefix| field.starts_with(prefix))
        || field.contains(".geo.")
        || field.contains(".as.")
        || (field.starts_with("user_agent.") && field != "user_agent.original")
}

/// Rules 4 and 6, for fields of which only the set says that they are left out.
fn is_left_out_of(set: &str, field: &str, expected: &Value) -> bool {
    match set {
        AUDIT_LINES => is_name(field),
        // From a database.
        "azure.activitylogs" => field.starts_with("geo."),
        // From the settings of the shipper that the reference was tested with.
        "o365.audit" => {
            matches!(field, "host.name" | "organization.name") && expected == "mytenant.onmicrosoft.com"
        }
        // What an old version of the reference wrote for no reason.
        "crowdstrike.fdr" => field == "url.scheme" && expected == "http",
        // When the reference's agent read logs that name no time of their making.
        "aws.cloudtrail" | "suricata.eve" => field == "event.created",
        _ if set.starts_with("zeek.") => field == "event.created",
        // Where it ran, for logs whose stamps have no zone.
        _ => LOGS.contains(&set) && field == "event.timezone",
    }
}

/// Rule 5: what needs a list or a hash of others, and texts that the machine rendered.
fn is_optional(field: &str) -> bool {
    const FIELDS: &[&str] = &[
        "network.community_id",
        "dns.question.registered_domain",
        "dns.question.subdomain",
        "dns.question.top_level_domain",
        "powershell.file.script_block_hash",
        "zeek.connection.state_message",
        "winlog.keywords",
        "winlog.opcode",
        "winlog.task",
    ];
    FIELDS.contains(&field) || field.ends_with(".registered_domain")
}

/// Rules 2, 3 and 6.
fn same(field: &str, expected: &Value, found: &Value) -> bool {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    };
    let (mut expected, mut found) = (list(expected), list(found));
    if !matches!(field, "process.args" | "process.parent.args" | "dns.answers") {
        for set in [&mut expected, &mut found] {
            set.sort_by_key(folded);
            set.dedup();
        }
    }
    expected.len() == found.len()
        && expected.iter().zip(&found).all(|(expected, found)| same_single(field, expected, found))
}

fn same_single(field: &str, expected: &Value, found: &Value) -> bool {
    if expected == found {
        return true;
    }
    let (expected_text, found_text) = (text_of(expected), text_of(found));
    if matches!(field, "winlog.record_id" | "event.code" | "winlog.event_id") {
        return expected_text == found_text;
    }
    if let (Some(expected), Some(found)) = (expected.as_f64(), found.as_f64()) {
        return expected == found;
    }
    if !expected.is_string() || !found.is_string() {
        return false;
    }
    if let (Some(expected), Some(found)) = (Timestamp::parse(&expected_text), Timestamp::parse(&found_text))
        && matches!(field, "@timestamp" | "event.created" | "winlog.time_created")
    {
        return expected.millis() == found.millis();
    }
    // Newer versions of the reference for CrowdStrike put sensor and customer behind the id.
    if field == "event.id" && found_text.split_once('|').is_some_and(|(id, _)| id == expected_text) {
        return true;
    }
    if matches!(field, "file.path" | "file.target_path") && expected_text.contains(r"\\") {
        // The reference doubles backslashes when it joins paths.
        return collapsed(&expected_text) == collapsed(&found_text);
    }
    guid(&expected_text).is_some() && guid(&expected_text) == guid(&found_text)
}

fn collapsed(path: &str) -> String {
    let mut text = path.to_owned();
    while text.contains(r"\\") {
        text = text.replace(r"\\", r"\");
    }
    text
}

fn folded(value: &Value) -> String {
    let text = text_of(value);
    guid(&text).unwrap_or(text)
}

fn guid(text: &str) -> Option<String> {
    let inner = text.trim_matches(['{', '}']);
    let is_guid = inner.len() == 36
        && inner.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_guid.then(|| inner.to_ascii_lowercase())
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // With sorted keys, whatever order the map keeps.
        Value::Object(object) => {
            let sorted: BTreeMap<&String, String> =
                object.iter().map(|(key, value)| (key, text_of(value))).collect();
            format!("{sorted:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(text_of).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}
