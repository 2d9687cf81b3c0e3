//! A query over events on the way that scans take: its first conditions asked by the matcher, the rest run over what it reads.

use serde_json::{Value as Json, json};
use watchfire_engine::{RuleSetBuilder, VALUE_CACHE_BYTES};
use watchfire_esql_events::{DataColumns, EsqlProgram};
use watchfire_events::{BatchBuilder, DataStream, Event, EventId, Place, Timestamp};
use watchfire_ir::Mapping;

/// What `NOW()` gives.
const NOW: &str = "2026-03-02T12:00:00Z";

/// An event of a document.
pub(crate) fn event(number: usize, document: &Json) -> Event {
    Event {
        id: EventId::given(number.to_string()),
        data_stream: DataStream::logs("case", "default"),
        document: document.as_object().expect("a document").clone(),
        place: Place { input: "case".into(), record: number as u64, line: None, offset: None },
    }
}

/// The rows, each an object of the columns that have a value.
pub(crate) fn rows(text: &str, mapping: &Mapping, documents: &[Json]) -> Vec<Json> {
    let parsed = watchfire_esql::parse(text);
    let query = parsed.query.filter(|_| parsed.diagnostics.is_empty());
    let query = query.unwrap_or_else(|| panic!("{text}: {:?}", parsed.diagnostics));
    let (program, diagnostics) = EsqlProgram::new(&query, &DataColumns::of_schema(mapping), mapping, None);
    let program = program.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"));
    let mut builder = RuleSetBuilder::new();
    builder.add(program.patterns().clone(), program.condition().clone());
    let set = builder.build();
    let mut batch = BatchBuilder::new(mapping);
    documents.iter().enumerate().for_each(|(number, document)| batch.push(event(number, document)));
    let batch = batch.finish();
    let matches = set.matcher(VALUE_CACHE_BYTES).match_batch(&batch, mapping);
    let mut run = program.begin(Timestamp::parse(NOW).expect("an instant"));
    for hit in &matches.hits {
        if !run.push(&program.needed(batch.event(hit.row as usize))) {
            break;
        }
    }
    let columns = &program.plan().output;
    let row = |row: Vec<watchfire_pipeline::Cell>| {
        let cells = columns.iter().zip(row).filter(|(_, cell)| !cell.is_null());
        Json::Object(cells.map(|(column, cell)| (column.name.to_string(), cell.to_json())).collect())
    };
    run.finish().rows.into_iter().map(row).collect()
}

fn mapping(properties: &Json) -> Mapping {
    Mapping::parse(&json!({ "properties": properties }).to_string()).expect("a mapping")
}

/// Points are objects in documents: what a query asks of them cannot be asked of single values.
#[test]
fn points_are_asked_for() {
    let mapping =
        mapping(&json!({ "source.geo.location": { "type": "geo_point" }, "n": { "type": "long" } }));
    let documents = [
        json!({ "source": { "geo": { "location": { "lat": 52.5, "lon": 13.4 } } }, "n": 1 }),
        json!({ "n": 2 }),
    ];
    let text = "FROM logs-* | WHERE source.geo.location IS NOT NULL | KEEP n";
    assert_eq!(rows(text, &mapping, &documents), [json!({ "n": 1 })]);
}

/// Public hard cases: the absent flag, the indicator with several values, the index that lacks a field.
#[test]
fn what_surprises_is_as_in_elasticsearch() {
    let mapping =
        mapping(&json!({ "flag": { "type": "boolean" }, "ip": { "type": "ip" }, "n": { "type": "long" } }));
    let documents = [
        json!({ "n": 1 }),
        json!({ "n": 2, "flag": false }),
        json!({ "n": 3, "ip": ["203.0.113.7", "10.0.0.1"] }),
        json!({ "n": 4, "ip": "10.0.0.1" }),
    ];
    let of = |condition: &str| {
        let rows = rows(&format!("FROM logs-* | WHERE {condition} | KEEP n"), &mapping, &documents);
        rows.iter().map(|row| row["n"].as_i64().expect("a number")).collect::<Vec<i64>>()
    };
    assert_eq!(of("flag != true"), [2]);
    assert_eq!(of("flag IS NULL OR flag != true"), [1, 2, 3, 4]);
    assert_eq!(of("ip IN (\"203.0.113.7\", \"10.0.0.1\")"), [4]);
    assert_eq!(of("MV_CONTAINS(ip, \"203.0.113.7\"::ip)"), [3]);
    assert_eq!(of("NOT ip IN (\"203.0.113.7\")"), [4]);
}
