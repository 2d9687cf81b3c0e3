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

use std::borrow::Cow;

use serde_json::Value;
use watchfire_events::{FieldName, FieldNames, Scalar, Timestamp};

use super::{
    LocalTime, SystemPart, WindowsEvent, WindowsEventError, rendered_message, time_of_seconds, values, xml,
    xml_tree,
};
use crate::fields::{FieldValue, Fields, part};
use crate::normalise::Wanted;
use crate::tape::{TapeObject, TapeValue};

/// A pipeline behind NXLog stamps a record at most this long after NXLog received it, for the two stamps to tell the
/// zone of the first. Zones are multiples of 15 minutes, so half of that is the most that can be told.
const LONGEST_LAG_SECONDS: i64 = 450;
/// No zone is further from UTC than this.
const LARGEST_OFFSET_SECONDS: i64 = 14 * 3600;

/// What an export's own field is, if it is not event data.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// A part of `System`.
    System(SystemField),
    /// Written by the exporting tool about itself; kept under its namespace.
    Shipper,
    /// Of the shipping pipeline; kept where it is.
    Pipeline,
}

/// The fields that parts of `System` are read from, by the names that the exports give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SystemField {
    AccountName,
    AccountType,
    ActivityId,
    Category,
    Channel,
    Computer,
    Domain,
    EventId,
    EventLevel,
    EventRecordId,
    EventRecordIdOfSentinel,
    EventSourceName,
    EventTime,
    ExecutionProcessId,
    Hostname,
    Keywords,
    Level,
    MachineName,
    Message,
    Opcode,
    OpcodeValue,
    Provider,
    ProviderGuid,
    ProviderName,
    RecordId,
    RecordNumber,
    RelatedActivityId,
    SourceName,
    SystemProcessId,
    SystemThreadId,
    SystemUserId,
    Task,
    ThreadId,
    TimeCreated,
    TimeGenerated,
    UserId,
    Version,
}

impl SystemField {
    const NUMBER: usize = Self::Version as usize + 1;
}

/// Names, what they are, and in which shapes they are that.
const ROLES: &[(&str, Role, &[Shape])] = {
    use Role::{Pipeline, Shipper, System};
    use SystemField as F;
    const ALL: &[Shape] = &[Shape::NxLog, Shape::DataApart, Shape::Other];
    const NXLOG: &[Shape] = &[Shape::NxLog];
    const APART: &[Shape] = &[Shape::DataApart];
    const NOT_NXLOG: &[Shape] = &[Shape::DataApart, Shape::Other];
    &[
        ("EventID", System(F::EventId), ALL),
        ("Channel", System(F::Channel), ALL),
        ("SourceName", System(F::SourceName), ALL),
        ("ProviderName", System(F::ProviderName), ALL),
        ("ProviderGuid", System(F::ProviderGuid), ALL),
        ("Hostname", System(F::Hostname), ALL),
        ("Computer", System(F::Computer), ALL),
        ("MachineName", System(F::MachineName), ALL),
        ("RecordNumber", System(F::RecordNumber), ALL),
        ("EventRecordID", System(F::EventRecordId), ALL),
        ("RecordID", System(F::RecordId), ALL),
        ("EventTime", System(F::EventTime), ALL),
        ("TimeCreated", System(F::TimeCreated), ALL),
        ("Keywords", System(F::Keywords), ALL),
        ("Level", System(F::Level), ALL),
        ("Version", System(F::Version), ALL),
        ("Task", System(F::Task), ALL),
        ("Opcode", System(F::Opcode), ALL),
        ("OpcodeValue", System(F::OpcodeValue), ALL),
        ("ExecutionProcessID", System(F::ExecutionProcessId), ALL),
        ("ThreadID", System(F::ThreadId), ALL),
        ("UserID", System(F::UserId), ALL),
        ("ActivityID", System(F::ActivityId), ALL),
        ("RelatedActivityID", System(F::RelatedActivityId), ALL),
        ("Message", System(F::Message), ALL),
        ("EventSourceName", System(F::EventSourceName), NOT_NXLOG),
        ("TimeGenerated", System(F::TimeGenerated), NOT_NXLOG),
        ("Provider", System(F::Provider), APART),
        ("EventLevel", System(F::EventLevel), APART),
        ("EventRecordId", System(F::EventRecordIdOfSentinel), APART),
        ("SystemProcessId", System(F::SystemProcessId), APART),
        ("SystemThreadId", System(F::SystemThreadId), APART),
        ("SystemUserId", System(F::SystemUserId), APART),
        // Elsewhere these are data: event 7045 has an `AccountName`, and many have a `Domain`.
        ("AccountName", System(F::AccountName), NXLOG),
        ("AccountType", System(F::AccountType), NXLOG),
        ("Domain", System(F::Domain), NXLOG),
        ("Category", System(F::Category), NXLOG),
        ("SourceModuleName", Shipper, ALL),
        ("SourceModuleType", Shipper, ALL),
        ("EventReceivedTime", Shipper, ALL),
        ("Severity", Shipper, ALL),
        ("SeverityValue", Shipper, ALL),
        ("port", Shipper, ALL),
        ("EventTypeOrignal", Shipper, ALL),
        ("@timestamp", Pipeline, ALL),
        ("@version", Pipeline, ALL),
        ("tags", Pipeline, ALL),
        ("agent", Pipeline, ALL),
        ("ecs", Pipeline, ALL),
        ("host", Pipeline, ALL),
        ("log", Pipeline, ALL),
        ("input", Pipeline, ALL),
        ("event", Pipeline, ALL),
    ]
};

