//! What an alert was made of: events, and alerts with all that they were made of.

use serde_json::Value;
use watchfire_events::{Document, Event, get_field};

use super::members::Members;
use crate::identity::RuleUuid;

/// What an alert was made of.
pub(super) enum Ancestor<'a> {
    /// An event.
    Event { id: &'a str, index: &'a str },
    /// An alert, with its depth and its rule.
    Alert { id: &'a str, index: &'a str, depth: u64, rule: String },
    /// What an alert says of its own ancestors.
    Inherited(&'a Value),
}

/// Everything that an alert was made of.
pub(super) struct Ancestry<'a> {
    pub(super) ancestors: Vec<Ancestor<'a>>,
    /// The greatest depth among the parents; that of an event is 0.
    pub(super) depth: u64,
}

impl<'a> Ancestry<'a> {
    /// Of an alert on these events, some of which can be alerts themselves.
    pub(super) fn of(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut ancestry = Self { ancestors: Vec::new(), depth: 0 };
        for event in events {
            let (id, index) = (event.id.as_str(), event.data_stream.as_str());
            let Some(depth) = depth(&event.document) else {
                ancestry.ancestors.push(Ancestor::Event { id, index });
                continue;
            };
            let rule = rule(&event.document).unwrap_or_default().to_owned();
            ancestry.ancestors.push(Ancestor::Alert { id, index, depth, rule });
            ancestry.ancestors.extend(inherited(&event.document).iter().map(Ancestor::Inherited));
            ancestry.depth = ancestry.depth.max(depth);
        }
        ancestry
    }
}

impl Ancestor<'_> {
    pub(super) fn write(&self, members: &mut Members<'_>) {
        let (id, kind, index, depth) = match self {
            Self::Event { id, index } => (id, "event", index, 0),
            Self::Alert { id, index, depth, .. } => (id, "signal", index, *depth),
            Self::Inherited(ancestor) => {
                for (key, value) in ancestor.as_object().into_iter().flatten() {
                    members.value(key, value);
                }
                return;
            }
        };
        members.text("id", id);
        members.text("type", kind);
        members.text("index", index);
        members.number("depth", depth);
        if let Self::Alert { rule, .. } = self {
            members.text("rule", rule);
        }
    }
}

/// The depth of an alert; `None` of anything else.
fn depth(document: &Document) -> Option<u64> {
    get_field(document, "kibana.alert.depth").and_then(Value::as_u64)
}

/// The rule that an alert is of.
fn rule(document: &Document) -> Option<&str> {
    get_field(document, "kibana.alert.rule.uuid").and_then(Value::as_str)
}

fn inherited(document: &Document) -> &[Value] {
    get_field(document, "kibana.alert.ancestors").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a document is an alert of this rule, or was made of one.
pub(super) fn comes_from(document: &Document, of: RuleUuid) -> bool {
    if depth(document).is_none() {
        return false;
    }
    let of = of.to_string();
    let rules = inherited(document).iter().filter_map(|ancestor| ancestor.get("rule")?.as_str());
    rule(document).into_iter().chain(rules).any(|rule| rule == of)
}
