//! Searches as Elasticsearch takes and answers them, over whatever keeps events.
//!
//! ```text
//! body, index expression, parameters
//!     │ query DSL ─► conditions of the engine, sort, aggregations   (what is not supported is refused by name)
//!     │            └► windows of time, exact values, ids: what need not be read
//!     ▼
//! SearchStore.scan ─► EventBatch ─► rows that fit ─┬► the first hits of the order, in room for one page
//!                                                  └► buckets
//!     ▼
//! answer, as JSON
//! ```
//!
//! A clause means what it means in a rule: the same conditions, asked by the same matcher. Memory does not grow with the
//! number of events that fit; where it grows with their values (buckets, hits of sequences) there is a limit, and a search
//! beyond it is refused. `docs/search.md` says what is taken and how it differs from Elasticsearch.
//!
//! This crate must not know HTTP, rules, or how events are stored; nothing here reads the clock.

mod aggregations;
mod alert_fields;
mod body;
mod call;
mod combined_time;
mod date_format;
mod eql;
mod error;
mod esql;
mod field_caps;
mod hit;
mod index_expression;
mod memory_store;
mod multi;
mod prune;
mod query;
mod rows;
mod search;
mod searcher;
mod sort;
mod source;
mod store;
mod time_zone;
mod token;
mod top;
mod union_store;

pub use aggregations::{MAX_BUCKETS, MAX_SHOWN_BUCKETS};
pub use alert_fields::add_alert_fields;
pub use call::Call;
pub use eql::MAX_STAGE_HITS;
pub use error::SearchError;
pub use esql::{DEFAULT_ROWS, MAX_HELD_ROWS, MAX_ROWS};
pub use memory_store::MemoryStore;
pub use multi::MAX_SEARCHES;
pub use search::MAX_RESULT_WINDOW;
pub use searcher::{Endpoint, SearchOptions, Searcher};
pub use store::{Scan, SearchStore, StoreError, StoredField, StoredFields, TimeOf, TimeWindow};
pub use union_store::UnionStore;
