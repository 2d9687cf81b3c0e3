//! Values: typed expressions, computed where nothing depends on an event.

use watchfire_diagnostics::{Diagnostic, Span};
use watchfire_eql::ast::{
    ArithmeticOp, Constant as Pattern, Expr as Tree, ExprKind, Literal, MatchOp, NumberValue,
};
use watchfire_eql::functions;
use watchfire_events::IpBlock;

use super::Lowering;
use super::condition::operator_of;
use super::fields::Named;
use crate::{
    ArithmeticOperator, ComparisonOperator, Expr, ExprError, ExprType, Fold, Function, Regex, Scalar, codes,
};

/// A typed expression, and whether an unmapped field took part in it.
pub(super) struct Value {
    pub(super) expr: Expr,
    pub(super) unmapped: bool,
}

impl Value {
    fn constant(value: Scalar<'static>) -> Self {
        Self { expr: Expr::constant(value), unmapped: false }
    }

    pub(super) fn is_null(&self) -> bool {
        self.expr.as_constant().is_some_and(Scalar::is_null)
    }
}

impl Lowering<'_> {
    /// Lowers what has a value; `None` if there is an error in it, which is then reported.
    pub(super) fn value(&mut self, tree: &Tree) -> Option<Value> {
        let span = tree.span;
        match &tree.kind {
            ExprKind::Literal(literal) => Some(Value::constant(scalar(literal))),
            ExprKind::Field(name) => match self.field(name)? {
                Named::Unmapped => Some(Value { expr: Expr::constant(Scalar::Null), unmapped: true }),
                Named::Field(field) => {
                    let expr = self.checked(Expr::field(field), &[span], span)?;
                    Some(Value { expr, unmapped: false })
                }
            },
            ExprKind::Call { name, name_span, ignore_case, arguments } => {
                self.call_value(name, *name_span, *ignore_case, arguments, span)
            }
            ExprKind::Not { operand, .. } => {
                self.combined(&[&**operand], span, |mut list| Expr::negation(list.remove(0)))
            }
            ExprKind::Negate { operand, .. } => {
                self.combined(&[&**operand], span, |mut list| Expr::minus(list.remove(0)))
            }
            ExprKind::And(operands) => self.combined(&operands.iter().collect::<Vec<_>>(), span, Expr::all),
            ExprKind::Or(operands) => self.combined(&operands.iter().collect::<Vec<_>>(), span, Expr::any),
            ExprKind::Arithmetic { op, left, right, .. } => {
                let operator = arithmetic(*op);
                self.combined(&[&**left, &**right], span, |mut list| {
                    let right = list.remove(1);
                    Expr::arithmetic(operator, list.remove(0), right)
                })
            }
            ExprKind::Compare { op, left, right, .. } => {
                let (operator, negated) = operator_of(*op);
                let (left_value, right_value) = (self.value(left), self.value(right));
                let (left_value, right_value) = (left_value?, right_value?);
                if left_value.expr.as_constant().is_none() && right_value.expr.as_constant().is_none() {
                    return self.field_to_field(right.span, left.span);
                }
                let unmapped = left_value.unmapped || right_value.unmapped;
                let is_equality = operator == ComparisonOperator::Equal;
                let expr = if is_equality && left_value.is_null() {
                    Expr::is_null(right_value.expr)
                } else if is_equality && right_value.is_null() {
                    Expr::is_null(left_value.expr)
                } else {
                    Expr::compare(operator, left_value.expr, right_value.expr)
                };
                let expr = if negated { expr.and_then(Expr::negation) } else { expr };
                let expr = self.checked(expr, &[left.span, right.span], span)?;
                Some(Value { expr, unmapped })
            }
            ExprKind::In { subject, ignore_case, negated, list, .. } => {
                let value = self.value(subject);
                let elements = self.list_elements(list);
                let (value, elements) = (value?, elements?);
                self.check_list(&value, &elements, *ignore_case, subject.span, list)?;
                let unmapped = value.unmapped || elements.iter().any(|element| element.unmapped);
                let elements: Vec<Expr> = elements.into_iter().map(|element| element.expr).collect();
                let expr = if *ignore_case {
                    let each = elements
                        .into_iter()
                        .map(|element| Expr::equal_ignoring_case(value.expr.clone(), element));
                    each.collect::<Result<_, _>>().and_then(Expr::any)
                } else {
                    Expr::in_list(value.expr, elements)
                };
                let expr = if *negated { expr.and_then(Expr::negation) } else { expr };
                let expr = self.checked(expr, &[subject.span], span)?;
                Some(Value { expr, unmapped })
            }
            ExprKind::Match { subject, op, patterns, .. } => {
                let value = self.value(subject)?;
                let texts = self.pattern_texts(&value, subject, *op, patterns)?;
                let each = self.computed_matches(&value.expr, *op, &texts, patterns, subject.span)?;
                let expr = self.checked(Expr::any(each), &[subject.span], span)?;
                Some(Value { expr, unmapped: value.unmapped })
            }
            ExprKind::Relation { .. } => self.refused(span, "a process relation"),
            ExprKind::MethodCall { .. } => self.refused(span, "a method call"),
            ExprKind::Variable { .. } => self.refused(span, "a variable"),
            ExprKind::EventReference { .. } => self.refused(span, "a field of an earlier stage"),
            ExprKind::Invalid => self.refused(span, "what could not be read"),
        }
    }

    /// Lowers the operands, all of them, and makes an expression of them.
    fn combined(
        &mut self,
        trees: &[&Tree],
        span: Span,
        make: impl FnOnce(Vec<Expr>) -> Result<Expr, ExprError>,
    ) -> Option<Value> {
        let values: Vec<_> = trees.iter().map(|tree| self.value(tree)).collect();
        let values = values.into_iter().collect::<Option<Vec<_>>>()?;
        let unmapped = values.iter().any(|value| value.unmapped);
        let spans: Vec<Span> = trees.iter().map(|tree| tree.span).collect();
        let expr = make(values.into_iter().map(|value| value.expr).collect());
        let expr = self.checked(expr, &spans, span)?;
        Some(Value { expr, unmapped })
    }

    fn call_value(
        &mut self,
        name: &str,
        name_span: Span,
        ignore_case: bool,
        arguments: &[Tree],
        span: Span,
    ) -> Option<Value> {
        let Some(known) = functions::find(name) else {
            return self.refused(name_span, &format!("the unknown function `{name}`"));
        };
        if !known.takes(arguments.len()) || (ignore_case && !known.can_ignore_case) {
            let message = format!("wrong arguments of `{}`", known.name);
            return self.fail(Diagnostic::error(codes::ARGUMENTS, message).at(span, "called with these"));
        }
        let trees: Vec<&Tree> = arguments.iter().collect();
        if let Some(operator) = arithmetic_function(known.name) {
            return self.combined(&trees, span, |mut list| {
                let right = list.remove(1);
                Expr::arithmetic(operator, list.remove(0), right)
            });
        }
        if known.name == "cidrMatch" {
            return self.cidr_match(arguments, span);
        }
        let Some(function) = Function::find(known.name) else {
            return self.refused(name_span, &format!("the function `{name}`"));
        };
        self.combined(&trees, span, |list| Expr::call(function, ignore_case, list))
    }

    fn cidr_match(&mut self, arguments: &[Tree], span: Span) -> Option<Value> {
        let (subject, blocks) = arguments.split_first()?;
        let value = self.value(subject);
        let mut parsed = Vec::new();
        let mut is_null = false;
        let mut failed = false;
        for block in blocks {
            let Some(found) = self.value(block) else {
                failed = true;
                continue;
            };
            match found.expr.as_constant() {
                Some(Scalar::Null) => is_null = true,
                Some(Scalar::Text(text)) => match block_of(text) {
                    Some(block) => parsed.push(block),
                    None => {
                        failed = true;
                        self.does_not_fit(text, "an address block such as `10.0.0.0/8`", block.span);
                    }
                },
                Some(other) => {
                    failed = true;
                    let message = format!(
                        "`cidrMatch` needs address blocks, found {}",
                        other.expr_type().with_article()
                    );
                    self.report(
                        Diagnostic::error(codes::OPERAND_TYPE, message).at(block.span, "must be a string"),
                    );
                }
                None => {
                    failed = true;
                    let message = "the address blocks of `cidrMatch` must be constants";
                    self.report(
                        Diagnostic::error(codes::NOT_CONSTANT, message).at(block.span, "not a constant"),
                    );
                }
            }
        }
        let value = value.filter(|_| !failed)?;
        if value.is_null() || is_null {
            return Some(Value { expr: Expr::constant(Scalar::Null), unmapped: value.unmapped });
        }
        let expr = self.checked(Expr::within(value.expr, parsed), &[subject.span], span)?;
        Some(Value { expr, unmapped: value.unmapped })
    }

    pub(super) fn list_elements(&mut self, list: &[Tree]) -> Option<Vec<Value>> {
        let values: Vec<_> = list.iter().map(|element| self.value(element)).collect();
        values.into_iter().collect()
    }

    /// The elements of `in` have one type, which fits the left side (eql-semantics §4).
    pub(super) fn check_list(
        &mut self,
        subject: &Value,
        elements: &[Value],
        ignore_case: bool,
        subject_span: Span,
        list: &[Tree],
    ) -> Option<()> {
        let wanted = subject.expr.expr_type();
        if ignore_case && !wanted.is_text() {
            return self.not_a_string("in~", wanted, subject_span);
        }
        let mut common: Option<(ExprType, Span)> = None;
        for (element, tree) in elements.iter().zip(list) {
            let found = element.expr.expr_type();
            if found == ExprType::Null {
                continue;
            }
            let like_others = common.is_none_or(|(first, _)| first == found);
            if !like_others || !fits(wanted, found) || (ignore_case && !found.is_text()) {
                let message = format!("{} does not fit into this list", found.with_article());
                let (label, other) = match common {
                    Some((first, span)) if !like_others => {
                        (format!("this is {}", first.with_article()), span)
                    }
                    _ => (format!("this is {}", wanted.with_article()), subject_span),
                };
                return self.fail(
                    Diagnostic::error(codes::MIXED_LIST, message)
                        .at(tree.span, found.with_article())
                        .at(other, label),
                );
            }
            common = common.or(Some((found, tree.span)));
        }
        Some(())
    }

    /// The patterns of `:`, `like` and `regex` as texts, nulls left out, once both sides are known to be texts.
    pub(super) fn pattern_texts<'t>(
        &mut self,
        subject: &Value,
        tree: &Tree,
        op: MatchOp,
        patterns: &'t [Pattern],
    ) -> Option<Vec<&'t str>> {
        let found = subject.expr.expr_type();
        if !found.is_text() {
            return self.not_a_string(op.as_str(), found, tree.span);
        }
        let mut texts = Vec::new();
        let mut failed = false;
        for pattern in patterns {
            match &pattern.literal {
                Literal::String(text) => texts.push(text.value.as_str()),
                Literal::Null => {}
                other => {
                    failed = true;
                    let found = scalar(other).expr_type();
                    self.not_a_string::<()>(op.as_str(), found, pattern.span);
                }
            }
        }
        (!failed).then_some(texts)
    }

    fn not_a_string<T>(&mut self, operator: &str, found: ExprType, span: Span) -> Option<T> {
        let message = format!("`{operator}` needs strings, found {}", found.with_article());
        let help = match found {
            ExprType::Ip => "use `==`, or `cidrMatch` for a block of addresses",
            _ if operator == "in~" => "use `in`",
            _ => "use `==`",
        };
        self.fail(
            Diagnostic::error(codes::PATTERN_ON_NON_STRING, message)
                .at(span, found.with_article())
                .with_help(help),
        )
    }

    /// The expressions of `:`, `like` and `regex` on something computed, one for each leaf.
    pub(super) fn computed_matches(
        &mut self,
        subject: &Expr,
        op: MatchOp,
        texts: &[&str],
        patterns: &[Pattern],
        subject_span: Span,
    ) -> Option<Vec<Expr>> {
        let whole = patterns.first()?.span.cover(patterns.last()?.span);
        let fold = match op {
            MatchOp::Like | MatchOp::Regex => Fold::None,
            MatchOp::Colon | MatchOp::LikeIgnoreCase | MatchOp::RegexIgnoreCase => Fold::Ascii,
        };
        if texts.is_empty() {
            return Some(vec![Expr::constant(Scalar::Null)]);
        }
        if matches!(op, MatchOp::Regex | MatchOp::RegexIgnoreCase) {
            let expr = Regex::java(&texts.join("|"), fold)
                .map_err(ExprError::from)
                .and_then(|regex| Expr::fits(subject.clone(), regex));
            return Some(vec![self.checked(expr, &[subject_span], whole)?]);
        }
        let each = texts.iter().map(|text| {
            // Every pattern that fits any text asks only whether there is one.
            if text.chars().all(|character| character == '*') && !text.is_empty() {
                return Expr::is_null(subject.clone()).and_then(Expr::negation);
            }
            Expr::like(subject.clone(), text, fold)
        });
        let each: Result<Vec<Expr>, ExprError> = each.collect();
        match each {
            Ok(list) => Some(list),
            Err(error) => self.checked(Err(error), &[subject_span], whole).map(|expr| vec![expr]),
        }
    }

    /// The expression, or the report of why there is none; `operands` are the places of its operands.
    pub(super) fn checked(
        &mut self,
        expr: Result<Expr, ExprError>,
        operands: &[Span],
        span: Span,
    ) -> Option<Expr> {
        let error = match expr {
            Ok(expr) => return Some(expr),
            Err(error) => error,
        };
        let place = |operand: usize| operands.get(operand).copied().unwrap_or(span);
        let diagnostic = match &error {
            ExprError::Type { operand, found, .. } => {
                let diagnostic = Diagnostic::error(codes::OPERAND_TYPE, error.to_string())
                    .at(place(*operand), found.with_article());
                match conversion(&error) {
                    Some(help) => diagnostic.with_help(help),
                    None => diagnostic,
                }
            }
            ExprError::NotConstant { operand, .. } => {
                Diagnostic::error(codes::NOT_CONSTANT, error.to_string())
                    .at(place(*operand), "not a constant")
            }
            ExprError::ArgumentCount { .. } | ExprError::NoIgnoreCase { .. } => {
                Diagnostic::error(codes::ARGUMENTS, error.to_string()).at(span, "called with these")
            }
            ExprError::Evaluation(reason) => {
                Diagnostic::error(codes::CONSTANT_FAILS, format!("this cannot be computed: {reason}"))
                    .at(span, "computed before the query runs")
            }
            ExprError::Regex(reason) => {
                Diagnostic::error(codes::BAD_PATTERN, format!("bad pattern: {reason}"))
                    .at(span, "in this pattern")
            }
        };
        self.fail(diagnostic)
    }

    /// Reports a constant that cannot be read as what is needed.
    pub(super) fn does_not_fit(&mut self, text: &str, wanted: &str, span: Span) {
        let message = format!("`{text}` is not {wanted}");
        self.report(Diagnostic::error(codes::VALUE_DOES_NOT_FIT, message).at(span, "does not fit"));
    }
}

