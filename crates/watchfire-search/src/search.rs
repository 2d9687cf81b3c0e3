//! `_search`: hits and aggregations of one query.

mod run;
mod time_steps;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use watchfire_events::DataStream;
use watchfire_ir::{Bound, Condition, Constant, FieldLeaf, FieldRef, Predicate, Schema};

use crate::aggregations::{AggregationForm, AggregationReader, render};
use crate::body::{self, Object};
use crate::call::Call;
use crate::combined_time::CombinedTime;
use crate::hit::HitForm;
use crate::query::{Conditions, Query, QueryReader};
use crate::sort::SortOrder;
use crate::source::Source;
use crate::token::{PointInTime, Scroll, keep_alive};
use crate::top::TopForm;
use crate::{SearchError, Searcher};

/// Most hits that a page reaches to, as Elasticsearch limits it.
pub const MAX_RESULT_WINDOW: u64 = 10_000;
/// How many hits are counted where a request does not say.
const USUAL_TOTAL: u64 = 10_000;
/// Most bytes of a search that is read by scrolling: it stands in what the client gives back.
const MOST_SCROLLED_BODY: usize = 64 << 10;

/// Options of a search that may stand in its body.
const OPTIONS: [&str; 28] = [
    "query",
    "size",
    "from",
    "sort",
    "search_after",
    "pit",
    "track_total_hits",
    "track_scores",
    "_source",
    "fields",
    "docvalue_fields",
    "stored_fields",
    "script_fields",
    "collapse",
    "runtime_mappings",
    "aggs",
    "aggregations",
    "timeout",
    "terminate_after",
    "stats",
    "version",
    "seq_no_primary_term",
    "explain",
    "profile",
    "highlight",
    "min_score",
    "post_filter",
    "indices_boost",
];

/// Options that may stand among the parameters too, and there mean the same.
const PARAMETERS: [&str; 12] = [
    "size",
    "from",
    "sort",
    "track_total_hits",
    "track_scores",
    "_source",
    "docvalue_fields",
    "stored_fields",
    "timeout",
    "terminate_after",
    "version",
    "seq_no_primary_term",
];

/// Further parameters of a search.
const MORE_PARAMETERS: [&str; 12] = [
    "_source_includes",
    "_source_excludes",
    "q",
    "df",
    "default_operator",
    "analyze_wildcard",
    "lenient",
    "scroll",
    "rest_total_hits_as_int",
    "explain",
    "routing",
    "typed_keys",
];

/// A search, read.
struct Prepared {
    query: Query,
    conditions: Conditions,
    warnings: Vec<String>,
    top: TopForm,
    forms: Vec<AggregationForm>,
    sources: Vec<Source>,
    asked: Vec<Query>,
    /// Up to where hits are counted; `None` where they are not.
    total: Option<u64>,
    terminate_after: Option<u64>,
}

/// What a page is read of besides its body.
struct Page {
    streams: Vec<DataStream>,
    point: Option<PointInTime>,
    /// Whether hits must tell where they stand.
    pages: bool,
}

impl Searcher {
    /// A search.
    pub(crate) fn search(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        let known: Vec<&str> = PARAMETERS.iter().chain(&MORE_PARAMETERS).copied().collect();
        call.refuse_unknown(&known)?;
        let body = with_parameters(call.json()?, call)?;
        if let Some(scroll) = call.parameters.get("scroll") {
            return self.begin_scroll(call, body, scroll);
        }
        let point = match body::given(&body, "pit") {
            None => None,
            Some(point) => {
                let point = body::object(point, "pit")?;
                body::refuse_unknown(point, &["id", "keep_alive"], "pit")?;
                if call.index.is_some() {
                    return Err(SearchError::illegal("a search with a point in time names no index"));
                }
                let mut found = PointInTime::decode(body::needed(point, "id", "pit")?, call.now)?;
                if let Some(text) = body::text(point, "keep_alive")? {
                    found.until = found.until.max(call.now.plus_nanos(keep_alive(text)?));
                }
                Some(found)
            }
        };
        let streams = match &point {
            Some(point) => point.streams.clone(),
            None => call.streams(&*self.store)?,
        };
        let pages = point.is_some();
        let (mut answer, _) = self.page(call, &body, &Page { streams, point: point.clone(), pages })?;
        if let Some(point) = point {
            answer.insert("pit_id".to_owned(), json!(point.encode()));
        }
        Ok(Value::Object(answer))
    }

