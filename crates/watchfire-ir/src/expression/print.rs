//! The dump of an expression: stable, one line, every operator parenthesised.

use std::fmt;

use super::expr::{ArithmeticOperator, ComparisonOperator, Expr, Node};

impl fmt::Display for ComparisonOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for ArithmeticOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        })
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: &[Expr], separator: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Node::Constant(value) => write!(f, "{value}"),
            Node::Field(field) => write!(f, "{field}"),
            Node::Not(inner) => write!(f, "(not {inner})"),
            Node::And(operands) => {
                f.write_str("(")?;
                list(f, operands, " and ")?;
                f.write_str(")")
            }
            Node::Or(operands) => {
                f.write_str("(")?;
                list(f, operands, " or ")?;
                f.write_str(")")
            }
            Node::IsNull(inner) => write!(f, "({inner} is null)"),
            Node::Compare { operator, left, right } => write!(f, "({left} {operator} {right})"),
            Node::EqualIgnoringCase { left, right } => write!(f, "({left} ==~ {right})"),
            Node::Arithmetic { operator, left, right } => write!(f, "({left} {operator} {right})"),
            Node::Negate(inner) => write!(f, "(- {inner})"),
            Node::In { subject, list: elements } => {
                write!(f, "({subject} in (")?;
                list(f, elements, ", ")?;
                f.write_str("))")
            }
            Node::Fits { subject, regex } => write!(f, "({subject} {regex})"),
            Node::Within { subject, blocks } => {
                write!(f, "({subject} within")?;
                blocks.iter().try_for_each(|block| write!(f, " {block}"))?;
                f.write_str(")")
            }
            Node::Call { function, ignore_case, arguments } => {
                write!(f, "{}{}(", function.name(), if *ignore_case { "~" } else { "" })?;
                list(f, arguments, ", ")?;
                f.write_str(")")
            }
        }
    }
}
