//! How far a branch of the search has come: what each field needs, what is still to be chosen.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use watchfire_events::{Document, set_field};
use watchfire_ir::{ComputedLeaf, Condition, FieldLeaf, FieldTarget, Leaf, Node, Predicate};

use super::needs::Needs;
use super::value::Value;

/// Something that must be brought about.
#[derive(Clone)]
pub(super) enum Goal<'c> {
    Condition(usize, &'c Condition, bool),
    Field(usize, Arc<str>, Box<Cow<'c, Predicate>>),
}

/// Alternatives, one of which must be brought about, and a condition that says when this has happened by itself.
#[derive(Clone)]
pub(super) struct Choice<'c> {
    pub(super) goals: Rc<Vec<Goal<'c>>>,
    pub(super) decided_by: Option<(usize, &'c Condition, bool)>,
}

/// How far a branch has come.
#[derive(Clone)]
pub(super) struct State<'c> {
    pub(super) needs: Vec<Rc<Needs<'c>>>,
    pub(super) fields: Rc<BTreeMap<(usize, Arc<str>), usize>>,
    pub(super) choices: Vec<Choice<'c>>,
    pub(super) computed: Vec<(usize, &'c ComputedLeaf, bool)>,
    /// What no field that fits may hold.
    pub(super) open: Vec<(usize, &'c FieldTarget, &'c Predicate)>,
    /// Objects for lists of objects.
    pub(super) objects: Vec<(usize, Arc<str>, serde_json::Value)>,
}

impl<'c> State<'c> {
    /// Whether the values chosen so far make a condition true, if that can be told.
    pub(super) fn value_of(&self, stage: usize, condition: &Condition) -> Option<bool> {
        let all = |operands: &[Condition], neutral: bool| {
            let mut known = true;
            for operand in operands {
                match self.value_of(stage, operand) {
                    Some(value) if value != neutral => return Some(!neutral),
                    Some(_) => {}
                    None => known = false,
                }
            }
            known.then_some(neutral)
        };
        match condition.node() {
            Node::Constant(value) => Some(*value),
            Node::Not(inner) => self.value_of(stage, inner).map(|value| !value),
            Node::And(operands) => all(operands, true),
            Node::Or(operands) => all(operands, false),
            Node::Leaf(Leaf::Field(leaf)) => Some(match &leaf.target {
                FieldTarget::Field(field) => self
                    .fields
                    .get(&(stage, Arc::clone(&field.name)))
                    .is_some_and(|&number| self.needs[number].satisfy(&leaf.predicate)),
                target => self.fields.iter().any(|((at, name), &number)| {
                    *at == stage && stands_for(target, name) && self.needs[number].satisfy(&leaf.predicate)
                }),
            }),
            Node::Leaf(Leaf::Computed(_) | Leaf::Nested(_) | Leaf::AnyField(_)) => None,
        }
    }

    /// How much it takes to make a goal false, roughly.
    pub(super) fn cost_of_false(&self, goal: &Goal<'c>) -> usize {
        let Goal::Condition(stage, condition, want) = goal else { return 9 };
        let (condition, want) = match condition.node() {
            Node::Not(inner) => (&**inner, !*want),
            _ => (*condition, *want),
        };
        match condition.node() {
            Node::Leaf(Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), .. })) => {
                let needs = self.fields.get(&(*stage, Arc::clone(&field.name))).map(|&at| &self.needs[at]);
                match (want, needs.is_none_or(|needs| needs.may_be_absent())) {
                    (false, true) => 0,
                    (false, false) => 2,
                    (true, true) => 3,
                    (true, false) => 4,
                }
            }
            Node::Leaf(Leaf::Computed(_)) => 5,
            Node::Leaf(_) => 4,
            Node::Constant(_) | Node::Not(_) | Node::And(_) | Node::Or(_) => 6,
        }
    }

    pub(super) fn document(&self, stage: usize) -> Document {
        let mut document = Document::new();
        for ((at, name), &number) in &*self.fields {
            if *at != stage {
                continue;
            }
            let mut values: Vec<serde_json::Value> =
                self.needs[number].values.iter().map(Value::to_json).collect();
            match values.len() {
                0 => {}
                1 => set_field(&mut document, name, values.remove(0)),
                _ => set_field(&mut document, name, values.into()),
            }
        }
        let mut lists: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
        for (_, path, object) in self.objects.iter().filter(|(at, _, _)| *at == stage) {
            lists.entry(path).or_default().push(object.clone());
        }
        for (path, mut objects) in lists {
            let value = if objects.len() == 1 { objects.remove(0) } else { objects.into() };
            set_field(&mut document, path, value);
        }
        document
    }
}

/// Whether a target stands for a field of this name.
pub(super) fn stands_for(target: &FieldTarget, name: &str) -> bool {
    match target {
        FieldTarget::Field(field) => *field.name == *name,
        FieldTarget::Names(pattern) => pattern.fits(name),
        FieldTarget::Below(above) => {
            name.strip_prefix(&**above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
    }
}
