//! Reading aggregations of a request.

use serde_json::Value;
use watchfire_engine::correlate::KeyValue;
use watchfire_events::TypeFamily;
use watchfire_ir::{Fold, Regex};

use super::calendar::Interval;
use super::composite::CompositeForm;
use super::selector::Selector;
use super::{
    AggregationForm, Chosen, DateHistogramForm, Direction, Kind, MAX_SHOWN_BUCKETS, OrderBy, QueryId,
    SourceId, TermsForm, Which,
};
use crate::SearchError;
use crate::body::{self, Object};
use crate::date_format::DateFormat;
use crate::hit::HitForm;
use crate::query::{Query, QueryReader};
use crate::sort::SortOrder;
use crate::source::Source;
use crate::top::TopForm;

/// Aggregations below one another.
const MOST_LEVELS: usize = 16;
/// Aggregations of a search, and filters in them.
const MOST_AGGREGATIONS: usize = 1_000;
/// Hits of a `top_hits`, as Elasticsearch limits them.
const MOST_TOP_HITS: u64 = 100;

/// Reads aggregations, and keeps the sources and queries that they ask.
pub(crate) struct AggregationReader<'r, 's> {
    pub(crate) queries: &'r mut QueryReader<'s>,
    /// The sources, by their number.
    pub(crate) sources: Vec<Source>,
    /// The queries, by theirs.
    pub(crate) asked: Vec<Query>,
    /// How many aggregations there are so far.
    number: usize,
}

impl<'r, 's> AggregationReader<'r, 's> {
    pub(crate) fn new(queries: &'r mut QueryReader<'s>) -> Self {
        Self { queries, sources: Vec::new(), asked: Vec::new(), number: 0 }
    }

    /// The aggregations of a request, or below another one.
    pub(crate) fn read(
        &mut self,
        aggregations: &Value,
        level: usize,
    ) -> Result<Vec<AggregationForm>, SearchError> {
        if level > MOST_LEVELS {
            return Err(SearchError::illegal(format!(
                "aggregations are nested more than {MOST_LEVELS} deep"
            )));
        }
        let aggregations = body::object(aggregations, "aggs")?;
        let mut forms = Vec::new();
        for (name, aggregation) in aggregations {
            if name.contains(['[', ']', '>']) {
                return Err(SearchError::illegal(format!("`{name}` cannot be the name of an aggregation")));
            }
            let object = body::object(aggregation, name)?;
            if object.contains_key("bucket_selector") {
                return Err(SearchError::illegal(format!(
                    "`{name}`: a `bucket_selector` stands below an aggregation with several buckets"
                )));
            }
            self.number += 1;
            body::refuse_many(self.number, MOST_AGGREGATIONS, "aggregations")?;
            forms.push(self.one(name, object, level)?);
        }
        Ok(forms)
    }

    fn one(&mut self, name: &str, object: &Object, level: usize) -> Result<AggregationForm, SearchError> {
        let mut kinds =
            object.iter().filter(|(key, _)| !matches!(key.as_str(), "aggs" | "aggregations" | "meta"));
        let (Some((kind_name, content)), None) = (kinds.next(), kinds.next()) else {
            return Err(SearchError::parsing(format!("the aggregation `{name}` is not of one kind")));
        };
        let place = format!("{name}.{kind_name}");
        let empty = Object::new();
        let content = match (kind_name.as_str(), content) {
            ("filter", _) => &empty,
            (_, content) => body::object(content, &place)?,
        };
        let kind = match kind_name.as_str() {
            "terms" => Kind::Terms(Box::new(self.terms(content, &place)?)),
            "filter" => Kind::Filter(self.query(&object["filter"], &place)?),
            "filters" => self.filters(content, &place)?,
            "date_histogram" => Kind::DateHistogram(Box::new(self.date_histogram(content, &place)?)),
            "histogram" => self.histogram(content, &place)?,
            "composite" => Kind::Composite(Box::new(CompositeForm::parse(content, self)?)),
            "missing" => {
                body::refuse_unknown(content, &["field"], &place)?;
                Kind::Missing(self.source(content, &place)?)
            }
            "value_count" => {
                body::refuse_unknown(content, &["field"], &place)?;
                Kind::ValueCount(self.source(content, &place)?)
            }
            "cardinality" => {
                body::refuse_unknown(
                    content,
                    &["field", "missing", "precision_threshold", "execution_hint"],
                    &place,
                )?;
                let source = self.source(content, &place)?;
                Kind::Cardinality { source, missing: self.missing(content, source)? }
            }
            "min" => self.number(content, &place, Which::Min)?,
            "max" => self.number(content, &place, Which::Max)?,
            "sum" => self.number(content, &place, Which::Sum)?,
            "avg" => self.number(content, &place, Which::Avg)?,
            "stats" => self.number(content, &place, Which::Stats)?,
            "top_hits" => Kind::TopHits(Box::new(self.top_hits(content, &place)?)),
            _ => return Err(SearchError::unsupported(format!("the aggregation `{kind_name}`"))),
        };
        let (mut below, mut selectors) = (Vec::new(), Vec::new());
        if let Some(aggregations) = object.get("aggs").or_else(|| object.get("aggregations")) {
            let is_selector = |aggregation: &Value| aggregation.get("bucket_selector").is_some();
            let aggregations = body::object(aggregations, "aggs")?;
            for (name, aggregation) in aggregations.iter().filter(|(_, aggregation)| is_selector(aggregation))
            {
                selectors.push(Selector::parse(name, body::object(aggregation, name)?)?);
            }
            let mut others = aggregations.clone();
            others.retain(|_, aggregation| !is_selector(aggregation));
            below = self.read(&Value::Object(others), level + 1)?;
        }
        if !kind.has_buckets() && (!below.is_empty() || !selectors.is_empty()) {
            return Err(SearchError::illegal(format!(
                "`{place}` has no buckets that could have aggregations"
            )));
        }
        if !selectors.is_empty() && !kind.has_several_buckets() {
            return Err(SearchError::illegal(format!("`{place}` has not several buckets to select from")));
        }
        let form = AggregationForm {
            name: name.to_owned(),
            kind,
            below,
            selectors,
            meta: object.get("meta").cloned(),
        };
        form.check()?;
        Ok(form)
    }

