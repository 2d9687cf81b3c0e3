//! Rules made ready to run, and the state of every one.

use std::collections::BTreeSet;
use std::sync::Arc;

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_engine::{Coverage, RuleIndex, RuleSet, RuleSetBuilder};
use watchfire_events::IndexPatterns;
use watchfire_ir::{Condition, EqlOptions, EqlPlan, Schema, lower_eql};
use watchfire_rules::model::{EventSource, Rule, RuleKind};

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

/// Rules and what can be done with them.
#[derive(Debug)]
pub struct RuleBook {
    rules: Vec<(Arc<Rule>, RuleState)>,
    running: Vec<(usize, IndexPatterns, Condition)>,
    set: RuleSet,
}

impl RuleBook {
    /// Compiles rules against a schema.
    pub fn compile(rules: impl IntoIterator<Item = Rule>, schema: &dyn Schema) -> Self {
        let mut builder = RuleSetBuilder::new();
        let (mut all, mut running) = (Vec::new(), Vec::new());
        for rule in rules {
            let state = match condition(&rule, schema) {
                Ok(condition) => {
                    let index = rule.kind.source().map(EventSource::index).unwrap_or_default();
                    let patterns = IndexPatterns::new(index.iter().map(String::as_str));
                    builder.add(patterns.clone(), condition.clone());
                    running.push((all.len(), patterns, condition));
                    RuleState::Ready
                }
                Err(state) => state,
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

/// What an event must be for the rule, or why it does not run.
fn condition(rule: &Rule, schema: &dyn Schema) -> Result<Condition, RuleState> {
    let unsupported = |what: &str| Err(RuleState::Unsupported(what.to_owned()));
    let RuleKind::Eql(eql) = &rule.kind else {
        return match &rule.kind {
            RuleKind::Query(_) => unsupported("language kuery"),
            other => unsupported(&format!("type {}", other.rule_type())),
        };
    };
    if rule.kind.source().is_some_and(|source| !source.filters().is_empty()) {
        return unsupported("filters");
    }
    if rule.kind.alert_suppression().is_some() {
        return unsupported("alert_suppression");
    }
    let parsed = watchfire_eql::parse(&eql.query.text);
    let errors = |diagnostics: Vec<Diagnostic>| {
        let in_file = diagnostics.into_iter().filter(|found| found.severity == Severity::Error);
        RuleState::Failed(in_file.map(|found| eql.query.in_file(found)).collect())
    };
    let query = match parsed.query {
        Some(query) if parsed.diagnostics.iter().all(|found| found.severity < Severity::Error) => query,
        _ => return Err(errors(parsed.diagnostics)),
    };
    let mut options = EqlOptions::default();
    if let Some(field) = &eql.event_category_override {
        options.event_category_field.clone_from(field);
    }
    let lowered = lower_eql(&query, schema, &options);
    match lowered.plan {
        Some(EqlPlan::Event(plan)) if plan.pipes.is_empty() => Ok(plan.condition),
        Some(EqlPlan::Event(_)) => unsupported("pipes"),
        Some(EqlPlan::Sequence(_)) => unsupported("sequence"),
        Some(EqlPlan::Sample(_)) => unsupported("sample"),
        None => Err(errors(lowered.diagnostics)),
    }
}
