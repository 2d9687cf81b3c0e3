//! Flat records: system and data fields side by side, as NXLog's `im_msvistalog` and other exports write them.
//!
//! Azure's tables `WindowsEvent` and `SecurityEvent` are flat but for `EventData`, which is JSON or XML, often as a text;
//! then no other name is data.
//!
//! A name that is not known as a system field is event data. Two names need care. `AccountName` and `Domain` are the
//! *writer* of the event in NXLog, not its subject. `EventType` is NXLog's severity (`AUDIT_SUCCESS`, `INFO` …) unless
//! the event has a datum of that name, as Sysmon's registry, pipe and WMI events do; then NXLog keeps its own under
//! `EventTypeOrignal` (sic).
//!
//! Data without names are lost in these exports; what the message tells of them is read from there
//! ([`rendered_message`]).

use serde_json::{Map, Value};
use watchfire_events::{Document, Timestamp, set_field};

use super::{
    LocalTime, SystemPart, WindowsEvent, WindowsEventError, rendered_message, time_of_seconds, values, xml,
    xml_tree,
};

/// A pipeline behind NXLog stamps a record at most this long after NXLog received it, for the two stamps to tell the
/// zone of the first. Zones are multiples of 15 minutes, so half of that is the most that can be told.
const LONGEST_LAG_SECONDS: i64 = 450;
/// No zone is further from UTC than this.
const LARGEST_OFFSET_SECONDS: i64 = 14 * 3600;

/// What an export's own field is, if it is not event data.
enum Role {
    /// A part of `System`.
    System,
    /// Written by the exporting tool about itself; kept under its namespace.
    Shipper,
    /// Of the shipping pipeline; kept where it is.
    Pipeline,
}

fn role(name: &str, shape: Shape) -> Option<Role> {
    Some(match name {
        "EventID" | "Channel" | "SourceName" | "ProviderName" | "ProviderGuid" | "Hostname" | "Computer"
        | "MachineName" | "RecordNumber" | "EventRecordID" | "RecordID" | "EventTime" | "TimeCreated"
        | "Keywords" | "Level" | "Version" | "Task" | "Opcode" | "OpcodeValue" | "ExecutionProcessID"
        | "ThreadID" | "UserID" | "ActivityID" | "RelatedActivityID" | "Message" => Role::System,
        "EventSourceName" | "TimeGenerated" if shape != Shape::NxLog => Role::System,
        "Provider" | "EventLevel" | "EventRecordId" | "SystemProcessId" | "SystemThreadId"
        | "SystemUserId"
            if shape == Shape::DataApart =>
        {
            Role::System
        }
        // Elsewhere these are data: event 7045 has an `AccountName`, and many have a `Domain`.
        "AccountName" | "AccountType" | "Domain" | "Category" if shape == Shape::NxLog => Role::System,
        "SourceModuleName" | "SourceModuleType" | "EventReceivedTime" | "Severity" | "SeverityValue"
        | "port" | "EventTypeOrignal" => Role::Shipper,
        "@timestamp" | "@version" | "tags" | "agent" | "ecs" | "host" | "log" | "input" | "event" => {
            Role::Pipeline
        }
        _ if shape == Shape::DataApart => Role::Shipper,
        _ => return None,
    })
}

/// How a record is flat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// By NXLog.
    NxLog,
    /// With the data in an object of their own, by Azure.
    DataApart,
    /// By another tool.
    Other,
}

impl Shape {
    fn of(record: &Map<String, Value>) -> Self {
        if record.contains_key("SourceModuleType") || record.contains_key("EventReceivedTime") {
            Self::NxLog
        } else if record.get("EventData").is_some_and(is_data) {
            Self::DataApart
        } else {
            Self::Other
        }
    }

    /// Where fields of the exporting tool are kept.
    fn namespace(self) -> &'static str {
        if self == Self::DataApart { "sentinel" } else { "nxlog" }
    }
}

pub(crate) fn read(
    mut record: Map<String, Value>,
    local: &LocalTime,
) -> Result<WindowsEvent, WindowsEventError> {
    let shape = Shape::of(&record);
    let hint = zone_hint(&record);
    let mut system = Map::new();
    let mut event_data = Document::new();
    let mut document = Document::new();
    if shape == Shape::DataApart
        && let Some(data) = record.remove("EventData")
    {
        match data_apart(data) {
            Ok(data) => event_data = data,
            // What cannot be read stays as it is.
            Err(data) => set_field(&mut document, "sentinel.EventData", data),
        }
    }
    for (name, value) in record {
        match role(&name, shape) {
            Some(Role::System) => {
                system.insert(name, value);
            }
            Some(Role::Shipper) => set_field(&mut document, &format!("{}.{name}", shape.namespace()), value),
            Some(Role::Pipeline) => match value {
                // NXLog's own host, a plain name, would stand in the way of the object of that name.
                Value::String(host) if name == "host" => {
                    set_field(&mut document, "nxlog.host", Value::String(host));
                }
                value => {
                    document.insert(name, value);
                }
            },
            None if name == "EventType" && is_severity(&value) => {
                set_field(&mut document, "nxlog.EventType", value);
            }
            None => {
                if let Some(value) = values::data_value(&name, value) {
                    event_data.insert(name, value);
                }
            }
        }
    }
    let stamp = document.get("@timestamp").and_then(Value::as_str).map(str::to_owned);
    let time = ["EventTime", "TimeCreated", "TimeGenerated"]
        .iter()
        .find_map(|name| system.get(*name).and_then(|value| time(value, local, hint)))
        .or_else(|| stamp.and_then(|stamp| local.read(&stamp, 0)));
    let text = |name: &str| {
        system
            .get(name)
            .and_then(values::scalar_text)
            .map(|text| text.trim().to_owned())
            .filter(|t| !t.is_empty())
    };
    let number = |name: &str| system.get(name).and_then(values::integer);
    let part = SystemPart {
        code: text("EventID"),
        channel: text("Channel"),
        provider: text("SourceName")
            .or_else(|| text("ProviderName"))
            .or_else(|| text("Provider"))
            .or_else(|| text("EventSourceName")),
        provider_guid: text("ProviderGuid"),
        record_id: text("RecordNumber")
            .or_else(|| text("EventRecordID"))
            .or_else(|| text("RecordID"))
            .or_else(|| text("EventRecordId")),
        computer: text("Hostname").or_else(|| text("Computer")).or_else(|| text("MachineName")),
        version: number("Version"),
        level: text("Level")
            .map(|level| level.to_lowercase())
            .or_else(|| text("EventLevel"))
            .or_else(|| severity_level(&document)),
        opcode: text("Opcode").or_else(|| text("OpcodeValue")),
        task: text("Category").or_else(|| text("Task")),
        keywords: system.get("Keywords").and_then(values::bits),
        process_id: number("ExecutionProcessID").or_else(|| number("SystemProcessId")),
        thread_id: number("ThreadID").or_else(|| number("SystemThreadId")),
        user_id: text("UserID").or_else(|| text("SystemUserId")),
        user_name: text("AccountName"),
        user_domain: text("Domain"),
        user_type: text("AccountType"),
        activity_id: text("ActivityID"),
        related_activity_id: text("RelatedActivityID"),
        time,
        message: text("Message"),
        ..SystemPart::default()
    };
    if event_data.is_empty()
        && let (Some(provider), Some(code), Some(message)) = (&part.provider, &part.code, &part.message)
    {
        event_data = rendered_message::data(provider, code, message);
    }
    part.into_event(event_data, Document::new(), document)
}

