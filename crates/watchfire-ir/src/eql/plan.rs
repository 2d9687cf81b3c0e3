//! What a query comes to: conditions of its stages, their keys, and what is done with the results.

use std::fmt;
use std::sync::Arc;

use crate::{Condition, FieldRef};

/// A query, resolved.
#[derive(Clone, Debug, PartialEq)]
pub enum EqlPlan {
    /// Single events.
    Event(EventPlan),
    /// Events in order of time (eql-semantics §12, §13).
    Sequence(SequencePlan),
    /// Events that share keys (eql-semantics §14).
    Sample(SamplePlan),
}

/// A query for single events.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPlan {
    /// What an event must satisfy, its category included.
    pub condition: Condition,
    /// What is done with the results, in order.
    pub pipes: Vec<Pipe>,
}

/// A query for sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct SequencePlan {
    /// The stages as written; each has the same number of keys.
    pub stages: Vec<StagePlan>,
    /// Longest time from the first event to the last, in milliseconds.
    pub maxspan_ms: Option<u64>,
    /// The event that ends what is pending.
    pub until: Option<StagePlan>,
    /// What is done with the results, in order.
    pub pipes: Vec<Pipe>,
}

/// A query for samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplePlan {
    /// The terms; each has the same number of keys.
    pub stages: Vec<StagePlan>,
    /// What is done with the results, in order.
    pub pipes: Vec<Pipe>,
}

/// One stage of a sequence, or term of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct StagePlan {
    /// What an event must satisfy, its category included.
    pub condition: Condition,
    /// Its keys: those of the whole query, then its own.
    pub keys: Vec<JoinKey>,
    /// `![ … ]`: that no such event happened.
    pub missing: bool,
    /// How many times the stage repeats; at least 1.
    pub runs: u32,
}

/// A key of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinKey {
    /// The name as written.
    pub name: Arc<str>,
    /// The field; absent if it is optional and mapped nowhere, so that its value is always null.
    pub field: Option<FieldRef>,
    /// Whether a missing value is a key of its own, null.
    pub optional: bool,
}

/// What is done with results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipe {
    /// The first so many.
    Head(u64),
    /// The last so many.
    Tail(u64),
}

impl EqlPlan {
    /// The condition of every stage, `until` included, in the order of the query.
    pub fn conditions(&self) -> Vec<&Condition> {
        match self {
            Self::Event(plan) => vec![&plan.condition],
            Self::Sequence(plan) => {
                plan.stages.iter().chain(&plan.until).map(|stage| &stage.condition).collect()
            }
            Self::Sample(plan) => plan.stages.iter().map(|stage| &stage.condition).collect(),
        }
    }

    /// What is done with the results.
    pub fn pipes(&self) -> &[Pipe] {
        match self {
            Self::Event(plan) => &plan.pipes,
            Self::Sequence(plan) => &plan.pipes,
            Self::Sample(plan) => &plan.pipes,
        }
    }
}

impl fmt::Display for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.optional { "?" } else { "" })?;
        match &self.field {
            Some(field) => write!(f, "{field}"),
            None => write!(f, "{}:unmapped", self.name),
        }
    }
}

impl fmt::Display for StagePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.missing { "missing " } else { "" }, self.condition)?;
        for (at, key) in self.keys.iter().enumerate() {
            write!(f, "{}{key}", if at == 0 { " by " } else { ", " })?;
        }
        if self.runs == 1 { Ok(()) } else { write!(f, " runs {}", self.runs) }
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(count) => write!(f, "head {count}"),
            Self::Tail(count) => write!(f, "tail {count}"),
        }
    }
}

/// The dump: stable, a line for each stage and pipe.
impl fmt::Display for EqlPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(plan) => write!(f, "event {}", plan.condition)?,
            Self::Sequence(plan) => {
                f.write_str("sequence")?;
                if let Some(maxspan) = plan.maxspan_ms {
                    write!(f, " maxspan {maxspan}ms")?;
                }
                plan.stages.iter().try_for_each(|stage| write!(f, "\n  stage {stage}"))?;
                if let Some(until) = &plan.until {
                    write!(f, "\n  until {until}")?;
                }
            }
            Self::Sample(plan) => {
                f.write_str("sample")?;
                plan.stages.iter().try_for_each(|stage| write!(f, "\n  stage {stage}"))?;
            }
        }
        self.pipes().iter().try_for_each(|pipe| write!(f, "\n  | {pipe}"))
    }
}
