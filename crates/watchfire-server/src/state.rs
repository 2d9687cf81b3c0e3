//! What all requests share.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::body::BodyRoom;
use crate::counts::IngestCounts;
use crate::metrics::Metrics;
use crate::search::{Search, SearchLimits, Searches};
use crate::{ApiKeys, Clock, EventLog, FurtherRoutes, ServerOptions, SetUpObjects};

/// The server: what its requests work with.
pub struct Server {
    pub(crate) options: ServerOptions,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) set_up: SetUpObjects,
    /// Without any, nobody is asked for a key: which is for a server that only its own machine can reach.
    pub(crate) keys: Option<RwLock<ApiKeys>>,
    pub(crate) counts: IngestCounts,
    pub(crate) room: BodyRoom,
    /// Without it, the paths of searches are not there.
    pub(crate) searches: Option<Searches>,
    pub(crate) further: Vec<FurtherRoutes>,
    pub(crate) metrics: Vec<Arc<dyn Metrics>>,
    /// Tells this start of the server from all others.
    run: String,
    requests: AtomicU64,
    failures: Mutex<Failures>,
}

/// Requests without a valid key within the present second.
#[derive(Debug, Default)]
struct Failures {
    second: i64,
    number: u32,
}

/// Most requests in a second that are told what is wrong with their key.
const MOST_FAILURES: u32 = 100;

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("options", &self.options)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server. `run` tells this start of it from all others, as it goes into the ids of events that come without one;
    /// without `keys` nobody is asked for a key.
    pub fn new(
        options: ServerOptions,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        set_up: SetUpObjects,
        keys: Option<ApiKeys>,
        run: String,
    ) -> Self {
        let room = BodyRoom::new(options.max_bytes_in_flight);
        Self {
            options,
            log,
            clock,
            set_up,
            keys: keys.map(RwLock::new),
            counts: IngestCounts::default(),
            room,
            searches: None,
            further: Vec::new(),
            metrics: Vec::new(),
            run,
            requests: AtomicU64::new(0),
            failures: Mutex::default(),
        }
    }

    /// The same server, which answers searches too.
    #[must_use]
    pub fn with_search(self, search: Arc<dyn Search>, limits: SearchLimits) -> Self {
        Self { searches: Some(Searches::new(search, limits)), ..self }
    }

    /// Serves the paths of other interfaces too. None of them may be one that is there already.
    #[must_use]
    pub fn with_routes(mut self, further: impl IntoIterator<Item = FurtherRoutes>) -> Self {
        self.further.extend(further);
        self
    }

    /// Tells metrics of other parts too.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn Metrics>) -> Self {
        self.metrics.push(metrics);
        self
    }

    /// What has come in.
    pub fn counts(&self) -> &IngestCounts {
        &self.counts
    }

    /// Takes other keys from now on. A server that asks nobody for a key goes on so.
    pub fn set_keys(&self, keys: ApiKeys) {
        if let Some(own) = &self.keys {
            *own.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
    }

    /// A name for a request that no other has.
    pub(crate) fn name_request(&self) -> Arc<str> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("request {} {number}", self.run).into()
    }

    /// Says that a request came without a valid key.
    pub(crate) fn count_failure(&self) {
        let second = self.clock.now().millis().div_euclid(1_000);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.second != second {
            *failures = Failures { second, number: 0 };
        }
        failures.number = failures.number.saturating_add(1);
    }

    /// Whether so many such requests came in this second that the next ones are put off.
    pub(crate) fn has_too_many_failures(&self) -> bool {
        let second = self.clock.now().millis().div_euclid(1_000);
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.second == second && failures.number >= MOST_FAILURES
    }
}
