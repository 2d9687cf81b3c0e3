//! What was counted, as an answer shows it.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};
use watchfire_engine::correlate::KeyValue;
use watchfire_events::{FieldType, Timestamp, TypeFamily};
use watchfire_ir::Schema;

use super::collect::{Bucket, Numbers, State, new_bucket};
use super::selector::Compared;
use super::{
    AggregationForm, Chosen, DateHistogramForm, Direction, Kind, MAX_SHOWN_BUCKETS, OrderBy, TermsForm, Which,
};
use crate::SearchError;
use crate::date_format::DateFormat;
use crate::source::Source;

/// What aggregations are shown with.
struct Rendering<'a> {
    sources: &'a [Source],
    schema: &'a dyn Schema,
    shown: usize,
}

/// All aggregations, by their names.
pub(crate) fn render(
    forms: &[AggregationForm],
    states: &[State],
    sources: &[Source],
    schema: &dyn Schema,
) -> Result<Map<String, Value>, SearchError> {
    Rendering { sources, schema, shown: 0 }.all(forms, states)
}

impl TermsForm {
    /// Whether a term has a bucket.
    pub(super) fn takes(&self, value: &KeyValue) -> bool {
        let is_in = |chosen: &Chosen| match chosen {
            Chosen::Exactly(values) => values.contains(value),
            Chosen::Fitting(regex) => value.to_text().is_some_and(|text| regex.fits(&text)),
        };
        self.include.as_ref().is_none_or(is_in) && !self.exclude.as_ref().is_some_and(is_in)
    }
}

impl AggregationForm {
    /// A number of an aggregation below, in a bucket.
    fn number_below(&self, bucket: &Bucket, name: &str, number: &str) -> Option<f64> {
        let at = self.below.iter().position(|below| below.name == name)?;
        match &bucket.below[at] {
            State::Count(count) => Some(*count as f64),
            State::Distinct(distinct) => Some(distinct.number().number as f64),
            State::Listed(buckets) => Some(buckets.first()?.count as f64),
            State::Number(numbers) => match (number, &self.below[at].kind) {
                ("count", _) => Some(numbers.count as f64),
                ("value", Kind::Number { which, .. }) => numbers.get(*which),
                ("min", _) => numbers.get(Which::Min),
                ("max", _) => numbers.get(Which::Max),
                ("avg", _) => numbers.get(Which::Avg),
                ("sum", _) => numbers.get(Which::Sum),
                _ => None,
            },
            State::Keyed(_) | State::Composite(_) | State::Top(_) => None,
        }
    }

    fn keeps(&self, bucket: &Bucket) -> bool {
        self.selectors.iter().all(|selector| {
            selector.keeps(|compared| match compared {
                Compared::Count => Some(bucket.count as f64),
                Compared::Metric(name, number) => self.number_below(bucket, name, number),
            })
        })
    }
}

impl Numbers {
    fn get(&self, which: Which) -> Option<f64> {
        if which == Which::Sum {
            return Some(self.sum);
        }
        (self.count > 0).then(|| match which {
            Which::Min => self.min,
            Which::Max => self.max,
            Which::Avg => self.sum / self.count as f64,
            Which::Sum | Which::Stats => self.sum,
        })
    }
}