    /// The field that an aggregation reads.
    pub(super) fn source(&mut self, content: &Object, place: &str) -> Result<SourceId, SearchError> {
        if content.contains_key("script") {
            return Err(SearchError::unsupported(format!("a script in `{place}`")));
        }
        let name = body::needed(content, "field", place)?;
        let source = Source::of(name, self.queries.names(), "aggregating")?;
        Ok(SourceId(self.sources.iter().position(|known| *known == source).unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        })))
    }

    pub(super) fn family(&self, source: SourceId) -> TypeFamily {
        self.sources[source.0].family()
    }

    /// A value of a request, as one of a source.
    pub(super) fn value(&self, value: &Value, source: SourceId) -> Result<KeyValue, SearchError> {
        self.sources[source.0].read(value, self.queries.now)
    }

    fn missing(&self, content: &Object, source: SourceId) -> Result<Option<KeyValue>, SearchError> {
        body::given(content, "missing").map(|value| self.value(value, source)).transpose()
    }

    fn query(&mut self, clause: &Value, place: &str) -> Result<QueryId, SearchError> {
        let query = self.queries.read(clause, place)?;
        body::refuse_many(self.asked.len() + 1, MOST_AGGREGATIONS, "filters in aggregations")?;
        self.asked.push(query);
        Ok(QueryId(self.asked.len() - 1))
    }

    fn terms(&mut self, content: &Object, place: &str) -> Result<TermsForm, SearchError> {
        let known = [
            "field",
            "size",
            "min_doc_count",
            "order",
            "missing",
            "include",
            "exclude",
            "format",
            "shard_size",
            "show_term_doc_count_error",
            "execution_hint",
            "collect_mode",
            "value_type",
        ];
        body::refuse_unknown(content, &known, place)?;
        let source = self.source(content, place)?;
        let size = body::number(content, "size")?.unwrap_or(10);
        if size == 0 {
            return Err(SearchError::illegal(format!("`{place}`: `size` is at least 1")));
        }
        let min_doc_count = body::number(content, "min_doc_count")?.unwrap_or(1);
        if min_doc_count == 0 {
            return Err(SearchError::unsupported(format!("`{place}`: a `min_doc_count` of 0")));
        }
        let order = match body::given(content, "order") {
            None => vec![(OrderBy::Count, Direction::Descending)],
            Some(order) => order_of(order, place)?,
        };
        Ok(TermsForm {
            source,
            size: usize::try_from(size).unwrap_or(usize::MAX),
            min_doc_count,
            order,
            missing: self.missing(content, source)?,
            include: self.chosen(content, "include", source, place)?,
            exclude: self.chosen(content, "exclude", source, place)?,
            format: format_of(content)?,
        })
    }

    fn chosen(
        &self,
        content: &Object,
        key: &str,
        source: SourceId,
        place: &str,
    ) -> Result<Option<Chosen>, SearchError> {
        match body::given(content, key) {
            None => Ok(None),
            Some(Value::Array(values)) => {
                let values =
                    values.iter().map(|value| self.value(value, source)).collect::<Result<_, _>>()?;
                Ok(Some(Chosen::Exactly(values)))
            }
            Some(Value::String(text)) => match Regex::lucene(text, Fold::None) {
                Ok(regex) => Ok(Some(Chosen::Fitting(Box::new(regex)))),
                Err(error) => Err(SearchError::parsing(format!("`{place}.{key}`: {error}"))),
            },
            Some(_) => {
                Err(SearchError::unsupported(format!("`{place}.{key}` that is neither text nor list")))
            }
        }
    }

    fn filters(&mut self, content: &Object, place: &str) -> Result<Kind, SearchError> {
        body::refuse_unknown(content, &["filters", "other_bucket", "other_bucket_key"], place)?;
        let has_other =
            body::flag(content, "other_bucket")? == Some(true) || content.contains_key("other_bucket_key");
        let other = has_other
            .then(|| content.get("other_bucket_key").and_then(Value::as_str).unwrap_or("_other_").to_owned());
        let (mut named, mut keyed) = (Vec::new(), true);
        match content.get("filters") {
            Some(Value::Object(filters)) => {
                for (name, filter) in filters {
                    named.push((name.clone(), self.query(filter, &format!("{place}.{name}"))?));
                }
            }
            Some(Value::Array(filters)) => {
                keyed = false;
                for (at, filter) in filters.iter().enumerate() {
                    named.push((String::new(), self.query(filter, &format!("{place}[{at}]"))?));
                }
            }
            _ => return Err(SearchError::parsing(format!("`{place}` has no `filters`"))),
        }
        Ok(Kind::Filters { named, keyed, other })
    }

    fn date_histogram(&mut self, content: &Object, place: &str) -> Result<DateHistogramForm, SearchError> {
        let known = [
            "field",
            "fixed_interval",
            "calendar_interval",
            "time_zone",
            "min_doc_count",
            "format",
            "keyed",
            "missing",
            "extended_bounds",
            "order",
        ];
        body::refuse_unknown(content, &known, place)?;
        let source = self.source(content, place)?;
        if !matches!(self.family(source), TypeFamily::Date | TypeFamily::Dynamic) {
            return Err(SearchError::illegal(format!("`{place}`: the field is no date")));
        }
        let bound = |bounds: &Object, key: &str| -> Result<Option<i64>, SearchError> {
            match body::given(bounds, key).map(|value| self.value(value, source)).transpose()? {
                Some(KeyValue::Instant(at)) => Ok(Some(at.millis())),
                _ => Ok(None),
            }
        };
        let bounds = match content.get("extended_bounds") {
            None => None,
            Some(bounds) => {
                let bounds = body::object(bounds, place)?;
                body::refuse_unknown(bounds, &["min", "max"], place)?;
                bound(bounds, "min")?.zip(bound(bounds, "max")?)
            }
        };
        let (descending, by_count) =
            match body::given(content, "order").map(|order| order_of(order, place)).transpose()? {
                None => (false, false),
                Some(order) => match order.first() {
                    Some((OrderBy::Key, direction)) => (*direction == Direction::Descending, false),
                    Some((OrderBy::Count, direction)) => (*direction == Direction::Descending, true),
                    _ => return Err(SearchError::unsupported(format!("this `order` of `{place}`"))),
                },
            };
        Ok(DateHistogramForm {
            source,
            interval: Interval::parse(content, place)?,
            min_doc_count: body::number(content, "min_doc_count")?.unwrap_or(0),
            format: format_of(content)?,
            keyed: body::flag(content, "keyed")?.unwrap_or(false),
            missing: self.missing(content, source)?,
            bounds,
            descending,
            by_count,
        })
    }

    fn histogram(&mut self, content: &Object, place: &str) -> Result<Kind, SearchError> {
        body::refuse_unknown(content, &["field", "interval", "offset", "min_doc_count"], place)?;
        let source = self.source(content, place)?;
        if !matches!(self.family(source), TypeFamily::Number | TypeFamily::Dynamic) {
            return Err(SearchError::illegal(format!("`{place}`: the field is no number")));
        }
        let number = |key: &str| content.get(key).and_then(Value::as_f64);
        match number("interval") {
            Some(interval) if interval > 0.0 => Ok(Kind::Histogram {
                source,
                interval,
                offset: number("offset").unwrap_or(0.0),
                min_doc_count: body::number(content, "min_doc_count")?.unwrap_or(0),
            }),
            _ => Err(SearchError::illegal(format!("`{place}`: `interval` is not a number above 0"))),
        }
    }

    fn number(&mut self, content: &Object, place: &str, which: Which) -> Result<Kind, SearchError> {
        body::refuse_unknown(content, &["field", "missing", "format"], place)?;
        let source = self.source(content, place)?;
        let family = self.family(source);
        if !matches!(
            family,
            TypeFamily::Number | TypeFamily::Date | TypeFamily::Boolean | TypeFamily::Dynamic
        ) {
            return Err(SearchError::illegal(format!("`{place}`: the field is no number and no date")));
        }
        Ok(Kind::Number {
            source,
            which,
            missing: self.missing(content, source)?,
            format: format_of(content)?,
        })
    }

    fn top_hits(&mut self, content: &Object, place: &str) -> Result<TopForm, SearchError> {
        let known = ["size", "from", "sort", "_source", "fields", "docvalue_fields", "track_scores"];
        body::refuse_unknown(content, &known, place)?;
        let (size, from) =
            (body::number(content, "size")?.unwrap_or(3), body::number(content, "from")?.unwrap_or(0));
        if size.saturating_add(from) > MOST_TOP_HITS {
            return Err(SearchError::illegal(format!("`{place}` shows at most {MOST_TOP_HITS} hits")));
        }
        Ok(TopForm {
            order: SortOrder::parse(content.get("sort"), self.queries.names())?,
            from: from as usize,
            size: size as usize,
            after: None,
            collapse: None,
            form: HitForm::parse(content, true, self.queries.schema)?,
        })
    }
}

