//! A server whose parts are in memory and in a temporary folder.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use watchfire_events::{DataStream, Event, EventId, Place, TapedEvent, Timestamp};
use watchfire_kibana::{
    AlertSearch, AlertSearchError, AlertTriage, DetectionApi, DetectionParts, Later, routes,
};
use watchfire_search::{Call, Endpoint, MemoryStore, SearchOptions, Searcher};
use watchfire_server::{
    Appended, EventLog, EventLogError, Search, SearchEndpoint, SearchLimits, SearchRefusal, SearchRequest,
    Server, ServerOptions, SetUpObjects, StreamInfo, router,
};
use watchfire_state::{MemoryEvents, Scheduler, SchedulerSettings, StateDatabase, StateOptions};

use crate::meaning::ECS;

/// After so many requests the server is made anew: what fuzzing has put into it makes each request slower.
const REQUESTS: u64 = 2_000;

/// A server, and what is behind it.
pub(super) struct FuzzServer {
    router: Router,
    runtime: Runtime,
    log: Arc<Log>,
    requests: AtomicU64,
    /// Deleted last.
    _folder: TempDir,
}

/// Calls with the server.
pub(super) fn with_server<T>(call: impl FnOnce(&FuzzServer) -> T) -> T {
    static SERVER: Mutex<Option<FuzzServer>> = Mutex::new(None);
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    if server.as_ref().is_some_and(|server| server.requests.load(Ordering::Relaxed) >= REQUESTS) {
        *server = None;
    }
    call(server.get_or_insert_with(FuzzServer::new))
}

/// How many events a server has kept.
pub(super) fn stored(server: &FuzzServer) -> usize {
    server.log.0.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// A request.
pub(super) struct Request {
    method: &'static str,
    path: String,
    content_type: &'static str,
    body: Vec<u8>,
    is_packed: bool,
}

const FILE_FORM: &str = "multipart/form-data; boundary=edge";

impl Request {
    pub(super) fn json(method: &'static str, path: &str, body: &[u8]) -> Self {
        Self {
            method,
            path: path.to_owned(),
            content_type: "application/json",
            body: body.to_vec(),
            is_packed: false,
        }
    }

    /// A form, whatever is in it.
    pub(super) fn form(method: &'static str, path: &str, body: &[u8]) -> Self {
        Self { content_type: FILE_FORM, ..Self::json(method, path, body) }
    }

    /// A form with one file.
    pub(super) fn file(method: &'static str, path: &str, file: &[u8]) -> Self {
        let head = b"--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f.ndjson\"\r\n\r\n";
        let body = [head.as_slice(), file, b"\r\n--edge--\r\n"].concat();
        Self { content_type: FILE_FORM, body, ..Self::json(method, path, b"") }
    }

    /// The same, packed as most shippers do.
    pub(super) fn packed(self) -> Self {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&self.body).expect("it is written to memory");
        Self { body: packer.finish().expect("it is written to memory"), is_packed: true, ..self }
    }
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The body; null if it is no JSON.
    pub(super) json: Value,
}

impl FuzzServer {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("there are threads");
        let url = format!("sqlite:{}", folder.path().join("state.db").display());
        let database = runtime.block_on(StateDatabase::open(&StateOptions::new(url)));
        let database = database.expect("a database can be made");
        let catalogue = Arc::new(ECS.clone());
        let searcher = Arc::new(Searcher::new(
            Arc::new(MemoryStore::new(some_events())),
            Arc::clone(&catalogue) as _,
            SearchOptions::default(),
        ));
        let scheduler = Scheduler::new(
            database.clone(),
            Arc::new(MemoryEvents::default()),
            Arc::clone(&catalogue),
            Arc::new(Still),
            SchedulerSettings::default(),
        );
        let made = AtomicU64::new(1);
        let api = Arc::new(DetectionApi::new(DetectionParts {
            database,
            catalogue,
            clock: Arc::new(Still),
            search: Arc::new(Searches(Arc::clone(&searcher))),
            triage: Arc::new(NoAlert),
            executions: Arc::new(scheduler),
            new_id: Arc::new(move || uuid::Uuid::from_u128(made.fetch_add(1, Ordering::Relaxed).into())),
            prebuilt: Vec::new(),
            version: "9.3.0".to_owned(),
        }));
        let set_up = SetUpObjects::open(&folder.path().join("set_up")).expect("there is room");
        let log = Arc::new(Log::default());
        let options = ServerOptions::default();
        let server =
            Server::new(options, Arc::<Log>::clone(&log), Arc::new(Still), set_up, None, "fuzz".to_owned());
        let server = server
            .with_search(Arc::new(Searches(searcher)), SearchLimits::default())
            .with_routes(routes(&api));
        Self { router: router(Arc::new(server)), runtime, log, requests: AtomicU64::new(0), _folder: folder }
    }

    /// Sends a request. An answer says what is wrong with the request, if anything is, and never that the server is.
    pub(super) fn send(&self, request: &Request) -> Answer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut built = axum::http::Request::builder()
            .method(request.method)
            .uri(&request.path)
            .header("content-type", request.content_type)
            .header("kbn-xsrf", "fuzz");
        if request.is_packed {
            built = built.header("content-encoding", "gzip");
        }
        let built = built.body(Body::from(request.body.clone())).expect("the request is one");
        let answered = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(built).await.expect("it answers");
            let status = response.status().as_u16();
            (status, axum::body::to_bytes(response.into_body(), usize::MAX).await)
        });
        let (status, body) = answered;
        let body = body.expect("the answer can be read");
        let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        // Kibana's own: an action of which each rule failed is answered so.
        let is_failed_action = status == 500 && json.get("attributes").is_some();
        assert!(
            status < 500 || is_failed_action,
            "{} {}: {status} {}",
            request.method,
            request.path,
            String::from_utf8_lossy(&body)
        );
        Answer { status, json }
    }
}

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
struct Still;

