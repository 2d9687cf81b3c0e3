//! A search of a guide, made ready for one alert.

use std::fmt;

use serde_json::{Map, Value, json};
use watchfire_events::{Document, Timestamp};

use watchfire_ir::{Condition, KqlOptions, Schema, date_range};
use watchfire_rules::model::{Investigation, Provider, QueryType, ValueType};

use crate::conditions::lowered;
use crate::fields::{time_of, values_of};
use crate::value_text::text_of;

/// What of an alert stands for *now* in the times of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// When it was made.
    Alert,
    /// When its event happened: the alert was made so much later that the span of time would miss it.
    Event,
    /// When its event happened, which is when it was made, as in a scan: as much time is asked behind it as before it, since
    /// what the event led to came later.
    Around,
}

/// When the events that are asked for happened, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The first instant; none if from the first event on.
    pub from: Option<Timestamp>,
    /// The last instant; none if up to the last event.
    pub to: Option<Timestamp>,
    /// What *now* stands for.
    pub anchor: Anchor,
}

impl Asking {
    /// Whether an instant lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }
}

/// One of the groups of a search, of which any may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionGroup {
    /// It is asked: what each of its parts asks, in words.
    Asked(Vec<String>),
    /// The alert has no value in these fields, and so nothing can be asked.
    NotApplicable(Vec<String>),
    /// It cannot be understood.
    Wrong(String),
}

/// A search of a guide, made ready for one alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What it shows.
    pub label: String,
    /// More about it.
    pub description: Option<String>,
    /// When.
    pub asking: Asking,
    /// What is asked.
    pub groups: Vec<QuestionGroup>,
    pub(crate) condition: Condition,
    /// Events of the same kind, of the alert's host: if there are none, that nothing was found says nothing.
    pub(crate) ground: Condition,
}

/// A part of a group, with the alert's values in it.
enum Part {
    /// A filter as Kibana has it; whether its value is that of the guide, and not of the alert.
    Filter(Value, bool, String),
    /// It holds for all events.
    Always,
    /// The alert has no such value.
    Missing(String),
    Wrong(String),
}

impl Question {
    /// Makes a search ready.
    pub fn new(search: &Investigation, alert: &Document, schema: &dyn Schema) -> Self {
        let options = KqlOptions { now: time_of(alert, "@timestamp"), ..KqlOptions::default() };
        let mut groups = Vec::with_capacity(search.providers.len());
        let (mut conditions, mut grounds) = (Vec::new(), Vec::new());
        for providers in &search.providers {
            let (mut filters, mut fixed, mut told) = (Vec::new(), Vec::new(), Vec::new());
            let (mut missing, mut wrong) = (Vec::new(), None);
            for provider in providers {
                match part(provider, alert) {
                    Part::Filter(filter, is_fixed, words) => {
                        if is_fixed {
                            fixed.push(filter.clone());
                        }
                        filters.push(filter);
                        told.push(words);
                    }
                    Part::Always => {}
                    Part::Missing(name) => missing.push(name),
                    Part::Wrong(why) => wrong = wrong.or(Some(why)),
                }
            }
            if let Some(why) = wrong {
                groups.push(QuestionGroup::Wrong(why));
                continue;
            }
            // Whether events of that kind came at all can be told even where the alert lacks a value.
            let host = ["host.id", "host.name", "agent.id"].into_iter().find_map(|name| {
                let value = values_of(alert, name).into_iter().next()?.clone();
                Some(phrase(name, &value))
            });
            fixed.extend(host);
            grounds.extend(lowered(fixed, schema, &options).ok());
            if !missing.is_empty() {
                groups.push(QuestionGroup::NotApplicable(missing));
                continue;
            }
            match lowered(filters, schema, &options) {
                Ok(condition) => {
                    conditions.push(condition);
                    groups.push(QuestionGroup::Asked(told));
                }
                Err(why) => groups.push(QuestionGroup::Wrong(why)),
            }
        }
        Self {
            label: search.label.clone(),
            description: search.description.clone().filter(|text| !text.trim().is_empty()),
            asking: asking(search, alert),
            groups,
            condition: Condition::any(conditions),
            ground: Condition::any(grounds),
        }
    }

    /// Whether anything can be asked.
    pub fn is_asked(&self) -> bool {
        self.groups.iter().any(|group| matches!(group, QuestionGroup::Asked(_)))
    }
}

fn asking(search: &Investigation, alert: &Document) -> Asking {
    let made = time_of(alert, "@timestamp");
    let happened = time_of(alert, "kibana.alert.original_time");
    let span = |now: Timestamp| {
        let from = date_range(&search.relative_from.as_ref()?.to_string(), now)?.start;
        let to = date_range(&search.relative_to.as_ref()?.to_string(), now)?.end;
        Some((from, to))
    };
    let Some((made, (from, to))) = made.and_then(|made| Some((made, span(made)?))) else {
        return Asking { from: None, to: None, anchor: Anchor::Alert };
    };
    if happened == Some(made) && to == made {
        let to = to.plus_nanos(to.nanos() - from.nanos());
        return Asking { from: Some(from), to: Some(to), anchor: Anchor::Around };
    }
    if let Some(happened) = happened
        && (made.nanos() - happened.nanos()).abs() > (to.nanos() - from.nanos()).abs()
        && let Some((from, to)) = span(happened)
    {
        return Asking { from: Some(from), to: Some(to), anchor: Anchor::Event };
    }
    Asking { from: Some(from), to: Some(to), anchor: Anchor::Alert }
}

