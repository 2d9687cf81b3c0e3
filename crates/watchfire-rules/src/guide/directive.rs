//! `!{investigate{…}}` and `!{osquery{…}}` in a note.

use watchfire_diagnostics::{Diagnostic, Severity, Span};

use crate::codes;
use crate::document::reader::{Context, FromNode};
use crate::document::{Syntax, json};
use crate::model::{Investigation, OsqueryHunt};

/// A piece of an investigation guide.
#[derive(Clone, Debug, PartialEq)]
pub enum GuidePart<'n> {
    /// Markdown.
    Text(&'n str),
    /// A search around the alert.
    Investigate(Investigation),
    /// An Osquery query.
    Osquery(OsqueryHunt),
    /// A directive that cannot be read, as it stands in the note.
    Broken(&'n str),
}

/// The pieces of a note in order; together they are the whole of it.
pub fn parts(note: &str) -> Vec<GuidePart<'_>> {
    let mut parts = Vec::new();
    let mut rest = 0;
    for directive in directives(note) {
        if rest < directive.span.start as usize {
            parts.push(GuidePart::Text(&note[rest..directive.span.start as usize]));
        }
        rest = directive.span.end as usize;
        parts.push(match directive.query {
            Ok(Query::Investigate(search)) => GuidePart::Investigate(search),
            Ok(Query::Osquery(hunt)) => GuidePart::Osquery(hunt),
            Err(_) => GuidePart::Broken(&note[directive.span.range()]),
        });
    }
    if rest < note.len() {
        parts.push(GuidePart::Text(&note[rest..]));
    }
    parts
}

/// What is wrong with the directives of a note.
pub(super) fn check(note: &str) -> impl Iterator<Item = Diagnostic> {
    directives(note).filter_map(|directive| {
        let why = directive.query.err()?;
        let name = directive.name;
        let first = why.first()?;
        let message = format!("the directive `!{{{name}{{…}}}}` cannot be read: {}", first.message);
        let place = first.primary_span().filter(|span| directive.span.contains(*span));
        let mut diagnostic = Diagnostic::warning(codes::BAD_DIRECTIVE, message)
            .at(place.unwrap_or(Span::new(directive.span.start as usize, directive.name_end)), "");
        for further in &why[1..] {
            diagnostic = diagnostic.with_note(further.message.clone());
        }
        Some(diagnostic)
    })
}

struct Directive<'n> {
    name: &'n str,
    name_end: usize,
    span: Span,
    query: Result<Query, Vec<Diagnostic>>,
}

enum Query {
    Investigate(Investigation),
    Osquery(OsqueryHunt),
}

/// The directives of a note, in order, each read when it is asked for.
fn directives(note: &str) -> impl Iterator<Item = Directive<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + note[at..].find("!{")?;
            let name_start = start + 2;
            at = name_start;
            let rest = &note[name_start..];
            let length = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
            let name = &rest[..length];
            let name_end = name_start + length;
            if !matches!(name, "investigate" | "insight" | "osquery") || !note[name_end..].starts_with('{') {
                continue;
            }
            let (end, query) = read(note, name, name_end);
            at = end;
            return Some(Directive { name, name_end, span: Span::new(start, end), query });
        }
    })
}

/// Reads the object at `open`; the end is behind the closing brace of the directive.
fn read(note: &str, name: &str, open: usize) -> (usize, Result<Query, Vec<Diagnostic>>) {
    let parsed = json::parse_value(note, open, note.len());
    let Some(node) = parsed.node else {
        return (end_by_braces(note, open), Err(parsed.diagnostics));
    };
    if !note[parsed.end..].starts_with('}') {
        let place = Span::empty(parsed.end);
        let missing = Diagnostic::error(codes::JSON_SYNTAX, "`}` was expected behind the object");
        return (parsed.end, Err(vec![missing.at(place, "here")]));
    }
    let mut cx = Context::new(note, Syntax::Json);
    let query = match name {
        "osquery" => OsqueryHunt::from_node(&node, "", &mut cx).map(Query::Osquery),
        _ => Investigation::from_node(&node, "", &mut cx).map(Query::Investigate),
    };
    let mut problems = cx.into_diagnostics();
    problems.retain(|diagnostic| diagnostic.severity == Severity::Error);
    let query = query.filter(|_| problems.is_empty()).ok_or(problems);
    (parsed.end + 1, query)
}

/// Where a directive ends that cannot be read: behind the brace that closes it, else at the end of its line.
fn end_by_braces(note: &str, open: usize) -> usize {
    let mut depth = 1;
    for (at, character) in note[open..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '\n' => return open + at,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    note.len()
}
