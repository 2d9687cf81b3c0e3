//! Which parts of a rule its tests try out: for every leaf of its conditions, whether some event makes it true and some
//! event makes it false.

use watchfire_engine::{RuleIndex, reference};
use watchfire_events::EventBatch;
use watchfire_ir::{Condition, Leaf, Schema};
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{RuleTest, RuleTests};

use crate::compile::CompileOptions;
use crate::rule_book::{RuleBook, RuleState};
use crate::rule_test::batch_of;

/// What the tests of a rule try out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleCoverage {
    /// Every different leaf of every stage, in the order of the query.
    pub leaves: Vec<LeafCoverage>,
}

/// What tests make of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafCoverage {
    /// The stage it is of, from 1; a rule for single events has one.
    pub stage: usize,
    /// The leaf, as the dump of conditions shows it.
    pub leaf: String,
    /// Whether some event makes it true.
    pub made_true: bool,
    /// Whether some event makes it false.
    pub made_false: bool,
}

impl RuleCoverage {
    /// How many outcomes there are: two for each leaf.
    pub fn outcomes(&self) -> usize {
        2 * self.leaves.len()
    }

    /// How many of them some event brings about.
    pub fn seen(&self) -> usize {
        self.leaves.iter().map(|leaf| usize::from(leaf.made_true) + usize::from(leaf.made_false)).sum()
    }
}

/// What the tests of a rule try out; without tests nothing. `None` if the rule does not run.
pub fn rule_coverage(
    rule: &Rule,
    tests: Option<&RuleTests>,
    schema: &dyn Schema,
    options: &CompileOptions,
) -> Option<RuleCoverage> {
    let book = RuleBook::compile([rule.clone()], schema, options);
    if !matches!(book.rules().next(), Some((_, RuleState::Ready))) {
        return None;
    }
    let batches: Vec<EventBatch> = tests
        .iter()
        .flat_map(|tests| &tests.tests)
        .map(|test: &RuleTest| batch_of(&test.events, &test.name, schema))
        .collect();
    let mut coverage = RuleCoverage::default();
    for stage in 0..book.set().len() {
        let index = RuleIndex(stage as u32);
        let mut leaves: Vec<&Leaf> = Vec::new();
        book.condition(index).for_each_leaf(&mut |leaf, _| {
            if !leaves.contains(&leaf) {
                leaves.push(leaf);
            }
        });
        for leaf in leaves {
            let condition = Condition::leaf(leaf.clone());
            let mut seen = [false, false];
            for batch in &batches {
                for row in (0..batch.len()).filter(|&row| book.patterns(index).select(batch.stream(row))) {
                    let holds = reference::evaluate(&condition, batch, row, schema, &mut Vec::new());
                    seen[usize::from(holds)] = true;
                }
            }
            let [made_false, made_true] = seen;
            coverage.leaves.push(LeafCoverage {
                stage: stage + 1,
                leaf: leaf.to_string(),
                made_true,
                made_false,
            });
        }
    }
    Some(coverage)
}
