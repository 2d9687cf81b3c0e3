//! `watchfire serve` as a process: written to, killed, started again, stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const RULE: &str = r#"
[rule]
name = "Marked"
rule_id = "7c0f1a52-0e0b-4f7a-8a55-1d3b9b1f0c11"
description = "Events with a mark."
risk_score = 21
severity = "low"
type = "eql"
language = "eql"
index = ["logs-*"]
query = "process where process.name == \"marked.exe\""
interval = "2s"
from = "now-1h"
timestamp_override = "event.ingested"
"#;

/// How long anything may take: much longer than it does.
const PATIENCE: Duration = Duration::from_mins(2);

struct Running {
    process: Child,
    address: String,
    /// Where it takes syslog by TCP, if it does.
    syslog: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start(folder: &Path) -> Running {
    start_with(folder, &[])
}

fn start_with(folder: &Path, options: &[&str]) -> Running {
    let process = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["serve", "--data", "data", "--rules", "rule.toml", "--listen", "127.0.0.1:0"])
        .args(options)
        .current_dir(folder)
        .stderr(Stdio::piped())
        .spawn();
    // It is ended with this, whatever happens below.
    let mut running = Running {
        process: process.expect("the command runs"),
        address: String::new(),
        syslog: String::new(),
    };
    let log = BufReader::new(running.process.stderr.take().expect("it is a pipe"));
    let (tell, told) = mpsc::channel();
    // Reads to the end, so that the server can always write.
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    let until = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    loop {
        let line = told
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .unwrap_or_else(|_| panic!("it does not say where it listens: {said:?}"));
        if let Some((_, address)) = line.split_once("syslog by TCP on ") {
            address.trim_end_matches(['"', '}']).clone_into(&mut running.syslog);
        }
        if let Some((_, address)) = line.split_once("listening on ") {
            address.trim_end_matches(['"', '}']).clone_into(&mut running.address);
            return running;
        }
        said.push(line);
    }
}

fn bulk(server: &Running, lines: &str) -> serde_json::Value {
    post(server, "/_bulk", lines)
}

fn post(server: &Running, path: &str, lines: &str) -> serde_json::Value {
    post_as(server, path, "application/x-ndjson", lines)
}

fn post_as(server: &Running, path: &str, media: &str, lines: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(&server.address).expect("it listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\nkbn-xsrf: test\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n",
        lines.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(lines.as_bytes())).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).expect("the body is JSON")
}

fn get(server: &Running, path: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).expect("it listens");
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    body.to_owned()
}

fn event(id: &str, name: &str) -> String {
    format!(
        "{{\"create\":{{\"_index\":\"logs-test-default\",\"_id\":\"{id}\"}}}}\n{{\"@timestamp\":\"2026-03-02T14:00:00Z\",\"event\":{{\"category\":[\"process\"],\"type\":[\"start\"]}},\"process\":{{\"name\":\"{name}\"}}}}\n"
    )
}