    /// A search with an index expression and options of its own, which is one of several.
    pub(crate) fn search_one(
        &self,
        call: &Call<'_>,
        header: &Object,
        body: &Object,
    ) -> Result<Value, SearchError> {
        let known = [
            "index",
            "ignore_unavailable",
            "allow_no_indices",
            "expand_wildcards",
            "preference",
            "search_type",
            "request_cache",
            "ccs_minimize_roundtrips",
        ];
        body::refuse_unknown(header, &known, "header")?;
        let expression = match body::given(header, "index") {
            Some(names) => body::texts(names, "index")?.join(","),
            None => call.index.unwrap_or("_all").to_owned(),
        };
        if body.contains_key("pit") {
            return Err(SearchError::unsupported("a point in time in one of several searches"));
        }
        let streams = call.streams_of(&expression, header, &*self.store)?;
        let (answer, _) = self.page(call, body, &Page { streams, point: None, pages: false })?;
        Ok(Value::Object(answer))
    }

    /// How many events fit a query.
    pub(crate) fn count(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["q", "df", "default_operator", "analyze_wildcard", "lenient"])?;
        let mut body = with_parameters(call.json()?, call)?;
        body::refuse_unknown(&body, &["query", "runtime_mappings"], "body")?;
        body.insert("size".to_owned(), json!(0));
        body.insert("track_total_hits".to_owned(), json!(true));
        let streams = call.streams(&*self.store)?;
        let number = streams.len();
        let prepared = self.prepare(call, &body, None, false)?;
        let found = self.run(call, &body, &streams, &prepared)?;
        if found.timed_out {
            return Err(SearchError::new(
                504,
                "timeout_exception",
                format!("events were not counted within {} ms", call.took()),
            ));
        }
        Ok(json!({ "count": found.count, "_shards": shards(number) }))
    }

    fn begin_scroll(&self, call: &Call<'_>, body: Object, keep: &str) -> Result<Value, SearchError> {
        for key in ["search_after", "pit", "collapse"] {
            if body.contains_key(key) {
                return Err(SearchError::illegal(format!("a search that is scrolled has no `{key}`")));
            }
        }
        if body::number(&body, "from")?.unwrap_or(0) > 0 {
            return Err(SearchError::illegal("a search that is scrolled has no `from`"));
        }
        if body::number(&body, "size")? == Some(0) {
            return Err(SearchError::illegal("a search that is scrolled has no `size` of 0"));
        }
        if Value::Object(body.clone()).to_string().len() > MOST_SCROLLED_BODY {
            return Err(SearchError::illegal(format!(
                "a search that is scrolled has at most {MOST_SCROLLED_BODY} bytes"
            )));
        }
        let streams = call.streams(&*self.store)?;
        let point = PointInTime { streams, opened: call.now, until: call.now.plus_nanos(keep_alive(keep)?) };
        self.scroll_page(call, Scroll { point, body, after: None, total: None })
    }

    /// The next page of a scroll.
    pub(crate) fn scroll(&self, call: &Call<'_>) -> Result<Value, SearchError> {
        call.refuse_unknown(&["scroll", "scroll_id", "rest_total_hits_as_int"])?;
        let body = call.json()?;
        body::refuse_unknown(&body, &["scroll", "scroll_id"], "body")?;
        let given = |key: &str| -> Result<Option<String>, SearchError> {
            let named = if key == "scroll_id" { call.name.map(str::to_owned) } else { None };
            let parameter = named.or_else(|| call.parameters.get(key).cloned());
            Ok(body::text(&body, key)?.map(str::to_owned).or(parameter))
        };
        let id = given("scroll_id")?.ok_or_else(|| SearchError::illegal("there is no `scroll_id`"))?;
        let mut scroll = Scroll::decode(&id, call.now)?;
        if let Some(keep) = given("scroll")? {
            scroll.point.until = call.now.plus_nanos(keep_alive(&keep)?);
        }
        self.scroll_page(call, scroll)
    }

    fn scroll_page(&self, call: &Call<'_>, mut scroll: Scroll) -> Result<Value, SearchError> {
        let mut body = scroll.body.clone();
        if let Some(after) = &scroll.after {
            body.insert("search_after".to_owned(), Value::Array(after.clone()));
            // They were told on the first page.
            body.remove("aggs");
            body.remove("aggregations");
            body.insert("track_total_hits".to_owned(), json!(false));
        }
        let page =
            Page { streams: scroll.point.streams.clone(), point: Some(scroll.point.clone()), pages: true };
        let (mut answer, last) = self.page(call, &body, &page)?;
        // Hits are counted once, on the first page.
        if scroll.after.is_none() {
            scroll.total = answer["hits"].get("total").cloned();
        } else if let (Some(total), Some(hits)) = (&scroll.total, answer["hits"].as_object_mut()) {
            hits.shift_insert(0, "total".to_owned(), total.clone());
        }
        scroll.after = last.or(scroll.after);
        let mut with_id = Map::new();
        with_id.insert("_scroll_id".to_owned(), json!(scroll.encode()));
        with_id.extend(answer);
        Ok(Value::Object(with_id))
    }

    /// One page of hits, and where the next one begins.
    fn page(
        &self,
        call: &Call<'_>,
        body: &Object,
        page: &Page,
    ) -> Result<(Object, Option<Vec<Value>>), SearchError> {
        let prepared = self.prepare(call, body, page.point.as_ref(), page.pages)?;
        let found = self.run(call, body, &page.streams, &prepared)?;
        let hits = prepared.top.hits(&found.top, &*self.schema);
        let mut shown = Map::new();
        if let Some(limit) = prepared.total {
            let relation = if found.count > limit { "gte" } else { "eq" };
            let value = found.count.min(limit);
            let total = if call.flag("rest_total_hits_as_int")? {
                if relation == "gte" {
                    return Err(SearchError::illegal(
                        "`rest_total_hits_as_int` needs a `track_total_hits` that counts all hits",
                    ));
                }
                json!(value)
            } else {
                json!({ "value": value, "relation": relation })
            };
            shown.insert("total".to_owned(), total);
        }
        let has_score = !prepared.top.order.is_shown && !hits.is_empty();
        shown.insert("max_score".to_owned(), if has_score { json!(1.0) } else { Value::Null });
        shown.insert("hits".to_owned(), Value::Array(hits));

        let mut answer = Map::new();
        answer.insert("took".to_owned(), json!(call.took()));
        answer.insert("timed_out".to_owned(), json!(found.timed_out));
        if prepared.terminate_after.is_some() {
            answer.insert("terminated_early".to_owned(), json!(found.terminated_early));
        }
        answer.insert("_shards".to_owned(), shards(page.streams.len()));
        answer.insert("hits".to_owned(), Value::Object(shown));
        if !prepared.forms.is_empty() {
            let shown = render(&prepared.forms, &found.states, &prepared.sources, &*self.schema)?;
            answer.insert("aggregations".to_owned(), Value::Object(shown));
        }
        tell(&mut answer, &prepared.warnings);
        Ok((answer, prepared.top.last(&found.top)))
    }

    fn prepare(
        &self,
        call: &Call<'_>,
        body: &Object,
        point: Option<&PointInTime>,
        pages: bool,
    ) -> Result<Prepared, SearchError> {
        body::refuse_unknown(body, &OPTIONS, "body")?;
        refuse_what_is_not_done(body)?;
        let schema: &dyn Schema = &*self.schema;
        let mut queries = QueryReader::new(schema, call.now);
        queries.combined = CombinedTime::parse(body, schema)?;
        let mut parts = Vec::new();
        if let Some(query) = body::given(body, "query") {
            parts.push(queries.read(query, "body")?);
        }
        if let Some(point) = point {
            parts.push(arrived_until(point, schema, &mut queries)?);
        }
        let query = Query::all(parts);

        let size = body::number(body, "size")?.unwrap_or(10);
        let from = body::number(body, "from")?.unwrap_or(0);
        if size.saturating_add(from) > MAX_RESULT_WINDOW {
            return Err(SearchError::illegal(format!(
                "`from` and `size` reach to hit {}, and {MAX_RESULT_WINDOW} is the last one; `search_after` goes on",
                size.saturating_add(from)
            )));
        }
        let mut order = SortOrder::parse(body::given(body, "sort"), queries.names())?;
        if pages {
            order = order.for_paging(schema);
        }
        let after = match body::given(body, "search_after") {
            None => None,
            Some(Value::Array(_)) if !order.is_shown => {
                return Err(SearchError::illegal("`search_after` needs a `sort`"));
            }
            Some(Value::Array(_)) if from > 0 => {
                return Err(SearchError::illegal("`from` has to be 0 with `search_after`"));
            }
            Some(Value::Array(values)) => Some(order.after(values, call.now)?),
            Some(_) => return Err(SearchError::parsing("`search_after` is not a list")),
        };
        let collapse = match body::given(body, "collapse") {
            None => None,
            Some(collapse) => {
                let collapse = body::object(collapse, "collapse")?;
                body::refuse_unknown(collapse, &["field", "max_concurrent_group_searches"], "collapse")?;
                if after.is_some() {
                    return Err(SearchError::unsupported("`collapse` with `search_after`"));
                }
                let name = body::needed(collapse, "field", "collapse")?;
                Some((name.to_owned(), Source::of(name, queries.names(), "collapsing")?))
            }
        };
        let top = TopForm {
            order,
            from: from as usize,
            size: size as usize,
            after,
            collapse,
            form: HitForm::parse(body, true, schema)?,
        };
        let total = match body::given(body, "track_total_hits") {
            None => Some(USUAL_TOTAL),
            Some(Value::Bool(true)) => Some(u64::MAX),
            Some(Value::Bool(false)) => None,
            Some(Value::String(text)) if text == "true" => Some(u64::MAX),
            Some(Value::String(text)) if text == "false" => None,
            Some(_) => body::number(body, "track_total_hits")?,
        };
        let mut reader = AggregationReader::new(&mut queries);
        let forms = match body::given(body, "aggs").or_else(|| body::given(body, "aggregations")) {
            None => Vec::new(),
            Some(aggregations) => reader.read(aggregations, 1)?,
        };
        let AggregationReader { sources, asked, .. } = reader;
        let (conditions, warnings) = queries.finish();
        let terminate_after = body::number(body, "terminate_after")?.filter(|number| *number > 0);
        Ok(Prepared { query, conditions, warnings, top, forms, sources, asked, total, terminate_after })
    }
}

