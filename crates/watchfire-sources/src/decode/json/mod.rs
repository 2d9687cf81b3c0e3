//! JSON in every arrangement that logs come in: one document a line, documents over several lines, arrays, bulk
//! requests, search responses.
//!
//! ```text
//! bytes ─► a whole line that is one document ──────────────► records: hits and bulk bodies unwrapped
//!      └─► anything else ─► scanner: one document at a time ─┘
//! ```
//!
//! The first way is the fast one, and nearly all logs take it. The second needs no more memory than one document
//! either, and knows the containers whose elements are records. Both see every document the same way.

mod activity;
mod envelope;
mod records;
mod repair;
mod scanner;

use std::io::BufRead;
use std::sync::Arc;

use self::records::Records;
use self::scanner::Scanner;
use super::report::Problems;
use super::session::{Session, next_bytes};

/// Reads a stream to its end and reports it.
pub(super) fn read(mut stream: Box<dyn BufRead + '_>, name: &Arc<str>, session: &mut Session<'_>) {
    let limits = session.limits;
    let mut scanner = Scanner::new(limits);
    let mut records = Records::new(name, session);
    let mut problems = Problems::default();
    // The beginning of a line whose end is in a later chunk.
    let mut line = Vec::new();
    while !records.is_done_with_member()
        && let Some(chunk) = next_bytes(&mut *stream, &mut problems)
    {
        let mut rest = chunk;
        while !rest.is_empty() {
            if line.is_empty() && !scanner.may_begin_document_line(rest[0]) {
                let scanned = scanner.scan(rest, &mut records);
                rest = &rest[scanned..];
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                line.extend_from_slice(rest);
                rest = &[];
                // Too long to be a record. The scanner can still find records inside of it.
                if line.len() > limits.record_bytes {
                    scan_all(&mut scanner, &line, &mut records);
                    line.clear();
                }
                continue;
            };
            let (head, tail) = rest.split_at(end + 1);
            rest = tail;
            if line.is_empty() {
                whole_line(&mut scanner, head, &mut records);
            } else {
                line.extend_from_slice(head);
                whole_line(&mut scanner, &line, &mut records);
                line.clear();
            }
        }
        let length = chunk.len();
        stream.consume(length);
        records.announce();
    }
    if !line.is_empty() {
        whole_line(&mut scanner, &line, &mut records);
    }
    scanner.finish(&mut records, &mut problems);
    records.finish(&mut problems);
    session.reports.push(problems.report(name, "json"));
}

/// One line, with its end if it has one: as one document if it is one, else by the scanner.
fn whole_line(scanner: &mut Scanner<'_>, line: &[u8], records: &mut Records<'_, '_>) {
    if !records.wants_line(line) || scanner.takes_whole_line(line, records) {
        return;
    }
    scan_all(scanner, line, records);
}

fn scan_all(scanner: &mut Scanner<'_>, mut bytes: &[u8], records: &mut Records<'_, '_>) {
    while !bytes.is_empty() {
        let scanned = scanner.scan(bytes, records);
        bytes = &bytes[scanned..];
    }
}
