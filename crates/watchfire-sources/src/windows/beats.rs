//! What Winlogbeat and the Elastic Agent's Windows input write: the canonical shape itself, older spellings included.

use std::borrow::Cow;

use watchfire_events::FieldNames;

use super::{LocalTime, WindowsEvent, WindowsEventError, values};
use crate::fields::{FieldValue, Fields};
use crate::tape::{TapeObject, TapeValue};

/// Members of `winlog` that are texts, whatever they were written as.
const TEXTS: [&str; 2] = ["event_id", "record_id"];

/// Members of `winlog` that are GUIDs.
const GUIDS: [&str; 3] = ["provider_guid", "activity_id", "related_activity_id"];

pub(crate) fn read<'a>(
    record: TapeObject<'a>,
    local: &LocalTime,
    names: &mut FieldNames,
) -> Result<WindowsEvent<'a>, WindowsEventError> {
    let winlog = record.get("winlog").and_then(TapeValue::as_object).ok_or(WindowsEventError::NoEvent)?;
    let text = |name: &str| winlog.get(name).and_then(text_of);
    let outer = |name: &str| record.get_field(name).and_then(text_of);
    let code = text("event_id")
        .or_else(|| outer("event.code"))
        .filter(|code| !code.is_empty())
        .ok_or(WindowsEventError::NoEventId)?;
    let channel = text("channel").unwrap_or_default();
    let provider = text("provider_name").or_else(|| outer("event.provider")).unwrap_or_default();
    // An agent's `@timestamp` is the time of reading unless `time_created` is absent.
    let time = text("time_created").or_else(|| outer("@timestamp"));
    let time = time.and_then(|time| local.read(&time, || 0));
    let outcome = text("outcome").filter(|outcome| outcome == "success" || outcome == "failure");
    let level = text("level").map(|level| Cow::Owned(level.to_lowercase()));

    let mut document = Fields::with_room_for(48);
    let mut name = String::new();
    for (key, value) in without(record, &["winlog"]) {
        name.clear();
        name.push_str(key);
        document.add_tape(&mut name, value, names);
    }
    for (key, value) in without(winlog, &["event_data", "user_data"]) {
        name.clear();
        name.push_str("winlog.");
        name.push_str(key);
        let canonical = match key {
            _ if TEXTS.contains(&key) => text_of(value),
            _ if GUIDS.contains(&key) => value.as_str().and_then(values::guid).map(Cow::Owned),
            _ => None,
        };
        match canonical {
            Some(text) => document.add_member(&name, FieldValue::Text(text), names),
            None => document.add_tape(&mut name, value, names),
        }
    }
    let mut put = |name: &'static str, value: Option<Cow<'a, str>>| {
        if let Some(value) = value
            && !value.is_empty()
            && record.get_field(name).is_none()
        {
            document.set(names.fixed(name), value.into());
        }
    };
    put("event.kind", Some(Cow::Borrowed("event")));
    put("event.provider", Some(provider.clone()));
    put("event.outcome", outcome);
    put("log.level", level);
    put("host.name", text("computer_name"));
    put("winlog.event_id", Some(code.clone()));
    document.set(names.fixed("event.code"), code.clone().into());
    Ok(WindowsEvent {
        code,
        channel,
        provider,
        time,
        event_data: data(winlog.get("event_data"), names),
        user_data: data(winlog.get("user_data"), names),
        document,
    })
}

/// A scalar as a text.
fn text_of(value: TapeValue<'_>) -> Option<Cow<'_, str>> {
    value.scalar().map(values::scalar_text)
}

/// The members of an object without some of them, in the place of each of which comes the last one: so they are taken
/// out of a document ([`Fields`]) too.
fn without<'a>(object: TapeObject<'a>, names: &[&str]) -> Vec<(&'a str, TapeValue<'a>)> {
    let mut members: Vec<_> = object.iter().collect();
    for name in names {
        if let Some(at) = members.iter().position(|(key, _)| key == name) {
            members.swap_remove(at);
        }
    }
    members
}

fn data<'a>(value: Option<TapeValue<'a>>, names: &mut FieldNames) -> Fields<'a> {
    let Some(object) = value.and_then(TapeValue::as_object) else { return Fields::default() };
    let mut data = Fields::with_room_for(24);
    for (name, value) in object.iter() {
        let value = match value.as_object() {
            // A document that an ingest pipeline has already been over may hold objects here: they stay.
            Some(_) => Some(FieldValue::of_tape(value)),
            None => values::data_of_tape(name, value),
        };
        if let Some(value) = value {
            data.set(names.intern(name), value);
        }
    }
    data
}
