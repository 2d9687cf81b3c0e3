//! Where the leaves of a condition stand in the query.
//!
//! Conditions keep no places: what several parts of a query ask is merged into one leaf, and equal parts are asked once. So
//! each part of the tree is given its meaning alone, and the leaves that come of it are the leaves that stand there.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_diagnostics::Span;
use watchfire_eql::ast::{
    Category, EventQuery, Expr as EqlExpr, ExprKind as EqlKind, Literal, Query as EqlQuery, QueryKind,
};
use watchfire_ir::{Condition, EqlOptions, EqlPlan, KqlOptions, Leaf, Node, Schema, lower_eql, lower_kql};
use watchfire_kql::ast::{
    Expr as KqlExpr, ExprKind as KqlKind, FieldName, Query as KqlQuery, ValueExpr, ValueKind,
};
use watchfire_rules::model::{QueryLanguage, QueryText};

use super::leaf_text::condition_text;
use super::{LeafText, Origin};
use crate::query::{QueryOptions, QueryTree, read_query};

/// Parts of one query that are given their meaning alone; the leaves of others have no place.
const MAX_PARTS: usize = 20_000;

/// The places of the leaves of one question, by their dump.
#[derive(Clone, Debug, Default)]
pub(super) struct LeafPlaces {
    places: BTreeMap<String, PartPlace>,
    query: Arc<str>,
}

#[derive(Clone, Copy, Debug)]
enum PartPlace {
    Query {
        /// In the text of the query.
        span: Span,
        /// In the file.
        in_file: Span,
        /// Whether what stands there is this leaf and nothing else.
        is_whole: bool,
    },
    Filter(usize),
}

impl LeafPlaces {
    /// The places of each stage of a rule's query, `until` last.
    pub(super) fn of_rule(
        query: Option<&QueryText>,
        filters: &[Option<Condition>],
        schema: &dyn Schema,
        options: &QueryOptions<'_>,
    ) -> Vec<Self> {
        let mut stages = query.map_or_else(Vec::new, |query| of_query(query, schema, options));
        if stages.is_empty() {
            stages.push(Self::default());
        }
        for stage in &mut stages {
            for (number, filter) in filters.iter().enumerate() {
                let Some(filter) = filter else { continue };
                filter.for_each_leaf(&mut |leaf, _| {
                    stage.places.entry(leaf.to_string()).or_insert(PartPlace::Filter(number));
                });
            }
        }
        stages
    }

    /// A leaf, or a negated one, as its author sees it.
    pub(super) fn text_of(&self, condition: &Condition, language: QueryLanguage) -> LeafText {
        let place = self.places.get(&dump(condition)).or_else(|| match condition.node() {
            Node::Not(inner) => self.places.get(&dump(inner)),
            _ => None,
        });
        match place {
            Some(PartPlace::Query { span, in_file, is_whole }) => {
                let is_itself = *is_whole && self.places.contains_key(&dump(condition));
                let text = self.query.get(span.range()).filter(|_| is_itself);
                let text = text.map_or_else(|| condition_text(condition, language), one_line);
                LeafText { text, origin: Origin::Query(*in_file) }
            }
            Some(PartPlace::Filter(number)) => LeafText {
                text: condition_text(condition, QueryLanguage::Kql),
                origin: Origin::Filter(*number),
            },
            None => LeafText { text: condition_text(condition, language), origin: Origin::Unknown },
        }
    }
}

fn dump(condition: &Condition) -> String {
    condition.to_string()
}

/// White space of any kind as one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn of_query(query: &QueryText, schema: &dyn Schema, options: &QueryOptions<'_>) -> Vec<LeafPlaces> {
    let read = read_query(&query.text, query.language, schema, options);
    let empty = LeafPlaces { places: BTreeMap::new(), query: query.text.as_str().into() };
    let mut finder = Finder { query, schema, options, left: MAX_PARTS, found: empty.clone() };
    match &read.tree {
        Some(QueryTree::Eql(tree)) => {
            let mut stages = Vec::new();
            tree.for_each_event(|event| {
                finder.event(event);
                stages.push(std::mem::replace(&mut finder.found, empty.clone()));
            });
            stages
        }
        Some(QueryTree::Kql(KqlQuery { expr: Some(expr), .. })) => {
            finder.kql(expr, &mut Vec::new());
            vec![finder.found]
        }
        _ => vec![empty],
    }
}

struct Finder<'a> {
    query: &'a QueryText,
    schema: &'a dyn Schema,
    options: &'a QueryOptions<'a>,
    left: usize,
    found: LeafPlaces,
}

