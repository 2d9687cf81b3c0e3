//! Stable identities of rules and alerts. `docs/alert-identity.md` is the page for people who have to rebuild them.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;
use watchfire_events::{DataStream, EventId};

/// The name space of all of Watchfire's name-based UUIDs.
const NAMESPACE: Uuid = Uuid::from_u128(0x4a1f_6c0e_52b7_5d0f_9a86_3d7b_9e21_c0d4);

/// The identity of a rule within a space. It depends on nothing but the space's name and the rule's `rule_id`, so that
/// a rule that is loaded anew gives the same alerts as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleUuid(Uuid);

impl RuleUuid {
    /// The identity of the rule `rule_id` in `space`.
    pub fn new(space: &str, rule_id: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, space.as_bytes()), rule_id.as_bytes()))
    }

    /// An identity derived from this one, for things that belong to the rule, such as an execution.
    pub fn derive(self, name: &str) -> Uuid {
        Uuid::new_v5(&self.0, name.as_bytes())
    }
}

impl fmt::Display for RuleUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The identity of an alert: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(String);

impl AlertId {
    /// Of an alert on one event.
    pub fn of_event(stream: &DataStream, event: &EventId, rule: RuleUuid) -> Self {
        Self(hash_parts(&["event", stream.as_str(), event.as_str(), &rule.to_string()]))
    }

    /// Of the alert on a sequence or sample: of what its events have in common.
    pub fn of_group<'e>(
        events: impl IntoIterator<Item = (&'e DataStream, &'e EventId)>,
        rule: RuleUuid,
    ) -> Self {
        let rule = rule.to_string();
        let mut parts = vec!["group"];
        parts.extend(events.into_iter().flat_map(|(stream, event)| [stream.as_str(), event.as_str()]));
        parts.push(&rule);
        Self(hash_parts(&parts))
    }

    /// Of the alert on one place of a sequence or sample, counted from 0.
    pub fn of_block(group: &Self, index: usize) -> Self {
        Self(hash_parts(&["block", group.as_str(), &index.to_string()]))
    }

    /// Of the alert on an event that stands for one of several groups under suppression. `group` are its fields and values.
    pub fn of_event_in_group(stream: &DataStream, event: &EventId, group: &[String], rule: RuleUuid) -> Self {
        Self::of_parts("event_in_group", group, Some((stream, event)), rule)
    }

    /// Of the alert on events that reached a threshold, by the values that they share and the first of them.
    pub fn of_bucket(values: &[String], first: Option<(&DataStream, &EventId)>, rule: RuleUuid) -> Self {
        Self::of_parts("threshold", values, first, rule)
    }

    /// Of the alert on an event that has new values.
    pub fn of_new_terms(stream: &DataStream, event: &EventId, terms: &[String], rule: RuleUuid) -> Self {
        Self::of_parts("new_terms", terms, Some((stream, event)), rule)
    }

    /// Of the alert on a row of an ES|QL query: by what tells it apart from others of the query, and its event if it is one's.
    pub fn of_row(identity: &[String], event: Option<(&DataStream, &EventId)>, rule: RuleUuid) -> Self {
        Self::of_parts("esql", identity, event, rule)
    }

    /// Of what alerts under suppression have in common that stand for one group after the other.
    pub fn of_instance(group: &[String], rule: RuleUuid) -> Self {
        Self::of_parts("instance", group, None, rule)
    }

    fn of_parts(
        kind: &str,
        values: &[String],
        event: Option<(&DataStream, &EventId)>,
        rule: RuleUuid,
    ) -> Self {
        let rule = rule.to_string();
        let mut parts = vec![kind];
        parts.extend(event.into_iter().flat_map(|(stream, event)| [stream.as_str(), event.as_str()]));
        parts.extend(values.iter().map(String::as_str));
        parts.push(&rule);
        Self(hash_parts(&parts))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 over the parts, each with its length in bytes (64 bits, little endian) before it, in hexadecimal.
fn hash_parts(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("{:x}", hash.finalize())
}

/// The id that Kibana gives to the alert on an event (detection-engine §3.3), for clients that compare with one.
/// `rule` is the id of the rule's saved object there.
pub fn kibana_alert_id(index: &str, event: &str, space: &str, rule: &str) -> String {
    format!("{:x}", Sha256::digest(format!("{index}{event}undefined{space}:{rule}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_kibana() {
        let id = kibana_alert_id(
            ".ds-logs-endpoint.events.process-default-2026.01.05-000001",
            "a1",
            "default",
            "0b1c2d3e-0000-4000-8000-000000000001",
        );
        assert_eq!(id, "366d96c2f2ecabc268a3b3fba0dfb5d38b7e3e6d8ff7bac8bb20669d22d06f45");
    }

    #[test]
    fn does_not_change() {
        let rule = RuleUuid::new("default", "5f73aef2-7abc-4fd9-ac0d-ab8ec3e13891");
        assert_eq!(rule.to_string(), "249b074d-592d-59e6-bec0-279237ae5813");
        let id = AlertId::of_event(&DataStream::logs("x", "default"), &EventId::given("1"), rule);
        assert_eq!(id.as_str(), "43e0ffb25e41771bbd1b7857f5136d892056b7d28a62cfda464aeb97f36b9786");
        let (stream, first, second) =
            (DataStream::logs("x", "default"), EventId::given("1"), EventId::given("2"));
        let group = AlertId::of_group([(&stream, &first), (&stream, &second)], rule);
        assert_eq!(group.as_str(), "1e714cfa092c5df1da0680d51337e57ae98756b83807f22d7052e6911f7a8202");
        assert_eq!(
            AlertId::of_block(&group, 1).as_str(),
            "20c2a497a307ac74cc4157ccefed32d8b342a9c0ad2332071f43f2e1793523c1"
        );
        assert_ne!(group, AlertId::of_group([(&stream, &second), (&stream, &first)], rule));
        assert_ne!(rule, RuleUuid::new("other", "5f73aef2-7abc-4fd9-ac0d-ab8ec3e13891"));
    }
}
