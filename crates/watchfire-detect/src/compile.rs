//! What a rule asks of events: its queries and filters with their meaning.
//!
//! Every query that a rule has is parsed and resolved, also where rules of its type do not run yet: so a rule that is
//! wrong is *failed* and not *unsupported*.

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_engine::correlate::{OrderFields, ResultLimit, ResultPosition, ShapeError};
use watchfire_events::Timestamp;
use watchfire_ir::{Condition, EqlPlan, EventPlan, Schema};
use watchfire_rules::model::{EventSource, KibanaFilter, QueryText, Rule, RuleKind};

use crate::correlation::{Correlation, CorrelationOptions};
use crate::counting::{NewTermsPlan, ThresholdPlan};
use crate::indicators::{self, IndicatorMatch};
use crate::query::{QueryOptions, ReadQuery, read_filters, read_query};
use crate::schedule::{Arrival, RuleSchedule};
use crate::suppression::Suppression;

/// Samples that a rule gets of one tuple of keys: it cannot ask for more.
const SAMPLES_PER_KEY: usize = 1;

/// What the meaning of a rule depends on besides the rule and the schema.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// What `now` stands for in dates; without it such a date is an error.
    pub now: Option<Timestamp>,
}

/// What a rule asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleProgram {
    /// Every event that satisfies the condition alerts.
    Events(Box<Condition>),
    /// What the hits of several conditions are joined to alerts.
    Correlation(Box<Correlation>),
    /// Every event that satisfies a condition and shares a value with an indicator alerts.
    Indicators(Box<IndicatorMatch>),
    /// The rule is right, but what it asks for does not run yet: the name of the feature.
    Unsupported(String),
}

impl RuleProgram {
    /// The same, executed by the schedule of its rule; what has none is executed once over all input.
    #[must_use]
    pub fn scheduled(self, rule: &Rule, arrival: Arrival) -> Self {
        let Some(schedule) = RuleSchedule::of(rule, arrival) else { return self };
        match self {
            Self::Events(condition) => match of_events(&rule.kind, *condition, None) {
                Ok(correlation) => Self::Correlation(Box::new(correlation.scheduled_by(Some(schedule)))),
                Err(error) => Self::Unsupported(error.to_string()),
            },
            Self::Correlation(correlation) => {
                Self::Correlation(Box::new(correlation.scheduled_by(Some(schedule))))
            }
            Self::Indicators(mut program) => {
                let joined = match program.joined.take() {
                    Some(joined) => Ok(joined),
                    None => of_events(&rule.kind, program.events.clone(), None),
                };
                match joined {
                    Ok(joined) => program.joined = Some(joined.scheduled_by(Some(schedule))),
                    Err(error) => return Self::Unsupported(error.to_string()),
                }
                Self::Indicators(program)
            }
            other @ Self::Unsupported(_) => other,
        }
    }
}

/// A rule after compilation.
#[derive(Clone, Debug)]
pub struct CompiledRule {
    /// What to run; absent if there is an error among the diagnostics.
    pub program: Option<RuleProgram>,
    /// What there is to say about queries and filters, with places in the rule's file where it came from one.
    pub diagnostics: Vec<Diagnostic>,
}

/// Gives a rule its meaning over the fields of a schema.
pub fn compile_rule(rule: &Rule, schema: &dyn Schema, options: &CompileOptions) -> CompiledRule {
    let query_options =
        QueryOptions { now: options.now, event_category_field: rule.kind.event_category_field() };
    let mut compiler = Compiler { schema, options: query_options, diagnostics: Vec::new() };
    let program = compiler.program(rule);
    let failed = compiler.diagnostics.iter().any(|found| found.severity == Severity::Error);
    CompiledRule { program: program.filter(|_| !failed), diagnostics: compiler.diagnostics }
}

struct Compiler<'a> {
    schema: &'a dyn Schema,
    options: QueryOptions<'a>,
    diagnostics: Vec<Diagnostic>,
}

