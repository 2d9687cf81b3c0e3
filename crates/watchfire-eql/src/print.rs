//! Trees as text: one line, the fewest parentheses, and parsing it gives the same tree.

use std::fmt::{self, Display, Formatter, Write};

use crate::ast::{
    ArithmeticOp, Category, Constant, EventQuery, Expr, ExprKind, FieldName, Join, JoinKey, Literal, Pipe,
    Query, QueryKind, Sample, SampleTerm, Sequence, SequenceTerm, StringLiteral,
};
use crate::lexer::{is_plain_identifier, strings};

/// How tightly a kind of expression binds (eql-semantics §3); an operand that binds looser stands in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Unary,
    Primary,
}

fn binding(kind: &ExprKind) -> Binding {
    match kind {
        ExprKind::Or(_) => Binding::Or,
        ExprKind::And(_) => Binding::And,
        ExprKind::Not { .. } => Binding::Not,
        ExprKind::Compare { .. } => Binding::Comparison,
        ExprKind::Arithmetic { op: ArithmeticOp::Add | ArithmeticOp::Subtract, .. } => Binding::Sum,
        ExprKind::Arithmetic { .. } => Binding::Product,
        ExprKind::Negate { .. }
        | ExprKind::In { .. }
        | ExprKind::Match { .. }
        | ExprKind::MethodCall { .. } => Binding::Unary,
        ExprKind::Literal(_)
        | ExprKind::Field(_)
        | ExprKind::Call { .. }
        | ExprKind::Relation { .. }
        | ExprKind::Variable { .. }
        | ExprKind::EventReference { .. }
        | ExprKind::Invalid => Binding::Primary,
    }
}

/// An operand of something that binds as tightly as `least`.
struct Operand<'a>(&'a Expr, Binding);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if binding(&self.0.kind) < self.1 { write!(f, "({})", self.0) } else { write!(f, "{}", self.0) }
    }
}

fn separated<T: Display>(
    f: &mut Formatter<'_>,
    separator: &str,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Literal(literal) => write!(f, "{literal}"),
            ExprKind::Field(field) => write!(f, "{field}"),
            ExprKind::Call { name, ignore_case, arguments, .. } => {
                write!(f, "{name}{}(", if *ignore_case { "~" } else { "" })?;
                separated(f, ", ", arguments)?;
                f.write_char(')')
            }
            ExprKind::Not { operand, .. } => write!(f, "not {}", Operand(operand, Binding::Not)),
            ExprKind::And(operands) => {
                separated(f, " and ", operands.iter().map(|operand| Operand(operand, Binding::Not)))
            }
            ExprKind::Or(operands) => {
                separated(f, " or ", operands.iter().map(|operand| Operand(operand, Binding::And)))
            }
            ExprKind::Compare { op, left, right, .. } => {
                write!(f, "{} {op} {}", Operand(left, Binding::Sum), Operand(right, Binding::Sum))
            }
            ExprKind::Arithmetic { op, left, right, .. } => {
                let (left_least, right_least) = match binding(&self.kind) {
                    Binding::Sum => (Binding::Sum, Binding::Product),
                    _ => (Binding::Product, Binding::Unary),
                };
                write!(f, "{} {op} {}", Operand(left, left_least), Operand(right, right_least))
            }
            ExprKind::Negate { operand, .. } => write!(f, "-{}", Operand(operand, Binding::Unary)),
            ExprKind::In { subject, ignore_case, negated, list, .. } => {
                let (not, tilde) = (if *negated { "not " } else { "" }, if *ignore_case { "~" } else { "" });
                write!(f, "{} {not}in{tilde} (", Operand(subject, Binding::Primary))?;
                separated(f, ", ", list)?;
                f.write_char(')')
            }
            ExprKind::Match { subject, op, patterns, .. } => {
                write!(f, "{} {op} ", Operand(subject, Binding::Primary))?;
                match patterns.as_slice() {
                    [pattern] => write!(f, "{pattern}"),
                    _ => {
                        f.write_char('(')?;
                        separated(f, ", ", patterns)?;
                        f.write_char(')')
                    }
                }
            }
            ExprKind::Relation { relation, event, .. } => write!(f, "{relation} of [{event}]"),
            ExprKind::MethodCall { receiver, name, arguments, .. } => {
                write!(f, "{}:{name}(", Operand(receiver, Binding::Primary))?;
                separated(f, ", ", arguments)?;
                f.write_char(')')
            }
            ExprKind::Variable { name, field, .. } => {
                write!(f, "${name}")?;
                field.as_ref().map_or(Ok(()), |field| write!(f, ".{field}"))
            }
            ExprKind::EventReference { alias, field, .. } => {
                let optional = if field.optional { "?" } else { "" };
                write!(f, "{optional}{}.", Name(alias))?;
                write_parts(f, field)
            }
            ExprKind::Invalid => f.write_str("<invalid>"),
        }
    }
}

