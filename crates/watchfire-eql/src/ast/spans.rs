//! All spans of a tree: to compare trees regardless of places, and to check that spans nest.

use watchfire_diagnostics::SpanMap;

use super::{
    Alias, Constant, EventQuery, Expr, ExprKind, FieldName, Join, JoinKey, Literal, Pipe, Query, QueryKind,
    Sample, SampleTerm, Sequence, SequenceTerm, Span,
};

/// Called with the depth of a node (the root has 0) and its span.
type Visit<'v> = &'v mut dyn FnMut(usize, &mut Span);

impl Query {
    /// Calls `visit` with the depth and the span of every node and token that the tree remembers; a node comes before
    /// what is inside of it, whose depth is greater by one.
    pub fn for_each_span(&mut self, visit: &mut dyn FnMut(usize, &mut Span)) {
        visit(0, &mut self.span);
        match &mut self.kind {
            QueryKind::Event(event) => event_spans(event, 1, visit),
            QueryKind::Sequence(Sequence { by, maxspan, terms, until, span }) => {
                visit(1, span);
                keys_spans(by, 2, visit);
                if let Some(maxspan) = maxspan {
                    visit(2, &mut maxspan.span);
                }
                for SequenceTerm { event, missing: _, by, runs, alias, span } in terms.iter_mut().chain(until)
                {
                    visit(2, span);
                    event_spans(event, 3, visit);
                    keys_spans(by, 3, visit);
                    if let Some(runs) = runs {
                        visit(3, &mut runs.span);
                    }
                    if let Some(Alias { name: _, span }) = alias {
                        visit(3, span);
                    }
                }
            }
            QueryKind::Sample(Sample { by, terms, span }) => {
                visit(1, span);
                keys_spans(by, 2, visit);
                terms.iter_mut().for_each(|term| sample_term_spans(term, 2, visit));
            }
            QueryKind::Join(Join { by, terms, until, span }) => {
                visit(1, span);
                keys_spans(by, 2, visit);
                terms.iter_mut().chain(until).for_each(|term| sample_term_spans(term, 2, visit));
            }
        }
        for Pipe { name: _, name_span, arguments, span } in &mut self.pipes {
            visit(1, span);
            visit(2, name_span);
            arguments.iter_mut().for_each(|argument| expr_spans(argument, 2, visit));
        }
    }

    /// The same tree with all places removed: two queries that differ only in layout are then equal.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.for_each_span(&mut |_, span| *span = Span::default());
        match &mut self.kind {
            QueryKind::Event(event) => forget_maps(&mut event.condition),
            QueryKind::Sequence(sequence) => {
                let terms = sequence.terms.iter_mut().chain(&mut sequence.until);
                terms.for_each(|term| forget_maps(&mut term.event.condition));
            }
            QueryKind::Sample(sample) => {
                sample.terms.iter_mut().for_each(|term| forget_maps(&mut term.event.condition));
            }
            QueryKind::Join(join) => {
                let terms = join.terms.iter_mut().chain(&mut join.until);
                terms.for_each(|term| forget_maps(&mut term.event.condition));
            }
        }
        self.pipes.iter_mut().flat_map(|pipe| &mut pipe.arguments).for_each(forget_maps);
        self
    }
}

impl Expr {
    /// Calls `visit` with the depth and the span of every node, as [`Query::for_each_span`] does.
    pub fn for_each_span(&mut self, visit: &mut dyn FnMut(usize, &mut Span)) {
        expr_spans(self, 0, visit);
    }

    /// The same expression with all places removed.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.for_each_span(&mut |_, span| *span = Span::default());
        forget_maps(&mut self);
        self
    }
}

fn sample_term_spans(term: &mut SampleTerm, depth: usize, visit: Visit<'_>) {
    let SampleTerm { event, by, span } = term;
    visit(depth, span);
    event_spans(event, depth + 1, visit);
    keys_spans(by, depth + 1, visit);
}

fn keys_spans(keys: &mut [JoinKey], depth: usize, visit: Visit<'_>) {
    for JoinKey { field, span } in keys {
        visit(depth, span);
        field_spans(field, depth + 1, visit);
    }
}

fn event_spans(event: &mut EventQuery, depth: usize, visit: Visit<'_>) {
    let EventQuery { category: _, category_span, condition, span } = event;
    visit(depth, span);
    visit(depth + 1, category_span);
    expr_spans(condition, depth + 1, visit);
}

