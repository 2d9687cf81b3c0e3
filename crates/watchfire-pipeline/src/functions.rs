//! The functions that are no special form of the language, in one table (esql-semantics §10).

mod dates;
mod json;
mod lists;
mod numbers;
mod places;
mod texts;

use std::sync::Arc;

use fancy_regex::Regex;
use watchfire_events::IpBlock;

use crate::types::DataType;
use crate::value::{Cell, Value};

pub(crate) use self::dates::moved;
pub use self::json::JsonPath;

/// Why an expression has no value for a row, although it was given some.
pub type Failure = &'static str;

/// What several values under the single-value rule come to (esql-semantics §7).
pub const SEVERAL_VALUES: Failure = "single-value function encountered multi-value";

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name, in upper case.
    pub name: &'static str,
    /// What it is given.
    pub parameters: &'static [Parameter],
    /// How many parameters at the end may be left out.
    pub optional: usize,
    /// Whether the last parameter may be given any number of times.
    pub repeats: bool,
    /// What it gives.
    pub returns: Returns,
    /// How.
    pub body: Body,
    /// Makes ready what arguments that are constant allow to.
    pub prepare: Option<Prepare>,
}

/// Makes ready what constant arguments allow to; an error refuses the query.
pub type Prepare = fn(&[Option<&Cell>]) -> Result<Prepared, String>;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Texts.
    Text,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// Instants.
    Date,
    /// Addresses.
    Ip,
    /// Points on earth.
    Point,
    /// Spans of time.
    Span,
    /// Values of any type.
    Any,
    /// Values of the type of the first argument.
    AsFirst,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// Always this type.
    Type(DataType),
    /// The type of its first argument.
    AsFirst,
}

/// How a function computes.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// Of single values: null of nothing, null and a warning of several.
    Single(fn(&Arguments<'_>) -> Result<Cell, Failure>),
    /// Of each value of the first argument, without those that fail; the other arguments are single.
    Each(fn(&Arguments<'_>) -> Result<Value, Failure>),
    /// Of all values of the first argument, which has some; the other arguments are single.
    List(fn(&[Value], &Arguments<'_>) -> Result<Cell, Failure>),
    /// Of whole cells.
    Cells(fn(&[Cell]) -> Result<Cell, Failure>),
}

/// Single values that a function is given, and what was made ready.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    /// The values; for [`Body::List`] those behind the first argument.
    pub values: &'a [Value],
    /// What was made ready.
    pub prepared: &'a Prepared,
}

/// What of a call could be made ready before any row.
#[derive(Clone, Debug, Default)]
pub enum Prepared {
    /// Nothing.
    #[default]
    Nothing,
    /// A regular expression.
    Regex(Arc<Regex>),
    /// Blocks of addresses.
    Blocks(Arc<[IpBlock]>),
    /// A path in JSON.
    Path(Arc<JsonPath>),
}

impl Arguments<'_> {
    /// A text.
    fn text(&self, at: usize) -> &str {
        self.values.get(at).and_then(Value::as_text).unwrap_or_default()
    }

    /// A whole number, if it was given.
    fn whole(&self, at: usize) -> Option<i128> {
        self.values.get(at).and_then(Value::as_whole)
    }
}

impl Function {
    /// The function of a name, in any case.
    pub fn of(name: &str) -> Option<&'static Self> {
        all().find(|function| function.name.eq_ignore_ascii_case(name))
    }
}

pub use crate::resolve::FORMS;

/// All of them, in order of their kinds.
pub fn all() -> impl Iterator<Item = &'static Function> {
    [
        texts::FUNCTIONS,
        lists::FUNCTIONS,
        dates::FUNCTIONS,
        numbers::FUNCTIONS,
        places::FUNCTIONS,
        json::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// A function without anything unusual, to be changed where there is.
const fn plain(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    body: Body,
) -> Function {
    Function { name, parameters, optional: 0, repeats: false, returns, body, prepare: None }
}
