//! Rules held against each other: those that ask the same (CHK010), and those whose events all fit another rule (CHK011).
//!
//! Each pair is looked at, so most pairs must be told apart by little: by their data streams, and by the fields that the
//! wider rule cannot do without.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use watchfire_detect::RuleProgram;
use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};
use watchfire_ir::{Condition, FieldLeaf, FieldTarget, Leaf, Node, implies};
use watchfire_rules::lint::Places;
use watchfire_rules::model::{EventSource, Rule};

use super::codes;

/// Most wider rules that are named for one rule.
const SHOWN: usize = 3;

/// A rule to be compared.
struct Compared {
    /// The place of its file among all.
    at: usize,
    file: String,
    name: String,
    patterns: BTreeSet<String>,
    program: RuleProgram,
    /// A bit for each field that it asks of; several fields may share one.
    fields: u64,
    /// The bits of those fields without a value of which no event fits.
    needed: u64,
    place: Option<Span>,
}

/// The rules of a check.
#[derive(Default)]
pub(super) struct Relations {
    rules: Vec<Compared>,
}

impl Relations {
    /// Adds a rule that runs.
    pub(super) fn add(&mut self, at: usize, rule: &Rule, source: &SourceText, program: RuleProgram) {
        if matches!(program, RuleProgram::Unsupported(_)) {
            return;
        }
        let index = rule.kind.source().map(EventSource::index).unwrap_or_default();
        let (fields, needed) = match &program {
            RuleProgram::Events(condition) => (bits(condition), needed(condition)),
            _ => (0, 0),
        };
        let query = rule.kind.query().map(|query| query.span);
        self.rules.push(Compared {
            at,
            file: source.name().to_owned(),
            name: rule.name.clone(),
            patterns: index.iter().cloned().collect(),
            program,
            fields,
            needed,
            place: query.or_else(|| Places::of(source.text()).value("/name")),
        });
    }

    /// What there is to say, by the place of the file.
    pub(super) fn find(&self) -> Vec<(usize, Diagnostic)> {
        let mut found = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            let others = || self.rules.iter().enumerate().filter(|(other, _)| *other != number);
            let same = |other: &Compared| rule.patterns == other.patterns && rule.program == other.program;
            if let Some((_, other)) = others().find(|(_, other)| same(other)) {
                let message = format!("the same is asked by the rule `{}` in `{}`", other.name, other.file);
                found.push((rule.at, rule.diagnostic(codes::SAME_CONDITION, Severity::Warning, message)));
                continue;
            }
            let wider: Vec<&Compared> =
                others().map(|(_, other)| other).filter(|other| rule.is_within(other)).collect();
            let Some((first, further)) = wider.split_first() else { continue };
            let message =
                format!("every event that fits also fits the rule `{}` in `{}`", first.name, first.file);
            let mut diagnostic = rule.diagnostic(codes::SUBSUMED, Severity::Note, message);
            for other in further.iter().take(SHOWN - 1) {
                diagnostic =
                    diagnostic.with_note(format!("and the rule `{}` in `{}`", other.name, other.file));
            }
            if wider.len() > SHOWN {
                diagnostic = diagnostic.with_note(format!("and {} further rules", wider.len() - SHOWN));
            }
            found.push((rule.at, diagnostic));
        }
        found
    }
}

impl Compared {
    /// Whether it is certain that each event of this rule is one of the other.
    fn is_within(&self, wide: &Self) -> bool {
        let (RuleProgram::Events(narrow), RuleProgram::Events(condition)) = (&self.program, &wide.program)
        else {
            return false;
        };
        // Without a pattern a rule looks in the default streams, which are not known.
        wide.needed & !self.fields == 0
            && !self.patterns.is_empty()
            && self.patterns.is_subset(&wide.patterns)
            && implies(narrow, condition)
    }

    fn diagnostic(
        &self,
        code: watchfire_diagnostics::Code,
        severity: Severity,
        message: String,
    ) -> Diagnostic {
        let diagnostic = Diagnostic::new(code, severity, message);
        match self.place {
            Some(place) => diagnostic.at(place, ""),
            None => diagnostic,
        }
    }
}

fn bit(field: &str) -> u64 {
    let hasher: BuildHasherDefault<DefaultHasher> = BuildHasherDefault::default();
    1 << (hasher.hash_one(field) % 64)
}

fn field_of(leaf: &Leaf) -> Option<&str> {
    match leaf {
        Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), .. }) => Some(&field.name),
        _ => None,
    }
}

fn bits(condition: &Condition) -> u64 {
    let mut all = 0;
    condition.for_each_leaf(&mut |leaf, _| all |= field_of(leaf).map_or(0, bit));
    all
}

fn needed(condition: &Condition) -> u64 {
    let of = |operand: &Condition| match operand.node() {
        Node::Leaf(leaf) => field_of(leaf).map_or(0, bit),
        _ => 0,
    };
    match condition.node() {
        Node::And(operands) => operands.iter().map(of).fold(0, |all, bit| all | bit),
        _ => of(condition),
    }
}