const NOW: Timestamp = Timestamp::from_millis(1_772_438_400_000);

impl watchfire_server::Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

impl watchfire_state::Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Keeps events of which the ids differ.
#[derive(Default)]
struct Log(Mutex<BTreeSet<(DataStream, EventId)>>);

impl EventLog for Log {
    fn append(&self, events: Vec<TapedEvent>) -> Result<Vec<Appended>, EventLogError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let append = |event: TapedEvent| {
            // Whoever keeps it writes its document.
            let text = serde_json::to_string(&event.document.first()).expect("a document can be written");
            let read: Value = serde_json::from_str(&text).expect("a document is JSON");
            assert!(read.is_object(), "a document is an object");
            if known.insert((event.data_stream, event.id)) {
                Appended::Stored(known.len() as u64)
            } else {
                Appended::Repeated
            }
        };
        Ok(events.into_iter().map(append).collect())
    }

    fn streams(&self) -> Result<Vec<StreamInfo>, EventLogError> {
        Ok(Vec::new())
    }

    fn ready(&self) -> Result<(), EventLogError> {
        Ok(())
    }
}

/// Searches over a few events.
struct Searches(Arc<Searcher>);

impl Search for Searches {
    fn answer(&self, request: &SearchRequest) -> Result<Value, SearchRefusal> {
        let began = Instant::now();
        let call = Call {
            index: request.index.as_deref(),
            name: request.name.as_deref(),
            parameters: &request.parameters,
            body: &request.body,
            now: request.now,
            elapsed: &|| began.elapsed(),
            time_limit: request.time_limit,
        };
        let endpoint = match request.endpoint {
            SearchEndpoint::Search => Endpoint::Search,
            SearchEndpoint::MultiSearch => Endpoint::MultiSearch,
            SearchEndpoint::Count => Endpoint::Count,
            SearchEndpoint::Eql => Endpoint::Eql,
            SearchEndpoint::Esql => Endpoint::Esql,
            SearchEndpoint::FieldCapabilities => Endpoint::FieldCapabilities,
            SearchEndpoint::Mapping => Endpoint::Mapping,
            SearchEndpoint::OpenPointInTime => Endpoint::OpenPointInTime,
            SearchEndpoint::ClosePointInTime => Endpoint::ClosePointInTime,
            SearchEndpoint::Scroll => Endpoint::Scroll,
            SearchEndpoint::CloseScroll => Endpoint::CloseScroll,
            SearchEndpoint::AsyncSearch => Endpoint::AsyncSearch,
            SearchEndpoint::AsyncResult => Endpoint::AsyncResult,
        };
        let answer = self.0.call(endpoint, &call);
        answer.map_err(|error| SearchRefusal { status: error.status, kind: error.kind, reason: error.reason })
    }
}

/// Knows no alert: what is said of one depends on no body.
struct NoAlert;

impl AlertTriage for NoAlert {
    fn answer<'a>(&'a self, _: &'a str, _: usize) -> Later<'a, Result<Option<Value>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn sweep<'a>(&'a self, _: &'a str) -> Later<'a, Result<Option<Value>, String>> {
        Box::pin(async { Ok(None) })
    }
}

impl AlertSearch for Searches {
    fn search(&self, body: Value) -> Later<'_, Result<Value, AlertSearchError>> {
        let request = SearchRequest {
            endpoint: SearchEndpoint::Search,
            index: Some("logs-*".to_owned()),
            name: None,
            parameters: std::collections::BTreeMap::new(),
            body: body.to_string().into_bytes(),
            now: NOW,
            time_limit: Duration::from_mins(1),
        };
        let answer = self.answer(&request);
        Box::pin(async move {
            answer.map_err(|refusal| AlertSearchError { status: refusal.status, message: refusal.reason })
        })
    }
}

fn some_events() -> Vec<Event> {
    let event = |number: u32| {
        let at = Timestamp::from_millis(NOW.millis() - 60_000 * i64::from(number)).to_iso_millis();
        let name = if number.is_multiple_of(2) { "a.exe" } else { "b.exe" };
        let document = json!({
            "@timestamp": at,
            "event": {"category": ["process"], "type": "start", "ingested": at},
            "host": {"name": format!("ws{}", number % 3), "ip": ["10.0.0.1", "::1"]},
            "process": {"pid": number, "name": name, "entity_id": number.to_string(), "args": ["a", "-x"], "uptime": 1.5},
            "labels": {"on": number.is_multiple_of(2)},
        });
        let Value::Object(document) = document else { unreachable!("it is an object") };
        Event {
            id: EventId::given(format!("e{number}")),
            data_stream: DataStream::new("logs-test-default"),
            document,
            place: Place { input: "fuzz".into(), record: number.into(), line: None, offset: None },
        }
    };
    (1..8).map(event).collect()
}