/// That an event arrived before a point in time was opened; one of which nobody knows when it arrived is seen.
fn arrived_until(
    point: &PointInTime,
    schema: &dyn Schema,
    queries: &mut QueryReader<'_>,
) -> Result<Query, SearchError> {
    let name = "event.ingested";
    let field = FieldRef { name: name.into(), field_type: schema.field_type(name) };
    let exists = Condition::leaf(FieldLeaf::new(field.clone(), Predicate::Exists));
    let high = Bound::Included(Constant::Instant(point.opened));
    let before = Condition::leaf(FieldLeaf::new(field, Predicate::Range { low: Bound::Unbounded, high }));
    queries.of_condition(Condition::any([exists.negate(), before]))
}

/// Puts the parameters that mean the same as a part of the body into it.
fn with_parameters(mut body: Object, call: &Call<'_>) -> Result<Object, SearchError> {
    for name in PARAMETERS {
        if let Some(value) = call.parameters.get(name) {
            let value = match name {
                "sort" | "docvalue_fields" | "stored_fields" => {
                    json!(value.split(',').map(str::trim).collect::<Vec<_>>())
                }
                _ => json!(value),
            };
            body.insert(name.to_owned(), value);
        }
    }
    let patterns = |name: &str| call.parameters.get(name).map(|text| json!(text));
    let (includes, excludes) = (patterns("_source_includes"), patterns("_source_excludes"));
    if includes.is_some() || excludes.is_some() {
        let mut parts = Map::new();
        parts.extend(includes.map(|names| ("includes".to_owned(), names)));
        parts.extend(excludes.map(|names| ("excludes".to_owned(), names)));
        body.insert("_source".to_owned(), Value::Object(parts));
    }
    for name in ["routing", "typed_keys", "explain"] {
        if call.parameters.contains_key(name) {
            return Err(SearchError::unsupported(format!("the parameter `{name}`")));
        }
    }
    if let Some(text) = call.parameters.get("q") {
        if body.contains_key("query") {
            return Err(SearchError::illegal("the query stands both in `q` and in the body"));
        }
        let mut clause = Map::new();
        clause.insert("query".to_owned(), json!(text));
        let options = [
            ("df", "default_field"),
            ("default_operator", "default_operator"),
            ("analyze_wildcard", "analyze_wildcard"),
            ("lenient", "lenient"),
        ];
        for (parameter, option) in options {
            clause.extend(call.parameters.get(parameter).map(|value| (option.to_owned(), json!(value))));
        }
        body.insert("query".to_owned(), json!({ "query_string": clause }));
    }
    Ok(body)
}

