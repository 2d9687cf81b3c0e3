//! Operands of `OR` that ask the same column for constant values, joined into one test: it is asked once for a row, and a row with
//! several values is told once, as Elasticsearch does.

use watchfire_esql::ast::Comparison;

use crate::functions::{Function, Prepared};
use crate::plan::{Typed, TypedKind};
use crate::types::DataType;

/// The operands, those joined at the place of the first.
pub(super) fn joined(operands: Vec<Typed>) -> Vec<Typed> {
    let mut out: Vec<Typed> = Vec::new();
    for operand in operands {
        let Some(slot) = asked(&operand) else {
            out.push(operand);
            continue;
        };
        match out.iter_mut().find(|other| asked(other) == Some(slot)) {
            Some(first) => *first = both(first, operand),
            None => out.push(operand),
        }
    }
    out
}

/// The slot that a test asks, if it asks one for constants only.
fn asked(test: &Typed) -> Option<usize> {
    let (field, constants): (&Typed, &[Typed]) = match &test.kind {
        TypedKind::Compare(Comparison::Equal, field, constant) => (field, std::slice::from_ref(&**constant)),
        TypedKind::In(field, list) => (field, list),
        TypedKind::Call { function, arguments, .. } if function.name == "CIDR_MATCH" => {
            (&arguments[0], &arguments[1..])
        }
        _ => return None,
    };
    // A list in the query is no single value, and null makes the test unknown: they stay as they are.
    let is_single = |constant: &Typed| constant.constant().is_some_and(|cell| cell.values().len() == 1);
    match field.kind {
        TypedKind::Slot(slot) if constants.iter().all(is_single) => Some(slot),
        _ => None,
    }
}

fn both(first: &Typed, second: Typed) -> Typed {
    let is_block = |test: &Typed| matches!(test.kind, TypedKind::Call { .. });
    let with_blocks = is_block(first) || is_block(&second);
    let (field, mut list) = parts(first.clone());
    let (_, further) = parts(second);
    list.extend(further);
    if !with_blocks {
        return Typed { kind: TypedKind::In(Box::new(field), list), ..first.clone() };
    }
    let Some(function) = Function::of("CIDR_MATCH") else { unreachable!("the table has CIDR_MATCH") };
    let text = |value: Typed| match (value.data_type, value.constant()) {
        (DataType::Ip, Some(cell)) => {
            let cell = cell.map(|value| Some(crate::Value::Text(value.to_text())));
            Typed { kind: TypedKind::Constant(cell), data_type: DataType::Keyword, span: value.span }
        }
        _ => value,
    };
    let span = field.span;
    let arguments: Vec<Typed> = std::iter::once(field).chain(list.into_iter().map(text)).collect();
    let constants: Vec<_> = arguments.iter().map(Typed::constant).collect();
    let prepared = function.prepare.and_then(|prepare| prepare(&constants).ok()).unwrap_or(Prepared::Nothing);
    Typed { kind: TypedKind::Call { function, arguments, prepared }, data_type: DataType::Boolean, span }
}

/// The column, and what it is asked for.
fn parts(test: Typed) -> (Typed, Vec<Typed>) {
    match test.kind {
        TypedKind::Compare(_, field, constant) => (*field, vec![*constant]),
        TypedKind::In(field, list) => (*field, list),
        TypedKind::Call { mut arguments, .. } => {
            let list = arguments.split_off(1);
            (arguments.remove(0), list)
        }
        _ => unreachable!("only tests of constants are joined"),
    }
}