fn conversion(error: &ExprError) -> Option<&'static str> {
    match error {
        ExprError::Type { expected: ExprType::Text, found, .. } if *found != ExprType::Null => {
            Some("convert it by `string(…)`")
        }
        ExprError::Type { expected: ExprType::Number, found: ExprType::Text, .. } => {
            Some("convert it by `number(…)`")
        }
        _ => None,
    }
}

/// Whether an element of that type can stand in a list for a subject of this one.
fn fits(subject: ExprType, element: ExprType) -> bool {
    matches!(
        (subject, element),
        (ExprType::Dynamic | ExprType::Null, _)
            | (ExprType::Text | ExprType::Ip | ExprType::Version | ExprType::Date, ExprType::Text)
            | (ExprType::Number | ExprType::Date, ExprType::Number)
            | (ExprType::Boolean, ExprType::Boolean)
    )
}

/// A block, or a single address.
pub(super) fn block_of(text: &str) -> Option<IpBlock> {
    IpBlock::of(text)
}

fn scalar(literal: &Literal) -> Scalar<'static> {
    match literal {
        Literal::Null => Scalar::Null,
        Literal::Boolean(value) => Scalar::Boolean(*value),
        Literal::Number(number) => match number.value {
            NumberValue::Integer(value) => Scalar::Integer(value),
            NumberValue::Long(value) => Scalar::Long(value),
            NumberValue::UnsignedLong(value) => Scalar::Unsigned(value),
            NumberValue::Double(value) => Scalar::Double(value),
        },
        Literal::String(text) => Scalar::text(text.value.clone()),
    }
}

fn arithmetic(op: ArithmeticOp) -> ArithmeticOperator {
    match op {
        ArithmeticOp::Add => ArithmeticOperator::Add,
        ArithmeticOp::Subtract => ArithmeticOperator::Subtract,
        ArithmeticOp::Multiply => ArithmeticOperator::Multiply,
        ArithmeticOp::Divide => ArithmeticOperator::Divide,
        ArithmeticOp::Remainder => ArithmeticOperator::Remainder,
    }
}

fn arithmetic_function(name: &str) -> Option<ArithmeticOperator> {
    Some(match name {
        "add" => ArithmeticOperator::Add,
        "subtract" => ArithmeticOperator::Subtract,
        "multiply" => ArithmeticOperator::Multiply,
        "divide" => ArithmeticOperator::Divide,
        "modulo" => ArithmeticOperator::Remainder,
        _ => return None,
    })
}