/// Options that are known, and of which only the form that asks for nothing is taken.
fn refuse_what_is_not_done(body: &Object) -> Result<(), SearchError> {
    for key in ["version", "seq_no_primary_term", "explain", "profile"] {
        if body::flag(body, key)? == Some(true) {
            return Err(SearchError::unsupported(format!("`{key}`")));
        }
    }
    for key in ["highlight", "min_score", "post_filter", "indices_boost", "script_fields"] {
        let is_empty = |value: &Value| match value {
            Value::Object(object) => object.is_empty(),
            Value::Array(values) => values.is_empty(),
            _ => false,
        };
        if body::given(body, key).is_some_and(|value| !is_empty(value)) {
            return Err(SearchError::unsupported(format!("`{key}`")));
        }
    }
    // No field is stored by itself, so of all of them there is none to show.
    let stored = body::texts(body.get("stored_fields").unwrap_or(&Value::Null), "stored_fields")?;
    if let Some(name) = stored.iter().find(|name| !matches!(name.as_str(), "*" | "_none_" | "_source")) {
        return Err(SearchError::unsupported(format!("the stored field `{name}`")));
    }
    Ok(())
}

/// Each data stream counts as a shard.
pub(crate) fn shards(streams: usize) -> Value {
    json!({ "total": streams, "successful": streams, "skipped": 0, "failed": 0 })
}

/// Adds what is to be told beside the results.
pub(crate) fn tell(answer: &mut Object, warnings: &[String]) {
    if !warnings.is_empty() {
        answer.insert("_watchfire".to_owned(), json!({ "warnings": warnings }));
    }
}

/// What holds a schema.
pub(crate) type SharedSchema = Arc<dyn Schema + Send + Sync>;
