//! Tree to text: a command a line.

use std::fmt::{self, Display, Formatter};

use crate::ast::{
    Aggregate, Arguments, Arithmetic, Column, Command, CommandKind, Constant, Expr, ExprKind, Field,
    IndexPattern, NamePattern, Order, Query, Rename, Source, SourceKind,
};

/// How strongly an expression holds together, from `OR` on.
fn strength(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Or(_) => 0,
        ExprKind::And(_) => 1,
        ExprKind::Not(_) => 2,
        ExprKind::Compare(..)
        | ExprKind::IsNull { .. }
        | ExprKind::In { .. }
        | ExprKind::Like { .. }
        | ExprKind::Match(..) => 3,
        ExprKind::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 4,
        ExprKind::Arithmetic(..) => 5,
        ExprKind::Negate(_) => 6,
        // A sign would take what stands behind it.
        ExprKind::Constant(Constant::Whole(number)) if *number < 0 => 6,
        ExprKind::Constant(Constant::Double(number)) if number.is_sign_negative() => 6,
        ExprKind::Cast(..) | ExprKind::Constant(_) | ExprKind::Column(_) | ExprKind::Call { .. } => 7,
    }
}

/// An expression in brackets, unless it holds together at least so strongly.
struct Within<'e>(&'e Expr, u8);

impl Display for Within<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if strength(self.0) < self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

/// Several with something between them.
struct Joined<'l, T>(&'l [T], &'static str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, item) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(self.1)?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

/// A text in quotes.
struct Quoted<'t>(&'t str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // A backslash alone is clearer without escapes.
        let is_raw = self.0.contains('\\')
            && !self.0.contains(['\n', '\r', '\t'])
            && !self.0.contains("\"\"\"")
            && !self.0.ends_with('"');
        if is_raw {
            return write!(f, "\"\"\"{}\"\"\"", self.0);
        }
        f.write_str("\"")?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        self.commands.iter().try_for_each(|command| write!(f, "\n| {command}"))
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SourceKind::From { patterns, metadata } => {
                write!(f, "FROM {}", Joined(patterns, ", "))?;
                if metadata.is_empty() { Ok(()) } else { write!(f, " METADATA {}", Joined(metadata, ", ")) }
            }
            SourceKind::Row(fields) => write!(f, "ROW {}", Joined(fields, ", ")),
            SourceKind::Unsupported(name) => f.write_str(name),
        }
    }
}

impl Display for IndexPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plain = |one: char| {
            !matches!(one, '"' | '=' | '|' | ',' | '[' | ']' | '(' | ')' | '/') && !one.is_whitespace()
        };
        if !self.text.is_empty() && self.text.chars().all(plain) {
            f.write_str(&self.text)
        } else {
            Quoted(&self.text).fmt(f)
        }
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CommandKind::Where(condition) => write!(f, "WHERE {condition}"),
            CommandKind::Eval(fields) => write!(f, "EVAL {}", Joined(fields, ", ")),
            CommandKind::Stats { aggregates, by, inline } => {
                f.write_str(if *inline { "INLINE STATS" } else { "STATS" })?;
                if !aggregates.is_empty() {
                    write!(f, " {}", Joined(aggregates, ", "))?;
                }
                if by.is_empty() { Ok(()) } else { write!(f, " BY {}", Joined(by, ", ")) }
            }
            CommandKind::Keep(patterns) => write!(f, "KEEP {}", Joined(patterns, ", ")),
            CommandKind::Drop(patterns) => write!(f, "DROP {}", Joined(patterns, ", ")),
            CommandKind::Rename(renames) => write!(f, "RENAME {}", Joined(renames, ", ")),
            CommandKind::Sort(keys) => write!(f, "SORT {}", Joined(keys, ", ")),
            CommandKind::Limit(number) => write!(f, "LIMIT {number}"),
            CommandKind::MvExpand(column) => write!(f, "MV_EXPAND {column}"),
            CommandKind::Dissect { input, pattern, append_separator } => {
                write!(f, "DISSECT {} {}", Within(input, 7), Quoted(pattern))?;
                match append_separator {
                    Some(separator) => write!(f, " APPEND_SEPARATOR = {}", Quoted(separator)),
                    None => Ok(()),
                }
            }
            CommandKind::Grok { input, patterns } => {
                let quoted: Vec<Quoted<'_>> = patterns.iter().map(|pattern| Quoted(pattern)).collect();
                write!(f, "GROK {} {}", Within(input, 7), Joined(&quoted, ", "))
            }
            CommandKind::Completion { target, prompt, options } => {
                f.write_str("COMPLETION ")?;
                if let Some(target) = target {
                    write!(f, "{target} = ")?;
                }
                Within(prompt, 7).fmt(f)?;
                if options.is_empty() { Ok(()) } else { write!(f, " WITH {}", Options(options)) }
            }
            CommandKind::Unsupported(name) => f.write_str(name),
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} = {}", self.value),
            // It is named by its text.
            None => f.write_str(&self.text),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)?;
        match &self.filter {
            Some(filter) => write!(f, " WHERE {filter}"),
            None => Ok(()),
        }
    }
}

