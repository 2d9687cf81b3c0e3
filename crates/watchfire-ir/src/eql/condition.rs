//! Conditions: and, or, not, and the cut into leaves (eql-semantics §5, §6).

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_eql::ast::{CompareOp, Expr as Tree, ExprKind, Literal, MatchOp};

use super::fields::Named;
use super::value::Value;
use super::{Lowering, UnmappedReading, lint};
use crate::{
    ComparisonOperator, ComputedLeaf, Condition, Constant, Expr, ExprType, FieldLeaf, Function, Predicate,
    Scalar, codes,
};

/// What a condition comes to: a set of events, or the null that poisons what is around it.
#[expect(clippy::large_enum_variant, reason = "null is rare, and no list of these is long")]
pub(super) enum Truth {
    /// Null: selects nothing, negated or not.
    Null,
    /// A set of events.
    Set(Condition),
}

impl Truth {
    pub(super) fn constant(value: bool) -> Self {
        Self::Set(Condition::constant(value))
    }

    fn negate(self) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Set(condition) => Self::Set(condition.negate()),
        }
    }

    /// Null, unless an operand is never true.
    fn all(operands: Vec<Self>) -> Self {
        let mut sets = Vec::new();
        let mut poisoned = false;
        for operand in operands {
            match operand {
                Self::Null => poisoned = true,
                Self::Set(condition) => sets.push(condition),
            }
        }
        let all = Condition::all(sets);
        if poisoned && all != Condition::constant(false) { Self::Null } else { Self::Set(all) }
    }

    /// The operands that are not null; of none, null.
    fn any(operands: Vec<Self>) -> Self {
        let count = operands.len();
        let sets: Vec<_> = operands
            .into_iter()
            .filter_map(|operand| match operand {
                Self::Null => None,
                Self::Set(condition) => Some(condition),
            })
            .collect();
        if sets.is_empty() && count > 0 { Self::Null } else { Self::Set(Condition::any(sets)) }
    }
}