/// A part of a name, between back-quotes where it is no plain identifier. `NOT` is one, but before another word it would
/// be read as the keyword.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_plain_identifier(self.0) && !self.0.eq_ignore_ascii_case("not") {
            return f.write_str(self.0);
        }
        write!(f, "`{}`", self.0.replace('`', "``"))
    }
}

fn write_parts(f: &mut Formatter<'_>, field: &FieldName) -> fmt::Result {
    for (at, part) in field.parts.iter().enumerate() {
        write!(f, "{}{}", if at > 0 { "." } else { "" }, Name(&part.text))?;
        for index in &part.indexes {
            write!(f, "[{}]", index.text)?;
        }
    }
    Ok(())
}

impl Display for FieldName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.optional {
            f.write_char('?')?;
        }
        write_parts(f, self)
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(&number.text),
            Self::String(string) => write!(f, "{string}"),
        }
    }
}

impl Display for Constant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.literal)
    }
}

impl Display for StringLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.raw && strings::can_be_raw(&self.value) {
            return write!(f, "\"\"\"{}\"\"\"", self.value);
        }
        f.write_str(&strings::encode(&self.value))
    }
}

impl Display for EventQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.category {
            Category::Any => f.write_str("any")?,
            Category::Named { text, quoted: true } => write!(f, "{}", StringLiteral::new(text))?,
            Category::Named { text, quoted: false } => f.write_str(text)?,
        }
        write!(f, " where {}", self.condition)
    }
}

impl Display for JoinKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.field)
    }
}

fn write_keys(f: &mut Formatter<'_>, keys: &[JoinKey]) -> fmt::Result {
    if keys.is_empty() {
        return Ok(());
    }
    f.write_str(" by ")?;
    separated(f, ", ", keys)
}

impl Display for SequenceTerm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", if self.missing { "!" } else { "" }, self.event)?;
        write_keys(f, &self.by)?;
        if let Some(runs) = self.runs {
            write!(f, " with runs={}", runs.value)?;
        }
        self.alias.as_ref().map_or(Ok(()), |alias| write!(f, " as {}", alias.name))
    }
}

impl Display for SampleTerm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.event)?;
        write_keys(f, &self.by)
    }
}

impl Display for Sequence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("sequence")?;
        write_keys(f, &self.by)?;
        if let Some(maxspan) = self.maxspan {
            write!(f, " with maxspan={}{}", maxspan.value, maxspan.unit)?;
        }
        self.terms.iter().try_for_each(|term| write!(f, " {term}"))?;
        self.until.as_ref().map_or(Ok(()), |until| write!(f, " until {until}"))
    }
}

impl Display for Sample {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("sample")?;
        write_keys(f, &self.by)?;
        self.terms.iter().try_for_each(|term| write!(f, " {term}"))
    }
}

impl Display for Join {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("join")?;
        write_keys(f, &self.by)?;
        self.terms.iter().try_for_each(|term| write!(f, " {term}"))?;
        self.until.as_ref().map_or(Ok(()), |until| write!(f, " until {until}"))
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "| {}", self.name)?;
        if !self.arguments.is_empty() {
            f.write_char(' ')?;
        }
        separated(f, ", ", &self.arguments)
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            QueryKind::Event(event) => write!(f, "{event}")?,
            QueryKind::Sequence(sequence) => write!(f, "{sequence}")?,
            QueryKind::Sample(sample) => write!(f, "{sample}")?,
            QueryKind::Join(join) => write!(f, "{join}")?,
        }
        self.pipes.iter().try_for_each(|pipe| write!(f, " {pipe}"))
    }
}
