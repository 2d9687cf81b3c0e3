//! What a computed leaf wishes of its fields: expressions turned round, from the result to the field.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_ir::{ComparisonOperator, Expr, ExprView, Function, Pattern, PatternPart, Scalar};

use super::needs::Wish;
use super::value::Value;

/// How many members of a regular expression are wished for.
const REGEX_EXAMPLES: usize = 8;
/// Values that both sides of a comparison may take, beside those that their fields have.
const SEEDS: [&str; 3] = ["ws01", "C:\\Windows", "example"];
/// Folders that paths of one event may share.
const FOLDERS: [&str; 3] = ["C:\\Users\\Public\\Tool\\", "/opt/tool/", "C:\\Windows\\System32\\"];

/// Wishes by field.
pub(super) type Wishes = BTreeMap<Arc<str>, Vec<Wish>>;

/// What to wish so that the expression becomes true, or false; `seeds` are values that its fields have by now.
pub(super) fn wishes(expr: &Expr, want: bool, seeds: &BTreeMap<Arc<str>, Vec<Value>>) -> Wishes {
    let mut wishing = Wishing { wishes: Wishes::new(), seeds };
    wishing.condition(expr, want);
    wishing.paths(expr);
    wishing.wishes
}

struct Wishing<'s> {
    wishes: Wishes,
    seeds: &'s BTreeMap<Arc<str>, Vec<Value>>,
}

