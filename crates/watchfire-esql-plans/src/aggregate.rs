//! What a plan computes over rows, as aggregates of DataFusion.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::builder::LargeBinaryBuilder;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator as SingleAccumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator,
    Signature, Volatility,
};
use watchfire_diagnostics::Span;
use watchfire_pipeline::aggregates::{Accumulator, Aggregation};
use watchfire_pipeline::plan::Aggregated;
use watchfire_pipeline::{Cell, DataType};

use crate::Evaluation;
use crate::columns::{CellsBuilder, ColumnType, cell_at, internal};
use crate::functions::next_number;

/// An aggregation of what [`Computed::Given`](crate::functions::Computed::Given) gives, or of all rows.
#[derive(Clone)]
pub(crate) struct RowAggregate {
    /// No two are equal: each counts what it could not compute.
    number: u64,
    aggregation: Aggregation,
    span: Span,
    gives: ColumnType,
    evaluation: Evaluation,
    signature: Signature,
}

impl RowAggregate {
    /// The form of what is computed.
    fn gives(aggregated: &Aggregated) -> ColumnType {
        // `TOP` of two arguments gives the second.
        let of = match (aggregated.aggregation, aggregated.arguments.as_slice()) {
            (Aggregation::Top { .. }, [_, out]) => out,
            (_, [of, ..]) => of,
            (aggregation, []) => {
                return aggregation.returns(DataType::Null).map_or(ColumnType::Other, ColumnType::of);
            }
        };
        aggregated.aggregation.returns(of.data_type).map_or(ColumnType::Other, ColumnType::of)
    }

    /// The type of the column of what is computed.
    pub(crate) fn list_type(aggregated: &Aggregated) -> Arrow {
        Self::gives(aggregated).list_type()
    }

    /// What is computed of a column.
    pub(crate) fn call(aggregated: &Aggregated, given: Expr, evaluation: &Evaluation) -> Expr {
        let aggregate = Self {
            number: next_number(),
            aggregation: aggregated.aggregation,
            span: aggregated.span,
            gives: Self::gives(aggregated),
            evaluation: evaluation.clone(),
            signature: Signature::user_defined(Volatility::Immutable),
        };
        AggregateUDF::from(aggregate).call(vec![given])
    }

    fn finish(&self, groups: Vec<Accumulator>) -> Result<ArrayRef> {
        let evaluator = self.evaluation.evaluator();
        let mut cells = CellsBuilder::new(self.gives, groups.len());
        for group in groups {
            cells.push(&group.finish(&mut |cause| evaluator.warn(self.span, cause)))?;
        }
        self.evaluation.tell(evaluator);
        cells.finish()
    }
}

/// What single rows give to an aggregation.
struct Given<'a> {
    passes: Option<&'a BooleanArray>,
    arguments: Vec<&'a ArrayRef>,
}

impl<'a> Given<'a> {
    fn of(values: &'a [ArrayRef]) -> Result<Self> {
        let column = values.first().ok_or_else(|| internal("an aggregation of nothing".to_owned()))?;
        let Some(structure) = column.as_struct_opt() else {
            return Ok(Self { passes: column.as_boolean_opt(), arguments: Vec::new() });
        };
        let (passes, arguments) = structure
            .columns()
            .split_first()
            .ok_or_else(|| internal("an aggregation without what passes".to_owned()))?;
        Ok(Self { passes: passes.as_boolean_opt(), arguments: arguments.iter().collect() })
    }

    /// The arguments of a row, if it is given.
    fn row(&self, row: usize, arguments: &mut Vec<Cell>) -> Result<bool> {
        if self.passes.is_some_and(|passes| !(passes.is_valid(row) && passes.value(row))) {
            return Ok(false);
        }
        arguments.clear();
        for argument in &self.arguments {
            arguments.push(cell_at(argument, row)?);
        }
        Ok(true)
    }
}

/// The groups of an aggregation.
struct Groups {
    of: RowAggregate,
    states: Vec<Accumulator>,
    /// Bytes that they hold beside their own, about.
    held: usize,
}

impl Groups {
    fn new(of: &RowAggregate) -> Self {
        Self { of: of.clone(), states: Vec::new(), held: 0 }
    }

    fn grow(&mut self, total: usize) {
        if self.states.len() < total {
            self.states.resize_with(total, || self.of.aggregation.start());
        }
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Accumulator> {
        let before = self.states.len().max(1);
        let taken = emit_to.take_needed(&mut self.states);
        self.held = self.held / before * self.states.len();
        taken
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let given = Given::of(values)?;
        let mut arguments = Vec::new();
        for (row, group) in group_indices.iter().enumerate() {
            let is_in = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if is_in && given.row(row, &mut arguments)? {
                self.held += self.states[*group].add(&arguments);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit_to);
        self.of.finish(groups)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![states(&self.take(emit_to))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, Array::len);
        let mut of_rows = Self::new(&self.of);
        let group_indices: Vec<usize> = (0..rows).collect();
        of_rows.update_batch(values, &group_indices, opt_filter, rows)?;
        of_rows.state(EmitTo::All)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let states = values.first().and_then(|states| states.as_binary_opt::<i64>());
        let states = states.ok_or_else(|| internal("a state that is none".to_owned()))?;
        for (row, group) in group_indices.iter().enumerate() {
            let bytes = states.value(row);
            let state = self.of.aggregation.read(bytes);
            self.states[*group].merge(state.ok_or_else(|| internal("bytes of no state".to_owned()))?);
            self.held += bytes.len();
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.states.capacity() * size_of::<Accumulator>() + self.held
    }
}

/// What groups have taken, as bytes.
fn states(groups: &[Accumulator]) -> ArrayRef {
    let mut states = LargeBinaryBuilder::new();
    let mut bytes = Vec::new();
    for group in groups {
        bytes.clear();
        group.write(&mut bytes);
        states.append_value(&bytes);
    }
    Arc::new(states.finish())
}

/// The one group where there are no keys.
struct Whole(Groups);

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Whole").field(&self.0.of).finish()
    }
}

impl SingleAccumulator for Whole {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, Array::len);
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.grow(1);
        ScalarValue::try_from_array(&*self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.grow(1);
        let states = self.0.state(EmitTo::All)?;
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, Array::len);
        self.0.merge_batch(states, &vec![0; rows], 1)
    }
}

impl fmt::Debug for RowAggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowAggregate").field("aggregation", &self.aggregation).finish_non_exhaustive()
    }
}

impl PartialEq for RowAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for RowAggregate {}

impl Hash for RowAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl AggregateUDFImpl for RowAggregate {
    fn name(&self) -> &str {
        match self.aggregation {
            Aggregation::CountRows => "esql_count_rows",
            Aggregation::Count => "esql_count",
            Aggregation::CountDistinct => "esql_count_distinct",
            Aggregation::Sum => "esql_sum",
            Aggregation::Average => "esql_avg",
            Aggregation::Min => "esql_min",
            Aggregation::Max => "esql_max",
            Aggregation::Values => "esql_values",
            Aggregation::Top { .. } => "esql_top",
            Aggregation::First => "esql_first",
            Aggregation::Last => "esql_last",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[Arrow]) -> Result<Vec<Arrow>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[Arrow]) -> Result<Arrow> {
        Ok(self.gives.list_type())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn SingleAccumulator>> {
        Ok(Box::new(Whole(Groups::new(self))))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[state]", args.name), Arrow::LargeBinary, true))])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(self)))
    }
}
