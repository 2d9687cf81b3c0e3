//! Aggregations: what is counted beside the hits.
//!
//! ```text
//! request ─ parse ─► AggregationForm, a tree ─ new_states ─► State, the same tree with what was counted
//!                          │                                    ▲
//!                          └────── render ◄──────── collect ────┘ batch by batch
//! ```
//!
//! Buckets are held in memory, so their number is limited ([`MAX_BUCKETS`]); a search that needs more is refused, as
//! Elasticsearch does, and nothing is ever counted in part.

mod calendar;
mod collect;
mod composite;
mod parse;
mod render;
mod selector;

use rustc_hash::FxHashSet;
use serde_json::Value;
use watchfire_engine::correlate::KeyValue;

use self::calendar::Interval;
pub(crate) use self::collect::{BatchView, Collecting, State};
use self::composite::CompositeForm;
pub(crate) use self::parse::AggregationReader;
pub(crate) use self::render::render;
use self::selector::Selector;
use crate::date_format::DateFormat;
use crate::source::Source;
use crate::top::TopForm;

/// Most buckets that all aggregations of a search hold together while events are read.
pub const MAX_BUCKETS: usize = 1_000_000;
/// Most buckets that an answer shows.
pub const MAX_SHOWN_BUCKETS: usize = 65_536;

/// The number of a source among those of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(usize);

/// The number of a query among those of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueryId(usize);

/// An aggregation.
#[derive(Clone, Debug)]
pub(crate) struct AggregationForm {
    name: String,
    kind: Kind,
    below: Vec<AggregationForm>,
    selectors: Vec<Selector>,
    meta: Option<Value>,
}

/// What is counted.
#[derive(Clone, Debug)]
enum Kind {
    Terms(Box<TermsForm>),
    Filter(QueryId),
    Filters { named: Vec<(String, QueryId)>, keyed: bool, other: Option<String> },
    DateHistogram(Box<DateHistogramForm>),
    Histogram { source: SourceId, interval: f64, offset: f64, min_doc_count: u64 },
    Composite(Box<CompositeForm>),
    Missing(SourceId),
    ValueCount(SourceId),
    Cardinality { source: SourceId, missing: Option<KeyValue> },
    Number { source: SourceId, which: Which, missing: Option<KeyValue>, format: Option<DateFormat> },
    TopHits(Box<TopForm>),
}

/// Which number of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Min,
    Max,
    Sum,
    Avg,
    Stats,
}

#[derive(Clone, Debug)]
struct TermsForm {
    source: SourceId,
    size: usize,
    min_doc_count: u64,
    order: Vec<(OrderBy, Direction)>,
    missing: Option<KeyValue>,
    include: Option<Chosen>,
    exclude: Option<Chosen>,
    format: Option<DateFormat>,
}

/// What buckets are in the order of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OrderBy {
    Count,
    Key,
    /// A number of an aggregation below, by its name and the number's.
    Metric(String, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// Terms that are chosen.
#[derive(Clone, Debug)]
enum Chosen {
    /// These.
    Exactly(FxHashSet<KeyValue>),
    /// Those that fit a regular expression.
    Fitting(Box<watchfire_ir::Regex>),
}

#[derive(Clone, Debug)]
struct DateHistogramForm {
    source: SourceId,
    interval: Interval,
    min_doc_count: u64,
    format: Option<DateFormat>,
    keyed: bool,
    missing: Option<KeyValue>,
    /// Buckets that are there whatever is found, in milliseconds.
    bounds: Option<(i64, i64)>,
    descending: bool,
    by_count: bool,
}

impl AggregationForm {
    /// The sources by which hits in buckets are sorted.
    pub(crate) fn top_hits_sources(&self) -> Vec<&Source> {
        let mut sources: Vec<&Source> = self.below.iter().flat_map(Self::top_hits_sources).collect();
        if let Kind::TopHits(top) = &self.kind {
            sources.extend(top.order.sources());
        }
        sources
    }
}