/// The note of a name that is in no row of [`ROLES`]; that of one which is, is the row's number from 1.
const NO_ROLE: u8 = u8::MAX;

/// What a name is. The table is searched once for each name, and then what was found is noted.
fn role(name: FieldName, shape: Shape, names: &mut FieldNames) -> Option<Role> {
    if names.note(name) == 0 {
        let at = ROLES.iter().position(|(known, _, _)| **known == **names.text(name));
        names.set_note(name, at.map_or(NO_ROLE, |at| at as u8 + 1));
    }
    match ROLES.get(usize::from(names.note(name)) - 1) {
        Some((_, role, shapes)) if shapes.contains(&shape) => Some(*role),
        _ if shape == Shape::DataApart => Some(Role::Shipper),
        _ => None,
    }
}

/// How a record is flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// By NXLog.
    NxLog,
    /// With the data in an object of their own, by Azure.
    DataApart,
    /// By another tool.
    Other,
}

impl Shape {
    /// Where fields of the exporting tool are kept.
    fn namespace(self) -> &'static str {
        if self == Self::DataApart { "sentinel" } else { "nxlog" }
    }
}

/// What a member of a record is.
#[derive(Clone, Copy, Debug)]
enum Member {
    /// A part of `System`.
    System(SystemField),
    /// Kept in the document below a namespace, or where it is if that is empty; with its name there.
    Kept(&'static str, FieldName),
    /// The name of the machine where it was collected, if it is a text; else as [`Self::Kept`].
    Host(FieldName),
    /// The severity by NXLog, or a datum.
    EventType(FieldName),
    /// A datum.
    Datum(FieldName),
    /// All data of the event.
    Data,
}

/// What the members of a record are, in their order.
#[derive(Debug)]
pub(crate) struct Layout {
    members: Vec<Member>,
    is_told_by_names: bool,
}

impl Layout {
    /// Whether the names of the members alone say all this, and that the record is a flat one and names no data stream.
    pub(crate) fn is_told_by_names(&self) -> bool {
        self.is_told_by_names
    }

    fn of(record: TapeObject<'_>, names: &mut FieldNames) -> Self {
        let (mut is_nxlog, mut data, mut is_told_by_names) = (false, None, true);
        for (name, value) in record.iter() {
            match name {
                "SourceModuleType" | "EventReceivedTime" => is_nxlog = true,
                "EventData" => (data, is_told_by_names) = (Some(value), false),
                "winlog" | "Event" | "System" => is_told_by_names = false,
                name if name.starts_with("data_stream") || name.starts_with("event") => {
                    is_told_by_names = false;
                }
                _ => {}
            }
        }
        let shape = if is_nxlog {
            Shape::NxLog
        } else if data.is_some_and(is_data) {
            Shape::DataApart
        } else {
            Shape::Other
        };
        let members = record.iter().map(|(name, _)| Member::of(name, shape, names)).collect();
        Self { members, is_told_by_names }
    }
}

impl Member {
    fn of(name: &str, shape: Shape, names: &mut FieldNames) -> Self {
        if shape == Shape::DataApart && name == "EventData" {
            return Self::Data;
        }
        let number = names.intern(name);
        match role(number, shape, names) {
            Some(Role::System(field)) => Self::System(field),
            Some(Role::Shipper) => {
                let namespace = shape.namespace();
                Self::Kept(namespace, names.intern_below(namespace, name))
            }
            Some(Role::Pipeline) if name == "host" => Self::Host(number),
            Some(Role::Pipeline) => Self::Kept("", number),
            None if name == "EventType" => Self::EventType(number),
            None => Self::Datum(number),
        }
    }
}

/// What a record says of `System`.
struct System<'a>([Option<TapeValue<'a>>; SystemField::NUMBER]);

