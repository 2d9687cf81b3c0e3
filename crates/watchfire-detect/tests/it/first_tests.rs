//! First tests of rules: for every kind of condition events that fire it, and events that only just do not.

use std::fmt::Write;

use watchfire_detect::{CompileOptions, FirstTests, NoFirstTests, first_tests, run_tests};
use watchfire_diagnostics::Span;
use watchfire_events::FieldType;
use watchfire_ir::Catalogue;
use watchfire_rules::model::Rule;
use watchfire_rules::testing::{Expectation, RuleTest, RuleTests, TestEvent};

fn rule(language: &str, query: &str, more: &str) -> Rule {
    let rule_type = if language == "eql" { "eql" } else { "query" };
    let text = format!(
        "[rule]\nrule_id = \"r\"\nname = \"n\"\ndescription = \"d\"\nrisk_score = 1\nseverity = \"low\"\n\
         type = \"{rule_type}\"\nlanguage = \"{language}\"\nindex = [\"logs-a-*\"]\nquery = '''{query}'''\n{more}"
    );
    watchfire_rules::format::toml::parse(&text).file.expect("a rule").rule
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::ecs();
    catalogue.insert("items", FieldType::Nested);
    catalogue.insert("items.name", FieldType::Keyword);
    catalogue.insert("items.count", FieldType::Long);
    catalogue
}

/// What is made is run again, as a file of tests would be.
fn made(rule: &Rule) -> Result<FirstTests, NoFirstTests> {
    let catalogue = catalogue();
    let first = first_tests(rule, &catalogue)?;
    let test = |expect, events: &[TestEvent]| RuleTest {
        name: "t".to_owned(),
        name_span: Span::default(),
        expect,
        described: Vec::new(),
        now: first.now.map(watchfire_events::Timestamp::to_iso_millis),
        indicators: first.indicators.clone(),
        input: None,
        events: events.to_vec(),
    };
    let tests = RuleTests {
        data_stream: None,
        tests: vec![
            test(Expectation::Match { alerts: Some(first.alerts) }, &first.positive),
            test(Expectation::NoMatch, &first.negative.events),
        ],
    };
    let outcomes =
        run_tests(rule, &tests, &catalogue, &CompileOptions::default()).expect("it fits into memory");
    assert!(outcomes.iter().all(watchfire_detect::TestOutcome::passed), "{outcomes:?}");
    Ok(first)
}

fn events(language: &str, query: &str) -> String {
    match made(&rule(language, query, "")) {
        Ok(first) => {
            let mut out = String::new();
            for event in &first.positive {
                let mut document = event.document.clone();
                document.shift_remove("@timestamp");
                writeln!(out, "{}", serde_json::Value::Object(document)).expect("a text takes all");
            }
            out.trim_end().to_owned()
        }
        Err(why) => panic!("{query}: {why}"),
    }
}

