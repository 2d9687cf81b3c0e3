//! Which form a record has, told by its content alone (sources §0.2).

use serde_json::{Map, Value};

use super::{
    LocalTime, WindowsEvent, WindowsEventError, beats, evtx_json, flat, get_win_event, velociraptor,
};

/// A form of Windows events in JSON. XML texts are read by [`WindowsEvent::from_xml`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// What Winlogbeat and the agents write: an object `winlog`.
    Beats,
    /// The JSON of the `evtx` crate, with attributes inside or beside their elements: an object `Event` with `System`.
    EvtxJson,
    /// Velociraptor's `parse_evtx`: an object `System` on top, its `EventID` an object.
    Velociraptor,
    /// NXLog's `im_msvistalog`, and other exports with system and data fields side by side.
    Flat,
    /// PowerShell's `Get-WinEvent` through `ConvertTo-Json`.
    GetWinEvent,
}

impl Form {
    /// The form of a record, if it is one of Windows events.
    pub fn recognise(record: &Map<String, Value>) -> Option<Self> {
        if is_beats(record) {
            return Some(Self::Beats);
        }
        if let Some(Value::Object(event)) = record.get("Event")
            && event.get("System").is_some_and(Value::is_object)
        {
            return Some(Self::EvtxJson);
        }
        if let Some(Value::Object(system)) = record.get("System")
            && system.contains_key("EventID")
        {
            return Some(Self::Velociraptor);
        }
        let has = |name: &str| record.contains_key(name);
        if has("EventID") && (has("Channel") || has("SourceName")) {
            return Some(Self::Flat);
        }
        if has("Id") && has("ProviderName") && has("LogName") && (has("Properties") || has("Message")) {
            return Some(Self::GetWinEvent);
        }
        None
    }
}

fn is_beats(record: &Map<String, Value>) -> bool {
    let Some(Value::Object(winlog)) = record.get("winlog") else {
        return false;
    };
    winlog.contains_key("event_id")
        || record.get("event").and_then(Value::as_object).is_some_and(|event| event.contains_key("code"))
}

impl WindowsEvent {
    /// Reads a record in the given form.
    pub fn from_json(
        form: Form,
        record: Map<String, Value>,
        local: &LocalTime,
    ) -> Result<Self, WindowsEventError> {
        match form {
            Form::Beats => beats::read(record, local),
            Form::EvtxJson => evtx_json::read(record, local),
            Form::Velociraptor => velociraptor::read(record, local),
            Form::Flat => flat::read(record, local),
            Form::GetWinEvent => get_win_event::read(&record, local),
        }
    }

    /// Reads an `Event` element, as Windows renders it and forwards it.
    pub fn from_xml(text: &str, local: &LocalTime) -> Result<Self, WindowsEventError> {
        super::xml::read(text, local)
    }
}
