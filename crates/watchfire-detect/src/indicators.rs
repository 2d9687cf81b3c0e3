//! Indicator match rules: events that share a value with an indicator (detection-engine §2.9).
//!
//! ```text
//! indicators ─► batches ─► threat queries of all rules ─► IndicatorIndex: values ─► indicators
//!                                                              │
//! events ─► batches ─► queries of the rules ─► hits ───────────┴─► IndicatorMatcher ─► alerts with threat.enrichments
//! ```
//!
//! Of an indicator the index keeps hashes of its values; the indicator itself is packed on disk and read again when a
//! hash is met. So millions of them fit, and a look-up is one access to a table.
//!
//! *Differs from Elastic:* hashes, host names and mail addresses are equal whatever their case, and an indicator for an
//! address may be a network (docs/indicators.md).

mod build;
mod compile;
mod enrich;
mod find;
mod key;
mod nearest;
mod table;

pub use self::build::{BatchIndicators, IndicatorBuilder, IndicatorCounts, IndicatorReader};
pub use self::compile::{IndicatorMatch, MappingEntry};
pub use self::enrich::{Enrichments, MAX_ENRICHMENTS};
pub use self::find::{BatchLookups, IndicatorIndex, IndicatorMatcher};
pub use self::nearest::{DifferingEntry, NearestIndicator, NearestSearch};

pub(crate) use self::compile::compile;
