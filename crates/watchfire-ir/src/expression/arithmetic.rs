//! Arithmetic (eql-semantics §8): integers stay integers, and do not wrap around.

use super::evaluate::EvaluationError;
use super::expr::ArithmeticOperator;
use super::scalar::Scalar;

/// `left operator right`. Null, or a value that is no number, gives null.
pub(super) fn calculate(
    operator: ArithmeticOperator,
    left: &Scalar<'_>,
    right: &Scalar<'_>,
) -> Result<Scalar<'static>, EvaluationError> {
    let (left, right) = (left.as_number(), right.as_number());
    let (Some(left_double), Some(right_double)) = (left.as_double(), right.as_double()) else {
        return Ok(Scalar::Null);
    };
    let (Some(left_integer), Some(right_integer)) = (left.as_integer(), right.as_integer()) else {
        return Ok(Scalar::Double(match operator {
            ArithmeticOperator::Add => left_double + right_double,
            ArithmeticOperator::Subtract => left_double - right_double,
            ArithmeticOperator::Multiply => left_double * right_double,
            ArithmeticOperator::Divide => left_double / right_double,
            ArithmeticOperator::Remainder => left_double % right_double,
        }));
    };
    let result = match operator {
        ArithmeticOperator::Add => left_integer.checked_add(right_integer),
        ArithmeticOperator::Subtract => left_integer.checked_sub(right_integer),
        ArithmeticOperator::Multiply => left_integer.checked_mul(right_integer),
        ArithmeticOperator::Divide | ArithmeticOperator::Remainder if right_integer == 0 => {
            return Err(EvaluationError::DivisionByZero);
        }
        ArithmeticOperator::Divide => left_integer.checked_div(right_integer),
        ArithmeticOperator::Remainder => left_integer.checked_rem(right_integer),
    };
    let width = Width::of(&left).max(Width::of(&right));
    result.and_then(|result| width.hold(result)).ok_or(EvaluationError::Overflow)
}

/// `-operand`. Null, or a value that is no number, gives null.
pub(super) fn negate(operand: &Scalar<'_>) -> Result<Scalar<'static>, EvaluationError> {
    let operand = operand.as_number();
    match (operand.as_integer(), operand.as_double()) {
        (Some(number), _) => Width::of(&operand).hold(-number).ok_or(EvaluationError::Overflow),
        (None, Some(number)) => Ok(Scalar::Double(-number)),
        (None, None) => Ok(Scalar::Null),
    }
}

/// Which integers a result must be one of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Integer,
    Long,
    Unsigned,
}

impl Width {
    fn of(scalar: &Scalar<'_>) -> Self {
        match scalar {
            Scalar::Integer(_) => Self::Integer,
            Scalar::Unsigned(_) => Self::Unsigned,
            _ => Self::Long,
        }
    }

    fn hold(self, number: i128) -> Option<Scalar<'static>> {
        match self {
            Self::Integer => i32::try_from(number).ok().map(Scalar::Integer),
            Self::Long => i64::try_from(number).ok().map(Scalar::Long),
            // -9223372036854775808 is written as the negation of an unsigned number.
            Self::Unsigned => i64::try_from(number)
                .map(Scalar::Long)
                .or_else(|_| u64::try_from(number).map(Scalar::Unsigned))
                .ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_truncate_and_do_not_wrap() {
        let both = |operator, left: i32, right: i32| {
            calculate(operator, &Scalar::Integer(left), &Scalar::Integer(right))
        };
        assert_eq!(both(ArithmeticOperator::Divide, -7, 2), Ok(Scalar::Integer(-3)));
        assert_eq!(both(ArithmeticOperator::Remainder, -7, 2), Ok(Scalar::Integer(-1)));
        assert_eq!(both(ArithmeticOperator::Divide, 1, 0), Err(EvaluationError::DivisionByZero));
        assert_eq!(both(ArithmeticOperator::Add, i32::MAX, 1), Err(EvaluationError::Overflow));
        assert_eq!(
            calculate(ArithmeticOperator::Add, &Scalar::Long(i64::from(i32::MAX)), &Scalar::Integer(1)),
            Ok(Scalar::Long(2_147_483_648))
        );
        assert_eq!(
            calculate(ArithmeticOperator::Multiply, &Scalar::Long(i64::MAX), &Scalar::Long(2)),
            Err(EvaluationError::Overflow)
        );
        assert_eq!(
            calculate(ArithmeticOperator::Divide, &Scalar::Integer(1), &Scalar::Double(0.0)),
            Ok(Scalar::Double(f64::INFINITY))
        );
        assert_eq!(calculate(ArithmeticOperator::Add, &Scalar::Null, &Scalar::Integer(1)), Ok(Scalar::Null));
        assert_eq!(negate(&Scalar::Unsigned(1 << 63)), Ok(Scalar::Long(i64::MIN)));
        assert_eq!(negate(&Scalar::Integer(i32::MIN)), Err(EvaluationError::Overflow));
    }
}
