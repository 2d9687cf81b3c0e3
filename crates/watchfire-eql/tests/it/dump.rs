//! Trees as text, for snapshots: one node a line, indented, with its span and the text that stands there.

use std::fmt::Write;

use watchfire_diagnostics::Span;
use watchfire_eql::ast::{
    Category, EventQuery, Expr, ExprKind, FieldName, JoinKey, Literal, Number, Query, QueryKind, SampleTerm,
    SequenceTerm, StringLiteral,
};

/// The tree of a query that was parsed from `text`.
pub(crate) fn dump(text: &str, query: &Query) -> String {
    let mut tree = Dump { text, out: String::new() };
    tree.query(query);
    tree.out
}

struct Dump<'t> {
    text: &'t str,
    out: String,
}

impl Dump<'_> {
    fn line(&mut self, depth: usize, span: Span, what: &str) {
        /// Longest piece of the query that a line repeats.
        const SHOWN: usize = 30;
        let slice = self.text[span.range()].escape_debug().to_string();
        let mut shown: String = slice.chars().take(SHOWN).collect();
        if shown.len() < slice.len() {
            shown.push('…');
        }
        let Span { start, end } = span;
        writeln!(self.out, "{:indent$}{what}  @{start}..{end} {shown}", "", indent = depth * 2).unwrap();
    }

    fn query(&mut self, query: &Query) {
        self.line(0, query.span, "query");
        match &query.kind {
            QueryKind::Event(event) => self.event(1, event),
            QueryKind::Sequence(sequence) => {
                self.line(1, sequence.span, "sequence");
                self.keys(2, &sequence.by);
                if let Some(maxspan) = sequence.maxspan {
                    self.line(2, maxspan.span, &format!("maxspan {} ms", maxspan.millis()));
                }
                sequence.terms.iter().for_each(|term| self.sequence_term(2, "stage", term));
                sequence.until.iter().for_each(|term| self.sequence_term(2, "until", term));
            }
            QueryKind::Sample(sample) => {
                self.line(1, sample.span, "sample");
                self.keys(2, &sample.by);
                sample.terms.iter().for_each(|term| self.sample_term(2, "term", term));
            }
            QueryKind::Join(join) => {
                self.line(1, join.span, "join");
                self.keys(2, &join.by);
                join.terms.iter().for_each(|term| self.sample_term(2, "term", term));
                join.until.iter().for_each(|term| self.sample_term(2, "until", term));
            }
        }
        for pipe in &query.pipes {
            self.line(1, pipe.span, "pipe");
            self.line(2, pipe.name_span, &format!("name {}", pipe.name));
            pipe.arguments.iter().for_each(|argument| self.expr(2, argument));
        }
    }

    fn sequence_term(&mut self, depth: usize, what: &str, term: &SequenceTerm) {
        let missing = if term.missing { " missing" } else { "" };
        self.line(depth, term.span, &format!("{what}{missing}"));
        self.event(depth + 1, &term.event);
        self.keys(depth + 1, &term.by);
        if let Some(runs) = term.runs {
            self.line(depth + 1, runs.span, &format!("runs {}", runs.value));
        }
        if let Some(alias) = &term.alias {
            self.line(depth + 1, alias.span, &format!("as {}", alias.name));
        }
    }

    fn sample_term(&mut self, depth: usize, what: &str, term: &SampleTerm) {
        self.line(depth, term.span, what);
        self.event(depth + 1, &term.event);
        self.keys(depth + 1, &term.by);
    }

    fn keys(&mut self, depth: usize, keys: &[JoinKey]) {
        for key in keys {
            self.line(depth, key.span, "by");
            self.field(depth + 1, "field", &key.field);
        }
    }

    fn event(&mut self, depth: usize, event: &EventQuery) {
        self.line(depth, event.span, "event");
        let category = match &event.category {
            Category::Any => "category any".to_owned(),
            Category::Named { text, quoted } => {
                format!("category {text:?}{}", if *quoted { " as a string" } else { "" })
            }
        };
        self.line(depth + 1, event.category_span, &category);
        self.expr(depth + 1, &event.condition);
    }

    fn field(&mut self, depth: usize, what: &str, field: &FieldName) {
        let optional = if field.optional { "?" } else { "" };
        let parts: Vec<String> = field.parts.iter().map(|part| format!("{:?}", part.text)).collect();
        self.line(depth, field.span, &format!("{what} {optional}{}", parts.join(".")));
        for index in field.parts.iter().flat_map(|part| &part.indexes) {
            self.line(depth + 1, index.span, &format!("index {}", index.text));
        }
    }

    fn exprs(&mut self, depth: usize, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(depth, expr));
    }

    fn expr(&mut self, depth: usize, expr: &Expr) {
        let (span, inner) = (expr.span, depth + 1);
        match &expr.kind {
            ExprKind::Literal(literal) => self.line(depth, span, &describe(literal)),
            ExprKind::Field(field) => self.field(depth, "field", field),
            ExprKind::Call { name, name_span: _, ignore_case, arguments } => {
                self.line(depth, span, &format!("call {name}{}", tilde(*ignore_case)));
                self.exprs(inner, arguments);
            }
            ExprKind::Not { operand, op_span: _ } => {
                self.line(depth, span, "not");
                self.expr(inner, operand);
            }
            ExprKind::And(operands) => {
                self.line(depth, span, "and");
                self.exprs(inner, operands);
            }
            ExprKind::Or(operands) => {
                self.line(depth, span, "or");
                self.exprs(inner, operands);
            }
            ExprKind::Compare { op, op_span, left, right } => {
                self.line(depth, span, "compare");
                self.expr(inner, left);
                self.line(inner, *op_span, op.as_str());
                self.expr(inner, right);
            }
            ExprKind::Arithmetic { op, op_span, left, right } => {
                self.line(depth, span, "arithmetic");
                self.expr(inner, left);
                self.line(inner, *op_span, op.as_str());
                self.expr(inner, right);
            }
            ExprKind::Negate { operand, op_span: _ } => {
                self.line(depth, span, "negate");
                self.expr(inner, operand);
            }
            ExprKind::In { subject, ignore_case, negated, op_span, list } => {
                self.line(depth, span, "membership");
                self.expr(inner, subject);
                let not = if *negated { "not " } else { "" };
                self.line(inner, *op_span, &format!("{not}in{}", tilde(*ignore_case)));
                self.exprs(inner, list);
            }
            ExprKind::Match { subject, op, op_span, patterns } => {
                self.line(depth, span, "match");
                self.expr(inner, subject);
                self.line(inner, *op_span, op.as_str());
                for pattern in patterns {
                    self.line(inner, pattern.span, &format!("pattern {}", describe(&pattern.literal)));
                }
            }
            ExprKind::Relation { relation, relation_span: _, event } => {
                self.line(depth, span, &format!("{relation} of"));
                self.event(inner, event);
            }
            ExprKind::MethodCall { receiver, name, name_span: _, arguments } => {
                self.line(depth, span, &format!("method {name}"));
                self.expr(inner, receiver);
                self.exprs(inner, arguments);
            }
            ExprKind::Variable { name, name_span: _, field } => {
                self.line(depth, span, &format!("variable {name}"));
                field.iter().for_each(|field| self.field(inner, "field", field));
            }
            ExprKind::EventReference { alias, alias_span: _, field } => {
                self.line(depth, span, &format!("of stage {alias}"));
                self.field(inner, "field", field);
            }
            ExprKind::Invalid => self.line(depth, span, "invalid"),
        }
    }
}

fn tilde(ignore_case: bool) -> &'static str {
    if ignore_case { "~" } else { "" }
}

fn describe(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Number(Number { text: _, value }) => format!("{value:?}"),
        Literal::String(StringLiteral { value, raw, map: _ }) => {
            format!("{}string {value:?}", if *raw { "raw " } else { "" })
        }
    }
}
