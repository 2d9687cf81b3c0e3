//! What a plan computes of single rows, as functions of DataFusion.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::builder::BinaryBuilder;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StructArray, UInt32Array,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use watchfire_pipeline::plan::{Aggregated, Groups, SortKey, Typed};
use watchfire_pipeline::{Cell, DataType, Dissect, Evaluator, Grok, bytes};

use crate::Evaluation;
use crate::columns::{CellsBuilder, ColumnType, cell_at, internal, list_of};

/// What is computed.
#[derive(Debug)]
pub(crate) enum Computed {
    /// The cell of an expression.
    Cell(Typed),
    /// Whether conditions, one behind the other, let a row pass.
    Passes(Vec<Typed>),
    /// What `DISSECT` makes of a text.
    Dissected(Typed, Arc<Dissect>),
    /// What `GROK` makes of a text.
    Grokked(Typed, Arc<Grok>),
    /// The keys of each group that a row is in: a list of them.
    Keys(Groups),
    /// A key of groups.
    Key(Typed),
    /// Whether one of several lists has several values.
    HasSeveral,
    /// The value of a list of one; of others nothing.
    Single,
    /// What an aggregation is given of a row: whether it is given it, and its arguments.
    Given(Aggregated),
    /// What a row is sorted by.
    SortKey(SortKey),
    /// A member of a structure, by its place, with its type. DataFusion's own function for it is moved about by its optimiser,
    /// which then finds names twice.
    Member(usize, Arrow),
    /// The places of values in their list, from 0.
    Places,
    /// Single values as lists.
    List,
    /// Bytes that sort as values do which have no order in Arrow.
    Ordered,
}

/// A function of the slots that it reads.
pub(crate) struct RowFunction {
    /// No two are equal: each counts what it could not compute.
    number: u64,
    computed: Computed,
    /// The slots of its arguments, in their order.
    slots: Vec<usize>,
    gives: Arrow,
    evaluation: Evaluation,
    signature: Signature,
}

pub(crate) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The name of a key of groups, in the structure of all.
fn key_name(at: usize) -> String {
    format!("k{at}")
}

/// The name of a column that is taken from a text.
fn piece_name(at: usize) -> String {
    format!("p{at}")
}

/// The name of an argument of an aggregation; before all there is `PASSES`.
fn argument_name(at: usize) -> String {
    format!("a{at}")
}

const PASSES: &str = "passes";

fn fields(names: fn(usize) -> String, types: impl IntoIterator<Item = Arrow>) -> Fields {
    types.into_iter().enumerate().map(|(at, of)| Field::new(names(at), of, true)).collect()
}

fn key_fields(groups: &Groups) -> Fields {
    fields(key_name, groups.keys.iter().map(|key| ColumnType::of(key.data_type).value_type()))
}

fn piece_fields(types: impl IntoIterator<Item = DataType>) -> Fields {
    fields(piece_name, types.into_iter().map(|of| ColumnType::of(of).list_type()))
}

fn argument_fields(aggregated: &Aggregated) -> Fields {
    let arguments =
        aggregated.arguments.iter().map(|argument| ColumnType::of(argument.data_type).list_type());
    let passes = Arc::new(Field::new(PASSES, Arrow::Boolean, true));
    [passes].into_iter().chain(fields(argument_name, arguments).iter().cloned()).collect()
}

/// Whether values of this type have another order than those of their columns have.
pub(crate) fn needs_ordered(of: DataType) -> bool {
    ColumnType::of(of) == ColumnType::Other
}

