//! The investigation guide of a rule: Markdown with queries in it (detection-engine §1.3, §5.1).
//!
//! ```text
//! note with `$investigate_0` ─┐
//!                             ├─ fill ─► note with `!{investigate{…}}` ─ parts ─► text · investigations · Osquery hunts
//! tables of `[transform]` ────┘            (the form of the API)
//! ```
//!
//! Repository files keep the queries in tables, and name them in the note by [`Placeholder`]s. The API has one text, in
//! which each query stands as a directive. A directive that cannot be read stays text, as Kibana shows it.

mod directive;
mod placeholder;
mod setup;

use std::borrow::Cow;

use serde::Serialize;
use watchfire_diagnostics::{Diagnostic, SpanMap};

use crate::codes;
use crate::format::{MAX_DIAGNOSTICS, RuleFile};
use crate::model::{FreeForm, Investigation, OsqueryHunt, Transform};

pub use directive::{GuidePart, parts};
pub use placeholder::{Placeholder, PlaceholderKind, placeholders};
pub(crate) use setup::{NoteAndSetup, take_setup};

impl RuleFile {
    /// The investigation guide in the form of the API: with every query in its place, as a directive.
    pub fn guide(&self) -> Option<Cow<'_, str>> {
        let note = self.rule.note.as_deref()?;
        Some(match &self.transform {
            Some(transform) => Cow::Owned(fill(note, transform)),
            None => Cow::Borrowed(note),
        })
    }
}

/// The note with a directive in place of each placeholder that has a table.
///
/// This is the template syntax of Python, since the repository fills its notes by it: `${investigate_0}` is another
/// form of `$investigate_0`, and `$$` stands for `$`. What has no table stays as it is.
pub fn fill(note: &str, transform: &Transform) -> String {
    let mut filled = String::with_capacity(note.len());
    let mut rest = 0;
    for found in placeholder::tokens(note) {
        let replacement = match &found {
            placeholder::Token::Dollar(_) => Some("$".to_owned()),
            placeholder::Token::Placeholder(placeholder) => directive_of(placeholder, transform),
        };
        let place = found.place();
        filled.push_str(&note[rest..place.start]);
        filled.push_str(replacement.as_deref().unwrap_or(&note[place.clone()]));
        rest = place.end;
    }
    filled.push_str(&note[rest..]);
    filled
}

fn directive_of(placeholder: &Placeholder, transform: &Transform) -> Option<String> {
    let number = placeholder.number?;
    match placeholder.kind {
        PlaceholderKind::Investigate => transform.investigate.get(number).map(Investigation::to_directive),
        PlaceholderKind::Osquery => transform.osquery.get(number).map(OsqueryHunt::to_directive),
    }
}

impl Investigation {
    /// As it stands in a note: `!{investigate{…}}`, compact JSON with sorted keys.
    pub fn to_directive(&self) -> String {
        directive_text("investigate", self)
    }
}

impl OsqueryHunt {
    /// As it stands in a note: `!{osquery{…}}`, compact JSON with sorted keys.
    pub fn to_directive(&self) -> String {
        directive_text("osquery", self)
    }
}

fn directive_text(name: &str, table: &impl Serialize) -> String {
    let value = serde_json::to_value(table).expect("a table of strings and lists is JSON");
    format!("!{{{name}{}}}", FreeForm(value).to_text())
}

/// What is wrong with a guide: placeholders without a table, directives that cannot be read. `map` leads from the note
/// to its file.
pub(crate) fn check(note: &str, transform: Option<&Transform>, map: &SpanMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for placeholder in placeholders(note) {
        if found.len() > MAX_DIAGNOSTICS {
            break;
        }
        let tables = match (placeholder.kind, transform) {
            (_, None) => 0,
            (PlaceholderKind::Investigate, Some(transform)) => transform.investigate.len(),
            (PlaceholderKind::Osquery, Some(transform)) => transform.osquery.len(),
        };
        if placeholder.number.is_some_and(|number| number < tables) {
            continue;
        }
        let text = &note[placeholder.place.clone()];
        let kind = placeholder.kind;
        let message = match tables {
            0 => format!("the guide names `{text}`, but there is no table `[[transform.{kind}]]`"),
            _ => {
                format!("the guide names `{text}`, but `[[transform.{kind}]]` has tables 0 to {}", tables - 1)
            }
        };
        found.push(Diagnostic::warning(codes::NO_TABLE, message).at(placeholder.span(), "stays as it is"));
    }
    // One more than is shown, so that it is known that there is more.
    found.extend(directive::check(note).take(MAX_DIAGNOSTICS + 1));
    found.into_iter().map(|diagnostic| diagnostic.mapped(map)).collect()
}
