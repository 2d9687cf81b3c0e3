//! What makes a condition costly by the way it is written.
//!
//! Most conditions cost next to nothing: values repeat and are asked once, and an event is looked at only if a value of
//! it begins, ends or goes on as some condition asks. These are the ways to write one of which that is not so. What only
//! excludes is left out, for it is asked of few events.

use std::sync::Arc;

use crate::{
    AnyFieldLeaf, ComputedLeaf, Condition, FieldLeaf, FieldTarget, Leaf, Node, Pattern, PatternPart,
    Predicate,
};

/// A literal of fewer bytes is nearly everywhere, so looking for it first saves nothing. A character beyond ASCII is rare,
/// and may stand alone.
const SHORTEST_USEFUL_LITERAL: usize = 3;

/// Fields that nearly all rules ask for, with values that many events have: they leave too many to be a guard.
const COMMON_FIELDS: [&str; 9] = [
    "data_stream.dataset",
    "data_stream.type",
    "event.category",
    "event.dataset",
    "event.kind",
    "event.module",
    "event.outcome",
    "event.type",
    "host.os.type",
];

/// A costly part of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Costly {
    /// The whole: no value of a field has to be there for it to hold, so every event is asked.
    EveryEvent,
    /// A pattern or a regular expression that is looked for everywhere in each value of a field.
    NoLiteral {
        /// The field.
        field: Arc<str>,
        /// The pattern as it is dumped.
        pattern: String,
    },
    /// An expression that is computed for all events that fit common demands.
    Computed {
        /// Its fields, in order of first appearance.
        fields: Vec<Arc<str>>,
    },
    /// A pattern that is held against every value of every field of an event.
    AnyField {
        /// The pattern as it is dumped.
        pattern: String,
    },
}

/// The costly parts of a condition, from left to right, each once.
pub fn costly(condition: &Condition) -> Vec<Costly> {
    let mut found = Vec::new();
    if !matches!(condition.node(), Node::Constant(_)) && !is_guarded(condition, &|_, _| true) {
        found.push(Costly::EveryEvent);
    }
    walk(condition, false, &mut found);
    found
}

/// Adds what is costly about a condition; `guarded` if what stands around it leaves few events.
fn walk(condition: &Condition, guarded: bool, found: &mut Vec<Costly>) {
    let mut add = |costly: Costly| {
        if !found.contains(&costly) {
            found.push(costly);
        }
    };
    match condition.node() {
        Node::Leaf(Leaf::Field(leaf)) if !guarded => of_field(leaf).into_iter().for_each(add),
        Node::Leaf(Leaf::Computed(leaf)) if !guarded => add(of_expression(leaf)),
        Node::Leaf(Leaf::AnyField(AnyFieldLeaf { whole, .. }))
            if !guarded && whole.as_literal().is_none() =>
        {
            add(Costly::AnyField { pattern: whole.to_string() });
        }
        Node::Leaf(Leaf::Field(_) | Leaf::Computed(_) | Leaf::AnyField(_) | Leaf::Nested(_))
        | Node::Constant(_)
        | Node::Not(_) => {}
        Node::And(operands) => {
            let guards: Vec<bool> = operands.iter().map(|operand| is_guarded(operand, &leaves_few)).collect();
            for (at, operand) in operands.iter().enumerate() {
                let beside = guards.iter().enumerate().any(|(other, &guard)| guard && other != at);
                walk(operand, guarded || beside, found);
            }
        }
        Node::Or(operands) => operands.iter().for_each(|operand| walk(operand, guarded, found)),
    }
}

/// Whether a leaf on a field leaves few events, so that what is costly may stand beside it.
fn leaves_few(leaf: &FieldLeaf, field: &str) -> bool {
    !COMMON_FIELDS.contains(&field) && leaf.predicate != Predicate::Exists && of_field(leaf).is_empty()
}

/// Whether for the condition to hold some value must be there that satisfies a leaf which counts.
fn is_guarded(condition: &Condition, counts: &dyn Fn(&FieldLeaf, &str) -> bool) -> bool {
    match condition.node() {
        Node::Leaf(Leaf::Field(leaf)) => match &leaf.target {
            FieldTarget::Field(field) => counts(leaf, &field.name),
            FieldTarget::Names(_) | FieldTarget::Below(_) => false,
        },
        Node::Constant(value) => !value,
        Node::Leaf(_) | Node::Not(_) => false,
        Node::And(operands) => operands.iter().any(|operand| is_guarded(operand, counts)),
        Node::Or(operands) => operands.iter().all(|operand| is_guarded(operand, counts)),
    }
}

