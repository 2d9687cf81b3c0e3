//! A query settled over events, and its run.

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use serde_json::Value as Json;
use watchfire_diagnostics::{Diagnostic, Severity};
use watchfire_engine::reference;
use watchfire_esql::ast::{Query, SourceKind};
use watchfire_events::{
    BatchBuilder, DataStream, Document, Event, FieldType, FieldTypes, IndexPattern, IndexPatterns, Timestamp,
    flatten, get_field,
};
use watchfire_ir::{Condition, FieldRef, FieldTarget, KqlOptions, Leaf, Resolution, Schema, lower_kql};
use watchfire_pipeline::codes::INVALID_SEARCH;
use watchfire_pipeline::plan::{DocumentTest, Plan, Read, Step};
use watchfire_pipeline::{
    Answer, Cell, DataType, LateCells, Run, Source, Value, documents, lists_columns, resolve,
};

use crate::condition;
use crate::is_metadata;

/// An ES|QL query, ready to run over events.
#[derive(Clone, Debug)]
pub struct EsqlProgram {
    query: Arc<Query>,
    plan: Arc<Plan>,
    patterns: IndexPatterns,
    condition: Condition,
    reads: Vec<(usize, Origin)>,
    /// The reads that are of no single field.
    others: Vec<usize>,
    /// Which slots a field fills, by the name that it has in documents.
    by_field: FxHashMap<Arc<str>, Vec<usize>>,
    tests: Vec<Test>,
    types: TestTypes,
    lists_fields: bool,
    /// Whether the answer has columns of documents that no command uses.
    has_late: bool,
}

/// Where the cells of a slot come from.
#[derive(Clone, Debug)]
enum Origin {
    Field(Arc<str>, DataType),
    /// The type is that of the first pattern that fits the index; where none does, there is nothing.
    ByIndex(Arc<str>, Vec<(IndexPattern, DataType)>),
    /// An object, an array or a text that is a point.
    Point(Arc<str>),
    Id,
    Index,
    Version,
    Document,
    Nothing,
}

/// What a slot of a program is filled from, in the events of an index: for who has these in columns.
#[derive(Clone, Copy, Debug)]
pub enum SlotSource<'p> {
    /// The values of a field, read as this type ([`documents::value`], [`documents::in_order_of_index`]).
    Field(&'p Arc<str>, DataType),
    /// The points that a field of the document is ([`documents::points`]).
    Point(&'p Arc<str>),
    /// The id of the event.
    Id,
    /// The name of its index.
    Index,
    /// The version of the document.
    Version,
    /// The text of the document.
    Document,
    /// Nothing.
    Nothing,
}

impl Origin {
    fn source(&self, index: &DataStream) -> SlotSource<'_> {
        match self {
            Self::Field(name, data_type) => SlotSource::Field(name, *data_type),
            Self::ByIndex(name, types) => match types.iter().find(|(pattern, _)| pattern.fits(index)) {
                Some((_, data_type)) => SlotSource::Field(name, *data_type),
                None => SlotSource::Nothing,
            },
            Self::Point(name) => SlotSource::Point(name),
            Self::Id => SlotSource::Id,
            Self::Index => SlotSource::Index,
            Self::Version => SlotSource::Version,
            Self::Document => SlotSource::Document,
            Self::Nothing => SlotSource::Nothing,
        }
    }

    /// The cell of an event; of a field, from its values.
    fn cell(&self, event: &Event, values: Vec<&Json>) -> Cell {
        match self.source(&event.data_stream) {
            SlotSource::Field(_, data_type) => documents::cell(values, data_type),
            SlotSource::Point(name) => get_field(&event.document, name).map_or(Cell::Null, documents::points),
            SlotSource::Id => Value::text(event.id.as_str()).into(),
            SlotSource::Index => Value::text(event.data_stream.as_str()).into(),
            SlotSource::Version => VERSION.into(),
            SlotSource::Document => document_text(&event.document).into(),
            SlotSource::Nothing => Cell::Null,
        }
    }
}

/// The version of all documents: they are never written over.
pub const VERSION: Value = Value::Long(1);

/// The text of a document.
pub fn document_text(document: &Document) -> Value {
    Value::text(Json::Object(document.clone()).to_string())
}

