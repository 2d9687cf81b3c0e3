//! The syntax tree of a query (esql-semantics §3).

use watchfire_diagnostics::Span;

/// A query: where rows come from, and what is done with them, command by command.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Where rows come from.
    pub source: Source,
    /// What is done with them, in order.
    pub commands: Vec<Command>,
    /// The whole text.
    pub span: Span,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// How.
    pub kind: SourceKind,
    /// Its place.
    pub span: Span,
}

/// How rows come.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// `FROM`: from indices.
    From {
        /// The patterns of their names; those that begin with `-` take away.
        patterns: Vec<IndexPattern>,
        /// The names behind `METADATA`.
        metadata: Vec<Column>,
    },
    /// `ROW`: one row, written down.
    Row(Vec<Field>),
    /// A command that is not supported, by its name.
    Unsupported(String),
}

/// A pattern of names of indices, with what stands before and behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPattern {
    /// The pattern as it is meant: `cluster:name`, `name::selector`.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Which one.
    pub kind: CommandKind,
    /// Its place, from its name on.
    pub span: Span,
}

/// The commands.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandKind {
    /// Keeps rows for which a condition is true.
    Where(Expr),
    /// Computes columns.
    Eval(Vec<Field>),
    /// Computes values over all rows, or over groups of them.
    Stats {
        /// The values.
        aggregates: Vec<Aggregate>,
        /// What makes a group.
        by: Vec<Field>,
        /// Whether they are put beside the rows (`INLINE STATS`), instead of in their place.
        inline: bool,
    },
    /// Keeps columns.
    Keep(Vec<NamePattern>),
    /// Drops columns.
    Drop(Vec<NamePattern>),
    /// Renames columns.
    Rename(Vec<Rename>),
    /// Puts rows in order.
    Sort(Vec<Order>),
    /// Keeps the first rows.
    Limit(u64),
    /// Makes a row of each value.
    MvExpand(Column),
    /// Takes a text apart by delimiters.
    Dissect {
        /// The text.
        input: Expr,
        /// The pattern.
        pattern: String,
        /// What stands between appended values.
        append_separator: Option<String>,
    },
    /// Takes a text apart by regular expressions.
    Grok {
        /// The text.
        input: Expr,
        /// The patterns, of which the first that fits counts.
        patterns: Vec<String>,
    },
    /// Asks a language model.
    Completion {
        /// The column of the answer.
        target: Option<Column>,
        /// What is asked.
        prompt: Expr,
        /// How.
        options: Vec<(String, Constant)>,
    },
    /// A command that is not supported, by its name.
    Unsupported(String),
}

/// A column's name: its parts, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name as it is meant: `` `a`.b `` is `a.b`.
    pub name: String,
    /// Its place.
    pub span: Span,
}

/// A column that is computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name; without one it is named by [`Self::text`].
    pub name: Option<Column>,
    /// What it is computed of.
    pub value: Expr,
    /// The expression as it was written: the name of a column that has no other.
    pub text: String,
}

/// A value over rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The column and the expression.
    pub field: Field,
    /// Only rows for which this is true count.
    pub filter: Option<Expr>,
}

/// A pattern of names of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    /// What stands before, between and behind the `*`: one part if there is none.
    pub parts: Vec<String>,
    /// Its place.
    pub span: Span,
}

/// A new name of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// The name that it has.
    pub from: Column,
    /// The name that it gets.
    pub to: Column,
}

