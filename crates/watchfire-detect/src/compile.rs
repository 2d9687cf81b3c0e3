//! What a rule asks of events: its queries and filters with their meaning.
//!
//! Every query that a rule has is parsed and resolved, also where rules of its type do not run yet: so a rule that is
//! wrong is *failed* and not *unsupported*.

use serde_json::Value;
use watchfire_diagnostics::{Diagnostic, Severity, Span};
use watchfire_events::Timestamp;
use watchfire_ir::{
    Condition, EqlOptions, EqlPlan, KqlOptions, LoweredKql, Schema, lower_eql, lower_filters, lower_kql,
    lower_lucene,
};
use watchfire_rules::model::{EventSource, KibanaFilter, QueryLanguage, QueryText, Rule, RuleKind};

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
    /// The rule is right, but what it asks for does not run yet: the name of the feature.
    Unsupported(String),
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
    let mut compiler = Compiler { schema, now: options.now, diagnostics: Vec::new() };
    let program = compiler.program(rule);
    let failed = compiler.diagnostics.iter().any(|found| found.severity == Severity::Error);
    CompiledRule { program: Some(program).filter(|_| !failed), diagnostics: compiler.diagnostics }
}

/// Why there is no condition that could run.
enum Obstacle {
    /// The query needs a feature that does not run yet.
    Unsupported(String),
    /// There is an error among the diagnostics.
    Failed,
}

type Meaning = Result<Condition, Obstacle>;

struct Compiler<'a> {
    schema: &'a dyn Schema,
    now: Option<Timestamp>,
    diagnostics: Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn program(&mut self, rule: &Rule) -> RuleProgram {
        let kind = &rule.kind;
        let filters = self.filters(kind.source().map_or(&[], EventSource::filters));
        let category = match kind {
            RuleKind::Eql(eql) => eql.event_category_override.as_deref(),
            _ => None,
        };
        let meaning = match kind.query() {
            Some(query) => self.query(query, category),
            None => Ok(Condition::constant(true)),
        };
        if let RuleKind::ThreatMatch(threat) = kind {
            // No rule of this type runs yet: what counts is what there is to say about the query.
            let _ = self.query(&threat.threat_query, None);
            self.filters(threat.threat_filters());
        }
        let condition = match (kind, meaning) {
            (RuleKind::Query(_) | RuleKind::Eql(_), Ok(condition)) => condition,
            (RuleKind::Query(_) | RuleKind::Eql(_), Err(Obstacle::Unsupported(what))) => {
                return RuleProgram::Unsupported(what);
            }
            // The errors keep this from being used.
            (_, Err(Obstacle::Failed)) => Condition::constant(false),
            (other, _) => return RuleProgram::Unsupported(format!("type {}", other.rule_type())),
        };
        if kind.source().is_some_and(|source| source.data_view_id.is_some()) {
            return RuleProgram::Unsupported("data_view_id".to_owned());
        }
        let all = std::iter::once(condition).chain(filters);
        RuleProgram::Events(Box::new(Condition::all(all)))
    }

    fn filters(&mut self, filters: &[KibanaFilter]) -> Vec<Condition> {
        if filters.is_empty() {
            return Vec::new();
        }
        let list = Value::Array(filters.iter().map(|filter| filter.json.0.clone()).collect());
        let (conditions, diagnostics) = lower_filters(&list, self.schema, &self.kql_options());
        // They have no spans, but a note that names the filter; so their place is the list.
        let span = filters.iter().map(|filter| filter.span).reduce(Span::cover).unwrap_or_default();
        self.diagnostics.extend(diagnostics.into_iter().map(|found| found.at(span, "")));
        conditions
    }

    fn query(&mut self, query: &QueryText, category: Option<&str>) -> Meaning {
        match query.language {
            QueryLanguage::Eql => self.eql(query, category),
            QueryLanguage::Kql => {
                let parsed = watchfire_kql::parse(&query.text);
                let tree = parsed.query.filter(|_| self.report(query, parsed.diagnostics));
                let lowered = tree.map(|tree| lower_kql(&tree, self.schema, &self.kql_options()));
                self.lowered(query, lowered)
            }
            QueryLanguage::Lucene => {
                let parsed = watchfire_kql::lucene::parse(&query.text);
                let tree = parsed.query.filter(|_| self.report(query, parsed.diagnostics));
                let lowered = tree.map(|tree| lower_lucene(&tree, self.schema, &self.kql_options()));
                self.lowered(query, lowered)
            }
            QueryLanguage::Esql => Err(Obstacle::Unsupported("language esql".to_owned())),
        }
    }

    fn eql(&mut self, query: &QueryText, category: Option<&str>) -> Meaning {
        let parsed = watchfire_eql::parse(&query.text);
        let Some(tree) = parsed.query.filter(|_| self.report(query, parsed.diagnostics)) else {
            return Err(Obstacle::Failed);
        };
        let mut options = EqlOptions { now: self.now, ..EqlOptions::default() };
        if let Some(field) = category {
            field.clone_into(&mut options.event_category_field);
        }
        let lowered = lower_eql(&tree, self.schema, &options);
        self.report(query, lowered.diagnostics);
        match lowered.plan {
            Some(EqlPlan::Event(plan)) if plan.pipes.is_empty() => Ok(plan.condition),
            Some(EqlPlan::Event(_)) => Err(Obstacle::Unsupported("pipes".to_owned())),
            Some(EqlPlan::Sequence(_)) => Err(Obstacle::Unsupported("sequence".to_owned())),
            Some(EqlPlan::Sample(_)) => Err(Obstacle::Unsupported("sample".to_owned())),
            None => Err(Obstacle::Failed),
        }
    }

    fn lowered(&mut self, query: &QueryText, lowered: Option<LoweredKql>) -> Meaning {
        let Some(LoweredKql { condition, diagnostics }) = lowered else { return Err(Obstacle::Failed) };
        if self.report(query, diagnostics) { Ok(condition) } else { Err(Obstacle::Failed) }
    }

    /// Keeps what there is to say about a query. Whether none of it is an error.
    fn report(&mut self, query: &QueryText, diagnostics: Vec<Diagnostic>) -> bool {
        let right = diagnostics.iter().all(|found| found.severity != Severity::Error);
        self.diagnostics.extend(diagnostics.into_iter().map(|found| query.in_file(found)));
        right
    }

    fn kql_options(&self) -> KqlOptions {
        KqlOptions { now: self.now, default_fields: Vec::new() }
    }
}
