//! Tokens.

use watchfire_diagnostics::Span;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of token (eql-semantics §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Spaces, tabs, line breaks.
    WhiteSpace,
    /// `// …` or `/* … */`.
    Comment,
    /// A bare identifier that is no keyword.
    Identifier,
    /// `` `…` ``
    QuotedIdentifier,
    /// `$name`, an extension of Elastic Defend.
    Variable,
    /// A reserved word; `in~` and its like are one token.
    Keyword(Keyword),
    /// Digits.
    Integer,
    /// A number with a point or an exponent.
    Decimal,
    /// `"…"`
    String,
    /// `"""…"""`
    RawString,
    /// `'…'`, refused.
    SingleQuoted,
    /// A string between typographic quotation marks, as text processors write them; refused.
    TypographicString,
    /// `?"…"` or `?'…'`, refused.
    OldRawString,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `[`
    LeftBracket,
    /// `![`
    MissingBracket,
    /// `]`
    RightBracket,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `|`
    Pipe,
    /// `:`
    Colon,
    /// `?`
    Question,
    /// `~`
    Tilde,
    /// `=`
    Assign,
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
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// `&&` or `&`, of other languages.
    DoubleAmpersand,
    /// `||`, of other languages.
    DoublePipe,
    /// `!` alone, of other languages.
    Bang,
    /// One or more characters that mean nothing here.
    Unknown,
    /// The end of the text.
    End,
}

impl TokenKind {
    /// Whether it is a string, in a form that is refused or not.
    pub const fn is_string(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::RawString
                | Self::SingleQuoted
                | Self::TypographicString
                | Self::OldRawString
        )
    }

    /// Whether the parser passes over it.
    pub const fn is_trivia(self) -> bool {
        matches!(self, Self::WhiteSpace | Self::Comment)
    }
}

macro_rules! keywords {
    ($($variant:ident $text:literal),* $(,)?) => {
        /// Reserved words, lower case only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is its own explanation")]
        pub enum Keyword { $($variant),* }

        impl Keyword {
            /// All keywords.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The keyword written exactly so.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

keywords! {
    And "and",
    Any "any",
    By "by",
    False "false",
    In "in",
    InIgnoreCase "in~",
    Join "join",
    Like "like",
    LikeIgnoreCase "like~",
    MaxSpan "maxspan",
    Not "not",
    Null "null",
    Of "of",
    Or "or",
    Regex "regex",
    RegexIgnoreCase "regex~",
    Sample "sample",
    Sequence "sequence",
    True "true",
    Until "until",
    Where "where",
    With "with",
}