fn part(provider: &Provider, alert: &Document) -> Part {
    let field = provider.field.as_str();
    let negated = |filter: Value| json!({ "meta": { "negate": provider.excluded }, "query": filter });
    let not = if provider.excluded { "not " } else { "" };
    let given = &provider.value.0;
    match provider.query_type {
        QueryType::Exists => {
            let words = format!("{not}{field}: *");
            Part::Filter(negated(json!({ "exists": { "field": field } })), true, words)
        }
        QueryType::Phrase => match filled(given, alert) {
            Filled::Values(values, is_fixed) => {
                let typed: Option<Vec<Value>> =
                    values.iter().map(|value| typed(value, provider.value_type)).collect();
                let Some(typed) = typed else {
                    return Part::Wrong(format!(
                        "`{field}`: {} is no {}",
                        text_of(given),
                        provider.value_type
                    ));
                };
                let words = format!("{not}{field}: {}", list(&typed));
                Part::Filter(negated(any_phrase(field, &typed)), is_fixed, words)
            }
            Filled::Missing(_) if provider.excluded => Part::Always,
            Filled::Missing(name) => Part::Missing(name),
        },
        QueryType::Phrases => {
            let listed = given.as_str().and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok());
            let Some(listed) = listed else {
                return Part::Wrong(format!("`{field}`: the value is no list of JSON in a text"));
            };
            let (mut values, mut fixed, mut missing) = (Vec::new(), true, None);
            for one in &listed {
                match filled(one, alert) {
                    Filled::Values(found, is_fixed) => {
                        values.extend(found);
                        fixed &= is_fixed;
                    }
                    Filled::Missing(name) => missing = Some(name),
                }
            }
            match missing {
                Some(name) if values.is_empty() && !provider.excluded => Part::Missing(name),
                Some(_) if values.is_empty() => Part::Always,
                _ => {
                    let words = format!("{not}{field}: {}", list(&values));
                    Part::Filter(negated(any_phrase(field, &values)), fixed, words)
                }
            }
        }
        QueryType::Range => {
            let bounds =
                given.as_str().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
            let Some(bounds) = bounds else {
                return Part::Wrong(format!("`{field}`: the value is no object of JSON in a text"));
            };
            let (mut range, mut fixed) = (Map::new(), true);
            for (name, bound) in bounds {
                match filled(&bound, alert) {
                    Filled::Values(values, is_fixed) => {
                        fixed &= is_fixed;
                        range.insert(name, values.into_iter().next().unwrap_or_default());
                    }
                    Filled::Missing(_) if provider.excluded => return Part::Always,
                    Filled::Missing(missing) => return Part::Missing(missing),
                }
            }
            let words = format!("{not}{field}: {}", Value::Object(range.clone()));
            Part::Filter(negated(json!({ "range": { (field): range } })), fixed, words)
        }
    }
}

fn list(values: &[Value]) -> String {
    match values {
        [one] => text_of(one),
        several => format!("({})", several.iter().map(text_of).collect::<Vec<_>>().join(" or ")),
    }
}

fn phrase(field: &str, value: &Value) -> Value {
    json!({ "query": { "match_phrase": { (field): value } } })
}

fn any_phrase(field: &str, values: &[Value]) -> Value {
    match values {
        [one] => json!({ "match_phrase": { (field): one } }),
        several => {
            let should: Vec<Value> =
                several.iter().map(|value| json!({ "match_phrase": { (field): value } })).collect();
            json!({ "bool": { "should": should, "minimum_should_match": 1 } })
        }
    }
}

/// A value of the type that a provider says.
fn typed(value: &Value, value_type: ValueType) -> Option<Value> {
    match (value_type, value) {
        (ValueType::Number, Value::String(text)) => {
            serde_json::from_str::<Value>(text).ok().filter(Value::is_number)
        }
        (ValueType::Boolean, Value::String(text)) => text.parse::<bool>().ok().map(Value::from),
        _ => Some(value.clone()),
    }
}

/// A value with those of the alert in it.
enum Filled {
    /// The values, of which any may be meant; whether none is of the alert.
    Values(Vec<Value>, bool),
    /// The alert has no value in this field.
    Missing(String),
}

fn filled(value: &Value, alert: &Document) -> Filled {
    let Value::String(text) = value else { return Filled::Values(vec![value.clone()], true) };
    let Some((before, name, after)) = first_template(text) else {
        return Filled::Values(vec![value.clone()], true);
    };
    let values = values_of(alert, name);
    if values.is_empty() {
        return Filled::Missing(name.to_owned());
    }
    if before.is_empty() && after.is_empty() {
        return Filled::Values(values.into_iter().cloned().collect(), false);
    }
    let mut whole = format!("{before}{}", text_of(values[0]));
    let mut rest = after;
    while let Some((before, name, after)) = first_template(rest) {
        let Some(value) = values_of(alert, name).into_iter().next() else {
            return Filled::Missing(name.to_owned());
        };
        whole.push_str(before);
        whole.push_str(&text_of(value));
        rest = after;
    }
    whole.push_str(rest);
    Filled::Values(vec![whole.into()], false)
}

/// What stands before the first `{{name}}`, the name, and what stands behind it.
fn first_template(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name.trim(), after))
}

impl fmt::Display for QuestionGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(parts) => f.write_str(&parts.join(" and ")),
            Self::NotApplicable(missing) => {
                write!(f, "not applicable: the alert has no {}", missing.join(", "))
            }
            Self::Wrong(why) => write!(f, "cannot be understood: {why}"),
        }
    }
}