impl Rendering<'_> {
    fn all(
        &mut self,
        forms: &[AggregationForm],
        states: &[State],
    ) -> Result<Map<String, Value>, SearchError> {
        let mut shown = Map::new();
        for (form, state) in forms.iter().zip(states) {
            let mut one = self.one(form, state)?;
            if let (Some(meta), Value::Object(object)) = (&form.meta, &mut one) {
                object.insert("meta".to_owned(), meta.clone());
            }
            shown.insert(form.name.clone(), one);
        }
        Ok(shown)
    }

    fn one(&mut self, form: &AggregationForm, state: &State) -> Result<Value, SearchError> {
        Ok(match (&form.kind, state) {
            (Kind::Terms(terms), State::Keyed(buckets)) => {
                let mut chosen: Vec<(&KeyValue, &Bucket)> =
                    buckets.iter().filter(|(_, bucket)| bucket.count >= terms.min_doc_count).collect();
                chosen.sort_by(|one, other| compare_terms(form, terms, *one, *other));
                let total: u64 = chosen.iter().map(|(_, bucket)| bucket.count).sum();
                chosen.truncate(terms.size);
                let others = total - chosen.iter().map(|(_, bucket)| bucket.count).sum::<u64>();
                let source = &self.sources[terms.source.0];
                let mut shown = Vec::new();
                for (key, bucket) in chosen.into_iter().filter(|(_, bucket)| form.keeps(bucket)) {
                    let (key, text) = source.show(key, terms.format);
                    shown.push(self.bucket(form, bucket, Some((key, text)))?);
                }
                json!({ "doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": shown })
            }
            (Kind::DateHistogram(histogram), State::Keyed(buckets)) => {
                let mut shown = Vec::new();
                for (start, bucket) in intervals(histogram, form, buckets)? {
                    if form.keeps(&bucket) {
                        let text = histogram.format.unwrap_or_default().show(Timestamp::from_millis(start));
                        let key = (json!(start), Some(text.clone()));
                        shown.push((text, self.bucket(form, &bucket, Some(key))?));
                    }
                }
                if histogram.keyed {
                    json!({ "buckets": Value::Object(shown.into_iter().collect()) })
                } else {
                    json!({ "buckets": shown.into_iter().map(|(_, bucket)| bucket).collect::<Vec<_>>() })
                }
            }
            (Kind::Histogram { interval, min_doc_count, .. }, State::Keyed(buckets)) => {
                let mut chosen: Vec<(f64, &Bucket)> = buckets
                    .iter()
                    .filter_map(|(key, bucket)| Some((crate::source::number_of(key)?, bucket)))
                    .filter(|(_, bucket)| bucket.count >= *min_doc_count)
                    .collect();
                chosen.sort_by(|one, other| one.0.total_cmp(&other.0));
                let empty = new_bucket(form);
                let mut shown = Vec::new();
                let mut before: Option<f64> = None;
                for (key, bucket) in chosen {
                    if let Some(before) = before.filter(|_| *min_doc_count == 0) {
                        let between = ((key - before) / interval).round() as usize;
                        if between > MAX_SHOWN_BUCKETS {
                            return Err(too_many());
                        }
                        for step in 1..between {
                            let key = json!(before + step as f64 * interval);
                            shown.push(self.bucket(form, &empty, Some((key, None)))?);
                        }
                    }
                    before = Some(key);
                    if form.keeps(bucket) {
                        shown.push(self.bucket(form, bucket, Some((json!(key), None)))?);
                    }
                }
                json!({ "buckets": shown })
            }
            (Kind::Composite(composite), State::Composite(state)) => {
                let mut shown = Vec::new();
                for (key, bucket) in &state.0 {
                    if form.keeps(bucket) {
                        let key = composite.show(key, self.sources);
                        shown.push(self.bucket(form, bucket, Some((key, None)))?);
                    }
                }
                let mut object = Map::new();
                // The page goes on behind the last bucket, also where that one was not selected.
                if let Some((last, _)) = state.0.last_key_value() {
                    object.insert("after_key".to_owned(), composite.show(last, self.sources));
                }
                object.insert("buckets".to_owned(), Value::Array(shown));
                Value::Object(object)
            }
            (Kind::Filter(_) | Kind::Missing(_), State::Listed(buckets)) => {
                self.bucket(form, &buckets[0], None)?
            }
            (Kind::Filters { named, keyed, other }, State::Listed(buckets)) => {
                let names = named.iter().map(|(name, _)| name).chain(other);
                let mut shown = Vec::new();
                for (name, bucket) in names.zip(buckets) {
                    if form.keeps(bucket) {
                        shown.push((name.clone(), self.bucket(form, bucket, None)?));
                    }
                }
                if *keyed {
                    json!({ "buckets": Value::Object(shown.into_iter().collect()) })
                } else {
                    json!({ "buckets": shown.into_iter().map(|(_, bucket)| bucket).collect::<Vec<_>>() })
                }
            }
            (Kind::ValueCount(_), State::Count(count)) => json!({ "value": count }),
            (Kind::Cardinality { .. }, State::Distinct(distinct)) => {
                json!({ "value": distinct.number().number })
            }
            (Kind::Number { which: Which::Stats, .. }, State::Number(numbers)) => json!({
                "count": numbers.count,
                "min": numbers.get(Which::Min),
                "max": numbers.get(Which::Max),
                "avg": numbers.get(Which::Avg),
                "sum": numbers.sum,
            }),
            (Kind::Number { source, which, format, .. }, State::Number(numbers)) => {
                shown_number(&self.sources[source.0], numbers.get(*which), *which, *format)
            }
            (Kind::TopHits(top), State::Top(found)) => {
                let hits = top.hits(found, self.schema);
                let score = if top.order.is_shown || hits.is_empty() { Value::Null } else { json!(1.0) };
                let total = json!({ "value": found.counted(), "relation": "eq" });
                json!({ "hits": { "total": total, "max_score": score, "hits": hits } })
            }
            (kind, _) => unreachable!("the state of {kind:?} is made for it"),
        })
    }

    fn bucket(
        &mut self,
        form: &AggregationForm,
        bucket: &Bucket,
        key: Option<(Value, Option<String>)>,
    ) -> Result<Value, SearchError> {
        self.shown += 1;
        if self.shown > MAX_SHOWN_BUCKETS {
            return Err(too_many());
        }
        let mut shown = Map::new();
        if let Some((key, text)) = key {
            if let Some(text) = text {
                shown.insert("key_as_string".to_owned(), json!(text));
            }
            shown.insert("key".to_owned(), key);
        }
        shown.insert("doc_count".to_owned(), json!(bucket.count));
        shown.extend(self.all(&form.below, &bucket.below)?);
        Ok(Value::Object(shown))
    }
}

