//! What is to be done, as steps that somebody can read and approve before any is taken.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};
use watchfire_events::Document;

use super::managed::{Managed, Product};
use super::request::{Request, Setting, Token};
use super::{crowdstrike, defender, elastic, sentinelone};
use crate::fields::{text_in, values_of};
use crate::value_text::{harmless, visible};

/// Most characters of a comment, which products keep beside an action.
const MOST_OF_COMMENT: usize = 500;

/// A process that is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Killing {
    /// Its entity id.
    pub entity_id: Option<String>,
    /// Its process id.
    pub pid: Option<u64>,
    /// Its name.
    pub name: Option<String>,
}

impl Killing {
    /// The process of an alert.
    pub fn of(alert: &Document) -> Self {
        Self {
            entity_id: text_in(alert, "process.entity_id").map(str::to_owned),
            pid: values_of(alert, "process.pid").into_iter().find_map(Value::as_u64),
            name: text_in(alert, "process.name").map(str::to_owned),
        }
    }

    /// Its name if that can stand in a script without any quoting: names come from events, and those from attackers.
    pub(super) fn plain_name(&self) -> Option<&str> {
        let is_plain = |name: &&str| {
            name.len() <= 100
                && name.starts_with(|character: char| character.is_ascii_alphanumeric())
                && name
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || "._-".contains(character))
        };
        self.name.as_deref().filter(is_plain)
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The host is cut off from the network, but for the product that does it.
    Isolate,
    /// It is let back.
    Release,
    /// A process ends.
    Kill {
        /// Which one.
        process: Killing,
        /// The name of a script in the product's library, for the one that can only run those.
        script: Option<String>,
    },
}

impl Order {
    /// What it is called in arguments and records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::Release => "release",
            Self::Kill { .. } => "kill",
        }
    }
}

/// How something can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// By this order.
    By(&'static str),
    /// Not at all.
    None,
}

/// What earlier steps got, by name.
#[derive(Debug, Default)]
pub(super) struct Taken {
    values: BTreeMap<&'static str, String>,
    is_known: bool,
}

impl Taken {
    /// Nothing yet; what is asked for will have been taken by then.
    pub(super) fn nothing() -> Self {
        Self { values: BTreeMap::new(), is_known: true }
    }

    /// What is asked for is written by its name.
    pub(super) fn to_be_shown() -> Self {
        Self::default()
    }

    pub(super) fn put(&mut self, name: &'static str, value: impl Into<String>) {
        self.values.insert(name, value.into());
    }

    /// A value; if plans are shown only, its name in brackets.
    pub(super) fn get(&self, name: &'static str) -> String {
        match self.values.get(name) {
            Some(value) => value.clone(),
            None if self.is_known => String::new(),
            None => format!("<{name}>"),
        }
    }

    /// A value as part of an address.
    pub(super) fn encoded(&self, name: &'static str) -> String {
        if self.is_known { super::request::encoded(&self.get(name)) } else { self.get(name) }
    }

    pub(super) fn token(&self) -> Token {
        Token(self.get("token"))
    }
}

type Making = Box<dyn Fn(&Taken) -> Request + Send>;
type Reading = Box<dyn Fn(&Value, &mut Taken) -> Result<(), String> + Send>;
type Looking = Box<dyn Fn(&Value) -> Result<bool, String> + Send>;

/// A request, and what is read of its answer.
pub(super) struct Step {
    /// What it is for.
    pub(super) what: &'static str,
    /// Whether something is done by it, so that a failure behind it may leave something done.
    pub(super) acts: bool,
    pub(super) request: Making,
    /// Takes what later steps need; an error is a reason to stop.
    pub(super) read: Reading,
}

impl Step {
    pub(super) fn new(
        what: &'static str,
        request: impl Fn(&Taken) -> Request + Send + 'static,
        read: impl Fn(&Value, &mut Taken) -> Result<(), String> + Send + 'static,
    ) -> Self {
        Self { what, acts: false, request: Box::new(request), read: Box::new(read) }
    }

    pub(super) fn acting(mut self) -> Self {
        self.acts = true;
        self
    }
}

/// Looks whether something that was asked for has been done.
pub(super) struct FollowUp {
    pub(super) request: Making,
    /// Whether it is done; an error if it will not be.
    pub(super) is_done: Looking,
}

/// What a product makes of an order.
pub(super) struct Steps {
    pub(super) each: Vec<Step>,
    pub(super) follow_up: Option<FollowUp>,
    /// What somebody who approves has to know.
    pub(super) notes: Vec<String>,
}

