//! Linux audit logs: `type=SYSCALL msg=audit(1700000000.123:456): …`, with `node=name ` in front where machines share
//! a log.
//!
//! The kernel writes an event as several lines that share time and serial, and lines of several events can be mixed.
//! The lines of one event are joined into one record, which stands where the first of them does. An event is complete
//!
//! - with its `PROCTITLE` line, which the kernel writes last, unless the event begins with it (as `ausearch` prints
//!   them); or with its `EOE` line, which says nothing else and is not kept;
//! - when an event of the same node begins that is [`TOGETHER`] younger, or where `ausearch` draws a line (`----`);
//! - when [`audit_open_events`](DecodeLimits::audit_open_events) wait, or their lines are as long as a record may be:
//!   then the oldest one is taken for complete.
//!
//! Records come in the order of their first lines, so a complete one waits for those before it. Whether an event is
//! complete depends on nothing but the lines, so the same log always gives the same records.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::super::limits::DecodeLimits;
use super::super::report::{Problems, RejectReason};
use super::LineRecords;
use super::lines::Line;
use super::output::{Output, text_of};

/// How much younger an event is, in milliseconds, than one of which no more lines are expected. The tools of the audit
/// daemon wait as long.
const TOGETHER: u64 = 2_000;

/// What the beginning of a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'t> {
    kind: &'t [u8],
    node: &'t [u8],
    milliseconds: u64,
    serial: u64,
}

impl<'t> Head<'t> {
    pub(super) fn of(line: &'t [u8]) -> Option<Self> {
        let (node, rest) = match line.strip_prefix(b"node=") {
            Some(rest) => rest.split_at_checked(memchr::memchr(b' ', rest)?)?,
            None => (&[][..], line),
        };
        let rest = rest.trim_ascii_start().strip_prefix(b"type=")?;
        let (kind, rest) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
        let is_kind = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'[' | b']');
        if kind.is_empty() || !kind.iter().all(is_kind) {
            return None;
        }
        let rest = rest.strip_prefix(b" msg=audit(")?;
        let (seconds, rest) = number(rest)?;
        let (fraction, rest) = number(rest.strip_prefix(b".")?)?;
        let (serial, rest) = number(rest.strip_prefix(b":")?)?;
        rest.strip_prefix(b"):")?;
        let milliseconds = seconds.checked_mul(1_000)?.checked_add(fraction)?;
        Some(Self { kind, node, milliseconds, serial })
    }
}

/// Whether a line is what `ausearch` puts between events: a line and the local time.
pub(super) fn is_drawn(line: &[u8]) -> bool {
    line.trim_ascii_end() == b"----" || line.starts_with(b"time->")
}

/// The digits at the beginning of a text as a number, and what is behind them.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}

/// An event, or a line that is none, on its way out.
struct Waiting {
    /// Nothing for a line that is of no event.
    node: Option<Box<[u8]>>,
    milliseconds: u64,
    serial: u64,
    line: u64,
    messages: Vec<Value>,
    bytes: usize,
    /// Fields of the lines.
    values: usize,
    complete: bool,
    replaced: bool,
    refusal: Option<RejectReason>,
}

impl Waiting {
    fn is_of(&self, head: &Head<'_>) -> bool {
        self.serial == head.serial && self.milliseconds == head.milliseconds && self.is_of_node(head)
    }

    fn is_of_node(&self, head: &Head<'_>) -> bool {
        self.node.as_deref() == Some(head.node)
    }

    fn refuse(&mut self, reason: RejectReason) {
        self.refusal.get_or_insert(reason);
        self.messages = Vec::new();
        self.bytes = 0;
    }
}

pub(super) struct Events<'l> {
    limits: &'l DecodeLimits,
    waiting: VecDeque<Waiting>,
    /// Bytes of all messages that wait.
    bytes: usize,
}

impl<'l> Events<'l> {
    pub(super) fn new(limits: &'l DecodeLimits) -> Self {
        Self { limits, waiting: VecDeque::new(), bytes: 0 }
    }