impl Computed {
    /// The type of what it gives.
    fn gives(&self, of: &[Arrow]) -> Arrow {
        match self {
            Self::Cell(typed) | Self::Key(typed) => ColumnType::of(typed.data_type).list_type(),
            Self::Passes(_) | Self::HasSeveral => Arrow::Boolean,
            Self::Dissected(_, pattern) => {
                Arrow::Struct(piece_fields(pattern.names().iter().map(|_| DataType::Keyword)))
            }
            Self::Grokked(_, pattern) => {
                Arrow::Struct(piece_fields(pattern.columns().iter().map(|(_, of)| *of)))
            }
            Self::Keys(groups) => {
                Arrow::List(Arc::new(Field::new_list_field(Arrow::Struct(key_fields(groups)), true)))
            }
            Self::Given(aggregated) => Arrow::Struct(argument_fields(aggregated)),
            Self::SortKey(key) if needs_ordered(key.key.data_type) => Arrow::Binary,
            Self::SortKey(key) => ColumnType::of(key.key.data_type).value_type(),
            Self::Member(_, of) => of.clone(),
            Self::Places => ColumnType::Long.list_type(),
            Self::List => {
                let item = of.first().cloned().unwrap_or(Arrow::Null);
                Arrow::List(Arc::new(Field::new_list_field(item, true)))
            }
            Self::Single => match of.first() {
                Some(Arrow::List(item)) => item.data_type().clone(),
                _ => Arrow::Null,
            },
            Self::Ordered => Arrow::Binary,
        }
    }

    /// Calls `each` with every slot that it reads.
    pub(crate) fn for_each_slot(&self, each: &mut dyn FnMut(usize)) {
        let mut of = |typed: &Typed| typed.for_each_slot(&mut |_, slot| each(slot));
        match self {
            Self::Cell(typed) | Self::Key(typed) | Self::Dissected(typed, _) | Self::Grokked(typed, _) => {
                of(typed);
            }
            Self::Passes(conditions) => conditions.iter().for_each(of),
            Self::Keys(groups) => groups.keys.iter().for_each(of),
            Self::Given(aggregated) => {
                aggregated.arguments.iter().chain(aggregated.filter.as_deref()).for_each(of);
            }
            Self::SortKey(key) => of(&key.key),
            Self::HasSeveral
            | Self::Single
            | Self::Member(..)
            | Self::Places
            | Self::List
            | Self::Ordered => {}
        }
    }
}

impl RowFunction {
    /// What it computes of these columns: those of the slots that it reads, if it reads any.
    pub(crate) fn call(
        computed: Computed,
        slots: Vec<usize>,
        arguments: Vec<(Expr, Arrow)>,
        evaluation: &Evaluation,
    ) -> Expr {
        let (arguments, types): (Vec<Expr>, Vec<Arrow>) = arguments.into_iter().unzip();
        let function = Self {
            number: next_number(),
            gives: computed.gives(&types),
            computed,
            slots,
            evaluation: evaluation.clone(),
            // What counts what it could not compute must neither be moved nor be asked twice.
            signature: Signature::user_defined(Volatility::Volatile),
        };
        ScalarUDF::from(function).call(arguments)
    }

