//! What a rule is to execute, and what its earlier executions left behind.

use std::collections::HashMap;

use watchfire_events::Timestamp;

use super::ExecutionWindow;

/// The executions of a rule that are wanted. Each looks at what had arrived by its time; and at what came too late for every
/// execution that looks back so far, as if that had been there at its own time: so an execution that is run again finds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionPlan {
    /// In order of time.
    pub executions: Vec<Timestamp>,
    /// The buckets of a threshold that have alerted: by the values that they share
    /// ([`Detection::bucket_key`](crate::Detection::bucket_key)).
    pub marks: HashMap<String, Vec<BucketMark>>,
}

/// A bucket alerted at an execution: the events that this one saw do not count for any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketMark {
    /// The execution.
    pub execution: Timestamp,
    /// What it looked at.
    pub window: ExecutionWindow,
}
