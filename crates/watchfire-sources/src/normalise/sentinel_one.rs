//! What the table of SentinelOne cannot say (sources §5): registry keys, DNS, users, quotes and doubled backslashes.

use std::borrow::Cow;

use watchfire_events::parse_ip;

use super::command_line::Splitting;
use super::draft::{Draft, plain_address};
use super::path::Separator;
use super::sysmon::dns::record_type;
use crate::fields::{TextMembers, part};
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::scalar_text;

/// The vendor's fields of command lines that lose the quotes around them.
const QUOTED_LINES: [&str; 2] = [
    "sentinel_one_cloud_funnel.event.src.process.parent.cmd_line",
    "sentinel_one_cloud_funnel.event.tgt.process.cmd_line",
];

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let kind = record.get_field("event.category").and_then(TapeValue::as_str).unwrap_or_default();
    let is_process = kind.eq_ignore_ascii_case("process");
    for path in ["process.executable", "process.parent.executable"] {
        if let Some(folded) = draft.text(path).and_then(folded) {
            draft.set(path, folded);
        }
    }
    // The lines that Elastic's integration takes the quotes from, and those that it leaves as they are.
    command_line(draft, "process", "process.command_line", is_process);
    command_line(draft, "process.parent", "process.parent.command_line", !is_process);
    for field in QUOTED_LINES {
        if let Some(line) = draft.copy_text(field) {
            let folded = folded(&line).map(Cow::Owned);
            if let Some(line) = without_quotes(folded.as_ref().unwrap_or(&line)).or(folded) {
                draft.set(field, line);
            }
        }
    }
    for account in ["process.user.name", "process.parent.user.name"] {
        if draft.text(account).is_some_and(|account| account.contains(r"\\")) {
            let folded = draft.text(account).unwrap_or_default().replace(r"\\", r"\");
            draft.set(account, folded);
        }
    }
    user(draft, if is_process { "process.parent.user.name" } else { "process.user.name" });
    if let Some(file) = draft.text("file.path").and_then(folded) {
        draft.set_file_of("file", file.into(), Separator::Any);
    }
    if kind.eq_ignore_ascii_case("registry") {
        registry(record, draft);
    } else if kind.eq_ignore_ascii_case("dns") {
        dns(record, draft);
    }
}

fn command_line(
    draft: &mut Draft<'_, '_>,
    prefix: &'static str,
    field: &'static str,
    takes_quotes_off: bool,
) {
    let Some(mut line) = draft.copy_text(field) else { return };
    if let Some(folded) = folded(&line) {
        line = Cow::Owned(folded);
        draft.set_command_line(prefix, line.clone(), Splitting::ArgvWithoutEmpty);
    }
    if takes_quotes_off && let Some(inner) = part(&line, |line| line.strip_prefix('"')?.strip_suffix('"')) {
        draft.set(field, inner);
    }
}

fn without_quotes<'a>(line: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    part(line, |line| line.strip_prefix('"')?.strip_suffix('"'))
}

/// `user.name` and `user.domain` from an account that is kept whole elsewhere.
fn user(draft: &mut Draft<'_, '_>, field: &'static str) {
    let Some(account) = draft.copy_text(field) else { return };
    let name = match part(&account, |account| account.split_once('\\').map(|(domain, _)| domain)) {
        Some(domain) => {
            draft.set("user.domain", domain);
            part(&account, |account| account.split_once('\\').map(|(_, name)| name))
        }
        None => Some(account),
    };
    if let Some(name) = name
        && !draft.has("user.name")
    {
        draft.set("user.name", name);
    }
}

/// The last element of a path is the value, for keys as well: records do not tell which of the two a path ends with.
fn registry<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    if let Some(folded) = draft.text("registry.path").and_then(folded) {
        draft.set("registry.path", folded);
    }
    if let Some(path) = draft.copy_text("registry.path") {
        if let Some(key) = part(&path, |path| path.rsplit_once('\\').map(|(key, _)| key)) {
            draft.set("registry.key", key);
        }
        if let Some(value) = part(&path, |path| path.rsplit_once('\\').map(|(_, value)| value)) {
            draft.set("registry.value", value);
        }
    }
    let data = record.get_field("registry.value").and_then(TapeValue::scalar).map(scalar_text);
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        draft.set("registry.data.strings", vec![data]);
    }
}

