//! What the table of Endgame's sensor records cannot say (sources §7): the system, which only the forms of names tell, and
//! parts of names.

use super::draft::Draft;
use crate::fields::part;
use crate::tape::TapeObject;

/// Refines what the table made of a record.
pub(crate) fn refine(_: TapeObject<'_>, draft: &mut Draft<'_, '_>) {
    if !draft.has("host.os.type")
        && let Some(system) = system(draft)
    {
        draft.set("host.os.type", system);
    }
    for field in ["process.code_signature.trusted", "process.code_signature.exists"]
        .into_iter()
        .chain(["dll.code_signature.trusted", "dll.code_signature.exists"])
    {
        if let Some(truth) = draft.text(field).map(|text| text == "true") {
            draft.set(field, truth);
        }
    }
    set_registry_key(draft);
    // A name that was asked for may end at the root.
    if let Some(name) = draft.copy_text("dns.question.name")
        && let Some(name) = part(&name, |name| name.strip_suffix('.').filter(|name| !name.is_empty()))
    {
        draft.set("dns.question.name", name);
    }
}

/// The system that the names of a record belong to, if they tell.
fn system(draft: &mut Draft<'_, '_>) -> Option<&'static str> {
    const PATHS: &[&str] =
        &["process.executable", "process.parent.executable", "file.path", "dll.path", "process.command_line"];
    /// Folders that macOS has and Linux has not.
    const OF_MACOS: &[&str] =
        &["/Applications/", "/System/", "/Library/", "/Users/", "/private/", "/Volumes/"];
    if draft.has("registry.path") || draft.text("user.id").is_some_and(|id| id.starts_with("S-1-")) {
        return Some("windows");
    }
    let mut system = None;
    for field in PATHS {
        let Some(path) = draft.text(field) else { continue };
        let path = path.trim_start_matches('"');
        if OF_MACOS.iter().any(|folder| path.starts_with(folder)) {
            return Some("macos");
        }
        if path.starts_with('/') {
            system = system.or(Some("linux"));
        } else if path.starts_with('\\') || path.get(1..3) == Some(":\\") {
            return Some("windows");
        }
    }
    system.or_else(|| {
        // Processes of the kernel have no path.
        let is_of_windows = |name: &str| {
            ["System", "System Idle Process", "Registry", "Memory Compression"].contains(&name)
                || name.to_ascii_lowercase().ends_with(".exe")
        };
        // Domains are of Windows too.
        (draft.has("user.domain") || draft.text("process.name").is_some_and(is_of_windows))
            .then_some("windows")
    })
}

/// The key is the path without the value.
fn set_registry_key(draft: &mut Draft<'_, '_>) {
    if draft.has("registry.key") {
        return;
    }
    let Some(path) = draft.copy_text("registry.path") else { return };
    let value = draft.copy_text("registry.value");
    let key = value.and_then(|value| {
        part(&path, |path| path.strip_suffix(&*value)?.strip_suffix('\\').filter(|key| !key.is_empty()))
    });
    draft.set("registry.key", key.unwrap_or(path));
}
