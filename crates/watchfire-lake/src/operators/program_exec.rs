//! A program of ES|QL as an operator: rows of tables in, a column for each slot of the program out.

mod slots;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{DataType as Arrow, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::arrow::compute::take_record_batch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use watchfire_engine::correlate::{HitStage, KeyValue, OrderFields, Ordinal, StageHit};
use watchfire_engine::{Matcher, ReadFields, RuleIndex, RuleSet, RuleSetBuilder};
use watchfire_esql_events::{EsqlProgram, SlotSource};
use watchfire_esql_plans::{CellsBuilder, ColumnType, ORDER, needs_order, slot_column};
use watchfire_events::{DataStream, IndexPatterns, Timestamp};
use watchfire_ir::Condition;
use watchfire_pipeline::{Cell, DataType};

use self::slots::Slots;
use super::events::{NeededColumns, RowEvents};
use super::in_turn_exec::InTurnExec;
use super::scan_exec::{LakeScanExec, external};
use super::{MATCHER_CACHE_BYTES, WAITING_BATCHES};
use crate::LakeSchema;
use crate::scan::{Considered, Needed, Selection, Window};
use crate::shape::{DIVERTED, ID, SEQUENCE, SOURCE, TableColumns};
use crate::stored::{Failures, input_of};
use crate::table::Table;

/// Bytes of a batch that is handed on, if its rows are not longer.
const MOST_BATCH_BYTES: usize = 4 << 20;

/// The time of what has none: it comes before all others.
const NO_TIME: Timestamp = Timestamp::from_nanos(i128::MIN);

/// What is found out while a program reads, and its rows do not show.
#[derive(Debug, Default)]
pub(crate) struct ProgramNotes {
    /// The rows that were asked for, by data stream.
    pub(crate) considered: BTreeMap<DataStream, Considered>,
    /// By field, how many values are none of its type.
    pub(crate) misfits: BTreeMap<String, u64>,
    /// Why the condition of the program could not be evaluated, and on how many events.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// A program, and how its events are read.
#[derive(Debug)]
pub(crate) struct ProgramReading {
    program: EsqlProgram,
    types: Arc<dyn LakeSchema>,
    order: OrderFields,
    window: Option<Window>,
    /// The condition of the program, and the questions that it does not answer.
    set: RuleSet,
    condition: RuleIndex,
    /// By the slot of its answer.
    tests: BTreeMap<usize, RuleIndex>,
    notes: Arc<Mutex<ProgramNotes>>,
}

impl ProgramReading {
    pub(crate) fn new(
        program: &EsqlProgram,
        types: Arc<dyn LakeSchema>,
        order: OrderFields,
        window: Option<Window>,
    ) -> Self {
        let mut builder = RuleSetBuilder::new();
        let condition = builder.add(IndexPatterns::default(), program.condition().clone());
        let open = program.document_tests().filter(|(_, _, is_implied)| !is_implied);
        let tests = open
            .map(|(slot, condition, _)| (slot, builder.add(IndexPatterns::default(), condition.clone())))
            .collect();
        let notes = Arc::default();
        Self { program: program.clone(), types, order, window, set: builder.build(), condition, tests, notes }
    }

    pub(crate) fn notes(&self) -> &Mutex<ProgramNotes> {
        &self.notes
    }

    /// Whether events are chosen at all.
    fn takes_all(&self) -> bool {
        *self.program.condition() == Condition::constant(true)
    }

    /// The conditions that events are asked.
    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let tests = self.program.document_tests().map(|(_, condition, _)| condition);
        [self.program.condition()].into_iter().chain(tests)
    }

    /// The fields by which events are chosen and put in order.
    fn fields(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for condition in self.conditions() {
            names.extend(super::condition::named_fields(condition));
        }
        names.insert(self.order.timestamp.to_string());
        names.extend(self.order.tiebreaker.as_ref().map(ToString::to_string));
        names
    }

    /// All columns that it can give.
    fn schema(&self) -> SchemaRef {
        let plan = self.program.plan();
        let read = plan.reads.iter().map(|read| (read.slot, read.data_type));
        let asked = plan.document_tests.iter().map(|test| (test.slot, DataType::Boolean));
        let slots = read
            .chain(asked)
            .map(|(slot, of)| Field::new(slot_column(slot), ColumnType::of(of).list_type(), true));
        let order = needs_order(plan).then(|| Field::new(ORDER, Arrow::Binary, false));
        Arc::new(Schema::new(slots.chain(order).collect::<Vec<_>>()))
    }
}

/// The rows of a program's events in the tables of a lake, as a table.
#[derive(Debug)]
pub(crate) struct ProgramRows {
    tables: Vec<Arc<Table>>,
    reading: Arc<ProgramReading>,
    schema: SchemaRef,
    /// What is read once more, since the plan needs it twice, is not counted again.
    is_counted: AtomicBool,
}

impl ProgramRows {
    pub(crate) fn new(tables: &[Arc<Table>], reading: &Arc<ProgramReading>) -> Self {
        Self {
            tables: tables.to_vec(),
            schema: reading.schema(),
            reading: Arc::clone(reading),
            is_counted: AtomicBool::new(false),
        }
    }

