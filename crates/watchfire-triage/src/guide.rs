//! A guide with its answers in their places.

use serde_json::Value;
use watchfire_events::{Document, Timestamp, get_field};
use watchfire_rules::guide::{GuidePart, parts};
use watchfire_rules::model::OsqueryHunt;

use crate::answers::{Answer, Answers};
use crate::evidence::Evidence;
use crate::fields::{event_time, values_of};
use crate::inquiry::Inquiry;
use crate::question::Question;

/// What an alert is about, in short.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertFacts {
    /// Its id.
    pub id: String,
    /// The name of its rule.
    pub rule: String,
    /// Its severity.
    pub severity: String,
    /// Its risk score.
    pub risk: Option<u64>,
    /// When its event happened, or it was made.
    pub time: Option<Timestamp>,
    /// Why it was made, in a sentence.
    pub reason: String,
    /// What an analyst looks at first: names of fields with the values of the alert.
    pub highlighted: Vec<NamedValue>,
}

/// A field of the alert with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedValue {
    /// The name.
    pub field: String,
    /// The values.
    pub values: Vec<Value>,
}

/// A part of an answered guide.
#[derive(Clone, Debug, PartialEq)]
pub enum GuideBlock {
    /// Markdown of the guide, with what the alert has in the fields that it names.
    Text(String, Vec<NamedValue>),
    /// A search and its answer.
    Question(Box<Question>, Box<Answer>),
    /// A query of Osquery, with the alert's values in it as literals of SQL; fields that the alert lacks.
    Osquery(OsqueryHunt, Vec<String>),
    /// A directive that cannot be read, as it stands in the guide.
    Broken(String),
}

/// A guide with its answers in their places.
#[derive(Clone, Debug, PartialEq)]
pub struct AnsweredGuide {
    /// What the alert is about.
    pub alert: AlertFacts,
    /// The guide, part by part; nothing if the rule has none.
    pub blocks: Vec<GuideBlock>,
    /// What the events say beside it, if they were asked.
    pub evidence: Option<Evidence>,
}

/// Fields that an analyst looks at first (detection-engine §5.3), those of all categories.
const HIGHLIGHTED: [&str; 24] = [
    "host.name",
    "agent.id",
    "user.name",
    "cloud.provider",
    "cloud.region",
    "orchestrator.cluster.name",
    "container.image.name",
    "orchestrator.namespace",
    "orchestrator.resource.name",
    "process.executable",
    "process.name",
    "process.parent.name",
    "process.command_line",
    "file.path",
    "file.hash.sha256",
    "registry.path",
    "destination.address",
    "destination.ip",
    "destination.port",
    "source.address",
    "source.ip",
    "source.port",
    "dns.question.name",
    "event.code",
];

impl AnsweredGuide {
    /// Puts the answers into the guide that the inquiry was made of.
    pub fn new(
        guide: &str,
        alert: &Document,
        inquiry: &Inquiry,
        answers: Answers,
        evidence: Option<Evidence>,
    ) -> Self {
        let mut answered = inquiry.questions().iter().cloned().zip(answers.0);
        let mut blocks = Vec::new();
        for part in parts(guide) {
            match part {
                GuidePart::Text(text) => {
                    let items = items(text).into_iter();
                    blocks.extend(items.map(|item| GuideBlock::Text(item.to_owned(), named(item, alert))));
                }
                GuidePart::Investigate(_) => {
                    let next = answered.next();
                    blocks.extend(
                        next.map(|(question, answer)| GuideBlock::Question(question.into(), answer.into())),
                    );
                }
                GuidePart::Osquery(hunt) => {
                    let (hunt, missing) = with_values(hunt, alert);
                    blocks.push(GuideBlock::Osquery(hunt, missing));
                }
                GuidePart::Broken(text) => blocks.push(GuideBlock::Broken(text.to_owned())),
            }
        }
        Self { blocks, alert: AlertFacts::of(alert), evidence }
    }
}

impl AlertFacts {
    fn of(alert: &Document) -> Self {
        let text = |name: &str| get_field(alert, name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let rule_fields = get_field(alert, "kibana.alert.rule.investigation_fields.field_names");
        let own = rule_fields.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut highlighted: Vec<NamedValue> = Vec::new();
        for name in own.chain(HIGHLIGHTED) {
            let values: Vec<Value> = values_of(alert, name).into_iter().cloned().collect();
            if !values.is_empty() && highlighted.iter().all(|known| known.field != name) {
                highlighted.push(NamedValue { field: name.to_owned(), values });
            }
        }
        Self {
            id: text("kibana.alert.uuid"),
            rule: text("kibana.alert.rule.name"),
            severity: text("kibana.alert.severity"),
            risk: get_field(alert, "kibana.alert.risk_score").and_then(Value::as_u64),
            time: event_time(alert),
            reason: text("kibana.alert.reason"),
            highlighted,
        }
    }
}

/// A text cut before each item of an outermost list and before each heading, so that values stand beside what asks for them.
fn items(text: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let begins = ["- ", "* ", "#"].iter().any(|mark| line.starts_with(mark));
        if begins && at > start && !text[start..at].trim().is_empty() {
            items.push(&text[start..at]);
            start = at;
        }
        at += line.len();
    }
    items.push(&text[start..]);
    items
}

/// The fields that a text names between backticks, with the values that the alert has in them.
fn named(text: &str, alert: &Document) -> Vec<NamedValue> {
    let mut found: Vec<NamedValue> = Vec::new();
    for name in text.split('`').skip(1).step_by(2) {
        let is_name = name.contains('.')
            && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '@'));
        if !is_name || found.iter().any(|known| known.field == name) {
            continue;
        }
        let values: Vec<Value> = values_of(alert, name).into_iter().cloned().collect();
        if !values.is_empty() {
            found.push(NamedValue { field: name.to_owned(), values });
        }
    }
    found
}

/// A query with the alert's values as literals of SQL, so that no value can become part of the query.
fn with_values(hunt: OsqueryHunt, alert: &Document) -> (OsqueryHunt, Vec<String>) {
    let mut query = String::new();
    let mut missing = Vec::new();
    let mut rest = hunt.query.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        // The guide may have put quotes around it.
        let (before, after) = match (before.strip_suffix('\''), after.strip_prefix('\'')) {
            (Some(before), Some(after)) => (before, after),
            _ => (before, after),
        };
        query.push_str(before);
        match values_of(alert, name.trim()).first() {
            Some(Value::Number(number)) => query.push_str(&number.to_string()),
            Some(value) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query.push('\'');
                query.push_str(&text.replace('\'', "''"));
                query.push('\'');
            }
            None => {
                missing.push(name.trim().to_owned());
                query.push_str("NULL");
            }
        }
        rest = after;
    }
    query.push_str(rest);
    (OsqueryHunt { query, ..hunt }, missing)
}
