//! Events that a rule finds, and events that it only just does not: solved from what the rule asks for.
//!
//! ```text
//! Rule ─► asked: stages, keys, counts ─► search (search.rs) ─► documents ─► run as a test ─► positive
//!                                                                   └─ one value changed ─► run as a test ─► negative
//! ```
//!
//! What is given out has been run: the positive fires and the negative does not. A document has no more fields than the
//! rule asks about.

mod asked;
mod computed;
mod needs;
mod negative;
mod search;
mod state;
mod stream;
mod text;
mod trying;
mod usual;
mod value;

use std::fmt;

use watchfire_events::{Document, Timestamp, set_field};
use watchfire_ir::Schema;
use watchfire_rules::model::Rule;
use watchfire_rules::testing::TestEvent;

use self::asked::Asked;
pub use self::search::Unsolved;
use crate::compile::CompileOptions;
use crate::rule_book::{RuleBook, RuleState};
use crate::rule_test::alerts;

/// Events for the first tests of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstTests {
    /// Events of which the rule makes alerts.
    pub positive: Vec<TestEvent>,
    /// How many alerts.
    pub alerts: usize,
    /// The indicators that the events are matched with, for an indicator match rule.
    pub indicators: Vec<TestEvent>,
    /// The same with one value changed, of which it makes none.
    pub negative: NearMiss,
    /// What the rule takes for now, if it asks for it.
    pub now: Option<Timestamp>,
}

/// Events that a rule only just does not find.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMiss {
    /// The events.
    pub events: Vec<TestEvent>,
    /// Which event was changed, from 0.
    pub event: usize,
    /// Dotted name of the field that was changed.
    pub field: String,
    /// What it held.
    pub before: serde_json::Value,
    /// What it holds; `None` if it was taken out.
    pub after: Option<serde_json::Value>,
}

/// Why there are no first tests of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum NoFirstTests {
    /// The rule does not run: its state says why.
    CannotRun(RuleState),
    /// It asks for something of which no events can be made: what.
    NotSolvable(String),
    /// No events were found that satisfy it.
    Unsolved(Unsolved),
    /// Events satisfy its conditions, but the engine makes no alert of them.
    DoesNotFire,
    /// No changed value keeps the rule from firing.
    NoNegative,
}

/// The time at which events begin, unless the rule asks for another.
const BEGIN: &str = "2026-01-01T00:00:00.000Z";
/// What `now` is where a rule asks for it.
const NOW: &str = "2026-01-01T00:05:00.000Z";
/// Time between events.
const STEP_MS: u64 = 1_000;

/// Makes events for the first tests of a rule.
///
/// # Errors
/// None were found; why.
pub fn first_tests(rule: &Rule, schema: &dyn Schema) -> Result<FirstTests, NoFirstTests> {
    let without_now = RuleBook::compile([rule.clone()], schema, &CompileOptions { now: None });
    let now = Timestamp::parse(NOW).filter(|_| matches!(state(&without_now), RuleState::Failed(_)));
    let options = CompileOptions { now };
    let book = if now.is_some() { RuleBook::compile([rule.clone()], schema, &options) } else { without_now };
    if *state(&book) != RuleState::Ready {
        return Err(NoFirstTests::CannotRun(state(&book).clone()));
    }
    let (positive, indicators) = positive(rule, &book, schema, &options)?;
    let negative =
        negative::near_miss(&positive, &indicators, &book, schema).ok_or(NoFirstTests::NoNegative)?;
    let alerts = alerts(&book, &positive, &indicators, schema);
    Ok(FirstTests { positive, alerts, indicators, negative, now })
}

fn state(book: &RuleBook) -> &RuleState {
    book.rules().next().map(|(_, state)| state).expect("the book has one rule")
}

/// Events of which the rule makes alerts, and the indicators that they are matched with.
fn positive(
    rule: &Rule,
    book: &RuleBook,
    schema: &dyn Schema,
    options: &CompileOptions,
) -> Result<(Vec<TestEvent>, Vec<TestEvent>), NoFirstTests> {
    let asked = Asked::of(rule, book, schema, options).map_err(NoFirstTests::NotSolvable)?;
    let mut last = None;
    // Second without what is only better avoided: `until` and missing events.
    for avoids in [true, false] {
        let wanted = if avoids { asked.wanted.clone() } else { asked.wanted_without_avoiding() };
        match search::solve(&wanted, schema) {
            Ok(mut documents) => {
                let indicators = asked.indicators(&mut documents);
                let events = asked.events(documents);
                if alerts(book, &events, &indicators, schema) > 0 {
                    return Ok((events, indicators));
                }
                last = Some(NoFirstTests::DoesNotFire);
            }
            Err(reason) => last = last.or(Some(NoFirstTests::Unsolved(reason))),
        }
        if !asked.avoids() {
            break;
        }
    }
    Err(last.unwrap_or(NoFirstTests::DoesNotFire))
}

/// Puts the time of an event into its document, unless the rule says what it is.
fn set_time(document: Document, millis: u64) -> Document {
    if watchfire_events::get_field(&document, "@timestamp").is_some() {
        return document;
    }
    let begin = Timestamp::parse(BEGIN).unwrap_or_default();
    let at = begin.plus_nanos(i128::from(millis) * 1_000_000).to_iso_millis();
    let mut timed = Document::new();
    set_field(&mut timed, "@timestamp", at.into());
    timed.extend(document);
    timed
}

impl fmt::Display for Unsolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("its condition holds for no event"),
            Self::Field(name) => write!(f, "no value of `{name}` satisfies all that is asked of it"),
            Self::Computed(leaf) => write!(f, "no values were found for {leaf}"),
            Self::Nested(path) => write!(f, "no object was found for `{path}`"),
            Self::Unconfirmed => f.write_str("the values that were found do not satisfy the condition"),
            Self::Effort => f.write_str("the search was given up after too many attempts"),
        }
    }
}

impl fmt::Display for NoFirstTests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotRun(RuleState::Unsupported(what)) => write!(f, "the rule does not run yet: {what}"),
            Self::CannotRun(RuleState::Failed(found)) => {
                let message = found.first().map_or("", |found| &*found.message);
                write!(f, "the rule is wrong: {message}")
            }
            Self::CannotRun(RuleState::Ready) => f.write_str("the rule does not run"),
            Self::NotSolvable(what) => write!(f, "no events can be made for {what}"),
            Self::Unsolved(reason) => write!(f, "{reason}"),
            Self::DoesNotFire => f.write_str("events satisfy its conditions, but make no alert together"),
            Self::NoNegative => f.write_str("no change of one value keeps the rule from firing"),
        }
    }
}
