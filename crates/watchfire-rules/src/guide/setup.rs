//! The `## Setup` section of a note, which the API keeps apart.

use std::ops::Range;

/// A note taken apart.
pub(crate) struct NoteAndSetup {
    /// The note without its section on setup.
    pub(crate) note: String,
    /// The text of that section, without its heading.
    pub(crate) setup: String,
}

/// Takes the section `## Setup` out of a note, if it has one: up to the next heading of its own level or above.
pub(crate) fn take_setup(note: &str) -> Option<NoteAndSetup> {
    let headings = headings(note);
    let is_setup = |heading: &&Heading<'_>| heading.level == 2 && heading.text.eq_ignore_ascii_case("setup");
    let found = headings.iter().find(is_setup)?;
    let next = headings.iter().find(|heading| heading.place.start > found.place.start && heading.level <= 2);
    let end = next.map_or(note.len(), |heading| heading.place.start);
    let (before, behind) = (note[..found.place.start].trim_end(), note[end..].trim_end());
    let between = if before.is_empty() || behind.is_empty() { "" } else { "\n\n" };
    Some(NoteAndSetup {
        note: format!("{before}{between}{behind}"),
        setup: note[found.place.end..end].trim().to_owned(),
    })
}

struct Heading<'n> {
    /// The number of `#`.
    level: usize,
    text: &'n str,
    place: Range<usize>,
}

/// The headings of a Markdown text written with `#`, those inside code blocks left out.
fn headings(markdown: &str) -> Vec<Heading<'_>> {
    let mut headings = Vec::new();
    let mut in_code = false;
    let mut start = 0;
    for line in markdown.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            in_code = !in_code;
        }
        let text = trimmed.trim_start_matches('#');
        let level = trimmed.len() - text.len();
        if !in_code && (1..=6).contains(&level) && (text.is_empty() || text.starts_with([' ', '\t'])) {
            headings.push(Heading { level, text: text.trim(), place: start..start + line.len() });
        }
        start += line.len();
    }
    headings
}
