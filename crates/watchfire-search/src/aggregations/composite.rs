//! `composite`: buckets of several keys, page by page.
//!
//! Only as many buckets are held as a page shows: those first in order behind `after`. One that falls out can never come in
//! again, since the page's last key only gets less.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use watchfire_engine::correlate::KeyValue;
use watchfire_events::TypeFamily;

use super::calendar::Interval;
use super::collect::{BatchView, Bucket, Collecting, new_bucket};
use super::parse::{AggregationReader, composite_size};
use super::{AggregationForm, SourceId};
use crate::SearchError;
use crate::body::{self, Object};
use crate::date_format::DateFormat;
use crate::source::{Source, number_of};

/// Sources of a composite.
const MOST_SOURCES: usize = 32;
/// Combinations of values of one event beyond which a search is refused.
const MOST_COMBINATIONS: usize = 4_096;

/// A composite aggregation.
#[derive(Clone, Debug)]
pub(super) struct CompositeForm {
    sources: Vec<CompositeSource>,
    pub(super) size: usize,
    after: Option<Vec<Directed>>,
}

/// What one key is made of.
#[derive(Clone, Debug)]
struct CompositeSource {
    name: String,
    source: SourceId,
    of: KeyOf,
    descending: bool,
    missing_bucket: bool,
    missing_last: bool,
    format: Option<DateFormat>,
}

#[derive(Clone, Debug)]
enum KeyOf {
    Value,
    Interval(Interval),
    Histogram(f64),
}

/// A value with the direction in which it is sorted; nothing stands where it was said to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directed {
    value: Option<KeyValue>,
    descending: bool,
    missing_last: bool,
}

impl Ord for Directed {
    fn cmp(&self, other: &Self) -> Ordering {
        let missing = if self.missing_last { Ordering::Greater } else { Ordering::Less };
        match (&self.value, &other.value) {
            (Some(one), Some(two)) if self.descending => two.cmp(one),
            (Some(one), Some(two)) => one.cmp(two),
            (None, None) => Ordering::Equal,
            (None, Some(_)) => missing,
            (Some(_), None) => missing.reverse(),
        }
    }
}

impl PartialOrd for Directed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The buckets of a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Composite(pub(super) BTreeMap<Vec<Directed>, Bucket>);

impl CompositeForm {
    pub(super) fn parse(
        content: &Object,
        reader: &mut AggregationReader<'_, '_>,
    ) -> Result<Self, SearchError> {
        body::refuse_unknown(content, &["sources", "size", "after"], "composite")?;
        let mut sources = Vec::new();
        for source in body::list(content.get("sources").unwrap_or(&Value::Null)) {
            for (name, kind) in body::object(source, "composite.sources")? {
                body::refuse_many(sources.len() + 1, MOST_SOURCES, "sources of a composite")?;
                sources.push(CompositeSource::parse(name, body::object(kind, name)?, reader)?);
            }
        }
        if sources.is_empty() {
            return Err(SearchError::illegal("a composite has at least one of `sources`"));
        }
        let after = match body::given(content, "after") {
            None => None,
            Some(after) => {
                let after = body::object(after, "composite.after")?;
                let directed = |source: &CompositeSource| {
                    let value = after.get(&source.name).ok_or_else(|| {
                        SearchError::illegal(format!("`after` has no value of `{}`", source.name))
                    })?;
                    let value = match value {
                        Value::Null => None,
                        value => Some(source.read(value, reader)?),
                    };
                    Ok(source.directed(value))
                };
                Some(sources.iter().map(directed).collect::<Result<Vec<_>, SearchError>>()?)
            }
        };
        Ok(Self { sources, size: composite_size(content)?, after })
    }

    /// Counts a row.
    pub(super) fn count(
        &self,
        state: &mut Composite,
        form: &AggregationForm,
        collecting: &mut Collecting,
        view: &BatchView<'_>,
        row: usize,
    ) -> Result<(), SearchError> {
        let mut keys: Vec<Vec<Directed>> = vec![Vec::new()];
        for source in &self.sources {
            let values = source.values(view, row);
            let longer = keys.iter().flat_map(|key| {
                values.iter().map(move |value| {
                    let mut key = key.clone();
                    key.push(source.directed(value.clone()));
                    key
                })
            });
            keys = longer.take(MOST_COMBINATIONS + 1).collect();
            if keys.len() > MOST_COMBINATIONS {
                return Err(SearchError::too_much(format!(
                    "an event has more than {MOST_COMBINATIONS} combinations of values"
                )));
            }
        }
        for key in keys {
            if self.after.as_ref().is_some_and(|after| key <= *after) {
                continue;
            }
            let is_full = state.0.len() >= self.size;
            if is_full && state.0.last_key_value().is_some_and(|(last, _)| key > *last) {
                continue;
            }
            if !state.0.contains_key(&key) {
                collecting.take_bucket()?;
            }
            let bucket = state.0.entry(key).or_insert_with(|| new_bucket(form));
            collecting.count(form, bucket, view, row)?;
            if state.0.len() > self.size
                && let Some((_, bucket)) = state.0.pop_last()
            {
                collecting.give_back(&bucket);
            }
        }
        Ok(())
    }

