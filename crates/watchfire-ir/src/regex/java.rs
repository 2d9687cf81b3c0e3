//! Java's dialect, as far as a regular language goes (eql-semantics §8).

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::RegexError;
use super::cursor::Cursor;
use super::syntax::{Syntax, predefined, set_of};

/// What `\s` stands for.
const SPACE: [(char, char); 2] = [('\t', '\r'), (' ', ' ')];

/// Line terminators, which `.` does not match.
const TERMINATORS: [(char, char); 4] =
    [('\n', '\n'), ('\r', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')];

/// What is set by `(?i)` and its like.
#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    dot_all: bool,
}

/// What `.` stands for.
pub(super) fn any_character(dot_all: bool) -> ClassUnicode {
    if dot_all {
        return super::syntax::any_character();
    }
    let mut set = set_of(&TERMINATORS);
    set.negate();
    set
}

pub(super) fn parse(source: &str) -> Result<Syntax, RegexError> {
    let mut cursor = Cursor::new(source);
    let syntax = alternation(&mut cursor, Flags::default())?;
    match cursor.peek() {
        None => Ok(syntax),
        Some(other) => Err(RegexError(format!("`{other}` without an opening `(`"))),
    }
}

fn alternation(cursor: &mut Cursor<'_>, mut flags: Flags) -> Result<Syntax, RegexError> {
    let mut parts = vec![sequence(cursor, &mut flags)?];
    while cursor.take("|") {
        parts.push(sequence(cursor, &mut flags)?);
    }
    Ok(Syntax::alternation(parts))
}

/// A sequence. Flags set inside hold to the end of the group, over `|` too.
fn sequence(cursor: &mut Cursor<'_>, flags: &mut Flags) -> Result<Syntax, RegexError> {
    let mut parts = Vec::new();
    while !matches!(cursor.peek(), None | Some('|' | ')')) {
        if cursor.take("\\Q") {
            // Without `\E` the run goes to the end of the pattern.
            let text = cursor.take_until("\\E").unwrap_or_else(|| cursor.take_rest());
            let mut literals: Vec<_> =
                text.chars().map(|character| cased(Syntax::Literal(character), *flags)).collect();
            // A repetition behind `\E` is one of the last character.
            if let Some(last) = literals.pop() {
                parts.append(&mut literals);
                parts.push(suffixes(cursor, last)?);
            }
            continue;
        }
        let Some(atom) = atom(cursor, flags)? else { continue };
        parts.push(suffixes(cursor, atom)?);
    }
    Ok(Syntax::concat(parts))
}

fn cased(syntax: Syntax, flags: Flags) -> Syntax {
    if flags.ignore_case { Syntax::IgnoreCase(Box::new(syntax)) } else { syntax }
}

fn suffixes(cursor: &mut Cursor<'_>, atom: Syntax) -> Result<Syntax, RegexError> {
    let (min, max) = match cursor.peek() {
        Some('?') => (0, Some(1)),
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('{') => {
            cursor.next();
            let (min, max) = cursor.repetition()?;
            return lazy_or_possessive(cursor, Syntax::Repeat { inner: Box::new(atom), min, max });
        }
        _ => return Ok(atom),
    };
    cursor.next();
    lazy_or_possessive(cursor, Syntax::Repeat { inner: Box::new(atom), min, max })
}

/// A lazy repetition fits the same whole texts as a greedy one; a possessive one does not.
fn lazy_or_possessive(cursor: &mut Cursor<'_>, repeat: Syntax) -> Result<Syntax, RegexError> {
    cursor.take("?");
    match cursor.peek() {
        Some('+') => Err(unsupported("a possessive quantifier")),
        Some(sign @ ('*' | '?' | '{')) => Err(RegexError(format!("nothing to repeat before `{sign}`"))),
        _ => Ok(repeat),
    }
}

fn unsupported(what: &str) -> RegexError {
    RegexError(format!("{what} is not supported: it cannot be run in time linear in the text"))
}

/// One atom; `None` for what only changes flags.
fn atom(cursor: &mut Cursor<'_>, flags: &mut Flags) -> Result<Option<Syntax>, RegexError> {
    let Some(first) = cursor.next() else { return Ok(None) };
    Ok(Some(match first {
        '(' => return group(cursor, flags),
        '[' => cased(class(cursor)?, *flags),
        '.' => Syntax::Class(any_character(flags.dot_all)),
        '^' => Syntax::Start,
        '$' => Syntax::End,
        '\\' => cased(escape(cursor)?, *flags),
        '*' | '+' | '?' | '{' => return Err(RegexError(format!("nothing to repeat before `{first}`"))),
        other => cased(Syntax::Literal(other), *flags),
    }))
}

fn group(cursor: &mut Cursor<'_>, flags: &mut Flags) -> Result<Option<Syntax>, RegexError> {
    let mut inner_flags = *flags;
    if cursor.take("?") {
        for (sign, name) in [
            ("=", "look-ahead"),
            ("!", "look-ahead"),
            ("<=", "look-behind"),
            ("<!", "look-behind"),
            (">", "an atomic group"),
        ] {
            if cursor.rest().starts_with(sign) {
                return Err(unsupported(name));
            }
        }
        if cursor.take("<") {
            let name = cursor.take_until(">").unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(RegexError(
                    "a group's name is not closed or not made of letters and digits".to_owned(),
                ));
            }
        } else {
            inner_flags = read_flags(cursor, *flags)?;
            if cursor.take(")") {
                *flags = inner_flags;
                return Ok(None);
            }
            cursor.expect(":", "the flags of a group")?;
        }
    }
    cursor.enter()?;
    let inner = alternation(cursor, inner_flags)?;
    cursor.leave(1);
    cursor.expect(")", "a group begun by `(`")?;
    Ok(Some(inner))
}