/// A key of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The key.
    pub key: Expr,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether rows without a value come first, if that is said.
    pub nulls_first: Option<bool>,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// The expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A value.
    Constant(Constant),
    /// A column.
    Column(Column),
    /// A function.
    Call {
        /// Its name, as it was written.
        name: String,
        /// What it is given.
        arguments: Arguments,
    },
    /// `value::type`.
    Cast(Box<Expr>, String),
    /// `-value`.
    Negate(Box<Expr>),
    /// Arithmetic.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// A comparison.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `IS NULL`, `IS NOT NULL`.
    IsNull {
        /// What.
        value: Box<Expr>,
        /// Whether it is not to be null.
        negated: bool,
    },
    /// `IN`, `NOT IN`.
    In {
        /// What.
        value: Box<Expr>,
        /// Among these.
        list: Vec<Expr>,
        /// Whether it is not to be among them.
        negated: bool,
    },
    /// `LIKE`, `RLIKE`, `NOT LIKE`, `NOT RLIKE`.
    Like {
        /// What.
        value: Box<Expr>,
        /// With which kind of pattern.
        kind: LikeKind,
        /// The patterns, of which any may fit.
        patterns: Vec<String>,
        /// Whether none may.
        negated: bool,
    },
    /// `field : value`.
    Match(Box<Expr>, Constant),
    /// `NOT`.
    Not(Box<Expr>),
    /// `AND`, of two or more.
    And(Vec<Expr>),
    /// `OR`, of two or more.
    Or(Vec<Expr>),
}

/// What a function is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Arguments {
    /// `*`.
    Star,
    /// Values, and options in braces behind them.
    List(Vec<Expr>, Vec<(String, Constant)>),
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number: up to 64 bits without sign, and a sign.
    Whole(i128),
    /// A number with a fraction or an exponent.
    Double(f64),
    /// A text.
    String(String),
    /// A span of time.
    Span(u64, TimeUnit),
    /// Several values of one type.
    Array(Vec<Constant>),
}

macro_rules! names {
    ($(#[$doc:meta])* $enum:ident { $($(#[$of:meta])* $name:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum { $($(#[$of])* $name),* }

        impl $enum {
            /// As it is written.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

names! {
    /// A unit of time.
    TimeUnit {
        /// A thousandth of a second.
        Millisecond = "millisecond",
        /// A second.
        Second = "second",
        /// A minute.
        Minute = "minute",
        /// An hour.
        Hour = "hour",
        /// A day of the calendar.
        Day = "day",
        /// Seven days.
        Week = "week",
        /// A month of the calendar.
        Month = "month",
        /// Three months.
        Quarter = "quarter",
        /// A year of the calendar.
        Year = "year",
    }
}

names! {
    /// An arithmetic operator.
    Arithmetic {
        /// Sum.
        Add = "+",
        /// Difference.
        Subtract = "-",
        /// Product.
        Multiply = "*",
        /// Quotient.
        Divide = "/",
        /// Rest.
        Modulo = "%",
    }
}

names! {
    /// A comparison.
    Comparison {
        /// The same.
        Equal = "==",
        /// Another.
        NotEqual = "!=",
        /// Less.
        Less = "<",
        /// Less, or the same.
        LessOrEqual = "<=",
        /// Greater.
        Greater = ">",
        /// Greater, or the same.
        GreaterOrEqual = ">=",
    }
}

names! {
    /// A kind of pattern.
    LikeKind {
        /// With wildcards.
        Like = "LIKE",
        /// A regular expression.
        Rlike = "RLIKE",
    }
}

impl TimeUnit {
    /// The unit of a word, in any of its spellings.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "ms" | "millisecond" | "milliseconds" => Self::Millisecond,
            "s" | "sec" | "second" | "seconds" => Self::Second,
            "m" | "min" | "minute" | "minutes" => Self::Minute,
            "h" | "hour" | "hours" => Self::Hour,
            "d" | "day" | "days" => Self::Day,
            "w" | "week" | "weeks" => Self::Week,
            "mo" | "month" | "months" => Self::Month,
            "q" | "quarter" | "quarters" => Self::Quarter,
            "y" | "yr" | "year" | "years" => Self::Year,
            _ => return None,
        })
    }
}

impl NamePattern {
    /// The name, if it has no `*`.
    pub fn name(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl Query {
    /// Whether rows are computed over others, so that they are no events (esql-semantics §12).
    pub fn is_aggregating(&self) -> bool {
        self.commands.iter().any(|command| matches!(command.kind, CommandKind::Stats { inline: false, .. }))
    }
}
