//! What the table of Defender XDR cannot say (sources §4): JSON inside JSON, ends of connections that change places, registry
//! paths, and entity ids.

use std::borrow::Cow;

use serde_json::{Map, Value};
use watchfire_events::Scalar;

use super::draft::Draft;
use super::sysmon::registry::short_hive;
use super::tables::naming::Naming;
use crate::fields::{FieldValue, part};
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::scalar_text;

const CATEGORY: &str = "m365_defender.event.category";
const ADDITIONAL_FIELDS: &str = "m365_defender.event.additional_fields";

/// What kinds of events differ in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Api,
    Driver,
    Library,
    Registry,
    Network,
    Logon,
    /// Processes and files.
    Other,
}

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let record = record.get("properties").and_then(TapeValue::as_object).unwrap_or(record);
    if let Some(action) = draft.text("event.action")
        && action.contains(' ')
    {
        let action = action.replace(' ', "-");
        draft.set("event.action", action);
    }
    let additional = additional_fields(record, draft);
    let table = draft.copy_text(CATEGORY).unwrap_or_default();
    let table = table.strip_prefix("AdvancedHunting-").unwrap_or(&table);
    let category = draft.texts("event.category").into_iter().next().unwrap_or_default();
    if !table.starts_with("Device") {
        if matches!(table, "IdentityQueryEvents" | "IdentityLogonEvents" | "IdentityDirectoryEvents")
            && let Some(Value::String(system)) = additional.get("SourceComputerOperatingSystemType")
        {
            draft.set("host.os.type", system.to_lowercase());
        }
        match table {
            "EmailEvents" => senders(draft),
            "CloudAppEvents" => raw_event(draft),
            _ => {}
        }
        keep(additional, draft);
        return;
    }
    draft.copy_text("host.name").into_iter().for_each(|name| draft.relate_host(&name));
    let kind = match &*category {
        "api" => Kind::Api,
        "driver" => Kind::Driver,
        "library" => Kind::Library,
        "registry" => Kind::Registry,
        "network" => Kind::Network,
        "authentication" => Kind::Logon,
        _ => Kind::Other,
    };
    system(kind, &category, &additional, record, draft);
    executables(kind, draft);
    let mut additional = additional;
    match kind {
        Kind::Api => api(&additional, draft),
        Kind::Registry => registry(record, draft),
        Kind::Network => network(&mut additional, draft),
        _ => {}
    }
    match table {
        "DeviceInfo" => logged_on_users(record, draft),
        "DeviceNetworkInfo" => adapter_address(record, draft),
        _ => {}
    }
    keep(additional, draft);
    process_names(draft);
    entity_id(draft, "process.pid", "process.start", "process.entity_id");
    entity_id(draft, "process.parent.pid", "process.parent.start", "process.parent.entity_id");
}

fn senders(draft: &mut Draft<'_, '_>) {
    let addresses: Vec<Cow<'_, str>> = ["m365_defender.event.sender.ipv4", "m365_defender.event.sender.ipv6"]
        .into_iter()
        .filter_map(|name| draft.copy_text(name))
        .collect();
    if !addresses.is_empty() {
        draft.set("source.ip", addresses);
    }
}

/// What a cloud application wrote, if it is the text of an object.
fn raw_event(draft: &mut Draft<'_, '_>) {
    const FIELD: &str = "m365_defender.event.raw_event_data";
    if let Some(Ok(event @ Value::Object(_))) = draft.text(FIELD).map(serde_json::from_str) {
        draft.remove(FIELD);
        draft.set_json(FIELD, event, Naming::Same);
    }
}

/// `AdditionalFields`, an object or the text of one. Anything else is kept as it is.
fn additional_fields<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) -> Map<String, Value> {
    let Some(value) = record.get("AdditionalFields") else { return Map::new() };
    if let Some(object) = value.as_object() {
        return object.to_map();
    }
    let Some(text) = value.as_str() else {
        draft.set_value(ADDITIONAL_FIELDS, value, Naming::Same);
        return Map::new();
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object,
        Ok(Value::Array(items)) if items.is_empty() => Map::new(),
        _ => {
            draft.set(ADDITIONAL_FIELDS, text);
            Map::new()
        }
    }
}

fn keep(additional: Map<String, Value>, draft: &mut Draft<'_, '_>) {
    if !additional.is_empty() {
        draft.set_json(ADDITIONAL_FIELDS, Value::Object(additional), Naming::Same);
    }
}

