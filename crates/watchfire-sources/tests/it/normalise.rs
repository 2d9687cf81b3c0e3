//! Normalisation: cases as files, and invariants over hostile input. The agreement with the reference on the fixtures is
//! a part of `watchfire-conformance`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use watchfire_events::{DataStream, Place, flatten};
use watchfire_sources::normalise::{
    NormaliseError, NormaliseOptions, Normalised, RawInput, RawPayload, SourceKind, TableRef, fields,
    normalise,
};

/// Cases are pairs `<name>.raw.json` and `<name>.expected.json`; `WATCHFIRE_UPDATE_CASES=1` writes the latter anew.
pub(crate) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/normalise");
    let entries = std::fs::read_dir(folder).expect("the folder of cases");
    let mut raws: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".raw.json"))
        .collect();
    raws.sort();
    raws
}

fn raw_input(record: Value) -> RawInput {
    RawInput {
        payload: match record {
            Value::String(xml) => RawPayload::WindowsXml(xml),
            other => RawPayload::Json(other),
        },
        place: Place { input: "case".into(), record: 1, line: None, offset: None },
        identity: "case".into(),
        given_index: None,
        given_id: None,
    }
}

fn run(case: &Value) -> Result<Normalised, NormaliseError> {
    let text = |name: &str| case.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut raw = raw_input(case["record"].clone());
    raw.given_index = text("index");
    raw.given_id = text("id");
    let options = NormaliseOptions {
        source: text("source").map(|name| name.parse().expect("a source")),
        index: text("given_stream").map(DataStream::new),
        year: case.get("year").and_then(Value::as_i64).and_then(|year| year.try_into().ok()),
        ..NormaliseOptions::default()
    };
    normalise(raw, &options)
}