/// A part of a name, in quotes if it needs them.
fn write_part(part: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let mut characters = part.chars();
    let starts_well = characters
        .next()
        .is_some_and(|one| one.is_ascii_alphabetic() || (matches!(one, '_' | '@') && part.len() > 1));
    let goes_well = characters.all(|one| one.is_ascii_alphanumeric() || one == '_');
    let is_reserved = crate::parser::is_reserved(part);
    if starts_well && goes_well && !is_reserved {
        f.write_str(part)
    } else {
        write!(f, "`{}`", part.replace('`', "``"))
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Nothing stands beside a dot but in quotes of the whole.
        if self.name.split('.').any(str::is_empty) {
            return write!(f, "`{}`", self.name.replace('`', "``"));
        }
        for (number, part) in self.name.split('.').enumerate() {
            if number > 0 {
                f.write_str(".")?;
            }
            write_part(part, f)?;
        }
        Ok(())
    }
}

impl Display for NamePattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, part) in self.parts.iter().enumerate() {
            if number > 0 {
                f.write_str("*")?;
            }
            let is_plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '@');
            let needs_quotes = part.chars().any(|one| !is_plain(one));
            if needs_quotes { write!(f, "`{}`", part.replace('`', "``"))? } else { f.write_str(part)? }
        }
        Ok(())
    }
}

impl Display for Rename {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS {}", self.from, self.to)
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)?;
        if self.descending {
            f.write_str(" DESC")?;
        }
        match self.nulls_first {
            Some(true) => f.write_str(" NULLS FIRST"),
            Some(false) => f.write_str(" NULLS LAST"),
            None => Ok(()),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = |negated: bool| if negated { "NOT " } else { "" };
        match &self.kind {
            ExprKind::Constant(constant) => constant.fmt(f),
            ExprKind::Column(column) => column.fmt(f),
            ExprKind::Call { name, arguments } => write!(f, "{name}({arguments})"),
            ExprKind::Cast(value, to) => write!(f, "{}::{to}", Within(value, 7)),
            ExprKind::Negate(value) => write!(f, "-{}", Within(value, 6)),
            ExprKind::Arithmetic(operator, left, right) => {
                let own = strength(self);
                write!(f, "{} {} {}", Within(left, own), operator.text(), Within(right, own + 1))
            }
            ExprKind::Compare(comparison, left, right) => {
                write!(f, "{} {} {}", Within(left, 4), comparison.text(), Within(right, 4))
            }
            ExprKind::IsNull { value, negated } => write!(f, "{} IS {}NULL", Within(value, 4), not(*negated)),
            ExprKind::In { value, list, negated } => {
                let list: Vec<Within<'_>> = list.iter().map(|item| Within(item, 4)).collect();
                write!(f, "{} {}IN ({})", Within(value, 4), not(*negated), Joined(&list, ", "))
            }
            ExprKind::Like { value, kind, patterns, negated } => {
                write!(f, "{} {}{} ", Within(value, 4), not(*negated), kind.text())?;
                match patterns.as_slice() {
                    [pattern] => Quoted(pattern).fmt(f),
                    several => {
                        let quoted: Vec<Quoted<'_>> = several.iter().map(|pattern| Quoted(pattern)).collect();
                        write!(f, "({})", Joined(&quoted, ", "))
                    }
                }
            }
            ExprKind::Match(field, value) => write!(f, "{}: {value}", Within(field, 4)),
            ExprKind::Not(inner) => write!(f, "NOT {}", Within(inner, 2)),
            ExprKind::And(operands) => {
                let operands: Vec<Within<'_>> = operands.iter().map(|operand| Within(operand, 2)).collect();
                Joined(&operands, " AND ").fmt(f)
            }
            ExprKind::Or(operands) => {
                let operands: Vec<Within<'_>> = operands.iter().map(|operand| Within(operand, 1)).collect();
                Joined(&operands, " OR ").fmt(f)
            }
        }
    }
}

impl Display for Arguments {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Star => f.write_str("*"),
            Self::List(list, options) => {
                Joined(list, ", ").fmt(f)?;
                if options.is_empty() {
                    return Ok(());
                }
                write!(f, "{}{}", if list.is_empty() { "" } else { ", " }, Options(options))
            }
        }
    }
}

/// Options in braces.
struct Options<'o>(&'o [(String, Constant)]);

impl Display for Options<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (number, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{}: {value}", if number > 0 { ", " } else { "" }, Quoted(name))?;
        }
        f.write_str("}")
    }
}

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Whole(number) => write!(f, "{number}"),
            // With a point, so that it stays what it is.
            Self::Double(number) => write!(f, "{number:?}"),
            Self::String(text) => Quoted(text).fmt(f),
            Self::Span(number, unit) => {
                write!(f, "{number} {}{}", unit.text(), if *number == 1 { "" } else { "s" })
            }
            Self::Array(items) => write!(f, "[{}]", Joined(items, ", ")),
        }
    }
}