impl Finder<'_> {
    /// Takes note of the leaves of a condition that stand at this place, unless a smaller place is known.
    fn note(&mut self, condition: &Condition, span: Span, is_whole: bool) {
        let in_file = self.query.span_map.map(span);
        let mut add = |dump: String, is_whole| {
            self.found.places.entry(dump).or_insert(PartPlace::Query { span, in_file, is_whole });
        };
        let is_leaf = |condition: &Condition| matches!(condition.node(), Node::Leaf(_));
        let is_one = match condition.node() {
            Node::Not(inner) => is_leaf(inner),
            _ => is_leaf(condition),
        };
        if is_one {
            add(dump(condition), is_whole);
        }
        condition.for_each_leaf(&mut |leaf: &Leaf, _| add(leaf.to_string(), false));
    }

    fn take_part(&mut self) -> bool {
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }

    fn event(&mut self, event: &EventQuery) {
        self.eql(&event.condition);
        if matches!(event.category, Category::Named { .. }) {
            let always =
                EqlExpr { kind: EqlKind::Literal(Literal::Boolean(true)), ..event.condition.clone() };
            let category = EventQuery { condition: always, ..event.clone() };
            if let Some(condition) = self.lower_eql(category) {
                self.note(&condition, event.category_span, false);
            }
        }
    }

    fn eql(&mut self, expr: &EqlExpr) {
        if matches!(expr.kind, EqlKind::And(_) | EqlKind::Or(_) | EqlKind::Not { .. }) {
            expr.for_each_child(|child| self.eql(child));
        }
        // `and` leaves its operands as they are.
        if matches!(expr.kind, EqlKind::And(_)) {
            return;
        }
        let event = EventQuery {
            category: Category::Any,
            category_span: expr.span,
            condition: expr.clone(),
            span: expr.span,
        };
        if let Some(condition) = self.lower_eql(event) {
            self.note(&condition, expr.span, true);
        }
    }

    fn lower_eql(&mut self, event: EventQuery) -> Option<Condition> {
        if !self.take_part() {
            return None;
        }
        let mut options = EqlOptions { now: self.options.now, ..EqlOptions::default() };
        if let Some(field) = self.options.event_category_field {
            field.clone_into(&mut options.event_category_field);
        }
        let query = EqlQuery { span: event.span, kind: QueryKind::Event(event), pipes: Vec::new() };
        match lower_eql(&query, self.schema, &options).plan {
            Some(EqlPlan::Event(plan)) => Some(plan.condition),
            _ => None,
        }
    }

    /// `scope` are the lists of objects that the expression stands in, the outermost first.
    fn kql(&mut self, expr: &KqlExpr, scope: &mut Vec<FieldName>) {
        match &expr.kind {
            KqlKind::And(operands) => {
                operands.iter().for_each(|operand| self.kql(operand, scope));
                return;
            }
            KqlKind::Or(operands) => operands.iter().for_each(|operand| self.kql(operand, scope)),
            KqlKind::Not(inner) => self.kql(inner, scope),
            KqlKind::Nested { path, inner } => {
                scope.push(path.clone());
                self.kql(inner, scope);
                scope.pop();
            }
            KqlKind::Field { field, values } if !matches!(values.kind, ValueKind::Value(_)) => {
                self.values(field, values, scope);
            }
            KqlKind::Field { .. } | KqlKind::Range { .. } | KqlKind::FreeText(_) => {}
        }
        self.note_kql(expr.clone(), true, scope);
    }

    fn values(&mut self, field: &FieldName, values: &ValueExpr, scope: &[FieldName]) {
        match &values.kind {
            ValueKind::And(each) | ValueKind::Or(each) => {
                each.iter().for_each(|value| self.values(field, value, scope));
            }
            ValueKind::Not(inner) => self.values(field, inner, scope),
            ValueKind::Value(_) => {
                let kind = KqlKind::Field { field: field.clone(), values: values.clone() };
                self.note_kql(KqlExpr { kind, span: values.span }, false, scope);
            }
        }
    }

    fn note_kql(&mut self, expr: KqlExpr, is_whole: bool, scope: &[FieldName]) {
        if !self.take_part() {
            return;
        }
        let span = expr.span;
        let nested = scope.iter().rev().fold(expr, |inner, path| KqlExpr {
            span,
            kind: KqlKind::Nested { path: path.clone(), inner: Box::new(inner) },
        });
        let options = KqlOptions { now: self.options.now, default_fields: Vec::new() };
        let query = KqlQuery { expr: Some(nested), span };
        let mut condition = lower_kql(&query, self.schema, &options).condition;
        for _ in scope {
            let Node::Leaf(Leaf::Nested(leaf)) = condition.node() else { return };
            condition = (*leaf.condition).clone();
        }
        self.note(&condition, span, is_whole);
    }
}
