//! The edits of diagnostics, applied to files.
//!
//! ```text
//! text ─ examine ─► edits ─ apply those that do not touch each other ─► text …    until there are none
//!                                                                         └─► a new file in place of the old one
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use similar::TextDiff;
use watchfire_diagnostics::{Diagnostic, Edit, Severity};
use watchfire_rules::load::{LoadedFile, load_text};

use super::{Check, Examination};
use crate::destination::{BYTE_ORDER_MARK, replace_text};
use crate::rule_paths::load_paths;

/// How often a text is looked at again after edits: one may bring up the next.
const MAX_ROUNDS: usize = 10;

/// What a text is to its diagnostics.
struct State {
    edits: Vec<Edit>,
    errors: usize,
    is_rule: bool,
}

impl Check {
    /// Changes the files, or shows how they would change. Gives back whether there is a change.
    pub(super) fn fix(
        &self,
        examination: &mut Examination<'_>,
        out: &mut dyn Write,
        log: &mut dyn Write,
    ) -> io::Result<bool> {
        if self.paths.iter().any(|path| path == Path::new("-")) {
            let message = "`--fix` changes files, and standard input (`-`) is none";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let (mut files, mut edits, mut in_exports) = (0, 0, 0);
        for LoadedFile { source, .. } in load_paths(&self.paths)? {
            let (name, text) = (source.name(), source.text());
            // Files that could not be read have no text; rules of exports have a line of one.
            let Ok(on_disk) = fs::read_to_string(name) else { continue };
            if on_disk.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&on_disk) != text {
                let found = self.state(name, text, examination).map_or(0, |state| state.edits.len());
                in_exports += found;
                continue;
            }
            let Some((fixed, number)) = self.fixed(name, text, examination, log)? else { continue };
            if self.dry_run {
                let (old, new) = (format!("a/{name}"), format!("b/{name}"));
                let diff = TextDiff::from_lines(text, fixed.as_str());
                write!(out, "{}", diff.unified_diff().header(&old, &new))?;
            } else {
                replace_text(Path::new(name), &fixed)?;
            }
            files += 1;
            edits += number;
        }
        let what = if self.dry_run { "would be made" } else { "made" };
        writeln!(log, "edits {what}: {edits} in {files} files")?;
        if in_exports > 0 {
            writeln!(log, "edits left out, since rules of exports are not changed: {in_exports}")?;
        }
        Ok(files > 0)
    }

    /// The text with all edits, and their number; nothing if there are none, or none that are safe.
    fn fixed(
        &self,
        name: &str,
        text: &str,
        examination: &mut Examination<'_>,
        log: &mut dyn Write,
    ) -> io::Result<Option<(String, usize)>> {
        let Some(before) = self.state(name, text, examination) else { return Ok(None) };
        let (mut fixed, mut number) = (text.to_owned(), 0);
        let mut edits = before.edits;
        let mut after = None;
        for _ in 0..MAX_ROUNDS {
            let (changed, applied) = apply(&fixed, edits);
            if applied == 0 {
                break;
            }
            (fixed, number) = (changed, number + applied);
            after = self.state(name, &fixed, examination);
            edits = after.as_ref().map_or_else(Vec::new, |state| state.edits.clone());
        }
        if fixed == text {
            return Ok(None);
        }
        let is_better = after.is_some_and(|after| {
            after.errors <= before.errors && (after.is_rule || !before.is_rule) && after.edits.is_empty()
        });
        if !is_better {
            writeln!(log, "{name}: not changed, since its {number} edits together would not settle it")?;
            return Ok(None);
        }
        Ok(Some((fixed, number)))
    }

    /// What there is to say about a text; nothing if it is no single rule.
    fn state(&self, name: &str, text: &str, examination: &mut Examination<'_>) -> Option<State> {
        let mut files = load_text(name, text.to_owned());
        if files.len() != 1 {
            return None;
        }
        let LoadedFile { source, content, mut diagnostics, .. } = files.remove(0);
        if let Some(content) = &content {
            diagnostics.extend(examination.rule(content, &source));
        }
        let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        let selected = diagnostics.into_iter().filter(|found| self.selects(found));
        let edits = selected.filter_map(|Diagnostic { edit, .. }| edit).collect();
        Some(State { edits, errors, is_rule: content.is_some() })
    }
}

/// The text with the edits that do not touch an earlier one, and their number.
fn apply(text: &str, mut edits: Vec<Edit>) -> (String, usize) {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let (mut changed, mut rest, mut number) = (String::with_capacity(text.len()), 0, 0);
    for edit in &edits {
        let range = edit.span.range();
        // Two insertions at one place have no order.
        let touches = range.start < rest || (number > 0 && range.start == rest && range.is_empty());
        let Some(old) = text.get(range.clone()).filter(|old| !touches && *old != edit.replacement) else {
            continue;
        };
        changed.push_str(&text[rest..range.start]);
        changed.push_str(&edit.replacement);
        rest = range.start + old.len();
        number += 1;
    }
    changed.push_str(&text[rest..]);
    (changed, number)
}

#[cfg(test)]
mod tests {
    use watchfire_diagnostics::Span;

    use super::*;

    #[test]
    fn edits_that_touch_wait_for_the_next_round() {
        let edit =
            |start, end, text: &str| Edit { span: Span::new(start, end), replacement: text.to_owned() };
        for (edits, expected, number) in [
            (vec![edit(0, 1, "x"), edit(2, 3, "")], "xb", 2),
            (vec![edit(2, 3, "z"), edit(0, 2, "x")], "xz", 2),
            (vec![edit(0, 2, "x"), edit(1, 3, "y")], "xc", 1),
            (vec![edit(1, 1, "+"), edit(1, 1, "-")], "a+bc", 1),
            (vec![edit(0, 1, "x"), edit(1, 1, "+")], "xbc", 1),
            (vec![edit(0, 1, "a")], "abc", 0),
            (vec![edit(2, 9, "x")], "abc", 0),
        ] {
            assert_eq!(apply("abc", edits), (expected.to_owned(), number));
        }
    }
}
