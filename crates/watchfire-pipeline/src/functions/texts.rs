//! Functions of texts and of addresses.

#![expect(clippy::unnecessary_wraps, reason = "all functions of the table have one form")]

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fancy_regex::Regex;
use watchfire_events::IpBlock;

use super::{Arguments, Body, Failure, Function, Parameter, Prepared, Returns, plain};
use crate::types::DataType;
use crate::value::{Cell, Value};

/// The longest text that a function makes, in bytes (esql-semantics §11).
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;

const TEXT: Returns = Returns::Type(DataType::Keyword);
const TRUTH: Returns = Returns::Type(DataType::Boolean);
const INTEGER: Returns = Returns::Type(DataType::Integer);

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        repeats: true,
        ..plain("CONCAT", &[Parameter::Text, Parameter::Text], TEXT, Body::Single(concat))
    },
    plain("LENGTH", &[Parameter::Text], INTEGER, Body::Single(length)),
    plain("TO_LOWER", &[Parameter::Text], TEXT, Body::Each(|a| Ok(text(a.text(0).to_lowercase())))),
    plain("TO_UPPER", &[Parameter::Text], TEXT, Body::Each(|a| Ok(text(a.text(0).to_uppercase())))),
    plain(
        "TRIM",
        &[Parameter::Text],
        TEXT,
        Body::Single(|a| Ok(text(a.text(0).trim_matches(is_white)).into())),
    ),
    plain(
        "LTRIM",
        &[Parameter::Text],
        TEXT,
        Body::Single(|a| Ok(text(a.text(0).trim_start_matches(is_white)).into())),
    ),
    plain(
        "RTRIM",
        &[Parameter::Text],
        TEXT,
        Body::Single(|a| Ok(text(a.text(0).trim_end_matches(is_white)).into())),
    ),
    Function {
        prepare: Some(prepare_replace),
        ..plain("REPLACE", &[Parameter::Text, Parameter::Text, Parameter::Text], TEXT, Body::Single(replace))
    },
    plain("SPLIT", &[Parameter::Text, Parameter::Text], TEXT, Body::Single(split)),
    Function {
        optional: 1,
        ..plain(
            "SUBSTRING",
            &[Parameter::Text, Parameter::Whole, Parameter::Whole],
            TEXT,
            Body::Single(substring),
        )
    },
    plain("LEFT", &[Parameter::Text, Parameter::Whole], TEXT, Body::Single(left)),
    plain("RIGHT", &[Parameter::Text, Parameter::Whole], TEXT, Body::Single(right)),
    Function {
        optional: 1,
        ..plain(
            "LOCATE",
            &[Parameter::Text, Parameter::Text, Parameter::Whole],
            INTEGER,
            Body::Single(locate),
        )
    },
    plain(
        "STARTS_WITH",
        &[Parameter::Text, Parameter::Text],
        TRUTH,
        Body::Single(|a| Ok(Cell::truth(a.text(0).starts_with(a.text(1))))),
    ),
    plain(
        "ENDS_WITH",
        &[Parameter::Text, Parameter::Text],
        TRUTH,
        Body::Single(|a| Ok(Cell::truth(a.text(0).ends_with(a.text(1))))),
    ),
    plain(
        "CONTAINS",
        &[Parameter::Text, Parameter::Text],
        TRUTH,
        Body::Single(|a| Ok(Cell::truth(a.text(0).contains(a.text(1))))),
    ),
    plain("SPACE", &[Parameter::Whole], TEXT, Body::Single(space)),
    plain(
        "REVERSE",
        &[Parameter::Text],
        TEXT,
        Body::Single(|a| Ok(text(a.text(0).chars().rev().collect::<String>()).into())),
    ),
    plain("URL_DECODE", &[Parameter::Text], TEXT, Body::Each(url_decode)),
    plain("FROM_BASE64", &[Parameter::Text], TEXT, Body::Single(from_base64)),
    plain(
        "TO_BASE64",
        &[Parameter::Text],
        TEXT,
        Body::Single(|a| Ok(text(STANDARD.encode(a.text(0))).into())),
    ),
    Function {
        repeats: true,
        prepare: Some(prepare_blocks),
        ..plain("CIDR_MATCH", &[Parameter::Ip, Parameter::Text], TRUTH, Body::Single(cidr_match))
    },
];

fn text(text: impl Into<Arc<str>>) -> Value {
    Value::text(text)
}

/// White space as Java has it for `TRIM`: what Unicode calls so, and control characters.
fn is_white(character: char) -> bool {
    character.is_whitespace() || character <= ' '
}

