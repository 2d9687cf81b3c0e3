//! Everything there is to say about one rule beyond that its file can be read.
//!
//! ```text
//!  query, filters ──parse, resolve──► conditions ──► contradictions (CHK004)
//!         │                               ├──► parts of them that change nothing (CHK012)
//!         │                               ├──► ways to write them that cost (CHK006 to CHK009)
//!         └── fields named ── keys that ──┴──► fields (CHK001, CHK002, CHK003, CHK005)
//!                             name fields
//!  the rule as a whole ──────────────────────► the lints of the rules crate (LNT…)
//! ```

use std::sync::Arc;

use watchfire_detect::{QueryOptions, QueryTree, read_filters, read_query};
use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};
use watchfire_eql::ast::{MaxSpan, QueryKind};
use watchfire_events::Timestamp;
use watchfire_ir::{
    Catalogue, Condition, Costly, EqlPlan, FieldLeaf, FieldTarget, Leaf, StagePlan, contradictions, costly,
    redundancies,
};
use watchfire_rules::format::RuleFile;
use watchfire_rules::lint::{Places, QueryFacts, lint};
use watchfire_rules::model::{KibanaFilter, QueryText, RuleKind, RuleMetadata};
use watchfire_sources::normalise::TableRef;

use super::codes;
use super::esql_traps;
use super::field_checks::FieldChecks;
use super::field_use::{self, FieldUse, Role};
use super::file_edit::in_file;
use super::key_fields;
use super::sources::NamedSources;

/// The instant that `now` stands for: the same in each run, so that the same rules give the same answer.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What the search for one kind of events comes to: a query, its filters, and where it looks.
pub(crate) struct Search {
    /// The data streams it looks in.
    pub(crate) sources: NamedSources,
    /// What the events must be, filters included: one condition for each stage.
    pub(crate) stages: Vec<Stage>,
    /// The fields it names.
    pub(crate) uses: Vec<FieldUse>,
    /// Where the query stands in its file.
    pub(crate) span: Option<Span>,
}

/// What one event must be.
pub(crate) struct Stage {
    pub(crate) condition: Condition,
    /// Whether there is no match without such an event.
    pub(crate) needed: bool,
}

/// The examination of rules, one after another; it remembers what takes long to find out.
pub(crate) struct Examination<'a> {
    catalogue: &'a Catalogue,
    field_checks: FieldChecks<'a>,
    /// Rules whose fields could not be held against their data streams, because not all of these are known.
    pub(crate) with_unknown_streams: usize,
}

impl<'a> Examination<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue, field_checks: FieldChecks::new(catalogue), with_unknown_streams: 0 }
    }

    /// What the query of a rule comes to, with the user's own sources among those that it may read; nothing if it has
    /// none over events, or one that cannot be read.
    pub(crate) fn search(
        &mut self,
        content: &RuleFile,
        source: &SourceText,
        own: &[TableRef],
    ) -> Option<Search> {
        let rule = &content.rule;
        let packages = content.metadata.as_ref().map_or(&[][..], RuleMetadata::integrations);
        let events = rule.kind.source()?;
        let category = rule.kind.event_category_field();
        let mut found = Vec::new();
        let mut reading =
            Reading { catalogue: self.catalogue, source, category, packages, found: &mut found };
        let (mut search, _) = reading.search(rule.kind.query(), events.filters(), events.index());
        search.sources = NamedSources::with(events.index(), packages, own);
        (!search.stages.is_empty()).then_some(search)
    }

    /// Everything there is to say, in the order of the file.
    pub(crate) fn rule(&mut self, content: &RuleFile, source: &SourceText) -> Vec<Diagnostic> {
        let places = Places::of(source.text());
        let rule = &content.rule;
        let packages = content.metadata.as_ref().map_or(&[][..], RuleMetadata::integrations);
        let mut found = Vec::new();
        let mut facts = QueryFacts::default();
        let category = rule.kind.event_category_field();
        if let Some(events) = rule.kind.source() {
            let mut reading =
                Reading { catalogue: self.catalogue, source, category, packages, found: &mut found };
            let (mut search, query_facts) =
                reading.search(rule.kind.query(), events.filters(), events.index());
            facts = query_facts;
            search.uses.extend(key_fields::of_events(rule, &places));
            self.with_unknown_streams += usize::from(!search.sources.are_all_known());
            self.field_checks.run(&search, &mut found);
        }
        if let RuleKind::Esql(esql) = &rule.kind {
            let mut reading =
                Reading { catalogue: self.catalogue, source, category: None, packages, found: &mut found };
            reading.esql(&esql.query, &key_fields::of_events(rule, &places));
        }
        if let RuleKind::ThreatMatch(threat) = &rule.kind {
            let mut reading =
                Reading { catalogue: self.catalogue, source, category: None, packages, found: &mut found };
            let (mut search, _) =
                reading.search(Some(&threat.threat_query), threat.threat_filters(), &threat.threat_index);
            search.uses.extend(key_fields::of_indicators(threat, &places));
            self.field_checks.run(&search, &mut found);
        }
        found.extend(lint(content, source.text(), &facts));
        found.sort_by_key(|diagnostic| diagnostic.primary_span().map_or(u32::MAX, |span| span.start));
        found
    }
}

