//! What records tell of others: which files are looked into, and what fills what.

use std::sync::Arc;

use serde_json::{Value, json};
use watchfire_events::Place;
use watchfire_sources::decode::read_stream;
use watchfire_sources::normalise::{
    Gatherer, Gathering, Knowledge, KnowledgeSize, NormaliseOptions, RawInput, RawPayload, SourceKind,
    normalise,
};

fn gather(files: &[&str], source: Option<SourceKind>) -> (Knowledge, KnowledgeSize) {
    let gathering = Gathering::default();
    if let Some(mut gatherer) = Gatherer::new(&gathering, source) {
        for (number, file) in files.iter().enumerate() {
            read_stream(file.as_bytes(), &format!("{number}").into(), &mut gatherer);
        }
    }
    gathering.finish()
}

fn process(id: &str, parent: &str, image: &str, line: &str) -> Value {
    json!({
        "event_simpleName": "ProcessRollup2", "event_platform": "Lin", "aid": "a1", "cid": "c", "timestamp": "1773997200000",
        "TargetProcessId": id, "ParentProcessId": parent, "ImageFileName": image, "CommandLine": line,
    })
}

fn lines(records: &[Value]) -> String {
    let mut text = String::new();
    for record in records {
        text += &record.to_string();
        text.push('\n');
    }
    text
}

fn document(record: Value, knowledge: Knowledge) -> Value {
    let place = Place { input: "case".into(), record: 1, line: None, offset: None };
    let raw = RawInput::bare(RawPayload::Json(record), place, &"case".into());
    let options = NormaliseOptions { knowledge: Some(Arc::new(knowledge)), ..NormaliseOptions::default() };
    Value::Object(normalise(raw, &options).expect("an event").event.document)
}

#[test]
fn parents_are_filled_in_from_their_own_records() {
    let parent = process("7", "1", "/usr/bin/bash", "bash -c \"echo hi\"");
    // The last program that a process became counts, and what is said when the sensor starts only if nothing else is.
    let mut earlier = process("7", "1", "/usr/sbin/sshd", "sshd -R");
    earlier["timestamp"] = json!("1773997100000");
    let mut said_again = process("7", "1", "/usr/bin/other", "other");
    said_again["event_simpleName"] = json!("SyntheticProcessRollup2");
    said_again["timestamp"] = json!("1773997300000");
    let mut of_other_host = process("7", "1", "/usr/bin/wrong", "wrong");
    of_other_host["aid"] = json!("a2");
    let orders = [
        vec![&parent, &earlier, &said_again, &of_other_host],
        vec![&of_other_host, &said_again, &earlier, &parent],
    ];
    for records in orders {
        let records: Vec<Value> = records.into_iter().cloned().collect();
        let (knowledge, size) = gather(&[&lines(&records)], None);
        assert_eq!(size, KnowledgeSize { processes: 2, ..KnowledgeSize::default() });
        let child = document(process("8", "7", "/usr/bin/echo", "echo hi"), knowledge);
        assert_eq!(
            child["process"]["parent"],
            json!({
                "entity_id": "7", "executable": "/usr/bin/bash", "command_line": "bash -c \"echo hi\"",
                "args": ["bash", "-c", "echo hi"], "args_count": 3,
            })
        );
    }
}

#[test]
fn files_of_other_sources_are_read_no_further_than_their_beginning() {
    let other: Vec<Value> = (0..64).map(|number| json!({"number": number})).collect();
    let telling = process("7", "1", "/usr/bin/bash", "bash");
    let soon = lines(&[&other[..63], std::slice::from_ref(&telling)].concat());
    assert_eq!(gather(&[&soon], None).1.processes, 1);
    // What is in memory already can still be looked at; what is behind it is not.
    let mut late = lines(&other) + &" ".repeat(1 << 20) + "\n";
    late += &lines(std::slice::from_ref(&telling));
    assert_eq!(gather(&[&late], None).1.processes, 0);
    // Another file begins anew.
    assert_eq!(gather(&[&late, &lines(std::slice::from_ref(&telling))], None).1.processes, 1);
    let xml = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System/></Event>";
    assert_eq!(gather(&[xml, &lines(&[telling])], None).1.processes, 1);
}

#[test]
fn records_that_others_wrap_tell_as_well() {
    let text = process("7", "1", "/usr/bin/bash", "bash").to_string();
    let wrapped =
        [json!({"message": text}), json!({"event": {"original": text}, "agent": {"type": "filebeat"}})];
    for wrapper in wrapped {
        assert_eq!(gather(&[&lines(&[wrapper])], None).1.processes, 1);
    }
}

#[test]
fn a_source_that_the_user_names_decides() {
    let text = lines(&[process("7", "1", "/usr/bin/bash", "bash")]);
    let named = |name: &str| Some(name.parse::<SourceKind>().expect("a source"));
    assert_eq!(gather(&[&text], named("crowdstrike.fdr")).1.processes, 1);
    assert!(gather(&[&text], named("ecs")).0.is_empty());
}

#[test]
fn records_that_cannot_be_used_tell_nothing() {
    let damaged = "{\"event_simpleName\":\"ProcessRollup2\",\"aid\":\"a1\",\"TargetProc\n";
    let odd = lines(&[
        json!({"event_simpleName": "ProcessRollup2", "aid": {"a": 1}, "TargetProcessId": "7", "ImageFileName": "/x"}),
        json!({"event_simpleName": "ProcessRollup2", "aid": "a1", "TargetProcessId": ["7"], "ImageFileName": "/x"}),
        json!({"event_simpleName": "ProcessRollup2", "aid": "a1", "TargetProcessId": "7", "ImageFileName": "-"}),
        json!({"cid": "c", "event_platform": "Win", "UserSid_readable": "S-1-5-18", "UserName": ""}),
        json!({"cid": "c", "event_platform": "Win", "UserSid_readable": "S-1-5-18", "User": "CORP\\"}),
    ]);
    let (knowledge, size) = gather(&[&(odd + damaged)], None);
    assert!(knowledge.is_empty());
    assert_eq!(size, KnowledgeSize::default());
}
