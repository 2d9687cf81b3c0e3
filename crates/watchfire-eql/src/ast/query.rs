//! Queries, their terms and their pipes.

use std::fmt;

use super::{Expr, FieldName, Span};

/// A whole query: what is looked for, and the pipes behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What is looked for.
    pub kind: QueryKind,
    /// The pipes, in order of application.
    pub pipes: Vec<Pipe>,
    /// From the first token to the last.
    pub span: Span,
}

/// The four kinds of query.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryKind {
    /// `process where …`: single events.
    Event(EventQuery),
    /// `sequence …`: events in order of time.
    Sequence(Sequence),
    /// `sample …`: events that share keys, in any order.
    Sample(Sample),
    /// `join …`: Endgame's forerunner of `sample`; parsed, then refused.
    Join(Join),
}

/// `category where condition`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventQuery {
    /// The category before `where`.
    pub category: Category,
    /// Where the category stands.
    pub category_span: Span,
    /// The condition behind `where`.
    pub condition: Expr,
    /// The whole.
    pub span: Span,
}

/// The event category of an [`EventQuery`]; names compare exactly, with case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// `any`: no test of the category.
    Any,
    /// One category.
    Named {
        /// The category, decoded.
        text: String,
        /// Whether it was written as a string. A name that is no identifier must be.
        quoted: bool,
    },
}

/// One key behind `by`.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinKey {
    /// The field; an optional one makes a missing value a key of its own (eql-semantics §12).
    pub field: FieldName,
    /// The whole, parentheses included.
    pub span: Span,
}

/// `sequence [by …] [with maxspan=…] term… [until term]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// Keys that every stage shares.
    pub by: Vec<JoinKey>,
    /// Longest time from the first event to the last.
    pub maxspan: Option<MaxSpan>,
    /// The stages in order.
    pub terms: Vec<SequenceTerm>,
    /// The event that ends what is pending.
    pub until: Option<SequenceTerm>,
    /// The whole.
    pub span: Span,
}

impl Sequence {
    /// Number of stages after expanding `with runs`.
    pub fn expanded_len(&self) -> u64 {
        self.terms.iter().fold(0, |sum, term| sum.saturating_add(term.repeat()))
    }
}

/// One stage: `[event]` or `![event]` with its clauses.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceTerm {
    /// What the stage looks for.
    pub event: EventQuery,
    /// `![ … ]`: that no such event happened (eql-semantics §13).
    pub missing: bool,
    /// Keys of this stage, after those of the sequence.
    pub by: Vec<JoinKey>,
    /// `with runs=n`.
    pub runs: Option<Runs>,
    /// `as name`, an extension of Elastic Defend.
    pub alias: Option<Alias>,
    /// The whole, clauses included.
    pub span: Span,
}

impl SequenceTerm {
    /// How many stages this term stands for.
    pub fn repeat(&self) -> u64 {
        self.runs.map_or(1, |runs| runs.value)
    }
}

/// `with runs=n`: the stage `n` times over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// The number; in a valid query from 1 to [`MAX_RUNS`](crate::limits::MAX_RUNS).
    pub value: u64,
    /// Where the number stands.
    pub span: Span,
}

/// The name given to a stage by `as name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// `maxspan=5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxSpan {
    /// The number, at least 1.
    pub value: u64,
    /// Its unit.
    pub unit: TimeUnit,
    /// Where number and unit stand.
    pub span: Span,
}

impl MaxSpan {
    /// The span in milliseconds; what would not fit is the largest number.
    pub fn millis(self) -> u64 {
        self.value.saturating_mul(self.unit.millis())
    }
}

/// Units of [`MaxSpan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// `ms`
    Milliseconds,
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
}

impl TimeUnit {
    /// All units, shortest first.
    pub const ALL: [Self; 5] = [Self::Milliseconds, Self::Seconds, Self::Minutes, Self::Hours, Self::Days];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
            Self::Days => "d",
        }
    }

    /// One of it in milliseconds.
    pub const fn millis(self) -> u64 {
        match self {
            Self::Milliseconds => 1,
            Self::Seconds => 1_000,
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
            Self::Days => 86_400_000,
        }
    }

    /// The unit written so, if it is one; case counts.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == text)
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `sample [by …] [event]…`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Keys that every term shares.
    pub by: Vec<JoinKey>,
    /// The terms in order.
    pub terms: Vec<SampleTerm>,
    /// The whole.
    pub span: Span,
}

/// One term of a [`Sample`] or [`Join`].
#[derive(Clone, Debug, PartialEq)]
pub struct SampleTerm {
    /// What it looks for.
    pub event: EventQuery,
    /// Keys of this term, after those of the sample.
    pub by: Vec<JoinKey>,
    /// The whole, keys included.
    pub span: Span,
}

/// `join [by …] [event]… [until [event]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// Keys that every term shares.
    pub by: Vec<JoinKey>,
    /// The terms in order.
    pub terms: Vec<SampleTerm>,
    /// The event that ends what is pending.
    pub until: Option<SampleTerm>,
    /// The whole.
    pub span: Span,
}

/// `| name argument, …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipe {
    /// The name, as written.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// The arguments in order.
    pub arguments: Vec<Expr>,
    /// From the bar to the last argument.
    pub span: Span,
}

/// The pipes that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PipeKind {
    /// `head n`: the first `n` results.
    Head,
    /// `tail n`: the last `n` results.
    Tail,
}

impl Pipe {
    /// Which of the supported pipes this is; `None` for one that is unknown or refused.
    pub fn kind(&self) -> Option<PipeKind> {
        match self.name.as_str() {
            "head" => Some(PipeKind::Head),
            "tail" => Some(PipeKind::Tail),
            _ => None,
        }
    }
}
