//! Bodies of requests: whatever is sent, the server answers, says that it is the request that is wrong where it is, and does
//! what it says.
//!
//! ```text
//! first byte ─► which path of the target's          ┌─► events in memory
//! the others ─► the body ─► Server + DetectionApi ──┼─► searches over a few events
//!                                                   └─► a database of SQLite, made anew after some inputs
//! ```

mod bench;

use serde_json::Value;

use self::bench::{Request, stored, with_server};

/// One of some things, as the first byte of an input says, and the rest.
fn choose<'d, T: Copy>(from: &[T], data: &'d [u8]) -> Option<(T, &'d [u8])> {
    // The highest bit is left for what else a target has two forms of.
    data.split_first().map(|(first, rest)| (from[usize::from(first & 0x7f) % from.len()], rest))
}

/// Whether the first byte asks for the other form.
fn is_other_form(data: &[u8]) -> bool {
    data.first().is_some_and(|first| first & 0x80 != 0)
}

/// Sends a body to one of some paths, and looks at what every answer must be.
fn send(paths: &[(&'static str, &str)], data: &[u8]) {
    if let Some(((method, path), body)) = choose(paths, data) {
        with_server(|server| server.send(&Request::json(method, path, body)));
    }
}

/// `_bulk`: each item has an answer, and what is said to be created is what is kept.
pub fn body_bulk(data: &[u8]) {
    let paths = [
        "/_bulk",
        "/logs-fuzz-default/_bulk",
        "/plain/_bulk?pipeline=none",
        "/_bulk?filter_path=items.*.status",
    ];
    let Some((path, body)) = choose(&paths, data) else { return };
    with_server(|server| {
        let before = stored(server);
        let request = Request::json("POST", path, body);
        let answer = server.send(&if is_other_form(data) { request.packed() } else { request });
        let items = answer.json.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let status = |item: &Value| {
            let of_item = item.as_object().and_then(|item| item.values().next());
            of_item.and_then(|item| item["status"].as_u64()).expect("each item has a status")
        };
        let created = items.iter().filter(|item| status(item) == 201).count();
        assert_eq!(stored(server) - before, created, "what is created is kept, and nothing else");
        if answer.status == 200 && !path.contains("filter_path") {
            let failed = items.iter().any(|item| status(item) >= 400);
            assert_eq!(answer.json["errors"], Value::Bool(failed));
        }
        // However much of it is there by now.
        if answer.status == 200 {
            let again = server.send(&Request::json("POST", path, body));
            assert_eq!(again.status, 200, "what was taken once is read again");
        }
    });
}

/// `_doc`, `_create`: a document is kept, or the request is refused.
pub fn body_document(data: &[u8]) {
    let paths = [
        "/logs-fuzz-default/_doc",
        "/plain/_doc/one?op_type=create",
        "/plain/_create/two",
        "/plain/_doc/three",
    ];
    let Some((path, body)) = choose(&paths, data) else { return };
    with_server(|server| {
        let before = stored(server);
        let answer = server.send(&Request::json("POST", path, body));
        assert_eq!(stored(server) - before, usize::from(answer.status == 201));
    });
}

/// Raw records of a source, or of any: each line is stored, repeated or refused.
pub fn body_records(data: &[u8]) {
    let sources = ["", "/sysmon", "/crowdstrike", "/cloudtrail", "/okta", "/zeek"];
    let Some((source, body)) = choose(&sources, data) else { return };
    let path = format!("/api/watchfire/ingest{source}");
    with_server(|server| {
        let before = stored(server);
        let answer = server.send(&Request::json("POST", &path, body));
        if let Some(number) = answer.json.get("stored").and_then(Value::as_u64) {
            assert_eq!((stored(server) - before) as u64, number);
        }
    });
}

/// Templates, policies, pipelines, data streams and indices: what is taken is given back.
pub fn body_set_up(data: &[u8]) {
    let paths = [
        "/_index_template/fuzz",
        "/_component_template/fuzz",
        "/_template/fuzz",
        "/_ilm/policy/fuzz",
        "/_ingest/pipeline/fuzz",
        "/_data_stream/logs-set-up",
    ];
    let Some((path, body)) = choose(&paths, data) else { return };
    with_server(|server| {
        if server.send(&Request::json("PUT", path, body)).status == 200 {
            assert_eq!(server.send(&Request::json("GET", path, b"")).status, 200, "what was taken is there");
        }
    });
}

/// Searches: the same answer each time, but for how long it took.
pub fn body_search(data: &[u8]) {
    let paths = [
        "/logs-*/_search",
        "/_msearch",
        "/logs-*/_count",
        "/logs-*/_eql/search",
        "/logs-*/_field_caps",
        "/_search/scroll",
        "/logs-*/_async_search",
        "/_query",
    ];
    let Some((path, body)) = choose(&paths, data) else { return };
    with_server(|server| {
        let request = Request::json("POST", path, body);
        let (first, second) = (server.send(&request), server.send(&request));
        assert_eq!(first.status, second.status, "asked twice");
        if !path.contains("async") && !path.contains("scroll") {
            assert_eq!(first.json.get("hits"), second.json.get("hits"), "asked twice");
            assert_eq!(first.json.get("values"), second.json.get("values"), "asked twice");
        }
    });
}

/// A rule: what was made is given back, and can be given to the server again.
pub fn body_rule(data: &[u8]) {
    let Some((method, body)) = choose(&["POST", "PUT", "PATCH"], data) else { return };
    let rules = "/api/detection_engine/rules";
    with_server(|server| {
        let answer = server.send(&Request::json(method, rules, body));
        let id = answer.json.get("rule_id").and_then(Value::as_str).filter(|_| answer.status == 200);
        let Some(id) = id else { return };
        let id: String =
            percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string();
        let read = server.send(&Request::json("GET", &format!("{rules}?rule_id={id}"), b""));
        // What there is to say of it is said when it is made.
        let mut made = answer.json;
        if let Some(made) = made.as_object_mut() {
            made.shift_remove("watchfire");
        }
        assert_eq!((read.status, &read.json), (200, &made), "what was made is there");
        let removed = server.send(&Request::json("DELETE", &format!("{rules}?rule_id={id}"), b""));
        assert_eq!(removed.status, 200, "what is there can be taken away");
    });
}

/// Actions on many rules, previews, and lists of rules.
pub fn body_rules(data: &[u8]) {
    send(
        &[
            ("POST", "/api/detection_engine/rules/_bulk_action"),
            ("POST", "/api/detection_engine/rules/_bulk_action?dry_run=true"),
            ("POST", "/api/detection_engine/rules/preview"),
            ("POST", "/api/detection_engine/rules/_bulk_create"),
            ("PATCH", "/api/detection_engine/rules/_bulk_update"),
            ("POST", "/api/detection_engine/rules/_export"),
            ("POST", "/api/detection_engine/rules/one/exceptions"),
        ],
        data,
    );
}

/// Files of rules, exceptions and values, in forms.
pub fn body_import(data: &[u8]) {
    let paths = [
        "/api/detection_engine/rules/_import",
        "/api/detection_engine/rules/_import?overwrite=true&overwrite_exceptions=true",
        "/api/exception_lists/_import",
        "/api/lists/items/_import?type=keyword&list_id=fuzz",
        "/api/lists/items/_import?type=ip_range",
    ];
    let Some((path, body)) = choose(&paths, data) else { return };
    // A form as it should be around the file, or whatever the input says a form is.
    let form = if is_other_form(data) { Request::form } else { Request::file };
    let request = form("POST", path, body);
    with_server(|server| server.send(&request));
}

/// Exception lists, their items, value lists.
pub fn body_exceptions(data: &[u8]) {
    send(
        &[
            ("POST", "/api/exception_lists"),
            ("PUT", "/api/exception_lists"),
            ("POST", "/api/exception_lists/items"),
            ("PUT", "/api/exception_lists/items"),
            ("POST", "/api/exceptions/shared"),
            ("POST", "/api/endpoint_list/items"),
            ("POST", "/api/lists"),
            ("PATCH", "/api/lists"),
            ("POST", "/api/lists/items"),
        ],
        data,
    );
}

/// Work on alerts.
pub fn body_alerts(data: &[u8]) {
    send(
        &[
            ("POST", "/api/detection_engine/signals/search"),
            ("POST", "/api/detection_engine/signals/status"),
            ("POST", "/api/detection_engine/signals/tags"),
            ("POST", "/api/detection_engine/signals/assignees"),
            ("POST", "/api/watchfire/deliveries/_retry"),
            ("POST", "/api/watchfire/deliveries/_drop"),
        ],
        data,
    );
}
