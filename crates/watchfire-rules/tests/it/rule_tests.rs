//! Reading the tests of rules: cases, and the tests of our own rules.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use watchfire_rules::model::FreeForm;
use watchfire_rules::testing::{MAX_TEST_EVENTS, load_tests, tests_path};

use crate::cases::{assert_snapshot, cases, told};

#[test]
fn each_case_is_read_or_says_why_not() {
    for case in cases("rule_tests") {
        let text = case.text();
        let (tests, found) = load_tests(&text);
        let mut out = String::new();
        for test in tests.iter().flat_map(|tests| &tests.tests) {
            let line = text[..test.name_span.start as usize].matches('\n').count() + 1;
            writeln!(out, "{:?}, named in line {line}: {:?}", test.name, test.expect).unwrap();
            if let Some(now) = &test.now {
                writeln!(out, "  now {now}").unwrap();
            }
            if let Some(input) = &test.input {
                let (source, stream) = (&input.source, &input.data_stream);
                writeln!(out, "  {:?}, raw {}, source {source:?}, {stream:?}", input.from, input.raw)
                    .unwrap();
            }
            for described in &test.described {
                writeln!(out, "  alert {:?} {:?}", described.events, described.fields).unwrap();
            }
            for event in test.indicators.iter().chain(&test.events) {
                // With its keys sorted: other crates of a build may ask `serde_json` to keep their order.
                let document = FreeForm(event.document.clone().into()).to_text();
                writeln!(out, "  {} {document}", event.data_stream).unwrap();
            }
        }
        match case.code() {
            "read" => assert!(tests.is_some(), "{} gives {found:?}", case.name),
            code => {
                assert!(tests.is_none(), "{} can be read", case.name);
                assert!(found.iter().any(|one| one.code.as_str() == code), "{} gives {found:?}", case.name);
            }
        }
        out += &told(&found, "rule.tests.toml", &text);
        assert_snapshot("rule_tests", &case.name, &out);
    }
}

#[test]
fn our_own_rules_have_tests_of_both_kinds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/windows");
    let mut rules = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with(".tests.toml") {
            continue;
        }
        rules += 1;
        let text = fs::read_to_string(tests_path(&path)).unwrap();
        let (tests, found) = load_tests(&text);
        assert_eq!(found, [], "{}", path.display());
        let tests = tests.unwrap().tests;
        let negative =
            tests.iter().filter(|test| test.expect == watchfire_rules::testing::Expectation::NoMatch);
        let negative = negative.count();
        assert!(negative >= 2 && tests.len() - negative >= 2, "{}", path.display());
        assert!(
            tests.iter().flat_map(|test| &test.events).all(|event| event.document.contains_key("@timestamp"))
        );
    }
    assert!(rules >= 12);
}

#[test]
fn the_number_of_events_is_capped() {
    let with = |count| {
        let events = "{}\n".repeat(count);
        let text = format!(
            "data_stream = 'logs-a-b'\n[[test]]\nname = 'many'\nexpect = 'no_match'\nevents = '''\n{events}'''\n"
        );
        load_tests(&text)
    };
    let (tests, found) = with(MAX_TEST_EVENTS);
    assert_eq!(found, []);
    let last = tests.unwrap().tests[0].events.last().unwrap().document["@timestamp"].clone();
    assert_eq!(last, "2026-01-01T02:46:39.000Z");
    let (tests, found) = with(MAX_TEST_EVENTS + 1);
    assert!(tests.is_none());
    assert_eq!(found.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["RUL013"]);
}
