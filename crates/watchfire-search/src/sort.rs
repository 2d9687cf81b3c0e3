//! The order of hits, and what of it a page begins behind.
//!
//! An order has keys and then a tie: the data stream and the id of an event, which no two share. So pages never overlap,
//! whatever the keys are, and the order does not depend on how events are stored. Without any `sort`, hits are shown as they
//! are read, which is the cheapest.

use std::cmp::Ordering;

use serde_json::{Value, json};
use watchfire_engine::correlate::KeyValue;
use watchfire_events::{Event, EventBatch, Timestamp, TypeFamily};
use watchfire_ir::{FieldRef, Schema};

use crate::SearchError;
use crate::body;
use crate::date_format::DateFormat;
use crate::source::{InBatch, Names, Source, number_or_text, sortable};

/// Most keys of an order.
const MOST_KEYS: usize = 32;

/// The order of hits.
#[derive(Clone, Debug)]
pub(crate) struct SortOrder {
    pub(crate) keys: Vec<SortKey>,
    pub(crate) tie: Tie,
    /// Whether hits tell by what they were sorted.
    pub(crate) is_shown: bool,
}

/// What decides where all keys are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    /// The order in which events are read.
    AsRead,
    /// Data stream and id; whether the greatest comes first, and whether it is a key that is shown.
    Identity { descending: bool, is_shown: bool },
}

/// A key of an order.
#[derive(Clone, Debug)]
pub(crate) struct SortKey {
    by: By,
    descending: bool,
    missing: Missing,
    /// Which of several values counts: the greatest, or the least.
    greatest: bool,
    format: Option<DateFormat>,
}

#[derive(Clone, Debug)]
enum By {
    /// All scores are equal here.
    Score,
    Field(Source),
}

#[derive(Clone, Debug, PartialEq)]
enum Missing {
    First,
    Last,
    Value(KeyValue),
}

/// The value of a key; nothing for an event without one.
pub(crate) type KeyOf = Option<KeyValue>;

impl SortOrder {
    /// As events are read.
    pub(crate) fn as_read() -> Self {
        Self { keys: Vec::new(), tie: Tie::AsRead, is_shown: false }
    }

    /// The order that a `sort` asks for.
    pub(crate) fn parse(sort: Option<&Value>, names: Names<'_>) -> Result<Self, SearchError> {
        let mut order = Self {
            keys: Vec::new(),
            tie: Tie::Identity { descending: false, is_shown: false },
            is_shown: true,
        };
        let mut is_given = false;
        for part in sort.map(body::list).unwrap_or_default() {
            is_given = true;
            match part {
                Value::String(text) => {
                    for text in text.split(',') {
                        let (name, direction) = match text.rsplit_once(':') {
                            Some((name, direction @ ("asc" | "desc"))) => (name, Some(json!(direction))),
                            _ => (text, None),
                        };
                        order.add(name.trim(), &direction.unwrap_or(json!({})), names)?;
                    }
                }
                Value::Object(object) => {
                    for (name, options) in object {
                        order.add(name, options, names)?;
                    }
                }
                other => {
                    return Err(SearchError::parsing(format!("`sort` has a part that is none: {other}")));
                }
            }
        }
        Ok(if is_given { order } else { Self::as_read() })
    }

    /// The same order, in which no two events are equal and hits tell where they stand: for who reads page by page.
    #[must_use]
    pub(crate) fn for_paging(mut self, schema: &dyn Schema) -> Self {
        let field = FieldRef { name: "@timestamp".into(), field_type: schema.field_type("@timestamp") };
        // No order is asked for, so it is the one in which pages cost least.
        if self.keys.is_empty() && field.field_type.family() == TypeFamily::Date {
            let by = By::Field(Source::Field(field));
            let missing = Missing::Last;
            self.keys.push(SortKey { by, descending: false, missing, greatest: false, format: None });
        }
        self.tie = match self.tie {
            Tie::AsRead => Tie::Identity { descending: false, is_shown: true },
            Tie::Identity { descending, .. } => Tie::Identity { descending, is_shown: true },
        };
        self.is_shown = true;
        self
    }