fn read_flags(cursor: &mut Cursor<'_>, mut flags: Flags) -> Result<Flags, RegexError> {
    let mut on = true;
    while let Some(letter) = cursor.peek() {
        match letter {
            '-' => on = false,
            'i' => flags.ignore_case = on,
            's' => flags.dot_all = on,
            ':' | ')' => break,
            other => return Err(RegexError(format!("the flag `{other}` is not supported"))),
        }
        cursor.next();
    }
    Ok(flags)
}

fn escape(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let letter = cursor.next().ok_or_else(|| RegexError("the pattern ends in `\\`".to_owned()))?;
    Ok(match letter {
        'b' => Syntax::WordBoundary(true),
        'B' => Syntax::WordBoundary(false),
        'A' => Syntax::Start,
        'z' | 'Z' => Syntax::End,
        '1'..='9' | 'k' => return Err(unsupported("a back-reference")),
        _ => match members(cursor, letter)? {
            Members::One(character) => Syntax::Literal(character),
            Members::Set(set) => Syntax::Class(set),
        },
    })
}

enum Members {
    One(char),
    Set(ClassUnicode),
}

/// What an escape stands for that may also stand in a class.
fn members(cursor: &mut Cursor<'_>, letter: char) -> Result<Members, RegexError> {
    if let Some(set) = predefined(letter, &SPACE) {
        return Ok(Members::Set(set));
    }
    let mut set = match letter {
        'h' | 'H' => set_of(&[
            (' ', ' '),
            ('\t', '\t'),
            ('\u{a0}', '\u{a0}'),
            ('\u{1680}', '\u{1680}'),
            ('\u{180e}', '\u{180e}'),
            ('\u{2000}', '\u{200a}'),
            ('\u{202f}', '\u{202f}'),
            ('\u{205f}', '\u{205f}'),
            ('\u{3000}', '\u{3000}'),
        ]),
        'v' | 'V' => set_of(&[('\n', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')]),
        'p' | 'P' => property(cursor)?,
        _ => return character(cursor, letter).map(Members::One),
    };
    if letter.is_ascii_uppercase() {
        set.negate();
    }
    Ok(Members::Set(set))
}

fn character(cursor: &mut Cursor<'_>, letter: char) -> Result<char, RegexError> {
    let hexadecimal = |cursor: &mut Cursor<'_>, width: usize| {
        let digits = cursor.rest().get(..width).unwrap_or_default();
        let found = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        let found = found.filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        for _ in 0..width {
            cursor.next();
        }
        found.ok_or_else(|| {
            RegexError(format!("`\\{letter}` needs {width} hexadecimal digits of a character"))
        })
    };
    Ok(match letter {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\u{c}',
        'a' => '\u{7}',
        'e' => '\u{1b}',
        'x' if cursor.take("{") => {
            let digits = cursor.take_until("}").unwrap_or_default();
            let found = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
            found.ok_or_else(|| RegexError(format!("`\\x{{{digits}}}` is not a character")))?
        }
        'x' => hexadecimal(cursor, 2)?,
        'u' => hexadecimal(cursor, 4)?,
        other if other.is_ascii_alphanumeric() => {
            return Err(RegexError(format!("the escape `\\{other}` is not supported")));
        }
        other => other,
    })
}

/// The set of `\p{name}`, the opening brace being next.
fn property(cursor: &mut Cursor<'_>) -> Result<ClassUnicode, RegexError> {
    let name = if cursor.take("{") {
        cursor.take_until("}").ok_or_else(|| RegexError("`\\p{` is not closed".to_owned()))?.to_owned()
    } else {
        cursor.next().map(String::from).unwrap_or_default()
    };
    let posix: &[(char, char)] = match name.as_str() {
        "Lower" => &[('a', 'z')],
        "Upper" => &[('A', 'Z')],
        "ASCII" => &[('\0', '\u{7f}')],
        "Alpha" => &[('A', 'Z'), ('a', 'z')],
        "Digit" => &[('0', '9')],
        "Alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "Punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "Graph" => &[('!', '~')],
        "Print" => &[(' ', '~')],
        "Blank" => &[(' ', ' '), ('\t', '\t')],
        "Cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "XDigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        "Space" => &SPACE,
        _ => {
            let plain = name.strip_prefix("Is").unwrap_or(&name);
            let hir = regex_syntax::parse(&format!("\\p{{{plain}}}")).ok();
            return match hir.as_ref().map(regex_syntax::hir::Hir::kind) {
                Some(HirKind::Class(Class::Unicode(set))) => Ok(set.clone()),
                _ => Err(RegexError(format!("the character property `{name}` is not known"))),
            };
        }
    };
    Ok(set_of(posix))
}

/// The inside of `[…]`, nested classes and `&&` included.
fn class(cursor: &mut Cursor<'_>) -> Result<Syntax, RegexError> {
    let negated = cursor.take("^");
    let set = class_members(cursor)?;
    Ok(if negated { Syntax::NotClass(set) } else { Syntax::Class(set) })
}

fn class_members(cursor: &mut Cursor<'_>) -> Result<ClassUnicode, RegexError> {
    let not_closed = || RegexError("a class begun by `[` is not closed".to_owned());
    cursor.enter()?;
    let mut whole: Option<ClassUnicode> = None;
    let mut set = ClassUnicode::empty();
    let intersected = |whole: Option<ClassUnicode>, set: ClassUnicode| match whole {
        Some(mut whole) => {
            whole.intersect(&set);
            whole
        }
        None => set,
    };
    let mut first = true;
    loop {
        if cursor.take("&&") {
            whole = Some(intersected(whole, std::mem::replace(&mut set, ClassUnicode::empty())));
            continue;
        }
        let low = match cursor.next().ok_or_else(not_closed)? {
            ']' if !first => break,
            '[' => {
                let negated = cursor.take("^");
                let mut inner = class_members(cursor)?;
                if negated {
                    inner.negate();
                }
                set.union(&inner);
                first = false;
                continue;
            }
            '\\' => {
                let letter = cursor.next().ok_or_else(not_closed)?;
                match members(cursor, letter)? {
                    Members::One(character) => character,
                    Members::Set(inner) => {
                        set.union(&inner);
                        first = false;
                        continue;
                    }
                }
            }
            plain => plain,
        };
        first = false;
        let rest = cursor.rest();
        let is_range = rest.starts_with('-') && !rest.starts_with("-]") && !rest.starts_with("-[");
        let high = if is_range {
            cursor.next();
            match cursor.next().ok_or_else(not_closed)? {
                '\\' => {
                    let letter = cursor.next().ok_or_else(not_closed)?;
                    character(cursor, letter)?
                }
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
    cursor.leave(1);
    Ok(intersected(whole, set))
}
