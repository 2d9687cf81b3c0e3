//! Logs of lines: no line is lost, none comes twice, and none is changed.

use std::collections::BTreeMap;

use watchfire_sources::normalise::RawPayload;

use crate::decoding::{Outcome, check_in_small_pieces, check_places, read};

/// A format, and a line by which it is known.
const FORMATS: [(&str, &[u8]); 3] = [
    ("auditd", b"type=A msg=audit(1.000:1): a\n"),
    ("syslog", b"Oct 11 09:10:48 h a: b\n"),
    ("zeek", b"#separator \\x09\n"),
];

/// Logs of lines. The first byte says which: the others stand below a line by which it is known.
pub fn decode_text(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let (format, head) = FORMATS[usize::from(how) % FORMATS.len()];
    let data = [head, rest].concat();
    let outcome = read(&data);
    check_places(&outcome);
    check_in_small_pieces(&data, &outcome);
    // Above many lines of JSON or XML, the first one is taken for a heading.
    if outcome.reports[0].format != format {
        return;
    }
    let mut lines = lines(&data);
    match format {
        "auditd" => check_audit(&mut lines, &outcome),
        "syslog" => check_syslog(&lines, &outcome),
        _ => {
            let rows = lines.values().filter(|line| !line.starts_with('#')).count();
            assert_eq!(outcome.records.len() + outcome.rejected.len(), rows, "rows and records");
        }
    }
}

/// The lines that hold something, by their numbers.
fn lines(data: &[u8]) -> BTreeMap<u64, String> {
    let mut lines = BTreeMap::new();
    for (number, line) in (1..).zip(data.split(|byte| *byte == b'\n')) {
        let nuls = line.iter().take_while(|byte| **byte == 0).count();
        let line = line[nuls..].strip_suffix(b"\r").unwrap_or(&line[nuls..]);
        if !line.trim_ascii().is_empty() {
            lines.insert(number, String::from_utf8_lossy(line).into_owned());
        }
    }
    lines
}

/// Each line is rejected, or a message of one record; but for ends of events and what stands between events.
fn check_audit(lines: &mut BTreeMap<u64, String>, outcome: &Outcome) {
    for (place, reason) in &outcome.rejected {
        let line = place.line.and_then(|line| lines.remove(&line));
        assert!(line.is_some(), "no line, or one that was rejected before: {place} {reason}");
    }
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines.values() {
        *left.entry(line.clone()).or_default() += 1;
    }
    for record in &outcome.records {
        let RawPayload::Json(record) = &record.payload else { panic!("no JSON: {record:?}") };
        let messages = record["messages"].as_array().expect("a list of messages");
        assert!(!messages.is_empty(), "an event of no line");
        for message in messages {
            let message = message.as_str().expect("a message is a text");
            let count = left.get_mut(message).unwrap_or_else(|| panic!("no line: {message:?}"));
            *count = count.checked_sub(1).unwrap_or_else(|| panic!("twice: {message:?}"));
        }
    }
    for line in left.into_iter().filter(|(_, count)| *count > 0).map(|(line, _)| line) {
        let is_drawn = line.trim_ascii_end() == "----" || line.starts_with("time->");
        assert!(is_drawn || line.contains("type=EOE "), "lost: {line:?}");
    }
}

/// The lines are the messages one after another; of those with a Windows event, it is the end.
fn check_syslog(lines: &BTreeMap<u64, String>, outcome: &Outcome) {
    assert!(outcome.rejected.is_empty(), "nothing is too large here");
    let text: Vec<&str> = lines.values().map(String::as_str).collect();
    let mut rest = text.join("\n");
    for record in outcome.records.iter().rev() {
        let message = match &record.payload {
            RawPayload::Json(record) => record["message"].as_str().expect("a message is a text"),
            RawPayload::WindowsXml(event) => {
                rest.truncate(rest.trim_ascii_end().len());
                event
            }
        };
        assert!(rest.ends_with(message), "{message:?} does not end {rest:?}");
        rest.truncate(rest.len() - message.len());
        if matches!(record.payload, RawPayload::WindowsXml(_)) {
            // What stands in front of an event says where it comes from.
            let start = rest.rfind('\n').unwrap_or(0);
            rest.truncate(start);
        } else {
            rest.truncate(rest.strip_suffix('\n').map_or(rest.len(), str::len));
        }
    }
    assert_eq!(rest, "", "lines before the first record");
}
