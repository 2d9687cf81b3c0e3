//! What rules that do not run yet ask of single events: the conditions of stages, of new terms, thresholds, indicators.

use watchfire_detect::{QueryOptions, read_filters, read_query};
use watchfire_ir::{Catalogue, Condition, EqlPlan};
use watchfire_rules::model::{EventSource, KibanaFilter, QueryText, Rule, RuleKind};

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
    let with_filters = |condition: &Condition| {
        Condition::all(std::iter::once(condition.clone()).chain(filters.iter().cloned()))
    };
    Some(match plan(rule, catalogue)? {
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

/// The plan of a rule, without its filters; `None` where its language has no parser, or the query is wrong.
pub(crate) fn plan(rule: &Rule, catalogue: &Catalogue) -> Option<EqlPlan> {
    plan_of(rule.kind.query()?, rule.kind.event_category_field(), catalogue)
}

/// What an indicator match rule asks of indicators.
pub(crate) fn of_indicators(rule: &Rule, catalogue: &Catalogue) -> Option<Condition> {
    let RuleKind::ThreatMatch(threat) = &rule.kind else { return None };
    let EqlPlan::Event(query) = plan_of(&threat.threat_query, None, catalogue)? else { return None };
    let filters = conditions_of(threat.threat_filters(), catalogue);
    Some(Condition::all(std::iter::once(query.condition).chain(filters)))
}

fn plan_of(query: &QueryText, category: Option<&str>, catalogue: &Catalogue) -> Option<EqlPlan> {
    read_query(&query.text, query.language, catalogue, &options(category)).plan
}

fn conditions_of(filters: &[KibanaFilter], catalogue: &Catalogue) -> Vec<Condition> {
    read_filters(filters, catalogue, &options(None)).into_iter().filter_map(|read| read.condition).collect()
}

fn options(event_category_field: Option<&str>) -> QueryOptions<'_> {
    QueryOptions { now: corpus::options().now, event_category_field }
}
