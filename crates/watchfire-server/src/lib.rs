//! The HTTP door of Watchfire: shippers write to it as if it were Elasticsearch.
//!
//! ```text
//! request ─► headers, key, cap ─► body, whole ─► bulk: actions and documents ─► normalise ─► EventLog.append ─► answer
//!            (no byte of a body                   (a thread that may block)                  (durable)         per item
//!             is read before that)
//! ```
//!
//! An event is acknowledged when the [`EventLog`] says that it is durable, and not before. What cannot be kept is refused
//! by name: nothing is answered with success that was not done. What has no effect here (ingest pipelines, index
//! lifecycles, mappings of templates) is stored and given back, since shippers ask for it, and is counted where it would
//! have had one.
//!
//! This crate must not know rules, queries or how events are stored. Time comes from a [`Clock`]; chance is asked
//! for only by who makes a key. Nothing here prints or reads the environment.

mod api_key;
mod body;
mod bulk;
mod counts;
mod error;
mod event_log;
mod filter_path;
mod intake;
mod media;
mod metrics;
mod names;
mod options;
mod records;
mod routes;
mod search;
mod serving;
mod set_up;
mod state;
mod syslog;
mod tls;
mod watch;

pub use api_key::{ApiKeyError, ApiKeys, NewApiKey, Role};
pub use counts::{CountsOfStream, IngestCounts};
pub use event_log::{Appended, EventLog, EventLogError, StreamInfo};
pub use metrics::{Metrics, MetricsText, metric_label};
pub use options::{Clock, ServerOptions};
pub use records::{InputPosition, RecordCounts, RecordInput, RecordsError};
pub use routes::{Caller, FurtherRoutes, Refuse, router};
pub use search::{Search, SearchEndpoint, SearchLimits, SearchRefusal, SearchRequest};
pub use serving::serve;
pub use set_up::{SetUpError, SetUpObjects};
pub use state::Server;
pub use syslog::{syslog_tcp, syslog_udp};
pub use tls::TlsFiles;
pub use tokio_rustls::TlsAcceptor;
pub use watch::{Look, WatchError, Watcher};