/// A question about the document.
#[derive(Clone, Debug)]
struct Test {
    slot: usize,
    condition: Condition,
    /// Whether an event that satisfies the condition of the program satisfies this one too.
    is_implied: bool,
}

/// The types of the fields that questions about documents look at.
#[derive(Clone, Debug, Default)]
struct TestTypes(FxHashMap<Arc<str>, FieldType>);

impl TestTypes {
    fn of<'c>(conditions: impl IntoIterator<Item = &'c Condition>) -> Self {
        let mut types = FxHashMap::default();
        for condition in conditions {
            condition.for_each_leaf(&mut |leaf, _| {
                if let Leaf::Field(leaf) = leaf
                    && let FieldTarget::Field(field) = &leaf.target
                {
                    types.insert(Arc::clone(&field.name), field.field_type);
                }
            });
        }
        Self(types)
    }
}

impl FieldTypes for TestTypes {
    fn field_type(&self, name: &str) -> FieldType {
        self.0.get(name).copied().unwrap_or(FieldType::Dynamic)
    }
}

impl PartialEq for EsqlProgram {
    fn eq(&self, other: &Self) -> bool {
        // What is read from equal trees under one schema is equal.
        self.query == other.query && self.condition == other.condition
    }
}

impl EsqlProgram {
    /// Settles a query against the columns of a source. `schema` says how fields are read and what KQL in the query means; `now` is
    /// what `now` stands for in it.
    ///
    /// The tree must be a whole query. `None` if there is an error among the diagnostics.
    pub fn new(
        query: &Query,
        source: &dyn Source,
        schema: &dyn Schema,
        now: Option<Timestamp>,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let resolved = resolve(query, source);
        let mut diagnostics = resolved.diagnostics;
        let Some(plan) = resolved.plan else { return (None, diagnostics) };
        let mut tests = Vec::new();
        for test in &plan.document_tests {
            match lowered(test, schema, now, &mut diagnostics) {
                Some(condition) => tests.push((test.slot, condition)),
                None => return (None, diagnostics),
            }
        }
        let fields: FxHashMap<usize, FieldRef> =
            plan.reads.iter().filter_map(|read| Some((read.slot, field_of(read, schema)?))).collect();
        // Of what has a type in each index of its own nothing is asked of all; nor of points, which are objects in documents.
        let is_askable = |read: &Read| read.by_index.is_none() && read.data_type != DataType::GeoPoint;
        let mut askable = fields.clone();
        askable.retain(|slot, _| plan.reads.iter().all(|read| read.slot != *slot || is_askable(read)));
        let (condition, implied) = condition::necessary(&plan, &askable, &tests);
        let mut by_field: FxHashMap<Arc<str>, Vec<usize>> = FxHashMap::default();
        let mut reads = Vec::new();
        for read in &plan.reads {
            let origin = match &*read.name {
                "_id" => Origin::Id,
                "_index" => Origin::Index,
                "_version" => Origin::Version,
                "_source" => Origin::Document,
                "_ignored" | "_index_mode" | "_score" => Origin::Nothing,
                _ => match fields.get(&read.slot) {
                    Some(field) if read.data_type == DataType::GeoPoint => {
                        Origin::Point(Arc::clone(&field.name))
                    }
                    Some(field) => {
                        by_field.entry(Arc::clone(&field.name)).or_default().push(reads.len());
                        match &read.by_index {
                            Some(types) => Origin::ByIndex(
                                Arc::clone(&field.name),
                                types
                                    .iter()
                                    .map(|(index, data_type)| (IndexPattern::new(index), *data_type))
                                    .collect(),
                            ),
                            None => Origin::Field(Arc::clone(&field.name), read.data_type),
                        }
                    }
                    None => Origin::Nothing,
                },
            };
            reads.push((read.slot, origin));
        }
        let early = plan.early_slots;
        let has_late = reads.iter().any(|(slot, _)| *slot >= early);
        let tests: Vec<Test> = tests
            .into_iter()
            .map(|(slot, condition)| Test { slot, condition, is_implied: implied.contains(&slot) })
            .collect();
        let program = Self {
            query: Arc::new(query.clone()),
            plan: Arc::new(plan),
            patterns: patterns_of(query),
            condition,
            others: (0..reads.len())
                .filter(|read| {
                    !matches!(reads[*read].1, Origin::Field(..) | Origin::ByIndex(..) | Origin::Nothing)
                })
                .collect(),
            reads,
            by_field,
            types: TestTypes::of(tests.iter().map(|test: &Test| &test.condition)),
            tests,
            lists_fields: lists_columns(query),
            has_late,
        };
        (Some(program), diagnostics)
    }