/// The reading of one rule's queries.
struct Reading<'a> {
    catalogue: &'a Catalogue,
    source: &'a SourceText,
    /// The field that EQL takes for the event category, if not the usual one.
    category: Option<&'a str>,
    /// The packages that the rule says it needs.
    packages: &'a [String],
    found: &'a mut Vec<Diagnostic>,
}

impl Reading<'_> {
    fn search(
        &mut self,
        query: Option<&QueryText>,
        filters: &[KibanaFilter],
        index: &[String],
    ) -> (Search, QueryFacts) {
        let said_before = self.found.len();
        let mut facts = QueryFacts::default();
        let everything = || vec![Stage { condition: Condition::constant(true), needed: true }];
        let (mut stages, mut uses) = match query {
            None => (everything(), Vec::new()),
            Some(query) => self.query(query, &mut facts),
        };
        if let Some(query) = query {
            for found in &mut uses {
                found.span = found.span.map(|span| query.span_map.map(span));
            }
        }
        let filters = self.filters(filters, &mut uses);
        if !filters.is_empty() {
            for stage in &mut stages {
                let parts = std::iter::once(stage.condition.clone()).chain(filters.iter().cloned());
                stage.condition = Condition::all(parts);
            }
        }
        let span = query.map(|query| query.span);
        let search = Search { sources: NamedSources::of(index, self.packages), stages, uses, span };
        let said = self.found[said_before..].to_vec();
        self.contradictions(&search, &said);
        self.without_effect(&search);
        self.costs(&search);
        (search, facts)
    }

    /// The conditions of a query and the fields it names.
    fn query(&mut self, query: &QueryText, facts: &mut QueryFacts) -> (Vec<Stage>, Vec<FieldUse>) {
        let options = QueryOptions { now: Some(NOW), event_category_field: self.category };
        let read = read_query(&query.text, query.language, self.catalogue, &options);
        let source = self.source.text();
        self.found.extend(read.diagnostics.into_iter().map(|found| in_file(query, source, found)));
        if let Some(QueryTree::Eql(tree)) = &read.tree
            && let QueryKind::Sequence(sequence) = &tree.kind
        {
            facts.sequence = true;
            facts.max_span_millis = sequence.maxspan.map(MaxSpan::millis);
        }
        let uses = match &read.tree {
            Some(QueryTree::Eql(tree)) if read.well_formed => field_use::of_eql(tree),
            Some(QueryTree::Kql(tree)) if read.well_formed => field_use::of_kql(tree),
            Some(QueryTree::Lucene(tree)) if read.well_formed => field_use::of_lucene(tree),
            _ => Vec::new(),
        };
        (read.plan.map_or_else(Vec::new, stages), uses)
    }

    /// The query of an ES|QL rule, and the keys of the rule that name its columns.
    fn esql(&mut self, query: &QueryText, uses: &[FieldUse]) {
        let options = QueryOptions { now: Some(NOW), event_category_field: None };
        let read = read_query(&query.text, query.language, self.catalogue, &options);
        let source = self.source.text();
        self.found.extend(read.diagnostics.into_iter().map(|found| in_file(query, source, found)));
        if let Some(program) = &read.program {
            let traps = esql_traps::of_query(program.plan(), self.catalogue);
            self.found.extend(traps.into_iter().map(|found| in_file(query, source, found)));
            self.found.extend(esql_traps::lost_columns(program.plan(), uses));
        }
    }

    /// The conditions of the filters.
    fn filters(&mut self, filters: &[KibanaFilter], uses: &mut Vec<FieldUse>) -> Vec<Condition> {
        let mut all = Vec::new();
        let options = QueryOptions { now: Some(NOW), event_category_field: None };
        let read = read_filters(filters, self.catalogue, &options);
        for (at, (filter, read)) in filters.iter().zip(read).enumerate() {
            self.found.extend(read.diagnostics);
            let Some(condition) = read.condition else { continue };
            condition.for_each_leaf(&mut |leaf, _| {
                if let Leaf::Field(FieldLeaf { target: FieldTarget::Field(field), .. }) = leaf {
                    let key = format!("filters[{at}]");
                    uses.push(FieldUse::in_key(&field.name, key, Role::Filter, Some(filter.span)));
                }
            });
            all.push(condition);
        }
        all
    }

    /// What is written in a way that costs.
    fn costs(&mut self, search: &Search) {
        let mut told = Vec::new();
        for found in search.stages.iter().flat_map(|stage| costly(&stage.condition)) {
            if told.contains(&found) {
                continue;
            }
            let (mut diagnostic, fields) = of_cost(&found);
            let places = search.uses.iter().filter(|used| fields.iter().any(|field| **field == *used.name));
            let spans: Vec<Span> = places.filter_map(|used| used.span).collect();
            for span in spans.iter().copied().chain(search.span.filter(|_| spans.is_empty())) {
                diagnostic = diagnostic.at(span, "");
            }
            self.found.push(diagnostic);
            told.push(found);
        }
    }

    /// Parts of the conditions that change nothing.
    fn without_effect(&mut self, search: &Search) {
        let mut told = Vec::new();
        for found in search.stages.iter().flat_map(|stage| redundancies(&stage.condition)) {
            if told.contains(&found) {
                continue;
            }
            let how = if found.alternative {
                "holds only where another side of the same `or` does"
            } else {
                "holds wherever another part of the same `and` does"
            };
            let names: Vec<String> = found.fields.iter().map(|field| format!("`{field}`")).collect();
            let of = if names.is_empty() { String::new() } else { format!(" about {}", names.join(", ")) };
            let message = format!("a part{of} changes nothing: it {how}");
            let mut diagnostic = Diagnostic::new(codes::WITHOUT_EFFECT, Severity::Note, message);
            let places =
                search.uses.iter().filter(|used| found.fields.iter().any(|field| **field == *used.name));
            let spans: Vec<Span> = places.filter_map(|used| used.span).collect();
            for span in spans.iter().copied().chain(search.span.filter(|_| spans.is_empty())) {
                diagnostic = diagnostic.at(span, "");
            }
            let diagnostic = diagnostic.with_note(format!("the part: {}", found.part));
            self.found.push(diagnostic.with_note(format!("the other: {}", found.other)));
            told.push(found);
        }
    }

    /// What the conditions as wholes demand that no event can have. Of a field about which the resolution of the query
    /// has already said so, at the very place, nothing more is said.
    fn contradictions(&mut self, search: &Search, said: &[Diagnostic]) {
        let told = |field: &str| {
            let name = format!("`{field}`");
            said.iter().any(|diagnostic| {
                let code = diagnostic.code.as_str();
                matches!(code, "RES053" | "RES054" | "KQR108" | "KQR110")
                    && diagnostic.message.contains(&name)
            })
        };
        for stage in &search.stages {
            for found in contradictions(&stage.condition, self.catalogue) {
                if told(&found.field) {
                    continue;
                }
                let what =
                    if found.decides { "no event satisfies" } else { "no event satisfies one side of" };
                let message =
                    format!("{what} this condition: its demands on `{}` exclude each other", found.field);
                let mut diagnostic = Diagnostic::warning(codes::CONTRADICTION, message);
                let places = search.uses.iter().filter(|used| used.name == *found.field);
                let spans: Vec<Span> = places.filter_map(|used| used.span).collect();
                for span in spans.iter().copied().chain(search.span.filter(|_| spans.is_empty())) {
                    diagnostic = diagnostic.at(span, "");
                }
                let demands: Vec<String> = found.demands.iter().map(|demand| format!("`{demand}`")).collect();
                self.found.push(diagnostic.with_note(format!("demanded: {}", demands.join(" and "))));
            }
        }
    }
}