    fn rows_of(&self, table: &Arc<Table>, columns: &SchemaRef, threads: usize, counts: bool) -> ProgramExec {
        let reading = &self.reading;
        let made = Made::new(reading, table.stream(), columns);
        let selection = Selection {
            windows: reading.window.into_iter().collect(),
            needed: Needed::by_any([reading.program.condition()]),
            ..Selection::default()
        };
        let read = made.read_schema(&table.columns());
        let mut scan =
            LakeScanExec::new(Arc::clone(table), Arc::clone(&reading.types), selection, read, threads);
        if counts {
            let notes = Arc::clone(&reading.notes);
            let fields = reading.fields();
            scan = scan.considering(Arc::new(move |stream: &DataStream, considered: &Considered| {
                let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                let all = notes.considered.entry(stream.clone()).or_default();
                all.rows += considered.rows;
                let is_read = |field: &&String| fields.contains(*field);
                all.fields.extend(considered.fields.iter().filter(is_read).cloned());
            }));
        }
        ProgramExec::new(Arc::new(scan), Arc::clone(reading), Arc::new(made), Arc::clone(columns), counts)
    }
}

#[async_trait]
impl TableProvider for ProgramRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = super::table::projected(&self.schema, projection)?;
        let threads = session.config().target_partitions();
        let counts = !self.is_counted.swap(true, Ordering::Relaxed);
        let of_tables: Vec<Arc<dyn ExecutionPlan>> = self
            .tables
            .iter()
            .map(|table| Arc::new(self.rows_of(table, &columns, threads, counts)) as Arc<dyn ExecutionPlan>)
            .collect();
        if of_tables.is_empty() {
            return Ok(Arc::new(EmptyExec::new(columns)));
        }
        Ok(Arc::new(InTurnExec::new(of_tables, threads)?))
    }
}

/// What is made of the rows of a table.
#[derive(Debug)]
struct Made {
    stream: DataStream,
    columns: Vec<MadeColumn>,
    /// What the matcher, and the order of events, read; nothing if neither is asked.
    matched: Option<NeededColumns>,
    /// The fields of slots.
    fields: Vec<Arc<str>>,
    /// Those of the lake's own columns that are read.
    own: Vec<&'static str>,
}

/// A column that is made.
#[derive(Clone, Copy, Debug)]
enum MadeColumn {
    Order,
    /// A slot that is filled from the event, and the form of its values.
    Slot(usize, ColumnType),
    /// The answer to a question about the document; without one it is yes.
    Test(Option<RuleIndex>),
}

impl Made {
    fn new(reading: &ProgramReading, stream: &DataStream, columns: &SchemaRef) -> Self {
        let program = &reading.program;
        let wanted = |name: String| columns.column_with_name(&name).is_some();
        let column = |name: &str| {
            let asked = program.document_tests().find(|(slot, ..)| *slot_column(*slot) == *name);
            let read = program.plan().reads.iter().find(|read| *slot_column(read.slot) == *name);
            match (asked, read) {
                (Some((slot, ..)), _) => MadeColumn::Test(reading.tests.get(&slot).copied()),
                (None, Some(read)) => MadeColumn::Slot(read.slot, ColumnType::of(read.data_type)),
                (None, None) => MadeColumn::Order,
            }
        };
        let made: Vec<MadeColumn> = columns.fields().iter().map(|field| column(field.name())).collect();
        let (mut fields, mut own) = (Vec::new(), vec![DIVERTED]);
        for (_, source) in program.sources(stream).filter(|(slot, _)| wanted(slot_column(*slot))) {
            match source {
                SlotSource::Field(name, _) => fields.push(Arc::clone(name)),
                SlotSource::Point(_) | SlotSource::Document => own.push(SOURCE),
                SlotSource::Id => own.push(ID),
                SlotSource::Index | SlotSource::Version | SlotSource::Nothing => {}
            }
        }
        let orders = made.iter().any(|column| matches!(column, MadeColumn::Order));
        let asks = made.iter().any(|column| matches!(column, MadeColumn::Test(Some(_))));
        let mut matched = None;
        if orders || asks || !reading.takes_all() {
            let mut read = ReadFields::default();
            reading.conditions().for_each(|condition| read.add(&IndexPatterns::default(), condition));
            if orders {
                own.push(SEQUENCE);
                [&reading.order.timestamp].into_iter().chain(&reading.order.tiebreaker).for_each(|name| {
                    read.add_field(name);
                });
            }
            matched = Some(NeededColumns::new(stream, read, reading.conditions()));
        }
        Self { stream: stream.clone(), columns: made, matched, fields, own }
    }

