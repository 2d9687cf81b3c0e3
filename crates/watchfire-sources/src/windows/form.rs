//! Which form a record has, told by its content alone (sources §0.2).

use watchfire_events::FieldNames;

use super::{
    LocalTime, WindowsEvent, WindowsEventError, beats, evtx_json, flat, get_win_event, velociraptor,
};
use crate::normalise::Wanted;
use crate::tape::TapeObject;

/// A form of Windows events in JSON. XML texts are read by [`WindowsEvent::from_xml`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Form {
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
    /// The form in a few words.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Beats => "JSON of Beats",
            Self::EvtxJson => "JSON of the `evtx` crate",
            Self::Velociraptor => "JSON of Velociraptor",
            Self::Flat => "flat JSON",
            Self::GetWinEvent => "JSON of `Get-WinEvent`",
        }
    }

    /// The form of a record, if it is one of Windows events.
    pub(crate) fn recognise(record: TapeObject<'_>) -> Option<Self> {
        // One pass over the names; the members that decide are looked up only if they are there.
        let mut seen = Seen::default();
        for (name, value) in record.iter() {
            match name {
                "winlog" => seen.winlog = value.as_object(),
                "event" => seen.event = value.as_object(),
                "Event" => seen.wrapped = value.as_object(),
                "System" => seen.system = value.as_object(),
                "EventID" => seen.event_id = true,
                "Channel" | "SourceName" => seen.writer = true,
                "Id" => seen.id = true,
                "ProviderName" => seen.provider_name = true,
                "LogName" => seen.log_name = true,
                "Properties" | "Message" => seen.data = true,
                _ => {}
            }
        }
        if seen.is_beats() {
            Some(Self::Beats)
        } else if seen
            .wrapped
            .is_some_and(|event| event.get("System").is_some_and(|system| system.as_object().is_some()))
        {
            Some(Self::EvtxJson)
        } else if seen.system.is_some_and(|system| system.contains_key("EventID")) {
            Some(Self::Velociraptor)
        } else if seen.event_id && seen.writer {
            Some(Self::Flat)
        } else if seen.id && seen.provider_name && seen.log_name && seen.data {
            Some(Self::GetWinEvent)
        } else {
            None
        }
    }
}

/// Members by which forms are told apart.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether a name is there, and nothing else")]
struct Seen<'a> {
    winlog: Option<TapeObject<'a>>,
    event: Option<TapeObject<'a>>,
    wrapped: Option<TapeObject<'a>>,
    system: Option<TapeObject<'a>>,
    event_id: bool,
    writer: bool,
    id: bool,
    provider_name: bool,
    log_name: bool,
    data: bool,
}

impl Seen<'_> {
    fn is_beats(&self) -> bool {
        self.winlog.is_some_and(|winlog| {
            winlog.contains_key("event_id") || self.event.is_some_and(|event| event.contains_key("code"))
        })
    }
}

impl<'a> WindowsEvent<'a> {
    /// Reads a record in the given form. Only the fields that are asked for have to be there.
    pub(crate) fn from_json(
        form: Form,
        record: TapeObject<'a>,
        local: &LocalTime,
        names: &mut FieldNames,
        wanted: &mut Wanted<'_>,
    ) -> Result<Self, WindowsEventError> {
        match form {
            Form::Beats => beats::read(record, local, names),
            Form::EvtxJson => evtx_json::read(record, local, names, wanted),
            Form::Velociraptor => velociraptor::read(record.to_map(), local, names),
            Form::Flat => flat::read(record, local, names, wanted),
            Form::GetWinEvent => get_win_event::read(&record.to_map(), local, names),
        }
    }

    /// Reads an `Event` element, as Windows renders it and forwards it.
    pub(crate) fn from_xml(
        text: &str,
        local: &LocalTime,
        names: &mut FieldNames,
    ) -> Result<Self, WindowsEventError> {
        super::xml::read(text, local, names)
    }
}
