//! KQL trees become conditions (kql-semantics §3–§8).
//!
//! ```text
//!  Query ──walk──► name (names) + value ──► Question ──► field_query (by type) ──► leaf ──merge──► Condition
//!                     │                        │
//!                     └── unknown, nested …    └── misfit, pattern on text … ──► diagnostics (codes)
//! ```
//!
//! Two deliberate differences from Kibana. A pattern with white space is one pattern on every field of exact text; on
//! those of type `wildcard` Kibana sends it through a parser that cuts it in pieces (§3.2). And a leaf that makes
//! Elasticsearch fail the whole search is false here, with a warning (§7).

pub(crate) mod codes;
mod contradiction;
pub(crate) mod lucene;
mod merge;
pub(crate) mod names;
pub(crate) mod question;

use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_events::Timestamp;
use watchfire_kql::ast::{
    Expr, ExprKind, FieldName, NamePattern, Query, RangeOp, Value, ValueExpr, ValueKind, ValueLiteral,
    WildcardPart, WildcardPattern,
};

pub use self::lucene::lower_lucene;
pub(crate) use self::merge::any as merge_any;
use self::question::{Asker, Place, Question, Target};
pub use self::question::{MAX_EXPANDED_FIELDS, MAX_KQL_DIAGNOSTICS};
use crate::field_query::{Limit, PatternOnText, Words};
use crate::{Condition, Fold, NestedLeaf, Pattern, PatternPart, Schema};

/// What a query means depends on.
#[derive(Clone, Debug, Default)]
pub struct KqlOptions {
    /// What `now` stands for in dates: the end of the execution's window. Without it `now` is an error.
    pub now: Option<Timestamp>,
    /// The fields that free text is looked for in; empty for all (kql-semantics §6).
    pub default_fields: Vec<String>,
}

/// A query with its meaning.
#[derive(Clone, Debug)]
pub struct LoweredKql {
    /// What it asks of an event. With an error among the diagnostics it must not be evaluated.
    pub condition: Condition,
    /// What is to be said about it, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl LoweredKql {
    /// Whether the condition is what the query means.
    pub fn is_valid(&self) -> bool {
        self.diagnostics.iter().all(|problem| problem.severity != watchfire_diagnostics::Severity::Error)
    }
}

/// Gives a query its meaning over the fields of a schema.
///
/// What the text alone tells, such as a comparison with `null`, has been said by [`watchfire_kql::parse`]; the
/// diagnostics here come from names and types.
pub fn lower_kql(query: &Query, schema: &dyn Schema, options: &KqlOptions) -> LoweredKql {
    let mut lowering = Lowering { asker: Asker::new(schema, options.now, true), options };
    let condition = match &query.expr {
        None => Condition::constant(true),
        Some(expr) => lowering.expr(expr, None),
    };
    LoweredKql { condition, diagnostics: lowering.asker.finish() }
}

struct Lowering<'a> {
    asker: Asker<'a>,
    options: &'a KqlOptions,
}

