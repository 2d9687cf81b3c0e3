//! Alternatives about one field become one leaf.

use rustc_hash::FxHashMap;
use watchfire_events::IpBlock;

use crate::{Condition, FieldLeaf, FieldTarget, Fold, Leaf, Node, Pattern, Predicate, TextMatch, TokenMatch};

/// What leaves have to share to be asked as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Text(Fold),
    Within,
    AnyToken,
    FitToken,
}

/// The operands of leaves that became one.
#[derive(Default)]
struct Gathered {
    patterns: Vec<Pattern>,
    blocks: Vec<IpBlock>,
    tokens: Vec<String>,
}

/// The union, in which all texts, patterns, blocks and tokens that are asked of one field form one leaf: a list of
/// thousands of values costs the engine no more than its largest hash table.
pub(crate) fn any(operands: Vec<Condition>) -> Condition {
    let mut slots: Vec<Option<Condition>> = Vec::with_capacity(operands.len());
    let mut groups: FxHashMap<(String, Kind), (usize, FieldTarget, Gathered)> = FxHashMap::default();
    let flat = operands.into_iter().flat_map(|operand| match operand.node() {
        Node::Or(inner) => inner.clone(),
        _ => vec![operand],
    });
    for operand in flat {
        let Some((leaf, kind)) = mergeable(&operand) else {
            slots.push(Some(operand));
            continue;
        };
        let (_, _, gathered) = groups.entry((leaf.target.to_string(), kind)).or_insert_with(|| {
            slots.push(None);
            (slots.len() - 1, leaf.target.clone(), Gathered::default())
        });
        match &leaf.predicate {
            Predicate::Text(texts) => {
                gathered.patterns.extend(texts.exact().iter().map(|text| Pattern::literal(text)));
                gathered.patterns.extend_from_slice(texts.patterns());
            }
            Predicate::Within(blocks) => gathered.blocks.extend_from_slice(blocks),
            Predicate::Tokens(TokenMatch::AnyOf(tokens)) => gathered.tokens.extend_from_slice(tokens),
            Predicate::Tokens(TokenMatch::Fits(patterns)) => gathered.patterns.extend_from_slice(patterns),
            _ => {}
        }
    }
    for ((_, kind), (slot, target, gathered)) in groups {
        let predicate = gathered.predicate(kind);
        slots[slot] = Some(Condition::leaf(FieldLeaf { target, predicate }));
    }
    Condition::any(slots.into_iter().flatten())
}

fn mergeable(condition: &Condition) -> Option<(&FieldLeaf, Kind)> {
    let Node::Leaf(Leaf::Field(leaf)) = condition.node() else { return None };
    let kind = match &leaf.predicate {
        Predicate::Text(texts) => Kind::Text(texts.fold()),
        Predicate::Within(_) => Kind::Within,
        Predicate::Tokens(TokenMatch::AnyOf(_)) => Kind::AnyToken,
        Predicate::Tokens(TokenMatch::Fits(_)) => Kind::FitToken,
        _ => return None,
    };
    Some((leaf, kind))
}

impl Gathered {
    fn predicate(mut self, kind: Kind) -> Predicate {
        self.blocks.sort_unstable();
        self.blocks.dedup();
        self.tokens.sort_unstable();
        self.tokens.dedup();
        match kind {
            Kind::Text(fold) => Predicate::Text(TextMatch::new(fold, self.patterns)),
            Kind::Within => Predicate::Within(self.blocks),
            Kind::AnyToken => Predicate::Tokens(TokenMatch::AnyOf(self.tokens)),
            Kind::FitToken => {
                self.patterns.sort_unstable();
                self.patterns.dedup();
                Predicate::Tokens(TokenMatch::Fits(self.patterns))
            }
        }
    }
}
