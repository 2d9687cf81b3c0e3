//! Everything there is to say about one rule beyond that its file can be read.
//!
//! ```text
//!  query, filters ──parse, resolve──► conditions ──► contradictions (CHK004)
//!         │                               │
//!         └── fields named ── keys that ──┴──► fields (CHK001, CHK002, CHK003, CHK005)
//!                             name fields
//!  the rule as a whole ──────────────────────► the lints of the rules crate (LNT…)
//! ```

use serde_json::Value;
use watchfire_diagnostics::{Diagnostic, Severity, SourceText, Span};
use watchfire_eql::ast::{MaxSpan, QueryKind};
use watchfire_events::Timestamp;
use watchfire_ir::{
    Catalogue, Condition, EqlOptions, EqlPlan, KqlOptions, contradictions, lower_eql, lower_filters,
    lower_kql, lower_lucene,
};
use watchfire_rules::format::RuleFile;
use watchfire_rules::lint::{Places, QueryFacts, lint};
use watchfire_rules::model::{KibanaFilter, QueryLanguage, QueryText, RuleKind, RuleMetadata};

use super::codes;
use super::field_checks::FieldChecks;
use super::field_use::{self, FieldUse, Role};
use super::file_edit::in_file;
use super::key_fields;
use super::sources::NamedSources;

/// The instant that `now` stands for: the same in each run, so that the same rules give the same answer.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What the search for one kind of events comes to: a query, its filters, and where it looks.
pub(super) struct Search {
    /// The data streams it looks in.
    pub(super) sources: NamedSources,
    /// What the events must be, filters included: one condition for each stage.
    pub(super) stages: Vec<Stage>,
    /// The fields it names.
    pub(super) uses: Vec<FieldUse>,
    /// Where the query stands in its file.
    pub(super) span: Option<Span>,
}

/// What one event must be.
pub(super) struct Stage {
    pub(super) condition: Condition,
    /// Whether there is no match without such an event.
    pub(super) needed: bool,
}

/// The examination of rules, one after another; it remembers what takes long to find out.
pub(super) struct Examination<'a> {
    catalogue: &'a Catalogue,
    field_checks: FieldChecks<'a>,
    /// Rules whose fields could not be held against their data streams, because not all of these are known.
    pub(super) with_unknown_streams: usize,
}

