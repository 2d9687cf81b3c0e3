//! Alerts that have something to do with one.

use rustc_hash::FxHashSet;
use watchfire_events::{Document, Timestamp, get_field};

use crate::fields::{event_time, has_text, text_in, values_of};
use crate::lineage::{Lineage, ProcessId, ProcessTree};

/// For how many hours before and after it related alerts are looked for.
pub const RELATED_HOURS: i128 = 48;

/// An alert that has something to do with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Its id.
    pub id: String,
    /// The name of its rule.
    pub rule: String,
    /// Its severity.
    pub severity: String,
    /// When its event happened.
    pub time: Option<Timestamp>,
    /// What they share.
    pub shares: Vec<&'static str>,
}

/// The alerts that share a host, a user, a rule, a source event or the ancestry of processes with one, in 48 hours before and
/// after it: those that share most first, then those that are nearest in time.
pub(super) fn to(
    alert: &Document,
    alerts: &[Document],
    lineage: &Lineage,
    tree: Option<&ProcessTree>,
) -> Vec<Related> {
    let processes: FxHashSet<ProcessId> =
        tree.into_iter().flat_map(|tree| &tree.nodes).filter_map(|node| node.id).collect();
    let own_id = text_in(alert, "kibana.alert.uuid");
    let own_time = event_time(alert);
    let own_sources = sources(alert);
    let mut related: Vec<(i128, Related)> = Vec::new();
    for other in alerts.iter().filter(|other| text_in(other, "kibana.alert.uuid") != own_id) {
        let time = event_time(other);
        let Some((ours, theirs)) = own_time.zip(time) else { continue };
        let apart = (ours.nanos() - theirs.nanos()).abs();
        if apart > RELATED_HOURS * 3_600 * 1_000_000_000 {
            continue;
        }
        let mut shares = Vec::new();
        if share(alert, other, "host.id") || share(alert, other, "host.name") {
            shares.push("host");
        }
        if share(alert, other, "user.id") || share(alert, other, "user.name") {
            shares.push("user");
        }
        if share(alert, other, "kibana.alert.rule.rule_id") {
            shares.push("rule");
        }
        if sources(other).iter().any(|source| own_sources.contains(source)) {
            shares.push("source event");
        }
        if lineage.of_event(other).is_some_and(|process| processes.contains(&process)) {
            shares.push("process ancestry");
        }
        if shares.is_empty() {
            continue;
        }
        let text = |field: &str| text_in(other, field).unwrap_or_default().to_owned();
        related.push((
            apart,
            Related {
                id: text("kibana.alert.uuid"),
                rule: text("kibana.alert.rule.name"),
                severity: text("kibana.alert.severity"),
                time,
                shares,
            },
        ));
    }
    related.sort_by(|(apart, one), (others_apart, other)| {
        let key = |related: &Related| std::cmp::Reverse(related.shares.len());
        (key(one), apart, &one.id).cmp(&(key(other), others_apart, &other.id))
    });
    related.into_iter().map(|(_, related)| related).collect()
}

/// Users whose name says nothing about who they are.
const SHARED_USERS: [&str; 8] =
    ["system", "root", "local service", "network service", "s-1-5-18", "s-1-5-19", "s-1-5-20", "0"];

fn share(one: &Document, other: &Document, field: &str) -> bool {
    let is_shared_user =
        |text: &str| field.starts_with("user.") && SHARED_USERS.contains(&text.to_lowercase().as_str());
    let texts = values_of(one, field).into_iter().filter_map(|value| value.as_str());
    texts.filter(|text| !is_shared_user(text)).any(|text| has_text(other, field, text))
}

/// The ids of the events that an alert was made of.
fn sources(alert: &Document) -> Vec<&str> {
    let ancestors = get_field(alert, "kibana.alert.ancestors")
        .and_then(|value| value.as_array())
        .into_iter()
        .flatten()
        .filter(|ancestor| ancestor["depth"].as_u64().unwrap_or(0) == 0)
        .filter_map(|ancestor| ancestor["id"].as_str());
    ancestors.filter(|id| !id.is_empty()).collect()
}
