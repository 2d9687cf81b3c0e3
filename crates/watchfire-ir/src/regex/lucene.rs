//! Lucene's dialect, with all its optional operators (eql-semantics §8).
//!
//! ```text
//! union     = intersect { "|" intersect }
//! intersect = sequence { "&" sequence }
//! sequence  = { repeat }
//! repeat    = prefix { "?" | "*" | "+" | "{" n [ "," [ m ] ] "}" }
//! prefix    = "~" prefix | "[" class "]" | "." | "#" | "@" | '"' text '"' | "(" [ union ] ")" | "<" n "-" m ">" | character
//! ```

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::RegexError;
use super::compile::Matcher;
use super::cursor::Cursor;
use super::range::decimal_range;
use super::syntax::{Syntax, any_character, predefined};
use crate::Fold;

/// What `\s` stands for.
const SPACE: [(char, char); 3] = [('\t', '\n'), ('\r', '\r'), (' ', ' ')];

pub(super) fn parse(source: &str) -> Result<Syntax, RegexError> {
    let mut cursor = Cursor::new(source);
    let syntax = if source.is_empty() { Syntax::Empty } else { union(&mut cursor)? };
    match cursor.peek() {
        None => Ok(syntax),
        Some(other) => Err(RegexError(format!("`{other}` without an opening `(`"))),
    }
}

fn union(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let mut parts = vec![intersection(cursor)?];
    while cursor.take("|") {
        parts.push(intersection(cursor)?);
    }
    Ok(Syntax::alternation(parts))
}

fn intersection(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let first = sequence(cursor)?;
    if cursor.peek() != Some('&') {
        return Ok(first);
    }
    let mut parts = vec![first];
    while cursor.take("&") {
        // Where a side is needed, `|` and `&` are characters like others.
        if let Some(sign @ ('|' | '&')) = cursor.peek() {
            cursor.next();
            let rest = sequence(cursor)?;
            parts.push(Syntax::concat(vec![Syntax::Literal(sign), rest]));
        } else {
            parts.push(sequence(cursor)?);
        }
    }
    literal_side(parts)
}

/// An intersection in which one side is a list of texts is those of them that fit the other sides: so it can stand anywhere in a
/// pattern.
fn literal_side(parts: Vec<Syntax>) -> Result<Syntax, RegexError> {
    let Some(at) = parts.iter().position(|part| part.literals().is_some()) else {
        return Ok(Syntax::Intersection(parts));
    };
    let mut texts = parts[at].literals().unwrap_or_default();
    for (_, part) in parts.iter().enumerate().filter(|(number, _)| *number != at) {
        let matcher = Matcher::new(part, Fold::None)?;
        texts.retain(|text| matcher.fits(text));
    }
    let literal = |text: &String| Syntax::concat(text.chars().map(Syntax::Literal).collect());
    Ok(Syntax::alternation(texts.iter().map(literal).collect()))
}

fn sequence(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let mut parts = Vec::new();
    while !matches!(cursor.peek(), None | Some('|' | '&' | ')')) {
        parts.push(repetition(cursor)?);
    }
    Ok(Syntax::concat(parts))
}

fn repetition(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let mut inner = prefix(cursor)?;
    let mut suffixes = 0;
    loop {
        let (min, max) = match cursor.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                cursor.next();
                let bounds = cursor.repetition()?;
                inner = Syntax::Repeat { inner: Box::new(inner), min: bounds.0, max: bounds.1 };
                cursor.enter()?;
                suffixes += 1;
                continue;
            }
            _ => break,
        };
        cursor.next();
        cursor.enter()?;
        suffixes += 1;
        // `x*?` is `x*` made optional, which is the same.
        if !(min == 0 && matches!(inner, Syntax::Repeat { min: 0, max: None, .. })) {
            inner = Syntax::Repeat { inner: Box::new(inner), min, max };
        }
    }
    cursor.leave(suffixes);
    Ok(inner)
}

fn prefix(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let Some(first) = cursor.next() else {
        return Err(RegexError("the pattern ends where something is needed".to_owned()));
    };
    match first {
        '~' => {
            cursor.enter()?;
            let inner = prefix(cursor)?;
            cursor.leave(1);
            Ok(Syntax::Complement(Box::new(inner)))
        }
        '[' => class(cursor),
        '.' => Ok(Syntax::Class(any_character())),
        '#' => Ok(Syntax::Nothing),
        '@' => Ok(Syntax::any_run(any_character())),
        '"' => {
            let text = cursor.take_until("\"").ok_or_else(|| {
                RegexError(
                    "a literal run begun by `\"` is not closed; write `\\\"` for the character".to_owned(),
                )
            })?;
            Ok(Syntax::concat(text.chars().map(Syntax::Literal).collect()))
        }
        '(' => {
            if cursor.take(")") {
                return Ok(Syntax::Empty);
            }
            // Lucene would take it for the character; whoever writes it means another dialect.
            if cursor.peek() == Some('?') {
                return Err(RegexError("nothing to repeat before `?`".to_owned()));
            }
            cursor.enter()?;
            let inner = union(cursor)?;
            cursor.leave(1);
            cursor.expect(")", "a group begun by `(`")?;
            Ok(inner)
        }
        '<' => {
            let inner = cursor.take_until(">").ok_or_else(|| {
                RegexError("a range begun by `<` is not closed; write `\\<` for the character".to_owned())
            })?;
            decimal_range(inner)
        }
        '\\' => escaped(cursor),
        // With nothing in front to repeat, `*`, `+`, `?` and `{` are characters like others.
        other => Ok(Syntax::Literal(other)),
    }
}

fn escaped(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let character = cursor.next().ok_or_else(|| RegexError("the pattern ends in `\\`".to_owned()))?;
    Ok(match predefined(character, &SPACE) {
        Some(set) => Syntax::Class(set),
        None => Syntax::Literal(character),
    })
}

/// The inside of `[…]`. The first character counts as a member even if it is `]`.
fn class(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let negated = cursor.take("^");
    let mut set = ClassUnicode::empty();
    let not_closed = || RegexError("a class begun by `[` is not closed".to_owned());
    let mut first = true;
    while first || !cursor.take("]") {
        first = false;
        let low = match cursor.next().ok_or_else(not_closed)? {
            '\\' => {
                let character = cursor.next().ok_or_else(not_closed)?;
                if let Some(members) = predefined(character, &SPACE) {
                    set.union(&members);
                    continue;
                }
                character
            }
            plain => plain,
        };
        let is_range = cursor.rest().starts_with('-') && !cursor.rest().starts_with("-]");
        let high = if is_range {
            cursor.next();
            match cursor.next().ok_or_else(not_closed)? {
                '\\' => cursor.next().ok_or_else(not_closed)?,
                plain => plain,
            }
        } else {
            low
        };
        if high < low {
            return Err(RegexError(format!("the range `{low}-{high}` runs backwards")));
        }
        set.push(ClassUnicodeRange::new(low, high));
    }
    Ok(if negated { Syntax::NotClass(set) } else { Syntax::Class(set) })
}
