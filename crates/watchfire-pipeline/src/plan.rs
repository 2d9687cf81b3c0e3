//! A query whose names and types are settled: what runs.
//!
//! A row is a list of cells, one a *slot*. A command that only names columns anew (`KEEP`, `DROP`, `RENAME`) has no step: it
//! changes which slots are columns. `STATS` makes rows of its own, with slots of their own.

use std::sync::Arc;

use watchfire_diagnostics::Span;
use watchfire_esql::ast::{Arithmetic, Comparison, Constant};

use crate::aggregates::Aggregation;
use crate::convert::LeadingZeros;
use crate::dissect::Dissect;
use crate::functions::{Function, Prepared};
use crate::grok::Grok;
use crate::like::TextPatterns;
use crate::matching::Match;
use crate::resolve::TypesByIndex;
use crate::types::DataType;
use crate::value::Cell;

/// A query, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is read of the source, each with the slot that it goes to.
    pub reads: Vec<Read>,
    /// Questions about source documents, each with the slot of its answer.
    pub document_tests: Vec<DocumentTest>,
    /// How many slots a row has from the source on, up to a `STATS`.
    pub slots: usize,
    /// How many of them the steps use. The others are columns of the source that only the answer has; they may be many, and a row
    /// need not have them before it is in the answer.
    pub early_slots: usize,
    /// The steps.
    pub steps: Vec<Step>,
    /// The command of each step, by its place in the text. A command may have several steps, or none.
    pub step_spans: Vec<Span>,
    /// The columns of the answer.
    pub output: Vec<Column>,
    /// The slots that tell rows of the answer apart, whatever columns are kept: the keys of the last `STATS`, or what was
    /// expanded of a document.
    pub identity: Vec<usize>,
    /// The slot in which a row carries the number of the row of the source that it is of; none behind a `STATS`.
    pub origin: Option<usize>,
    /// Whether the first row is written in the query (`ROW`): there is no source then.
    pub is_row: bool,
    /// Commands that were left out, with the reason.
    pub left_out: Vec<(Span, String)>,
    /// Whether what was left out would have chosen among the rows, so that these are too many.
    pub undecided: bool,
}

/// A column of the source that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub data_type: DataType,
    /// Where its cells go.
    pub slot: usize,
    /// Whether the source has none of it: known by name only, so that it is null in all rows.
    pub absent: bool,
    /// If its values have the types that their indices give them: those types. Only conversions take it.
    pub by_index: Option<TypesByIndex>,
}

/// A question that only the source document answers.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentTest {
    /// A query in KQL.
    pub kql: Arc<str>,
    /// Its options.
    pub options: Vec<(String, Constant)>,
    /// Its place.
    pub span: Span,
    /// Where the answer goes.
    pub slot: usize,
}

/// A column of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub data_type: DataType,
    /// Where its cells are.
    pub slot: usize,
    /// Whether it is a column of the source as it was read, under its own name.
    pub is_read: bool,
}

/// What is done to rows: a step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Keeps those for which a condition is true.
    Filter(Typed),
    /// Fills slots, in order.
    Assign(Vec<(usize, Typed)>),
    /// Makes a row of each value of one slot, in another.
    Expand {
        /// From where.
        from: usize,
        /// To where.
        to: usize,
    },
    /// Takes a text apart by delimiters.
    Dissect {
        /// The text.
        input: Typed,
        /// How.
        pattern: Arc<Dissect>,
        /// The slot of each of its keys.
        slots: Vec<usize>,
    },
    /// Takes a text apart by regular expressions.
    Grok {
        /// The text.
        input: Typed,
        /// How.
        pattern: Arc<Grok>,
        /// The slot of each of its columns.
        slots: Vec<usize>,
    },
    /// Makes a row of each group: first what was computed over it, then its keys.
    Stats {
        /// The groups.
        groups: Groups,
        /// How many slots a row has from here on.
        slots: usize,
    },
    /// Puts what was computed over its group, and its keys, into new slots of each row.
    InlineStats {
        /// The groups.
        groups: Groups,
        /// The first of the new slots.
        first: usize,
    },
    /// Puts rows in order.
    Sort(Vec<SortKey>),
    /// Keeps the first rows.
    Limit(u64),
}

/// Groups, and what is computed over each.
#[derive(Clone, Debug)]
pub struct Groups {
    /// What makes a group.
    pub keys: Vec<Typed>,
    /// What is computed.
    pub aggregations: Vec<Aggregated>,
}

/// Something that is computed over rows.
#[derive(Clone, Debug)]
pub struct Aggregated {
    /// What.
    pub aggregation: Aggregation,
    /// Of what.
    pub arguments: Vec<Typed>,
    /// Only rows for which this is true count.
    pub filter: Option<Arc<Typed>>,
    /// Its place.
    pub span: Span,
}

/// A key of an order.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// The key.
    pub key: Typed,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether rows without a value come first.
    pub nulls_first: bool,
}

