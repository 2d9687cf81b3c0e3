//! What indicators say of an event, and how its alert tells of it.

use serde_json::{Value, json};
use watchfire_events::{Document, Event, get_field, set_field};

/// Most enrichments of an event, as in Elastic. Indicators beyond, in the order of their places, are counted.
pub const MAX_ENRICHMENTS: usize = 200;

/// What indicators say of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enrichments {
    /// Elements of `threat.enrichments`.
    pub list: Vec<Value>,
    /// Indicators that were not looked at, since there are [`MAX_ENRICHMENTS`] already.
    pub left_out: u64,
}

/// An element of `threat.enrichments`.
pub(super) fn enrichment(path: &str, indicator: &Event, field: &str, atomic: &str) -> Value {
    let document = &indicator.document;
    let mut element = Document::new();
    element.insert(
        "indicator".to_owned(),
        get_field(document, path).cloned().unwrap_or_else(|| Value::Object(Document::new())),
    );
    if let Some(name) = get_field(document, "threat.feed.name") {
        set_field(&mut element, "feed.name", name.clone());
    }
    element.insert(
        "matched".to_owned(),
        json!({
            "atomic": atomic,
            "field": field,
            "id": indicator.id.as_str(),
            "index": indicator.data_stream.as_str(),
            "type": "indicator_match_rule",
        }),
    );
    Value::Object(element)
}

impl Enrichments {
    /// The event with these behind the enrichments that it has, and how many indicators are left out.
    pub fn of(self, event: &Event) -> (Event, u64) {
        let mut event = event.clone();
        let mut list = match get_field(&event.document, "threat.enrichments") {
            Some(Value::Array(present)) => present.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        let room = MAX_ENRICHMENTS.saturating_sub(list.len());
        let left_out = self.left_out + self.list.len().saturating_sub(room) as u64;
        list.extend(self.list.into_iter().take(room));
        set_field(&mut event.document, "threat.enrichments", Value::Array(list));
        (event, left_out)
    }
}