impl Lowering<'_> {
    /// The condition of an expression; `scope` is the list of objects that it stands in.
    fn expr(&mut self, expr: &Expr, scope: Option<&str>) -> Condition {
        match &expr.kind {
            ExprKind::And(operands) => {
                let operands: Vec<Condition> =
                    operands.iter().map(|operand| self.expr(operand, scope)).collect();
                self.all(operands, expr.span)
            }
            ExprKind::Or(operands) => {
                merge_any(operands.iter().map(|operand| self.expr(operand, scope)).collect())
            }
            ExprKind::Not(inner) => self.expr(inner, scope).negate(),
            ExprKind::Nested { path, inner } => self.nested(path, inner, scope),
            ExprKind::Field { field, values } => {
                let target = self.target(field, scope);
                self.values(&target, values)
            }
            ExprKind::Range { field, op, value, .. } => {
                let target = self.target(field, scope);
                self.range(&target, *op, value)
            }
            ExprKind::FreeText(value) => self.free_text(value, scope),
        }
    }

    fn all(&mut self, operands: Vec<Condition>, span: Span) -> Condition {
        let already = operands.iter().any(|operand| *operand == Condition::constant(false));
        let condition = Condition::all(operands);
        if !already && let Some(field) = contradiction::find(&condition, self.asker.schema) {
            let warning = format!("no value of `{field}` satisfies all parts of this condition");
            self.asker.report(Place::Span(span), Diagnostic::warning(codes::CONTRADICTION, warning), "");
        }
        condition
    }

    fn nested(&mut self, path: &FieldName, inner: &Expr, scope: Option<&str>) -> Condition {
        let place = Place::Span(path.span);
        let NamePattern::Exact(name) = &path.name else {
            let message = "a pattern of names cannot stand for a nested list";
            self.asker.report(place, Diagnostic::error(codes::NOT_A_LIST, message), "");
            return Condition::constant(false);
        };
        let full = full_name(name, scope);
        if !names::may_be_list(self.asker.schema, &full) {
            let message = format!("`{full}` is not mapped as a nested list");
            self.asker.report(place, Diagnostic::error(codes::NOT_A_LIST, message), "");
        }
        let condition = self.expr(inner, Some(&full));
        Condition::leaf(NestedLeaf { path: full.into(), condition: Box::new(condition) })
    }

    fn target(&mut self, field: &FieldName, scope: Option<&str>) -> Target {
        let place = Place::Span(field.span);
        match &field.name {
            NamePattern::Exact(name) => self.asker.field(&full_name(name, scope), scope, place),
            NamePattern::Pattern(pattern) => {
                let prefix = scope.map(|scope| PatternPart::Literal(format!("{scope}.").into()));
                let pattern = Pattern::new(prefix.into_iter().chain(parts(pattern)));
                self.asker.names(pattern, scope, place)
            }
        }
    }

    /// A value, or a group of values, each a leaf of its own (kql-semantics §3.4).
    fn values(&mut self, target: &Target, values: &ValueExpr) -> Condition {
        match &values.kind {
            ValueKind::And(operands) => {
                let operands: Vec<Condition> =
                    operands.iter().map(|operand| self.values(target, operand)).collect();
                self.all(operands, values.span)
            }
            ValueKind::Or(operands) => {
                merge_any(operands.iter().map(|operand| self.values(target, operand)).collect())
            }
            ValueKind::Not(inner) => self.values(target, inner).negate(),
            ValueKind::Value(value) => self.value(target, value),
        }
    }

    fn value(&mut self, target: &Target, value: &Value) -> Condition {
        let place = Place::Span(value.span);
        let equals = |text, words| Question::Equals { text, words, fold: Fold::None };
        match &value.kind {
            // The parser has warned of it.
            ValueLiteral::Null => Condition::constant(false),
            ValueLiteral::Boolean(true) => self.asker.ask(target, equals("true", Words::Any), place),
            ValueLiteral::Boolean(false) => self.asker.ask(target, equals("false", Words::Any), place),
            ValueLiteral::Text(text) => self.asker.ask(target, equals(text, Words::Any), place),
            ValueLiteral::Phrase(text) => self.asker.ask(target, equals(text, Words::Phrase), place),
            ValueLiteral::Exists => self.asker.ask(target, Question::Exists, place),
            ValueLiteral::Wildcard(pattern) => {
                let pattern = Pattern::new(parts(pattern));
                let analysed = PatternOnText::Pieces;
                self.asker.ask(
                    target,
                    Question::Fits { pattern: &pattern, fold: Fold::None, analysed },
                    place,
                )
            }
        }
    }

    fn range(&mut self, target: &Target, op: RangeOp, value: &Value) -> Condition {
        let text = match &value.kind {
            ValueLiteral::Text(text) | ValueLiteral::Phrase(text) => text.as_str(),
            ValueLiteral::Boolean(true) => "true",
            ValueLiteral::Boolean(false) => "false",
            // The parser has warned of these.
            ValueLiteral::Null | ValueLiteral::Wildcard(_) | ValueLiteral::Exists => {
                return Condition::constant(false);
            }
        };
        let limit = |inclusive| Some(Limit { text, inclusive });
        let (low, high) = match op {
            RangeOp::Gt => (limit(false), None),
            RangeOp::Gte => (limit(true), None),
            RangeOp::Lt => (None, limit(false)),
            RangeOp::Lte => (None, limit(true)),
        };
        self.asker.ask(target, Question::Between { low, high }, Place::Span(value.span))
    }

    /// A value that names no field (kql-semantics §6).
    fn free_text(&mut self, value: &Value, scope: Option<&str>) -> Condition {
        if self.options.default_fields.is_empty() {
            return self.value(&Target::All, value);
        }
        if value.kind == ValueLiteral::Exists {
            return Condition::constant(true);
        }
        // A field that the text does not fit is passed over without a word: nobody named it.
        let said = self.asker.said();
        let options = self.options;
        let each = options.default_fields.iter().map(|name| {
            let target = self.asker.field(name, scope, Place::Span(value.span));
            self.value(&target, value)
        });
        let condition = merge_any(each.collect());
        self.asker.keep_errors_only(said);
        condition
    }
}

fn full_name(name: &str, scope: Option<&str>) -> String {
    match scope {
        Some(scope) => format!("{scope}.{name}"),
        None => name.to_owned(),
    }
}

fn parts(pattern: &WildcardPattern) -> impl Iterator<Item = PatternPart> + '_ {
    pattern.parts.iter().map(|part| match part {
        WildcardPart::Text(text) => PatternPart::Literal(Arc::from(text.as_str())),
        WildcardPart::Any => PatternPart::AnyRun,
    })
}