/// An expression whose type is settled.
#[derive(Clone, Debug)]
pub struct Typed {
    /// What it is.
    pub kind: TypedKind,
    /// Its type.
    pub data_type: DataType,
    /// Its place.
    pub span: Span,
}

/// The expressions.
#[derive(Clone, Debug)]
pub enum TypedKind {
    /// A value.
    Constant(Cell),
    /// What a slot has.
    Slot(usize),
    /// The time of the run.
    Now,
    /// A function.
    Call {
        /// Which.
        function: &'static Function,
        /// What it is given.
        arguments: Vec<Typed>,
        /// What of it could be made ready before any row.
        prepared: Prepared,
    },
    /// A conversion, value by value.
    Convert(Box<Typed>, DataType),
    /// `TO_IP`, with what zeros in front of the parts of an address mean.
    ToIp(Box<Typed>, LeadingZeros),
    /// `-value`.
    Negate(Box<Typed>),
    /// Arithmetic on numbers.
    Arithmetic(Arithmetic, Box<Typed>, Box<Typed>),
    /// An instant moved by a span of time.
    Moved {
        /// The instant.
        date: Box<Typed>,
        /// The span.
        span: Box<Typed>,
        /// Whether it is moved back.
        back: bool,
    },
    /// A comparison.
    Compare(Comparison, Box<Typed>, Box<Typed>),
    /// `IS NULL`.
    IsNull(Box<Typed>),
    /// `IN`.
    In(Box<Typed>, Vec<Typed>),
    /// `LIKE`, `RLIKE`.
    Like(Box<Typed>, Arc<TextPatterns>),
    /// `:` and `MATCH`.
    Match(Box<Typed>, Arc<Match>),
    /// `NOT`.
    Not(Box<Typed>),
    /// `AND`.
    And(Vec<Typed>),
    /// `OR`.
    Or(Vec<Typed>),
    /// `CASE`.
    Case {
        /// Conditions, each with its value.
        branches: Vec<(Typed, Typed)>,
        /// The value where none is true.
        otherwise: Box<Typed>,
    },
    /// `COALESCE`.
    Coalesce(Vec<Typed>),
}

impl Plan {
    /// Whether rows of the source are held until all have come.
    pub fn holds_source_rows(&self) -> bool {
        let holds = |step: &Step| matches!(step, Step::InlineStats { .. } | Step::Sort(_));
        self.origin.is_some() && self.steps.iter().any(holds)
    }

    /// Whether rows are of documents and say of which, so that who has these needs no columns that are as they were read.
    pub fn keeps_documents(&self) -> bool {
        self.column("_id").is_some_and(|column| column.is_read)
    }

    /// The column of the answer of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.output.iter().find(|column| *column.name == *name)
    }
}

impl Groups {
    /// Calls `each` with every slot that keys, arguments and filters read.
    pub fn for_each_slot(&self, each: &mut dyn FnMut(usize)) {
        let filters = self.aggregations.iter().filter_map(|aggregated| aggregated.filter.as_deref());
        let arguments = self.aggregations.iter().flat_map(|aggregated| &aggregated.arguments);
        for typed in self.keys.iter().chain(arguments).chain(filters) {
            typed.for_each_slot(&mut |_, slot| each(slot));
        }
    }
}

impl Typed {
    /// Calls `each` with every slot that the expression reads, and its place.
    pub fn for_each_slot(&self, each: &mut dyn FnMut(Span, usize)) {
        let mut of = |typed: &Self| typed.for_each_slot(each);
        match &self.kind {
            TypedKind::Constant(_) | TypedKind::Now => {}
            TypedKind::Slot(slot) => each(self.span, *slot),
            TypedKind::Convert(inner, _)
            | TypedKind::ToIp(inner, _)
            | TypedKind::Negate(inner)
            | TypedKind::IsNull(inner)
            | TypedKind::Like(inner, _)
            | TypedKind::Match(inner, _)
            | TypedKind::Not(inner) => of(inner),
            TypedKind::Arithmetic(_, a, b)
            | TypedKind::Compare(_, a, b)
            | TypedKind::Moved { date: a, span: b, .. } => {
                of(a);
                of(b);
            }
            TypedKind::In(value, list) => {
                of(value);
                list.iter().for_each(of);
            }
            TypedKind::Call { arguments: list, .. }
            | TypedKind::And(list)
            | TypedKind::Or(list)
            | TypedKind::Coalesce(list) => list.iter().for_each(of),
            TypedKind::Case { branches, otherwise } => {
                for (condition, value) in branches {
                    of(condition);
                    of(value);
                }
                of(otherwise);
            }
        }
    }

    /// The value, if it is one and the same for all rows.
    pub fn constant(&self) -> Option<&Cell> {
        match &self.kind {
            TypedKind::Constant(cell) => Some(cell),
            _ => None,
        }
    }
}