/// What is costly about a part of a condition, with the fields to point at.
fn of_cost(found: &Costly) -> (Diagnostic, &[Arc<str>]) {
    match found {
        Costly::EveryEvent => {
            let message = "every event of its data streams has to be looked at for this query";
            (Diagnostic::warning(codes::EVERY_EVENT, message), &[])
        }
        Costly::NoLiteral { field, pattern } => {
            let message = format!(
                "a costly pattern on `{field}`: there is nothing in it to look for first, and nothing beside it leaves few events"
            );
            let diagnostic = Diagnostic::warning(codes::NO_LITERAL, message);
            (diagnostic.with_note(format!("the pattern: {pattern}")), std::slice::from_ref(field))
        }
        Costly::Computed { fields } => {
            let message = "this is computed event by event, and nothing beside it leaves few events";
            (Diagnostic::warning(codes::COMPUTED_FOR_MANY, message), fields)
        }
        Costly::AnyField { pattern } => {
            let message = "every value of every field is held against a pattern";
            let diagnostic = Diagnostic::warning(codes::ANY_FIELD, message);
            (diagnostic.with_note(format!("the pattern: {pattern}")), &[])
        }
    }
}

/// What a plan asks of single events.
fn stages(plan: EqlPlan) -> Vec<Stage> {
    let stage = |term: StagePlan, needed| Stage { condition: term.condition, needed };
    match plan {
        EqlPlan::Event(plan) => vec![Stage { condition: plan.condition, needed: true }],
        EqlPlan::Sequence(plan) => {
            let terms = plan.stages.into_iter().map(|term| {
                let needed = !term.missing;
                stage(term, needed)
            });
            terms.chain(plan.until.map(|term| stage(term, false))).collect()
        }
        EqlPlan::Sample(plan) => plan.stages.into_iter().map(|term| stage(term, true)).collect(),
    }
}