/// What is to be done, step by step.
pub struct Plan {
    /// What it does, in a line.
    pub title: String,
    /// The order, by its name.
    pub order: &'static str,
    /// The product, by its name; `webhook` for an escalation.
    pub through: &'static str,
    /// The id that the product has for the host; nothing for an escalation.
    pub agent: Option<String>,
    /// The name of the host.
    pub host: Option<String>,
    /// What it needs of the environment.
    pub settings: &'static [Setting],
    /// How it is undone.
    pub undo: Undo,
    /// What is done to what, in all detail but the comment.
    pub(super) subject: String,
    pub(super) steps: Steps,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("title", &self.title).field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Plan {
    /// What a product has to do.
    ///
    /// # Errors
    /// If the product cannot do it, or the alert lacks what it needs for it.
    pub fn new(managed: &Managed, order: &Order, comment: &str) -> Result<Self, String> {
        let comment: String = comment.chars().take(MOST_OF_COMMENT).collect();
        let steps = match managed.product {
            Product::ElasticDefend => elastic::steps(managed, order, &comment)?,
            Product::CrowdStrike => crowdstrike::steps(managed, order, &comment)?,
            Product::SentinelOne => sentinelone::steps(managed, order, &comment)?,
            Product::Defender => defender::steps(managed, order, &comment)?,
        };
        let host = managed.host.as_deref().map_or_else(|| format!("the host {}", managed.agent), harmless);
        let title = match order {
            Order::Isolate => format!("isolate {host}"),
            Order::Release => format!("release {host}"),
            Order::Kill { process, .. } => {
                let name = process.name.as_deref().map_or_else(|| "a process".to_owned(), harmless);
                let pid = process.pid.map_or_else(String::new, |pid| format!(" ({pid})"));
                format!("kill {name}{pid} on {host}")
            }
        };
        Ok(Self {
            title: format!("{title} through {}", managed.product.label()),
            order: order.name(),
            through: managed.product.name(),
            agent: Some(managed.agent.clone()),
            host: managed.host.clone(),
            settings: managed.product.settings(),
            undo: match order {
                Order::Isolate => Undo::By("release"),
                Order::Release => Undo::By("isolate"),
                Order::Kill { .. } => Undo::None,
            },
            subject: format!("{managed:?} {order:?}"),
            steps,
        })
    }

    /// Whether it does the same to the same: several alerts of one host need one isolation.
    pub fn does_same(&self, other: &Self) -> bool {
        self.subject == other.subject
    }

    /// What stands for the plan where it is approved: a hash of all that it will send.
    pub fn id(&self) -> String {
        let hash = Sha256::digest(self.described(usize::MAX));
        hash.iter().take(6).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The plan as text: what it does, what has to be known of it, what it needs, and each request as it will be sent, of one that is
    /// longer its first lines.
    pub fn to_text(&self, most_lines: usize) -> String {
        format!("plan {}: {}", self.id(), self.described(most_lines))
    }

    fn described(&self, most_lines: usize) -> String {
        let mut out = format!("{}\n", self.title);
        for note in &self.steps.notes {
            let _ = writeln!(out, "  note: {}", harmless(note));
        }
        let _ = match self.undo {
            Undo::By(order) => writeln!(out, "  undone by: {order}"),
            Undo::None => writeln!(out, "  this cannot be undone"),
        };
        for setting in self.settings {
            let default = match setting.default {
                None => String::new(),
                Some("") => "; not needed".to_owned(),
                Some(value) => format!("; {value} if it is not set"),
            };
            let _ = writeln!(out, "  needs ${}: {}{default}", setting.name, setting.meaning);
        }
        let taken = Taken::to_be_shown();
        let mut number = 0;
        let mut step = |what: &str, request: &Request| {
            number += 1;
            let _ = writeln!(out, "\n  {number}. {what}");
            let text = request.to_text();
            for line in text.lines().take(most_lines) {
                // What comes from events may be anything.
                let _ = writeln!(out, "{}", format!("     {}", visible(line)).trim_end());
            }
            if let rest @ 1.. = text.lines().count().saturating_sub(most_lines) {
                let _ = writeln!(out, "     … {rest} more lines, {} bytes in all", text.len());
            }
        };
        for one in &self.steps.each {
            step(one.what, &(one.request)(&taken));
        }
        if let Some(follow_up) = &self.steps.follow_up {
            step("look whether it has been done, until it has", &(follow_up.request)(&taken));
        }
        out
    }
}

/// Whether two names are of the same host: products have names with and without their domain.
///
/// # Errors
/// If they are not.
pub(super) fn same_host(expected: Option<&str>, found: Option<&str>) -> Result<(), String> {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    match (expected, found) {
        (Some(expected), Some(found)) if label(expected) != label(found) => Err(format!(
            "the product knows this id as `{}`, and the alert is of `{}`: nothing was done",
            harmless(found),
            harmless(expected)
        )),
        _ => Ok(()),
    }
}

/// The text at a place of an answer.
pub(super) fn text_at<'v>(answer: &'v Value, pointer: &str) -> Option<&'v str> {
    answer.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The text at a place of an answer that must have it.
///
/// # Errors
/// If it does not.
pub(super) fn needed(answer: &Value, pointer: &str) -> Result<String, String> {
    text_at(answer, pointer).map(str::to_owned).ok_or_else(|| format!("the answer has no `{pointer}`"))
}
