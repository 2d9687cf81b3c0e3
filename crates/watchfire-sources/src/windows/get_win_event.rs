//! Events of PowerShell's `Get-WinEvent` behind `ConvertTo-Json`.
//!
//! This form has no names for its data, only values by position. They come from the tables below for the events that
//! rules read most; for Sysmon from the message, whose lines are `Name: value` with the data's own names; and are
//! `param1`, `param2` … else. No public sample of this form was at hand, so it is read at best effort.

use std::borrow::Cow;

use serde_json::{Map, Value};
use watchfire_events::{Document, FieldNames, Scalar, Timestamp};

use super::{LocalTime, SystemPart, WindowsEvent, WindowsEventError, rendered_message, values};
use crate::fields::Fields;

/// The subject, which begins the data of most Security events.
const SUBJECT: &[&str] = &["SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId"];

/// Names by position: provider, event id, and the names; `Subject…` stands for the four of [`SUBJECT`].
const POSITIONS: &[(&str, &str, &[&str])] = &[
    (
        SECURITY,
        "4624",
        &[
            "Subject…",
            "TargetUserSid",
            "TargetUserName",
            "TargetDomainName",
            "TargetLogonId",
            "LogonType",
            "LogonProcessName",
            "AuthenticationPackageName",
            "WorkstationName",
            "LogonGuid",
            "TransmittedServices",
            "LmPackageName",
            "KeyLength",
            "ProcessId",
            "ProcessName",
            "IpAddress",
            "IpPort",
            "ImpersonationLevel",
            "RestrictedAdminMode",
            "TargetOutboundUserName",
            "TargetOutboundDomainName",
            "VirtualAccount",
            "TargetLinkedLogonId",
            "ElevatedToken",
        ],
    ),
    (
        SECURITY,
        "4625",
        &[
            "Subject…",
            "TargetUserSid",
            "TargetUserName",
            "TargetDomainName",
            "Status",
            "FailureReason",
            "SubStatus",
            "LogonType",
            "LogonProcessName",
            "AuthenticationPackageName",
            "WorkstationName",
            "TransmittedServices",
            "LmPackageName",
            "KeyLength",
            "ProcessId",
            "ProcessName",
            "IpAddress",
            "IpPort",
        ],
    ),
    (
        SECURITY,
        "4634",
        &["TargetUserSid", "TargetUserName", "TargetDomainName", "TargetLogonId", "LogonType"],
    ),
    (
        SECURITY,
        "4648",
        &[
            "Subject…",
            "LogonGuid",
            "TargetUserName",
            "TargetDomainName",
            "TargetLogonGuid",
            "TargetServerName",
            "TargetInfo",
            "ProcessId",
            "ProcessName",
            "IpAddress",
            "IpPort",
        ],
    ),
    (SECURITY, "4672", &["Subject…", "PrivilegeList"]),
    (
        SECURITY,
        "4688",
        &[
            "Subject…",
            "NewProcessId",
            "NewProcessName",
            "TokenElevationType",
            "ProcessId",
            "CommandLine",
            "TargetUserSid",
            "TargetUserName",
            "TargetDomainName",
            "TargetLogonId",
            "ParentProcessName",
            "MandatoryLabel",
        ],
    ),
    (SECURITY, "4689", &["Subject…", "Status", "ProcessId", "ProcessName"]),
    (
        SECURITY,
        "4697",
        &["Subject…", "ServiceName", "ServiceFileName", "ServiceType", "ServiceStartType", "ServiceAccount"],
    ),
    (SECURITY, "4698", &["Subject…", "TaskName", "TaskContent"]),
    (SECURITY, "4702", &["Subject…", "TaskName", "TaskContentNew"]),
    (SECURITY, "4720", &["TargetUserName", "TargetDomainName", "TargetSid", "Subject…", "PrivilegeList"]),
    (SECURITY, "4728", MEMBER),
    (SECURITY, "4732", MEMBER),
    (SECURITY, "4756", MEMBER),
    ("Microsoft-Windows-PowerShell", "4103", &["ContextInfo", "UserData", "Payload"]),
    (
        "Microsoft-Windows-PowerShell",
        "4104",
        &["MessageNumber", "MessageTotal", "ScriptBlockText", "ScriptBlockId", "Path"],
    ),
    (
        "Service Control Manager",
        "7045",
        &["ServiceName", "ImagePath", "ServiceType", "StartType", "AccountName"],
    ),
];
const SECURITY: &str = "Microsoft-Windows-Security-Auditing";
const MEMBER: &[&str] = &[
    "MemberName",
    "MemberSid",
    "TargetUserName",
    "TargetDomainName",
    "TargetSid",
    "Subject…",
    "PrivilegeList",
];