    fn add(&mut self, head: &Head<'_>, line: Line<'_>) {
        let known = self.waiting.iter().rposition(|waiting| waiting.is_of(head));
        if head.kind == b"EOE" {
            if let Some(at) = known {
                self.waiting[at].complete = true;
            }
            return;
        }
        let at = known.unwrap_or_else(|| {
            self.complete_before(head);
            self.waiting.push_back(Waiting {
                node: Some(head.node.into()),
                milliseconds: head.milliseconds,
                serial: head.serial,
                line: line.number,
                messages: Vec::new(),
                bytes: 0,
                values: 0,
                complete: false,
                replaced: false,
                refusal: None,
            });
            self.waiting.len() - 1
        });
        let event = &mut self.waiting[at];
        event.complete |= head.kind == b"PROCTITLE" && known.is_some();
        if event.refusal.is_some() {
            return;
        }
        self.bytes -= event.bytes;
        let (text, replaced) = text_of(line.text);
        event.bytes += text.len();
        // Arguments can be many, and are read in one go; other fields have names that are kept.
        if head.kind != b"EXECVE" {
            event.values += memchr::memchr_iter(b'=', line.text).count();
        }
        event.replaced |= replaced;
        event.messages.push(Value::String(text));
        if event.bytes > self.limits.record_bytes {
            event.refuse(RejectReason::TooLarge);
        } else if event.messages.len().max(event.values) > self.limits.record_values {
            event.refuse(RejectReason::TooManyValues);
        }
        self.bytes += event.bytes;
    }

    /// Events that are so much older than one that begins are complete.
    fn complete_before(&mut self, head: &Head<'_>) {
        for waiting in &mut self.waiting {
            let age = head.milliseconds.saturating_sub(waiting.milliseconds);
            waiting.complete |= age >= TOGETHER && waiting.is_of_node(head);
        }
    }

    fn reject(&mut self, line: u64, reason: RejectReason) {
        self.waiting.push_back(Waiting {
            node: None,
            milliseconds: 0,
            serial: 0,
            line,
            messages: Vec::new(),
            bytes: 0,
            values: 0,
            complete: true,
            replaced: false,
            refusal: Some(reason),
        });
    }

    fn emit(&mut self, output: &mut Output<'_, '_>) {
        while let Some(first) = self.waiting.front()
            && (first.complete
                || self.waiting.len() > self.limits.audit_open_events
                || self.bytes > self.limits.record_bytes)
        {
            self.emit_first(output);
        }
    }

    fn emit_first(&mut self, output: &mut Output<'_, '_>) {
        let Some(first) = self.waiting.pop_front() else {
            return;
        };
        self.bytes -= first.bytes;
        match first.refusal {
            Some(reason) => output.reject(first.line, reason),
            None => {
                let messages = Value::Array(first.messages);
                output.object(
                    first.line,
                    Map::from_iter([("messages".to_owned(), messages)]),
                    first.replaced,
                );
            }
        }
    }
}

impl LineRecords for Events<'_> {
    fn line(&mut self, line: Line<'_>, output: &mut Output<'_, '_>) {
        if line.too_large {
            self.reject(line.number, RejectReason::TooLarge);
        } else if let Some(head) = Head::of(line.text) {
            self.add(&head, line);
        } else if is_drawn(line.text) {
            for waiting in &mut self.waiting {
                waiting.complete = true;
            }
        } else {
            self.reject(line.number, RejectReason::NoAuditLine);
        }
        self.emit(output);
    }

    fn finish(&mut self, output: &mut Output<'_, '_>, _problems: &mut Problems) {
        while !self.waiting.is_empty() {
            self.emit_first(output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_whole_or_not_at_all() {
        let head = Head::of(b"node=web-1 type=UNKNOWN[1334] msg=audit(17.005:9): prog-id=3").expect("a head");
        assert_eq!((head.node, head.kind), (&b"web-1"[..], &b"UNKNOWN[1334]"[..]));
        assert_eq!((head.milliseconds, head.serial), (17_005, 9));
        for line in [
            "type=CWD msg=audit(17.005:9)",
            "type=CWD msg=audit(17.005): cwd=\"/\"",
            "type=CWD msg=audit(99999999999999999999.005:9): cwd=\"/\"",
            "type=CWD msg=audit(18446744073709551615.005:9): cwd=\"/\"",
            "type= msg=audit(17.005:9): cwd=\"/\"",
            "type=a-b msg=audit(17.005:9): cwd=\"/\"",
            "node=x",
            "audit(17.005:9): cwd=\"/\"",
        ] {
            assert_eq!(Head::of(line.as_bytes()), None, "{line}");
        }
    }
}