/// Whether a value may be the data of an event as a whole.
fn is_data(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::String(text) => text.trim_start().starts_with(['{', '<']),
        _ => false,
    }
}

/// The data of an event from an object, or from a text that is one in JSON or an `EventData` element; else the value.
fn data_apart(value: Value) -> Result<Document, Value> {
    let fields = match value {
        Value::Object(fields) => fields,
        Value::String(text) if text.trim_start().starts_with('<') => {
            return match xml_tree::parse(&text) {
                Ok(element) => Ok(xml::data(&element)),
                Err(_) => Err(Value::String(text)),
            };
        }
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => fields,
            _ => return Err(Value::String(text)),
        },
        other => return Err(other),
    };
    let texts = fields.into_iter().filter_map(|(name, value)| {
        let value = values::data_value(&name, value)?;
        Some((name, value))
    });
    Ok(texts.collect())
}

/// Whether an `EventType` is NXLog's own.
fn is_severity(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        matches!(
            text,
            "AUDIT_SUCCESS"
                | "AUDIT_FAILURE"
                | "INFO"
                | "WARNING"
                | "ERROR"
                | "CRITICAL"
                | "VERBOSE"
                | "DEBUG"
        )
    })
}

/// NXLog has no level, but its event type says the same.
fn severity_level(document: &Document) -> Option<String> {
    let shipper = document.get("nxlog")?;
    let word = shipper.get("EventType").or_else(|| shipper.get("EventTypeOrignal"))?.as_str()?;
    let level = match word {
        "AUDIT_SUCCESS" | "AUDIT_FAILURE" | "INFO" => "information",
        "WARNING" => "warning",
        "ERROR" => "error",
        "CRITICAL" => "critical",
        "VERBOSE" | "DEBUG" => "verbose",
        _ => return None,
    };
    Some(level.to_owned())
}

/// A time as text, or as a number of seconds or milliseconds.
fn time(value: &Value, local: &LocalTime, hint: i64) -> Option<Timestamp> {
    match value {
        Value::String(text) => local.read(text, hint),
        Value::Number(number) => {
            let number = number.as_f64()?;
            // Larger numbers are milliseconds.
            time_of_seconds(if number.abs() < 1e11 { number } else { number / 1000.0 })
        }
        _ => None,
    }
}

/// Seconds by which a record's local times are ahead of UTC, told from two stamps of nearly the same moment: NXLog's
/// `EventReceivedTime`, which is local, and the next pipeline's `@timestamp`, which names its zone.
fn zone_hint(record: &Map<String, Value>) -> i64 {
    let read = || {
        let received = Timestamp::parse(record.get("EventReceivedTime")?.as_str()?)?;
        let stamped = record.get("@timestamp")?.as_str().filter(|text| text.ends_with('Z'))?;
        let stamped = Timestamp::parse(stamped)?;
        let apart = (received.nanos() - stamped.nanos()) / 1_000_000_000;
        let apart = i64::try_from(apart).ok()?;
        let offset = (apart + LONGEST_LAG_SECONDS).div_euclid(900) * 900;
        (offset.abs() <= LARGEST_OFFSET_SECONDS).then_some(offset)
    };
    read().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hint(received: &str, stamped: &str) -> i64 {
        let record = json!({"EventReceivedTime": received, "@timestamp": stamped});
        zone_hint(record.as_object().unwrap())
    }

    #[test]
    fn two_stamps_tell_the_zone() {
        assert_eq!(hint("2024-05-01 03:15:27", "2024-05-01T07:15:29.7Z"), -14_400);
        assert_eq!(hint("2024-05-01 12:45:27", "2024-05-01T07:15:29Z"), 19_800);
        assert_eq!(hint("2024-05-01 07:15:27", "2024-05-01T07:21:27Z"), 0);
        assert_eq!(hint("2024-05-01 07:15:27", "2024-05-09T07:21:27Z"), 0);
        assert_eq!(hint("never", "2024-05-09T07:21:27Z"), 0);
    }
}
