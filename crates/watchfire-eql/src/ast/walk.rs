//! Going through a tree without caring for its shape.

use super::{EventQuery, Expr, ExprKind, Query, QueryKind};

impl Expr {
    /// Calls `visit` with each expression directly below this one, from left to right. The condition of a process
    /// relation counts as below it.
    pub fn for_each_child<'a>(&'a self, mut visit: impl FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Literal(_)
            | ExprKind::Field(_)
            | ExprKind::Variable { .. }
            | ExprKind::EventReference { .. }
            | ExprKind::Invalid => {}
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(visit),
            ExprKind::And(operands) | ExprKind::Or(operands) => operands.iter().for_each(visit),
            ExprKind::Not { operand, .. } | ExprKind::Negate { operand, .. } => visit(operand),
            ExprKind::Compare { left, right, .. } | ExprKind::Arithmetic { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::In { subject, list, .. } => {
                visit(subject);
                list.iter().for_each(visit);
            }
            ExprKind::Match { subject, .. } => visit(subject),
            ExprKind::Relation { event, .. } => visit(&event.condition),
            ExprKind::MethodCall { receiver, arguments, .. } => {
                visit(receiver);
                arguments.iter().for_each(visit);
            }
        }
    }

    /// Calls `visit` with this expression and all below it, a parent before its children.
    pub fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        self.for_each_child(|child| child.for_each(visit));
    }
}

impl Query {
    /// Calls `visit` with each event query, `until` included, in order of the text. Those inside of process relations
    /// are not among them.
    pub fn for_each_event<'a>(&'a self, mut visit: impl FnMut(&'a EventQuery)) {
        match &self.kind {
            QueryKind::Event(event) => visit(event),
            QueryKind::Sequence(sequence) => {
                sequence.terms.iter().chain(&sequence.until).for_each(|term| visit(&term.event));
            }
            QueryKind::Sample(sample) => sample.terms.iter().for_each(|term| visit(&term.event)),
            QueryKind::Join(join) => join.terms.iter().chain(&join.until).for_each(|term| visit(&term.event)),
        }
    }

    /// Calls `visit` with every expression of every condition and pipe, a parent before its children.
    pub fn for_each_expression<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        self.for_each_event(|event| event.condition.for_each(visit));
        for argument in self.pipes.iter().flat_map(|pipe| &pipe.arguments) {
            argument.for_each(visit);
        }
    }
}