    /// The query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// What runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The indices that it reads.
    pub fn patterns(&self) -> &IndexPatterns {
        &self.patterns
    }

    /// What an event must satisfy to be in any row: the first `WHERE` of the query, as far as it can be said of events.
    /// An event that does not satisfy it changes nothing.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// What each slot of the plan that is read is filled from, in the events of an index.
    pub fn sources<'p>(&'p self, index: &DataStream) -> impl Iterator<Item = (usize, SlotSource<'p>)> {
        self.reads.iter().map(|(slot, origin)| (*slot, origin.source(index)))
    }

    /// The questions about documents, each with the slot of its answer, and whether an event that satisfies [`Self::condition`]
    /// satisfies it too.
    pub fn document_tests(&self) -> impl Iterator<Item = (usize, &Condition, bool)> {
        self.tests.iter().map(|test| (test.slot, &test.condition, test.is_implied))
    }

    /// Whether the columns of the answer, or what patterns choose among, depend on which fields there are.
    pub fn lists_fields(&self) -> bool {
        self.lists_fields
    }

    /// An event with no more of its document than the query reads.
    pub fn needed(&self, event: &Event) -> Event {
        let needs_all = self.lists_fields
            || self.tests.iter().any(|test| !test.is_implied)
            || self.reads.iter().any(|(_, origin)| matches!(origin, Origin::Document));
        if needs_all {
            return event.clone();
        }
        let mut document = Document::new();
        for (_, origin) in &self.reads {
            if let Origin::Point(name) = origin
                && let Some(value) = get_field(&event.document, name)
            {
                document.insert(name.to_string(), value.clone());
            }
        }
        flatten(&event.document, &mut |name, value| {
            if self.by_field.contains_key(name) {
                match document.get_mut(name) {
                    Some(Json::Array(values)) => values.push(value.clone()),
                    Some(first) => *first = Json::Array(vec![first.take(), value.clone()]),
                    None => {
                        document.insert(name.to_owned(), value.clone());
                    }
                }
            }
        });
        Event {
            document,
            id: event.id.clone(),
            data_stream: event.data_stream.clone(),
            place: event.place.clone(),
        }
    }

    /// What makes the answer depend on how much of the past is looked at, if something does.
    pub fn depends_on_window(&self) -> Option<&'static str> {
        let step = |kind: &Step| match kind {
            Step::Stats { .. } | Step::InlineStats { .. } => Some("STATS"),
            Step::Limit(_) => Some("LIMIT"),
            _ => None,
        };
        self.plan.steps.iter().find_map(step)
    }

    /// The cells that an event gives to the slots that are wanted, as far as there is something in them.
    fn cells<'e>(
        &'e self,
        event: &'e Event,
        wants: &dyn Fn(usize) -> bool,
    ) -> impl Iterator<Item = (usize, Cell)> + 'e {
        let mut values: FxHashMap<usize, Vec<&Json>> = FxHashMap::default();
        flatten(&event.document, &mut |name, value| {
            for &read in self.by_field.get(name).into_iter().flatten() {
                if wants(self.reads[read].0) {
                    values.entry(read).or_default().push(value);
                }
            }
        });
        let others =
            self.others.iter().copied().filter(|read| wants(self.reads[*read].0)).collect::<Vec<_>>();
        let others = others.into_iter().map(|read| (read, Vec::new()));
        values.into_iter().chain(others).map(|(read, values)| {
            let (slot, origin) = &self.reads[read];
            (*slot, origin.cell(event, values))
        })
    }

    /// A run at its begin, whose `NOW()` is the given time.
    pub fn begin(&self, now: Timestamp) -> EsqlRun<'_> {
        EsqlRun { program: self, run: Run::new(&self.plan, now.millis()), is_traced: false, wants_late: true }
    }
}

/// A program on its way over events.
pub struct EsqlRun<'p> {
    program: &'p EsqlProgram,
    run: Run<'p>,
    is_traced: bool,
    wants_late: bool,
}

