//! The engine as operators of DataFusion: conditions and rule sets inside SQL.
//!
//! ```text
//! SELECT … FROM "logs-x" WHERE eql('…')      a condition in the text of a query
//!        │ analyzer: the text is read once; its columns become the arguments of a [`ConditionFunction`]
//!        ▼
//! filter by the function ◄─ LakeScanExec     files, row groups and rows that cannot satisfy it are passed over
//!
//! SELECT … FROM rule_hits                    what rules hit, as a table
//!        ▼
//! RuleSetExec ◄─ LakeScanExec                batches of events in, hits out: all rules in one pass
//! ```
//!
//! Both evaluate through the matcher of `watchfire-engine`, over batches with the same columns as those of a [`crate::Scan`]: a
//! condition means the same here as in a hunt. What turns a text into a condition is given by the caller
//! ([`ReadCondition`]): the lake knows no query language.

mod condition;
mod events;
mod in_turn_exec;
mod program_exec;
mod rule_set_exec;
mod scan_exec;
mod table;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use watchfire_engine::{ReadFields, RuleSet, RuleSetBuilder};
use watchfire_events::{DataStream, IndexPatterns};
use watchfire_ir::Condition;

use crate::LakeSchema;

pub(crate) use self::condition::{LanguageFunction, ReadTexts};
pub(crate) use self::program_exec::{ProgramReading, ProgramRows};
pub(crate) use self::rule_set_exec::RuleHits;
pub(crate) use self::table::LakeTable;

/// Batches of an operator that wait for whoever reads them.
const WAITING_BATCHES: usize = 2;

/// Bytes of what the matcher of a partition remembers of values.
const MATCHER_CACHE_BYTES: usize = 32 << 20;

/// The name of the table of [`HitRules`] in a query.
pub const RULE_HITS: &str = "rule_hits";

/// What a query in SQL may use beside the columns of its tables.
#[derive(Clone, Debug)]
pub struct QueryConditions {
    /// The types of fields that conditions were made with.
    pub schema: Arc<dyn LakeSchema>,
    /// By the name of a function of one text, what makes a condition of the text.
    pub languages: Vec<(&'static str, Arc<dyn ReadCondition>)>,
    /// The rules whose hits are the table [`RULE_HITS`].
    pub rules: Option<Arc<HitRules>>,
}

/// Makes a condition of a text.
pub trait ReadCondition: Debug + Send + Sync {
    /// The condition.
    ///
    /// # Errors
    /// If the text is none; the message is for who wrote it.
    fn read(&self, text: &str) -> Result<Condition, String>;
}

/// A condition of a rule.
#[derive(Clone, Debug)]
pub struct HitRule {
    /// The id that the rule has in its file.
    pub rule_id: String,
    /// Its name.
    pub name: String,
    /// Which stage of what the rule joins this is the condition of, counted from one; of a rule for single events, none.
    pub stage: Option<u32>,
    /// The data streams that it is asked of.
    pub patterns: IndexPatterns,
    /// The condition.
    pub condition: Condition,
}

/// Rules whose hits a query may ask for.
#[derive(Debug)]
pub struct HitRules {
    rules: Vec<HitRule>,
    set: RuleSet,
}

impl HitRules {
    /// The conditions, evaluated together.
    pub fn new(rules: Vec<HitRule>) -> Self {
        let mut builder = RuleSetBuilder::new();
        for rule in &rules {
            builder.add(rule.patterns.clone(), rule.condition.clone());
        }
        Self { rules, set: builder.build() }
    }

    /// Those that are asked of a data stream.
    fn of_stream(&self, stream: &DataStream) -> impl Iterator<Item = &HitRule> {
        self.rules.iter().filter(|rule| rule.patterns.select(stream))
    }

    /// What those of a stream read.
    fn fields(&self, stream: &DataStream) -> ReadFields {
        let mut fields = ReadFields::default();
        self.of_stream(stream).for_each(|rule| fields.add(&rule.patterns, &rule.condition));
        fields
    }
}

/// What was found out while a query ran, and its rows do not show.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryNotes(Arc<Mutex<BTreeSet<String>>>);

impl QueryNotes {
    fn add(&self, note: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(note);
    }

    /// In order of their text.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}
