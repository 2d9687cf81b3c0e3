//! The time of arrival in a document.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use watchfire_events::tape::Tape;
use watchfire_events::{Document, Scalar, Timestamp, set_field};

use crate::shape::INGESTED;

/// Where a client's own `event.ingested` goes.
pub const INGESTED_BY_CLIENT: &str = "watchfire.ingested_by_client";

/// A document as JSON, with room for its time of arrival: that is known only when its turn has come.
#[derive(Debug)]
pub(super) struct Stampable {
    text: String,
    /// Where the time of arrival goes.
    at: Range<usize>,
}

impl Stampable {
    /// Writes a document.
    ///
    /// # Errors
    /// If it is no object.
    pub(super) fn of(mut document: Tape) -> Result<Self, String> {
        if document.first().as_object().is_none() {
            return Err("its document is no object".to_owned());
        }
        // Names of fields below others end so too, however they are nested.
        if document.has_text_ending(LAST_OF_INGESTED) {
            let mut tree = document.first().to_value();
            if let Value::Object(members) = &mut tree {
                move_own_aside(members);
            }
            document.set(&tree);
        }
        // What a document happens to have itself does not stand for its time; so others are tried until one stands once.
        for year in 0..=9999 {
            let room = format!("{year:04}-00-00T00:00:00.000Z");
            document.set_field(INGESTED, Scalar::Text(&room));
            let text = serde_json::to_string(&document.first()).map_err(|error| error.to_string())?;
            let mut found = text.match_indices(&room);
            if let (Some((at, _)), None) = (found.next(), found.next()) {
                let at = at..at + room.len();
                return Ok(Self { text, at });
            }
        }
        Err("it has each time at which it could have arrived".to_owned())
    }

    /// The text with the time of arrival.
    pub(super) fn stamped(&mut self, ingested: Timestamp) -> Arc<str> {
        self.text.replace_range(self.at.clone(), &ingested.to_iso_millis());
        self.text.as_str().into()
    }
}

/// What the name of the field ends with.
const LAST_OF_INGESTED: &str = "ingested";

/// Moves the client's own `event.ingested` aside.
fn move_own_aside(document: &mut Document) {
    let mut own = Vec::new();
    take(document, INGESTED, &mut own);
    if !own.is_empty() {
        let own = if own.len() == 1 { own.swap_remove(0) } else { Value::Array(own) };
        set_field(document, INGESTED_BY_CLIENT, own);
    }
}

/// Takes away every value that a document has under a dotted name, however it is nested.
fn take(document: &mut Document, name: &str, taken: &mut Vec<Value>) {
    // The order of the other keys stays.
    taken.extend(document.shift_remove(name));
    for (dot, _) in name.match_indices('.') {
        if let Some(inner) = document.get_mut(&name[..dot]) {
            take_below(inner, &name[dot + 1..], taken);
        }
    }
}

fn take_below(value: &mut Value, name: &str, taken: &mut Vec<Value>) {
    match value {
        Value::Object(object) => take(object, name, taken),
        Value::Array(items) => items.iter_mut().for_each(|item| take_below(item, name, taken)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stamped(document: &Value) -> Value {
        let mut stamped = Stampable::of(Tape::of(document)).expect("an object");
        serde_json::from_str(&stamped.stamped(Timestamp::from_millis(0))).expect("it is JSON")
    }

    #[test]
    fn what_a_client_said_moves_aside() {
        let now = "1970-01-01T00:00:00.000Z";
        assert_eq!(stamped(&json!({"a": 1})), json!({"a": 1, "event": {"ingested": now}}));
        assert_eq!(
            stamped(&json!({"event": {"ingested": "x", "id": 1}, "event.ingested": 5})),
            json!({"event": {"id": 1, "ingested": now}, "watchfire": {"ingested_by_client": [5, "x"]}})
        );
        assert_eq!(
            stamped(&json!({"event": [{"ingested": "x"}, {"id": 1}]})),
            json!({"event": [{}, {"id": 1}], "event.ingested": now, "watchfire": {"ingested_by_client": "x"}})
        );
        let room = "0000-00-00T00:00:00.000Z";
        assert_eq!(stamped(&json!({"a": room})), json!({"a": room, "event": {"ingested": now}}));
    }
}