impl Kind {
    fn has_buckets(&self) -> bool {
        self.has_several_buckets() || matches!(self, Self::Filter(_) | Self::Missing(_))
    }

    fn has_several_buckets(&self) -> bool {
        matches!(
            self,
            Self::Terms(_)
                | Self::Filters { .. }
                | Self::DateHistogram(_)
                | Self::Histogram { .. }
                | Self::Composite(_)
        )
    }
}

impl AggregationForm {
    /// That what is named below is there.
    fn check(&self) -> Result<(), SearchError> {
        let known = |name: &str| self.below.iter().any(|below| below.name == name);
        if let Kind::Terms(terms) = &self.kind {
            for (by, _) in &terms.order {
                if let OrderBy::Metric(name, number) = by {
                    let below = self.below.iter().find(|below| below.name == *name);
                    let fits = below.is_some_and(|below| below.kind.has_number(number));
                    if !fits {
                        return Err(SearchError::illegal(format!(
                            "`{}` is in the order of `{name}`, which is no number below it",
                            self.name
                        )));
                    }
                }
            }
        }
        for selector in &self.selectors {
            if let Some(name) = selector.names().find(|name| !known(name)) {
                return Err(SearchError::illegal(format!(
                    "there is no aggregation `{name}` to select buckets by"
                )));
            }
        }
        Ok(())
    }
}

