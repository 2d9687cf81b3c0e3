//! From rules and events to alerts.
//!
//! ```text
//! query, filters ──► read_query, read_filters ──► plan, conditions      (hunts and checks use these too)
//! rules ───────────► RuleBook::compile ─────────► RuleSet, and for every rule that does not run the reason why not
//!                                                   │
//! EventBatch ───────────────────────────────────────┴─► hits ─┬────────────────► RuleAlerts::of_event ──► alerts
//!                                                             └─► HitSpill ────► Detection ─► RuleAlerts::of_detection
//! ```
//!
//! Hits of what takes more than one event are sorted on disk and joined when the input has ended ([`HitSpill`],
//! [`Correlation`]); what is found is suppressed where the rule says so, and put in order by a [`SortedSpill`]. Hits of
//! indicator match rules are held against an [`IndicatorIndex`]. Exceptions are a part of each condition
//! ([`RuleBook::with_exceptions`]).
//!
//! Beside that stands what rules as code need: tests are run ([`run_tests`]) and made ([`first_tests`]), what they cover
//! ([`rule_coverage`]), and why a rule fires or not ([`mod@explain`]). This crate must not know where events come from.

mod alert;
mod compile;
mod correlation;
mod counting;
mod detection;
mod esql_rows;
mod exceptions;
pub mod explain;
mod hit_spill;
mod identity;
mod indicators;
mod query;
mod reason;
mod rule_book;
mod rule_test;
mod schedule;
mod solve;
mod sorted_spill;
mod stored_events;
mod suppression;
mod test_coverage;
mod why_not;

pub use alert::{
    ALERTS_STREAM, Alert, AlertBuilder, AlertGroup, AlertStamp, AlertText, RuleAlerts, SHARED_PARTS,
    VOLATILE_FIELDS, common_document, update_suppression,
};
pub use compile::{CompileOptions, CompiledRule, RuleProgram, compile_rule};
pub use correlation::{AtOnce, Correlation, CorrelationCounts, CorrelationOptions};
pub use counting::{NewTermsPlan, ThresholdPlan};
pub use detection::{BucketFacts, Detection, DetectionFacts, SuppressedGroup};
pub use exceptions::codes as exception_codes;
pub use exceptions::{
    BookItem, EXCEPTION_CODES, ExceptionBook, ExceptionCounts, ExceptionText, HiddenTest, ItemCount,
    ItemState, RuleExceptions, ValueListUse, tests_hidden_by_exceptions,
};
pub use hit_spill::{
    BatchHits, CorrelationAccount, FirstReadings, HitMark, HitSpill, OnResult, OnResults, event_identity,
    event_position,
};
pub use identity::{AlertId, RuleUuid, kibana_alert_id};
pub use indicators::{
    BatchIndicators, BatchLookups, DifferingEntry, Enrichments, IndicatorBuilder, IndicatorCounts,
    IndicatorIndex, IndicatorMatch, IndicatorMatcher, IndicatorReader, MAX_ENRICHMENTS, MappingEntry,
    NearestIndicator, NearestSearch,
};
pub use query::{QueryOptions, QueryTree, ReadFilter, ReadQuery, read_filters, read_query};
pub use reason::reason;
pub use rule_book::{History, RuleBook, RuleState};
pub use rule_test::{TestAlert, TestFailure, TestOutcome, TestResult, run_tests, run_tests_with};
pub use schedule::{Arrival, BucketMark, ExecutionPlan, ExecutionWindow, RuleSchedule};
pub use solve::{FirstTests, NearMiss, NoFirstTests, Unsolved, first_tests};
pub use sorted_spill::{SortedEntries, SortedSpill, damaged_spill};
pub use stored_events::{EventReader, EventRef, ReadBackError};
pub use suppression::{MAX_GROUPS_OF_EVENT, StandingAlert, Suppression, SuppressionResult, Suppressor};
pub use test_coverage::{LeafCoverage, RuleCoverage, rule_coverage};
pub use why_not::EventDiagnosis;