fn of_field(leaf: &FieldLeaf) -> Vec<Costly> {
    let FieldTarget::Field(field) = &leaf.target else { return Vec::new() };
    let costly = |pattern: String| Costly::NoLiteral { field: Arc::clone(&field.name), pattern };
    match &leaf.predicate {
        Predicate::Text(texts) => {
            let patterns = texts.patterns().iter().filter(|pattern| is_looked_for_everywhere(pattern));
            patterns.map(|pattern| costly(pattern.to_string())).collect()
        }
        Predicate::Regex(regex)
            if regex.required_literal() < SHORTEST_USEFUL_LITERAL && !regex.is_everything() =>
        {
            vec![costly(regex.to_string())]
        }
        Predicate::Exists
        | Predicate::Regex(_)
        | Predicate::Equals(_)
        | Predicate::Range { .. }
        | Predicate::Within(_)
        | Predicate::Tokens(_)
        | Predicate::Listed(_) => Vec::new(),
    }
}

/// Whether the literals of a pattern can stand anywhere, and none of them is worth to be looked for.
fn is_looked_for_everywhere(pattern: &Pattern) -> bool {
    let parts = pattern.parts();
    let literals = || parts.iter().enumerate().filter(|(_, part)| matches!(part, PatternPart::Literal(_)));
    let (Some((first, _)), Some((last, _))) = (literals().next(), literals().next_back()) else {
        // Only the length of a value counts.
        return false;
    };
    let is_long = |part: &PatternPart| matches!(part, PatternPart::Literal(text) if text.len() >= SHORTEST_USEFUL_LITERAL);
    parts[..first].contains(&PatternPart::AnyRun)
        && parts[last..].contains(&PatternPart::AnyRun)
        && !parts.iter().any(is_long)
}

fn of_expression(leaf: &ComputedLeaf) -> Costly {
    Costly::Computed { fields: leaf.fields().iter().map(|field| Arc::clone(&field.name)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalogue, EqlOptions, EqlPlan, lower_eql};

    fn of(text: &str) -> Vec<Costly> {
        let tree = watchfire_eql::parse(text).query.expect("the query is well formed");
        match lower_eql(&tree, &Catalogue::ecs(), &EqlOptions::default()).plan {
            Some(EqlPlan::Event(plan)) => costly(&plan.condition),
            other => panic!("`{text}` is no query of events: {other:?}"),
        }
    }

    #[test]
    fn common_ways_to_write_a_condition_are_not_costly() {
        for text in [
            "any where true",
            "process where process.name == \"a.exe\"",
            "process where process.command_line : (\"*abc*\", \"*.a\", \"a*\", \"*?*\")",
            "process where not process.command_line : \"*a*\"",
            "process where process.name : \"a.exe\" and length(process.command_line) > 100",
            "process where process.command_line regex~ \".*(abc|de*fgh).*\"",
            "any where process.name : \"a*\" or user.name : \"b*\"",
            "process where process.name : \"a.exe\" and process.command_line : \"*a*\"",
            "process where process.command_line : \"*\u{202e}*\"",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
    }

    #[test]
    fn costly_ways_are_found() {
        let pattern = |pattern: &str| Costly::NoLiteral {
            field: "process.command_line".into(),
            pattern: pattern.to_owned(),
        };
        let computed = Costly::Computed { fields: vec!["process.command_line".into()] };
        for (text, expected) in [
            ("any where process.name == null", vec![Costly::EveryEvent]),
            ("any where length(process.command_line) > 100", vec![Costly::EveryEvent, computed.clone()]),
            ("process where length(process.command_line) > 100", vec![computed.clone()]),
            (
                "process where event.type == \"start\" and (user.name == \"a\" or length(process.command_line) > 9)",
                vec![computed],
            ),
            (
                "process where process.command_line : (\"*a*\", \"*b?c*\", \"*def*\")",
                vec![pattern("`*a*`"), pattern("`*b?c*`")],
            ),
            (
                "process where process.command_line regex \".*[0-9]{8}.*\"",
                vec![pattern("regex \".*[0-9]{8}.*\"")],
            ),
            (
                "process where process.command_line regex \".*(abc|d).*\"",
                vec![pattern("regex \".*(abc|d).*\"")],
            ),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