fn field_spans(field: &mut FieldName, depth: usize, visit: Visit<'_>) {
    let FieldName { parts, optional: _, span } = field;
    visit(depth, span);
    for part in parts {
        visit(depth + 1, &mut part.span);
        part.indexes.iter_mut().for_each(|index| visit(depth + 1, &mut index.span));
    }
}

fn expr_spans(expr: &mut Expr, depth: usize, visit: Visit<'_>) {
    let inner = depth + 1;
    visit(depth, &mut expr.span);
    match &mut expr.kind {
        ExprKind::Literal(_) | ExprKind::Invalid => {}
        ExprKind::Field(field) => field_spans(field, inner, visit),
        ExprKind::Call { name: _, name_span, ignore_case: _, arguments } => {
            visit(inner, name_span);
            arguments.iter_mut().for_each(|argument| expr_spans(argument, inner, visit));
        }
        ExprKind::Not { operand, op_span } | ExprKind::Negate { operand, op_span } => {
            visit(inner, op_span);
            expr_spans(operand, inner, visit);
        }
        ExprKind::And(operands) | ExprKind::Or(operands) => {
            operands.iter_mut().for_each(|operand| expr_spans(operand, inner, visit));
        }
        ExprKind::Compare { op: _, op_span, left, right }
        | ExprKind::Arithmetic { op: _, op_span, left, right } => {
            expr_spans(left, inner, visit);
            visit(inner, op_span);
            expr_spans(right, inner, visit);
        }
        ExprKind::In { subject, ignore_case: _, negated: _, op_span, list } => {
            expr_spans(subject, inner, visit);
            visit(inner, op_span);
            list.iter_mut().for_each(|element| expr_spans(element, inner, visit));
        }
        ExprKind::Match { subject, op: _, op_span, patterns } => {
            expr_spans(subject, inner, visit);
            visit(inner, op_span);
            patterns.iter_mut().for_each(|Constant { literal: _, span }| visit(inner, span));
        }
        ExprKind::Relation { relation: _, relation_span, event } => {
            visit(inner, relation_span);
            event_spans(event, inner, visit);
        }
        ExprKind::MethodCall { receiver, name: _, name_span, arguments } => {
            expr_spans(receiver, inner, visit);
            visit(inner, name_span);
            arguments.iter_mut().for_each(|argument| expr_spans(argument, inner, visit));
        }
        ExprKind::Variable { name: _, name_span, field } => {
            visit(inner, name_span);
            if let Some(field) = field {
                field_spans(field, inner, visit);
            }
        }
        ExprKind::EventReference { alias: _, alias_span, field } => {
            visit(inner, alias_span);
            field_spans(field, inner, visit);
        }
    }
}

/// Resets what strings know about their places.
fn forget_maps(expr: &mut Expr) {
    let forget_literal = |literal: &mut Literal| {
        if let Literal::String(string) = literal {
            string.map = SpanMap::identity();
        }
    };
    match &mut expr.kind {
        ExprKind::Literal(literal) => forget_literal(literal),
        ExprKind::Field(_)
        | ExprKind::Variable { .. }
        | ExprKind::EventReference { .. }
        | ExprKind::Invalid => {}
        ExprKind::Call { arguments, .. } => arguments.iter_mut().for_each(forget_maps),
        ExprKind::Not { operand, .. } | ExprKind::Negate { operand, .. } => forget_maps(operand),
        ExprKind::And(operands) | ExprKind::Or(operands) => operands.iter_mut().for_each(forget_maps),
        ExprKind::Compare { left, right, .. } | ExprKind::Arithmetic { left, right, .. } => {
            forget_maps(left);
            forget_maps(right);
        }
        ExprKind::In { subject, list, .. } => {
            forget_maps(subject);
            list.iter_mut().for_each(forget_maps);
        }
        ExprKind::Match { subject, patterns, .. } => {
            forget_maps(subject);
            patterns.iter_mut().for_each(|pattern| forget_literal(&mut pattern.literal));
        }
        ExprKind::Relation { event, .. } => forget_maps(&mut event.condition),
        ExprKind::MethodCall { receiver, arguments, .. } => {
            forget_maps(receiver);
            arguments.iter_mut().for_each(forget_maps);
        }
    }
}
