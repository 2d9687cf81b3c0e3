//! Windows events of any channel: which mapping they get, and what every Windows document has (sources §0.3, §8, §9).

use watchfire_events::{FieldNames, Timestamp};

use super::draft::Draft;
use super::finished::Finished;
use super::wanted::Wants;
use super::{Publication, SourceKind, ecs, powershell, security, sysmon};
use crate::fields::{FieldValue, part};
use crate::windows::{WindowsEvent, message_codes, values};

/// The channels with a data stream of their own, in lower case.
const CHANNELS: &[(&str, SourceKind)] = &[
    ("microsoft-windows-sysmon/operational", SourceKind::Sysmon),
    ("security", SourceKind::WindowsSecurity),
    ("windows powershell", SourceKind::WindowsPowerShell),
    ("microsoft-windows-powershell/operational", SourceKind::WindowsPowerShellOperational),
    ("system", SourceKind::WindowsSystem),
    ("application", SourceKind::WindowsApplication),
    ("microsoft-windows-windows defender/operational", SourceKind::WindowsDefender),
];

/// Whose events these are.
pub(crate) fn recognise(event: &WindowsEvent<'_>) -> SourceKind {
    source(&event.provider, &event.channel)
}

/// Whose events are those of a provider and channel.
pub(crate) fn source(provider: &str, channel: &str) -> SourceKind {
    if provider.eq_ignore_ascii_case("Microsoft-Windows-Sysmon") {
        return SourceKind::Sysmon;
    }
    if provider.eq_ignore_ascii_case("Linux-Sysmon") {
        return SourceKind::SysmonLinux;
    }
    let known = CHANNELS.iter().find(|(known, _)| channel.eq_ignore_ascii_case(known));
    known.map_or(SourceKind::WindowsForwarded, |&(_, kind)| kind)
}

/// Whether some mapping of this source reads a datum.
pub(crate) fn reads(kind: SourceKind, datum: &str) -> bool {
    match kind {
        SourceKind::Sysmon => sysmon::reads(datum),
        SourceKind::WindowsSecurity => security::reads(datum),
        SourceKind::WindowsPowerShell | SourceKind::WindowsPowerShellOperational => powershell::reads(datum),
        _ => false,
    }
}

/// A mapped event, and whether it has a time.
pub(crate) struct MappedEvent<'a> {
    pub(crate) event: Finished<'a>,
    pub(crate) has_time: bool,
}

/// Maps an event as one of `kind`, for publication as `publication` says.
pub(crate) fn map<'a>(
    event: WindowsEvent<'a>,
    kind: SourceKind,
    publication: Publication,
    names: &mut FieldNames,
    wants: Wants<'_>,
) -> MappedEvent<'a> {
    let mut time = event.time;
    let mut draft = Draft::new(event, names, wants);
    let stamped: Option<Timestamp> = match kind {
        SourceKind::Sysmon => sysmon::map(&mut draft, publication),
        SourceKind::WindowsSecurity => {
            if publication == Publication::Winlogbeat {
                message_codes::render(&mut draft.event_data);
            }
            security::map(&mut draft);
            None
        }
        SourceKind::WindowsPowerShell => {
            powershell::map_classic(&mut draft);
            None
        }
        SourceKind::WindowsPowerShellOperational => {
            powershell::map_operational(&mut draft);
            None
        }
        SourceKind::WindowsDefender => {
            defender(&mut draft);
            None
        }
        _ => None,
    };
    time = stamped.or(time);
    if let Some(at) = time {
        draft.set("@timestamp", at.to_iso_millis());
    }
    if time.is_none() && !draft.has("@timestamp") {
        // As of any other source, an event without its time has one of another name: of agents, when it was read.
        time = ecs::TIME_NAMES.iter().find_map(|name| ecs::read_time(draft.copy_value(name)?.scalar()?));
        if let Some(at) = time {
            draft.set("@timestamp", at.to_iso_millis());
        }
    }
    host(&mut draft, kind);
    let has_time = time.is_some() || draft.has("@timestamp");
    MappedEvent { event: draft.finish(), has_time }
}

/// Windows Defender: all that its reference adds.
fn defender(draft: &mut Draft<'_, '_>) {
    const CATEGORY: &[&str] = &["process"];
    const TYPE: &[&str] = &["start"];
    draft.set("event.category", CATEGORY);
    draft.set("event.type", TYPE);
    for (from, to) in [("winlog.user.identifier", "user.id"), ("winlog.user.name", "user.name")] {
        if let Some(value) = draft.copy_text(from) {
            draft.set(to, value);
        }
    }
}

/// The computer's names, its operating system, and an id: its name in lower case where nothing better is known, because
/// sequences join on it (sources §0.3 rules f, g, h).
fn host(draft: &mut Draft<'_, '_>, kind: SourceKind) {
    let system = if kind == SourceKind::SysmonLinux { "linux" } else { "windows" };
    // Anything but an object under `host` would keep the fields below from being read.
    if let Some(FieldValue::Text(name)) = draft.remove("host") {
        draft.set("host.name", name);
    }
    if let Some(computer) = draft.copy_text("winlog.computer_name") {
        if !draft.has("host.name") {
            draft.set("host.name", computer.clone());
        }
        if !draft.has("host.hostname")
            && let Some(label) =
                part(&computer, |name| name.split('.').next()).filter(|label| !label.is_empty())
        {
            draft.set("host.hostname", label);
        }
        if !draft.has("host.id") {
            draft.set("host.id", values::lower_case(computer));
        }
    }
    for field in ["host.os.type", "host.os.family"] {
        if !draft.has(field) {
            draft.set(field, system);
        }
    }
}