/// Events do not name the system of their device; but some kinds there are on Windows only, and others carry what only
/// POSIX systems have.
fn system(
    kind: Kind,
    category: &str,
    additional: &Map<String, Value>,
    record: TapeObject<'_>,
    draft: &mut Draft<'_, '_>,
) {
    if matches!(kind, Kind::Api | Kind::Driver | Kind::Library | Kind::Registry) {
        draft.set("host.os.type", "windows");
    } else if additional.keys().any(|name| name.contains("ProcessPosix")) {
        draft.set("host.os.type", "unix");
    } else if matches!(category, "file" | "process" | "network" | "authentication") {
        let says =
            |name: &str| record.get(name).and_then(TapeValue::as_str).is_some_and(|sid| !sid.is_empty());
        if ["InitiatingProcessAccountSid", "AccountSid", "RequestAccountSid"].into_iter().any(says) {
            draft.set("host.os.type", "windows");
        }
    }
}

/// Some tables give the folder without the name of the program.
fn executables(kind: Kind, draft: &mut Draft<'_, '_>) {
    if matches!(kind, Kind::Api | Kind::Driver) {
        join_name(draft, "process.executable", "process.name");
        join_name(draft, "Target.process.executable", "Target.process.name");
        join_name(draft, "dll.path", "dll.name");
    }
}

fn join_name(draft: &mut Draft<'_, '_>, folder: &'static str, name: &'static str) {
    let Some(name) = draft.copy_text(name) else { return };
    let Some(path) = draft.text(folder) else { return };
    let ends_so = path
        .len()
        .checked_sub(name.len())
        .and_then(|at| path.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(&name));
    if !ends_so {
        let joined = format!("{}\\{name}", path.trim_end_matches('\\'));
        draft.set(folder, joined);
    }
}

fn api(additional: &Map<String, Value>, draft: &mut Draft<'_, '_>) {
    let action = draft.copy_text("m365_defender.event.action.type");
    if let Some(name) = action.and_then(|action| part(&action, |action| action.strip_suffix("ApiCall"))) {
        draft.set("process.Ext.api.name", name);
    }
    for (raw, target) in [
        ("BaseAddress", "process.Ext.api.parameters.address"),
        ("RegionSize", "process.Ext.api.parameters.size"),
        ("DesiredAccess", "process.Ext.api.parameters.desired_access_numeric"),
    ] {
        match additional.get(raw).and_then(Scalar::of) {
            Some(Scalar::Text(text)) => {
                draft.set_number(target, text);
            }
            Some(Scalar::Integer(number)) => draft.set(target, number),
            Some(Scalar::Unsigned(number)) => draft.set(target, FieldValue::Unsigned(number)),
            _ => {}
        }
    }
    if let Some(mask) = additional.get("ProtectionMask").and_then(Scalar::of) {
        draft.set("process.Ext.api.parameters.protection", scalar_text(mask).into_owned());
    }
}

fn registry<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let text = |name: &str| record.get(name).and_then(TapeValue::as_str).filter(|text| !text.is_empty());
    let data: Vec<Cow<'a, str>> = ["RegistryValueData", "PreviousRegistryValueData"]
        .into_iter()
        .filter_map(|name| Some(scalar_text(record.get(name)?.scalar()?)))
        .filter(|data| !data.is_empty())
        .collect();
    if !data.is_empty() {
        draft.set("registry.data.strings", data);
    }
    let Some(path) = text("RegistryKey").or_else(|| text("PreviousRegistryKey")) else { return };
    let (hive, key) = path.split_once('\\').unwrap_or((path, ""));
    let hive = short_hive(hive);
    draft.set("registry.hive", hive);
    draft.set("registry.key", key);
    if let Some(value) = text("RegistryValueName") {
        draft.set("registry.path", [hive, key, value].join("\\"));
    }
}

fn network(additional: &mut Map<String, Value>, draft: &mut Draft<'_, '_>) {
    let direction = match additional.remove("direction") {
        Some(Value::String(direction)) => direction,
        _ => String::new(),
    };
    let (word, is_inbound) = match &*direction {
        "In" => ("inbound", true),
        "Out" => ("outbound", false),
        _ => ("unknown", false),
    };
    draft.set("network.direction", word);
    if !direction.is_empty() {
        draft.set("m365_defender.event.network_direction", direction);
    }
    if is_inbound {
        for (one, other) in [("source.ip", "destination.ip"), ("source.port", "destination.port")] {
            let (first, second) = (draft.remove(one), draft.remove(other));
            second.into_iter().for_each(|value| draft.set(one, value));
            first.into_iter().for_each(|value| draft.set(other, value));
        }
    }
    if let Some(address) = draft.copy_text("destination.ip") {
        draft.set("destination.address", address);
    }
    if draft.text("m365_defender.event.action.type").is_some_and(|action| action.starts_with("Dns")) {
        dns(additional, draft);
    }
}

