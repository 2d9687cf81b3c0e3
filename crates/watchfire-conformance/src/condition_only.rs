//! What rules that do not run yet ask of single events: the conditions of stages, of new terms, thresholds, indicators.

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_ir::{
    Catalogue, Condition, EqlOptions, EqlPlan, KqlOptions, lower_eql, lower_filters, lower_kql, lower_lucene,
};
use watchfire_rules::model::{EventSource, KibanaFilter, QueryLanguage, QueryText, Rule, RuleKind};

use crate::corpus;

/// What the documents made for a rule must satisfy.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Each document the same.
    EachDocument(Box<Condition>),
    /// The documents of a list one condition each, in order.
    InOrder {
        /// `sequence` or `sample`.
        form: &'static str,
        /// The condition of each expected document.
        conditions: Vec<Condition>,
    },
}

/// What a rule asks of events, filters included; `None` where its language has no parser, or its query is wrong.
pub(crate) fn of_events(rule: &Rule, catalogue: &Catalogue) -> Option<Asked> {
    let filters = filters(rule, catalogue);
    let query = rule.kind.query()?;
    let with_filters = |condition: &Condition| {
        Condition::all(std::iter::once(condition.clone()).chain(filters.iter().cloned()))
    };
    if query.language != QueryLanguage::Eql {
        return Some(Asked::EachDocument(Box::new(with_filters(&of_query(query, catalogue)?))));
    }
    Some(match eql_plan(rule, catalogue)? {
        EqlPlan::Event(plan) => Asked::EachDocument(Box::new(with_filters(&plan.condition))),
        EqlPlan::Sequence(plan) => {
            // What must be missing has no document, and a stage that repeats has several.
            let expected = plan.stages.iter().filter(|stage| !stage.missing);
            let repeated =
                expected.flat_map(|stage| std::iter::repeat_n(&stage.condition, stage.runs as usize));
            Asked::InOrder { form: "sequence", conditions: repeated.map(with_filters).collect() }
        }
        EqlPlan::Sample(plan) => {
            let conditions = plan.stages.iter().map(|stage| with_filters(&stage.condition)).collect();
            Asked::InOrder { form: "sample", conditions }
        }
    })
}

/// What the filters of a rule ask of every event.
pub(crate) fn filters(rule: &Rule, catalogue: &Catalogue) -> Vec<Condition> {
    conditions_of(rule.kind.source().map_or(&[], EventSource::filters), catalogue)
}

/// The plan of an EQL rule, without its filters; `None` where the query is wrong.
pub(crate) fn eql_plan(rule: &Rule, catalogue: &Catalogue) -> Option<EqlPlan> {
    let parsed = watchfire_eql::parse(&rule.kind.query()?.text);
    let tree = parsed.query.filter(|_| is_right(&parsed.diagnostics))?;
    let mut options = EqlOptions { now: corpus::options().now, ..EqlOptions::default() };
    if let RuleKind::Eql(eql) = &rule.kind
        && let Some(field) = &eql.event_category_override
    {
        options.event_category_field.clone_from(field);
    }
    lower_eql(&tree, catalogue, &options).plan
}

/// What an indicator match rule asks of indicators.
pub(crate) fn of_indicators(rule: &Rule, catalogue: &Catalogue) -> Option<Condition> {
    let RuleKind::ThreatMatch(threat) = &rule.kind else { return None };
    let query = of_query(&threat.threat_query, catalogue)?;
    Some(Condition::all(std::iter::once(query).chain(conditions_of(threat.threat_filters(), catalogue))))
}

fn of_query(query: &QueryText, catalogue: &Catalogue) -> Option<Condition> {
    let lowered = match query.language {
        QueryLanguage::Kql => {
            let parsed = watchfire_kql::parse(&query.text);
            lower_kql(&parsed.query.filter(|_| is_right(&parsed.diagnostics))?, catalogue, &kql_options())
        }
        QueryLanguage::Lucene => {
            let parsed = watchfire_kql::lucene::parse(&query.text);
            lower_lucene(&parsed.query.filter(|_| is_right(&parsed.diagnostics))?, catalogue, &kql_options())
        }
        QueryLanguage::Eql | QueryLanguage::Esql => return None,
    };
    is_right(&lowered.diagnostics).then_some(lowered.condition)
}

fn conditions_of(filters: &[KibanaFilter], catalogue: &Catalogue) -> Vec<Condition> {
    let list = filters.iter().map(|filter| filter.json.0.clone()).collect();
    lower_filters(&serde_json::Value::Array(list), catalogue, &kql_options()).0
}

fn is_right(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().all(|found| found.severity != Severity::Error)
}

fn kql_options() -> KqlOptions {
    KqlOptions { now: corpus::options().now, ..KqlOptions::default() }
}