pub(crate) fn read<'a>(
    record: &Map<String, Value>,
    local: &LocalTime,
    names: &mut FieldNames,
) -> Result<WindowsEvent<'a>, WindowsEventError> {
    let text = |name: &str| {
        let text = record.get(name).and_then(values::text_of).filter(|text| !text.is_empty());
        text.map(Cow::Owned)
    };
    let scalar = |name: &str| record.get(name).and_then(Scalar::of);
    let number = |name: &str| scalar(name).and_then(values::integer);
    let code = text("Id");
    let provider = text("ProviderName");
    let event_data =
        data(record, provider.as_deref().unwrap_or_default(), code.as_deref().unwrap_or_default());
    let user_id = match record.get("UserId") {
        Some(Value::Object(user)) => user.get("Value").and_then(values::text_of),
        Some(other) => values::text_of(other),
        None => None,
    };
    let keyword_names = match record.get("KeywordsDisplayNames") {
        Some(Value::Array(names)) => names.iter().filter_map(values::text_of).map(Cow::Owned).collect(),
        _ => Vec::new(),
    };
    let part = SystemPart {
        channel: text("LogName"),
        provider_guid: text("ProviderId"),
        record_id: text("RecordId"),
        computer: text("MachineName"),
        version: number("Version"),
        level: text("Level"),
        opcode: text("OpcodeDisplayName").or_else(|| text("Opcode")),
        task: text("TaskDisplayName").or_else(|| text("Task")),
        keywords: scalar("Keywords").and_then(values::bits),
        keyword_names,
        process_id: number("ProcessId"),
        thread_id: number("ThreadId"),
        user_id: user_id.map(Cow::Owned),
        activity_id: text("ActivityId"),
        related_activity_id: text("RelatedActivityId"),
        time: record.get("TimeCreated").and_then(|value| time(value, local)),
        message: text("Message"),
        code,
        provider,
        ..SystemPart::default()
    };
    let event_data = Fields::of_data(event_data, names);
    part.into_event(event_data, Fields::default(), Fields::default(), names)
}

/// `/Date(1714557600000)/`, ISO 8601, or an object with one of them in `value` or `DateTime`.
fn time(value: &Value, local: &LocalTime) -> Option<Timestamp> {
    match value {
        Value::String(text) => match text.strip_prefix("/Date(") {
            Some(rest) => {
                let digits = rest.trim_end_matches(")/");
                let end =
                    digits.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
                digits[..end.unwrap_or(digits.len())].parse().ok().map(Timestamp::from_millis)
            }
            None => local.read(text, || 0),
        },
        Value::Object(object) => {
            object.get("value").or_else(|| object.get("DateTime")).and_then(|value| match value {
                Value::Object(_) => None,
                inner => time(inner, local),
            })
        }
        _ => None,
    }
}

fn data(record: &Map<String, Value>, provider: &str, code: &str) -> Document {
    if provider == "Microsoft-Windows-Sysmon"
        && let Some(Value::String(message)) = record.get("Message")
    {
        let found = rendered_message::data(provider, code, message);
        if !found.is_empty() {
            return found;
        }
    }
    let Some(Value::Array(properties)) = record.get("Properties") else {
        return Document::new();
    };
    let names =
        POSITIONS.iter().find(|(of, id, _)| *of == provider && *id == code).map(|(_, _, names)| *names);
    let mut names = names.unwrap_or_default().iter().flat_map(|name| match *name {
        "Subject…" => SUBJECT,
        _ => std::slice::from_ref(name),
    });
    let mut data = Document::new();
    for (at, property) in properties.iter().enumerate() {
        let name = names.next().map_or_else(|| format!("param{}", at + 1), |name| (*name).to_owned());
        let value = match property {
            Value::Object(object) => object.get("Value").cloned().unwrap_or(Value::Null),
            other => other.clone(),
        };
        // A SID comes as an object with its text inside.
        let value = match value {
            Value::Object(mut object) => object.remove("Value").unwrap_or(Value::Object(object)),
            other => other,
        };
        if let Some(value) = values::data_value(&name, value) {
            data.insert(name, value);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_of_both_powershells() {
        let local = LocalTime::default();
        let read = |value: Value| time(&value, &local).map(Timestamp::to_iso_millis);
        assert_eq!(read(json!("/Date(1714557600123)/")).unwrap(), "2024-05-01T10:00:00.123Z");
        assert_eq!(read(json!("/Date(1714557600123+0200)/")).unwrap(), "2024-05-01T10:00:00.123Z");
        assert_eq!(read(json!("2024-05-01T12:00:00.5+02:00")).unwrap(), "2024-05-01T10:00:00.500Z");
        assert_eq!(read(json!({"value": "/Date(0)/"})).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(read(json!("/Date()/")), None);
        assert_eq!(read(json!({"value": {"value": 1}})), None);
    }
}