    /// A key as it is shown.
    pub(super) fn show(&self, key: &[Directed], sources: &[Source]) -> Value {
        let named = self.sources.iter().zip(key).map(|(source, key)| {
            let shown = match (&key.value, source.format) {
                (None, _) => Value::Null,
                (Some(KeyValue::Integer(at)), format) if matches!(source.of, KeyOf::Interval(_)) => {
                    let at = watchfire_events::Timestamp::from_millis(*at as i64);
                    format.map_or_else(|| json!(at.millis()), |format| format.value(at))
                }
                (Some(KeyValue::Instant(at)), Some(format)) => format.value(*at),
                (Some(KeyValue::Boolean(value)), _) => json!(value),
                (Some(value), _) => sources[source.source.0].show(value, None).0,
            };
            (source.name.clone(), shown)
        });
        Value::Object(named.collect())
    }
}

impl CompositeSource {
    fn parse(name: &str, kind: &Object, reader: &mut AggregationReader<'_, '_>) -> Result<Self, SearchError> {
        let mut kinds = kind.iter();
        let (Some((kind, content)), None) = (kinds.next(), kinds.next()) else {
            return Err(SearchError::parsing(format!("the source `{name}` is not of one kind")));
        };
        let content = body::object(content, name)?;
        let common = ["field", "order", "missing_bucket", "missing_order"];
        let known = |more: &[&'static str]| -> Vec<&str> { common.iter().chain(more).copied().collect() };
        let of = match kind.as_str() {
            "terms" => {
                body::refuse_unknown(content, &common, name)?;
                KeyOf::Value
            }
            "date_histogram" => {
                body::refuse_unknown(
                    content,
                    &known(&["fixed_interval", "calendar_interval", "time_zone", "format"]),
                    name,
                )?;
                KeyOf::Interval(Interval::parse(content, name)?)
            }
            "histogram" => {
                body::refuse_unknown(content, &known(&["interval"]), name)?;
                match content.get("interval").and_then(Value::as_f64) {
                    Some(interval) if interval > 0.0 => KeyOf::Histogram(interval),
                    _ => {
                        return Err(SearchError::illegal(format!(
                            "`{name}`: `interval` is not a number above 0"
                        )));
                    }
                }
            }
            other => return Err(SearchError::unsupported(format!("the source `{other}` of a composite"))),
        };
        let source = reader.source(content, name)?;
        let family = reader.family(source);
        let fits = match of {
            KeyOf::Value => true,
            KeyOf::Interval(_) => matches!(family, TypeFamily::Date | TypeFamily::Dynamic),
            KeyOf::Histogram(_) => matches!(family, TypeFamily::Number | TypeFamily::Dynamic),
        };
        if !fits {
            return Err(SearchError::illegal(format!("`{name}`: the field has not the type for it")));
        }
        let descending = match body::text(content, "order")? {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => return Err(SearchError::illegal(format!("`{name}`: the order `{other}`"))),
        };
        // Nothing is less than everything, unless it is said where it stands.
        let missing_last = match body::text(content, "missing_order")? {
            None | Some("default") => descending,
            Some("first") => false,
            Some("last") => true,
            Some(other) => {
                return Err(SearchError::illegal(format!("`{name}`: the `missing_order` `{other}`")));
            }
        };
        Ok(Self {
            name: name.to_owned(),
            source,
            of,
            descending,
            missing_bucket: body::flag(content, "missing_bucket")?.unwrap_or(false),
            missing_last,
            format: body::text(content, "format")?.map(DateFormat::parse).transpose()?,
        })
    }

    fn directed(&self, value: Option<KeyValue>) -> Directed {
        Directed { value, descending: self.descending, missing_last: self.missing_last }
    }

    fn read(&self, value: &Value, reader: &AggregationReader<'_, '_>) -> Result<KeyValue, SearchError> {
        let read = reader.value(value, self.source)?;
        Ok(match (&self.of, read) {
            (KeyOf::Interval(_), KeyValue::Instant(at)) => KeyValue::Integer(at.millis().into()),
            (_, read) => read,
        })
    }

    fn values(&self, view: &BatchView<'_>, row: usize) -> Vec<Option<KeyValue>> {
        let values = view.values(self.source, row, None);
        let mut keys: Vec<Option<KeyValue>> = match &self.of {
            KeyOf::Value => values.into_iter().map(Some).collect(),
            KeyOf::Interval(interval) => values
                .iter()
                .filter_map(|value| match value {
                    KeyValue::Instant(at) => interval.start(at.millis()),
                    _ => None,
                })
                .map(|start| Some(KeyValue::Integer(start.into())))
                .collect(),
            KeyOf::Histogram(interval) => values
                .iter()
                .filter_map(number_of)
                .map(|number| Some(KeyValue::double((number / interval).floor() * interval)))
                .collect(),
        };
        keys.dedup();
        if keys.is_empty() && self.missing_bucket {
            keys.push(None);
        }
        keys
    }
}