impl<'a> Examination<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue, field_checks: FieldChecks::new(catalogue), with_unknown_streams: 0 }
    }

    /// Everything there is to say, in the order of the file.
    pub(super) fn rule(&mut self, content: &RuleFile, source: &SourceText) -> Vec<Diagnostic> {
        let places = Places::of(source.text());
        let rule = &content.rule;
        let packages = content.metadata.as_ref().map_or(&[][..], RuleMetadata::integrations);
        let mut found = Vec::new();
        let mut facts = QueryFacts::default();
        let category = match &rule.kind {
            RuleKind::Eql(eql) => eql.event_category_override.as_deref(),
            _ => None,
        };
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
            Some(query) => match query.language {
                QueryLanguage::Eql => self.eql(query, &mut facts),
                QueryLanguage::Kql => self.kql(query),
                QueryLanguage::Lucene => self.lucene(query),
                QueryLanguage::Esql => (Vec::new(), Vec::new()),
            },
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
        (search, facts)
    }

    fn eql(&mut self, query: &QueryText, facts: &mut QueryFacts) -> (Vec<Stage>, Vec<FieldUse>) {
        let parsed = watchfire_eql::parse(&query.text);
        let valid = parsed.is_valid();
        self.report(query, parsed.diagnostics);
        let Some(tree) = parsed.query else { return (Vec::new(), Vec::new()) };
        if let QueryKind::Sequence(sequence) = &tree.kind {
            facts.sequence = true;
            facts.max_span_millis = sequence.maxspan.map(MaxSpan::millis);
        }
        if !valid {
            return (Vec::new(), Vec::new());
        }
        let mut options = EqlOptions { now: Some(NOW), ..EqlOptions::default() };
        if let Some(field) = self.category {
            field.clone_into(&mut options.event_category_field);
        }
        let lowered = lower_eql(&tree, self.catalogue, &options);
        self.report(query, lowered.diagnostics);
        let stage = |condition: &Condition, needed| Stage { condition: condition.clone(), needed };
        let stages = match &lowered.plan {
            None => Vec::new(),
            Some(EqlPlan::Event(plan)) => vec![stage(&plan.condition, true)],
            Some(EqlPlan::Sequence(plan)) => {
                let terms = plan.stages.iter().map(|term| stage(&term.condition, !term.missing));
                terms.chain(plan.until.iter().map(|term| stage(&term.condition, false))).collect()
            }
            Some(EqlPlan::Sample(plan)) => {
                plan.stages.iter().map(|term| stage(&term.condition, true)).collect()
            }
        };
        (stages, field_use::of_eql(&tree))
    }

    fn kql(&mut self, query: &QueryText) -> (Vec<Stage>, Vec<FieldUse>) {
        let parsed = watchfire_kql::parse(&query.text);
        let valid = parsed.is_valid();
        self.report(query, parsed.diagnostics);
        let Some(tree) = parsed.query.filter(|_| valid) else { return (Vec::new(), Vec::new()) };
        let lowered = lower_kql(&tree, self.catalogue, &options());
        let stages = if lowered.is_valid() { one_stage(lowered.condition) } else { Vec::new() };
        self.report(query, lowered.diagnostics);
        (stages, field_use::of_kql(&tree))
    }

    fn lucene(&mut self, query: &QueryText) -> (Vec<Stage>, Vec<FieldUse>) {
        let parsed = watchfire_kql::lucene::parse(&query.text);
        let valid = parsed.is_valid();
        self.report(query, parsed.diagnostics);
        let Some(tree) = parsed.query.filter(|_| valid) else { return (Vec::new(), Vec::new()) };
        let lowered = lower_lucene(&tree, self.catalogue, &options());
        let stages = if lowered.is_valid() { one_stage(lowered.condition) } else { Vec::new() };
        self.report(query, lowered.diagnostics);
        (stages, field_use::of_lucene(&tree))
    }

    /// The conditions of the filters, each read by itself so that what is said of it stands at its place.
    fn filters(&mut self, filters: &[KibanaFilter], uses: &mut Vec<FieldUse>) -> Vec<Condition> {
        let mut all = Vec::new();
        for (at, filter) in filters.iter().enumerate() {
            let list = Value::Array(vec![filter.json.0.clone()]);
            let (conditions, diagnostics) = lower_filters(&list, self.catalogue, &options());
            let valid = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
            for mut diagnostic in diagnostics {
                for note in &mut diagnostic.notes {
                    *note = note.replacen("filters[0]", &format!("filters[{at}]"), 1);
                }
                diagnostic.labels.clear();
                diagnostic.edit = None;
                self.found.push(diagnostic.at(filter.span, ""));
            }
            if !valid {
                continue;
            }
            for condition in &conditions {
                condition.for_each_leaf(&mut |leaf, _| {
                    if let watchfire_ir::Leaf::Field(watchfire_ir::FieldLeaf {
                        target: watchfire_ir::FieldTarget::Field(field),
                        ..
                    }) = leaf
                    {
                        uses.push(FieldUse::in_key(
                            &field.name,
                            format!("filters[{at}]"),
                            Role::Filter,
                            Some(filter.span),
                        ));
                    }
                });
            }
            all.extend(conditions);
        }
        all
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

    fn report(&mut self, query: &QueryText, diagnostics: Vec<Diagnostic>) {
        let source = self.source.text();
        self.found.extend(diagnostics.into_iter().map(|diagnostic| in_file(query, source, diagnostic)));
    }
}

fn one_stage(condition: Condition) -> Vec<Stage> {
    vec![Stage { condition, needed: true }]
}

fn options() -> KqlOptions {
    KqlOptions { now: Some(NOW), default_fields: Vec::new() }
}