    fn add(&mut self, name: &str, options: &Value, names: Names<'_>) -> Result<(), SearchError> {
        let place = format!("sort.{name}");
        let empty = body::Object::new();
        let (options, direction) = match options {
            Value::String(direction) => (&empty, Some(direction.as_str())),
            Value::Object(options) => (options, body::text(options, "order")?),
            other => return Err(SearchError::parsing(format!("`{place}` is no order: {other}"))),
        };
        let known = ["order", "missing", "unmapped_type", "mode", "format", "numeric_type"];
        body::refuse_unknown(options, &known, &place)?;
        let descending = match direction.map(str::to_ascii_lowercase).as_deref() {
            None => name == "_score",
            Some("asc") => false,
            Some("desc") => true,
            Some(other) => {
                return Err(SearchError::illegal(format!(
                    "`{place}`: `{other}` is neither `asc` nor `desc`"
                )));
            }
        };
        if matches!(self.tie, Tie::Identity { is_shown: true, .. }) {
            // Nothing is equal any more.
            return Ok(());
        }
        if matches!(name, "_doc" | "_shard_doc") {
            self.tie = Tie::Identity { descending, is_shown: true };
            return Ok(());
        }
        if name == "_score" {
            let missing = Missing::Last;
            self.keys.push(SortKey { by: By::Score, descending, missing, greatest: false, format: None });
            return Ok(());
        }
        body::refuse_many(self.keys.len() + 1, MOST_KEYS, "keys in `sort`")?;
        let source = Source::of(name, names, "sorting")?;
        let greatest = match body::text(options, "mode")? {
            None => descending,
            Some("min") => false,
            Some("max") => true,
            Some(other) => return Err(SearchError::unsupported(format!("the mode `{other}` of `{place}`"))),
        };
        if let Some(kind) = body::text(options, "numeric_type")?
            && !matches!(
                (kind, source.family()),
                ("date", TypeFamily::Date) | ("long" | "double", TypeFamily::Number)
            )
        {
            return Err(SearchError::unsupported(format!("the `numeric_type` `{kind}` of `{place}`")));
        }
        let missing = match options.get("missing") {
            None | Some(Value::Null) => Missing::Last,
            Some(Value::String(text)) if text == "_last" => Missing::Last,
            Some(Value::String(text)) if text == "_first" => Missing::First,
            Some(value) => Missing::Value(sortable(source.read(value, names.now)?, source.family())),
        };
        let format = body::text(options, "format")?.map(DateFormat::parse).transpose()?;
        self.keys.push(SortKey { by: By::Field(source), descending, missing, greatest, format });
        Ok(())
    }

    /// Whether events are sorted by their time first, and if so, whether the latest comes first. One without a time comes
    /// last.
    pub(crate) fn begins_with_time(&self) -> Option<bool> {
        let key = self.keys.first()?;
        match &key.by {
            By::Field(Source::Field(field))
                if *field.name == *"@timestamp" && key.missing == Missing::Last =>
            {
                Some(key.descending)
            }
            By::Field(_) | By::Score => None,
        }
    }

