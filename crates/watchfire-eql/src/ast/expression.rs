//! Expressions: conditions and their parts.

use std::fmt;

use watchfire_diagnostics::SpanMap;

use super::{EventQuery, Span};

/// An expression and its place; the span includes parentheses around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

impl Expr {
    /// An expression at a place.
    pub const fn new(kind: ExprKind, span: Span) -> Self {
        Self { kind, span }
    }
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A constant as it stands in the text; `-1` is [`Negate`](Self::Negate) of `1`.
    Literal(Literal),
    /// A field, with or without `?`.
    Field(FieldName),
    /// `name(argument, …)`, with `~` behind the name if `ignore_case`.
    Call {
        /// The function's name as written; names compare without regard to case.
        name: String,
        /// Where the name stands, `~` excluded.
        name_span: Span,
        /// Whether `~` follows the name.
        ignore_case: bool,
        /// The arguments in order.
        arguments: Vec<Expr>,
    },
    /// `not operand`.
    Not {
        /// What is negated.
        operand: Box<Expr>,
        /// Where `not` stands.
        op_span: Span,
    },
    /// `a and b and …`: two operands or more.
    And(Vec<Expr>),
    /// `a or b or …`: two operands or more.
    Or(Vec<Expr>),
    /// `left op right`, with a truth value.
    Compare {
        /// The operator.
        op: CompareOp,
        /// Where the operator stands.
        op_span: Span,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `left op right`, with a number.
    Arithmetic {
        /// The operator.
        op: ArithmeticOp,
        /// Where the operator stands.
        op_span: Span,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `-operand`.
    Negate {
        /// What is negated.
        operand: Box<Expr>,
        /// Where the minus stands.
        op_span: Span,
    },
    /// `subject [not] in (element, …)`, with `~` behind `in` if `ignore_case`.
    In {
        /// What is looked up.
        subject: Box<Expr>,
        /// Whether it is `in~`.
        ignore_case: bool,
        /// Whether `not` stands before `in`.
        negated: bool,
        /// Where the operator stands, `not` included.
        op_span: Span,
        /// The elements in order, at least one.
        list: Vec<Expr>,
    },
    /// `subject op pattern` or `subject op (pattern, …)`.
    Match {
        /// What is matched.
        subject: Box<Expr>,
        /// The operator.
        op: MatchOp,
        /// Where the operator stands.
        op_span: Span,
        /// The patterns in order, at least one.
        patterns: Vec<Constant>,
    },
    /// `child of [event]` and its like; parsed, then refused.
    Relation {
        /// Which relation.
        relation: ProcessRelation,
        /// Where the words `child of` stand.
        relation_span: Span,
        /// The related event.
        event: Box<EventQuery>,
    },
    /// `receiver:name(argument, …)`, Endgame's other way to write a call; parsed, then refused.
    MethodCall {
        /// What stands before the colon: the first argument.
        receiver: Box<Expr>,
        /// The function's name.
        name: String,
        /// Where the name stands.
        name_span: Span,
        /// The further arguments.
        arguments: Vec<Expr>,
    },
    /// `$name` or `$name.field`: the element of an enclosing `_arraysearch`, an extension of Elastic Defend.
    Variable {
        /// The name without `$`.
        name: String,
        /// Where the name stands, `$` included.
        name_span: Span,
        /// The field of the element; `None` is the element itself.
        field: Option<FieldName>,
    },
    /// `name.field`, where `name` was given to an earlier stage by `as`: an extension of Elastic Defend.
    EventReference {
        /// The name of the stage.
        alias: String,
        /// Where the name stands.
        alias_span: Span,
        /// The field of that stage's event. A `?` before the alias makes it optional; its span begins behind the
        /// alias all the same.
        field: FieldName,
    },
    /// What could not be read. An error diagnostic says why.
    Invalid,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number without sign.
    Number(Number),
    /// A string, raw or not.
    String(StringLiteral),
}

/// A constant on the right side of `:`, `like` or `regex`.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The constant.
    pub literal: Literal,
    /// Where it stands.
    pub span: Span,
}

/// A number as written, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// The digits as written.
    pub text: String,
    /// The smallest type that holds it.
    pub value: NumberValue,
}

impl Number {
    /// Reads an unsigned number: digits are a 32-bit integer if they fit, else 64-bit, else unsigned 64-bit, else a
    /// double; anything else is a double (eql-semantics §2). `None` if it is no number, or beyond what a double holds.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
        let starts_well = text.starts_with(|first: char| first.is_ascii_digit() || first == '.');
        let double = || {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            number.filter(|_| plain && starts_well).map(NumberValue::Double)
        };
        let value = if digits {
            let integer = text.parse().ok().map(NumberValue::Integer);
            let long = || text.parse().ok().map(NumberValue::Long);
            let unsigned = || text.parse().ok().map(NumberValue::UnsignedLong);
            integer.or_else(long).or_else(unsigned).or_else(double)
        } else {
            double()
        };
        value.map(|value| Self { text: text.to_owned(), value })
    }
}