impl Wishing<'_> {
    fn wish(&mut self, field: &Arc<str>, wish: Wish) {
        let wishes = self.wishes.entry(Arc::clone(field)).or_default();
        if !wishes.contains(&wish) {
            wishes.push(wish);
        }
    }

    /// Makes a condition true or false. What must be false mostly is, whatever the values.
    fn condition(&mut self, expr: &Expr, want: bool) {
        match expr.view() {
            ExprView::Not(inner) => self.condition(inner, !want),
            ExprView::And(operands) | ExprView::Or(operands) => {
                operands.iter().for_each(|operand| self.condition(operand, want));
            }
            ExprView::IsNull(inner) if !want => self.present(inner),
            ExprView::Compare(operator, left, right) => self.comparison(operator, left, right, want),
            ExprView::EqualIgnoringCase(left, right) if want => self.same(left, right),
            ExprView::In(subject, list) if want => {
                list.iter().for_each(|element| self.same(subject, element));
            }
            ExprView::Fits(subject, regex) if want => {
                for example in regex.examples(REGEX_EXAMPLES) {
                    self.set(subject, &Scalar::text(example));
                }
            }
            ExprView::Within(subject, blocks) if want => {
                for block in blocks {
                    self.set(subject, &Scalar::text(block.bounds().0.to_canonical().to_string()));
                }
            }
            ExprView::Call(function, _, [subject, part]) if want => self.part(function, subject, part),
            ExprView::Field(field) => self.wish(&field.name, Wish::Value(Value::Boolean(want))),
            ExprView::IsNull(_)
            | ExprView::EqualIgnoringCase(..)
            | ExprView::In(..)
            | ExprView::Fits(..)
            | ExprView::Within(..)
            | ExprView::Call(..)
            | ExprView::Constant(_)
            | ExprView::Arithmetic(..)
            | ExprView::Negate(_) => {}
        }
    }

    fn comparison(&mut self, operator: ComparisonOperator, left: &Expr, right: &Expr, want: bool) {
        let (expr, operator, constant) = match (left.as_constant(), right.as_constant()) {
            (_, Some(constant)) => (left, operator, constant),
            (Some(constant), None) => (right, operator.mirrored(), constant),
            (None, None) => {
                self.same(left, right);
                self.apart(left, right);
                return;
            }
        };
        let Some(number) = constant.as_integer() else {
            if want && operator == ComparisonOperator::Equal {
                self.set(expr, constant);
            }
            return;
        };
        let targets = match (operator, want) {
            (ComparisonOperator::Equal, true) => vec![number],
            (ComparisonOperator::Equal, false) => vec![number + 1, number - 1],
            (ComparisonOperator::Less | ComparisonOperator::LessOrEqual, true)
            | (ComparisonOperator::Greater | ComparisonOperator::GreaterOrEqual, false) => {
                vec![number - 1, number, 1, 0]
            }
            (ComparisonOperator::Less | ComparisonOperator::LessOrEqual, false)
            | (ComparisonOperator::Greater | ComparisonOperator::GreaterOrEqual, true) => {
                vec![number + 1, number, number + 10]
            }
        };
        for target in targets {
            if let Ok(target) = i64::try_from(target) {
                self.set(expr, &Scalar::Long(target));
            }
        }
    }

    /// A text of which another is a part, in the way of the function.
    fn part(&mut self, function: Function, subject: &Expr, part: &Expr) {
        let Some(text) = part.as_constant().and_then(|constant| constant.as_text()) else {
            self.same(subject, part);
            return;
        };
        let literal = PatternPart::Literal(text.into());
        let pattern = match function {
            Function::StartsWith => Pattern::new([literal, PatternPart::AnyRun]),
            Function::EndsWith => Pattern::new([PatternPart::AnyRun, literal]),
            _ => Pattern::new([PatternPart::AnyRun, literal, PatternPart::AnyRun]),
        };
        match subject.as_field() {
            Some(field) => self.wish(&field.name, Wish::Fits(pattern)),
            None => self.set(subject, &Scalar::text(text)),
        }
    }

    /// Both sides equal: each takes each value that a field of either has, or one of the seeds.
    fn same(&mut self, left: &Expr, right: &Expr) {
        if let Some(constant) = right.as_constant() {
            return self.set(left, constant);
        }
        if let Some(constant) = left.as_constant() {
            return self.set(right, constant);
        }
        let mut values: Vec<Value> = Vec::new();
        for side in [left, right] {
            side.for_each_field(&mut |field| {
                values.extend(self.seeds.get(&field.name).into_iter().flatten().cloned());
            });
        }
        values.extend(SEEDS.map(|seed| Value::Text(seed.to_owned())));
        for value in values {
            let scalar = scalar(&value);
            self.set(left, &scalar);
            self.set(right, &scalar);
        }
    }

    /// Both sides different numbers.
    fn apart(&mut self, left: &Expr, right: &Expr) {
        for (side, numbers) in [(left, [5, 1]), (right, [1, 5])] {
            numbers.into_iter().for_each(|number| self.set(side, &Scalar::Long(number)));
        }
    }

    /// A position of a part in a text. Anything else that must not be null gets the usual values.
    fn present(&mut self, expr: &Expr) {
        if let ExprView::Call(Function::IndexOf, _, [subject, part, ..]) = expr.view() {
            self.part(Function::StringContains, subject, part);
        }
    }

    /// Makes an expression take a value.
    fn set(&mut self, expr: &Expr, target: &Scalar<'_>) {
        match expr.view() {
            ExprView::Field(field) => {
                if let Some(value) = value(target) {
                    self.wish(&field.name, Wish::Value(value));
                }
            }
            ExprView::Negate(inner) => {
                if let Some(number) = target.as_integer().and_then(|number| i64::try_from(-number).ok()) {
                    self.set(inner, &Scalar::Long(number));
                }
            }
            ExprView::Arithmetic(operator, left, right) => self.set_arithmetic(operator, left, right, target),
            ExprView::Call(function, _, arguments) => self.set_call(function, arguments, target),
            ExprView::Constant(_)
            | ExprView::Not(_)
            | ExprView::And(_)
            | ExprView::Or(_)
            | ExprView::IsNull(_)
            | ExprView::Compare(..)
            | ExprView::EqualIgnoringCase(..)
            | ExprView::In(..)
            | ExprView::Fits(..)
            | ExprView::Within(..) => {}
        }
    }

    fn set_arithmetic(
        &mut self,
        operator: watchfire_ir::ArithmeticOperator,
        left: &Expr,
        right: &Expr,
        target: &Scalar<'_>,
    ) {
        use watchfire_ir::ArithmeticOperator::{Add, Divide, Multiply, Remainder, Subtract};
        let number = |expr: &Expr| expr.as_constant().and_then(Scalar::as_integer);
        let Some(target) = target.as_integer() else { return };
        let (inner, wanted) = match (operator, number(left), number(right)) {
            (Add, None, Some(constant)) => (left, target - constant),
            (Add, Some(constant), None) => (right, target - constant),
            (Subtract, None, Some(constant)) => (left, target + constant),
            (Subtract, Some(constant), None) => (right, constant - target),
            (Multiply, None, Some(constant)) if constant != 0 => (left, target / constant),
            (Multiply, Some(constant), None) if constant != 0 => (right, target / constant),
            (Divide, None, Some(constant)) => (left, target.saturating_mul(constant)),
            (Remainder, None, Some(_)) => (left, target),
            (Add | Subtract, None, None) => {
                // The right side as small as can be.
                self.set(right, &Scalar::Long(0));
                (left, target)
            }
            _ => return,
        };
        if let Ok(wanted) = i64::try_from(wanted) {
            self.set(inner, &Scalar::Long(wanted));
        }
    }

    fn set_call(&mut self, function: Function, arguments: &[Expr], target: &Scalar<'_>) {
        let text_of =
            |at: usize| arguments.get(at).and_then(Expr::as_constant).and_then(|part| part.as_text());
        let number_of =
            |at: usize| arguments.get(at).and_then(Expr::as_constant).and_then(Scalar::as_integer);
        let Some(first) = arguments.first() else { return };
        let wanted = match value(target) {
            Some(value) => value.to_text(),
            None => return,
        };
        match function {
            Function::Length => {
                let Some(length) = target.as_integer().and_then(|length| usize::try_from(length).ok()) else {
                    return;
                };
                match first.as_field() {
                    Some(field) if length > 0 => self.wish(&field.name, Wish::Long(length)),
                    _ => self.set(first, &Scalar::text("A".repeat(length.min(10_000)))),
                }
            }
            Function::String => self.set(first, target),
            Function::Number => self.set(first, &Scalar::text(wanted)),
            Function::Concat => self.set_concat(arguments, &wanted),
            Function::Substring => {
                let start = number_of(1).unwrap_or(0).clamp(0, 1_000) as usize;
                let mut text = "A".repeat(start);
                text.push_str(&wanted);
                // An end that counts from the end of the text: so many characters more.
                let behind = match number_of(2) {
                    Some(end) if end < 0 => end.unsigned_abs().min(1_000) as usize,
                    _ => 0,
                };
                text.push_str(&if behind == 1 { "$".to_owned() } else { "A".repeat(behind) });
                self.set(first, &Scalar::text(text));
            }
            Function::Between => {
                if let (Some(left), Some(right)) = (text_of(1), text_of(2)) {
                    self.set(first, &Scalar::text(format!("{left}{wanted}{right}")));
                }
            }
            Function::IndexOf => {
                if let (Some(part), Some(at)) = (text_of(1), target.as_integer()) {
                    let before = "a".repeat(usize::try_from(at).unwrap_or(0).min(10_000));
                    self.set(first, &Scalar::text(format!("{before}{part}")));
                }
            }
            Function::StartsWith | Function::EndsWith | Function::StringContains => {}
        }
    }

    /// The constants at the ends are cut off; what is left is cut at the constants inside.
    fn set_concat(&mut self, arguments: &[Expr], wanted: &str) {
        let constant = |expr: &Expr| expr.as_constant().and_then(|part| part.as_text().map(str::to_owned));
        let (mut rest, mut from, mut to) = (wanted, 0, arguments.len());
        while let Some(text) = arguments.get(from).and_then(constant) {
            let Some(left) = rest.strip_prefix(&*text) else { return };
            (rest, from) = (left, from + 1);
        }
        while let Some(text) = to.checked_sub(1).and_then(|last| arguments.get(last)).and_then(constant) {
            let Some(left) = rest.strip_suffix(&*text) else { return };
            (rest, to) = (left, to - 1);
        }
        let open = arguments.get(from..to).unwrap_or_default();
        for (at, argument) in open.iter().enumerate() {
            if let Some(text) = constant(argument) {
                let Some(left) = rest.strip_prefix(&*text) else { return };
                rest = left;
                continue;
            }
            // Up to the next constant; of arguments side by side the first takes all.
            let end = open.get(at + 1).and_then(constant).map_or(Some(rest.len()), |text| rest.find(&*text));
            let Some(end) = end else { return };
            self.set(argument, &Scalar::text(&rest[..end]));
            rest = &rest[end..];
        }
    }

    /// A path and a name in one expression belong together.
    fn paths(&mut self, expr: &Expr) {
        let mut fields: Vec<Arc<str>> = Vec::new();
        expr.for_each_field(&mut |field| fields.push(Arc::clone(&field.name)));
        for path in &fields {
            let Some(parent) = path.strip_suffix(".path").or_else(|| path.strip_suffix(".executable")) else {
                continue;
            };
            let name: Arc<str> = format!("{parent}.name").into();
            let names: Vec<String> = match self.seeds.get(&name) {
                Some(values) if fields.contains(&name) => values.iter().map(Value::to_text).collect(),
                _ => continue,
            };
            for (folder, name) in
                FOLDERS.iter().flat_map(|folder| names.iter().map(move |name| (folder, name)))
            {
                self.wish(path, Wish::Value(Value::Text(format!("{folder}{name}"))));
            }
        }
    }
}

fn value(scalar: &Scalar<'_>) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => return None,
        Scalar::Boolean(value) => Value::Boolean(*value),
        Scalar::Integer(number) => Value::Integer((*number).into()),
        Scalar::Long(number) => Value::Integer(*number),
        Scalar::Unsigned(number) => Value::Unsigned(*number),
        Scalar::Double(number) => Value::Double(*number),
        Scalar::Text(text) | Scalar::Loose(text) => Value::Text(text.to_string()),
        Scalar::Instant(at) => Value::Text(at.to_iso_millis()),
    })
}

fn scalar(value: &Value) -> Scalar<'static> {
    match value {
        Value::Text(text) => Scalar::text(text.clone()),
        Value::Integer(number) => Scalar::Long(*number),
        Value::Unsigned(number) => Scalar::Unsigned(*number),
        Value::Double(number) => Scalar::Double(*number),
        Value::Boolean(value) => Scalar::Boolean(*value),
    }
}
