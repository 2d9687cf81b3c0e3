//! Whatever the bytes: no panic, the same outcome each time, and the same whichever way they are read.

use proptest::prelude::*;
use watchfire_sources::decode::DecodeLimits;

use super::evtx_builder::evtx;
use super::outcome::{of_file, of_stream};
use super::recipe::{Recipe, gzip, zstd};

/// The first bytes of a zstd stream.
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Small limits, so that small inputs reach them.
fn limits() -> DecodeLimits {
    DecodeLimits {
        record_bytes: 200,
        record_values: 20,
        json_depth: 5,
        xml_depth: 4,
        ..DecodeLimits::default()
    }
}

/// One input of each format, small enough to be changed anywhere.
fn valid_inputs() -> Vec<Vec<u8>> {
    let recipe = |steps: &str| Recipe::parse(&format!("about = ''\nsteps = [{steps}]")).bytes();
    let lines = r#"{ repeat = { text = "{\"n\":{n},\"s\":\"a\\\"b\"}\n", times = 4 } }"#;
    let xml = r#"{ repeat = { text = "<Event xmlns='x'><System><EventID>{n}</EventID></System></Event>\n", times = 3 } }"#;
    vec![
        recipe(lines),
        recipe(r#"{ text = "[\n  {\"a\": [1, {\"b\": \"c\"}]},\n  {\"d\": null}, 7\n]\n" }"#),
        recipe(
            r#"{ text = "{\"took\":1,\"responses\":[{\"hits\":{\"hits\":[{\"_index\":\"i\",\"_id\":\"1\",\"_source\":{\"a\":1}}]}}]}" }"#,
        ),
        recipe(
            r#"{ text = "{\"index\":{\"_index\":\"i\"}}\n{\"a\":1}\n{\"delete\":{\"_id\":\"2\"}}\n{\"update\":{}}\n{\"doc\":{}}\n" }"#,
        ),
        recipe(xml),
        recipe(&format!("{xml}, {{ utf16le = {{ bom = true }} }}")),
        recipe(&format!("{lines}, {{ gzip = {{}} }}")),
        recipe(&format!("{lines}, {{ zstd = {{}} }}")),
        recipe(&format!("{lines}, {{ tar = {{ name = 'a.json' }} }}")),
        recipe(&format!(
            "{lines}, {{ zip = {{ name = 'a.json', more = [{{ name = 'b', text = '{{}}' }}] }} }}"
        )),
        recipe(&format!("{lines}, {{ zip_stream = {{ name = 'a.json' }} }}, {{ cut = 60 }}")),
        evtx(1, 3),
        recipe(
            r#"{ repeat = { text = "type=SYSCALL msg=audit({n}.1:7): pid=1\n\u0000type=CWD msg=audit({n}.1:7): cwd=x\n", times = 4 } }"#,
        ),
        recipe(
            r#"{ repeat = { text = "Oct  1 09:10:0{n} h app: x\r\n and more\n<30>1 - h a - - - y\n", times = 3 } }"#,
        ),
        recipe(
            r##"{ text = "#separator \\x09\n#path\tp\n#fields\ta\tb\n#types\tcount\tset[int]\n1\t2,3\n-\t(empty)\n" }"##,
        ),
    ]
}

/// How an input is changed: bytes overwritten, left out, or put twice.
#[derive(Clone, Debug)]
enum Change {
    Overwrite(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\n<>/\\\0"[..])])
            .prop_map(|(at, byte)| Change::Overwrite(at, byte)),
        2 => (at(), 1_usize..20).prop_map(|(at, length)| Change::Remove(at, length)),
        2 => (at(), 1_usize..40).prop_map(|(at, length)| Change::Double(at, length)),
        1 => at().prop_map(Change::Truncate),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let span = |at: &prop::sample::Index, length: usize| {
            let at = at.index(bytes.len());
            at..(at + length).min(bytes.len())
        };
        match change {
            Change::Overwrite(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Change::Remove(at, length) => {
                let span = span(at, *length);
                bytes.drain(span);
            }
            Change::Double(at, length) => {
                let span = span(at, *length);
                let piece = bytes[span.clone()].to_vec();
                bytes.splice(span.start..span.start, piece);
            }
            Change::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

fn every_way_agrees(bytes: &[u8], piece: usize) {
    let limits = limits();
    let outcome = of_file(&limits, "input", bytes);
    assert!(!outcome.reports.is_empty(), "a file without a report");
    assert_eq!(outcome.all(), of_file(&limits, "input", bytes).all(), "a second time");
    assert_eq!(outcome.all(), of_stream(&limits, "input", bytes, piece).all(), "as a stream");
    if !bytes.is_empty() {
        // One layer more may be one too many.
        let wider = DecodeLimits { archive_depth: limits.archive_depth + 1, ..limits.clone() };
        assert_eq!(outcome.all(), of_file(&wider, "input", &gzip(bytes)).all(), "as gzip");
        // Inside of another zstd stream, one that asks for a large window is refused.
        if !bytes.starts_with(ZSTD_MAGIC) {
            assert_eq!(outcome.all(), of_stream(&wider, "input", &zstd(bytes, None), piece).all(), "as zstd");
        }
    }
}

/// `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(300), failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_bytes_are_read_alike_every_way(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50) {
        every_way_agrees(&bytes, piece);
    }

    #[test]
    fn arbitrary_brackets_are_read_alike_every_way(
        text in "([{}\\[\\],:\"\\\\\n ]|\\{\"a\":1\\}\n|<Event>|</Event>|\"hits\":|\"_source\":|\"items\":|\"kind\":\"EventList\"|\\{\"index\":\\{\\}\\}){0,40}",
        first in prop::sample::select(vec!["{", "[{", "<", "{\"hits\":{\"hits\":[", "{\"kind\":\"EventList\",\"items\":["]),
        piece in 1_usize..50,
    ) {
        every_way_agrees(format!("{first}{text}").as_bytes(), piece);
    }

    #[test]
    fn arbitrary_lines_are_read_alike_every_way(
        text in "(type=(CWD|EOE|PROCTITLE) msg=audit\\([0-9]\\.[01]:[12]\\):|----|node=x | z|\t|Oct  1 09:10:01 h |#(path|fields|types)\ta|-|x|\r|\0|\n|\n){0,60}",
        first in prop::sample::select(vec!["type=A msg=audit(1.2:3):\n", "Oct  1 09:10:01 h x\n", "#fields\ta\n", "<3>1 - h"]),
        piece in 1_usize..50,
    ) {
        every_way_agrees(format!("{first}{text}").as_bytes(), piece);
    }

    #[test]
    fn changed_inputs_are_read_alike_every_way(
        input in prop::sample::select(valid_inputs()),
        changes in prop::collection::vec(change(), 1..6),
        piece in 1_usize..200,
    ) {
        every_way_agrees(&changed(input, &changes), piece);
    }
}

#[test]
fn lines_are_read_alike_as_lines_and_as_an_array() {
    // The scanner and the way around it must see the same documents.
    let documents = [
        r#"{"a":1}"#,
        r#"{"b":{"c":[1,2,{}]}}"#,
        r#"{"d":"\u00e9\\\"{["}"#,
        r#"{"_id":"x","_source":{"e":1}}"#,
    ];
    let lines = of_file(&DecodeLimits::default(), "input", documents.join("\n").as_bytes());
    let array = of_file(&DecodeLimits::default(), "input", format!("[{}]", documents.join(", ")).as_bytes());
    let content = |line: &String| line.split_once(" {").map(|(_, content)| content.to_owned());
    let contents = |lines: &[String]| lines.iter().map(content).collect::<Vec<_>>();
    assert_eq!(lines.records.len(), documents.len());
    assert_eq!(contents(&lines.records), contents(&array.records));
}