fn lines_of(folder: &Path, arguments: &[&str]) -> usize {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

fn wait_for_alerts(folder: &Path, number: usize) {
    let until = Instant::now() + PATIENCE;
    loop {
        let alerts = lines_of(folder, &["alerts", "list", "--data", "data"]);
        if alerts >= number {
            assert_eq!(alerts, number);
            return;
        }
        assert!(Instant::now() < until, "{alerts} of {number} alerts");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn what_is_acknowledged_survives_and_alerts_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("rule.toml"), RULE).expect("it can be written");

    let mut server = start(folder);
    let answer =
        bulk(&server, &(event("1", "marked.exe") + &event("2", "other.exe") + &event("1", "marked.exe")));
    let statuses: Vec<_> = (0..3).map(|at| answer["items"][at]["create"]["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(201), Some(201), Some(409)]);
    wait_for_alerts(folder, 1);

    // What was acknowledged a moment before it is killed is in the spool alone.
    bulk(&server, &event("3", "marked.exe"));
    server.process.kill().expect("it can be killed");
    server.process.wait().expect("it has ended");
    let mut server = start(folder);
    let answer =
        bulk(&server, &(event("1", "marked.exe") + &event("3", "marked.exe") + &event("4", "marked.exe")));
    let statuses: Vec<_> = (0..3).map(|at| answer["items"][at]["create"]["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(409), Some(409), Some(201)]);
    wait_for_alerts(folder, 3);

    let stopped = Command::new("kill").arg("-TERM").arg(server.process.id().to_string()).status();
    assert!(stopped.expect("there is a kill").success());
    let ended = server.process.wait().expect("it ends");
    assert!(ended.success(), "{ended}");
    assert_eq!(lines_of(folder, &["lake", "export", "data/lake"]), 4);
    assert_eq!(lines_of(folder, &["alerts", "list", "--data", "data", "--status", "open"]), 3);
}

#[test]
fn an_alert_does_not_wait_for_its_execution() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let daily = RULE.replace("\"2s\"", "\"24h\"").replace("now-1h", "now-25h");
    std::fs::write(folder.join("rule.toml"), daily).expect("it can be written");
    let server = start(folder);
    bulk(&server, &(event("1", "marked.exe") + &event("2", "other.exe")));
    wait_for_alerts(folder, 1);
    bulk(&server, &(event("3", "marked.exe") + &event("1", "marked.exe")));
    wait_for_alerts(folder, 2);
    let metrics = get(&server, "/metrics");
    for sample in [
        "watchfire_alerts_total{kind=\"continuous\"} 2",
        "watchfire_events_not_looked_at_total 0",
        "watchfire_executions_total{kind=\"continuous\",status=\"succeeded\"} 2",
        "watchfire_rules_that_cannot_run 0",
    ] {
        assert!(metrics.lines().any(|line| line == sample), "no `{sample}` in {metrics}");
    }
}

/// Asks until there are so many hits.
/// With secrets in files, metrics, and a message that cannot be sent.
#[test]
fn what_is_found_is_told_and_what_cannot_be_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let actions = r#"
[[rule.actions]]
id = "lines"
action_type_id = ".file"
group = "default"
frequency = { summary = false, notifyWhen = "onActiveAlert" }
params = { message = "{{rule.name}} {{rule.url}}" }

[[rule.actions]]
id = "nobody"
action_type_id = ".slack"
group = "default"
params = { message = "x" }
"#;
    std::fs::write(folder.path().join("rule.toml"), format!("{RULE}{actions}")).expect("it can be written");
    let config = r#"
[actions]
public_url = "https://watchfire.example/"

[[connectors]]
id = "lines"
type = ".file"
config = { path = "told.ndjson" }
"#;
    std::fs::write(folder.path().join("watchfire.toml"), config).expect("it can be written");
    let server = start_with(folder.path(), &["--config", "watchfire.toml"]);
    bulk(&server, &format!("{}{}", event("a", "marked.exe"), event("b", "other.exe")));
    let until = Instant::now() + PATIENCE;
    let told = loop {
        let told = std::fs::read_to_string(folder.path().join("told.ndjson")).unwrap_or_default();
        let dead: serde_json::Value =
            serde_json::from_str(&get(&server, "/api/watchfire/deliveries")).expect("JSON");
        let metrics = get(&server, "/metrics");
        let is_counted = metrics.lines().any(|line| line == "watchfire_messages{status=\"sent\"} 1");
        if told.ends_with('\n') && dead["total"] == 1 && is_counted {
            assert!(dead["data"][0]["error"].as_str().is_some_and(|why| why.contains("`nobody`")), "{dead}");
            break told;
        }
        assert!(Instant::now() < until, "{told} {dead} {metrics}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let told: serde_json::Value = serde_json::from_str(&told).expect("one line");
    let message = told["params"]["message"].as_str().expect("a text");
    assert!(message.starts_with("Marked https://watchfire.example/app/"), "{message}");
}

/// What events say of an alert is asked of the server by its id: the guide answered, and the pattern looked for elsewhere.
#[test]
fn an_alert_is_looked_into_by_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide = r#"!{investigate{"label":"Other starts","providers":[[{"excluded":false,"field":"process.name","queryType":"phrase","value":"other.exe","valueType":"string"}]]}}"#;
    let rule = format!("{RULE}note = '''\n- What else ran? {guide}\n'''\n");
    std::fs::write(folder.path().join("rule.toml"), rule).expect("it can be written");
    let server = start(folder.path());
    bulk(&server, &format!("{}{}", event("a", "marked.exe"), event("b", "other.exe")));
    let until = Instant::now() + PATIENCE;
    let read = |path: &str| -> serde_json::Value { serde_json::from_str(&get(&server, path)).expect("JSON") };
    let id = loop {
        let found = read("/.alerts-security.alerts-default/_search");
        if let Some(id) = found["hits"]["hits"][0]["_id"].as_str() {
            break id.to_owned();
        }
        assert!(Instant::now() < until, "{found}");
        std::thread::sleep(Duration::from_millis(50));
    };
    // The second event may be committed a moment later.
    loop {
        let answered = read(&format!("/api/watchfire/alerts/{id}/triage?size=5"));
        let questions = answered["guide"].as_array().expect("a guide").iter();
        let counts: Vec<u64> = questions.filter_map(|part| part["count"].as_u64()).collect();
        assert_eq!((answered["alert"]["id"].as_str(), counts.len()), (Some(id.as_str()), 1), "{answered}");
        if counts == [1] {
            break;
        }
        assert!(Instant::now() < until, "{answered}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let swept = read(&format!("/api/watchfire/alerts/{id}/sweep"));
    assert!(swept["traces"].is_array() && swept["alert"]["rule"] == "Marked", "{swept}");
}

/// A connector that cannot be used keeps the server from starting, and is told.
#[test]
fn a_connector_that_is_wrong_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (connector, why) in [
        ("type = \".slack\"", "its secret `webhookUrl` is missing"),
        ("type = \".fax\"", "`.fax` is no type of connector that is supported"),
        ("type = \".webhook\"\nconfig = { url = \"ftp://x\" }", "`url` is no URL of HTTP"),
        ("type = \".webhook\"\nconfig = { uri = \"http://x\" }", "unknown field `uri`"),
        (
            "type = \".file\"\nconfig = { path = \"x\" }\nsecrets = { key = { file = \"none\" } }",
            "its secret `key` cannot be had",
        ),
        (
            "type = \".email\"\nconfig = { host = \"h\", from = \"a@b.c\" }\nsecrets = { user = { file = \"wrong.toml\" } }",
            "its secret `password` is missing",
        ),
        ("type = \".server-log\"\nsecrets = { user = { file = \"wrong.toml\" } }", "has no secret `user`"),
    ] {
        let config = format!("data = \"data\"\n[[connectors]]\nid = \"c\"\n{connector}\n");
        std::fs::write(folder.path().join("wrong.toml"), config).expect("it can be written");
        let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(["config", "check", "--config", "wrong.toml"])
            .current_dir(folder.path())
            .output()
            .expect("the command runs");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && log.contains(why), "{connector}: {log}");
    }
}

fn wait_for_hits(server: &Running, path: &str, query: &str, number: u64) -> serde_json::Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = post(server, path, query);
        let total = answer["hits"]["total"]["value"].as_u64().unwrap_or_default();
        if total >= number {
            assert_eq!(total, number, "{answer}");
            return answer;
        }
        assert!(Instant::now() < until, "{answer}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn followed_files_and_syslog_are_searched_with_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("rule.toml"), RULE).expect("it can be written");
    std::fs::create_dir(folder.join("logs")).expect("it can be made");
    let line = |name: &str| {
        format!(
            "{{\"@timestamp\":\"2026-03-02T14:00:00Z\",\"data_stream\":{{\"type\":\"logs\",\"dataset\":\"test\",\"namespace\":\"default\"}},\"event\":{{\"category\":[\"process\"],\"type\":[\"start\"]}},\"process\":{{\"name\":\"{name}\"}}}}\n"
        )
    };
    std::fs::write(folder.join("logs/a.ndjson"), line("marked.exe")).expect("it can be written");
    std::fs::write(folder.join("server.toml"), "watch = [\"logs\"]\n[syslog]\ntcp = \"127.0.0.1:0\"\n")
        .expect("it can be written");
    let server = start_with(folder, &["--config", "server.toml"]);
    wait_for_alerts(folder, 1);
    let mut sender = TcpStream::connect(&server.syslog).expect("it listens");
    sender.write_all(b"<34>1 2026-03-02T14:00:01Z ws1 su 7 - - refused\n").expect("it reads");
    drop(sender);
    let events = r#"{"query":{"term":{"process.name":"marked.exe"}},"sort":["@timestamp"]}"#;
    // The alert can be there before the first commit of its event, and with it before the data stream.
    let path = "/logs-test-default/_search?ignore_unavailable=true";
    let found = wait_for_hits(&server, path, events, 1);
    assert_eq!(found["hits"]["hits"][0]["_source"]["process"]["name"], "marked.exe");
    wait_for_hits(&server, "/logs-*/_search", r#"{"query":{"match":{"message":"refused"}}}"#, 1);
    let alerts = r#"{"query":{"term":{"kibana.alert.rule.name":"Marked"}}}"#;
    let found = wait_for_hits(&server, "/.alerts-security.alerts-default/_search", alerts, 1);
    assert_eq!(found["hits"]["hits"][0]["_source"]["kibana.alert.workflow_status"], "open");
    let sequence = r#"{"query":"process where process.name == \"marked.exe\""}"#;
    let found = wait_for_hits(&server, "/logs-*/_eql/search", sequence, 1);
    assert_eq!(found["hits"]["events"][0]["_source"]["process"]["name"], "marked.exe");

    // A rule for which nothing arrives is named, and the exit code says so.
    let (code, status) = status(folder);
    assert_eq!(code, Some(0), "{status}");
    assert_eq!(status["rules"]["can_match"], 1, "{status}");
    assert_eq!(status["alerts"]["open"], 1, "{status}");
    let stream = status["data_streams"].as_array().expect("a list").iter();
    let stream =
        stream.clone().find(|stream| stream["data_stream"] == "logs-test-default").expect("it is there");
    assert_eq!(
        (&stream["rules"], &stream["can_match"], &stream["events"]),
        (&1.into(), &1.into(), &1.into())
    );
    // So are alerts and rules in Kibana's paths; a rule that is turned off stays so.
    let found = post_as(&server, "/api/detection_engine/signals/search", "application/json", alerts);
    assert_eq!(found["hits"]["total"]["value"], 1, "{found}");
    let off = r#"{"action":"disable","query":"alert.attributes.name: Marked"}"#;
    let done = post_as(&server, "/api/detection_engine/rules/_bulk_action", "application/json", off);
    assert_eq!(done["attributes"]["summary"]["succeeded"], 1, "{done}");
    drop(server);
    let server = start(folder);
    let (_, status) = self::status(folder);
    assert_eq!(status["rules"]["enabled"], 0, "{status}");
    let on = off.replace("disable", "enable");
    post_as(&server, "/api/detection_engine/rules/_bulk_action", "application/json", &on);
    drop(server);
    let other = RULE
        .replace("7c0f", "7c0e")
        .replace("Marked", "Other")
        .replace("process.name ==", "process.hash.md5 ==");
    std::fs::write(folder.join("rule.toml"), other).expect("it can be written");
    let _server = start(folder);
    let (code, status) = self::status(folder);
    assert_eq!(code, Some(1), "{status}");
    let impossible = serde_json::json!([{ "name": "Other", "for_want_of": ["process.hash.md5"] }]);
    assert_eq!(status["rules"]["impossible"], impossible, "{status}");
}

fn status(folder: &Path) -> (Option<i32>, serde_json::Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["status", "--data", "data", "--format", "json"])
        .current_dir(folder)
        .output()
        .expect("the command runs");
    let answer = serde_json::from_slice(&output.stdout);
    (output.status.code(), answer.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

#[test]
fn another_address_needs_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchfire"));
        let output = command.args(arguments).current_dir(folder.path()).output().expect("the command runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, log) = run(&["serve", "--data", "data", "--listen", "0.0.0.0:0"]);
    assert!(code == Some(2) && log.contains("there is no key"), "{log}");
    let (code, out, log) = run(&["keys", "create", "--data", "data", "--role", "shipper", "--name", "beats"]);
    assert!(code == Some(0) && out.contains("Authorization: ApiKey "), "{log}");
    let (code, _, log) = run(&["config", "check", "--data", "data", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(0), "{log}");
    let (code, out, _) = run(&["keys", "list", "--data", "data"]);
    assert!(code == Some(0) && out.trim_end().ends_with("beats") && out.contains("shipper"), "{out}");
    let (code, _, log) = run(&["keys", "create", "--data", "data", "--role", "boss", "--name", "b"]);
    assert!(code == Some(2) && log.contains("`boss` is no role"), "{log}");
    std::fs::write(folder.path().join("wrong.toml"), "lissen = \"127.0.0.1:1\"\n")
        .expect("it can be written");
    let (code, _, log) = run(&["config", "check", "--data", "data", "--config", "wrong.toml"]);
    assert!(code == Some(2) && log.contains("lissen"), "{log}");
    let url = "postgres://me:secret@localhost/state";
    let (code, out, _) = run(&["config", "show", "--data", "data", "--database", url]);
    assert!(code == Some(0) && out.contains("postgres://me:…@localhost/state"), "{out}");
    let (code, _, log) = run(&["alerts", "list", "--data", "nowhere"]);
    assert!(code == Some(2) && log.contains("no state of a server"), "{log}");
}