/// The value of a [`Number`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NumberValue {
    /// 32-bit.
    Integer(i32),
    /// 64-bit, too large for 32.
    Long(i64),
    /// Unsigned 64-bit, too large for signed.
    UnsignedLong(u64),
    /// Floating point, always finite.
    Double(f64),
}

/// A string constant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StringLiteral {
    /// The text, escapes resolved.
    pub value: String,
    /// Whether it was written as `"""…"""`.
    pub raw: bool,
    /// From offsets in `value` to the query text.
    pub map: SpanMap,
}

impl StringLiteral {
    /// A string of no particular place.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), raw: false, map: SpanMap::identity() }
    }

    /// Where the bytes `start..end` of the value stand in the query: the way to point at one wildcard of a pattern.
    ///
    /// # Panics
    /// If `end` is before `start`.
    pub fn part_span(&self, start: usize, end: usize) -> Span {
        self.map.map(Span::new(start, end))
    }
}

/// A field's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// What the dots separate, at least one.
    pub parts: Vec<NamePart>,
    /// Whether `?` stands before it.
    pub optional: bool,
    /// The whole, `?` included.
    pub span: Span,
}

impl FieldName {
    /// The parts with dots between them, array indexes left out.
    pub fn dotted(&self) -> String {
        let mut name = String::new();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                name.push('.');
            }
            name.push_str(&part.text);
        }
        name
    }

    /// Whether any part has an array index, which is refused.
    pub fn is_indexed(&self) -> bool {
        self.parts.iter().any(|part| !part.indexes.is_empty())
    }
}

/// One part of a [`FieldName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePart {
    /// The text without back-quotes; holds no dot.
    pub text: String,
    /// Where it stands; for a part of a quoted name, inside the quotes.
    pub span: Span,
    /// `[0]` and the like behind it, Endgame's way into an array; parsed, then refused.
    pub indexes: Vec<ArrayIndex>,
}

/// `[3]` behind a part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayIndex {
    /// The digits as written.
    pub text: String,
    /// The brackets and what is between.
    pub span: Span,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl CompareOp {
    /// All operators.
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::LessOrEqual, Self::Greater, Self::GreaterOrEqual];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// Arithmetic operators of two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`, the remainder with the sign of the left side
    Remainder,
}

impl ArithmeticOp {
    /// All operators.
    pub const ALL: [Self; 5] = [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::Remainder];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// Operators whose right side is a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `:`, wildcards without regard to case
    Colon,
    /// `like`, wildcards
    Like,
    /// `like~`, wildcards without regard to case
    LikeIgnoreCase,
    /// `regex`
    Regex,
    /// `regex~`, without regard to case
    RegexIgnoreCase,
}

impl MatchOp {
    /// All operators.
    pub const ALL: [Self; 5] =
        [Self::Colon, Self::Like, Self::LikeIgnoreCase, Self::Regex, Self::RegexIgnoreCase];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Colon => ":",
            Self::Like => "like",
            Self::LikeIgnoreCase => "like~",
            Self::Regex => "regex",
            Self::RegexIgnoreCase => "regex~",
        }
    }
}

/// Relations of an event to the process tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessRelation {
    /// `child of`
    Child,
    /// `descendant of`
    Descendant,
    /// `event of`
    Event,
}

impl ProcessRelation {
    /// All relations.
    pub const ALL: [Self; 3] = [Self::Child, Self::Descendant, Self::Event];

    /// The word before `of`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Child => "child",
            Self::Descendant => "descendant",
            Self::Event => "event",
        }
    }
}

macro_rules! display_as_written {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

display_as_written!(CompareOp, ArithmeticOp, MatchOp, ProcessRelation);

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<NumberValue> {
        Number::from_text(text).map(|number| number.value)
    }

    #[test]
    fn numbers_take_the_smallest_type() {
        assert_eq!(value("2147483647"), Some(NumberValue::Integer(i32::MAX)));
        assert_eq!(value("2147483648"), Some(NumberValue::Long(2_147_483_648)));
        assert_eq!(value("9223372036854775808"), Some(NumberValue::UnsignedLong(9_223_372_036_854_775_808)));
        assert_eq!(value("18446744073709551616"), Some(NumberValue::Double(18_446_744_073_709_551_616.0)));
        assert_eq!(value("1."), Some(NumberValue::Double(1.0)));
        assert_eq!(value(".5"), Some(NumberValue::Double(0.5)));
        assert_eq!(value("1.5E-3"), Some(NumberValue::Double(0.0015)));
        for text in ["1e999", "", "nan", "-1", "inf", "e1", "1_0", "."] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
