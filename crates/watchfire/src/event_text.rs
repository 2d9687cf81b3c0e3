//! What an event is about, in one line for a table.

/// The first one of these that is there.
const PROCESS: &[&str] = &["process.command_line", "process.executable", "process.name"];

/// What the process acted on: the first one of these that is there.
const OBJECT: &[&str] = &[
    "registry.path",
    "file.path",
    "dll.path",
    "dns.question.name",
    "destination.domain",
    "destination.ip",
    "service.name",
    "winlog.event_data.ServiceName",
    "user.target.name",
    "group.name",
    "source.ip",
];

/// If there is neither: the first one of these that is there.
const OTHERWISE: &[&str] = &["message", "event.action", "event.code"];

/// The process and what it acted on. `text` gives the text of a field, empty if it is absent.
pub(crate) fn what(text: impl Fn(&str) -> String) -> String {
    let first = |names: &[&str]| {
        names.iter().map(|name| text(name)).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let (process, object) = (first(PROCESS), first(OBJECT));
    match (process.is_empty(), object.is_empty()) {
        (false, false) => format!("{process} → {object}"),
        (false, true) => process,
        (true, false) => object,
        (true, true) => first(OTHERWISE),
    }
}
