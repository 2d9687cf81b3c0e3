//! A search over alerts for tests: it reads all of them, and knows the few queries that clients of these paths send.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};
use watchfire_events::Timestamp;
use watchfire_kibana::{AlertSearch, AlertSearchError, Later};
use watchfire_state::{AlertQuery, StateDatabase};

/// The alerts of a database.
pub(crate) struct PlainAlertSearch {
    pub(crate) database: StateDatabase,
    /// What `now` stands for.
    pub(crate) now: Timestamp,
}

impl AlertSearch for PlainAlertSearch {
    fn search(&self, body: Value) -> Later<'_, Result<Value, AlertSearchError>> {
        Box::pin(async move {
            let query = AlertQuery { limit: u32::MAX, ..AlertQuery::default() };
            let alerts = self.database.alerts(&query).await;
            let alerts =
                alerts.map_err(|error| AlertSearchError { status: 503, message: error.to_string() })?;
            let mut hits = Vec::new();
            for alert in alerts {
                let document = Value::Object(alert.document);
                if holds(body.get("query").unwrap_or(&Value::Null), &document, self.now)? {
                    let sort = json!([document["@timestamp"], alert.id]);
                    hits.push((alert.id, document, sort));
                }
            }
            let total = hits.len();
            hits.sort_by_key(|hit| hit.2.to_string());
            if let Some(after) = body.get("search_after") {
                hits.retain(|hit| hit.2.to_string().cmp(&after.to_string()) == Ordering::Greater);
            }
            let size = body.get("size").and_then(Value::as_u64).unwrap_or(10) as usize;
            let with_source = body.get("_source") != Some(&Value::Bool(false));
            let hit = |(id, document, sort): (String, Value, Value)| {
                let mut hit = Map::new();
                hit.insert("_index".to_owned(), ".alerts-security.alerts-default".into());
                hit.insert("_id".to_owned(), id.into());
                if with_source {
                    hit.insert("_source".to_owned(), document);
                }
                hit.insert("sort".to_owned(), sort);
                hit
            };
            let hits: Vec<_> = hits.into_iter().take(size).map(hit).collect();
            Ok(json!({
                "took": 0,
                "timed_out": false,
                "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 },
                "hits": { "total": { "value": total, "relation": "eq" }, "max_score": null, "hits": hits },
            }))
        })
    }
}

fn holds(query: &Value, document: &Value, now: Timestamp) -> Result<bool, AlertSearchError> {
    let Some((kind, of)) = query.as_object().and_then(|query| query.iter().next()) else { return Ok(true) };
    let all = |key: &str| -> Vec<Value> {
        match of.get(key) {
            Some(Value::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        }
    };
    let field = || of.as_object().and_then(|of| of.iter().next());
    Ok(match kind.as_str() {
        "match_all" => true,
        "bool" => {
            for part in all("filter").into_iter().chain(all("must")) {
                if !holds(&part, document, now)? {
                    return Ok(false);
                }
            }
            for part in all("must_not") {
                if holds(&part, document, now)? {
                    return Ok(false);
                }
            }
            let should = all("should");
            let mut fits = should.is_empty();
            for part in should {
                fits |= holds(&part, document, now)?;
            }
            fits
        }
        "term" | "match" | "match_phrase" => field().is_some_and(|(name, wanted)| {
            let wanted = wanted.get("value").or(wanted.get("query")).unwrap_or(wanted);
            has(document, name, wanted)
        }),
        "range" => field().is_some_and(|(name, bounds)| {
            let Some(at) = document.get(name).and_then(Value::as_str).and_then(Timestamp::parse) else {
                return false;
            };
            let bound = |key: &str| bounds.get(key).and_then(Value::as_str).and_then(|text| time(text, now));
            bound("gt").is_none_or(|bound| at > bound)
                && bound("gte").is_none_or(|bound| at >= bound)
                && bound("lt").is_none_or(|bound| at < bound)
                && bound("lte").is_none_or(|bound| at <= bound)
        }),
        other => {
            let message = format!("unknown query [{other}]");
            return Err(AlertSearchError { status: 400, message });
        }
    })
}

/// Alerts have their own fields with dots in their names, and those of events as objects.
fn has(document: &Value, name: &str, wanted: &Value) -> bool {
    let dotted = document.get(name);
    let nested = || name.split('.').try_fold(document, |value, key| value.get(key));
    match dotted.or_else(nested) {
        Some(Value::Array(values)) => values.contains(wanted),
        Some(value) => value == wanted,
        None => false,
    }
}

/// A date, or `now` less a number of days.
fn time(text: &str, now: Timestamp) -> Option<Timestamp> {
    match text.strip_prefix("now") {
        Some("") => Some(now),
        Some(rest) => {
            let days: i64 = rest.strip_prefix('-')?.strip_suffix('d')?.parse().ok()?;
            Some(Timestamp::from_millis(now.millis() - days * 86_400_000))
        }
        None => Timestamp::parse(text),
    }
}
