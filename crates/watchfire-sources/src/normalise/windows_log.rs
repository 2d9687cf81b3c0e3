//! Windows events of any channel: which mapping they get, and what every Windows document has (sources §0.3, §8, §9).

use serde_json::{Value, json};
use watchfire_events::{Document, Timestamp};

use super::draft::Draft;
use super::{Publication, SourceKind, powershell, security, sysmon};
use crate::windows::{WindowsEvent, message_codes};

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

/// Whose events these are, by provider and channel.
pub(crate) fn recognise(event: &WindowsEvent) -> SourceKind {
    if event.provider.eq_ignore_ascii_case("Microsoft-Windows-Sysmon") {
        return SourceKind::Sysmon;
    }
    if event.provider.eq_ignore_ascii_case("Linux-Sysmon") {
        return SourceKind::SysmonLinux;
    }
    let known = CHANNELS.iter().find(|(channel, _)| event.channel.eq_ignore_ascii_case(channel));
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

/// A mapped event: its document, and whether it has a time.
pub(crate) struct Mapped {
    pub(crate) document: Document,
    pub(crate) has_time: bool,
}

/// Maps an event as one of `kind`, for publication as `publication` says.
pub(crate) fn map(event: WindowsEvent, kind: SourceKind, publication: Publication) -> Mapped {
    let mut time = event.time;
    let mut draft = Draft::new(event);
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
    host(&mut draft, kind);
    let has_time = time.is_some() || draft.get("@timestamp").is_some();
    Mapped { document: draft.finish(), has_time }
}

/// Windows Defender: all that its reference adds.
fn defender(draft: &mut Draft) {
    draft.set("event.category", json!(["process"]));
    draft.set("event.type", json!(["start"]));
    for (from, to) in [("winlog.user.identifier", "user.id"), ("winlog.user.name", "user.name")] {
        if let Some(value) = draft.text(from).map(str::to_owned) {
            draft.set(to, value);
        }
    }
}

/// The computer's names, its operating system, and an id: its name in lower case where nothing better is known, because
/// sequences join on it (sources §0.3 rules f, g, h).
fn host(draft: &mut Draft, kind: SourceKind) {
    let system = if kind == SourceKind::SysmonLinux { "linux" } else { "windows" };
    // Anything but an object under `host` would keep the fields below from being read.
    if draft.document.get("host").is_some_and(|host| !host.is_object()) {
        let name = draft.document.remove("host");
        if let Some(Value::String(name)) = name {
            draft.set("host.name", name);
        }
    }
    if let Some(computer) = draft.text("winlog.computer_name").map(str::to_owned) {
        if draft.get("host.name").is_none() {
            draft.set("host.name", computer.as_str());
        }
        if draft.get("host.hostname").is_none()
            && let Some(label) = computer.split('.').next().filter(|label| !label.is_empty())
        {
            draft.set("host.hostname", label);
        }
        if draft.get("host.id").is_none() {
            draft.set("host.id", computer.to_lowercase());
        }
    }
    for field in ["host.os.type", "host.os.family"] {
        if draft.get(field).is_none() {
            draft.set(field, system);
        }
    }
}
