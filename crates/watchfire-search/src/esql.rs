//! `_query`: the rows of an ES|QL query.

use std::ops::ControlFlow;

use serde_json::{Map, Value, json};
use watchfire_diagnostics::SourceText;
use watchfire_engine::{ReadFields, RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_esql::ast::{CommandKind, Constant, Query as Tree, SourceKind};
use watchfire_esql::{Parameter, parse_with};
use watchfire_esql_events::{DataColumns, EsqlProgram, SeenFields};
use watchfire_events::{DataStream, EventBatch, IndexPatterns};
use watchfire_ir::Schema;
use watchfire_pipeline::plan::Column;
use watchfire_pipeline::{Cell, Warnings};

use crate::body::{self, Object};
use crate::call::Call;
use crate::eql::problems;
use crate::prune::Pruning;
use crate::query::{Answers, Query, QueryReader};
use crate::search::tell;
use crate::{SearchError, Searcher};

/// Rows of a query that has no `LIMIT` itself.
pub const DEFAULT_ROWS: usize = 1_000;
/// Most rows of an answer, whatever the query says.
pub const MAX_ROWS: usize = 10_000;
/// Most events whose rows a `SORT` or `INLINE STATS` may hold.
pub const MAX_HELD_ROWS: u64 = 1_000_000;

const OPTIONS: [&str; 9] = [
    "query",
    "filter",
    "params",
    "columnar",
    "drop_null_columns",
    "locale",
    "timeout",
    "allow_partial_results",
    "include_ccs_metadata",
];

/// Rows that were made.
#[derive(Default)]
struct Rows {
    made: Vec<Vec<Cell>>,
    /// Whether there are more than these.
    has_more: bool,
    most: usize,
    events: u64,
    timed_out: bool,
    warnings: Vec<String>,
}

impl Rows {
    /// Adds rows; whether more are wanted.
    fn add(&mut self, rows: Vec<Vec<Cell>>) -> bool {
        for row in rows {
            if self.made.len() == self.most {
                self.has_more = true;
                return false;
            }
            self.made.push(row);
        }
        true
    }
}

impl Searcher {
    pub(crate) fn esql(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["format", "drop_null_columns", "delimiter"])?;
        if let Some(format) = call.parameters.get("format").filter(|format| *format != "json") {
            return Err(SearchError::unsupported(format!("the format `{format}`")));
        }
        let body = call.json()?;
        body::refuse_unknown(&body, &OPTIONS, "body")?;
        let text = body::needed(&body, "query", "body")?;
        let source = SourceText::new("query", text);
        let parsed = parse_with(text, &parameters(&body)?);
        if let Some(problem) = problems(&parsed.diagnostics, &source) {
            return Err(SearchError::parsing(problem));
        }
        let Some(tree) = &parsed.query else { return Err(SearchError::parsing("the query is empty")) };
        let streams = self.streams_of_query(call, tree)?;
        let program = self.program(call, tree, &streams, &source)?;
        let mut queries = QueryReader::new(&*self.schema, call.now);
        let filter = match body::given(&body, "filter") {
            None => Query::Constant(true),
            Some(filter) => queries.read(filter, "filter")?,
        };
        let rows = self.rows_of(call, &body, (tree, &program), &streams, (&filter, queries), &source)?;
        let by_parameter = call.flag("drop_null_columns")?;
        let form = Form {
            columnar: body::flag(&body, "columnar")? == Some(true),
            drops_nulls: by_parameter || body::flag(&body, "drop_null_columns")? == Some(true),
        };
        Ok(form.answer(call, &program.plan().output, &rows))
    }

    /// The data streams behind `FROM`.
    fn streams_of_query(&self, call: &Call<'_>, tree: &Tree) -> Result<Vec<DataStream>, SearchError> {
        let SourceKind::From { patterns, .. } = &tree.source.kind else { return Ok(Vec::new()) };
        let expression: Vec<&str> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
        let expression = expression.join(",");
        let unknown = |what: String| SearchError::verification(format!("Unknown index [{what}]"));
        let streams = match call.streams_of(&expression, &Map::new(), &*self.store) {
            Err(error) if error.kind == "index_not_found_exception" => return Err(unknown(expression)),
            streams => streams?,
        };
        if streams.is_empty() { Err(unknown(expression)) } else { Ok(streams) }
    }

    /// What runs.
    fn program(
        &self,
        call: &Call<'_>,
        tree: &Tree,
        streams: &[DataStream],
        source: &SourceText,
    ) -> Result<EsqlProgram, SearchError> {
        let schema: &dyn Schema = &*self.schema;
        let mut seen = SeenFields::default();
        for stream in streams {
            for field in self.store.fields(stream, schema)? {
                seen.add_field(&field.name, field.field_type);
            }
        }
        let columns = DataColumns { schema, indices: Vec::new(), has_others: true, seen: Some(&seen) };
        let (program, diagnostics) = EsqlProgram::new(tree, &columns, schema, Some(call.now));
        let program = program.ok_or_else(|| {
            let problems = problems(&diagnostics, source);
            SearchError::verification(problems.unwrap_or_else(|| "the query has no meaning".to_owned()))
        })?;
        match program.plan().left_out.first() {
            Some((_, why)) => Err(SearchError::unsupported(format!("a command that {why}"))),
            None => Ok(program),
        }
    }

    /// The rows, up to the limit.
    fn rows_of(
        &self,
        call: &Call<'_>,
        body: &Object,
        (tree, program): (&Tree, &EsqlProgram),
        streams: &[DataStream],
        (filter, queries): (&Query, QueryReader<'_>),
        source: &SourceText,
    ) -> Result<Rows, SearchError> {
        let schema: &dyn Schema = &*self.schema;
        let (filters, warnings) = queries.finish();
        let limit = call.limit(body)?;
        let has_limit = tree.commands.iter().any(|command| matches!(command.kind, CommandKind::Limit(_)));
        let most = if has_limit { MAX_ROWS } else { DEFAULT_ROWS };
        let mut rows = Rows { most, warnings, ..Rows::default() };

        let mut builder = RuleSetBuilder::new();
        let mut fields: ReadFields = filters.read.clone();
        fields.add(&IndexPatterns::default(), program.condition());
        builder.add(IndexPatterns::default(), program.condition().clone());
        let set = builder.build();
        let mut pruning = Pruning::default();
        if self.options.prunes {
            pruning = Pruning::of_any(&[program.condition()], filter, &filters.list, schema);
        }
        let mut run = program.begin(call.now);
        let holds = program.plan().holds_source_rows();
        let mut matcher = set.matcher(VALUE_CACHE_BYTES);
        let mut filter_matcher = filters.set.matcher(VALUE_CACHE_BYTES);
        let mut failed = None;
        let mut take = |batch: &EventBatch| -> ControlFlow<()> {
            let matches = matcher.match_batch(batch, schema);
            let allowed = Answers::new(&filters, &mut filter_matcher, batch, schema).rows(filter);
            for hit in matches.hits.iter().filter(|hit| allowed.contains(hit.row as usize)) {
                rows.events += 1;
                if holds && rows.events > MAX_HELD_ROWS {
                    let message = format!("more than {MAX_HELD_ROWS} events would have to be put in order");
                    failed = Some(SearchError::too_much(message));
                    return ControlFlow::Break(());
                }
                let goes_on = run.push(batch.event(hit.row as usize));
                if !(rows.add(run.take_ready()) && goes_on) {
                    return ControlFlow::Break(());
                }
            }
            if (call.elapsed)() >= limit {
                rows.timed_out = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        if !pruning.never && !streams.is_empty() {
            self.store.scan(&pruning.scan(streams, &fields, schema), &mut take)?;
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let answer = run.finish();
        rows.add(answer.rows);
        if rows.has_more {
            let why = if has_limit { "no answer has more" } else { "the query has no LIMIT" };
            rows.warnings.push(format!("there are more than these {most} rows: {why}"));
        }
        warn(&answer.warnings, source, &mut rows.warnings);
        Ok(rows)
    }
}

/// How an answer is written.
struct Form {
    columnar: bool,
    drops_nulls: bool,
}

impl Form {
    fn answer(&self, call: &Call<'_>, columns: &[Column], rows: &Rows) -> Value {
        let named = |at: &usize| json!({ "name": *columns[*at].name, "type": columns[*at].data_type.name() });
        let all: Vec<usize> = (0..columns.len()).collect();
        let has_value = |at: &usize| rows.made.iter().any(|row| !row[*at].is_null());
        let shown: Vec<usize> = all.iter().copied().filter(|at| !self.drops_nulls || has_value(at)).collect();
        let values: Value = if self.columnar {
            shown.iter().map(|at| rows.made.iter().map(|row| row[*at].to_json()).collect::<Value>()).collect()
        } else {
            rows.made.iter().map(|row| shown.iter().map(|at| row[*at].to_json()).collect::<Value>()).collect()
        };
        let mut answer = Map::new();
        answer.insert("took".to_owned(), json!(call.took()));
        answer.insert("is_partial".to_owned(), json!(rows.timed_out));
        answer.insert("documents_found".to_owned(), json!(rows.events));
        if self.drops_nulls {
            answer.insert("all_columns".to_owned(), all.iter().map(named).collect());
        }
        answer.insert("columns".to_owned(), shown.iter().map(named).collect());
        answer.insert("values".to_owned(), values);
        tell(&mut answer, &rows.warnings);
        Value::Object(answer)
    }
}

/// The values that stand beside a query: by their places, or each with a name.
fn parameters(body: &Object) -> Result<Vec<Parameter>, SearchError> {
    let wrong =
        || SearchError::parsing("`params` is a list of values, or of objects with one name and value each");
    let Some(given) = body::given(body, "params") else { return Ok(Vec::new()) };
    let list = given.as_array().ok_or_else(wrong)?;
    let parameter = |value: &Value| {
        let (name, value) = match value {
            Value::Object(named) if named.len() == 1 => {
                let (name, value) = named.iter().next().ok_or_else(wrong)?;
                (Some(name.clone()), value)
            }
            other => (None, other),
        };
        Ok(Parameter { name, value: constant(value).ok_or_else(wrong)? })
    };
    list.iter().map(parameter).collect()
}

fn constant(value: &Value) -> Option<Constant> {
    Some(match value {
        Value::Null => Constant::Null,
        Value::Bool(truth) => Constant::Boolean(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Constant::Whole(number.into()),
            (None, Some(number)) => Constant::Whole(number.into()),
            (None, None) => Constant::Double(number.as_f64()?),
        },
        Value::String(text) => Constant::String(text.clone()),
        Value::Array(list) => Constant::Array(list.iter().map(constant).collect::<Option<_>>()?),
        Value::Object(_) => return None,
    })
}

/// What could not be computed, as far as it is told.
fn warn(warnings: &Warnings, source: &SourceText, told: &mut Vec<String>) {
    for warning in warnings.list() {
        let place = source.line_column(warning.span.start);
        let text = source.text().get(warning.span.range()).unwrap_or_default();
        told.push(format!(
            "line {}:{}: {} values of [{text}] are null: {}",
            place.line, place.column, warning.count, warning.cause
        ));
    }
}