/// What a case comes to, with keys in order.
fn outcome(case: &Value) -> Value {
    match run(case) {
        Ok(normalised) => json!({
            "data_stream": normalised.event.data_stream.as_str(),
            "document": sorted(&Value::Object(normalised.event.document.clone())),
            "has_time": normalised.has_time,
            "id_is_given": case.get("id").and_then(Value::as_str) == Some(normalised.event.id.as_str()),
            "source": normalised.source.name(),
            "unmapped": normalised.unmapped().into_iter().collect::<BTreeSet<_>>(),
        }),
        Err(error) => json!({"error": error.reason(), "message": error.to_string()}),
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[test]
fn cases_come_out_as_expected() {
    let update = std::env::var_os("WATCHFIRE_UPDATE_CASES").is_some();
    let mut failures = Vec::new();
    for raw in cases() {
        let case: Value =
            serde_json::from_str(&std::fs::read_to_string(&raw).expect("a case")).expect("JSON");
        let expected = PathBuf::from(raw.to_string_lossy().replace(".raw.json", ".expected.json"));
        let found = outcome(&case);
        if update {
            let text = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
            std::fs::write(&expected, text).expect("the case is written");
            continue;
        }
        let text = std::fs::read_to_string(&expected)
            .unwrap_or_else(|_| panic!("{} is missing", expected.display()));
        let wanted: Value = serde_json::from_str(&text).expect("JSON");
        if wanted != found {
            failures.push(format!(
                "{}\n{}",
                raw.display(),
                serde_json::to_string_pretty(&found).expect("JSON")
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Every field that a case gives is in the table of its source, so that the schema catalogue knows its type.
#[test]
fn cases_give_only_fields_of_their_sources() {
    for raw in cases() {
        let case: Value =
            serde_json::from_str(&std::fs::read_to_string(&raw).expect("a case")).expect("JSON");
        if let Ok(normalised) = run(&case) {
            assert_eq!(unlisted(&normalised), BTreeSet::new(), "{}", raw.display());
        }
    }
}

/// Fields of a document that the table of its source does not have.
fn unlisted(normalised: &Normalised) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let Some(source) = fields().iter().find(|row| row.source == normalised.source) else {
        return names;
    };
    flatten(&normalised.event.document, &mut |name, _| {
        if !source.gives(name) && name != "@version" {
            names.insert(name.to_owned());
        }
    });
    names
}

#[test]
fn a_record_has_the_same_id_whenever_it_is_read() {
    let record = json!({"who": "ana", "at": 1});
    let id = |record: &Value, place: u64| {
        let mut raw = raw_input(record.clone());
        raw.place.record = place;
        normalise(raw, &NormaliseOptions::default()).expect("an object").event.id
    };
    assert_eq!(id(&record, 1), id(&record, 1));
    assert_ne!(id(&record, 1), id(&record, 2));
    assert_ne!(id(&record, 1), id(&json!({"who": "ana", "at": 2}), 1));
}

#[test]
fn a_table_reads_records_inside_of_others_and_lists_of_named_values() {
    let table = r#"
        [source]
        name = "shop.till"
        title = "Tills"
        wrappers = ["till"]
        [[recognise]]
        has = ["receipt"]
        [time]
        fields = ["at"]
        [[step]]
        fields = [["lines.facts", "shop", "pairs:key,text|number|inner,facts"]]
        [words.facts]
        cashier = "user.name"
    "#;
    let table = TableRef::read(table).expect("a table");
    let till = json!({
        "receipt": 7,
        "at": "2026-03-02T09:15:30Z",
        "lines": [{
            "facts": [
                {"key": "cashier", "text": "ana"},
                {"key": "total", "number": 12},
                {"key": "card", "inner": {"of": [{"key": "bank", "text": "b"}, {"key": "digits", "number": 4}]}},
                {"key": "plain", "inner": {"of": [1]}},
                {"key": "nothing", "text": null},
                {"text": "nameless"},
                "odd",
            ],
            "extra": 1,
        }],
    });
    let options = NormaliseOptions { tables: vec![table], ..NormaliseOptions::default() };
    let mapped = |record: &Value| normalise(raw_input(record.clone()), &options).expect("an event");
    for (record, unmapped) in [
        (till.clone(), vec!["lines.extra", "receipt"]),
        (json!({"till": till, "shipper": "s"}), vec!["lines.extra", "receipt", "shipper"]),
    ] {
        let mapped = mapped(&record);
        let document = &mapped.event.document;
        assert_eq!(mapped.source, SourceKind::Table(table));
        assert_eq!(document["user"], json!({"name": "ana"}));
        let shop = json!({"total": 12, "card": {"bank": "b", "digits": 4}, "plain": {"of": [1]}});
        assert_eq!(document["shop"], shop);
        assert_eq!(document["@timestamp"], "2026-03-02T09:15:30.000Z");
        assert_eq!(mapped.unmapped(), unmapped);
    }
    let problems = TableRef::read(
        "[source]\nname = \"a\"\ntitle = \"\"\n[[recognise]]\nhas = [\"a\"]\n[[step]]\nfields = [[\"a\", \"b\", \"pairs:k,v,nowhere\"]]",
    )
    .unwrap_err();
    assert!(problems[0].message.contains("[words.nowhere]"), "{problems:?}");
}

#[test]
fn the_forms_of_one_event_agree() {
    let named = |name: &str| {
        let path =
            cases().into_iter().find(|path| path.ends_with(format!("{name}.raw.json"))).expect("the case");
        let case: Value =
            serde_json::from_str(&std::fs::read_to_string(path).expect("a case")).expect("JSON");
        run(&case).expect("an event").event.document
    };
    let forms =
        ["security_4688_process_xml", "security_4688_process_flat", "security_4688_process_get_win_event"];
    let documents: Vec<_> = forms.iter().map(|form| named(form)).collect();
    for part in ["process", "user", "related"] {
        assert_eq!(documents[0][part], documents[1][part], "{part}");
        assert_eq!(documents[0][part], documents[2][part], "{part}");
    }
}

#[test]
fn sources_are_found_by_their_names() {
    for kind in SourceKind::ALL {
        assert_eq!(kind.name().parse(), Ok(*kind));
    }
    let error = "sysmon".parse::<SourceKind>().unwrap_err();
    assert!(
        error.to_string().starts_with("there is no source `sysmon`; known are `windows.sysmon_operational`")
    );
}

/// Values of any shape, with the names that the forms look for.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        Just("0x8020000000000000".to_owned()),
        Just("type:  5 a;::ffff:1.2.3.4;".to_owned()),
        Just("\\\\\"a b\" \\".to_owned()),
        Just("2026-03-02 09:15:04.1".to_owned()),
        Just("CN=a,=,,\u{e9}".to_owned()),
        Just("<Task><Actions/></Task>".to_owned()),
        Just("\tHostName=a\n\tCommandLine=b".to_owned()),
        Just("%%4416 %%".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let name = prop_oneof![proptest::sample::select(NAMES).prop_map(str::to_owned), "[A-Za-z#@._]{0,8}",];
    leaf.prop_recursive(5, 48, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

const NAMES: &[&str] = &[
    "Event",
    "System",
    "EventData",
    "UserData",
    "#attributes",
    "#text",
    "winlog",
    "event_data",
    "user_data",
    "event_id",
    "channel",
    "provider_name",
    "event",
    "code",
    "category",
    "dataset",
    "data_stream",
    "host",
    "name",
    "os",
    "EventID",
    "Channel",
    "SourceName",
    "Keywords",
    "EventTime",
    "SourceModuleType",
    "EventReceivedTime",
    "@timestamp",
    "Id",
    "ProviderName",
    "LogName",
    "Properties",
    "Value",
    "Message",
    "TimeCreated",
    "SystemTime",
    "Provider",
    "Name",
    "Computer",
    "Security",
    "UserID",
    "Data",
    "CommandLine",
    "Image",
    "Hashes",
    "QueryResults",
    "TargetObject",
    "Details",
    "IpAddress",
    "SubjectUserName",
    "TargetUserName",
    "MemberName",
    "TaskContent",
    "ScriptBlockText",
    "ContextInfo",
    "Payload",
    "param1",
    "param2",
    "param3",
    "properties",
    "category",
    "callerIpAddress",
    "resourceId",
    "durationMs",
    "identity",
    "claims",
    "targetResources",
    "modifiedProperties",
    "authenticationProcessingDetails",
    "key",
    "value",
    "Operation",
    "RecordType",
    "Parameters",
    "ModifiedProperties",
    "PolicyDetails",
    "Rules",
    "ClientIP",
    "AlertLinks",
    "AdditionalInfo",
    "o365audit",
    "events",
    "parameters",
    "messageValue",
    "parameter",
    "actor",
    "email",
    "data",
    "messages",
    "date",
    "PrivilegeList",
    "SidList",
    "AccessList",
    "UtcTime",
];

/// Providers and channels of the mappings.
const CHANNELS: &[(&str, &str)] = &[
    ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational"),
    ("Microsoft-Windows-Security-Auditing", "Security"),
    ("PowerShell", "Windows PowerShell"),
    ("Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational"),
    ("Other", "Other"),
];

/// A record of a form whose event is of a given kind, with data of any shape.
pub(crate) fn any_windows_record() -> impl Strategy<Value = Value> {
    let code = prop_oneof![0_u32..30, 400_u32..404, 4600_u32..5400, Just(800), Just(1102)];
    (proptest::sample::select(CHANNELS), code, any_value(), 0_usize..6).prop_map(|((provider, channel), code, data, form)| {
        match form {
            0 => json!({"Event": {"System": {"EventID": code, "Channel": channel, "Provider": {"#attributes": {"Name": provider}}}, "EventData": data}}),
            1 => json!({"winlog": {"event_id": code, "channel": channel, "provider_name": provider, "event_data": data}}),
            2 => json!({"System": {"EventID": {"Value": code}, "Channel": channel, "Provider": {"Name": provider}}, "EventData": data}),
            3 => json!({"Id": code, "LogName": channel, "ProviderName": provider, "Properties": data}),
            4 => json!({"Event": {"System": {"EventID": code, "Channel": channel, "Provider_attributes": {"Name": provider}}, "UserData": data}}),
            _ => {
                let mut record = json!({"EventID": code, "Channel": channel, "SourceName": provider});
                if let (Value::Object(record), Value::Object(data)) = (&mut record, data) {
                    record.extend(data);
                }
                record
            }
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever JSON comes in, something that is counted comes out, the same twice, and objects always give an event
    /// or a reason.
    #[test]
    fn any_json_gives_an_event_or_a_reason(record in prop_oneof![any_value(), any_windows_record()], force in 0_usize..60) {
        let options = NormaliseOptions { source: SourceKind::all(&[]).get(force).copied(), ..NormaliseOptions::default() };
        let first = normalise(raw_input(record.clone()), &options);
        prop_assert_eq!(&first, &normalise(raw_input(record), &options));
        if let Ok(normalised) = first {
            prop_assert!(!normalised.event.data_stream.as_str().is_empty());
            let is_whole = !normalised.source.is_windows() && !matches!(normalised.source, SourceKind::Table(_));
            prop_assert!(!is_whole || normalised.unmapped().len() <= normalised.event.document.len());
        }
    }

    #[test]
    fn any_xml_gives_an_event_or_a_reason(data in "[ -~]{0,40}", cut in 0_usize..400) {
        let whole = format!(
            "<Event><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>22</EventID><Channel>x</Channel></System>\
             <EventData><Data Name='QueryResults'>{data}</Data><Data>{data}</Data></EventData></Event>"
        );
        let end = cut.min(whole.len());
        let _ = normalise(raw_input(Value::String(whole[..end].to_owned())), &NormaliseOptions::default());
    }
}

#[test]
fn shared_ecs_has_the_fields_that_sources_name() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    let path = shared.join("schemas/ecs_fields.csv");
    let text = std::fs::read_to_string(path).expect("the fields of ECS");
    let ecs: BTreeSet<&str> = text.lines().filter_map(|line| line.split(',').next()).collect();
    // A table's fields are sorted by what the schema knows, which is more than ECS.
    let declared = fields().iter().filter(|source| !matches!(source.source, SourceKind::Table(_)));
    for source in declared {
        for field in source.ecs_names() {
            let known = match field.strip_suffix('.') {
                Some(_) => ecs.iter().any(|name| name.starts_with(field)),
                None => ecs.contains(&field),
            };
            assert!(known, "{}: ECS has no `{field}`", source.source);
        }
    }
}
