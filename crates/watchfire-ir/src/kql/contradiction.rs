//! Conjunctions that no event satisfies.

use rustc_hash::FxHashMap;

use crate::{Condition, FieldLeaf, FieldTarget, Fold, Leaf, Node, Predicate, Schema, TextMatch};

/// Beyond this many comparisons of texts with lists of texts, nothing is said: this is only advice.
const MAX_TRIALS: usize = 100_000;

/// What a conjunction asks of one field.
#[derive(Default)]
struct Demands<'a> {
    wanted: Vec<&'a TextMatch>,
    refused: Vec<&'a TextMatch>,
    must_exist: bool,
    must_not_exist: bool,
}

/// The name of a field whose demands exclude one another, if the condition is a conjunction with one.
///
/// Two different texts exclude each other only where an event has one value of the field at most. A text that is both
/// demanded and excluded, or demanded of a field that must not exist, is a contradiction anywhere.
pub(super) fn find(condition: &Condition, schema: &dyn Schema) -> Option<String> {
    let Node::And(operands) = condition.node() else { return None };
    let mut names: Vec<&str> = Vec::new();
    let mut fields: FxHashMap<&str, Demands<'_>> = FxHashMap::default();
    for operand in operands {
        let (leaf, negated) = match operand.node() {
            Node::Leaf(Leaf::Field(leaf)) => (leaf, false),
            Node::Not(inner) => match inner.node() {
                Node::Leaf(Leaf::Field(leaf)) => (leaf, true),
                _ => continue,
            },
            _ => continue,
        };
        let FieldLeaf { target: FieldTarget::Field(field), predicate } = leaf else { continue };
        let demands = fields.entry(&field.name).or_insert_with(|| {
            names.push(&field.name);
            Demands::default()
        });
        match (predicate, negated) {
            (Predicate::Text(texts), false) => demands.wanted.push(texts),
            (Predicate::Text(texts), true) => demands.refused.push(texts),
            (Predicate::Exists, true) => demands.must_not_exist = true,
            (_, false) => demands.must_exist = true,
            (_, true) => {}
        }
    }
    let contradicts = |name: &&str| {
        fields.get(*name).is_some_and(|demands| demands.exclude_one_another(schema.is_single_valued(name)))
    };
    names.into_iter().find(contradicts).map(str::to_owned)
}

impl Demands<'_> {
    fn exclude_one_another(&self, single_valued: bool) -> bool {
        let texts: usize = self.wanted.iter().map(|wanted| wanted.exact().len()).sum();
        if texts * (self.wanted.len() + self.refused.len()) > MAX_TRIALS {
            return false;
        }
        if self.must_not_exist && (self.must_exist || !self.wanted.is_empty()) {
            return true;
        }
        self.wanted.iter().any(|wanted| {
            // Only a list of texts without patterns can be tried out; under a folding its texts stand for others too,
            // which the other sides may tell apart.
            let candidates =
                (wanted.patterns().is_empty() && wanted.fold() == Fold::None).then(|| wanted.exact());
            candidates.is_some_and(|texts| {
                texts.iter().all(|text| {
                    self.refused.iter().any(|refused| refused.holds(text))
                        || (single_valued && !self.wanted.iter().all(|other| other.holds(text)))
                })
            })
        })
    }
}