impl Lowering<'_> {
    /// Lowers what must be true or false; `None` if there is an error in it, which is then reported.
    pub(super) fn condition(&mut self, tree: &Tree) -> Option<Truth> {
        match &tree.kind {
            ExprKind::And(operands) => {
                let lowered = self.conditions(operands)?;
                let sets: Vec<_> = operands
                    .iter()
                    .zip(&lowered)
                    .filter_map(|(operand, truth)| match truth {
                        Truth::Null => None,
                        Truth::Set(condition) => Some((operand.span, condition)),
                    })
                    .collect();
                for warning in lint::contradictions(&sets, self.schema) {
                    self.report(warning);
                }
                Some(Truth::all(lowered))
            }
            ExprKind::Or(operands) => Some(Truth::any(self.conditions(operands)?)),
            ExprKind::Not { operand, .. } => Some(self.condition(operand)?.negate()),
            ExprKind::Field(name) => match self.field(name)? {
                Named::Unmapped => Some(self.null(true)),
                Named::Field(field) => {
                    let found = ExprType::of_field(field.field_type.family()).unwrap_or(ExprType::Null);
                    if !found.is_condition() {
                        return self.not_a_condition(tree.span, found);
                    }
                    Some(field_truth(FieldLeaf::new(field, Predicate::Equals(Constant::Boolean(true)))))
                }
            },
            ExprKind::Literal(Literal::Boolean(value)) => Some(Truth::constant(*value)),
            ExprKind::Literal(Literal::Null) => Some(Truth::Null),
            ExprKind::Compare { op, left, right, .. } => self.comparison(*op, left, right, tree.span),
            ExprKind::In { subject, ignore_case, negated, list, .. } => {
                let truth = self.in_list(subject, *ignore_case, list, tree.span)?;
                Some(if *negated { truth.negate() } else { truth })
            }
            ExprKind::Match { subject, op, patterns, .. } => self.matching(subject, *op, patterns, tree.span),
            ExprKind::Call { .. } => self.call(tree),
            _ => {
                let value = self.value(tree)?;
                self.not_a_condition(tree.span, value.expr.expr_type())
            }
        }
    }

    /// All of them, so that each reports what is wrong in it.
    fn conditions(&mut self, trees: &[Tree]) -> Option<Vec<Truth>> {
        let lowered: Vec<_> = trees.iter().map(|tree| self.condition(tree)).collect();
        lowered.into_iter().collect()
    }

    /// A leaf that comes to null.
    fn null(&self, unmapped: bool) -> Truth {
        match self.options.unmapped {
            UnmappedReading::AsMissing if unmapped => Truth::constant(false),
            UnmappedReading::AsMissing | UnmappedReading::AsElasticsearch => Truth::Null,
        }
    }

    fn not_a_condition<T>(&mut self, span: Span, found: ExprType) -> Option<T> {
        self.fail(
            Diagnostic::error(
                codes::NOT_A_CONDITION,
                format!("a condition is needed here, found {}", found.with_article()),
            )
            .at(span, "neither true nor false"),
        )
    }

    pub(super) fn field_to_field<T>(&mut self, span: Span, other: Span) -> Option<T> {
        self.fail(
            Diagnostic::error(codes::FIELD_TO_FIELD, "a field cannot be compared with a field")
                .at(span, "must be a constant")
                .at(other, "compared with this")
                .with_note("behavior rules of Elastic Defend and Endgame's EQL can compare fields; Elasticsearch cannot"),
        )
    }

    /// The leaf of an expression that is neither a constant nor a field leaf.
    fn computed(&mut self, expr: Expr, unmapped: bool, span: Span) -> Option<Truth> {
        match expr.as_constant() {
            Some(Scalar::Null) => Some(self.null(unmapped)),
            Some(value) => match value.as_boolean() {
                Some(value) => Some(Truth::constant(value)),
                None => self.not_a_condition(span, value.expr_type()),
            },
            None => {
                let found = expr.expr_type();
                match ComputedLeaf::new(expr) {
                    Ok(leaf) => Some(Truth::Set(Condition::leaf(leaf))),
                    Err(_) => self.not_a_condition(span, found),
                }
            }
        }
    }

    fn comparison(&mut self, op: CompareOp, left: &Tree, right: &Tree, span: Span) -> Option<Truth> {
        let reported = (self.diagnostics.len(), self.left_out);
        let (left_value, right_value) = (self.value(left), self.value(right));
        let (left_value, right_value) = (left_value?, right_value?);
        let (operator, negated) = operator_of(op);
        let truth = if operator == ComparisonOperator::Equal {
            // `p == true` of a condition `p` is `p`: leaves are cut inside of it, not around it.
            let test = match (left_value.expr.as_constant(), right_value.expr.as_constant()) {
                (Some(Scalar::Boolean(value)), None) if is_cut(&right_value.expr) => Some((right, *value)),
                (None, Some(Scalar::Boolean(value))) if is_cut(&left_value.expr) => Some((left, *value)),
                _ => None,
            };
            if let Some((tree, value)) = test {
                // Only warnings can be there, and they come again.
                self.diagnostics.truncate(reported.0);
                self.left_out = reported.1;
                let truth = self.condition(tree)?;
                if value { truth } else { truth.negate() }
            } else {
                self.equality(left_value, right_value, left.span, right.span, span)?
            }
        } else {
            self.order(operator, left_value, right_value, left.span, right.span, span)?
        };
        Some(if negated { truth.negate() } else { truth })
    }

    fn equality(
        &mut self,
        left: Value,
        right: Value,
        left_span: Span,
        right_span: Span,
        span: Span,
    ) -> Option<Truth> {
        let unmapped = left.unmapped || right.unmapped;
        if left.is_null() {
            return self.is_null(right, span);
        }
        if right.is_null() {
            return self.is_null(left, span);
        }
        let (subject, subject_span, constant, constant_span) =
            match (left.expr.as_constant(), right.expr.as_constant()) {
                (None, None) => return self.field_to_field(right_span, left_span),
                (Some(_), None) => (right, right_span, left, left_span),
                _ => (left, left_span, right, right_span),
            };
        if let (Some(field), Some(value)) = (subject.expr.as_field(), constant.expr.as_constant()) {
            return self.field_equals(field, value, constant_span, subject_span).map(Truth::Set);
        }
        let expr = Expr::compare(ComparisonOperator::Equal, subject.expr, constant.expr);
        let expr = self.checked(expr, &[subject_span, constant_span], span)?;
        self.computed(expr, unmapped, span)
    }

    fn order(
        &mut self,
        operator: ComparisonOperator,
        left: Value,
        right: Value,
        left_span: Span,
        right_span: Span,
        span: Span,
    ) -> Option<Truth> {
        let unmapped = left.unmapped || right.unmapped;
        if left.is_null() || right.is_null() {
            return Some(self.null(unmapped));
        }
        let (operator, subject, subject_span, constant, constant_span) =
            match (left.expr.as_constant(), right.expr.as_constant()) {
                (None, None) => return self.field_to_field(right_span, left_span),
                (Some(_), None) => (operator.mirrored(), right, right_span, left, left_span),
                _ => (operator, left, left_span, right, right_span),
            };
        if subject.expr.expr_type() == ExprType::Boolean || constant.expr.expr_type() == ExprType::Boolean {
            return self.fail(
                Diagnostic::error(codes::NO_ORDER, "booleans have no order")
                    .at(span, "only `==` and `!=` compare booleans"),
            );
        }
        if let (Some(field), Some(value)) = (subject.expr.as_field(), constant.expr.as_constant()) {
            return self.field_range(field, operator, value, constant_span, subject_span).map(Truth::Set);
        }
        let expr = Expr::compare(operator, subject.expr, constant.expr);
        let expr = self.checked(expr, &[subject_span, constant_span], span)?;
        self.computed(expr, unmapped, span)
    }

    /// `x == null`: true of a constant null, of a missing field, of an expression that comes to null.
    fn is_null(&mut self, value: Value, span: Span) -> Option<Truth> {
        if let Some(field) = value.expr.as_field() {
            return Some(field_truth(FieldLeaf::new(field.clone(), Predicate::Exists)).negate());
        }
        let expr = self.checked(Expr::is_null(value.expr), &[span], span)?;
        self.computed(expr, value.unmapped, span)
    }

    fn in_list(&mut self, subject: &Tree, ignore_case: bool, list: &[Tree], span: Span) -> Option<Truth> {
        let value = self.value(subject);
        let elements = self.list_elements(list);
        let (value, elements) = (value?, elements?);
        for (element, tree) in elements.iter().zip(list) {
            if element.expr.as_constant().is_none() {
                return self.field_to_field(tree.span, subject.span);
            }
        }
        self.check_list(&value, &elements, ignore_case, subject.span, list)?;
        let unmapped = value.unmapped || elements.iter().any(|element| element.unmapped);
        if value.is_null() {
            return Some(self.null(unmapped));
        }
        if let Some(field) = value.expr.as_field() {
            let constants: Vec<_> = elements
                .iter()
                .zip(list)
                .filter_map(|(element, tree)| Some((element.expr.as_constant()?, tree.span)))
                .filter(|(constant, _)| !constant.is_null())
                .collect();
            return self.field_in(field, &constants, ignore_case, subject.span).map(Truth::Set);
        }
        if !ignore_case {
            let elements = elements.into_iter().map(|element| element.expr).collect();
            let expr = self.checked(Expr::in_list(value.expr, elements), &[subject.span], span)?;
            return self.computed(expr, unmapped, span);
        }
        let mut truths = Vec::new();
        for (element, tree) in elements.into_iter().zip(list) {
            let expr = Expr::equal_ignoring_case(value.expr.clone(), element.expr);
            let expr = self.checked(expr, &[subject.span, tree.span], span)?;
            truths.push(self.computed(expr, unmapped, span)?);
        }
        Some(Truth::any(truths))
    }

    fn matching(
        &mut self,
        subject: &Tree,
        op: MatchOp,
        patterns: &[watchfire_eql::ast::Constant],
        span: Span,
    ) -> Option<Truth> {
        let value = self.value(subject)?;
        let texts = self.pattern_texts(&value, subject, op, patterns)?;
        if value.is_null() || texts.is_empty() {
            // A `like` without wildcard is an equality, which is null-safe (eql-semantics §6).
            let is_like = matches!(op, MatchOp::Like | MatchOp::LikeIgnoreCase);
            let equality = |text: &&str| is_like && !text.contains(['*', '?']);
            let null = |this: &Self| this.null(value.unmapped);
            let truths =
                texts.iter().map(|text| if equality(text) { Truth::constant(false) } else { null(self) });
            let truths: Vec<_> = truths.collect();
            return Some(if truths.is_empty() { null(self) } else { Truth::any(truths) });
        }
        if let Some(field) = value.expr.as_field() {
            return self.field_matches(field, op, &texts, patterns, span).map(Truth::Set);
        }
        let mut truths = Vec::new();
        for expr in self.computed_matches(&value.expr, op, &texts, patterns, subject.span)? {
            truths.push(self.computed(expr, value.unmapped, span)?);
        }
        Some(Truth::any(truths))
    }

    /// A call as a condition: a field leaf where the field comes first and constants after it.
    fn call(&mut self, tree: &Tree) -> Option<Truth> {
        let value = self.value(tree)?;
        if let Some((subject, blocks)) = value.expr.as_within()
            && let Some(field) = subject.as_field()
        {
            return Some(field_truth(FieldLeaf::new(field.clone(), Predicate::Within(blocks.to_vec()))));
        }
        if let Some((function, ignore_case, [subject, part])) = value.expr.as_call()
            && matches!(function, Function::StartsWith | Function::EndsWith | Function::StringContains)
            && let (Some(field), Some(text)) =
                (subject.as_field(), part.as_constant().and_then(Scalar::as_text))
        {
            let part_span = match &tree.kind {
                ExprKind::Call { arguments, .. } => {
                    arguments.get(1).map_or(tree.span, |argument| argument.span)
                }
                _ => tree.span,
            };
            return Some(Truth::Set(self.field_part(field, function, text, ignore_case, part_span)));
        }
        self.computed(value.expr, value.unmapped, tree.span)
    }
}

/// Whether a boolean test on it vanishes: it is a condition, and no bare field.
fn is_cut(expr: &Expr) -> bool {
    expr.expr_type() == ExprType::Boolean && expr.as_field().is_none()
}

fn field_truth(leaf: FieldLeaf) -> Truth {
    Truth::Set(Condition::leaf(leaf))
}

pub(super) fn operator_of(op: CompareOp) -> (ComparisonOperator, bool) {
    match op {
        CompareOp::Equal => (ComparisonOperator::Equal, false),
        CompareOp::NotEqual => (ComparisonOperator::Equal, true),
        CompareOp::Less => (ComparisonOperator::Less, false),
        CompareOp::LessOrEqual => (ComparisonOperator::LessOrEqual, false),
        CompareOp::Greater => (ComparisonOperator::Greater, false),
        CompareOp::GreaterOrEqual => (ComparisonOperator::GreaterOrEqual, false),
    }
}
