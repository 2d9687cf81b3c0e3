//! What a stage asks of its keys is asked of the other stages too (eql-semantics §12).
//!
//! Elasticsearch copies such parts of a condition from stage to stage before it searches. With keys of one value this
//! changes nothing, since keys are equal; with several it does: a stage that asks for `tags == "a"` keeps out, at another
//! stage, an event tagged only `b` that would have joined through `b`.
//!
//! A part is copied with the key replaced by the other stage's. A computed part is copied only where both stages name the
//! same field: rewriting an expression is left to the day a rule needs it.

use watchfire_ir::{Condition, FieldLeaf, FieldRef, FieldTarget, Fold, Leaf, Node, Predicate, StagePlan};

/// Adds to each stage of a sequence or sample what the others ask of their keys. Missing clauses receive and do not give;
/// `until` takes no part.
pub fn spread_key_constraints(stages: &mut [StagePlan]) {
    let given: Vec<Vec<Condition>> =
        stages.iter().map(|stage| if stage.missing { Vec::new() } else { parts_about_keys(stage) }).collect();
    for to in 0..stages.len() {
        let mut all = vec![stages[to].condition.clone()];
        for (from, parts) in given.iter().enumerate().filter(|(from, _)| *from != to) {
            all.extend(parts.iter().filter_map(|part| for_stage(part, &stages[from], &stages[to])));
        }
        stages[to].condition = Condition::all(all);
    }
}

/// The parts of the top-level `and` that mention a key and hold no `or`.
fn parts_about_keys(stage: &StagePlan) -> Vec<Condition> {
    let parts = match stage.condition.node() {
        Node::And(parts) => parts.as_slice(),
        _ => std::slice::from_ref(&stage.condition),
    };
    let of_interest = |part: &&Condition| {
        let mut mentions = false;
        part.for_each_leaf(&mut |leaf, _| {
            mentions |= fields(leaf).iter().any(|field| position(stage, field).is_some());
        });
        mentions && !holds_or(part)
    };
    parts.iter().filter(of_interest).cloned().collect()
}

fn holds_or(condition: &Condition) -> bool {
    match condition.node() {
        Node::Or(_) => true,
        Node::And(parts) => parts.iter().any(holds_or),
        Node::Not(inner) => holds_or(inner),
        // Several patterns are alternatives, except that exact ones are the list of an `in`.
        Node::Leaf(Leaf::Field(FieldLeaf { predicate: Predicate::Text(texts), .. })) => {
            texts.exact().len() + texts.patterns().len() > 1
                && (texts.fold() != Fold::None || !texts.patterns().is_empty())
        }
        Node::Constant(_) | Node::Leaf(_) => false,
    }
}

/// The part as the other stage asks it; `None` if it cannot be written for it.
fn for_stage(part: &Condition, from: &StagePlan, to: &StagePlan) -> Option<Condition> {
    // The field that stands at the other stage for one of this; a field that is no key stays what it is.
    let counterpart = |field: &FieldRef| match position(from, field) {
        Some(at) => to.keys.get(at)?.field.clone(),
        None => Some(field.clone()),
    };
    Some(match part.node() {
        Node::Constant(value) => Condition::constant(*value),
        Node::Not(inner) => for_stage(inner, from, to)?.negate(),
        Node::And(parts) => {
            Condition::all(parts.iter().map(|part| for_stage(part, from, to)).collect::<Option<Vec<_>>>()?)
        }
        Node::Or(_) => return None,
        Node::Leaf(leaf) => match leaf {
            Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), predicate }) => {
                Condition::leaf(FieldLeaf::new(counterpart(field)?, predicate.clone()))
            }
            other => {
                let unchanged = fields(other).iter().all(|field| counterpart(field).as_ref() == Some(field));
                return unchanged.then(|| part.clone());
            }
        },
    })
}

/// The fields of a leaf that can be keys: those named one by one.
fn fields(leaf: &Leaf) -> Vec<FieldRef> {
    match leaf {
        Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), .. }) => vec![field.clone()],
        Leaf::Computed(computed) => computed.fields().to_vec(),
        Leaf::Field(_) | Leaf::Nested(_) | Leaf::AnyField(_) => Vec::new(),
    }
}

/// The position of a field among the keys of a stage.
fn position(stage: &StagePlan, field: &FieldRef) -> Option<usize> {
    stage.keys.iter().position(|key| key.field.as_ref().is_some_and(|key| key.name == field.name))
}