impl<'a> System<'a> {
    fn get(&self, field: SystemField) -> Option<TapeValue<'a>> {
        self.0[field as usize]
    }

    fn text(&self, field: SystemField) -> Option<Cow<'a, str>> {
        let text = values::scalar_text(self.get(field)?.scalar()?);
        part(&text, |text| Some(values::trimmed(text)).filter(|text| !text.is_empty()))
    }

    fn number(&self, field: SystemField) -> Option<i64> {
        values::integer(self.get(field)?.scalar()?)
    }

    fn part(&self) -> SystemPart<'a> {
        use SystemField as F;

        let text = |field| self.text(field);
        let number = |field| self.number(field);
        SystemPart {
            code: text(F::EventId),
            channel: text(F::Channel),
            provider: text(F::SourceName)
                .or_else(|| text(F::ProviderName))
                .or_else(|| text(F::Provider))
                .or_else(|| text(F::EventSourceName)),
            provider_guid: text(F::ProviderGuid),
            record_id: text(F::RecordNumber)
                .or_else(|| text(F::EventRecordId))
                .or_else(|| text(F::RecordId))
                .or_else(|| text(F::EventRecordIdOfSentinel)),
            computer: text(F::Hostname).or_else(|| text(F::Computer)).or_else(|| text(F::MachineName)),
            version: number(F::Version),
            level: text(F::Level).map(values::lower_case).or_else(|| text(F::EventLevel)),
            opcode: text(F::Opcode).or_else(|| text(F::OpcodeValue)),
            task: text(F::Category).or_else(|| text(F::Task)),
            keywords: self.get(F::Keywords).and_then(TapeValue::scalar).and_then(values::bits),
            process_id: number(F::ExecutionProcessId).or_else(|| number(F::SystemProcessId)),
            thread_id: number(F::ThreadId).or_else(|| number(F::SystemThreadId)),
            user_id: text(F::UserId).or_else(|| text(F::SystemUserId)),
            user_name: text(F::AccountName),
            user_domain: text(F::Domain),
            user_type: text(F::AccountType),
            activity_id: text(F::ActivityId),
            related_activity_id: text(F::RelatedActivityId),
            message: text(F::Message),
            ..SystemPart::default()
        }
    }
}

pub(crate) fn read<'a>(
    record: TapeObject<'a>,
    local: &LocalTime,
    names: &mut FieldNames,
    wanted: &mut Wanted<'_>,
) -> Result<WindowsEvent<'a>, WindowsEventError> {
    use SystemField as F;

    let layout = match wanted.layout() {
        Some(layout) => layout,
        None => wanted.remember_layout(record, Layout::of(record, names)),
    };
    let mut system = System([None; SystemField::NUMBER]);
    let (mut received, mut stamped) = (None, None);
    for ((name, value), member) in record.iter().zip(&layout.members) {
        match member {
            Member::System(field) => system.0[*field as usize] = Some(value),
            Member::Kept(..) if name == "EventReceivedTime" => received = value.as_str(),
            Member::Kept(..) if name == "@timestamp" => stamped = value.as_str(),
            _ => {}
        }
    }
    let mut part = system.part();
    part.settle()?;
    let mut wants = wanted.of(wanted.mapping(part.source()));

    let mut event_data = Fields::with_room_for(32);
    let mut document = Fields::with_room_for(64);
    let mut has_data = false;
    let mut name_of_field = String::new();
    for ((name, value), member) in record.iter().zip(&layout.members) {
        let mut keep = |namespace: &str, number: FieldName| {
            if value.scalar().is_some() && wants.drops_tape(number, value, names) {
                return;
            }
            name_of_field.clear();
            name_of_field.push_str(namespace);
            if !namespace.is_empty() {
                name_of_field.push('.');
            }
            name_of_field.push_str(name);
            document.add_tape(&mut name_of_field, value, names);
        };
        let datum = match *member {
            Member::System(_) => continue,
            Member::Kept(namespace, number) => {
                keep(namespace, number);
                continue;
            }
            Member::Host(number) if value.as_str().is_none() => {
                keep("", number);
                continue;
            }
            // NXLog's own host, a plain name, would stand in the way of the object of that name.
            Member::Host(_) => {
                let number = names.fixed("nxlog.host");
                if !wants.drops_tape(number, value, names) {
                    document.add_fixed_member("nxlog.host", FieldValue::of_tape(value), names);
                }
                continue;
            }
            Member::EventType(_) if is_severity(value) => {
                document.add_fixed_member("nxlog.EventType", FieldValue::of_tape(value), names);
                continue;
            }
            Member::Data => {
                match data_apart(value, names) {
                    Some(data) => event_data = data,
                    // What cannot be read stays as it is.
                    None => document.set(names.intern("sentinel.EventData"), FieldValue::of_tape(value)),
                }
                continue;
            }
            Member::EventType(number) | Member::Datum(number) => number,
        };
        if value.scalar().is_some() && wants.drops_datum(datum, names) {
            has_data = true;
        } else if let Some(value) = values::data_of_tape(name, value) {
            has_data = true;
            event_data.set(datum, value);
        }
    }
    let hint = || zone_hint(received, stamped);
    let of_document =
        |name: &str| names.find(name).and_then(|name| document.get(name)).and_then(FieldValue::as_str);
    let time = [F::EventTime, F::TimeCreated, F::TimeGenerated]
        .iter()
        .find_map(|&field| time(system.get(field)?, local, &hint))
        .or_else(|| of_document("@timestamp").and_then(|stamp| local.read(stamp, || 0)));
    part.time = time;
    part.level = part.level.or_else(|| {
        let word = of_document("nxlog.EventType").or_else(|| of_document("nxlog.EventTypeOrignal"))?;
        severity_level(word).map(Cow::Borrowed)
    });
    if !has_data
        && event_data.is_empty()
        && let (Some(provider), Some(code), Some(message)) = (&part.provider, &part.code, &part.message)
    {
        event_data = Fields::of_data(rendered_message::data(provider, code, message), names);
    }
    Ok(part.into_asked_event(event_data, Fields::default(), document, names, &mut wants))
}

