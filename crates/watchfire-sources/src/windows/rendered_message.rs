//! The data of an event from its rendered message, for forms and exports that carry nothing else of them.
//!
//! Unnamed data, as the classic PowerShell log has throughout, are lost in flat exports, and some exports drop even the
//! script of a script block; the message then still holds them. Only English messages whose parts can be told apart are
//! read: Sysmon's lines `Name: value`, and PowerShell's.

use std::borrow::Cow;

use watchfire_events::Document;

use super::values;

/// What a message says, under the names that the event's own data have; empty if it cannot be told.
pub(crate) fn data(provider: &str, code: &str, message: &str) -> Document {
    let message = values::with_plain_line_ends(Cow::Borrowed(message));
    let found = match (provider, code) {
        ("Microsoft-Windows-Sysmon", _) => Some(sysmon(&message)),
        ("Microsoft-Windows-PowerShell", "4103") => module_logging(&message),
        ("Microsoft-Windows-PowerShell", "4104") => script_block(&message),
        ("PowerShell", "400" | "403" | "600") => engine_life(&message),
        ("PowerShell", "800") => pipeline_execution(&message),
        _ => None,
    };
    let mut data = Document::new();
    for (name, value) in found.unwrap_or_default() {
        data.insert(name.to_owned(), values::data_text(name, value).into_owned().into());
    }
    data
}

/// Names and values; none if the message is not of the form that its event has in English.
type Found<'a> = Option<Vec<(&'a str, &'a str)>>;

/// A title, then lines `Name: value` with the data's own names.
fn sysmon(message: &str) -> Vec<(&str, &str)> {
    let pairs = message.lines().skip(1).filter_map(|line| line.split_once(':'));
    let named =
        pairs.filter(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    named.map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value))).collect()
}

/// `Creating Scriptblock text (1 of 2):`, the text, then its id and path. The text may hold anything, so its end is
/// sought from the end of the message.
fn script_block(message: &str) -> Found<'_> {
    let (title, rest) = message.split_once(":\n")?;
    let (number, total) =
        title.strip_prefix("Creating Scriptblock text (")?.strip_suffix(')')?.split_once(" of ")?;
    let (script, tail) = rest.rsplit_once("\n\nScriptBlock ID: ")?;
    let (id, path) = tail.split_once('\n').unwrap_or((tail, ""));
    let path = path.strip_prefix("Path:").unwrap_or_default().trim();
    Some(vec![
        ("MessageNumber", number),
        ("MessageTotal", total),
        ("ScriptBlockText", script),
        ("ScriptBlockId", id.trim()),
        ("Path", path),
    ])
}

/// The payload, which may hold anything, `Context:` and `User Data:`.
fn module_logging(message: &str) -> Found<'_> {
    let (payload, rest) = sections(message, "Context:").pop()?;
    let (context, _) = sections(rest, "User Data:").pop().unwrap_or((rest, ""));
    Some(vec![("Payload", payload.trim_end()), ("ContextInfo", context.trim_end())])
}

/// A sentence, then `Details:`.
fn engine_life(message: &str) -> Found<'_> {
    let (_, details) = sections(message, "Details:").into_iter().next()?;
    Some(vec![("param3", details)])
}

/// A sentence with the command, then `Context Information:` and `Details:`.
fn pipeline_execution(message: &str) -> Found<'_> {
    let (_, rest) = sections(message, "Context Information:").into_iter().next()?;
    let (context, details) = sections(rest, "Details:").into_iter().next().unwrap_or((rest, ""));
    Some(vec![("param2", context), ("param3", details)])
}

/// What stands before and after each line that says nothing but a title.
fn sections<'a>(text: &'a str, title: &str) -> Vec<(&'a str, &'a str)> {
    let bytes = text.as_bytes();
    let lines = memchr::memmem::find_iter(bytes, title).filter_map(|at| {
        let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length + 1);
        (text[start..end].trim() == title).then(|| (&text[..start], &text[end..]))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(provider: &str, code: &str, message: &str) -> Value {
        Value::Object(data(provider, code, message))
    }

    #[test]
    fn a_script_may_quote_the_end_of_a_message() {
        let message = "Creating Scriptblock text (2 of 3):\r\n# not the end:\r\n\r\nScriptBlock ID: no\r\n\
                       Get-Date\r\n\r\nScriptBlock ID: 7e1f\r\nPath: ";
        assert_eq!(
            of("Microsoft-Windows-PowerShell", "4104", message),
            json!({
                "MessageNumber": "2", "MessageTotal": "3", "ScriptBlockId": "7e1f", "Path": "",
                "ScriptBlockText": "# not the end:\n\nScriptBlock ID: no\nGet-Date",
            })
        );
    }

    #[test]
    fn a_payload_may_quote_a_title() {
        let message = "CommandInvocation(Write-Host): \"Write-Host\"\r\nContext:\r\n\r\n\r\nContext:\r\n        \
                       Severity = Informational\r\n\r\n\r\nUser Data:\r\n\r\n";
        assert_eq!(
            of("Microsoft-Windows-PowerShell", "4103", message),
            json!({
                "Payload": "CommandInvocation(Write-Host): \"Write-Host\"\nContext:",
                "ContextInfo": "        Severity = Informational",
            })
        );
    }

    #[test]
    fn other_messages_say_nothing() {
        assert_eq!(of("PowerShell", "600", "Der Anbieter ist gestartet."), json!({}));
        assert_eq!(of("Microsoft-Windows-PowerShell", "4104", "Creating Scriptblock text"), json!({}));
        assert_eq!(of("Somebody-Else", "4104", "Creating Scriptblock text (1 of 1):\na"), json!({}));
    }
}