    /// The sources that are read.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.keys.iter().filter_map(|key| match &key.by {
            By::Field(source) => Some(source),
            By::Score => None,
        })
    }

    /// What reads the keys of the rows of a batch.
    pub(crate) fn in_batch<'b>(&self, batch: &'b EventBatch) -> Vec<Option<InBatch<'b>>> {
        let read = |key: &SortKey| match &key.by {
            By::Field(source) => Some(source.in_batch(batch)),
            By::Score => None,
        };
        self.keys.iter().map(read).collect()
    }

    /// The keys of a row.
    pub(crate) fn keys_of(&self, columns: &[Option<InBatch<'_>>], row: usize) -> Vec<KeyOf> {
        let key = |(key, column): (&SortKey, &Option<InBatch<'_>>)| {
            let (By::Field(source), Some(column)) = (&key.by, column) else {
                return Some(KeyValue::Integer(1));
            };
            let mut chosen: Option<KeyValue> = None;
            column.each(row, &mut |value| {
                let value = sortable(value, source.family());
                let is_better = chosen
                    .as_ref()
                    .is_none_or(|known| if key.greatest { value > *known } else { value < *known });
                if is_better {
                    chosen = Some(value);
                }
            });
            chosen.or_else(|| match &key.missing {
                Missing::Value(value) => Some(value.clone()),
                Missing::First | Missing::Last => None,
            })
        };
        self.keys.iter().zip(columns).map(key).collect()
    }

    /// How two events stand by their keys alone.
    pub(crate) fn compare(&self, one: &[KeyOf], other: &[KeyOf]) -> Ordering {
        let orders = self.keys.iter().zip(one.iter().zip(other)).map(|(key, (one, other))| {
            let first = if key.missing == Missing::First { Ordering::Less } else { Ordering::Greater };
            match (one, other) {
                (Some(one), Some(other)) if key.descending => other.cmp(one),
                (Some(one), Some(other)) => one.cmp(other),
                (None, None) => Ordering::Equal,
                (None, Some(_)) => first,
                (Some(_), None) => first.reverse(),
            }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    }

    /// How two events with equal keys stand.
    pub(crate) fn compare_ties(&self, one: &Event, other: &Event) -> Ordering {
        match self.tie {
            Tie::AsRead => Ordering::Equal,
            Tie::Identity { descending, .. } => {
                let order = (one.data_stream.as_str(), one.id.as_str())
                    .cmp(&(other.data_stream.as_str(), other.id.as_str()));
                if descending { order.reverse() } else { order }
            }
        }
    }

    /// What a hit tells of where it stands.
    pub(crate) fn show(&self, keys: &[KeyOf], event: &Event) -> Vec<Value> {
        let mut shown: Vec<Value> =
            self.keys.iter().zip(keys).map(|(key, value)| key.show(value.as_ref())).collect();
        if let Tie::Identity { is_shown: true, .. } = self.tie {
            shown.push(json!(identity(event)));
        }
        shown
    }

    /// Where a page begins.
    pub(crate) fn after(&self, values: &[Value], now: Timestamp) -> Result<After, SearchError> {
        let has_tie = matches!(self.tie, Tie::Identity { is_shown: true, .. });
        let number = self.keys.len() + usize::from(has_tie);
        if values.len() != number {
            return Err(SearchError::illegal(format!(
                "`search_after` has {} values, and `sort` has {number} keys",
                values.len()
            )));
        }
        let keys = self
            .keys
            .iter()
            .zip(values)
            .map(|(key, value)| key.read(value, now))
            .collect::<Result<_, _>>()?;
        let tie = match values.last().filter(|_| has_tie) {
            None => None,
            Some(value) => Some(
                value
                    .as_str()
                    .ok_or_else(|| SearchError::illegal("the last value of `search_after` is none of a hit"))?
                    .to_owned(),
            ),
        };
        Ok(After { keys, tie })
    }

    /// Whether an event stands behind the last one of the page before.
    pub(crate) fn is_behind(&self, after: &After, keys: &[KeyOf], event: impl FnOnce() -> String) -> bool {
        match self.compare(keys, &after.keys) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => match (&after.tie, self.tie) {
                (Some(tie), Tie::Identity { descending, .. }) => {
                    let order = event().cmp(tie);
                    if descending { order.is_lt() } else { order.is_gt() }
                }
                _ => false,
            },
        }
    }
}

/// The data stream and the id of an event as one text, which sorts as both do: no name of a data stream has a control
/// character.
pub(crate) fn identity(event: &Event) -> String {
    format!("{}\t{}", event.data_stream, event.id)
}

/// Where the page before ended.
#[derive(Clone, Debug)]
pub(crate) struct After {
    keys: Vec<KeyOf>,
    tie: Option<String>,
}

impl After {
    /// The first key of the last hit; nothing if it had no value.
    pub(crate) fn first(&self) -> Option<&KeyValue> {
        self.keys.first()?.as_ref()
    }
}

impl SortKey {
    fn show(&self, value: Option<&KeyValue>) -> Value {
        let By::Field(source) = &self.by else { return json!(1.0) };
        let is_whole = matches!(source.family(), TypeFamily::Date)
            || matches!(source, Source::Field(field) if field.field_type == watchfire_events::FieldType::Long);
        match value {
            // As Elasticsearch shows what it sorts events without a whole number by.
            None if is_whole => {
                json!(if self.descending == (self.missing == Missing::Last) { i64::MIN } else { i64::MAX })
            }
            None => Value::Null,
            Some(KeyValue::Instant(at)) => match (self.format, source) {
                (Some(format), _) => format.value(*at),
                (None, Source::Field(field))
                    if field.field_type == watchfire_events::FieldType::DateNanos =>
                {
                    json!(at.nanos() as i64)
                }
                (None, _) => json!(at.millis()),
            },
            Some(value) => number_or_text(value, source_is_double(source)),
        }
    }

    fn read(&self, value: &Value, now: Timestamp) -> Result<KeyOf, SearchError> {
        let By::Field(source) = &self.by else { return Ok(Some(KeyValue::Integer(1))) };
        let is_edge = matches!(value.as_i64(), Some(i64::MIN | i64::MAX));
        if value.is_null() || (is_edge && matches!(source.family(), TypeFamily::Date | TypeFamily::Number)) {
            return Ok(None);
        }
        if let (Source::Field(field), Some(nanos)) = (source, value.as_i64())
            && field.field_type == watchfire_events::FieldType::DateNanos
        {
            return Ok(Some(KeyValue::Instant(Timestamp::from_nanos(nanos.into()))));
        }
        Ok(Some(sortable(source.read(value, now)?, source.family())))
    }
}

fn source_is_double(source: &Source) -> bool {
    matches!(source, Source::Field(field) if field.field_type == watchfire_events::FieldType::Double)
}
