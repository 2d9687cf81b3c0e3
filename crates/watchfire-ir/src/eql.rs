//! EQL's meaning: from a syntax tree to the plan that is run (eql-semantics §4 to §10).
//!
//! ```text
//!  Query ── stages, keys, pipes ──► EqlPlan
//!             │ condition of each stage
//!             ▼
//!  and / or / not over leaves; a leaf's sides are typed expressions, computed where constant
//!             ├─ field op constant ─► field leaf, by the type of the field
//!             └─ anything else ─────► computed leaf
//! ```
//!
//! A condition is not one expression over an event: it is cut into leaves, and above them there is only set algebra
//! (§5). An unmapped field with `?` is the constant null, which takes part in what is computed before running (§6).

mod condition;
mod field_leaf;
mod fields;
mod lint;
mod plan;
mod stages;
mod text_leaf;
mod value;

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_eql::ast::{self, Query};
use watchfire_events::Timestamp;

pub use self::plan::{EqlPlan, EventPlan, JoinKey, Pipe, SamplePlan, SequencePlan, StagePlan};
use crate::{Expr, Schema, codes};

/// Most diagnostics of one query. Those beyond are counted in one last diagnostic.
pub const MAX_EQL_DIAGNOSTICS: usize = 50;

/// What an unmapped field with `?` does to a condition (eql-semantics §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnmappedReading {
    /// As in Elasticsearch: leaves that come to null poison the conjunction around them, negated or not.
    AsElasticsearch,
    /// Leaves that come to null are false, as if the field were mapped and absent from the event. What the null-safe
    /// equality gives (`?u == null`, `?u != "x"`) stays as it is (design "One condition IR").
    #[default]
    AsMissing,
}

/// How a query is to be read.
#[derive(Clone, Debug)]
pub struct EqlOptions {
    /// The field that holds the event category.
    pub event_category_field: String,
    /// What unmapped optional fields do.
    pub unmapped: UnmappedReading,
    /// The instant that `now` in date arithmetic counts from; without one such a text is an error.
    pub now: Option<Timestamp>,
}

impl Default for EqlOptions {
    fn default() -> Self {
        Self {
            event_category_field: "event.category".to_owned(),
            unmapped: UnmappedReading::default(),
            now: None,
        }
    }
}

/// What became of a query.
#[derive(Clone, Debug)]
pub struct LoweredEql {
    /// What to run; absent if there is an error among the diagnostics.
    pub plan: Option<EqlPlan>,
    /// What there is to say, errors and warnings, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolves names and types of a query and cuts its conditions into leaves.
///
/// The query is one that the parser found no fault with; of another, what is refused is an error here too.
pub fn lower_eql(query: &Query, schema: &dyn Schema, options: &EqlOptions) -> LoweredEql {
    let mut lowering = Lowering::new(schema, options);
    let plan = lowering.query(query);
    let diagnostics = lowering.finish();
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    LoweredEql { plan: plan.filter(|_| !failed), diagnostics }
}

/// Resolves an expression alone and computes what is constant in it.
pub fn lower_eql_expression(
    expression: &ast::Expr,
    schema: &dyn Schema,
    options: &EqlOptions,
) -> (Option<Expr>, Vec<Diagnostic>) {
    let mut lowering = Lowering::new(schema, options);
    let value = lowering.value(expression);
    (value.map(|value| value.expr), lowering.finish())
}

/// One run over a query: what it knows, and what it has to say.
struct Lowering<'a> {
    schema: &'a dyn Schema,
    options: &'a EqlOptions,
    diagnostics: Vec<Diagnostic>,
    left_out: usize,
    left_out_errors: usize,
}

impl<'a> Lowering<'a> {
    fn new(schema: &'a dyn Schema, options: &'a EqlOptions) -> Self {
        Self { schema, options, diagnostics: Vec::new(), left_out: 0, left_out_errors: 0 }
    }

    /// Whether a further diagnostic would be shown.
    fn has_room(&self) -> bool {
        self.diagnostics.len() < MAX_EQL_DIAGNOSTICS
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.contains(&diagnostic) {
            return;
        }
        if self.has_room() {
            self.diagnostics.push(diagnostic);
        } else {
            self.left_out += 1;
            self.left_out_errors += usize::from(diagnostic.severity == Severity::Error);
        }
    }

    /// Reports an error; `None`, for the caller to return.
    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.report(diagnostic);
        None
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics
            .sort_by_key(|diagnostic| diagnostic.primary_span().map(|span| (span.start, span.end)));
        if self.left_out > 0 {
            let severity = if self.left_out_errors > 0 { Severity::Error } else { Severity::Warning };
            let message = format!("{} further diagnostics are left out", self.left_out);
            self.diagnostics.push(Diagnostic::new(codes::TOO_MANY_DIAGNOSTICS, severity, message));
        }
        self.diagnostics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mapping;

    fn lowered(condition: &str) -> LoweredEql {
        let parsed = watchfire_eql::parse(&format!("any where {condition}"));
        let mapping = Mapping::parse(r#"{"properties": {"n": {"type": "long"}}}"#).unwrap();
        lower_eql(&parsed.query.unwrap(), &mapping, &EqlOptions::default())
    }

    #[test]
    fn diagnostics_are_bounded() {
        let unknown = |count: usize| {
            let each: Vec<String> = (0..count).map(|at| format!("ghost{at} == 1")).collect();
            lowered(&each.join(" and "))
        };
        assert_eq!(unknown(MAX_EQL_DIAGNOSTICS).diagnostics.len(), MAX_EQL_DIAGNOSTICS);
        let many = unknown(20_000);
        assert!(many.plan.is_none());
        let last = many.diagnostics.last().unwrap();
        assert_eq!((last.code, last.severity), (codes::TOO_MANY_DIAGNOSTICS, Severity::Error));
        assert_eq!(last.message, "19950 further diagnostics are left out");
    }

    #[test]
    fn long_conditions_take_no_quadratic_time() {
        for operator in [" or ", " and "] {
            let each: Vec<String> = (0..20_000).map(|at| format!("n == {at}")).collect();
            assert!(lowered(&each.join(operator)).plan.is_some());
        }
    }
}
