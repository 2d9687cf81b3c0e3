//! `_eql/search`: events, sequences and samples.

mod run;

use serde_json::{Map, Value, json};
use watchfire_diagnostics::{Diagnostic, Severity, SourceText};
use watchfire_engine::correlate::{
    KeyValue, OrderFields, ResultLimit, ResultPosition, SampleCorrelator, SampleSettings, SequencePlace,
    SequenceShape, ShapeError, spread_key_constraints,
};
use watchfire_events::{Event, TypeFamily};
use watchfire_ir::{EqlOptions, EqlPlan, Schema, lower_eql};

pub use self::run::MAX_STAGE_HITS;
use self::run::{Account, Group};
use crate::body::{self, Object};
use crate::call::Call;
use crate::combined_time::CombinedTime;
use crate::hit::{HitForm, Score};
use crate::query::{Query, QueryReader};
use crate::search::{MAX_RESULT_WINDOW, tell};
use crate::source::{Names, Source, number_or_text};
use crate::{SearchError, Searcher};

const OPTIONS: [&str; 18] = [
    "query",
    "size",
    "filter",
    "timestamp_field",
    "event_category_field",
    "tiebreaker_field",
    "fields",
    "runtime_mappings",
    "result_position",
    "fetch_size",
    "max_samples_per_key",
    "case_sensitive",
    "wait_for_completion_timeout",
    "keep_alive",
    "keep_on_completion",
    "allow_partial_search_results",
    "allow_partial_sequence_results",
    "timeout",
];

/// A search, read.
struct Prepared {
    plan: EqlPlan,
    order: OrderFields,
    limit: ResultLimit,
    /// The greatest number of single events that the limit can select, and from which end.
    kept: (usize, ResultPosition),
    samples_per_key: usize,
    filter: Query,
    form: HitForm,
}

