//! Logs of lines: Linux audit logs, syslog, and Zeek's tables.
//!
//! ```text
//! bytes ─► lines ─┬─► audit: lines of one event are joined ─► {"messages": ["…", …]}
//!                 ├─► syslog: a line and what continues it ─► {"message": "…"}
//!                 └─► zeek: a row under its header ─────────► {"ts": …, "uid": …, "_path": "conn"}
//! ```
//!
//! A line is the unit of damage: one that cannot be read costs no other. What is in a message is for the mapping of
//! its source; only Zeek's rows are taken apart here, since no row can be read without the header above it.

mod audit;
mod lines;
mod output;
mod syslog;
mod zeek;

use std::io::BufRead;
use std::sync::Arc;

use self::lines::{Line, LineCutter};
use self::output::Output;
pub use self::syslog::syslog_record;
use super::limits::DecodeLimits;
use super::report::Problems;
use super::session::{Session, next_bytes};

/// A log of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextFormat {
    Audit,
    Syslog,
    Zeek,
}

impl TextFormat {
    const ALL: [Self; 3] = [Self::Audit, Self::Syslog, Self::Zeek];

    fn name(self) -> &'static str {
        match self {
            Self::Audit => "auditd",
            Self::Syslog => "syslog",
            Self::Zeek => "zeek",
        }
    }

    /// Whether a line, or the beginning of a long one, is of this format beyond doubt.
    fn heads(self, line: &[u8]) -> bool {
        match self {
            Self::Audit => audit::Head::of(line).is_some(),
            Self::Syslog => crate::syslog::Head::of(line).is_some(),
            Self::Zeek => zeek::is_header(line),
        }
    }

    fn records(self, limits: &DecodeLimits) -> Box<dyn LineRecords + '_> {
        match self {
            Self::Audit => Box::new(audit::Events::new(limits)),
            Self::Syslog => Box::new(syslog::Messages::new(limits)),
            Self::Zeek => Box::new(zeek::Table::new(limits)),
        }
    }
}

/// Makes records of lines.
trait LineRecords {
    /// Takes the next line; lines of nothing but blanks are left out.
    fn line(&mut self, line: Line<'_>, output: &mut Output<'_, '_>);

    /// The end of the text.
    fn finish(&mut self, output: &mut Output<'_, '_>, problems: &mut Problems);
}

/// Which log of lines a text is, from its first bytes.
///
/// One of the first two lines must be of the format; the very first may have lost its beginning. Zeek's header can
/// stand further below. If more lines begin JSON documents than are of the format, it is only a heading of theirs, and
/// so it is if all of them carry Windows events: an XML event can go on over several lines.
pub(super) fn recognise(start: &[u8]) -> Option<TextFormat> {
    let lines = || start.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let format = TextFormat::ALL.into_iter().find(|format| {
        let looked_at = if *format == TextFormat::Zeek { usize::MAX } else { 2 };
        lines()
            .filter(|line| !audit::is_drawn(line))
            .take(looked_at)
            .any(|line| format.heads(lines::without_nuls(line)))
    })?;
    let (mut heads, mut documents, mut events) = (0_usize, 0_usize, 0_usize);
    for line in lines() {
        let line = lines::without_nuls(line);
        if format.heads(line) {
            heads += 1;
            events += usize::from(format == TextFormat::Syslog && syslog::begins_event(line));
        } else {
            documents += usize::from(super::recognise::begins_document(line));
        }
    }
    (heads >= documents && events < heads).then_some(format)
}

/// Reads a stream to its end and reports it.
pub(super) fn read(
    format: TextFormat,
    mut stream: Box<dyn BufRead + '_>,
    name: &Arc<str>,
    session: &mut Session<'_>,
) {
    let limits = session.limits;
    let mut problems = Problems::default();
    let mut records = format.records(limits);
    let mut cutter = LineCutter::new(limits.record_bytes);
    let mut output = Output::new(name, session);
    while let Some(chunk) = next_bytes(&mut *stream, &mut problems) {
        cutter.add(chunk, &mut |line| records.line(line, &mut output));
        let length = chunk.len();
        stream.consume(length);
        output.announce();
    }
    cutter.finish(&mut |line| records.line(line, &mut output));
    records.finish(&mut output, &mut problems);
    problems.count(
        cutter.nuls(),
        "NUL byte in front of a line was passed over",
        "NUL bytes in front of lines were passed over",
    );
    output.finish(&mut problems);
    session.reports.push(problems.report(name, format.name()));
}