fn concat(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let texts = arguments.values.iter().filter_map(Value::as_text);
    let length: usize = texts.clone().map(str::len).sum();
    if length > MAX_TEXT_BYTES {
        return Err("the text would be longer than 1 MiB");
    }
    Ok(text(texts.collect::<String>()).into())
}

fn length(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    Ok(Value::Integer(arguments.text(0).chars().count() as i32).into())
}

fn prepare_replace(constants: &[Option<&Cell>]) -> Result<Prepared, String> {
    let Some(pattern) = constants.get(1).copied().flatten().and_then(constant_text) else {
        return Ok(Prepared::Nothing);
    };
    match Regex::new(&java_regex(pattern)) {
        Ok(regex) => Ok(Prepared::Regex(Arc::new(regex))),
        Err(error) => Err(format!("`{pattern}` is no regular expression: {error}")),
    }
}

fn replace(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let computed;
    let regex = match arguments.prepared {
        Prepared::Regex(regex) => &**regex,
        _ => {
            computed = Regex::new(&java_regex(arguments.text(1)))
                .map_err(|_| "a computed regular expression cannot be read")?;
            &computed
        }
    };
    let (input, replacement) = (arguments.text(0), arguments.text(2));
    let mut out = String::with_capacity(input.len());
    let mut last = 0;
    for captures in regex.captures_iter(input) {
        let captures = captures.map_err(|_| "a regular expression stepped back too often")?;
        let Some(whole) = captures.get(0) else { break };
        out.push_str(&input[last..whole.start()]);
        last = whole.end();
        put_replacement(replacement, &captures, &mut out)?;
        if out.len() > MAX_TEXT_BYTES {
            return Err("the text would be longer than 1 MiB");
        }
    }
    out.push_str(&input[last..]);
    Ok(text(out).into())
}

/// Java's form of a replacement: `$1` and `${name}` are groups, a backslash takes the next character as it is.
fn put_replacement(
    replacement: &str,
    captures: &fancy_regex::Captures<'_>,
    out: &mut String,
) -> Result<(), Failure> {
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.push(characters.next().ok_or("the replacement ends in a backslash")?),
            '$' => {
                if characters.next_if_eq(&'{').is_some() {
                    let name: String =
                        characters.by_ref().take_while(|character| *character != '}').collect();
                    let group = captures.name(&name);
                    out.push_str(group.map_or("", |group| group.as_str()));
                    continue;
                }
                let digit = |character: &char| character.to_digit(10).map(|digit| digit as usize);
                let mut group = characters
                    .next()
                    .as_ref()
                    .and_then(digit)
                    .ok_or("the replacement names no group behind `$`")?;
                if group >= captures.len() {
                    return Err("the replacement names a group that there is not");
                }
                while let Some(next) = characters.peek().and_then(digit)
                    && group * 10 + next < captures.len()
                {
                    group = group * 10 + next;
                    characters.next();
                }
                out.push_str(captures.get(group).map_or("", |group| group.as_str()));
            }
            other => out.push(other),
        }
    }
    Ok(())
}

