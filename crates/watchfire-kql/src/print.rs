//! The tree as text. The text parses to the same tree, spans aside.
//!
//! Values and names are escaped no more than they need: special characters, control characters, and words that would
//! otherwise be read as keywords. An unquoted text that the language cannot write unquoted (`null` as text, or spaces
//! at its ends) can only come from a tree made by hand; it is printed in quotes.

use std::fmt::{self, Write};

use crate::ast::{
    Expr, ExprKind, FieldName, NamePattern, Query, RangeOp, Value, ValueExpr, ValueKind, ValueLiteral,
    WildcardPart, WildcardPattern,
};
use crate::characters::{is_space, is_special, is_trimmed};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Some(expr) => expr.fmt(f),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::And(operands) => operand_list(f, operands, " and ", Expr::strength, Strength::And),
            ExprKind::Or(operands) => operand_list(f, operands, " or ", Expr::strength, Strength::Or),
            ExprKind::Not(inner) => {
                f.write_str("not ")?;
                grouped(f, &**inner, inner.strength() < Strength::Atom)
            }
            ExprKind::Nested { path, inner } => write!(f, "{path}: {{ {inner} }}"),
            ExprKind::Field { field, values } => {
                write!(f, "{field}: ")?;
                grouped(f, values, values.strength() < Strength::Atom)
            }
            ExprKind::Range { field, op, value, .. } => write!(f, "{field} {op} {value}"),
            ExprKind::FreeText(value) => value.fmt(f),
        }
    }
}

impl fmt::Display for ValueExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ValueKind::And(operands) => {
                operand_list(f, operands, " and ", ValueExpr::strength, Strength::And)
            }
            ValueKind::Or(operands) => operand_list(f, operands, " or ", ValueExpr::strength, Strength::Or),
            ValueKind::Not(inner) => {
                f.write_str("not ")?;
                grouped(f, &**inner, inner.strength() < Strength::Atom)
            }
            ValueKind::Value(value) => value.fmt(f),
        }
    }
}

/// How strongly a node holds its operands together; a weaker or equal one inside needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Or,
    And,
    Not,
    Atom,
}

impl Expr {
    fn strength(&self) -> Strength {
        match &self.kind {
            ExprKind::Or(_) => Strength::Or,
            ExprKind::And(_) => Strength::And,
            ExprKind::Not(_) => Strength::Not,
            ExprKind::Nested { .. }
            | ExprKind::Field { .. }
            | ExprKind::Range { .. }
            | ExprKind::FreeText(_) => Strength::Atom,
        }
    }
}

impl ValueExpr {
    fn strength(&self) -> Strength {
        match &self.kind {
            ValueKind::Or(_) => Strength::Or,
            ValueKind::And(_) => Strength::And,
            ValueKind::Not(_) => Strength::Not,
            ValueKind::Value(_) => Strength::Atom,
        }
    }
}

fn operand_list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    operands: &[T],
    keyword: &str,
    strength: impl Fn(&T) -> Strength,
    own: Strength,
) -> fmt::Result {
    for (position, operand) in operands.iter().enumerate() {
        if position > 0 {
            f.write_str(keyword)?;
        }
        grouped(f, operand, strength(operand) <= own)?;
    }
    Ok(())
}

fn grouped(f: &mut fmt::Formatter<'_>, node: &dyn fmt::Display, parentheses: bool) -> fmt::Result {
    if parentheses { write!(f, "({node})") } else { node.fmt(f) }
}

impl fmt::Display for RangeOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for ValueLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => value.fmt(f),
            Self::Text(text) if is_constant(text) => quoted(f, text),
            Self::Text(text) => unquoted(f, text),
            Self::Phrase(text) => quoted(f, text),
            Self::Wildcard(pattern) => pattern.fmt(f),
            Self::Exists => f.write_char('*'),
        }
    }
}

/// Whether the unquoted text would be read as something other than text.
fn is_constant(text: &str) -> bool {
    matches!(text, "null" | "true" | "false")
}

impl fmt::Display for WildcardPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                WildcardPart::Text(text) => escaped(f, text)?,
                WildcardPart::Any => f.write_char('*')?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            NamePattern::Exact(name) if self.quoted => quoted(f, name),
            NamePattern::Exact(name) => unquoted(f, name),
            NamePattern::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

fn unquoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if text.is_empty() {
        // The one way to write an unquoted empty text: an escape that the trimming of the ends takes away.
        f.write_str("\\n")
    } else if text.starts_with(is_trimmed) || text.ends_with(is_trimmed) {
        quoted(f, text)
    } else {
        escaped(f, text)
    }
}

/// Writes text as part of an unquoted literal.
fn escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut before = None;
    for (at, character) in text.char_indices() {
        if reads_as_keyword(before, &text[at..]) {
            if character == 'n' {
                // `\not` would be a line feed and `ot`.
                f.write_str("\\u006e")?;
                before = Some(character);
                continue;
            }
            f.write_char('\\')?;
        }
        if is_special(character) {
            f.write_char('\\')?;
            f.write_char(character)?;
        } else {
            plain_or_coded(f, character)?;
        }
        before = Some(character);
    }
    Ok(())
}

/// Whether a keyword begins `rest`, or would if the text were followed by a space.
fn reads_as_keyword(before: Option<char>, rest: &str) -> bool {
    let starts_with = |word: &str| {
        rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && rest[word.len()..].chars().next().is_none_or(is_space)
    };
    starts_with("not") || (before.is_none_or(is_space) && (starts_with("or") || starts_with("and")))
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                f.write_char('\\')?;
                f.write_char(character)?;
            }
            _ => plain_or_coded(f, character)?,
        }
    }
    f.write_char('"')
}

/// A character as itself, or as an escape if it would not be seen.
fn plain_or_coded(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '\t' => f.write_str("\\t"),
        '\r' => f.write_str("\\r"),
        '\n' => f.write_str("\\n"),
        control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control)),
        plain => f.write_char(plain),
    }
}
