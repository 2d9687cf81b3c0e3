//! `$investigate_0` and its like in a note.

use std::fmt;
use std::ops::Range;

use watchfire_diagnostics::Span;

/// Which tables a placeholder counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceholderKind {
    /// `[[transform.investigate]]`
    Investigate,
    /// `[[transform.osquery]]`
    Osquery,
}

impl fmt::Display for PlaceholderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Investigate => "investigate",
            Self::Osquery => "osquery",
        })
    }
}

/// A placeholder in a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Which tables it counts in.
    pub kind: PlaceholderKind,
    /// Which of them it names, from 0; `None` for a number no table can have, such as `00`.
    pub number: Option<usize>,
    /// Where it stands in the note, `$` included.
    pub place: Range<usize>,
}

impl Placeholder {
    pub(crate) fn span(&self) -> Span {
        Span::new(self.place.start, self.place.end)
    }
}

/// The placeholders of a note, in order.
pub fn placeholders(note: &str) -> Vec<Placeholder> {
    tokens(note)
        .into_iter()
        .filter_map(|token| match token {
            Token::Placeholder(placeholder) => Some(placeholder),
            Token::Dollar(_) => None,
        })
        .collect()
}

/// What the template syntax knows in a note; all other text is plain.
pub(super) enum Token {
    /// `$$`, which stands for `$`.
    Dollar(Range<usize>),
    Placeholder(Placeholder),
}

impl Token {
    pub(super) fn place(&self) -> Range<usize> {
        match self {
            Self::Dollar(place) => place.clone(),
            Self::Placeholder(placeholder) => placeholder.place.clone(),
        }
    }
}

pub(super) fn tokens(note: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(found) = note[at..].find('$') {
        let start = at + found;
        let rest = &note[start + 1..];
        at = start + 1;
        if rest.starts_with('$') {
            at += 1;
            tokens.push(Token::Dollar(start..at));
            continue;
        }
        let (name, length) = match rest.strip_prefix('{') {
            Some(braced) => {
                let name = identifier(braced);
                if !braced[name.len()..].starts_with('}') {
                    continue;
                }
                (name, name.len() + 2)
            }
            None => (identifier(rest), identifier(rest).len()),
        };
        at += length;
        tokens.extend(named(name, start..at).map(Token::Placeholder));
    }
    tokens
}

/// The longest identifier at the start; empty if there is none.
fn identifier(text: &str) -> &str {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let inside = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let length = text.find(|character| !inside(character)).unwrap_or(text.len());
    if begins { &text[..length] } else { "" }
}

fn named(name: &str, place: Range<usize>) -> Option<Placeholder> {
    let (kind, digits) = match name.split_once('_')? {
        ("investigate", digits) => (PlaceholderKind::Investigate, digits),
        ("osquery", digits) => (PlaceholderKind::Osquery, digits),
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok().filter(|number: &usize| number.to_string() == digits);
    Some(Placeholder { kind, number, place })
}