/// Java's regular expressions, where they are written otherwise: `\d`, `\w`, `\s` are ASCII there, `\h` is a blank, and a `[`
/// in a class needs no escape.
fn java_regex(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(['\\', '[']) {
        return pattern.into();
    }
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    let mut quoted = false;
    while let Some(character) = characters.next() {
        if quoted {
            if character == '\\' && characters.next_if_eq(&'E').is_some() {
                quoted = false;
            } else {
                if !character.is_alphanumeric() && character.is_ascii() {
                    out.push('\\');
                }
                out.push(character);
            }
            continue;
        }
        match character {
            '\\' => {
                let Some(escaped) = characters.next() else {
                    out.push('\\');
                    break;
                };
                match (escaped, in_class) {
                    ('Q', _) => quoted = true,
                    ('d', false) => out.push_str("[0-9]"),
                    ('D', false) => out.push_str("[^0-9]"),
                    ('w', false) => out.push_str("[0-9A-Za-z_]"),
                    ('W', false) => out.push_str("[^0-9A-Za-z_]"),
                    ('s', false) => out.push_str("[ \\t\\n\\x0B\\f\\r]"),
                    ('S', false) => out.push_str("[^ \\t\\n\\x0B\\f\\r]"),
                    ('h', false) => out.push_str(
                        "[ \\t\\u{A0}\\u{1680}\\u{180E}\\u{2000}-\\u{200A}\\u{202F}\\u{205F}\\u{3000}]",
                    ),
                    ('d', true) => out.push_str("0-9"),
                    ('w', true) => out.push_str("0-9A-Za-z_"),
                    ('s', true) => out.push_str(" \\t\\n\\x0B\\f\\r"),
                    (other, _) => {
                        out.push('\\');
                        out.push(other);
                    }
                }
            }
            '[' => {
                out.push('[');
                in_class = true;
                if characters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            other => out.push(other),
        }
    }
    out.into()
}

fn split(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let delimiter = arguments.text(1);
    if delimiter.len() != 1 {
        return Err("SPLIT takes a delimiter of one byte");
    }
    Ok(Cell::of(arguments.text(0).split(delimiter).map(text).collect()))
}

/// From a place on, counted from 1, or from the end where it is negative.
fn substring(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let input = arguments.text(0);
    let count = input.chars().count() as i128;
    let start = match arguments.whole(1).unwrap_or(1) {
        0 => 0,
        start if start > 0 => start - 1,
        start => (count + start).max(0),
    };
    let length = arguments.whole(2).unwrap_or(count);
    if length < 0 {
        return Err("SUBSTRING takes no negative length");
    }
    let (start, length) = (start.min(count) as usize, length.min(count) as usize);
    Ok(text(input.chars().skip(start).take(length).collect::<String>()).into())
}

fn left(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let length = arguments.whole(1).unwrap_or(0).clamp(0, i128::from(u32::MAX)) as usize;
    Ok(text(arguments.text(0).chars().take(length).collect::<String>()).into())
}

fn right(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let input = arguments.text(0);
    let length = arguments.whole(1).unwrap_or(0).clamp(0, i128::from(u32::MAX)) as usize;
    let skipped = input.chars().count().saturating_sub(length);
    Ok(text(input.chars().skip(skipped).collect::<String>()).into())
}

fn locate(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let (input, sought) = (arguments.text(0), arguments.text(1));
    let skipped = (arguments.whole(2).unwrap_or(1) - 1).clamp(0, i128::from(u32::MAX)) as usize;
    let from = input.char_indices().nth(skipped).map_or(input.len(), |(at, _)| at);
    let found = input[from..].find(sought).map_or(0, |at| input[..from + at].chars().count() + 1);
    Ok(Value::Integer(found as i32).into())
}

fn space(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    match arguments.whole(0).unwrap_or(0) {
        number if number < 0 => Err("SPACE takes no negative number"),
        number if number > MAX_TEXT_BYTES as i128 => Err("the text would be longer than 1 MiB"),
        number => Ok(text(" ".repeat(number as usize)).into()),
    }
}

/// Decodes forms: `+` is a blank, `%xx` a byte of UTF-8; what is no UTF-8 becomes U+FFFD.
fn url_decode(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let input = arguments.text(0).as_bytes();
    let mut out = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        at += 1;
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |at: usize| input.get(at).and_then(|digit| (*digit as char).to_digit(16));
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else {
                    return Err("an escape `%` has no two hexadecimal digits");
                };
                at += 2;
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    Ok(text(String::from_utf8_lossy(&out)))
}

fn from_base64(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let bytes = STANDARD.decode(arguments.text(0)).map_err(|_| "the text is no Base64")?;
    Ok(text(String::from_utf8_lossy(&bytes)).into())
}

fn prepare_blocks(constants: &[Option<&Cell>]) -> Result<Prepared, String> {
    let mut blocks = Vec::new();
    for constant in &constants[1..] {
        let Some(constant) = constant else { return Ok(Prepared::Nothing) };
        for value in constant.values() {
            let text = value.as_text().unwrap_or_default();
            blocks.push(IpBlock::of(text).ok_or_else(|| format!("`{text}` is no block of addresses"))?);
        }
    }
    Ok(Prepared::Blocks(blocks.into()))
}

fn cidr_match(arguments: &Arguments<'_>) -> Result<Cell, Failure> {
    let Some(Value::Ip(address)) = arguments.values.first() else { return Ok(Cell::Null) };
    if let Prepared::Blocks(blocks) = arguments.prepared {
        return Ok(Cell::truth(blocks.iter().any(|block| block.contains(*address))));
    }
    for at in 1..arguments.values.len() {
        let block = IpBlock::of(arguments.text(at)).ok_or("a computed text is no block of addresses")?;
        if block.contains(*address) {
            return Ok(Cell::truth(true));
        }
    }
    Ok(Cell::truth(false))
}

fn constant_text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::One(value) => value.as_text(),
        _ => None,
    }
}
