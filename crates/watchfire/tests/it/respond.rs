//! `watchfire respond` against local servers: files in `tests/respond`, each with what has to be asked of a product and what it answers.
//!
//! ```text
//! about    what the file shows, for a person
//! alerts   the alerts
//! env      settings; `{server}` is the address of the server
//! runs     runs of the command, one after the other: `args`, `code` (of its end), `wait` in seconds, and
//!          exchanges   each request as it has to come (method, path, headers that must have a value, `body` as JSON or `form`),
//!                      and its reply; without one the connection is closed
//! ```
//!
//! Each run is made twice: shown first, when nothing may be sent, and then with the plan approved that was shown. Beside the file stands
//! what came of it: all outputs, and the record.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "about")]
    _about: String,
    alerts: Vec<Value>,
    env: BTreeMap<String, String>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    args: Vec<String>,
    wait: u64,
    exchanges: Vec<Exchange>,
    code: i32,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    request: Expected,
    reply: Option<Reply>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    form: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    status: u16,
    body: Value,
}

/// A server that answers as it was told, and keeps what was not as it was told.
struct Server {
    address: String,
    state: Arc<Mutex<State>>,
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    expected: std::collections::VecDeque<Exchange>,
    wrong: Vec<String>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address").to_string();
        let (state, ends) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let (its_state, its_end) = (Arc::clone(&state), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if its_end.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream.expect("a connection"), &mut its_state.lock().expect("no other thread failed"));
            }
        });
        Self { address, state, ends, thread: Some(thread) }
    }

    fn expect(&self, exchanges: &[Exchange]) {
        self.state.lock().expect("no other thread failed").expected = exchanges.iter().cloned().collect();
    }

    /// What was not as expected, and what was expected and did not come.
    fn wrong(&self) -> Vec<String> {
        let mut state = self.state.lock().expect("no other thread failed");
        let missing = std::mem::take(&mut state.expected);
        let missing = missing
            .into_iter()
            .map(|one| format!("did not come: {} {}", one.request.method, one.request.path));
        std::mem::take(&mut state.wrong).into_iter().chain(missing).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(stream: TcpStream, state: &mut State) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request");
    let mut words = line.split_whitespace();
    let (method, path) =
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let body = String::from_utf8(body).expect("text");
    let Some(Exchange { request, reply }) = state.expected.pop_front() else {
        state.wrong.push(format!("not expected: {method} {path}"));
        return;
    };
    let mut check = |what: &str, expected: &str, found: &str| {
        if expected != found {
            state.wrong.push(format!(
                "{} {}: {what}: expected {expected}, found {found}",
                request.method, request.path
            ));
        }
    };
    check("method", &request.method, &method);
    check("path", &request.path, &path);
    for (name, value) in &request.headers {
        check(name, value, headers.get(name).map_or("", String::as_str));
    }
    if !request.headers.contains_key("authorization") {
        check("authorization", "", headers.get("authorization").map_or("", String::as_str));
    }
    if let Some(expected) = &request.body {
        let found: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        // The order of keys does not count.
        let found = if found == *expected { expected.to_string() } else { found.to_string() };
        check("body", &expected.to_string(), &found);
        check("content-type", "application/json", headers.get("content-type").map_or("", String::as_str));
    }
    if let Some(form) = &request.form {
        check("form", form, &body);
        let kind = headers.get("content-type").map_or("", String::as_str);
        check("content-type", "application/x-www-form-urlencoded", kind);
    }
    let Some(Reply { status, body }) = reply else { return };
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    // Whoever follows this would send secrets elsewhere.
    let location = if status == 302 { "location: /elsewhere\r\n" } else { "" };
    let _ = reader.get_mut().write_all(format!("{head}{location}\r\n{body}").as_bytes());
}

#[test]
fn products_are_asked_as_their_documents_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/respond");
    let files = watchfire_test_support::files_below(&folder, "json");
    assert!(!files.is_empty());
    let server = Server::start();
    let mut differing = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file that can be read");
        let case: Case =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (shown, wrong) = run(&case, &server);
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let compare = || settings.bind(|| insta::assert_snapshot!(name.clone(), shown));
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_err() {
            differing.push(format!("{name}: not as it was"));
        }
        differing.extend(wrong.into_iter().map(|wrong| format!("{name}: {wrong}")));
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

fn run(case: &Case, server: &Server) -> (String, Vec<String>) {
    let place = tempfile::tempdir().expect("a folder");
    let alerts: Vec<String> = case.alerts.iter().map(Value::to_string).collect();
    fs::write(place.path().join("alerts.ndjson"), alerts.join("\n")).expect("it can be written");
    let event = r#"{"@timestamp":"2026-03-02T08:00:00Z","data_stream":{"type":"logs","dataset":"test","namespace":"default"}}"#;
    fs::write(place.path().join("events.ndjson"), event).expect("it can be written");
    let watchfire = |arguments: &[&str]| {
        let env = case.env.iter().map(|(name, value)| {
            (name.clone(), value.replace("{server}", &format!("http://{}", server.address)))
        });
        let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(arguments)
            .env_clear()
            .envs(env)
            .current_dir(place.path())
            .output()
            .expect("the command runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
    };
    let mut shown = String::new();
    let mut wrong = Vec::new();
    for (number, run) in case.runs.iter().enumerate() {
        let order = run.args[0].as_str();
        let mut arguments = vec!["respond", order, "alerts.ndjson"];
        if order == "escalate" {
            arguments.push("events.ndjson");
        }
        arguments.extend(run.args[1..].iter().map(String::as_str));
        server.expect(&[]);
        let (code, plan, log) = watchfire(&arguments);
        wrong.extend(server.wrong().into_iter().map(|wrong| format!("run {number}, only shown: {wrong}")));
        assert_eq!(code, 0, "{log}");
        assert!(
            !place.path().join("responses.ndjson").exists() || number > 0,
            "what is only shown is not recorded"
        );
        let plan =
            plan.strip_prefix("plan ").and_then(|rest| rest.split(':').next()).expect("a plan").to_owned();
        server.expect(&run.exchanges);
        let wait = run.wait.to_string();
        arguments.extend(["--approve", &plan, "--approved-by", "piet", "--by", "nora"]);
        arguments.extend(["--at", "2026-03-02T10:00:00Z", "--wait", &wait]);
        let (code, out, log) = watchfire(&arguments);
        let told = server.wrong();
        wrong.extend(told.into_iter().map(|wrong| format!("run {number}: {wrong}")));
        if code != run.code {
            wrong.push(format!("run {number}: ended with {code}"));
        }
        let _ = writeln!(shown, "──── {}\n{out}{log}", run.args.join(" "));
    }
    let record = fs::read_to_string(place.path().join("responses.ndjson")).unwrap_or_default();
    for secret in ["s3cr:et", "s1-token", "p&w", "w-token", "tok-1", "\"aad\"", "a2V5OnNlY3JldA"] {
        if shown.contains(secret) || record.contains(secret) {
            wrong.push(format!("the secret `{secret}` was told"));
        }
    }
    let _ = writeln!(shown, "──── record");
    for line in record.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| match &line[name] {
            Value::Null => String::new(),
            Value::String(text) => format!("  {name}: {text}"),
            other => format!("  {name}: {other}"),
        };
        let _ = write!(shown, "{}", line["event"].as_str().unwrap_or_default());
        for name in
            ["order", "agent", "undo", "by", "approved_by", "step", "status", "answer", "error", "outcome"]
        {
            shown.push_str(&text(name).replace(&server.address, "{server}"));
        }
        shown.push('\n');
    }
    (shown.replace(&server.address, "{server}"), wrong)
}
