//! Syslog as it lies in files ([`crate::syslog`] says how lines begin).
//!
//! A line that begins with a blank continues the one before it. A line without such a head is a record as well: some
//! programs write over several lines, and it may be the rest of one that was cut off.
//!
//! A Windows event that is the whole message of a line (Sysmon for Linux, forwarders) is given as the event that it is.

use serde_json::{Map, Value};

use super::super::limits::DecodeLimits;
use super::super::report::{Problems, RejectReason};
use super::LineRecords;
use super::lines::Line;
use super::output::{Output, text_of};
use crate::normalise::RawPayload;
use crate::syslog::{self, Head};

/// The message behind a head, if it begins as a Windows event.
///
/// What a program quotes in its message is no event: else whoever chooses a name that is logged could forge one.
fn event(line: &[u8]) -> Option<&[u8]> {
    let head = Head::of(line)?;
    let message = if head.version.is_some() {
        head.behind_structured_data()?
    } else {
        let message = syslog::behind_words(head.rest, 1)?;
        if is_event(message) {
            message
        } else {
            let writer = memchr::memchr(b' ', message)?;
            if !message[..writer].ends_with(b":") {
                return None;
            }
            &message[writer + 1..]
        }
    };
    is_event(message).then_some(message)
}

fn is_event(message: &[u8]) -> bool {
    message.starts_with(b"<Event ") || message.starts_with(b"<Event>")
}

/// Whether the message of a line begins as a Windows event.
pub(super) fn begins_event(line: &[u8]) -> bool {
    event(line).is_some()
}

/// A message of syslog that came by itself, and not as a line of a file: the Windows event that it carries, or its text as
/// `message`.
pub fn syslog_record(message: &[u8]) -> RawPayload {
    let message = message.trim_ascii_end();
    match event(message) {
        Some(event) if event.ends_with(b"</Event>") => RawPayload::WindowsXml(text_of(event).0),
        _ => {
            let (text, _) = text_of(message);
            RawPayload::Json(Value::Object(Map::from_iter([("message".to_owned(), Value::String(text))])))
        }
    }
}

/// A message whose next line may continue it.
struct Open {
    line: u64,
    text: Vec<u8>,
    too_large: bool,
}

pub(super) struct Messages<'l> {
    limits: &'l DecodeLimits,
    open: Option<Open>,
}

impl<'l> Messages<'l> {
    pub(super) fn new(limits: &'l DecodeLimits) -> Self {
        Self { limits, open: None }
    }

    fn end(&mut self, output: &mut Output<'_, '_>) -> Vec<u8> {
        let Some(Open { line, text, too_large }) = self.open.take() else {
            return Vec::new();
        };
        if too_large {
            output.reject(line, RejectReason::TooLarge);
        } else if let Some(event) = event(&text)
            && event.trim_ascii_end().ends_with(b"</Event>")
            // What stands in front of it is on one line.
            && !text[..text.len() - event.len()].contains(&b'\n')
        {
            let (event, replaced) = text_of(event.trim_ascii_end());
            output.event(line, event, replaced);
        } else {
            let (message, replaced) = text_of(&text);
            let object = Map::from_iter([("message".to_owned(), Value::String(message))]);
            output.object(line, object, replaced);
        }
        text
    }
}

impl LineRecords for Messages<'_> {
    fn line(&mut self, line: Line<'_>, output: &mut Output<'_, '_>) {
        if matches!(line.text.first(), Some(b' ' | b'\t'))
            && let Some(open) = &mut self.open
        {
            open.too_large |= line.too_large || open.text.len() + line.text.len() >= self.limits.record_bytes;
            if open.too_large {
                open.text = Vec::new();
            } else {
                open.text.push(b'\n');
                open.text.extend_from_slice(line.text);
            }
            return;
        }
        let mut text = self.end(output);
        text.clear();
        text.extend_from_slice(line.text);
        self.open = Some(Open { line: line.number, text, too_large: line.too_large });
    }

    fn finish(&mut self, output: &mut Output<'_, '_>, _problems: &mut Problems) {
        self.end(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_only_as_the_whole_message() {
        for (line, expected) in [
            ("Oct 11 09:10:48 web-1 sysmon: <Event>x</Event>", Some("<Event>x</Event>")),
            ("Oct 11 09:10:48 web-1 <Event a='1'>x", Some("<Event a='1'>x")),
            ("<30>1 - web-1 sysmon 7 - - <Event>x", Some("<Event>x")),
            ("<30>1 - web-1 sysmon 7 - [a b=\"c\"] \u{feff}<Event>x", Some("<Event>x")),
            ("Oct 11 09:10:48 web-1 sshd[7]: Invalid user <Event>x</Event>", None),
            ("Oct 11 09:10:48 web-1 said <Event>x</Event>", None),
            ("Oct 11 09:10:48 web-1", None),
        ] {
            assert_eq!(event(line.as_bytes()), expected.map(str::as_bytes), "{line}");
        }
    }
}
