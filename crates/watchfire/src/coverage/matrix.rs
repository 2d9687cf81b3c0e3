//! Tactics × techniques × sub-techniques, as the rules name them.

use std::collections::{BTreeMap, BTreeSet};

use watchfire_rules::model::tactic_place;

use super::standing::{RuleCoverage, Standing};

/// All frameworks that rules name.
pub(super) struct Matrix {
    pub(super) frameworks: Vec<Framework>,
}

/// One framework, normally MITRE ATT&CK.
pub(super) struct Framework {
    pub(super) name: String,
    pub(super) tactics: Vec<Tactic>,
}

/// One column.
pub(super) struct Tactic {
    pub(super) cell: Cell,
    pub(super) techniques: Vec<Technique>,
}

/// A technique under a tactic.
pub(super) struct Technique {
    pub(super) cell: Cell,
    pub(super) subtechniques: Vec<Cell>,
}

/// What one id stands for, and which rules are for it: those that name it, or something below it.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) reference: String,
    /// By their place among all rules.
    pub(super) rules: BTreeSet<usize>,
}

impl Cell {
    /// The rules that are for it.
    pub(super) fn rules<'r>(&self, all: &'r [RuleCoverage]) -> impl Iterator<Item = &'r RuleCoverage> {
        self.rules.iter().map(|at| &all[*at])
    }
}

/// How often an id was given each name and page, so that one slip of a rule does not name a whole column.
#[derive(Default)]
struct Names(BTreeMap<String, BTreeMap<(String, String), usize>>);

impl Names {
    fn add(&mut self, id: &str, name: &str, reference: &str) {
        let names = self.0.entry(id.to_owned()).or_default();
        *names.entry((name.to_owned(), reference.to_owned())).or_default() += 1;
    }

    fn cell(&self, id: &str, rules: BTreeSet<usize>) -> Cell {
        let names = self.0.get(id).into_iter().flatten();
        // The first of those that are the most frequent.
        let most = names.rev().max_by_key(|(_, number)| **number).map(|(name, _)| name.clone());
        let (name, reference) = most.unwrap_or_default();
        Cell { id: id.to_owned(), name, reference, rules }
    }
}

type Rules = BTreeSet<usize>;
/// The rules of a technique, and of each sub-technique.
type OfTechnique = (Rules, BTreeMap<String, Rules>);
/// The rules of a tactic, and of each technique.
type OfTactic = (Rules, BTreeMap<String, OfTechnique>);

impl Matrix {
    /// The matrix of these rules.
    pub(super) fn of(rules: &[RuleCoverage]) -> Self {
        let mut names = Names::default();
        let mut frameworks: BTreeMap<&str, BTreeMap<(usize, String), OfTactic>> = BTreeMap::new();
        for (at, rule) in rules.iter().enumerate() {
            for entry in &rule.threat {
                let tactic = &entry.tactic;
                names.add(&tactic.id, &tactic.name, &tactic.reference);
                let place = tactic_place(&tactic.id);
                let tactics = frameworks.entry(&entry.framework).or_default();
                let (of_tactic, techniques) = tactics.entry((place, tactic.id.clone())).or_default();
                of_tactic.insert(at);
                for technique in &entry.techniques {
                    names.add(&technique.id, &technique.name, &technique.reference);
                    let (of_technique, narrower) = techniques.entry(technique.id.clone()).or_default();
                    of_technique.insert(at);
                    for sub in &technique.subtechniques {
                        names.add(&sub.id, &sub.name, &sub.reference);
                        narrower.entry(sub.id.clone()).or_default().insert(at);
                    }
                }
            }
        }
        let technique = |(id, (rules, narrower)): (String, OfTechnique)| Technique {
            cell: names.cell(&id, rules),
            subtechniques: narrower.into_iter().map(|(id, rules)| names.cell(&id, rules)).collect(),
        };
        let tactic = |((_, id), (rules, techniques)): ((usize, String), OfTactic)| Tactic {
            cell: names.cell(&id, rules),
            techniques: techniques.into_iter().map(technique).collect(),
        };
        let frameworks = frameworks.into_iter().map(|(name, tactics)| Framework {
            name: name.to_owned(),
            tactics: tactics.into_iter().map(tactic).collect(),
        });
        Self { frameworks: frameworks.collect() }
    }

    /// Every tactic, technique and sub-technique.
    pub(super) fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.frameworks.iter().flat_map(|framework| &framework.tactics).flat_map(|tactic| {
            let below = tactic
                .techniques
                .iter()
                .flat_map(|technique| std::iter::once(&technique.cell).chain(&technique.subtechniques));
            std::iter::once(&tactic.cell).chain(below)
        })
    }

    /// Whether a rule that counts is for this id.
    pub(super) fn covers(&self, id: &str, rules: &[RuleCoverage]) -> bool {
        self.cells()
            .filter(|cell| cell.id.eq_ignore_ascii_case(id))
            .any(|cell| cell.rules(rules).any(|rule| rule.standing == Standing::Counted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_name_counts_and_of_several_the_first() {
        let mut names = Names::default();
        for name in ["Wrong", "Right", "Right", "Also right", "Also right"] {
            names.add("T1", name, "");
        }
        assert_eq!(names.cell("T1", BTreeSet::new()).name, "Also right");
        names.add("T1", "Right", "");
        assert_eq!(names.cell("T1", BTreeSet::new()).name, "Right");
        assert_eq!(names.cell("T2", BTreeSet::new()).name, "");
    }
}
