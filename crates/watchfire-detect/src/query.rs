//! Queries of every language and Kibana filters, parsed and given their meaning: what rules, hunts and checks share.

use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_esql_events::{DataColumns, EsqlProgram};
use watchfire_events::Timestamp;
use watchfire_ir::{
    Condition, EqlOptions, EqlPlan, EventPlan, KqlOptions, LoweredKql, Schema, lower_eql, lower_filter,
    lower_kql, lower_lucene,
};
use watchfire_rules::model::{KibanaFilter, QueryLanguage};

/// What the meaning of a query depends on besides its text and the schema.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions<'a> {
    /// What `now` stands for in dates; without it such a date is an error.
    pub now: Option<Timestamp>,
    /// The field that EQL takes for the event category, if not `event.category`.
    pub event_category_field: Option<&'a str>,
}

impl QueryOptions<'_> {
    fn kql(&self) -> KqlOptions {
        KqlOptions { now: self.now, default_fields: Vec::new() }
    }
}

/// The syntax tree of a query.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the languages name themselves")]
pub enum QueryTree {
    Eql(Box<watchfire_eql::ast::Query>),
    Kql(watchfire_kql::ast::Query),
    Lucene(watchfire_kql::lucene::LuceneQuery),
    Esql(watchfire_esql::ast::Query),
}

/// A query after reading.
#[derive(Clone, Debug)]
pub struct ReadQuery {
    /// The tree; beside errors it is what could be made out.
    pub tree: Option<QueryTree>,
    /// Whether the tree is the whole text, without an error.
    pub well_formed: bool,
    /// What to run; absent if there is an error among the diagnostics. A query in KQL or Lucene is one for single
    /// events, without pipes.
    pub plan: Option<EqlPlan>,
    /// What to run of ES|QL, which has no other plan; absent if there is an error among the diagnostics.
    pub program: Option<EsqlProgram>,
    /// What there is to say about text, names and types, with places in the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a query and gives it its meaning over the fields of a schema.
pub fn read_query(
    text: &str,
    language: QueryLanguage,
    schema: &dyn Schema,
    options: &QueryOptions<'_>,
) -> ReadQuery {
    match language {
        QueryLanguage::Eql => {
            let parsed = watchfire_eql::parse(text);
            let lower = |tree: &_| {
                let mut eql = EqlOptions { now: options.now, ..EqlOptions::default() };
                if let Some(field) = options.event_category_field {
                    field.clone_into(&mut eql.event_category_field);
                }
                let lowered = lower_eql(tree, schema, &eql);
                (lowered.plan, lowered.diagnostics)
            };
            read(parsed.query, parsed.diagnostics, lower, |tree| QueryTree::Eql(Box::new(tree)))
        }
        QueryLanguage::Kql => {
            let parsed = watchfire_kql::parse(text);
            let lower = |tree: &_| plan_of(lower_kql(tree, schema, &options.kql()));
            read(parsed.query, parsed.diagnostics, lower, QueryTree::Kql)
        }
        QueryLanguage::Lucene => {
            let parsed = watchfire_kql::lucene::parse(text);
            let lower = |tree: &_| plan_of(lower_lucene(tree, schema, &options.kql()));
            read(parsed.query, parsed.diagnostics, lower, QueryTree::Lucene)
        }
        QueryLanguage::Esql => {
            let parsed = watchfire_esql::parse(text);
            let mut program = None;
            let lower = |tree: &_| {
                let (found, diagnostics) =
                    EsqlProgram::new(tree, &DataColumns::of_schema(schema), schema, options.now);
                program = found;
                (None, diagnostics)
            };
            let read = read(parsed.query, parsed.diagnostics, lower, QueryTree::Esql);
            ReadQuery { program, ..read }
        }
    }
}

/// Lowers a tree that is the whole query.
fn read<T>(
    tree: Option<T>,
    mut diagnostics: Vec<Diagnostic>,
    lower: impl FnOnce(&T) -> (Option<EqlPlan>, Vec<Diagnostic>),
    wrap: impl FnOnce(T) -> QueryTree,
) -> ReadQuery {
    let well_formed = tree.is_some() && is_right(&diagnostics);
    let mut plan = None;
    if let (true, Some(tree)) = (well_formed, &tree) {
        let (lowered, more) = lower(tree);
        plan = lowered.filter(|_| is_right(&more));
        diagnostics.extend(more);
    }
    ReadQuery { tree: tree.map(wrap), well_formed, plan, program: None, diagnostics }
}

fn plan_of(lowered: LoweredKql) -> (Option<EqlPlan>, Vec<Diagnostic>) {
    let plan = EventPlan { condition: lowered.condition, pipes: Vec::new() };
    (Some(EqlPlan::Event(plan)), lowered.diagnostics)
}

/// A filter of a rule after reading.
#[derive(Clone, Debug)]
pub struct ReadFilter {
    /// What it asks of an event; absent if it is switched off, or there is an error among the diagnostics.
    pub condition: Option<Condition>,
    /// What there is to say; the place is that of the filter in its file, and a note says where inside.
    pub diagnostics: Vec<Diagnostic>,
}

/// Gives the filters of a rule their meaning, one by one.
pub fn read_filters(
    filters: &[KibanaFilter],
    schema: &dyn Schema,
    options: &QueryOptions<'_>,
) -> Vec<ReadFilter> {
    let read = |(at, filter): (usize, &KibanaFilter)| {
        let path = format!("filters[{at}]");
        let (condition, diagnostics) = lower_filter(&filter.json.0, &path, schema, &options.kql());
        let condition = condition.filter(|_| is_right(&diagnostics));
        let in_file = |mut found: Diagnostic| {
            // A query inside of a filter has places of its own, which are none of the file.
            found.labels.clear();
            found.edit = None;
            found.at(filter.span, "")
        };
        ReadFilter { condition, diagnostics: diagnostics.into_iter().map(in_file).collect() }
    };
    filters.iter().enumerate().map(read).collect()
}

fn is_right(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().all(|found| found.severity != Severity::Error)
}