    fn compute(&self, arrays: &[ArrayRef], rows: usize, evaluator: &Evaluator) -> Result<ArrayRef> {
        let mut row = vec![Cell::Null; self.slots.iter().max().map_or(0, |slot| slot + 1)];
        // What reads slots that have no column finds nothing there.
        self.computed.for_each_slot(&mut |slot| {
            if slot >= row.len() {
                row.resize(slot + 1, Cell::Null);
            }
        });
        let mut each = |visit: &mut dyn FnMut(&[Cell]) -> Result<()>| -> Result<()> {
            for at in 0..rows {
                for (slot, array) in self.slots.iter().zip(arrays) {
                    row[*slot] = cell_at(array, at)?;
                }
                visit(&row)?;
            }
            Ok(())
        };
        match &self.computed {
            Computed::Cell(typed) => {
                let mut cells = CellsBuilder::new(ColumnType::of(typed.data_type), rows);
                each(&mut |row| cells.push(&evaluator.cell(typed, row)))?;
                cells.finish()
            }
            Computed::Key(typed) => {
                let mut cells = CellsBuilder::new(ColumnType::of(typed.data_type), rows);
                each(&mut |row| cells.push(&evaluator.key(typed, row)))?;
                cells.finish()
            }
            Computed::Passes(conditions) => {
                let mut passes = Vec::with_capacity(rows);
                each(&mut |row| {
                    passes.push(evaluator.passes(conditions, row));
                    Ok(())
                })?;
                Ok(Arc::new(BooleanArray::from(passes)))
            }
            Computed::Dissected(input, pattern) => {
                let fields = piece_fields(pattern.names().iter().map(|_| DataType::Keyword));
                let types = pattern.names().iter().map(|_| DataType::Keyword);
                let mut pieces = Structures::new(fields, types, rows);
                each(&mut |row| pieces.push(&evaluator.dissected(input, pattern, row)))?;
                pieces.finish(None, rows)
            }
            Computed::Grokked(input, pattern) => {
                let types = || pattern.columns().iter().map(|(_, of)| *of);
                let mut pieces = Structures::new(piece_fields(types()), types(), rows);
                each(&mut |row| pieces.push(&evaluator.grokked(input, pattern, row)))?;
                pieces.finish(None, rows)
            }
            Computed::Keys(groups) => {
                let types = groups.keys.iter().map(|key| ColumnType::of(key.data_type));
                let mut keys: Vec<CellsBuilder> = types.map(|of| CellsBuilder::new(of, rows)).collect();
                let (mut ends, mut count) = (vec![0], 0_usize);
                each(&mut |row| {
                    for combination in evaluator.combinations(groups, evaluator.keys(groups, row)) {
                        count += 1;
                        for (column, key) in keys.iter_mut().zip(&combination) {
                            column.push_single(key)?;
                        }
                    }
                    ends.push(i32::try_from(count).map_err(|_| internal("too many groups".to_owned()))?);
                    Ok(())
                })?;
                let keys = keys.into_iter().map(CellsBuilder::finish_single).collect();
                let keys = StructArray::try_new_with_length(key_fields(groups), keys, None, count)?;
                let item = Arc::new(Field::new_list_field(keys.data_type().clone(), true));
                let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
                Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(keys), None)?))
            }
            Computed::Given(aggregated) => {
                let types = aggregated.arguments.iter().map(|argument| argument.data_type);
                let fields = argument_fields(aggregated);
                let mut arguments = Structures::new(fields, types, rows);
                let mut passes = Vec::with_capacity(rows);
                let nothing = vec![Cell::Null; aggregated.arguments.len()];
                each(&mut |row| {
                    let given = evaluator.given(aggregated, row);
                    passes.push(given.is_some());
                    arguments.push(given.as_ref().unwrap_or(&nothing))
                })?;
                arguments.finish(Some(Arc::new(BooleanArray::from(passes))), rows)
            }
            Computed::SortKey(key) => {
                let of = key.key.data_type;
                if needs_ordered(of) {
                    let mut bytes = BinaryBuilder::new();
                    each(&mut |row| {
                        append_ordered(&evaluator.sort_key(key, row), &mut bytes);
                        Ok(())
                    })?;
                    return Ok(Arc::new(bytes.finish()));
                }
                let mut cells = CellsBuilder::new(ColumnType::of(of), rows);
                each(&mut |row| cells.push_single(&evaluator.sort_key(key, row)))?;
                Ok(cells.finish_single())
            }
            Computed::HasSeveral => {
                let lists: Vec<&ListArray> = arrays.iter().filter_map(|array| array.as_list_opt()).collect();
                let has_several =
                    |row| lists.iter().any(|list| list.is_valid(row) && list.value_length(row) > 1);
                Ok(Arc::new((0..rows).map(|row| Some(has_several(row))).collect::<BooleanArray>()))
            }
            Computed::Single => {
                let lists = only(arrays)?.as_list_opt::<i32>();
                let lists = lists.ok_or_else(|| internal("no lists".to_owned()))?;
                let place = |row: usize| {
                    let is_single = lists.is_valid(row) && lists.value_length(row) == 1;
                    is_single.then(|| lists.value_offsets()[row] as u32)
                };
                let places: UInt32Array = (0..rows).map(place).collect();
                Ok(take(lists.values(), &places, None)?)
            }
            Computed::Member(at, _) => {
                let structures = only(arrays)?.as_struct_opt();
                let structures = structures.ok_or_else(|| internal("no structures".to_owned()))?;
                let member = structures.columns().get(*at).map(Arc::clone);
                member.ok_or_else(|| internal("a structure lacks a member".to_owned()))
            }
            Computed::Places => places(only(arrays)?),
            Computed::List => list_of(only(arrays)?),
            Computed::Ordered => {
                let mut bytes = BinaryBuilder::new();
                for row in 0..rows {
                    append_ordered(&cell_at(only(arrays)?, row)?, &mut bytes);
                }
                Ok(Arc::new(bytes.finish()))
            }
        }
    }
}

