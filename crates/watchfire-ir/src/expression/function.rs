//! The functions of expressions (eql-semantics §10), by name and type.

use super::expr::ExprType;

/// A function. Those of arithmetic (`add` …) are operators of an [`Expr`](super::Expr), and `cidrMatch` is
/// [`Expr::within`](super::Expr::within).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// `between(s, left, right [, greedy])`
    Between,
    /// `concat(v…)`
    Concat,
    /// `endsWith(s, t)`
    EndsWith,
    /// `indexOf(s, t [, start])`
    IndexOf,
    /// `length(s)`
    Length,
    /// `number(s [, base])`
    Number,
    /// `startsWith(s, t)`
    StartsWith,
    /// `string(v)`
    String,
    /// `stringContains(s, t)`
    StringContains,
    /// `substring(s, start [, end])`
    Substring,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Text,
    Number,
    /// A boolean that is known before running.
    BooleanConstant,
    Any,
}

impl Parameter {
    pub(super) fn accepts(self, found: ExprType) -> bool {
        matches!(
            (self, found),
            (_, ExprType::Null | ExprType::Dynamic)
                | (Self::Text, ExprType::Text | ExprType::Version)
                | (Self::Number, ExprType::Number)
                | (Self::BooleanConstant, ExprType::Boolean)
                | (Self::Any, _)
        )
    }

    pub(super) fn expected(self) -> ExprType {
        match self {
            Self::Text | Self::Any => ExprType::Text,
            Self::Number => ExprType::Number,
            Self::BooleanConstant => ExprType::Boolean,
        }
    }
}

impl Function {
    /// All functions, by name.
    pub const ALL: [Self; 10] = [
        Self::Between,
        Self::Concat,
        Self::EndsWith,
        Self::IndexOf,
        Self::Length,
        Self::Number,
        Self::StartsWith,
        Self::String,
        Self::StringContains,
        Self::Substring,
    ];

    /// The name in its usual spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Between => "between",
            Self::Concat => "concat",
            Self::EndsWith => "endsWith",
            Self::IndexOf => "indexOf",
            Self::Length => "length",
            Self::Number => "number",
            Self::StartsWith => "startsWith",
            Self::String => "string",
            Self::StringContains => "stringContains",
            Self::Substring => "substring",
        }
    }

    /// The name between back-quotes, as messages show it.
    pub(super) const fn quoted_name(self) -> &'static str {
        match self {
            Self::Between => "`between`",
            Self::Concat => "`concat`",
            Self::EndsWith => "`endsWith`",
            Self::IndexOf => "`indexOf`",
            Self::Length => "`length`",
            Self::Number => "`number`",
            Self::StartsWith => "`startsWith`",
            Self::String => "`string`",
            Self::StringContains => "`stringContains`",
            Self::Substring => "`substring`",
        }
    }

    /// The function of that name, without regard to case.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(name))
    }

    /// Whether there is a form with `~`.
    pub const fn can_ignore_case(self) -> bool {
        matches!(
            self,
            Self::Between | Self::EndsWith | Self::IndexOf | Self::StartsWith | Self::StringContains
        )
    }

    /// The type of its result.
    pub const fn result(self) -> ExprType {
        match self {
            Self::Between | Self::Concat | Self::String | Self::Substring => ExprType::Text,
            Self::IndexOf | Self::Length | Self::Number => ExprType::Number,
            Self::EndsWith | Self::StartsWith | Self::StringContains => ExprType::Boolean,
        }
    }

    /// Its parameters, how many of them are needed, and whether the last may repeat.
    pub(super) const fn parameters(self) -> (&'static [Parameter], usize, bool) {
        match self {
            Self::Between => {
                (&[Parameter::Text, Parameter::Text, Parameter::Text, Parameter::BooleanConstant], 3, false)
            }
            Self::Concat => (&[Parameter::Any], 1, true),
            Self::EndsWith | Self::StartsWith | Self::StringContains => {
                (&[Parameter::Text, Parameter::Text], 2, false)
            }
            Self::IndexOf => (&[Parameter::Text, Parameter::Text, Parameter::Number], 2, false),
            Self::Length => (&[Parameter::Text], 1, false),
            Self::Number => (&[Parameter::Text, Parameter::Number], 1, false),
            Self::String => (&[Parameter::Any], 1, false),
            Self::Substring => (&[Parameter::Text, Parameter::Number, Parameter::Number], 2, false),
        }
    }
}