/// An event whose columns may come to be in the answer.
struct LateEvent<'p> {
    program: &'p EsqlProgram,
    event: Event,
    cells: OnceLock<FxHashMap<usize, Cell>>,
}

impl LateCells for LateEvent<'_> {
    fn cell(&self, slot: usize) -> Cell {
        let early = self.program.plan.early_slots;
        let all = || self.program.cells(&self.event, &|slot| slot >= early).collect();
        self.cells.get_or_init(all).get(&slot).cloned().unwrap_or(Cell::Null)
    }
}

impl EsqlRun<'_> {
    /// The same, but what becomes of each event is kept, and events are taken too that do not satisfy
    /// [`EsqlProgram::condition`].
    #[must_use]
    pub fn traced(self) -> Self {
        Self { run: self.run.traced(), is_traced: true, ..self }
    }

    /// The same, without the columns that the answer only has from documents as they are: whoever has these needs no copy.
    #[must_use]
    pub fn without_columns_of_documents(self) -> Self {
        Self { wants_late: false, ..self }
    }

    /// Takes an event that satisfies [`EsqlProgram::condition`]. Tells whether further ones can change the answer.
    pub fn push(&mut self, event: &Event) -> bool {
        let program = self.program;
        let early = program.plan.early_slots;
        let mut row = vec![Cell::Null; early];
        for (slot, cell) in program.cells(event, &|slot| slot < early) {
            row[slot] = cell;
        }
        for test in &program.tests {
            let holds = test.is_implied && !self.is_traced || self.holds(&test.condition, event);
            row[test.slot] = Cell::truth(holds);
        }
        let late = (program.has_late && self.wants_late).then(|| {
            let late = LateEvent { program, event: event.clone(), cells: OnceLock::new() };
            let late: Arc<dyn LateCells + '_> = Arc::new(late);
            late
        });
        self.run.push_with(row, late).is_continue()
    }

    fn holds(&self, condition: &Condition, event: &Event) -> bool {
        let types = &self.program.types;
        let mut builder = BatchBuilder::new(types);
        builder.push(event.clone());
        let batch = builder.finish();
        reference::evaluate(condition, &batch, 0, types, &mut Vec::new())
    }

    /// How many rows are ready.
    pub fn rows(&self) -> usize {
        self.run.rows()
    }

    /// The rows that are ready before the last event; they are not in the answer at the end.
    pub fn take_ready(&mut self) -> Vec<Vec<Cell>> {
        self.run.take_ready()
    }

    /// The answer, after the last event.
    pub fn finish(self) -> Answer {
        self.run.finish()
    }
}

/// The patterns behind `FROM`.
fn patterns_of(query: &Query) -> IndexPatterns {
    match &query.source.kind {
        SourceKind::From { patterns, .. } => {
            IndexPatterns::new(patterns.iter().map(|pattern| pattern.text.as_str()))
        }
        _ => IndexPatterns::default(),
    }
}

/// The field of a document that a column is read from.
fn field_of(read: &Read, schema: &dyn Schema) -> Option<FieldRef> {
    if is_metadata(&read.name) {
        return None;
    }
    match schema.resolve(&read.name) {
        Resolution::Field(field) => Some(field),
        _ => Some(FieldRef { name: Arc::clone(&read.name), field_type: schema.field_type(&read.name) }),
    }
}

/// A query in KQL within the query.
fn lowered(
    test: &DocumentTest,
    schema: &dyn Schema,
    now: Option<Timestamp>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Condition> {
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    let parsed = watchfire_kql::parse(&test.kql);
    let mut problems = parsed.diagnostics;
    let mut condition = None;
    if let Some(query) = parsed.query.filter(|_| !problems.iter().any(is_error)) {
        let options = KqlOptions { now, default_fields: Vec::new() };
        let lowered = lower_kql(&query, schema, &options);
        problems.extend(lowered.diagnostics);
        condition = Some(lowered.condition);
    }
    let failed = problems.iter().any(is_error);
    for problem in problems.into_iter().filter(is_error) {
        let message = format!("the query within `KQL` is wrong: {}", problem.message);
        diagnostics.push(Diagnostic::error(INVALID_SEARCH, message).at(test.span, "in here"));
    }
    condition.filter(|_| !failed)
}