/// Whether a value may be the data of an event as a whole.
fn is_data(value: TapeValue<'_>) -> bool {
    let is_text_of_data = |text: &str| text.trim_start().starts_with(['{', '<']);
    value.as_object().is_some() || value.as_str().is_some_and(is_text_of_data)
}

/// The data of an event from an object, or from a text that is one in JSON or an `EventData` element.
fn data_apart<'a>(value: TapeValue<'a>, names: &mut FieldNames) -> Option<Fields<'a>> {
    if let Some(object) = value.as_object() {
        let mut data = Fields::default();
        for (name, value) in object.iter() {
            if let Some(value) = values::data_of_tape(name, value) {
                data.set(names.intern(name), value);
            }
        }
        return Some(data);
    }
    let text = value.as_str()?;
    if text.trim_start().starts_with('<') {
        return Some(Fields::of_data(xml::data(&xml_tree::parse(text).ok()?), names));
    }
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return None };
    let texts = fields.into_iter().filter_map(|(name, value)| {
        let value = values::data_value(&name, value)?;
        Some((name, value))
    });
    Some(Fields::of_data(texts.collect(), names))
}

/// Whether an `EventType` is NXLog's own.
fn is_severity(value: TapeValue<'_>) -> bool {
    value.as_str().is_some_and(|text| severity_level(text).is_some())
}

/// NXLog has no level, but its event type says the same.
fn severity_level(word: &str) -> Option<&'static str> {
    Some(match word {
        "AUDIT_SUCCESS" | "AUDIT_FAILURE" | "INFO" => "information",
        "WARNING" => "warning",
        "ERROR" => "error",
        "CRITICAL" => "critical",
        "VERBOSE" | "DEBUG" => "verbose",
        _ => return None,
    })
}

/// A time as text, or as a number of seconds or milliseconds.
fn time(value: TapeValue<'_>, local: &LocalTime, hint: &impl Fn() -> i64) -> Option<Timestamp> {
    let number = match value.scalar()? {
        Scalar::Text(text) => return local.read(text, hint),
        other => other.as_f64()?,
    };
    // Larger numbers are milliseconds.
    time_of_seconds(if number.abs() < 1e11 { number } else { number / 1000.0 })
}

/// Seconds by which a record's local times are ahead of UTC, told from two stamps of nearly the same moment: NXLog's
/// `EventReceivedTime`, which is local, and the next pipeline's `@timestamp`, which names its zone.
fn zone_hint(received: Option<&str>, stamped: Option<&str>) -> i64 {
    let read = || {
        let received = Timestamp::parse(received?)?;
        let stamped = Timestamp::parse(stamped.filter(|text| text.ends_with('Z'))?)?;
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

    fn hint(received: &str, stamped: &str) -> i64 {
        zone_hint(Some(received), Some(stamped))
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