/// A question such as `type: 1 www.example.org` or the name alone, and answers such as
/// `type: 5 www.example.org;192.0.2.1;`.
fn dns<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let text = |name| record.get_field(name).and_then(TapeValue::as_str).unwrap_or_default().trim();
    let question = text("event.dns.request");
    match typed(question) {
        Some((kind, Some(name))) => {
            draft.relate_host(&Cow::Borrowed(name));
            draft.set("dns.question.name", name);
            draft.set("dns.question.type", kind);
        }
        _ if !question.is_empty() => draft.set("dns.question.name", question),
        _ => {}
    }
    let mut answers: Vec<TextMembers<'a>> = Vec::new();
    let mut addresses: Vec<Cow<'a, str>> = Vec::new();
    for answer in text("event.dns.response").split(';').map(str::trim) {
        if let Some((kind, data)) = typed(answer) {
            let mut members = vec![("type", Cow::Borrowed(kind))];
            if let Some(data) = data {
                draft.relate_host(&Cow::Borrowed(data));
                members.push(("data", Cow::Borrowed(data)));
            }
            answers.push(members);
            continue;
        }
        let address = plain_address(answer);
        if parse_ip(address).is_some() && !addresses.iter().any(|known| known == address) {
            draft.relate_address(&Cow::Borrowed(address));
            addresses.push(Cow::Borrowed(address));
        }
    }
    if !answers.is_empty() {
        draft.set("dns.answers", answers);
    }
    if !addresses.is_empty() {
        draft.set("dns.resolved_ip", addresses);
    }
}

/// The type of a record, and its data, of a text such as `type: 5 www.example.org`. A type that has no name is its number.
fn typed(text: &str) -> Option<(&str, Option<&str>)> {
    let mut words = text.strip_prefix("type:")?.split_whitespace();
    let number = words.next()?;
    Some((record_type(number).unwrap_or(number), words.next()))
}

/// A path or command line that some installations write with doubled backslashes, with single ones; nothing for any
/// other. One that begins with backslashes is a path of a network or a device.
fn folded(text: &str) -> Option<String> {
    let path = text.strip_prefix('"').unwrap_or(text);
    let (before, behind) = path.split_once('\\')?;
    let is_start = match before.as_bytes() {
        [letter, b':'] => letter.is_ascii_alphabetic(),
        word => !word.is_empty() && word.iter().all(u8::is_ascii_alphabetic),
    };
    (is_start && behind.starts_with('\\')).then(|| text.replace(r"\\", r"\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_backslashes_are_folded_where_a_path_begins_with_them() {
        assert_eq!(folded(r"C:\\Tools\\a.exe").as_deref(), Some(r"C:\Tools\a.exe"));
        assert_eq!(folded(r#""C:\\Tools\\a.exe" \\\\h\\s"#).as_deref(), Some(r#""C:\Tools\a.exe" \\h\s"#));
        assert_eq!(folded(r"MACHINE\\SOFTWARE\\a").as_deref(), Some(r"MACHINE\SOFTWARE\a"));
        for kept in [r"C:\Tools\a.exe", r"\\host\share", r"net use \\host\share", r"\\?\C:\\x", "/bin/sh", ""]
        {
            assert_eq!(folded(kept), None, "{kept}");
        }
    }

    #[test]
    fn types_of_dns_records_are_read() {
        assert_eq!(typed("type: 5 www.example.org"), Some(("CNAME", Some("www.example.org"))));
        assert_eq!(typed("type:  28"), Some(("AAAA", None)));
        assert_eq!(typed("type: 9999 x"), Some(("9999", Some("x"))));
        assert_eq!(typed("type:"), None);
        assert_eq!(typed("192.0.2.1"), None);
    }
}
