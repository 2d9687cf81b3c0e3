//! Syslog as it lies in files. A line begins with one of these:
//!
//! ```text
//! Oct 11 09:10:48 host …                  RFC 3164; the day may be one digit, the year may stand behind it
//! 2019-06-14T10:40:20.912134 host proc: … with an RFC 3339 stamp, as rsyslog and syslog-ng write it
//! <30>1 2023-09-28T12:10:12+02:00 host …  RFC 5424
//! <30>Oct 11 09:10:48 host …              either of the first two with a priority
//! ```
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

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Whether a line begins as a message does.
pub(super) fn is_head(line: &[u8]) -> bool {
    behind_stamp(line).is_some()
}

/// What is behind the time stamp.
enum Behind<'t> {
    /// `host proc[pid]: message`
    Named(&'t [u8]),
    /// `host app procid msgid [data] message`
    Structured(&'t [u8]),
}

fn behind_stamp(line: &[u8]) -> Option<Behind<'_>> {
    let unprioritised = match line.strip_prefix(b"<") {
        Some(rest) => rest.split_at_checked(digits(rest, 1, 3)?)?.1.strip_prefix(b">")?,
        None => line,
    };
    if unprioritised.len() < line.len()
        && let Some(version) = digits(unprioritised, 1, 2)
        && let Some(rest) = unprioritised[version..].strip_prefix(b" ")
    {
        let rest = rest.strip_prefix(b"-").or_else(|| behind_iso_stamp(rest))?;
        return Some(Behind::Structured(rest.strip_prefix(b" ")?));
    }
    if let Some(rest) = behind_bsd_stamp(unprioritised) {
        return Some(Behind::Named(rest));
    }
    // Any program may begin its lines with such a stamp; only syslog goes on with a host and what is written by whom.
    let rest = behind_iso_stamp(unprioritised)?.strip_prefix(b" ")?;
    let mut words = rest.split(|&byte| byte == b' ');
    let (host, writer) = (words.next()?, words.next()?);
    (!host.is_empty() && writer.len() > 1 && writer.ends_with(b":")).then_some(Behind::Named(rest))
}

/// `Oct  1 09:10:48 `, or with a year before the time.
fn behind_bsd_stamp(text: &[u8]) -> Option<&[u8]> {
    let (month, rest) = text.split_first_chunk::<3>()?;
    if !MONTHS.contains(&month) {
        return None;
    }
    let rest = rest.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let rest = rest[digits(rest, 1, 2)?..].strip_prefix(b" ")?;
    let rest = match digits(rest, 4, 4) {
        Some(year) => rest[year..].strip_prefix(b" ")?,
        None => rest,
    };
    behind_time(rest)?.strip_prefix(b" ")
}

/// `2019-06-14T10:40:20.912134+02:00`
fn behind_iso_stamp(text: &[u8]) -> Option<&[u8]> {
    let rest = text[digits(text, 4, 4)?..].strip_prefix(b"-")?;
    let rest = rest[digits(rest, 2, 2)?..].strip_prefix(b"-")?;
    let rest = rest[digits(rest, 2, 2)?..].strip_prefix(b"T")?;
    let rest = behind_time(rest)?;
    if let Some(rest) = rest.strip_prefix(b"Z") {
        return Some(rest);
    }
    let Some(zone) = rest.strip_prefix(b"+").or_else(|| rest.strip_prefix(b"-")) else {
        return Some(rest);
    };
    let minutes = &zone[digits(zone, 2, 4)?..];
    match minutes.strip_prefix(b":") {
        Some(minutes) => Some(&minutes[digits(minutes, 2, 2)?..]),
        None => Some(minutes),
    }
}

/// `10:40:20`, with a fraction or not.
fn behind_time(text: &[u8]) -> Option<&[u8]> {
    let rest = text[digits(text, 2, 2)?..].strip_prefix(b":")?;
    let rest = rest[digits(rest, 2, 2)?..].strip_prefix(b":")?;
    let rest = &rest[digits(rest, 2, 2)?..];
    match rest.strip_prefix(b".") {
        Some(fraction) => Some(&fraction[digits(fraction, 1, 9)?..]),
        None => Some(rest),
    }
}

/// The number of digits that a text begins with, if it is one of these.
fn digits(text: &[u8], least: usize, most: usize) -> Option<usize> {
    let digits = text.iter().take(most + 1).take_while(|byte| byte.is_ascii_digit()).count();
    (least..=most).contains(&digits).then_some(digits)
}

/// The message behind a head, if it begins as a Windows event.
///
/// What a program quotes in its message is no event: else whoever chooses a name that is logged could forge one.
fn event(line: &[u8]) -> Option<&[u8]> {
    let message = match behind_stamp(line)? {
        Behind::Named(rest) => {
            let message = behind_words(rest, 1)?;
            if is_event(message) {
                message
            } else {
                let writer = memchr::memchr(b' ', message)?;
                if !message[..writer].ends_with(b":") {
                    return None;
                }
                &message[writer + 1..]
            }
        }
        Behind::Structured(rest) => {
            let data = behind_words(rest, 4)?;
            let message = match data.strip_prefix(b"[") {
                Some(_) => &data[memchr::memmem::find(data, b"] ")? + 2..],
                None => data.strip_prefix(b"- ")?,
            };
            message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message)
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

/// What is behind so many words with a blank behind each.
fn behind_words(mut text: &[u8], words: usize) -> Option<&[u8]> {
    for _ in 0..words {
        text = &text[memchr::memchr(b' ', text)? + 1..];
    }
    Some(text)
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
    fn heads_are_told_from_other_lines_with_stamps() {
        for line in [
            "Oct 11 09:10:48 web-1 sshd[7]: hello",
            "Oct  1 09:10:48 web-1 last message repeated 2 times",
            "Oct 1 09:10:48.125 web-1 kernel: x",
            "Oct 11 2031 09:10:48 web-1 app: x",
            "<30>Oct 11 09:10:48 web-1 app: x",
            "<165>1 2031-10-11T22:14:15.003Z web-1 app - ID47 - x",
            "<0>1 - - - - - -",
            "2031-10-11T22:14:15 web-1 app[3]: x",
            "2031-10-11T22:14:15.003+0200 web-1 app: x",
            "<14>2031-10-11T22:14:15-05:00 web-1 app: x",
        ] {
            assert!(is_head(line.as_bytes()), "{line}");
        }
        for line in [
            "October 11 09:10:48 web-1 app: x",
            "Oct 111 09:10:48 web-1 app: x",
            "Oct 11 9:10 web-1 app: x",
            "2031-10-11T22:14:15 INFO started",
            "2031-10-11T22:14:15 web-1 app",
            "2031-10-11 22:14:15 web-1 app: x",
            "<Event>",
            "<1234>1 - - - - - -",
            "<30>",
            "",
        ] {
            assert!(!is_head(line.as_bytes()), "{line}");
        }
    }

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
