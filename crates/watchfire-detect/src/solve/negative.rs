//! The events with one necessary value changed, so that the rule does not fire.

use std::cmp::Reverse;

use serde_json::{Value as Json, json};
use watchfire_events::{Document, FieldType, TypeFamily, flatten, get_field, set_field};
use watchfire_ir::Schema;
use watchfire_rules::testing::TestEvent;

use super::NearMiss;
use super::usual;
use crate::rule_book::RuleBook;
use crate::rule_test::alerts;

/// What says what happened, and what a change of tells most about a rule: the last parts of names, the best first.
const TELLING: &[&str] = &[
    "process.args",
    "process.command_line",
    "process.name",
    "file.path",
    "file.name",
    "registry.path",
    "dns.question.name",
    "url.original",
    "executable",
    "event.action",
    "event.code",
    "name",
    "path",
];
/// What every event of a source has, of which a change tells least.
const TELLING_LITTLE: &[&str] = &[
    "@timestamp",
    "event.category",
    "event.type",
    "event.kind",
    "event.dataset",
    "event.module",
    "data_stream",
    "host.os",
    "agent",
];

/// Changes one value after the other, those first that tell most, until the rule does not fire.
pub(super) fn near_miss(
    positive: &[TestEvent],
    indicators: &[TestEvent],
    book: &RuleBook,
    schema: &dyn Schema,
) -> Option<NearMiss> {
    let mut places: Vec<(usize, String)> = Vec::new();
    for (at, event) in positive.iter().enumerate() {
        // Of an event that happens many times, changing one is as good as another.
        if at > 0 && same_but_time(&event.document, &positive[at - 1].document) {
            continue;
        }
        flatten(&event.document, &mut |name, _| {
            let place = (at, name.to_owned());
            if !places.contains(&place) && name != "@timestamp" {
                places.push(place);
            }
        });
    }
    places.sort_by_key(|(at, name)| (rank(name), Reverse(*at)));
    places.into_iter().find_map(|(at, name)| {
        let before = get_field(&positive[at].document, &name)?.clone();
        let others = others(&name, &before, schema.field_type(&name)).into_iter().map(Some);
        // A last resort: the field taken out.
        others.chain([None]).find_map(|after| {
            let mut events = positive.to_vec();
            set_or_remove(&mut events[at].document, &name, after.clone());
            (alerts(book, &events, indicators, schema) == 0).then(|| NearMiss {
                events,
                event: at,
                field: name.clone(),
                before: before.clone(),
                after,
            })
        })
    })
}

fn same_but_time(a: &Document, b: &Document) -> bool {
    let without = |document: &Document| {
        let mut document = document.clone();
        document.shift_remove("@timestamp");
        document
    };
    without(a) == without(b)
}

fn rank(name: &str) -> usize {
    let is = |end: &str| name == end || name.ends_with(&format!(".{end}"));
    if TELLING_LITTLE.iter().any(|begin| name.starts_with(begin)) {
        return TELLING.len() + 1;
    }
    TELLING.iter().position(|end| is(end)).unwrap_or(TELLING.len())
}

/// Other values for a field.
fn others(name: &str, before: &Json, column: FieldType) -> Vec<Json> {
    let first = match before {
        Json::Array(values) => values.first().cloned().unwrap_or(Json::Null),
        other => other.clone(),
    };
    let mut made: Vec<Json> = match (&first, column.family()) {
        (Json::Bool(value), _) => vec![json!(!value)],
        (Json::Number(number), _) => match number.as_i64() {
            Some(number) => [number.saturating_add(1), number.saturating_sub(1), 0, i64::from(u16::MAX)]
                .map(|number| json!(number))
                .to_vec(),
            None => vec![json!(0.0), json!(1e9)],
        },
        (Json::String(text), TypeFamily::Text | TypeFamily::AnalysedText | TypeFamily::Dynamic) => {
            let end = text.rsplit_once('.').map(|(_, end)| end).filter(|end| {
                (1..=4).contains(&end.len()) && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            let name_of_same_kind = end.map(|end| json!(format!("other.{end}")));
            let folder = text.rsplit_once(['\\', '/']).map(|(folder, _)| folder.len() + 1);
            let same_folder = folder.map(|at| match end {
                Some(end) => json!(format!("{}other.{end}", &text[..at])),
                None => json!(format!("{}other", &text[..at])),
            });
            let plain = (end.is_none() && folder.is_none()).then(|| json!("other"));
            let others = [same_folder, name_of_same_kind.filter(|_| folder.is_none()), plain];
            others.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    };
    made.extend(usual::values(name, column, 0).iter().map(super::value::Value::to_json));
    made.retain(|value| *value != first);
    made
}

fn set_or_remove(document: &mut Document, name: &str, value: Option<Json>) {
    match value {
        Some(value) => set_field(document, name, value),
        None => remove(document, name),
    }
}

/// Takes a field out, and the objects around it that are empty then.
fn remove(document: &mut Document, name: &str) {
    if document.shift_remove(name).is_some() {
        return;
    }
    for (dot, _) in name.match_indices('.') {
        if let Some(Json::Object(inner)) = document.get_mut(&name[..dot]) {
            remove(inner, &name[dot + 1..]);
            if inner.is_empty() {
                document.shift_remove(&name[..dot]);
            }
            return;
        }
    }
}