    /// The columns of a table that are read.
    fn read_schema(&self, columns: &TableColumns) -> SchemaRef {
        let is_read = |name: &str| {
            self.own.contains(&name)
                || self.matched.as_ref().is_some_and(|matched| matched.includes(name))
                || self.fields.iter().any(|field| **field == *name)
        };
        let read = columns.iter().filter(|(name, _)| is_read(name));
        Arc::new(Schema::new(
            read.map(|(name, shape)| Field::new(name, shape.to_arrow(), true)).collect::<Vec<_>>(),
        ))
    }
}

/// Makes a column for each slot of those rows of its input that a program takes.
#[derive(Debug)]
struct ProgramExec {
    input: Arc<dyn ExecutionPlan>,
    reading: Arc<ProgramReading>,
    made: Arc<Made>,
    columns: SchemaRef,
    /// Whether what it finds out is told.
    counts: bool,
    properties: Arc<PlanProperties>,
}

impl ProgramExec {
    fn new(
        input: Arc<dyn ExecutionPlan>,
        reading: Arc<ProgramReading>,
        made: Arc<Made>,
        columns: SchemaRef,
        counts: bool,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&columns)),
            input.properties().output_partitioning().clone(),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, reading, made, columns, counts, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ProgramExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chosen = if self.reading.takes_all() { "all" } else { "by a condition" };
        write!(f, "ProgramExec: columns={}, events={chosen}", self.columns.fields().len())
    }
}

