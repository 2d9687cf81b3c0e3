//! A look at the commands of an ES|QL query: enough to see whether its rows are events, and can be told apart.
//!
//! This is no parser. It knows strings, comments, quoted names and brackets, and with them where commands begin.

use std::ops::Range;

use watchfire_diagnostics::{Diagnostic, Span};

use crate::codes;
use crate::format::RuleFile;
use crate::model::RuleKind;

/// What identifies an event.
const IDENTITY: [&str; 3] = ["_id", "_version", "_index"];

pub(super) fn check(file: &RuleFile, found: &mut Vec<Diagnostic>) {
    let RuleKind::Esql(rule) = &file.rule.kind else { return };
    let commands = commands(&rule.query.text);
    let Some(from) = commands.first().filter(|command| command.is("from")) else { return };
    if commands.iter().any(|command| command.is("stats")) {
        return;
    }
    let mut report = |message: String, words: &Range<usize>, label: &str| {
        let place = Span::new(words.start, words.end);
        let diagnostic = Diagnostic::warning(codes::ESQL_IDENTITY, message).at(place, label);
        found.push(rule.query.in_file(diagnostic));
    };
    let metadata = from.words.iter().position(|word| word.text.eq_ignore_ascii_case("metadata"));
    let behind = metadata.map_or(&[][..], |at| &from.words[at + 1..]);
    let missing: Vec<String> = IDENTITY
        .into_iter()
        .filter(|name| !behind.iter().any(|word| word.text == *name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !missing.is_empty() {
        let last = &from.words[from.words.len() - 1];
        let message = format!("ES|QL without `STATS` has no {} behind `METADATA`", missing.join(", "));
        report(message, &last.place, "here ends `FROM`");
    }
    match commands.iter().rfind(|command| command.is("keep")) {
        None => {
            let message = "ES|QL without `STATS` has no `KEEP`".to_owned();
            report(message, &from.words[0].place, "all columns become fields of the alert");
        }
        Some(keep) if missing.is_empty() && !keep.may_keep("_id") => {
            let message = "`KEEP` drops `_id`, so the event alerts again in the next execution".to_owned();
            report(message, &keep.words[0].place, "without `_id`");
        }
        Some(_) => {}
    }
}

/// A command, as the words in it; the first one is its name.
struct Command<'q> {
    words: Vec<Word<'q>>,
}

struct Word<'q> {
    text: &'q str,
    place: Range<usize>,
}

impl Command<'_> {
    fn is(&self, name: &str) -> bool {
        self.words.first().is_some_and(|word| word.text.eq_ignore_ascii_case(name))
    }

    /// Whether a `KEEP` names the column, or has a pattern that may stand for it.
    fn may_keep(&self, column: &str) -> bool {
        self.words.iter().any(|word| match word.text.split_once('*') {
            Some((start, _)) => column.starts_with(start),
            None => word.text == column,
        })
    }
}

/// The commands of a query, those of inner queries among them.
fn commands(query: &str) -> Vec<Command<'_>> {
    let mut commands = Vec::new();
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut at = 0;
    while let Some(character) = query[at..].chars().next() {
        let rest = &query[at..];
        if rest.starts_with("//") {
            at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if let Some(text) = rest.strip_prefix("\"\"\"") {
            at += text.find("\"\"\"").map_or(rest.len(), |end| end + 6);
        } else if character == '"' {
            at += 1 + quoted(&rest[1..]);
        } else if character == '`' {
            at += rest[1..].find('`').map_or(rest.len(), |end| end + 2);
        } else if is_word(character) {
            let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            words.push(Word { text: &rest[..length], place: at..at + length });
            at += length;
        } else {
            // A bracket opens an inner query where a command stands behind it; `(` of an expression only makes a
            // command whose name is none of those asked for.
            if matches!(character, '|' | '(') && !words.is_empty() {
                commands.push(Command { words: std::mem::take(&mut words) });
            }
            at += character.len_utf8();
        }
    }
    if !words.is_empty() {
        commands.push(Command { words });
    }
    // What a bracket of an expression left over begins with anything.
    commands.retain(|command| command.words[0].text.starts_with(char::is_alphabetic));
    commands
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '@' | '*')
}

/// The length of the rest of a string, closing quote included.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices() {
        match character {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Vec<String> {
        commands(query).iter().map(|command| command.words[0].text.to_lowercase()).collect()
    }

    #[test]
    fn finds_where_commands_begin() {
        assert_eq!(names("FROM a | WHERE b == \"| stats\" // | keep\n| KEEP c"), ["from", "where", "keep"]);
        assert_eq!(
            names("from a /* | stats */ | where `| stats` == \"\"\"x \" | stats\"\"\""),
            ["from", "where"]
        );
        assert_eq!(names("from a | where b == \"\\\\\" | keep c"), ["from", "where", "keep"]);
        assert_eq!(names("from a | fork (where b) (stats count(*))"), ["from", "fork", "where", "stats"]);
        assert_eq!(names("from a | where \"unclosed"), ["from", "where"]);
        assert_eq!(names(""), [""; 0]);
    }
}
