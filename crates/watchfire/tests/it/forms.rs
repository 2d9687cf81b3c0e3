//! The same activity in every form in which Windows events are shipped gives the same alerts.
//!
//! Public recordings are read as EVTX, and written out as XML, the JSON of the `evtx` crate, the JSON of an agent, NXLog's
//! JSON and a flat export. Each is scanned with all public rules; the alerts must be the same but for their ids.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use evtx::EvtxParser;
use serde_json::{Map, Value, json};
use watchfire_test_support::shared_folder;

/// One recording in so many is read: all of them would take minutes in a build for tests.
const ONE_IN: usize = 2;

/// The forms beside EVTX itself.
const FORMS: &[&str] = &["xml", "evtx-json", "agent", "nxlog", "flat"];

#[test]
fn shared_recordings_give_the_same_alerts_in_every_form() {
    let Some(shared) = shared_folder() else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let logs = recordings(&shared, &place.path().join("evtx"));
    assert!(logs.len() > 100, "{}", logs.len());
    for form in FORMS {
        fs::create_dir(place.path().join(form)).expect("a folder");
    }
    for log in &logs {
        write_forms(log, place.path());
    }
    let rules = shared.join("corpus/detection-rules/rules");
    let expected = alerts(&place.path().join("evtx"), &rules);
    assert!(expected.len() > 80, "{expected:?}");
    let mut wrong = String::new();
    for form in FORMS {
        let found = alerts(&place.path().join(form), &rules);
        for (alert, number) in &expected {
            let other = found.get(alert).copied().unwrap_or_default();
            if other != *number {
                writeln!(wrong, "{form}: {number} as EVTX, {other} here: {alert}").expect("a text takes all");
            }
        }
        for alert in found.keys().filter(|alert| !expected.contains_key(*alert)) {
            writeln!(wrong, "{form}: only here: {alert}").expect("a text takes all");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Unpacks recordings.
fn recordings(shared: &Path, folder: &Path) -> Vec<PathBuf> {
    fs::create_dir(folder).expect("a folder");
    let file = fs::File::open(shared.join("datasets/evtx-attack-samples.tar.zst")).expect("the data set");
    let mut archive = tar::Archive::new(zstd::Decoder::new(file).expect("zstd"));
    let mut paths = Vec::new();
    for (at, entry) in archive.entries().expect("a tar file").enumerate() {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a name").into_owned();
        if at % ONE_IN == 0 && path.extension().is_some_and(|extension| extension == "evtx") {
            let path = folder.join(path.to_string_lossy().replace('/', "_"));
            entry.unpack(&path).expect("a file can be written");
            paths.push(path);
        }
    }
    paths
}

/// Writes the records of a log in each form, into the folder of the form.
fn write_forms(log: &Path, place: &Path) {
    let stem = log.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut parser = EvtxParser::from_path(log).expect("an EVTX file");
    for record in parser.records().flatten() {
        let text = record.data.split_once("?>").map_or(record.data.as_str(), |(_, event)| event);
        writeln!(texts.entry("xml").or_default(), "{}", text.trim()).expect("a text takes all");
    }
    let mut parser = EvtxParser::from_path(log).expect("an EVTX file");
    for record in parser.records_json_value().flatten() {
        let event = Event::of(&record.data);
        for (form, value) in [
            ("evtx-json", record.data.clone()),
            ("agent", event.agent()),
            ("nxlog", event.nxlog()),
            ("flat", event.flat()),
        ] {
            writeln!(texts.entry(form).or_default(), "{value}").expect("a text takes all");
        }
    }
    for (form, text) in texts {
        let ending = if form == "xml" { "xml" } else { "ndjson" };
        fs::write(place.join(form).join(format!("{stem}.{ending}")), text).expect("a file can be written");
    }
}

/// What a record says, whatever its form.
struct Event<'e> {
    system: &'e Value,
    data: Vec<(String, Value)>,
    user_data: Option<(String, Vec<(String, Value)>)>,
}

impl<'e> Event<'e> {
    fn of(record: &'e Value) -> Self {
        let event = &record["Event"];
        let members = |value: &Value| -> Vec<(String, Value)> {
            let Some(members) = value.as_object() else { return Vec::new() };
            let named = members.iter().filter(|(name, _)| !name.starts_with('#'));
            named.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let mut data = members(&event["EventData"]);
        // Data without names are numbered by whoever ships them.
        if let Some(at) = data.iter().position(|(name, _)| name == "Data") {
            let (_, unnamed) = data.remove(at);
            let texts = unnamed.get("#text").cloned().unwrap_or(unnamed);
            let texts = match texts {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                single => vec![single],
            };
            data.extend(texts.into_iter().enumerate().map(|(at, text)| (format!("param{}", at + 1), text)));
        }
        let user_data = event["UserData"].as_object().and_then(|data| {
            let (name, value) = data.iter().find(|(name, _)| !name.starts_with('#'))?;
            Some((name.clone(), members(value)))
        });
        Self { system: &event["System"], data, user_data }
    }

    fn text(&self, path: &[&str]) -> String {
        let mut value = self.system;
        for name in path {
            value = &value[*name];
        }
        text_of(value.get("#text").unwrap_or(value))
    }

    fn attribute(&self, element: &str, name: &str) -> String {
        self.text(&[element, "#attributes", name])
    }

    /// As the Windows input of an agent writes it.
    fn agent(&self) -> Value {
        let texts = |data: &[(String, Value)]| -> Map<String, Value> {
            let texts = data.iter().map(|(name, value)| (name.clone(), Value::String(text_of(value))));
            texts.filter(|(_, text)| text != "").collect()
        };
        let mut winlog = json!({
            "channel": self.text(&["Channel"]),
            "event_id": self.text(&["EventID"]),
            "provider_name": self.attribute("Provider", "Name"),
            "provider_guid": self.attribute("Provider", "Guid"),
            "record_id": self.text(&["EventRecordID"]),
            "computer_name": self.text(&["Computer"]),
            "process": {"pid": self.system["Execution"]["#attributes"]["ProcessID"]},
            "user": {"identifier": self.attribute("Security", "UserID")},
            "event_data": texts(&self.data),
        });
        if let Some((name, data)) = &self.user_data {
            let mut data = texts(data);
            data.insert("xml_name".to_owned(), name.as_str().into());
            winlog["user_data"] = data.into();
        }
        let time = self.attribute("TimeCreated", "SystemTime");
        let keywords =
            u64::from_str_radix(self.text(&["Keywords"]).trim_start_matches("0x"), 16).unwrap_or(0);
        let outcome = match keywords & 0x0030_0000_0000_0000 {
            0x0020_0000_0000_0000 => Some("success"),
            0x0010_0000_0000_0000 => Some("failure"),
            _ => None,
        };
        let mut event = json!({"code": self.text(&["EventID"]), "kind": "event"});
        if let Some(outcome) = outcome {
            event["outcome"] = outcome.into();
        }
        // The machine that an agent runs on knows the names of tasks.
        if self.attribute("Provider", "Name") == "Microsoft-Windows-Eventlog" && self.text(&["Task"]) == "104"
        {
            event["action"] = "Log clear".into();
        }
        json!({"@timestamp": time, "event": event, "winlog": winlog})
    }

    /// System and data side by side, as exports write them.
    fn flat(&self) -> Value {
        let mut record = json!({
            "EventID": self.text(&["EventID"]).parse::<u32>().unwrap_or(0),
            "Channel": self.text(&["Channel"]),
            "Hostname": self.text(&["Computer"]),
            "SourceName": self.attribute("Provider", "Name"),
            "ProviderGuid": self.attribute("Provider", "Guid"),
            "TimeCreated": self.attribute("TimeCreated", "SystemTime"),
            "RecordNumber": self.system["EventRecordID"],
            "Keywords": self.text(&["Keywords"]),
            "Task": self.system["Task"],
        });
        self.add_data(&mut record);
        record
    }

    /// As NXLog writes it.
    fn nxlog(&self) -> Value {
        let keywords =
            u64::from_str_radix(self.text(&["Keywords"]).trim_start_matches("0x"), 16).unwrap_or(0);
        let mut record = json!({
            "EventTime": self.attribute("TimeCreated", "SystemTime"),
            "EventReceivedTime": self.attribute("TimeCreated", "SystemTime"),
            "Hostname": self.text(&["Computer"]),
            "Keywords": keywords as i64,
            "EventID": self.text(&["EventID"]).parse::<u32>().unwrap_or(0),
            "SourceName": self.attribute("Provider", "Name"),
            "ProviderGuid": format!("{{{}}}", self.attribute("Provider", "Guid").trim_matches(['{', '}'])),
            "RecordNumber": self.system["EventRecordID"],
            "ExecutionProcessID": self.system["Execution"]["#attributes"]["ProcessID"],
            "ThreadID": self.system["Execution"]["#attributes"]["ThreadID"],
            "Channel": self.text(&["Channel"]),
            "Task": self.system["Task"],
            "UserID": self.attribute("Security", "UserID"),
            "SourceModuleName": "eventlog",
            "SourceModuleType": "im_msvistalog",
        });
        self.add_data(&mut record);
        record
    }

    /// A datum of the name of a system field is not written: there is no place for both.
    fn add_data(&self, record: &mut Value) {
        let members = record.as_object_mut().expect("an object");
        let user_data = self.user_data.iter().flat_map(|(_, data)| data);
        for (name, value) in self.data.iter().chain(user_data) {
            if !members.contains_key(name) {
                members.insert(name.clone(), value.clone());
            }
        }
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The alerts of a folder: rule, time and host, and how many there are of each.
fn alerts(folder: &Path, rules: &Path) -> BTreeMap<String, u64> {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["scan", "--format", "ndjson"])
        .arg(folder)
        .arg("--rules")
        .arg(rules)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("alerts are UTF-8");
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let alert: Value = serde_json::from_str(line).expect("an alert is JSON");
        let name = alert["kibana.alert.rule.name"].as_str().unwrap_or_default();
        let (time, host) = (&alert["@timestamp"], &alert["host"]["name"]);
        *found.entry(format!("{name} at {time} on {host}")).or_default() += 1;
    }
    assert!(!found.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    found
}
