//! The tree of an expression and its checked constructors.

use std::fmt;

use thiserror::Error;
use watchfire_events::{IpBlock, TypeFamily};

use super::evaluate::{EvaluationError, Scope};
use super::function::{Function, Parameter};
use super::scalar::Scalar;
use crate::{FieldRef, Fold, Pattern, Regex, RegexError};

/// What the values of an expression are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExprType {
    /// Always null.
    Null,
    /// Booleans.
    Boolean,
    /// Integers and floating-point numbers.
    Number,
    /// Texts.
    Text,
    /// Addresses; inside an expression their canonical text.
    Ip,
    /// Instants.
    Date,
    /// Versions; inside an expression their text.
    Version,
    /// Of a field that no schema knows: whatever is needed.
    Dynamic,
}

impl ExprType {
    /// The type of a field's values; `None` of fields that have none an expression can use.
    pub fn of_field(family: TypeFamily) -> Option<Self> {
        Some(match family {
            TypeFamily::Text | TypeFamily::AnalysedText => Self::Text,
            TypeFamily::Number => Self::Number,
            TypeFamily::Boolean => Self::Boolean,
            TypeFamily::Ip => Self::Ip,
            TypeFamily::Date => Self::Date,
            TypeFamily::Version => Self::Version,
            TypeFamily::Dynamic => Self::Dynamic,
            TypeFamily::Other => return None,
        })
    }

    /// Whether a truth value can come of it.
    pub fn is_condition(self) -> bool {
        matches!(self, Self::Boolean | Self::Null | Self::Dynamic)
    }

    /// The name with its article, for messages.
    pub(crate) fn with_article(self) -> String {
        let article = if self == Self::Ip { "an" } else { "a" };
        format!("{article} {self}")
    }

    /// Whether texts can come of it: what `:`, `like` and `regex` need on their left.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Version | Self::Null | Self::Dynamic)
    }
}

impl fmt::Display for ExprType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "string",
            Self::Ip => "ip",
            Self::Date => "date",
            Self::Version => "version",
            Self::Dynamic => "dynamic",
        })
    }
}

/// Comparison operators. `!=` is the negation of [`ComparisonOperator::Equal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComparisonOperator {
    /// `==`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl ComparisonOperator {
    /// The operator that says the same with the sides exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    pub(super) fn accepts(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArithmeticOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, cut toward zero for integers
    Divide,
    /// `%`, with the sign of the left side
    Remainder,
}

/// Why an expression cannot be made.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ExprError {
    /// An operand has a type that does not fit.
    #[error("{operation} needs {} here, found {}", expected.with_article(), found.with_article())]
    Type {
        /// Which operand, from 0.
        operand: usize,
        /// What needs it.
        operation: &'static str,
        /// The type that fits.
        expected: ExprType,
        /// The type it has.
        found: ExprType,
    },
    /// An argument must be a constant.
    #[error("{operation} needs a constant here")]
    NotConstant {
        /// Which operand, from 0.
        operand: usize,
        /// What needs it.
        operation: &'static str,
    },
    /// A function takes another number of arguments.
    #[error("`{function}` does not take {count} arguments")]
    ArgumentCount {
        /// The function.
        function: &'static str,
        /// How many there are.
        count: usize,
    },
    /// A function has no form that ignores case.
    #[error("`{function}` has no form with `~`")]
    NoIgnoreCase {
        /// The function.
        function: &'static str,
    },
    /// A constant part cannot be computed.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A pattern cannot be used.
    #[error(transparent)]
    Regex(#[from] RegexError),
}

/// A typed expression. Made only by its constructors, which compute what is constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr(pub(super) Node);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Constant(Scalar<'static>),
    Field(FieldRef),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    IsNull(Box<Expr>),
    Compare { operator: ComparisonOperator, left: Box<Expr>, right: Box<Expr> },
    EqualIgnoringCase { left: Box<Expr>, right: Box<Expr> },
    Arithmetic { operator: ArithmeticOperator, left: Box<Expr>, right: Box<Expr> },
    Negate(Box<Expr>),
    In { subject: Box<Expr>, list: Vec<Expr> },
    Fits { subject: Box<Expr>, regex: Regex },
    Within { subject: Box<Expr>, blocks: Vec<IpBlock> },
    Call { function: Function, ignore_case: bool, arguments: Vec<Expr> },
}