impl Compiler<'_> {
    /// What the rule asks for; where there is an error among the diagnostics, it must not be used.
    fn program(&mut self, rule: &Rule) -> Option<RuleProgram> {
        let kind = &rule.kind;
        let filters = self.filters(kind.source().map_or(&[], EventSource::filters));
        let read = kind.query().map(|query| self.query(query));
        let of_indicators = match kind {
            RuleKind::ThreatMatch(threat) => {
                let filters = self.filters(threat.threat_filters());
                let query = self.query(&threat.threat_query).plan;
                Some((threat, query.and_then(single_events), filters))
            }
            _ => None,
        };
        let unsupported = |what: &str| Some(RuleProgram::Unsupported(what.to_owned()));
        match kind {
            RuleKind::Esql(_) => {
                let program = read?.program?;
                if let (true, Some((_, why))) = (program.plan().undecided, program.plan().left_out.first()) {
                    return unsupported(&format!("COMPLETION {why}"));
                }
                let correlation = Correlation::esql(program);
                let correlation = correlation.suppressed_by(Suppression::of(rule));
                return Some(RuleProgram::Correlation(Box::new(correlation)));
            }
            RuleKind::MachineLearning(_) => {
                return unsupported(&format!("type {}", kind.rule_type()));
            }
            RuleKind::SavedQuery(rule) if rule.query.is_none() => {
                return unsupported("saved_query without a copy of its query");
            }
            RuleKind::Query(_)
            | RuleKind::SavedQuery(_)
            | RuleKind::Eql(_)
            | RuleKind::Threshold(_)
            | RuleKind::NewTerms(_)
            | RuleKind::ThreatMatch(_) => {}
        }
        if kind.source().is_some_and(|source| source.data_view_id.is_some()) {
            return unsupported("data_view_id");
        }
        let plan = read.map(|read| read.plan);
        let suppression = Suppression::of(rule);
        if let Some((threat, query, threat_filters)) = of_indicators {
            let events = Condition::all(plan.flatten().and_then(single_events).into_iter().chain(filters));
            let indicators = Condition::all(query.into_iter().chain(threat_filters));
            let mut program = match indicators::compile(threat, events, indicators, self.schema) {
                Ok(program) => program,
                Err(why) => return unsupported(&why),
            };
            if suppression.is_some() {
                match of_events(kind, program.events.clone(), suppression) {
                    Ok(joined) => program.joined = Some(joined),
                    Err(error) => return unsupported(&error.to_string()),
                }
            }
            return Some(RuleProgram::Indicators(Box::new(program)));
        }
        let condition = match plan {
            None => Condition::constant(true),
            Some(plan) => match plan? {
                EqlPlan::Event(plan) if plan.pipes.is_empty() => plan.condition,
                plan => return Some(program_of(correlation(kind, plan, &filters, suppression))),
            },
        };
        let all = Condition::all(std::iter::once(condition).chain(filters));
        let joined = match kind {
            RuleKind::Threshold(rule) => {
                Correlation::threshold(ThresholdPlan::new(all, &rule.threshold, self.schema))
            }
            RuleKind::NewTerms(rule) => {
                let (fields, start) = (&rule.new_terms_fields, &rule.history_window_start);
                match NewTermsPlan::new(all, fields, start, self.schema) {
                    Some(plan) => Correlation::new_terms(plan),
                    None => return unsupported("history_window_start that is not a time before now"),
                }
            }
            _ if suppression.is_some() => return Some(program_of(of_events(kind, all, suppression))),
            _ => return Some(RuleProgram::Events(Box::new(all))),
        };
        Some(RuleProgram::Correlation(Box::new(joined.suppressed_by(suppression))))
    }

    fn query(&mut self, query: &QueryText) -> ReadQuery {
        let mut read = read_query(&query.text, query.language, self.schema, &self.options);
        let diagnostics = std::mem::take(&mut read.diagnostics);
        self.diagnostics.extend(diagnostics.into_iter().map(|found| query.in_file(found)));
        read
    }

    fn filters(&mut self, filters: &[KibanaFilter]) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for read in read_filters(filters, self.schema, &self.options) {
            self.diagnostics.extend(read.diagnostics);
            conditions.extend(read.condition);
        }
        conditions
    }
}

/// The condition of a query for single events; those of KQL and Lucene are all of this kind.
fn single_events(plan: EqlPlan) -> Option<Condition> {
    match plan {
        EqlPlan::Event(plan) => Some(plan.condition),
        EqlPlan::Sequence(_) | EqlPlan::Sample(_) => None,
    }
}

/// What joins the hits of a rule. As in Elasticsearch, pipes keep the latest where they do not say otherwise; a rule's
/// `max_signals` is no part of it, since a scan shows all.
fn correlation(
    kind: &RuleKind,
    plan: EqlPlan,
    filters: &[Condition],
    suppression: Option<Suppression>,
) -> Result<Correlation, ShapeError> {
    let mut order = OrderFields::default();
    if let RuleKind::Eql(rule) = kind {
        if let Some(field) = rule.timestamp_field.as_deref() {
            order.timestamp = field.into();
        }
        order.tiebreaker = rule.tiebreaker_field.as_deref().map(Into::into);
    }
    let limit = ResultLimit::new(plan.pipes(), None, ResultPosition::default());
    let options = CorrelationOptions { order, limit, samples_per_key: SAMPLES_PER_KEY };
    Ok(Correlation::new(plan, filters, options)?.suppressed_by(suppression))
}

/// What takes single events one after the other.
fn of_events(
    kind: &RuleKind,
    condition: Condition,
    suppression: Option<Suppression>,
) -> Result<Correlation, ShapeError> {
    let plan = EqlPlan::Event(EventPlan { condition, pipes: Vec::new() });
    correlation(kind, plan, &[], suppression)
}

fn program_of(correlation: Result<Correlation, ShapeError>) -> RuleProgram {
    match correlation {
        Ok(correlation) => RuleProgram::Correlation(Box::new(correlation)),
        Err(error) => RuleProgram::Unsupported(error.to_string()),
    }
}
