//! What the table of CrowdStrike cannot say (sources §3): paths cut into their parts, names that stand for two fields, and
//! numbers that are told by their names.

use std::borrow::Cow;

use watchfire_events::Scalar;

use super::draft::Draft;
use super::path::{self, Separator};
use crate::fields::part;
use crate::tape::TapeObject;
use crate::windows::values;

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    set_numbers(record, draft);
    set_container_name(draft);
    set_uptime(draft);
    set_files(draft);
    set_registry(draft);
    set_principal(draft);
    set_download(draft);
}

/// Counters and ports, of which there are dozens, are numbers; their names tell.
fn set_numbers<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let holds = |name: &str, word: &[u8]| name.as_bytes().windows(word.len()).any(|part| part == word);
    for (name, value) in record.iter() {
        if (holds(name, b"Count") || holds(name, b"Port"))
            && let Some(number) = value.as_str().and_then(|text| text.trim().parse::<i64>().ok())
        {
            draft.set_named_below("crowdstrike", name, number);
        }
    }
}

/// In a container of Linux the path of a program can be no more than `/`: then its command line names it.
fn set_container_name(draft: &mut Draft<'_, '_>) {
    if draft.text("process.name") == Some("/")
        && let Some(program) = draft.texts("process.args").into_iter().next()
    {
        let name = part(&program, |program| path::name_of(program, Separator::Posix));
        draft.set("process.name", name.unwrap_or(program));
    }
}

/// Whole seconds between start and end.
fn set_uptime(draft: &mut Draft<'_, '_>) {
    let mut seconds = |name| {
        let seconds = match draft.copy_value(name)?.scalar()? {
            Scalar::Text(text) => text.parse().ok()?,
            number => number.as_f64()?,
        };
        (seconds > 0.0).then_some(seconds)
    };
    if let (Some(start), Some(end)) =
        (seconds("crowdstrike.ProcessStartTime"), seconds("crowdstrike.ProcessEndTime"))
        && end >= start
    {
        draft.set("process.uptime", (end - start) as i64);
    }
}

fn set_files(draft: &mut Draft<'_, '_>) {
    let target = draft.copy_text("crowdstrike.TargetFileName");
    let source = draft.copy_text("crowdstrike.SourceFileName");
    let action = draft.text("event.action").unwrap_or_default();
    let is_rename =
        action.eq_ignore_ascii_case("NewExecutableRenamed") || action.eq_ignore_ascii_case("FileRenameInfo");
    let is_directory = action.contains("Directory");
    if is_rename && target.is_some() {
        if let Some(original) = source {
            draft.set_file_of("file.Ext.original", original, Separator::Any);
        }
        set_file(draft, target, is_directory);
    } else {
        set_file(draft, source.or(target), is_directory);
    }
}

fn set_file<'a>(draft: &mut Draft<'a, '_>, file: Option<Cow<'a, str>>, is_directory: bool) {
    let Some(file) = file else { return };
    let is_separator = |character| matches!(character, '\\' | '/');
    let bare = part(&file, |file| Some(file.strip_suffix(is_separator).unwrap_or(file))).unwrap_or_default();
    let is_directory = is_directory || bare.len() < file.len();
    if bare.contains(is_separator) {
        draft.set_file_of("file", bare, Separator::Any);
    }
    if is_directory {
        draft.remove("file.extension");
    }
    draft.set("file.type", if is_directory { "dir" } else { "file" });
    draft.set("file.path", file);
}

/// The path names the value as well; the key neither it nor the root of the registry.
fn set_registry(draft: &mut Draft<'_, '_>) {
    let Some(object) = draft.copy_text("crowdstrike.RegObjectName") else { return };
    let key = part(&object, |object| {
        ["\\REGISTRY\\MACHINE\\", "\\REGISTRY\\USER\\"]
            .iter()
            .find(|root| object.get(..root.len()).is_some_and(|start| start.eq_ignore_ascii_case(root)))
            .map(|root| &object[root.len()..])
    });
    draft.set("registry.key", key.unwrap_or_else(|| object.clone()));
    match draft.copy_text("registry.value") {
        Some(value) => draft.set("registry.path", format!("{object}\\{value}")),
        None => draft.set("registry.path", object),
    }
}

/// `name@domain`.
fn set_principal(draft: &mut Draft<'_, '_>) {
    let Some(principal) = draft.copy_text("crowdstrike.UserPrincipal") else { return };
    let name =
        part(&principal, |text| text.split_once('@').map(|(name, _)| name).filter(|name| !name.is_empty()));
    let domain = part(&principal, |text| {
        text.split_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
    });
    let (Some(name), Some(domain)) = (name, domain) else { return };
    draft.relate_user(&name);
    draft.set("user.full_name", name);
    draft.set("user.domain", domain);
    draft.set("user.email", principal);
}

/// The address that a file of the sensor's own came from.
fn set_download(draft: &mut Draft<'_, '_>) {
    let Some(server) = draft.copy_text("crowdstrike.DownloadServer") else { return };
    let Some(file) = draft.copy_text("crowdstrike.DownloadPath") else { return };
    let port = draft.copy_value("crowdstrike.DownloadPort");
    let port = port.as_ref().and_then(|port| values::integer(port.scalar()?));
    let url = match port {
        None | Some(443) => format!("https://{server}/{file}"),
        Some(80) => format!("http://{server}/{file}"),
        Some(port) => format!("http://{server}:{port}/{file}"),
    };
    draft.set_url("url", url.into());
}
