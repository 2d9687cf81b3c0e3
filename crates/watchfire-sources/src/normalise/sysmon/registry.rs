//! Registry keys, values and data (sources §0.6 and events 12 to 14 of §1).

use std::borrow::Cow;

use crate::fields::part;
use crate::normalise::draft::Draft;

/// Hives by the long names that other tools print, and as Sysmon abbreviates them.
const HIVES: &[(&str, &str)] = &[
    ("HKEY_CLASSES_ROOT", "HKCR"),
    ("HKEY_CURRENT_CONFIG", "HKCC"),
    ("HKEY_CURRENT_USER", "HKCU"),
    ("HKEY_DYN_DATA", "HKDD"),
    ("HKEY_LOCAL_MACHINE", "HKLM"),
    ("HKEY_PERFORMANCE_DATA", "HKPD"),
    ("HKEY_USERS", "HKU"),
];

/// The short name of a hive; a name that is not known stays.
pub(in crate::normalise) fn short_hive(hive: &str) -> &str {
    HIVES.iter().find(|(long, _)| *long == hive).map_or(hive, |(_, short)| short)
}

pub(super) fn map(draft: &mut Draft<'_, '_>) {
    if let Some(path) = draft.take("TargetObject") {
        if let Some(hive) = part(&path, |path| path.split_once('\\').map(|(hive, _)| hive)) {
            draft.set("registry.hive", part(&hive, |hive| Some(short_hive(hive))).unwrap_or(hive));
        }
        let key = part(&path, |path| path.split_once('\\').map(|(_, key)| key));
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            draft.set("registry.key", key);
        }
        if let Some(value) = part(&path, |path| path.rsplit('\\').next()) {
            draft.set("registry.value", value);
        }
        draft.set("registry.path", path);
    }
    if draft.code == 13
        && let Some(details) = draft.copy("Details")
    {
        let (kind, data) = data(details);
        draft.set("registry.data.type", kind);
        draft.set("registry.data.strings", vec![data]);
    }
}

/// The type and the text of what was written. Sysmon shows numbers as hexadecimal words, and no binary data at all.
fn data(details: Cow<'_, str>) -> (&'static str, Cow<'_, str>) {
    let number = |prefix: &str| details.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')'));
    if let Some(number) = number("DWORD (").and_then(hexadecimal) {
        return ("SZ_DWORD", number.to_string().into());
    }
    if let Some((high, low)) = number("QWORD (").and_then(|both| both.split_once('-'))
        && let (Some(high), Some(low)) = (hexadecimal(high), hexadecimal(low))
        && u32::try_from(high).is_ok()
        && u32::try_from(low).is_ok()
    {
        // The reference shifts by 8 bits, which gives a wrong number; we give the right one.
        return ("SZ_QWORD", ((high << 32) | low).to_string().into());
    }
    let kind = if details == "Binary Data" { "REG_BINARY" } else { "REG_SZ" };
    (kind, details)
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_tell_the_type() {
        let read = |text: &'static str| {
            let (kind, text) = data(Cow::Borrowed(text));
            format!("{kind} {text}")
        };
        assert_eq!(read("DWORD (0x0000000a)"), "SZ_DWORD 10");
        assert_eq!(read("QWORD (0x00000001-0x00000002)"), "SZ_QWORD 4294967298");
        assert_eq!(read("QWORD (0x1)"), "REG_SZ QWORD (0x1)");
        assert_eq!(read("Binary Data"), "REG_BINARY Binary Data");
        assert_eq!(read("%windir%\\a.exe"), "REG_SZ %windir%\\a.exe");
    }
}