impl Searcher {
    pub(crate) fn eql(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["wait_for_completion_timeout", "keep_alive", "keep_on_completion"])?;
        let body = call.json()?;
        body::refuse_unknown(&body, &OPTIONS, "body")?;
        let streams = call.streams(&*self.store)?;
        let mut queries = QueryReader::new(&*self.schema, call.now);
        let prepared = self.prepare_eql(call, &body, &mut queries)?;
        let (conditions, warnings) = queries.finish();
        let limit = call.limit(&body)?;
        let (groups, mut account) = self.run_eql(call, limit, &streams, &prepared, &conditions)?;
        account.warnings.splice(0..0, warnings);
        Ok(self.answer(call, &prepared, &groups, &account))
    }

    fn prepare_eql(
        &self,
        call: &Call<'_>,
        body: &Object,
        queries: &mut QueryReader<'_>,
    ) -> Result<Prepared, SearchError> {
        let schema: &dyn Schema = &*self.schema;
        if body::flag(body, "keep_on_completion")? == Some(true) || call.flag("keep_on_completion")? {
            return Err(SearchError::unsupported("`keep_on_completion`"));
        }
        if body::flag(body, "case_sensitive")? == Some(true) {
            return Err(SearchError::unsupported("`case_sensitive`"));
        }
        queries.combined = CombinedTime::parse(body, schema)?;
        let text = body::needed(body, "query", "body")?;
        let mut options = EqlOptions { now: Some(call.now), ..EqlOptions::default() };
        if let Some(field) = body::text(body, "event_category_field")? {
            field.clone_into(&mut options.event_category_field);
        }
        let mut plan = plan(text, schema, &options, queries)?;

        let size = body::number(body, "size")?.unwrap_or(10);
        if size > MAX_RESULT_WINDOW {
            return Err(SearchError::illegal(format!("`size` is at most {MAX_RESULT_WINDOW}")));
        }
        if body::number(body, "fetch_size")?.is_some_and(|size| size < 2) {
            return Err(SearchError::illegal("`fetch_size` is at least 2"));
        }
        let position = match body::text(body, "result_position")? {
            None | Some("tail") => ResultPosition::Tail,
            Some("head") => ResultPosition::Head,
            Some(other) => {
                return Err(SearchError::illegal(format!(
                    "`result_position` is `head` or `tail`, not `{other}`"
                )));
            }
        };
        // Elasticsearch stops making samples when it has enough of them.
        let position = if matches!(plan, EqlPlan::Sample(_)) { ResultPosition::Head } else { position };
        let limit = ResultLimit::new(plan.pipes(), Some(size), position);
        let kept = match plan.pipes().first() {
            None => (size, position),
            Some(watchfire_ir::Pipe::Head(count)) => ((*count).min(size), ResultPosition::Head),
            Some(watchfire_ir::Pipe::Tail(count)) => ((*count).min(size), ResultPosition::Tail),
        };
        let samples_per_key = match body::number(body, "max_samples_per_key")?.unwrap_or(1) {
            0 => return Err(SearchError::illegal("`max_samples_per_key` is at least 1")),
            number => usize::try_from(number).unwrap_or(usize::MAX),
        };
        // A field that is made of two orders no events here.
        let names = Names { schema, combined: None, now: call.now };
        let timestamp = body::text(body, "timestamp_field")?.unwrap_or("@timestamp");
        let timestamp = match Source::of(timestamp, names, "ordering")? {
            Source::Field(field) if field.field_type.family() == TypeFamily::Date => field.name,
            _ => return Err(SearchError::illegal(format!("`{timestamp}` is no date to order events by"))),
        };
        let tiebreaker = match body::text(body, "tiebreaker_field")? {
            None => None,
            Some(name) => Source::of(name, names, "ordering")?.column_names().into_iter().next().cloned(),
        };
        match &mut plan {
            EqlPlan::Event(_) => {}
            EqlPlan::Sequence(plan) => {
                spread_key_constraints(&mut plan.stages);
                SequenceShape::of_plan(plan).map_err(refused)?;
            }
            EqlPlan::Sample(plan) => {
                spread_key_constraints(&mut plan.stages);
                SampleCorrelator::<()>::new(plan.stages.len(), SampleSettings::default()).map_err(refused)?;
            }
        }
        let filter = match body::given(body, "filter") {
            None => Query::Constant(true),
            Some(filter) => queries.read(filter, "filter")?,
        };
        Ok(Prepared {
            plan,
            order: OrderFields { timestamp, tiebreaker },
            limit,
            kept: (kept.0 as usize, kept.1),
            samples_per_key,
            filter,
            form: HitForm::parse(body, true, schema)?,
        })
    }

    fn answer(&self, call: &Call<'_>, prepared: &Prepared, groups: &[Group], account: &Account) -> Value {
        let relation = if account.found > groups.len() as u64 { "gte" } else { "eq" };
        let total = json!({ "value": groups.len(), "relation": relation });
        let hit = |event: &Event| Value::Object(prepared.form.hit(event, Score::Hidden, &*self.schema));
        let mut hits = Map::new();
        hits.insert("total".to_owned(), total);
        if matches!(prepared.plan, EqlPlan::Event(_)) {
            let events = groups.iter().flat_map(|group| &group.places);
            let events = events.filter_map(|place| match place {
                SequencePlace::Event(event) => Some(hit(event)),
                SequencePlace::Missing => None,
            });
            hits.insert("events".to_owned(), events.collect());
        } else {
            let one = |group: &Group| {
                let place = |place: &SequencePlace<Event>| match place {
                    SequencePlace::Event(event) => hit(event),
                    SequencePlace::Missing => {
                        json!({ "_index": "", "_id": "", "_source": {}, "missing": true })
                    }
                };
                let mut shown = Map::new();
                if !group.keys.is_empty() {
                    let keys = group.keys.iter().map(|key| match key {
                        KeyValue::Instant(at) => json!(at.to_iso_millis()),
                        key => number_or_text(key, false),
                    });
                    shown.insert("join_keys".to_owned(), keys.collect());
                }
                shown.insert("events".to_owned(), group.places.iter().map(place).collect());
                Value::Object(shown)
            };
            hits.insert("sequences".to_owned(), groups.iter().map(one).collect());
        }
        let mut answer = Map::new();
        answer.insert("is_partial".to_owned(), json!(account.timed_out));
        answer.insert("is_running".to_owned(), json!(false));
        answer.insert("took".to_owned(), json!(call.took()));
        answer.insert("timed_out".to_owned(), json!(account.timed_out));
        answer.insert("hits".to_owned(), Value::Object(hits));
        tell(&mut answer, &account.warnings);
        Value::Object(answer)
    }
}

fn refused(error: ShapeError) -> SearchError {
    SearchError::verification(error.to_string())
}

/// What a query means.
fn plan(
    text: &str,
    schema: &dyn Schema,
    options: &EqlOptions,
    queries: &mut QueryReader<'_>,
) -> Result<EqlPlan, SearchError> {
    let source = SourceText::new("query", text);
    let parsed = watchfire_eql::parse(text);
    if let Some(problem) = problems(&parsed.diagnostics, &source) {
        return Err(SearchError::parsing(problem));
    }
    let Some(query) = &parsed.query else { return Err(SearchError::parsing("the query is empty")) };
    let lowered = lower_eql(query, schema, options);
    let warnings = parsed.diagnostics.iter().chain(&lowered.diagnostics);
    for warning in warnings.filter(|found| found.severity == Severity::Warning) {
        queries.warn(placed(warning, &source));
    }
    match lowered.plan {
        Some(plan) => Ok(plan),
        None => Err(SearchError::verification(
            problems(&lowered.diagnostics, &source).unwrap_or_else(|| "the query has no meaning".to_owned()),
        )),
    }
}

/// The errors of a query, if there are any, with their places.
pub(crate) fn problems(diagnostics: &[Diagnostic], source: &SourceText) -> Option<String> {
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| placed(found, source))
        .collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

pub(crate) fn placed(diagnostic: &Diagnostic, source: &SourceText) -> String {
    match diagnostic.primary_span() {
        None => diagnostic.message.clone(),
        Some(span) => {
            let place = source.line_column(span.start);
            format!("line {}:{}: {}", place.line, place.column, diagnostic.message)
        }
    }
}
