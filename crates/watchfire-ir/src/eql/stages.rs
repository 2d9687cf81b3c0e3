//! Queries, their stages, keys and pipes.

use watchfire_diagnostics::{Diagnostic, Span, did_you_mean};
use watchfire_eql::ast::{self, Category, EventQuery, PipeKind, Query, QueryKind, SequenceTerm};
use watchfire_events::TypeFamily;

use super::condition::Truth;
use super::fields::Named;
use super::plan::{EqlPlan, EventPlan, JoinKey, Pipe, SamplePlan, SequencePlan, StagePlan};
use super::{Lowering, lint};
use crate::{Condition, FieldLeaf, Predicate, Resolution, TextMatch, codes};

impl Lowering<'_> {
    pub(super) fn query(&mut self, query: &Query) -> Option<EqlPlan> {
        let plan = match &query.kind {
            QueryKind::Event(event) => {
                self.event(event).map(|condition| EqlPlan::Event(EventPlan { condition, pipes: Vec::new() }))
            }
            QueryKind::Sequence(sequence) => {
                let stages: Vec<_> =
                    sequence.terms.iter().map(|term| self.stage(term, &sequence.by)).collect();
                let until = sequence.until.as_ref().map(|term| self.stage(term, &sequence.by));
                let spans: Vec<_> = sequence
                    .terms
                    .iter()
                    .chain(&sequence.until)
                    .map(|term| key_spans(&sequence.by, &term.by))
                    .collect();
                let stages = stages.into_iter().collect::<Option<Vec<_>>>()?;
                let until = match until {
                    Some(stage) => Some(stage?),
                    None => None,
                };
                self.check_keys(stages.iter().chain(&until).zip(&spans));
                let maxspan_ms = sequence.maxspan.map(ast::MaxSpan::millis);
                Some(EqlPlan::Sequence(SequencePlan { stages, maxspan_ms, until, pipes: Vec::new() }))
            }
            QueryKind::Sample(sample) => {
                let stages: Vec<_> = sample
                    .terms
                    .iter()
                    .map(|term| {
                        let condition = self.event(&term.event);
                        let keys = self.keys(&sample.by, &term.by);
                        Some(StagePlan { condition: condition?, keys: keys?, missing: false, runs: 1 })
                    })
                    .collect();
                let spans: Vec<_> = sample.terms.iter().map(|term| key_spans(&sample.by, &term.by)).collect();
                let stages = stages.into_iter().collect::<Option<Vec<_>>>()?;
                self.check_keys(stages.iter().zip(&spans));
                Some(EqlPlan::Sample(SamplePlan { stages, pipes: Vec::new() }))
            }
            QueryKind::Join(join) => self.refused(join.span, "`join`"),
        };
        let pipes: Vec<_> = query.pipes.iter().map(|pipe| self.pipe(pipe)).collect();
        let (mut plan, pipes) = (plan?, pipes.into_iter().collect::<Option<Vec<_>>>()?);
        match &mut plan {
            EqlPlan::Event(plan) => plan.pipes = pipes,
            EqlPlan::Sequence(plan) => plan.pipes = pipes,
            EqlPlan::Sample(plan) => plan.pipes = pipes,
        }
        Some(plan)
    }

    fn stage(&mut self, term: &SequenceTerm, by: &[ast::JoinKey]) -> Option<StagePlan> {
        let condition = self.event(&term.event);
        let keys = self.keys(by, &term.by);
        if let Some(alias) = &term.alias {
            return self.refused(alias.span, "`as`");
        }
        Some(StagePlan {
            condition: condition?,
            keys: keys?,
            missing: term.missing,
            runs: u32::try_from(term.repeat()).unwrap_or(u32::MAX).max(1),
        })
    }

    /// `category == "x"` and the condition (eql-semantics §5).
    fn event(&mut self, event: &EventQuery) -> Option<Condition> {
        let category = self.category(event);
        let truth = self.condition(&event.condition);
        let condition = match truth? {
            Truth::Null => Condition::constant(false),
            Truth::Set(condition) => condition,
        };
        if condition == Condition::constant(false) {
            self.report(
                Diagnostic::warning(codes::SELECTS_NOTHING, "the condition selects no event")
                    .at(event.condition.span, "decided by what is constant in it"),
            );
        }
        Some(Condition::all([category?, condition]))
    }

    fn category(&mut self, event: &EventQuery) -> Option<Condition> {
        let Category::Named { text, .. } = &event.category else { return Some(Condition::constant(true)) };
        let name = self.options.event_category_field.as_str();
        let Resolution::Field(field) = self.schema.resolve(name) else {
            return self.fail(
                Diagnostic::error(
                    codes::CATEGORY_UNMAPPED,
                    format!("the category field `{name}` is unknown"),
                )
                .at(event.category_span, format!("read from `{name}`"))
                .with_help("write `any where …` to do without the category"),
            );
        };
        if name == "event.category" && !lint::ECS_CATEGORIES.contains(&text.as_str()) {
            let mut warning = Diagnostic::warning(
                codes::UNKNOWN_CATEGORY,
                format!("`{text}` is no event category of the Elastic Common Schema"),
            )
            .at(event.category_span, "no such category");
            if let Some(help) = did_you_mean(text, lint::ECS_CATEGORIES) {
                warning = warning.with_help(help);
            }
            self.report(warning);
        }
        Some(Condition::leaf(FieldLeaf::new(field, Predicate::Text(TextMatch::equal(text)))))
    }

    fn keys(&mut self, shared: &[ast::JoinKey], own: &[ast::JoinKey]) -> Option<Vec<JoinKey>> {
        let keys: Vec<_> = shared.iter().chain(own).map(|key| self.key(key)).collect();
        keys.into_iter().collect()
    }

    fn key(&mut self, key: &ast::JoinKey) -> Option<JoinKey> {
        let field = match self.field(&key.field)? {
            Named::Field(field) => Some(field),
            Named::Unmapped => None,
        };
        Some(JoinKey { name: key.field.dotted().into(), field, optional: key.field.optional })
    }

    /// Position by position the keys of all stages have types that can be equal (eql-semantics §4).
    fn check_keys<'s>(&mut self, stages: impl Iterator<Item = (&'s StagePlan, &'s Vec<Span>)>) {
        let stages: Vec<_> = stages.collect();
        let Some(&(first, first_spans)) = stages.first() else { return };
        for &(stage, spans) in &stages[1..] {
            for (at, (a, b)) in first.keys.iter().zip(&stage.keys).enumerate() {
                let (Some(a), Some(b)) = (&a.field, &b.field) else { continue };
                let (a, b) = (a.field_type.family(), b.field_type.family());
                if comparable(a) == comparable(b) || a == TypeFamily::Dynamic || b == TypeFamily::Dynamic {
                    continue;
                }
                let (Some(&one), Some(&other)) = (first_spans.get(at), spans.get(at)) else { continue };
                let message = format!(
                    "the keys `{}` and `{}` have types that are never equal",
                    first.keys[at].name, stage.keys[at].name
                );
                self.report(
                    Diagnostic::error(codes::KEY_TYPES, message)
                        .at(other, stage.keys[at].field.as_ref().map_or("", |field| field.field_type.name()))
                        .at(one, first.keys[at].field.as_ref().map_or("", |field| field.field_type.name())),
                );
            }
        }
    }

    fn pipe(&mut self, pipe: &ast::Pipe) -> Option<Pipe> {
        let count = match pipe.arguments.as_slice() {
            [argument] => self.value(argument)?.expr.as_constant().and_then(crate::Scalar::as_integer),
            _ => None,
        };
        let count = count.and_then(|count| u64::try_from(count).ok());
        match (pipe.kind(), count) {
            (Some(PipeKind::Head), Some(count)) => Some(Pipe::Head(count)),
            (Some(PipeKind::Tail), Some(count)) => Some(Pipe::Tail(count)),
            _ => self.refused(pipe.span, "this pipe"),
        }
    }

    /// Reports something that the parser refuses, of which a plan was asked for all the same.
    pub(super) fn refused<T>(&mut self, span: Span, what: &str) -> Option<T> {
        let message = format!("{what} cannot be run");
        self.fail(Diagnostic::error(codes::REFUSED_SYNTAX, message).at(span, "refused by the parser"))
    }
}

/// Families of which values can be equal.
fn comparable(family: TypeFamily) -> TypeFamily {
    match family {
        TypeFamily::AnalysedText => TypeFamily::Text,
        other => other,
    }
}

fn key_spans(shared: &[ast::JoinKey], own: &[ast::JoinKey]) -> Vec<Span> {
    shared.iter().chain(own).map(|key| key.span).collect()
}
