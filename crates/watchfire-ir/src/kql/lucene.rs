//! Lucene query strings become conditions (kql-semantics §10).

use watchfire_kql::ast::{FieldName, NamePattern, WildcardPart};
use watchfire_kql::lucene::{
    LuceneBound, LuceneClause, LuceneExpr, LuceneKind, LucenePart, LucenePattern, LuceneQuery, LuceneTest,
    Occur,
};

use super::question::{Asker, Place, Question, Target};
use super::{KqlOptions, LoweredKql, merge_any};
use crate::field_query::{Limit, PatternOnText, Words};
use crate::{Condition, Fold, Pattern, PatternPart, Schema};

/// Gives a Lucene query string its meaning over the fields of a schema, as the `query_string` clause with
/// `analyze_wildcard` reads it.
pub fn lower_lucene(query: &LuceneQuery, schema: &dyn Schema, options: &KqlOptions) -> LoweredKql {
    let mut asker = Asker::new(schema, options.now, false);
    let condition = lower_into(query, &options.default_fields, &mut asker);
    LoweredKql { condition, diagnostics: asker.finish() }
}

/// The condition of a query string inside something else, such as a filter.
pub(crate) fn lower_into(query: &LuceneQuery, default_fields: &[String], asker: &mut Asker<'_>) -> Condition {
    let mut lowering = Lowering { asker, default_fields };
    match &query.expr {
        None => Condition::constant(true),
        Some(expr) => lowering.expr(expr, None),
    }
}

struct Lowering<'a, 'b> {
    asker: &'a mut Asker<'b>,
    default_fields: &'a [String],
}

impl Lowering<'_, '_> {
    fn expr(&mut self, expr: &LuceneExpr, scope: Option<&FieldName>) -> Condition {
        match &expr.kind {
            LuceneKind::Boolean(clauses) => self.boolean(clauses, scope),
            LuceneKind::Scoped { field, inner } => self.expr(inner, Some(field)),
            LuceneKind::Leaf { field, test } => {
                let place = Place::Span(expr.span);
                match field.as_ref().or(scope) {
                    Some(name) => {
                        let target = self.target(name);
                        self.test(&target, test, place)
                    }
                    None => self.free(test, place),
                }
            }
        }
    }

    /// Every `Must`, no `MustNot`, and without a `Must` at least one `Should`.
    fn boolean(&mut self, clauses: &[LuceneClause], scope: Option<&FieldName>) -> Condition {
        let (mut all, mut some) = (Vec::new(), Vec::new());
        let mut must = false;
        for clause in clauses {
            let condition = self.expr(&clause.expr, scope);
            match clause.occur {
                Occur::Must => {
                    must = true;
                    all.push(condition);
                }
                Occur::MustNot => all.push(condition.negate()),
                Occur::Should => some.push(condition),
            }
        }
        if !must && !some.is_empty() {
            all.push(merge_any(some));
        }
        Condition::all(all)
    }

    fn target(&mut self, name: &FieldName) -> Target {
        let place = Place::Span(name.span);
        match &name.name {
            NamePattern::Exact(name) => self.asker.field(name, None, place),
            NamePattern::Pattern(pattern) => {
                let parts = pattern.parts.iter().map(|part| match part {
                    WildcardPart::Text(text) => PatternPart::Literal(text.as_str().into()),
                    WildcardPart::Any => PatternPart::AnyRun,
                });
                self.asker.names(Pattern::new(parts), None, place)
            }
        }
    }

    fn test(&mut self, target: &Target, test: &LuceneTest, place: Place<'_>) -> Condition {
        let equals = |text, words| Question::Equals { text, words, fold: Fold::None };
        match test {
            LuceneTest::Text(text) => self.asker.ask(target, equals(text, Words::Any), place),
            LuceneTest::Phrase(text) => self.asker.ask(target, equals(text, Words::Phrase), place),
            LuceneTest::Wildcard(pattern) => {
                let pattern = to_pattern(pattern);
                // On analysed text, `analyze_wildcard` changes only what is no pattern within a token.
                let analysed = PatternOnText::Token;
                self.asker.ask(
                    target,
                    Question::Fits { pattern: &pattern, fold: Fold::None, analysed },
                    place,
                )
            }
            LuceneTest::Regex(source) => {
                self.asker.ask(target, Question::Regex { source, fold: Fold::None }, place)
            }
            LuceneTest::Range { lower, upper } => {
                let question = Question::Between { low: limit(lower), high: limit(upper) };
                self.asker.ask(target, question, place)
            }
            LuceneTest::Exists => self.asker.ask(target, Question::Exists, place),
        }
    }

    fn free(&mut self, test: &LuceneTest, place: Place<'_>) -> Condition {
        if self.default_fields.is_empty() || *test == LuceneTest::Exists {
            return self.test(&Target::All, test, place);
        }
        let said = self.asker.said();
        let fields = self.default_fields;
        let each = fields.iter().map(|name| {
            let target = self.asker.field(name, None, place);
            self.test(&target, test, place)
        });
        let condition = merge_any(each.collect());
        self.asker.keep_errors_only(said);
        condition
    }
}

fn to_pattern(pattern: &LucenePattern) -> Pattern {
    Pattern::new(pattern.parts.iter().map(|part| match part {
        LucenePart::Text(text) => PatternPart::Literal(text.as_str().into()),
        LucenePart::Any => PatternPart::AnyRun,
        LucenePart::One => PatternPart::AnyOne,
    }))
}

fn limit(bound: &LuceneBound) -> Option<Limit<'_>> {
    match bound {
        LuceneBound::Unbounded => None,
        LuceneBound::Inclusive(text) => Some(Limit { text, inclusive: true }),
        LuceneBound::Exclusive(text) => Some(Limit { text, inclusive: false }),
    }
}
