//! Block lists as STIX 2.1.

use serde_json::{Value, json};
use uuid::Uuid;
use watchfire_events::Timestamp;

use super::{BlockList, Blocked, IndicatorKind};
use crate::stored::to_json;

/// The names of ours are in this space: the same entry has the same id in each bundle, so that a platform takes it for the same.
const SPACE: Uuid = Uuid::from_u128(0x7c1e_6a3b_52d8_4f09_9b64_0d3f_a87e_2c15);

pub(super) fn bundle(list: &BlockList, at: Timestamp, kind: Option<IndicatorKind>) -> String {
    let is_asked = |entry: &&Blocked| {
        kind.is_none_or(|kind| entry.kind == kind) && (entry.is_in_force(at) || entry.removed.is_some())
    };
    let mut entries: Vec<&Blocked> = list.entries().iter().filter(is_asked).collect();
    entries.sort_by_key(|entry| (entry.kind, &entry.value, entry.from));
    let objects: Vec<Value> = entries.into_iter().map(indicator).collect();
    let ids: Vec<&str> = objects.iter().filter_map(|object| object["id"].as_str()).collect();
    // A bundle has no meaning of its own; its id tells two apart.
    let name = format!("bundle {} {}", at.to_iso_millis(), ids.join(" "));
    let mut bundle = json!({ "type": "bundle", "id": format!("bundle--{}", id(&name)) });
    // An empty list of objects is not allowed.
    if !objects.is_empty() {
        bundle["objects"] = json!(objects);
    }
    to_json(&bundle)
}

fn id(name: &str) -> Uuid {
    Uuid::new_v5(&SPACE, name.as_bytes())
}

fn indicator(entry: &Blocked) -> Value {
    // Values of lists are checked when they come: none has a quote in it.
    let value = &entry.value;
    let pattern = match entry.kind {
        IndicatorKind::Domain => format!("[domain-name:value = '{value}']"),
        IndicatorKind::Address if value.contains(':') => format!("[ipv6-addr:value = '{value}']"),
        IndicatorKind::Address => format!("[ipv4-addr:value = '{value}']"),
        IndicatorKind::Sha256 => format!("[file:hashes.'SHA-256' = '{value}']"),
        IndicatorKind::Sha1 => format!("[file:hashes.'SHA-1' = '{value}']"),
        IndicatorKind::Md5 => format!("[file:hashes.MD5 = '{value}']"),
    };
    let name = format!("indicator {} {value} {}", entry.kind.name(), entry.from.to_iso_millis());
    let modified = entry.removed.as_ref().map_or(entry.decided, |removed| removed.at);
    let mut object = json!({
        "type": "indicator",
        "spec_version": "2.1",
        "id": format!("indicator--{}", id(&name)),
        "created": entry.from.to_iso_millis(),
        "modified": modified.to_iso_millis(),
        "name": format!("{} {value}", entry.kind.name()),
        "description": entry.reason,
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": entry.from.to_iso_millis(),
        "valid_until": entry.until.to_iso_millis(),
    });
    if let Some(alert) = &entry.alert {
        let source =
            json!([{ "source_name": "watchfire", "description": "the alert", "external_id": alert }]);
        object["external_references"] = source;
    }
    if entry.removed.is_some() {
        object["revoked"] = json!(true);
    }
    object
}
