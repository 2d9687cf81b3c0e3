//! Rules made ready to run, and the state of every one.

use std::collections::BTreeSet;
use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_engine::{Coverage, RuleIndex, RuleSet, RuleSetBuilder};
use watchfire_events::IndexPatterns;
use watchfire_ir::{Condition, Schema};
use watchfire_rules::model::{EventSource, Rule};

use crate::compile::{CompileOptions, RuleProgram, compile_rule};

/// What can be done with a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleState {
    /// It runs.
    Ready,
    /// It needs something that is not supported yet: what.
    Unsupported(String),
    /// Its query is wrong: why.
    Failed(Vec<Diagnostic>),
}

/// What a rule states about its alerts that a scan does not apply: it shows every event that fits, which are never
/// fewer alerts than the rule would make elsewhere.
pub fn not_applied(rule: &Rule) -> Vec<&'static str> {
    let suppression = rule.kind.alert_suppression().map(|_| "alert_suppression");
    let exceptions = (!rule.exceptions_list().is_empty()).then_some("exceptions_list");
    suppression.into_iter().chain(exceptions).collect()
}

/// Rules and what can be done with them.
#[derive(Debug)]
pub struct RuleBook {
    rules: Vec<(Arc<Rule>, RuleState)>,
    running: Vec<(usize, IndexPatterns, Condition)>,
    set: RuleSet,
}

impl RuleBook {
    /// Compiles rules against a schema.
    pub fn compile(
        rules: impl IntoIterator<Item = Rule>,
        schema: &dyn Schema,
        options: &CompileOptions,
    ) -> Self {
        let mut builder = RuleSetBuilder::new();
        let (mut all, mut running) = (Vec::new(), Vec::new());
        for rule in rules {
            let compiled = compile_rule(&rule, schema, options);
            let state = match compiled.program {
                Some(RuleProgram::Events(condition)) => {
                    let index = rule.kind.source().map(EventSource::index).unwrap_or_default();
                    let patterns = IndexPatterns::new(index.iter().map(String::as_str));
                    builder.add(patterns.clone(), (*condition).clone());
                    running.push((all.len(), patterns, *condition));
                    RuleState::Ready
                }
                Some(RuleProgram::Unsupported(what)) => RuleState::Unsupported(what),
                None => {
                    let errors = |found: &Diagnostic| found.severity == Severity::Error;
                    RuleState::Failed(compiled.diagnostics.into_iter().filter(errors).collect())
                }
            };
            all.push((Arc::new(rule), state));
        }
        Self { rules: all, running, set: builder.build() }
    }

    /// The rules in the order given, each with its state.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, &RuleState)> {
        self.rules.iter().map(|(rule, state)| (&**rule, state))
    }

    /// The rules that run, as one set.
    pub fn set(&self) -> &RuleSet {
        &self.set
    }

    /// A rule of the set.
    pub fn rule(&self, index: RuleIndex) -> &Rule {
        &self.rules[self.running[index.0 as usize].0].0
    }

    /// The data streams that a rule of the set reads.
    pub fn patterns(&self, index: RuleIndex) -> &IndexPatterns {
        &self.running[index.0 as usize].1
    }

    /// What a rule of the set asks of an event, filters included.
    pub fn condition(&self, index: RuleIndex) -> &Condition {
        &self.running[index.0 as usize].2
    }

    /// The rules that ran over data of which `coverage` took note, but could not match in it, each with the reason.
    pub fn could_not_match(&self, coverage: &Coverage) -> Vec<(&Rule, String)> {
        let mut found = Vec::new();
        for (at, patterns, condition) in &self.running {
            let reason = if coverage.events(patterns) == 0 {
                "no event of its data streams".to_owned()
            } else {
                match coverage.absent_fields(patterns, condition) {
                    Some(fields) => format!("no event has {}", names(&fields)),
                    None => continue,
                }
            };
            found.push((&*self.rules[*at].0, reason));
        }
        found
    }
}

fn names(fields: &BTreeSet<Arc<str>>) -> String {
    fields.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}