/// A number, with a text beside it where one says more.
fn shown_number(source: &Source, number: Option<f64>, which: Which, format: Option<DateFormat>) -> Value {
    let is_date = source.family() == TypeFamily::Date && which != Which::Sum;
    let mut shown = Map::new();
    shown.insert("value".to_owned(), json!(number));
    if let Some(number) = number.filter(|_| is_date) {
        let nanos = (number * 1e6) as i128;
        let text = format.unwrap_or_default().show(Timestamp::from_nanos(nanos));
        shown.insert("value_as_string".to_owned(), json!(text));
    }
    let is_boolean = matches!(source, Source::Field(field) if field.field_type == FieldType::Boolean);
    if let Some(number) = number.filter(|_| is_boolean && matches!(which, Which::Min | Which::Max)) {
        shown.insert("value_as_string".to_owned(), json!((number != 0.0).to_string()));
    }
    Value::Object(shown)
}

fn too_many() -> SearchError {
    SearchError::too_much(format!("the answer would have more than {MAX_SHOWN_BUCKETS} buckets"))
}

/// The buckets of a date histogram in order, with the empty ones where they are wanted.
fn intervals(
    histogram: &DateHistogramForm,
    form: &AggregationForm,
    buckets: &rustc_hash::FxHashMap<KeyValue, Bucket>,
) -> Result<Vec<(i64, Bucket)>, SearchError> {
    let mut chosen: Vec<(i64, Bucket)> = buckets
        .iter()
        .filter_map(|(key, bucket)| match key {
            KeyValue::Integer(start) => Some((*start as i64, bucket.clone())),
            _ => None,
        })
        .collect();
    chosen.sort_by_key(|(start, _)| *start);
    if histogram.min_doc_count == 0 {
        let bounds = histogram
            .bounds
            .and_then(|(low, high)| Some((histogram.interval.start(low)?, histogram.interval.start(high)?)));
        let first =
            chosen.first().map(|(start, _)| *start).into_iter().chain(bounds.map(|(low, _)| low)).min();
        let last =
            chosen.last().map(|(start, _)| *start).into_iter().chain(bounds.map(|(_, high)| high)).max();
        let mut all = Vec::new();
        let mut found = chosen.into_iter().peekable();
        let mut next = first;
        while let (Some(start), Some(last)) = (next, last) {
            if start > last {
                break;
            }
            if all.len() > MAX_SHOWN_BUCKETS {
                return Err(too_many());
            }
            let bucket = found.next_if(|(at, _)| *at == start);
            all.push(bucket.unwrap_or_else(|| (start, new_bucket(form))));
            next = histogram.interval.next(start);
        }
        chosen = all;
    } else {
        chosen.retain(|(_, bucket)| bucket.count >= histogram.min_doc_count);
    }
    if histogram.by_count {
        chosen.sort_by_key(|(_, bucket)| bucket.count);
    }
    if histogram.descending {
        chosen.reverse();
    }
    Ok(chosen)
}

fn compare_terms(
    form: &AggregationForm,
    terms: &TermsForm,
    one: (&KeyValue, &Bucket),
    other: (&KeyValue, &Bucket),
) -> Ordering {
    let number = |bucket: &Bucket, name: &str, number: &str| {
        form.number_below(bucket, name, number).unwrap_or(f64::NEG_INFINITY)
    };
    let orders = terms.order.iter().map(|(by, direction)| {
        let order = match by {
            OrderBy::Count => one.1.count.cmp(&other.1.count),
            OrderBy::Key => one.0.cmp(other.0),
            OrderBy::Metric(name, which) => {
                number(one.1, name, which).total_cmp(&number(other.1, name, which))
            }
        };
        if *direction == Direction::Descending { order.reverse() } else { order }
    });
    orders.fold(Ordering::Equal, Ordering::then).then_with(|| one.0.cmp(other.0))
}
