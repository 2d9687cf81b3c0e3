//! A leaf that is computed (eql-semantics §5, §7).

use std::fmt;

use watchfire_events::ValueRef;

use super::ExprType;
use super::evaluate::{EvaluationError, Scope};
use super::expr::{Expr, ExprError};
use super::scalar::Scalar;
use crate::FieldRef;

/// Most combinations of values that are tried for one event.
pub const MAX_COMBINATIONS: u64 = 10_000;

/// Does some combination of values, one per distinct field, make an expression true?
#[derive(Clone, Debug, PartialEq)]
pub struct ComputedLeaf {
    expr: Expr,
    fields: Vec<FieldRef>,
}

impl ComputedLeaf {
    /// A leaf of a boolean expression.
    ///
    /// # Errors
    /// The expression is not boolean.
    pub fn new(expr: Expr) -> Result<Self, ExprError> {
        let found = expr.expr_type();
        if !found.is_condition() {
            return Err(ExprError::Type {
                operand: 0,
                operation: "a condition",
                expected: ExprType::Boolean,
                found,
            });
        }
        let mut fields: Vec<FieldRef> = Vec::new();
        expr.for_each_field(&mut |field| {
            if !fields.contains(field) {
                fields.push(field.clone());
            }
        });
        Ok(Self { expr, fields })
    }

    /// The expression.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The distinct fields of the expression, in order of first appearance.
    pub fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    /// Whether some combination makes the expression true. `values` holds, in the order of [`ComputedLeaf::fields`],
    /// the values of each field; a field without any contributes one null.
    ///
    /// # Errors
    /// No combination makes it true, and some could not be evaluated, or there are more than [`MAX_COMBINATIONS`] and
    /// none was tried.
    pub fn holds(&self, values: &[Vec<ValueRef<'_>>]) -> Result<bool, EvaluationError> {
        let choices: Vec<Vec<Scalar<'_>>> = self
            .fields
            .iter()
            .enumerate()
            .map(|(at, field)| match values.get(at) {
                Some(list) if !list.is_empty() => {
                    list.iter().map(|&value| Scalar::from_value(value, field.field_type)).collect()
                }
                _ => vec![Scalar::Null],
            })
            .collect();
        let combinations = choices.iter().fold(1_u64, |count, list| count.saturating_mul(list.len() as u64));
        if combinations > MAX_COMBINATIONS {
            return Err(EvaluationError::TooManyCombinations { combinations, limit: MAX_COMBINATIONS });
        }
        let mut first_error = None;
        let mut current = vec![0_usize; choices.len()];
        loop {
            let chosen: Vec<Scalar<'_>> =
                choices.iter().zip(&current).map(|(list, &at)| list[at].borrowed()).collect();
            let scope = Scope { fields: &self.fields, values: &chosen };
            match self.expr.evaluate_in(&scope) {
                Ok(value) if value.as_boolean() == Some(true) => return Ok(true),
                Ok(_) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
            if !advance(&mut current, &choices) {
                return first_error.map_or(Ok(false), Err);
            }
        }
    }
}

/// Steps to the next combination; false behind the last.
fn advance(current: &mut [usize], choices: &[Vec<Scalar<'_>>]) -> bool {
    for (at, list) in current.iter_mut().zip(choices).rev() {
        *at += 1;
        if *at < list.len() {
            return true;
        }
        *at = 0;
    }
    false
}

impl fmt::Display for ComputedLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "computed {}", self.expr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{ArithmeticOperator, ComparisonOperator, Function};
    use watchfire_events::FieldType;

    fn field(name: &str, field_type: FieldType) -> Expr {
        Expr::field(FieldRef { name: name.into(), field_type }).unwrap()
    }

    fn number(value: i32) -> Expr {
        Expr::constant(Scalar::Integer(value))
    }

    fn equal(left: Expr, right: Expr) -> ComputedLeaf {
        ComputedLeaf::new(Expr::compare(ComparisonOperator::Equal, left, right).unwrap()).unwrap()
    }

    #[test]
    fn tries_all_combinations() {
        let sum = Expr::arithmetic(
            ArithmeticOperator::Add,
            field("a", FieldType::Long),
            field("b", FieldType::Long),
        );
        let leaf = equal(sum.unwrap(), number(5));
        let list = |values: &[i64]| values.iter().map(|&value| ValueRef::Integer(value)).collect::<Vec<_>>();
        assert_eq!(leaf.holds(&[list(&[1, 2]), list(&[9, 3])]), Ok(true));
        assert_eq!(leaf.holds(&[list(&[1, 2]), list(&[9, 5])]), Ok(false));
        assert_eq!(leaf.holds(&[list(&[5]), vec![]]), Ok(false), "a missing field is null");
        assert_eq!(
            leaf.holds(&[list(&[i64::MAX, 4]), list(&[1])]),
            Ok(true),
            "one that works counts more than one that fails"
        );
        assert_eq!(leaf.holds(&[list(&[i64::MAX]), list(&[1])]), Err(EvaluationError::Overflow));
    }

    #[test]
    fn the_same_field_has_one_value() {
        let a = || field("a", FieldType::Long);
        let twice = Expr::arithmetic(ArithmeticOperator::Add, a(), a()).unwrap();
        let leaf = equal(twice, number(5));
        assert_eq!(leaf.fields().len(), 1);
        assert_eq!(leaf.holds(&[vec![ValueRef::Integer(2), ValueRef::Integer(3)]]), Ok(false));
    }

    #[test]
    fn combinations_are_bounded() {
        let length =
            |name| Expr::call(Function::Length, false, vec![field(name, FieldType::Keyword)]).unwrap();
        let sum = Expr::arithmetic(ArithmeticOperator::Add, length("a"), length("b")).unwrap();
        let leaf = equal(sum, number(2));
        let many = vec![ValueRef::Text("x"); 101];
        assert_eq!(
            leaf.holds(&[many.clone(), many]),
            Err(EvaluationError::TooManyCombinations { combinations: 10_201, limit: MAX_COMBINATIONS })
        );
    }

    #[test]
    fn only_conditions_are_leaves() {
        assert!(ComputedLeaf::new(number(1)).is_err());
        assert_eq!(equal(field("a", FieldType::Long), number(1)).to_string(), "computed (a:long == 1)");
    }
}