#[test]
fn every_question_about_a_field_is_answered() {
    for (language, query, expected) in [
        ("eql", r#"any where process.name == "a.exe""#, r#"{"process":{"name":"a.exe"}}"#),
        ("eql", r"any where process.pid > 10 and process.pid <= 12", r#"{"process":{"pid":11}}"#),
        ("eql", r"any where process.pid in (7, 8) and process.pid != 7", r#"{"process":{"pid":8}}"#),
        ("eql", r#"any where cidrMatch(source.ip, "10.1.0.0/16")"#, r#"{"source":{"ip":"10.1.0.10"}}"#),
        (
            "eql",
            r#"any where cidrMatch(source.ip, "10.0.0.0/8") and not cidrMatch(source.ip, "10.0.0.0/9")"#,
            r#"{"source":{"ip":"10.255.255.255"}}"#,
        ),
        ("eql", r#"any where file.path : "?:\\Temp\\*.exe""#, r#"{"file":{"path":"C:\\temp\\setup.exe"}}"#),
        (
            "eql",
            r#"any where process.command_line : "*one*" and process.command_line : "*two*""#,
            r#"{"process":{"command_line":"onetwo"}}"#,
        ),
        ("eql", r#"any where process.name regex "net[0-9]{2}\\.exe""#, r#"{"process":{"name":"net00.exe"}}"#),
        ("eql", r"any where user.name != null", r#"{"user":{"name":"alice"}}"#),
        ("eql", r#"any where user.name == null and user.id : "1*""#, r#"{"user":{"id":"1"}}"#),
        (
            "eql",
            r#"any where process.args : "a*" and process.args : "b*" and process.args != "b""#,
            r#"{"process":{"args":["a","bx"]}}"#,
        ),
        ("kuery", "process.name: (a or b) and not process.name: a", r#"{"process":{"name":"b"}}"#),
        ("kuery", r#"message: "one two" and message: three"#, r#"{"message":"one two three"}"#),
        ("kuery", "source.port >= 1024 and source.port < 1026", r#"{"source":{"port":1024}}"#),
        ("kuery", "items: { name: a and count > 3 }", r#"{"items":{"count":4,"name":"a"}}"#),
        ("kuery", "process.pid: * and not process.pid: 4242", r#"{"process":{"pid":4243}}"#),
        ("kuery", "own.field: x and other.field < 5", r#"{"other":{"field":4},"own":{"field":"x"}}"#),
    ] {
        assert_eq!(events(language, query), expected, "{query}");
    }
}

#[test]
fn exclusions_are_kept_clear_of() {
    let query = r#"process where process.executable : "C:\\Users\\*.exe" and
        not (process.executable : "C:\\Users\\alice\\*" and process.parent.name : "a") and
        not process.executable : ("C:\\Users\\setup.exe", "C:\\Users\\.exe") and
        (process.name : "a" or (process.name : "b" and process.name : "c")) and
        not (process.name : "a" and not user.name : "bob")"#;
    let events = events("eql", query);
    assert!(events.contains(r#""user":{"name":"bob"}"#), "{events}");
}

#[test]
fn what_is_computed_is_turned_round() {
    for query in [
        r"any where length(process.command_line) > 200",
        r"any where length(file.extension) == 0",
        r"any where process.pid + 3 == 10",
        r"any where process.pid * 2 > 100",
        r"any where process.pid % 7 == 3",
        r#"any where startsWith~(host.name, substring(user.name, 0, -1)) and user.name : "*$""#,
        r#"any where concat(user.domain, "\\", user.name) == "A\\b""#,
        r#"any where between(process.command_line, "<", ">") == "x""#,
        r"any where number(process.args) == 16",
        r#"any where indexOf(process.command_line, "x") == 3"#,
        r#"any where startsWith(process.executable, process.command_line) and process.executable : "*.exe""#,
        r"any where endsWith~(user.email, user.domain) and user.domain != null",
        r#"any where stringContains(event.original, "needle") and not startsWith(event.original, "n")"#,
        r#"any where string(source.port) == "443""#,
        r#"any where stringContains(process.name, process.parent.name) and process.name : "x*""#,
        r"any where not endsWith(string(source.ip), string(host.ip)) and source.ip != null and host.ip != null",
        r#"any where startsWith~(
              substring(dll.path, 0, length(dll.path) - (length(dll.name) + 1)),
              substring(process.executable, 0, length(process.executable) - (length(process.name) + 1))) and
            dll.name : "*.dll" and process.name : "a.exe""#,
    ] {
        events("eql", query);
    }
}

#[test]
fn stages_share_keys_and_keep_within_their_time() {
    let events = events(
        "eql",
        r#"sequence by host.id, user.name with maxspan=1s
             [process where process.name : "a"] by process.entity_id with runs=3
             ![file where file.name : "x"] by process.entity_id
             [network where destination.port == 443] by process.parent.entity_id
           until [process where event.type == "end"] by process.entity_id"#,
    );
    let all: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(all.len(), 4);
    assert_eq!(all[0]["process"]["entity_id"], all[3]["process"]["parent"]["entity_id"]);
    assert_eq!(all[0]["user"], all[3]["user"]);
}

#[test]
fn samples_filters_and_pipes_are_solved() {
    events("eql", r#"sample by host.id [any where process.name == "a"] [any where process.name == "b"]"#);
    events("eql", r#"any where process.name == "a" | head 1"#);
    let filter = r#"
[[rule.filters]]
[rule.filters.meta]
negate = false
[rule.filters.query.match_phrase]
"event.code" = "4624"
"#;
    let first = made(&rule("kuery", "user.name: alice", filter)).expect("events");
    let document = serde_json::Value::Object(first.positive[0].document.clone());
    assert_eq!(document["event"]["code"], "4624", "{document}");
}

#[test]
fn an_indicator_is_made_for_an_indicator_match_rule() {
    let text = r#"[rule]
rule_id = "r"
name = "n"
description = "d"
risk_score = 1
severity = "low"
type = "threat_match"
language = "kuery"
index = ["logs-a-*"]
query = "event.category: network"
threat_index = ["logs-ti_*"]
threat_query = '@timestamp >= "now-30d" and threat.indicator.type: ipv4-addr'
[[rule.threat_mapping]]
[[rule.threat_mapping.entries]]
field = "destination.ip"
type = "mapping"
value = "threat.indicator.ip"
"#;
    let rule = watchfire_rules::format::toml::parse(text).file.expect("a rule").rule;
    let first = made(&rule).expect("events");
    let ip = |event: &TestEvent, name| watchfire_events::get_field(&event.document, name).cloned();
    assert_eq!(first.indicators.len(), 1);
    assert_eq!(ip(&first.positive[0], "destination.ip"), ip(&first.indicators[0], "threat.indicator.ip"));
    assert!(ip(&first.positive[0], "destination.ip").is_some());
}

#[test]
fn now_is_given_where_a_rule_asks_for_it() {
    let first = made(&rule("kuery", "event.created > now-1h and event.created < now", "")).expect("events");
    assert!(first.now.is_some());
    assert_eq!(made(&rule("kuery", "user.name: a", "")).expect("events").now, None);
}

#[test]
fn what_cannot_be_says_why() {
    for (query, why) in [
        (
            r#"any where process.name == "a" and process.name == "b""#,
            "no value of `process.name` satisfies all that is asked of it",
        ),
        ("any where false", "its condition holds for no event"),
        (
            "any where length(process.name) > 5 and process.name : (\"a\", \"b\")",
            "no values were found for computed (length(process.name:keyword) > 5)",
        ),
        ("any where (", "the rule is wrong: "),
        ("any where true", "no change of one value keeps the rule from firing"),
    ] {
        let found = made(&rule("eql", query, "")).expect_err(query).to_string();
        assert!(found.starts_with(why), "{query}: {found}");
    }
}

#[test]
fn the_near_miss_changes_one_value() {
    let first =
        made(&rule("eql", r#"process where process.args : "-enc" and host.os.type == "windows""#, ""))
            .expect("events");
    let near = &first.negative;
    assert_eq!((&*near.field, &near.before), ("process.args", &serde_json::json!("-enc")));
    let mut back = near.events.clone();
    watchfire_events::set_field(&mut back[near.event].document, &near.field, near.before.clone());
    assert_eq!(back, first.positive);
}