impl Kind {
    /// Whether it comes to a number of this name.
    pub(super) fn has_number(&self, number: &str) -> bool {
        match self {
            Self::Number { which: Which::Stats, .. } => {
                matches!(number, "count" | "min" | "max" | "avg" | "sum")
            }
            Self::ValueCount(_) | Self::Cardinality { .. } | Self::Number { .. } => number == "value",
            Self::Filter(_) | Self::Missing(_) => matches!(number, "value" | "_count" | "doc_count"),
            _ => false,
        }
    }
}

fn format_of(content: &Object) -> Result<Option<DateFormat>, SearchError> {
    body::text(content, "format")?.map(DateFormat::parse).transpose()
}

/// An order of buckets: an object, or a list of them.
fn order_of(order: &Value, place: &str) -> Result<Vec<(OrderBy, Direction)>, SearchError> {
    let mut keys = Vec::new();
    for part in body::list(order) {
        for (by, direction) in body::object(part, place)? {
            let direction = match direction.as_str() {
                Some("asc") => Direction::Ascending,
                Some("desc") => Direction::Descending,
                _ => {
                    return Err(SearchError::parsing(format!("`{place}.order` is neither `asc` nor `desc`")));
                }
            };
            let by = match by.as_str() {
                "_count" => OrderBy::Count,
                "_key" | "_term" | "_time" => OrderBy::Key,
                path if path.contains('>') => {
                    return Err(SearchError::unsupported(format!("the order `{path}` of `{place}`")));
                }
                path => match path.rsplit_once('.') {
                    Some((
                        name,
                        number @ ("value" | "count" | "min" | "max" | "avg" | "sum" | "doc_count"),
                    )) => OrderBy::Metric(name.to_owned(), number.to_owned()),
                    _ => OrderBy::Metric(path.to_owned(), "value".to_owned()),
                },
            };
            keys.push((by, direction));
        }
    }
    if keys.is_empty() {
        return Err(SearchError::parsing(format!("`{place}.order` is empty")));
    }
    Ok(keys)
}

/// How many buckets of a composite are shown.
pub(super) fn composite_size(content: &Object) -> Result<usize, SearchError> {
    let size = body::number(content, "size")?.unwrap_or(10);
    if size == 0 || size > MAX_SHOWN_BUCKETS as u64 {
        return Err(SearchError::illegal(format!(
            "the `size` of a composite is from 1 to {MAX_SHOWN_BUCKETS}"
        )));
    }
    Ok(size as usize)
}
