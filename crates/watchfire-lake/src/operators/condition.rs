//! A condition as a function of DataFusion.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_schema::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use watchfire_engine::{RuleSet, RuleSetBuilder};
use watchfire_events::{DataStream, IndexPatterns};
use watchfire_ir::{Condition, FieldTarget, Leaf};

use super::events::{NeededColumns, RowEvents};
use super::{QueryNotes, ReadCondition};
use crate::LakeSchema;
use crate::stored::Failures;

/// The name of a query language as a function: of the text of a query, to be replaced by its condition before anything is run.
#[derive(Debug)]
pub(crate) struct LanguageFunction {
    name: &'static str,
    reader: Arc<dyn ReadCondition>,
    signature: Signature,
}

impl LanguageFunction {
    pub(crate) fn new(name: &'static str, reader: Arc<dyn ReadCondition>) -> Self {
        Self { name, reader, signature: Signature::any(1, Volatility::Stable) }
    }
}

impl PartialEq for LanguageFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for LanguageFunction {}

impl Hash for LanguageFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for LanguageFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(needs_text(self.name))
    }
}

fn needs_text(name: &str) -> DataFusionError {
    DataFusionError::Plan(format!("{name}(…) takes the text of a query, in single quotes"))
}

/// Replaces each text of a query language by its condition.
#[derive(Debug)]
pub(crate) struct ReadTexts {
    schema: Arc<dyn LakeSchema>,
    notes: QueryNotes,
}

impl ReadTexts {
    pub(crate) fn new(schema: Arc<dyn LakeSchema>, notes: QueryNotes) -> Self {
        Self { schema, notes }
    }

    fn read(&self, expr: Expr, input: &DFSchema) -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(call) = &expr else { return Ok(Transformed::no(expr)) };
        let Some(language) = call.func.inner().downcast_ref::<LanguageFunction>() else {
            return Ok(Transformed::no(expr));
        };
        let [Expr::Literal(value, _)] = call.args.as_slice() else { return Err(needs_text(language.name)) };
        let text = value.try_as_str().flatten().ok_or_else(|| needs_text(language.name))?;
        let condition = language
            .reader
            .read(text)
            .map_err(|why| DataFusionError::Plan(format!("{}(…): {why}", language.name)))?;
        let needed = NeededColumns::of_condition(&condition);
        let mut columns: Vec<(String, Column)> = Vec::new();
        for (relation, field) in input.iter().filter(|(_, field)| needed.includes(field.name())) {
            if columns.iter().any(|(name, _)| name == field.name()) {
                return Err(DataFusionError::Plan(format!(
                    "{}(…) is asked of rows that have several columns `{}`: ask it in a subquery of one table",
                    language.name,
                    field.name()
                )));
            }
            columns.push((field.name().clone(), Column::from((relation, field))));
        }
        for absent in named_fields(&condition) {
            if !columns.iter().any(|(name, _)| *name == absent) {
                self.notes.add(format!("{}('{text}'): the rows have no column `{absent}`", language.name));
            }
        }
        let (names, columns): (Vec<String>, Vec<Column>) = columns.into_iter().unzip();
        let function = ConditionFunction::new(
            language.name,
            text,
            condition,
            names,
            Arc::clone(&self.schema),
            self.notes.clone(),
        );
        let args = columns.into_iter().map(Expr::Column).collect();
        let call = ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), args);
        Ok(Transformed::yes(Expr::ScalarFunction(call)))
    }
}

impl AnalyzerRule for ReadTexts {
    fn name(&self) -> &'static str {
        "read_conditions"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let read = |plan: LogicalPlan| {
            let input = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let read = expr.transform_up(|expr| self.read(expr, &input))?;
                Ok(read.update_data(|expr| name.restore(expr)))
            })
        };
        let plan = plan.transform_up_with_subqueries(read)?;
        if plan.transformed { plan.data.recompute_schema() } else { Ok(plan.data) }
    }
}

/// The fields that a condition names.
pub(super) fn named_fields(condition: &Condition) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    condition.for_each_leaf(&mut |leaf, _| match leaf {
        Leaf::Field(leaf) => {
            if let FieldTarget::Field(field) = &leaf.target {
                names.insert(field.name.to_string());
            }
        }
        Leaf::Computed(leaf) => names.extend(leaf.fields().iter().map(|field| field.name.to_string())),
        Leaf::Nested(_) | Leaf::AnyField(_) => {}
    });
    names
}

/// Whether the events of rows satisfy a condition. Its arguments are the columns that the condition reads.
pub(super) struct ConditionFunction {
    language: &'static str,
    text: String,
    condition: Condition,
    set: RuleSet,
    /// Of the arguments, in their order.
    columns: Vec<String>,
    events: RowEvents,
    notes: QueryNotes,
    signature: Signature,
}

impl ConditionFunction {
    fn new(
        language: &'static str,
        text: &str,
        condition: Condition,
        columns: Vec<String>,
        schema: Arc<dyn LakeSchema>,
        notes: QueryNotes,
    ) -> Self {
        let mut builder = RuleSetBuilder::new();
        builder.add(IndexPatterns::default(), condition.clone());
        Self {
            language,
            text: text.to_owned(),
            condition,
            set: builder.build(),
            columns,
            events: RowEvents { stream: DataStream::new(""), schema },
            notes,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// The condition of an expression that is one.
    pub(super) fn condition_of(expr: &Expr) -> Option<&Condition> {
        let Expr::ScalarFunction(call) = expr else { return None };
        call.func.inner().downcast_ref::<Self>().map(|function| &function.condition)
    }
}

impl std::fmt::Debug for ConditionFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConditionFunction")
            .field("language", &self.language)
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

impl PartialEq for ConditionFunction {
    fn eq(&self, other: &Self) -> bool {
        (self.language, &self.text, &self.columns) == (other.language, &other.text, &other.columns)
    }
}

impl Eq for ConditionFunction {}

impl Hash for ConditionFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.language, &self.text, &self.columns).hash(state);
    }
}

impl ScalarUDFImpl for ConditionFunction {
    fn name(&self) -> &str {
        self.language
    }

    fn schema_name(&self, _: &[Expr]) -> Result<String> {
        Ok(format!("{}('{}')", self.language, self.text))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: Vec<_> = args.args.iter().map(|value| value.to_array(rows)).collect::<Result<_>>()?;
        let failures = Arc::new(Failures::default());
        let columns = self.columns.iter().map(String::as_str).zip(&arrays);
        let batch = self.events.batch(columns, rows, &failures)?;
        let matches = self.set.match_batch(&batch, &*self.events.schema);
        if let Some(error) = failures.take() {
            return Err(DataFusionError::External(Box::new(error)));
        }
        if let Some(first) = matches.errors.first() {
            self.notes.add(format!(
                "{}('{}'): on some rows it could not be evaluated, and counts as not satisfied: {}",
                self.language, self.text, first.error
            ));
        }
        let mut holds = vec![false; rows];
        for hit in &matches.hits {
            holds[hit.row as usize] = true;
        }
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(holds))))
    }
}
