//! Tokens.

use watchfire_diagnostics::Span;

use crate::ast::{RangeOp, WildcardPart};

/// A token and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Open(Bracket),
    Close(Bracket),
    Colon,
    Range(RangeOp),
    And,
    Or,
    Not,
    /// The decoded text between quotes.
    Quoted(String),
    /// The decoded pieces of an unquoted literal, trimmed at both ends. None at all is an empty text.
    Unquoted(Vec<WildcardPart>),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bracket {
    Parenthesis,
    Brace,
}

impl Bracket {
    pub(crate) fn opening(self) -> char {
        match self {
            Self::Parenthesis => '(',
            Self::Brace => '{',
        }
    }

    pub(crate) fn closing(self) -> char {
        match self {
            Self::Parenthesis => ')',
            Self::Brace => '}',
        }
    }
}

impl TokenKind {
    /// Whether an `and` or `or` may follow. Elsewhere these words begin a literal.
    pub(crate) fn ends_operand(&self) -> bool {
        matches!(self, Self::Quoted(_) | Self::Unquoted(_) | Self::Close(_))
    }

    /// The keyword's own word.
    pub(crate) fn keyword(&self) -> Option<&'static str> {
        match self {
            Self::And => Some("and"),
            Self::Or => Some("or"),
            Self::Not => Some("not"),
            _ => None,
        }
    }
}
