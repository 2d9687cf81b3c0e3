//! What is unwise about a rule that can be loaded: the checks of the detection-rules repository (detection-engine §1.3).
//!
//! ```text
//! RuleFile ──────────────────────┐
//! its text ──► Places ───────────┼──► schedule · content · esql ──► diagnostics, in the order of the text
//! the query's tree ► QueryFacts ─┘
//! ```
//!
//! What a query means is not known here. The caller, who parsed it, hands over the little that the checks need as
//! [`QueryFacts`]; for ES|QL a look at the commands is enough, and is taken here. The text is read once more for the
//! places of keys and values, so that rules which are only run need not carry them.
//!
//! The repository's demand that keywords of KQL are in lower case is not repeated here: the parser of KQL says it.

mod content;
mod esql;
mod places;
mod schedule;

use watchfire_diagnostics::{Diagnostic, Span};

pub use self::places::Places;
use crate::document::Syntax;
use crate::document::reader::Context;
use crate::format::RuleFile;

/// What the checks must know about the rule's query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryFacts {
    /// Whether it is an EQL sequence.
    pub sequence: bool,
    /// The `maxspan` of an EQL sequence, in milliseconds.
    pub max_span_millis: Option<u64>,
}

/// Everything the checks have to say about a rule. `text` is the text the rule was parsed from.
///
/// None of it keeps the rule from running here. An error among them is what Elastic's API refuses.
pub fn lint(file: &RuleFile, text: &str, facts: &QueryFacts) -> Vec<Diagnostic> {
    let places = Places::of(text);
    let mut found = Vec::new();
    schedule::check(file, facts, &places, &mut found);
    content::check(file, facts, &places, &mut found);
    esql::check(file, &mut found);
    found.sort_by_key(|diagnostic| (diagnostic.primary_span().map(|span| span.start), diagnostic.code));
    let mut shown = Context::new(text, Syntax::of(text));
    shown.report_all(found);
    shown.into_diagnostics()
}

/// Where to point at: the value, or if the key is absent the rule itself.
fn value_or_rule(places: &Places, key: &str) -> Span {
    places.value(key).unwrap_or_else(|| places.rule())
}