impl Expr {
    /// A constant.
    pub fn constant(value: Scalar<'static>) -> Self {
        Self(Node::Constant(value))
    }

    /// The value of a field.
    ///
    /// # Errors
    /// The field has no values an expression can use.
    pub fn field(field: FieldRef) -> Result<Self, ExprError> {
        match ExprType::of_field(field.field_type.family()) {
            Some(_) => Ok(Self(Node::Field(field))),
            None => Err(ExprError::Type {
                operand: 0,
                operation: "an expression",
                expected: ExprType::Text,
                found: ExprType::Null,
            }),
        }
    }

    /// Its value, if it is a constant.
    pub fn as_constant(&self) -> Option<&Scalar<'static>> {
        match &self.0 {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The field, if it is nothing but one.
    pub fn as_field(&self) -> Option<&FieldRef> {
        match &self.0 {
            Node::Field(field) => Some(field),
            _ => None,
        }
    }

    /// Function, whether it ignores case, and arguments, if it is a call.
    pub(crate) fn as_call(&self) -> Option<(Function, bool, &[Self])> {
        match &self.0 {
            Node::Call { function, ignore_case, arguments } => Some((*function, *ignore_case, arguments)),
            _ => None,
        }
    }

    /// Subject and blocks, if it asks for an address in blocks.
    pub(crate) fn as_within(&self) -> Option<(&Self, &[IpBlock])> {
        match &self.0 {
            Node::Within { subject, blocks } => Some((subject, blocks)),
            _ => None,
        }
    }

    /// Its type.
    pub fn expr_type(&self) -> ExprType {
        match &self.0 {
            Node::Constant(value) => value.expr_type(),
            Node::Field(field) => ExprType::of_field(field.field_type.family()).unwrap_or(ExprType::Null),
            Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::IsNull(_)
            | Node::Compare { .. }
            | Node::EqualIgnoringCase { .. }
            | Node::In { .. }
            | Node::Fits { .. }
            | Node::Within { .. } => ExprType::Boolean,
            Node::Arithmetic { .. } | Node::Negate(_) => ExprType::Number,
            Node::Call { function, .. } => function.result(),
        }
    }

    /// Three-valued `not`.
    pub fn negation(self) -> Result<Self, ExprError> {
        self.need(0, "`not`", ExprType::Boolean, ExprType::is_condition)?;
        match self.0 {
            Node::Not(inner) => Ok(*inner),
            other => Self(Node::Not(Box::new(Self(other)))).folded(),
        }
    }

    /// Three-valued `and`: false wins over null.
    pub fn all(operands: Vec<Self>) -> Result<Self, ExprError> {
        Self::logical(operands, "`and`", true)
    }

    /// Three-valued `or`: true wins over null.
    pub fn any(operands: Vec<Self>) -> Result<Self, ExprError> {
        Self::logical(operands, "`or`", false)
    }

    fn logical(operands: Vec<Self>, name: &'static str, neutral: bool) -> Result<Self, ExprError> {
        for (at, operand) in operands.iter().enumerate() {
            operand.need(at, name, ExprType::Boolean, ExprType::is_condition)?;
        }
        let constant = |expr: &Self| expr.as_constant().and_then(Scalar::as_boolean);
        if operands.iter().any(|operand| constant(operand) == Some(!neutral)) {
            return Ok(Self::constant(Scalar::Boolean(!neutral)));
        }
        let mut rest: Vec<Self> =
            operands.into_iter().filter(|operand| constant(operand) != Some(neutral)).collect();
        match rest.len() {
            0 => Ok(Self::constant(Scalar::Boolean(neutral))),
            1 => Ok(rest.remove(0)),
            _ if neutral => Self(Node::And(rest)).folded(),
            _ => Self(Node::Or(rest)).folded(),
        }
    }

    /// Whether the operand is null. Never null itself.
    pub fn is_null(operand: Self) -> Result<Self, ExprError> {
        Self(Node::IsNull(Box::new(operand))).folded()
    }

    /// A comparison; null if either side is null or the two cannot be compared.
    pub fn compare(operator: ComparisonOperator, left: Self, right: Self) -> Result<Self, ExprError> {
        Self(Node::Compare { operator, left: Box::new(left), right: Box::new(right) }).folded()
    }

    /// Equality of texts, each UTF-16 unit compared without regard to case (`:` without wildcard, `in~`).
    pub fn equal_ignoring_case(left: Self, right: Self) -> Result<Self, ExprError> {
        left.need(0, "`:`", ExprType::Text, ExprType::is_text)?;
        right.need(1, "`:`", ExprType::Text, ExprType::is_text)?;
        Self(Node::EqualIgnoringCase { left: Box::new(left), right: Box::new(right) }).folded()
    }

    /// Arithmetic of two sides.
    pub fn arithmetic(operator: ArithmeticOperator, left: Self, right: Self) -> Result<Self, ExprError> {
        left.need(0, "an arithmetic operator", ExprType::Number, is_number)?;
        right.need(1, "an arithmetic operator", ExprType::Number, is_number)?;
        Self(Node::Arithmetic { operator, left: Box::new(left), right: Box::new(right) }).folded()
    }

    /// `-operand`.
    pub fn minus(operand: Self) -> Result<Self, ExprError> {
        operand.need(0, "an arithmetic operator", ExprType::Number, is_number)?;
        Self(Node::Negate(Box::new(operand))).folded()
    }

    /// Whether the subject equals an element; null if it equals none and some comparison is null.
    pub fn in_list(subject: Self, list: Vec<Self>) -> Result<Self, ExprError> {
        Self(Node::In { subject: Box::new(subject), list }).folded()
    }

    /// Whether the subject's whole text fits a regular expression.
    pub fn fits(subject: Self, regex: Regex) -> Result<Self, ExprError> {
        subject.need(0, "a pattern", ExprType::Text, ExprType::is_text)?;
        Self(Node::Fits { subject: Box::new(subject), regex }).folded()
    }

    /// Whether the subject's whole text fits a pattern with `*` and `?`, by the rules of computed leaves: wildcards do
    /// not match line breaks, a pattern without wildcards is an equality.
    pub fn like(subject: Self, pattern: &str, fold: Fold) -> Result<Self, ExprError> {
        if Pattern::from_eql(pattern).as_literal().is_some() {
            let right = Self::constant(Scalar::text(pattern));
            return match fold {
                Fold::None => Self::compare(ComparisonOperator::Equal, subject, right),
                Fold::Ascii | Fold::Lowercase => Self::equal_ignoring_case(subject, right),
            };
        }
        Self::fits(subject, Regex::wildcard(pattern, fold)?)
    }

    /// Whether the subject is an address in one of the blocks; false of what is no address.
    pub fn within(subject: Self, blocks: Vec<IpBlock>) -> Result<Self, ExprError> {
        subject.need(0, "`cidrMatch`", ExprType::Ip, |found| found == ExprType::Ip || found.is_text())?;
        Self(Node::Within { subject: Box::new(subject), blocks }).folded()
    }

    /// A call.
    pub fn call(function: Function, ignore_case: bool, arguments: Vec<Self>) -> Result<Self, ExprError> {
        let (parameters, needed, repeats) = function.parameters();
        let count = arguments.len();
        if count < needed || (count > parameters.len() && !repeats) {
            return Err(ExprError::ArgumentCount { function: function.name(), count });
        }
        if ignore_case && !function.can_ignore_case() {
            return Err(ExprError::NoIgnoreCase { function: function.name() });
        }
        for (at, argument) in arguments.iter().enumerate() {
            let parameter = parameters[at.min(parameters.len() - 1)];
            argument
                .need(at, function.quoted_name(), parameter.expected(), |found| parameter.accepts(found))?;
            if parameter == Parameter::BooleanConstant && argument.as_constant().is_none() {
                return Err(ExprError::NotConstant { operand: at, operation: function.quoted_name() });
            }
        }
        Self(Node::Call { function, ignore_case, arguments }).folded()
    }

    /// Calls `visit` with each field in it, from left to right, repetitions included.
    pub fn for_each_field<'a>(&'a self, visit: &mut dyn FnMut(&'a FieldRef)) {
        if let Node::Field(field) = &self.0 {
            visit(field);
        }
        for child in self.children() {
            child.for_each_field(visit);
        }
    }

    fn children(&self) -> Vec<&Self> {
        match &self.0 {
            Node::Constant(_) | Node::Field(_) => Vec::new(),
            Node::Not(inner) | Node::IsNull(inner) | Node::Negate(inner) => vec![inner],
            Node::And(operands) | Node::Or(operands) => operands.iter().collect(),
            Node::Compare { left, right, .. }
            | Node::EqualIgnoringCase { left, right }
            | Node::Arithmetic { left, right, .. } => vec![left, right],
            Node::In { subject, list } => std::iter::once(&**subject).chain(list).collect(),
            Node::Fits { subject, .. } | Node::Within { subject, .. } => vec![subject],
            Node::Call { arguments, .. } => arguments.iter().collect(),
        }
    }

    fn need(
        &self,
        operand: usize,
        operation: &'static str,
        expected: ExprType,
        accepts: impl Fn(ExprType) -> bool,
    ) -> Result<(), ExprError> {
        let found = self.expr_type();
        if accepts(found) { Ok(()) } else { Err(ExprError::Type { operand, operation, expected, found }) }
    }

    /// The expression, computed if nothing in it depends on an event.
    fn folded(self) -> Result<Self, ExprError> {
        if self.children().iter().all(|child| child.as_constant().is_some()) {
            let value = self.evaluate_in(&Scope::empty())?.into_owned();
            return Ok(Self::constant(value));
        }
        Ok(self)
    }
}

fn is_number(found: ExprType) -> bool {
    matches!(found, ExprType::Number | ExprType::Null | ExprType::Dynamic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_events::FieldType;

    fn field(name: &str, field_type: FieldType) -> Expr {
        Expr::field(FieldRef { name: name.into(), field_type }).unwrap()
    }

    #[test]
    fn types_are_checked() {
        let pid = || field("pid", FieldType::Long);
        let name = || field("name", FieldType::Keyword);
        let error = Expr::call(Function::Length, false, vec![pid()]).unwrap_err();
        assert_eq!(error.to_string(), "`length` needs a string here, found a number");
        assert!(Expr::arithmetic(ArithmeticOperator::Add, pid(), name()).is_err());
        assert!(Expr::negation(name()).is_err());
        assert!(Expr::call(Function::Length, true, vec![name()]).is_err());
        assert!(Expr::call(Function::Length, false, vec![]).is_err());
        assert!(Expr::call(Function::Substring, false, vec![name(), name()]).is_err());
        assert!(Expr::like(pid(), "a*", Fold::None).is_err());
        let greedy = field("flag", FieldType::Boolean);
        assert!(Expr::call(Function::Between, false, vec![name(), name(), name(), greedy]).is_err());
        assert!(Expr::field(FieldRef { name: "o".into(), field_type: FieldType::Object }).is_err());
    }

    #[test]
    fn constants_are_computed() {
        let number = |value| Expr::constant(Scalar::Integer(value));
        let sum = Expr::arithmetic(ArithmeticOperator::Add, number(1), number(2)).unwrap();
        assert_eq!(sum.as_constant(), Some(&Scalar::Integer(3)));
        let error = Expr::arithmetic(ArithmeticOperator::Divide, number(1), number(0)).unwrap_err();
        assert_eq!(error, ExprError::Evaluation(EvaluationError::DivisionByZero));
        let flag = field("flag", FieldType::Boolean);
        let never = Expr::all(vec![flag.clone(), Expr::constant(Scalar::Boolean(false))]).unwrap();
        assert_eq!(never.as_constant(), Some(&Scalar::Boolean(false)));
        let only = Expr::any(vec![flag.clone(), Expr::constant(Scalar::Boolean(false))]).unwrap();
        assert_eq!(only, flag);
    }
}