fn only(arrays: &[ArrayRef]) -> Result<&ArrayRef> {
    arrays.first().ok_or_else(|| internal("a function of one column has none".to_owned()))
}

fn append_ordered(cell: &Cell, to: &mut BinaryBuilder) {
    match cell.values().first() {
        None => to.append_null(),
        Some(value) => {
            let mut ordered = Vec::new();
            bytes::write_ordered(value, &mut ordered);
            to.append_value(ordered);
        }
    }
}

/// For each value of a list its place in it.
fn places(lists: &ArrayRef) -> Result<ArrayRef> {
    let lists = lists.as_list_opt::<i32>().ok_or_else(|| internal("no lists".to_owned()))?;
    let (mut numbers, mut ends) = (Vec::new(), vec![0]);
    for row in 0..lists.len() {
        if lists.is_valid(row) {
            numbers.extend((0..i64::from(lists.value_length(row))).map(Some));
        }
        ends.push(i32::try_from(numbers.len()).map_err(|_| internal("too many values".to_owned()))?);
    }
    let item = Arc::new(Field::new_list_field(Arrow::Int64, true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let numbers = Arc::new(Int64Array::from(numbers));
    Ok(Arc::new(ListArray::try_new(item, offsets, numbers, lists.nulls().cloned())?))
}

/// Several columns in one.
struct Structures {
    fields: Fields,
    columns: Vec<CellsBuilder>,
}

impl Structures {
    fn new(fields: Fields, types: impl IntoIterator<Item = DataType>, rows: usize) -> Self {
        let columns = types.into_iter().map(|of| CellsBuilder::new(ColumnType::of(of), rows)).collect();
        Self { fields, columns }
    }

    fn push(&mut self, cells: &[Cell]) -> Result<()> {
        self.columns.iter_mut().zip(cells).try_for_each(|(column, cell)| column.push(cell))
    }

    /// All of them, behind another one if there is one.
    fn finish(self, first: Option<ArrayRef>, rows: usize) -> Result<ArrayRef> {
        let columns = self.columns.into_iter().map(CellsBuilder::finish);
        let arrays = first.map(Ok).into_iter().chain(columns).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new_with_length(self.fields, arrays, None, rows)?))
    }
}

impl fmt::Debug for RowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowFunction").field("computed", &self.computed).finish_non_exhaustive()
    }
}

impl PartialEq for RowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for RowFunction {}

impl Hash for RowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        match self.computed {
            Computed::Cell(_) => "esql",
            Computed::Passes(_) => "esql_where",
            Computed::Dissected(..) => "esql_dissect",
            Computed::Grokked(..) => "esql_grok",
            Computed::Keys(_) => "esql_keys",
            Computed::Key(_) => "esql_key",
            Computed::HasSeveral => "esql_has_several",
            Computed::Single => "esql_single",
            Computed::Given(_) => "esql_given",
            Computed::SortKey(_) => "esql_sort_key",
            Computed::Member(..) => "esql_member",
            Computed::Places => "esql_places",
            Computed::List => "esql_list",
            Computed::Ordered => "esql_ordered",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[Arrow]) -> Result<Vec<Arrow>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[Arrow]) -> Result<Arrow> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: Vec<_> = args.args.iter().map(|value| value.to_array(rows)).collect::<Result<_>>()?;
        let evaluator = self.evaluation.evaluator();
        let computed = self.compute(&arrays, rows, &evaluator);
        self.evaluation.tell(evaluator);
        Ok(ColumnarValue::Array(computed?))
    }
}