impl ExecutionPlan for ProgramExec {
    fn name(&self) -> &'static str {
        "ProgramExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// A matcher a partition is as many as there is use for: splitting batches would only make more of them.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a program has one input".to_owned()))?;
        let Self { reading, made, columns, counts, .. } = &*self;
        let (reading, made, columns) = (Arc::clone(reading), Arc::clone(made), Arc::clone(columns));
        Ok(Arc::new(Self::new(input, reading, made, columns, *counts)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut input = self.input.execute(partition, context)?;
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.columns), WAITING_BATCHES);
        let sender = builder.tx();
        let (reading, made, columns) =
            (Arc::clone(&self.reading), Arc::clone(&self.made), Arc::clone(&self.columns));
        let counts = self.counts;
        builder.spawn(async move {
            let mut matcher = reading.set.matcher(MATCHER_CACHE_BYTES);
            while let Some(batch) = input.next().await {
                for part in parts(&batch?)? {
                    let notes = ProgramNotes::default();
                    let mut rows = ProgramBatch { reading: &reading, made: &made, notes };
                    let made = rows.make(&part, &columns, &mut matcher)?;
                    if counts {
                        rows.tell();
                    }
                    if made.num_rows() > 0 && sender.send(Ok(made)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        Ok(builder.build())
    }
}

/// A batch in parts of a few megabytes, each with memory of its own: a sort holds some batches at least, however little memory it has.
fn parts(batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
    let rows = batch.num_rows();
    let number = batch.get_array_memory_size().div_ceil(MOST_BATCH_BYTES).clamp(1, rows.max(1));
    if number == 1 {
        return Ok(vec![batch.clone()]);
    }
    let length = rows.div_ceil(number);
    let part = |first: usize| {
        let rows: UInt32Array = (first..rows.min(first + length)).map(|row| Some(row as u32)).collect();
        Ok(take_record_batch(batch, &rows)?)
    };
    (0..rows).step_by(length).map(part).collect()
}

/// A batch on its way.
struct ProgramBatch<'a> {
    reading: &'a ProgramReading,
    made: &'a Made,
    notes: ProgramNotes,
}

/// What the matcher says of a batch.
#[derive(Default)]
struct Chosen {
    /// The rows that are taken, if not all are.
    rows: Option<UInt32Array>,
    /// By question, whether the answer is yes, for each of them.
    tests: BTreeMap<RuleIndex, Vec<bool>>,
    /// What they are sorted by.
    order: Option<ArrayRef>,
}

impl ProgramBatch<'_> {
    /// The columns that are made of a batch.
    fn make(
        &mut self,
        batch: &RecordBatch,
        columns: &SchemaRef,
        matcher: &mut Matcher<'_>,
    ) -> Result<RecordBatch> {
        let chosen = match &self.made.matched {
            Some(matched) => self.choose(batch, matched, matcher)?,
            None => Chosen::default(),
        };
        let taken = match &chosen.rows {
            Some(rows) => take_record_batch(batch, rows)?,
            None => batch.clone(),
        };
        let rows = taken.num_rows();
        let mut slots = Slots::new(&taken)?;
        let sources: BTreeMap<usize, SlotSource<'_>> =
            self.reading.program.sources(&self.made.stream).collect();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for column in &self.made.columns {
            arrays.push(match column {
                MadeColumn::Order => {
                    let order = chosen.order.clone();
                    order.ok_or_else(|| DataFusionError::Internal("events without an order".to_owned()))?
                }
                MadeColumn::Test(test) => {
                    let answers = test.and_then(|test| chosen.tests.get(&test));
                    let mut cells = CellsBuilder::new(ColumnType::Boolean, rows);
                    for row in 0..rows {
                        cells.push(&Cell::truth(answers.is_none_or(|answers| answers[row])))?;
                    }
                    cells.finish()?
                }
                MadeColumn::Slot(slot, of) => {
                    let source = sources.get(slot).copied().unwrap_or(SlotSource::Nothing);
                    slots.column(*of, source, &self.made.stream, &mut self.notes.misfits)?
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(columns), arrays, &options)?)
    }

    /// Asks the matcher.
    fn choose(
        &mut self,
        batch: &RecordBatch,
        matched: &NeededColumns,
        matcher: &mut Matcher<'_>,
    ) -> Result<Chosen> {
        let reading = self.reading;
        let failures = Arc::new(Failures::default());
        let schema = batch.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let read = names.zip(batch.columns()).filter(|(name, _)| matched.includes(name));
        let events = RowEvents { stream: self.made.stream.clone(), schema: Arc::clone(&reading.types) };
        let events = events.batch(read, batch.num_rows(), &failures)?;
        let mut matches = matcher.match_batch(&events, &*reading.types);
        if let Some(error) = failures.take() {
            return Err(external(error));
        }
        matches.errors.sort_by_key(|error| error.row);
        matches.errors.dedup_by_key(|error| error.row);
        for error in &matches.errors {
            *self.notes.errors.entry(error.error.to_string()).or_default() += 1;
        }
        for (field, number) in events.misfits() {
            *self.notes.misfits.entry(field.to_string()).or_default() += number;
        }
        let hits = |rule: RuleIndex| matches.hits.iter().filter(move |hit| hit.rule == rule);
        let mut rows: Vec<u32> = hits(reading.condition).map(|hit| hit.row).collect();
        rows.sort_unstable();
        let answers = |test: &RuleIndex| {
            let mut holds = vec![false; batch.num_rows()];
            hits(*test).for_each(|hit| holds[hit.row as usize] = true);
            (*test, rows.iter().map(|row| holds[*row as usize]).collect())
        };
        let mut chosen = Chosen { tests: reading.tests.values().map(answers).collect(), ..Chosen::default() };
        if self.made.columns.iter().any(|column| matches!(column, MadeColumn::Order)) {
            let times = reading.order.columns(&events);
            let sequences =
                batch.column_by_name(SEQUENCE).and_then(|column| column.as_primitive_opt::<Int64Type>());
            let sequences =
                sequences.ok_or_else(|| DataFusionError::Internal("events without a number".to_owned()))?;
            let input = input_of(&self.made.stream);
            let (mut keys, mut key, mut position) = (BinaryBuilder::new(), Vec::new(), Vec::new());
            let none: Arc<[KeyValue]> = Arc::default();
            for &row in &rows {
                let row = row as usize;
                key.clear();
                position.clear();
                position.extend_from_slice(input.as_bytes());
                position.extend_from_slice(&(sequences.value(row) as u64).to_be_bytes());
                let time = times.time(row).unwrap_or(NO_TIME);
                let ordinal = Ordinal { time, tiebreaker: times.tiebreaker(row), arrival: 0 };
                let hit =
                    StageHit { ordinal, stage: HitStage::Stage(0), keys: Arc::clone(&none), payload: () };
                hit.write_ordered(&position, &mut key);
                keys.append_value(&key);
            }
            chosen.order = Some(Arc::new(keys.finish()));
        }
        if rows.len() < batch.num_rows() {
            chosen.rows = Some(rows.into());
        }
        Ok(chosen)
    }

    /// Says what was found out.
    fn tell(self) {
        let mut notes = self.reading.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for (field, number) in self.notes.misfits {
            *notes.misfits.entry(field).or_default() += number;
        }
        for (error, number) in self.notes.errors {
            *notes.errors.entry(error).or_default() += number;
        }
    }
}