/// A lookup. What is mapped moves to `m365_defender.event.dns`.
fn dns(additional: &mut Map<String, Value>, draft: &mut Draft<'_, '_>) {
    for (raw, kept, target) in [
        ("query", "m365_defender.event.dns.query", "dns.question.name"),
        ("qtype_name", "m365_defender.event.dns.qtype_name", "dns.question.type"),
        ("qclass_name", "m365_defender.event.dns.qclass_name", "dns.question.class"),
        ("rcode_name", "m365_defender.event.dns.rcode_name", "dns.response_code"),
    ] {
        if let Some(Value::String(text)) = additional.remove(raw).filter(|value| value.as_str() != Some("")) {
            draft.set(kept, text.clone());
            draft.set(target, text);
        }
    }
    let is_set = |flag: &&str| match additional.get(*flag) {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let flags: Vec<Cow<'_, str>> = ["AA", "TC", "RD", "RA"]
        .iter()
        .filter(|flag| is_set(flag))
        .map(|flag| Cow::Borrowed(*flag))
        .collect();
    if !flags.is_empty() {
        draft.set("m365_defender.event.dns.header_flags", flags.clone());
        draft.set("dns.header_flags", flags);
    }
    let answers = list(additional.remove("answers"));
    let lives = list(additional.remove("TTLs"));
    if !answers.is_empty() {
        let records: Vec<Value> = answers
            .iter()
            .enumerate()
            .map(|(at, answer)| {
                let mut record = Map::new();
                record.insert("data".to_owned(), answer.clone());
                if let Some(seconds) = lives.get(at).and_then(Value::as_f64) {
                    record.insert("ttl".to_owned(), Value::from(seconds as i64));
                }
                Value::Object(record)
            })
            .collect();
        draft.set("dns.answers", records);
        draft.set("m365_defender.event.dns.answers", answers);
    }
    if !lives.is_empty() {
        draft.set("m365_defender.event.dns.ttls", lives);
    }
}

/// A list, or the text of one.
fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn logged_on_users(record: TapeObject<'_>, draft: &mut Draft<'_, '_>) {
    let users = list(record.get("LoggedOnUsers").map(TapeValue::to_value));
    let names: Vec<Cow<'_, str>> = users
        .iter()
        .filter_map(|user| Some(Cow::Owned(user.get("UserName")?.as_str()?.to_owned())))
        .collect();
    names.iter().for_each(|name| draft.relate_user(name));
    if !names.is_empty() {
        draft.set("m365_defender.event.active_users", names);
    }
}

/// An address of twelve hexadecimal digits, as ECS writes it.
fn adapter_address(record: TapeObject<'_>, draft: &mut Draft<'_, '_>) {
    let address = record.get("MacAddress").and_then(TapeValue::as_str).unwrap_or_default();
    let digits: Vec<char> = address.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() == 12 {
        let pairs: Vec<String> =
            digits.chunks(2).map(|pair| pair.iter().collect::<String>().to_uppercase()).collect();
        draft.set("host.mac", vec![Cow::Owned(pairs.join("-"))]);
    }
}

/// A process whose name is not given is named as its program, or as the first word of its command line.
fn process_names(draft: &mut Draft<'_, '_>) {
    for (name, executable, arguments) in [
        ("process.name", "process.executable", "process.args"),
        ("process.parent.name", "process.parent.executable", "process.parent.args"),
    ] {
        if !draft.has(name)
            && let Some(other) =
                draft.copy_text(executable).or_else(|| draft.texts(arguments).into_iter().next())
        {
            draft.set(name, other);
        }
    }
}

/// The reference hashes device, process id and start; ids are only compared with each other, so the three will do as they
/// are.
fn entity_id(draft: &mut Draft<'_, '_>, pid: &'static str, start: &'static str, id: &'static str) {
    let Some(pid) = draft.copy_value(pid).and_then(|pid| match pid {
        FieldValue::Integer(pid) => Some(pid),
        _ => None,
    }) else {
        return;
    };
    let (Some(device), Some(start)) = (draft.copy_text("host.id"), draft.copy_text(start)) else { return };
    draft.set(id, format!("{device}-{pid}-{start}"));
}
